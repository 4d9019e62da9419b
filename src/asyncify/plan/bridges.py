"""Where an asynchronous function meets what stays synchronous and waits: it goes through a thread."""

from __future__ import annotations

import ast

from asyncify.colour.structure import await_place
from asyncify.index.project import CallSite, ImplicitCall
from asyncify.model import Edit, Reason, Site, Verdict
from asyncify.rules.blocking import read_in_thread, to_thread
from asyncify.rules.facts import Facts

Bridge = CallSite | ImplicitCall
"""A call, or a property that is read."""


def bridge_edits(facts: Facts, bridge: Bridge) -> tuple[Edit, ...]:
    """The edits that move it to a thread."""
    reason = _reason(bridge)
    if isinstance(bridge, ImplicitCall):
        attribute = facts.node(bridge.span, ast.Attribute)
        assert attribute is not None
        place = await_place(facts, bridge.span.path, attribute)
        return *place.edits, *read_in_thread(facts, attribute, bridge.span, reason)
    call = facts.node(bridge.span, ast.Call)
    assert call is not None
    return to_thread(facts, call, bridge.span, reason)


def bridge_site(bridge: Bridge, group: str) -> Site:
    """The site of the plan."""
    return Site("blocking", bridge.span, bridge.within, Verdict.BRIDGE, _reason(bridge), group)


def _reason(bridge: Bridge) -> Reason:
    if isinstance(bridge, ImplicitCall):
        name = bridge.target.rpartition(".")[2]
        return Reason(f"reading {name} waits and would block the event loop", bridge.span)
    name = sorted(bridge.targets)[0].rpartition(".")[2]
    return Reason(f"{name}() stays synchronous and would block the event loop", bridge.span)
