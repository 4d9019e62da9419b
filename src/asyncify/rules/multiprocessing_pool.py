"""A `multiprocessing.pool.ThreadPool` (or `multiprocessing.dummy.Pool`) whose jobs wait for I/O becomes a pool of asyncio tasks.

## What it rewrites

- `ThreadPool(n)` and `multiprocessing.dummy.Pool(n)` become `JobPool(n)`, from one small module added to your project; `with` becomes `async with`.
- `map`, `starmap`, `apply`, `join` are awaited, and so are `get` and `wait` of what `apply_async`, `map_async` and `starmap_async` return.
- Loops over `imap` and `imap_unordered` become `async for`.

Everything else is as it was: jobs run in the same chunks, all of them end before `map` raises, `imap` goes on behind an item that failed, and
leaving the `with` block drops what has not been started.

## What it refuses

- What `ThreadPoolExecutor` refuses as well: pools and results that reach unknown code, jobs that compute, unknown jobs.
- Pools with an `initializer`: each thread of such a pool runs it, whether there is a job or not.
- `multiprocessing.Pool` has processes. It stays, and so does the function that waits for it; asynchronous functions call that one in a thread.

## What differs

A job runs up to its first wait where it is submitted. A job that nobody waited for is cancelled at the end of the program, where its thread would
have vanished.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.rules.base import Finding, Rule
from asyncify.rules.facts import Facts
from asyncify.rules.thread_pool_futures import futures
from asyncify.rules.thread_pool_names import PoolKind
from asyncify.rules.thread_pool_objects import annotated, iterators, pools

POOL = "multiprocessing.pool.ThreadPool"
RESULT = "multiprocessing.pool.AsyncResult"
ITERATOR = "multiprocessing.pool.IMapIterator"

KIND = PoolKind(
    rule="multiprocessing_pool",
    pool=POOL,
    emitted="aio_support.JobPool",
    submits=frozenset(["apply_async", "map_async", "starmap_async", "imap", "imap_unordered"]),
    runs=frozenset(["map", "starmap", "apply"]),
    waits=frozenset(["join"]),
    plain=frozenset(["close", "terminate"]),
    future=RESULT,
    emitted_future="aio_support.JobResult",
    future_waits=("get", "wait"),
    future_plain=frozenset(["ready", "successful"]),
    most_arguments=1,
    callbacks=True,
    leaving="leaving the block drops the jobs that have not been started",
)

_ITEMS = "arg1[] | arg:iterable[]"
_ROWS = ("arg1[][]",) * 6
_GIVEN = ("arg1[] | arg:args[]",) * 6
_CALLED = (Invoke("arg:callback", ("result0",)), Invoke("arg:error_callback"))

CATALOGUE = Catalogue(
    signatures={
        POOL: Signature(returns=POOL),
        f"{POOL}.__enter__": Signature(returns="self"),
        f"{POOL}.map": Signature("builtins.list[result0]", (Invoke("arg0", (_ITEMS,)),)),
        f"{POOL}.starmap": Signature("builtins.list[result0]", (Invoke("arg0", _ROWS),)),
        f"{POOL}.apply": Signature("result0", (Invoke("arg0", _GIVEN),)),
        f"{POOL}.imap": Signature(f"{ITERATOR}[result0]", (Invoke("arg0", (_ITEMS,)),)),
        f"{POOL}.imap_unordered": Signature(f"{ITERATOR}[result0]", (Invoke("arg0", (_ITEMS,)),)),
        f"{POOL}.apply_async": Signature(f"{RESULT}[result0]", (Invoke("arg0", _GIVEN), *_CALLED)),
        f"{POOL}.map_async": Signature(f"{RESULT}[builtins.list[result0]]", (Invoke("arg0", (_ITEMS,)), *_CALLED)),
        f"{POOL}.starmap_async": Signature(f"{RESULT}[builtins.list[result0]]", (Invoke("arg0", _ROWS), *_CALLED)),
        **{f"{POOL}.{name}": Signature(returns="builtins.None") for name in ("close", "terminate", "join")},
        f"{RESULT}.get": Signature(returns="slot0"),
        f"{RESULT}.wait": Signature(returns="builtins.None"),
        **{f"{RESULT}.{name}": Signature(returns="builtins.bool") for name in ("ready", "successful")},
    },
    aliases={
        "multiprocessing.dummy.Pool": POOL,
        "multiprocessing.pool.ApplyResult": RESULT,
        "multiprocessing.pool.MapResult": RESULT,
    },
    modules=frozenset({"multiprocessing"}),
)


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about these pools."""
    owners = yield from pools(facts, KIND)
    yield from futures(facts, KIND, owners)
    yield from iterators(facts, KIND, owners, frozenset({ITERATOR}))
    yield from annotated(facts, KIND, owners)


RULE = Rule(
    id="multiprocessing_pool",
    title="multiprocessing.pool.ThreadPool → a pool of asyncio tasks",
    doc=__doc__,
    catalogue=CATALOGUE,
    starts={"multiprocessing.pool": ("ThreadPool",), "multiprocessing.dummy": ()},
    match=match,
)
