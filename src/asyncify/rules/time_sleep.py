"""`time.sleep` in a function that becomes asynchronous becomes `asyncio.sleep`.

## What it rewrites

`time.sleep(n)`, under any import name, becomes `await asyncio.sleep(n)`, but only where the enclosing function becomes
asynchronous for another reason, or runs as a job of a pool that can move: sleeping by itself is no reason to migrate.

## What differs

A negative duration raises `ValueError` in `time.sleep`; `asyncio.sleep` returns at once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.model import AddImport, Await, DropImport, Edit, Reason, Refusal, ReplaceExpr, Verdict
from asyncify.rules.base import Block, Claim, Finding, RefusalCode, Role, Rule, site_node
from asyncify.rules.facts import Facts

SLEEP = "time.sleep"

UNCLEAR_SLEEP = RefusalCode(
    "unclear-sleep",
    "What is called here may be time.sleep or something else.",
    "Call time.sleep by its own name.",
)


def match(facts: Facts) -> Iterator[Finding]:
    """All calls of ``time.sleep``."""
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
        edits: list[Edit] = [
            ReplaceExpr(call.func, "asyncio.sleep", reason),
            Await(call.span, reason),
            AddImport(call.span, reason, "asyncio"),
        ]
        if isinstance(root, ast.Name):
            edits.append(DropImport(call.span, reason, root.id))
        yield Claim("time_sleep", call.span, call.within, Role.FOLLOWER, Verdict.EXACT, reason.text, {"": tuple(edits)})


RULE = Rule(
    id="time_sleep",
    title="time.sleep → asyncio.sleep",
    doc=__doc__,
    catalogue=Catalogue(signatures={SLEEP: Signature(returns=None)}, modules=frozenset({"time"})),
    match=match,
    refusals=(UNCLEAR_SLEEP,),
)
