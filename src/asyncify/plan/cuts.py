"""Where the change of a group could end, and what each choice costs.

Each choice is planned anew, as it would be with that option, so that the numbers are those of the plan one would get.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from asyncify.colour.colouring import Colouring
from asyncify.index.project import FunctionInfo, Kind
from asyncify.model import Cost, Cut, Group, Plan, Span
from asyncify.rules.base import function_node

MOST_STOPS = 2
"""Single functions that are proposed to stop at, for each group."""


class Replan(Protocol):
    """Plans the same project with one option more."""

    def __call__(self, *, fan_out: bool = False, stop_at: Sequence[str] = (), sync_api: Sequence[str] = ()) -> Plan: ...


def with_cuts(plan: Plan, colouring: Colouring, replan: Replan) -> Plan:
    """The plan, each group with its choices: as planned first, then those that cost something else."""
    if not plan.groups:
        return plan
    stops = {group.id: list(_stops(colouring, group))[:MOST_STOPS] for group in plan.groups}
    concurrent = {claim.span for claim in colouring.claims if claim.concurrent}
    choices: list[tuple[Mapping[str, str], Plan]] = []
    if any(site.span in concurrent for group in plan.groups for site in group.sites):
        owned = {group.id: "--boundary fan-out" for group in plan.groups if _sites(group) & concurrent}
        choices.append((owned, replan(fan_out=True)))
    for number in range(MOST_STOPS):
        named = {name: found[number] for name, found in stops.items() if len(found) > number}
        if named:
            chosen = replan(stop_at=sorted(set(named.values())))
            choices.append(({group: f"--stop-at {function}" for group, function in named.items()}, chosen))
    if any(group.cost.public or group.cost.tests for group in plan.groups):
        choices.append(({group.id: "--sync-api '*'" for group in plan.groups}, replan(sync_api=["*"])))
    groups = []
    for group in plan.groups:
        cuts = [Cut("", group.cost)]
        for options, other in choices:
            cost = _cost_of(group, other)
            if group.id in options and cost is not None and all(cost != cut.cost for cut in cuts):
                cuts.append(Cut(options[group.id], cost))
        groups.append(replace(group, cuts=tuple(cuts)))
    return replace(plan, groups=tuple(groups))


def _sites(group: Group) -> set[Span]:
    return {site.span for site in group.sites}


def _cost_of(group: Group, other: Plan) -> Cost | None:
    """What the other plan does with the group's sites; None where it leaves them alone."""
    found = [one for one in other.groups if _sites(one) & _sites(group)]
    if not found:
        return None
    return Cost(
        sum(one.cost.functions for one in found),
        sum(one.cost.public for one in found),
        sum(one.cost.calls for one in found),
        sum(one.cost.tests for one in found),
    )


def _stops(colouring: Colouring, group: Group) -> Iterator[str]:
    """Functions at which the group could end.

    Where jobs run, those that own the pool or are above, the smallest rest first. Elsewhere those in the middle first: near
    the requests nothing would be gained, near the top little spared.
    """
    project = colouring.facts.project
    own = {info.span: info for info in project.functions.values()}
    spans = {edit.span for edit in group.edits}
    functions = [info for span, info in own.items() if span in spans and _may_stop(colouring, info)]
    nodes = {function_node(info.name) for info in functions}
    sites = _sites(group)
    owners = {function_node(claim.within) for claim in colouring.claims if claim.concurrent and claim.span in sites}
    roots = {claim.node for claim in colouring.claims if claim.span in sites and not claim.follows}
    found = []
    for info in functions:
        node = function_node(info.name)
        rest = _rest(colouring, roots, node) & nodes
        spared = len(nodes) - len(rest)
        if node not in rest or spared == 0 or len(rest) == 1 or not owners <= rest:
            continue  # it is the end already, or it is all there would be, or jobs would no longer run at once
        found.append((-spared if owners else -spared * len(rest), info.name))
    for _, name in sorted(found):
        yield name


def _may_stop(colouring: Colouring, info: FunctionInfo) -> bool:
    last = info.name.rpartition(".")[2]
    return (
        info.kind is Kind.FUNCTION
        and not info.in_test
        and info.parent is None
        and not (last.startswith("__") and last.endswith("__"))
        and info.name not in colouring.faces
        and function_node(info.name) in colouring.holds
    )


def _rest(colouring: Colouring, roots: set[str], end: str) -> set[str]:
    """What becomes asynchronous if nothing that calls the function `end` does because of it."""
    seen = set(roots)
    queue = deque(seen)
    while queue:
        node = queue.popleft()
        for step in colouring.graph.of(node) if node != end else ():
            if step.conclusion in colouring.holds and step.conclusion not in seen:
                seen.add(step.conclusion)
                queue.append(step.conclusion)
    return seen
