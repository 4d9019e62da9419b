"""Calls of `requests` become awaited calls carried by aiohttp.

## What it rewrites

- `requests.get(...)` and the other verbs, under any import name, become `await aio_requests.get(...)` or `await aio_http.get(...)`.
- `requests.Session()` becomes a session of that module, wherever it is made; calls of its verbs and of `send` are awaited.
  Classes derived from `requests.Session` get the new base; annotations follow.
- A verb may be chosen first and called afterwards: `getattr(session, method)`, a dictionary of verbs,
  `verb = session.post if data else session.get`. It may be an argument (`self._call(session.get, url)`) or lie in a table, as long as only the
  project gets it; and a call may be made on a session or the module (`(session or requests).get(url)`, `def fetch(url, http=requests)`). Default arguments put on a session (`session.get = partial(session.get, timeout=5)`) stay.
- A verb, also with arguments filled in (`partial(session.get, timeout=5)`), may be what a pool, a thread, a timer, a greenlet, `joblib`, `asyncio.to_thread` or
  `run_in_executor` runs.
- Sessions of libraries that only prepare requests in their own way (`BaseUrlSession` of requests_toolbelt, `OAuth1Session` and `OAuth2Session` of
  requests_oauthlib) keep their class, with awaited verbs: `aio_requests.awaited(OAuth2Session)(...)`. What fetches tokens runs in a thread.
- A session that others have or make (given to a library, a parameter that nobody in sight passes, an `OAuth2Session` that refreshes its token by
  itself), and what may be a session, the module or something else, stays what it is. Its calls become `await aio_requests.given(session).get(...)`, and
  those of a verb kept in a variable `await aio_requests.given(verb)(...)` (verdict `review`).
- Where a package makes a session only if its caller passes none (`self.http = session or requests.Session()`, `def fetch(url, session=requests)`), that
  session moves on the condition that callers outside pass one of the added module (verdict `review`).
- Streamed bodies (`stream=True`, or where it may be so): loops over `iter_content`, `iter_lines` or the response become `async for`; `content`,
  `text` and `json()` are awaited; so are `shutil.copyfileobj(response.raw, file)` and `response.raw.read(n)`. What else may be read at such a
  place (a double of a test, a response made by hand) gets the same methods by `aio_requests.streamed(response)`.

Two modules can be added to your project; they have the shape of requests, so that call sites change by a name and an `await`.

- `aio_requests` (profile *compat*): requests still prepares each request (URL encoding, cookies, auth, redirects, hooks, mounted adapters),
  its `Response` and exceptions come back, and aiohttp carries the bytes. Mocks of requests in your tests keep working.
- `aio_http` (profile *native*): does without requests and is as lean as plain aiohttp. It is chosen where the index proves that everything
  the group does with requests is within what it knows: the common verbs, keywords and attributes, bodies streamed by `iter_content` and `iter_lines`,
  no exception classes, no adapters, no `raw`.

`--http auto` (the default) chooses for each group; `--http native` refuses what needs requests; `--http compat` always keeps requests.

## What it refuses

- A streamed body whose `.raw` goes elsewhere, or that is read in a place where no `await` may stand. On a session that moves otherwise, such a
  call stays synchronous through `session.blocking`; so does one in a function that has to stay synchronous.
- The making of a session that reaches code asyncify does not see (it would call it without `await`), and streamed bodies of such a session, or of
  one that comes from there. Functions from outside that are given the session or one of its verbs count as code that blocks.
- A streamed body whose `raise_for_status()` is called, where `.response` of an exception may be asked for the body.
- A streamed body that a job asks for.
- A verb that is run as a job and stored where asyncify does not see all calls.
- `async with` and `await` of what may be a session of requests or of aiohttp.
- A session on which nothing is requested in the code that was scanned.
- Everything in a program that lets `http.client` print its traffic (`HTTPConnection.debuglevel = 1`), unless an `if` decides that whose outcome is not in
  the code (`if args.debug:`): then requests move on the condition that nothing is printed any more (verdict `review`).

## What differs

- compat: a few requests that aiohttp would put differently on the wire (SOCKS proxies, non-ASCII header values, an explicit
  Transfer-Encoding) are carried by requests in a thread. The lines that `urllib3` logs of connections, responses and retries are logged as before, under its name;
  what asyncio itself logs at that level is left out. No pool of connections can be full, and no warning says so.
- `aio_requests.given`: requests of plain sessions are carried by aiohttp on connections of their own, beside those of the code that has the session, too;
  headers, cookies, adapters and `close` are the session's. Authentication of other kinds than requests' own, hooks, and classes with verbs of
  their own run in a thread, as does whatever else has the verb. Doubles of `unittest.mock` are called as they were.
- native: the `User-Agent` is that of the requests that is installed; where none is, it names aiohttp. One-shot calls share kept-alive connections.
  Some messages of connection errors are worded differently. Log lines of `urllib3` do not appear: it is not chosen where the program may ask for them (level DEBUG).
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import replace

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import CallSite
from asyncify.index.values import Instance
from asyncify.model import Await, Reason, Span, Verdict
from asyncify.rules import requests_functions, requests_given, requests_hooks, requests_stand_ins
from asyncify.rules.base import (
    Block,
    Claim,
    Finding,
    Role,
    Rule,
    site_node,
)
from asyncify.rules.facts import Facts
from asyncify.rules.flow import annotation_claims
from asyncify.rules.requests_blocking import blocking_edits, stays_blocking
from asyncify.rules.requests_functions import entailed_by_stream
from asyncify.rules.requests_given import given_calls
from asyncify.rules.requests_logs import conditioned, kept_for, printing
from asyncify.rules.requests_names import (
    FUNCTIONS,
    METHODS,
    OF_OTHERS,
    PRINTED,
    SESSION,
    SESSION_ESCAPES,
    SESSION_FROM_OUTSIDE,
    SESSION_VERBS,
    SESSIONS,
    STREAMING,
    TOKENS,
    UNCLEAR_CALL,
    UNUSED_SESSION,
    VERBS,
    refuse,
)
from asyncify.rules.requests_owners import awaited_before, session_owners, unseen_session_calls

_BY_VERB = {f"requests.{verb}": Signature(returns="requests.Response") for verb in VERBS} | {
    f"{SESSION}.{verb}": Signature(returns="requests.Response") for verb in SESSION_VERBS
}

CATALOGUE = Catalogue(
    signatures=_BY_VERB
    | {
        SESSION: Signature(returns=SESSION),
        f"{SESSION}.__enter__": Signature(returns="self"),
        "aiohttp.ClientSession": Signature(returns="aiohttp.ClientSession"),  # may lie where a session may lie
        "requests.Request": Signature(returns="requests.Request"),
        "requests.Request.prepare": Signature(returns="requests.PreparedRequest"),
        f"{SESSION}.prepare_request": Signature(returns="requests.PreparedRequest"),
        **{session: Signature(returns=session) for session in OF_OTHERS},
        **{name: Signature(returns=None) for name in TOKENS},
        "requests.Response.__enter__": Signature(returns="self"),
        "requests.Response.json": Signature(returns=None),
    },
    attributes={
        "requests.Response.text": "builtins.str",
        "requests.Response.content": "builtins.bytes",
        "requests.Response.status_code": "builtins.int",
        "requests.Response.ok": "builtins.bool",
        "requests.Response.history": "builtins.list[requests.Response]",
    },
    aliases={f"requests.api.{verb}": f"requests.{verb}" for verb in VERBS}
    | {
        "requests.session": SESSION,
        "requests.sessions.Session": SESSION,
        "requests.sessions.session": SESSION,
        "requests_oauthlib.oauth1_session.OAuth1Session": "requests_oauthlib.OAuth1Session",
        "requests_oauthlib.oauth2_session.OAuth2Session": "requests_oauthlib.OAuth2Session",
        "requests_toolbelt.BaseUrlSession": "requests_toolbelt.sessions.BaseUrlSession",
        "requests.models.Response": "requests.Response",
        "requests.models.Request": "requests.Request",
    },
    computed={**dict.fromkeys(SESSIONS, SESSION_VERBS), "requests": VERBS},
    bases=dict.fromkeys(OF_OTHERS, (SESSION,)),
    modules=frozenset({"requests", "requests_toolbelt", "requests_oauthlib"}),
)


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about requests."""
    printed = printing(facts)
    if printed is None:
        yield from _findings(facts)
    elif printed[1]:
        yield from kept_for(facts, printed[0])
    else:
        yield from conditioned(_findings(facts), printed[0])


