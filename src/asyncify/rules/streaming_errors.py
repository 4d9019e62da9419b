"""The response of an exception: with ``stream=True`` nothing has been read of its body when ``raise_for_status()`` raises."""

from __future__ import annotations

import ast

from asyncify.index.values import Class, Object
from asyncify.rules.facts import Facts
from asyncify.rules.flow import local_loads
from asyncify.rules.once import once

_WITHOUT_BODY = frozenset(
    "status_code headers ok url reason history cookies elapsed encoding request is_redirect is_permanent_redirect links "
    "raise_for_status close next".split()
)


@once
def body_of_error(facts: Facts) -> str:
    """An expression of the project that may read the body of an exception's response; empty if there is none."""
    for path in facts.project.files:
        for node in facts.nodes(path, ast.Attribute) if facts.spells(path, frozenset([".response"])) else ():
            loaded = node.attr == "response" and isinstance(node.ctx, ast.Load)
            if loaded and not _of_something_else(facts, path, node) and _reads(facts, path, node):
                return facts.text(path, node)
    for call in facts.calls_of(("builtins.getattr",)):
        match call.node.args:
            case [_, ast.Constant(value="response"), *_] if _reads(facts, call.span.path, call.node):
                return facts.text(call.span.path, call.node)
    return ""


def _of_something_else(facts: Facts, path: str, node: ast.Attribute) -> bool:
    """Whether it is the attribute of an object of the project that is no exception."""
    values = facts.values(path, node.value)
    classes = {v.cls if isinstance(v, Object) else v.name for v in values if isinstance(v, (Object, Class))}
    own = len(values) > 0 and all(isinstance(value, (Object, Class)) for value in values)
    return own and not any(facts.project.classes[name].external_bases for name in classes)


def _reads(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether more may happen to a response than that something is read which came before the body."""
    parent = facts.parent(path, node)
    match parent:
        case ast.Attribute():
            return parent.attr not in _WITHOUT_BODY
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp():
            return not _only_asked(facts, path, parent)
        case ast.If() | ast.While() | ast.Assert() | ast.Expr():
            return False
        case ast.IfExp() if parent.test is node:
            return False
        case ast.Assign(targets=[target]):
            loads = local_loads(facts, path, target)
            return loads is None or any(_reads(facts, path, load) for load in loads)
    return True


def _only_asked(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether what is computed from it is a truth value, or asked for one only."""
    if isinstance(node, (ast.Compare, ast.UnaryOp)):
        return True
    parent = facts.parent(path, node)
    if isinstance(parent, (ast.BoolOp, ast.UnaryOp)):
        return _only_asked(facts, path, parent)
    return isinstance(parent, (ast.If, ast.While, ast.Assert)) or (
        isinstance(parent, ast.IfExp) and parent.test is node
    )
