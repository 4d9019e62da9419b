"""Puts the statements of a template where one statement stood: in a line, a one-line suite, or a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import libcst as cst

from asyncify.rewrite.layout import is_marker, leading_lines, marker, removed, with_leading_lines


def replaced_line(
    original: cst.SimpleStatementLine,
    updated: cst.SimpleStatementLine,
    replacements: Mapping[cst.CSTNode, list[cst.BaseStatement]],
) -> list[cst.BaseStatement]:
    """The statements that stand where one line stood; a marker where nothing is left of it."""
    if not any(small in replacements for small in original.body):
        return [updated]
    if len(original.body) == 1:
        lines = list(replacements[original.body[0]])
    else:
        lines = _split(original.body, updated.body, replacements)
    if not lines:
        return [removed(updated)]
    lines = _with_trailing(lines, updated.trailing_whitespace)
    return _below(updated.leading_lines, lines)


def replaced_suite(
    original: cst.SimpleStatementSuite,
    updated: cst.SimpleStatementSuite,
    replacements: Mapping[cst.CSTNode, list[cst.BaseStatement]],
) -> cst.BaseSuite:
    """The body that was on the line of its `if x:`; indented if it no longer fits there."""
    if not any(small in replacements for small in original.body):
        return updated
    lines = _split(original.body, updated.body, replacements)
    if not lines:
        return updated.with_changes(body=[cst.Pass()])
    only = lines[0]
    if len(lines) == 1 and isinstance(only, cst.SimpleStatementLine) and not only.leading_lines:
        if len(only.body) == 1 or len(original.body) > 1:
            return updated.with_changes(body=only.body)
        lines = [cst.SimpleStatementLine([small.with_changes(semicolon=_NONE)]) for small in only.body]
    return cst.IndentedBlock(body=lines, header=updated.trailing_whitespace)


def with_surroundings(
    node: cst.BaseCompoundStatement, new: Sequence[cst.BaseStatement], *, keeps_body: bool
) -> list[cst.BaseStatement]:
    """New statements for a compound one, with its comments above and behind its first line."""
    header = node.body.header if isinstance(node.body, cst.IndentedBlock) else None
    if isinstance(node.body, cst.SimpleStatementSuite) and not keeps_body:
        header = node.body.trailing_whitespace
    if not new:
        line = cst.SimpleStatementLine(body=(), leading_lines=node.leading_lines)
        return [removed(line.with_changes(trailing_whitespace=header or cst.TrailingWhitespace()))]
    lines = list(new)
    if header is not None and header.comment is not None:
        lines = _comment_behind(lines, 0, header)
    return _below(node.leading_lines, lines)


_NONE = cst.MaybeSentinel.DEFAULT


def _split(
    original: Sequence[cst.BaseSmallStatement],
    updated: Sequence[cst.BaseSmallStatement],
    replacements: Mapping[cst.CSTNode, list[cst.BaseStatement]],
) -> list[cst.BaseStatement]:
    """Lines for the statements of one line: a single one as long as only simple statements take part."""
    lines: list[cst.BaseStatement] = []
    current: list[cst.BaseSmallStatement] = []

    def flush() -> None:
        if current:
            smalls = [*current[:-1], current[-1].with_changes(semicolon=_NONE)]
            lines.append(cst.SimpleStatementLine(smalls))
            current.clear()

    for before, after in zip(original, updated, strict=True):
        if before not in replacements:
            current.append(after)
            continue
        for statement in replacements[before]:
            if isinstance(statement, cst.SimpleStatementLine) and _is_bare(statement):
                current.extend(statement.body)
                continue
            flush()
            lines.append(statement)
    ended_with_semicolon = isinstance(updated[-1].semicolon, cst.Semicolon)
    if current and ended_with_semicolon:
        last = current[-1].with_changes(semicolon=updated[-1].semicolon)
        lines.append(cst.SimpleStatementLine([*current[:-1], last]))
    else:
        flush()
    return lines


def _is_bare(line: cst.SimpleStatementLine) -> bool:
    """Whether nothing but its statements would be lost if they moved to another line."""
    return not is_marker(line) and not line.leading_lines and line.trailing_whitespace.comment is None


def _with_trailing(lines: list[cst.BaseStatement], trailing: cst.TrailingWhitespace) -> list[cst.BaseStatement]:
    """The white space and comment that ended the replaced line, at the end of the new lines."""
    last = lines[-1]
    if isinstance(last, cst.SimpleStatementLine) and not is_marker(last):
        if last.trailing_whitespace.comment is None:
            return [*lines[:-1], last.with_changes(trailing_whitespace=trailing)]
        return _comment_above(lines, trailing)
    if trailing.comment is None:
        return lines
    return _comment_behind(lines, len(lines) - 1, trailing)


def _comment_behind(
    lines: list[cst.BaseStatement], position: int, trailing: cst.TrailingWhitespace
) -> list[cst.BaseStatement]:
    """A comment behind the first line of the statement at `position`, or above all of them if that has one."""
    statement = lines[position]
    changed: cst.BaseStatement | None = None
    if isinstance(statement, cst.SimpleStatementLine):
        if not is_marker(statement) and statement.trailing_whitespace.comment is None:
            changed = statement.with_changes(trailing_whitespace=trailing)
    elif isinstance(statement, cst.BaseCompoundStatement):
        body = statement.body
        if isinstance(body, cst.IndentedBlock) and body.header.comment is None:
            changed = statement.with_changes(body=body.with_changes(header=trailing))
        elif isinstance(body, cst.SimpleStatementSuite) and body.trailing_whitespace.comment is None:
            changed = statement.with_changes(body=body.with_changes(trailing_whitespace=trailing))
    if changed is None:
        return _comment_above(lines, trailing)
    return [*lines[:position], changed, *lines[position + 1 :]]


def _comment_above(lines: list[cst.BaseStatement], trailing: cst.TrailingWhitespace) -> list[cst.BaseStatement]:
    if trailing.comment is None:
        return lines
    return _below([cst.EmptyLine(comment=trailing.comment)], lines)


def _below(above: Sequence[cst.EmptyLine], lines: list[cst.BaseStatement]) -> list[cst.BaseStatement]:
    if not above:
        return lines
    first = lines[0]
    if is_marker(first):
        return [marker([*above, *leading_lines(first)]), *lines[1:]]
    return [with_leading_lines(first, [*above, *leading_lines(first)]), *lines[1:]]
