"""Counting over a plan: what both the table and the JSON of a scan are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from asyncify.model import Cost, Group, Plan, Refusal, Site, Verdict
from asyncify.report.text import counted


@dataclass(frozen=True, slots=True)
class RefusalKind:
    """All refusals of one code: how many, and the first (by place) as the example."""

    code: str
    count: int
    example: Refusal


def verdict_counts(sites: Iterable[Site]) -> dict[Verdict, int]:
    """How many sites have each verdict, in the order of :class:`Verdict`, absent ones as 0."""
    counter = Counter(site.verdict for site in sites)
    return {verdict: counter[verdict] for verdict in Verdict}


def rule_table(plan: Plan) -> list[tuple[str, dict[Verdict, int]]]:
    """Per rule, its sites by verdict; the rules by name."""
    rules: dict[str, list[Site]] = {}
    for site in plan.sites:
        rules.setdefault(site.rule, []).append(site)
    return [(rule, verdict_counts(rules[rule])) for rule in sorted(rules)]


def refusal_kinds(refusals: Iterable[Refusal]) -> list[RefusalKind]:
    """Refusals by code, the most frequent first."""
    by_code: dict[str, list[Refusal]] = {}
    for refusal in refusals:
        by_code.setdefault(refusal.code, []).append(refusal)
    kinds = [
        RefusalKind(code, len(found), min(found, key=lambda refusal: refusal.span)) for code, found in by_code.items()
    ]
    return sorted(kinds, key=lambda kind: (-kind.count, kind.code))


def functions_of(group: Group) -> tuple[str, ...]:
    """The functions in which the group has sites, sorted."""
    return tuple(sorted({site.function for site in group.sites}))


def any_cost(cost: Cost) -> bool:
    """Whether the change asks for anything beside its sites."""
    return bool(cost.functions or cost.calls or cost.tests)


def cost_text(cost: Cost) -> str:
    """``5 functions become async, 2 of them public; 7 calls of them change; 3 tests become async``."""
    parts = []
    if cost.functions:
        public = f", {cost.public:,} of them public" if cost.public else ", none of them public"
        parts.append(f"{counted(cost.functions, 'function')} async{public}")
    if cost.calls:
        parts.append(f"{counted(cost.calls, 'call')} changed")
    if cost.tests:
        parts.append(f"{counted(cost.tests, 'test')} async")
    return "; ".join(parts)


def ungrouped(plan: Plan) -> list[Refusal]:
    """The refusals that belong to no group."""
    grouped = {(refusal.code, refusal.span) for group in plan.groups for refusal in group.refusals}
    return [refusal for refusal in plan.refusals if (refusal.code, refusal.span) not in grouped]
