"""Calls of `requests` become awaited calls carried by aiohttp.

## What it rewrites

- `requests.get(...)` and the other verbs, under any import name, become `await aio_requests.get(...)`.
- `requests.Session()` becomes `aio_requests.Session()`, wherever it is made; calls of its verbs and of `send` are
  awaited. Classes derived from `requests.Session` get the new base.

`aio_requests` is one module added to your project. `requests` still prepares each request (URL encoding, cookies, auth,
redirect rules) and its `Response` and exceptions come back, but aiohttp carries it, so nothing else in your code
changes: attributes of the response, `except requests.HTTPError`, `session.headers.update(...)` stay as they are.

## What it refuses

- `stream=True`, because the body is then read where no `await` may stand.
- A session that reaches code asyncify does not see (it would call it without `await`), or that comes from there.
- A verb called through a name that may be something else as well.

## What differs

Non-ASCII header values are sent as UTF-8 instead of latin-1. A DELETE that follows a 301 redirect sends
`Content-Length: 0`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import CallSite
from asyncify.index.values import Class, External, ExternalMethod, Instance, ModuleRef, Object
from asyncify.model import Await, DropImport, Edit, MakeAsync, Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules import streaming
from asyncify.rules.base import (
    Block,
    Claim,
    Finding,
    RefusalCode,
    Role,
    Rule,
    function_node,
    object_node,
    site_node,
)
from asyncify.rules.facts import Facts
from asyncify.rules.flow import annotation_claims, receiving_call, stands_in
from asyncify.rules.support import import_of

VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
SESSION_VERBS = (*VERBS, "send")
SESSION = "requests.Session"
FUNCTIONS = frozenset(f"requests.{verb}" for verb in VERBS)
METHODS = frozenset(f"{SESSION}.{verb}" for verb in SESSION_VERBS)

# Attributes of a session that do no I/O; they mean the same on aio_requests.Session, which inherits them.
PLAIN_ATTRIBUTES = frozenset(
    [
        "headers",
        "auth",
        "cookies",
        "params",
        "verify",
        "cert",
        "proxies",
        "hooks",
        "stream",
        "max_redirects",
        "trust_env",
        "adapters",
        "mount",
        "close",
        "get_adapter",
        "prepare_request",
        "merge_environment_settings",
        "get_redirect_target",
        "should_strip_auth",
        "rebuild_method",
        "rebuild_auth",
        "rebuild_proxies",
        "__attrs__",
        "__class__",
        "__dict__",
    ]
)
# External callables that look at a session without using it.
HARMLESS = frozenset(
    [
        "builtins.isinstance",
        "builtins.id",
        "builtins.repr",
        "builtins.print",
        "builtins.bool",
        "builtins.type",
        "builtins.hasattr",
        "builtins.setattr",
        "builtins.list.append",
        "builtins.str",
    ]
)

STREAMING = RefusalCode(
    "streaming",
    "The body is streamed.",
    "Read the whole body (drop stream=True), or keep this function synchronous and call it through asyncio.to_thread.",
)
SESSION_ESCAPES = RefusalCode(
    "session-escapes",
    "The session reaches code that asyncify does not see.",
    "Give that code a session of its own, or make the request here.",
)
SESSION_FROM_OUTSIDE = RefusalCode(
    "session-from-outside",
    "The session comes from code that asyncify does not see.",
    "Include the code that makes the session in the scan, or create the session here.",
)
UNCLEAR_CALL = RefusalCode(
    "unclear-call",
    "What is called here may be requests or something else.",
    "Call requests directly, or give the two cases two call sites.",
)

_BY_VERB = {f"requests.{verb}": Signature(returns="requests.Response") for verb in VERBS} | {
    f"{SESSION}.{verb}": Signature(returns="requests.Response") for verb in SESSION_VERBS
}

CATALOGUE = Catalogue(
    signatures=_BY_VERB
    | {
        SESSION: Signature(returns=SESSION),
        f"{SESSION}.__enter__": Signature(returns="self"),
        "requests.Request": Signature(returns="requests.Request"),
        "requests.Request.prepare": Signature(returns="requests.PreparedRequest"),
        f"{SESSION}.prepare_request": Signature(returns="requests.PreparedRequest"),
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
        "requests.models.Response": "requests.Response",
        "requests.models.Request": "requests.Request",
    },
    modules=frozenset({"requests"}),
)


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about requests."""
    yield from _direct_calls(facts)
    yield from _session_calls(facts)
    yield from _session_jobs(facts)
    yield from _sessions(facts)
    yield from _subclasses(facts)
    yield from _unbound_verbs(facts)
    yield from annotation_claims(facts, "requests", SESSION, frozenset({SESSION}), "aio_requests.Session", {})


