"""Edits for tests, placed by the source text of the node they mean instead of by numbers."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable

from asyncify.model import (
    AddImport,
    Await,
    DropImport,
    Edit,
    MakeAsync,
    Reason,
    ReplaceExpr,
    ReplaceStatement,
    SetArguments,
    Span,
)

PATH = "pkg/mod.py"
WHY = Reason("a test wants it")
Maker = Callable[[str], Edit]


def span_of(source: str, start: int, end: int, path: str = PATH) -> Span:
    """The span between two offsets."""

    def point(offset: int) -> tuple[int, int]:
        breaks = [match.end() for match in re.finditer(r"\r\n?|\n", source) if match.end() <= offset]
        return len(breaks) + 1, offset - (breaks[-1] if breaks else 0)

    (line, column), (end_line, end_column) = point(start), point(end)
    return Span(path, line, column, end_line, end_column)


def find(source: str, text: str, nth: int = 0) -> Span:
    """The span of the nth occurrence of `text`. ``head...tail`` reaches to the first `tail` behind `head`."""
    head, dots, tail = text.partition("...")
    start = -1
    for _ in range(nth + 1):
        start = source.index(head, start + 1)
    end = start + len(head)
    if dots:
        end = source.index(tail, end) + len(tail)
    return span_of(source, start, end)


@functools.lru_cache(maxsize=4)
def _lines(source: str) -> list[str]:
    return re.split(r"(?<=\n)|(?<=\r)(?!\n)", source)


def node_span(source: str, node: ast.AST, end: ast.AST | None = None, path: str = PATH) -> Span:
    """The span of an ``ast`` node (up to the end of another one), columns in code points."""
    lines = _lines(source)

    def column(line: int, utf8: int) -> int:
        return len(lines[line - 1].encode()[:utf8].decode())

    last = end or node
    return Span(
        path,
        node.lineno,  # type: ignore[attr-defined]
        column(node.lineno, node.col_offset),  # type: ignore[attr-defined]
        last.end_lineno,  # type: ignore[attr-defined]
        column(last.end_lineno, last.end_col_offset),  # type: ignore[attr-defined]
    )


def wait(text: str, nth: int = 0) -> Maker:
    return lambda source: Await(find(source, text, nth), WHY)


def make_async(text: str, nth: int = 0) -> Maker:
    return lambda source: MakeAsync(find(source, text, nth), WHY)


def expr(text: str, template: str, nth: int = 0, **holes: str) -> Maker:
    """ReplaceExpr; each hole is found inside the replaced text."""
    return lambda source: ReplaceExpr(find(source, text, nth), template, WHY, _holes(source, text, nth, holes))


def stmt(text: str, template: str, nth: int = 0, **holes: str) -> Maker:
    """ReplaceStatement; each hole is found inside the replaced text."""
    return lambda source: ReplaceStatement(find(source, text, nth), template, WHY, _holes(source, text, nth, holes))


def arguments(
    text: str, keywords: dict[str, str | None] | None = None, drop: tuple[int, ...] = (), nth: int = 0, **holes: str
) -> Maker:
    return lambda source: SetArguments(
        find(source, text, nth), WHY, keywords or {}, drop, _holes(source, text, nth, holes)
    )


def add(module: str, name: str | None = None, alias: str | None = None) -> Maker:
    return lambda source: AddImport(Span(PATH, 1, 0, 1, 0), WHY, module, name, alias)


def drop(local_name: str) -> Maker:
    return lambda source: DropImport(Span(PATH, 1, 0, 1, 0), WHY, local_name)


def _holes(source: str, text: str, nth: int, holes: dict[str, str]) -> dict[str, Span]:
    outer = find(source, text, nth)
    result: dict[str, Span] = {}
    for name, part in holes.items():
        count = 0
        while not (outer.contains(span := find(source, part, count)) and _is_whole(source, part, count)):
            count += 1
        result[name] = span
    return result


def _is_whole(source: str, text: str, nth: int) -> bool:
    """Whether the nth occurrence of `text` does not start inside a word."""
    start = -1
    for _ in range(nth + 1):
        start = source.index(text.partition("...")[0], start + 1)
    return not (text[0].isidentifier() and source[max(0, start - 1) : start].isidentifier())
