"""Verifications and comparisons for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from asyncify.report.memory_chart import MIB, MemoryChart, series_of
from asyncify.report.text import clean, counted, safe
from asyncify.verify.behaviour import Aspect, Behaviour, Difference
from asyncify.verify.measure import Run
from asyncify.verify.result import Comparison, Gate, Measured, Metric, Ratio, VerifyResult

DIFF_LINES = 60  # a longer diff is cut, and says so
OUTPUT_LINES = 20  # of the output of a run that failed

_NAMES = {Metric.MEMORY: "peak memory", Metric.CPU: "CPU time", Metric.WALL: "wall time"}


def verify_report(result: VerifyResult) -> Group:
    """Behaviour, cost, demands, and memory over time of two versions."""
    return Group(*_verify_parts(result))


def comparison_report(comparison: Comparison) -> Group:
    """Any number of variants side by side, one column each, and their memory over time."""
    return Group(_side_by_side(comparison), Text(), MemoryChart(series_of(comparison)), *_failures(comparison.variants))


def _verify_parts(result: VerifyResult) -> Iterator[RenderableType]:
    if result.behaviour.same:
        yield Text("Same behaviour", style="bold green")
    else:
        yield Text("The behaviour differs", style="bold red")
    yield _aspects(result.behaviour)
    for difference in result.behaviour.differences:
        yield from _difference(difference)
    for pattern in result.behaviour.patterns[1:]:  # the first one is that for tracebacks, always applied
        yield safe(f"In the output, {pattern.pattern} was replaced by {pattern.replacement!r} before comparing.", "dim")
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
    yield MemoryChart(series_of((result.before, result.after)))


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
        value = _mib if each.metric is Metric.MEMORY else _seconds
        table.add_row(_NAMES[each.metric], value(each.before), value(each.after), _ratio(each))
    for name, read in _ROWS[3:]:
        before, after = read(result.before), read(result.after)
        if before is not None and after is not None:
            table.add_row(Text(name, style="dim"), Text(before, style="dim"), Text(after, style="dim"), "")
    return table


def _ratio(each: Ratio) -> Text:
    # An interval that reaches over 1 is no finding.
    style = "green" if each.high < 1 else "red" if each.low > 1 else ""
    return Text(f"{each.value:.2f} ({each.low:.2f} – {each.high:.2f})", style=style)


def _gate(gate: Gate) -> Text:
    text = Text("met     " if gate.met else "not met ", style="green" if gate.met else "bold red")
    if gate.metric is Metric.WALL:
        asked, got = f"at most {gate.limit:.2f} times", f"{gate.value:.2f} times"
    else:
        asked = f"at least {1 - gate.limit:.0%} saved"
        got = f"{1 - gate.value:.1%} saved" if gate.value <= 1 else f"{gate.value - 1:.1%} more"
    return text.append(f"--{gate.name}: {_NAMES[gate.metric]} {asked}, measured {got}", style="default")


def _mib(value: float) -> str:
    return f"{value / MIB:.1f} MiB"


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _optional(value: float | None, unit: float, digits: int, name: str) -> str | None:
    return None if value is None else f"{value / unit:,.{digits}f}{name}"


_ROWS: tuple[tuple[str, Callable[[Measured], str | None]], ...] = (
    ("wall time", lambda each: _seconds(each.median(Metric.WALL))),
    ("CPU time", lambda each: _seconds(each.median(Metric.CPU))),
    ("peak memory", lambda each: _mib(each.median(Metric.MEMORY))),
    ("CPU for imports", lambda each: _optional(each.floor.cpu if each.floor else None, 1, 2, " s")),
    ("memory for imports", lambda each: _optional(each.floor.memory if each.floor else None, MIB, 1, " MiB")),
    ("CPU per request", lambda each: _optional(each.cpu_per_request, 1e-3, 1, " ms")),
    # With one at a time there is nothing to divide by: what grows is the program.
    (
        "memory per request in flight",
        lambda each: _optional(each.memory_per_request if each.most_in_flight != 1 else None, 1024, 0, " KiB"),
    ),
    ("requests", lambda each: _optional(each.requests, 1, 0, "")),
    ("most in flight", lambda each: _optional(each.most_in_flight, 1, 0, "")),
    ("threads", lambda each: f"{each.typical.most_threads}"),
    ("runs", lambda each: f"{len(each.runs)}"),
)


def _side_by_side(comparison: Comparison) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("", min_width=10, overflow="fold")
    for variant in comparison.variants:
        table.add_column(safe(variant.name), justify="right", overflow="fold")
    for name, read in _ROWS:
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
            yield safe(f"{variant.name} {_ending(failed)}; its last lines:", "bold yellow")
            output = (failed.stdout + b"\n" + failed.stderr).decode("utf-8", "backslashreplace")
            lines = [line for line in clean(output).splitlines() if line.strip()]
            yield Padding(Text("\n".join(lines[-OUTPUT_LINES:]) or "(no output)", style="dim"), (0, 0, 0, 2))


def _ending(run: Run) -> str:
    if run.timed_out:
        return f"was ended after {run.wall:.0f} s"
    return f"ended with {Aspect.EXIT_CODE.value} {run.exit_code}"
