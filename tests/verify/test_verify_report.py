"""What a verification looks like: tables, pictures, JSON."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from xml.etree import ElementTree

import jsonschema
import pytest
from rich.console import Console, RenderableType

from asyncify.model import FileChange
from asyncify.report import verify_json as verify_json_module
from asyncify.report.timeline import Panel, Series, panels_of
from asyncify.report.timeline_svg import Theme, timeline_svg
from asyncify.report.timeline_text import ASCII_MARKERS, MARKERS, TimelineChart
from asyncify.report.verify_html import comparison_html, verify_html
from asyncify.report.verify_json import SCHEMA_FILE, comparison_json, verify_json
from asyncify.report.verify_text import comparison_report, verify_report
from asyncify.verify.behaviour import Aspect, Behaviour, Difference, Observation, Pattern
from asyncify.verify.measure import Run, Sample
from asyncify.verify.result import Comparison, Floor, Gate, Measured, Metric, VerifyResult, ratio
from asyncify.verify.server import SeenRequest, Traffic

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
    Series("steady", tuple((step / 10, 30.0) for step in range(11))),
    Series("rising", tuple((step / 10, step * 4.0) for step in range(11))),
)


def chart(*series: Series) -> TimelineChart:
    return TimelineChart([Panel("Memory, MiB", series, 240)])


@pytest.mark.parametrize("width", [40, 57, 80, 200])
def test_the_chart_fits_the_width_and_shows_every_series(width: int) -> None:
    lines = shown(chart(*SERIES), width=width).splitlines()
    assert max(map(len, lines)) <= width
    plot = "\n".join(lines[:-2])
    assert all(marker in plot for marker in MARKERS[:2])
    assert "steady" in lines[-1] and "rising" in lines[-1]
    assert lines[-2].rstrip().endswith("1 s")


def test_the_chart_is_to_scale() -> None:
    lines = shown(chart(*SERIES), width=60).splitlines()[1:13]
    top = max(value for each in SERIES for _, value in each.points) * 1.05
    rows = {row for row, line in enumerate(lines) for mark in line if mark == MARKERS[0]}
    assert rows == {11 - int(30 / top * 12)}
    columns = [line.index(MARKERS[1]) for line in lines if MARKERS[1] in line]
    assert columns == sorted(columns, reverse=True)  # rising to the right


def test_the_chart_has_colours_only_where_wanted() -> None:
    assert "\x1b[34m" in shown(chart(*SERIES), colour=True)
    assert "\x1b" not in shown(chart(*SERIES))


def test_the_chart_in_ascii() -> None:
    text = shown(chart(*SERIES), encoding="ascii")
    assert text.isascii()
    assert all(marker in text for marker in ASCII_MARKERS[:2])


def test_a_far_longer_series_is_cut_and_says_so() -> None:
    long = Series("long", ((0.0, 10.0), (30.0, 10.0)))
    text = shown(chart(*SERIES, long))
    assert "long (to 30.0 s)" in text
    assert text.splitlines()[-2].split()[-2:] == ["2.5", "s"]


def test_charts_of_little_or_nothing() -> None:
    assert "nothing was sampled" in shown(chart(Series("a", ())))
    assert MARKERS[0] in shown(chart(Series("a", ((0.0, 5.0),))))
    assert MARKERS[0] in shown(chart(Series("a", ((0.0, 0.0), (1.0, 0.0)))))
    ElementTree.fromstring(timeline_svg([], title="none"))


def test_threads_and_requests_in_flight_stand_below_memory() -> None:
    variants = (with_traffic(measured("before", 40, 2.0)), with_traffic(measured("after", 20, 1.0)))
    lines = shown(TimelineChart(panels_of(variants)), width=60).splitlines()
    titles = [number for number, line in enumerate(lines) if line in ("Memory, MiB", "Threads", "Requests in flight")]
    assert len(titles) == 3
    two, *_, none = lines[titles[2] + 1 : titles[2] + 5]
    assert two.startswith("  2│   ") and none.startswith("  0│⣀")
    assert MARKERS[0] in two and MARKERS[0] in none  # nothing at first, then two
    assert sum("before" in line for line in lines) == 1  # one legend


SPACE = "{http://www.w3.org/2000/svg}"


def with_traffic(variant: Measured) -> Measured:
    """With two requests in flight in the middle of each run."""
    requests = tuple(SeenRequest("GET", "/", (), b"", 0.5, 1.0 + step, 200) for step in range(2))
    seen = Observation(0, "", "", {}, Traffic(requests))
    return replace(variant, observations=(seen, seen, seen))


def test_the_picture_has_a_panel_for_each_thing_and_is_escaped_and_self_contained() -> None:
    variants = (with_traffic(measured("before", 40, 2.0)), with_traffic(measured("<script>&", 20, 1.0)))
    svg = timeline_svg(variants, title='"x" <b>')
    root = ElementTree.fromstring(svg)
    assert root.find(f"{SPACE}title").text == '"x" <b>'  # type: ignore[union-attr]
    assert len(root.findall(f"{SPACE}polyline")) == 6  # memory, threads and requests in flight of both
    texts = [element.text or "" for element in root.findall(f"{SPACE}text")]
    assert {"Memory, MiB", "Threads", "Requests in flight", "seconds"} <= set(texts)
    assert "before: at most 40.0 MiB, 2 threads, 2 in flight, 2.00 s" in texts
    assert not root.findall(f".//{SPACE}script")
    assert "prefers-color-scheme:dark" in svg
    assert svg.count("http") == 1  # the namespace
    rising = root.findall(f"{SPACE}polyline")[0].get("points", "").split()
    heights = [float(point.split(",")[1]) for point in rising]
    assert heights == sorted(heights, reverse=True)  # upwards is less


def test_a_picture_for_one_background_has_no_other() -> None:
    light = timeline_svg([measured("a", 40, 2.0)], title="x", theme=Theme.LIGHT)
    dark = timeline_svg([measured("a", 40, 2.0)], title="x", theme=Theme.DARK)
    assert "@media" not in light + dark and "#fff" in light and "#fff}" not in dark


def test_the_picture_as_png() -> None:
    svg = timeline_svg([measured("a", 40, 2.0)], title="x", theme=Theme.LIGHT)
    png = bytes(pytest.importorskip("resvg_py").svg_to_bytes(svg_string=svg))
    assert png.startswith(b"\x89PNG") and len(png) > 3000


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_has_all_and_needs_nothing() -> None:
    difference = Difference(Aspect.STDOUT, "standard output: 1 lines gone, 1 lines new", "-<b>a\n+\x1b[2Jb\n")
    gates = (Gate("max-slowdown", Metric.WALL, 1.1, 1.5),)
    changed = {"Group g1": [FileChange("job.py", b"a = 1\n", b"a = 2\n<script>alert(1)</script>\n")]}
    behaviour = Behaviour(tuple(Aspect)[:4], (difference,), (Aspect.FILES,), ())
    text = verify_html(result(behaviour=behaviour, gates=gates, notes=("Look <here>.",)), changed)
    page = Page(text)
    assert "script" not in page.tags and "<script" not in text and "\x1b" not in text
    assert all(link.startswith("#") for link in page.links)
    assert {"svg", "table", "details"} <= set(page.tags)
    for part in ("The behaviour differs", "standard output", "-<b>a", "+\\x1b[2Jb", "differs from run to run",
                 "not met", "Look <here>.", "Group g1", "job.py", "alert(1)", "0.50 (0.50 – 0.50)"):  # fmt: skip
        assert part in page.text
    assert "default-src 'none'" in text


def test_the_page_of_variants() -> None:
    page = Page(comparison_html(Comparison((measured("threads", 40, 2.0), measured("a&b", 20, 1.0)))))
    assert page.tags.count("svg") == 1
    assert "threads: at most 40.0 MiB" in page.text and "a&b: at most 20.0 MiB" in page.text


def test_the_json_keeps_to_its_schema() -> None:
    schema = json.loads(files(verify_json_module.__package__).joinpath(SCHEMA_FILE).read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    gates = (Gate("max-slowdown", Metric.WALL, 1.1, float("inf")),)
    difference = Difference(Aspect.STDOUT, "x", "y")
    behaviour = Behaviour(tuple(Aspect), (difference,), (Aspect.FILES,), (Pattern("a", "b"),))
    free = measured("free", 0, 0.0)
    ratios = tuple(ratio(metric, free, measured("dear", 10, 1.0)) for metric in Metric)
    worst = result(behaviour=behaviour, gates=gates, notes=("n",), before=free, ratios=ratios)
    both = Comparison((with_traffic(measured("a", 1, 1.0)), replace(measured("b", 1, 1.0), floor=None)))
    for text in (verify_json(result()), verify_json(worst, samples=True), comparison_json(both, samples=True)):
        assert "Infinity" not in text and "NaN" not in text and text.isascii()
        validator.validate(json.loads(text))
    assert json.loads(verify_json(worst))["ratios"]["wall"]["value"] is None
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**json.loads(verify_json(result())), "variants": []})


def test_medians_have_intervals() -> None:
    variant = measured("a", 40, 2.0)
    runs = tuple(replace(run, wall=wall) for run, wall in zip(variant.runs, (1.0, 2.0, 4.0), strict=True))
    assert replace(variant, runs=runs).interval(Metric.WALL) == (1.0, 4.0)
    assert variant.interval(Metric.WALL) == (2.0, 2.0)
