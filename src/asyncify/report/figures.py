"""The figures of a verification as words: shared by the terminal and the HTML page."""

from __future__ import annotations

from collections.abc import Callable

from asyncify.report.timeline import MIB
from asyncify.verify.behaviour import Aspect
from asyncify.verify.measure import Run
from asyncify.verify.result import Gate, Measured, Metric, Ratio

_NAMES = {Metric.MEMORY: "peak memory", Metric.CPU: "CPU time", Metric.WALL: "wall time"}


def named(metric: Metric) -> str:
    """What a metric is called."""
    return _NAMES[metric]


def value_text(metric: Metric, value: float) -> str:
    """A value of a metric with its unit."""
    return mib(value) if metric is Metric.MEMORY else seconds(value)


def ratio_text(each: Ratio) -> str:
    """``0.52 (0.50 – 0.55)``: the ratio and its interval; a dash where there is nothing to divide by."""
    return f"{each.value:.2f} ({each.low:.2f} – {each.high:.2f})" if each.before else "–"


def gate_text(gate: Gate) -> str:
    """What was demanded and what was measured."""
    if gate.metric is Metric.WALL:
        asked, got = f"at most {gate.limit:.2f} times", f"{gate.value:.2f} times"
    else:
        asked = f"at least {1 - gate.limit:.0%} saved"
        got = f"{1 - gate.value:.1%} saved" if gate.value <= 1 else f"{gate.value - 1:.1%} more"
    return f"--{gate.name}: {named(gate.metric)} {asked}, measured {got}"


def ending(run: Run) -> str:
    """How a run that failed ended."""
    if run.timed_out:
        return f"was ended after {run.wall:.0f} s"
    return f"ended with {Aspect.EXIT_CODE.value} {run.exit_code}"


def mib(value: float) -> str:
    """Bytes in MiB."""
    return f"{value / MIB:.1f} MiB"


def seconds(value: float) -> str:
    """Seconds with two digits."""
    return f"{value:.2f} s"


def _optional(value: float | None, unit: float, digits: int, name: str) -> str | None:
    return None if value is None else f"{value / unit:,.{digits}f}{name}"


ROWS: tuple[tuple[str, Callable[[Measured], str | None]], ...] = (
    ("wall time", lambda each: seconds(each.median(Metric.WALL))),
    ("CPU time", lambda each: seconds(each.median(Metric.CPU))),
    ("peak memory", lambda each: mib(each.median(Metric.MEMORY))),
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
    ("time to listen", lambda each: seconds(each.service.ready) if each.service else None),
    ("throughput", lambda each: _optional(each.service.throughput if each.service else None, 1, 0, " / s")),
    ("latency, 50 %", lambda each: _optional(each.service.p50 if each.service else None, 1e-3, 1, " ms")),
    ("latency, 90 %", lambda each: _optional(each.service.p90 if each.service else None, 1e-3, 1, " ms")),
    ("latency, 99 %", lambda each: _optional(each.service.p99 if each.service else None, 1e-3, 1, " ms")),
    ("unanswered", lambda each: _optional((each.service.errors or None) if each.service else None, 1, 0, "")),
    ("open sockets", lambda each: _optional(each.most_sockets, 1, 0, "")),
    ("threads", lambda each: f"{each.typical.most_threads}"),
    ("CPU for sampling", lambda each: f"{each.sampling:.1%}"),
    ("runs", lambda each: f"{len(each.runs)}"),
)
"""A line of each table: its name, and its text for one variant (None where that is not known)."""
