"""Calls of requests' functions, by their names or after a choice among several."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from asyncify.graph import Implication
from asyncify.index.project import TOO_MANY, CallSite
from asyncify.index.values import Constant, External
from asyncify.model import Await, Edit, Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules import streaming
from asyncify.rules.base import Block, Claim, Finding, Role, object_node, site_node
from asyncify.rules.facts import Facts, Place
from asyncify.rules.flow import called_in_the_end, chosen_among, is_getattr
from asyncify.rules.requests_modules import modules_handed
from asyncify.rules.requests_names import FUNCTIONS, METHODS, STREAMING, UNCLEAR_CALL, imports, refuse
from asyncify.rules.requests_owners import awaited_before, session_owners
from asyncify.rules.requests_values import goes_out_of_sight, is_job, named_functions


def findings(facts: Facts, given: Collection[Span]) -> Iterator[Finding]:
    """All findings about functions of requests; ``given``: calls that are seen to elsewhere."""
    seen: set[Span] = set(given)
    for name in sorted(FUNCTIONS):
        for call in facts.calls_by_external.get(name, ()):
            if call.span not in seen:
                seen.add(call.span)
                if not awaited_before(facts, call):
                    yield from _call(facts, call)
    yield from _crowded(facts)
    yield from _jobs(facts)


def _crowded(facts: Facts) -> Iterator[Finding]:
    """Calls where so many values meet that one of these functions got lost."""
    if any(isinstance(value, External) and value.name in FUNCTIONS for value in facts.project.lost):
        for call in facts.project.calls:
            if TOO_MANY in (call.unresolved or "") and not call.externals & FUNCTIONS:
                refusal = refuse(UNCLEAR_CALL, call.span)
                yield Block(site_node(call.span), refusal, "requests", call.within, blocks_loop=True)


def _jobs(facts: Facts) -> Iterator[Finding]:
    for path, node, names in facts.references(FUNCTIONS):
        span = facts.span(path, node)
        if len(names) == 1 and is_job(facts, path, node) and goes_out_of_sight(facts, path, node):
            text = f"asyncify does not see everything that calls {facts.text(path, node)}"
            yield Block(site_node(span), refuse(UNCLEAR_CALL, span, text), "requests")
        elif len(names) == 1 and is_job(facts, path, node) and streaming.asked_for_by_job(facts, path, node):
            yield Block(site_node(span), refuse(STREAMING, span, streaming.BY_JOB), "requests")
        elif len(names) == 1 and is_job(facts, path, node):
            verb = min(names).rpartition(".")[2]
            reason = Reason(f"{facts.text(path, node)} is run as a job", span)
            edits = (ReplaceExpr(span, f"aio_requests.{verb}", reason), *imports(facts, span, node, reason))
            within = facts.enclosing(path, node)
            owner = (object_node(span),)  # what calls it otherwise
            yield Claim(
                "requests", span, within, Role.ROOT, Verdict.EXACT, reason.text, {"": edits}, needs_async=False,
                follows=owner, leads=owner,
            )  # fmt: skip


def entailed_by_stream(facts: Facts, call: CallSite) -> tuple[list[Claim], Refusal | None]:
    """What a streamed body entails: claims on its uses, or why it cannot be moved."""
    if not streaming.asked_for(facts, call):
        return [], None
    claims: list[Claim] = []
    for use in streaming.uses(facts, call):
        if isinstance(use, str):
            return [], refuse(STREAMING, call.span, f"The body is streamed, and {use}.")
        claims.append(use)
    return claims, None


def _call(facts: Facts, call: CallSite) -> Iterator[Finding]:
    path = call.span.path
    func = call.node.func
    reason = Reason(f"{facts.text(path, func)}() waits for the network", call.span)
    sources, owners = named_at(facts, call)
    refusal: Refusal | None = None
    claims: list[Claim] = []
    if sources is not None:
        claims, refusal = entailed_by_stream(facts, call)
    if sources is None or refusal is not None:
        refusal = refusal or refuse(UNCLEAR_CALL, call.span, _more_than_a_verb(facts, call))
        yield Block(site_node(call.span), refusal, "requests", call.within, blocks_loop=True)
        for owner in sorted(owners | handed_on(facts, call)):
            yield Implication(owner, site_node(call.span), "the function is called here", call.span)
        return
    yield from claims
    edits: list[Edit] = [Await(call.span, reason)]
    for where, source in sources:
        edits += _renamed(facts, where, source, reason)
    yield Claim(
        "requests", call.span, call.within, Role.ROOT, Verdict.EXACT, reason.text, {"": tuple(edits)},
        follows=tuple(sorted(owners)), leads=tuple(sorted(owners)),
    )  # fmt: skip


def named_at(facts: Facts, call: CallSite) -> tuple[list[Place] | None, set[str]]:
    """Where the functions that the call may run are named, None if not all are known; and what it moves along with."""
    func = call.node.func
    sources = _named_somewhere(facts, call, func)
    owners = {object_node(facts.span(*source)) for source in sources or () if source[1] is not func}
    if sources is not None and call.externals & METHODS:
        sessions, unknown = session_owners(facts, call)
        owners |= sessions
        sources = None if unknown else sources
    return sources, owners


def handed_on(facts: Facts, call: CallSite) -> set[str]:
    """Where the functions of requests that the call may run are named, but not called: in a table, as an argument."""
    found: set[str] = set()
    for path, node, names in facts.references(FUNCTIONS):
        parent = facts.parent(path, node)
        if (
            names & call.externals
            and node is not call.node.func
            and not (isinstance(parent, ast.Call) and parent.func is node)
        ):
            found.add(object_node(facts.span(path, node)))
    return found


def _more_than_a_verb(facts: Facts, call: CallSite) -> str:
    """Why the module `requests` cannot be replaced, where it is handed on like a session; "" for anything else."""
    place = modules_handed(facts, call)
    if place is None or isinstance(place, list):
        return ""
    where = f"{facts.text(*place)} ({facts.span(*place)})"
    return f"This may be the module requests or a session; {where} is more than a call of a verb. Give it a session."


def _named_somewhere(facts: Facts, call: CallSite, func: ast.expr) -> list[Place] | None:
    """Where the called functions are named: here, after a choice, or where they are put into what is called."""
    if not call.externals <= FUNCTIONS | METHODS or call.targets or call.unresolved:
        return None
    modules = modules_handed(facts, call)
    if isinstance(modules, list):
        return modules
    if call.externals <= FUNCTIONS and (sources := _sources(facts, call, func)) is not None:
        return [(call.span.path, source) for source in sources]
    return named_functions(facts, call)


def _sources(facts: Facts, call: CallSite, func: ast.expr) -> list[ast.expr] | None:
    """Where the called functions are named, all of them functions of requests that are only called; else None."""
    path = call.span.path
    if not call.externals <= FUNCTIONS or call.targets or call.unresolved:
        return None
    found = chosen_among(facts, path, func)
    if not found or not all(_named(facts, path, source) for source in found):
        return None
    if any(source is not func and not called_in_the_end(facts, path, source) for source in found):
        return None
    return found


def _named(facts: Facts, path: str, source: ast.expr) -> str | None:
    """The verb that the expression names by an import, ``getattr`` for ``getattr(requests, …)``; else None."""
    if isinstance(source, ast.Call):
        module = source.args[0] if source.args else None
        named = isinstance(module, ast.Name) and facts.values(path, module) == {External("requests")}
        if not named or len(source.args) != 2 or not is_getattr(facts, path, source):
            return None
        names = facts.values(path, source.args[1])  # a name that is not known may be that of a class or an exception
        verbs = {name.rpartition(".")[2] for name in FUNCTIONS}
        known = all(isinstance(name, Constant) and name.value in verbs for name in names)
        return "getattr" if names and known else None
    values = facts.values(path, source)
    value = next(iter(values)) if len(values) == 1 else None
    if not isinstance(value, External) or value.name not in FUNCTIONS:
        return None
    verb = value.name.rpartition(".")[2]
    if isinstance(source, ast.Attribute):
        return verb if source.attr == verb else None
    return verb if isinstance(source, ast.Name) and not _is_parameter(facts, path, source) else None


def _is_parameter(facts: Facts, path: str, name: ast.Name) -> bool:
    """Whether a function around gets that name from its caller, who may give anything."""
    functions = (
        p for p in facts.parents(path, name) if isinstance(p, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    )
    return any(node.arg == name.id for f in functions for node in ast.walk(f.args) if isinstance(node, ast.arg))


def _renamed(facts: Facts, path: str, source: ast.expr, reason: Reason) -> Iterator[Edit]:
    """The edits that make one source name the function of the support module."""
    values = facts.values(path, source)
    if isinstance(source, ast.Call) or values == {External("requests")}:
        module = source.args[0] if isinstance(source, ast.Call) else source
        span = facts.span(path, module)
        yield ReplaceExpr(span, "aio_requests", reason)
        yield from imports(facts, span, module, reason)
        return
    span = facts.span(path, source)
    yield ReplaceExpr(span, f"aio_requests.{_named(facts, path, source)}", reason)
    yield from imports(facts, span, source, reason)
