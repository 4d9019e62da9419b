"""What the colours of a project are, once found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from asyncify.colour.faces import Face
from asyncify.colour.structure import CallPlan
from asyncify.graph import Implication, Implications
from asyncify.index.project import CallSite, ImplicitCall
from asyncify.model import Colour, Reason, Refusal, Span
from asyncify.rules.base import Block, Claim, Finding, function_node
from asyncify.rules.facts import Facts


@dataclass(slots=True)
class Colouring:
    """The result: what holds and why, what does not and why, and where the colours meet."""

    facts: Facts
    claims: list[Claim]
    blocks: list[Block]
    plans: dict[str, CallPlan]  # by call node
    graph: Implications
    holds: dict[str, Reason]
    pins: dict[str, Refusal]
    disabled: dict[str, Refusal]  # site nodes of claims that would move but for the refusal
    bridges: Mapping[Span, CallSite | ImplicitCall] = field(default_factory=dict)
    waiting: frozenset[str] = frozenset()  # synchronous functions that wait, themselves or through others
    waits_inside: frozenset[str] = frozenset()  # functions that stay synchronous and run coroutines to their end
    starting: frozenset[str] = (
        frozenset()
    )  # functions that start, themselves or through others, what goes on beside them

    findings: Sequence[Finding] = ()  # what the rules found, as far as it counts
    faces: Mapping[str, Face] = field(default_factory=dict)  # functions that hold and keep a synchronous form
    implications: tuple[Implication, ...] = ()  # all of them, also those that a function which stays does not follow

    def runs_to_end(self, function: str) -> bool:
        """Whether coroutines called in this function are run to their end there instead of awaited."""
        return function in self.waits_inside

    def colour(self, function: str) -> Colour:
        """The colour of a project function."""
        node = function_node(function)
        out = Colour.MUST_ASYNC if node in self.holds else Colour.FREE
        return out.least_above(Colour.MUST_SYNC) if node in self.pins else out
