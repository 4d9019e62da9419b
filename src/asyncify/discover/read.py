"""Reading one file: its bytes, and its text in the encoding that Python would use."""

from __future__ import annotations

import os
import re
import stat
import tokenize
from typing import Final

MAX_BYTES: Final = 5_000_000
"""Larger files are data written as Python; they are left out with a diagnostic."""

_TWO_LINES: Final = re.compile(rb"[^\r\n]*(?:\r\n?|\n)?[^\r\n]*(?:\r\n?|\n)?")


class NotTaken(Exception):
    """A file that cannot be taken along; the message is the diagnostic's."""


def read_bytes(path: str, limit: int) -> bytes:
    """The content of a regular file."""
    with open(path, "rb", opener=_open_regular) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise NotTaken(f"larger than {limit // 1_000_000} MB")
    return data


def read_source(path: str) -> tuple[bytes, str, str]:
    """Bytes, text and encoding of a file. The text keeps its newlines and is free of a byte order mark."""
    data = read_bytes(path, MAX_BYTES)
    match = _TWO_LINES.match(data)
    head = match.group() if match else b""
    encoding = "utf-8"
    try:
        if b"coding" in head or data.startswith(b"\xef\xbb\xbf"):
            encoding, _ = tokenize.detect_encoding(iter(head.splitlines(keepends=True)).__next__)
        text = data.decode(encoding)
        exact = encoding.startswith("utf-8") or text.encode(encoding) == data
    except (SyntaxError, LookupError, ValueError) as error:
        raise NotTaken(f"cannot be decoded: {error}") from error
    if not exact:
        raise NotTaken(f"cannot be written back unchanged in its encoding {encoding}")
    return data, text, encoding


def _open_regular(path: str, flags: int) -> int:
    """Open a regular file; a pipe or device is refused without waiting for its other end."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotTaken("not a regular file")
    return descriptor
