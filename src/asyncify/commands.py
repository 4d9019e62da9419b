"""Commands of click and typer: functions that a command line starts, as it starts a console script."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.project import FunctionInfo, Kind, Project
from asyncify.index.values import External, Function, Instance

_LIBRARIES = ("click.", "rich_click.", "typer.")
_MAKERS = frozenset(f"{library}{name}" for library in _LIBRARIES for name in ("command", "group"))
_REGISTERING = frozenset({"command", "group", "callback", "result_callback"})
_APPLICATIONS = frozenset({"typer.Typer", "click.Group", "rich_click.Group"})
RUNNERS = frozenset({"typer.run"})
"""What makes a command of the function it is given, and runs it."""


def commands(project: Project) -> Iterator[tuple[FunctionInfo, str]]:
    """The functions of the project that are commands, each with the text of what makes it one."""
    found: dict[str, str] = {}
    candidates = [info for info in project.functions.values() if info.decorators and info.kind is Kind.FUNCTION]
    grown = True
    while grown:  # a command may be registered at a group that is one itself
        grown = False
        for info in candidates:
            text = _maker(project, info, found) if info.name not in found else None
            if text is not None:
                found[info.name] = text
                grown = True
    for call in project.calls:
        node = project.node(call.span, ast.Call) if call.externals & RUNNERS else None
        for argument in node.args[:1] if node is not None else ():
            for value in project.values_of(call.span.path, argument):
                if isinstance(value, Function) and project.functions[value.name].kind is Kind.FUNCTION:
                    found.setdefault(value.name, "typer.run")
    for name, text in found.items():
        yield project.functions[name], text


def _maker(project: Project, info: FunctionInfo, commands: dict[str, str]) -> str | None:
    for span in info.decorators:
        decorator = project.node(span, ast.expr)
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if target is None:
            continue
        for value in project.values_of(info.path, target):
            if isinstance(value, External) and value.name in _MAKERS:
                return f"@{value.name}"
        if isinstance(target, ast.Attribute) and target.attr in _REGISTERING:
            for value in project.values_of(info.path, target.value):
                group = isinstance(value, Function) and value.name in commands
                if group or (isinstance(value, Instance) and value.type in _APPLICATIONS):
                    return f"@{ast.unparse(target)}"
    return None
