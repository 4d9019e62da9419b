"""Functions that the outside calls by name, and that therefore keep a synchronous face: console scripts, ``stop-at``."""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from asyncify.config import Config
from asyncify.index.project import Project
from asyncify.model import Reason

ENTRY_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
"""The files, in the root of a tree, that may declare console scripts."""
_LITERAL = re.compile(r"""["'][\w.-]+\s*=\s*([\w.]+):([\w.]+)["']""")


def entry_points(root: Path, project: Project, config: Config) -> dict[str, Reason]:
    """Project functions that are console scripts of the tree at `root`, or configured to stay synchronous."""
    out: dict[str, Reason] = {}
    for target in _console_scripts(root):
        name = target.replace(":", ".")
        for function in (name, *(f for f in project.functions if f.endswith("." + name))):
            if function in project.functions:
                out[function] = Reason(f"it is the console script {target}", project.functions[function].span)
    for pattern in (*config.stop_at, *config.sync_api):
        for function, info in project.functions.items():
            if fnmatchcase(function, pattern) or function.endswith("." + pattern):
                out[function] = Reason(f"the configuration keeps {pattern} synchronous", info.span)
    return out


def _console_scripts(root: Path) -> Iterator[str]:
    """``module:function`` of every console script declared in pyproject.toml, setup.cfg or, literally, setup.py."""
    for name in ENTRY_FILES:
        try:
            text = (root / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if name == "pyproject.toml":
            yield from _from_pyproject(text)
        elif name == "setup.cfg":
            yield from _from_setup_cfg(text)
        else:
            yield from (f"{match[1]}:{match[2]}" for match in _LITERAL.finditer(text))


def _from_pyproject(text: str) -> Iterator[str]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    project = data.get("project", {})
    poetry = data.get("tool", {}).get("poetry", {})
    for table in (project.get("scripts", {}), project.get("gui-scripts", {}), poetry.get("scripts", {})):
        if isinstance(table, dict):
            yield from (value.partition("[")[0].strip() for value in table.values() if isinstance(value, str))


def _from_setup_cfg(text: str) -> Iterator[str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    for key in ("console_scripts", "gui_scripts"):
        for line in parser.get("options.entry_points", key, fallback="").splitlines():
            if "=" in line:
                yield line.partition("=")[2].partition("[")[0].strip()
