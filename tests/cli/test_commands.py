"""Each command on a stand-in pipeline: what it asks for, what it says, how it ends."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import report_samples as samples
from click.testing import Result

import asyncify.cli.apply as apply_module
import asyncify.cli.verify as verify_module
from asyncify.errors import ExitCode, UsageError
from asyncify.model import Colour, FileChange, GroupChange, Plan, Reason, Witness
from asyncify.verify.sources import Revision, Snapshot
from asyncify.write import apply_changes

EMPTY = samples.Preview(samples.Scan(Plan((), (), ())), ())


# --- scan ------------------------------------------------------------------------------------------------------


def test_scan_reads_the_current_folder_by_default(run: Any, api: Any, tmp_path: Path) -> None:
    result: Result = run("scan")
    assert result.exit_code == ExitCode.INPUT  # one file of the sample could not be parsed
    (call,) = api.calls
    assert call[:2] == ("scan", (Path(),))
    assert call[2].root == tmp_path


def test_scan_json_alone_is_on_stdout(run: Any, api: Any) -> None:
    result: Result = run("scan", "--format", "json")
    assert json.loads(result.stdout)["schema"] == "asyncify.scan/1"
    assert result.stderr == ""


def test_options_override_the_project_file_and_lists_add_to_it(run: Any, api: Any, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.asyncify]\nhttp = 'native'\nstop-at = ['a.b']\nexclude = ['x/']\n")
    run("scan", "--http", "compat", "--stop-at", "c.d", "--sync-api", "e.*", "--exclude", "y/")
    config = api.calls[0][2]
    assert (config.http, config.stop_at, config.exclude) == ("compat", ("a.b", "c.d"), ("x/",))
    assert config.sync_api == ("e.*",)
    assert config.extend_exclude == ("y/",)
    run("scan")
    assert api.calls[1][2].http == "native"
    assert api.calls[1][2].parallelize == 0
    (tmp_path / "pyproject.toml").write_text("[tool.asyncify]\nparallelize = 4\n")
    for option, expected in (((), 4), (("--parallelize", "16"), 16), (("--parallelize", "0"), 0)):
        run("scan", *option)
        assert api.calls[-1][2].parallelize == expected
    assert run("scan", "--parallelize", "-1").exit_code == 2


def test_what_becomes_of_web_applications(run: Any, api: Any, tmp_path: Path) -> None:
    run("scan")
    (tmp_path / "pyproject.toml").write_text("[tool.asyncify]\nweb = 'quart'\n")
    run("scan")
    run("scan", "--web", "keep")
    assert [call[2].web for call in api.calls] == ["keep", "quart", "keep"]
    assert run("scan", "--web", "django").exit_code == 2


@pytest.mark.parametrize(
    ("level", "refusals", "expected"), [("refuse", True, 1), ("review", True, 1), ("any", True, 1), ("any", False, 0)]
)
def test_scan_fails_on_findings_when_asked(run: Any, api: Any, level: str, refusals: bool, expected: int) -> None:
    if not refusals:
        api.preview_result = EMPTY
    assert run("scan", "--fail-on", level).exit_code == expected


def test_fail_on_refuse_lets_reviews_pass(run: Any, api: Any) -> None:
    full = samples.plan()
    kept = tuple(site for site in full.sites if site.group)
    api.preview_result = samples.Preview(samples.Scan(Plan(full.groups, kept, ())), ())
    assert run("scan", "--fail-on", "refuse").exit_code == 0
    assert run("scan", "--fail-on", "review").exit_code == 1


def test_paths_of_two_projects_are_refused(run: Any, api: Any, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").write_text("")
    result: Result = run("scan", "a", "b")
    assert result.exit_code == ExitCode.USAGE
    assert "different projects" in result.stderr
    (tmp_path / "b" / "pyproject.toml").unlink()
    assert "different projects" in run("scan", "a", "b").stderr
    assert not api.calls


def test_paths_without_a_project_file_are_one_project(run: Any, api: Any, tmp_path: Path) -> None:
    for name in ("a", "b/c"):
        (tmp_path / name).mkdir(parents=True)
    assert run("scan", "b/c", "a").exit_code == 3  # the file the sample leaves out
    assert api.calls[0][2].root == tmp_path


# --- why -------------------------------------------------------------------------------------------------------


def test_why_shows_both_directions(run: Any, api: Any) -> None:
    chain = Reason("main calls fetch", samples.span("app.py", 10), Reason("requests.get waits"))
    witness = Witness("app.fetch", Colour.MUST_ASYNC, "becomes async", chain, up=Reason("main becomes async"))
    api.why_result = samples.Why([witness])
    result: Result = run("why", "fetch")
    assert result.exit_code == 0
    assert "app.fetch  becomes async" in result.stdout
    assert "main calls fetch  app.py:10" in result.stdout
    assert "main becomes async" in result.stdout


def test_why_of_an_unknown_function_suggests(run: Any, api: Any) -> None:
    api.why_result = samples.Why([], ["app.fetch"])
    result: Result = run("why", "fetc\x1b[31m")
    assert result.exit_code == ExitCode.USAGE
    assert "did you mean app.fetch?" in result.stderr
    assert "\x1b" not in result.stderr


# --- diff ------------------------------------------------------------------------------------------------------


def test_diff_shows_the_groups(run: Any, api: Any) -> None:
    result: Result = run("diff")
    assert "async def fetch(url):" in result.stdout
    assert "1 group, 2 files, 2 sites (1 exact and 1 review)" in result.stdout
    assert not any(line.endswith(" ") for line in result.stdout.splitlines())
    assert "\x1b" not in result.stdout


def test_diff_of_an_unknown_group_names_those_there_are(run: Any, api: Any) -> None:
    result: Result = run("diff", "--group", "nope")
    assert result.exit_code == ExitCode.USAGE
    assert "no group 'nope' (there are: g1)" in result.stderr


def test_plain_diff_is_the_patch_and_nothing_else(run: Any, api: Any) -> None:
    result: Result = run("diff", "--plain", "-U", "1")
    assert result.stdout_bytes.startswith(b"diff --git a/app.py b/app.py\n--- a/app.py\n+++ b/app.py\n@@ -1,")
    assert b"\r\n" in result.stdout_bytes  # as in the file


def test_diff_writes_html(run: Any, api: Any, tmp_path: Path) -> None:
    result: Result = run("diff", "--html", "out.html")
    assert result.stdout == "wrote out.html\n"
    assert (tmp_path / "out.html").read_text().startswith("<!doctype html>")
    assert run("diff", "--html", "missing/out.html").exit_code == ExitCode.WRITE
    assert run("diff", "--html", "out.html", "--plain").exit_code == ExitCode.USAGE


def test_diff_of_nothing(run: Any, api: Any) -> None:
    api.preview_result = EMPTY
    result: Result = run("diff")
    assert (result.exit_code, result.stdout) == (0, "Nothing to move.\n")


# --- apply -----------------------------------------------------------------------------------------------------


def applied(api: Any) -> list[Any]:
    return [call[1] for call in api.calls if call[0] == "apply"]


def test_apply_writes_everything_and_lists_what_it_refused(run: Any, api: Any) -> None:
    result: Result = run("apply", ".", "--yes")
    assert result.exit_code == 0
    assert applied(api) == [["g1"]]
    lines = result.stdout.splitlines()
    assert "app.py:8 refused unclear-sleep: [bold]what is it? (Call it by its name.)" in lines
    assert "tick.py:2 refused time_sleep: a callback of foreign code" in lines
    assert "Written: 1 group, 2 files, 2 sites." in lines
    assert "To do by hand: list aiohttp" in lines
    assert any(line.startswith("asyncify undo puts everything back") for line in lines)
    assert "left out old.py" in result.stderr


def test_a_refusal_stays_on_one_line_however_narrow_the_terminal(run: Any, api: Any) -> None:
    result: Result = run("apply", "--yes", COLUMNS="30")
    assert "app.py:8 refused unclear-sleep: [bold]what is it? (Call it by its name.)\n" in result.stdout


def test_apply_without_a_terminal_needs_an_answer(run: Any, api: Any) -> None:
    result: Result = run("apply")
    assert result.exit_code == ExitCode.USAGE
    assert "--yes" in result.stderr
    assert api.calls == []


def test_apply_of_one_group(run: Any, api: Any) -> None:
    assert run("apply", "--group", "g1").exit_code == 0
    assert applied(api) == [["g1"]]
    assert run("apply", "--group", "g2").exit_code == ExitCode.USAGE


def test_nothing_to_do_is_said(run: Any, api: Any) -> None:
    api.preview_result = EMPTY
    result: Result = run("apply", "--yes")
    assert (result.exit_code, result.stdout) == (0, "Nothing to do.\n")
    assert applied(api) == []


def test_a_group_the_check_objects_to_is_not_written(run: Any, api: Any) -> None:
    problem = samples.Problem("blocking-call", samples.span("app.py", 6), "time.sleep")
    api.preview_result = samples.Preview(samples.scan(), samples.preview().changes, {"g1": (problem,)})
    result: Result = run("apply", "--yes")
    assert result.exit_code == ExitCode.CHECK
    assert applied(api) == []
    assert "blocking-call: time.sleep" in result.stderr
    assert "Nothing written." in result.stdout


def test_a_note_of_the_check_holds_nothing_back(run: Any, api: Any) -> None:
    note = samples.Problem("unused-import", samples.span("app.py", 1), "requests", fatal=False)
    api.preview_result = samples.Preview(samples.scan(), samples.preview().changes, {"g1": (note,)})
    assert run("apply", "--yes").exit_code == 0
    assert applied(api) == [["g1"]]


def two_groups() -> samples.Preview:
    from dataclasses import replace

    one = samples.preview()
    (group,) = one.scan.plan.groups
    second = replace(group, id="g2", title="second")
    plan = replace(one.scan.plan, groups=(group, second))
    return samples.Preview(replace(one.scan, plan=plan), (*one.changes, replace(one.changes[0], group="g2")))


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("y\nn\n", [["g1"]]),
        ("n\nyes\n", [["g2"]]),
        ("a\n", [["g1", "g2"]]),
        ("n\na\n", [["g2"]]),
        ("y\nq\n", []),
        ("n\nn\n", []),
        ("what?\nd\ny\nn\n", [["g1"]]),
    ],
)
def test_apply_asks_group_by_group(
    run: Any, api: Any, monkeypatch: pytest.MonkeyPatch, answers: str, expected: list[list[str]]
) -> None:
    monkeypatch.setattr(apply_module, "interactive", lambda: True)
    api.preview_result = two_groups()
    result: Result = run("apply", stdin=answers)
    assert result.exit_code == 0, result.output
    assert applied(api) == expected
    assert "(1/2) write it?" in result.stdout
    assert ("async def fetch(url):" in result.stdout) == ("d\n" in answers.splitlines(keepends=True))
    assert ("Nothing written." in result.stdout) == (not expected)


def test_the_end_of_input_writes_nothing(run: Any, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply_module, "interactive", lambda: True)
    api.preview_result = two_groups()
    result: Result = run("apply", stdin="y\n")
    assert result.exit_code == ExitCode.INTERRUPTED
    assert applied(api) == []


# --- undo ------------------------------------------------------------------------------------------------------


def test_undo_puts_back_the_last_run_from_any_folder_below(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.py").write_bytes(b"old\n")
    change = GroupChange("g1", (FileChange("a.py", b"old\n", b"new\n"), FileChange("[red].py", None, b"x\n")))
    apply_changes(tmp_path, [change])
    (tmp_path / "a.py").write_bytes(b"edited\n")
    monkeypatch.chdir(tmp_path / "sub")
    refused: Result = run("undo")
    assert refused.exit_code == ExitCode.CHANGED
    assert (tmp_path / "a.py").read_bytes() == b"edited\n"
    result: Result = run("undo", "--force")
    assert result.exit_code == 0
    assert "Put back: 2 files.\n" in result.stdout
    assert "  [red].py\n" in result.stdout
    assert "edits of a.py were overwritten" in result.stdout
    assert (tmp_path / "a.py").read_bytes() == b"old\n"
    assert not (tmp_path / "[red].py").exists()


def test_nothing_to_undo(run: Any) -> None:
    result: Result = run("undo")
    assert result.exit_code == ExitCode.USAGE
    assert "nothing to undo" in result.stderr


# --- verify ----------------------------------------------------------------------------------------------------


def test_what_stands_behind_the_dashes_is_the_program(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def fake(before: Any, after: Any, program: Any, **options: Any) -> Any:
        asked.append((before, after, program, options))
        raise UsageError("enough")

    monkeypatch.setattr(verify_module, "verify", fake)
    Path("a").mkdir()
    Path("b").mkdir()
    result: Result = run(
        "verify",
        "a",
        "--before",
        "b",
        "--runs",
        "5",
        "--require-cpu-saving",
        "30%",
        "--",
        "pytest",
        "--runs",
        "2",
        "--",
    )
    assert result.stderr == "asyncify: error: enough\n"
    ((before, after, program, options),) = asked
    assert (before, after) == (Path("b").absolute(), Path("a").absolute())
    assert program == ("pytest", "--runs", "2", "--")
    assert (options["runs"], options["require_cpu_saving"], options["require_memory_saving"]) == (5, 0.3, None)


@pytest.mark.parametrize("text", ["120%", "-1", "much", "1.0", "nan"])
def test_a_share_is_less_than_the_whole(run: Any, text: str) -> None:
    result: Result = run("verify", f"--require-memory-saving={text}", "--", "true")
    assert result.exit_code == ExitCode.USAGE
    assert "is no share" in result.stderr


def test_the_version_before_is_a_folder_a_revision_or_the_last_apply(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "pkg").mkdir(parents=True)
    (project / "pkg" / "a.py").write_bytes(b"old\n")
    (project / "b.py").write_bytes(b"old b\n")
    with pytest.raises(UsageError, match="nothing was applied"):
        verify_module.version(None, project)
    files = (
        FileChange("pkg/a.py", b"old\n", b"new\n"),
        FileChange("pkg/new.py", None, b"x\n"),
        FileChange("b.py", b"old b\n", b"new b\n"),
    )
    apply_changes(project, [GroupChange("g", files)])
    whole = {"pkg/a.py": b"old\n", "pkg/new.py": None, "b.py": b"old b\n"}
    assert verify_module.version(None, project) == Snapshot(project, whole)
    below = verify_module.version(None, project / "pkg")
    assert below == Snapshot(project / "pkg", {"a.py": b"old\n", "new.py": None})
    assert verify_module.version("git:HEAD~1", project) == Revision(project, "HEAD~1")
    assert verify_module.version(str(tmp_path), project) == tmp_path
    with pytest.raises(UsageError, match="say git:HEAD"):
        verify_module.version("HEAD", project)


# --- explain, completion ---------------------------------------------------------------------------------------


def test_explain_lists_and_explains_everything_it_lists(run: Any) -> None:
    from asyncify.cli.topics import topics

    listed: Result = run("explain")
    assert listed.exit_code == 0
    names = [topic.name for topic in topics()]
    assert {"requests", "time_sleep", "blocking-call"} <= set(names)
    for name in names:
        assert name in listed.stdout
        page: Result = run("explain", name)
        assert page.exit_code == 0
        assert len(page.stdout.splitlines()) >= 3


def test_explain_suggests(run: Any) -> None:
    result: Result = run("explain", "request")
    assert result.exit_code == ExitCode.USAGE
    assert "did you mean requests" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(run: Any, shell: str) -> None:
    result: Result = run("completion", shell)
    assert result.exit_code == 0
    assert f"_ASYNCIFY_COMPLETE={shell}_complete" in result.stdout
    assert result.stderr == ""


def test_a_verification_writes_all_its_files(run: Any, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    old, new = b"print('hi')\n", b"x = 1\nprint('hi')\n"
    (project / "job.py").write_bytes(old)
    apply_changes(project, [GroupChange("g7", (FileChange("job.py", old, new),))])
    names = {option: tmp_path / f"out.{option}" for option in ("json", "html", "svg", "png")}
    options = [word for option, file in names.items() for word in (f"--{option}", str(file))]
    result: Result = run("verify", str(project), "--runs=1", "--warmup=0", *options, "--", sys.executable, "job.py")
    assert result.exit_code == 0, result.output
    assert json.loads(names["json"].read_text())["ok"] is True
    page = names["html"].read_text()
    assert "Group g7" in page and "job.py" in page and "Same behaviour" in page
    assert names["svg"].read_text().startswith("<svg")
    assert names["png"].read_bytes().startswith(b"\x89PNG")


def test_variants_side_by_side(run: Any, tmp_path: Path) -> None:
    variants = [
        f"--compare={name}={shlex.quote(sys.executable)} -c 'print({number})'" for number, name in enumerate("ab")
    ]
    file = tmp_path / "out.json"
    result: Result = run("verify", str(tmp_path), "--runs=1", "--warmup=0", *variants, "--json", str(file))
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].split() == ["a", "b"]
    assert [each["name"] for each in json.loads(file.read_text())["variants"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--compare=python x.py",), "say NAME=CMD"),
        (("--compare=a=",), "say NAME=CMD"),
        (("--compare=a=echo 'x",), "No closing quotation"),
        (("--compare=a=true", "--compare=a=false"), "called 'a'"),
        (("--compare=a=true", "--max-slowdown=1.1"), "demands"),
        (("--compare=a=true", "--", "true"), "leave out"),
    ],
)
def test_variants_that_cannot_be(run: Any, args: tuple[str, ...], message: str) -> None:
    result: Result = run("verify", *args)
    assert result.exit_code == ExitCode.USAGE
    assert message in result.stderr
