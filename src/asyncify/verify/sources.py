"""Where a version of a program comes from: a folder, a folder with some files as they were, a git revision."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from asyncify.errors import InputError, UsageError
from asyncify.model import FileChange

# Not part of a program, and often larger than it.
LEFT_OUT = (
    ".git", ".hg", ".venv", "venv", ".tox", ".nox", "node_modules", "__pycache__",
    ".mypy_cache", ".ruff_cache", ".pytest_cache", ".asyncify",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of `folder` in which `files` are as given: relative path to content, None for a file not there."""

    folder: Path
    files: Mapping[str, bytes | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Revision:
    """The files git has for `folder` at a revision (commit, tag, branch, ``HEAD~1``); untracked files are missing."""

    folder: Path
    name: str


Source = Path | Snapshot | Revision


def lay_out(source: Source, target: Path) -> None:
    """Copy a version into the new folder `target`. Environments, caches and repositories are left out.

    Raises:
        UsageError: no such folder, no such revision.
        InputError: a file cannot be copied, or a path of a snapshot leads out of the folder.
    """
    match source:
        case Path():
            _copy(source, target)
        case Snapshot(folder, files):
            _copy(folder, target)
            for name, content in files.items():
                path = target / name
                if not path.resolve().is_relative_to(target.resolve()):
                    raise InputError(f"{name!r} is not below the folder")
                if content is None:
                    path.unlink(missing_ok=True)
                else:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
        case Revision(folder, name):
            _extract(folder, name, target)


def folder_of(source: Source) -> Path:
    """The user's own folder behind a version."""
    return source if isinstance(source, Path) else source.folder


def changes_between(before: Source, after: Source) -> tuple[FileChange, ...]:
    """The files that differ between two versions, sorted by path.

    Raises:
        UsageError, InputError: as :func:`lay_out`.
    """
    with tempfile.TemporaryDirectory(prefix="asyncify-changes-") as scratch:
        folders = Path(scratch, "before"), Path(scratch, "after")
        lay_out(before, folders[0])
        lay_out(after, folders[1])
        paths = {
            path.relative_to(folder).as_posix()
            for folder in folders
            for path in folder.rglob("*")
            if path.is_file() and not path.is_symlink()
        }
        found = (FileChange(path, *(_content(folder / path) for folder in folders)) for path in sorted(paths))
        return tuple(change for change in found if change.before != change.after)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _copy(folder: Path, target: Path) -> None:
    if not folder.is_dir():
        raise UsageError(f"no such folder: {folder}")
    try:
        shutil.copytree(folder, target, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    except (OSError, shutil.Error) as error:
        raise InputError(f"cannot copy {folder}: {error}") from None


def _extract(folder: Path, revision: str, target: Path) -> None:
    if revision.startswith("-"):
        raise UsageError(f"no such revision: {revision}")
    command = ["git", "-C", str(folder), "archive", "--format=tar", revision]
    try:
        archive = subprocess.run(command, capture_output=True, check=True).stdout
    except FileNotFoundError:
        raise UsageError("a revision needs git, which is not installed") from None
    except subprocess.CalledProcessError as error:
        message = error.stderr.decode("utf-8", "replace").strip()
        raise UsageError(f"git has no {revision!r} for {folder}: {message}") from None
    target.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(target, filter="data")
