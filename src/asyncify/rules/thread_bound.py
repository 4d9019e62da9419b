"""What belongs to the thread that it was made in stays there; a local database is used where the code stands.

## What it keeps

A database of `sqlite3` is a file: reading and writing it goes on in the function that does so, as with `open()`. A
connection may only be used by the thread that made it, a signal handler only be set in the main thread, and the context of `decimal`
counts for its thread. So a function that does such a thing, itself or through others, is never called through `asyncio.to_thread`: where it also
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
_SIDE_BY_SIDE = (
    "concurrent.futures.",
    "threading.",
    "multiprocessing.",
    "gevent.",
    "eventlet.",
    "_thread.",
    "fastapi.",
)
_THREAD = ("threading.Thread", "threading.Timer")


def match(facts: Facts) -> Iterator[Finding]:
    """Connections that jobs open."""
    calls = facts.calls_of((CONNECT,))
    if not calls:
        return
    jobs = facts.reached(_jobs(facts))
    for call in calls:
        if call.within in jobs:
            yield stays(call, CONNECT)


def is_bound(facts: Facts, functions: Iterable[str]) -> bool:
    """Whether one of these functions, or what it runs, uses what belongs to the thread it is called in."""
    bound = {call.within for call in facts.calls_of(_BOUND)}
    if any(not _shared(call.node) for call in facts.calls_of((CONNECT,))):
        bound |= {call.within for call in facts.calls_named(_OF_CONNECTIONS)}
    return bool(bound) and not bound.isdisjoint(facts.reached(functions))


def _shared(connect: ast.Call) -> bool:
    """Whether other threads may use the connection."""
    given = [keyword.value for keyword in connect.keywords if keyword.arg == "check_same_thread"]
    return any(isinstance(value, ast.Constant) and not value.value for value in given)


def _jobs(facts: Facts) -> set[str]:
    """Functions that pools, threads and servers run, several at a time."""
    found = {
        implicit.target
        for implicit in facts.implicit_calls
        if implicit.kind == "callback" and (implicit.external or "").startswith(_SIDE_BY_SIDE)
    }
    for use in facts.project.uses:
        call = facts.project.call_at(use.call) if use.call is not None else None
        names = {use.external or "", *(call.externals if call is not None else ())}
        if any(name.startswith(_SIDE_BY_SIDE) for name in names):
            found.add(use.function)
    threads = (info for info in facts.project.classes.values() if info.external_bases & set(_THREAD))
    return found | {f"{info.name}.run" for info in threads}


RULE = Rule(
    id="thread_bound",
    title="What belongs to a thread",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={name: Signature() for name in (CONNECT, "decimal.getcontext", "decimal.setcontext")}
    ),
    match=match,
    starts={},
    refusals=(NO_COUNTERPART,),
)
