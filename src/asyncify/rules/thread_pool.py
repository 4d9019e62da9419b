"""A `ThreadPoolExecutor` whose jobs wait for I/O becomes a pool of asyncio tasks.

## What it rewrites

- `ThreadPoolExecutor(n)` becomes `TaskPool(n)`, from one small module added to your project; `with` becomes `async with`.
- `submit`, `map`, `as_completed`, `wait` keep their names and their meaning: first in, first out, at most `n` jobs at a
  time, results in order, all work waited for at the end of the block.
- `future.result()` and `future.exception()` are awaited; loops over `map` and `as_completed` become `async for`.

A pool moves only if its jobs wait for something that can be awaited. A pool that only computes stays as it is.

## What it refuses

- A pool or a future that reaches code asyncify does not see.
- A pool that runs both waiting and computing jobs, or jobs that asyncify cannot identify.

## What differs

A job runs up to its first wait where it is submitted, if a worker is free, and not beside the submitting function. Jobs no longer
run in parallel with the computing of others; what they do between two waits is done alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.index.project import CallSite, Kind
from asyncify.index.values import BoundMethod, External, ExternalMethod, Function, Instance, Partial
from asyncify.model import Await, DropImport, Edit, MakeAsync, Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules.base import (
    Block,
    Claim,
    Finding,
    Handles,
    Jobs,
    RefusalCode,
    Role,
    Rule,
    function_node,
    object_node,
    site_node,
)
from asyncify.rules.facts import Facts
from asyncify.rules.flow import annotation_claims, receiving_call
from asyncify.rules.iteration import consumption
from asyncify.rules.support import import_of

POOL = "concurrent.futures.ThreadPoolExecutor"
EXECUTOR = "concurrent.futures.Executor"
FUTURE = "concurrent.futures.Future"
MAP_RESULT = "concurrent.futures.MapResult"
AS_COMPLETED_RESULT = "concurrent.futures.AsCompletedResult"
AS_COMPLETED = "concurrent.futures.as_completed"
WAIT = "concurrent.futures.wait"

AWAITED = ("result", "exception")
PLAIN_FUTURE = frozenset(["done", "running", "cancel", "cancelled", "add_done_callback"])

POOL_ESCAPES = RefusalCode(
    "pool-escapes",
    "The pool, a future or its results reach code that asyncify does not see.",
    "Keep the pool and its futures inside this project's functions, or give that code a pool of its own.",
)
MIXED_POOL = RefusalCode(
    "mixed-pool",
    "The pool runs jobs that wait and jobs that do not.",
    "Give the jobs that compute a pool of their own.",
)
UNKNOWN_JOB = RefusalCode(
    "unknown-job",
    "asyncify cannot tell what the pool runs here.",
    "Submit a function by its name.",
)
SHARED_WITH = RefusalCode(
    "shared-with",
    "One `with` statement holds the pool and something else.",
    "Give the pool a `with` statement of its own.",
)

CATALOGUE = Catalogue(
    signatures={
        POOL: Signature(returns=POOL),
        f"{POOL}.__enter__": Signature(returns="self"),
        f"{POOL}.submit": Signature(returns=f"{FUTURE}[result0]", invokes=(Invoke("arg0", ("*args1",)),)),
        f"{POOL}.map": Signature(
            returns=f"{MAP_RESULT}[result0]", invokes=(Invoke("arg0", ("arg1[]", "arg2[]", "arg3[]")),)
        ),
        f"{POOL}.shutdown": Signature(),
        f"{FUTURE}.result": Signature(returns="slot0"),
        f"{FUTURE}.exception": Signature(returns=None),
        f"{FUTURE}.add_done_callback": Signature(returns=None, invokes=(Invoke("arg0", ("self",)),)),
        AS_COMPLETED: Signature(returns=f"{AS_COMPLETED_RESULT}[arg0[]]"),
        WAIT: Signature(returns="builtins.tuple[builtins.set[arg0[]], builtins.set[arg0[]]]"),
    },
    aliases={
        "concurrent.futures.thread.ThreadPoolExecutor": POOL,
        "concurrent.futures._base.as_completed": AS_COMPLETED,
        "concurrent.futures._base.Future": FUTURE,
        "concurrent.futures._base.wait": WAIT,
    },
    modules=frozenset({"concurrent"}),
)


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about thread pools."""
    pools = {i: places for i, places in facts.instances.items() if i.type == POOL}
    owners: dict[Span, set[str]] = {}  # nodes of the pools that made a future or a map, by the span of that call
    for instance, places in pools.items():
        assert instance.site is not None
        yield from _construction(facts, instance, places)
    for method in ("submit", "map"):
        for call in facts.calls_by_external.get(f"{POOL}.{method}", ()):
            nodes = {object_node(i.site) for i in facts.receivers(call) if i.site is not None and facts.made_by_call(i)}
            owners[call.span] = nodes
            yield from _jobs(facts, call, nodes)
    for call in facts.calls_by_external.get(f"{POOL}.shutdown", ()):
        nodes = {object_node(i.site) for i in facts.receivers(call) if i.site is not None and facts.made_by_call(i)}
        yield from _awaited(call.span, call.within, nodes, "shutdown() waits for the jobs")
    yield from _helpers(facts, owners)
    yield from _futures(facts, owners)
    for instance, places in facts.instances.items():
        if instance.type in (MAP_RESULT, AS_COMPLETED_RESULT) and instance.site in owners:
            yield from _results(facts, places, owners[instance.site])
    yield from annotation_claims(facts, "thread_pool", POOL, frozenset({POOL}), "aio_support.TaskPool", {})
    yield from annotation_claims(facts, "thread_pool", EXECUTOR, frozenset({POOL}), "aio_support.TaskPool", {})
    by_site = {site: tuple(sorted(nodes)) for site, nodes in owners.items()}
    yield from annotation_claims(facts, "thread_pool", FUTURE, frozenset({FUTURE}), "aio_support.PoolFuture", by_site)


