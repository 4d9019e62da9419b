"""Templates of edits: Python text with ``{name}`` holes, into which already edited parts of the file are spliced.

Braces that are meant literally are doubled. A hole is filled by an expression, or, as an argument of a call or an
element of a list, by a starred or keyword argument. In a template of statements, a hole alone on a line whose span
is that of a whole body (first to last statement of a block of the replaced statement) is filled by these statements,
at the indentation of that line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import libcst as cst

from asyncify.errors import InternalError
from asyncify.model import Span
from asyncify.rewrite import parens
from asyncify.rewrite.layout import marker
from asyncify.rewrite.parens import swap

Filling = cst.BaseExpression | cst.Arg | cst.StarredElement | cst.BaseSuite

_BRACE = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)\}|[{}]")
_PREFIX = "asyncify_hole_9f2c_"


def hole_names(template: str, span: Span) -> frozenset[str]:
    """The names of the holes in `template`. Raises InternalError for a single brace that is no hole."""
    return frozenset(_prepare(template, span)[1])


def expression(template: str, fillings: Mapping[str, Filling], module: cst.Module, span: Span) -> cst.BaseExpression:
    """The expression a template stands for.

    Raises InternalError if it is no expression, or a hole has no filling or one that cannot stand there.
    """
    text, names = _prepare(template, span)
    try:
        node = cst.parse_expression(_newlines(text.strip(), module), config=module.config_for_parsing)
    except (cst.ParserSyntaxError, cst.CSTValidationError) as error:
        raise InternalError(f"the template {template!r} is no expression", span) from error
    # A host of one field: the expression itself may be one hole.
    host = _splice(cst.Expr(value=node), names, fillings, module, span)
    assert isinstance(host, cst.Expr)
    return host.value


def statements(
    template: str, fillings: Mapping[str, Filling], module: cst.Module, span: Span
) -> list[cst.BaseStatement]:
    """The statements a template stands for (none for an empty template); errors as for :func:`expression`.

    The comments at the end of a spliced body, if nothing takes them up, are in a marker statement behind it.
    """
    text, names = _prepare(template, span)
    if not text.strip():
        return []
    try:
        parsed = cst.parse_module(_newlines(text.strip("\n") + "\n", module))
    except (cst.ParserSyntaxError, cst.CSTValidationError) as error:
        raise InternalError(f"the template {template!r} is no statement", span) from error
    if parsed.body:
        first = parsed.body[0]
        parsed = parsed.with_changes(
            body=[first.with_changes(leading_lines=parsed.header), *parsed.body[1:]], header=()
        )
    bodies = {name: filling for name, filling in fillings.items() if isinstance(filling, cst.BaseSuite)}
    others = {name: filling for name, filling in fillings.items() if name not in bodies}
    result = parsed.visit(_Blocks(bodies))
    used = names - bodies.keys() if bodies else names
    result = result.with_changes(body=_at_top(result.body, bodies))
    for name in names & bodies.keys():
        if _count(result, name):
            raise InternalError(f"the hole {{{name}}} is a body and must stand alone on a line", span)
    done = _splice(result, used, others, module, span)
    assert isinstance(done, cst.Module)
    return list(done.body)


def suite_statements(suite: cst.BaseSuite) -> tuple[list[cst.BaseStatement], Sequence[cst.EmptyLine]]:
    """The statements of a body, each on lines of its own, and the comments that end it."""
    if isinstance(suite, cst.IndentedBlock):
        return list(suite.body), suite.footer
    assert isinstance(suite, cst.SimpleStatementSuite)
    return [cst.SimpleStatementLine(body=suite.body, trailing_whitespace=suite.trailing_whitespace)], ()


def _prepare(template: str, span: Span) -> tuple[str, set[str]]:
    names: set[str] = set()

    def replace(match: re.Match[str]) -> str:
        if match[1]:
            names.add(match[1])
            return _PREFIX + match[1]
        if len(match[0]) == 1:
            raise InternalError(f"a single brace in the template {template!r}", span)
        return match[0][0]

    return _BRACE.sub(replace, template), names


def _newlines(text: str, module: cst.Module) -> str:
    return text.replace("\r\n", "\n").replace("\n", module.default_newline)


def _hole(node: cst.CSTNode) -> str | None:
    if isinstance(node, cst.Name) and node.value.startswith(_PREFIX):
        return node.value.removeprefix(_PREFIX)
    return None


def _body_hole(statement: cst.CSTNode, bodies: Mapping[str, cst.BaseSuite]) -> cst.BaseSuite | None:
    match statement:
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.Name() as name)]):
            return bodies.get(_hole(name) or "")
    return None


class _Blocks(cst.CSTTransformer):
    """Gives the blocks of a template the file's indentation and fills body holes in them."""

    def __init__(self, bodies: Mapping[str, cst.BaseSuite]) -> None:
        super().__init__()
        self.bodies = bodies

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        block = updated_node.with_changes(indent=None)
        if len(block.body) == 1 and (suite := _body_hole(block.body[0], self.bodies)) is not None:
            inner, footer = suite_statements(suite)
            indent = suite.indent if isinstance(suite, cst.IndentedBlock) else None
            return block.with_changes(body=inner, footer=[*footer, *block.footer], indent=indent)
        return block.with_changes(body=_at_top(block.body, self.bodies))


