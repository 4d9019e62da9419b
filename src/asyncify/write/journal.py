"""The journal: what every run changed, kept so that it can be put back.

A run's folder holds ``blobs/`` (contents, each named by its SHA-256) and ``manifest.json``, which is replaced in
one step whenever the run's state changes. A folder without a manifest belongs to a run that was cut short before
it changed anything.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, Final

from asyncify.errors import InputError, InternalError, UsageError
from asyncify.write import files

SCHEMA: Final = "asyncify.journal/1"
FOLDER: Final = ".asyncify"
_RUN: Final = re.compile(r"(\d{4,9})-\d{8}T\d{6}Z")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class State(StrEnum):
    """How far a run came."""

    WRITING = "writing"  # begun; each file is as before or as after
    APPLIED = "applied"
    UNDOING = "undoing"  # begun; each file is as after or as before
    UNDONE = "undone"
    ROLLED_BACK = "rolled-back"  # writing failed, all is as before


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a run. ``before`` and ``after`` are digests, None for no file; ``mode`` that of the old file."""

    path: str
    before: str | None
    after: str | None
    mode: int | None
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One apply, as the journal has it.

    ``started`` is UTC in ISO 8601. ``folders`` are those that the run makes, outermost first. ``overwritten`` maps
    paths to the digests of what an enforced undo replaced.
    """

    id: str
    started: str
    state: State
    groups: tuple[str, ...]
    entries: tuple[Entry, ...]
    folders: tuple[str, ...] = ()
    overwritten: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        """The files the run changed, sorted."""
        return tuple(entry.path for entry in self.entries)

    @property
    def number(self) -> int:
        """Runs count up from 1."""
        return int(self.id.partition("-")[0])

    def temporary(self, target: Path, entry: Entry) -> Path:
        """Where the new content of an entry waits, beside its target."""
        return target.with_name(f".asyncify-{self.number}-{self.entries.index(entry)}.tmp")


def history(root: Path) -> list[Run]:
    """The runs that the journal below `root` knows, oldest first.

    Raises :class:`InputError` where a manifest cannot be read.
    """
    return [_load(folder) for folder in _folders(root) if (folder / "manifest.json").is_file()]


def before_snapshot(root: Path, run: str | None = None) -> dict[str, bytes | None]:
    """The files of a run (by default the last one that was not undone) as they were before it; None: no file.

    Raises :class:`UsageError` where there is no such run, :class:`InputError` where the journal is damaged.
    """
    chosen = find_run(root, run, {State.APPLIED, State.WRITING, State.UNDOING})
    return {entry.path: blob(root, chosen, entry.before) for entry in chosen.entries}


def last_groups(root: Path) -> dict[str, tuple[str, ...]]:
    """The groups that changed each file in the last run that was not undone, by path.

    Raises :class:`UsageError` where there is no such run, :class:`InputError` where the journal is damaged.
    """
    chosen = find_run(root, None, {State.APPLIED, State.WRITING, State.UNDOING})
    return {entry.path: entry.groups for entry in chosen.entries}


def unborn(root: Path) -> Path | None:
    """The folder of the latest run, if that was cut short before it had a manifest (and so before any change)."""
    folders = _folders(root)
    return folders[-1] if folders and not (folders[-1] / "manifest.json").is_file() else None


def find_root(start: Path) -> Path | None:
    """The nearest folder at or above `start` that has a journal with a run in it."""
    start = start.absolute()
    return next((folder for folder in (start, *start.parents) if _folders(folder)), None)


def find_run(root: Path, run: str | None, states: Iterable[State]) -> Run:
    """The run of that id, else the latest in one of these states; :class:`UsageError` if there is none."""
    runs = history(root)
    if run is not None:
        for known in runs:
            if known.id == run:
                return known
        raise UsageError(f"no run {run!r} in the journal of {root}")
    wanted = frozenset(states)
    for known in reversed(runs):
        if known.state in wanted:
            return known
    raise UsageError(f"nothing to undo: no applied run in the journal of {root}")


def prepare(root: Path) -> Path:
    """Make the tool's folder below `root`, invisible to git; return it."""
    top = root / FOLDER
    top.mkdir(exist_ok=True)
    ignore = top / ".gitignore"
    if not ignore.exists():
        files.save(ignore, top / ".gitignore.tmp", b"*\n")
    return top


