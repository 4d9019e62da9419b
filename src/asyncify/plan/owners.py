"""To which groups an objection belongs: those that are put back so that the others can be written."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePath

from asyncify.model import Edit, Group, Span

_NAME = re.compile(r"[^\W\d]\w*")
_HEAD = re.compile(r"^([ \t]*)(?:async[ \t]+)?(?:def|class)[ \t]+([^\W\d]\w*)")


class Owners:
    """Groups by what they change: files, and the names of functions and classes that are no longer what they were."""

    def __init__(
        self, groups: Sequence[Group], changed: Mapping[str, Collection[str]], before: Mapping[str, bytes]
    ) -> None:
        """`changed` are the paths that each group changes or adds, `before` the files as they were, by path."""
        self._changed = changed
        self._stems = {group: {PurePath(path).stem for path in paths} for group, paths in changed.items()}
        paths = {edit.span.path for group in groups for edit in group.edits}
        lines = {path: before.get(path, b"").decode("utf-8", "replace").splitlines() for path in paths}
        self._names = {
            group.id: {name for edit in group.edits for name in _named(edit, lines[edit.span.path])} for group in groups
        }

    def of(self, place: Span, message: str, text: str) -> list[str]:
        """The groups that an objection belongs to, given the file (`text`) in which the check found it.

        Those that changed what the place names, of them those that change its file, if any do; else those that change
        the file; else those that change a module that the place names; else those that changed what the file names. All
        of them where that finds none.
        """
        near = {group for group, paths in self._changed.items() if place.path in paths}
        said = " ".join([*text.splitlines()[place.line - 1 : place.end_line], message])
        named = self._naming(said)
        found = (named & near) or named or near or self._changing(said) or self._naming(text)
        return [group for group in self._changed if group in found] or list(self._changed)

    def _changing(self, text: str) -> set[str]:
        mentioned = set(_NAME.findall(text))
        return {group for group, stems in self._stems.items() if stems & mentioned}

    def _naming(self, text: str) -> set[str]:
        mentioned = set(_NAME.findall(text))
        return {group for group, names in self._names.items() if names & mentioned}


def _named(edit: Edit, lines: Sequence[str]) -> Iterator[str]:
    """The name of the function or class whose head an edit changes; of special methods that of their class."""
    number = edit.span.line - 1
    head = _HEAD.match(lines[number]) if 0 <= number < len(lines) else None
    if head is None:
        return
    if not head[2].startswith("__"):
        yield head[2]
        return
    for line in reversed(lines[:number]):
        around = _HEAD.match(line)
        if around is not None and len(around[1]) < len(head[1]):
            yield around[2]
            return
