"""Loops whose requests are started ahead of their turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import libcst as cst

from asyncify.model import FetchAhead

_Comprehension = cst.ListComp | cst.SetComp | cst.DictComp


def answer_of(edit: FetchAhead) -> cst.Await:
    """What stands in the place of the call."""
    return cst.Await(cst.Name(edit.answer))


def ahead_in_for(
    loop: cst.For, edit: FetchAhead, call: cst.BaseExpression, lets: Mapping[str, cst.CSTNode], module: cst.Module
) -> cst.For:
    """The ``for`` statement over pairs of items and answers."""
    target, iterable = _header(loop.target, loop.iter, (), edit, call, lets, module)
    space = cst.SimpleWhitespace(" ")
    return loop.with_changes(target=target, iter=iterable, whitespace_after_for=space, whitespace_after_in=space)


def ahead_in_comprehension(
    node: _Comprehension,
    edit: FetchAhead,
    call: cst.BaseExpression,
    lets: Mapping[str, cst.CSTNode],
    module: cst.Module,
) -> _Comprehension:
    """The comprehension over pairs of items and answers; its conditions choose the items that are asked for."""
    clause = node.for_in
    target, iterable = _header(clause.target, clause.iter, clause.ifs, edit, call, lets, module)
    return node.with_changes(for_in=clause.with_changes(target=target, iter=iterable, ifs=()))


def _header(
    target: cst.BaseExpression,
    iterable: cst.BaseExpression,
    conditions: Sequence[cst.CompIf],
    edit: FetchAhead,
    call: cst.BaseExpression,
    lets: Mapping[str, cst.CSTNode],
    module: cst.Module,
) -> tuple[cst.BaseExpression, cst.BaseExpression]:
    """The new target and the new iterable."""
    names = module.code_for_node(_unwrapped(target))
    item = names if isinstance(target, cst.Name) else f"({names})"
    clauses = f"for {names} in {_operand(iterable, module)}"
    clauses += "".join(f" if {_operand(condition.test, module)}" for condition in conditions)
    clauses += "".join(f" for {name} in [{module.code_for_node(value)}]" for name, value in lets.items())
    text = f"aio_support.ahead({edit.most}, (({item}, {module.code_for_node(call)}) {clauses}))"
    new = cst.parse_expression(text, config=module.config_for_parsing)
    pair = cst.parse_expression(f"({item}, {edit.answer})", config=module.config_for_parsing)
    return _unwrapped(pair), new


def _unwrapped(node: cst.BaseExpression) -> cst.BaseExpression:
    return node.with_changes(lpar=(), rpar=())


def _operand(node: cst.BaseExpression, module: cst.Module) -> str:
    """Its text as a part of a clause of a comprehension."""
    text = module.code_for_node(node)
    plain = (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.List, cst.Dict, cst.SimpleString, cst.Comparison)
    return text if node.lpar or isinstance(node, plain) else f"({text})"
