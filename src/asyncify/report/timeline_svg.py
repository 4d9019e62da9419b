"""What a measured program held over time as one self-contained SVG: memory above, threads and requests in flight below.

All panels share the axis of time. Each variant has a colour and a dash pattern of its own, so that the picture reads
without colours too; the run shown is the one with the median peak. No script and nothing from the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from asyncify.report.html import Html, markup, tag
from asyncify.report.text import counted
from asyncify.report.timeline import MIB, Panel, number_text, panels_of, seconds_shown, ticks
from asyncify.verify.result import Measured

LEFT, RIGHT = 52, 20  # margins in pixels
WIDTH = 760

_LIGHT = ("#0067b0", "#b84000", "#00795a", "#a8447f", "#00707f", "#7a5c00")
_DARK = ("#6cb8ff", "#ff9a66", "#3fd0a4", "#f29bcb", "#56d4e6", "#e8c34a")
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 4", "1 4")


class Theme(StrEnum):
    """On which background the picture will stand: by the reader's preference, or one for certain."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


def timeline_svg(variants: Sequence[Measured], *, title: str, theme: Theme = Theme.AUTO) -> Html:
    """The picture of any number of variants, as one SVG element."""
    names = [each.name for each in variants]
    panels = [panel for panel in panels_of(variants) if panel.highest > 0]
    seconds = seconds_shown(panels[0].series if panels else ())
    inner = WIDTH - LEFT - RIGHT
    parts: list[Html] = []
    top = 44
    for panel in panels:
        parts += _panel(panel, names, seconds, top, inner)
        top += panel.height + 34
    axis = top - 34
    for value in ticks(seconds, 8):
        x = _x(value, seconds, inner)
        parts.append(tag("text", number_text(value), x=x, y=f"{axis + 18}", text_anchor="middle"))
    parts.append(tag("text", "seconds", x=f"{WIDTH - RIGHT}", y=f"{axis + 34}", text_anchor="end", class_="quiet"))
    base = axis + 50
    for number, each in enumerate(variants):
        parts.append(_legend(number, _about(each, seconds), base + 20 * number))
    total = base + 20 * len(variants)
    return tag(
        "svg",
        _sheet(theme),
        tag("title", title),
        tag("rect", class_="back", width="100%", height="100%"),
        tag("text", title, class_="name", x=f"{LEFT}", y="18"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {total}",
        width=f"{WIDTH}",
        height=f"{total}",
        class_="chart",
        role="img",
    )


def _about(measured: Measured, seconds: float) -> str:
    run = measured.typical
    parts = [f"{measured.name}: at most {run.peak / MIB:.1f} MiB", counted(run.most_threads, "thread")]
    if measured.typical_traffic is not None:
        parts.append(f"{measured.typical_traffic.most_in_flight} in flight")
    return ", ".join((*parts, f"{run.wall:.2f} s")) + (" (cut)" if run.samples and run.samples[-1].at > seconds else "")


def _x(when: float, seconds: float, inner: float) -> str:
    return f"{LEFT + when / seconds * inner:.1f}"


def _panel(panel: Panel, names: Sequence[str], seconds: float, top: int, inner: int) -> list[Html]:
    highest = panel.highest * 1.08

    def y(value: float) -> float:
        return top + (1 - value / highest) * panel.height

    parts = [tag("text", panel.title, x=f"{LEFT}", y=f"{top - 8}", class_="quiet")]
    for value in ticks(highest, max(2, panel.height // 40)):
        if panel.steps and value != int(value):
            continue
        at = y(value)
        parts.append(tag("line", class_="grid", x1=f"{LEFT}", x2=f"{WIDTH - RIGHT}", y1=f"{at:.1f}", y2=f"{at:.1f}"))
        parts.append(tag("text", number_text(value), x=f"{LEFT - 6}", y=f"{at + 4:.1f}", text_anchor="end"))
    for each in panel.series:
        number = names.index(each.name) % len(_LIGHT)
        shown = [(when, value) for when, value in each.points if when <= seconds]
        parts.append(
            tag(
                "polyline",
                class_=f"line s{number}",
                points=" ".join(_points(shown, seconds, inner, y, steps=panel.steps)),
                stroke_dasharray=_DASHES[number] or None,
            )
        )
        if shown and not panel.steps:
            when, value = max(shown, key=lambda point: point[1])
            parts.append(tag("circle", class_=f"t{number}", cx=_x(when, seconds, inner), cy=f"{y(value):.1f}", r="3.5"))
    return parts


def _points(
    shown: Sequence[tuple[float, float]], seconds: float, inner: int, y: Callable[[float], float], *, steps: bool
) -> list[str]:
    """The corners of a line; counts jump and stay until the next one."""
    corners: list[str] = []
    previous: float | None = None
    for when, value in shown:
        if steps and previous is not None:
            corners.append(f"{_x(when, seconds, inner)},{y(previous):.1f}")
        corners.append(f"{_x(when, seconds, inner)},{y(value):.1f}")
        previous = value
    return corners


def _legend(number: int, text: str, base: int) -> Html:
    style = number % len(_LIGHT)
    return markup(
        tag("line", class_=f"line s{style}", x1=f"{LEFT}", x2=f"{LEFT + 28}", y1=f"{base - 4}", y2=f"{base - 4}",
            stroke_dasharray=_DASHES[style] or None),
        tag("text", text, x=f"{LEFT + 36}", y=f"{base}"),
    )  # fmt: skip


def _sheet(theme: Theme) -> Html:
    light = _colours(("#fff", "#333", "#777", "#ddd"), _LIGHT)
    dark = _colours(("#0d1117", "#d8d8d8", "#999", "#30363d"), _DARK)
    by_theme = {
        Theme.AUTO: f"{light}@media (prefers-color-scheme:dark){{{dark}}}",
        Theme.LIGHT: light,
        Theme.DARK: dark,
    }
    rules = (
        ".chart{font:12px system-ui,sans-serif}.chart .line{fill:none;stroke-width:2;stroke-linejoin:round}"
        ".chart .name{font-weight:600}"
    )
    return Html(f"<style>{rules}{by_theme[theme]}</style>")


def _colours(ground: Sequence[str], lines: Sequence[str]) -> str:
    back, text, quiet, grid = ground
    return (
        f".chart .back{{fill:{back}}}.chart text{{fill:{text}}}.chart .quiet{{fill:{quiet}}}.chart .grid{{stroke:{grid}}}"
        + "".join(f".chart .s{n}{{stroke:{c}}}.chart .t{n}{{fill:{c}}}" for n, c in enumerate(lines))
    )