def _refuse(code: RefusalCode, span: Span, message: str = "") -> Refusal:
    text = message or code.title
    return Refusal(code.code, span, text, code.remedy, Reason(text, span))


def _imports(facts: Facts, span: Span, func: ast.expr, reason: Reason) -> list[Edit]:
    """The import of the support module, and the old name dropped if it is orphaned."""
    root = func
    while isinstance(root, ast.Attribute):
        root = root.value
    edits: list[Edit] = [import_of(facts.file(span.path).source, "aio_requests", span, reason)]
    if isinstance(root, ast.Name):
        edits.append(DropImport(span, reason, root.id))
    return edits


def _streaming(facts: Facts, call: CallSite) -> tuple[list[Claim], Refusal | None]:
    """What a streamed body entails: claims on its uses, or why it cannot be moved."""
    asked = streaming.asked_for(facts, call)
    if asked is False:
        return [], None
    if asked is None:
        return [], _refuse(STREAMING, call.span, "Whether the body is streamed is decided while the program runs.")
    claims: list[Claim] = []
    for use in streaming.uses(facts, call):
        if isinstance(use, str):
            return [], _refuse(STREAMING, call.span, f"The body is streamed, and {use}.")
        claims.append(use)
    return claims, None


def _direct_calls(facts: Facts) -> Iterator[Finding]:
    for name in sorted(FUNCTIONS):
        for call in facts.calls_by_external.get(name, ()):
            yield from _direct_call(facts, call, name)
    for path, node, names in facts.references(FUNCTIONS):
        parent = facts.parent(path, node)
        span = facts.span(path, node)
        if isinstance(parent, ast.Call) and node in parent.args and len(names) == 1 and _runs_jobs(facts, path, parent):
            verb = min(names).rpartition(".")[2]
            reason = Reason(f"{facts.text(path, node)} is run as a job", span)
            edits = (ReplaceExpr(span, f"aio_requests.{verb}", reason), *_imports(facts, span, node, reason))
            within = facts.enclosing(path, node)
            yield Claim("requests", span, within, Role.ROOT, Verdict.EXACT, reason.text, {"": edits}, needs_async=False)


def _runs_jobs(facts: Facts, path: str, call: ast.Call) -> bool:
    """Whether the call hands its first argument to a pool, whose rule links it to that pool."""
    site = facts.project.call_at(facts.span(path, call))
    return site is not None and bool(site.externals) and all(n.endswith((".submit", ".map")) for n in site.externals)


def _direct_call(facts: Facts, call: CallSite, name: str) -> Iterator[Finding]:
    node = facts.node(call.func, ast.expr)
    text = facts.text(call.span.path, node) if node is not None else name
    verb = name.rpartition(".")[2]
    if node is None or call.externals != {name} or call.targets or not _named(node, verb, facts, call.span.path):
        refusal: Refusal | None = _refuse(UNCLEAR_CALL, call.span)
        claims: list[Claim] = []
    else:
        claims, refusal = _streaming(facts, call)
    if node is None or refusal is not None:
        refusal = refusal or _refuse(UNCLEAR_CALL, call.span)
        yield Block(site_node(call.span), refusal, "requests", call.within, blocks_loop=True)
        return
    yield from claims
    reason = Reason(f"{text}() waits for the network", call.span)
    edits: tuple[Edit, ...] = (
        ReplaceExpr(call.func, f"aio_requests.{verb}", reason),
        Await(call.span, reason),
        *_imports(facts, call.span, node, reason),
    )
    yield Claim("requests", call.span, call.within, Role.ROOT, Verdict.EXACT, reason.text, {"": edits})


def _named(func: ast.expr, verb: str, facts: Facts, path: str) -> bool:
    """Whether the callee's text names the verb by an import, not by a variable that could hold anything."""
    if isinstance(func, ast.Attribute):
        return func.attr == verb and facts.values(path, func) == {External(f"requests.{verb}")}
    return isinstance(func, ast.Name) and facts.values(path, func) == {External(f"requests.{verb}")}


