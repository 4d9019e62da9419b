"""What pytest needs in order to run plain ``async def`` tests: pytest-asyncio, installed and in its auto mode."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from asyncify.packaging import ini, toml
from asyncify.packaging.edits import ConfigChange, Workspace
from asyncify.packaging.listing import Listing, Role
from asyncify.packaging.requirement import Requirement, parse
from asyncify.packaging.text import (
    Splice,
    Unsupported,
    apply,
    indent_of,
    line_end,
    line_start,
    newline_at,
)

#: Low enough for every pytest since 7, so that it clashes with few pins; pip takes the newest that fits.
PYTEST_ASYNCIO = "pytest-asyncio>=0.21"
_OLDEST_PYTEST = 7
_CAP = re.compile(r"(?:<=?|==|~=)\s*(?P<major>\d+)(?P<exact>[.\d*]*)")
_MODE = "asyncio_mode"
_OPTION = re.compile(r"--asyncio-mode[= ](?P<mode>\w+)")
# pytest-socket takes away sockets, and with them the pair of sockets by which an event loop wakes itself.
_NO_SOCKETS = re.compile(r"(?<![\w-])--disable-socket(?![\w-])")
_LOOP_SOCKETS = "--allow-unix-socket"
_OTHER_MODE = re.compile(r"^[^#;\n]*\basyncio[-_]mode[\"']?\s*[= ]\s*[\"']?(?P<mode>strict|legacy)", re.MULTILINE)
_REASON = "pytest runs plain async def tests only in pytest-asyncio's auto mode"
#: pytest's own order: the first of these that counts is the only one it reads.
_ORDER = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_EMPTY_COUNTS = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
_NATIVE = ("tool", "pytest")
_INI_OPTIONS = (*_NATIVE, "ini_options")


def asyncio_test_changes(files: Mapping[str, bytes], *, notes: list[str] | None = None) -> list[ConfigChange]:
    """Make pytest run plain ``async def`` tests: the mode in its configuration, the plugin in the test requirements.

    The mode goes where pytest reads its configuration; if there is none, into a new table of ``pyproject.toml``, or a new
    ``pytest.ini`` where that file is missing. The plugin goes beside every ``pytest``. What has to be done by hand is
    appended to `notes`.
    """
    workspace = Workspace(files, notes)
    _set_mode(workspace)
    _require_plugin(workspace)
    return workspace.changes()


# --- the plugin ---------------------------------------------------------------------------------------------------


def _require_plugin(workspace: Workspace) -> None:
    requirement = parse(PYTEST_ASYNCIO)
    assert requirement is not None  # the constant is one
    targets = [(path, *target) for path in workspace.paths for target in _beside_pytest(workspace.listings(path))]
    for path in workspace.paths:
        obstacle = workspace.obstacle(path)
        if obstacle and "pytest" in (workspace.text(path) or ""):
            workspace.note(f"{path} is left as it is: {obstacle} (needed: {PYTEST_ASYNCIO})")
    if not targets:
        _without_anchor(workspace, requirement)
        return
    for path, where, anchor in targets:
        listing = next(found for found in workspace.listings(path) if found.where == where)
        workspace.add(path, listing, requirement, anchor)
        for index in listing.named("pytest"):
            written = listing.entries[index].text
            if _too_old(written):
                workspace.note(f"{path}: {written!a} keeps pytest too old for {PYTEST_ASYNCIO}, which needs pytest 7")


def _too_old(written: str) -> bool:
    """Whether a requirement of pytest allows only releases before 7."""
    specifier = written.partition(";")[0]
    for cap in _CAP.finditer(specifier):
        major = int(cap["major"])
        below = cap[0].startswith("<") and not cap[0].startswith("<=") and not cap["exact"].strip(".0")
        if major < _OLDEST_PYTEST or (below and major == _OLDEST_PYTEST):
            return True
    return False


def _beside_pytest(found: list[Listing]) -> list[tuple[str, str]]:
    """The lists of one file that get the plugin, and beside what: those with pytest, or the first with a plugin of it."""
    with_pytest = [(listing.where, "pytest") for listing in found if listing.named("pytest")]
    if with_pytest:
        return with_pytest
    for listing in found:
        if listing.role is Role.TEST:
            plugin = next((entry.name for entry in listing.entries if entry.name.startswith("pytest-")), None)
            if plugin is not None:
                return [(listing.where, plugin)]
    return []


def _without_anchor(workspace: Workspace, requirement: Requirement) -> None:
    for path in workspace.paths:
        for listing in workspace.listings(path):
            if listing.role is Role.TEST and workspace.add(path, listing, requirement, ""):
                return
    workspace.note(f"no file lists the requirements of the tests: {PYTEST_ASYNCIO} is needed to run them")


# --- the mode -----------------------------------------------------------------------------------------------------


def _set_mode(workspace: Workspace) -> None:
    for path in _ORDER:
        text = workspace.text(path)
        if text is None:
            if workspace.exists(path) and path in _EMPTY_COUNTS:
                workspace.note(f"{path} cannot be edited: it has to set {_MODE} = auto")
                return
            continue
        try:
            after = _with_mode(path, text)
        except Unsupported as error:
            workspace.note(f"{path} is left as it is: {error} (needed: {_MODE} = auto)")
            return
        if after is None:
            continue
        if after != text:
            was = _OTHER_MODE.search(text)
            change = f"changed from {was['mode']} to auto" if was else "= auto"
            workspace.replace(path, after, f"{_MODE} {change}: {_REASON}")
        return
    _create(workspace)


def _create(workspace: Workspace) -> None:
    reason = f"{_MODE} = auto: {_REASON}"
    text = workspace.text("pyproject.toml")
    if text is None:
        if workspace.exists("pyproject.toml"):
            workspace.note(f"pyproject.toml cannot be edited: pytest needs {_MODE} = auto")
            return
        workspace.replace("pytest.ini", f"[pytest]\n{_MODE} = auto\n", reason)
        return
    newline = newline_at(text, 0)
    table = f'[tool.pytest.ini_options]{newline}{_MODE} = "auto"{newline}'
    gap = "" if not text.strip() else newline if text.endswith("\n") else newline * 2
    try:
        after = _checked(text, text + gap + table, _INI_OPTIONS)
    except Unsupported as error:
        workspace.note(f"pyproject.toml is left as it is: {error} (needed: {_MODE} = auto)")
        return
    workspace.replace("pyproject.toml", after, reason)


def _with_mode(path: str, text: str) -> str | None:
    """The text with the mode set, the same text if it is, None if pytest does not take its configuration from here."""
    if path.endswith(".toml"):
        return _toml_mode(path, text)
    section = "tool:pytest" if path == "setup.cfg" else "pytest"
    return _ini_mode(text, section, path in _EMPTY_COUNTS)


def _ini_mode(text: str, name: str, empty_counts: bool) -> str | None:
    document = ini.scan(text)
    section = document.section(name)
    if section is None:
        if not empty_counts:
            return None
        newline = newline_at(text, 0)
        gap = "" if not text or text.endswith("\n") else newline
        return f"{text}{gap}[{name}]{newline}{_MODE} = auto{newline}"
    options = [option for option in document.options if option.section == name]
    splices: list[Splice] = []
    mode = document.option(name, _MODE)
    addopts = document.option(name, "addopts")
    overridden = False
    for line in addopts.lines if addopts else ():
        for match in _OPTION.finditer(text, line.start, line.end):
            overridden = True
            splices.append(Splice(match.start("mode"), match.end("mode"), "auto"))
        if addopts and _LOOP_SOCKETS not in text[addopts.lines[0].start : addopts.lines[-1].end]:
            splices += _loop_sockets(text, line.start, line.end, listed=False)
    if mode is not None and mode.lines:
        start, end = mode.lines[0].start, mode.lines[-1].end
        splices.append(Splice(start, end, "auto"))
    elif mode is not None:
        splices.append(Splice(mode.end, mode.end, " auto"))
    elif not overridden:
        end = options[-1].end if options else section.end
        at = line_end(text, end)
        delimiter = "=" if options and options[-1].delimiter.rstrip() == "=" else " = "
        splices.append(Splice(at, at, f"{newline_at(text, section.start)}{_MODE}{delimiter}auto"))
    return apply(text, splices)


def _toml_mode(path: str, text: str) -> str | None:
    document = toml.scan(text)
    table = _toml_table(path, document)
    if table is None:
        return None
    settings = document.get(*table)
    if settings is None:
        return _checked(text, _append_table(text, table), table)
    if not isinstance(settings, dict):
        raise Unsupported(f"{'.'.join(table)} is no table")
    splices: list[Splice] = []
    addopts = document.find(*table, "addopts")
    for match in _OPTION.finditer(text, addopts.value.start, addopts.value.end) if addopts else ():
        splices.append(Splice(match.start("mode"), match.end("mode"), "auto"))
    in_command_line = bool(splices)
    if addopts and _LOOP_SOCKETS not in text[addopts.value.start : addopts.value.end]:
        listed = isinstance(settings["addopts"], list)
        splices += _loop_sockets(text, addopts.value.start, addopts.value.end, listed=listed)
    mode = document.find(*table, _MODE)
    if mode is not None and settings[_MODE] != "auto":
        splices.append(Splice(mode.value.start, mode.value.end, '"auto"'))
    elif mode is None and not in_command_line:
        splices.append(_new_pair(document, table))
    return _checked(text, apply(text, splices), table)


def _loop_sockets(text: str, start: int, end: int, *, listed: bool) -> list[Splice]:
    """What lets event loops have their sockets where the options in this part of the text take all away."""
    for match in _NO_SOCKETS.finditer(text, start, end):
        quote = text[match.end() : match.end() + 1]
        between = f"{quote}, {quote}" if listed else " "
        return [Splice(match.end(), match.end(), f"{between}{_LOOP_SOCKETS}")]
    return []


def _toml_table(path: str, document: toml.Document) -> tuple[str, ...] | None:
    """The table that pytest reads from this file, whether it is there or not; None if it reads none."""
    if path != "pyproject.toml":
        return ("pytest",)
    if document.get(*_INI_OPTIONS) is not None:
        return _INI_OPTIONS
    return _NATIVE if document.get(*_NATIVE) else None


def _append_table(text: str, table: tuple[str, ...]) -> str:
    newline = newline_at(text, 0)
    gap = "" if not text.strip() else newline if text.endswith("\n") else newline * 2
    return f'{text}{gap}[{".".join(table)}]{newline}{_MODE} = "auto"{newline}'


def _new_pair(document: toml.Document, path: tuple[str, ...]) -> Splice:
    """What adds the mode to a table that exists, in the way in which it is written."""
    text = document.text
    table = document.table(*path)
    if table is not None:
        end = toml.end_of_pairs(document, table)
        pairs = [pair for pair in document.pairs if pair.header == path]
        indent = indent_of(text, pairs[-1].start) if pairs else ""
        newline = newline_at(text, table.start)
        if end == len(text) and not text.endswith("\n"):
            return Splice(end, end, f'{newline}{indent}{_MODE} = "auto"')
        return Splice(end, end, f'{indent}{_MODE} = "auto"{newline}')
    inline = document.find(*path)
    if inline is not None and inline.value.kind == "table":
        pairs_inside = inline.value.pairs
        if not pairs_inside:
            return Splice(inline.value.start, inline.value.end, f'{{ {_MODE} = "auto" }}')
        end = pairs_inside[-1].value.end
        return Splice(end, end, f', {_MODE} = "auto"')
    dotted = [pair for pair in document.pairs_of(*path) if toml.leads_line(text, pair.start)]
    if not dotted:
        raise Unsupported(f"{'.'.join(path)} is written in a way that cannot be edited")
    last = dotted[-1]
    keys = text[last.start : last.key_end].rpartition(".")[0]
    end = line_end(text, last.value.end)
    indent = text[line_start(text, last.start) : last.start]
    return Splice(end, end, f'{newline_at(text, last.start)}{indent}{keys}.{_MODE} = "auto"')


def _checked(before: str, after: str, table: tuple[str, ...]) -> str:
    """`after`, if it means what `before` means but for the mode; else raises Unsupported."""
    expected, found = copy.deepcopy(toml.scan(before).data), toml.scan(after).data
    for data in (expected, found):
        settings: dict[str, Any] = data
        for key in table:
            settings = settings.setdefault(key, {})
        mode = settings.pop(_MODE, None)
        if data is found and mode not in ("auto", None):
            raise Unsupported(f"{_MODE} could not be set")
        if "addopts" in settings:
            written = settings["addopts"]
            options = " ".join(map(str, written)) if isinstance(written, list) else str(written)
            settings["addopts"] = _OPTION.sub("", options).replace(f" {_LOOP_SOCKETS}", "")
    if expected != found:
        raise Unsupported("its layout is not one that can be edited")
    return after
