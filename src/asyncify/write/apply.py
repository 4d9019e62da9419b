"""Writing the changes of some groups: everything, or nothing."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from asyncify.errors import ChangedError, InternalError, WriteError
from asyncify.model import GroupChange
from asyncify.write import files, journal, transaction
from asyncify.write.journal import Entry, Run, State
from asyncify.write.lock import locked
from asyncify.write.transaction import Step


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What was written. ``run`` is the journal's id, None where there was nothing to write; paths are sorted."""

    run: str | None
    groups: tuple[str, ...]
    changed: tuple[str, ...] = ()
    created: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Change:
    """What all groups together do to one file."""

    path: str
    before: bytes | None
    after: bytes | None
    groups: tuple[str, ...]


def apply_changes(root: Path, groups: Sequence[GroupChange]) -> WriteResult:
    """Write the changes of `groups` to the tree at `root`, all or none, and keep a journal for :func:`undo`.

    Where several groups change one file, they are applied in order, each to what the one before left. Raises
    :class:`ChangedError` where a file is not its ``before`` (or a new one exists already) or an earlier run was
    cut short, and :class:`WriteError` where the system refuses; the tree is then as it was.
    """
    root = root.resolve()
    changes = _compose(groups)
    ids = tuple(group.group for group in groups)
    _refuse_unfinished(root)
    _check_unchanged(root, changes)
    changes = _one_per_file(root, [change for change in changes if change.before != change.after])
    if not changes:
        return WriteResult(None, ids)
    try:
        top = journal.prepare(root)
        with locked(top):
            _refuse_unfinished(root)
            _check_unchanged(root, changes)
            journal.prune(root)
            run = _run(root, changes, ids)
            _write(root, run, changes)
    except OSError as error:
        raise WriteError(f"{files.explain(error)}; everything is as before") from error
    return WriteResult(
        run.id,
        ids,
        tuple(change.path for change in changes if change.before is not None and change.after is not None),
        tuple(change.path for change in changes if change.before is None),
        tuple(change.path for change in changes if change.after is None),
    )


def _compose(groups: Sequence[GroupChange]) -> list[_Change]:
    """One change per path, sorted by path."""
    out: dict[str, _Change] = {}
    for group in groups:
        for change in group.changes:
            path = journal.check_path(change.path)
            earlier = out.get(path)
            if earlier is None:
                out[path] = _Change(path, change.before, change.after, (group.group,))
            elif earlier.after != change.before:
                raise InternalError(f"group {group.group} does not start from what {earlier.groups[-1]} made of {path}")
            else:
                out[path] = replace(earlier, after=change.after, groups=(*earlier.groups, group.group))
    return [out[path] for path in sorted(out)]


def _one_per_file(root: Path, changes: list[_Change]) -> list[_Change]:
    """Without further names (symbolic links) of a file that is changed already."""
    seen: dict[Path, _Change] = {}
    for change in changes:
        first = seen.setdefault(transaction.resolve(root, change.path), change)
        if first.after != change.after:
            raise InternalError(f"{first.path} and {change.path} are one file and would be changed differently")
    return list(seen.values())


def _check_unchanged(root: Path, changes: Sequence[_Change]) -> None:
    wrong = []
    for change in changes:
        if change.before is None:
            if os.path.lexists(root / change.path):
                wrong.append(f"{change.path} exists already")
            continue
        try:
            current = files.read(root / change.path)
        except OSError as error:
            raise WriteError(f"{files.explain(error)}; everything is as before") from error
        if current is None:
            wrong.append(f"{change.path} is gone")
        elif current != change.before:
            wrong.append(f"{change.path} has changed since it was read")
        elif not os.access(root / change.path, os.W_OK):
            raise WriteError(f"{change.path} is write-protected; nothing was written")
    if wrong:
        raise ChangedError("; ".join(wrong) + "; nothing was written")


def _refuse_unfinished(root: Path) -> None:
    for run in journal.history(root):
        if run.state in (State.WRITING, State.UNDOING):
            what = "apply" if run.state is State.WRITING else "undo"
            raise ChangedError(f"an earlier {what} (run {run.id}) was cut short: finish it with `asyncify undo` first")


def _run(root: Path, changes: Sequence[_Change], groups: tuple[str, ...]) -> Run:
    entries = []
    folders: set[str] = set()
    for change in changes:
        mode = None
        if change.before is not None:
            mode = stat.S_IMODE((root / change.path).stat().st_mode)
        digests = [None if data is None else journal.digest(data) for data in (change.before, change.after)]
        entries.append(Entry(change.path, digests[0], digests[1], mode, change.groups))
        above = change.path.rpartition("/")[0]
        while above and not (root / above).is_dir():
            folders.add(above)
            above = above.rpartition("/")[0]
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return Run(journal.new_id(root), started, State.WRITING, groups, tuple(entries), tuple(sorted(folders)))


def _write(root: Path, run: Run, changes: Sequence[_Change]) -> None:
    contents = {
        journal.digest(data): data for change in changes for data in (change.before, change.after) if data is not None
    }
    try:
        journal.begin(root, run, contents)
    except BaseException:
        shutil.rmtree(journal.folder_of(root, run), ignore_errors=True)
        raise
    steps = []
    for change, entry in zip(changes, run.entries, strict=True):
        target = transaction.resolve(root, change.path)
        steps.append(Step(change.path, target, run.temporary(target, entry), change.before, change.after, entry.mode))
    done: list[Step] = []
    try:
        transaction.make_folders(root, run.folders)
        transaction.stage(steps)
        transaction.commit(steps, done)
        journal.store(root, replace(run, state=State.APPLIED))
    except BaseException as error:
        transaction.clear(steps)
        failed = transaction.roll_back(done)
        transaction.remove_folders(root, run.folders)
        if failed:
            why = error.strerror if isinstance(error, OSError) else error
            raise WriteError(
                f"writing failed ({why}) and these could not be put back: {', '.join(failed)}; "
                "free the cause and run `asyncify undo`"
            ) from error
        with suppress(OSError):  # undo then finds that nothing is left to do
            journal.store(root, replace(run, state=State.ROLLED_BACK))
        if isinstance(error, ChangedError):
            raise ChangedError(f"{error.message}; everything was put back") from error
        raise
