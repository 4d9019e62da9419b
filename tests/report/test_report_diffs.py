"""Diffs: what git and patch make of the plain one, and what the side report shows."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncify.model import FileChange
from asyncify.report.diffs import file_diff, patch

CASES = {
    "change": FileChange("a.py", b"one\ntwo\nthree\n", b"one\n2\nthree\n"),
    "new file": FileChange("new/b.py", None, b"fresh\n"),
    "removed": FileChange("c.py", b"gone\n", None),
    "no newline before": FileChange("d.py", b"x = 1", b"x = 2\n"),
    "no newline after": FileChange("e.py", b"x = 1\ny\n", b"x = 1\nz"),
    "crlf": FileChange("f.py", b"a\r\nb\r\nc\r\n", b"a\r\nB\r\nc\r\n"),
    "lone carriage return": FileChange("g.py", b"a\rb\nc\n", b"a\rb\nC\n"),
    "latin-1": FileChange(
        "h.py", b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", b"# -*- coding: latin-1 -*-\ny = '\xe9'\n"
    ),
    "form feed": FileChange("i.py", b"a\n\x0c\nb\n", b"a\n\x0c\nc\n"),
    "space in name": FileChange("dir with space/j k.py", b"a\n", b"b\n"),
    "non-ascii name": FileChange("straße.py", b"a\n", b"b\n"),
    "empty new file": FileChange("pkg/__init__.py", None, b""),
    "many hunks": FileChange(
        "l.py", b"\n".join(b"%d" % i for i in range(99)), b"\n".join(b"%d" % (i * (i % 20 != 7)) for i in range(99))
    ),
}
QUOTED = FileChange('we"ird\t\\name.py', b"a\n", b"b\n")


def _tree(root: Path, changes: list[FileChange]) -> None:
    for change in changes:
        if change.before is not None:
            path = root / change.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(change.before)


def _assert_applied(root: Path, changes: list[FileChange]) -> None:
    for change in changes:
        path = root / change.path
        assert (path.read_bytes() if path.exists() else None) == change.after


@pytest.mark.parametrize("context", [0, 3])
def test_git_applies_the_patch(tmp_path: Path, context: int) -> None:
    changes = [*CASES.values(), QUOTED]
    _tree(tmp_path, changes)
    command = ["git", "apply", "--unidiff-zero"] if context == 0 else ["git", "apply"]
    subprocess.run(command, input=patch(changes, context), cwd=tmp_path, check=True)
    _assert_applied(tmp_path, changes)


@pytest.mark.skipif(not shutil.which("patch"), reason="patch is not installed")
@pytest.mark.parametrize("name", sorted(CASES))
def test_patch_applies_the_patch(tmp_path: Path, name: str) -> None:
    _tree(tmp_path, [CASES[name]])
    subprocess.run(["patch", "-p1", "--binary", "-s"], input=patch([CASES[name]]), cwd=tmp_path, check=True)
    _assert_applied(tmp_path, [CASES[name]])


_SOURCE = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\r\n", b"\n", b"\xff\n"]), max_size=12).map(b"".join)


@given(before=_SOURCE, after=_SOURCE, tail=st.sampled_from([b"", b"end"]), context=st.integers(1, 4))
def test_any_patch_applies(
    tmp_path_factory: pytest.TempPathFactory, before: bytes, after: bytes, tail: bytes, context: int
) -> None:
    root = tmp_path_factory.mktemp("tree")
    change = FileChange("x.py", before, after + tail)
    data = patch([change], context)
    assert (data == b"") == (change.before == change.after)
    if data:
        _tree(root, [change])
        subprocess.run(["git", "apply"], input=data, cwd=root, check=True)
        _assert_applied(root, [change])


def test_changes_within_a_line_are_marked() -> None:
    diff = file_diff(FileChange("a.py", b"x = get(url)\n", b"x = await get(url)\n"))
    (hunk,) = diff.hunks
    assert [(line.sign, line.changed) for line in hunk] == [("-", ()), ("+", ((4, 9),))]
    assert hunk[1].text[4:9] == "await"


def test_unlike_lines_are_not_marked() -> None:
    diff = file_diff(FileChange("a.py", b"import requests\n", b"x = {1: 2}\n"))
    assert all(not line.changed for line in diff.hunks[0])


def test_counts_status_and_numbers() -> None:
    diff = file_diff(CASES["many hunks"])
    assert (diff.status, diff.added, diff.removed) == ("changed", 5, 5)
    assert {line.old for hunk in diff.hunks for line in hunk if line.sign == "-"} == {8, 28, 48, 68, 88}
    assert file_diff(CASES["new file"]).status == "added"
    assert file_diff(CASES["removed"]).status == "removed"


def test_source_cannot_steer_the_terminal() -> None:
    diff = file_diff(FileChange("a.py", b"", b"x = '\x1b[31m\xc2\x9b\xe2\x80\xae'\t# \x07\n"))
    assert diff.hunks[0][0].text.isprintable()


def test_an_unknown_encoding_is_shown_as_it_can_be() -> None:
    diff = file_diff(FileChange("a.py", None, b"# coding: nonsense\nx = '\xff'\n"))
    assert diff.hunks[0][1].text == r"x = '\xff'"