def _session_owners(facts: Facts, call: CallSite) -> tuple[set[str], bool]:
    """Nodes of the sessions (or session classes) a method is called on; whether one of them is not known."""
    func = facts.node(call.func, ast.Attribute)
    if func is None:
        return set(), True
    path = call.span.path
    owners: set[str] = set()
    unknown = False
    for value in facts.values(path, func.value):
        if isinstance(value, Instance) and value.type == SESSION:
            if value.site is not None and facts.made_by_call(value):
                owners.add(object_node(value.site))
        elif isinstance(value, Object):
            info = facts.project.classes.get(value.cls)
            if info is not None and SESSION in info.external_bases:
                owners.add(object_node(info.span))
    if isinstance(func.value, ast.Call) and isinstance(func.value.func, ast.Name) and func.value.func.id == "super":
        function = facts.project.functions.get(call.within)
        if function is not None and function.cls is not None and function.cls in facts.project.classes:
            owners.add(object_node(facts.project.classes[function.cls].span))
    return owners, unknown or not owners


def _declared_session(facts: Facts, call: CallSite) -> bool:
    """Whether an annotation says that the receiver is a session, whatever else may flow there."""
    func = facts.node(call.func, ast.Attribute)
    return func is not None and any(
        isinstance(value, Instance) and value.type == SESSION and not facts.made_by_call(value)
        for value in facts.values(call.span.path, func.value)
    )


def _session_calls(facts: Facts) -> Iterator[Finding]:
    seen: set[Span] = set()
    for name in sorted(METHODS):
        for call in facts.calls_by_external.get(name, ()):
            if call.span in seen:
                continue
            seen.add(call.span)
            owners, unknown = _session_owners(facts, call)
            if unknown or not (call.externals <= METHODS or _declared_session(facts, call)):
                code = SESSION_FROM_OUTSIDE if unknown else UNCLEAR_CALL
                block = Block(site_node(call.span), _refuse(code, call.span), "requests", call.within, blocks_loop=True)
                yield block
                for owner in owners:
                    yield Implication(owner, block.node, "the same session is used here", call.span)
                continue
            claims, refusal = _streaming(facts, call)
            if refusal is not None:
                yield Block(site_node(call.span), refusal, "requests", call.within, blocks_loop=True)
                yield from _stays_blocking(facts, call, owners)
                continue
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
            )


def _stays_blocking(facts: Facts, call: CallSite, owners: set[str]) -> Iterator[Finding]:
    """A call that stays synchronous on a session that moves goes through the session's blocking face."""
    func = facts.node(call.func, ast.Attribute)
    if func is None or isinstance(func.value, ast.Call):
        for owner in owners:
            yield Implication(owner, site_node(call.span), "the same session is used here", call.span)
        return
    span = facts.span(call.span.path, func.value)
    reason = Reason("this call stays synchronous", span)
    edits = {"": (ReplaceExpr(span, "{session}.blocking", reason, {"session": span}),)}
    yield Claim(
        "requests",
        span,
        call.within,
        Role.PART,
        Verdict.BRIDGE,
        reason.text,
        edits,
        needs_async=False,
        follows=tuple(sorted(owners)),
    )


def _session_jobs(facts: Facts) -> Iterator[Finding]:
    """Verbs of a session that are given to a pool as jobs."""
    for instance, places in facts.instances.items():
        if instance.type != SESSION or instance.site is None:
            continue
        for path, node in places:
            attribute = facts.parent(path, node)
            if not isinstance(attribute, ast.Attribute) or attribute.attr not in SESSION_VERBS:
                continue
            call = facts.parent(path, attribute)
            if isinstance(call, ast.Call) and attribute in call.args and _runs_jobs(facts, path, call):
                owner = object_node(instance.site)
                text = f"{facts.text(path, attribute)} is run as a job"
                within = facts.enclosing(path, attribute)
                yield Claim(
                    "requests",
                    facts.span(path, attribute),
                    within,
                    Role.ROOT,
                    Verdict.EXACT,
                    text,
                    {"": ()},
                    needs_async=False,
                    follows=(owner,),
                    leads=(owner,),
                )


