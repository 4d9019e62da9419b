"""The pipeline: discover → index → match → colour → plan → rewrite → check → write.

:func:`scan` is the first half and never writes; :func:`preview` adds the text of the changes and the check's opinion;
:func:`apply` writes what the preview holds.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from asyncify import cache
from asyncify.config import Config
from asyncify.discover import Tree, discover
from asyncify.discover.notebook import SUFFIX, as_python, with_code
from asyncify.entry_points import ENTRY_FILES, check_names
from asyncify.errors import CheckError, InputError
from asyncify.index.project import Diagnostic, Kind
from asyncify.model import Edit, FileChange, GroupChange, Plan, Span, Witness
from asyncify.packaging.found import discover_config
from asyncify.progress import Progress, Silent
from asyncify.rules.registry import catalogue
from asyncify.support import is_emitted

if TYPE_CHECKING:  # each stage is imported where it begins: a scan whose result is known needs none of them
    from asyncify.check import Problem
    from asyncify.write import UndoResult, WriteResult


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan found. ``seconds`` is wall time; ``files`` and ``lines`` count what was read."""

    root: Path
    plan: Plan
    files: int
    lines: int
    seconds: float
    diagnostics: Sequence[Diagnostic]
    functions_changed: int
    tree: Tree
    config: Config
    config_files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Preview:
    """A scan, the changes it would write, and what the check says of each group's."""

    scan: ScanResult
    changes: tuple[GroupChange, ...]
    problems: Mapping[str, Sequence[Problem]]
    notes: Sequence[str] = ()  # what has to be done by hand in configuration files


@dataclass(frozen=True, slots=True)
class WhyResult:
    """Why functions have their colour: a witness for each that matches, or names that are close."""

    matches: Sequence[Witness]
    suggestions: Sequence[str]


def scan(paths: Sequence[Path], config: Config, progress: Progress | None = None) -> ScanResult:
    """Find out what is in the tree, what can move, and what cannot, and where each group could end.

    Reads only; executes nothing of it. Raises UsageError where a path does not exist.
    """
    return _scan(paths, config, progress or Silent(), choices=True)


def _scan(paths: Sequence[Path], config: Config, progress: Progress, *, choices: bool = False) -> ScanResult:
    start = time.perf_counter()
    progress.stage("Reading files")
    tree = discover(paths, config, libraries=catalogue().modules)
    found = discover_config(tree.root)
    check_names(config, tree.sources)
    name = cache.key((*_depends_on(tree, config), b"choices" if choices else b"")) if config.cache else ""
    known = cache.load(name) if name else None
    if known is None:
        known = _analysed(tree, config, progress, choices)
        if name:
            cache.store(name, known)
    plan, skipped, changed = known
    lines = sum(source.data.count(b"\n") for source in tree.sources)
    seconds = time.perf_counter() - start
    diagnostics = (*tree.diagnostics, *skipped)
    return ScanResult(tree.root, plan, len(tree.sources), lines, seconds, diagnostics, changed, tree, config, found)


def _analysed(
    tree: Tree, config: Config, progress: Progress, choices: bool
) -> tuple[Plan, tuple[Diagnostic, ...], int]:
    """The plan of a tree, the files left out, and how many functions become asynchronous."""
    from asyncify.index.build import without_collecting
    from asyncify.trees import plan_of

    with without_collecting():
        return plan_of(tree, config, progress, choices=choices)


def _depends_on(tree: Tree, config: Config) -> Iterator[bytes]:
    """All that a plan depends on."""
    yield repr(config).encode()
    yield str(tree.root).encode(errors="surrogateescape")
    for file in ENTRY_FILES:
        try:
            yield (tree.root / file).read_bytes()
        except OSError:
            yield b""
    for source in tree.sources:
        yield f"{source.path}\0{source.module}\0{source.package}\0{source.home}\0{source.encoding}".encode(
            errors="surrogateescape"
        )
        yield source.data


