"""Calls that may run a function without the index knowing it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from asyncify.colour.computed_names import fetches
from asyncify.colour.suspects import maybe_calls
from asyncify.index.project import TOO_MANY, CallSite, Sink
from asyncify.rules.facts import Facts


class Hidden:
    """What unresolved calls may be calls of."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._found: dict[str, list[CallSite]] = {}

    @cached_property
    def lost(self) -> frozenset[str]:
        """Functions that the index stopped following."""
        return frozenset(use.function for use in self._facts.project.uses if use.sink is Sink.LOST)

    @cached_property
    def _crowded(self) -> list[CallSite]:
        return [call for call in self._facts.project.calls if TOO_MANY in (call.unresolved or "")]

    @cached_property
    def _fetched(self) -> dict[str, list[CallSite]]:
        """Calls of what is fetched by a name, by the functions that this may be."""
        out: dict[str, list[CallSite]] = {}
        for fetch in fetches(self._facts):
            for name in fetch.functions:
                out.setdefault(name, []).extend(fetch.calls)
        return out

    def in_one_pass(self) -> Callable[[str], list[CallSite]]:
        """Calls of something unknown under a function's name or fetched by it; where it got lost, of anything that got lost.

        The latter are the same for all such functions, so only the first that is asked for gets them.
        """
        crowded = list(self._crowded)

        def calls(function: str) -> list[CallSite]:
            found = self._maybe(function)
            if crowded and function in self.lost:
                found = [*found, *crowded]
                crowded.clear()
            return found

        return calls

    def _maybe(self, function: str) -> list[CallSite]:
        if function not in self._found:
            info = self._facts.project.functions.get(function)
            calls = maybe_calls(self._facts, info) if info is not None else []
            self._found[function] = [*calls, *self._fetched.get(function, ())]
        return self._found[function]
