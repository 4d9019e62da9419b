"""A verification or comparison as one HTML file: the picture, the figures, behaviour, and the diffs between the versions.

No script and nothing from the network; light and dark by the reader's preference.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

import asyncify
from asyncify.model import FileChange
from asyncify.report.diff_html import file_html
from asyncify.report.diffs import file_diff
from asyncify.report.figures import ROWS, ending, gate_text, named, ratio_text, value_text
from asyncify.report.html import Html, markup, page, tag
from asyncify.report.text import clean, counted
from asyncify.report.timeline_svg import timeline_svg
from asyncify.verify.behaviour import Behaviour, Difference
from asyncify.verify.result import Comparison, Measured, Metric, Ratio, VerifyResult

OUTPUT_LINES = 40  # of the output of a run that failed
DIFF_LINES = 2000  # of a difference of behaviour


def verify_html(result: VerifyResult, changes: Mapping[str, Sequence[FileChange]]) -> str:
    """The page of two versions. `changes` are the files that differ between them, by the title of their section."""
    verdict = "Same behaviour" if result.behaviour.same else "The behaviour differs"
    before, after = result.before, result.after
    body = tag(
        "main",
        _head(f"asyncify verify: {verdict.lower()}", before.command),
        tag("p", verdict, class_=f"verdict {'exact' if result.behaviour.same else 'refuse'}"),
        timeline_svg((before, after), title="Before and after, over time"),
        tag("section", tag("h2", "Cost"), _costs(result), *_gates(result), *_notes(result.notes), id="cost"),
        tag("section", tag("h2", "Behaviour"), *_behaviour(result.behaviour), id="behaviour"),
        *_failures((before, after)),
        *_changes(changes),
        tag("footer", f"asyncify {asyncify.__version__}", class_="quiet"),
    )
    return page(f"asyncify verify: {verdict.lower()}", body)


def comparison_html(comparison: Comparison) -> str:
    """The page of any number of variants."""
    title = f"asyncify verify: {counted(len(comparison.variants), 'variant')} side by side"
    body = tag(
        "main",
        tag("header", tag("h1", title)),
        timeline_svg(comparison.variants, title="Over time, the run with the median peak of each"),
        tag("section", tag("h2", "Cost"), _side_by_side(comparison), id="cost"),
        tag("section", tag("h2", "Commands"), _commands(comparison), id="commands"),
        *_failures(comparison.variants),
        tag("footer", f"asyncify {asyncify.__version__}", class_="quiet"),
    )
    return page(title, body)


def _head(title: str, command: Sequence[str]) -> Html:
    return tag("header", tag("h1", title), tag("p", tag("code", shlex.join(command)), class_="quiet"))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    """The first column is text, the others are figures."""

    def cells(name: str, row: Sequence[str]) -> Iterator[Html]:
        for number, cell in enumerate(row):
            yield tag(name, cell, class_="value" if number else None)

    table = tag(
        "table", tag("tr", *cells("th", head)), *(tag("tr", *cells("td", row)) for row in rows), class_="figures"
    )
    return tag("div", table, class_="scroll")


def _costs(result: VerifyResult) -> Html:
    runs = counted(len(result.before.runs), "run")
    head = (f"median of {runs} (95 % interval)", "before", "after", "after / before")
    rows: list[tuple[str, ...]] = [
        (named(each.metric), _median(result.before, each.metric), _median(result.after, each.metric), _ratio(each))
        for each in result.ratios
    ]
    for name, read in ROWS[3:]:
        before, after = read(result.before), read(result.after)
        if before is not None and after is not None:
            rows.append((name, before, after, ""))
    return _table(head, rows)


def _median(measured: Measured, metric: Metric) -> Html:
    low, high = measured.interval(metric)
    text = value_text(metric, measured.median(metric))
    if len(measured.runs) < 2:
        return markup(text)
    interval = f"({value_text(metric, low).split()[0]} – {value_text(metric, high).split()[0]})"
    return markup(tag("span", text), " ", tag("span", interval, class_="quiet"))


def _ratio(each: Ratio) -> Html:
    # An interval that reaches over 1 is no finding.
    value, _, interval = ratio_text(each).partition(" ")
    css = "plus" if each.high < 1 else "minus" if each.low > 1 else None
    return markup(tag("span", value, class_=css), " ", tag("span", interval, class_=css))


def _side_by_side(comparison: Comparison) -> Html:
    rows = []
    for name, read in ROWS:
        values = [read(variant) for variant in comparison.variants]
        if any(value is not None for value in values):
            rows.append((name, *("–" if value is None else value for value in values)))
    return _table(("", *(variant.name for variant in comparison.variants)), rows)


def _commands(comparison: Comparison) -> Html:
    return tag(
        "ul", *(tag("li", each.name, ": ", tag("code", shlex.join(each.command))) for each in comparison.variants)
    )


def _gates(result: VerifyResult) -> Iterator[Html]:
    if result.gates:
        items = [
            tag("li", tag("strong", "met" if each.met else "not met", class_="plus" if each.met else "minus"), " ",
                gate_text(each))
            for each in result.gates
        ]  # fmt: skip
        yield tag("h3", "Demands")
        yield tag("ul", *items)


def _notes(notes: Sequence[str]) -> Iterator[Html]:
    if notes:
        yield tag("ul", *(tag("li", note, class_="review") for note in notes))


def _behaviour(behaviour: Behaviour) -> Iterator[Html]:
    differing = {difference.aspect: difference for difference in behaviour.differences}
    rows = []
    for aspect in behaviour.compared:
        if found := differing.get(aspect):
            said, css, note = "different", "minus", found.message.removeprefix(f"{aspect}: ")
        elif aspect in behaviour.unstable:
            said, css, note = (
                "same",
                "review",
                "differs from run to run before, too; each run after matches one of them",
            )
        else:
            said, css, note = "same", "plus", ""
        rows.append(tag("tr", tag("td", said, class_=css), tag("td", aspect.value), tag("td", note)))
    yield tag("div", tag("table", *rows, class_="figures"), class_="scroll")
    for pattern in behaviour.patterns[1:]:  # the first one is that for tracebacks, always applied
        yield tag("p", f"In the output, {pattern.pattern} was replaced by {pattern.replacement!r} before comparing.")
    for difference in behaviour.differences:
        yield from _difference(difference)


def _difference(difference: Difference) -> Iterator[Html]:
    if not difference.diff:
        return
    lines = clean(difference.diff).splitlines()
    parts: list[str] = []
    for line in lines[:DIFF_LINES]:
        css = {"+": "add", "-": "del"}.get(line[:1])
        parts += [tag("span", line, class_=css) if css and not line.startswith(("+++", "---")) else line, "\n"]
    if len(lines) > DIFF_LINES:
        parts.append(f"… {counted(len(lines) - DIFF_LINES, 'more line')}")
    yield tag("details", tag("summary", difference.aspect.value), tag("pre", *parts), open="")


def _failures(variants: Sequence[Measured]) -> Iterator[Html]:
    """The output of the first run of each variant that did not end well."""
    for variant in variants:
        failed = next((run for run in variant.runs if run.exit_code != 0), None)
        if failed is not None:
            output = (failed.stdout + b"\n" + failed.stderr).decode("utf-8", "backslashreplace")
            lines = [line for line in clean(output).splitlines() if line.strip()]
            yield tag(
                "details",
                tag("summary", f"{variant.name} {ending(failed)}; its last lines"),
                tag("pre", "\n".join(lines[-OUTPUT_LINES:]) or "(no output)"),
                open="",
            )


def _changes(changes: Mapping[str, Sequence[FileChange]]) -> Iterator[Html]:
    if any(changes.values()):
        yield tag("h2", "What changed in the program", id="changes")
    for title, files in changes.items():
        if files:
            if title:
                yield tag("h3", title)
            yield from (file_html(file_diff(each)) for each in files)
