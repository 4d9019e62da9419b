"""Functions that the outside calls by name, and that therefore keep a synchronous form: where the colours end."""

from __future__ import annotations

import configparser
import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Final

from asyncify.commands import commands
from asyncify.config import Config
from asyncify.errors import UsageError
from asyncify.index.project import FunctionInfo, Kind, Project, SourceFile
from asyncify.model import Reason
from asyncify.rules.facts import Facts
from asyncify.rules.handlers import handlers

ENTRY_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
"""The files, in the root of a tree, that may declare console scripts."""
_LITERAL = re.compile(r"""["'][\w.-]+\s*=\s*([\w.]+):([\w.]+)["']""")
_PROGRAMS: Final = frozenset({"console_scripts", "gui_scripts"})
_WILD: Final = re.compile(r"[*?\[]")


class Flow(StrEnum):
    """Which callers of a function with a synchronous form use its asynchronous one and so become asynchronous."""

    NOWHERE = "nowhere"  # none: the function is where the event loop starts
    INSIDE = "inside"  # those below the function that owns a fan-out
    PRODUCT = "product"  # those of the project, without its tests and without code that runs at import


@dataclass(frozen=True, slots=True)
class Boundary:
    """One function that keeps a synchronous form, why, and how far colour flows from it.

    ``program``: it is started as a program, so that no event loop runs when it is called and none is needed afterwards.
    """

    reason: Reason
    flow: Flow = Flow.NOWHERE
    program: bool = False


def entry_points(root: Path, project: Project, config: Config) -> dict[str, Boundary]:
    """Project functions that are console scripts of the tree at `root`, or configured to keep a synchronous form."""
    out: dict[str, Boundary] = {}
    for pattern in config.sync_api:
        for function, info in project.functions.items():
            if _is_public(info, pattern) and _matches(pattern, function):
                out[function] = Boundary(Reason(f"sync-api keeps {pattern} synchronous", info.span), Flow.PRODUCT)
    for target in _console_scripts(root):
        name = target.replace(":", ".")
        for function in (name, *(f for f in project.functions if f.endswith("." + name))):
            if function in project.functions:
                reason = Reason(f"it is the console script {target}", project.functions[function].span)
                out[function] = Boundary(reason, program=True)
    for target in _plugins(root):
        for info in _of_plugin(project, target.replace(":", ".")):
            out.setdefault(info.name, Boundary(Reason(f"it is the entry point {target}", info.span)))
    for info, made_by in commands(project):
        out.setdefault(info.name, Boundary(Reason(f"it is a command ({made_by})", info.span), program=True))
    for pattern in config.stop_at:
        for function, info in project.functions.items():
            if info.kind is Kind.FUNCTION and _matches(pattern, function):
                out[function] = Boundary(Reason(f"stop-at keeps {pattern} synchronous", info.span))
    return out


def handled(facts: Facts) -> dict[str, Boundary]:
    """Project functions that a framework calls and waits for, in threads or processes of its own."""
    return {
        info.name: Boundary(Reason(f"{called_by} calls it without await", info.span))
        for info, called_by in handlers(facts)
    }


def check_names(config: Config, sources: Iterable[SourceFile]) -> None:
    """Raise UsageError where ``stop-at`` or ``sync-api`` name a function that no file defines.

    Patterns may match nothing.
    """
    for key, names in (("stop-at", config.stop_at), ("sync-api", config.sync_api)):
        for name in names:
            last = name.rpartition(".")[2]
            if _WILD.search(name) or any(re.search(rf"\bdef\s+{re.escape(last)}\b", s.text) for s in sources):
                continue
            defined = {found for source in sources for found in re.findall(r"\bdef\s+(\w+)", source.text)}
            close = difflib.get_close_matches(last, sorted(defined), 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise UsageError(f"{key}: no function {name!r}{hint}")


def _matches(pattern: str, function: str) -> bool:
    return fnmatchcase(function, pattern) or fnmatchcase(function, f"*.{pattern}")


def _is_public(info: FunctionInfo, pattern: str) -> bool:
    """Whether the outside may call the function: defined in a module or class, and not by a name with an underscore.

    A pattern that spells the last name out means it, whatever it is.
    """
    if info.kind is not Kind.FUNCTION or info.parent is not None or info.in_test:
        return False
    own = info.name[len(info.module) + 1 :].split(".")
    return not any(part.startswith("_") for part in own) or not _WILD.search(pattern.rpartition(".")[2])


def _console_scripts(root: Path) -> Iterator[str]:
    """``module:function`` of every console script declared in pyproject.toml, setup.cfg or, literally, setup.py."""
    for name, text in _entry_files(root):
        yield from _declared(name, text)


def _plugins(root: Path) -> Iterator[str]:
    """The same for all other entry points that pyproject.toml and setup.cfg declare."""
    for name, text in _entry_files(root):
        yield from _plugins_declared(name, text)


def _entry_files(root: Path) -> Iterator[tuple[str, str]]:
    for name in ENTRY_FILES:
        try:
            yield name, (root / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue


@lru_cache(maxsize=len(ENTRY_FILES))
def _declared(name: str, text: str) -> tuple[str, ...]:
    """The console scripts that a file of that name and text declares; each part of a large tree asks for them."""
    if name == "pyproject.toml":
        return tuple(_from_pyproject(text))
    if name == "setup.cfg":
        return tuple(_from_setup_cfg(text))
    return tuple(f"{match[1]}:{match[2]}" for match in _LITERAL.finditer(text))


@lru_cache(maxsize=len(ENTRY_FILES))
def _plugins_declared(name: str, text: str) -> tuple[str, ...]:
    """The same for entry points of other groups, which a host loads and calls. (Of setup.py, all are console scripts.)"""
    if name == "pyproject.toml":
        return tuple(_from_pyproject(text, plugins=True))
    return tuple(_from_setup_cfg(text, plugins=True)) if name == "setup.cfg" else ()


def _of_plugin(project: Project, name: str) -> Iterator[FunctionInfo]:
    """The function of that name; of a class the methods that nothing in the project calls, for the host calls them."""
    for function, info in project.functions.items():
        if info.kind is not Kind.FUNCTION or info.parent is not None or info.is_generator:
            continue
        if function == name or function.endswith("." + name):
            yield info
        owner, _, last = function.rpartition(".")
        of_class = info.cls == owner and (owner == name or owner.endswith("." + name)) and not last.startswith("_")
        if of_class and all(_is_of_test(project, call.within) for call in project.callers(function)):
            yield info


def _is_of_test(project: Project, function: str) -> bool:
    info = project.functions.get(function)
    return info is not None and info.in_test


def _from_pyproject(text: str, *, plugins: bool = False) -> Iterator[str]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    project = data.get("project", {})
    poetry = data.get("tool", {}).get("poetry", {})
    tables = [project.get("scripts", {}), project.get("gui-scripts", {}), poetry.get("scripts", {})]
    if plugins:
        groups = (project.get("entry-points", {}), poetry.get("plugins", {}))
        tables = [table for group in groups if isinstance(group, dict) for table in group.values()]
    for table in tables:
        if isinstance(table, dict):
            yield from (value.partition("[")[0].strip() for value in table.values() if isinstance(value, str))


def _from_setup_cfg(text: str, *, plugins: bool = False) -> Iterator[str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    declared = parser["options.entry_points"] if parser.has_section("options.entry_points") else {}
    for key in declared:
        for line in declared[key].splitlines() if (key in _PROGRAMS) != plugins else ():
            if "=" in line:
                yield line.partition("=")[2].partition("[")[0].strip()
