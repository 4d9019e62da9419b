"""Locks of threads that are held while something waits keep their code synchronous.

## What it refuses

A `with lock:` block (of `threading.Lock`, `RLock`, `Condition`, `Semaphore`) in which something would be awaited. A lock of threads
held across an await stops the event loop, or, if it is an `RLock`, excludes nobody.

Thread-local values (`threading.local`) that jobs of a pool use: tasks share one thread, and so one value.

## What it keeps

Blocks without an await: only one task runs at a time, so the lock is always free and does what it did.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.model import Reason, Refusal
from asyncify.rules.base import Block, Finding, RefusalCode, Rule, function_node, object_node
from asyncify.rules.facts import Facts

LOCKS = tuple(f"threading.{name}" for name in ("Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore"))


LOCAL = "threading.local"
POOL = "concurrent.futures.ThreadPoolExecutor"

THREAD_LOCAL = RefusalCode(
    "thread-local",
    "Each thread of a pool has its own value here; tasks would share one.",
    "Pass the value as an argument, or keep it in a contextvars.ContextVar.",
)


IDENTITY = tuple(
    f"threading.{name}"
    for name in ("get_ident", "get_native_id", "current_thread", "main_thread", "active_count", "enumerate")
)
THREAD_IDENTITY = RefusalCode(
    "thread-identity",
    "The program asks which thread it runs in; tasks all run in one.",
    "Pass a name or number to the job instead.",
)


def match(facts: Facts) -> Iterator[Finding]:
    """Functions that read thread-local values, in programs with pools. Locks are asked for where an await may stand."""
    if POOL not in facts.calls_by_external:
        return
    for name in IDENTITY:
        for call in facts.calls_by_external.get(name, ()):
            reason = Reason(THREAD_IDENTITY.title, call.span)
            refusal = Refusal(THREAD_IDENTITY.code, call.span, THREAD_IDENTITY.title, THREAD_IDENTITY.remedy, reason)
            yield Block(function_node(call.within), refusal, "thread_locks", call.within)
            if not facts.in_test(call.span.path):
                for pool in facts.instances:
                    if pool.type == POOL and pool.site is not None:
                        yield Block(object_node(pool.site), refusal, "thread_locks")
    for instance, places in facts.instances.items():
        if instance.type != LOCAL:
            continue
        for path, node in places:
            within = facts.enclosing(path, node)
            info = facts.project.functions.get(within)
            if isinstance(facts.parent(path, node), ast.Attribute) and info is not None and info.parent != info.module:
                span = facts.span(path, node)
                reason = Reason(THREAD_LOCAL.title, span)
                refusal = Refusal(THREAD_LOCAL.code, span, THREAD_LOCAL.title, THREAD_LOCAL.remedy, reason)
                yield Block(function_node(within), refusal, "thread_locks", within)


RULE = Rule(
    id="thread_locks",
    title="Locks of threads",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={name: Signature(returns=name) for name in LOCKS}
        | {name: Signature() for name in IDENTITY}
        | {LOCAL: Signature(returns=LOCAL)}
        | {f"{name}.__enter__": Signature(returns="builtins.bool") for name in LOCKS},
        modules=frozenset({"threading"}),
    ),
    match=match,
    refusals=(THREAD_LOCAL, THREAD_IDENTITY),
)
