"""Where locks of threads are held that no await may meet: in context managers, and around the start of jobs.

## What it refuses

A context manager of the project (`@contextmanager`) that yields while it holds a lock: what stands in a `with` block of it runs with the lock held,
so the function with that block stays synchronous.

`pool.submit(job)` in a `with lock:` block (here or in a caller), where the job takes the same lock. A thread would wait for the lock until the
block ends; the first step of a task is taken at once, in the thread that holds the lock.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import CallSite
from asyncify.index.values import BoundMethod, Function, Instance
from asyncify.model import Reason, Refusal
from asyncify.rules.base import Block, Finding, RefusalCode, Rule, function_node, object_node
from asyncify.rules.facts import Facts

POOL = "concurrent.futures.ThreadPoolExecutor"
LOCKS = tuple(f"threading.{name}" for name in ("Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore"))
STARTED_UNDER_LOCK = RefusalCode(
    "started-under-lock",
    "A job is started while a lock is held that it takes itself.",
    "Submit the job after the lock is released.",
)


HELD_BY_MANAGER = RefusalCode(
    "held-by-manager",
    "The context manager holds a lock of threads here; holding it across an await would stop the event loop.",
    "Release the lock before the context manager yields, or move to asyncio.Lock by hand.",
)


def match(facts: Facts) -> Iterator[Finding]:
    """Blocks for the users of such context managers, and for the pools of such jobs."""
    takers = _takers(facts)
    if not takers:
        return
    yield from _managers(facts, takers)
    for method in ("submit", "map"):
        for call in facts.calls_by_external.get(f"{POOL}.{method}", ()):
            held = _held(facts, call)
            if held and held & _taken(facts, call, takers):
                reason = Reason(STARTED_UNDER_LOCK.title, call.span)
                code = STARTED_UNDER_LOCK
                refusal = Refusal(code.code, call.span, code.title, code.remedy, reason)
                for instance in facts.receivers(call):
                    if instance.site is not None:
                        yield Block(object_node(instance.site), refusal, "held_locks")


def _managers(facts: Facts, takers: dict[str, set[Instance]]) -> Iterator[Finding]:
    """Blocks for the functions that call a generator which yields while it holds a lock."""
    for name in sorted(takers):
        info = facts.project.functions.get(name)
        node = facts.node(info.span, ast.FunctionDef) if info is not None and info.is_generator else None
        if info is None or node is None or not any(_yields(facts, info.path, part) for part in ast.walk(node)):
            continue
        for call in facts.project.callers(name):
            reason = Reason(HELD_BY_MANAGER.title, call.span, Reason("it yields while it holds a lock", info.span))
            code = HELD_BY_MANAGER
            refusal = Refusal(code.code, call.span, code.title, code.remedy, reason)
            yield Block(function_node(call.within), refusal, "held_locks", call.within, blocks_loop=True)


def _yields(facts: Facts, path: str, part: ast.AST) -> bool:
    """Whether it is a `with` block of a lock that has a yield in it."""
    if not isinstance(part, ast.With) or not any(isinstance(node, ast.Yield) for node in ast.walk(part)):
        return False
    return any(
        isinstance(value, Instance) and value.type in LOCKS
        for item in part.items
        for value in facts.values(path, item.context_expr)
    )


def _takers(facts: Facts) -> dict[str, set[Instance]]:
    """By function the locks that it uses."""
    out: dict[str, set[Instance]] = {}
    for instance, places in facts.instances.items():
        if instance.type in LOCKS:
            for path, place in places:
                out.setdefault(facts.enclosing(path, place), set()).add(instance)
    return out


def _held(facts: Facts, call: CallSite) -> set[Instance]:
    """The locks that are held around the call, in its function or in a caller."""
    held: set[Instance] = set()
    seen: set[str] = set()
    todo = [call]
    while todo:
        site = todo.pop()
        node = facts.node(site.span, ast.Call)
        for parent in facts.ancestors_in_function(site.span.path, node) if node is not None else ():
            if isinstance(parent, ast.With):
                for item in parent.items:
                    values = facts.values(site.span.path, item.context_expr)
                    held |= {value for value in values if isinstance(value, Instance) and value.type in LOCKS}
        if site.within not in seen:
            seen.add(site.within)
            todo += facts.project.callers(site.within)
    return held


def _taken(facts: Facts, call: CallSite, takers: dict[str, set[Instance]]) -> set[Instance]:
    """The locks that the job may take; all of them where the job is not known."""
    values = facts.project.values(call.args[0]) if call.args else frozenset()
    names = {value.name for value in values if isinstance(value, Function)}
    names |= {value.function for value in values if isinstance(value, BoundMethod)}
    if len(names) < len(values) or not values:
        return set().union(*takers.values())
    return set().union(*(takers.get(name, set()) for name in facts.reached(names)))


RULE = Rule(
    id="held_locks",
    title="Locks that are held out of sight",
    doc=__doc__,
    catalogue=Catalogue(signatures={name: Signature(returns=name) for name in LOCKS}),
    match=match,
    refusals=(STARTED_UNDER_LOCK, HELD_BY_MANAGER),
)
