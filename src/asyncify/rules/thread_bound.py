"""What belongs to the thread that it was made in stays there; a local database is used where the code stands.

## What it keeps

A database of `sqlite3` is a file: reading and writing it goes on in the function that does so, as with `open()`. A
connection may only be used by the thread that made it, a signal handler only be set in the main thread, the context of `decimal`
counts for its thread, the exception that a caller handles is known in its thread only (`sys.exc_info()`, `logger.exception(...)`, a bare `raise`), and `asyncio.get_event_loop()` has a loop for the main thread only. So a function that does such a thing, itself or through others, is never called through `asyncio.to_thread`: where it also
waits for something else, its callers stay synchronous.

## What it refuses

A connection that each job of a pool, each thread or each endpoint of a server opens for itself: a job that holds the database's lock while it waits for a response would stand still,
for the next one, waiting for that lock, would hold up the event loop. The function that opens it stays synchronous.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.rules.base import Finding, Rule
from asyncify.rules.blocking import NO_COUNTERPART, stays
from asyncify.rules.facts import Facts

CONNECT = "sqlite3.connect"
_VARIABLE = "contextvars.ContextVar"
LOCKS = tuple(f"threading.{name}" for name in ("Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore"))
_BOUND = (CONNECT, "signal.signal", "decimal.getcontext", "decimal.setcontext")
# Last names of what is done with a connection; objects are not followed this far.
_OF_CONNECTIONS = (
    "execute",
    "executemany",
    "executescript",
    "commit",
    "rollback",
    "cursor",
    "fetchone",
    "fetchmany",
    "fetchall",
)


def match(facts: Facts) -> Iterator[Finding]:
    """Connections that jobs open."""
    calls = facts.calls_of((CONNECT,))
    if not calls:
        return
    for call in calls:
        if call.within in facts.side_by_side:
            yield stays(call, CONNECT)


def is_bound(facts: Facts, functions: Iterable[str]) -> bool:
    """Whether one of these functions, or what it runs, uses what belongs to the thread it is called in."""
    bound = {call.within for call in facts.calls_of(_BOUND)}
    for call in facts.calls_of(("asyncio.get_event_loop",)):  # the main thread has one, even where none runs
        info = facts.project.functions.get(call.within)
        if info is not None and not info.is_async:
            bound.add(call.within)
    if any(not _shared(call.node) for call in facts.calls_of((CONNECT,))):
        bound |= {call.within for call in facts.calls_named(_OF_CONNECTIONS)}
    names = set(functions)
    if not names.isdisjoint(facts.asks_for_handled):
        return True
    return bool(bound) and not bound.isdisjoint(facts.reached(names))


def works_in_any_thread(facts: Facts, functions: Iterable[str]) -> bool:
    """Whether these functions do the same in whatever thread they are called, beside an event loop.

    Not with what belongs to a thread, or sets context variables for the jobs that its worker runs later; nor with a lock held for longer than a
    moment, for coroutines that take it too would stop their loop.
    """
    run = facts.reached(functions)
    if is_bound(facts, run) or any(call.within in run for call in facts.calls_of((f"{_VARIABLE}.set",))):
        return False
    for instance, places in facts.instances.items():
        for path, node in places if instance.type in LOCKS else ():
            if facts.enclosing(path, node) in run and not _held_for_a_moment(facts, path, node):
                return False
    return True


def _held_for_a_moment(facts: Facts, path: str, lock: ast.expr) -> bool:
    """Whether the lock stands at the head of a `with` block that calls nothing but builtins."""
    item = facts.parent(path, lock)
    block = facts.parent(path, item) if isinstance(item, ast.withitem) else None
    if not isinstance(block, ast.With):
        return False
    calls = [node for statement in block.body for node in ast.walk(statement) if isinstance(node, ast.Call)]
    found = [facts.project.call_at(facts.span(path, node)) for node in calls]
    return all(
        call is not None
        and not call.targets
        and not call.unresolved
        and call.externals
        and all(name.startswith("builtins.") for name in call.externals)
        for call in found
    )


def _shared(connect: ast.Call) -> bool:
    """Whether other threads may use the connection."""
    given = [keyword.value for keyword in connect.keywords if keyword.arg == "check_same_thread"]
    return any(isinstance(value, ast.Constant) and not value.value for value in given)


RULE = Rule(
    id="thread_bound",
    title="What belongs to a thread",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={name: Signature() for name in (CONNECT, "decimal.getcontext", "decimal.setcontext")}
        | {_VARIABLE: Signature(returns=_VARIABLE), f"{_VARIABLE}.set": Signature()}
    ),
    match=match,
    starts={},
    refusals=(NO_COUNTERPART,),
)
