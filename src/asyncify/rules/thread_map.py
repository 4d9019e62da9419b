"""`tqdm.contrib.concurrent.thread_map` of functions that wait for I/O becomes an awaited map by asyncio tasks.

## What it rewrites

`thread_map(fetch, urls, max_workers=8)` becomes `await aio_support.thread_map(fetch, urls, max_workers=8)`: the same results in the same
order, as many jobs at once, the same progress bar. `process_map` stays.

## What it refuses

Jobs that compute, and jobs that asyncify cannot identify.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.model import Await, Edit, Reason, ReplaceExpr, Verdict
from asyncify.rules.base import Claim, Finding, Role, Rule, object_node
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import
from asyncify.rules.support import import_of
from asyncify.rules.thread_pool_jobs import jobs
from asyncify.rules.thread_pool_names import PoolKind

MODULE = "tqdm.contrib.concurrent"
KIND = PoolKind(
    rule="thread_map",
    pool=MODULE,
    emitted="aio_support.thread_map",
    submits=frozenset(),
    runs=frozenset(["thread_map"]),
    waits=frozenset(),
    plain=frozenset(),
    future="",
    emitted_future="",
    future_waits=(),
    future_plain=frozenset(),
)


def match(facts: Facts) -> Iterator[Finding]:
    """Every call of thread_map: it makes a pool, uses it, and waits for it."""
    for call in facts.calls_by_external.get(f"{MODULE}.thread_map", ()):
        node = object_node(call.span)
        yield from jobs(facts, KIND, call, {node})
        func = facts.node(call.func, ast.expr)
        if func is None:
            continue
        reason = Reason("thread_map() waits for its jobs", call.span)
        edits: tuple[Edit, ...] = (
            ReplaceExpr(call.func, KIND.emitted, reason),
            import_of(facts.file(call.span.path).source, "aio_support", call.span, reason),
            *orphaned_import(func, call.span, reason),
            Await(call.span, reason),
        )
        yield Claim(
            KIND.rule,
            call.span,
            call.within,
            Role.PART,
            Verdict.EXACT,
            reason.text,
            {"": edits},
            follows=(node,),
            concurrent=True,
        )


RULE = Rule(
    id="thread_map",
    title="tqdm's thread_map → a pool of asyncio tasks",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={
            f"{MODULE}.thread_map": Signature(
                "builtins.list[result0]", (Invoke("arg0", ("arg1[]", "arg2[]", "arg3[]")),)
            )
        },
        modules=frozenset({"tqdm"}),
    ),
    starts={MODULE: ()},
    match=match,
)
