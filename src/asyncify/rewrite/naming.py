"""Lambdas defined as coroutine functions in front of the statement that they stand in."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from asyncify.model import NameLambda
from asyncify.rewrite import parens
from asyncify.rewrite.layout import leading_lines, with_leading_lines

_BLANK = cst.EmptyLine(indent=False)


def function_of(node: cst.Lambda, edit: NameLambda, module: cst.Module) -> cst.FunctionDef:
    """The coroutine function that the lambda becomes; `node` has all other edits already."""
    body = node.body.deep_clone()
    line = parens.unless_same(cst.Return(value=body), body, parens.wrapped(body), module)
    params = node.params.deep_clone()
    if edit.bound:
        params = params.with_changes(
            params=[_without_default(param) for param in params.params],
            kwonly_params=[_without_default(param) for param in params.kwonly_params],
        )
    return cst.FunctionDef(
        name=cst.Name(edit.name),
        params=params,
        body=cst.IndentedBlock([cst.SimpleStatementLine([line])]),
        asynchronous=cst.Asynchronous(),
    )


def reference_to(node: cst.Lambda, edit: NameLambda) -> cst.BaseExpression:
    """What stands in the place of the lambda."""
    name = parens.wrapped(cst.Name(edit.name), node) if parens.outer(node)[0] else cst.Name(edit.name)
    if not edit.bound:
        return name
    given = [
        cst.Arg(param.default.deep_clone(), keyword=cst.Name(param.name.value), equal=_EQUAL)
        for param in (*node.params.params, *node.params.kwonly_params)
        if param.default is not None
    ]
    return cst.Call(cst.Attribute(cst.Name("functools"), cst.Name("partial")), [cst.Arg(name), *given])


_EQUAL = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))


def in_place_of(
    line: cst.SimpleStatementLine, functions: Sequence[cst.FunctionDef], *, first: bool, at_top: bool
) -> cst.FunctionDef | None:
    """The function alone, if all that the line does is to give it the name that it has; see :func:`in_front`."""
    match line.body:
        case [cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=cst.Name(value=other))]:
            if len(functions) == 1 and name == other == functions[0].name.value:
                above = list(line.leading_lines)
                blank = sum(1 for each in above if each.comment is None)
                wanted = 0 if first else 2 if at_top else 1
                function = functions[0].with_changes(leading_lines=[*[_BLANK] * (wanted - blank), *above])
                if line.trailing_whitespace.comment is None:
                    return function
                block = function.body.with_changes(header=line.trailing_whitespace)
                return function.with_changes(body=block)
    return None


def in_front(
    statements: Sequence[cst.BaseStatement], functions: Sequence[cst.FunctionDef], *, first: bool, at_top: bool
) -> list[cst.BaseStatement]:
    """The statements behind the functions, with the blank lines of PEP 8; `first` in their block, `at_top` of the module.

    Comments stay with the statement that they stand above.
    """
    blank = [_BLANK] * (2 if at_top else 1)
    above = leading_lines(statements[0])
    comments = next((number for number, line in enumerate(above) if line.comment is not None), len(above))
    out: list[cst.BaseStatement] = []
    for number, function in enumerate(functions):
        lines = above[:comments] or ([] if first else blank) if number == 0 else blank
        out.append(function.with_changes(leading_lines=lines))
    return [*out, with_leading_lines(statements[0], [*blank, *above[comments:]]), *statements[1:]]


def indented(suite: cst.BaseSuite, functions: Sequence[cst.FunctionDef]) -> cst.IndentedBlock:
    """The body of a compound statement that was on its line, with the functions in front."""
    if isinstance(suite, cst.IndentedBlock):
        return suite.with_changes(body=in_front(list(suite.body), functions, first=True, at_top=False))
    assert isinstance(suite, cst.SimpleStatementSuite)
    lines = in_front([cst.SimpleStatementLine(suite.body)], functions, first=True, at_top=False)
    return cst.IndentedBlock(lines, header=suite.trailing_whitespace)


def _without_default(param: cst.Param) -> cst.Param:
    return param.with_changes(default=None, equal=cst.MaybeSentinel.DEFAULT)
