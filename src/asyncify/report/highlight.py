"""Python source as lines of coloured pieces: one lexer for the terminal and for HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Token, _TokenType

# From the most special to the most general; the first that contains a token's type names its class.
_CLASSES: tuple[tuple[_TokenType, str], ...] = (
    (Keyword, "keyword"),
    (Operator.Word, "keyword"),
    (String.Interpol, "name"),
    (String, "string"),
    (Number, "number"),
    (Comment, "comment"),
    (Name.Function, "function"),
    (Name.Class, "function"),
    (Name.Decorator, "decorator"),
    (Name.Builtin, "builtin"),
    (Name.Exception, "builtin"),
    (Token, ""),
)

STYLES = {
    "keyword": "magenta",
    "string": "green",
    "number": "cyan",
    "comment": "italic dim",
    "function": "blue",
    "decorator": "yellow",
    "builtin": "cyan",
    "name": "",
    "": "",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one colour class (a key of :data:`STYLES`)."""

    text: str
    kind: str


def highlight(lines: Sequence[str]) -> list[tuple[Piece, ...]]:
    """The lines (without newlines, without carriage returns) as pieces, line by line."""
    out: list[list[Piece]] = [[]]
    for token, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens("\n".join(lines)):
        kind = _kind(token)
        first, *rest = text.split("\n")
        if first:
            out[-1].append(Piece(first, kind))
        for part in rest:
            out.append([Piece(part, kind)] if part else [])
    return [tuple(pieces) for pieces in out[: len(lines)]]


def _kind(token: _TokenType) -> str:
    lineage = token.split()  # the type and all it is a kind of
    return next(name for family, name in _CLASSES if family in lineage)
