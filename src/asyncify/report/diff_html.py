"""The changes of a preview as one HTML file: no script, nothing from the network, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import asyncify
from asyncify.model import FileChange, Group, Reason, Refusal, Site, Span
from asyncify.report.diff_text import hunk_pieces
from asyncify.report.diffs import FileDiff, Line, file_diff
from asyncify.report.facts import any_cost, cost_text, ungrouped, verdict_counts
from asyncify.report.highlight import Piece
from asyncify.report.html import Html, markup, page, tag
from asyncify.report.reasons import links
from asyncify.report.text import anchor, counted
from asyncify.report.views import PreviewView, ProblemView


def diff_html(preview: PreviewView, groups: Sequence[Group], context: int = 3) -> str:
    """The whole page. Every group has the id ``group-ID`` to link to."""
    changes = {change.group: change.changes for change in preview.changes}
    scan = preview.scan
    title = f"asyncify: {scan.root.name or scan.root}"
    sections = [
        _group(group, changes.get(group.id, ()), preview.problems.get(group.id, ()), context) for group in groups
    ]
    rest = ungrouped(scan.plan) if len(groups) == len(scan.plan.groups) else []
    if rest:
        sections.append(tag("section", tag("h2", "Left alone"), _refusals(rest), id="left-alone"))
    if scan.diagnostics:
        items = [
            tag("li", tag("code", d.path if d.line is None else f"{d.path}:{d.line}"), " ", d.message)
            for d in scan.diagnostics
        ]
        sections.append(tag("section", tag("h2", "Left out"), tag("ul", *items), id="left-out"))
    size = f"{counted(scan.files, 'file')}, {counted(scan.lines, 'line')} read, {counted(len(groups), 'group')}"
    body = tag(
        "main",
        tag("header", tag("h1", title), tag("p", f"{size}. Nothing has been written.", class_="quiet")),
        _contents(groups, bool(rest)),
        *sections,
        tag("footer", f"asyncify {asyncify.__version__}", class_="quiet"),
    )
    return page(title, body)


def _contents(groups: Sequence[Group], rest: bool) -> Html:
    rows = [
        tag(
            "li",
            tag("a", group.title, href=f"#{_group_id(group)}"),
            " ",
            tag("span", f"{counted(len(group.paths), 'file')}, {counted(len(group.sites), 'site')}", class_="quiet"),
        )
        for group in groups
    ]
    if rest:
        rows.append(tag("li", tag("a", "Left alone", href="#left-alone")))
    return tag("nav", tag("ol", *rows)) if rows else tag("p", "Nothing to move.")


def _group_id(group: Group) -> str:
    return f"group-{anchor(group.id)}"


def _group(group: Group, changes: Sequence[FileChange], problems: Sequence[ProblemView], context: int) -> Html:
    counts = [
        tag("span", f"{count} {verdict.value}", class_=f"badge {verdict.value}")
        for verdict, count in verdict_counts(group.sites).items()
        if count
    ]
    size = f"{counted(len(group.paths), 'file')}, {counted(len(group.sites), 'site')}"
    return tag(
        "section",
        tag("h2", tag("a", "#", href=f"#{_group_id(group)}", class_="anchor"), " ", group.title),
        tag("p", f"group {group.id}: {size} ", *counts),
        *((tag("p", cost_text(group.cost), class_="quiet"),) if any_cost(group.cost) else ()),
        tag("h3", "Why"),
        _chain(group.reason),
        _problems(problems),
        *(file_html(file_diff(change, context)) for change in changes),
        tag("h3", "Verdicts"),
        _sites(group.sites),
        *((tag("h3", "Refused in this group"), _refusals(group.refusals)) if group.refusals else ()),
        id=_group_id(group),
    )


def _chain(reason: Reason) -> Html:
    out = Html("")
    for link in reversed(links(reason)):
        out = tag("ul", tag("li", link.text, *_place(link.span), out), class_="chain")
    return out


def _place(span: Span | None) -> Iterator[str]:
    if span:
        yield " "
        yield tag("code", str(span), class_="place")


def _problems(problems: Sequence[ProblemView]) -> Html:
    parts = []
    for fatal, title, css in (
        (True, "The check objects; this group will not be written.", "problems"),
        (False, "The check notes:", "notes"),
    ):
        items = [
            tag("li", tag("strong", problem.code), *_place(problem.span), ": ", problem.message)
            for problem in problems
            if problem.fatal is fatal
        ]
        if items:
            parts.append(tag("div", tag("strong", title), tag("ul", *items), class_=css))
    return markup(*parts)


def _sites(sites: Iterable[Site]) -> Html:
    rows = []
    for site in sorted(sites, key=lambda site: (site.span, site.rule)):
        verdict = tag("span", site.verdict.value, class_=f"badge {site.verdict.value}")
        said = tag("strong", site.condition) if site.condition else site.reason.text
        cells = (verdict, tag("code", str(site.span), class_="place"), tag("code", site.rule), said)
        rows.append(tag("tr", *(tag("td", cell) for cell in cells)))
    return tag("div", tag("table", *rows, class_="sites"), class_="scroll")


def _refusals(refusals: Iterable[Refusal]) -> Html:
    items = []
    for refusal in sorted(refusals, key=lambda refusal: (refusal.span, refusal.code)):
        items.append(
            tag(
                "li",
                tag("span", refusal.code, class_="badge refuse"),
                *_place(refusal.span),
                " ",
                refusal.message,
                tag("p", "→ ", refusal.remedy, class_="remedy"),
                *((tag("details", tag("summary", "because"), _chain(refusal.reason)),) if refusal.reason else ()),
            )
        )
    return tag("ul", *items, class_="refusals")


# --- Diffs -----------------------------------------------------------------------------------------------------


def file_html(diff: FileDiff) -> Html:
    """The difference of one file, to be opened; that of a file that is new is closed at first."""
    state = {"added": " (new file)", "removed": " (removed)"}.get(diff.status, "")
    head = tag(
        "summary",
        tag("code", diff.path),
        state,
        " ",
        tag("span", f"+{diff.added}", class_="plus"),
        " ",
        tag("span", f"-{diff.removed}", class_="minus"),
    )
    rows: list[Html] = []
    for i, hunk in enumerate(diff.hunks):
        if i:
            rows.append(tag("tr", tag("td", "⋮", class_="number"), tag("td"), tag("td"), class_="gap"))
        rows += [_line(line, pieces) for line, pieces in zip(hunk, hunk_pieces(hunk), strict=True)]
    return tag(
        "details",
        head,
        tag("div", tag("table", *rows, class_="diff"), class_="scroll"),
        open=None if diff.status == "added" else "",
    )


def _line(line: Line, pieces: Sequence[Piece]) -> Html:
    kind = {"+": "add", "-": "del"}.get(line.sign)
    return tag(
        "tr",
        tag("td", str(line.old or ""), class_="number"),
        tag("td", str(line.new or ""), class_="number"),
        tag("td", tag("span", line.sign, class_="sign"), *_code(line, pieces)),
        class_=kind,
    )


def _code(line: Line, pieces: Sequence[Piece]) -> Iterator[Html]:
    """The pieces, cut where a changed range begins or ends."""
    cuts = sorted({edge for start, stop in line.changed for edge in (start, stop)})
    position = 0
    for piece in pieces:
        end = position + len(piece.text)
        edges = [position, *(cut for cut in cuts if position < cut < end), end]
        for start, stop in pairwise(edges):
            text = piece.text[start - position : stop - position]
            code = tag("span", text, class_=f"t-{piece.kind}") if piece.kind else markup(text)
            inside = any(low <= start and stop <= high for low, high in line.changed)
            yield tag("mark", code) if inside else code
        position = end
