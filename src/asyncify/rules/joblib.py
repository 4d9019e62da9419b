"""`joblib.Parallel` with threads, whose jobs wait for I/O, becomes a pool of asyncio tasks.

## What it rewrites

`Parallel(n_jobs=8, prefer="threads")(delayed(fetch)(url) for url in urls)` becomes
`await aio_support.Parallel(n_jobs=8, prefer="threads")(aio_support.delayed(fetch)(url) for url in urls)`: the same results in the same order,
as many jobs at once, as many items taken ahead; the first failure is raised at once, and then no more jobs are started. The
same with `backend="threading"` and with `require="sharedmem"`.

## What it refuses

- Objects that reach code which asyncify does not see, jobs that compute or that asyncify cannot identify.
- `timeout`, `return_as`, `verbose`, batches of more than one job, `parallel_config` and `parallel_backend`.
- Without one of the three options above `Parallel` has processes. It stays, and so does the function that waits for it;
  asynchronous functions call that one in a thread.

## What differs

A job runs up to its first wait where it is started. A job that is left behind by a failure is cancelled at the end of the program,
where its thread would have vanished.
"""

from __future__ import annotations

import ast
from collections.abc import Generator, Iterator

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.index.project import CallSite
from asyncify.index.values import External, ExternalMethod, Instance, Partial
from asyncify.model import Await, Edit, Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules.base import Block, Claim, Finding, Handles, Jobs, Role, Rule, function_node, object_node, site_node
from asyncify.rules.blocking import NO_COUNTERPART
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import, receiving_call
from asyncify.rules.handed_jobs import run_by_partial, sites_given
from asyncify.rules.support import import_of
from asyncify.rules.thread_pool_jobs import on_the_loop
from asyncify.rules.thread_pool_names import (
    MIXED_POOL,
    POOL_ESCAPES,
    UNKNOWN_JOB,
    PoolKind,
    argument_escape,
    refuse,
)

