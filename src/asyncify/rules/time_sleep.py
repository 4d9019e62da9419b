"""`time.sleep` in a function that becomes asynchronous becomes `asyncio.sleep`.

## What it rewrites

`time.sleep(n)`, under any import name, becomes `await asyncio.sleep(n)`, but only where the enclosing function becomes
asynchronous for another reason, or runs as a job of a pool that can move: sleeping by itself is no reason to migrate.

Where a test replaces `time.sleep`, it becomes `await aio_support.sleep(n)`, which honours the replacement. The same where the
duration may be negative (it is a difference, such as `deadline - now`): `time.sleep` raises `ValueError` then, where `asyncio.sleep`
returns at once.

## What differs

A negative duration that is given to the function from outside raises nothing: `asyncio.sleep` returns at once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeGuard

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import CallSite
from asyncify.index.values import External
from asyncify.model import AddImport, Await, DropImport, Edit, Reason, Refusal, ReplaceExpr, Verdict
from asyncify.rules.base import Block, Claim, Finding, RefusalCode, Role, Rule, site_node
from asyncify.rules.facts import Facts
from asyncify.rules.support import import_of

SLEEP = "time.sleep"

UNCLEAR_SLEEP = RefusalCode(
    "unclear-sleep",
    "What is called here may be time.sleep or something else.",
    "Call time.sleep by its own name.",
)


def match(facts: Facts) -> Iterator[Finding]:
    """All calls of ``time.sleep``."""
    replaced = replaced_by_tests(facts)
    for call in facts.calls_by_external.get(SLEEP, ()):
        func = facts.node(call.func, ast.expr)
        if func is None or call.externals != {SLEEP} or call.targets:
            reason = Reason(UNCLEAR_SLEEP.title, call.span)
            refusal = Refusal(UNCLEAR_SLEEP.code, call.span, UNCLEAR_SLEEP.title, UNCLEAR_SLEEP.remedy, reason)
            yield Block(site_node(call.span), refusal, "time_sleep", call.within, blocks_loop=True)
            continue
        reason = Reason(f"{facts.text(call.span.path, func)}() would stop the event loop", call.span)
        root = func
        while isinstance(root, ast.Attribute):
            root = root.value
        exact = replaced or _may_be_negative(facts, call)
        sleep = "aio_support.sleep" if exact else "asyncio.sleep"
        source = facts.file(call.span.path).source
        edits: list[Edit] = [
            ReplaceExpr(call.func, sleep, reason),
            Await(call.span, reason),
            import_of(source, "aio_support", call.span, reason) if exact else AddImport(call.span, reason, "asyncio"),
        ]
        if isinstance(root, ast.Name):
            edits.append(DropImport(call.span, reason, root.id))
        yield Claim("time_sleep", call.span, call.within, Role.FOLLOWER, Verdict.EXACT, reason.text, {"": tuple(edits)})


def _may_be_negative(facts: Facts, call: CallSite) -> bool:
    """Whether the duration is a difference, or a name that its function assigns one to, and nothing asks for its sign."""
    node = facts.node(call.span, ast.Call)
    if node is None or len(node.args) != 1:
        return False
    path, duration = call.span.path, node.args[0]
    if isinstance(duration, ast.Name):
        name = duration.id
        scope = next((p for p in facts.parents(path, node) if isinstance(p, (*_SCOPES, ast.Module))), None)
        assigned = [n.value for n in ast.walk(scope) if _assigns(n, name)] if scope is not None else []
        differs = any(_is_difference(value) for value in assigned)
        return differs and not any(_asks_sign(parent, name) for parent in facts.ancestors_in_function(path, node))
    return _is_difference(duration)


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def _assigns(node: ast.AST, name: str) -> TypeGuard[ast.Assign]:
    return isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)


def _is_difference(value: ast.expr) -> bool:
    match value:
        case ast.BinOp(op=ast.Sub()):
            return True
        case ast.BinOp(left=left, right=right):
            return _is_difference(left) or _is_difference(right)
        case ast.UnaryOp(op=ast.USub()):
            return True
        case ast.IfExp(body=body, orelse=orelse):
            return _is_difference(body) or _is_difference(orelse)
        case ast.Call(func=ast.Name(id="min"), args=args):
            return any(_is_difference(argument) for argument in args)
    return False


def _asks_sign(parent: ast.AST, name: str) -> bool:
    """Whether the statement goes on only where the name is greater than something."""
    return isinstance(parent, ast.If) and any(
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == name
        and isinstance(test.ops[0], (ast.Gt, ast.GtE))
        for test in ast.walk(parent.test)
    )


def replaced_by_tests(facts: Facts) -> bool:
    """Whether a test replaces ``time.sleep`` under its own name; what is called afterwards must then honour that."""
    for call in facts.project.calls:
        info = facts.project.functions.get(call.within)
        node = facts.node(call.span, ast.Call)
        if info is None or not info.in_test or node is None or not node.args:
            continue
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.endswith("time.sleep"):
            return True
        named = len(node.args) > 1 and isinstance(node.args[1], ast.Constant) and node.args[1].value == "sleep"
        if named and External("time") in facts.values(call.span.path, first):
            return True
    return False


RULE = Rule(
    id="time_sleep",
    title="time.sleep → asyncio.sleep",
    doc=__doc__,
    catalogue=Catalogue(signatures={SLEEP: Signature(returns=None)}, modules=frozenset({"time"})),
    match=match,
    refusals=(UNCLEAR_SLEEP,),
)
