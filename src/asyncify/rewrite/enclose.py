"""Statements moved into a new coroutine function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import libcst as cst

from asyncify.errors import InternalError
from asyncify.model import WrapStatements
from asyncify.rewrite.locate import Places

Block: TypeAlias = cst.Module | cst.IndentedBlock
Statement: TypeAlias = cst.SimpleStatementLine | cst.BaseCompoundStatement


@dataclass(frozen=True, slots=True)
class Move:
    """Statements of one block, by their original nodes, that become the body of a function."""

    edit: WrapStatements
    first: Statement
    last: Statement


def moves(module: cst.Module, edits: Sequence[WrapStatements], places: Places) -> dict[Block, Move]:
    """Which statements of which block each edit moves.

    Raises InternalError if the ends of an edit's span are not statements of one block.
    """
    out: dict[Block, Move] = {}
    for edit in edits:
        ends = [places.found.get(span) for span in (edit.first, edit.last)]
        nodes = [found.statement if found is not None else None for found in ends]
        if nodes[0] is None or nodes[1] is None:
            raise InternalError("no statement to move", edit.span)
        finder = _Finder(nodes[0], nodes[1])
        module.visit(finder)
        if finder.block is None or finder.block in out:
            raise InternalError("the statements to move do not lie in one block", edit.span)
        block = finder.block
        first, last = block.body[finder.start], block.body[finder.stop]
        assert isinstance(first, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
        assert isinstance(last, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
        out[block] = Move(edit, first, last)
    return out


class _Finder(cst.CSTVisitor):
    """Finds the block whose own statements hold (or are) two given nodes."""

    def __init__(self, first: cst.CSTNode, last: cst.CSTNode) -> None:
        super().__init__()
        self.ends = (first, last)
        self.block: Block | None = None
        self.start = self.stop = 0

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, (cst.Module, cst.IndentedBlock)):
            first, last = (
                next((number for number, statement in enumerate(node.body) if _is_or_holds(statement, end)), None)
                for end in self.ends
            )
            if first is not None and last is not None:
                self.block, self.start, self.stop = node, first, last
        return self.block is None


def _is_or_holds(statement: cst.CSTNode, node: cst.CSTNode) -> bool:
    if statement is node:
        return True
    return isinstance(statement, cst.SimpleStatementLine) and any(small is node for small in statement.body)


def moved(
    move: Move, original: Block, updated: Block, done: Mapping[cst.CSTNode, Sequence[cst.BaseStatement]]
) -> Block:
    """The updated block with its statements moved; `done` says what became of each original statement."""
    before: list[cst.BaseStatement] = []
    inside: list[cst.BaseStatement] = []
    after: list[cst.BaseStatement] = []
    into = before
    for statement in original.body:
        if statement is move.first:
            into = inside
        assert isinstance(statement, cst.BaseStatement)
        into += done.get(statement, [statement])
        if statement is move.last:
            into = after
    inside = [_without_trailing_space(statement) for statement in inside]
    inside[0] = _without_blank_lines(inside[0])
    if move.edit.global_names:
        names = [cst.NameItem(cst.Name(name)) for name in move.edit.global_names]
        inside.insert(0, cst.SimpleStatementLine([cst.Global(names)]))
    at_module = isinstance(original, cst.Module)
    blank = cst.EmptyLine(indent=False)
    function = cst.FunctionDef(
        name=cst.Name(move.edit.name),
        params=cst.Parameters(),
        body=cst.IndentedBlock(inside),
        asynchronous=cst.Asynchronous(),
        leading_lines=(blank, blank) if at_module and before else (),
    )
    call = cst.parse_statement(move.edit.call)
    assert isinstance(call, cst.SimpleStatementLine)
    call = call.with_changes(leading_lines=(blank, blank) if at_module else (blank,))
    return updated.with_changes(body=[*before, function, call, *after])


def _without_trailing_space(statement: cst.BaseStatement) -> cst.BaseStatement:
    """The statement with blank lines above it that stay blank when they are indented."""
    lines = [
        line if line.comment is not None else line.with_changes(indent=False)
        for line in getattr(statement, "leading_lines", ())
    ]
    return statement.with_changes(leading_lines=lines)


def _without_blank_lines(statement: cst.BaseStatement) -> cst.BaseStatement:
    leading = list(getattr(statement, "leading_lines", ()))
    while leading and leading[0].comment is None:
        leading.pop(0)
    return statement.with_changes(leading_lines=leading)
