"""Requests by another name that stay with their session: its verbs as values, and those that its class defines itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from asyncify.colour.colouring import Colouring
from asyncify.model import Reason, Site, Span, Verdict
from asyncify.rules.base import function_node, object_node
from asyncify.rules.facts import Facts
from asyncify.rules.requests_names import SESSION_VERBS, SESSIONS


def kept_calls(facts: Facts, colouring: Colouring) -> Iterator[Site]:
    """Calls of verbs of session classes that do not move, as refused sites."""
    seen = set()
    for info in facts.project.classes.values():
        owner = object_node(info.span)
        if not info.external_bases & SESSIONS or owner in colouring.holds:
            continue
        found = colouring.pins.get(owner)
        why = found.reason if found is not None else None
        code = f"{found.code}: " if found is not None else ""
        text = f"{code}the session class {info.name.rpartition('.')[2]} stays as it is"
        for verb in SESSION_VERBS:
            method = info.methods.get(verb)
            if method is None or function_node(method) in colouring.holds:
                continue
            for call in facts.project.callers(method):
                if call.span not in seen and not facts.in_test(call.span.path):
                    seen.add(call.span)
                    reason = Reason(text, info.span, why)
                    yield Site("requests", call.span, call.within, Verdict.REFUSE, reason)


def kept_values(facts: Facts, refused: Mapping[Span, Site]) -> list[Site]:
    """Verbs of refused sessions that are taken as values (``method=self.session.get``), for the reason of their session.

    `refused` are the sites that stay, by their place; that of a session is where it is made, or derived from.
    """
    sessions = [
        (refused.get(instance.site), places)
        for instance, places in facts.instances.items()
        if instance.type in SESSIONS and instance.site is not None
    ]
    for info in facts.project.classes.values():
        derived = facts.node(info.span, ast.ClassDef) if info.external_bases & SESSIONS else None
        for base in derived.bases if derived is not None else ():
            sessions.append((refused.get(facts.span(info.path, base)), facts.objects.get(info.name, [])))
    found: dict[Span, Site] = {}
    for made, places in sessions:
        for path, node in places if made is not None else ():
            verb = facts.parent(path, node)
            if not isinstance(verb, ast.Attribute) or verb.attr not in SESSION_VERBS or facts.in_test(path):
                continue
            if isinstance(verb.ctx, ast.Store):
                continue
            call = facts.parent(path, verb)
            if made is not None and not (isinstance(call, ast.Call) and call.func is verb):
                span = facts.span(path, verb)
                found.setdefault(span, Site("requests", span, facts.enclosing(path, verb), made.verdict, made.reason))
    return [found[span] for span in sorted(found)]