def _sessions(facts: Facts) -> Iterator[Finding]:
    """Where sessions are made, and every place that one of them reaches."""
    for call in facts.calls_by_external.get(SESSION, ()):
        func = facts.node(call.func, ast.expr)
        info = next((c for c in facts.project.classes.values() if c.span == call.span), None)
        if func is None or info is not None:
            continue
        owner = object_node(call.span)
        if call.externals != {SESSION} or call.targets:
            if SESSION in call.externals and not any(isinstance(v, Class) for v in facts.project.values(call.func)):
                yield Block(owner, _refuse(UNCLEAR_CALL, call.span), "requests", call.within)
            continue
        reason = Reason("the session is made here", call.span)
        edits: tuple[Edit, ...] = (
            ReplaceExpr(call.func, "aio_requests.Session", reason),
            *_imports(facts, call.span, func, reason),
        )
        yield Claim(
            "requests",
            call.span,
            call.within,
            Role.PART,
            Verdict.EXACT,
            reason.text,
            {"": edits},
            needs_async=False,
            follows=(owner,),
        )
    for instance, places in facts.instances.items():
        if instance.type == SESSION and instance.site is not None:
            owner = object_node(instance.site)
            yield from _made_indirectly(facts, instance.site, owner)
            for path, node in places:
                refusal = _escape(facts, path, node)
                if refusal is not None:
                    yield Block(owner, refusal, "requests")
            yield from _with_statements(facts, places, owner)


def _made_indirectly(facts: Facts, site: Span, owner: str) -> Iterator[Finding]:
    """A session that somebody else's call makes from the class given to it: ``field(default_factory=Session)``."""
    call = facts.project.call_at(site)
    node = facts.node(site, ast.Call)
    if call is None or node is None or SESSION in call.externals:
        return
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    classes = [a for a in arguments if facts.values(site.path, a) == {External(SESSION)}]
    if not classes:
        yield Block(owner, _refuse(SESSION_FROM_OUTSIDE, site), "requests", call.within)
    for argument in classes:
        span = facts.span(site.path, argument)
        reason = Reason("sessions are made from this class", span)
        edits = {"": (ReplaceExpr(span, "aio_requests.Session", reason), *_imports(facts, span, argument, reason))}
        within = facts.enclosing(site.path, argument)
        yield Claim(
            "requests",
            span,
            within,
            Role.PART,
            Verdict.EXACT,
            reason.text,
            edits,
            needs_async=False,
            follows=(owner,),
        )


def _with_statements(facts: Facts, places: list[tuple[str, ast.expr]], owner: str) -> Iterator[Finding]:
    """``with`` on a session becomes ``async with``, so that its connections are closed on the loop."""
    for path, node in places:
        item = facts.parent(path, node)
        statement = facts.parent(path, item) if isinstance(item, ast.withitem) and item.context_expr is node else None
        if isinstance(statement, ast.With) and len(statement.items) == 1:
            span = facts.span(path, statement)
            reason = Reason("leaving the block closes the session", span)
            within = facts.enclosing(path, statement)
            edits = {"": (MakeAsync(span, reason),)}
            yield Claim(
                "requests", span, within, Role.PART, Verdict.EXACT, reason.text, edits, follows=(owner,), optional=True
            )


def _escape(facts: Facts, path: str, node: ast.expr) -> Refusal | None:
    """Why this use of a session is beyond what asyncify follows, or None."""
    span = facts.span(path, node)
    parent = facts.parent(path, node)
    if _stored_out_of_sight(facts, path, node):
        return _refuse(SESSION_ESCAPES, span, "the session is stored where asyncify does not see who uses it")
    if isinstance(parent, ast.Attribute):
        if parent.attr in PLAIN_ATTRIBUTES or isinstance(parent.ctx, ast.Store):
            return None
        if parent.attr in SESSION_VERBS:
            return _verb_use(facts, path, parent)
        if any(not isinstance(v, ExternalMethod) for v in facts.values(path, parent)):
            return None
        return _refuse(SESSION_ESCAPES, span, f"asyncify does not know the session attribute {parent.attr!r}")
    receiver = receiving_call(facts, path, node)
    if receiver is not None and not stands_in(facts, path, receiver):
        call = facts.project.call_at(facts.span(path, receiver))
        if call is None or (call.externals - HARMLESS and not call.targets) or (call.unresolved and not call.targets):
            name = facts.text(path, receiver.func)
            return _refuse(SESSION_ESCAPES, span, f"the session is given to {name}()")
    return None


