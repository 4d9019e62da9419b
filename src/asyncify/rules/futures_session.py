"""A `FuturesSession` of requests-futures becomes a session whose requests are asyncio tasks.

## What it rewrites

- `FuturesSession(max_workers=8)` becomes `aio_support.FuturesSession(aio_requests.Session(), max_workers=8)`; its verbs go on returning futures at once.
- The futures are those of the rule thread_pool: `result()` is awaited, `as_completed` and `wait` work on them.
- `close()` is awaited, `with` becomes `async with`. Both cancel requests that have not been started, as requests-futures 1.1 does.

## What it refuses

- Sessions with an executor, a session or arguments for adapters of their own, and classes derived from `FuturesSession`.
- `background_callback`, streamed bodies, and a session that reaches code asyncify does not see.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import CallSite
from asyncify.index.values import Instance
from asyncify.model import Await, Edit, Reason, ReplaceExpr, Span, Verdict
from asyncify.rules.base import Block, Claim, Finding, Role, Rule, object_node, site_node
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import, receiving_call, with_item
from asyncify.rules.requests_names import PLAIN_ATTRIBUTES, SESSION_ESCAPES, SESSION_FROM_OUTSIDE, VERBS, refuse
from asyncify.rules.support import import_of
from asyncify.rules.thread_pool_jobs import on_the_loop
from asyncify.rules.thread_pool_names import EXECUTORS, FUTURE, argument_escape

SESSION = "requests_futures.sessions.FuturesSession"
_METHODS = frozenset(f"{SESSION}.{verb}" for verb in VERBS)
_REFUSED = ("background_callback", "stream")  # keywords of a verb


def _nodes(facts: Facts, call: CallSite) -> set[str]:
    return {object_node(i.site) for i in facts.receivers(call) if i.site is not None and facts.made_by_call(i)}


def session_owners(facts: Facts) -> dict[Span, set[str]]:
    """The nodes of the sessions that made a future, by the span of the call that made it."""
    calls = (call for name in sorted(_METHODS) for call in facts.calls_by_external.get(name, ()))
    return {call.span: nodes for call in calls if (nodes := _nodes(facts, call))}


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about these sessions, but for their futures."""
    for instance, places in facts.instances.items():
        if instance.type == SESSION:
            yield from _session(facts, instance, places)
    for name in sorted(_METHODS):
        for call in facts.calls_by_external.get(name, ()):
            yield from _request(facts, call)
    for call in facts.calls_by_external.get(f"{SESSION}.close", ()):
        reason = Reason("close() waits for the requests that have been started", call.span)
        edits = {"": (Await(call.span, reason),)}
        nodes = tuple(sorted(_nodes(facts, call)))
        yield Claim(
            "futures_session", call.span, call.within, Role.PART, Verdict.EXACT, reason.text, edits, follows=nodes
        )


def _session(facts: Facts, session: Instance, places: list[tuple[str, ast.expr]]) -> Iterator[Finding]:
    assert session.site is not None
    node = object_node(session.site)
    call = facts.project.call_at(session.site)
    func = facts.node(call.func, ast.expr) if call is not None else None
    made = facts.node(session.site, ast.Call)
    workers = _workers(made) if made is not None else None
    if call is None or func is None or call.externals != {SESSION} or call.targets or workers is None:
        text = "the session is made with more than max_workers, or not by a plain call"
        yield Block(node, refuse(SESSION_ESCAPES, session.site, text), "futures_session")
        return
    for path, place in places:
        yield from _place(facts, path, place, node)
    reason = Reason("its requests are jobs that wait", call.span)
    source = facts.file(call.span.path).source
    holes = {"workers": facts.span(call.span.path, workers[0])} if workers else {}
    given = ", max_workers={workers}" if workers else ""
    edits: tuple[Edit, ...] = (
        ReplaceExpr(call.span, f"aio_support.FuturesSession(aio_requests.Session(){given})", reason, holes),
        import_of(source, "aio_support", call.span, reason),
        import_of(source, "aio_requests", call.span, reason),
        *orphaned_import(func, call.span, reason),
    )
    yield Claim(
        "futures_session",
        call.span,
        call.within,
        Role.PART,
        Verdict.EXACT,
        reason.text,
        {"": edits},
        needs_async=False,
        follows=(node,),
        lingers=True,
    )


def _workers(call: ast.Call) -> list[ast.expr] | None:
    """The value of max_workers, if it is all the call is given (or nothing is); else None."""
    if call.args or any(keyword.arg != "max_workers" for keyword in call.keywords):
        return None
    return [keyword.value for keyword in call.keywords]


def _place(facts: Facts, path: str, place: ast.expr, node: str) -> Iterator[Finding]:
    """One use of a session."""
    parent = facts.parent(path, place)
    span = facts.span(path, place)
    if isinstance(parent, ast.withitem) and isinstance(statement := facts.parent(path, parent), ast.With):
        span, edit = with_item(facts, path, statement, place, "leaving the block closes the session")
        within = facts.enclosing(path, statement)
        edits = {"": (edit,)}
        yield Claim("futures_session", span, within, Role.PART, Verdict.EXACT, edit.reason.text, edits, follows=(node,))
    elif isinstance(parent, ast.Attribute):
        around = facts.parent(path, parent)
        called = isinstance(around, ast.Call) and around.func is parent
        if not (parent.attr in PLAIN_ATTRIBUTES - {"close"} or (called and parent.attr in (*VERBS, "close"))):
            text = f"asyncify does not know this use of the session's {parent.attr!r}"
            yield Block(node, refuse(SESSION_ESCAPES, span, text), "futures_session")
    elif (receiver := receiving_call(facts, path, place)) is not None:
        if argument_escape(facts, path, receiver, frozenset(), "the session") is not None:
            text = f"the session is given to {facts.text(path, receiver.func)}()"
            yield Block(node, refuse(SESSION_ESCAPES, span, text), "futures_session")
    elif isinstance(parent, (ast.Yield, ast.YieldFrom)):
        yield Block(node, refuse(SESSION_ESCAPES, span, "the session is handed out by a generator"), "futures_session")


def _request(facts: Facts, call: CallSite) -> Iterator[Finding]:
    """One request: a job that the session starts."""
    nodes = tuple(sorted(_nodes(facts, call)))
    if not call.externals <= _METHODS or call.targets or any(name in (None, *_REFUSED) for name, _ in call.keywords):
        text = "asyncify does not know how this request is made"
        for node in nodes:
            yield Block(node, refuse(SESSION_ESCAPES, call.span, text), "futures_session")
        return
    if not nodes:
        refusal = refuse(SESSION_FROM_OUTSIDE, call.span)
        yield Block(site_node(call.span), refusal, "futures_session", call.within)
        return
    text = "it starts a request"
    yield Claim(
        "futures_session",
        call.span,
        call.within,
        Role.ROOT,
        Verdict.EXACT,
        text,
        {"": ()},
        needs_async=False,
        follows=nodes,
        leads=nodes,
    )
    yield from on_the_loop(facts, EXECUTORS, call, set(nodes))


RULE = Rule(
    id="futures_session",
    title="FuturesSession → a session with a pool of asyncio tasks",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={
            SESSION: Signature(returns=SESSION),
            f"{SESSION}.__enter__": Signature(returns="self"),
            f"{SESSION}.close": Signature(returns="builtins.None"),
            **{name: Signature(returns=f"{FUTURE}[requests.Response]") for name in _METHODS},
        },
        aliases={"requests_futures.FuturesSession": SESSION},
        modules=frozenset({"requests_futures"}),
    ),
    match=match,
)
