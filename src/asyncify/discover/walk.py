"""Finding the Python files below some paths, through symbolic links, each real file once."""

# On a large tree pathlib would take most of the time of a walk.
# ruff: noqa: PTH110, PTH118, PTH119, PTH123
from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

from asyncify.config import DEFAULT_EXCLUDE, Config
from asyncify.discover.notebook import SUFFIX
from asyncify.errors import UsageError
from asyncify.index.project import Diagnostic

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

SKIPPED: Final = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".venv",
        ".tox",
        ".nox",
        ".eggs",
        ".asyncify",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        "__pycache__",
        ".ipynb_checkpoints",
        "node_modules",
        "site-packages",
    }
)
"""Folders that never hold the user's own code, besides virtual environments and ``*.egg-info``."""

_SHEBANG: Final = re.compile(rb"#![^\r\n]*\bpython(?!2)[0-9.]*(?![\w.])")


class Walker:
    """Collects files and diagnostics. Every real folder and file is taken once: links come last."""

    def __init__(self, root: Path, config: Config) -> None:
        self.root = root
        self._lead = os.path.join(root, "")
        self.found: dict[str, str] = {}  # relative path → path
        self.diagnostics: list[Diagnostic] = []
        self._links: list[tuple[str, str, str]] = []  # path, real path of the folder it is in, base
        self._folders: set[str] = set()  # real paths
        self._files: set[str] = set()  # real paths
        self._base = str(config.root if root.is_relative_to(config.root) else root)  # what patterns are relative to
        self._own_names = frozenset[str]()
        patterns = config.extend_exclude
        if config.exclude == DEFAULT_EXCLUDE:
            self._own_names = frozenset(pattern.rstrip("/") for pattern in DEFAULT_EXCLUDE)
        else:
            patterns = (*config.exclude, *patterns)
        self._patterns = _compiled(patterns, config) if patterns else None

    def add(self, path: Path) -> None:
        """Take a path the user named, whatever `exclude` says."""
        if path.is_dir():
            # A pattern that leaves out the folder itself would leave out all that is in it.
            base = str(path) if self._excluded(str(path), self._base, folder=True) else self._base
            self._walk(str(path), os.path.realpath(path), base)
        else:
            self._take(str(path), os.path.realpath(path))

    def follow_links(self) -> None:
        """Take what the symbolic links met so far point to, if it was not met already."""
        for path, parent, base in self._links:  # grows while we walk
            real = os.path.realpath(path)
            try:
                mode = Path(path).stat().st_mode
            except OSError as error:
                if path.endswith((".py", SUFFIX)):
                    loop = error.errno == errno.ELOOP
                    self.report(self._relative(path), "symbolic link in a loop" if loop else "dangling symbolic link")
                continue
            if stat.S_ISDIR(mode):
                if Path(parent).is_relative_to(real):
                    self.report(self._relative(path), "symbolic link to a folder it is in: not followed")
                elif real not in self._folders and not self._leads_astray(real):
                    self._walk(path, real, base)
            elif real not in self._files and self._wanted(path, mode):
                self._take(path, real)

    def report(self, relative: str, message: str) -> None:
        self.diagnostics.append(Diagnostic(relative, None, message))

    def _walk(self, top: str, real_top: str, base: str) -> None:
        stack = [(top, real_top)]
        while stack:
            folder, real = stack.pop()
            if real in self._folders:
                continue
            self._folders.add(real)
            try:
                with os.scandir(folder) as entries:
                    children = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                self.report(self._relative(folder), f"folder cannot be read: {error.strerror or error}")
                continue
            if folder != top and any(child.name == "pyvenv.cfg" for child in children):
                continue
            below = []
            for child in children:
                if child.is_symlink():
                    if not self._excluded(child.path, base, folder=False) and not self._skipped(child.path, base):
                        self._links.append((child.path, real, base))
                elif child.is_dir(follow_symlinks=False):
                    if not self._skipped(child.path, base):
                        below.append((child.path, os.path.join(real, child.name)))
                elif self._wanted_entry(child) and not self._excluded(child.path, base, folder=False):
                    self._take(child.path, os.path.join(real, child.name))
            stack.extend(reversed(below))

    def _wanted_entry(self, entry: os.DirEntry[str]) -> bool:
        if entry.name.endswith((".py", SUFFIX)):
            return True
        if "." in entry.name:
            return False
        try:
            return self._wanted(entry.path, entry.stat(follow_symlinks=False).st_mode)
        except OSError:
            return False

    def _wanted(self, path: str, mode: int) -> bool:
        """Whether it is a Python file by its suffix, or an executable script by its first line."""
        name = os.path.basename(path)
        if name.endswith((".py", SUFFIX)):
            return True
        if "." in name or not stat.S_ISREG(mode) or not mode & 0o111:
            return False
        try:
            with open(path, "rb") as file:
                return _SHEBANG.match(file.read(256)) is not None
        except OSError:
            return False

    def _take(self, path: str, real: str) -> None:
        relative = self._relative(path)
        try:
            relative.encode()
        except UnicodeEncodeError:
            shown = relative.encode(errors="surrogateescape").decode(errors="backslashreplace")
            self.report(shown, "the file name is not valid Unicode")
            return
        self._files.add(real)
        self.found[relative] = path

    def _skipped(self, path: str, base: str) -> bool:
        name = os.path.basename(path)
        if name in SKIPPED or name.endswith(".egg-info"):
            return True
        if name in self._own_names and not os.path.exists(os.path.join(path, "__init__.py")):
            return True
        return self._excluded(path, base, folder=True)

    def _excluded(self, path: str, base: str, *, folder: bool) -> bool:
        if self._patterns is None:
            return False
        relative = os.path.relpath(path, base).replace(os.sep, "/")
        return self._patterns.match_file(relative + "/" if folder else relative)

    def _leads_astray(self, real: str) -> bool:
        """Whether a link's target lies in a folder that would have been skipped on the way to it."""
        top = os.path.realpath(self.root)
        inside = Path(real).is_relative_to(top)
        parts = PurePath(os.path.relpath(real, top)).parts if inside else PurePath(real).parts
        return any(part in SKIPPED for part in parts)

    def _relative(self, path: str) -> str:
        if path.startswith(self._lead):
            return path[len(self._lead) :].replace(os.sep, "/")
        return os.path.relpath(path, self.root).replace(os.sep, "/")


def _compiled(patterns: Iterable[str], config: Config) -> GitIgnoreSpec:
    """The patterns of `exclude`. Raises UsageError. The library is imported here, for most runs have no pattern."""
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise UsageError(f"{config.file or 'command line'}: `exclude` or `extend-exclude`: {error}") from error