def _refuse(code: RefusalCode, span: Span, message: str = "") -> Refusal:
    text = message or code.title
    return Refusal(code.code, span, text, code.remedy, Reason(text, span))


def _awaited(span: Span, within: str, nodes: set[str], text: str) -> Iterator[Finding]:
    reason = Reason(text, span)
    follows = tuple(sorted(nodes))
    yield Claim(
        "thread_pool", span, within, Role.PART, Verdict.EXACT, text, {"": (Await(span, reason),)}, follows=follows
    )


def _construction(facts: Facts, pool: Instance, places: list[tuple[str, ast.expr]]) -> Iterator[Finding]:
    assert pool.site is not None
    node = object_node(pool.site)
    call = facts.project.call_at(pool.site)
    func = facts.node(call.func, ast.expr) if call is not None else None
    if call is None or func is None or call.externals != {POOL} or call.targets:
        yield Block(node, _refuse(POOL_ESCAPES, pool.site, "the pool is not made by a plain call"), "thread_pool")
        return
    managed = False
    for path, place in places:
        parent = facts.parent(path, place)
        if isinstance(parent, ast.withitem) and parent.context_expr is place:
            managed = True
            yield from _with(facts, path, parent, node)
            continue
        refusal = _pool_escape(facts, path, place)
        if refusal is not None:
            yield Block(node, refusal, "thread_pool")
    reason = Reason("a pool of threads runs jobs that wait", call.span)
    root = func
    while isinstance(root, ast.Attribute):
        root = root.value
    edits: list[Edit] = [
        ReplaceExpr(call.func, "aio_support.TaskPool", reason),
        import_of(facts.file(call.span.path).source, "aio_support", call.span, reason),
    ]
    if isinstance(root, ast.Name):
        edits.append(DropImport(call.span, reason, root.id))
    yield Claim(
        "thread_pool",
        call.span,
        call.within,
        Role.PART,
        Verdict.EXACT,
        reason.text,
        {"": tuple(edits)},
        needs_async=False,
        follows=(node,),
        concurrent=True,
        lingers=not managed,
    )


def _with(facts: Facts, path: str, item: ast.withitem, node: str) -> Iterator[Finding]:
    statement = facts.parent(path, item)
    if not isinstance(statement, ast.With):
        return
    span = facts.span(path, statement)
    if len(statement.items) > 1:
        yield Block(node, _refuse(SHARED_WITH, span), "thread_pool")
        return
    reason = Reason("leaving the block waits for the jobs", span)
    yield Claim(
        "thread_pool",
        span,
        facts.enclosing(path, statement),
        Role.PART,
        Verdict.EXACT,
        reason.text,
        {"": (MakeAsync(span, reason),)},
        follows=(node,),
    )


def _argument_escape(facts: Facts, path: str, parent: ast.Call, known: frozenset[str], what: str) -> Refusal | None:
    call = facts.project.call_at(facts.span(path, parent))
    if (
        call is not None
        and not call.unresolved
        and all(name in known or name.startswith("builtins.") for name in call.externals)
    ):
        return None
    if call is not None and call.externals and call.externals <= known:
        return None
    return _refuse(POOL_ESCAPES, facts.span(path, parent), f"{what} is given to {facts.text(path, parent.func)}()")


