"""What measured programs held over time: the data of the pictures in the terminal and in SVG.

A picture has panels that share the axis of time: memory, threads, and requests in flight where they are known. The run
shown is the one with the median peak. Memory's axis starts at zero. A series far longer than all the others is cut, and
the legend says when it ended: else the others would be a few dots at the left edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from asyncify.verify.result import Measured

MIB = 2**20
CUT = 2.5  # a series longer than this many times the second longest is cut there


@dataclass(frozen=True, slots=True)
class Series:
    """One line: seconds since the start, ascending, and a value."""

    name: str
    points: tuple[tuple[float, float], ...]

    @property
    def end(self) -> float:
        """Seconds at its last point."""
        return self.points[-1][0] if self.points else 0.0


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot: its title with the unit, its series in that unit, its height in pixels; `steps` for counts."""

    title: str
    series: tuple[Series, ...]
    height: int
    steps: bool = False

    @property
    def highest(self) -> float:
        """The largest value."""
        return max((value for each in self.series for _, value in each.points), default=0.0)


def panels_of(variants: Sequence[Measured]) -> tuple[Panel, ...]:
    """Memory always; threads and requests in flight where they are known."""
    runs = [(each.name, each.typical, each.typical_traffic) for each in variants]
    memory = tuple(Series(name, tuple((s.at, s.rss / MIB) for s in run.samples)) for name, run, _ in runs)
    panels = [Panel("Memory, MiB", memory, 240)]
    threads = tuple(Series(name, tuple((s.at, float(s.threads)) for s in run.samples)) for name, run, _ in runs)
    panels.append(Panel("Threads", threads, 90, steps=True))
    flights = tuple(
        Series(name, tuple((at - run.started, float(count)) for at, count in traffic.in_flight()))
        for name, run, traffic in runs
        if traffic is not None
    )
    if any(each.points for each in flights):
        panels.append(Panel("Requests in flight", flights, 90, steps=True))
    return tuple(panels)


def seconds_shown(series: Sequence[Series]) -> float:
    """The end of the axis of time, never zero."""
    ends = sorted(each.end for each in series)
    seconds = ends[-1] if ends else 0.0
    if len(ends) > 1 and ends[-2] > 0:
        seconds = min(seconds, CUT * ends[-2])
    return seconds or 1.0


def ticks(end: float, most: int) -> list[float]:
    """At most `most` + 1 round numbers from 0 up to `end`."""
    rough = end / max(1, most)
    power: float = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return [index * step for index in range(int(end / step + 1e-9) + 1)]


def number_text(value: float) -> str:
    return f"{value:.10g}"
