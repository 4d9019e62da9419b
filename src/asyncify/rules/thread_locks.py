"""Locks of threads that are held while something waits keep their code synchronous.

## What it refuses

A `with lock:` block (of `threading.Lock`, `RLock`, `Condition`, `Semaphore`) in which something would be awaited. A lock of threads
held across an await stops the event loop, or, if it is an `RLock`, excludes nobody.

## What it keeps

Blocks without an await: only one task runs at a time, so the lock is always free and does what it did.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.rules.base import Finding, Rule
from asyncify.rules.facts import Facts

LOCKS = tuple(f"threading.{name}" for name in ("Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore"))


def match(facts: Facts) -> Iterator[Finding]:
    """Nothing by itself: where an await may stand is asked of every place that would get one."""
    yield from ()


RULE = Rule(
    id="thread_locks",
    title="Locks of threads",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={name: Signature(returns=name) for name in LOCKS}
        | {f"{name}.__enter__": Signature(returns="builtins.bool") for name in LOCKS},
        modules=frozenset({"threading"}),
    ),
    match=match,
)