def _pool_escape(facts: Facts, path: str, place: ast.expr) -> Refusal | None:
    parent = facts.parent(path, place)
    if isinstance(parent, ast.Attribute) and parent.value is place:
        if parent.attr in ("submit", "map", "shutdown") and isinstance(facts.parent(path, parent), ast.Call):
            return None
        return _refuse(
            POOL_ESCAPES, facts.span(path, parent), f"asyncify does not know what .{parent.attr} of a pool is for"
        )
    receiver = receiving_call(facts, path, place)
    if receiver is not None:
        return _argument_escape(facts, path, receiver, frozenset(), "the pool")
    if isinstance(parent, (ast.Yield, ast.YieldFrom)):
        return _refuse(POOL_ESCAPES, facts.span(path, place), "the pool is handed out by a generator")
    return None


def _jobs(facts: Facts, call: CallSite, pools: set[str]) -> Iterator[Finding]:
    """What one submit or map runs; links between the jobs and the pools."""
    if not pools:
        return
    refusal = _refuse(UNKNOWN_JOB, call.span)
    if not call.args or call.externals - {f"{POOL}.submit", f"{POOL}.map"} or call.targets:
        for pool in pools:
            yield Block(pool, refusal, "thread_pool")
        return
    job = call.args[0]
    yield Handles(job)
    yield Handles(call.span)
    nodes: set[str] = set()
    known = True
    for value in facts.project.values(job):
        match value:
            case Function(name) | BoundMethod(name, _):
                nodes.add(function_node(name))
            case Partial():
                inner = {
                    function_node(i.target)
                    for i in facts.project.implicit_calls
                    if i.kind == "callback" and i.span in (job, call.span)
                }
                nodes |= inner
                known = known and bool(inner)
            case External() | ExternalMethod():
                nodes.add(site_node(job))
            case _:
                known = False
    if not known or not nodes:
        for pool in pools:
            yield Block(pool, refusal, "thread_pool")
    yield from _on_the_loop(facts, call, pools)
    mixed = _refuse(MIXED_POOL, call.span)
    for pool in sorted(pools):
        for node in sorted(nodes):
            yield Implication(node, pool, "it runs as a job of the pool", call.span)
        yield Jobs(pool, tuple(sorted(nodes)), mixed)


def _on_the_loop(facts: Facts, call: CallSite, pools: set[str]) -> Iterator[Finding]:
    """Jobs are started on the running loop: whoever submits is asynchronous, or is called only by functions that are."""
    callers = [c for c in facts.project.callers(call.within) if c.within != call.within]
    handed_out = any(use.function == call.within for use in facts.project.uses) or any(
        implicit.target == call.within for implicit in facts.implicit_calls
    )
    sites = [call] if not callers or handed_out else callers
    follows = tuple(sorted(pools))
    for site in sites:
        short = site.within.rpartition(".")[2]
        text = f"{short}() starts jobs, which needs a running event loop"
        info = facts.project.functions.get(site.within)
        if info is not None and info.kind is Kind.MODULE and site is not call:
            for pool in follows:  # the function that submits becomes asynchronous, and the program runs it
                yield Implication(pool, function_node(call.within), text, site.span)
        elif info is not None and info.kind is Kind.MODULE:
            # At the top level of a program the statement moves into the coroutine with those that await.
            yield Claim(
                "thread_pool", site.span, site.within, Role.PART, Verdict.EXACT, text, {"": ()}, follows=follows
            )
        else:
            for pool in follows:
                yield Implication(pool, function_node(site.within), text, site.span)


def _element_owners(facts: Facts, span: Span, owners: dict[Span, set[str]]) -> set[str]:
    """The pools whose futures the iterable at `span` may hold."""
    out: set[str] = set()
    for value in facts.project.values(span):
        for element in facts.project.slot(value, 0):
            if isinstance(element, Instance) and element.type == FUTURE and element.site is not None:
                out |= owners.get(element.site, set())
    return out


