"""Sessions of requests: where they are made, every place that one reaches, and classes derived from them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.graph import Implication
from asyncify.index.project import Sink
from asyncify.index.values import Class, External, ExternalMethod, Instance
from asyncify.model import Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules import requests_of_others, streaming
from asyncify.rules.base import Block, Claim, Finding, Role, function_node, object_node, site_node
from asyncify.rules.exit_stacks import Otherwise, entered, entries
from asyncify.rules.facts import Facts, Place
from asyncify.rules.flow import called_in_the_end, given_by_mock, is_getattr, receiving_call, stands_in, with_item
from asyncify.rules.handed_jobs import given_to_jobs
from asyncify.rules.requests_names import (
    HARMLESS,
    METHODS,
    PLAIN_ATTRIBUTES,
    SESSION,
    SESSION_ESCAPES,
    SESSION_FROM_OUTSIDE,
    SESSION_VERBS,
    SESSIONS,
    STREAMING,
    TOKEN_METHODS,
    UNCLEAR_CALL,
    UNSENT,
    UNUSED_SESSION,
    imports,
    refuse,
)
from asyncify.rules.requests_values import in_sight, is_job, kept_verbs, stored_out_of_sight

_MAY_REFRESH = "requests_oauthlib.OAuth2Session"
VALUE = "a method of the session is used as a value"


def findings(facts: Facts) -> Iterator[Finding]:
    """All findings about sessions as objects."""
    yield from _session_jobs(facts)
    yield from _sessions(facts)
    yield from _kept(facts)
    yield from _subclasses(facts)
    yield from _unbound_verbs(facts)
    yield from requests_of_others.findings(facts)


def _session_jobs(facts: Facts) -> Iterator[Finding]:
    """Verbs of a session that are given to a pool, or what else runs them, as jobs."""
    jobs: dict[Place, set[str]] = {}
    for method, places in facts.methods.items():
        session = method.instance
        if session.type in SESSIONS and session.site is not None and method.name in SESSION_VERBS:
            for path, node in places:
                if is_job(facts, path, node):
                    jobs.setdefault((path, node), set()).add(object_node(session.site))
    for (path, node), sessions in jobs.items():
        owners = tuple(sorted(sessions))
        span = facts.span(path, node)
        text = f"{facts.text(path, node)} is run as a job"
        if any(isinstance(value, External) for value in facts.values(path, node)):
            other = refuse(SESSION_ESCAPES, span, "this job is a method of the session or something else")
            yield from (Block(owner, other, "requests") for owner in owners)
            continue
        if streaming.asked_for_by_job(facts, path, node):
            streams = refuse(STREAMING, span, streaming.BY_JOB)
            yield from (Block(owner, streams, "requests") for owner in owners)
            continue
        within = facts.enclosing(path, node)
        yield Claim(
            "requests", span, within, Role.ROOT, Verdict.EXACT, text, {"": ()}, needs_async=False,
            follows=owners, leads=owners,
        )  # fmt: skip


def _sessions(facts: Facts) -> Iterator[Finding]:
    """Where sessions are made, and every place that one of them reaches."""
    for call in facts.calls_of(SESSIONS):
        func = facts.node(call.func, ast.expr)
        info = next((c for c in facts.project.classes.values() if c.span == call.span), None)
        if func is None or info is not None:
            continue
        owner = object_node(call.span)
        made = min(call.externals & SESSIONS)
        if call.externals != {made} or call.targets:
            if not any(isinstance(v, Class) for v in facts.project.values(call.func)):
                yield Block(owner, refuse(UNCLEAR_CALL, call.span), "requests", call.within)
                yield Block(site_node(call.span), refuse(UNCLEAR_CALL, call.span), "requests", call.within)
            continue
        refreshing = requests_of_others.refreshes(facts, call, made)
        if refreshing is not None:
            yield Block(owner, refreshing, "requests", call.within)
            yield Block(site_node(call.span), refreshing, "requests", call.within)  # it has no claim that would name it
            continue
        reason = Reason("the session is made here", call.span)
        edits = requests_of_others.renamed(facts, call.span, func, made, reason)
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
    used = _used(facts)
    stacked = entries(facts)
    for instance, places in facts.instances.items():
        if instance.type in SESSIONS and instance.site is not None:
            owner = object_node(instance.site)
            yield from _made_indirectly(facts, instance.site, owner)
            function = handed_out_by_test(facts, instance.site)
            if function is not None:
                text = f"a test puts {function.rpartition('.')[2]}(), which hands out this session, somewhere"
                yield Block(owner, refuse(SESSION_ESCAPES, instance.site, text), "requests")
            for place in places:
                if place in stacked:
                    text = "leaving the stack closes the session"
                    yield from entered(facts, "requests", place, stacked[place], (owner,), text, Otherwise.SAME)
            seen = [place for place in places if place not in stacked]
            refusals = [_escape(facts, path, node) or _streams_always(facts, path, node) for path, node in seen]
            if instance.site not in used and function is None and not any(refusals):
                refusals = [refuse(UNUSED_SESSION, instance.site)]
            for refusal in filter(None, refusals):
                yield Block(owner, refusal, "requests")
            yield from _with_statements(facts, places, owner)


def _kept(facts: Facts) -> Iterator[Finding]:
    """Verbs that went through variables, arguments or containers and leave the project from there."""
    for session, (path, node) in kept_verbs(facts):
        parent = facts.parent(path, node)
        defaults = isinstance(parent, ast.Call) and isinstance(node, ast.Attribute)
        if session.site is None or (defaults and _gets_defaults(facts, path, node, parent)):  # type: ignore[arg-type]
            continue
        yield Block(object_node(session.site), refuse(SESSION_ESCAPES, facts.span(path, node), VALUE), "requests")


def _streams_always(facts: Facts, path: str, node: ast.expr) -> Refusal | None:
    """``session.stream = True`` streams the bodies of all its responses, whatever the calls say."""
    parent = facts.parent(path, node)
    statement = facts.parent(path, parent) if isinstance(parent, ast.Attribute) and parent.attr == "stream" else None
    if not isinstance(statement, ast.Assign) or not any(parent is target for target in statement.targets):
        return None
    if isinstance(statement.value, ast.Constant) and not statement.value.value:
        return None
    return refuse(STREAMING, facts.span(path, node), "The session streams the body of every response.")


def _used(facts: Facts) -> set[Span]:
    """Where sessions are made on which some call is made, or that go where asyncify does not see what happens."""
    used: set[Span] = set()
    for instance, places in facts.instances.items():
        if instance.type in SESSIONS and instance.site is not None:
            for path, node in places:
                parent = facts.parent(path, node)
                verb = isinstance(parent, ast.Attribute) and parent.attr in SESSION_VERBS
                given = receiving_call(facts, path, node)
                if verb or given is not None:
                    used.add(instance.site)
    return used


def _made_indirectly(facts: Facts, site: Span, owner: str) -> Iterator[Finding]:
    """A session that somebody else's call makes from the class given to it: ``field(default_factory=Session)``."""
    call = facts.project.call_at(site)
    node = facts.node(site, ast.Call)
    if call is None or node is None or call.externals & SESSIONS:
        return
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    classes = [a for a in arguments if facts.values(site.path, a) == {External(SESSION)}]
    if not classes:
        yield Block(owner, refuse(SESSION_FROM_OUTSIDE, site), "requests", call.within)
    for argument in classes:
        span = facts.span(site.path, argument)
        reason = Reason("sessions are made from this class", span)
        edits = {"": (ReplaceExpr(span, "aio_requests.Session", reason), *imports(facts, span, argument, reason))}
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
        if isinstance(statement, ast.With):
            span, edit = with_item(facts, path, statement, node, "leaving the block closes the session")
            reason = edit.reason
            within = facts.enclosing(path, statement)
            edits = {"": (edit,)}
            yield Claim(
                "requests", span, within, Role.PART, Verdict.EXACT, reason.text, edits, follows=(owner,), optional=True
            )


