"""f-strings: where their contents are, and what they say of them.

Before Python 3.12, :mod:`ast` gives many expressions in them wrong places. A wrong span could by chance be that of some other
node, so all spans of misplaced nodes are refused.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from itertools import pairwise

import libcst as cst

from asyncify.model import Span
from asyncify.rewrite.encoding import line_starts


def misplaced_spans(path: str, text: str) -> frozenset[Span]:
    """The spans that ``ast`` gives to expressions inside f-strings, where they are not the place of the expression.

    Empty from Python 3.12 on. A text that cannot be parsed has none.
    """
    if sys.version_info >= (3, 12) or "{" not in text:
        return frozenset()
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return frozenset()
    lines: list[str] | None = None
    spans: set[Span] = set()
    for field in ast.walk(tree):
        if not isinstance(field, ast.FormattedValue):
            continue
        for node in _expressions(field.value):
            if lines is None:
                starts = [*line_starts(text), len(text)]
                lines = [text[start:end] for start, end in pairwise(starts)]
            span = _span(path, node, lines)
            if span is not None and not _is_there(node, span, lines):
                spans.add(span)
    return frozenset(spans)


def _expressions(root: ast.expr) -> Iterator[ast.expr]:
    """`root` and the expressions in it, but not the parts of further f-strings."""
    yield root
    if isinstance(root, ast.JoinedStr):
        return
    for node in ast.iter_child_nodes(root):
        if isinstance(node, ast.expr):
            yield from _expressions(node)
        else:  # keywords, comprehension clauses, arguments of a lambda
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    yield from _expressions(child)


def _span(path: str, node: ast.expr, lines: list[str]) -> Span | None:
    if node.end_lineno is None or node.end_col_offset is None or node.end_lineno > len(lines):
        return None
    start = _column(lines[node.lineno - 1], node.col_offset)
    end = _column(lines[node.end_lineno - 1], node.end_col_offset)
    return Span(path, node.lineno, start, node.end_lineno, end)


def _column(line: str, utf8: int) -> int:
    return utf8 if line.isascii() else len(line.encode()[:utf8].decode(errors="replace"))


def _is_there(node: ast.expr, span: Span, lines: list[str]) -> bool:
    part = lines[span.line - 1 : span.end_line]
    if not part:
        return False
    part[-1] = part[-1][: span.end_column]
    part[0] = part[0][span.column :]
    try:
        there = ast.parse("(" + "".join(part) + ")", mode="eval").body
    except (SyntaxError, ValueError):
        return False
    return ast.dump(there) == ast.dump(node)


def spelled_as_before(
    original: cst.FormattedString, node: cst.FormattedString, module: cst.Module
) -> cst.FormattedString:
    """`node`, the changed `original`, where ``{fetch(1)=}`` still shows the text that it had: as text of its own."""
    parts: list[cst.BaseFormattedStringContent] = []
    for old, new in zip(original.parts, node.parts, strict=True):
        if (
            isinstance(old, cst.FormattedStringExpression)
            and isinstance(new, cst.FormattedStringExpression)
            and old.equal is not None
            and not old.expression.deep_equals(new.expression)
        ):
            space = old.whitespace_before_expression, old.expression, old.whitespace_after_expression, old.equal
            text = _literal("".join(module.code_for_node(each) for each in space), original)
            if text is not None:
                conversion = new.conversion or ("r" if new.format_spec is None else None)
                new = new.with_changes(equal=None, conversion=conversion)
                parts.append(cst.FormattedStringText(text))
        parts.append(new)
    return node.with_changes(parts=parts)


def _literal(text: str, string: cst.FormattedString) -> str | None:
    """How the f-string writes `text`; None where it cannot."""
    quote = string.end[0]
    if "r" in string.start.lower():
        if quote in text or "\n" in text:
            return None
    else:
        text = text.replace("\\", "\\\\").replace(quote, f"\\{quote}").replace("\n", "\\n")
    return text.replace("{", "{{").replace("}", "}}")
