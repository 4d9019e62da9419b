"""Places where requirements are listed, whatever the file: quoted in brackets, one per line, or as keys of a table.

A listing knows the spans of its entries and answers with the smallest splices that add or remove one. It never sees
the rest of the file.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import IntEnum

from asyncify.packaging.requirement import Requirement
from asyncify.packaging.text import (
    Splice,
    Unsupported,
    indent_of,
    line_end,
    line_start,
    newline_at,
    next_line,
)

_DEFAULT_INDENT = "    "
_TEST_WORDS = frozenset(("test", "tests", "testing", "dev", "devel", "develop", "development", "unittest", "ci"))
_OTHER_WORDS = frozenset(
    [
        "doc",
        "docs",
        "documentation",
        "lint",
        "linting",
        "linter",
        "style",
        "format",
        "formatting",
        "mypy",
        "typing",
        "types",
        "type",
        "typecheck",
        "build",
        "release",
        "publish",
        "packaging",
        "bench",
        "benchmark",
        "benchmarks",
        "precommit",
        "check",
        "checks",
        "cover",
        "coverage",
        "constraints",
    ]
)


class Role(IntEnum):
    """What a listing is for; lower ones decide first where a runtime requirement belongs."""

    RUNTIME = 0
    EXTRA = 1  # optional at run time
    TEST = 2  # to run the tests or to develop
    OTHER = 3  # documentation, linting, building


def role_named(name: str, otherwise: Role) -> Role:
    """The role that the name of an extra, a group, an environment or a requirements file speaks for."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    if words & _TEST_WORDS:
        return Role.TEST
    return Role.OTHER if words & _OTHER_WORDS else otherwise


@dataclass(frozen=True, slots=True)
class Entry:
    """One element of a listing.

    ``text`` is the requirement without quotes. ``name`` is normalised, and empty for an element that is no requirement.
    ``prefix`` is a condition that stands before it (a factor of tox).
    """

    start: int
    end: int
    text: str
    name: str
    prefix: str = ""
    marker: str = ""


@dataclass(frozen=True, slots=True)
class Listing(ABC):
    """A list of requirements in one file. ``where`` names it to a reader; ``standalone`` if it includes no other."""

    where: str
    role: Role
    entries: tuple[Entry, ...]
    standalone: bool = False

    def named(self, name: str) -> list[int]:
        """The positions of the entries with that (normalised) name."""
        return [index for index, entry in enumerate(self.entries) if entry.name == name]

    def add(self, text: str, requirement: Requirement, anchor: str) -> list[Splice]:
        """What adds `requirement` to the `text` of the file.

        In alphabetical order if the listing has it, else behind the last entry named `anchor`, else at the end. It gets
        the marker of the anchor if there is one anchor only. Raises :exc:`Unsupported`.
        """
        anchors = self.named(anchor)
        prefix = ""
        if len(anchors) == 1:
            entry = self.entries[anchors[0]]
            requirement = requirement.under(entry.marker)
            prefix = entry.prefix
        model = self.entries[anchors[-1]] if anchors else self._typical()
        if not self.entries or model is None:
            return self._insert_first(text, requirement)
        after = anchors[-1] if anchors else len(self.entries) - 1
        place = self._alphabetical(requirement.key)
        if place == -1 and self._has_head_room(text):
            return self._insert(text, 0, True, requirement, model, prefix)
        return self._insert(text, after if place in (None, -1) else place, False, requirement, model, prefix)

    def _typical(self) -> Entry | None:
        return next((entry for entry in reversed(self.entries) if entry.name), None)

    def _alphabetical(self, name: str) -> int | None:
        """The entry behind which `name` belongs (-1: before the first), or None if the entries are not in order."""
        names = [(entry.name, index) for index, entry in enumerate(self.entries) if entry.name not in ("", "python")]
        if len({name for name, _ in names}) < 3 or names != sorted(names, key=lambda pair: pair[0]):
            return None
        before = [index for other, index in names if other <= name]
        if before:
            return before[-1]
        return names[0][1] - 1

    @abstractmethod
    def _has_head_room(self, text: str) -> bool:
        """Whether something can stand before the first entry without parting it from its comment."""

    @abstractmethod
    def _insert_first(self, text: str, requirement: Requirement) -> list[Splice]: ...

    @abstractmethod
    def _insert(
        self, text: str, index: int, before: bool, requirement: Requirement, model: Entry, prefix: str
    ) -> list[Splice]: ...

    @abstractmethod
    def remove(self, text: str, index: int) -> list[Splice]:
        """What removes one entry, and the line if it was alone on it. Raises :exc:`Unsupported`."""


# --- Strings in brackets: TOML arrays and Python lists ------------------------------------------------------------

