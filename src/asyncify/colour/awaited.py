"""Calls that are awaited already: what they call gives something to await, which a plain function seldom does."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.project import CallSite, FunctionInfo, Kind
from asyncify.index.values import External, Instance
from asyncify.model import Span
from asyncify.rules.facts import Facts
from asyncify.rules.once import once
from asyncify.rules.suspension import own_nodes

_PROMISING = ("Awaitable", "Coroutine", "Future", "Task", "Deferred")
_MAKERS = frozenset("create_task ensure_future run_in_executor wrap_future gather submit start_soon to_thread".split())
# Decorators after which calling the function gives what it gave.
_KEEPING = ("builtins.staticmethod", "builtins.classmethod", "abc.", "typing.", "tenacity.")
_MADE = "functools._Decorator"  # such a one, made by a call
_ASYNC = ("asyncio.", "anyio.", "trio.", "tornado.", "twisted.", "asgiref.")
_DEPTH = 4


def awaited_already(facts: Facts, call: CallSite) -> bool:
    """Whether the call is the operand of an `await`."""
    return isinstance(facts.parent(call.span.path, call.node), ast.Await)


def is_another(facts: Facts, call: CallSite, function: FunctionInfo) -> bool:
    """Whether a call under the function's name cannot be one of it, for it awaits what the function does not give.

    A decorator or a subclass may have put something else under that name (a method that runs this one in an executor).
    """
    return not function.is_async and awaited_already(facts, call) and not gives_awaitable(facts, function)


def gives_awaitable(facts: Facts, function: FunctionInfo, depth: int = 0) -> bool:
    """Whether something speaks for it that calling the function gives what can be awaited: unknown decorators do."""
    answers = _answers(facts)
    key = (function.name, depth)
    if key not in answers:
        answers[key] = _gives_awaitable(facts, function, depth)
    return answers[key]


@once
def _answers(_facts: Facts) -> dict[tuple[str, int], bool]:
    """Those of :func:`gives_awaitable`, by function and depth."""
    return {}


def _gives_awaitable(facts: Facts, function: FunctionInfo, depth: int) -> bool:
    if function.is_async:
        return True
    node = facts.node(function.span, ast.FunctionDef)
    if node is None or function.kind is not Kind.FUNCTION or depth > _DEPTH:
        return False
    if not all(_keeps_nature(facts, span) for span in function.decorators):
        return True
    if function.is_generator:
        return False
    note = ast.unparse(node.returns) if node.returns is not None else ""
    if any(word in note for word in _PROMISING):
        return True
    given = [part.value for part in own_nodes(node) if isinstance(part, ast.Return) and part.value is not None]
    return any(_maybe(facts, function, node, value, depth) for value in given)


def _keeps_nature(facts: Facts, decorator: Span) -> bool:
    values = facts.project.values(decorator)
    return bool(values) and all(
        (isinstance(value, External) and value.name.startswith(_KEEPING))
        or (isinstance(value, Instance) and value.type == _MADE)
        for value in values
    )


def _maybe(facts: Facts, function: FunctionInfo, node: ast.FunctionDef, value: ast.expr, depth: int) -> bool:
    match value:
        case ast.Name(id=name):
            bound = list(_bound(node, name))
            return any(_maybe(facts, function, node, item, depth + 1) for item in bound if item is not value)
        case ast.IfExp():
            return any(_maybe(facts, function, node, item, depth) for item in (value.body, value.orelse))
        case ast.BoolOp():
            return any(_maybe(facts, function, node, item, depth) for item in value.values)
        case ast.NamedExpr():
            return _maybe(facts, function, node, value.value, depth)
        case ast.Call():
            return _call_may(facts, function, value, depth)
        case _:
            return False


def _bound(node: ast.FunctionDef, name: str) -> Iterator[ast.expr]:
    """What the function assigns to the name."""
    for part in own_nodes(node):
        match part:
            case ast.Assign(targets=targets, value=value) if any(_is(target, name) for target in targets):
                yield value
            case ast.AnnAssign(target=target, value=ast.expr() as value) if _is(target, name):
                yield value
            case ast.NamedExpr(target=target, value=value) if _is(target, name):
                yield value


def _is(target: ast.AST, name: str) -> bool:
    return isinstance(target, ast.Name) and target.id == name


def _call_may(facts: Facts, function: FunctionInfo, value: ast.Call, depth: int) -> bool:
    call = facts.project.call_at(facts.span(function.path, value))
    if call is None or depth > _DEPTH:
        return False
    if call.method in _MAKERS or any(name.startswith(_ASYNC) for name in call.externals):
        return True
    targets = [facts.project.functions[name] for name in call.targets if name in facts.project.functions]
    # Of a family of both colours, who runs this is of the same colour.
    return bool(targets) and all(gives_awaitable(facts, target, depth + 1) for target in targets)
