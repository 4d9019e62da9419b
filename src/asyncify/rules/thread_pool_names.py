"""Names, refusal codes and claims that the parts of the rule for thread pools share."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from asyncify.model import Await, Reason, Refusal, Span, Verdict
from asyncify.rules.base import (
    Claim,
    Finding,
    RefusalCode,
    Role,
)
from asyncify.rules.facts import Facts

POOL = "concurrent.futures.ThreadPoolExecutor"
EXECUTOR = "concurrent.futures.Executor"
FUTURE = "concurrent.futures.Future"
MAP_RESULT = "concurrent.futures.MapResult"
AS_COMPLETED_RESULT = "concurrent.futures.AsCompletedResult"
AS_COMPLETED = "concurrent.futures.as_completed"
WAIT = "concurrent.futures.wait"
WAITED = "concurrent.futures.DoneAndNotDoneFutures"


@dataclass(frozen=True, slots=True)
class PoolKind:
    """One library's pool of threads: its class, what its methods do, and what stands for it afterwards."""

    rule: str
    pool: str
    emitted: str
    submits: frozenset[str]  # methods that run their first argument and return at once
    runs: frozenset[str]  # methods that run their first argument and wait for it
    waits: frozenset[str]
    plain: frozenset[str]
    future: str
    emitted_future: str
    future_waits: tuple[str, ...]
    future_plain: frozenset[str]
    also: tuple[str, ...] = ()  # other names of the class in annotations
    takes: frozenset[str] = frozenset()  # functions that futures may be given to
    most_arguments: int | None = None  # of the constructor: more of them have no counterpart
    callbacks: bool = False  # methods take functions that get the results
    leaving: str = "leaving the block waits for the jobs"
    lingers: bool = False  # at the end of the program, jobs that nobody waited for are finished

    def methods(self, *groups: frozenset[str]) -> frozenset[str]:
        """The full names of methods, under every name of the class."""
        return frozenset(f"{cls}.{name}" for cls in (self.pool, *self.also) for group in groups for name in group)


RUN_IN_EXECUTOR = "asyncio.AbstractEventLoop.run_in_executor"
EXECUTORS = PoolKind(
    rule="thread_pool",
    pool=POOL,
    emitted="aio_support.TaskPool",
    submits=frozenset(["submit", "map"]),
    runs=frozenset(),
    waits=frozenset(["shutdown"]),
    plain=frozenset(),
    future=FUTURE,
    emitted_future="aio_support.PoolFuture",
    future_waits=("result", "exception"),
    future_plain=frozenset(["done", "running", "cancel", "cancelled", "add_done_callback"]),
    also=(EXECUTOR,),
    takes=frozenset([AS_COMPLETED, WAIT]),
    lingers=True,
)

POOL_ESCAPES = RefusalCode(
    "pool-escapes",
    "The pool, a future or its results reach code that asyncify does not see.",
    "Keep the pool and its futures inside this project's functions, or give that code a pool of its own.",
)
MIXED_POOL = RefusalCode(
    "mixed-pool",
    "The pool runs jobs that wait and jobs that do not, and these cannot go on in threads of their own.",
    "Submit each job by its own name, compute outside of locks, or give the jobs that compute a pool of their own.",
)
UNKNOWN_JOB = RefusalCode(
    "unknown-job",
    "asyncify cannot tell what the pool runs here.",
    "Submit a function by its name.",
)


def refuse(code: RefusalCode, span: Span, message: str = "") -> Refusal:
    """A refusal of that code; the message says more than its title."""
    text = message or code.title
    return Refusal(code.code, span, text, code.remedy, Reason(text, span))


def awaited(kind: PoolKind, span: Span, within: str, nodes: set[str], text: str) -> Iterator[Finding]:
    """The claim that a call which waits for the jobs of these pools is awaited."""
    reason = Reason(text, span)
    follows = tuple(sorted(nodes))
    yield Claim(kind.rule, span, within, Role.PART, Verdict.EXACT, text, {"": (Await(span, reason),)}, follows=follows)


# What keeps what it is given for those who take it out again, and does nothing else with it.
_CONTAINERS = ("builtins.", "collections.deque.", "collections.defaultdict.", "collections.OrderedDict.")
_PUTS = frozenset(
    f"queue.{kind}.{method}" for kind in ("Queue", "LifoQueue", "SimpleQueue") for method in ("put", "put_nowait")
)


def argument_escape(facts: Facts, path: str, parent: ast.Call, known: frozenset[str], what: str) -> Refusal | None:
    """Why an object may not be given to this call, or None: to code of the project and what is `known` it may."""
    call = facts.project.call_at(facts.span(path, parent))
    if (
        call is not None
        and not call.unresolved
        and all(name in known or name in _PUTS or name.startswith(_CONTAINERS) for name in call.externals)
    ):
        return None
    if call is not None and call.externals and call.externals <= known:
        return None
    return refuse(POOL_ESCAPES, facts.span(path, parent), f"{what} is given to {facts.text(path, parent.func)}()")