def preview(paths: Sequence[Path], config: Config, progress: Progress | None = None) -> Preview:
    """A scan, the rewritten files of every group, and the check of them. Writes nothing."""
    progress = progress or Silent()
    result = _scan(paths, config, progress)
    progress.stage("Rewriting", len(result.plan.groups))
    notes: list[str] = []
    changes = rewrite(result, [group.id for group in result.plan.groups], notes)
    progress.stage("Checking")
    return Preview(result, changes, _problems(result, changes), tuple(notes))


def rewrite(result: ScanResult, chosen: Collection[str], notes: list[str] | None = None) -> tuple[GroupChange, ...]:
    """The changes of the chosen groups, each on top of those before it.

    The first group that needs a change of a configuration file carries it. What cannot be done there is appended to `notes`.
    """
    from asyncify.plan.config_files import config_changes
    from asyncify.plan.support_files import support_files
    from asyncify.rewrite import apply_edits

    notes = [] if notes is None else notes
    sources = {source.path: source for source in result.tree.sources}
    data = {path: source.data for path, source in sources.items()}
    groups = [group for group in result.plan.groups if group.id in chosen]
    state: dict[str, bytes | None] = {}
    edits: list[Edit] = []
    out = []
    for group in groups:
        edits += group.edits
        touched = {edit.span.path for edit in group.edits}
        wanted = [edit for edit in edits if edit.span.path in touched]
        files = support_files(edits, sources)
        python = apply_edits({p: data[p] for p in touched if p in data}, [*_unique_across(wanted), *files])
        after: dict[str, bytes | None] = {change.path: change.after for change in python}
        config = {path: after.get(path) or state.get(path) or text for path, text in _config_files(result, state)}
        after |= config_changes([*edits, *files], config, notes)
        changes = []
        for path, new in sorted(after.items()):
            before = state.get(path, data.get(path, result.config_files.get(path)))
            if before != new:
                changes.append(_change(result.tree, path, before, new))
                state[path] = new
        out.append(GroupChange(group.id, tuple(changes)))
    return tuple(out)


def _change(tree: Tree, path: str, before: bytes | None, after: bytes | None) -> FileChange:
    """The change of a file; notebooks carry the Python that the other stages see."""
    notebook = tree.notebooks.get(path)
    if notebook is None or before is None or after is None:
        return FileChange(path, before, after)
    try:
        return FileChange(path, with_code(notebook, before), with_code(notebook, after))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _config_files(result: ScanResult, state: Mapping[str, bytes | None]) -> list[tuple[str, bytes]]:
    """The configuration files as they were read, and those that a group before added."""
    added = {path: text for path, text in state.items() if text is not None and not path.endswith((".py", SUFFIX))}
    return list((added | dict(result.config_files)).items())


def _unique_across(edits: Sequence[Edit]) -> list[Edit]:
    """Edits of several groups of one file, where two groups may both want one thing."""
    seen: dict[tuple[object, ...], Edit] = {}
    for edit in edits:
        key: tuple[object, ...] = tuple(
            repr(getattr(edit, name)) for name in edit.__dataclass_fields__ if name != "reason"
        )
        seen.setdefault((type(edit), *key), edit)
    return list(seen.values())


def _problems(result: ScanResult, changes: Sequence[GroupChange]) -> dict[str, Sequence[Problem]]:
    """What the check says of each group, in the tree as all groups together leave it."""
    from asyncify.check import check
    from asyncify.plan.owners import Owners

    before = {source.path: source.data for source in result.tree.sources}
    after = dict(before)
    config = dict(result.config_files)
    for change in changes:
        for file in change.changes:
            if file.path.endswith(SUFFIX) and file.after is not None:
                after[file.path] = as_python(file.after)
                continue
            if file.after is not None and (file.path in config or not file.path.endswith(".py")):
                config[file.path] = file.after
            if not file.path.endswith(".py"):
                continue
            if file.after is None:
                after.pop(file.path, None)
            else:
                after[file.path] = file.after
    out: dict[str, list[Problem]] = {change.group: [] for change in changes}
    if not out:
        return {}
    trusted = [path for path, data in after.items() if _is_support(data)]
    groups = [group for group in result.plan.groups if group.id in out]
    changed = {change.group: [file.path for file in change.changes] for change in changes}
    owners = Owners(groups, changed, before)
    for change in changes:
        out[change.group] += (_taken(file.path) for file in change.changes if _replaces(file))
    for problem in check(before, after, config, trusted):
        text = after.get(problem.span.path, b"").decode("utf-8", "replace")
        for group in owners.of(problem.span, problem.message, text):
            out[group].append(problem)
    return dict(out)


