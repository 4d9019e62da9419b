"""The reports on a plan with hostile names: readable at any width, and nothing in them acts."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser

import pytest
import report_samples as samples
from rich.console import Console, RenderableType

from asyncify.model import Colour, FileChange, Group, Plan, Reason, Witness
from asyncify.report.apply_text import applied, refusal_lines
from asyncify.report.diff_html import diff_html
from asyncify.report.diff_text import diff_report, file_report, problem_list
from asyncify.report.diffs import file_diff
from asyncify.report.pages import page
from asyncify.report.reasons import reason_tree
from asyncify.report.scan_json import scan_json
from asyncify.report.scan_text import scan_report
from asyncify.report.why_text import why_report


def rendered(renderable: RenderableType, width: int = 100, terminal: bool = False) -> str:
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
        legacy_windows=False,
    )
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def reports() -> dict[str, RenderableType]:
    preview = samples.preview()
    problem = samples.Problem("blocking-call", samples.span("app.py", 6), f"[red]{samples.ESCAPE}")
    note = samples.Problem("unused-import", samples.span("app.py", 1), "import requests", fatal=False)
    objected = samples.Preview(preview.scan, preview.changes, {"g1": (note, problem)})
    chain = Reason("because of [this]", None, Reason(samples.ESCAPE, samples.span(samples.HOSTILE, 3)))
    matches = [
        Witness("app.[fetch]", Colour.MUST_ASYNC, "becomes async", chain, up=chain),
        Witness("app.free", Colour.FREE, "stays as it is"),
        Witness("app.both", Colour.MUST_SYNC, "must stay sync", chain, Reason("property: no await"), "Do that.", chain),
    ]
    return {
        "scan": scan_report(samples.scan()),
        "diff": diff_report(preview, preview.scan.plan.groups),
        "objected": diff_report(objected, objected.scan.plan.groups),
        "why": why_report(samples.Why(matches)),
        "page": page(f"# Title {samples.ESCAPE}\n\n[red]text[/red] `code` and [a link](http://localhost/)\n"),
    }


@pytest.mark.parametrize("width", [40, 60, 100, 200])
@pytest.mark.parametrize("name", sorted(reports()))
def test_no_line_is_wider_than_the_terminal_and_nothing_is_raw(name: str, width: int) -> None:
    out = rendered(reports()[name], width)
    assert all(len(line) <= width for line in out.splitlines())
    assert "\x1b" not in out
    assert "\x07" not in out


@pytest.mark.parametrize("name", sorted(reports()))
def test_on_a_terminal_only_colours_are_sent(name: str) -> None:
    out = rendered(reports()[name], terminal=True)
    assert "\x1b[" in out
    assert "\x1b" not in re.sub(r"\x1b\[[0-9;]*m", "", out)


def test_markup_of_names_is_text() -> None:
    out = rendered(reports()["diff"], 200)
    assert r"pkg/[red]\x1b[31m<script>alert(1)</script>.py" in out
    assert "[bold]what is it?" in out
    assert "callers [/]" in out


def test_the_scan_says_what_is_there() -> None:
    out = rendered(scan_report(samples.scan()), 100)
    assert re.search(r"requests +1 +1 +· +· +1\n", out)
    assert re.search(r"time_sleep +· +· +· +· +1\n", out)
    assert re.search(r"all +1 +1 +· +· +2\n", out)
    assert re.search(r"g1 +app.fetch and its callers \[/\] +3? *2 +2\n", out)
    assert "12 files, 3,456 lines read in 0.2 s" in out
    assert "1 group can move, changing 2 functions." in out
    assert "old.py:3: invalid syntax" in out
    assert re.search(r"1×  streaming *\n +stream.py:7: stream=True .*\n +→ Read the body at once.", out)


def test_a_scan_of_nothing() -> None:
    assert "Nothing to move" in rendered(scan_report(samples.Scan(Plan((), (), ()))))


def test_the_json_is_one_object_with_every_site() -> None:
    text = scan_json(samples.scan())
    assert text.isascii() and "\x1b" not in text
    document = json.loads(text)
    assert document["schema"] == "asyncify.scan/1"
    assert (document["files"], document["lines"], document["seconds"]) == (12, 3456, 0.25)
    site = document["sites"][0]
    assert site == {
        "rule": "requests",
        "path": "app.py",
        "line": 6,
        "column": 11,
        "function": "app.fetch",
        "verdict": "exact",
        "reason": "requests.get waits for the network",
        "condition": None,
        "group": "g1",
    }
    assert {s["path"] for s in document["sites"]} == {"app.py", samples.HOSTILE, "stream.py", "tick.py"}
    (group,) = document["groups"]
    assert group["verdicts"] == {"exact": 1, "review": 1, "bridge": 0, "keep": 0, "refuse": 0}
    assert [link["text"] for link in group["reason"]] == ["main calls fetch", "requests.get waits for the network"]
    assert {r["code"] for r in document["refusals"]} == {"unclear-sleep", "streaming"}
    assert document["diagnostics"] == [{"path": "old.py", "line": 3, "message": "invalid syntax: print 'x'"}]


def test_the_diff_report_has_all_its_parts_in_order() -> None:
    out = rendered(reports()["diff"], 120)
    parts = [
        "Group g1",
        "2 files, 2 sites: 1 exact, 1 review",
        "main calls fetch  app.py:10",
        "requests.get waits for the network  app.py:6",
        "app.py  +5 -5",
        "async def fetch(url):",
        "aio_requests.py (new file)  +3 -0",
        "verdicts",
        "differs when the header is not ASCII",
        "unclear-sleep: [bold]what is it?",
        "→ Call it by its name.",
        "Left alone",
        "streaming: stream=True",
        "Left out",
    ]
    positions = [out.index(part) for part in parts]
    assert positions == sorted(positions)


def test_an_objection_is_told_from_a_note() -> None:
    out = rendered(reports()["objected"], 120)
    assert out.index("this group will not be written") < out.index("blocking-call") < out.index("note unused-import")


def test_the_diff_of_one_group_leaves_out_what_belongs_to_none() -> None:
    preview = samples.preview()
    assert "streaming" not in rendered(diff_report(preview, ()))


def test_why_goes_both_ways() -> None:
    out = rendered(reports()["why"], 120)
    assert (
        out.index("app.[fetch]  becomes async")
        < out.index("because\n")
        < out.index("up to the entry point")
        < out.index("app.free")
        < out.index("app.both")
        < out.index("it would become async, because")
        < out.index("but it must stay sync, because")
        < out.index("property: no await")
        < out.index("→ Do that.")
    )


def test_each_refused_site_is_one_line() -> None:
    lines = [text.plain for text in refusal_lines(samples.plan())]
    assert lines == [
        "app.py:8 refused unclear-sleep: [bold]what is it? (Call it by its name.)",
        r"stream.py:7 refused streaming: stream=True \x1b]0;owned\x07 (Read the body at once.)",
        "tick.py:2 refused time_sleep: a callback of foreign code",
    ]


class _Page(HTMLParser):
    """Checks nesting, and collects what could act or load."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        for key, value in attrs:
            assert not key.startswith("on")
            assert key not in {"src", "srcset", "style"}
            if key == "id":
                self.ids.append(value or "")
            if key == "href":
                self.links.append(value or "")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _parsed(html: str) -> _Page:
    parser = _Page()
    parser.feed(html)
    parser.close()
    assert not parser.open
    return parser


