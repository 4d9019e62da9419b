"""Memory over time as a picture in the terminal, in braille dots; :mod:`.timeline_svg` draws it as SVG.

Each series has a colour and a marker of its own, so that the picture reads without colours too. The memory axis
starts at zero. A series far longer than all the others is cut, and the legend says when it ended: else the others
would be a few dots at the left edge.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style

from asyncify.report.text import clean_line
from asyncify.verify.result import Comparison, Measured

MIB = 2**20
COLOURS = ("blue", "green", "magenta", "red", "cyan", "yellow")
MARKERS = "●▲■◆▼★"
ASCII_MARKERS = "o^#%v*"
CUT = 2.5  # a series longer than this many times the second longest is cut there
MIN_WIDTH = 40  # columns; below it the picture is as wide as that

_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # bit of each dot: row, column


@dataclass(frozen=True, slots=True)
class Series:
    """One line: seconds since the start, ascending, and bytes."""

    name: str
    points: tuple[tuple[float, float], ...]

    @property
    def end(self) -> float:
        """Seconds at its last point."""
        return self.points[-1][0] if self.points else 0.0


def series_of(comparison: Comparison | Sequence[Measured]) -> tuple[Series, ...]:
    """The run with the median peak of each variant, as series."""
    variants = comparison.variants if isinstance(comparison, Comparison) else comparison
    return tuple(
        Series(each.name, tuple((sample.at, float(sample.rss)) for sample in each.typical.samples)) for each in variants
    )


def extent(series: Sequence[Series]) -> tuple[float, float]:
    """The ends of the axes: seconds and MiB, neither of them zero."""
    ends = sorted(each.end for each in series)
    seconds = ends[-1] if ends else 0.0
    if len(ends) > 1 and ends[-2] > 0:
        seconds = min(seconds, CUT * ends[-2])
    highest = max((value for each in series for when, value in each.points if when <= seconds), default=0.0)
    return seconds or 1.0, highest / MIB * 1.05 or 1.0


def ticks(end: float, most: int) -> list[float]:
    """At most `most` + 1 round numbers from 0 up to `end`."""
    rough = end / max(1, most)
    power: float = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return [index * step for index in range(int(end / step + 1e-9) + 1)]


def number_text(value: float) -> str:
    return f"{value:.10g}"


def _at(series: Series, when: float) -> float | None:
    """MiB at a moment, between two points on the straight line; None after the last point."""
    before: tuple[float, float] | None = None
    for point in series.points:
        if point[0] >= when:
            if before is None or point[0] == before[0]:
                return point[1] / MIB
            share = (when - before[0]) / (point[0] - before[0])
            return (before[1] + share * (point[1] - before[1])) / MIB
        before = point
    return None


class MemoryChart:
    """The picture as a rich renderable, as wide as there is room and `height` lines high without axis and legend."""

    def __init__(self, series: Sequence[Series], *, height: int = 12) -> None:
        self.series = [each for each in series if each.points]
        self.height = height

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(MIN_WIDTH, options.max_width), options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.series:
            yield Segment("(nothing was sampled)")
            yield Segment.line()
            return
        for line in self._lines(max(MIN_WIDTH, options.max_width), options.ascii_only):
            yield from Segment.simplify(line)
            yield Segment.line()

    def _lines(self, width: int, ascii_only: bool) -> Iterator[list[Segment]]:
        seconds, highest = extent(self.series)
        marks = ticks(highest, max(2, self.height // 3))
        rows = {self.height - 1 - int(value / highest * (self.height - 0.001)): number_text(value) for value in marks}
        margin = max(map(len, rows.values()), default=1) + 1
        columns = width - margin - 1
        bar, corner, dash = ("|", "+", "-") if ascii_only else ("│", "└", "─")
        yield [Segment("MiB".rjust(margin), Style(dim=True))]
        for row, cells in enumerate(self._cells(columns, seconds, highest, ascii_only)):
            yield [Segment(rows.get(row, "").rjust(margin) + bar, Style(dim=True)), *cells]
        yield [Segment(" " * margin + corner + dash * columns, Style(dim=True))]
        yield [Segment(" " * margin + _axis(columns, seconds), Style(dim=True))]
        yield from self._legend(width, seconds, ascii_only)

    def _cells(self, columns: int, seconds: float, highest: float, ascii_only: bool) -> Iterator[list[Segment]]:
        """The plot, line by line from the top."""
        dots: dict[tuple[int, int], int] = {}
        owner: dict[tuple[int, int], int] = {}
        marker: dict[tuple[int, int], int] = {}
        tall = self.height * 4
        for number, each in enumerate(self.series):
            previous: int | None = None
            spots: list[tuple[int, int]] = []
            for x in range(columns * 2):
                value = _at(each, (x + 0.5) / (columns * 2) * seconds)
                if value is None:
                    break
                y = tall - 1 - min(tall - 1, int(value / highest * tall))
                for step in range(min(y, y if previous is None else previous), max(y, previous or y) + 1):
                    cell = step // 4, x // 2
                    dots[cell] = dots.get(cell, 0) | _BRAILLE[step % 4][x % 2]
                    owner[cell] = number
                spots.append((y // 4, x // 2))
                previous = y
            # Markers of different series stand in different columns, so that none hides another one.
            apart = 3 * len(self.series)
            chosen = [cell for cell in spots if cell[1] % apart == 3 * number + 1] or spots[-1:]
            marker.update(dict.fromkeys(chosen, number))
        for row in range(self.height):
            yield [self._cell((row, column), dots, owner, marker, ascii_only) for column in range(columns)]

    def _cell(
        self,
        cell: tuple[int, int],
        dots: dict[tuple[int, int], int],
        owner: dict[tuple[int, int], int],
        marker: dict[tuple[int, int], int],
        ascii_only: bool,
    ) -> Segment:
        if cell in marker:
            return Segment(_marker(marker[cell], ascii_only), _style(marker[cell]))
        if cell not in owner:
            return Segment(" ")
        return Segment("." if ascii_only else chr(0x2800 + dots[cell]), _style(owner[cell]))

    def _legend(self, width: int, seconds: float, ascii_only: bool) -> Iterator[list[Segment]]:
        line: list[Segment] = []
        used = 0
        for number, each in enumerate(self.series):
            cut = f" (to {each.end:.1f} s)" if each.end > seconds else ""
            name = clean_line(each.name)[: width - 4 - len(cut)] + cut
            if line and used + len(name) + 4 > width:
                yield line
                line, used = [], 0
            line += [Segment(f"  {_marker(number, ascii_only)} ", _style(number)), Segment(name)]
            used += len(name) + 4
        yield line


def _marker(number: int, ascii_only: bool) -> str:
    markers = ASCII_MARKERS if ascii_only else MARKERS
    return markers[number % len(markers)]


def _style(number: int) -> Style:
    return Style(color=COLOURS[number % len(COLOURS)])


def _axis(columns: int, seconds: float) -> str:
    """The labels of the time axis, the last of them with its unit."""
    line = [" "] * (columns + 1)
    free = 0
    for value in ticks(seconds, max(2, columns // 12)):
        label = number_text(value)
        start = min(round(value / seconds * columns), len(line) - len(label) - 2)
        if start >= free:
            line[start : start + len(label)] = label
            free = start + len(label) + 1
    text = "".join(line).rstrip()
    return f"{text} s" if len(text) + 2 <= columns + 1 else text
