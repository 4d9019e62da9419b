"""Imports that a file must keep although it no longer uses them: other files read them as attributes of the module."""

from __future__ import annotations

import ast
from collections import defaultdict

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
    return frozenset(found)


def _moves(facts: Facts, path: str, read: ast.Attribute) -> bool:
    """Whether the name is read to call a verb of requests or to make a session."""
    named: ast.expr = read
    parent = facts.parent(path, read)
    if isinstance(parent, ast.Attribute) and facts.values(path, read) == {External("requests")}:
        named, parent = parent, facts.parent(path, parent)
    values = facts.values(path, named)
    called = isinstance(parent, ast.Call) and parent.func is named
    return called and bool(values) and all(isinstance(v, External) and v.name in _MOVING for v in values)
