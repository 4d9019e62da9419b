"""Synchronous calls of `httpx` become awaited calls of httpx's own asynchronous client.

## What it rewrites

- `httpx.Client(...)` becomes `aio_httpx.Client(...)`, a `httpx.AsyncClient` from a module that is added to your project; its verbs and `send` are awaited,
  `with` becomes `async with`, `client.close()` becomes `await client.aclose()`.
- `httpx.get(...)` and the other functions become `await aio_httpx.get(...)`.
- `with client.stream(...) as response` (or `httpx.stream`) becomes `async with`; of such a response `read()` becomes `await response.aread()`,
  and `iter_bytes`, `iter_text`, `iter_lines`, `iter_raw` become `async for` over `aiter_bytes` and so on.
- `transport=httpx.HTTPTransport(...)` becomes `httpx.AsyncHTTPTransport(...)`.
- A client that a package makes only if its caller passes none moves on the condition that callers outside pass an `aio_httpx.Client` (verdict `review`).

httpx does the same in both worlds. `aio_httpx` adds what differs: errors have the words of the synchronous client, and a client can be made at
import time and be used in several event loops, one after the other.

## What it refuses

- A client that reaches code asyncify does not see, or of which more is used; event hooks, transports and mounts of the project's own.
- A body that is an iterator or a file (`content=`), which the asynchronous client reads in another way.
- A streamed response that is read where no `await` may stand.
- Programs whose tests replace parts of httpx by name. (Libraries that answer below it, respx and pytest-httpx, know both worlds.)

## What differs

The errors of a streamed body (`ReadTimeout`, `ReadError`) have no text where those of the synchronous client have one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import CallSite
from asyncify.index.values import Constant, External, Instance
from asyncify.model import Await, Edit, Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules.awaited_responses import Shape, uses
from asyncify.rules.base import Block, Claim, Finding, RefusalCode, Role, Rule, site_node
from asyncify.rules.blocking import stays
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import, with_item
from asyncify.rules.objects import Family, Kind, waiting_calls
from asyncify.rules.support import import_of

CLIENT = "httpx.Client"
RESPONSE = "httpx.Response"
_STREAM = "httpx.ResponseStream"  # what `stream` gives, to be entered
_STREAMED = "httpx.StreamedResponse"
_VERBS = ("get", "options", "head", "post", "put", "patch", "delete", "request")
_FUNCTIONS = frozenset(f"httpx.{verb}" for verb in _VERBS)
_STREAMS = ("httpx.stream", f"{CLIENT}.stream")
_ATTRIBUTES = "headers cookies params base_url timeout auth is_closed trust_env build_request".split()
_READ = frozenset(
    "status_code reason_phrase headers url http_version cookies encoding charset_encoding default_encoding request history links "
    "is_success is_error is_client_error is_server_error is_redirect is_informational has_redirect_location raise_for_status text "
    "content json elapsed num_bytes_downloaded is_closed is_stream_consumed extensions next_request".split()
)
_KIND = Kind(
    CLIENT, "aio_httpx.Client", frozenset((*_VERBS, "send", "close")), frozenset((*_ATTRIBUTES, "stream")), entered=True
)
_STREAM_SHAPE = Shape(
    _STREAMED,
    waits={"read": "aread", "close": "aclose"},
    iterates={f"iter_{what}": f"aiter_{what}" for what in ("bytes", "text", "lines", "raw")},
    plain=_READ,
)
_BODIES = ("content", "data", "files")
_PLAIN = ("builtins.str", "builtins.bytes", "builtins.dict", "builtins.list", "builtins.tuple", "builtins.NoneType")
_REPLACED = re.compile(rb"[\"'][\w.]*\bhttpx\.\w[\w.]*[\"']|\b(?:patch\.object|setattr)\(\s*httpx\b")

CLIENT_ESCAPES = RefusalCode(
    "client-escapes",
    "The client, or a streamed response, reaches code that asyncify does not see, or is used in a way that it does not know.",
    "Make the request and read its response here, or move this client to httpx.AsyncClient by hand.",
)


def _refuse(span: Span, text: str) -> Refusal:
    return Refusal(CLIENT_ESCAPES.code, span, text, CLIENT_ESCAPES.remedy, Reason(text, span))


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about httpx."""
    family = Family(facts, "httpx", {CLIENT: _KIND}, CLIENT_ESCAPES, frozenset({"contextlib.closing"}), "the network")
    family.examine()
    replaced = next(
        (
            path
            for path, file in facts.project.files.items()
            if facts.in_test(path) and _REPLACED.search(file.source.data)
        ),
        None,
    )
    if replaced is not None:
        for node, (instance, _) in family.found.items():
            assert instance.site is not None
            family.keep([node], family.refuse(instance.site, f"{replaced} replaces a part of httpx"))
    for node, (instance, _) in family.found.items():
        assert instance.site is not None
        why = _construction(facts, instance.site)
        if isinstance(why, str):
            family.keep([node], family.refuse(instance.site, why))
    streams = list(_streams(facts, family, replaced))
    for finding in waiting_calls(family, lambda node, method, nodes: False):
        if isinstance(finding, CallSite):
            yield stays(finding, sorted(finding.externals)[0])
            continue
        yield from _on_client(facts, family, finding)
    yield from _functions(facts, replaced)
    yield from streams
    yield from _entered(facts, family)
    yield from _findings(facts, family)


