"""`urllib.request` becomes awaited calls: urllib still makes each request, asyncio carries it.

## What it rewrites

- `urlopen(...)` becomes `await aio_urllib.urlopen(...)`, and `opener.open(...)` becomes `await aio_urllib.open_with(opener, ...)`. Openers, handlers,
  `Request` objects and `install_opener` stay as they are: urllib's own handlers make the headers, follow redirects, keep cookies, answer
  challenges and raise `HTTPError` and `URLError`.
- `read`, `readline`, `readlines`, `read1` and `readinto` of the response are awaited; loops over it become `async for`. `status`, `headers`, `info()`,
  `geturl()` and the like stay, `with` stays. An `HTTPError` is read as before: its body has been read by then.
- `json.load(response)` becomes `json.loads(await response.read())`, `shutil.copyfileobj(response, file)` becomes `await aio_urllib.copyfileobj(...)`.
- `urlretrieve(...)` becomes `await aio_urllib.urlretrieve(...)`.

The module `aio_urllib` is added to your project. It needs nothing beyond Python: `http.client` writes the bytes of a request and reads
those of its response, and where it would wait, asyncio does. URLs that are not of http or https, and tunnels through a proxy, are opened in a thread.

## What it refuses

- A response that is given to something that would read it without `await`, or whose way asyncify does not follow.
- `urlopen` as a value that is called elsewhere; arguments that Python 3.13 has removed (`cafile` …).
- Programs with handler classes of their own that open connections or judge responses, or whose tests replace `urlopen`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import CallSite
from asyncify.index.values import External, Instance
from asyncify.model import Await, Edit, Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules.awaited_responses import FILE_LIKE, RESPONSE, uses
from asyncify.rules.base import Block, Claim, Finding, RefusalCode, Role, Rule, site_node
from asyncify.rules.facts import Facts
from asyncify.rules.flow import annotation_claims, orphaned_import
from asyncify.rules.handed_jobs import runs_jobs
from asyncify.rules.support import import_of

URLOPEN = "urllib.request.urlopen"
URLRETRIEVE = "urllib.request.urlretrieve"
OPENER = "urllib.request.OpenerDirector"
_OPEN = f"{OPENER}.open"
_ARGUMENTS = {URLOPEN: ("url", "data", "timeout", "context"), URLRETRIEVE: ("url", "filename", "reporthook", "data")}
_WAITING_HANDLER = re.compile(r"\w+_(open|response)$|open$|do_open$")
_DOUBLED = re.compile(
    rb"[\"'][\w.]*\b(urlopen|urlretrieve|OpenerDirector)\b[\w.]*[\"']|\b(httpretty|vcr|vcrpy|pook|mocket|httmock)\b"
)

RESPONSE_ESCAPES = RefusalCode(
    "response-escapes",
    "The response is read where asyncify cannot await it.",
    "Read it where it is opened, `data = response.read()`, and pass on the data.",
)
UNCLEAR_OPEN = RefusalCode(
    "unclear-open",
    "What is opened here, or how, is not clear from the code.",
    "Call urlopen by its own name, with the arguments written out.",
)
OWN_HANDLER = RefusalCode(
    "own-handler",
    "Something of this project or of its tests takes the place of a part of urllib that waits.",
    "Keep this function synchronous and call it through asyncio.to_thread, or move it to aiohttp by hand.",
)


def _refuse(code: RefusalCode, span: Span, message: str = "") -> Refusal:
    text = message or code.title
    return Refusal(code.code, span, text, code.remedy, Reason(text, span))


@dataclass(frozen=True, slots=True)
class _Opening:
    """A place that opens something: what becomes of it, and where the index says that its responses are made."""

    span: Span
    within: str
    made: Span | None
    found: Claim | Refusal


def match(facts: Facts) -> Iterator[Finding]:
    """All calls that open something, and all jobs that do."""
    replaced = _replaced(facts)
    openings = [*_calls(facts), *_values(facts)]
    nodes = {opening.made: site_node(opening.span) for opening in openings if opening.made is not None}
    moving: dict[Span, tuple[str, ...]] = {}
    for opening in openings:
        found = _refuse(OWN_HANDLER, opening.span, replaced) if replaced else opening.found
        claims = [found] if isinstance(found, Claim) else []
        for use in uses(facts, FILE_LIKE, opening.made, nodes, "urllib_request") if opening.made and claims else ():
            if isinstance(use, str):
                found = _refuse(RESPONSE_ESCAPES, opening.span, f"{use[0].upper()}{use[1:]}.")
                break
            claims.append(use)
        if isinstance(found, Refusal):
            yield Block(site_node(opening.span), found, "urllib_request", opening.within, blocks_loop=True)
            continue
        yield from claims
        if opening.made is not None:
            moving[opening.made] = (nodes[opening.made],)
    if moving:
        kinds = frozenset({RESPONSE})
        yield from annotation_claims(facts, "urllib_request", RESPONSE, kinds, "aio_urllib.Response", moving)


def _calls(facts: Facts) -> Iterator[_Opening]:
    seen: set[Span] = set()
    for name in (URLOPEN, URLRETRIEVE, _OPEN):
        for call in facts.calls_by_external.get(name, ()):
            if call.span not in seen:
                seen.add(call.span)
                made = call.span if name != URLRETRIEVE else None
                yield _Opening(call.span, call.within, made, _call(facts, call, name))


def _values(facts: Facts) -> Iterator[_Opening]:
    """Where `urlopen` is not called but given to something: a pool runs it as a job."""
    for path, node, names in facts.references(frozenset({URLOPEN, URLRETRIEVE})):
        parent = facts.parent(path, node)
        if isinstance(parent, ast.Call) and parent.func is node:
            continue
        span, within = facts.span(path, node), facts.enclosing(path, node)
        first = isinstance(parent, ast.Call) and parent.args[:1] == [node]
        if not isinstance(parent, ast.Call) or not first or len(names) != 1 or not runs_jobs(facts, path, parent):
            text = f"{facts.text(path, node)} is used as a value"
            yield _Opening(span, within, None, _refuse(UNCLEAR_OPEN, span, text))
            continue
        short = min(names).rpartition(".")[2]
        reason = Reason(f"{facts.text(path, node)} is run as a job", span)
        edits: tuple[Edit, ...] = (
            ReplaceExpr(span, f"aio_urllib.{short}", reason),
            import_of(facts.file(path).source, "aio_urllib", span, reason),
            *orphaned_import(node, span, reason),
        )
        claim = Claim(
            "urllib_request", span, within, Role.ROOT, Verdict.EXACT, reason.text, {"": edits}, needs_async=False
        )
        yield _Opening(span, within, facts.span(path, parent) if short == "urlopen" else None, claim)


def _replaced(facts: Facts) -> str:
    """What takes the place of a part of urllib that waits, in words; "" where nothing does."""
    for info in facts.project.classes.values():
        if any(base.startswith("urllib.request.") for base in info.external_bases):
            method = next((name for name in info.methods if _WAITING_HANDLER.match(name)), None)
            if method is not None:
                return f"{info.name.rpartition('.')[2]}.{method}() does what a handler of urllib waits in"
    for name in ("urlopen", "urlretrieve"):
        for path, node in facts.attribute_stores.get(name, ()):
            return f"{name} is replaced ({facts.span(path, node)})"
    for path, file in facts.project.files.items():
        if facts.in_test(path) and _DOUBLED.search(file.source.data):
            return f"{path} replaces urlopen or what it sends with"
    return ""


def _call(facts: Facts, call: CallSite, name: str) -> Claim | Refusal:
    """The claim on one call, or why it stays."""
    path = call.span.path
    node, func = facts.node(call.span, ast.Call), facts.node(call.func, ast.expr)
    if node is None or func is None or call.externals != {name} or call.targets or call.unresolved:
        return _refuse(UNCLEAR_OPEN, call.span)
    reason = Reason(f"{facts.text(path, func)}() waits for the network", call.span)
    if name == _OPEN:
        opened = _open_with(facts, node, call.span, reason)
        if opened is None:
            return _refuse(UNCLEAR_OPEN, call.span)
        edits: list[Edit] = [opened, Await(call.span, reason)]
    else:
        keywords = {keyword.arg for keyword in node.keywords}
        if facts.values(path, func) != {External(name)} or not keywords <= {*_ARGUMENTS[name]}:
            return _refuse(UNCLEAR_OPEN, call.span)
        if len(node.args) > (3 if name == URLOPEN else 4) or any(isinstance(a, ast.Starred) for a in node.args):
            return _refuse(UNCLEAR_OPEN, call.span)
        short = name.rpartition(".")[2]
        edits = [ReplaceExpr(call.func, f"aio_urllib.{short}", reason), Await(call.span, reason)]
        edits += orphaned_import(func, call.span, reason)
    edits.append(import_of(facts.file(path).source, "aio_urllib", call.span, reason))
    return Claim("urllib_request", call.span, call.within, Role.ROOT, Verdict.EXACT, reason.text, {"": tuple(edits)})


def _open_with(facts: Facts, node: ast.Call, span: Span, reason: Reason) -> ReplaceExpr | None:
    """``opener.open(…)`` as a call that is given the opener; None where it may be another method."""
    path = span.path
    if not isinstance(node.func, ast.Attribute) or any(
        not isinstance(value, Instance) or value.type != OPENER for value in facts.values(path, node.func.value)
    ):
        return None
    holes = {"opener": facts.span(path, node.func.value)}
    parts = ["{opener}"]
    for number, argument in enumerate(node.args):
        if isinstance(argument, ast.Starred):
            return None
        holes[f"a{number}"] = facts.span(path, argument)
        parts.append(f"{{a{number}}}")
    for keyword in node.keywords:
        if keyword.arg not in ("fullurl", "data", "timeout"):
            return None
        holes[keyword.arg] = facts.span(path, keyword.value)
        parts.append(f"{keyword.arg}={{{keyword.arg}}}")
    return ReplaceExpr(span, f"aio_urllib.open_with({', '.join(parts)})", reason, holes)


RULE = Rule(
    id="urllib_request",
    title="urllib.request → asyncio",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={
            URLOPEN: Signature(returns=RESPONSE),
            URLRETRIEVE: Signature(returns="builtins.tuple[builtins.str, http.client.HTTPMessage]"),
            OPENER: Signature(returns=OPENER),
            "urllib.request.build_opener": Signature(returns=OPENER),
            _OPEN: Signature(returns=RESPONSE),
            "urllib.request.Request": Signature(returns="urllib.request.Request"),
            f"{RESPONSE}.__enter__": Signature(returns="self"),
            f"{RESPONSE}.read": Signature(returns="builtins.bytes"),
            f"{RESPONSE}.read1": Signature(returns="builtins.bytes"),
            f"{RESPONSE}.readline": Signature(returns="builtins.bytes"),
            f"{RESPONSE}.readlines": Signature(returns="builtins.list[builtins.bytes]"),
            f"{RESPONSE}.readinto": Signature(returns="builtins.int"),
            f"{RESPONSE}.info": Signature(returns="http.client.HTTPMessage"),
            f"{RESPONSE}.geturl": Signature(returns="builtins.str"),
            f"{RESPONSE}.getcode": Signature(returns="builtins.int"),
            f"{RESPONSE}.close": Signature(returns="builtins.None"),
        },
        attributes={
            f"{RESPONSE}.status": "builtins.int",
            f"{RESPONSE}.code": "builtins.int",
            f"{RESPONSE}.reason": "builtins.str",
            f"{RESPONSE}.url": "builtins.str",
            f"{RESPONSE}.headers": "http.client.HTTPMessage",
        },
        modules=frozenset({"urlopen", "urlretrieve", "build_opener", "OpenerDirector"}),
    ),
    match=match,
    starts={"urllib.request": ("urlopen", "urlretrieve", "build_opener", "OpenerDirector")},
    refusals=(RESPONSE_ESCAPES, UNCLEAR_OPEN, OWN_HANDLER),
)
