"""eventlet's green threads become asyncio tasks, and the monkey patches go.

## What it rewrites

- `eventlet.spawn(f, x)`, `spawn_n` and `spawn_after` start a task; `wait` of what `spawn` gives is awaited.
- `GreenPool` and `GreenPile` become `GreenThreadPool` and `GreenThreadPile`, from the module `aio_support` that is added to your
  project: `spawn`, `spawn_n` and `waitall` are awaited, loops over `imap`, `starmap` and a pile become `async for`.
- `eventlet.sleep` becomes `asyncio.sleep`; `eventlet.Timeout` raises in the coroutine that made it.
- `eventlet.monkey_patch()` is removed.

All of it moves, or nothing, and things happen in eventlet's order: see the rule for gevent.

## What it refuses

- What it refuses of gevent: programs without patches, programs that go on waiting in something that only the patches make
  cooperative, patches under a condition.
- What has no counterpart: `eventlet.green`, `import_patched`, queues, events, `kill`, `link`, `tpool`, servers.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.rules.base import Finding, Rule
from asyncify.rules.facts import Facts
from asyncify.rules.greenlet_names import Library, Starter
from asyncify.rules.greenlet_patches import greenlet_findings
from asyncify.rules.objects import Kind

THREAD = "eventlet.GreenThread"
POOL = "eventlet.GreenPool"
PILE = "eventlet.GreenPile"
TIMEOUT = "eventlet.Timeout"
_RESULTS = "eventlet.GreenMap"

KINDS = {
    kind.type: kind
    for kind in (
        Kind(THREAD, "aio_support.GreenThread", frozenset(["wait"])),
        Kind(
            POOL, "aio_support.GreenThreadPool", frozenset(["spawn", "spawn_n", "waitall"]),
            frozenset(["imap", "starmap", "running", "free", "size"]),
        ),
        Kind(PILE, "aio_support.GreenThreadPile", frozenset(["spawn"])),
        Kind(TIMEOUT, "aio_support.GreenTimeout", frozenset(), frozenset(["cancel", "start", "pending", "seconds"]), True),
    )
}  # fmt: skip

_STARTERS = {
    "eventlet.spawn": Starter(),
    "eventlet.spawn_n": Starter(),
    "eventlet.spawn_after": Starter(1),
    f"{POOL}.spawn": Starter(),
    f"{POOL}.spawn_n": Starter(),
    f"{POOL}.imap": Starter(),
    f"{POOL}.starmap": Starter(),
    f"{PILE}.spawn": Starter(),
}

LIBRARY = Library(
    rule="eventlet",
    module="eventlet",
    names={
        **{kind.type: kind.becomes for kind in KINDS.values()},
        "eventlet.spawn": "aio_support.GreenThread.spawn",
        "eventlet.spawn_n": "aio_support.GreenThread.spawn",
        "eventlet.spawn_after": "aio_support.GreenThread.spawn_later",
        "eventlet.sleep": "asyncio.sleep",
    },
    functions=frozenset(),
    sleeps=frozenset(["eventlet.sleep"]),
    kinds=KINDS,
    starters=_STARTERS,
    iterators=frozenset([_RESULTS]),
    iterable=frozenset([PILE]),
    plain_with=frozenset([TIMEOUT]),
    current=frozenset([TIMEOUT, f"{TIMEOUT}.start"]),
    patches={"eventlet.monkey_patch": frozenset("os select socket thread time subprocess".split())},
    takes=frozenset([*_STARTERS, PILE]),
    makers={"eventlet.spawn": THREAD, "eventlet.spawn_after": THREAD, f"{POOL}.spawn": THREAD},
    only_named=True,
)


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about eventlet."""
    yield from greenlet_findings(facts, LIBRARY)


def _signatures() -> Iterator[tuple[str, Signature]]:
    job, later = (Invoke("arg0", ("*args1",)),), (Invoke("arg1", ("*args2",)),)
    yield "eventlet.spawn", Signature(f"{THREAD}[result0]", job)
    yield "eventlet.spawn_n", Signature("builtins.None", job)
    yield "eventlet.spawn_after", Signature(f"{THREAD}[result1]", later)
    yield "eventlet.sleep", Signature("builtins.None")
    yield f"{THREAD}.wait", Signature("slot0")
    yield POOL, Signature(POOL)
    yield f"{POOL}.spawn", Signature(f"{THREAD}[result0]", job)
    yield f"{POOL}.spawn_n", Signature("builtins.None", job)
    yield f"{POOL}.imap", Signature(f"{_RESULTS}[result0]", (Invoke("arg0", ("arg1[]", "arg2[]", "arg3[]")),))
    yield f"{POOL}.starmap", Signature(f"{_RESULTS}[result0]", (Invoke("arg0", ("arg1[][]",) * 6),))
    for name in ("waitall", "running", "free"):
        yield f"{POOL}.{name}", Signature("builtins.None")
    yield PILE, Signature(f"{PILE}")
    yield f"{PILE}.spawn", Signature("builtins.None", job, stores=(("slot0", "result0"),))
    yield TIMEOUT, Signature(TIMEOUT)
    yield f"{TIMEOUT}.__enter__", Signature("self")
    for name in ("start", "cancel"):
        yield f"{TIMEOUT}.{name}", Signature("builtins.None")
    yield "eventlet.monkey_patch", Signature("builtins.None")


RULE = Rule(
    id="eventlet",
    title="eventlet → asyncio",
    doc=__doc__,
    catalogue=Catalogue(
        signatures=dict(_signatures()),
        aliases={
            "eventlet.greenpool.GreenPool": POOL,
            "eventlet.greenpool.GreenPile": PILE,
            "eventlet.timeout.Timeout": TIMEOUT,
            "eventlet.patcher.monkey_patch": "eventlet.monkey_patch",
            **{
                f"eventlet.greenthread.{name}": f"eventlet.{name}"
                for name in ("sleep", "spawn", "spawn_n", "spawn_after")
            },
        },
        modules=frozenset({"eventlet"}),
    ),
    match=match,
    everywhere={"eventlet": ("monkey_patch",)},
    starts={"eventlet": ("spawn", "spawn_n", "spawn_after", "GreenPool", "GreenPile", "sleep")},
)
