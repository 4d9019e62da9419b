"""Bytes to text and back without losing a byte, and small edits of text by offset."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LONE_RETURN = re.compile(r"\r(?!\n)")


class Unsupported(Exception):
    """This text cannot be edited with certainty; the message says why, for a note to the user."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of one file without its BOM, and how to write it back."""

    text: str
    encoding: str
    bom: bytes

    def encode(self, text: str) -> bytes:
        """`text` in the file's encoding, behind its BOM."""
        return self.bom + text.encode(self.encoding)


def decode(data: bytes) -> Decoded:
    """Decode a configuration file so that it can be written back exactly.

    UTF-8, or what the BOM says (pip reads UTF-16 requirements). Other bytes are read as Latin-1: every edit is ASCII, so
    in any encoding that contains ASCII the rest stays as it was. Raises :exc:`Unsupported` for lines that end in a
    lone carriage return.
    """
    bom, encoding = next((known for known in _BOMS if data.startswith(known[0])), (b"", "utf-8"))
    body = data[len(bom) :]
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        encoding = "latin-1"
        text = body.decode(encoding)
    decoded = Decoded(text, encoding, bom)
    if decoded.encode(text) != data:
        raise Unsupported("its bytes cannot be written back unchanged")
    if _LONE_RETURN.search(text):
        raise Unsupported("its lines end in a lone carriage return")
    return decoded


@dataclass(frozen=True, slots=True, order=True)
class Splice:
    """Replace ``text[start:end]`` by `new`."""

    start: int
    end: int
    new: str


def apply(text: str, splices: Iterable[Splice]) -> str:
    """`text` with all `splices` made; they must not overlap."""
    for splice in sorted(splices, reverse=True):
        text = text[: splice.start] + splice.new + text[splice.end :]
    return text


def line_start(text: str, offset: int) -> int:
    """Where the line that contains `offset` begins."""
    return text.rfind("\n", 0, offset) + 1


def line_end(text: str, offset: int) -> int:
    """Where the line that contains `offset` ends, its newline not included."""
    end = text.find("\n", offset)
    if end < 0:
        return len(text)
    return end - 1 if end > offset and text[end - 1] == "\r" else end


def next_line(text: str, offset: int) -> int:
    """Where the line behind the one that contains `offset` begins, or the end of the text."""
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1


def newline_at(text: str, offset: int) -> str:
    """The newline that ends the line of `offset`; for the last line, that of the first line."""
    for start in (offset, 0):
        end = text.find("\n", start)
        if end >= 0:
            return "\r\n" if end > 0 and text[end - 1] == "\r" else "\n"
    return "\n"


def indent_of(text: str, offset: int) -> str:
    """The white space that the line of `offset` begins with."""
    start = line_start(text, offset)
    line = text[start : line_end(text, start)]
    return line[: len(line) - len(line.lstrip(" \t"))]