def begin(root: Path, run: Run, contents: Mapping[str, bytes]) -> None:
    """Bring a new run to disk: its blobs (by digest) first, its manifest last."""
    journal = root / FOLDER / "journal"
    journal.mkdir(exist_ok=True)
    folder = folder_of(root, run)
    blobs = folder / "blobs"
    blobs.mkdir(parents=True)
    for name, data in contents.items():
        files.write_new(blobs / name, data)
    files.sync(blobs / name for name in contents)
    for made in (blobs, folder, journal, root / FOLDER, root):
        files.sync_folder(made)
    store(root, run)


def store(root: Path, run: Run) -> None:
    """Bring the run's present state to disk."""
    document: dict[str, Any] = {"schema": SCHEMA, **asdict(run)}
    data = json.dumps(document, indent=1, ensure_ascii=True).encode()
    folder = folder_of(root, run)
    files.save(folder / "manifest.json", folder / "manifest.tmp", data)


def keep_overwritten(root: Path, run: Run, contents: Mapping[str, bytes]) -> Run:
    """Save what an enforced undo is about to replace (path → bytes); the run with a note of it."""
    for data in contents.values():
        path = folder_of(root, run) / "blobs" / digest(data)
        if not path.exists():
            files.save(path, path.with_name("incoming.tmp"), data)
    return replace(run, overwritten={**run.overwritten, **{path: digest(data) for path, data in contents.items()}})


def blob(root: Path, run: Run, name: str | None) -> bytes | None:
    """A content of the run; :class:`InputError` where it is not what its name says."""
    if name is None:
        return None
    path = folder_of(root, run) / "blobs" / name
    data = files.read(path)
    if data is None or digest(data) != name:
        raise InputError(f"the journal is damaged: {path} {'is missing' if data is None else 'has changed'}")
    return data


def new_id(root: Path) -> str:
    """An id that sorts behind all that are there."""
    number = max((int(folder.name.partition("-")[0]) for folder in _folders(root)), default=0) + 1
    return f"{number:04d}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def prune(root: Path, keep: int = 20) -> None:
    """Forget runs that changed nothing, and all but the latest `keep` of those that were undone."""
    finished = []
    for folder in _folders(root):
        if not (folder / "manifest.json").is_file():
            shutil.rmtree(folder, ignore_errors=True)
        elif _load(folder).state in (State.UNDONE, State.ROLLED_BACK):
            finished.append(folder)
    for folder in finished[:-keep]:
        (folder / "manifest.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def digest(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def check_path(path: str) -> str:
    """The path again, if it names a file below the root and outside of the tool's folder.

    A tree may come with a journal that somebody else wrote, so this holds for manifests too.
    """
    pure = PurePosixPath(path)
    parts = pure.parts
    if not parts or pure.is_absolute() or ".." in parts or "\0" in path or Path(path).drive or Path(path).root:
        raise InternalError(f"not a path below the root: {path!r}")
    if parts[0] == FOLDER:
        raise InternalError(f"a path inside the tool's own folder: {path!r}")
    return path


def folder_of(root: Path, run: Run) -> Path:
    """Where the run is kept."""
    return root / FOLDER / "journal" / run.id


def _folders(root: Path) -> list[Path]:
    """The folders of all runs, oldest first."""
    journal = root / FOLDER / "journal"
    try:
        found = [child for child in journal.iterdir() if _RUN.fullmatch(child.name) and child.is_dir()]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    return sorted(found, key=lambda folder: (int(folder.name.partition("-")[0]), folder.name))


def _load(folder: Path) -> Run:
    path = folder / "manifest.json"
    try:
        document = json.loads(path.read_bytes())
        if document.pop("schema") != SCHEMA:
            raise InputError(f"{path}: written by another version of asyncify")
        if document["id"] != folder.name:
            raise ValueError("the id is not the folder's")
        entries = tuple(
            Entry(
                check_path(item["path"]),
                _digest_or_none(item["before"]),
                _digest_or_none(item["after"]),
                None if item["mode"] is None else int(item["mode"]) & 0o7777,
                tuple(map(str, item["groups"])),
            )
            for item in document["entries"]
        )
        return Run(
            document["id"],
            str(document["started"]),
            State(document["state"]),
            tuple(map(str, document["groups"])),
            entries,
            tuple(check_path(item) for item in document["folders"]),
            {check_path(path): str(_digest_or_none(name)) for path, name in document["overwritten"].items()},
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (InternalError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the journal is damaged: {path}: {error}") from error


def _digest_or_none(value: object) -> str | None:
    if value is None or (isinstance(value, str) and _DIGEST.fullmatch(value)):
        return value
    raise ValueError(f"not a digest: {value!r}")
