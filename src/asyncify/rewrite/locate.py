"""Finds LibCST nodes by span: the spans of :mod:`ast`, columns in code points.

LibCST's own position provider computes lines and columns of every node (twice the cost of parsing). Here the code
generator only counts characters, the few wanted spans are turned into offsets, and nodes are kept where both meet.
Where LibCST's idea of a node's extent differs from that of ``ast`` (a tuple's parentheses, a generator expression as
the only argument, a clause of a comprehension), the extent of ``ast`` is used.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TypeAlias

import libcst as cst
from libcst._nodes.internal import CodegenState

from asyncify.errors import InputError
from asyncify.model import Span
from asyncify.rewrite.encoding import Text, decode, file_span, line_starts

Extent: TypeAlias = tuple[int, int]

_ERROR_LINE = re.compile(r"error at (\d+):")


@dataclass(slots=True)
class Found:
    """The nodes that lie exactly at one span, by what they are. A span can be several things at once."""

    expression: cst.BaseExpression | None = None
    argument: cst.Arg | cst.StarredElement | None = None  # `*x`, `**x` or `k=x`, with star or keyword
    statement: cst.BaseSmallStatement | cst.BaseCompoundStatement | None = None
    parameter: cst.Param | None = None  # by the span of its name
    clause: cst.CompFor | None = None  # one `for` of a comprehension
    body: cst.BaseSuite | None = None  # from its first statement to its last
    in_fstring: bool = False


@dataclass(slots=True)
class Places:
    """What :func:`find_nodes` found: nodes by span, and all their ancestors (themselves included)."""

    found: Mapping[Span, Found]
    relevant: set[cst.CSTNode]
    touching: set[cst.CSTNode]  # expressions among them that stand directly beside a word or string


def read(path: str, data: bytes) -> tuple[Text, cst.Module]:
    """A file decoded and parsed. Raises InputError, with the line, if it cannot be."""
    source = decode(path, data)
    shorter = source.without_last_comments()
    if shorter is not None:
        try:
            return shorter, _parse(shorter)
        except InputError:  # what looked like comments at the end of the file was something else
            pass
    return source, _parse(source)


def _parse(source: Text) -> cst.Module:
    try:
        return cst.parse_module(source.text)
    except cst.ParserSyntaxError as error:
        raise InputError("LibCST cannot parse this file", file_span(source.path, _line(source, error))) from error
    except (RecursionError, cst.CSTValidationError, UnicodeError) as error:
        message = f"LibCST cannot parse this file ({type(error).__name__})"
        raise InputError(message, file_span(source.path)) from error


def _line(source: Text, error: cst.ParserSyntaxError) -> int:
    """The line of an error: Python's own parser knows it better, if it sees the error too."""
    try:
        ast.parse(source.text)
    except SyntaxError as better:
        return better.lineno or 1
    except ValueError:
        return 1
    match = _ERROR_LINE.search(error.message)
    return int(match[1]) if match else error.raw_line


def find_nodes(module: cst.Module, source: Text, wanted: Collection[Span]) -> Places:
    """The nodes at the `wanted` spans of one file; spans without any node are left out.

    Raises InputError if the tree does not generate the source text again (then no offset would mean anything).
    """
    starts = line_starts(source.text)
    extents: dict[Extent, Span] = {}
    for span in wanted:
        if 1 <= span.line <= len(starts) and 1 <= span.end_line <= len(starts):
            extents[starts[span.line - 1] + span.column, starts[span.end_line - 1] + span.end_column] = span
    state = _Locator(
        default_indent=module.default_indent,
        default_newline=module.default_newline,
        wanted=extents,
        first={start for start, _ in extents},
    )
    module._codegen(state)
    if "".join(state.tokens) != source.text:
        raise InputError("LibCST does not reproduce this file exactly", file_span(source.path))
    touching: set[cst.CSTNode] = set()
    for (start, end), span in extents.items():
        found = state.found.get(span)
        if found is not None and found.expression is not None:
            around = source.text[max(0, start - 1) : start] + source.text[end : end + 1]
            if any(one.isalnum() or one in "_\"'" for one in around):
                touching.add(found.expression)
    return Places(state.found, state.relevant, touching)


