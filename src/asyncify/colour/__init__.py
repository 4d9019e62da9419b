"""Which functions must become asynchronous, which cannot, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asyncify.colour.class_pins import class_pins
from asyncify.colour.colouring import Colouring
from asyncify.colour.entry import module_pins
from asyncify.colour.pins import pins
from asyncify.colour.solve import Solver
from asyncify.colour.structure import plan_call, scripts
from asyncify.model import Reason, Span
from asyncify.rules.base import Finding, Handles
from asyncify.rules.facts import Facts


def colour(
    facts: Facts,
    findings: Sequence[Finding],
    kept: Mapping[str, frozenset[int]],
    facades: Mapping[str, Reason],
) -> Colouring:
    """Colour the project: what the rules found, under the constraints of its calls.

    ``kept`` are the lines that comments keep, by path; ``facades`` the functions whose callers stay synchronous.
    """
    handled: frozenset[Span] = frozenset(f.span for f in findings if isinstance(f, Handles))
    programs = scripts(facts)
    plans = [plan_call(facts, call, programs) for call in facts.project.calls if call.targets]
    forced = [*pins(facts, handled, dict(kept)), *class_pins(facts), *module_pins(facts, programs)]
    return Solver(facts, list(findings), plans, forced, frozenset(facades), kept).solve()
