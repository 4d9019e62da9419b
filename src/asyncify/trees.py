"""From a tree to plans: of the whole tree, or of the parts that matter if it is large."""

from __future__ import annotations

from collections.abc import Sequence

from asyncify.analysis import Analysis, analyse
from asyncify.config import Config
from asyncify.demand import Ground
from asyncify.discover import Tree
from asyncify.growth import Growth, TooLarge, beginnings, libraries_of
from asyncify.index.build import Parsed
from asyncify.index.elsewhere import Elsewhere
from asyncify.index.project import Diagnostic, SourceFile
from asyncify.model import MakeAsync, Plan, Refusal
from asyncify.progress import Progress
from asyncify.relevance import relevant
from asyncify.rules.blocking import waits
from asyncify.rules.forks import NAMES as FORKS
from asyncify.rules.registry import catalogue, rules_for
from asyncify.rules.texts import Texts
from asyncify.support import is_emitted

LARGE = 40_000
"""Lines of a tree above which only the parts that matter are indexed (:mod:`asyncify.demand`)."""


PART = 60_000
"""Lines of a part, a third of the tree at least, above which that is indexed as a small one, or the part left alone."""


WHOLE = 300_000
"""Lines of a tree above which it is not indexed as a small one whatever hangs together: that would take minutes and 2 GB
and more. A part that is too large is left alone there."""


def analyses(tree: Tree, config: Config, progress: Progress) -> tuple[list[Analysis], list[Refusal]]:
    """All analyses of a tree: one of a small tree, one for each part that matters of a large one; and what is left alone.

    Support modules that an earlier run added are left out: they are what asyncify rewrites to.
    """
    sources = [source for source in tree.sources if not is_emitted(source.text)]
    rules = rules_for(config.web)
    texts = Texts(sources)
    lines = sum(source.data.count(b"\n") for source in sources)

    def of(wanted: Sequence[SourceFile], elsewhere: Elsewhere | None = None, parsed: Parsed | None = None) -> Analysis:
        return analyse(wanted, tree.root, config, progress, elsewhere, parsed, texts)

    if lines < LARGE:
        return [of(relevant(sources, rules))], []
    progress.stage("Looking for what matters")
    ground = Ground(sources, catalogue(), lambda name: name in FORKS or waits(name))
    limit = max(PART, lines // 3)
    leave = lines > WHOLE
    growth = Growth[Analysis](ground, libraries_of(rules), limit, beginnings(ground, rules), leave, budget=lines)
    try:
        growth.run(lambda wanted: of(wanted, ground.elsewhere, ground.parsed))
    except TooLarge:
        return [of(relevant(sources, rules))], []
    return [analysis for _, analysis in sorted(growth.done, key=lambda item: min(item[0]))], list(growth.refusals())


def plan_of(
    tree: Tree, config: Config, progress: Progress, *, choices: bool
) -> tuple[Plan, tuple[Diagnostic, ...], int]:
    """The plan of a tree, the files that could not be parsed, and how many functions become asynchronous.

    With `choices` each group has those of where it could end.
    """
    found, left = analyses(tree, config, progress)
    progress.stage("Comparing boundaries" if choices else "Planning")
    plans = [analysis.plan_with_choices() if choices else analysis.plan for analysis in found]
    groups = sorted((g for plan in plans for g in plan.groups), key=lambda g: (g.reason.span or g.edits[0].span, g.id))
    sites = sorted((site for plan in plans for site in plan.sites), key=lambda site: (site.span, site.rule))
    refusals = sorted((*left, *(r for plan in plans for r in plan.refusals)), key=lambda r: (r.span, r.code))
    skipped = dict.fromkeys(each for analysis in found for each in analysis.project.diagnostics)
    functions = {info.span for analysis in found for info in analysis.project.functions.values()}
    made = {edit.span for group in groups for edit in group.edits if isinstance(edit, MakeAsync)}
    changed = made & functions  # `with` and `for` are made async, too
    return Plan(tuple(groups), tuple(sites), tuple(refusals)), tuple(skipped), len(changed)