_SPACE = re.compile(r"(?:[ \t\r\n\f]|#[^\n]*)*")


def _blanks(text: str) -> str:
    return text[: len(text) - len(text.lstrip(" \t"))]


def _quoted(value: str, model: str) -> str:
    quote = "'" if model.lstrip("urbURB").startswith("'") else '"'
    if quote in value:
        quote = "'" if quote == '"' else '"'
    if quote in value or "\\" in value:
        raise Unsupported(f"{value!a} cannot be quoted plainly")
    return f"{quote}{value}{quote}"


@dataclass(frozen=True, slots=True)
class Bracketed(Listing):
    """Strings in brackets, with commas. ``open`` and ``close`` are the offsets of the brackets."""

    open: int = 0
    close: int = 0

    def _has_head_room(self, text: str) -> bool:
        return "#" not in text[self.open : self.entries[0].start]

    def _insert_first(self, text: str, requirement: Requirement) -> list[Splice]:
        quoted = _quoted(requirement.like(""), '"')
        if self.entries:
            last = self.entries[-1]
            return self._after(text, len(self.entries) - 1, quoted, last)
        if "\n" not in text[self.open : self.close]:
            return [Splice(self.open + 1, self.open + 1, quoted)]
        start = line_start(text, self.close)
        if text[start : self.close].strip():
            raise Unsupported("its list has an odd layout")
        indent = indent_of(text, self.open) + _DEFAULT_INDENT
        return [Splice(start, start, f"{indent}{quoted},{newline_at(text, self.open)}")]

    def _insert(
        self, text: str, index: int, before: bool, requirement: Requirement, model: Entry, prefix: str
    ) -> list[Splice]:
        quoted = _quoted(prefix + requirement.like(model.text), text[model.start : model.end])
        entry = self.entries[index]
        if not before:
            return self._after(text, index, quoted, entry)
        comma = self._comma(text, index)
        if comma is not None and self._leads_line(text, entry) and self._ends_line(text, comma + 1):
            start = line_start(text, entry.start)
            indent = indent_of(text, entry.start)
            return [Splice(start, start, f"{indent}{quoted},{newline_at(text, entry.start)}")]
        return [Splice(entry.start, entry.start, f"{quoted}, ")]

    def _after(self, text: str, index: int, quoted: str, entry: Entry) -> list[Splice]:
        comma = self._comma(text, index)
        behind = entry.end if comma is None else comma + 1
        same_line = "\n" not in text[entry.end : behind]
        closed = comma is None and text[behind : self.close].strip(" \t") == ""
        if same_line and self._leads_line(text, entry) and (self._ends_line(text, behind) or closed):
            line = newline_at(text, entry.end) + indent_of(text, entry.start) + quoted
            if comma is None:
                end = entry.end if closed else line_end(text, behind)
                if end == entry.end:
                    return [Splice(end, end, f",{line}")]
                return [Splice(entry.end, entry.end, ","), Splice(end, end, line)]
            end = line_end(text, behind)
            return [Splice(end, end, f"{line},")]
        return [Splice(entry.end, entry.end, f", {quoted}")]

    def remove(self, text: str, index: int) -> list[Splice]:
        entry = self.entries[index]
        comma = self._comma(text, index)
        behind = entry.end if comma is None else comma + 1
        if self._leads_line(text, entry) and "\n" not in text[entry.end : behind] and self._ends_line(text, behind):
            return [Splice(line_start(text, entry.start), next_line(text, behind), "")]
        previous = self.entries[index - 1] if index > 0 else None
        between = text[previous.end : entry.start] if previous is not None else "#"
        if previous is not None and "#" not in between and (comma is None or "\n" not in between):
            return [Splice(previous.end, entry.end, "")]
        if comma is None:
            return [Splice(entry.start, entry.end, "")]
        end = behind if self._ends_line(text, behind) else behind + len(_blanks(text[behind:]))
        return [Splice(entry.start, entry.end, ""), Splice(comma, end, "")]

    def _comma(self, text: str, index: int) -> int | None:
        """The offset of the comma behind an entry, None behind the last if it has none."""
        gap = _SPACE.match(text, self.entries[index].end)
        assert gap is not None  # the pattern matches the empty string
        if gap.end() == self.close:
            return None
        if text[gap.end() : gap.end() + 1] != ",":
            raise Unsupported("its list has an odd layout")
        return gap.end()

    def _leads_line(self, text: str, entry: Entry) -> bool:
        return not text[line_start(text, entry.start) : entry.start].strip(" \t")

    def _ends_line(self, text: str, offset: int) -> bool:
        rest = text[offset : line_end(text, offset)].strip(" \t")
        return line_end(text, offset) < self.close and rest[:1] in ("", "#")