def _stored_out_of_sight(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether the session becomes an attribute of something asyncify does not know."""
    statement = facts.parent(path, node)
    if not isinstance(statement, ast.Assign) or statement.value is not node:
        return False
    for target in statement.targets:
        if isinstance(target, ast.Attribute) and not any(
            isinstance(value, (Object, Class, ModuleRef)) or getattr(value, "type", None) == "threading.local"
            for value in facts.values(path, target.value)
        ):
            return True
    return False


def _verb_use(facts: Facts, path: str, attribute: ast.Attribute) -> Refusal | None:
    """A verb of a session must be called at once, or be the job of a pool."""
    parent = facts.parent(path, attribute)
    if isinstance(parent, ast.Call):
        if parent.func is attribute:
            return None
        if attribute in parent.args and _runs_jobs(facts, path, parent):
            return None
    return _refuse(SESSION_ESCAPES, facts.span(path, attribute), "a method of the session is used as a value")


def _unbound_verbs(facts: Facts) -> Iterator[Finding]:
    """``Session.request`` taken from the class runs requests' own code, on whatever session it is given.

    So all sessions and session classes stay what they are.
    """
    for path, node, _ in facts.references(METHODS):
        info = facts.project.functions.get(facts.file(path).source.module)
        if info is not None and info.in_test:
            continue
        span = facts.span(path, node)
        refusal = _refuse(SESSION_ESCAPES, span, f"{facts.text(path, node)} is taken from the class and called there")
        owners = {object_node(c.span) for c in facts.project.classes.values() if SESSION in c.external_bases}
        owners |= {object_node(i.site) for i in facts.instances if i.type == SESSION and i.site is not None}
        for owner in sorted(owners):
            yield Block(owner, refusal, "requests")


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _subclasses(facts: Facts) -> Iterator[Finding]:
    for info in facts.project.classes.values():
        if SESSION not in info.external_bases:
            continue
        owner = object_node(info.span)
        node = facts.node(info.span, ast.ClassDef)
        if node is None:
            continue
        for base in node.bases:
            values = facts.values(info.path, base)
            if values == {External(SESSION)}:
                span = facts.span(info.path, base)
                reason = Reason(f"{info.name.rpartition('.')[2]} is a session", span)
                yield Claim(
                    "requests",
                    span,
                    facts.enclosing(info.path, node),
                    Role.PART,
                    Verdict.EXACT,
                    reason.text,
                    {"": (ReplaceExpr(span, "aio_requests.Session", reason), *_imports(facts, span, base, reason))},
                    needs_async=False,
                    follows=(owner,),
                    leads=(owner,),
                )
            for value in values:
                if isinstance(value, Class) and value.name in facts.project.classes:
                    above = object_node(facts.project.classes[value.name].span)
                    yield Implication(owner, above, "the base class is a session too", info.span)
                    yield Implication(above, owner, "the derived class is a session too", info.span)
        for path, place in facts.objects.get(info.name, ()):
            if isinstance(place, ast.Name) and place.id == "self":
                continue
            refusal = _escape(facts, path, place)
            if refusal is not None:
                yield Block(owner, refusal, "requests")
        for attribute in ast.walk(node):
            if isinstance(attribute, ast.Attribute) and attribute.attr in SESSION_VERBS and _is_super(attribute.value):
                parent = facts.parent(info.path, attribute)
                if not (isinstance(parent, ast.Call) and parent.func is attribute):
                    span = facts.span(info.path, attribute)
                    text = "a method of the session is used as a value"
                    yield Block(owner, _refuse(SESSION_ESCAPES, span, text), "requests")
        for verb in SESSION_VERBS:
            if verb in info.methods:
                method = function_node(info.methods[verb])
                yield Implication(owner, method, f"it overrides the session's {verb}()", info.span)
                yield Implication(method, owner, f"it overrides the session's {verb}()", info.span)


RULE = Rule(
    id="requests",
    title="requests → aiohttp",
    doc=__doc__,
    catalogue=CATALOGUE,
    match=match,
    refusals=(STREAMING, SESSION_ESCAPES, SESSION_FROM_OUTSIDE, UNCLEAR_CALL),
)
