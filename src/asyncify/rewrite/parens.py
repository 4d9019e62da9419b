"""Where a new expression needs parentheses: decided by Python's own parser, not by a table of precedences."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TypeVar

import libcst as cst

Expression = TypeVar("Expression", bound=cst.BaseExpression)
Host = TypeVar("Host", bound=cst.CSTNode)

# Expressions that need no parentheses wherever an expression may stand.
_ATOMS = (
    cst.Attribute,
    cst.Call,
    cst.ConcatenatedString,
    cst.FormattedString,
    cst.List,
    cst.ListComp,
    cst.Name,
    cst.SimpleString,
    cst.Subscript,
)


def outer(node: cst.BaseExpression) -> tuple[Sequence[cst.LeftParen], Sequence[cst.RightParen]]:
    """The parentheses around `node` that are not part of it (the innermost pair of a tuple or generator is)."""
    if isinstance(node, (cst.Tuple, cst.GeneratorExp)) and node.lpar:
        return node.lpar[:-1], node.rpar[1:]
    return node.lpar, node.rpar


def bare(node: Expression) -> Expression:
    """`node` without the parentheses around it."""
    left, right = outer(node)
    if not left:
        return node
    own_left, own_right = node.lpar[len(left) :], node.rpar[: len(node.rpar) - len(right)]
    return node.with_changes(lpar=own_left, rpar=own_right)


def wrapped(node: Expression, like: cst.BaseExpression | None = None) -> Expression:
    """`node` in one more pair of parentheses, or in all those around `like`."""
    left, right = outer(like) if like is not None else ((cst.LeftParen(),), (cst.RightParen(),))
    return node.with_changes(lpar=[*left, *node.lpar], rpar=[*node.rpar, *right])


def plain_parentheses(node: cst.BaseExpression) -> bool:
    """Whether the parentheses around `node` hold no white space or comment of their own."""
    left, right = outer(node)
    return all(isinstance(one.whitespace_after, cst.SimpleWhitespace) for one in left) and all(
        isinstance(one.whitespace_before, cst.SimpleWhitespace) for one in right
    )


def settle(host: Host, new: cst.BaseExpression, module: cst.Module) -> Host:
    """`host` with parentheses around its part `new` if Python would read it otherwise without.

    `host` is the nearest expression or statement around `new`.
    """
    if outer(new)[0] or isinstance(new, _ATOMS):
        return host
    if isinstance(new, cst.Await):
        for slot in ("func", "value", "expression"):
            if isinstance(host, (cst.Attribute, cst.Subscript, cst.Call, cst.Await)) and (
                getattr(host, slot, None) is new
            ):
                changed = host.with_changes(**{slot: wrapped(new)})
                assert isinstance(changed, type(host))
                return changed
        return host
    return unless_same(host, new, wrapped(new), module)


def unless_same(
    host: Host, part: cst.CSTNode, other: cst.CSTNode, module: cst.Module, *, standalone: bool = False
) -> Host:
    """`host` if Python reads it the same with `other` instead of `part`, else `host` with `other`.

    `standalone`: the host stands outside all brackets, so line breaks count.
    """
    replaced = swap(host, part, other)
    reading = _reading(host, module, standalone)
    return host if reading is not None and reading == _reading(replaced, module, standalone) else replaced


def swap(host: Host, old: cst.CSTNode, new: cst.CSTNode) -> Host:
    """`host` with its part `old` replaced by `new`.

    Unlike LibCST's ``deep_replace`` this keeps all nodes that do not contain `old`, so that others waiting for the
    same treatment are still found.
    """
    result = host.visit(_Swap(old, new))
    assert isinstance(result, type(host))
    return result


class _Swap(cst.CSTTransformer):
    def __init__(self, old: cst.CSTNode, new: cst.CSTNode) -> None:
        super().__init__()
        self.old = old
        self.new = new

    def on_visit(self, node: cst.CSTNode) -> bool:
        return node is not self.old

    def on_leave(  # type: ignore[override]
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> cst.CSTNode:
        if original_node is self.old:
            return self.new
        pairs = zip(original_node.children, updated_node.children, strict=True)
        return original_node if all(one is other for one, other in pairs) else updated_node


def _reading(host: cst.CSTNode, module: cst.Module, standalone: bool) -> str | None:
    code = module.code_for_node(host)
    if isinstance(host, cst.BaseExpression) and not standalone:
        code = f"(\n{code}\n)"
    try:
        return ast.dump(ast.parse(code))
    except (SyntaxError, ValueError):
        return None
