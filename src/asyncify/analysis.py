"""From files to a plan: index → match → colour → plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from asyncify.colour import Constraints, colour
from asyncify.colour.colouring import Colouring
from asyncify.colour.old_decorators import FIRST_THAT_AWAITS
from asyncify.config import Config
from asyncify.discover import kept_lines
from asyncify.entry_points import entry_points
from asyncify.index.build import Parsed, build
from asyncify.index.elsewhere import Elsewhere
from asyncify.index.linked import LinkedProject
from asyncify.index.project import SourceFile
from asyncify.model import Plan
from asyncify.packaging.found import discover_config
from asyncify.packaging.pinned import held_before
from asyncify.plan.ahead import with_requests_ahead
from asyncify.plan.build import build as build_plan
from asyncify.plan.cuts import with_cuts
from asyncify.progress import Progress
from asyncify.rules.base import Finding
from asyncify.rules.facts import Facts
from asyncify.rules.registry import catalogue, rules_for
from asyncify.rules.texts import Texts


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
    old = held_before(discover_config(root), FIRST_THAT_AWAITS)
    facts = Facts(project, config.web, texts or Texts(sources), old)
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