def _findings(facts: Facts) -> Iterator[Finding]:
    given = given_calls(facts)
    yield from given.values()
    yield from requests_given.waiting(facts)
    yield from requests_functions.findings(facts, given)
    yield from _session_calls(facts, given)
    for call in unseen_session_calls(facts):
        if call.span in given:
            continue
        refusal = refuse(SESSION_FROM_OUTSIDE, call.span)
        yield Block(site_node(call.span), refusal, "requests", call.within, blocks_loop=True)
    yield from requests_given.session_findings(facts)
    yield from requests_stand_ins.findings(facts)
    yield from requests_hooks.findings(facts)
    yield from annotation_claims(facts, "requests", SESSION, frozenset({SESSION}), "aio_requests.Session", {})


def _declared_session(facts: Facts, call: CallSite) -> bool:
    """Whether an annotation says that the receiver is a session, whatever else may flow there."""
    func = facts.node(call.func, ast.Attribute)
    return func is not None and any(
        isinstance(value, Instance) and value.type in SESSIONS and not facts.made_by_call(value)
        for value in facts.values(call.span.path, func.value)
    )


def _session_calls(facts: Facts, given: Collection[Span]) -> Iterator[Finding]:
    seen: set[Span] = set(given)
    for name in sorted(METHODS):
        for call in facts.calls_by_external.get(name, ()):
            if call.span in seen or call.externals & FUNCTIONS:  # what may be both is seen to there
                continue
            seen.add(call.span)
            if awaited_before(facts, call):
                continue
            owners, unknown = session_owners(facts, call)
            if unknown or not (call.externals <= METHODS or _declared_session(facts, call)):
                code = SESSION_FROM_OUTSIDE if unknown else UNCLEAR_CALL
                block = Block(site_node(call.span), refuse(code, call.span), "requests", call.within, blocks_loop=True)
                yield block
                for owner in owners:
                    yield Implication(owner, block.node, "the same session is used here", call.span)
                continue
            claims, refusal = entailed_by_stream(facts, call)
            if refusal is not None:
                yield Block(site_node(call.span), refusal, "requests", call.within, blocks_loop=True)
                yield from stays_blocking(facts, call, owners)
                continue
            sync_edits = None
            if claims and all(claim.within == call.within for claim in claims):
                sync_edits = blocking_edits(facts, call, owners)
                claims = [replace(claim, sync_edits=() if sync_edits else None) for claim in claims]
            yield from claims
            func = facts.node(call.func, ast.expr)
            text = facts.text(call.span.path, func) if func is not None else name
            reason = Reason(f"{text}() waits for the network", call.span)
            yield Claim(
                "requests",
                call.span,
                call.within,
                Role.ROOT,
                Verdict.EXACT,
                reason.text,
                {"": (Await(call.span, reason),)},
                follows=tuple(sorted(owners)),
                leads=tuple(sorted(owners)),
                sync_edits=sync_edits,
            )


RULE = Rule(
    id="requests",
    title="requests → aiohttp",
    doc=__doc__,
    catalogue=CATALOGUE,
    match=match,
    starts={
        "requests": (),
        "requests_toolbelt": ("BaseUrlSession",),
        "requests_oauthlib": ("OAuth1Session", "OAuth2Session"),
    },
    inert=frozenset({"requests.structures.CaseInsensitiveDict", "requests.structures.LookupDict"}),
    refusals=(STREAMING, SESSION_ESCAPES, SESSION_FROM_OUTSIDE, UNCLEAR_CALL, UNUSED_SESSION, PRINTED),
)
