"""The changes of a preview as a report for the terminal, group by group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group as Renderables
from rich.console import RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from asyncify.model import FileChange, Group, GroupChange, Refusal, Site, Verdict
from asyncify.report.diffs import FileDiff, Line, file_diff
from asyncify.report.facts import any_cost, cost_text, ungrouped, verdict_counts
from asyncify.report.highlight import STYLES, Piece, highlight
from asyncify.report.reasons import links, reason_tree
from asyncify.report.scan_text import diagnostics_list
from asyncify.report.text import VERDICT_STYLES, counted, joined, place, safe
from asyncify.report.views import PreviewView, ProblemView

LONG = 40
"""Lines above which a file that is new (a support module, say) is named but not shown."""

_SIGN_STYLES = {"+": "green", "-": "red", " ": "dim"}


def diff_report(preview: PreviewView, groups: Sequence[Group], context: int = 3) -> RenderableType:
    """The given groups with reasons, diffs, verdicts and refusals; then what is refused outside of every group."""
    changes = {change.group: change for change in preview.changes}
    parts: list[RenderableType] = []
    for group in groups:
        parts.append(group_report(group, changes.get(group.id), preview.problems.get(group.id, ()), context))
    rest = ungrouped(preview.scan.plan)
    if rest and len(groups) == len(preview.scan.plan.groups):
        parts += [_rule(Text("Left alone", style="bold")), refusal_list(rest), Text()]
    if preview.scan.diagnostics:
        parts += [_rule(Text("Left out", style="bold")), diagnostics_list(preview.scan.diagnostics), Text()]
    return Renderables(*parts)


def group_report(
    group: Group, change: GroupChange | None, problems: Sequence[ProblemView] = (), context: int = 3
) -> RenderableType:
    """One group: title, why, what the check says, diff per file, verdicts, refusals."""
    return Renderables(*_group_parts(group, change.changes if change else (), problems, context))


def _group_parts(
    group: Group, changes: Sequence[FileChange], problems: Sequence[ProblemView], context: int
) -> Iterator[RenderableType]:
    yield _rule(Text.assemble("Group ", safe(group.id, "bold magenta")))
    yield safe(group.title, "bold")  # below the rule, which would cut it
    yield group_summary(group)
    yield Text()
    yield reason_tree(group.reason, Text("why", style="bold"))
    if problems:
        yield Text()
        yield problem_list(problems)
    for change in changes:
        yield Text()
        yield file_report(file_diff(change, context))
    yield Text()
    yield Text("verdicts", style="bold")
    yield site_list(group.sites)
    if group.refusals:
        yield Text()
        yield Text("refused in this group", style="bold")
        yield refusal_list(group.refusals)
    yield Text()


def _rule(title: Text) -> Rule:
    return Rule(title, align="left", style="dim")


def group_summary(group: Group) -> Text:
    """``2 files, 5 sites: 4 exact, 1 review``."""
    counts = [
        Text(f"{count} {verdict.value}", style=VERDICT_STYLES[verdict])
        for verdict, count in verdict_counts(group.sites).items()
        if count
    ]
    size = (counted(len(group.paths), "file"), counted(len(group.sites), "site"))
    summary = Text.assemble(", ".join(size), ": " if counts else "", Text(", ").join(counts))
    return Text("\n").join([summary, Text(cost_text(group.cost))]) if any_cost(group.cost) else summary


def problem_list(problems: Sequence[ProblemView], most: int | None = None) -> RenderableType:
    """What the check objects to, or merely notes (`most` of it). A group with an objection is not written."""
    parts: list[RenderableType] = []
    if any(problem.fatal for problem in problems):
        parts.append(Text("the check objects; this group will not be written", style="bold red"))
    for problem in sorted(problems, key=lambda problem: not problem.fatal)[:most]:
        mark = safe(problem.code, "red") if problem.fatal else safe(f"note {problem.code}", "yellow")
        line = Text.assemble(place(problem.span), " ", mark, ": ", safe(problem.message))
        parts.append(Padding(line, (0, 0, 0, 2)))
    if most is not None and len(problems) > most:
        parts.append(Text(f"  … and {len(problems) - most:,} more; asyncify diff shows all", style="dim"))
    return Renderables(*parts)


def site_list(sites: Sequence[Site]) -> RenderableType:
    """The sites with their verdicts; a site to review with its condition, others with the reason in short."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold", ratio=1)
    for site in sorted(sites, key=lambda site: (site.span, site.rule)):
        said = safe(f"differs {_when(site.condition)}", "yellow") if site.condition else safe(site.reason.text, "dim")
        table.add_row(Text(f"  {site.verdict.value}", style=VERDICT_STYLES[site.verdict]), place(site.span), said)
    return table