def _escape(facts: Facts, path: str, node: ast.expr) -> Refusal | None:
    """Why this use of a session is beyond what asyncify follows, or None."""
    span = facts.span(path, node)
    parent = facts.parent(path, node)
    if stored_out_of_sight(facts, path, node):
        return refuse(SESSION_ESCAPES, span, "the session is stored where asyncify does not see who uses it")
    if isinstance(parent, ast.Attribute):
        if parent.attr in PLAIN_ATTRIBUTES or isinstance(parent.ctx, ast.Store):
            return None
        if parent.attr in SESSION_VERBS:
            return _verb_use(facts, path, parent)
        around = facts.parent(path, parent)
        if parent.attr in TOKEN_METHODS and isinstance(around, ast.Call) and around.func is parent:
            return None
        if any(not isinstance(v, ExternalMethod) for v in facts.values(path, parent)):
            return None
        return refuse(SESSION_ESCAPES, span, f"asyncify does not know the session attribute {parent.attr!r}")
    receiver = receiving_call(facts, path, node)
    if receiver is not None and is_getattr(facts, path, receiver) and receiver.args[:1] == [node]:
        return _computed_verb(facts, path, receiver)
    if (
        receiver is not None
        and not stands_in(facts, path, receiver)
        and not given_by_mock(facts, path, receiver, node)
        and not given_to_jobs(facts, path, receiver)
        and not _set_by_own_setter(facts, path, receiver)
        and not _watched(facts, path, receiver, node)
    ):
        call = facts.project.call_at(facts.span(path, receiver))
        if (
            call is None
            or (call.externals - HARMLESS - UNSENT and not call.targets)
            or (call.unresolved and not call.targets)
        ):
            name = facts.text(path, receiver.func)
            return refuse(SESSION_ESCAPES, span, f"the session is given to {name}()")
    return None


