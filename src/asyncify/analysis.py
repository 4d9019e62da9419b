"""From the files of a tree to plans: index → match → colour → plan, for the whole tree or for the parts that matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from asyncify.colour import Constraints, colour
from asyncify.colour.colouring import Colouring
from asyncify.config import Config
from asyncify.demand import Ground, parts
from asyncify.discover import Tree, kept_lines
from asyncify.entry_points import entry_points
from asyncify.index.build import Parsed, build
from asyncify.index.elsewhere import Elsewhere
from asyncify.index.linked import LinkedProject
from asyncify.index.project import Diagnostic, SourceFile
from asyncify.model import Plan
from asyncify.plan.ahead import with_requests_ahead
from asyncify.plan.build import build as build_plan
from asyncify.plan.cuts import with_cuts
from asyncify.relevance import relevant
from asyncify.rules.base import Finding
from asyncify.rules.blocking import waits
from asyncify.rules.facts import Facts
from asyncify.rules.forks import NAMES as FORKS
from asyncify.rules.registry import catalogue, rules_for
from asyncify.rules.texts import Texts
from asyncify.support import is_emitted

LARGE = 40_000
"""Lines of a tree above which only the parts that matter are indexed (:mod:`asyncify.demand`)."""


PART = 60_000
"""Lines of a part, a tenth of the tree at least, above which that is indexed as a small one: looking for what belongs
to the part would cost more."""


class Progress(Protocol):
    """Told what is being done; shown only on a terminal."""

    def stage(self, name: str, total: int | None = None) -> None:
        """A new stage begins, with `total` steps if known."""

    def advance(self, steps: int = 1) -> None:
        """So many steps of the stage are done."""


@dataclass
class Analysis:
    """Files indexed together, and their colours. The plan is made when it is asked for."""

    project: LinkedProject
    facts: Facts
    colouring: Colouring
    constraints: Constraints
    config: Config
    root: Path

    @cached_property
    def plan(self) -> Plan:
        """What would be done and what not."""
        plan = build_plan(self.facts, self.colouring, self.config.http, self.constraints.programs)
        return with_requests_ahead(plan, self.facts, self.config.parallelize)

    def plan_with_choices(self) -> Plan:
        """The plan, each group with the choices of where it could end."""
        return with_cuts(self.plan, self.colouring, self.replan)

    def replan(self, *, fan_out: bool = False, stop_at: Sequence[str] = (), sync_api: Sequence[str] = ()) -> Plan:
        """The plan under these options, in addition to those there are."""
        config = replace(
            self.config,
            boundary="fan-out" if fan_out else self.config.boundary,
            stop_at=(*self.config.stop_at, *stop_at),
            sync_api=(*self.config.sync_api, *sync_api),
        )
        colouring = _coloured(self.root, config, self.constraints)
        plan = build_plan(self.facts, colouring, config.http, self.constraints.programs)
        return with_requests_ahead(plan, self.facts, config.parallelize)


def analyse_tree(tree: Tree, config: Config, progress: Progress) -> list[Analysis]:
    """All analyses of a tree: one of a small tree, one for each part that matters of a large one.

    Support modules that an earlier run added are left out: they are what asyncify rewrites to.
    """
    sources = [source for source in tree.sources if not is_emitted(source.text)]
    texts = Texts(sources)
    lines = sum(source.data.count(b"\n") for source in sources)
    if lines < LARGE:
        wanted = relevant(sources, rules_for(config.web))
        return [analyse(wanted, tree.root, config, progress, texts=texts)]
    progress.stage("Looking for what matters")
    ground = Ground(sources, catalogue(), lambda name: name in FORKS or waits(name))

    def analyse_part(wanted: Sequence[SourceFile]) -> Analysis:
        return analyse(wanted, tree.root, config, progress, ground.elsewhere, ground.parsed, texts)

    found = parts(ground, rules_for(config.web), analyse_part, max(PART, lines // 10))
    if found is None:
        found = [analyse(relevant(sources, rules_for(config.web)), tree.root, config, progress, texts=texts)]
    return found


def analyse(
    sources: Sequence[SourceFile],
    root: Path,
    config: Config,
    progress: Progress,
    elsewhere: Elsewhere | None = None,
    parsed: Parsed | None = None,
    texts: Texts | None = None,
) -> Analysis:
    """Index and colour these files of a tree with those `texts`. `elsewhere` names the whole tree where they are a part of it."""
    progress.stage("Indexing")
    project = build(sources, catalogue(), elsewhere, parsed)
    facts = Facts(project, config.web, texts or Texts(sources))
    chosen = rules_for(config.web)
    progress.stage("Matching rules", len(chosen))
    findings: list[Finding] = []
    for rule in chosen:
        findings += rule.match(facts)
        progress.advance()
    progress.stage("Colouring")
    kept = {source.path: kept_lines(source.text) for source in sources}
    constraints = Constraints(facts, findings, kept)
    return Analysis(project, facts, _coloured(root, config, constraints), constraints, config, root)


def _coloured(root: Path, config: Config, constraints: Constraints) -> Colouring:
    ends = entry_points(root, constraints.facts.project, config)
    return colour(constraints, {**constraints.handlers, **ends}, fan_out=config.boundary == "fan-out")


def merged(analyses: Sequence[Analysis], choices: bool = False) -> tuple[Plan, tuple[Diagnostic, ...]]:
    """The plans of all parts as one, and the files that could not be parsed."""
    plans = [analysis.plan_with_choices() if choices else analysis.plan for analysis in analyses]
    groups = sorted((g for plan in plans for g in plan.groups), key=lambda g: (g.reason.span or g.edits[0].span, g.id))
    sites = sorted((site for plan in plans for site in plan.sites), key=lambda site: (site.span, site.rule))
    refusals = sorted((r for plan in plans for r in plan.refusals), key=lambda r: (r.span, r.code))
    skipped = dict.fromkeys(found for analysis in analyses for found in analysis.project.diagnostics)
    return Plan(tuple(groups), tuple(sites), tuple(refusals)), tuple(skipped)
