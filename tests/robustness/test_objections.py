"""An objection of the check puts back the groups it belongs to, and no others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import asyncify.check
from asyncify.check import Problem
from asyncify.cli.app import app
from asyncify.errors import ExitCode
from asyncify.model import Span

FETCH = """\
import requests


def {name}(url):
    return requests.get(url).text


if __name__ == "__main__":
    print({name}("http://localhost/"))
"""
FILES = {
    "colours.py": FETCH.format(name="colour"),
    "shapes.py": FETCH.format(name="shape"),
    "notes.py": "# nothing that changes\nthings = object()\nthings.shape(1)\nthings.size(2)\n",
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two programs that become two groups, and a file that neither changes."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def objecting(monkeypatch: pytest.MonkeyPatch, line: int, changed: str | None) -> None:
    """Let the check object to a line of ``notes.py`` while the file `changed` is changed (whenever it is asked, if None)."""
    real = asyncify.check.check

    def check(
        before: Mapping[str, bytes],
        after: Mapping[str, bytes],
        config_files: Mapping[str, bytes] | None = None,
        trusted: Collection[str] = (),
    ) -> tuple[Problem, ...]:
        found = real(before, after, config_files, trusted)
        if changed is None or before[changed] != after[changed]:
            place = Span("notes.py", line, 0, line, 10)
            found = (*found, Problem("unawaited-coroutine", place, "this is never awaited"))
        return found

    monkeypatch.setattr(asyncify.check, "check", check)


def applied() -> Result:
    return CliRunner().invoke(app, ["apply", ".", "--yes"])


def test_the_group_whose_function_is_named_is_put_back(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objecting(monkeypatch, 3, "shapes.py")
    result = applied()
    assert result.exit_code == ExitCode.CHECK
    assert (tree / "shapes.py").read_text() == FILES["shapes.py"]
    assert "async def colour" in (tree / "colours.py").read_text()
    assert "shapes.py:5 refused unawaited-coroutine: the check objects to group" in result.stdout


def test_an_objection_that_stays_stops_everything(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objecting(monkeypatch, 3, None)
    assert applied().exit_code == ExitCode.CHECK
    assert {name: (tree / name).read_text() for name in FILES} == FILES


def test_an_objection_that_belongs_to_no_group_stops_everything(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "notes.py").write_text("# nothing\n\nthings = 1\n")
    objecting(monkeypatch, 3, "shapes.py")
    result = applied()
    assert result.exit_code == ExitCode.CHECK
    assert "async def" not in (tree / "colours.py").read_text() + (tree / "shapes.py").read_text()


def test_an_objection_in_a_file_that_one_group_changes(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "notes.py").write_text(FETCH.format(name="note") + "\n# end\n")
    objecting(monkeypatch, 11, "notes.py")
    assert applied().exit_code == ExitCode.CHECK
    assert "async def" not in (tree / "notes.py").read_text()
    assert "async def" in (tree / "colours.py").read_text()


def test_an_objection_that_names_the_module_that_a_group_changes(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "notes.py").write_text("# nothing\n\nimport shapes as forms\n")
    objecting(monkeypatch, 3, "shapes.py")
    assert applied().exit_code == ExitCode.CHECK
    assert (tree / "shapes.py").read_text() == FILES["shapes.py"]
    assert "async def colour" in (tree / "colours.py").read_text()
