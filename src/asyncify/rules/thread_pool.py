"""A `ThreadPoolExecutor` whose jobs wait for I/O becomes a pool of asyncio tasks.

## What it rewrites

- `ThreadPoolExecutor(n)` becomes `TaskPool(n)`, from one small module added to your project; `with` becomes `async with`.
- `submit`, `map`, `as_completed`, `wait` keep their names and their meaning: first in, first out, at most `n` jobs at a
  time, results in order, all work waited for at the end of the block.
- `future.result()` and `future.exception()` are awaited; loops over `map` and `as_completed` become `async for`.
- Results may be read by any builtin: `list`, `sum`, `dict(zip(...))`, `next`, `any`, `print(*...)`, `out.extend(...)`, `yield from`, `itertools`, `functools.reduce`,
  and through a progress bar of `tqdm`. What reads to the end gets a list; what reads step by step has an awaited counterpart.
- A function that gets results of a pool from one caller and a list from another iterates over either (`aio_support.either`).
- Futures may be kept in lists, dictionaries, a `deque` or a `queue.Queue`, and given to other jobs and to threads, which await them.
- Callbacks of futures ask their future without waiting (`future.result_now()`); asynchronous ones are awaited by the pool, and so is an `initializer`.
- In `with session, pool:` each item becomes asynchronous or stays; the statement is split where it must be.
- A pool that a package makes only if its caller passes none (`self.pool = pool or ThreadPoolExecutor(4)`) moves on the condition that callers
  outside pass a `TaskPool` (verdict `review`).

A pool moves only if its jobs wait for something that can be awaited. A pool that only computes stays as it is. Where some jobs wait and
others compute or block otherwise, `pool.submit(digest, data)` becomes `pool.submit(aio_support.in_thread(digest), data)`: that job runs in
a thread, as before, and counts as one of the pool's `n` (verdict `bridge`).

## What it refuses

- A pool or a future that reaches code asyncify does not see.
- A pool with jobs that asyncify cannot identify, or one call that hands it jobs of both kinds; and one whose other jobs would not do the same
  beside an event loop: they hold a lock while they do more than a moment's work, use what belongs to one thread, or run coroutines to their end.
- `ProcessPoolExecutor` stays: the function that waits for it stays synchronous, and asynchronous ones call it in a thread.

## What differs

A job runs up to its first wait where it is submitted, if a worker is free, and not beside the submitting function. Jobs no longer
run in parallel with the computing of others; what they do between two waits is done alone. `next(results)` raises
StopAsyncIteration where nothing is left.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.rules.base import (
    Finding,
    Rule,
)
from asyncify.rules.facts import Facts
from asyncify.rules.futures_session import session_owners
from asyncify.rules.iteration import BAR_CATALOGUE, READERS_CATALOGUE
from asyncify.rules.thread_pool_futures import callback_jobs, futures, helpers
from asyncify.rules.thread_pool_names import (
    AS_COMPLETED,
    AS_COMPLETED_RESULT,
    EXECUTORS,
    FUTURE,
    MAP_RESULT,
    MIXED_POOL,
    POOL,
    POOL_ESCAPES,
    UNKNOWN_JOB,
    WAIT,
    WAITED,
)
from asyncify.rules.thread_pool_objects import annotated, iterators, pools

CATALOGUE = Catalogue(
    signatures={
        POOL: Signature(returns=POOL, invokes=(Invoke("arg:initializer | arg2", ("*arg:initargs | arg3",)),)),
        f"{POOL}.__enter__": Signature(returns="self"),
        f"{POOL}.submit": Signature(returns=f"{FUTURE}[result0]", invokes=(Invoke("arg0", ("*args1",)),)),
        f"{POOL}.map": Signature(
            returns=f"{MAP_RESULT}[result0]", invokes=(Invoke("arg0", ("arg1[]", "arg2[]", "arg3[]")),)
        ),
        f"{POOL}.shutdown": Signature(),
        FUTURE: Signature(returns=FUTURE),
        f"{FUTURE}.set_result": Signature("None", stores=(("slot0", "arg0"),)),
        f"{FUTURE}.result": Signature(returns="slot0"),
        f"{FUTURE}.exception": Signature(returns=None),
        f"{FUTURE}.add_done_callback": Signature(returns=None, invokes=(Invoke("arg0", ("self",)),)),
        AS_COMPLETED: Signature(returns=f"{AS_COMPLETED_RESULT}[arg0[]]"),
        WAIT: Signature(
            returns=f"builtins.tuple[builtins.set[arg0[]], builtins.set[arg0[]]] | {WAITED}[builtins.set[arg0[]]]"
        ),
        f"{WAITED}.__getitem__": Signature(returns="slot0"),
    },
    attributes={f"{WAITED}.done": "slot0", f"{WAITED}.not_done": "slot0"},
    aliases={
        "concurrent.futures.thread.ThreadPoolExecutor": POOL,
        "concurrent.futures._base.as_completed": AS_COMPLETED,
        "concurrent.futures._base.Future": FUTURE,
        "concurrent.futures._base.wait": WAIT,
    },
    modules=frozenset({"concurrent"}),
).merge(BAR_CATALOGUE, READERS_CATALOGUE)


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about thread pools."""
    owners = yield from pools(facts, EXECUTORS)
    owners |= session_owners(facts)
    yield from helpers(facts, owners)
    yield from callback_jobs(facts, owners)
    yield from futures(facts, EXECUTORS, owners)
    yield from iterators(facts, EXECUTORS, owners, frozenset({MAP_RESULT, AS_COMPLETED_RESULT}))
    yield from annotated(facts, EXECUTORS, owners)


RULE = Rule(
    id="thread_pool",
    title="ThreadPoolExecutor → a pool of asyncio tasks",
    doc=__doc__,
    catalogue=CATALOGUE,
    starts={"concurrent.futures": ()},
    match=match,
    refusals=(POOL_ESCAPES, MIXED_POOL, UNKNOWN_JOB),
)
