"""The catalogue's type expressions, parsed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

_TOKEN = re.compile(r"\s*(\*args\d+|\*\*?(?=arg\d|arg:)|[A-Za-z_][\w.]*(?::\w+)?|\[\]|[\[\],|])")

_STARS = {"*": "star", "**": "double"}


@dataclass(frozen=True, slots=True)
class TypeExpr:
    """A node: ``kind`` is instance, self, arg, result, provided, slot, elements, union, rest, star or double."""

    kind: str
    name: str = ""
    parts: tuple[TypeExpr, ...] = ()


@cache
def parse_type(text: str) -> TypeExpr:
    """Parse a type expression.

    Raises ValueError for text that is none.
    """
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s", "", text) or not tokens:
        raise ValueError(f"not a type expression: {text!r}")
    if tokens[0] in _STARS:
        node, position = _union(tokens, 1)
        node = TypeExpr(_STARS[tokens[0]], parts=(node,))
    else:
        node, position = _union(tokens, 0)
    if position != len(tokens):
        raise ValueError(f"not a type expression: {text!r}")
    return node


def _union(tokens: list[str], position: int) -> tuple[TypeExpr, int]:
    node, position = _term(tokens, position)
    parts = [node]
    while position < len(tokens) and tokens[position] == "|":
        node, position = _term(tokens, position + 1)
        parts.append(node)
    return (parts[0] if len(parts) == 1 else TypeExpr("union", parts=tuple(parts))), position


def _term(tokens: list[str], position: int) -> tuple[TypeExpr, int]:
    if position >= len(tokens) or tokens[position] in "[],|":
        raise ValueError("a name is missing in a type expression")
    name = tokens[position]
    position += 1
    parts: list[TypeExpr] = []
    if position < len(tokens) and tokens[position] == "[":
        while tokens[position] != "]":
            part, position = _union(tokens, position + 1)
            parts.append(part)
            if position >= len(tokens):
                raise ValueError("a bracket is missing in a type expression")
        position += 1
    node = _named(name, tuple(parts))
    while position < len(tokens) and tokens[position] == "[]":
        node, position = TypeExpr("elements", parts=(node,)), position + 1
    return node, position


def _named(name: str, parts: tuple[TypeExpr, ...]) -> TypeExpr:
    if name == "self":
        return TypeExpr("self")
    if name.startswith("*args"):
        return TypeExpr("rest", name[5:])
    if match := re.fullmatch(r"(arg|result|provided)(?:(\d+)|:(\w+))", name):
        return TypeExpr(match[1], match[2] or match[3])
    if match := re.fullmatch(r"slot(\d+)", name):
        return TypeExpr("slot", match[1])
    return TypeExpr("instance", name if "." in name else f"builtins.{name}", parts)
