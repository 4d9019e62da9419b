"""A scan as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group as Renderables
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from asyncify.model import Group, Plan, Refusal, Verdict
from asyncify.report.facts import refusal_kinds, rule_table, verdict_counts
from asyncify.report.savings import savings_report
from asyncify.report.text import VERDICT_STYLES, counted, place, safe
from asyncify.report.views import DiagnosticView, ScanView

_MEANINGS = {
    Verdict.EXACT: "same behaviour, provable from the code",
    Verdict.REVIEW: "differs under a stated condition",
    Verdict.BRIDGE: "kept synchronous, moved off the event loop",
    Verdict.KEEP: "not I/O, or not ours",
    Verdict.REFUSE: "left alone, with a reason and a remedy",
}


def scan_report(scan: ScanView) -> RenderableType:
    """Rules by verdict, groups, refusals, files left out, and what to do next."""
    return Renderables(*_parts(scan))


def _parts(scan: ScanView) -> Iterator[RenderableType]:
    plan = scan.plan
    yield Text(
        f"{counted(scan.files, 'file')}, {counted(scan.lines, 'line')} read in {scan.seconds:.1f} s", style="dim"
    )
    if plan.sites:
        yield Text()
        yield _rules(plan)
        yield _legend(plan)
    if plan.groups:
        yield _heading("Groups (each is written whole or not at all)")
        yield _groups(plan.groups)
        savings = savings_report(plan)
        if savings is not None:
            yield _heading("What it would save")
            yield savings
    choices = [group for group in plan.groups if len(group.cuts) > 1]
    if choices:
        yield _heading("Where the change could end")
        yield _cuts(choices)
    if plan.refusals:
        yield _heading("Refused")
        yield refusals_by_code(plan.refusals)
    if scan.diagnostics:
        yield _heading("Left out")
        yield diagnostics_list(scan.diagnostics)
    yield Text()
    yield _closing(scan)


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")


def _rules(plan: Plan) -> Table:
    table = _table()
    table.add_column("Rule", overflow="fold", min_width=8)
    for verdict in Verdict:
        table.add_column(verdict.value, justify="right", no_wrap=True, header_style=f"bold {VERDICT_STYLES[verdict]}")
    rows = rule_table(plan)
    for rule, counts in rows:
        table.add_row(safe(rule), *(_number(counts[verdict], verdict) for verdict in Verdict))
    if len(rows) > 1:
        table.add_section()
        total = verdict_counts(plan.sites)
        table.add_row(Text("all", style="bold"), *(_number(total[verdict], verdict) for verdict in Verdict))
    return table


def _number(number: int, verdict: Verdict) -> Text:
    return Text(f"{number:,}", style=VERDICT_STYLES[verdict]) if number else Text("·", style="dim")


def _legend(plan: Plan) -> RenderableType:
    used = verdict_counts(plan.sites)
    lines = [
        Text.assemble((f"{verdict.value:>6}", VERDICT_STYLES[verdict]), (f"  {_MEANINGS[verdict]}", "dim"))
        for verdict in Verdict
        if used[verdict]
    ]
    return Padding(Text("\n").join(lines), (1, 0, 0, 0))


def _groups(groups: Sequence[Group]) -> Table:
    table = _table()
    table.add_column("Group", no_wrap=True, style="bold")
    table.add_column("What", overflow="fold", ratio=1)
    for name in ("files", "sites"):
        table.add_column(name, justify="right", no_wrap=True)
    for group in groups:
        table.add_row(
            safe(group.id),
            safe(group.title),
            f"{len(group.paths):,}",
            f"{len(group.sites):,}",
        )
    return table


MOST_CHOICES = 8
"""Groups whose choices are shown; the JSON has those of all."""


def _cuts(groups: Sequence[Group]) -> RenderableType:
    table = _table()
    table.add_column("Group", no_wrap=True, style="bold")
    table.add_column("Option", overflow="fold", ratio=1)
    for name in ("async", "public", "calls", "tests"):
        table.add_column(name, justify="right", no_wrap=True)
    for group in groups[:MOST_CHOICES]:
        for number, cut in enumerate(group.cuts):
            cost = cut.cost
            table.add_row(
                safe(group.id) if number == 0 else Text(),
                safe(cut.option) if cut.option else Text("as planned", style="dim"),
                *(_count(number) for number in (cost.functions, cost.public, cost.calls, cost.tests)),
            )
    lines: list[RenderableType] = [table]
    if len(groups) > MOST_CHOICES:
        lines.append(
            Text(f"… and {counted(len(groups) - MOST_CHOICES, 'group')} more; --format json has all", style="dim")
        )
    legend = (
        "async: functions that become asynchronous; public: of those, ones that everybody outside must await; "
        "calls: calls that are written in another way; tests: tests that become asynchronous"
    )
    lines.append(Padding(Text(legend, style="dim"), (1, 0, 0, 0)))
    return Renderables(*lines)


def _count(number: int) -> Text:
    return Text(f"{number:,}") if number else Text("·", style="dim")


def refusals_by_code(refusals: Sequence[Refusal]) -> RenderableType:
    """Refusals by code with their number, an example and its remedy."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for kind in refusal_kinds(refusals):
        table.add_row(f"{kind.count:,}×", safe(kind.code, "bold red"))
        table.add_row("", Text.assemble(place(kind.example.span), ": ", safe(kind.example.message)))
        table.add_row("", Text.assemble(("→ ", "green"), safe(kind.example.remedy)))
    return table


def diagnostics_list(diagnostics: Sequence[DiagnosticView]) -> RenderableType:
    """One line per file that was left out."""
    lines = [
        Text.assemble(
            safe(diagnostic.path if diagnostic.line is None else f"{diagnostic.path}:{diagnostic.line}", "cyan"),
            ": ",
            safe(diagnostic.message),
        )
        for diagnostic in diagnostics
    ]
    return Text("\n").join(lines)


def _closing(scan: ScanView) -> Text:
    plan = scan.plan
    if plan.groups:
        what = f"{counted(len(plan.groups), 'group')} can move, changing {counted(scan.functions_changed, 'function')}."
        return Text.assemble(what, " See ", ("asyncify diff", "bold"), ", then ", ("asyncify apply", "bold"), ".")
    if plan.sites or plan.refusals:
        return Text("Nothing can be moved as it stands; the remedies above say what would change that.")
    return Text("Nothing to move: no code that asyncify knows how to migrate.")
