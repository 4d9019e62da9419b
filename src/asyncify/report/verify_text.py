"""Verifications and comparisons for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from asyncify.report.figures import ROWS, ending, gate_text, named, ratio_text, value_text
from asyncify.report.text import clean, counted, safe
from asyncify.report.timeline import panels_of
from asyncify.report.timeline_text import TimelineChart
from asyncify.verify.behaviour import Behaviour, Difference
from asyncify.verify.result import Comparison, Gate, Measured, Ratio, VerifyResult

DIFF_LINES = 60  # a longer diff is cut, and says so
OUTPUT_LINES = 20  # of the output of a run that failed


def verify_report(result: VerifyResult) -> Group:
    """Behaviour, cost, demands, and what two versions held over time."""
    return Group(*_verify_parts(result))


def comparison_report(comparison: Comparison) -> Group:
    """Any number of variants side by side, one column each, and what they held over time."""
    chart = TimelineChart(panels_of(comparison.variants))
    return Group(_side_by_side(comparison), Text(), chart, *_failures(comparison.variants))


def _verify_parts(result: VerifyResult) -> Iterator[RenderableType]:
    if result.behaviour.same:
        yield Text("Same behaviour", style="bold green")
    else:
        yield Text("The behaviour differs", style="bold red")
    yield _aspects(result.behaviour)
    for difference in result.behaviour.differences:
        yield from _difference(difference)
    for pattern in result.behaviour.patterns[1:]:  # the first one is that for tracebacks, always applied
        yield safe(
            f"In output, files and requests, {pattern.pattern} was replaced by {pattern.replacement!r} before comparing.",
            "dim",
        )
    yield Text()
    yield _costs(result)
    if result.gates:
        yield Text()
        for gate in result.gates:
            yield _gate(gate)
    if result.notes:
        yield Text()
    for note in result.notes:
        yield safe(note, "yellow")
    yield from _failures((result.before, result.after))
    yield Text()
    yield TimelineChart(panels_of((result.before, result.after)))


def _aspects(behaviour: Behaviour) -> Table:
    differing = {difference.aspect: difference for difference in behaviour.differences}
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for aspect in behaviour.compared:
        if found := differing.get(aspect):
            table.add_row(
                Text("different", style="red"), safe(aspect.value), safe(found.message.removeprefix(f"{aspect}: "))
            )
        elif aspect in behaviour.unstable:
            note = "differs from run to run before, too; each run after matches one of them"
            table.add_row(Text("same", style="yellow"), safe(aspect.value), Text(note))
        else:
            table.add_row(Text("same", style="green"), safe(aspect.value), Text())
    return table


def _difference(difference: Difference) -> Iterator[RenderableType]:
    if not difference.diff:
        return
    yield Text()
    yield safe(difference.aspect.value, "bold")
    lines = clean(difference.diff).splitlines()
    text = Text()
    for line in lines[:DIFF_LINES]:
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
        text.append(f"{line}\n", style="bold" if line.startswith(("+++", "---")) else style)
    if len(lines) > DIFF_LINES:
        text.append(f"… {counted(len(lines) - DIFF_LINES, 'more line')}", style="dim")
    text.rstrip()
    yield Padding(text, (0, 0, 0, 2))


def _costs(result: VerifyResult) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(Text(f"median of {counted(len(result.before.runs), 'run')}"))
    table.add_column(Text("before"), justify="right")
    table.add_column(Text("after"), justify="right")
    table.add_column(Text("after / before"), justify="right")
    for each in result.ratios:
        values = (value_text(each.metric, value) for value in (each.before, each.after))
        table.add_row(named(each.metric), *values, _ratio(each))
    for name, read in ROWS[3:]:
        before, after = read(result.before), read(result.after)
        if before is not None and after is not None:
            table.add_row(Text(name, style="dim"), Text(before, style="dim"), Text(after, style="dim"), "")
    return table


def _ratio(each: Ratio) -> Text:
    # An interval that reaches over 1 is no finding.
    return Text(ratio_text(each), style="green" if each.high < 1 else "red" if each.low > 1 else "")


def _gate(gate: Gate) -> Text:
    text = Text("met     " if gate.met else "not met ", style="green" if gate.met else "bold red")
    return text.append(gate_text(gate), style="default")


def _side_by_side(comparison: Comparison) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("", min_width=10, overflow="fold")
    for variant in comparison.variants:
        table.add_column(safe(variant.name), justify="right", overflow="fold")
    for name, read in ROWS:
        values = [read(variant) for variant in comparison.variants]
        if any(value is not None for value in values):
            table.add_row(Text(name), *(Text("–" if value is None else value) for value in values))
    return table


def _failures(variants: tuple[Measured, ...]) -> Iterator[RenderableType]:
    """The output of the first run of each variant that did not end well."""
    for variant in variants:
        failed = next((run for run in variant.runs if run.exit_code != 0), None)
        if failed is not None:
            yield Text()
            yield safe(f"{variant.name} {ending(failed)}; its last lines:", "bold yellow")
            output = (failed.stdout + b"\n" + failed.stderr).decode("utf-8", "backslashreplace")
            lines = [line for line in clean(output).splitlines() if line.strip()]
            yield Padding(Text("\n".join(lines[-OUTPUT_LINES:]) or "(no output)", style="dim"), (0, 0, 0, 2))