_NOTHING: frozenset[str] = frozenset()
PARALLEL = "joblib.Parallel"
DELAYED = "joblib.Delayed"
_JOB = "joblib.Job"
_CALL = f"{PARALLEL}.__call__"
_START = f"{DELAYED}.__call__"
_THREADS = frozenset([("backend", "threading"), ("prefer", "threads"), ("require", "sharedmem")])
_CONFIGURED = ("joblib.parallel_config", "joblib.parallel_backend", "joblib.register_parallel_backend")
_KIND = PoolKind(
    "joblib", PARALLEL, "aio_support.Parallel", _NOTHING, _NOTHING, _NOTHING, _NOTHING, "", "", (), _NOTHING
)  # fmt: skip


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about Parallel: each object is a node, with the calls of it and what they run."""
    made = {i: places for i, places in facts.instances.items() if i.type == PARALLEL and facts.made_by_call(i)}
    threads: set[str] = set()
    for instance, places in made.items():
        assert instance.site is not None
        if _is_threaded(facts, instance.site):
            threads.add(object_node(instance.site))
            yield from _construction(facts, instance.site, places)
    configured = next(iter(facts.calls_of(_CONFIGURED)), None)
    if configured is not None:
        refusal = refuse(POOL_ESCAPES, configured.span, "how Parallel runs its jobs is set for the whole program")
        yield from (Block(node, refusal, "joblib") for node in sorted(threads))
    followed: set[Span] = set()
    for call in facts.calls_by_external.get(_CALL, ()):
        nodes = {object_node(site) for site in _called(facts, call, PARALLEL)}
        if nodes and nodes <= threads:
            followed |= yield from _run(facts, call, nodes)
            continue
        mixed = refuse(POOL_ESCAPES, call.span, "asyncify cannot tell whether this has threads or processes")
        yield from (Block(node, mixed, "joblib") for node in sorted(nodes & threads))
        if not nodes & threads:
            text = "Parallel waits for processes, which stay"
            stays = Refusal(NO_COUNTERPART.code, call.span, text, NO_COUNTERPART.remedy, Reason(text, call.span))
            yield Block(f"waits:{call.span}", stays, "joblib", call.within, blocks_loop=True)
    for delay in facts.calls_by_external.get("joblib.delayed", ()):
        if delay.args and delay.span not in followed:
            unknown = refuse(UNKNOWN_JOB, delay.span, "asyncify cannot tell what runs it")
            yield Block(site_node(delay.args[0]), unknown, "joblib")
            yield from (Block(site, unknown, "joblib") for site in sites_given(facts, delay.args[0], delay.span))


def _called(facts: Facts, call: CallSite, type_: str) -> list[Span]:
    """Where the objects of the class that a call may be one of are made."""
    values = facts.project.values(call.func)
    return sorted(v.site for v in values if isinstance(v, Instance) and v.type == type_ and v.site is not None)


def _is_threaded(facts: Facts, site: Span) -> bool:
    """Whether the object that is made there has threads, by what its keywords say."""
    node = facts.node(site, ast.Call)
    said = {k.arg: k.value.value for k in (node.keywords if node else ()) if isinstance(k.value, ast.Constant)}
    named = {k.arg for k in (node.keywords if node else ())}
    if "backend" in named:
        return said.get("backend") == "threading"
    return None not in named and any(said.get(option) == value for option, value in _THREADS)


def _construction(facts: Facts, site: Span, places: list[tuple[str, ast.expr]]) -> Iterator[Finding]:
    node = object_node(site)
    call = facts.project.call_at(site)
    made = facts.node(site, ast.Call)
    if call is None or made is None or call.externals != {PARALLEL} or call.targets:
        yield Block(node, refuse(POOL_ESCAPES, site, "the pool is not made by a plain call"), "joblib")
        return
    unknown = _unknown_option(made)
    if unknown is not None:
        yield Block(node, refuse(POOL_ESCAPES, site, f"the pool is made with {unknown}"), "joblib")
    for path, place in places:
        escape = _escape(facts, path, place)
        if escape is not None:
            yield Block(node, escape, "joblib")
    reason = Reason("a pool of threads runs jobs that wait", site)
    yield Claim(
        "joblib", site, call.within, Role.PART, Verdict.EXACT, reason.text,
        {"": _renamed(facts, call, "aio_support.Parallel", reason)},
        needs_async=False, follows=(node,), concurrent=True,
    )  # fmt: skip


def _unknown_option(made: ast.Call) -> str | None:
    """What the object is made with that has no counterpart, if anything."""
    if len(made.args) > 1 or any(isinstance(argument, ast.Starred) for argument in made.args):
        return "arguments that are not named"
    for keyword in made.keywords:
        value = keyword.value.value if isinstance(keyword.value, ast.Constant) else ...
        match keyword.arg:
            case "n_jobs":
                known = not made.args
            case "backend" | "prefer" | "require":
                known = True
            case "verbose":
                known = value in (0, False)
            case "batch_size":
                known = value in ("auto", 1)
            case "timeout" | "temp_folder" | "max_nbytes" | "mmap_mode":
                known = value is None or keyword.arg != "timeout"
            case "return_as":
                known = value == "list"
            case "pre_dispatch":
                known = value in ("all", "n_jobs", "2*n_jobs", "2 * n_jobs") or type(value) is int
            case _:
                known = False
        if not known:
            return f"{keyword.arg or '**'}{'=' * bool(keyword.arg)}{ast.unparse(keyword.value)}"
    return None


def _escape(facts: Facts, path: str, place: ast.expr) -> Refusal | None:
    parent = facts.parent(path, place)
    if isinstance(parent, ast.Call) and parent.func is place:
        return None
    receiver = receiving_call(facts, path, place)
    if receiver is not None:
        return argument_escape(facts, path, receiver, frozenset(), "the pool")
    if isinstance(parent, (ast.Attribute, ast.Yield, ast.YieldFrom)):
        return refuse(POOL_ESCAPES, facts.span(path, place), "asyncify does not know this use of Parallel")
    return None


def _renamed(facts: Facts, call: CallSite, new: str, reason: Reason) -> tuple[Edit, ...]:
    func = facts.node(call.func, ast.expr)
    assert func is not None
    source = facts.file(call.span.path).source
    return (
        ReplaceExpr(call.func, new, reason),
        import_of(source, "aio_support", call.span, reason),
        *orphaned_import(func, call.span, reason),
    )


def _run(facts: Facts, call: CallSite, pools: set[str]) -> Generator[Finding, None, set[Span]]:
    """One call of such an object: it runs the delayed calls it is given. Returns the calls of `delayed` behind them."""
    reason = Reason("Parallel waits for its jobs", call.span)
    follows = tuple(sorted(pools))
    yield Claim(
        "joblib", call.span, call.within, Role.PART, Verdict.EXACT, reason.text, {"": (Await(call.span, reason),)},
        follows=follows,
    )  # fmt: skip
    yield Handles(call.span)
    delayed = _delayed(facts, call)
    if delayed is None:
        yield from (Block(pool, refuse(UNKNOWN_JOB, call.span), "joblib") for pool in follows)
        return set()
    followed: set[Span] = set()
    for started in delayed:
        sites = _called(facts, started, DELAYED)
        makers = [made for site in sites if (made := facts.project.call_at(site)) is not None]
        followed |= {made.span for made in makers}
        yield from _delays(facts, started, makers, follows)
    return followed


def _delayed(facts: Facts, call: CallSite) -> list[CallSite] | None:
    """The delayed calls that a call of Parallel may be given; None where something else may be among them."""
    if call.targets or call.externals != {_CALL} or len(call.args) != 1 or call.keywords or call.has_star:
        return None
    found: dict[Span, CallSite] = {}
    for given in facts.project.values(call.args[0]):
        for value in facts.project.slot(given, 0):
            started = facts.project.call_at(value.site) if isinstance(value, Instance) and value.site else None
            if not isinstance(value, Instance) or value.type != _JOB or started is None:
                return None
            found[started.span] = started
    return [found[span] for span in sorted(found)] if found else None


def _delays(facts: Facts, started: CallSite, makers: list[CallSite], pools: tuple[str, ...]) -> Iterator[Finding]:
    """``delayed(f)(x)``: what becomes of `f`, and of the name of `delayed`."""
    yield Handles(started.span)
    jobs = {
        function_node(i.target) for i in facts.project.implicit_calls if i.kind == "callback" and i.span == started.span
    }
    for made in makers:
        values = facts.project.values(made.args[0]) if made.args else frozenset()
        jobs |= {site_node(made.args[0]) for value in values if isinstance(value, (External, ExternalMethod))}
        for value in values:
            if isinstance(value, Partial):
                jobs |= run_by_partial(facts, value, started.span, started.span)
    plain = all(made.externals == {"joblib.delayed"} and len(made.args) == 1 and not made.targets for made in makers)
    known = bool(jobs) and bool(makers) and plain and started.externals == {_START} and not started.targets
    for pool in pools if not known else ():
        yield Block(pool, refuse(UNKNOWN_JOB, started.span), "joblib")
    yield from on_the_loop(facts, _KIND, started, set(pools))
    mixed = refuse(MIXED_POOL, started.span)
    for pool in pools:
        yield from (Implication(job, pool, "it runs as a job of the pool", started.span) for job in sorted(jobs))
        yield Jobs(pool, tuple(sorted(jobs)), mixed)
    for made in makers if plain else ():
        yield Handles(made.args[0])
        yield Handles(made.span)
        reason = Reason("the pool of tasks runs what is delayed", made.span)
        yield Claim(
            "joblib", made.span, made.within, Role.PART, Verdict.EXACT, reason.text,
            {"": _renamed(facts, made, "aio_support.delayed", reason)},
            needs_async=False, follows=pools,
        )  # fmt: skip


RULE = Rule(
    id="joblib",
    title="joblib.Parallel with threads → a pool of asyncio tasks",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={
            PARALLEL: Signature(PARALLEL),
            f"{PARALLEL}.__enter__": Signature("self"),
            _CALL: Signature("builtins.list[arg0[][]]"),
            "joblib.delayed": Signature(f"{DELAYED}[arg0]"),
            _START: Signature(f"{_JOB}[result0]", (Invoke("slot0", ("*args0",)),)),
        },
        aliases={"joblib.parallel.Parallel": PARALLEL, "joblib.parallel.delayed": "joblib.delayed"},
        modules=frozenset({"joblib"}),
    ),
    starts={"joblib": ("Parallel",)},
    match=match,
)
