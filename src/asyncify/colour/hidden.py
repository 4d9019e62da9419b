"""Calls that may run a function without the index knowing it."""

from __future__ import annotations

from functools import cached_property

from asyncify.colour.suspects import maybe_calls
from asyncify.index.project import TOO_MANY, CallSite, Sink
from asyncify.rules.facts import Facts


class Hidden:
    """What unresolved calls may be calls of."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    @cached_property
    def lost(self) -> frozenset[str]:
        """Functions that the index stopped following."""
        return frozenset(use.function for use in self._facts.project.uses if use.sink is Sink.LOST)

    @cached_property
    def _crowded(self) -> list[CallSite]:
        return [call for call in self._facts.project.calls if TOO_MANY in (call.unresolved or "")]

    def calls(self, function: str) -> list[CallSite]:
        """Calls of something unknown under the function's name; where it got lost, of anything that got lost."""
        info = self._facts.project.functions.get(function)
        maybe = maybe_calls(self._facts, info) if info is not None else []
        return [*maybe, *self._crowded] if function in self.lost else maybe
