"""Bytes to text and back, without losing a byte: BOM, coding cookie, newline style, missing final newline."""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from dataclasses import dataclass, replace
from itertools import pairwise

from asyncify.errors import InputError, InternalError
from asyncify.model import Span

_NEWLINE = re.compile(r"\r\n?|\n")


@dataclass(frozen=True, slots=True)
class Text:
    """The decoded source of one file. Newlines are untouched.

    `text` lacks the BOM and the `tail`, which is white space at the end of the file: LibCST loses blank lines above
    a last line of blanks, and a final ``\\r``, so it never gets to see them.
    """

    path: str
    text: str
    tail: str
    encoding: str
    bom: bytes

    def encode(self, text: str, span: Span | None = None) -> bytes:
        """`text` in this file's encoding and with its BOM and tail.

        Raises InternalError if a character cannot be written in that encoding.
        """
        try:
            return self.bom + (text + self.tail).encode(self.encoding)
        except UnicodeEncodeError as error:
            character = text[error.start]
            message = f"{character!a} cannot be written in the file's encoding {self.encoding}"
            raise InternalError(message, span or file_span(self.path)) from error

    def without_last_comments(self) -> Text | None:
        """The same with the comments that end the file in the tail, if LibCST would lose something of them.

        It loses blank lines before an indented comment at the end of a file. None if there is no such thing. The
        "comments" may be the end of a string, so the result may not parse.
        """
        starts = line_starts(self.text)
        lines = [self.text[start:end] for start, end in pairwise([*starts, len(self.text)])]
        first = len(lines)
        while first > 0 and lines[first - 1].strip()[:1] in ("", "#"):
            first -= 1
        last = [line for line in lines[first:] if line]
        indented = any(line[0] in " \t\f" and line.strip() for line in last)
        if first == 0 or not indented or all(line.strip() for line in last):
            return None
        cut = starts[first]
        return replace(self, text=self.text[:cut], tail=self.text[cut:] + self.tail)


def file_span(path: str, line: int = 1) -> Span:
    """A place that is no more exact than a line of a file."""
    return Span(path, line, 0, line, 0)


def decode(path: str, data: bytes) -> Text:
    """Decode a source file as Python does: BOM, then coding cookie, then UTF-8.

    Raises InputError if the cookie names no known encoding or the bytes are not valid in it.
    """
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise InputError(f"unknown or wrong encoding: {error}", file_span(path)) from error
    if encoding == "utf-8-sig":
        encoding = "utf-8"
    try:
        text = data[len(bom) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"not valid {encoding}: {error.reason}", file_span(path, line)) from error
    if text.encode(encoding) != data[len(bom) :]:
        # Some multi-byte encodings have several byte sequences for one text; such a file cannot be kept exactly.
        raise InputError(f"the file's {encoding} bytes cannot be written back unchanged", file_span(path))
    cut = _tail_start(text)
    return Text(path, text[:cut], text[cut:], encoding, bom)


def _tail_start(text: str) -> int:
    """Where the white space behind the last line with content starts, the newline of that line not included."""
    end = len(text.rstrip(" \t\f\r\n"))
    newline = re.compile(r"[ \t\f]*(\r\n|\n)").match(text, end)
    return newline.end() if newline is not None else end


def line_starts(text: str) -> list[int]:
    """The offset of the first character of every line, as Python counts lines (``\\n``, ``\\r\\n``, ``\\r``)."""
    return [0, *(match.end() for match in _NEWLINE.finditer(text))]
