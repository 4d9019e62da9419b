"""Sessions that callers outside the project may choose: ``def __init__(self, session=None): self.http = session or requests.Session()``.

What is made here instead becomes a session of the added module, and the calls on it are awaited. Whoever passes a session of requests
from outside would have it awaited, too, which ends in a TypeError after the request was sent. So the session moves on a condition.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.project import FunctionInfo
from asyncify.index.values import External
from asyncify.model import Verdict
from asyncify.rules.base import Claim, Role, object_node
from asyncify.rules.facts import Facts
from asyncify.rules.requests_names import SESSIONS

_CHOICES = (ast.BoolOp, ast.IfExp, ast.NamedExpr)


def findings(facts: Facts) -> Iterator[Claim]:
    """A claim for each parameter that may bring a session from outside, which goes with the sessions that take its place."""
    chosen: dict[tuple[str, str, str], set[str]] = {}
    for owner, path, node in _places(facts):
        name = _parameter(facts, path, node)
        if name is not None:
            chosen.setdefault((path, facts.enclosing(path, _scope(facts, path, node)), name), set()).add(owner)
    for (path, function, name), owners in chosen.items():
        argument = _argument(facts, function, name)
        if argument is None:
            continue
        condition = (
            f"callers outside this project that pass {name!r} must pass a session of the added module, "
            "in place of one of requests"
        )
        yield Claim(
            "requests", facts.span(path, argument), function, Role.PART, Verdict.REVIEW,
            f"{function.rpartition('.')[2]}() may be given a session from outside as {name!r}", {"": ()},
            needs_async=False, follows=tuple(sorted(owners)), condition=condition, variant="callers",
        )  # fmt: skip


def _places(facts: Facts) -> Iterator[tuple[str, str, ast.expr]]:
    """Every expression that may be a session made here, or the module in its place, with what moves then."""
    for instance, places in facts.instances.items():
        if instance.type in SESSIONS and instance.site is not None and facts.made_by_call(instance):
            for path, node in places:
                yield object_node(instance.site), path, node
    for name, places in facts.objects.items():
        info = facts.project.classes.get(name)
        if info is not None and info.external_bases & SESSIONS:
            for path, node in places:
                yield object_node(info.span), path, node
    for path, node in facts.places_of("requests"):
        read = isinstance(facts.parent(path, node), ast.Attribute)
        if isinstance(node, ast.Name) and not read and facts.values(path, node) == {External("requests")}:
            yield object_node(facts.span(path, node)), path, node


def _scope(facts: Facts, path: str, node: ast.expr) -> ast.AST:
    """What lies in the body of the function that the expression belongs to: for a default, the function's own body."""
    parent = facts.parent(path, node)
    if isinstance(parent, ast.arguments):
        function = facts.parent(path, parent)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return function.body[0]
    return node


def _parameter(facts: Facts, path: str, node: ast.expr) -> str | None:
    """The optional parameter in whose place the session stands; None where a caller outside cannot choose."""
    info = facts.project.functions.get(facts.enclosing(path, _scope(facts, path, node)))
    if info is None or not _offered(info):
        return None
    optional = _optional(facts, info)
    return next((name for name in _names_beside(facts, path, node) if name in optional), None)


def _offered(info: FunctionInfo) -> bool:
    """Whether code outside may call the function: it belongs to a package, and no part of its name is private.

    The functions of a program's own files have all their callers in sight.
    """
    inside = info.name[len(info.module) + 1 :].split(".")
    package = "." in info.module and not info.module.endswith(".__main__")
    private = any(part.startswith("_") and not part.startswith("__") for part in (*info.module.split("."), *inside))
    return (package or info.path.endswith("__init__.py")) and info.parent is None and not private and not info.in_test


def _optional(facts: Facts, info: FunctionInfo) -> set[str]:
    """The parameters that have a default."""
    node = facts.node(info.span, ast.FunctionDef) or facts.node(info.span, ast.AsyncFunctionDef)
    return {argument.arg for argument, _ in _with_defaults(node.args)} if node is not None else set()


def _with_defaults(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    yield from zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True)
    yield from ((a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None)


def _argument(facts: Facts, function: str, name: str) -> ast.arg | None:
    info = facts.project.functions[function]
    node = facts.node(info.span, ast.FunctionDef) or facts.node(info.span, ast.AsyncFunctionDef)
    arguments = (a for a in ast.walk(node.args) if isinstance(a, ast.arg)) if node is not None else ()
    return next((argument for argument in arguments if argument.arg == name), None)


def _names_beside(facts: Facts, path: str, node: ast.expr) -> Iterator[str]:
    """Names that may be there instead of the expression: of a choice with it, assigned where it is, or its own."""
    parent = facts.parent(path, node)
    if isinstance(parent, ast.arguments):
        yield from (argument.arg for argument, default in _with_defaults(parent) if default is node)
        return
    top: ast.AST = node
    while isinstance(parent, _CHOICES):
        top, parent = parent, facts.parent(path, parent)
    if isinstance(parent, (ast.Assign, ast.AnnAssign)):
        targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
        yield from (target.id for target in targets if isinstance(target, ast.Name))
        for target in targets:
            if isinstance(target, ast.Attribute):
                yield from _stored_otherwise(facts, path, target)
        if parent.value is not None:
            yield from _leaves(parent.value)
    if isinstance(top, ast.expr):
        yield from _leaves(top)


def _stored_otherwise(facts: Facts, path: str, target: ast.Attribute) -> Iterator[str]:
    """Names that the same function puts into the same attribute at another place: ``if session: self.http = session``."""
    function = facts.enclosing(path, target)
    for where, store in facts.attribute_stores.get(target.attr, ()):
        statement = facts.parent(where, store)
        if store is target or where != path or facts.enclosing(path, store) != function:
            continue
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
            yield from _leaves(statement.value)


def _leaves(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Name():
            yield node.id
        case ast.BoolOp():
            for value in node.values:
                yield from _leaves(value)
        case ast.IfExp():
            yield from _leaves(node.body)
            yield from _leaves(node.orelse)
        case ast.NamedExpr():
            yield from _leaves(node.value)
