"""Locks of threads that are held while something waits become locks of tasks.

## What it rewrites

- `threading.Lock()` becomes `TaskLock()`, from the module `aio_support` that is added to your project, if something is
  awaited in a `with` block of it, or between its `acquire()` and `release()`. A lock of threads held across an await would
  stop the event loop, or, if it is an `RLock`, exclude nobody. `RLock`, `Semaphore`, `BoundedSemaphore`, `Condition`
  and `Barrier` the same.
- `with lock:` becomes `async with lock:`; `acquire`, `wait` and `wait_for` are awaited, with the same arguments.
- `threading.Event` becomes `TaskEvent` where coroutines wait for it; `wait` is awaited. If the event cannot move, because
  code that stays in a thread waits for it too, it is waited for in a thread (`asyncio.to_thread`).
- A lock or event that a package makes only if its caller passes none (`lock or Lock()`) moves on the condition that callers outside
  pass its counterpart (verdict `review`).

`release`, `notify`, `set` and the like stay as they are and may be called from any thread.

## What it refuses

A lock that reaches code asyncify does not see, or of which more is used than the above.

## What it keeps

Blocks without an await: only one task runs at a time, so the lock is always free and does what it did.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.index.project import CallSite
from asyncify.rules.base import Block, Claim, Finding, RefusalCode, Role, Rule, function_node, object_node
from asyncify.rules.blocking import one_shot, stays
from asyncify.rules.facts import Facts
from asyncify.rules.objects import Family, Kind, waiting_calls
from asyncify.rules.spinning import spinning

_ACQUIRE = frozenset(["acquire"])
KINDS = {
    kind.type: kind
    for kind in (
        Kind("threading.Lock", "aio_support.TaskLock", _ACQUIRE, frozenset(["release", "locked"]), True),
        Kind("threading.RLock", "aio_support.TaskRLock", _ACQUIRE, frozenset(["release"]), True),
        Kind("threading.Semaphore", "aio_support.TaskSemaphore", _ACQUIRE, frozenset(["release"]), True),
        Kind("threading.BoundedSemaphore", "aio_support.TaskBoundedSemaphore", _ACQUIRE, frozenset(["release"]), True),
        Kind(
            "threading.Condition",
            "aio_support.TaskCondition",
            frozenset(["acquire", "wait", "wait_for"]),
            frozenset(["release", "notify", "notify_all"]),
            True,
        ),
    )
}
EVENTS = {
    "threading.Event": Kind(
        "threading.Event", "aio_support.TaskEvent", frozenset(["wait"]), frozenset(["is_set", "set", "clear"])
    ),
}
LOCKS = tuple(KINDS)
_BARRIER = Kind(
    "threading.Barrier",
    "aio_support.TaskBarrier",
    frozenset(["wait", "reset", "abort"]),
    frozenset(["broken", "parties", "n_waiting"]),
)
LOCK_ESCAPES = RefusalCode(
    "lock-escapes",
    "The lock or event reaches code that asyncify does not see.",
    "Keep the lock inside this project's functions, and use acquire, release, wait, notify, set and the like of it.",
)


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about locks and events."""
    yield from _locks(facts)
    yield from _events(facts)


def _locks(facts: Facts) -> Iterator[Finding]:
    family = Family(
        facts, "thread_locks", KINDS | {_BARRIER.type: _BARRIER}, LOCK_ESCAPES, frozenset({"threading.Condition"})
    )
    family.examine()
    spinning(family, frozenset(["locked"]), frozenset(["broken", "n_waiting"]))
    for finding in waiting_calls(family, _at_once):
        if isinstance(finding, CallSite):
            yield stays(finding, sorted(finding.externals)[0])
        else:
            yield finding
    yield from family.entries()
    yield from _stacked(family)
    yield from _entered_by_name(family)
    for call in facts.calls_by_external.get("threading.Condition", ()):
        for span in (*call.args, *(span for _, span in call.keywords)):
            lock = facts.node(span, ast.expr)
            for node in sorted(family.nodes_at(span.path, lock)) if lock is not None else ():
                text = "the condition is one of this lock"
                yield Implication(object_node(call.span), node, text, call.span)
                yield Implication(node, object_node(call.span), text, call.span)
    yield from family.findings()


def _stacked(family: Family) -> Iterator[Finding]:
    """A lock that an ExitStack holds is held in statements that nobody sees: its function stays as it is."""
    facts = family.facts
    for _, places in family.found.values():
        for path, place in places:
            call = facts.parent(path, place)
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "enter_context"
            ):
                span = facts.span(path, call)
                within = facts.enclosing(path, call)
                yield Block(function_node(within), family.refuse(span, "an ExitStack holds it"), "thread_locks", within)


def _entered_by_name(family: Family) -> Iterator[Finding]:
    """``lock.__enter__()``: who calls it holds the lock in statements that nobody sees."""
    for kind in family.kinds:
        for call in family.facts.calls_by_external.get(f"{kind}.__enter__", ()):
            yield stays(call, f"{kind}.__enter__")


def _at_once(node: ast.Call, method: str, nodes: frozenset[str]) -> bool:
    """Whether the call is told not to wait."""
    blocking = next((k.value for k in node.keywords if k.arg == "blocking"), node.args[0] if node.args else None)
    return method == "acquire" and isinstance(blocking, ast.Constant) and not blocking.value


def _events(facts: Facts) -> Iterator[Finding]:
    """Events move along if they can; else a thread waits for them."""
    family = Family(facts, "thread_locks", EVENTS, LOCK_ESCAPES)
    family.examine()
    spinning(family, frozenset(["is_set"]))
    for finding in waiting_calls(family, lambda node, method, nodes: False):
        if isinstance(finding, CallSite):
            yield one_shot(facts, finding, EVENTS.keys())
            continue
        bridge = one_shot(facts, facts.project.call_at(finding.span), EVENTS.keys())
        if isinstance(bridge, Claim):
            yield replace(finding, role=Role.PART, variant="task")
            yield replace(bridge, leads=finding.leads, if_possible=True, unless=finding.leads)
        else:
            yield bridge
    yield from family.findings()


RULE = Rule(
    id="thread_locks",
    title="Locks of threads",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={name: Signature(returns=name) for name in (*LOCKS, *EVENTS)}
        | {_BARRIER.type: Signature(returns=_BARRIER.type, invokes=(Invoke("arg1 | arg:action"),))}
        | {
            f"{kind.type}.{m}": Signature()
            for kind in (*KINDS.values(), *EVENTS.values(), _BARRIER)
            for m in kind.waits | kind.plain
        }
        | {f"threading.Condition.{m}": Signature(invokes=(Invoke("arg0 | arg:predicate"),)) for m in ("wait_for",)}
        | {f"{name}.__enter__": Signature(returns="builtins.bool") for name in LOCKS},
        modules=frozenset({"threading"}),
    ),
    starts={},
    match=match,
    refusals=(LOCK_ESCAPES,),
)
