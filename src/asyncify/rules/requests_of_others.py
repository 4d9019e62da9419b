"""Sessions of libraries built on requests: classes that only prepare requests in their own way, and leave the sending to requests.

Such a session keeps its class, and the class gets awaited verbs: ``aio_requests.awaited(OAuth2Session)(...)``. What fetches tokens reads its
answers itself; it goes through the session's blocking face, in a thread.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.project import CallSite
from asyncify.model import AddImport, Await, Edit, Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules.base import Block, Claim, Finding, Role, object_node, site_node
from asyncify.rules.blocking import to_thread
from asyncify.rules.facts import Facts
from asyncify.rules.requests_blocking import blocking_edits
from asyncify.rules.requests_names import (
    OF_OTHERS,
    SESSION,
    SESSION_ESCAPES,
    SESSION_FROM_OUTSIDE,
    TOKENS,
    imports,
    named_in_requests,
    refuse,
)
from asyncify.rules.requests_owners import session_owners
from asyncify.rules.support import import_of

_REFRESHING = "requests_oauthlib.OAuth2Session"
_BEFORE_REFRESH = 2  # positional arguments before auto_refresh_url


def renamed(facts: Facts, span: Span, func: ast.expr, session: str, reason: Reason) -> tuple[Edit, ...]:
    """The edits of an expression that names the class `session`, where its objects or derived classes move."""
    if session == SESSION:
        name = "session" if named_in_requests(facts, span.path, func) == "session" else "Session"
        return ReplaceExpr(facts.span(span.path, func), f"aio_requests.{name}", reason), *imports(
            facts, span, func, reason
        )
    place = facts.span(span.path, func)
    return (
        ReplaceExpr(place, "aio_requests.awaited({session})", reason, {"session": place}),
        import_of(facts.file(span.path).source, "aio_requests", span, reason),
    )


def refreshes(facts: Facts, call: CallSite, session: str) -> Refusal | None:
    """A session that fetches a new token in the middle of a request, and reads the answer at once."""
    node = facts.node(call.span, ast.Call)
    if session != _REFRESHING or node is None:
        return None
    starred = any(isinstance(argument, ast.Starred) for argument in node.args)
    named = any(keyword.arg in (None, "auto_refresh_url") for keyword in node.keywords)
    if starred or named or len(node.args) > _BEFORE_REFRESH:
        return refuse(
            SESSION_ESCAPES, call.span, "the session may refresh its token by itself, in a request that blocks"
        )
    return None


def findings(facts: Facts) -> Iterator[Finding]:
    """Findings about what only these sessions have."""
    for call in facts.calls_of(TOKENS):
        yield from _token(facts, call)
    for path, node in facts.attribute_stores.get("auto_refresh_url", ()):
        if isinstance(node, ast.Attribute):
            for value in facts.values(path, node.value):
                site = getattr(value, "site", None)
                if getattr(value, "type", "") in OF_OTHERS and site is not None:
                    text = "the session may refresh its token by itself, in a request that blocks"
                    yield Block(object_node(site), refuse(SESSION_ESCAPES, facts.span(path, node), text), "requests")


def _token(facts: Facts, call: CallSite) -> Iterator[Finding]:
    """A method that makes requests and reads the answers itself."""
    owners, unknown = session_owners(facts, call)
    func = facts.node(call.func, ast.Attribute)
    sync_edits = blocking_edits(facts, call, owners)
    if unknown or func is None or sync_edits is None or not call.externals <= TOKENS or call.targets:
        refusal = refuse(SESSION_FROM_OUTSIDE, call.span)
        yield Block(site_node(call.span), refusal, "requests", call.within, blocks_loop=True)
        for owner in sorted(owners):
            yield Block(
                owner, refuse(SESSION_ESCAPES, call.span, f"{func.attr if func else 'it'}() blocks"), "requests"
            )
        return
    reason = Reason(f"{facts.text(call.span.path, func)}() waits for the network, in a thread", call.span)
    (moved, *_) = to_thread(facts, call.node, call.span, reason)
    assert isinstance(moved, ReplaceExpr)
    holes = {**moved.holes, "callee": facts.span(call.span.path, func.value)}
    template = moved.template.replace("{callee}", f"{{callee}}.blocking.{func.attr}", 1)
    edits: tuple[Edit, ...] = (
        ReplaceExpr(call.span, template, reason, holes),
        Await(call.span, reason),
        AddImport(call.span, reason, "asyncio"),
    )
    yield Claim(
        "requests",
        call.span,
        call.within,
        Role.PART,
        Verdict.BRIDGE,
        reason.text,
        {"": edits},
        follows=tuple(sorted(owners)),
        sync_edits=sync_edits,
    )
