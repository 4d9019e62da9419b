"""The system refuses in the middle: everything is put back, and the error says what happened."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from write_tree import AFTER, snapshot

from asyncify.errors import ChangedError, ExitCode, WriteError
from asyncify.model import GroupChange
from asyncify.write import State, apply_changes, history, undo


def leftovers(root: Path) -> list[str]:
    return [path.name for path in root.rglob(".asyncify-*")]


class Failing:
    """Lets a function of `os` fail at its n-th call, or at every call on a path that ends so."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, name: str, number: int, code: int, lasting: bool = False
    ) -> None:
        self.calls = 0
        self.real = getattr(os, name)
        self.number, self.code, self.lasting = number, code, lasting
        monkeypatch.setattr(os, name, self)

    def __call__(self, *args: object, **more: object) -> object:
        self.calls += 1
        if self.calls == self.number or (self.lasting and self.calls > self.number):
            raise OSError(
                self.code, os.strerror(self.code), args[0] if isinstance(args[0], str | os.PathLike) else None
            )
        return self.real(*args, **more)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("replace", errno.ENOSPC),
        ("replace", errno.EACCES),
        ("write", errno.ENOSPC),
        ("fsync", errno.EIO),
        ("open", errno.EACCES),
        ("mkdir", errno.EACCES),
        ("unlink", errno.EACCES),
    ],
)
def test_each_call_may_fail_once(
    root: Path, groups: list[GroupChange], monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    before = snapshot(root)
    failures = 0
    for number in range(1, 200):
        with monkeypatch.context() as patch:
            failing = Failing(patch, name, number, code)
            try:
                apply_changes(root, groups)
            except WriteError as error:
                failures += 1
                assert error.exit_code is ExitCode.WRITE
                assert os.strerror(code) in str(error)
                written = False
            else:
                written = True
        if written:
            assert snapshot(root) == AFTER
            undo(root)
        elif any(run.state is State.WRITING for run in history(root)):
            undo(root)  # the failure hit the very last note
        assert snapshot(root) == before, number
        assert leftovers(root) == []
        if failing.calls < number:
            break
    else:
        pytest.fail("never got through")
    assert failures >= 1


def test_put_back_without_undo_when_replacing_fails(
    root: Path, groups: list[GroupChange], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(root)
    real = os.replace

    def refuse(source: object, target: object, **more: object) -> None:
        if str(target).endswith("latin.py"):
            raise PermissionError(errno.EACCES, "Permission denied", source, None, target)
        real(source, target, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(WriteError, match=r"cannot write .*latin\.py: Permission denied; everything is as before"):
        apply_changes(root, groups)
    assert snapshot(root) == before
    assert [run.state for run in history(root)] == [State.ROLLED_BACK]


def test_what_cannot_be_put_back_is_named_and_undo_finishes(
    root: Path, groups: list[GroupChange], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(root)
    real = os.replace
    seen: list[str] = []

    def full(source: object, target: object, **more: object) -> None:
        if str(target).endswith(".py"):
            seen.append(str(target))
            if len(seen) > 1:
                raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(WriteError, match=r"could not be put back: a\.py; .*undo"):
            apply_changes(root, groups)
    assert snapshot(root) == before | {"a.py": AFTER["a.py"]}
    with pytest.raises(ChangedError, match="cut short: finish it with `asyncify undo` first"):
        apply_changes(root, groups)
    assert undo(root).restored == ("a.py",)
    assert snapshot(root) == before


def test_write_protected(root: Path, groups: list[GroupChange], monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(root)
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("old.py"))
    with pytest.raises(WriteError, match=r"old\.py is write-protected"):
        apply_changes(root, groups)
    assert snapshot(root) == before
    assert not (root / ".asyncify").exists()


def test_interrupted_by_the_user(root: Path, groups: list[GroupChange], monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(root)
    real = os.replace

    def interrupt(source: object, target: object, **more: object) -> None:
        if str(target).endswith("latin.py"):
            raise KeyboardInterrupt
        real(source, target, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        apply_changes(root, groups)
    assert snapshot(root) == before
    assert [run.state for run in history(root)] == [State.ROLLED_BACK]


def test_undo_that_fails_changes_nothing_and_can_be_repeated(
    root: Path, groups: list[GroupChange], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(root)
    apply_changes(root, groups)
    for name in ("replace", "write", "unlink", "fsync"):
        for number in range(1, 100):
            with monkeypatch.context() as patch:
                failing = Failing(patch, name, number, errno.ENOSPC)
                try:
                    undo(root)
                except WriteError as error:
                    assert "No space left" in str(error)
            if failing.calls < number:
                break
            if history(root)[-1].state is not State.UNDONE:
                undo(root)
            assert snapshot(root) == before, (name, number)
            assert leftovers(root) == []
            apply_changes(root, groups)
        else:
            pytest.fail("never got through")
        assert snapshot(root) == before  # by the undo of the last round, in which nothing failed
        apply_changes(root, groups)


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_real_limit_on_file_size(tmp_path: Path) -> None:
    """The kernel refuses a large file half way, as a full disk does."""
    root = tmp_path / "tree"
    root.mkdir()
    (root / "small.py").write_bytes(b"s" * 100)
    (root / "large.py").write_bytes(b"l" * 50_000)
    code = f"""
import resource
from pathlib import Path
from asyncify.model import FileChange, GroupChange
from asyncify.write import apply_changes
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
root = Path({str(root)!r})
small = FileChange("small.py", b"s" * 100, b"t" * 100)
large = FileChange("large.py", b"l" * 50_000, b"m" * 70_000)
apply_changes(root, [GroupChange("g", (small, large))])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "asyncify.errors.WriteError" in done.stderr
    assert os.strerror(errno.EFBIG) in done.stderr
    assert snapshot(root) == {"small.py": b"s" * 100, "large.py": b"l" * 50_000}
    assert history(root) == []
