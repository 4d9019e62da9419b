"""Imports that a file must keep although it no longer uses them: other files read them as attributes of the module, or import them from it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping

from asyncify.index.values import External, ModuleRef
from asyncify.rules.facts import Facts
from asyncify.rules.requests_names import FUNCTIONS

_MOVING = FUNCTIONS | {"requests.Session", "requests.session"}


def read_elsewhere(facts: Facts) -> frozenset[tuple[str, str]]:
    """Path and local name of each import of which another file reads the name (`feed.time.sleep`, in a test say).

    A call of a verb or of the class of sessions is left out: it moves along.
    """
    files = facts.project.files
    paths = {file.source.module: path for path, file in files.items()}
    imported: dict[str, set[str]] = defaultdict(set)  # local name -> files that import it
    for path in files:
        for node in facts.nodes(path, ast.Import):
            for alias in node.names:
                imported[alias.asname or alias.name.partition(".")[0]].add(path)
        for source in facts.nodes(path, ast.ImportFrom):
            for alias in source.names:
                imported[alias.asname or alias.name].add(path)
    found = set()
    for path in files:
        for read in facts.nodes(path, ast.Attribute):
            if read.attr in imported and isinstance(read.value, (ast.Name, ast.Attribute)):
                for value in facts.values(path, read.value):
                    owner = paths.get(value.name, path) if isinstance(value, ModuleRef) else path
                    if owner != path and owner in imported[read.attr] and not _moves(facts, path, read):
                        found.add((owner, read.attr))
    for path in files:
        for statement in facts.nodes(path, ast.ImportFrom):
            owner = paths.get(_module(facts, path, statement), path)
            if owner != path:
                found |= {(owner, name) for name in _taken(facts, path, statement, imported) if owner in imported[name]}
    return frozenset(found)


def _module(facts: Facts, path: str, statement: ast.ImportFrom) -> str:
    """The full name of the module that a statement imports from."""
    own = facts.file(path).source.module.split(".")
    if statement.level:
        above = statement.level - path.endswith("__init__.py")
        return ".".join([*own[: len(own) - above], *((statement.module or "").split(".") if statement.module else [])])
    return statement.module or ""


def _taken(facts: Facts, path: str, statement: ast.ImportFrom, imported: Mapping[str, set[str]]) -> Iterator[str]:
    """The names that the file has from there and goes on to need, out of those that some file imports."""
    if statement.names[0].name != "*":
        yield from (alias.name for alias in statement.names if alias.name in imported)
        return
    for node in facts.nodes(path, ast.Name):
        own = path in imported.get(node.id, ())
        if isinstance(node.ctx, ast.Load) and node.id in imported and not own and not _is_moved(facts, path, node):
            yield node.id


def _is_moved(facts: Facts, path: str, node: ast.Name) -> bool:
    """Whether the name is that of requests, read to call a verb of it or to make a session."""
    parent = facts.parent(path, node)
    return isinstance(parent, ast.Attribute) and _calls_moving(facts, path, parent)


def _moves(facts: Facts, path: str, read: ast.Attribute) -> bool:
    """Whether the name is read to call a verb of requests or to make a session."""
    named: ast.expr = read
    parent = facts.parent(path, read)
    if isinstance(parent, ast.Attribute) and facts.values(path, read) == {External("requests")}:
        named = parent
    return _calls_moving(facts, path, named)


def _calls_moving(facts: Facts, path: str, named: ast.expr) -> bool:
    values = facts.values(path, named)
    parent = facts.parent(path, named)
    called = isinstance(parent, ast.Call) and parent.func is named
    return called and bool(values) and all(isinstance(v, External) and v.name in _MOVING for v in values)
