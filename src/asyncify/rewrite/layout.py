"""Comma-separated lists and statement lists: taking items out and putting items in without disturbing the rest."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TypeVar

import libcst as cst

Item = TypeVar("Item", cst.Arg, cst.ImportAlias)

_REMOVED = "asyncify_removed_9f2c"

# A comment that speaks to a tool about its own line says nothing once that line is gone.
_PRAGMA = re.compile(r"#\s*(noqa|type:\s*ignore|pylint:|isort:|pragma:|nosec|ruff:|mypy:|pyright:|fmt:|yapf:)", re.I)


# --- Comma-separated lists -------------------------------------------------------------------------------------


def without_comments(space: cst.BaseParenthesizableWhitespace) -> cst.BaseParenthesizableWhitespace:
    """The same white space without its comments and empty lines."""
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return space
    line = cst.TrailingWhitespace(newline=space.first_line.newline)
    return space.with_changes(first_line=line, empty_lines=())


def with_comment_of(
    space: cst.BaseParenthesizableWhitespace, source: cst.BaseParenthesizableWhitespace
) -> cst.BaseParenthesizableWhitespace:
    """`space`, starting with the comments of `source` if that has any."""
    if not isinstance(source, cst.ParenthesizedWhitespace):
        return space
    lines = [line for line in source.empty_lines if line.comment]
    if source.first_line.comment is None and not lines:
        return space
    if isinstance(space, cst.ParenthesizedWhitespace):
        return space.with_changes(first_line=source.first_line, empty_lines=[*lines, *space.empty_lines])
    return cst.ParenthesizedWhitespace(first_line=source.first_line, empty_lines=lines, indent=True)


def remove_items(
    items: Sequence[Item], drop: Collection[int], tail: cst.BaseParenthesizableWhitespace
) -> tuple[list[Item], cst.BaseParenthesizableWhitespace]:
    """The items without those at the positions `drop`.

    `tail` is the white space behind the last item where no comma follows it; the new tail is returned too. A
    comment behind a dropped item goes with it, the others stay.
    """
    kept = [item for position, item in enumerate(items) if position not in drop]
    if not kept or len(items) - 1 not in drop:
        return kept, tail
    last, removed = kept[-1], items[-1]
    between = last.comma.whitespace_after if isinstance(last.comma, cst.Comma) else cst.SimpleWhitespace("")
    if isinstance(removed.comma, cst.Comma):
        end = with_comment_of(without_comments(removed.comma.whitespace_after), between)
        kept[-1] = last.with_changes(comma=removed.comma.with_changes(whitespace_after=end))
    else:
        tail = with_comment_of(without_comments(tail), between)
        kept[-1] = last.with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return kept, tail


def insert_item(
    items: Sequence[Item],
    position: int,
    new: Item,
    opening: cst.BaseParenthesizableWhitespace,
    tail: cst.BaseParenthesizableWhitespace,
) -> tuple[list[Item], cst.BaseParenthesizableWhitespace]:
    """The items with `new` at `position`, laid out like the others; `tail` as for :func:`remove_items`.

    `opening` is the white space before the first item.
    """
    result: list[Item] = list(items)
    separator = _separator(items, opening)
    if position < len(items):
        result.insert(position, new.with_changes(comma=cst.Comma(whitespace_after=separator)))
        return result, tail
    if not items:
        result.append(new)
        return result, tail
    last = items[-1]
    if isinstance(last.comma, cst.Comma):
        end = last.comma.whitespace_after
        result[-1] = last.with_changes(comma=last.comma.with_changes(whitespace_after=with_comment_of(separator, end)))
        new = new.with_changes(comma=cst.Comma(whitespace_after=without_comments(end)))
    else:
        result[-1] = last.with_changes(comma=cst.Comma(whitespace_after=with_comment_of(separator, tail)))
        tail = without_comments(tail)
    result.append(new)
    return result, tail


def _separator(
    items: Sequence[cst.Arg] | Sequence[cst.ImportAlias], opening: cst.BaseParenthesizableWhitespace
) -> cst.BaseParenthesizableWhitespace:
    """The white space between two items: a line break where the list has one item a line, else one space."""
    if len(items) > 1 and isinstance(items[-2].comma, cst.Comma):
        space = items[-2].comma.whitespace_after
    else:
        space = opening
    return without_comments(space) if isinstance(space, cst.ParenthesizedWhitespace) else cst.SimpleWhitespace(" ")


def laid_out_like(new: cst.BaseExpression, old: cst.BaseExpression) -> cst.BaseExpression:
    """A call that has the arguments of another one, perhaps behind a first one of its own, laid out over lines as that.

    Anything else, and a call in one line, as it is.
    """
    if not (isinstance(new, cst.Call) and isinstance(old, cst.Call) and old.args):
        return new
    spaces = [
        old.whitespace_before_args,
        *(a.comma.whitespace_after for a in old.args if isinstance(a.comma, cst.Comma)),
    ]
    own = len(new.args) - len(old.args)
    if own not in (0, 1) or not any(isinstance(space, cst.ParenthesizedWhitespace) for space in spaces):
        return new
    pairs = list(zip(new.args[own:], old.args, strict=True))
    if any((a.star, a.keyword and a.keyword.value) != (b.star, b.keyword and b.keyword.value) for a, b in pairs):
        return new
    args = [
        a.with_changes(comma=b.comma, equal=b.equal, whitespace_after_star=b.whitespace_after_star,
                       whitespace_after_arg=b.whitespace_after_arg)
        for a, b in pairs
    ]  # fmt: skip
    if own:
        opening = _separator(old.args, old.whitespace_before_args)
        args.insert(0, new.args[0].with_changes(comma=cst.Comma(whitespace_after=opening)))
    return new.with_changes(args=args, whitespace_before_args=old.whitespace_before_args)


# --- Lists of statements ---------------------------------------------------------------------------------------


def marker(lines: Sequence[cst.EmptyLine]) -> cst.SimpleStatementLine:
    """A statement without content that stands for a removed one; :func:`without_markers` takes it out.

    LibCST silently drops a line without statements, and its comments with it; so this one has a name for content.
    """
    content = cst.Expr(cst.Name(_REMOVED))
    return cst.SimpleStatementLine(body=[content], leading_lines=tuple(lines))


def is_marker(statement: cst.BaseStatement) -> bool:
    """Whether `statement` was made by :func:`marker`."""
    match statement:
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.Name(value=name))]):
            return name == _REMOVED
    return False


def removed(line: cst.SimpleStatementLine) -> cst.SimpleStatementLine:
    """What is left of a removed line: its comments, except one that only spoke to a tool."""
    lines = list(line.leading_lines)
    comment = line.trailing_whitespace.comment
    if comment is not None and not _PRAGMA.match(comment.value):
        lines.append(cst.EmptyLine(comment=comment))
    return marker(lines)


def without_markers(
    body: Sequence[cst.BaseStatement], footer: Sequence[cst.EmptyLine], *, opens_file: bool
) -> tuple[list[cst.BaseStatement], list[cst.EmptyLine]]:
    """Statements and footer of a block without markers; their comments move to what follows.

    `opens_file`: nothing, not even a comment, stands before the first statement.
    """
    result: list[cst.BaseStatement] = []
    carried: list[cst.EmptyLine] | None = None
    for statement in body:
        lines = leading_lines(statement)
        if carried is not None:
            lines = _join(carried, lines)
            carried = None
            if not result and opens_file:
                lines = strip_blank(lines)
        if is_marker(statement):
            carried = lines
        else:
            result.append(with_leading_lines(statement, lines))
    end = list(footer)
    if carried is not None and any(line.comment for line in carried):
        end = [*carried, *end]
    return result, end


def without_markers_in(block: cst.IndentedBlock) -> cst.IndentedBlock:
    """An indented block without markers, with a `pass` (below their comments) if nothing else is left."""
    if not any(is_marker(statement) for statement in block.body):
        return block
    body, footer = without_markers(block.body, (), opens_file=False)
    if not body:
        return block.with_changes(body=[cst.SimpleStatementLine([cst.Pass()], leading_lines=strip_blank(footer))])
    return block.with_changes(body=body, footer=[*footer, *block.footer])


def leading_lines(statement: cst.BaseStatement) -> list[cst.EmptyLine]:
    """The empty lines and comments above a statement."""
    lines = getattr(statement, "leading_lines", ())
    return list(lines)


def with_leading_lines(statement: cst.BaseStatement, lines: Sequence[cst.EmptyLine]) -> cst.BaseStatement:
    """`statement` below `lines`; the same object if they are there already."""
    if list(lines) == leading_lines(statement):
        return statement
    return statement.with_changes(leading_lines=tuple(lines))


def strip_blank(lines: Sequence[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """The lines from the first comment on."""
    for position, line in enumerate(lines):
        if line.comment:
            return list(lines[position:])
    return []


def _join(first: list[cst.EmptyLine], second: list[cst.EmptyLine]) -> list[cst.EmptyLine]:
    if any(line.comment for line in first):
        return [*first, *second]
    blank = next((position for position, line in enumerate(second) if line.comment), len(second))
    return second if blank >= len(first) else [*first, *second[blank:]]
