"""What a verification looks like: tables, pictures, JSON."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from rich.console import Console, RenderableType

from asyncify.report.memory_chart import ASCII_MARKERS, MARKERS, MemoryChart, Series, memory_svg
from asyncify.report.verify_json import verify_json
from asyncify.report.verify_text import comparison_report, verify_report
from asyncify.verify.behaviour import Aspect, Behaviour, Difference
from asyncify.verify.measure import Run, Sample
from asyncify.verify.result import Comparison, Floor, Gate, Measured, Metric, VerifyResult, ratio

MIB = 2**20


def shown(renderable: RenderableType, width: int = 90, encoding: str = "utf-8", colour: bool = False) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    console = Console(
        file=stream, width=width, force_terminal=colour, color_system="standard" if colour else None, markup=False
    )
    console.print(renderable)
    stream.seek(0)
    return stream.read()


def measured(name: str, peak: int, seconds: float) -> Measured:
    samples = tuple(Sample(seconds * step / 10, peak * MIB * step // 10, 2, 1) for step in range(1, 11))
    run = Run(("x",), 0, b"", b"", 0.0, seconds, seconds / 2, peak * MIB, samples)
    return Measured(name, ("x",), (run, run, run), (), Floor(10 * MIB, 0.1))


def result(**changes: object) -> VerifyResult:
    before, after = measured("before", 40, 2.0), measured("after", 20, 1.0)
    behaviour = Behaviour(tuple(Aspect)[:4], (), (), ())
    ratios = tuple(ratio(metric, before, after) for metric in Metric)
    return replace(VerifyResult(before, after, behaviour, ratios, ()), **changes)  # type: ignore[arg-type]


def test_the_report_of_the_same_behaviour() -> None:
    text = shown(verify_report(result()))
    assert "Same behaviour" in text
    line = next(line for line in text.splitlines() if line.startswith("peak memory"))
    assert line.split() == ["peak", "memory", "40.0", "MiB", "20.0", "MiB", "0.50", "(0.50", "–", "0.50)"]


def test_a_difference_is_shown_as_a_diff_and_cannot_steer_the_terminal() -> None:
    diff = "--- before\n+++ after\n@@ -1 +1 @@\n-a\n+\x1b[2J[bold]b\n" + "+x\n" * 100
    difference = Difference(Aspect.STDOUT, "standard output: 1 lines gone, 101 lines new", diff)
    behaviour = Behaviour(tuple(Aspect)[:4], (difference,), (Aspect.FILES,), ())
    text = shown(verify_report(result(behaviour=behaviour)))
    assert "The behaviour differs" in text
    assert "+\\x1b[2J[bold]b" in text and "\x1b" not in text
    assert "45 more lines" in text


def test_gates_say_what_was_asked_and_measured() -> None:
    gates = (
        Gate("require-memory-saving", Metric.MEMORY, 0.8, 0.5),
        Gate("require-cpu-saving", Metric.CPU, 0.9, 1.2),
        Gate("max-slowdown", Metric.WALL, 1.1, 1.5),
    )
    text = shown(verify_report(result(gates=gates)), width=120)
    assert "met     --require-memory-saving: peak memory at least 20% saved, measured 50.0% saved" in text
    assert "not met --require-cpu-saving: CPU time at least 10% saved, measured 20.0% more" in text
    assert "not met --max-slowdown: wall time at most 1.10 times, measured 1.50 times" in text


def test_a_run_that_failed_is_shown_with_its_output() -> None:
    before = measured("before", 40, 2.0)
    failed = replace(before.runs[0], exit_code=1, stderr=b"ValueError: \x1b[31mno\n")
    text = shown(verify_report(result(after=replace(before, name="after", runs=(failed,)))))
    assert "after ended with exit code 1" in text
    assert "ValueError: \\x1b[31mno" in text


def test_variants_stand_side_by_side() -> None:
    comparison = Comparison((measured("threads", 40, 2.0), replace(measured("asyncio", 30, 1.0), floor=None)))
    lines = shown(comparison_report(comparison)).splitlines()
    assert lines[0].split() == ["threads", "asyncio"]
    imports = next(line for line in lines if line.startswith("memory for imports"))
    assert imports.split()[-3:] == ["10.0", "MiB", "–"]


def test_the_json_has_a_schema_and_the_samples_on_request() -> None:
    document = json.loads(verify_json(result()))
    assert document["schema"] == "asyncify.verify/1"
    assert document["ok"] is True
    assert document["ratios"]["memory"]["value"] == 0.5
    assert "samples" not in document["variants"][0]["runs"][0]
    assert len(json.loads(verify_json(result(), samples=True))["variants"][0]["runs"][0]["samples"]) == 10


SERIES = (
    Series("steady", tuple((step / 10, 30.0 * MIB) for step in range(11))),
    Series("rising", tuple((step / 10, step * 4.0 * MIB) for step in range(11))),
)


@pytest.mark.parametrize("width", [40, 57, 80, 200])
def test_the_chart_fits_the_width_and_shows_every_series(width: int) -> None:
    lines = shown(MemoryChart(SERIES), width=width).splitlines()
    assert max(map(len, lines)) <= width
    plot = "\n".join(lines[:-2])
    assert all(marker in plot for marker in MARKERS[:2])
    assert "steady" in lines[-1] and "rising" in lines[-1]
    assert lines[-2].rstrip().endswith("1 s")


def test_the_chart_is_to_scale() -> None:
    lines = shown(MemoryChart(SERIES, height=12), width=60).splitlines()[1:13]
    top = max(value for each in SERIES for _, value in each.points) / MIB * 1.05
    rows = {row for row, line in enumerate(lines) for mark in line if mark == MARKERS[0]}
    assert rows == {11 - int(30 / top * 12)}
    columns = [line.index(MARKERS[1]) for line in lines if MARKERS[1] in line]
    assert columns == sorted(columns, reverse=True)  # rising to the right


def test_the_chart_has_colours_only_where_wanted() -> None:
    assert "\x1b[34m" in shown(MemoryChart(SERIES), colour=True)
    assert "\x1b" not in shown(MemoryChart(SERIES))


def test_the_chart_in_ascii() -> None:
    text = shown(MemoryChart(SERIES), encoding="ascii")
    assert text.isascii()
    assert all(marker in text for marker in ASCII_MARKERS[:2])


def test_a_far_longer_series_is_cut_and_says_so() -> None:
    long = Series("long", ((0.0, 10.0 * MIB), (30.0, 10.0 * MIB)))
    text = shown(MemoryChart((*SERIES, long)))
    assert "long (to 30.0 s)" in text
    assert text.splitlines()[-2].split()[-2:] == ["2.5", "s"]


def test_charts_of_little_or_nothing() -> None:
    assert "nothing was sampled" in shown(MemoryChart([Series("a", ())]))
    assert MARKERS[0] in shown(MemoryChart([Series("a", ((0.0, 5.0 * MIB),))]))
    assert MARKERS[0] in shown(MemoryChart([Series("a", ((0.0, 0.0), (1.0, 0.0)))]))
    ElementTree.fromstring(memory_svg([], title="none"))


def test_the_svg_is_well_formed_escaped_and_self_contained() -> None:
    svg = memory_svg((*SERIES, Series("<script>&", SERIES[0].points)), title='"x" <b>')
    root = ElementTree.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text == '"x" <b>'  # type: ignore[union-attr]
    assert len(root.findall(f"{space}polyline")) == 3
    assert not root.findall(f".//{space}script")
    assert "prefers-color-scheme:dark" in svg
    assert svg.count("http") == 1  # the namespace
    heights = [float(point.split(",")[1]) for point in root.findall(f"{space}polyline")[1].get("points", "").split()]
    assert heights == sorted(heights, reverse=True)  # upwards is less
