"""Functions that are called from outside by a convention: nothing in the project calls or registers them. Part of the rule handlers.

A service finds them by their name, their place or their parameters, and calls them without await.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from asyncify.index.project import FunctionInfo, Kind
from asyncify.rules.facts import Facts
from asyncify.rules.once import once

_EVENT = re.compile(r"_?_?(event|events)")
_CONTEXT = re.compile(r"_|_?_?(context|ctx|lambda_context)")
_GUNICORN = frozenset(
    "on_starting on_reload when_ready pre_fork post_fork post_worker_init worker_int worker_abort pre_exec pre_request "
    "post_request child_exit worker_exit nworkers_changed on_exit ssl_context".split()
)
_HOME_ASSISTANT = frozenset(
    "setup setup_platform setup_entry setup_scanner unload_entry get_scanner get_service get_engine".split()
)
_BEHAVE = re.compile(r"(before|after)_(all|feature|rule|scenario|step|tag)")
_MKDOCS = re.compile(
    r"on_(config|files|nav|env|startup|shutdown|serve|(pre|post)_(build|page|template)|page_\w+|template_context|build_error)"
)
_SALT = frozenset({"__virtual__"})
_ROBOT = frozenset({"ROBOT_LIBRARY_SCOPE", "ROBOT_LIBRARY_VERSION", "ROBOT_AUTO_KEYWORDS"})
_PROGRAM = frozenset({"__main__"})
_DJANGO = frozenset({"django"})


@dataclass(frozen=True, slots=True)
class _Function:
    info: FunctionInfo
    name: str
    parameters: tuple[str, ...]
    file: str  # the name of its file
    called: bool  # by something in the project that is no test


_Convention = tuple[str, Callable[[Facts, _Function], bool]]


def _is_lambda(facts: Facts, f: _Function) -> bool:
    if len(f.parameters) != 2 or not _EVENT.fullmatch(f.parameters[0]) or not _CONTEXT.fullmatch(f.parameters[1]):
        return False
    return not f.called or f.name in ("handler", "lambda_handler")


def _is_hook(names: Callable[[str], object], parameter: str) -> Callable[[Facts, _Function], bool]:
    return lambda facts, f: bool(names(f.name)) and f.parameters[:1] == (parameter,) and not f.called


def _is_migration(facts: Facts, f: _Function) -> bool:
    return f.name in ("upgrade", "downgrade") and facts.spells(f.info.path, frozenset({"down_revision"}))


def _is_cloud_function(facts: Facts, f: _Function) -> bool:
    alone = f.file == "main.py" and f.parameters == ("request",) and not f.called
    if (
        not alone
        or facts.spells(f.info.path, _PROGRAM)
        or any(use.function == f.info.name for use in facts.project.uses)
    ):
        return False
    return not any(facts.spells(path, _DJANGO) for path in facts.project.files)


_CONVENTIONS: tuple[_Convention, ...] = (
    ("AWS Lambda", _is_lambda),
    ("a WSGI server", lambda facts, f: f.parameters[-2:] == ("environ", "start_response")),
    ("gunicorn", lambda facts, f: f.name in _GUNICORN and f.parameters[:1] in (("server",), ("worker",)) and not f.called),
    ("Sphinx", lambda facts, f: f.name == "setup" and f.parameters == ("app",) and not f.called),
    ("Alembic", _is_migration),
    ("Home Assistant", _is_hook(_HOME_ASSISTANT.__contains__, "hass")),
    ("behave", _is_hook(_BEHAVE.fullmatch, "context")),
    ("MkDocs", lambda facts, f: bool(_MKDOCS.fullmatch(f.name)) and "config" in f.parameters and not f.called),
    ("IPython", lambda facts, f: f.name in ("load_ipython_extension", "unload_ipython_extension")),
    ("doit", lambda facts, f: f.file == "dodo.py" and f.name.startswith("task_")),
    ("a cloud function's framework", _is_cloud_function),
    ("OpenFaaS", lambda facts, f: f.file == "handler.py" and f.name == "handle" and f.parameters == ("req",)),
    ("Salt", lambda facts, f: facts.spells(f.info.path, _SALT) and not f.name.startswith("_")),
    ("Robot Framework", lambda facts, f: facts.spells(f.info.path, _ROBOT) and not f.name.startswith("_")),
)  # fmt: skip


@once
def conventional(facts: Facts) -> tuple[tuple[str, str], ...]:
    """The functions that are called so, by name, each with who calls it."""
    return tuple(_found(facts))


def _found(facts: Facts) -> Iterator[tuple[str, str]]:
    for name, info in facts.project.functions.items():
        if info.kind is not Kind.FUNCTION or info.parent is not None or info.is_async or info.in_test:
            continue
        last = name.rpartition(".")[2].partition("#")[0]
        node = facts.node(info.span, ast.FunctionDef)
        if node is None:
            continue
        if info.cls is not None:
            if last == "__call__" and info.parameters[1:] == ("environ", "start_response"):
                yield name, "a WSGI server"
            elif facts.spells(info.path, _ROBOT) and not last.startswith("_"):
                yield name, "Robot Framework"
            continue
        called = any(not facts.in_test(call.span.path) for call in facts.project.callers(name))
        function = _Function(info, last, info.parameters, info.path.rpartition("/")[2], called)
        who = next((who for who, holds in _CONVENTIONS if holds(facts, function)), None)
        if who is not None:
            yield name, who
