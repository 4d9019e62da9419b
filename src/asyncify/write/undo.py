"""Putting back what a run changed, and finishing what was cut short."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from asyncify.errors import ChangedError, UsageError, WriteError
from asyncify.write import files, journal, transaction
from asyncify.write.journal import Entry, Run, State
from asyncify.write.lock import locked
from asyncify.write.transaction import Step


@dataclass(frozen=True, slots=True)
class UndoResult:
    """What was put back: paths as they are again, those that were so already, and those whose edits `force` replaced.

    The edits are kept in the journal, see :attr:`asyncify.write.journal.Run.overwritten`.
    """

    run: str
    restored: tuple[str, ...] = ()
    untouched: tuple[str, ...] = ()
    overwritten: tuple[str, ...] = ()


def undo(root: Path, *, run: str | None = None, force: bool = False) -> UndoResult:
    """Put the files of the last run that was not undone (or of `run`) back as they were, byte for byte.

    A run or an undo that was cut short is finished. Raises :class:`ChangedError` naming the files that were
    edited since (nothing is written then) unless `force`, :class:`UsageError` where there is nothing to undo,
    :class:`InputError` where the journal is damaged, :class:`WriteError` where the system refuses; the tree is
    then as before, or what is missing is done by the next undo.
    """
    root = root.resolve()
    top = root / journal.FOLDER
    if not top.is_dir():
        raise UsageError(f"nothing to undo: no journal in {root}")
    try:
        with locked(top):
            nothing = journal.unborn(root) if run is None else None
            if nothing is not None:
                # The last apply was killed before it changed a file; the one before it was not asked for.
                shutil.rmtree(nothing)
                return UndoResult(nothing.name)
            chosen = journal.find_run(root, run, {State.APPLIED, State.WRITING, State.UNDOING})
            if chosen.state in (State.UNDONE, State.ROLLED_BACK):
                raise UsageError(f"run {chosen.id} is undone already")
            _refuse_others(root, chosen)
            return _undo(root, chosen, force=force)
    except OSError as error:
        raise WriteError(f"{files.explain(error)}; run `asyncify undo` again when that is mended") from error


def _refuse_others(root: Path, chosen: Run) -> None:
    for run in journal.history(root):
        if run.id != chosen.id and run.state in (State.WRITING, State.UNDOING):
            raise UsageError(f"run {run.id} was cut short: undo that first")


def _undo(root: Path, run: Run, *, force: bool) -> UndoResult:
    steps: list[Step] = []
    untouched: list[str] = []
    edited: dict[str, bytes | None] = {}
    temporaries: list[Path] = []
    for entry in run.entries:
        target = transaction.resolve(root, entry.path)
        temporaries.append(run.temporary(target, entry))
        current = files.read(target)
        if _is(current, entry.before):
            untouched.append(entry.path)
            continue
        if not _is(current, entry.after):
            edited[entry.path] = current
        steps.append(_step(root, run, entry, target, current))
    if edited and not force:
        gone = [path for path, data in edited.items() if data is None]
        listed = ", ".join(f"{path} (gone)" if path in gone else path for path in edited)
        raise ChangedError(f"edited since the run {run.id}: {listed}; nothing was written (force overwrites them)")

    run = journal.keep_overwritten(root, run, {path: data for path, data in edited.items() if data is not None})
    journal.store(root, replace(run, state=State.UNDOING))
    done: list[Step] = []
    try:
        transaction.make_folders(root, _missing_folders(root, steps))
        transaction.stage(steps)
        transaction.commit(steps, done)
    except BaseException:
        transaction.clear(steps)
        if not transaction.roll_back(done):
            with suppress(OSError):
                journal.store(root, run)
        raise
    for temporary in temporaries:  # of the run itself, if it was killed
        temporary.unlink(missing_ok=True)
    transaction.remove_folders(root, run.folders)
    journal.store(root, replace(run, state=State.UNDONE))
    return UndoResult(run.id, tuple(step.path for step in steps), tuple(untouched), tuple(edited))


def _step(root: Path, run: Run, entry: Entry, target: Path, current: bytes | None) -> Step:
    return Step(
        entry.path, target, run.temporary(target, entry), current, journal.blob(root, run, entry.before), entry.mode
    )


def _missing_folders(root: Path, steps: list[Step]) -> list[str]:
    """Folders that vanished since and are needed again, outermost first."""
    missing = set()
    for step in steps:
        above = step.path.rpartition("/")[0]
        while step.new is not None and above and not (root / above).is_dir():
            missing.add(above)
            above = above.rpartition("/")[0]
    return sorted(missing)


def _is(current: bytes | None, digest: str | None) -> bool:
    return digest is None if current is None else digest == journal.digest(current)
