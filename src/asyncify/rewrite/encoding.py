"""Bytes to text and back, without losing a byte: BOM, coding cookie, newline style, missing final newline."""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from dataclasses import dataclass

from asyncify.errors import InputError, InternalError
from asyncify.model import Span

_NEWLINE = re.compile(r"\r\n?|\n")


@dataclass(frozen=True, slots=True)
class Text:
    """The decoded source of one file, without its BOM. Newlines are untouched."""

    path: str
    text: str
    encoding: str
    bom: bytes

    def encode(self, text: str, span: Span | None = None) -> bytes:
        """`text` in this file's encoding and with its BOM.

        Raises InternalError if a character cannot be written in that encoding.
        """
        try:
            return self.bom + text.encode(self.encoding)
        except UnicodeEncodeError as error:
            character = text[error.start]
            message = f"{character!a} cannot be written in the file's encoding {self.encoding}"
            raise InternalError(message, span or file_span(self.path)) from error


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
    return Text(path, text, encoding, bom)


def line_starts(text: str) -> list[int]:
    """The offset of the first character of every line, as Python counts lines (``\\n``, ``\\r\\n``, ``\\r``)."""
    return [0, *(match.end() for match in _NEWLINE.finditer(text))]
