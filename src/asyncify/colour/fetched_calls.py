"""Calls of functions that are fetched by a name: what they give is awaited if that is a coroutine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from asyncify.colour.computed_names import fetches, settles
from asyncify.colour.structure import CallPlan, plan_call
from asyncify.index.project import CallSite
from asyncify.model import Span
from asyncify.rules.facts import Facts


def fetched_calls(facts: Facts, scripts: frozenset[str]) -> Iterator[CallPlan]:
    """What becomes of ``getattr(obj, name)(...)``, whose function may become asynchronous, in a project of which all is known."""
    if facts.project.is_part:
        return
    suspected: dict[Span, tuple[CallSite, set[str]]] = {}
    for fetch in fetches(facts):
        names = {name for name in fetch.functions if settles(facts, name)}
        for call in fetch.calls:
            suspected.setdefault(call.span, (call, set(call.targets)))[1].update(names)
    for call, names in suspected.values():
        plan = plan_call(facts, replace(call, targets=frozenset(names)), scripts, unknown=True)
        if names and plan.refusal is None:
            yield plan
