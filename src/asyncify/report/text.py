"""Untrusted text made safe for a terminal, and the few ways numbers and places are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from rich.text import Text

from asyncify.model import Span, Verdict

VERDICT_STYLES = {
    Verdict.EXACT: "green",
    Verdict.REVIEW: "yellow",
    Verdict.BRIDGE: "cyan",
    Verdict.KEEP: "dim",
    Verdict.REFUSE: "red",
}

# C0 and C1 controls, line and paragraph separators, bidirectional overrides and isolates, zero-width characters,
# lone surrogates (undecodable bytes of file names): all that can move a cursor or hide what a line says.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e0fff]"
)


def clean(text: str, tab: int = 4) -> str:
    """`text` with everything that could steer a terminal written out as an escape (``\\x1b``).

    Newlines stay, tabs become spaces up to the next multiple of `tab`.
    """
    return _UNSAFE.sub(_escape, text.expandtabs(tab))


def clean_line(text: str) -> str:
    """Like :func:`clean`, for text that must stay on one line (file names, messages): newlines too are written out."""
    return clean(text).replace("\n", "\\n")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def safe(text: object, style: str = "") -> Text:
    """Untrusted text as a renderable: never markup, never an escape sequence."""
    return Text(clean_line(str(text)), style=style)


def place(span: Span | None) -> Text:
    """``path:line``, or nothing."""
    return safe(span, "cyan") if span else Text()


def verdict(value: Verdict) -> Text:
    """A verdict in its colour."""
    return Text(value.value, style=VERDICT_STYLES[value])


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """``1 file``, ``1,200 files``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def joined(parts: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    items = list(parts)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def anchor(text: str) -> str:
    """`text` as an HTML id: letters, digits and hyphens."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", ascii_text).strip("-").lower() or "x"