# --- One per line: requirements files and INI values --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lines(Listing):
    """One requirement a line. ``separator`` is set where all of them stand on one line instead (``a; b``).

    ``end`` is where the listing ends, for one without entries; ``indent`` is what continuation lines begin with.
    """

    end: int = 0
    indent: str = ""
    separator: str = ""
    key_line: int = -1  # where the line of the key begins (INI), -1 if there is none

    def _has_head_room(self, text: str) -> bool:
        first = line_start(text, self.entries[0].start)
        if first == self.key_line or first == 0:
            return first == 0 and self.key_line < 0
        above = text[line_start(text, first - 1) : first].strip()
        return above[:1] not in ("#", ";", "-", "")

    def _insert_first(self, text: str, requirement: Requirement) -> list[Splice]:
        content = requirement.like("")
        if self.entries:  # lines that are no requirements: options, paths, includes
            end = self.entries[-1].end
            return [Splice(end, end, newline_at(text, end) + self.indent + content)]
        newline = newline_at(text, self.end)
        if self.key_line >= 0:
            return [Splice(self.end, self.end, newline + self.indent + content)]
        before = "" if not text or text.endswith("\n") else newline
        return [Splice(len(text), len(text), f"{before}{content}{newline}")]

    def _insert(
        self, text: str, index: int, before: bool, requirement: Requirement, model: Entry, prefix: str
    ) -> list[Splice]:
        content = prefix + requirement.like(model.text)
        entry = self.entries[index]
        if self.separator:
            return [Splice(entry.end, entry.end, f"{self.separator}{content}")]
        newline = newline_at(text, entry.end)
        if before:
            start = line_start(text, entry.start)
            return [Splice(start, start, f"{self.indent}{content}{newline}")]
        end = line_end(text, entry.end)
        return [Splice(end, end, newline + self.indent + content)]

    def remove(self, text: str, index: int) -> list[Splice]:
        entry = self.entries[index]
        if self.separator and len(self.entries) > 1:
            if index == 0:
                return [Splice(entry.start, self.entries[1].start, "")]
            return [Splice(self.entries[index - 1].end, entry.end, "")]
        start = line_start(text, entry.start)
        if start == self.key_line:
            blanks = len(text[start : entry.start]) - len(text[start : entry.start].rstrip(" \t"))
            return [Splice(entry.start - blanks, entry.end, "")]
        end = next_line(text, entry.end)
        if end == len(text) and not text.endswith("\n") and start > 0:
            return [Splice(line_end(text, start - 2 if text[start - 2 : start] == "\r\n" else start - 1), end, "")]
        return [Splice(start, end, "")]


# --- Keys of a TOML table: Poetry and Pipfile ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Keys(Listing):
    """``name = "version"`` pairs of one table; ``body`` is where its first line begins.

    ``optional`` has the positions of the entries that are optional extras.
    """

    body: int = 0
    optional: frozenset[int] = frozenset()
    equals: str = " = "

    def _has_head_room(self, text: str) -> bool:
        return "#" not in text[self.body : self.entries[0].start]

    def _insert_first(self, text: str, requirement: Requirement) -> list[Splice]:
        line = self._pair(requirement, False)
        if self.entries:
            raise Unsupported("its table has no plain requirement")
        if self.body == len(text) and not text.endswith("\n"):
            return [Splice(self.body, self.body, newline_at(text, 0) + line)]
        return [Splice(self.body, self.body, line + newline_at(text, self.body))]

    def _insert(
        self, text: str, index: int, before: bool, requirement: Requirement, model: Entry, prefix: str
    ) -> list[Splice]:
        optional = self.entries.index(model) in self.optional
        entry = self.entries[index]
        line = indent_of(text, entry.start) + self._pair(requirement, optional)
        newline = newline_at(text, entry.end)
        if before:
            start = line_start(text, entry.start)
            return [Splice(start, start, line + newline)]
        end = line_end(text, entry.end)
        return [Splice(end, end, newline + line)]

    def _pair(self, requirement: Requirement, optional: bool) -> str:
        fields = [f'version = "{requirement.specifier or "*"}"']
        if requirement.extras:
            names = [name.strip() for name in requirement.extras.strip("[]").split(",")]
            fields.append("extras = [" + ", ".join(f'"{name}"' for name in names) + "]")
        if optional:
            fields.append("optional = true")
        if requirement.marker:
            fields.append(f"markers = {_quoted(requirement.marker, chr(34))}")
        value = fields[0].removeprefix("version = ") if len(fields) == 1 else "{ " + ", ".join(fields) + " }"
        return f"{requirement.name}{self.equals}{value}"

    def remove(self, text: str, index: int) -> list[Splice]:
        entry = self.entries[index]
        return [Splice(line_start(text, entry.start), next_line(text, entry.end), "")]
