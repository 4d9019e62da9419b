"""Which functions ran on an event loop before, and kept its other tasks out while they waited.

Once they await, other tasks run in between. Where such a function reads something that others may share, waits, and then
changes it, or waits while it iterates over it, that is a data race which was not there before: it is named with its line.
"""

from __future__ import annotations

from collections import defaultdict

from asyncify.colour.colouring import Colouring
from asyncify.index.project import Kind
from asyncify.model import Span
from asyncify.plan.races import races
from asyncify.rules.base import function_node
from asyncify.rules.facts import Facts

INTERLEAVES = "other tasks of its loop run while it waits, as they did not before"
_MOST = 3  # races that a condition names


class Interleaving:
    """The coroutine functions of the project and all functions that they now await, directly or through others."""

    def __init__(self, facts: Facts, colouring: Colouring) -> None:
        self._facts = facts
        called: dict[str, set[str]] = defaultdict(set)
        self._callers: dict[str, set[str]] = defaultdict(set)
        self._waits: dict[str, list[Span]] = defaultdict(list)
        for node, plan in colouring.plans.items():
            if node in colouring.holds:
                targets = {name for name in plan.call.targets if function_node(name) in colouring.holds}
                called[plan.call.within] |= targets
                for name in targets:
                    self._callers[name].add(plan.call.within)
                if targets and plan.awaited:
                    self._waits[plan.call.within].append(plan.call.span)
        for claim in colouring.claims:
            if claim.needs_async and claim.node in colouring.holds:
                self._waits[claim.within].append(claim.span)
        todo = [
            name for name, info in facts.project.functions.items() if info.is_async and info.kind is not Kind.MODULE
        ]
        found = set(todo)
        while todo:
            name = todo.pop()
            if colouring.runs_to_end(name):
                continue
            more = called[name] - found
            found |= more
            todo += more
        self.functions = frozenset(found)
        self._races: dict[str, list[str]] = {}

    def condition(self, function: str) -> str:
        """What has to be looked at where the function waits: in it, and in the functions that wait for it."""
        seen = {function}
        todo = [function]
        while todo:
            more = (self._callers[todo.pop()] & self.functions) - seen
            seen |= more
            todo += more
        found = sorted({text for name in seen for text in self._races_in(name)})
        left = len(found) - _MOST
        more_than = f"; and {left} more such place{'s' if left > 1 else ''}" if left > 0 else ""
        return "; ".join([INTERLEAVES, *found[:_MOST]]) + more_than

    def _races_in(self, function: str) -> list[str]:
        if function not in self._races:
            info = self._facts.project.functions[function]
            self._races[function] = list(races(self._facts, info, self._waits[function]))
        return self._races[function]