def _replaces(file: FileChange) -> bool:
    """Whether a support module would stand in the place of a module that the project has of its own."""
    return file.before is not None and _is_support(file.after or b"") and not _is_support(file.before)


def _is_support(data: bytes) -> bool:
    return is_emitted(data[:400].decode("utf-8", "replace"))


def _taken(path: str) -> Problem:
    from asyncify.check import Problem

    text = "the project has a module of this name; rename it, then run asyncify again"
    return Problem("module-taken", Span(path, 1, 0, 1, 0), text)


def without_objections(preview: Preview, groups: Collection[str]) -> tuple[Preview, dict[str, Sequence[Problem]]]:
    """The chosen groups but for those that the check objects to, and its objections by the groups that they belong to.

    What is left is checked again without them, until nothing is objected to (or nothing is left).
    """
    result, notes = preview.scan, list(preview.notes)
    changes, problems = preview.changes, preview.problems
    left = [group.id for group in result.plan.groups if group.id in groups]
    objections: dict[str, Sequence[Problem]] = {}
    while True:
        if {change.group for change in changes} != set(left):
            notes = []
            changes = rewrite(result, left, notes)
            problems = _problems(result, changes)
        found = {group: problems.get(group, ()) for group in left}
        held = {group: there for group, there in found.items() if any(problem.fatal for problem in there)}
        if not held:
            return Preview(result, changes, problems, tuple(notes)), objections
        objections |= held
        left = [group for group in left if group not in held]


def apply(preview: Preview, groups: Collection[str] | None = None) -> WriteResult:
    """Write the chosen groups (all of them if None).

    Raises CheckError, and writes nothing, where the check objects to the result; ChangedError where a file is not what
    was read; WriteError where writing failed and everything was put back.
    """
    from asyncify.write import apply_changes

    result = preview.scan
    chosen = [group.id for group in result.plan.groups] if groups is None else list(groups)
    changes = preview.changes
    problems = preview.problems
    if set(chosen) != {change.group for change in changes}:
        changes = rewrite(result, chosen)
        problems = _problems(result, changes)
    for found in problems.values():
        for problem in found:
            if problem.fatal:
                raise CheckError(f"the check objects to the result ({problem.code}): {problem.message}", problem.span)
    return apply_changes(result.root, changes)


def why(paths: Sequence[Path], config: Config, function: str) -> WhyResult:
    """The chain of calls that makes (or keeps) a function asynchronous or synchronous.

    ``function`` is a dotted name or the end of one.
    """
    from asyncify.colour.witness import witness
    from asyncify.trees import analyses

    tree = discover(paths, config, libraries=catalogue().modules)
    check_names(config, tree.sources)
    colourings = {
        name: analysis.colouring
        for analysis in analyses(tree, config, Silent())[0]
        for name in analysis.project.functions
    }
    found = [name for name in sorted(colourings) if name == function or name.endswith("." + function)]
    named = [name for name in found if colourings[name].facts.project.functions[name].kind is Kind.FUNCTION]
    short = [name.rpartition(".")[2] for name in colourings]
    close = difflib.get_close_matches(function.rpartition(".")[2], short, 3) if not found else ()
    return WhyResult([witness(colourings[name], name) for name in named or found], close)


def undo(root: Path, force: bool = False) -> UndoResult:
    """Put back what the last apply changed below `root`, byte for byte.

    Raises ChangedError where a file was edited since, unless `force`.
    """
    from asyncify.write import undo as undo_write

    return undo_write(root, force=force)