def _findings(facts: Facts, family: Family) -> Iterator[Finding]:
    for finding in family.findings():
        if isinstance(finding, Claim) and not isinstance(_construction(facts, finding.span), str):
            more = _construction(facts, finding.span)
            finding = replace(finding, edits={"": (*finding.edits[""], *(more if not isinstance(more, str) else ()))})
        yield finding


def _construction(facts: Facts, site: Span) -> tuple[Edit, ...] | str:
    """What becomes of the arguments of a client, or why it has to stay."""
    node = facts.node(site, ast.Call)
    if node is None:
        return ()
    edits: list[Edit] = []
    for keyword in node.keywords:
        if keyword.arg in (None, "event_hooks", "mounts", "app"):
            return f"asyncify does not know the client's argument {keyword.arg or '**'}"
        if keyword.arg == "transport":
            value = keyword.value
            call = facts.project.call_at(facts.span(site.path, value)) if isinstance(value, ast.Call) else None
            if call is None or not isinstance(value, ast.Call) or call.externals != {"httpx.HTTPTransport"}:
                return "the transport of the client is not made in place"
            reason = Reason("the transport of an asynchronous client", site)
            root = facts.text(site.path, value.func).rpartition(".")[0]
            if not root:
                return "the transport of the client is not named as httpx.HTTPTransport"
            edits.append(ReplaceExpr(facts.span(site.path, value.func), f"{root}.AsyncHTTPTransport", reason))
    return tuple(edits)


def _on_client(facts: Facts, family: Family, claim: Claim) -> Iterator[Finding]:
    """A call of a client that waits."""
    node = facts.node(claim.span, ast.Call)
    assert node is not None
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if method == "close" and isinstance(node.func, ast.Attribute):
        holes = {"client": facts.span(claim.span.path, node.func.value)}
        renamed = ReplaceExpr(
            facts.span(claim.span.path, node.func), "{client}.aclose", claim.edits[""][0].reason, holes
        )
        yield replace(claim, role=Role.PART, edits={"": (renamed, *claim.edits[""])})
        return
    why = _body(facts, claim.span.path, node)
    if why is not None:
        yield Block(site_node(claim.span), _refuse(claim.span, why), "httpx", claim.within, blocks_loop=True)
        family.keep(claim.follows, _refuse(claim.span, why))
        return
    yield replace(claim, role=Role.ROOT)
    yield from _closed(facts, claim.span)


def _body(facts: Facts, path: str, node: ast.Call) -> str | None:
    """Why the asynchronous client would not take the arguments of a request, or None."""
    for keyword in node.keywords:
        if keyword.arg == "stream":
            return "the response is streamed by send()"
        if keyword.arg is None:
            continue
        if (
            keyword.arg in _BODIES
            and keyword.arg != "files"
            and not isinstance(keyword.value, (ast.Dict, ast.Constant, ast.JoinedStr))
        ):
            values = facts.values(path, keyword.value)
            if not values or not all(
                isinstance(v, Constant) or (isinstance(v, Instance) and v.type in _PLAIN) for v in values
            ):
                return "the body of the request may be a file or an iterator"
    return None


def _closed(facts: Facts, made: Span) -> Iterator[Claim]:
    """``response.close()`` of a response that has been read."""
    shape = Shape(RESPONSE, waits={"close": "aclose"}, iterates={}, plain=None)
    for use in uses(facts, shape, made, {made: site_node(made)}, "httpx"):
        if isinstance(use, Claim):
            yield use


def _entered(facts: Facts, family: Family) -> Iterator[Claim]:
    """``with`` on a client becomes ``async with``."""
    for node, (_, places) in family.found.items():
        for path, place in places:
            item = facts.parent(path, place)
            entered = isinstance(item, ast.withitem) and item.context_expr is place
            statement = facts.parent(path, item) if entered and item is not None else None
            if isinstance(statement, ast.With):
                span, edit = with_item(facts, path, statement, place, "leaving the block closes the client")
                within, edits = facts.enclosing(path, statement), {"": (edit,)}
                yield Claim(
                    "httpx", span, within, Role.PART, Verdict.EXACT, edit.reason.text, edits,
                    follows=(node,), leads=(node,),
                )  # fmt: skip


