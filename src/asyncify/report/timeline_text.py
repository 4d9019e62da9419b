"""What measured programs held over time, as a picture in the terminal in braille dots; :mod:`.timeline_svg` draws it as SVG.

Each series has a colour and a marker of its own, so that the picture reads without colours too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style

from asyncify.report.text import clean_line
from asyncify.report.timeline import Panel, Series, number_text, seconds_shown, ticks

COLOURS = ("blue", "green", "magenta", "red", "cyan", "yellow")
MARKERS = "●▲■◆▼★"
ASCII_MARKERS = "o^#%v*"
MIN_WIDTH = 40  # columns; below it the picture is as wide as that
LINE = 20  # pixels of a panel that a line of the terminal stands for

_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # bit of each dot: row, column


def _at(series: Series, when: float, *, steps: bool) -> float | None:
    """The value at a moment: on the straight line between two points, or as it was since the last one. None at the end."""
    before: tuple[float, float] | None = None
    for point in series.points:
        if point[0] >= when:
            if steps:
                return before[1] if before is not None else 0.0
            if before is None or point[0] == before[0]:
                return point[1]
            share = (when - before[0]) / (point[0] - before[0])
            return before[1] + share * (point[1] - before[1])
        before = point
    return None


class TimelineChart:
    """The picture as a rich renderable, as wide as there is room: panel below panel, one axis of time, one legend."""

    def __init__(self, panels: Sequence[Panel]) -> None:
        self.names = [each.name for each in panels[0].series] if panels else []
        self.panels = [each for each in panels if any(series.points for series in each.series)]

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(MIN_WIDTH, options.max_width), options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.panels:
            yield Segment("(nothing was sampled)")
            yield Segment.line()
            return
        for line in self._lines(max(MIN_WIDTH, options.max_width), options.ascii_only):
            yield from Segment.simplify(line)
            yield Segment.line()

    def _lines(self, width: int, ascii_only: bool) -> Iterator[list[Segment]]:
        seconds = seconds_shown(self.panels[0].series)
        plots = [_Plot(panel, self.names, seconds, ascii_only) for panel in self.panels]
        margin = max(len(label) for plot in plots for label in plot.rows.values()) + 1
        columns = width - margin - 1
        bar, corner, dash = ("|", "+", "-") if ascii_only else ("│", "└", "─")
        for plot in plots:
            yield [Segment(plot.panel.title, Style(dim=True))]
            for row, cells in enumerate(plot.lines(columns)):
                yield [Segment(plot.rows.get(row, "").rjust(margin) + bar, Style(dim=True)), *cells]
            yield [Segment(" " * margin + corner + dash * columns, Style(dim=True))]
        yield [Segment(" " * margin + _axis(columns, seconds), Style(dim=True))]
        yield from self._legend(width, seconds, ascii_only)

    def _legend(self, width: int, seconds: float, ascii_only: bool) -> Iterator[list[Segment]]:
        line: list[Segment] = []
        used = 0
        for each in self.panels[0].series:
            number = self.names.index(each.name)
            cut = f" (to {each.end:.1f} s)" if each.end > seconds else ""
            name = clean_line(each.name)[: width - 4 - len(cut)] + cut
            if line and used + len(name) + 4 > width:
                yield line
                line, used = [], 0
            line += [Segment(f"  {_marker(number, ascii_only)} ", _style(number)), Segment(name)]
            used += len(name) + 4
        yield line


class _Plot:
    """One panel in characters."""

    def __init__(self, panel: Panel, names: Sequence[str], seconds: float, ascii_only: bool) -> None:
        self.panel, self._names, self._seconds, self._ascii = panel, names, seconds, ascii_only
        self.height = max(3, panel.height // LINE)
        shown = (value for each in panel.series for when, value in each.points if when <= seconds)
        self._highest = max(shown, default=0.0) * 1.05 or 1.0
        marks = ticks(self._highest, max(2, self.height // 3))
        scale = (self.height - 0.001) / self._highest
        self.rows = {self.height - 1 - int(value * scale): number_text(value) for value in marks}
        """The labels of the axis of values, by line from the top."""

    def lines(self, columns: int) -> Iterator[list[Segment]]:
        """The plot, line by line from the top."""
        dots: dict[tuple[int, int], int] = {}
        owner: dict[tuple[int, int], int] = {}
        marker: dict[tuple[int, int], int] = {}
        tall = self.height * 4
        for each in self.panel.series:
            number = self._names.index(each.name)
            previous: int | None = None
            spots: list[tuple[int, int]] = []
            for x in range(columns * 2):
                value = _at(each, (x + 0.5) / (columns * 2) * self._seconds, steps=self.panel.steps)
                if value is None:
                    break
                y = tall - 1 - min(tall - 1, int(value / self._highest * tall))
                for step in range(min(y, y if previous is None else previous), max(y, previous or y) + 1):
                    cell = step // 4, x // 2
                    dots[cell] = dots.get(cell, 0) | _BRAILLE[step % 4][x % 2]
                    owner[cell] = number
                spots.append((y // 4, x // 2))
                previous = y
            # Markers of different series stand in different columns, so that none hides another one.
            apart = 3 * len(self._names)
            chosen = [cell for cell in spots if cell[1] % apart == 3 * number + 1] or spots[-1:]
            marker.update(dict.fromkeys(chosen, number))
        for row in range(self.height):
            yield [self._cell((row, column), dots, owner, marker) for column in range(columns)]

    def _cell(
        self,
        cell: tuple[int, int],
        dots: dict[tuple[int, int], int],
        owner: dict[tuple[int, int], int],
        marker: dict[tuple[int, int], int],
    ) -> Segment:
        if cell in marker:
            return Segment(_marker(marker[cell], self._ascii), _style(marker[cell]))
        if cell not in owner:
            return Segment(" ")
        return Segment("." if self._ascii else chr(0x2800 + dots[cell]), _style(owner[cell]))


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
