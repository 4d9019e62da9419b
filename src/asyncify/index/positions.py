"""Nodes and spans of one file: columns in code points, lookups by exact span, parents, nodes by kind."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from asyncify.index.syntax import NODES
from asyncify.model import Span

_NEWLINE = re.compile(r"\r\n|\r|\n")
_DERIVED = frozenset({ast.Module, ast.comprehension, ast.withitem, ast.match_case, ast.arguments})
_NO_NODES: tuple[ast.AST, ...] = ()
_N = TypeVar("_N", bound=ast.AST)
_Call = tuple[Span, Span, tuple[Span, ...], tuple[tuple[str | None, Span], ...], bool]


class Positions:
    """The syntax tree of one file, by place. Its tables are made when the first question needs them."""

    def __init__(self, path: str, text: str, tree: ast.Module) -> None:
        self.path = path
        self.tree = tree
        self._text = text
        self._ascii = text.isascii()
        self._lines: list[str] | None = None
        self._parents: dict[ast.AST, ast.AST] | None = None
        self._kinds: dict[type[ast.AST], list[tuple[int, ast.AST]]] = {}
        self._places: dict[tuple[int, int], list[ast.AST]] | None = None
        self._own: dict[type[ast.AST], dict[tuple[int, int], list[ast.AST]]] = {}
        self._spans: dict[ast.AST, Span] = {}
        self._calls: dict[ast.Call, _Call] = {}
        self._ordered: dict[tuple[type[ast.AST], ...], list[tuple[ast.expr, int]]] = {}

    def _line(self, line: int) -> str:
        if self._lines is None:
            self._lines = _NEWLINE.split(self._text)
        return self._lines[line - 1] if line <= len(self._lines) else ""

    def _column(self, line: int, column: int) -> int:
        """The code point at this byte."""
        text = self._line(line)
        if text.isascii():
            return column
        return len(text.encode()[:column].decode(errors="ignore"))

    def _byte(self, line: int, column: int) -> int:
        """The byte at this code point."""
        return column if self._ascii else len(self._line(line)[:column].encode())

    def span(self, node: ast.AST) -> Span:
        """The span of a node; a module is its whole text, a comprehension clause goes from target to last condition.

        Raises ValueError for what has no place in the text.
        """
        found = self._spans.get(node)
        if found is None:
            found = self._spans[node] = self._span(node)
        return found

    def _span(self, node: ast.AST) -> Span:
        first, last = self._ends(node) if node.__class__ in _DERIVED else (node, node)
        if isinstance(first, ast.Module):
            lines = _NEWLINE.split(self._text)
            return Span(self.path, 1, 0, len(lines), len(lines[-1]))
        try:
            line, column = first.lineno, first.col_offset  # type: ignore[attr-defined]
            end_line, end_column = last.end_lineno, last.end_col_offset  # type: ignore[attr-defined]
        except AttributeError:
            raise ValueError(f"{type(node).__name__} has no place in the text") from None
        if not self._ascii:
            column, end_column = self._column(line, column), self._column(end_line, end_column)
        return Span(self.path, line, column, end_line, end_column)

    @staticmethod
    def _ends(node: ast.AST) -> tuple[ast.AST, ast.AST]:
        """The first and the last node of something that has no position of its own."""
        if isinstance(node, ast.comprehension):
            return node.target, node.ifs[-1] if node.ifs else node.iter
        if isinstance(node, ast.withitem):
            return node.context_expr, node.optional_vars or node.context_expr
        if isinstance(node, ast.match_case):
            return node.pattern, node.body[-1]
        if isinstance(node, ast.arguments):
            inner = [child for child in ast.iter_child_nodes(node) if hasattr(child, "lineno")]
            if inner:
                return inner[0], inner[-1]
        return node, node

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node that directly holds this one."""
        if self._parents is None:
            self._index()
        assert self._parents is not None
        return self._parents.get(node)

    def at(self, span: Span) -> Iterator[ast.AST]:
        """All nodes with exactly this span, outer ones first."""
        if self._places is None:
            self._place()
        assert self._places is not None
        where = (span.line, self._byte(span.line, span.column))
        for node in self._places.get(where, _NO_NODES):
            if self.span(node) == span:
                yield node

    def node(self, span: Span, kind: type[_N]) -> _N | None:
        """The outermost node of that class (or one derived from it) with exactly this span."""
        if kind in _DERIVED or (kind.__subclasses__() and kind is not ast.Constant):
            return next((node for node in self.at(span) if isinstance(node, kind)), None)
        own = self._own.get(kind)
        if own is None:  # a table of these alone: most questions are for functions and calls
            own = self._own[kind] = {}
            for node in self.nodes(kind):
                own.setdefault((node.lineno, node.col_offset), []).append(node)  # type: ignore[attr-defined]
        where = (span.line, self._byte(span.line, span.column))
        return next((node for node in own.get(where, _NO_NODES) if self.span(node) == span), None)  # type: ignore[return-value]

    def nodes(self, *kinds: type[_N]) -> Iterator[_N]:
        """All nodes of exactly these classes, outer ones first."""
        if self._parents is None:
            self._index()
        found: Iterable[tuple[int, ast.AST]] = self._kinds.get(kinds[0], ())
        if len(kinds) > 1:
            found = sorted((item for kind in kinds for item in self._kinds.get(kind, ())), key=lambda item: item[0])
        for _, node in found:
            yield node  # type: ignore[misc]

    def call(self, node: ast.Call) -> _Call:
        """The spans of a call, its callee, its arguments and its keywords, and whether one of them is starred."""
        found = self._calls.get(node)
        if found is None:
            found = self._calls[node] = (
                self.span(node),
                self.span(node.func),
                tuple(self.span(arg) for arg in node.args),
                tuple((keyword.arg, self.span(keyword.value)) for keyword in node.keywords),
                any(isinstance(arg, ast.Starred) for arg in node.args) or any(k.arg is None for k in node.keywords),
            )
        return found

    def ordered(self, numbers: Mapping[ast.AST, int], kinds: tuple[type[ast.expr], ...]) -> list[tuple[ast.expr, int]]:
        """The expressions of these kinds with their numbers, in the order of the text, outer ones first.

        `numbers` is the same at each call: made once, for the file may be linked many times.
        """
        found = self._ordered.get(kinds)
        if found is None:
            nodes = [
                (
                    node.lineno,
                    node.col_offset,
                    -(node.end_lineno or 0),
                    -(node.end_col_offset or 0),
                    order,
                    node,
                    number,
                )
                for order, (node, number) in enumerate(numbers.items())
                if isinstance(node, kinds)
            ]
            nodes.sort()
            found = self._ordered[kinds] = [(node, number) for *_, node, number in nodes]
        return found

    def _index(self) -> None:
        """One walk, level by level, for all tables."""
        parents: dict[ast.AST, ast.AST] = {}
        order: list[ast.AST] = [self.tree]
        append = order.append
        for node in order:  # grows meanwhile
            for value in node.__dict__.values():
                kind = value.__class__
                if kind is list:
                    for item in value:
                        if item.__class__ in NODES:
                            parents[item] = node
                            append(item)
                elif kind in NODES:
                    parents[value] = node
                    append(value)
        kinds = self._kinds
        for number, node in enumerate(order):
            known = kinds.get(node.__class__)
            if known is None:
                kinds[node.__class__] = [(number, node)]
            else:
                known.append((number, node))
        self._parents = parents

    def _place(self) -> None:
        places: dict[tuple[int, int], list[ast.AST]] = {}
        if self._parents is None:
            self._index()
        assert self._parents is not None
        for node in self._parents:
            first = node.target if isinstance(node, ast.comprehension) else node
            try:
                where = (first.lineno, first.col_offset)  # type: ignore[attr-defined]
            except AttributeError:
                continue
            known = places.get(where)
            if known is None:
                places[where] = [node]
            else:
                known.append(node)
        self._places = places
