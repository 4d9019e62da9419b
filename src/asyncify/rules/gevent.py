"""gevent's greenlets become asyncio tasks, and the monkey patches go.

## What it rewrites

- `gevent.spawn(f, x)`, `spawn_later` and `Greenlet(f, x)` become a `TaskGreenlet`, from the module `aio_support` that is added to
  your project; `get`, `join` and `kill` of it are awaited; `value`, `exception`, `ready()`, `successful()`, `link()` stay.
- `joinall`, `wait`, `killall` are awaited; a loop over `iwait` becomes `async for`; `gevent.sleep` becomes `asyncio.sleep`.
- `gevent.pool.Pool` and `Group` become `GreenletPool` and `GreenletGroup`: `spawn` (of a pool), `map`, `apply`, `join`, `kill` are
  awaited, loops over `imap` and `imap_unordered` become `async for`.
- `Timeout` (in a `with` statement, or with `start` and `cancel`) and `with_timeout` raise in the coroutine that waits.
- Events, `AsyncResult`, queues, semaphores and `RLock` have counterparts with the same methods, timeouts and exceptions.
- Where every greenlet waits for another and nothing is left that could wake them, the main one gets `LoopExit`, as from gevent.
- `monkey.patch_all()` and its parts are removed.

The order in which things happen is gevent's: a greenlet begins when the code that spawned it next waits, what waits goes on
inside the same turn of the event loop, and where nothing waits nothing else runs. What a greenlet raises is printed and kept.
At the end of the program greenlets that still run stop where they are.

All of it moves, or nothing: greenlets of gevent and tasks of asyncio in one program would stop each other.

## What it refuses

- Programs in which greenlets run one after the other, because what they wait in is not patched.
- Programs that still wait in something that only the patches made cooperative (a database driver, a socket, a library that
  asyncify does not know): the refusal lists it.
- Patches that are made conditionally, or only for some of what the program waits in.
- What has no counterpart: servers, sockets, `gevent.local`, `getcurrent`, classes derived from `Greenlet`, `gevent.wait()` for everything.

## What differs

`input()` and the like do not stop the other greenlets any more. The text of a `LoopExit` does not describe gevent's hub, and it is raised
up to a tenth of a second later.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.rules.base import Finding, Rule
from asyncify.rules.facts import Facts
from asyncify.rules.greenlet_names import ESCAPES, REMAINS, UNPATCHED, Library, Starter
from asyncify.rules.greenlet_patches import greenlet_findings
from asyncify.rules.objects import Kind

GREENLET = "gevent.Greenlet"
_POOLS = ("gevent.pool.Group", "gevent.pool.Pool")
_RESULTS = "gevent.pool.IMap"
_READY = "gevent.Ready"
_QUEUES = {name: f"gevent.queue.{name}" for name in ("Queue", "LifoQueue", "PriorityQueue")}
_PARTS = frozenset("socket dns time select thread os ssl subprocess sys builtins signal queue contextvars".split())

_OF_GROUPS = frozenset(["join", "kill", "killone", "map", "apply", "wait_available"])
_PLAIN_OF_GROUPS = frozenset(["imap", "imap_unordered", "apply_async", "map_async", "discard", "full", "greenlets"])
_LOCK_PLAIN = frozenset(["release", "locked"])

KINDS = {
    kind.type: kind
    for kind in (
        Kind(
            GREENLET, "aio_support.TaskGreenlet", frozenset(["get", "join", "kill"]),
            frozenset(
                "start start_later value exception ready successful dead started link link_value link_exception rawlink "
                "unlink args kwargs".split()
            ),
        ),
        Kind(_POOLS[0], "aio_support.GreenletGroup", _OF_GROUPS, _PLAIN_OF_GROUPS | {"spawn", "start", "add"}),
        Kind(
            _POOLS[1], "aio_support.GreenletPool", _OF_GROUPS | {"spawn", "start", "add"},
            _PLAIN_OF_GROUPS | {"free_count", "size"},
        ),
        Kind(
            "gevent.event.Event", "aio_support.GreenletEvent", frozenset(["wait"]),
            frozenset(["is_set", "isSet", "ready", "set", "clear"]),
        ),
        Kind(
            "gevent.event.AsyncResult", "aio_support.GreenletResult", frozenset(["get", "wait"]),
            frozenset(["set", "set_exception", "ready", "successful", "value", "exception", "get_nowait"]),
        ),
        *(
            Kind(
                type_, f"aio_support.Greenlet{name}", frozenset(["get", "put", "join", "peek"]),
                frozenset(
                    "get_nowait put_nowait peek_nowait qsize empty full task_done maxsize unfinished_tasks queue".split()
                ),
            )
            for name, type_ in _QUEUES.items()
        ),
        Kind(
            "gevent.lock.Semaphore", "aio_support.GreenletSemaphore", frozenset(["acquire", "wait"]),
            _LOCK_PLAIN | {"counter", "ready"}, True,
        ),
        Kind(
            "gevent.lock.BoundedSemaphore", "aio_support.GreenletBoundedSemaphore", frozenset(["acquire", "wait"]),
            _LOCK_PLAIN | {"counter", "ready"}, True,
        ),
        Kind("gevent.lock.RLock", "aio_support.GreenletRLock", frozenset(["acquire"]), frozenset(["release"]), True),
        Kind(
            "gevent.Timeout", "aio_support.Timeout", frozenset(),
            frozenset(["start", "cancel", "close", "pending", "seconds"]), True,
        ),
    )
}  # fmt: skip

_MAKERS = {
    **dict.fromkeys(("gevent.spawn", "gevent.spawn_later", f"{GREENLET}.spawn", f"{GREENLET}.spawn_later"), GREENLET),
    **{f"{pool}.{method}": GREENLET for pool in _POOLS for method in ("spawn", "apply_async", "map_async")},
    "gevent.Timeout.start_new": "gevent.Timeout",
}
_STARTERS = {
    "gevent.spawn": Starter(),
    "gevent.spawn_later": Starter(1),
    GREENLET: Starter(goes_on=False),
    f"{GREENLET}.spawn": Starter(),
    f"{GREENLET}.spawn_later": Starter(1),
    f"{GREENLET}.start": Starter(None),
    f"{GREENLET}.start_later": Starter(None),
    **{f"{GREENLET}.{name}": Starter(goes_on=False) for name in ("link", "link_value", "link_exception")},
    f"{GREENLET}.rawlink": Starter(goes_on=False, on_loop=True),
    "gevent.with_timeout": Starter(1, goes_on=False),
    **{
        f"{pool}.{name}": starter
        for pool in _POOLS
        for name, starter in {
            "spawn": Starter(),
            "start": Starter(None),
            "map": Starter(goes_on=False),
            "apply": Starter(goes_on=False),
            "imap": Starter(),
            "imap_unordered": Starter(),
            "apply_async": Starter(callbacks=((3, "callback"),)),
            "map_async": Starter(callbacks=((2, "callback"),)),
        }.items()
    },
}

LIBRARY = Library(
    rule="gevent",
    module="gevent",
    names={
        **{kind.type: kind.becomes for kind in KINDS.values()},
        "gevent.spawn": "aio_support.TaskGreenlet.spawn",
        "gevent.spawn_later": "aio_support.TaskGreenlet.spawn_later",
        f"{GREENLET}.spawn": "aio_support.TaskGreenlet.spawn",
        f"{GREENLET}.spawn_later": "aio_support.TaskGreenlet.spawn_later",
        "gevent.Timeout.start_new": "aio_support.Timeout.start_new",
        "gevent.GreenletExit": "aio_support.GreenletExit",
        "gevent.joinall": "aio_support.joinall",
        "gevent.killall": "aio_support.killall",
        "gevent.wait": "aio_support.wait_ready",
        "gevent.iwait": "aio_support.iwait",
        "gevent.with_timeout": "aio_support.with_timeout",
        "gevent.sleep": "asyncio.sleep",
        "gevent.queue.Empty": "aio_support.Empty",
        "gevent.queue.Full": "aio_support.Full",
        "gevent.pool.PoolFull": "aio_support.Full",
        "gevent.exceptions.LoopExit": "aio_support.LoopExit",
    },
    functions=frozenset(["gevent.joinall", "gevent.killall", "gevent.wait", "gevent.with_timeout"]),
    sleeps=frozenset(["gevent.sleep"]),
    kinds=KINDS,
    starters=_STARTERS,
    iterators=frozenset([_RESULTS, _READY]),
    iterable=frozenset(_QUEUES.values()),
    plain_with=frozenset(["gevent.Timeout"]),
    current=frozenset(["gevent.Timeout.start", "gevent.Timeout.start_new", "gevent.Timeout", "gevent.iwait"]),
    patches={
        "gevent.monkey.patch_all": _PARTS,
        "gevent.monkey.patch_socket": frozenset(["socket", "dns"]),
        **{f"gevent.monkey.patch_{part}": frozenset([part]) for part in _PARTS - {"socket"}},
    },
    takes=frozenset(
        ["gevent.joinall", "gevent.wait", "gevent.iwait", "gevent.killall", "gevent.with_timeout"]
        + [f"{pool}.{method}" for pool in _POOLS for method in ("add", "start", "discard", "killone")]
        + [f"{GREENLET}.link", f"{GREENLET}.link_value", f"{GREENLET}.link_exception", *_POOLS]
        + [name for name, starter in _STARTERS.items() if starter.job is not None]
        + [f"{queue}.{method}" for queue in _QUEUES.values() for method in ("put", "put_nowait")]
    ),
    makers=_MAKERS,
)


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about gevent."""
    yield from greenlet_findings(facts, LIBRARY)


