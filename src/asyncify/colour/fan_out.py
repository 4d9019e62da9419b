"""``boundary = "fan-out"``: only what runs at once becomes asynchronous, and whoever owns the pool stays synchronous.

The *region* is what the owners of pools run, themselves or through others. Colour ends at its rim: a function of it that
others call keeps a synchronous form for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from asyncify.colour.pins import refusal
from asyncify.colour.structure import plan_call
from asyncify.entry_points import Boundary, Flow
from asyncify.index.project import FunctionInfo, Kind
from asyncify.model import Reason, Refusal, Span
from asyncify.rules.base import Claim, Finding, RefusalCode, function_node
from asyncify.rules.facts import Facts

OUTSIDE = RefusalCode(
    "outside-fan-out",
    "The change is to end at the functions that own a pool, and this is outside of them.",
    "Use --boundary entry (the default), or name the functions to stop at with --stop-at.",
)
NO_OWNER = RefusalCode(
    "no-owner",
    "The pool outlives the function that makes it, so that no function can run its jobs to their end.",
    "Use the pool in a `with` block, or --boundary entry (the default).",
)
FAN_OUT_CODES = (OUTSIDE, NO_OWNER)


@dataclass(frozen=True, slots=True)
class Region:
    """What is below the owners of pools: its functions, those that keep a synchronous form, and pins of the rest."""

    functions: frozenset[str]
    boundaries: Mapping[str, Boundary]
    pins: tuple[tuple[str, Refusal], ...]


def find_region(
    facts: Facts, findings: Sequence[Finding], programs: frozenset[str], boundaries: Mapping[str, Boundary]
) -> Region:
    """The region of the project, given the functions that keep a synchronous form anyway."""
    owners: dict[str, Span] = {}
    pins: list[tuple[str, Refusal]] = []
    for finding in findings:
        if isinstance(finding, Claim) and finding.concurrent:
            info = facts.project.functions.get(finding.within)
            if info is None or info.in_test:
                continue
            if finding.lingers:
                pins += [(node, refusal(NO_OWNER, finding.span)) for node in finding.follows]
            else:
                owners.setdefault(info.name, finding.span)
    inside = _below(facts, owners)
    out = dict(boundaries)
    for name in sorted(inside):
        info = facts.project.functions[name]
        reason = _called_from_outside(facts, info, inside, programs)
        if reason is None and name in owners and not _called(facts, name):
            reason = Reason("it owns the fan-out, and nothing here calls it", owners[name])
        if reason is not None and info.kind is Kind.FUNCTION and not info.is_async:
            if name in owners:
                reason = Reason("it owns the fan-out", owners[name], reason)
            program = name in out and out[name].program
            out[name] = Boundary(reason, Flow.INSIDE, program)
    for name, info in facts.project.functions.items():
        if name not in inside and not info.is_async and info.kind in (Kind.FUNCTION, Kind.LAMBDA):
            pins.append((function_node(name), refusal(OUTSIDE, info.span)))
    return Region(frozenset(inside), out, tuple(pins))


def _below(facts: Facts, owners: Iterable[str]) -> set[str]:
    """The owners and all that they may run."""
    runs: dict[str, set[str]] = defaultdict(set)
    for call in facts.project.calls:
        runs[call.within] |= call.targets
    for implicit in facts.project.implicit_calls:
        runs[implicit.within].add(implicit.target)
    inside: set[str] = set()
    todo = list(owners)
    while todo:
        name = todo.pop()
        if name not in inside and name in facts.project.functions:
            inside.add(name)
            todo += runs[name]
    return inside


def _called_from_outside(facts: Facts, info: FunctionInfo, inside: set[str], programs: frozenset[str]) -> Reason | None:
    """Who outside the region calls the function or gets it as a value; not where a program can start a loop for it."""
    for call in facts.project.callers(info.name):
        if call.within in inside:
            continue
        caller = facts.project.functions.get(call.within)
        if caller is not None and caller.kind is Kind.MODULE and not caller.is_async:
            plan = plan_call(facts, call, programs)
            if plan.entry and plan.refusal is None:
                continue
        return Reason(f"{call.within.rpartition('.')[2]}() calls it and stays as it is", call.span)
    for use in facts.project.uses:
        if use.function == info.name and use.within not in inside:
            return Reason("it is used as a value", use.span)
    return None


def _called(facts: Facts, name: str) -> bool:
    return bool(facts.project.callers(name)) or any(i.target == name for i in facts.project.implicit_calls)