def _when(condition: str) -> str:
    return condition if condition.startswith(("when", "if", "where")) else f"when: {condition}"


def refusal_list(refusals: Iterable[Refusal]) -> RenderableType:
    """Each refusal with its code, place, message, remedy, and the reason it follows from."""
    parts: list[RenderableType] = []
    for refusal in sorted(refusals, key=lambda refusal: (refusal.span, refusal.code)):
        head = Text.assemble(place(refusal.span), " ", safe(refusal.code, "bold red"), ": ", safe(refusal.message))
        parts.append(Padding(head, (0, 0, 0, 2)))
        for reason in links(refusal.reason):
            line = Text.assemble("because ", safe(reason.text), " ", place(reason.span), style="dim")
            parts.append(Padding(line, (0, 0, 0, 6)))
        parts.append(Padding(Text.assemble(("→ ", "green"), safe(refusal.remedy)), (0, 0, 0, 6)))
    return Renderables(*parts)


# --- Diffs -----------------------------------------------------------------------------------------------------


def file_report(diff: FileDiff) -> RenderableType:
    """One file's diff: a headline, then hunks with line numbers of both sides."""
    status = "" if diff.status == "changed" else f" ({'new file' if diff.status == 'added' else 'removed'})"
    head = Text.assemble(
        safe(diff.path, "bold underline"), status, "  ", (f"+{diff.added}", "green"), " ", (f"-{diff.removed}", "red")
    )
    parts: list[RenderableType] = [head]
    if diff.status == "added" and diff.added > LONG:
        parts.append(Text("  not shown here for its length; --plain and --html have it", style="dim"))
        return Renderables(*parts)
    for i, hunk in enumerate(diff.hunks):
        if i:
            parts.append(Text("   ⋮", style="dim"))
        parts.append(_hunk(hunk))
    return Renderables(*parts)


def _hunk(hunk: Sequence[Line]) -> Table:
    width = len(str(max(max(line.old or 0, line.new or 0) for line in hunk)))
    table = Table.grid()
    table.add_column(no_wrap=True, width=width + 1, justify="right")
    table.add_column(no_wrap=True, width=width + 1, justify="right")
    table.add_column(no_wrap=True, width=3)
    table.add_column(overflow="fold")
    for line, code in zip(hunk, coloured(hunk), strict=True):
        style = _SIGN_STYLES[line.sign]
        table.add_row(
            Text(str(line.old or ""), style=style),
            Text(str(line.new or ""), style=style),
            Text(f" {line.sign} ", style="" if line.sign == " " else f"bold {style}"),
            code,
        )
    return table


def coloured(hunk: Sequence[Line]) -> list[Text]:
    """The hunk's code with syntax colours; what changed within a line stands out."""
    out = []
    for line, pieces in zip(hunk, hunk_pieces(hunk), strict=True):
        text = Text.assemble(*((piece.text, STYLES[piece.kind]) for piece in pieces))
        for start, stop in line.changed:
            text.stylize(f"reverse {_SIGN_STYLES[line.sign]}", start, stop)
        out.append(text)
    return out


def hunk_pieces(hunk: Sequence[Line]) -> list[tuple[Piece, ...]]:
    """The highlighted lines of a hunk: old and new side are lexed apart, each as it reads."""
    sides = {}
    for sign in "-+":
        own = [i for i, line in enumerate(hunk) if line.sign in (" ", sign)]
        sides[sign] = dict(zip(own, highlight([hunk[i].text for i in own]), strict=True))
    return [sides["-" if line.sign == "-" else "+"][i] for i, line in enumerate(hunk)]


def closing(groups: Sequence[Group]) -> Text:
    """What the groups amount to, for the last line of a report."""
    sites = [site for group in groups for site in group.sites]
    counts = [f"{count:,} {verdict.value}" for verdict, count in verdict_counts(sites).items() if count]
    files = {path for group in groups for path in group.paths}
    text = Text(f"{counted(len(groups), 'group')}, {counted(len(files), 'file')}, {counted(len(sites), 'site')}")
    if counts:
        text.append(f" ({joined(counts)})")
    review = sum(site.verdict is Verdict.REVIEW for site in sites)
    if review:
        text.append(f". Read the {counted(review, 'condition')} marked review before you apply.", style="yellow")
    return text