def _set_by_own_setter(facts: Facts, path: str, call: ast.Call) -> bool:
    """Whether a class's own ``__setattr__`` sets with the call what it was given: the index knows that from the assignment."""
    site = facts.project.call_at(facts.span(path, call))
    return (
        site is not None
        and site.externals == {"builtins.object.__setattr__"}
        and facts.enclosing(path, call).rpartition(".")[2] == "__setattr__"
    )


def _watched(facts: Facts, path: str, call: ast.Call, node: ast.expr) -> bool:
    """``weakref.finalize(session, function)`` runs the function after the session is gone, and never uses it."""
    site = facts.project.call_at(facts.span(path, call))
    return site is not None and site.externals == {"weakref.finalize"} and call.args[:1] == [node]


def unsent_sessions(facts: Facts) -> set[Span]:
    """Where the sessions are made that requests are to be sent on later."""
    given = (span for call in facts.calls_of(sorted(UNSENT)) for name, span in call.keywords if name == "session")
    values = (value for span in given for value in facts.project.values(span))
    return {v.site for v in values if isinstance(v, Instance) and v.type in SESSIONS and v.site is not None}


def handed_out_by_test(facts: Facts, site: Span) -> str | None:
    """The function of a test that makes the session at `site`, hands it out, and is itself put somewhere; else None."""
    node = facts.node(site, ast.Call)
    if not facts.in_test(site.path) or node is None or not isinstance(facts.parent(site.path, node), ast.Return):
        return None
    function = facts.enclosing(site.path, node)
    put = any(use.function == function and use.sink is not Sink.DECORATED for use in facts.project.uses)
    return function if put else None


