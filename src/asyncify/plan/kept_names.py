"""Imports that a file must keep although it no longer uses them: other files read them as attributes of the module."""

from __future__ import annotations

import ast
from collections import defaultdict

from asyncify.index.values import ModuleRef
from asyncify.rules.facts import Facts


def read_elsewhere(facts: Facts) -> frozenset[tuple[str, str]]:
    """Path and local name of each import of which another file reads the name (`feed.time.sleep`, in a test say).

    Those of requests are left out: what reads them moves along.
    """
    files = facts.project.files
    paths = {file.source.module: path for path, file in files.items()}
    imported: dict[str, set[str]] = defaultdict(set)  # local name -> files that import it
    for path in files:
        for node in facts.nodes(path, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] != "requests":
                    imported[alias.asname or alias.name.partition(".")[0]].add(path)
        for source in facts.nodes(path, ast.ImportFrom):
            if (source.module or "").partition(".")[0] != "requests":
                for alias in source.names:
                    imported[alias.asname or alias.name].add(path)
    found = set()
    for path in files:
        for read in facts.nodes(path, ast.Attribute):
            if read.attr in imported and isinstance(read.value, (ast.Name, ast.Attribute)):
                for value in facts.values(path, read.value):
                    owner = paths.get(value.name, path) if isinstance(value, ModuleRef) else path
                    if owner != path and owner in imported[read.attr]:
                        found.add((owner, read.attr))
    return frozenset(found)
