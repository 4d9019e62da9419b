"""Which functions ran on an event loop before, and kept its other tasks out while they waited."""

from __future__ import annotations

from collections import defaultdict

from asyncify.colour.colouring import Colouring
from asyncify.index.project import Kind
from asyncify.rules.base import function_node
from asyncify.rules.facts import Facts

INTERLEAVES = "other tasks of its loop run while it waits, as they did not before"


def ran_on_loop(facts: Facts, colouring: Colouring) -> frozenset[str]:
    """The coroutine functions of the project and all functions that they now await, directly or through others."""
    called: dict[str, set[str]] = defaultdict(set)
    for node, plan in colouring.plans.items():
        if node in colouring.holds:
            called[plan.call.within] |= {name for name in plan.call.targets if function_node(name) in colouring.holds}
    todo = [name for name, info in facts.project.functions.items() if info.is_async and info.kind is not Kind.MODULE]
    found = set(todo)
    while todo:
        name = todo.pop()
        if colouring.runs_to_end(name):
            continue
        more = called[name] - found
        found |= more
        todo += more
    return frozenset(found)
