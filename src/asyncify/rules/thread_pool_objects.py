"""Pools as objects: where they are made and entered, every place they reach, and what their methods run."""

from __future__ import annotations

import ast
from collections.abc import Generator, Iterator

from asyncify.graph import Implication
from asyncify.index.project import CallSite
from asyncify.index.values import Instance
from asyncify.model import DropImport, Edit, Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules.base import Block, Claim, Finding, Handles, OnLoop, Role, function_node, object_node
from asyncify.rules.exit_stacks import Otherwise, entered, entries
from asyncify.rules.facts import Facts
from asyncify.rules.flow import annotation_claims, receiving_call, with_item
from asyncify.rules.handed_jobs import given_to_jobs
from asyncify.rules.iteration import holds_items
from asyncify.rules.outside_callers import claims, made
from asyncify.rules.support import import_of
from asyncify.rules.thread_pool_futures import results
from asyncify.rules.thread_pool_jobs import jobs
from asyncify.rules.thread_pool_names import (
    EXECUTORS,
    MIXED_POOL,
    POOL_ESCAPES,
    RUN_IN_EXECUTOR,
    PoolKind,
    argument_escape,
    awaited,
    refuse,
)


def pools(facts: Facts, kind: PoolKind) -> Generator[Finding, None, dict[Span, set[str]]]:
    """All findings about pools of that kind, but for their futures and results.

    Returns the nodes of the pools that made a future or an iterator, by the span of the call that made it.
    """
    owners: dict[Span, set[str]] = {}
    for instance, places in facts.instances.items():
        if instance.type == kind.pool:
            yield from _construction(facts, kind, instance, places)
            wanted = f"a pool of the added module ({kind.emitted}), in place of one of {kind.pool.rpartition('.')[0]}"
            yield from claims(facts, kind.rule, made(facts, instance), wanted, kind.emitted)
    for method in sorted(kind.submits | kind.runs | kind.waits):
        for call in facts.calls_by_external.get(f"{kind.pool}.{method}", ()):
            nodes = {object_node(i.site) for i in facts.receivers(call) if i.site is not None and facts.made_by_call(i)}
            if method not in kind.waits:
                owners[call.span] = nodes
                yield from jobs(facts, kind, call, nodes)
            if method not in kind.submits:
                yield from awaited(kind, call.span, call.within, nodes, f"{method}() waits for the jobs")
    return owners


def iterators(facts: Facts, kind: PoolKind, owners: dict[Span, set[str]], types: frozenset[str]) -> Iterator[Finding]:
    """Whoever reads the iterators of `types` that these pools made."""
    for instance, places in facts.instances.items():
        if instance.type in types and instance.site in owners:
            read = [(path, node) for path, node in places if not holds_items(facts, path, node, instance)]
            nodes = owners[instance.site]
            yield from results(facts, kind, read, nodes, {site for site in owners if owners[site] == nodes})


def annotated(facts: Facts, kind: PoolKind, owners: dict[Span, set[str]]) -> Iterator[Finding]:
    """Annotations that name the classes of such pools and of their futures."""
    for name in (kind.pool, *kind.also):
        yield from annotation_claims(facts, kind.rule, name, frozenset({kind.pool}), kind.emitted, {})
    by_site = {site: tuple(sorted(nodes)) for site, nodes in owners.items()}
    future = frozenset({kind.future})
    yield from annotation_claims(facts, kind.rule, kind.future, future, kind.emitted_future, by_site)


