"""What a scan expects each group to save, in words and as JSON; the model is that of :mod:`asyncify.prediction`."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group as Renderables
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from asyncify.model import Plan
from asyncify.prediction import Gain, Prediction, Range, predictions
from asyncify.report.text import counted, safe

MOST = 12
"""Groups that are shown; the JSON has all."""

_STYLES = {Gain.MEMORY: "green", Gain.CPU: "green", Gain.OPEN: "", Gain.NOTHING: "yellow"}
_GAINS = {
    Gain.MEMORY: "memory",
    Gain.CPU: "CPU, not memory",
    Gain.OPEN: "it depends",
    Gain.NOTHING: "nothing",
}


def savings_report(plan: Plan) -> RenderableType | None:
    """The table of expected savings; None where nothing can be expected of any group."""
    found = predictions(plan)
    shown = [group for group in plan.groups if group.id in found]
    if not shown:
        return None
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("Group", no_wrap=True, style="bold")
    for name in ("in flight", "peak memory", "CPU per request", "to gain"):
        table.add_column(name, overflow="fold")
    for group in shown[:MOST]:
        each = found[group.id]
        table.add_row(
            safe(group.id),
            in_flight_text(each),
            memory_text(each),
            cpu_text(each),
            Text(gain_text(each), style=_STYLES[each.gain]),
        )
    parts: list[RenderableType] = [table]
    if len(shown) > MOST:
        parts.append(Text(f"… and {counted(len(shown) - MOST, 'group')} more; --format json has all", style="dim"))
    lines = [_break_even(each) for each in {found[group.id].profile: found[group.id] for group in shown}.values()]
    lines.append(
        "Expected of threads that become tasks, from measured costs: more memory for the imports, less for each request in "
        "flight. asyncify verify -- CMD measures it."
    )
    if any(found[group.id].gain is Gain.NOTHING for group in shown):
        lines.insert(
            0, "Where nothing is to be gained, moving costs memory and CPU time; other reasons to move may remain."
        )
    parts.append(Padding(Text("\n".join(lines), style="dim"), (1, 0, 0, 0)))
    return Renderables(*parts)


def _break_even(each: Prediction) -> str:
    """From where on it pays."""
    cpu = "CPU time never does"
    if each.even_after is not None:
        cpu = f"CPU time after {_between(each.even_after)} requests, which pay for the imports"
    return (
        f"{each.profile.value.capitalize()} profile: memory breaks even at {_between(each.even_at)} in flight, {cpu}."
    )


def in_flight_text(each: Prediction) -> str:
    """How many requests at a time."""
    if each.in_flight is None:
        return "not in the code"
    return "one" if each.in_flight.high <= 1 else f"up to {_between(each.in_flight)}"


def memory_text(each: Prediction) -> str:
    """``7 – 12 MiB less``, ``5 – 8 MiB more``, ``2 MiB more to 7 MiB less``, or what each request in flight does."""
    if each.memory is None:
        return f"{_between(each.floor)} MiB more, {_between(each.each)} KiB less each"
    low, high = each.memory.low, each.memory.high
    if low >= 0:
        return f"{_between(each.memory)} MiB less"
    if high <= 0:
        return f"{_between(Range(-high, -low))} MiB more"
    return f"{-low:.0f} MiB more to {high:.0f} MiB less"


def cpu_text(each: Prediction) -> str:
    """``55 – 90 % less``, or ``50 % more to 10 % less``."""
    low, high = each.cpu.low, each.cpu.high
    return (
        f"{low * 100:.0f} – {high * 100:.0f} % less"
        if low >= 0
        else f"{-low * 100:.0f} % more to {high * 100:.0f} % less"
    )


def gain_text(each: Prediction) -> str:
    """What is to be gained, in a word or two."""
    return _GAINS[each.gain]


def _between(values: Range) -> str:
    low, high = f"{values.low:,.0f}", f"{values.high:,.0f}"
    return low if low == high else f"{low} – {high}"


def savings_json(plan: Plan) -> dict[str, dict[str, Any]]:
    """By the id of the group; ranges as ``[low, high]``."""
    return {
        identity: {
            "profile": each.profile.value,
            "gain": each.gain.value,
            "in_flight": _pair(each.in_flight, 0),
            "memory_saved_mib": _pair(each.memory, 1),
            "cpu_saved_per_request": _pair(each.cpu, 2),
            "memory_even_at_in_flight": _pair(each.even_at, 0),
            "cpu_even_after_requests": _pair(each.even_after, 0),
        }
        for identity, each in predictions(plan).items()
    }


def _pair(values: Range | None, digits: int) -> list[float] | None:
    return None if values is None else [round(values.low, digits), round(values.high, digits)]