def _helpers(facts: Facts, owners: dict[Span, set[str]]) -> Iterator[Finding]:
    """The functions as_completed and wait."""
    for name, helper in ((AS_COMPLETED, "as_completed"), (WAIT, "wait")):
        for call in facts.calls_by_external.get(name, ()):
            func = facts.node(call.func, ast.expr)
            nodes = _element_owners(facts, call.args[0], owners) if call.args else set()
            if func is None or call.externals != {name} or call.targets:
                for node in nodes:
                    yield Block(node, _refuse(POOL_ESCAPES, call.span), "thread_pool")
                continue
            owners[call.span] = nodes
            reason = Reason(f"{helper}() waits for futures of the pool", call.span)
            root = func
            while isinstance(root, ast.Attribute):
                root = root.value
            edits: list[Edit] = [
                ReplaceExpr(call.func, f"aio_support.{helper}", reason),
                import_of(facts.file(call.span.path).source, "aio_support", call.span, reason),
            ]
            if isinstance(root, ast.Name):
                edits.append(DropImport(call.span, reason, root.id))
            if name == WAIT:
                edits.append(Await(call.span, reason))
            yield Claim(
                "thread_pool",
                call.span,
                call.within,
                Role.PART,
                Verdict.EXACT,
                reason.text,
                {"": tuple(edits)},
                needs_async=name == WAIT,
                follows=tuple(sorted(nodes)),
            )


def _futures(facts: Facts, owners: dict[Span, set[str]]) -> Iterator[Finding]:
    for method in AWAITED:
        for call in facts.calls_by_external.get(f"{FUTURE}.{method}", ()):
            nodes: set[str] = set()
            for instance in facts.receivers(call):
                nodes |= owners.get(instance.site, set()) if instance.site is not None else set()
            if call.externals != {f"{FUTURE}.{method}"} or call.targets:
                for node in nodes:
                    yield Block(
                        node, _refuse(POOL_ESCAPES, call.span, "this may be a future or something else"), "thread_pool"
                    )
                continue
            yield from _awaited(call.span, call.within, nodes, f"{method}() waits for the job")
    known = frozenset({AS_COMPLETED, WAIT})
    for instance, places in facts.instances.items():
        if instance.type != FUTURE or instance.site not in owners:
            continue
        for path, place in places:
            refusal = _future_escape(facts, path, place, known)
            if refusal is not None:
                for node in owners[instance.site]:
                    yield Block(node, refusal, "thread_pool")


def _future_escape(facts: Facts, path: str, place: ast.expr, known: frozenset[str]) -> Refusal | None:
    parent = facts.parent(path, place)
    if isinstance(parent, ast.Attribute) and parent.value is place:
        around = facts.parent(path, parent)
        called = isinstance(around, ast.Call) and around.func is parent
        if called and (parent.attr in AWAITED or parent.attr in PLAIN_FUTURE):
            return None
        return _refuse(POOL_ESCAPES, facts.span(path, parent), f".{parent.attr} of a future is used as a value")
    receiver = receiving_call(facts, path, place)
    if receiver is not None:
        return _argument_escape(facts, path, receiver, known, "a future")
    if isinstance(parent, (ast.Yield, ast.YieldFrom, ast.Await)):
        return _refuse(POOL_ESCAPES, facts.span(path, place), "a future is handed out here")
    return None


def _results(facts: Facts, places: list[tuple[str, ast.expr]], nodes: set[str]) -> Iterator[Finding]:
    """Every place that reads the results of map or as_completed."""
    for path, place in places:
        span = facts.span(path, place)
        reason = Reason("reading the results waits for the jobs", span)
        use = consumption(facts, path, place, reason)
        if use.impossible is not None:
            for node in nodes:
                yield Block(node, _refuse(POOL_ESCAPES, span, use.impossible), "thread_pool")
        elif use.edits:
            statement = facts.parent(path, place)
            assert statement is not None
            where = use.edits[0].span if not isinstance(place, ast.Call) else _around(facts, path, place)
            yield Claim(
                "thread_pool",
                where,
                facts.enclosing(path, place),
                Role.PART,
                Verdict.EXACT,
                reason.text,
                {"": use.edits},
                follows=tuple(sorted(nodes)),
            )


def _around(facts: Facts, path: str, place: ast.expr) -> Span:
    """The nearest enclosing node with another span: a call's own span already names the call's site."""
    own = facts.span(path, place)
    for parent in facts.parents(path, place):
        if hasattr(parent, "lineno") and (span := facts.span(path, parent)) != own:
            return span
    return own


RULE = Rule(
    id="thread_pool",
    title="ThreadPoolExecutor → a pool of asyncio tasks",
    doc=__doc__,
    catalogue=CATALOGUE,
    match=match,
    refusals=(POOL_ESCAPES, MIXED_POOL, UNKNOWN_JOB, SHARED_WITH),
)