def _computed_verb(facts: Facts, path: str, call: ast.Call) -> Refusal | None:
    """``getattr(session, name)``: what may be a verb is called, anything else is one of the plain attributes."""
    names = {v.name for v in facts.values(path, call) if isinstance(v, ExternalMethod) and v.instance.type in SESSIONS}
    if not names & set(SESSION_VERBS) and names <= set(PLAIN_ATTRIBUTES):
        return None
    if names <= set(SESSION_VERBS) and called_in_the_end(facts, path, call):
        return None
    span = facts.span(path, call)
    return refuse(SESSION_ESCAPES, span, "what getattr() takes from the session is not a verb that is called")


def _verb_use(facts: Facts, path: str, attribute: ast.Attribute) -> Refusal | None:
    """A verb of a session is called in the end, is the job of a pool, or gets default arguments on its own session."""
    parent = facts.parent(path, attribute)
    if called_in_the_end(facts, path, attribute) or in_sight(facts, path, attribute):
        return None
    call = parent if isinstance(parent, ast.Call) and attribute in parent.args else None
    if call is not None and _gets_defaults(facts, path, attribute, call):
        return None
    return refuse(SESSION_ESCAPES, facts.span(path, attribute), VALUE)


def _gets_defaults(facts: Facts, path: str, attribute: ast.Attribute, call: ast.Call) -> bool:
    """``session.request = partial(session.request, timeout=5)``, which requests' own verbs call as well."""
    site = facts.project.call_at(facts.span(path, call))
    statement = facts.parent(path, call)
    return (
        site is not None
        and site.externals == {"functools.partial"}
        and call.args == [attribute]
        and isinstance(statement, ast.Assign)
        and [ast.unparse(target) for target in statement.targets] == [ast.unparse(attribute)]
    )


def _unbound_verbs(facts: Facts) -> Iterator[Finding]:
    """``Session.request`` taken from the class runs requests' own code, on whatever session it is given.

    So all sessions and session classes stay what they are.
    """
    for path, node, _ in facts.references(METHODS):
        info = facts.project.functions.get(facts.file(path).source.module)
        if info is not None and info.in_test:
            continue
        span = facts.span(path, node)
        refusal = refuse(SESSION_ESCAPES, span, f"{facts.text(path, node)} is taken from the class and called there")
        owners = {object_node(c.span) for c in facts.project.classes.values() if c.external_bases & SESSIONS}
        owners |= {object_node(i.site) for i in facts.instances if i.type in SESSIONS and i.site is not None}
        for owner in sorted(owners):
            yield Block(owner, refusal, "requests")


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _subclasses(facts: Facts) -> Iterator[Finding]:
    for info in facts.project.classes.values():
        if not info.external_bases & SESSIONS:
            continue
        owner = object_node(info.span)
        node = facts.node(info.span, ast.ClassDef)
        if node is None:
            continue
        for base in node.bases:
            values = facts.values(info.path, base)
            named = next((s for s in sorted(SESSIONS) if values == {External(s)}), None)
            if named == _MAY_REFRESH:
                text = "a class derived from a session that may refresh its token by itself, in a request that blocks"
                yield Block(owner, refuse(SESSION_ESCAPES, facts.span(info.path, base), text), "requests")
            elif named is not None:
                span = facts.span(info.path, base)
                reason = Reason(f"{info.name.rpartition('.')[2]} is a session", span)
                yield Claim(
                    "requests",
                    span,
                    facts.enclosing(info.path, node),
                    Role.PART,
                    Verdict.EXACT,
                    reason.text,
                    {"": requests_of_others.renamed(facts, span, base, named, reason)},
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
                    yield Block(owner, refuse(SESSION_ESCAPES, span, VALUE), "requests")
        for verb in SESSION_VERBS:
            if verb in info.methods:
                method = function_node(info.methods[verb])
                yield Implication(owner, method, f"it overrides the session's {verb}()", info.span)
                yield Implication(method, owner, f"it overrides the session's {verb}()", info.span)