def test_the_html_page_stands_alone_and_does_nothing() -> None:
    preview = samples.preview()
    html = diff_html(preview, preview.scan.plan.groups)
    parsed = _parsed(html)
    assert not parsed.seen & {"script", "iframe", "img", "link", "object", "base", "form"}
    assert all(link.startswith("#") for link in parsed.links)
    assert {link[1:] for link in parsed.links} <= set(parsed.ids)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert "group-g1" in parsed.ids
    assert "\x1b" not in html
    assert "url(" not in html and "@import" not in html
    assert "prefers-color-scheme: dark" in html


def test_the_html_page_says_what_the_terminal_says() -> None:
    preview = samples.preview()
    text = _parsed(diff_html(preview, preview.scan.plan.groups)).text
    for part in (
        r"pkg/[red]\x1b[31m<script>alert(1)</script>.py",
        "async def fetch(url):",
        "main calls fetch",
        "when the header is not ASCII",
        "Call it by its name.",
        "Left alone",
        "old.py:3",
    ):
        assert part in text


def test_the_html_marks_what_changed_within_a_line() -> None:
    preview = samples.preview()
    html = diff_html(preview, preview.scan.plan.groups)
    assert '<mark><span class="t-keyword">async</span></mark>' in html


def test_the_html_of_no_group() -> None:
    assert "Nothing to move." in diff_html(samples.Preview(samples.Scan(Plan((), (), ())), ()), ())


def test_a_group_that_changes_nothing_is_shown() -> None:
    group = Group("e", "empty", Reason("for the test"), (), ())
    preview = samples.Preview(samples.Scan(Plan((group,), (), ())), ())
    assert "0 files, 0 sites" in rendered(diff_report(preview, (group,)))


def test_a_long_new_file_is_named_but_not_shown() -> None:
    long = FileChange("support.py", None, b"".join(b"line_%d = 1\n" % i for i in range(41)))
    short = FileChange("short.py", None, b"line_0 = 1\n" * 40)
    out = rendered(file_report(file_diff(long)))
    assert "support.py (new file)  +41 -0" in out
    assert "line_0" not in out
    assert "line_0" in rendered(file_report(file_diff(short)))


def test_what_was_written_and_what_is_left_to_do() -> None:
    preview = samples.preview()
    result = samples.Written(["g1"], ["app.py", "requirements.txt"], [samples.HOSTILE])
    out = rendered(applied(result, preview.scan.plan, [f"add aiohttp to {samples.ESCAPE}"]), 200)
    assert "  changed requirements.txt\n" in out and "changed app.py" not in out
    assert "To do by hand: add aiohttp to \\x1b]0;owned\\x07\n" in out
    assert "\x1b" not in out and "new file pkg/[red]\\x1b[31m" in out


def test_a_chain_too_long_to_read_keeps_its_ends() -> None:
    reason = Reason("step 0")
    for number in range(1, 2000):
        reason = Reason(f"step {number}", None, reason)
    out = rendered(reason_tree(reason, "why"), 60)
    assert len(out.splitlines()) == 13
    for part in ("step 1999\n", "… 1,989 steps …", "step 0\n"):
        assert part in re.sub(" +\n", "\n", out)
    group = Group("g", "t", reason, (), ())
    preview = samples.Preview(samples.Scan(Plan((group,), (), ())), ())
    assert _parsed(diff_html(preview, (group,))).text.count("step 1999") == 1


def test_many_objections_are_cut_when_asked() -> None:
    problems = [samples.Problem("blocking-call", samples.span("a.py", line), "sleep") for line in range(1, 31)]
    assert rendered(problem_list(problems)).count("blocking-call") == 30
    cut = rendered(problem_list(problems, most=10))
    assert cut.count("blocking-call") == 10
    assert "… and 20 more" in cut
