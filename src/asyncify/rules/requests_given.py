"""Calls on sessions that stay sessions of requests, because code outside has them, makes them, or may put others in their place.

``await aio_requests.given(session).get(url)`` asks whatever it is: plain sessions of requests are carried by aiohttp, all else is
called in a thread. The session stays what it is, so each call moves by itself, whatever becomes of the others.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator

from asyncify.graph import Implication
from asyncify.index.project import CallSite
from asyncify.index.values import External, ExternalMethod
from asyncify.model import Await, Reason, ReplaceExpr, Span, Verdict
from asyncify.rules import requests_sessions, streaming
from asyncify.rules.base import Block, Claim, Finding, Role, site_node
from asyncify.rules.facts import Facts
from asyncify.rules.flow import is_getattr, receiving_call
from asyncify.rules.once import once
from asyncify.rules.requests_functions import handed_on, named_at
from asyncify.rules.requests_names import (
    FUNCTIONS,
    METHODS,
    SESSION_ESCAPES,
    SESSION_FROM_OUTSIDE,
    SESSION_VERBS,
    SESSIONS,
    UNCLEAR_CALL,
    refuse,
)
from asyncify.rules.requests_owners import session_owners, unseen_session_calls
from asyncify.rules.support import import_of

_STAY = frozenset(code.code for code in (SESSION_ESCAPES, SESSION_FROM_OUTSIDE, UNCLEAR_CALL))
_AIOHTTP = "aiohttp.ClientSession."
_MIXED = ("requests.", _AIOHTTP)  # what the index takes to be there, too
_KEEPING = frozenset(
    "weakref.finalize weakref.ref weakref.proxy contextlib.closing copy.copy atexit.register "
    "builtins.vars builtins.dir builtins.iter builtins.format".split()
)
_CONDITION = "it may be any session, and stays what it is: one with authentication, hooks or verbs of its own is asked in a thread"


@once
def session_findings(facts: Facts) -> tuple[Finding, ...]:
    """All findings about sessions as objects."""
    return tuple(requests_sessions.findings(facts))


@once
def given_calls(facts: Facts) -> dict[Span, Claim]:
    """The claims on such calls, by their places."""
    staying = _staying(session_findings(facts))
    out: dict[Span, Claim] = {}
    for call in (*facts.calls_of(METHODS | FUNCTIONS), *unseen_session_calls(facts)):
        owners = _owners(facts, call, staying)
        claim = _claim(facts, call, owners) if owners is not None else None
        out |= {call.span: claim} if claim is not None else {}
    return out


def _owners(facts: Facts, call: CallSite, staying: Collection[str]) -> set[str] | None:
    """The sessions that move, of those that the call may be made on; None where it moves only along with all of them."""
    if call.externals & FUNCTIONS:
        named, owners = named_at(facts, call)
        if named is not None and not owners & set(staying):
            return None
        return (owners | handed_on(facts, call)) - set(staying)  # another call may let what is handed on become awaited
    if not call.externals:  # on a session from outside
        function = facts.project.functions.get(call.within)
        return None if function is None or function.is_async else set()
    owners, unknown = session_owners(facts, call)
    stays = unknown or not call.externals <= METHODS or owners & set(staying)
    return owners - set(staying) if stays else None


def _staying(findings: Iterable[Finding]) -> frozenset[str]:
    """The sessions, and classes of sessions, that stay for what is done with them elsewhere, and for nothing else."""
    reasons: dict[str, set[str]] = {}
    related: list[tuple[str, str]] = []
    for finding in findings:
        if isinstance(finding, Block) and finding.node.startswith("object:"):
            reasons.setdefault(finding.node, set()).add(finding.refusal.code)
        elif isinstance(finding, Implication) and finding.conclusion.startswith("object:"):
            related.append((finding.premise, finding.conclusion))
    found = set(reasons)
    while more := {premise for premise, conclusion in related if conclusion in found} - found:
        for node in more:
            reasons[node] = set().union(*(reasons[c] for p, c in related if p == node and c in found))
        found |= more
    return frozenset(node for node in found if reasons[node] <= _STAY)


def waiting(facts: Facts) -> Iterator[Block]:
    """Where a session that stays, or a verb of it, is given to a function from outside, which may ask at once.

    Also where an object may ask that keeps one: it is called ``session`` there.
    """
    escaped = False
    seen: set[Span] = set()
    for finding in session_findings(facts):
        if isinstance(finding, Block) and finding.node.startswith("object:") and finding.refusal.code in _STAY:
            span = finding.refusal.span
            if span in seen:
                continue
            seen.add(span)
            node = facts.node(span, ast.expr)
            escaped = escaped or finding.refusal.code == SESSION_ESCAPES.code
            if isinstance(node, ast.Call) and is_getattr(facts, span.path, node):  # nothing else would name it
                yield Block(site_node(span), finding.refusal, "requests", facts.enclosing(span.path, node))
            elif node is not None and _may_ask(facts, span.path, node):
                within = facts.enclosing(span.path, node)
                yield Block(f"waits:{span}", finding.refusal, "requests", within, blocks_loop=True)
    for call in unseen_session_calls(facts, of_others=True) if escaped else ():
        refusal = refuse(SESSION_FROM_OUTSIDE, call.span)
        yield Block(f"waits:{call.span}", refusal, "requests", call.within, blocks_loop=True)


def _may_ask(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether what is called here with the session may send requests before it returns: not where an object is made that keeps it."""
    parent = facts.parent(path, node)
    if isinstance(parent, ast.Attribute) and parent.attr not in SESSION_VERBS:
        around = facts.parent(path, parent)
        return isinstance(around, ast.Call) and around.func is parent
    call = receiving_call(facts, path, node)
    if call is None:
        return False
    site = facts.project.call_at(facts.span(path, call))
    name = site.method if site is not None else ""
    verb = any(isinstance(value, ExternalMethod) for value in facts.values(path, node))
    if site is not None and (site.externals & (METHODS | FUNCTIONS) or (site.externals and site.externals <= _KEEPING)):
        return False
    return not is_getattr(facts, path, call) and (verb or not name[:1].isupper())


