"""Two writers in one tree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from write_tree import AFTER, snapshot

from asyncify.errors import WriteError
from asyncify.model import GroupChange
from asyncify.write import apply_changes, lock, undo


@pytest.fixture(params=["system", "process id"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "process id":
        monkeypatch.setattr(lock, "fcntl", None)
    elif lock.fcntl is None:
        pytest.skip("files cannot be locked here")
    return str(request.param)


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_second_is_refused(root: Path, groups: list[GroupChange], way: str) -> None:
    (root / ".asyncify").mkdir()
    before = snapshot(root)
    with lock.locked(root / ".asyncify"):
        with pytest.raises(WriteError, match=rf"another asyncify \(process {os.getpid()}\) is writing"):
            apply_changes(root, groups)
        with pytest.raises(WriteError, match="another asyncify"):
            undo(root)
    assert snapshot(root) == before
    apply_changes(root, groups)
    assert snapshot(root) == AFTER


def test_the_lock_of_a_dead_process_is_taken_over(root: Path, groups: list[GroupChange], way: str) -> None:
    (root / ".asyncify").mkdir()
    for name in ("lock", "lock.pid"):
        (root / ".asyncify" / name).write_text(f"{dead_process()}\n")
    apply_changes(root, groups)
    assert snapshot(root) == AFTER


@pytest.mark.parametrize("content", ["", "rubbish", "99999999999999999999", "-1", "\xff"])
def test_a_lock_file_with_rubbish(root: Path, groups: list[GroupChange], way: str, content: str) -> None:
    (root / ".asyncify").mkdir()
    for name in ("lock", "lock.pid"):
        (root / ".asyncify" / name).write_bytes(content.encode("latin-1"))
    apply_changes(root, groups)
    assert snapshot(root) == AFTER


def test_the_lock_goes_with_a_killed_process(root: Path, groups: list[GroupChange], way: str) -> None:
    (root / ".asyncify").mkdir()
    code = f"""
import os, signal
from pathlib import Path
from asyncify.write import lock
if {way!r} == "process id":
    lock.fcntl = None
with lock.locked(Path({str(root / ".asyncify")!r})):
    os.kill(os.getpid(), signal.SIGTERM)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode != 0
    apply_changes(root, groups)
    assert snapshot(root) == AFTER
