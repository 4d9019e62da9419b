"""Undoing: byte for byte, in turn, and never over somebody's edits unasked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from write_tree import AFTER, BEFORE, change, snapshot

from asyncify.errors import ChangedError, InputError, UsageError
from asyncify.model import FileChange, GroupChange
from asyncify.write import State, apply_changes, before_snapshot, history, undo


def test_puts_everything_back(root: Path, groups: list[GroupChange]) -> None:
    (root / "old.py").chmod(0o640)
    (root / "a.py").chmod(0o755)
    before = snapshot(root)
    run = apply_changes(root, groups).run
    result = undo(root)
    assert snapshot(root) == before
    assert (root / "old.py").stat().st_mode & 0o7777 == 0o640
    assert (root / "a.py").stat().st_mode & 0o7777 == 0o755
    assert result.run == run
    assert result.restored == ("a.py", "deep/er/new.py", "new.py", "old.py", "pkg/crlf.py", "pkg/latin.py")
    assert [item.state for item in history(root)] == [State.UNDONE]


def test_undo_goes_back_run_by_run(root: Path, groups: list[GroupChange]) -> None:
    before = snapshot(root)
    apply_changes(root, groups[:1])
    between = snapshot(root)
    apply_changes(root, groups[1:])
    undo(root)
    assert snapshot(root) == between
    undo(root)
    assert snapshot(root) == before
    with pytest.raises(UsageError, match="nothing to undo"):
        undo(root)


def test_without_a_journal(root: Path) -> None:
    with pytest.raises(UsageError, match="nothing to undo"):
        undo(root)
    with pytest.raises(UsageError):
        before_snapshot(root)
    assert not (root / ".asyncify").exists()


def test_a_run_by_its_id(root: Path) -> None:
    first = apply_changes(root, [GroupChange("1", (change("a.py", b"1"),))])
    apply_changes(root, [GroupChange("2", (change("same.py", b"2"),))])
    undo(root, run=first.run)
    assert (root / "a.py").read_bytes() == BEFORE["a.py"]
    assert (root / "same.py").read_bytes() == b"2"
    with pytest.raises(UsageError, match="undone already"):
        undo(root, run=first.run)
    with pytest.raises(UsageError, match=r"no run '\.\./x'"):
        undo(root, run="../x")


def test_apply_after_undo(root: Path, groups: list[GroupChange]) -> None:
    apply_changes(root, groups)
    undo(root)
    apply_changes(root, groups)
    assert snapshot(root) == AFTER


def test_edits_are_not_lost(root: Path, groups: list[GroupChange]) -> None:
    before = snapshot(root)
    apply_changes(root, groups)
    (root / "a.py").write_bytes(b"edited\n")
    (root / "new.py").unlink()  # as it was before: fine
    (root / "pkg/latin.py").unlink()
    edited = snapshot(root)
    with pytest.raises(ChangedError, match=r"a\.py, pkg/latin\.py \(gone\)"):
        undo(root)
    assert snapshot(root) == edited
    assert [run.state for run in history(root)] == [State.APPLIED]

    result = undo(root, force=True)
    assert snapshot(root) == before
    assert result.overwritten == ("a.py", "pkg/latin.py")
    assert result.untouched == ("new.py",)
    (run,) = history(root)
    assert (root / ".asyncify/journal" / run.id / "blobs" / run.overwritten["a.py"]).read_bytes() == b"edited\n"


def test_new_folders_stay_if_somebody_uses_them(root: Path, groups: list[GroupChange]) -> None:
    before = snapshot(root)
    apply_changes(root, groups)
    (root / "deep/er/__pycache__").mkdir()
    (root / "deep/er/__pycache__/new.cpython-311.pyc").write_bytes(b"")
    (root / "deep/mine.txt").write_bytes(b"mine")
    undo(root)
    assert snapshot(root) == before | {"deep": None, "deep/mine.txt": b"mine"}


def test_a_folder_that_vanished_comes_back(root: Path) -> None:
    apply_changes(root, [GroupChange("g", (change("pkg/crlf.py", None), change("pkg/latin.py", None)))])
    (root / "pkg").rmdir()
    undo(root)
    assert snapshot(root) == {**BEFORE, "pkg": None}


def test_through_links(root: Path, groups: list[GroupChange], tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    (root / "a.py").rename(outside)
    (root / "a.py").symlink_to(outside)
    apply_changes(root, groups)
    undo(root)
    assert (root / "a.py").is_symlink()
    assert outside.read_bytes() == BEFORE["a.py"]


def test_a_damaged_journal(root: Path, groups: list[GroupChange]) -> None:
    run = apply_changes(root, groups).run
    (entry,) = (item for item in history(root)[0].entries if item.path == "old.py")
    blob = root / f".asyncify/journal/{run}/blobs/{entry.before}"
    blob.write_bytes(b"something else")
    with pytest.raises(InputError, match="has changed"):
        undo(root)
    blob.unlink()
    with pytest.raises(InputError, match="is missing"):
        before_snapshot(root)
    assert snapshot(root) == AFTER


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document["entries"][0].update(path="../../evil.py"),
        lambda document: document["entries"][0].update(before="../../../secret"),
        lambda document: document.update(folders=["/tmp"]),
        lambda document: document.update(state="lost"),
        lambda document: document.update(schema="asyncify.journal/99"),
        lambda document: document.pop("entries"),
        lambda document: document.update(overwritten=[]),
    ],
)
def test_a_journal_somebody_tampered_with(root: Path, groups: list[GroupChange], spoil) -> None:
    manifest = root / f".asyncify/journal/{apply_changes(root, groups).run}/manifest.json"
    document = json.loads(manifest.read_text())
    spoil(document)
    manifest.write_text(json.dumps(document))
    with pytest.raises(InputError):
        undo(root)
    assert snapshot(root) == AFTER


def test_manifest_that_is_no_json(root: Path, groups: list[GroupChange]) -> None:
    (root / f".asyncify/journal/{apply_changes(root, groups).run}/manifest.json").write_bytes(b"\xff{")
    with pytest.raises(InputError, match="damaged"):
        undo(root)


def test_an_apply_that_never_began_is_what_is_undone(root: Path, groups: list[GroupChange]) -> None:
    """Killed before the manifest: the run before it is not touched by the undo that follows."""
    apply_changes(root, [GroupChange("g", (FileChange("same.py", BEFORE["same.py"], b"1"),))])
    (root / ".asyncify/journal/0002-20200101T000000Z/blobs").mkdir(parents=True)
    assert undo(root).restored == ()
    assert (root / "same.py").read_bytes() == b"1"
    assert undo(root).restored == ("same.py",)
