"""Calls of verbs that a session class of the project defines itself: requests by another name, which stay with the class."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify.colour.colouring import Colouring
from asyncify.model import Reason, Site, Verdict
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
