"""Lines that continue a bracket keep their place below what follows it, when an edit moves that along its line (PEP 8)."""

from __future__ import annotations

import difflib
import io
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

_OPEN: Final = frozenset("([{")
_CLOSE: Final = frozenset(")]}")
_LAYOUT: Final = frozenset({tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER})
# Strings whose parts are tokens of their own, from Python 3.12 on.
_BEGIN: Final = frozenset({"FSTRING_START", "TSTRING_START"})
_END: Final = frozenset({"FSTRING_END", "TSTRING_END"})


@dataclass(slots=True)
class _Bracket:
    """An opening bracket: its ``line`` (from 0), the ``column`` of what follows it there, and the lines that begin in it."""

    line: int
    column: int = -1  # nothing follows: a hanging indent
    lines: list[int] = field(default_factory=list)


def aligned(before: str, after: str) -> str:
    """`after`, the edited text of `before`, with lines moved along that stood below what follows their bracket.

    Only spaces at the beginning of lines within brackets are added or taken away, so nothing changes for Python. Lines
    that begin within a string, or with a tab, stay as they are, and so does a bracket none of whose lines stood so.
    """
    old, new = before.split("\n"), after.split("\n")
    pairs = _pairs(old, new)
    if not pairs:
        return after
    try:
        brackets = _brackets(after)
    except (tokenize.TokenError, SyntaxError):  # what Python reads and this module does not
        return after
    shifts: dict[int, int] = {}
    for bracket in brackets:
        moved = shifts.get(bracket.line, 0)  # along with the line of the bracket
        was = _column_before(bracket, pairs, new)
        below = {line: len(new[line]) - len(new[line].lstrip(" ")) for line in bracket.lines}
        own = bracket.column - was if was in below.values() and was is not None else 0
        for line, indent in below.items():
            shift = moved + (own if was is not None and indent >= was - 1 else 0)
            if shift and not new[line].lstrip(" ").startswith("\t") and indent + shift >= 0:
                shifts[line] = shift
    for line, shift in shifts.items():
        text = new[line].lstrip(" ")
        new[line] = " " * (len(new[line]) - len(text) + shift) + text
    return "\n".join(new)


def _pairs(old: Sequence[str], new: Sequence[str]) -> dict[int, str]:
    """By number: the lines that an edit changed, as they were."""
    found: dict[int, str] = {}
    for tag, start, end, first, last in difflib.SequenceMatcher(None, old, new).get_opcodes():
        if tag == "replace" and end - start == last - first:
            found.update(zip(range(first, last), old[start:end], strict=True))
    return found


def _column_before(bracket: _Bracket, pairs: dict[int, str], new: Sequence[str]) -> int | None:
    """Where that which follows the bracket stood before; None where that is not known, or no line depends on it."""
    line = pairs.get(bracket.line)
    if line is None or bracket.column < 0:
        return None
    rest = new[bracket.line][bracket.column :]
    column = len(line) - len(rest)
    return column if line.endswith(rest) and column > 0 and line[column - 1 : column] in (*_OPEN, " ") else None


def _brackets(text: str) -> list[_Bracket]:
    """The brackets of a text, each with the lines that begin directly in it; outer ones first."""
    found: list[_Bracket] = []
    stack: list[_Bracket] = []
    inside = 0  # strings whose parts are tokens
    seen = 0  # the last line (from 1) of the token before
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        name = tokenize.tok_name[token.type]
        if token.type in _LAYOUT:
            continue
        line, column = token.start
        if line > seen and stack and not inside:
            stack[-1].lines.append(line - 1)
        elif stack and stack[-1].column < 0 and stack[-1].line == line - 1 and token.type != tokenize.COMMENT:
            stack[-1].column = column
        seen = token.end[0]
        inside += (name in _BEGIN) - (name in _END)
        if token.type == tokenize.OP and not inside:
            if token.string in _OPEN:
                stack.append(_Bracket(line - 1))
                found.append(stack[-1])
            elif token.string in _CLOSE and stack:
                stack.pop()
    return found