def _functions(facts: Facts, replaced: str | None) -> Iterator[Finding]:
    """``httpx.get(…)`` and the like."""
    seen: set[Span] = set()
    for name in sorted(_FUNCTIONS):
        for call in facts.calls_by_external.get(name, ()):
            func = facts.node(call.func, ast.expr)
            node = facts.node(call.span, ast.Call)
            if call.span in seen or func is None or node is None:
                continue
            seen.add(call.span)
            why = f"{replaced} replaces a part of httpx" if replaced else _body(facts, call.span.path, node)
            if call.externals != {name} or call.targets or facts.values(call.span.path, func) != {External(name)}:
                why = "what is called here may be httpx or something else"
            if why is not None:
                yield Block(site_node(call.span), _refuse(call.span, why), "httpx", call.within, blocks_loop=True)
                continue
            reason = Reason(f"{facts.text(call.span.path, func)}() waits for the network", call.span)
            edits: tuple[Edit, ...] = (
                ReplaceExpr(call.func, f"aio_httpx.{name.rpartition('.')[2]}", reason),
                Await(call.span, reason),
                import_of(facts.file(call.span.path).source, "aio_httpx", call.span, reason),
                *orphaned_import(func, call.span, reason),
            )
            yield Claim("httpx", call.span, call.within, Role.ROOT, Verdict.EXACT, reason.text, {"": edits})
            yield from _closed(facts, call.span)


def _streams(facts: Facts, family: Family, replaced: str | None) -> Iterator[Finding]:
    """``with client.stream(…) as response``, and what is read of the response."""
    calls = {call.span: (call, name) for name in _STREAMS for call in facts.calls_by_external.get(name, ())}
    nodes = {span: site_node(span) for span in calls}
    for span, (call, name) in calls.items():
        node = facts.node(span, ast.Call)
        item = facts.parent(span.path, node) if node is not None else None
        statement = facts.parent(span.path, item) if isinstance(item, ast.withitem) else None
        owners = family.receivers(call, "stream") if name != "httpx.stream" else frozenset()
        why = f"{replaced} replaces a part of httpx" if replaced else None
        if node is None or not isinstance(statement, ast.With) or call.externals != {name} or call.targets:
            why = "the stream is not entered where it is made"
        elif name != "httpx.stream" and not owners:
            why = "asyncify does not know the client of this stream"
        else:
            why = why or _body(facts, span.path, node)
        claims: list[Claim] = []
        for use in uses(facts, _STREAM_SHAPE, span, nodes, "httpx") if why is None else ():
            if isinstance(use, str):
                why = use
                break
            claims.append(use)
        if why is not None or node is None or not isinstance(statement, ast.With):
            refusal = _refuse(span, why or "")
            yield Block(site_node(span), refusal, "httpx", call.within, blocks_loop=True)
            family.keep(owners, refusal)
            continue
        _, entered = with_item(facts, span.path, statement, node, "entering the block waits for the network")
        edits: list[Edit] = [entered]
        if name == "httpx.stream":
            edits += [
                ReplaceExpr(call.func, "aio_httpx.stream", entered.reason),
                import_of(facts.file(span.path).source, "aio_httpx", span, entered.reason),
                *orphaned_import(node.func, span, entered.reason),
            ]
        followed = tuple(sorted(owners))
        yield Claim(
            "httpx", span, call.within, Role.ROOT, Verdict.EXACT, entered.reason.text, {"": tuple(edits)},
            follows=followed, leads=followed,
        )  # fmt: skip
        yield from claims


def _signatures() -> Iterator[tuple[str, Signature]]:
    yield CLIENT, Signature(returns=CLIENT)
    yield f"{CLIENT}.__enter__", Signature(returns="self")
    for verb in (*_VERBS, "send"):
        yield f"{CLIENT}.{verb}", Signature(returns=RESPONSE)
    for verb in _VERBS:
        yield f"httpx.{verb}", Signature(returns=RESPONSE)
    yield f"{CLIENT}.close", Signature(returns="builtins.None")
    yield f"{CLIENT}.build_request", Signature(returns="httpx.Request")
    for stream in _STREAMS:
        yield stream, Signature(returns=_STREAM)
    yield f"{_STREAM}.__enter__", Signature(returns=_STREAMED)
    yield "httpx.HTTPTransport", Signature(returns="httpx.HTTPTransport")
    for response in (RESPONSE, _STREAMED):
        yield f"{response}.json", Signature(returns=None)
        yield f"{response}.raise_for_status", Signature(returns="self")


RULE = Rule(
    id="httpx",
    title="httpx → httpx.AsyncClient",
    doc=__doc__,
    catalogue=Catalogue(
        signatures=dict(_signatures()),
        attributes={f"{response}.{name}": kind for response in (RESPONSE, _STREAMED) for name, kind in {
            "text": "builtins.str", "content": "builtins.bytes", "status_code": "builtins.int",
        }.items()},
        modules=frozenset({"httpx"}),
    ),
    match=match,
    refusals=(CLIENT_ESCAPES,),
)  # fmt: skip
