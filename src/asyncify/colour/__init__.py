"""Which functions must become asynchronous, which cannot, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from asyncify.colour.class_pins import class_pins
from asyncify.colour.colouring import Colouring
from asyncify.colour.computed_names import computed_name_pins
from asyncify.colour.doctests import doctest_pins, script_pins
from asyncify.colour.entry import module_pins
from asyncify.colour.evaluated import evaluated_pins
from asyncify.colour.faces import find_faces
from asyncify.colour.fan_out import find_region
from asyncify.colour.fetched_calls import fetched_calls
from asyncify.colour.given_objects import convention_pins, given_object_pins
from asyncify.colour.handed import handed_on_pins
from asyncify.colour.pins import pins
from asyncify.colour.solve import Solver
from asyncify.colour.spelled_names import spelled_name_pins
from asyncify.colour.structure import CallPlan, plan_call, scripts, settled, suspected_calls
from asyncify.colour.wrapped import wrapped_pins
from asyncify.entry_points import Boundary, handled
from asyncify.model import Refusal, Span
from asyncify.rules.base import Claim, Finding, Handles, Role
from asyncify.rules.facts import Facts


@dataclass(frozen=True)
class Constraints:
    """All that the colours of a project rest on, whatever its boundaries.

    ``findings`` are those of the rules, ``kept`` the lines that comments keep, by path. With ``settling``, calls that may
    run a coroutine function or something else await what they give if that is a coroutine.
    """

    facts: Facts
    findings: Sequence[Finding]
    kept: Mapping[str, frozenset[int]]
    settling: bool = True

    @cached_property
    def programs(self) -> frozenset[str]:
        """The files that run as programs."""
        return scripts(self.facts)

    @cached_property
    def handlers(self) -> Mapping[str, Boundary]:
        """The functions that frameworks call and wait for."""
        return handled(self.facts)

    @cached_property
    def plans(self) -> tuple[CallPlan, ...]:
        """What becomes of each call of a project function that becomes asynchronous."""
        planned = {plan.call.span for plan in self.open_calls}
        calls = (call for call in self.facts.project.calls if call.targets and call.span not in planned)
        planned_calls = (plan_call(self.facts, call, self.programs, settling=self.settling) for call in calls)
        return (
            *(settled(plan) if plan.call.span in self.settled else plan for plan in planned_calls),
            *self.open_calls,
        )

    @cached_property
    def settled(self) -> frozenset[Span]:
        """The calls that run right whatever they call, by what a rule does with them."""
        return frozenset(finding.span for finding in self.findings if isinstance(finding, Claim) and finding.settles)

    @cached_property
    def open_calls(self) -> tuple[CallPlan, ...]:
        """What becomes of each call of something unknown that may be one of a method."""
        if not (self.settling or self.settled):
            return ()
        found = (*suspected_calls(self.facts, self.programs), *fetched_calls(self.facts, self.programs))
        plans = (settled(plan) if plan.call.span in self.settled else plan for plan in found)
        return tuple(p for p in plans if p.refusal is None and (self.settling or p.call.span in self.settled))

    @cached_property
    def pins(self) -> tuple[tuple[str, Refusal], ...]:
        """What must stay synchronous, by node."""
        handled = frozenset(finding.span for finding in self.findings if isinstance(finding, Handles))
        opened = frozenset(plan.call.span for plan in self.open_calls)
        own = pins(self.facts, handled, dict(self.kept), opened)
        named = (
            *computed_name_pins(self.facts, opened),
            *spelled_name_pins(self.facts),
            *wrapped_pins(self.facts),
            *doctest_pins(self.facts),
        )
        handed = (*handed_on_pins(self.facts, self.settled), *script_pins(self.facts), *evaluated_pins(self.facts))
        given = (*given_object_pins(self.facts, handled), *convention_pins(self.facts))
        return (
            *own,
            *named,
            *handed,
            *given,
            *class_pins(self.facts),
            *module_pins(self.facts, self.programs, self.findings),
        )


def colour(constraints: Constraints, boundaries: Mapping[str, Boundary], *, fan_out: bool = False) -> Colouring:
    """Colour the project: what the rules found, under the constraints of its calls.

    ``boundaries`` are the functions that keep a synchronous form. With ``fan_out``, only what the owners of pools run
    becomes asynchronous.

    A call of something unknown whose caller cannot wait would keep back what it may be a call of. Where that costs more
    sites than refusing such calls does, those are refused.
    """
    found = _coloured(constraints, boundaries, fan_out)
    if found.disabled and any(plan.open for plan in found.plans.values()):
        without = _coloured(replace(constraints, settling=False), boundaries, fan_out)
        return max(found, without, key=_moving)
    return found


def _moving(colouring: Colouring) -> int:
    return sum(claim.role is Role.ROOT and claim.node in colouring.holds for claim in colouring.claims)


def _coloured(constraints: Constraints, boundaries: Mapping[str, Boundary], fan_out: bool) -> Colouring:
    facts = constraints.facts
    region = find_region(facts, constraints.findings, constraints.programs, boundaries) if fan_out else None
    if region is None:
        faces = find_faces(facts, boundaries, constraints.findings)
    else:
        faces = find_faces(facts, region.boundaries, constraints.findings, region.functions)
    findings = list(faces.settled(constraints.findings, facts))
    plans = [faces.planned(plan, facts) for plan in constraints.plans]
    own = [(node, pin) for node, pin in constraints.pins if not faces.met(node, pin)]
    forced = [*own, *faces.pins, *(region.pins if region is not None else ())]
    return Solver(facts, findings, plans, forced, faces, constraints.kept).solve()