def _claim(facts: Facts, call: CallSite, owners: Collection[str]) -> Claim | None:
    """The claim on a call that may be made on any session; ``owners``: those that move, and with them the call."""
    path, func = call.span.path, facts.node(call.func, ast.expr)
    others = call.externals - METHODS - FUNCTIONS
    if (
        func is None
        or any(not name.startswith(_MIXED) for name in others)
        or not (call.node.args or call.node.keywords)
    ):
        return None
    asked = func.value if isinstance(func, ast.Attribute) and func.attr in SESSION_VERBS else func
    if _is_super(asked) or any(
        isinstance(value, External) and value.name in SESSIONS for value in facts.values(path, asked)
    ):
        return None  # code of a class, on an object that is given or none
    parent = facts.parent(path, call.node)
    if isinstance(parent, (ast.Await, ast.Yield, ast.YieldFrom)):
        return None
    function = facts.project.functions.get(call.within)
    entered = isinstance(parent, ast.withitem) and isinstance(facts.parent(path, parent), ast.With)
    if any(name.startswith(_AIOHTTP) for name in others) and (
        function is None or function.is_async or not (entered or isinstance(parent, (ast.Attribute, ast.Assign)))
    ):
        return None  # what is written for aiohttp, or may be awaited by whoever gets it
    if streaming.asked_for(facts, call):
        return None
    reason = Reason(f"{facts.text(path, func)}() waits for the network, on a session that stays what it is", call.span)
    return Claim(
        "requests",
        call.span,
        call.within,
        Role.ROOT,
        Verdict.REVIEW,
        reason.text,
        {
            "": (
                _asking(facts, call, asked, func, reason),
                Await(call.span, reason),
                import_of(facts.file(path).source, "aio_requests", call.span, reason),
            )
        },
        follows=tuple(sorted(owners)),
        condition=_CONDITION,
        settles=True,
        sync_edits=None if owners else (),
    )


def _asking(facts: Facts, call: CallSite, asked: ast.expr, func: ast.expr, reason: Reason) -> ReplaceExpr:
    """The edit of what is asked. Where that is a property, its reading may be rewritten as well, as a part of this."""
    path, template = call.span.path, "aio_requests.given({session})"
    span = facts.span(path, asked)
    read = any(each.span == span and each.kind == "property" for each in facts.implicit_calls)
    if read and isinstance(func, ast.Attribute) and func is not asked:
        return ReplaceExpr(call.func, f"{template}.{func.attr}", reason, {"session": span})
    return ReplaceExpr(span, template, reason, {"session": span})


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