def _signatures() -> Iterator[tuple[str, Signature]]:
    job, later = (Invoke("arg0", ("*args1",)),), (Invoke("arg1", ("*args2",)),)
    made, made_later = f"{GREENLET}[result0]", f"{GREENLET}[result1]"
    yield GREENLET, Signature(made, job)
    for prefix in ("gevent", GREENLET):
        yield f"{prefix}.spawn", Signature(made, job)
        yield f"{prefix}.spawn_later", Signature(made_later, later)
    yield f"{GREENLET}.get", Signature("slot0")
    for name in ("link", "link_value", "link_exception", "rawlink"):
        yield f"{GREENLET}.{name}", Signature("builtins.None", (Invoke("arg0", ("self",)),))
    for name in ("join", "kill", "start", "start_later", "unlink"):
        yield f"{GREENLET}.{name}", Signature("builtins.None")
    for name in ("ready", "successful"):
        yield f"{GREENLET}.{name}", Signature("builtins.bool")
    for name in ("joinall", "wait"):
        yield f"gevent.{name}", Signature("builtins.list[arg0[]]")
    yield "gevent.iwait", Signature(f"{_READY}[arg0[]]")
    yield "gevent.killall", Signature("builtins.None")
    yield "gevent.sleep", Signature("builtins.None")
    yield "gevent.with_timeout", Signature("result1", later)
    yield "gevent.Timeout", Signature("gevent.Timeout")
    yield "gevent.Timeout.start_new", Signature("gevent.Timeout")
    yield "gevent.Timeout.__enter__", Signature("self")
    for name in ("start", "cancel", "close"):
        yield f"gevent.Timeout.{name}", Signature("builtins.None")
    for pool in _POOLS:
        yield pool, Signature(pool)
        yield f"{pool}.spawn", Signature(made, job)
        yield f"{pool}.map", Signature("builtins.list[result0]", (Invoke("arg0", ("arg1[]",)),))
        given = ("arg1[] | arg:args[]",) * 6
        yield f"{pool}.apply", Signature("result0", (Invoke("arg0", given),))
        called = (Invoke("arg3 | arg:callback", ("result0",)),)
        yield f"{pool}.apply_async", Signature(made, (Invoke("arg0", given), *called))
        called = (Invoke("arg2 | arg:callback", ("builtins.list[result0]",)),)
        items = Invoke("arg0", ("arg1[]",))
        yield f"{pool}.map_async", Signature(f"{GREENLET}[builtins.list[result0]]", (items, *called))
        for name in ("imap", "imap_unordered"):
            rows = (Invoke("arg0", ("arg1[]", "arg2[]", "arg3[]")),)
            yield f"{pool}.{name}", Signature(f"{_RESULTS}[result0]", rows)
        for name in ("join", "kill", "killone", "add", "start", "discard", "full", "free_count", "wait_available"):
            yield f"{pool}.{name}", Signature("builtins.None")
    for queue in _QUEUES.values():
        yield queue, Signature(queue)
        for name in ("put", "put_nowait"):
            yield f"{queue}.{name}", Signature("builtins.None", stores=(("slot0", "arg0 | arg:item"),))
        for name in ("get", "get_nowait", "peek", "peek_nowait"):
            yield f"{queue}.{name}", Signature("slot0")
        for name in ("join", "task_done", "qsize", "empty", "full"):
            yield f"{queue}.{name}", Signature()
    yield "gevent.event.AsyncResult", Signature("gevent.event.AsyncResult")
    yield "gevent.event.AsyncResult.set", Signature("builtins.None", stores=(("slot0", "arg0 | arg:value"),))
    for name in ("get", "wait", "get_nowait"):
        yield f"gevent.event.AsyncResult.{name}", Signature("slot0")
    yield "gevent.event.AsyncResult.set_exception", Signature("builtins.None")
    yield "gevent.event.Event", Signature("gevent.event.Event")
    for name in ("wait", "set", "clear", "is_set", "isSet", "ready"):
        yield f"gevent.event.Event.{name}", Signature("builtins.bool")
    for lock in ("Semaphore", "BoundedSemaphore", "RLock"):
        yield f"gevent.lock.{lock}", Signature(f"gevent.lock.{lock}")
        for name in ("acquire", "release", "locked", "wait", "__enter__"):
            yield f"gevent.lock.{lock}.{name}", Signature("builtins.bool")
    for name in LIBRARY.patches:
        yield name, Signature("builtins.None")


