"""Calls that stay synchronous on a session that moves otherwise: they go through ``session.blocking``.

The blocking face of a session shares its state, and has requests' own verbs. What a class of the project has in the place of
a verb is a coroutine by then; it is run in one step, which only works where nothing in it waits but the request itself.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from asyncify.graph import Implication
from asyncify.index.project import CallSite
from asyncify.model import Edit, Reason, ReplaceExpr, Verdict
from asyncify.rules.base import Claim, Finding, Role, object_node, site_node
from asyncify.rules.facts import Facts
from asyncify.rules.requests_names import FUNCTIONS, METHODS, SESSION, SESSION_VERBS

_WAITING = METHODS | FUNCTIONS | {"time.sleep", SESSION}


def stays_blocking(facts: Facts, call: CallSite, owners: Collection[str]) -> Iterator[Finding]:
    """The call goes through the blocking face of its session; where there can be none, the session stays as it is."""
    edits = blocking_edits(facts, call, owners)
    if edits is None:
        for owner in sorted(owners):
            yield Implication(owner, site_node(call.span), "the same session is used here", call.span)
        return
    yield Claim(
        "requests",
        edits[0].span,
        call.within,
        Role.PART,
        Verdict.BRIDGE,
        edits[0].reason.text,
        {"": edits},
        needs_async=False,
        follows=tuple(sorted(owners)),
    )


def blocking_edits(facts: Facts, call: CallSite, owners: Collection[str]) -> tuple[Edit, ...] | None:
    """The edits that make the call on the blocking face; None where that would not do the same."""
    func = facts.node(call.func, ast.Attribute)
    if func is None or isinstance(func.value, ast.Call) or not all(_runs_at_once(facts, owner) for owner in owners):
        return None
    span = facts.span(call.span.path, func.value)
    reason = Reason("this call stays synchronous", span)
    return (ReplaceExpr(span, "{session}.blocking", reason, {"session": span}),)


def _runs_at_once(facts: Facts, owner: str) -> bool:
    """Whether nothing that the session's class has in the place of a verb waits for anything but the request."""
    cls = next((c for c in facts.project.classes.values() if object_node(c.span) == owner), None)
    if cls is None:
        return True  # a session of requests itself
    known = [c for name in cls.mro if (c := facts.project.classes.get(name)) is not None]
    seen = facts.reached(c.methods[verb] for c in known for verb in SESSION_VERBS if verb in c.methods)
    for name in seen:
        info = facts.project.functions[name]
        node = facts.node(info.span, ast.AST)
        if node is None or any(isinstance(part, (ast.With, ast.AsyncWith)) for part in ast.walk(node)):
            return False
    return not any(
        call.within in seen and not _on_super(facts, call)
        for name in _WAITING
        for call in facts.calls_by_external.get(name, ())
    )


def _on_super(facts: Facts, call: CallSite) -> bool:
    func = facts.node(call.func, ast.Attribute)
    match func.value if func is not None else None:
        case ast.Call(func=ast.Name(id="super")):
            return True
    return False