def _at_top(body: Sequence[cst.BaseStatement], bodies: Mapping[str, cst.BaseSuite]) -> list[cst.BaseStatement]:
    result: list[cst.BaseStatement] = []
    for statement in body:
        suite = _body_hole(statement, bodies)
        if suite is None:
            result.append(statement)
            continue
        inner, footer = suite_statements(suite)
        result += inner
        if any(line.comment for line in footer):
            result.append(marker(footer))
    return result


@dataclass
class _Occurrences(cst.CSTVisitor):
    """Collects the places of one hole."""

    name: str

    def __post_init__(self) -> None:
        super().__init__()
        self.names: list[cst.Name] = []
        self.arguments: list[cst.Arg | cst.Element] = []

    def visit_Name(self, node: cst.Name) -> None:
        if _hole(node) == self.name:
            self.names.append(node)

    def visit_Arg(self, node: cst.Arg) -> None:
        if _hole(node.value) == self.name and not node.keyword and not node.star:
            self.arguments.append(node)

    def visit_Element(self, node: cst.Element) -> None:
        if _hole(node.value) == self.name:
            self.arguments.append(node)


def _count(host: cst.CSTNode, name: str) -> int:
    occurrences = _Occurrences(name)
    host.visit(occurrences)
    return len(occurrences.names)


def _splice(
    host: cst.CSTNode, names: set[str], fillings: Mapping[str, Filling], module: cst.Module, span: Span
) -> cst.CSTNode:
    for name in sorted(names):
        filling = fillings.get(name)
        if filling is None:
            raise InternalError(f"the template has a hole {{{name}}} that the edit does not fill", span)
        occurrences = _Occurrences(name)
        host.visit(occurrences)
        if not occurrences.names:
            raise InternalError(f"the hole {{{name}}} stands in a string or comment of the template", span)
        if isinstance(filling, (cst.Arg, cst.StarredElement)):
            if len(occurrences.arguments) != len(occurrences.names):
                raise InternalError(f"the argument {{{name}}} cannot stand where the template puts it", span)
            for place in occurrences.arguments:
                host = swap(host, place, _argument(filling, place, span))
        else:
            assert isinstance(filling, cst.BaseExpression)
            for node in occurrences.names:
                host = _fill(host, node, filling, module)
    return host


def _fill(host: cst.CSTNode, node: cst.Name, filling: cst.BaseExpression, module: cst.Module) -> cst.CSTNode:
    """Put an expression in place of a hole, in parentheses only where Python needs them."""
    like: cst.BaseExpression | None = node if node.lpar else None
    if not parens.plain_parentheses(filling):
        return swap(host, node, filling.deep_clone())
    # Every occurrence needs nodes of its own: LibCST trees must not share any.
    content = parens.bare(filling).deep_clone()
    if like is not None:
        return swap(host, node, parens.wrapped(content, like))
    replaced = swap(host, node, content)
    return parens.unless_same(replaced, content, parens.wrapped(content), module, standalone=True)


def _argument(
    filling: cst.Arg | cst.StarredElement, place: cst.Arg | cst.Element, span: Span
) -> cst.Arg | cst.StarredElement:
    if isinstance(place, cst.Arg):
        if isinstance(filling, cst.Arg):
            after = cst.SimpleWhitespace("")
            return filling.deep_clone().with_changes(comma=place.comma, whitespace_after_arg=after)
        return cst.Arg(filling.value.deep_clone(), star="*", comma=place.comma)
    if isinstance(filling, cst.Arg) and filling.star != "*":
        raise InternalError("a keyword argument cannot be an element of a list", span)
    return cst.StarredElement(filling.value.deep_clone(), comma=place.comma)
