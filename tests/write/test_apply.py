"""Applying: what is written, how, and when nothing is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from write_tree import AFTER, BEFORE, change, snapshot

from asyncify.errors import ChangedError, ExitCode, InternalError
from asyncify.model import FileChange, GroupChange
from asyncify.write import State, apply_changes, before_snapshot, find_root, history, transaction, undo


def test_applies_groups_in_order(root: Path, groups: list[GroupChange]) -> None:
    result = apply_changes(root, groups)
    assert snapshot(root) == AFTER
    assert result.groups == ("g1", "g2")
    assert result.changed == ("a.py", "pkg/crlf.py", "pkg/latin.py")
    assert result.created == ("deep/er/new.py", "new.py")
    assert result.removed == ("old.py",)


def test_the_journal(root: Path, groups: list[GroupChange]) -> None:
    result = apply_changes(root, groups)
    (run,) = history(root)
    assert (run.id, run.state, run.groups) == (result.run, State.APPLIED, ("g1", "g2"))
    assert run.paths == ("a.py", "deep/er/new.py", "new.py", "old.py", "pkg/crlf.py", "pkg/latin.py")
    assert run.entries[0].groups == ("g1", "g2")
    assert run.folders == ("deep", "deep/er")
    manifest = json.loads((root / ".asyncify/journal" / run.id / "manifest.json").read_text())
    assert manifest["schema"] == "asyncify.journal/1"
    assert (root / ".asyncify/.gitignore").read_bytes() == b"*\n"
    assert find_root(root / "pkg") == root
    assert find_root(root.parent) is None


def test_before_snapshot(root: Path, groups: list[GroupChange]) -> None:
    first = apply_changes(root, groups[:1])
    apply_changes(root, groups[1:])
    assert before_snapshot(root) == {
        "a.py": b"import aiohttp\n",
        "old.py": BEFORE["old.py"],
        "pkg/latin.py": BEFORE["pkg/latin.py"],
    }
    assert before_snapshot(root, first.run) == {
        "a.py": BEFORE["a.py"],
        "deep/er/new.py": None,
        "new.py": None,
        "pkg/crlf.py": BEFORE["pkg/crlf.py"],
    }


@pytest.mark.parametrize("empty", [[], [GroupChange("g", ())], [GroupChange("g", (change("same.py", b"same\n"),))]])
def test_nothing_to_write_leaves_no_trace(root: Path, empty: list[GroupChange]) -> None:
    assert apply_changes(root, empty).run is None
    assert not (root / ".asyncify").exists()


def test_mode_bits_stay(root: Path, groups: list[GroupChange]) -> None:
    (root / "a.py").chmod(0o751)
    (root / "pkg/crlf.py").chmod(0o600)
    apply_changes(root, groups)
    assert (root / "a.py").stat().st_mode & 0o7777 == 0o751
    assert (root / "pkg/crlf.py").stat().st_mode & 0o7777 == 0o600
    mask = os.umask(0)
    os.umask(mask)
    assert (root / "new.py").stat().st_mode & 0o7777 == 0o666 & ~mask


def test_writes_through_links(root: Path, groups: list[GroupChange], tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    (root / "a.py").rename(outside)
    (root / "a.py").symlink_to(outside)
    apply_changes(root, groups)
    assert (root / "a.py").is_symlink()
    assert outside.read_bytes() == AFTER["a.py"]
    assert {path.name for path in tmp_path.iterdir()} == {"outside.py", "tree"}


def test_one_file_under_two_names_is_written_once(root: Path) -> None:
    (root / "b.py").symlink_to("a.py")
    both = [change("a.py", b"1\n"), FileChange("b.py", BEFORE["a.py"], b"1\n")]
    assert apply_changes(root, [GroupChange("g", tuple(both))]).changed == ("a.py",)
    assert (root / "b.py").is_symlink() and (root / "b.py").read_bytes() == b"1\n"
    wrong = [FileChange("a.py", b"1\n", b"2\n"), FileChange("b.py", b"1\n", b"3\n")]
    with pytest.raises(InternalError, match="are one file"):
        apply_changes(root, [GroupChange("g", tuple(wrong))])
    assert (root / "a.py").read_bytes() == b"1\n"


def edit(root: Path) -> None:
    (root / "a.py").write_bytes(b"import requests\r\n")


def remove(root: Path) -> None:
    (root / "a.py").unlink()


def occupy(root: Path) -> None:
    (root / "new.py").write_bytes(b"new\n")


def occupy_with_dangling_link(root: Path) -> None:
    (root / "new.py").symlink_to("nowhere")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (edit, "a.py has changed since it was read"),
        (remove, "a.py is gone"),
        (occupy, "new.py exists already"),
        (occupy_with_dangling_link, "new.py exists already"),
    ],
)
def test_refuses_a_tree_that_is_not_what_was_read(root: Path, groups: list[GroupChange], spoil, said: str) -> None:
    spoil(root)
    before = snapshot(root)
    with pytest.raises(ChangedError, match=said) as caught:
        apply_changes(root, groups)
    assert caught.value.exit_code is ExitCode.CHANGED
    assert snapshot(root) == before
    assert history(root) == []


def test_a_file_that_changes_while_we_write(
    root: Path, groups: list[GroupChange], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor saves the last file between our look at it and its turn."""
    stage = transaction.stage

    def stage_then_edit(steps) -> None:
        stage(steps)
        (root / "pkg/latin.py").write_bytes(b"edited\n")

    monkeypatch.setattr(transaction, "stage", stage_then_edit)
    before = snapshot(root) | {"pkg/latin.py": b"edited\n"}
    with pytest.raises(ChangedError, match=r"pkg/latin\.py was changed by someone else"):
        apply_changes(root, groups)
    monkeypatch.undo()
    assert snapshot(root) == before
    assert [run.state for run in history(root)] == [State.ROLLED_BACK]


def test_groups_that_do_not_fit_together(root: Path) -> None:
    wrong = [GroupChange("g1", (change("a.py", b"1"),)), GroupChange("g2", (change("a.py", b"2"),))]
    with pytest.raises(InternalError, match="g2 does not start from what g1 made"):
        apply_changes(root, wrong)


@pytest.mark.parametrize("path", ["../x.py", "/etc/x.py", "a/../../x.py", "", ".asyncify/lock", "a\0b"])
def test_paths_outside_the_tree(root: Path, path: str) -> None:
    with pytest.raises(InternalError):
        apply_changes(root, [GroupChange("g", (FileChange(path, None, b"x"),))])
    assert sorted(child.name for child in root.parent.iterdir()) == ["tree"]


def test_old_runs_that_were_undone_are_forgotten(root: Path) -> None:
    one = [GroupChange("g", (change("a.py", b"1"),))]
    kept = apply_changes(root, [GroupChange("g", (change("same.py", b"other\n"),))])
    for _ in range(25):
        apply_changes(root, one)
        undo(root)
    runs = history(root)
    assert runs[0].id == kept.run  # still applied, so still there
    assert len(runs) <= 22
    assert [run.number for run in runs][1:] == list(range(runs[1].number, 27))


def test_a_file_is_replaced_and_never_rewritten(root: Path, groups: list[GroupChange]) -> None:
    """Whoever has the old file open goes on reading the old bytes, all of them."""
    with (root / "a.py").open("rb") as reader:
        apply_changes(root, groups)
        assert reader.read() == BEFORE["a.py"]
        undone = (root / "a.py").open("rb")
    with undone:
        undo(root)
        assert undone.read() == AFTER["a.py"]
