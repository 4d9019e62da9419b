"""A fixture folder as a value, with a strict reading of its ``fixture.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
IGNORED = ("__pycache__", ".asyncify")


class FixtureError(Exception):
    """The fixture itself is wrong (its folder, its fixture.toml, its before-program)."""


class Expected(StrEnum):
    """What a correct tool does with the program."""

    MIGRATE = "migrate"  # at least one group
    KEEP = "keep"  # nothing to do; no byte changes
    REFUSE = "refuse"  # no byte changes, and at least one refusal says why
    EITHER = "migrate-or-refuse"  # whichever, but right: a newer version may do more


@dataclass(frozen=True)
class Fixture:
    """One fixture. Fields without a comment are those of fixture.toml."""

    name: str  # of the folder
    title: str
    expected: Expected
    command: tuple[str, ...] = ("python", "main.py")  # "python" is the running interpreter
    exit: int = 0  # of both sides
    stderr: str = "ignore"  # "same", "last-line" (of a traceback), "ignore"
    unordered: bool = False  # lines of stdout, and requests, may come in any order: threads race for a lock
    requests: int = 1  # at least so many; 0 means exactly none
    in_flight: int | None = None  # exactly so many on both sides; None: after at most as many as before
    in_flight_after: int | None = None  # exactly so many after, where requests are sent ahead of their turn
    http: str = "auto"  # the HTTP profile asked for
    parallelize: int = 0  # as the option of that name
    refusals: tuple[str, ...] = ()  # codes that must be among those of the plan
    untouched: tuple[str, ...] = ()  # files that must not change though others do
    ignore_headers: tuple[str, ...] = ()  # beside those that never count
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return FIXTURES / self.name

    @property
    def golden_plan(self) -> str | None:
        """The text of plan.txt; None where there is none yet."""
        path = self.folder / "plan.txt"
        return path.read_text(encoding="utf-8") if path.exists() else None

    def before(self) -> dict[str, bytes]:
        """The program, by path."""
        return read_tree(self.folder / "before")

    def golden(self) -> dict[str, bytes]:
        """The golden files, by path; empty where nothing changes."""
        return read_tree(self.folder / "after")


KEYS = frozenset(f.name for f in fields(Fixture)) - {"name"}
_TUPLES = ("command", "refusals", "untouched", "ignore_headers")


def read_tree(folder: Path) -> dict[str, bytes]:
    """All files below `folder`, by relative path with ``/``, without caches."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not set(IGNORED) & set(path.relative_to(folder).parts)
    }


def write_tree(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all `files` below `folder`."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def names() -> list[str]:
    """The names of all fixtures."""
    return sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())


def load(name: str) -> Fixture:
    """Read one fixture.

    Raises:
        FixtureError: for a missing file, an unknown key, a value of the wrong type or outside its choices.
    """
    folder = FIXTURES / name
    try:
        table: dict[str, Any] = tomllib.loads((folder / "fixture.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FixtureError(f"{name}: fixture.toml: {error}") from None
    if unknown := sorted(table.keys() - KEYS):
        raise FixtureError(f"{name}: unknown key {', '.join(unknown)}")
    if missing := sorted({"title", "expected"} - table.keys()):
        raise FixtureError(f"{name}: missing key {', '.join(missing)}")
    if not any((folder / "before").rglob("*.py")):
        raise FixtureError(f"{name}: no program in before/")
    try:
        table["expected"] = Expected(table["expected"])
    except ValueError as error:
        raise FixtureError(f"{name}: expected: {error}") from None
    for key in _TUPLES:
        if key in table:
            table[key] = tuple(table[key])
    fixture = Fixture(name=name, **table)
    if fixture.stderr not in ("ignore", "same", "last-line"):
        raise FixtureError(f"{name}: stderr: {fixture.stderr!r}")
    if fixture.http not in ("auto", "native", "compat"):
        raise FixtureError(f"{name}: http: {fixture.http!r}")
    if lost := [path for path in fixture.untouched if not (folder / "before" / path).is_file()]:
        raise FixtureError(f"{name}: untouched: no such file {', '.join(lost)}")
    return fixture
