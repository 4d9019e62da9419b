"""What the packaging and test configuration of a project needs once edits are made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from asyncify.model import AddFile, Edit, Require
from asyncify.packaging.pytest_config import asyncio_test_changes
from asyncify.packaging.requirements import requirement_changes

#: 3.10 is the first release with the exceptions that the support modules tell apart.
AIOHTTP = "aiohttp>=3.10"
PYTEST_ASYNCIO = "pytest-asyncio"
#: As old as the Python that the support modules need.
QUART = "quart>=0.20"


def config_changes(edits: Iterable[Edit], files: Mapping[str, bytes], notes: list[str]) -> dict[str, bytes]:
    """The configuration files that change because of `edits`, by path, as they are afterwards.

    `files` are those there are, by path. What is there already is not added again. What has to be done by hand is
    appended to `notes`.
    """
    edits = list(edits)
    current = dict(files)
    out: dict[str, bytes] = {}
    if any(isinstance(edit, AddFile) and "class grequests:\n" in edit.text for edit in edits):
        # It brought requests along.
        for change in requirement_changes(current, ["requests"], [], beside="grequests", notes=notes):
            out[change.path] = current[change.path] = change.after
    if any(isinstance(edit, Require) and edit.distribution == "quart" for edit in edits):
        # It brings Flask along.
        for change in requirement_changes(current, [QUART], ["flask"], beside="flask", notes=notes):
            out[change.path] = current[change.path] = change.after
    if any(isinstance(edit, AddFile) and "import aiohttp\n" in edit.text for edit in edits):
        for change in requirement_changes(current, [AIOHTTP], [], notes=notes):
            out[change.path] = current[change.path] = change.after
    if any(isinstance(edit, Require) and edit.distribution == PYTEST_ASYNCIO for edit in edits):
        for change in asyncio_test_changes(current, notes=notes):
            out[change.path] = current[change.path] = change.after
    return out
