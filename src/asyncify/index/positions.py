"""Nodes and spans of one file: columns in code points, lookups by exact span, parents."""

from __future__ import annotations

import ast
import re

from asyncify.model import Span

_NEWLINE = re.compile(r"\r\n|\r|\n")


class Positions:
    """The syntax tree of one file, by place."""

    def __init__(self, path: str, text: str, tree: ast.Module) -> None:
        self.path = path
        self.tree = tree
        self._text = text
        self._ascii = text.isascii()
        self._lines: list[str] | None = None
        self._parents: dict[ast.AST, ast.AST] | None = None
        self._nodes: dict[tuple[int, int, int, int], list[ast.AST]] | None = None

    def _column(self, line: int, column: int) -> int:
        if self._ascii:
            return column
        if self._lines is None:
            self._lines = _NEWLINE.split(self._text)
        text = self._lines[line - 1]
        if text.isascii():
            return column
        return len(text.encode()[:column].decode(errors="ignore"))

    def span(self, node: ast.AST) -> Span:
        """The span of a node; a module is its whole text, a comprehension clause goes from target to last condition."""
        if isinstance(node, ast.Module):
            lines = _NEWLINE.split(self._text)
            return Span(self.path, 1, 0, len(lines), len(lines[-1]))
        first: ast.AST = node
        last: ast.AST = node
        if isinstance(node, ast.comprehension):
            first, last = node.target, node.ifs[-1] if node.ifs else node.iter
        elif isinstance(node, ast.withitem):
            first, last = node.context_expr, node.optional_vars or node.context_expr
        elif isinstance(node, ast.match_case):
            first, last = node.pattern, node.body[-1]
        elif isinstance(node, ast.arguments):
            inner = [child for child in ast.iter_child_nodes(node) if hasattr(child, "lineno")]
            if inner:
                first, last = inner[0], inner[-1]
        if not hasattr(first, "lineno") or not hasattr(last, "end_lineno"):
            raise ValueError(f"{type(node).__name__} has no place in the text")
        return Span(
            self.path,
            first.lineno,
            self._column(first.lineno, first.col_offset),  # type: ignore[attr-defined]
            last.end_lineno,
            self._column(last.end_lineno, last.end_col_offset),  # type: ignore[attr-defined]
        )

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node that directly holds this one."""
        if self._parents is None:
            self._index()
        assert self._parents is not None
        return self._parents.get(node)

    def at(self, span: Span) -> list[ast.AST]:
        """All nodes with exactly this span, outer ones first."""
        if self._nodes is None:
            self._index()
        assert self._nodes is not None
        return self._nodes.get((span.line, span.column, span.end_line, span.end_column), [])

    def _index(self) -> None:
        parents: dict[ast.AST, ast.AST] = {}
        nodes: dict[tuple[int, int, int, int], list[ast.AST]] = {}
        stack: list[ast.AST] = [self.tree]
        while stack:
            node = stack.pop()
            children = list(ast.iter_child_nodes(node))
            for child in children:
                parents[child] = node
            stack.extend(reversed(children))
            if hasattr(node, "end_col_offset") or isinstance(node, ast.comprehension):
                span = self.span(node)
                nodes.setdefault((span.line, span.column, span.end_line, span.end_column), []).append(node)
        self._parents, self._nodes = parents, nodes