class _Record(AbstractContextManager[None]):
    """What :meth:`CodegenState.record_syntactic_position` returns; cheaper than a generator."""

    __slots__ = ("end_node", "node", "start", "start_node", "state")

    def __init__(
        self, state: _Locator, node: cst.CSTNode, start_node: cst.CSTNode | None, end_node: cst.CSTNode | None
    ) -> None:
        self.state = state
        self.node = node
        self.start_node = start_node
        self.end_node = end_node

    def __enter__(self) -> None:
        self.start = self.state.offset

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        extents = self.state.extents
        start = self.start if self.start_node is None else extents[self.start_node][0]
        end = self.state.offset if self.end_node is None else extents[self.end_node][1]
        extents[self.node] = (start, end)


@dataclass
class _Locator(CodegenState):
    """Generates code while it counts characters."""

    wanted: Mapping[Extent, Span] = field(default_factory=dict)
    first: set[int] = field(default_factory=set)  # where wanted spans start: a quick way out for all other nodes
    found: dict[Span, Found] = field(default_factory=dict)
    relevant: set[cst.CSTNode] = field(default_factory=set)
    extents: dict[cst.CSTNode, Extent] = field(default_factory=dict)
    offset: int = 0
    stack: list[tuple[cst.CSTNode, int]] = field(default_factory=list)

    def add_indent_tokens(self) -> None:
        for token in self.indent_tokens:
            self.add_token(token)

    def add_token(self, value: str) -> None:
        self.tokens.append(value)
        self.offset += len(value)

    def before_codegen(self, node: cst.CSTNode) -> None:
        self.stack.append((node, self.offset))

    def after_codegen(self, node: cst.CSTNode) -> None:
        _, start = self.stack[-1]
        extent = self.extents.get(node)
        if extent is None:
            extent = self.extents[node] = (start, self.offset)
        if isinstance(node, (cst.Tuple, cst.GeneratorExp)) and node.lpar:
            extent = self._inside_parentheses(node)
        elif isinstance(node, cst.CompFor):
            extent = self._clause(node)
        elif isinstance(node, cst.Call):
            self._sole_generator(node, extent)
        elif isinstance(node, cst.Expr):
            extent = (start, self._outer(node.value)[1])
        elif isinstance(node, (cst.SimpleStatementLine, cst.SimpleStatementSuite)):
            extent = self._line_of_statements(node, extent)
        elif isinstance(node, cst.IndentedBlock) and isinstance(last := node.body[-1], cst.SimpleStatementLine):
            extent = (extent[0], self.extents[last.body[-1]][1])
        if extent[0] in self.first:
            span = self.wanted.get(extent)
            if span is not None:
                self._keep(node, span)
        self.stack.pop()

    def record_syntactic_position(  # type: ignore[override]  # a context manager all the same
        self,
        node: cst.CSTNode,
        *,
        start_node: cst.CSTNode | None = None,
        end_node: cst.CSTNode | None = None,
    ) -> _Record:
        return _Record(self, node, start_node, end_node)

    def _outer(self, node: cst.BaseExpression) -> Extent:
        """The extent with all parentheses."""
        if not node.lpar:
            return self.extents[node]
        return self.extents[node.lpar[0]][0], self.extents[node.rpar[-1]][1]

    def _inside_parentheses(self, node: cst.BaseExpression) -> Extent:
        """The extent with the innermost parentheses: they belong to a tuple and to a generator expression."""
        return self.extents[node.lpar[-1]][0], self.extents[node.rpar[0]][1]

    def _own(self, node: cst.BaseExpression) -> Extent:
        """The extent ``ast`` gives to an expression that has been generated already."""
        if isinstance(node, (cst.Tuple, cst.GeneratorExp)) and node.lpar:
            return self._inside_parentheses(node)
        return self.extents[node]

    def _clause(self, node: cst.CompFor) -> Extent:
        last = node.ifs[-1].test if node.ifs else node.iter
        return self._own(node.target)[0], self._own(last)[1]

    def _line_of_statements(self, node: cst.SimpleStatementLine | cst.SimpleStatementSuite, extent: Extent) -> Extent:
        """The extent of the statements of a line.

        A compound statement that ends with this line includes its final semicolon, if there is one.
        """
        last = node.body[-1]
        end = self.extents[last][1]
        if isinstance(last.semicolon, cst.Semicolon):
            self.extents[node] = (extent[0], end + len(_text_of(last.semicolon.whitespace_before, self)) + 1)
        first = self.extents[node.body[0]][0]
        return first, end

    def _sole_generator(self, node: cst.Call, extent: Extent) -> None:
        """A generator expression without parentheses of its own takes those of the call."""
        if len(node.args) == 1 and isinstance(generator := node.args[0].value, cst.GeneratorExp):
            if generator.lpar or node.args[0].keyword or node.args[0].star:
                return
            callee = node.func
            opening = self._outer(callee)[1] + len(_text_of(node.whitespace_after_func, self))
            span = self.wanted.get((opening, extent[1]))
            if span is not None:
                self.stack.append((node.args[0], opening))
                self.stack.append((generator, opening))
                self._keep(generator, span)
                self.stack.pop()
                self.stack.pop()

    def _keep(self, node: cst.CSTNode, span: Span) -> None:
        """Note that `node` (the top of the stack) lies at `span`, if it is something an edit can mean."""
        found = self.found.get(span) or Found()
        parents = [parent for parent, _ in self.stack[:-1]]
        if isinstance(node, cst.Name) and isinstance(parents[-1], cst.Param) and parents[-1].name is node:
            found.parameter = parents[-1]
        elif isinstance(node, cst.BaseExpression):
            if not _is_expression(node, parents):
                return
            if isinstance(node, cst.StarredElement):
                found.argument = node
            else:
                found.expression = node
        elif isinstance(node, cst.Arg):
            if not node.star and node.keyword is None:
                return
            found.argument = node
        elif isinstance(node, (cst.BaseSmallStatement, cst.BaseCompoundStatement)):
            found.statement = node
        elif isinstance(node, cst.CompFor):
            found.clause = node
        elif isinstance(node, cst.BaseSuite):
            found.body = node
        else:
            return
        found.in_fstring = found.in_fstring or any(isinstance(one, cst.FormattedStringExpression) for one in parents)
        self.found[span] = found
        self.relevant.add(node)
        self.relevant.update(parents)


def _text_of(node: cst.CSTNode, state: CodegenState) -> str:
    plain = CodegenState(
        default_indent=state.default_indent,
        default_newline=state.default_newline,
        indent_tokens=list(state.indent_tokens),
    )
    node._codegen(plain)
    return "".join(plain.tokens)


def _is_expression(node: cst.BaseExpression, parents: list[cst.CSTNode]) -> bool:
    """Whether `node` is an expression to ``ast`` too, and not the bare name of something."""
    parent = parents[-1]
    match parent:
        case cst.Attribute():
            if parent.attr is node:
                return False
        case cst.Arg():
            if parent.keyword is node:
                return False
        case cst.Param() | cst.FunctionDef() | cst.ClassDef() | cst.TypeVar() | cst.TypeVarTuple() | cst.ParamSpec():
            if parent.name is node:
                return False
        case cst.ImportAlias() | cst.ImportFrom() | cst.NameItem():
            return False
        case cst.AsName():
            return isinstance(parents[-2], cst.WithItem)
    if isinstance(node, (cst.Name, cst.Attribute)):
        for one in reversed(parents):
            if isinstance(one, (cst.Import, cst.ImportFrom)):
                return False
            if not isinstance(one, cst.Attribute):
                break
    return True
