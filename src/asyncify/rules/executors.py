"""Functions that coroutines run in threads (`asyncio.to_thread`, `loop.run_in_executor`) are awaited themselves once they wait on asyncio.

## What it rewrites

- `asyncio.to_thread(fetch, url)` becomes `aio_support.to_task(fetch, url)`, and `loop.run_in_executor(None, fetch, url)` becomes
  `aio_support.run_in_executor(None, fetch, url)`, where `fetch` becomes asynchronous. As many run at once as threads did, a job that
  has begun is finished although nobody waits for it any more, and what is given back can be gathered, waited for and cancelled as before.
- The same with verbs of requests: `loop.run_in_executor(None, requests.get, url)` (verdict `exact`).
- The same with a `ThreadPoolExecutor`, which becomes a pool of tasks.

Verdict `review`: what such a function computes no longer runs beside the event loop.

## What it refuses

- Functions that may wait in a way that asyncify does not see (`waits-unseen`): they would stop the event loop, which their thread did not.
- Loops with another default executor, and those that the program itself runs other than by `run_until_complete`, or ends step by step
  (`run_forever`, `shutdown_default_executor`).
- Calls outside of coroutines, and places that may run something from outside the project as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.index.project import CallSite, Kind
from asyncify.index.values import BoundMethod, Constant, External, ExternalMethod, Function, Instance, Partial
from asyncify.model import Edit, Reason, Refusal, ReplaceExpr, Verdict
from asyncify.rules.base import Block, Claim, Finding, Handles, Jobs, Role, Rule, function_node, object_node, site_node
from asyncify.rules.facts import Facts
from asyncify.rules.fastapi import WAITS_UNSEEN
from asyncify.rules.flow import orphaned_import
from asyncify.rules.handed_jobs import asks, run_by_partial, sites_given
from asyncify.rules.own_loops import LOOP as _LOOP
from asyncify.rules.own_loops import ends_as_ever
from asyncify.rules.support import import_of
from asyncify.rules.thread_pool_names import MIXED_POOL, POOL, POOL_ESCAPES, RUN_IN_EXECUTOR, UNKNOWN_JOB, refuse
from asyncify.rules.unseen_waits import UnseenWaits

ID = "executors"
TO_THREAD = "asyncio.to_thread"
_SET = f"{_LOOP}.set_default_executor"
_CONDITION = "what the function computes no longer runs in a thread beside the event loop"


def match(facts: Facts) -> Iterator[Finding]:
    """Every call that runs a function in a thread for a coroutine."""
    if not {TO_THREAD, RUN_IN_EXECUTOR} & facts.calls_by_external.keys():
        return
    unseen = UnseenWaits(facts)
    for name, emitted in ((TO_THREAD, "to_task"), (RUN_IN_EXECUTOR, "run_in_executor")):
        for call in facts.calls_by_external.get(name, ()):
            pools = _pools(facts, call) if name == RUN_IN_EXECUTOR else ()
            nodes = _run(facts, call, int(name == RUN_IN_EXECUTOR))
            if pools is None or not nodes or not _can_move(facts, call, name, pools):
                stays = refuse(UNKNOWN_JOB, call.span, _why_it_stays(facts, call, name))
                for given in call.args[int(name == RUN_IN_EXECUTOR) :][:1]:
                    yield from (Block(site, stays, ID) for site in sites_given(facts, given, call.span))
                for value in sorted(facts.project.values(call.args[0]), key=str) if call.args else ():
                    if isinstance(value, Instance) and value.site is not None and value.type == POOL:
                        text = "run_in_executor() runs something else in the pool"
                        yield Block(object_node(value.site), refuse(POOL_ESCAPES, call.span, text), ID)
                continue
            yield from _job(facts, call, nodes, pools, emitted, unseen)


def _why_it_stays(facts: Facts, call: CallSite, name: str) -> str:
    """What keeps the call as it is, in words."""
    info = facts.project.functions.get(call.within)
    if info is not None and not info.is_async:
        return "a thread runs this outside of a coroutine, which asyncify cannot replace"
    if not ends_as_ever(facts):
        return "a thread runs this for an event loop that is run or ended in another way than by asyncio.run"
    if name == RUN_IN_EXECUTOR and _SET in facts.calls_by_external:
        return "a thread of another default executor runs this"
    return "a thread runs this, which asyncify cannot replace"


def _pools(facts: Facts, call: CallSite) -> tuple[str, ...] | None:
    """The nodes of the pools that run it, none for that of the loop; None where they are not known."""
    values = facts.project.values(call.args[0]) if call.args else frozenset()
    if values == {Constant(None)}:
        return ()
    out = []
    for value in values:
        site = value.site if isinstance(value, Instance) and value.type == POOL else None
        if site is None:
            return None
        out.append(object_node(site))
    return tuple(sorted(out)) or None


def _run(facts: Facts, call: CallSite, position: int) -> list[str]:
    """The nodes of what it runs: functions of the project, verbs of requests; none where something else may run."""
    if len(call.args) <= position:
        return []
    given = call.args[position]
    nodes: set[str] = set()
    for value in facts.project.values(given):
        match value:
            case Function(name) | BoundMethod(name, _):
                inner = {function_node(name)}
            case Partial():
                inner = run_by_partial(facts, value, given, call.span)
            case External() | ExternalMethod() if asks(value):
                inner = {site_node(given)}
            case _:
                inner = set()
        if not inner:
            return []
        nodes |= inner
    infos = [facts.project.functions[name] for name in map(_function_of, nodes) if name is not None]
    if any(info.is_async or info.is_generator or info.kind not in (Kind.FUNCTION, Kind.LAMBDA) for info in infos):
        return []
    return sorted(nodes)


def _function_of(node: str) -> str | None:
    """The function whose node it is; None for the node of something else."""
    name = node.removeprefix("function:")
    return name if name != node else None


def _can_move(facts: Facts, call: CallSite, name: str, pools: tuple[str, ...]) -> bool:
    """Whether the call runs on its own event loop, and in an executor as asyncio makes it."""
    info = facts.project.functions.get(call.within)
    if info is None or not info.is_async or call.externals != {name} or call.targets or call.unresolved:
        return False
    if not ends_as_ever(facts):
        return False
    return bool(pools) or _SET not in facts.calls_by_external


def _job(
    facts: Facts, call: CallSite, nodes: list[str], pools: tuple[str, ...], emitted: str, unseen: UnseenWaits
) -> Iterator[Finding]:
    path = call.span.path
    given = call.args[int(emitted == "run_in_executor")]
    yield Handles(given)
    yield Handles(call.span)
    for node, other in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
        name = _function_of(node)
        found = unseen.below(name) if name is not None else None
        if name is not None and found is not None:
            text = f"A thread runs {name.rpartition('.')[2]}() here, and what it calls at {found} may wait."
            reason = Reason(text, found)
            yield Block(node, Refusal(WAITS_UNSEEN.code, call.span, text, WAITS_UNSEEN.remedy, reason), ID)
        if other != node:
            yield Implication(node, other, "the same call runs it", call.span)
        for pool in pools:
            yield Implication(node, pool, "it runs as a job of the pool", call.span)
    for pool in pools:
        yield Jobs(pool, tuple(nodes), refuse(MIXED_POOL, call.span))
    computes = any(_function_of(node) is not None for node in nodes)
    reason = Reason("what it runs becomes asynchronous", call.span)
    edits: tuple[Edit, ...] = (
        ReplaceExpr(call.func, f"aio_support.{emitted}", reason),
        import_of(facts.file(path).source, "aio_support", call.span, reason),
        *orphaned_import(call.node.func, call.span, reason),
    )
    yield Claim(
        ID,
        call.span,
        call.within,
        Role.PART,
        Verdict.REVIEW if computes else Verdict.EXACT,
        reason.text,
        {"": edits},
        needs_async=False,
        follows=tuple(nodes),
        leads=tuple(nodes),
        condition=_CONDITION if computes else None,
    )


RULE = Rule(
    id=ID,
    title="Functions that coroutines run in threads",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={
            TO_THREAD: Signature("result0", (Invoke("arg0", ("*args1",)),)),
            RUN_IN_EXECUTOR: Signature("result1", (Invoke("arg1", ("*args2",)),)),
            "asyncio.get_running_loop": Signature(_LOOP),
        },
    ),
    starts={},
    match=match,
)
