"""``[tool.asyncify]`` of the nearest ``pyproject.toml``, as a frozen record.

The command line overrides single fields with :func:`dataclasses.replace`; nothing else changes them.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from asyncify.errors import UsageError

Http = Literal["auto", "native", "compat"]
BoundaryKind = Literal["entry", "fan-out"]
Web = Literal["keep", "quart"]

DEFAULT_EXCLUDE: Final = ("build/", "dist/", "venv/")
"""Folders left out unless they hold an ``__init__.py`` (a package may well be called ``build``)."""


@dataclass(frozen=True, slots=True)
class Config:
    """What the user chose for one project.

    ``root`` is the folder of the ``pyproject.toml`` that was found (``file``), or the scanned folder. The
    patterns of ``exclude`` and ``extend_exclude`` are those of a ``.gitignore`` at ``root``; ``exclude``
    replaces :data:`DEFAULT_EXCLUDE`. ``boundary`` says how far colour flows: to the entry points, or to the functions that own
    a fan-out. ``stop_at`` names functions that stay synchronous, ``sync_api`` patterns (``pkg.client.*``) of functions whose
    synchronous form is public. ``parallelize``: how many independent requests of a loop may be under way at once; with 0 (or 1), loops
    ask one after the other as they did. ``web``: what becomes of applications of Flask. ``cache``: whether the result of a scan may come from, and goes to, the user's cache
    folder (command line only).
    """

    root: Path
    file: Path | None = None
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    http: Http = "auto"
    boundary: BoundaryKind = "entry"
    stop_at: tuple[str, ...] = ()
    sync_api: tuple[str, ...] = ()
    parallelize: int = 0
    web: Web = "keep"
    cache: bool = True


_LISTS: Final = ("exclude", "extend-exclude", "stop-at", "sync-api")
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "http": ("auto", "native", "compat"),
    "boundary": ("entry", "fan-out"),
    "web": ("keep", "quart"),
}
_NUMBERS: Final = ("parallelize",)
KEYS: Final = (*_LISTS, *_CHOICES, *_NUMBERS)
"""The keys ``[tool.asyncify]`` may have."""


def load(start: Path) -> Config:
    """The configuration that holds for `start`, a file or a folder.

    The nearest ``pyproject.toml`` at or above it decides, whether or not it has the table. Raises
    :class:`UsageError` where `start` does not exist, the file cannot be read, or a key or value is wrong.
    """
    start = start.absolute()
    if not start.exists():
        raise UsageError(f"no such file or folder: {start}")
    folder = start if start.is_dir() else start.parent
    for candidate in (folder, *folder.parents):
        file = candidate / "pyproject.toml"
        if file.is_file():
            return Config(candidate, file, **_table(file))
    return Config(folder)


def _table(file: Path) -> dict[str, Any]:
    """The checked values of ``[tool.asyncify]``, by field name."""
    try:
        document = tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # not UTF-8, not TOML
        raise UsageError(f"{file}: not valid TOML: {error}") from error
    tool = document.get("tool", {})
    table = tool.get("asyncify", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise UsageError(f"{file}: `tool.asyncify` must be a table, not {_kind(table)}")
    return {key.replace("-", "_"): _checked(file, key, value) for key, value in table.items()}


def _checked(file: Path, key: str, value: object) -> object:
    where = f"{file}: [tool.asyncify]"
    if key in _LISTS:
        if not isinstance(value, list):
            raise UsageError(f"{where} `{key}` must be a list of strings, not {_kind(value)}")
        for item in value:
            if not isinstance(item, str):
                raise UsageError(f"{where} `{key}` must be a list of strings, but holds {_kind(item)}: {item!r}")
            if not item.strip():
                raise UsageError(f"{where} `{key}` holds an empty string")
        return tuple(value)
    if key in _CHOICES:
        choices = _CHOICES[key]
        if not isinstance(value, str):
            raise UsageError(f"{where} `{key}` must be a string, not {_kind(value)}")
        if value not in choices:
            raise UsageError(
                f"{where} `{key}` must be one of {', '.join(choices)}, not {value!r}{_nearest(value, choices, '')}"
            )
        return value
    if key in _NUMBERS:
        if not isinstance(value, int) or isinstance(value, bool):
            raise UsageError(f"{where} `{key}` must be an integer, not {_kind(value)}")
        if value < 0:
            raise UsageError(f"{where} `{key}` must not be negative")
        return value
    known = f" (known: {', '.join(KEYS)})"
    raise UsageError(f"{where} has an unknown key `{key}`{_nearest(key, KEYS, known)}")


def _nearest(word: str, known: tuple[str, ...], otherwise: str) -> str:
    close = difflib.get_close_matches(word.replace("_", "-").lower(), known, n=1)
    return f"; did you mean `{close[0]}`?" if close else otherwise


def _kind(value: object) -> str:
    names = {
        str: "a string",
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), f"a {type(value).__name__}")
