"""Which libraries a project holds at versions before a certain one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from asyncify.packaging.edits import Workspace
from asyncify.packaging.requirement import parse

_CLAUSE = re.compile(r"(?P<operator>===?|~=|<=?)\s*(?P<version>\d+(?:\.\d+)*)(?P<wild>\.\*)?")


def held_before(files: Mapping[str, bytes], first: Mapping[str, tuple[int, ...]]) -> frozenset[str]:
    """The (normalised) names in `first` of which a requirement in these files admits only versions before that one.

    Requirements under a marker are for some other Python or system, and say nothing.
    """
    if not any(name.encode() in content for name in first for content in files.values()):
        return frozenset()
    workspace = Workspace(files, None)
    found = set()
    for path in workspace.paths:
        for listing in workspace.listings(path):
            for entry in listing.entries:
                requirement = parse(entry.text)
                if entry.name not in first or requirement is None or requirement.marker or entry.marker:
                    continue
                if _admits_only_before(requirement.specifier or entry.text, first[entry.name]):
                    found.add(entry.name)
    return frozenset(found)


def _admits_only_before(specifier: str, first: tuple[int, ...]) -> bool:
    for clause in _CLAUSE.finditer(specifier):
        version = tuple(int(part) for part in clause["version"].split("."))
        operator = clause["operator"]
        if operator == "~=":
            version = version[:-1]
        if operator == "<":
            before = _padded(version, first) <= _padded(first, version)
        elif operator == "~=" or clause["wild"]:  # any version that begins so
            before = version < first[: len(version)]
        else:
            before = _padded(version, first) < _padded(first, version)
        if before:
            return True
    return False


def _padded(version: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return version + (0,) * (len(other) - len(version))
