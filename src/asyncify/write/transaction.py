"""Several files from one state to another: staged all, then replaced one by one, each in one step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from asyncify.errors import ChangedError
from asyncify.write import files


@dataclass(frozen=True, slots=True)
class Step:
    """One file from `old` to `new` bytes (None: no file). ``target`` is the file itself, links resolved."""

    path: str
    target: Path
    temporary: Path
    old: bytes | None
    new: bytes | None
    mode: int | None = None  # of a file that comes back; one that is replaced hands on its own

    @property
    def reverse(self) -> Step:
        """The step back."""
        return Step(self.path, self.target, self.temporary, self.new, self.old, self.mode)


def resolve(root: Path, path: str) -> Path:
    """The file that `path` means: what is written through a symbolic link changes what it points to."""
    return Path(os.path.realpath(root / path))  # pathlib raises on a loop of links, in some versions


def stage(steps: Iterable[Step]) -> None:
    """Write all new contents beside their targets: where the disk is full, we learn it here."""
    staged = []
    for step in steps:
        step.temporary.unlink(missing_ok=True)  # of a run that was killed
        if step.new is None:
            continue
        if step.old is None:
            files.write_new(step.temporary, step.new, step.mode)
        else:
            files.stage(step.target, step.temporary, step.new)
        staged.append(step.temporary)
    files.sync(staged)


def commit(steps: Sequence[Step], done: list[Step]) -> None:
    """Put the staged files in place; `done` grows with every one that is tried.

    Raises :class:`ChangedError` at the first file that is not the old one any more.
    """
    for step in steps:
        if files.read(step.target) != step.old:
            raise ChangedError(f"{step.path} was changed by someone else just now")
        done.append(step)  # first: a step may fail when its file is in place already
        if step.new is None:
            step.target.unlink()
        elif step.old is None:
            try:
                files.create(step.temporary, step.target)
            except FileExistsError:
                done.pop()
                raise ChangedError(f"{step.path} was made by someone else just now") from None
        else:
            files.replace(step.temporary, step.target)
    for folder in sorted({step.target.parent for step in done}):
        files.sync_folder(folder)


def roll_back(done: Sequence[Step]) -> list[str]:
    """Take back what :func:`commit` did, the last first; the paths for which that was not possible."""
    failed = []
    for step in reversed(done):
        back = step.reverse
        try:
            # Otherwise the step was not taken, or somebody wrote in the meantime: that is his.
            if files.read(back.target) == back.old:
                stage([back])
                commit([back], [])
        except (OSError, ChangedError):
            failed.append(step.path)
    return failed


def clear(steps: Iterable[Step]) -> None:
    """Remove what was staged and not put in place."""
    for step in steps:
        with suppress(OSError):
            step.temporary.unlink(missing_ok=True)


def make_folders(root: Path, folders: Sequence[str]) -> None:
    """Make folders, outermost first; those that are there are fine."""
    for folder in folders:
        (root / folder).mkdir(exist_ok=True)
        files.sync_folder((root / folder).parent)


def remove_folders(root: Path, folders: Sequence[str]) -> None:
    """Remove folders that we made, innermost first, unless something is in them besides compiled code."""
    for folder in reversed(folders):
        path = root / folder
        with suppress(OSError):
            if {child.name for child in os.scandir(path)} <= {"__pycache__"}:
                shutil.rmtree(path / "__pycache__", ignore_errors=True)
                path.rmdir()
                files.sync_folder(path.parent)