_ALIASES = {
    **{
        f"gevent.{module}.{name}": f"gevent.{name}"
        for module, names in {
            "greenlet": "Greenlet joinall killall",
            "hub": "GreenletExit sleep spawn_raw",
            "timeout": "Timeout with_timeout",
        }.items()
        for name in names.split()
    },
    "gevent.queue.JoinableQueue": _QUEUES["Queue"],
    "gevent.queue.SimpleQueue": _QUEUES["Queue"],
    "gevent.hub.LoopExit": "gevent.exceptions.LoopExit",
    "gevent.event.GreenletExit": "gevent.GreenletExit",
    "gevent.Greenlet.GreenletExit": "gevent.GreenletExit",
}

RULE = Rule(
    id="gevent",
    title="gevent → asyncio",
    doc=__doc__,
    catalogue=Catalogue(
        signatures=dict(_signatures()),
        attributes={
            f"{GREENLET}.value": "slot0",
            f"{GREENLET}.exception": "builtins.BaseException",
            "gevent.event.AsyncResult.value": "slot0",
        },
        aliases=_ALIASES,
        modules=frozenset({"gevent"}),
    ),
    match=match,
    refusals=(ESCAPES, UNPATCHED, REMAINS),
    everywhere={"gevent": tuple(sorted(name.rpartition(".")[2] for name in LIBRARY.patches))},
    starts={"gevent": ("spawn", "spawn_later", "Greenlet", "Pool", "Group", "sleep")},
)
