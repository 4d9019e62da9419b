"""Where things stand in a TOML text.

:mod:`tomllib` says what a TOML text means but not where; this scanner says where, for text that tomllib has accepted.
Editing by offset keeps every other byte by construction, which a parser that writes the document anew cannot promise.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

from asyncify.packaging.text import Unsupported, line_start, next_line

_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})' r"|'''.*?'''(?:'{0,2})" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'", re.DOTALL
)
_OTHER = re.compile(r"[^,\]}#\n\r]+")


@dataclass(frozen=True, slots=True)
class Value:
    """A value and its span. ``items`` are those of an array, ``pairs`` those of an inline table."""

    start: int
    end: int
    kind: str  # "string", "array", "table" or "other"
    items: tuple[Value, ...] = ()
    pairs: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """A key and its value. ``path`` is the whole path of the key; ``start`` is where the key begins."""

    path: tuple[str, ...]
    start: int
    key_end: int
    value: Value
    header: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A ``[header]``. ``body`` is where the line behind it begins, ``end`` where its last pair's line ends."""

    path: tuple[str, ...]
    start: int
    body: int
    array: bool = False


@dataclass(slots=True)
class Document:
    """All headers and pairs of a text, in order, and what the text means."""

    text: str
    data: dict[str, Any]
    tables: list[Table] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)

    def table(self, *path: str) -> Table | None:
        """The header with that path."""
        return next((table for table in self.tables if table.path == path and not table.array), None)

    def pairs_of(self, *path: str) -> list[Pair]:
        """The pairs directly under a table, however it is written (header, dotted keys, inline)."""
        inline = [pair for owner in self.pairs if owner.value.kind == "table" for pair in _within(owner)]
        return [pair for pair in [*self.pairs, *inline] if pair.path[:-1] == path]

    def find(self, *path: str) -> Pair | None:
        """The pair with that path, however its table is written."""
        return next((pair for pair in self.pairs_of(*path[:-1]) if pair.path == path), None)

    def get(self, *path: str) -> Any:
        """What stands at `path`, or None."""
        data: Any = self.data
        for key in path:
            if not isinstance(data, dict) or key not in data:
                return None
            data = data[key]
        return data

    def string(self, value: Value) -> str:
        """What the string at `value` means."""
        return _string(self.text[value.start : value.end])


def _within(owner: Pair) -> list[Pair]:
    found: list[Pair] = []
    for pair in owner.value.pairs:
        found.append(pair)
        found.extend(_within(pair))
    return found


def _string(raw: str) -> str:
    value = tomllib.loads(f"x = {raw}")["x"]
    assert isinstance(value, str)
    return value


def scan(text: str) -> Document:
    """Read a TOML text. Raises :exc:`Unsupported` if it is none."""
    try:
        document = Document(text, tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Unsupported(f"it is no valid TOML: {error}") from error
    header: tuple[str, ...] = ()
    position = _skip(text, 0)
    array = False
    while position < len(text):
        if text[position] == "[":
            array = text.startswith("[[", position)
            start = position
            header, position = _key(text, position + (2 if array else 1))
            position = text.index("]", position) + (2 if array else 1)
            document.tables.append(Table(header, start, next_line(text, position), array))
        else:
            pair = _pair(text, position, header)
            position = pair.value.end
            if not array:  # what repeats has no path of its own
                document.pairs.append(pair)
        position = _skip(text, position)
    return document


def end_of_pairs(document: Document, table: Table) -> int:
    """Where the line of the last pair under `table`'s header ends (its newline included), or of the header itself."""
    following = [other.start for other in document.tables if other.start > table.start]
    limit = min(following, default=len(document.text))
    ends = [next_line(document.text, pair.value.end) for pair in document.pairs if table.start < pair.start < limit]
    return max(ends, default=table.body)


def leads_line(text: str, offset: int) -> bool:
    """Whether only white space stands before `offset` on its line."""
    return not text[line_start(text, offset) : offset].strip(" \t")


def _skip(text: str, position: int) -> int:
    gap = _GAP.match(text, position)
    return gap.end() if gap else position


def _blank(text: str, position: int) -> int:
    gap = _BLANK.match(text, position)
    return gap.end() if gap else position


def _key(text: str, position: int) -> tuple[tuple[str, ...], int]:
    parts: list[str] = []
    while True:
        position = _blank(text, position)
        match = _BARE_KEY.match(text, position)
        quoted = _STRING.match(text, position) if match is None else None
        if match is not None:
            parts.append(match[0])
            position = match.end()
        elif quoted is not None:
            parts.append(_string(quoted[0]))
            position = quoted.end()
        else:
            raise Unsupported("a key of it cannot be read")
        behind = _blank(text, position)
        if text[behind : behind + 1] != ".":
            return tuple(parts), position
        position = behind + 1


def _pair(text: str, position: int, header: tuple[str, ...]) -> Pair:
    keys, end = _key(text, position)
    equals = text.index("=", end)
    path = header + keys
    return Pair(path, position, end, _value(text, _blank(text, equals + 1), path), header)


def _value(text: str, position: int, path: tuple[str, ...]) -> Value:
    string = _STRING.match(text, position)
    if string is not None:
        return Value(position, string.end(), "string")
    if text[position] == "[":
        items: list[Value] = []
        end = _skip(text, position + 1)
        while text[end] != "]":
            items.append(_value(text, end, ()))
            end = _skip(text, items[-1].end)
            end = _skip(text, end + 1) if text[end] == "," else end
        return Value(position, end + 1, "array", tuple(items))
    if text[position] == "{":
        pairs: list[Pair] = []
        end = _skip(text, position + 1)
        while text[end] != "}":
            pairs.append(_pair(text, end, path))
            end = _skip(text, pairs[-1].value.end)
            end = _skip(text, end + 1) if text[end] == "," else end
        return Value(position, end + 1, "table", pairs=tuple(pairs))
    other = _OTHER.match(text, position)
    if other is None:
        raise Unsupported("a value of it cannot be read")
    return Value(position, position + len(other[0].rstrip(" \t")), "other")
