"""Which lists of a project get a requirement, and which lose one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from asyncify.packaging import toml
from asyncify.packaging.edits import ConfigChange, Workspace, is_optional
from asyncify.packaging.found import is_requirements_file
from asyncify.packaging.listing import Listing, Role
from asyncify.packaging.pyproject import PoetryExtra
from asyncify.packaging.requirement import Requirement, normalise, parse
from asyncify.packaging.setup_files import setup_py_opaque
from asyncify.packaging.text import Splice, Unsupported, apply, indent_of, newline_at

_RUN_TIME = (Role.RUNTIME, Role.EXTRA)


def requirement_changes(
    files: Mapping[str, bytes],
    add: Collection[str],
    drop: Collection[str],
    *,
    beside: str = "requests",
    notes: list[str] | None = None,
) -> list[ConfigChange]:
    """Add requirements to a project where `beside` is declared, and drop others.

    In each file that declares `beside` the run-time list gets the new requirement, or else the extras that declare it;
    lists for tests, documentation and the like only if nothing else declares it. If no file does, the project's main list
    gets it. Formatting, comments, quotes, newlines and encoding stay; what is there already is not added again. What has
    to be done by hand is appended to `notes`. Raises ValueError for an `add` that is no requirement.
    """
    workspace = Workspace(files, notes)
    wanted = [_required(text) for text in add]
    dropped = {normalise(name) for name in drop}
    for requirement in reversed(wanted):  # each goes right behind the anchor
        _add(workspace, requirement, normalise(beside))
    for name in sorted(dropped):
        _drop(workspace, name)
    names = {requirement.key for requirement in wanted} | dropped
    if names:
        _note_obstacles(workspace, [*add, *(f"without {name}" for name in sorted(dropped))], normalise(beside))
    return workspace.changes()


def _required(text: str) -> Requirement:
    requirement = parse(text)
    if requirement is None:
        raise ValueError(f"{text!a} is no requirement")
    return requirement


def _all(workspace: Workspace) -> list[tuple[str, Listing]]:
    return [(path, listing) for path in workspace.paths for listing in workspace.listings(path)]


def _add(workspace: Workspace, requirement: Requirement, anchor: str) -> None:
    targets = [(path, where) for path in workspace.paths for where in _targets(workspace, path, anchor)]
    if not targets:
        declared = [(path, found) for path, found in _all(workspace) if found.named(anchor)]
        targets = [(path, found.where) for path, found in declared]
    if not targets:
        everywhere = [found for _, found in _all(workspace) if _run_time(found)]
        if not any(found.named(requirement.key) for found in everywhere):
            _add_to_main(workspace, requirement)
        return
    for path, where in targets:
        if any(found.role is Role.RUNTIME and found.named(requirement.key) for found in workspace.listings(path)):
            continue
        for listing in workspace.listings(path):
            if listing.where == where:
                name_only = isinstance(listing, PoetryExtra)
                wanted = replace(requirement, extras="", specifier="", marker="") if name_only else requirement
                workspace.add(path, listing, wanted, anchor)
                break


def _run_time(listing: Listing) -> bool:
    """Whether a list is for running the program; a requirements file that stands alone is, whatever its name."""
    return listing.role in _RUN_TIME or (listing.role is Role.TEST and listing.standalone)


def _targets(workspace: Workspace, path: str, anchor: str) -> list[str]:
    """The lists of a file that get what goes beside `anchor`: the run-time list, or else all extras that name it."""
    declared = [found for found in workspace.listings(path) if _run_time(found) and found.named(anchor)]
    main = next((found for found in declared if found.role is Role.RUNTIME), None)
    if main is None:
        return [found.where for found in declared]
    extras = [found.where for found in declared if isinstance(found, PoetryExtra) and is_optional(main, anchor)]
    return [*extras, main.where]


def _add_to_main(workspace: Workspace, requirement: Requirement) -> None:
    for path in workspace.paths:
        for listing in workspace.listings(path):
            if listing.role is Role.RUNTIME and workspace.add(path, listing, requirement, ""):
                return
        if path == "pyproject.toml" and _create_dependencies(workspace, path, requirement):
            return
    written = f"{requirement.name}{requirement.extras}{requirement.specifier}"
    workspace.note(f"no file lists the project's requirements in a way that can be edited: {written} is needed")


def _create_dependencies(workspace: Workspace, path: str, requirement: Requirement) -> bool:
    """Add the key ``dependencies`` to ``[project]`` where it has none. Whether that was done."""
    text = workspace.text(path)
    assert text is not None  # the path is one of the workspace's
    try:
        document = toml.scan(text)
    except Unsupported:
        return False
    table = document.table("project")
    if table is None or "dependencies" in [*document.data["project"], *document.data["project"].get("dynamic", ())]:
        return False
    pairs = [pair for pair in document.pairs if pair.header == ("project",)]
    if not pairs:
        return False
    end = toml.end_of_pairs(document, table)
    newline = newline_at(text, table.start)
    before = "" if text[:end].endswith("\n") else newline
    indent = indent_of(text, pairs[-1].start)
    line = f'{before}{indent}dependencies = ["{requirement.like("")}"]{newline}'
    after = apply(text, [Splice(end, end, line)])
    try:
        data = toml.scan(after).data
    except Unsupported:
        return False
    if data["project"].pop("dependencies", None) != [requirement.like("")] or data != document.data:
        return False
    workspace.replace(path, after, f"{requirement.like('')} added in [project] dependencies")
    return True


def _drop(workspace: Workspace, name: str) -> None:
    stuck: set[tuple[str, str]] = set()
    while True:
        found = next(
            (
                (path, listing)
                for path, listing in _all(workspace)
                if listing.named(name) and (path, listing.where) not in stuck
            ),
            None,
        )
        if found is None:
            return
        path, listing = found
        if not workspace.remove(path, listing, listing.named(name)[0]):
            stuck.add((path, listing.where))


def _note_obstacles(workspace: Workspace, wanted: list[str], anchor: str) -> None:
    """Name the files that declare the anchor but could not be edited."""
    needed = ", ".join(wanted)
    for path in workspace.paths:
        text = workspace.text(path) or ""
        obstacle = workspace.obstacle(path)
        if obstacle and anchor in text.lower():
            workspace.note(f"{path} is left as it is: {obstacle} (needed: {needed})")
        elif path == "setup.py" and not obstacle and setup_py_opaque(text):
            read = [other for other in workspace.paths if is_requirements_file(other) and other in text]
            if not read:
                workspace.note(f"setup.py computes install_requires: it has to be changed by hand (needed: {needed})")