def _construction(
    facts: Facts, kind: PoolKind, pool: Instance, places: list[tuple[str, ast.expr]]
) -> Iterator[Finding]:
    assert pool.site is not None
    node = object_node(pool.site)
    call = facts.project.call_at(pool.site)
    func = facts.node(call.func, ast.expr) if call is not None else None
    if call is None or func is None or call.externals != {kind.pool} or call.targets:
        yield Block(node, refuse(POOL_ESCAPES, pool.site, "the pool is not made by a plain call"), kind.rule)
        return
    if kind.most_arguments is not None and (call.has_star or len(call.args) + len(call.keywords) > kind.most_arguments):
        text = "the pool is made with arguments that have no counterpart"
        yield Block(node, refuse(POOL_ESCAPES, pool.site, text), kind.rule)
    yield from _initializer(facts, kind, call, node)
    managed = False
    stacked = entries(facts)
    for path, place in places:
        if (path, place) in stacked:
            managed = True
            entry = stacked[path, place]
            yield from entered(facts, kind.rule, (path, place), entry, (node,), kind.leaving, Otherwise.NEVER)
            continue
        parent = facts.parent(path, place)
        if isinstance(parent, ast.withitem) and parent.context_expr is place:
            managed = True
            yield from _with(facts, kind, path, parent, node)
            continue
        refusal = _pool_escape(facts, kind, path, place)
        if refusal is not None:
            yield Block(node, refusal, kind.rule)
    reason = Reason("a pool of threads runs jobs that wait", call.span)
    root = func
    while isinstance(root, ast.Attribute):
        root = root.value
    edits: list[Edit] = [
        ReplaceExpr(call.func, kind.emitted, reason),
        import_of(facts.file(call.span.path).source, "aio_support", call.span, reason),
    ]
    if isinstance(root, ast.Name):
        edits.append(DropImport(call.span, reason, root.id))
    yield Claim(
        kind.rule,
        call.span,
        call.within,
        Role.PART,
        Verdict.EXACT,
        reason.text,
        {"": tuple(edits)},
        needs_async=False,
        follows=(node,),
        concurrent=True,
        lingers=kind.lingers and not managed,
    )


def _initializer(facts: Facts, kind: PoolKind, call: CallSite, node: str) -> Iterator[Finding]:
    """The workers of a pool await an initializer that became asynchronous; one that waits otherwise would stop the event loop."""
    refusal = refuse(MIXED_POOL, call.span, "the initializer of the pool waits, and cannot be awaited")
    spans = {call.span, *call.args, *(span for _, span in call.keywords)}
    for implicit in facts.project.implicit_calls:
        if implicit.external == kind.pool and implicit.span in spans:
            yield Handles(implicit.span)
            yield Implication(function_node(implicit.target), node, "the workers of the pool call it", call.span)
            yield OnLoop(node, implicit.target, refusal)


def _with(facts: Facts, kind: PoolKind, path: str, item: ast.withitem, node: str) -> Iterator[Finding]:
    statement = facts.parent(path, item)
    if not isinstance(statement, ast.With):
        return
    span, edit = with_item(facts, path, statement, item.context_expr, kind.leaving)
    reason = edit.reason
    yield Claim(
        kind.rule,
        span,
        facts.enclosing(path, statement),
        Role.PART,
        Verdict.EXACT,
        reason.text,
        {"": (edit,)},
        follows=(node,),
    )


def _pool_escape(facts: Facts, kind: PoolKind, path: str, place: ast.expr) -> Refusal | None:
    parent = facts.parent(path, place)
    if isinstance(parent, ast.Attribute) and parent.value is place:
        around = facts.parent(path, parent)
        called = isinstance(around, ast.Call) and around.func is parent
        if called and parent.attr in kind.submits | kind.runs | kind.waits | kind.plain:
            return None
        return refuse(
            POOL_ESCAPES, facts.span(path, parent), f"asyncify does not know what .{parent.attr} of a pool is for"
        )
    receiver = receiving_call(facts, path, place)
    if receiver is not None:
        closing = frozenset({"contextlib.closing"} if "close" in kind.plain else ())  # it goes on to call that
        if given_to_jobs(facts, path, receiver) and receiver.args[:1] != [place]:
            return None
        running = frozenset({RUN_IN_EXECUTOR} if kind is EXECUTORS and receiver.args[:1] == [place] else ())
        return argument_escape(facts, path, receiver, closing | running, "the pool")
    if isinstance(parent, (ast.Yield, ast.YieldFrom)):
        return refuse(POOL_ESCAPES, facts.span(path, place), "the pool is handed out by a generator")
    return None
