"""What a pool runs, and where its jobs are started."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.graph import Implication
from asyncify.index.project import CallSite, Kind
from asyncify.index.values import BoundMethod, External, ExternalMethod, Function, Instance, Object, Partial, Unknown
from asyncify.model import Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules.base import (
    Block,
    Claim,
    Finding,
    Handles,
    Jobs,
    OnLoop,
    Role,
    function_node,
    object_node,
    site_node,
)
from asyncify.rules.facts import Facts
from asyncify.rules.handed_jobs import run_by_partial
from asyncify.rules.support import import_of
from asyncify.rules.thread_bound import works_in_any_thread
from asyncify.rules.thread_pool_names import (
    MIXED_POOL,
    POOL_ESCAPES,
    UNKNOWN_JOB,
    PoolKind,
    refuse,
)


def jobs(facts: Facts, kind: PoolKind, call: CallSite, pools: set[str]) -> Iterator[Finding]:
    """What one submit or map runs; links between the jobs and the pools."""
    if not pools:
        return
    refusal = refuse(UNKNOWN_JOB, call.span)
    if not call.args or call.externals - kind.methods(kind.submits, kind.runs) or call.targets:
        if len(call.externals) > 1 and not call.targets and call.args:
            refusal = _of_two_kinds(call)
            yield from _kept_with(facts, kind, call, refusal)
        for pool in sorted(pools):
            yield Block(pool, refusal, kind.rule)
        return
    job = call.args[0]
    yield Handles(job)
    yield Handles(call.span)
    nodes: set[str] = set()
    known = separable = True
    for value in facts.project.values(job):
        match value:
            case Function(name) | BoundMethod(name, _):
                nodes.add(function_node(name))
            case Partial():
                inner = run_by_partial(facts, value, job, call.span)
                separable &= all(node.startswith("function:") for node in inner)
                nodes |= inner
                known = known and bool(inner)
            case Object():
                inner = {
                    function_node(i.target)
                    for i in facts.project.implicit_calls
                    if i.kind == "callback" and i.span in (job, call.span)
                }
                nodes |= inner
                known = known and bool(inner)
            case External() | ExternalMethod():
                nodes.add(site_node(job))
                separable &= isinstance(value, External)
            case _:
                known = False
    if any(isinstance(value, (External, ExternalMethod, Unknown)) for value in facts.project.values(job)):
        yield from _called_by_job(facts, kind, call, nodes)
    if not known or not nodes:
        for pool in pools:
            yield Block(pool, refusal, kind.rule)
    functions = [node.removeprefix("function:") for node in nodes if node.startswith("function:")]
    separable = separable and known and works_in_any_thread(facts, functions)
    yield from _result_callbacks(facts, kind, call, pools)
    yield from on_the_loop(facts, kind, call, pools)
    mixed = refuse(MIXED_POOL, call.span)
    for pool in sorted(pools):
        for node in sorted(nodes):
            yield Implication(node, pool, "it runs as a job of the pool", call.span)
        yield Jobs(pool, tuple(sorted(nodes)), mixed, in_thread=separable)
    if separable and nodes:
        yield _in_thread(facts, kind, job, call, pools, nodes)


def _kept_with(facts: Facts, kind: PoolKind, call: CallSite, refusal: Refusal) -> Iterator[Finding]:
    """The jobs stay for that reason, where the call runs nothing else."""
    values = facts.project.values(call.args[0])
    names = {value.name for value in values if isinstance(value, Function)}
    names |= {value.function for value in values if isinstance(value, BoundMethod)}
    spans = (call.span, call.args[0])
    run = {implicit.target for implicit in facts.project.implicit_calls if implicit.span in spans}
    if len(names) == len(values) and run <= names:
        yield from map(Handles, spans)
        for name in sorted(names):
            yield Block(function_node(name), refusal, kind.rule)


def _of_two_kinds(call: CallSite) -> Refusal:
    """Nothing stands for several kinds at once: the results of one are read with await, those of another without."""
    text = f"this may be {' or '.join(sorted(name.removeprefix('builtins.') for name in call.externals))}"
    return Refusal(
        UNKNOWN_JOB.code, call.span, text, "Call each of them in a branch of its own.", Reason(text, call.span)
    )


def _called_by_job(facts: Facts, kind: PoolKind, call: CallSite, nodes: set[str]) -> Iterator[Finding]:
    """What a job from outside the project calls (``context.run(fetch)``) is not awaited by it."""
    given = {
        implicit.target
        for implicit in facts.project.implicit_calls
        if implicit.kind == "callback" and implicit.span == call.span
    }
    for span in (*call.args[1:], *(span for _, span in call.keywords)):
        values = facts.project.values(span)
        given |= {value.name for value in values if isinstance(value, Function)}
        given |= {value.function for value in values if isinstance(value, BoundMethod)}
    for name in sorted(given):
        if function_node(name) not in nodes:
            text = f"{name.rpartition('.')[2]}() may be called by a job from outside the project, without await"
            yield Block(function_node(name), refuse(UNKNOWN_JOB, call.span, text), kind.rule)


def _in_thread(facts: Facts, kind: PoolKind, job: Span, call: CallSite, pools: set[str], nodes: set[str]) -> Claim:
    """The claim on a job that keeps its thread in a pool whose other jobs become tasks."""
    reason = Reason("it stays synchronous and would block the event loop, as other jobs of the pool do not", job)
    edits = (
        ReplaceExpr(job, "aio_support.in_thread({job})", reason, {"job": job}),
        import_of(facts.file(job.path).source, "aio_support", job, reason),
    )
    return Claim(
        kind.rule,
        job,
        call.within,
        Role.PART,
        Verdict.BRIDGE,
        reason.text,
        {"": edits},
        needs_async=False,
        follows=tuple(sorted(pools)),
        unless=tuple(sorted(nodes)),
        variant="thread",
    )


def _result_callbacks(facts: Facts, kind: PoolKind, call: CallSite, pools: set[str]) -> Iterator[Finding]:
    """Functions that get the result of a job when it is there: nobody awaits them, so they must not wait."""
    given = [span for name, span in call.keywords if name in ("callback", "error_callback")]
    given += call.args[3:] if kind.callbacks else ()
    refusal = refuse(POOL_ESCAPES, call.span, "a callback that waits cannot be awaited by the pool")
    for span in given if kind.callbacks else ():
        for value in facts.project.values(span):
            match value:
                case Function(name) | BoundMethod(name, _):
                    yield Block(function_node(name), refusal, kind.rule)
                    yield from (OnLoop(pool, name, refusal) for pool in sorted(pools))
                case Partial():
                    yield from (Block(pool, refusal, kind.rule) for pool in sorted(pools))


def _entered_around(facts: Facts, call: CallSite) -> set[str]:
    """The nodes of all that may be entered by a `with` block which the call stands in."""
    node = facts.node(call.span, ast.Call)
    blocks = facts.ancestors_in_function(call.span.path, node) if node is not None else ()
    entered = (item.context_expr for block in blocks if isinstance(block, ast.With) for item in block.items)
    values = [facts.values(call.span.path, each) for each in entered]
    sites = [next(iter(found)) for found in values if len(found) == 1]
    return {object_node(value.site) for value in sites if isinstance(value, Instance) and value.site is not None}


def on_the_loop(facts: Facts, kind: PoolKind, call: CallSite, pools: set[str]) -> Iterator[Finding]:
    """Jobs are started on the running loop: whoever submits is asynchronous, or is called only by functions that are.

    Where the call stands in a `with` block of the pool, its function awaits the end of that block, and so is.
    """
    apart = pools - _entered_around(facts, call)
    callers = [c for c in facts.project.callers(call.within) if c.within != call.within]
    handed_out = any(use.function == call.within for use in facts.project.uses) or any(
        implicit.target == call.within for implicit in facts.implicit_calls
    )
    sites = [call] if not callers or handed_out else callers
    follows = tuple(sorted(apart))
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
                kind.rule,
                site.span,
                site.within,
                Role.PART,
                Verdict.EXACT,
                text,
                {"": ()},
                follows=tuple(sorted(pools)),
            )
        else:
            for pool in follows:
                yield Implication(pool, function_node(site.within), text, site.span)
