"""`time.sleep` in a function that becomes asynchronous becomes `asyncio.sleep`.

## What it rewrites

`time.sleep(n)`, under any import name, becomes `await asyncio.sleep(n)`, but only where the enclosing function becomes
asynchronous for another reason, or runs as a job of a pool that can move: sleeping by itself is no reason to migrate.

Where a test replaces `time.sleep`, it becomes `await aio_support.sleep(n)`, which honours the replacement. The same where the
duration may be negative or none at all (a difference such as `deadline - now`, an item of an answer): `time.sleep` raises `ValueError` then, where
`asyncio.sleep` returns at once.

## What differs

A negative duration that is given to the program or to a function from outside raises nothing: `asyncio.sleep` returns at once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.values import External
from asyncify.model import AddImport, Await, DropImport, Edit, Reason, Refusal, ReplaceExpr, Verdict
from asyncify.rules.base import Block, Claim, Finding, RefusalCode, Role, Rule, site_node
from asyncify.rules.durations import never_negative
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
        exact = replaced or not never_negative(facts, call)
        sleep = "aio_support.sleep" if exact else "asyncio.sleep"
        source = facts.file(call.span.path).source
        edits: list[Edit] = [
            ReplaceExpr(call.func, sleep, reason),
            Await(call.span, reason),
            import_of(source, "aio_support", call.span, reason) if exact else AddImport(call.span, reason, "asyncio"),
        ]
        if isinstance(root, ast.Name):
            edits.append(DropImport(call.span, reason, root.id))
        every = {"": tuple(edits)}
        yield Claim("time_sleep", call.span, call.within, Role.FOLLOWER, Verdict.EXACT, reason.text, every, stands=True)


def replaced_by_tests(facts: Facts) -> bool:
    """Whether a test replaces ``time.sleep`` under its own name; what is called afterwards must then honour that."""
    for call in facts.project.calls:
        info = facts.project.functions.get(call.within)
        node = call.node
        if info is None or not info.in_test or not node.args:
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
    starts={},
    match=match,
    refusals=(UNCLEAR_SLEEP,),
)
