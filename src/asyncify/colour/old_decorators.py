"""Decorators of tests that await coroutine functions in later versions only, where the project holds an earlier one.

An earlier one calls the test, undoes what it has set up and hands out a coroutine that has not run: a test that was
never awaited passes.
"""

from __future__ import annotations

import ast
from typing import Final

from asyncify.index.values import External, Value
from asyncify.rules.facts import Facts

FIRST_THAT_AWAITS: Final = {"responses": (0, 19), "mock": (4,)}
_DECORATORS: Final = {"responses": "responses.activate", "mock": "unittest.mock.patch"}


def too_old(facts: Facts, path: str, decorator: ast.expr) -> str:
    """Why this decorator does not await, or ``""``."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    values: frozenset[Value] = facts.values(path, called)
    for library in sorted(facts.old_libraries):
        known = bool(values) and all(
            isinstance(v, External) and v.name.startswith(_DECORATORS[library]) for v in values
        )
        if known and (library != "mock" or _from_mock(facts, path, called)):
            first = ".".join(map(str, FIRST_THAT_AWAITS[library]))
            text = facts.text(path, called)
            return f"The decorator {text} awaits since {library} {first}, and this project holds an earlier version."
    return ""


def _from_mock(facts: Facts, path: str, called: ast.expr) -> bool:
    """Whether that name is the library's, or that of whichever is there and the library is asked first."""
    root = called
    while isinstance(root, ast.Attribute):
        root = root.value
    imports: list[ast.Import | ast.ImportFrom] = [*facts.nodes(path, ast.Import), *facts.nodes(path, ast.ImportFrom)]
    for statement in sorted(imports, key=lambda node: node.lineno):
        for alias in statement.names:
            bound = alias.asname or alias.name.partition(".")[0]
            if isinstance(root, ast.Name) and bound == root.id:
                home = statement.module or "" if isinstance(statement, ast.ImportFrom) else alias.name
                return home.partition(".")[0] == "mock"
    return False
