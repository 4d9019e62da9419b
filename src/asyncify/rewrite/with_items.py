"""A ``with`` statement of several items, some of which become asynchronous."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import libcst as cst


def split_with(statement: cst.With, asynchronous: Sequence[bool]) -> cst.With:
    """The statement with those items asynchronous; nested statements, in the same order, where not all of them are."""
    runs = [
        [item for item, _ in run]
        for _, run in itertools.groupby(zip(statement.items, asynchronous, strict=True), lambda pair: pair[1])
    ]
    inner = statement.body
    part = statement
    flag = asynchronous[-1]
    for number, items in reversed(list(enumerate(runs))):
        last = number == len(runs) - 1
        part = _with(statement, items, last=last).with_changes(
            body=inner, asynchronous=cst.Asynchronous() if flag else None, leading_lines=()
        )
        inner, flag = cst.IndentedBlock([part]), not flag
    return part.with_changes(leading_lines=statement.leading_lines)


def _with(statement: cst.With, items: list[cst.WithItem], *, last: bool) -> cst.With:
    """The statement with some of its items only; `last` if they are its last ones."""
    comma = items[-1].comma
    if not isinstance(statement.lpar, cst.LeftParen):
        items = [*items[:-1], items[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
        return statement.with_changes(items=items)
    if last:
        return statement.with_changes(items=items)
    if isinstance(comma, cst.Comma) and _commented(comma):  # the comment goes on standing behind the comma
        space = comma.whitespace_after
        assert isinstance(space, cst.ParenthesizedWhitespace)
        closing = space.with_changes(last_line=cst.SimpleWhitespace(""))
        items = [*items[:-1], items[-1].with_changes(comma=comma.with_changes(whitespace_after=closing))]
        return statement.with_changes(items=items, rpar=cst.RightParen())
    items = [*items[:-1], items[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
    if len(items) > 1 or _commented(statement.lpar):
        return statement.with_changes(items=items)
    plain = cst.MaybeSentinel.DEFAULT
    return statement.with_changes(items=items, lpar=plain, rpar=plain)


def _commented(token: cst.Comma | cst.LeftParen) -> bool:
    """Whether a comment stands behind the token: it may only go on standing there within parentheses."""
    space = token.whitespace_after
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return False
    return space.first_line.comment is not None or any(line.comment is not None for line in space.empty_lines)
