"""The only reader of the scanned tree: finds the Python files, decodes them, names their modules.

Nothing found here is imported or executed. A file that cannot be taken along becomes a
:class:`~asyncify.index.project.Diagnostic`, never an exception.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asyncify.config import Config
from asyncify.discover.keep import kept_lines
from asyncify.discover.naming import ModuleName, module_names, module_names_on_disk
from asyncify.discover.notebook import MAX_NOTEBOOK, SUFFIX, as_python
from asyncify.discover.read import MAX_BYTES, NotTaken, read_bytes, read_source
from asyncify.discover.walk import SKIPPED, Walker
from asyncify.errors import UsageError
from asyncify.index.project import Diagnostic, SourceFile

__all__ = [
    "MAX_BYTES",
    "SKIPPED",
    "ModuleName",
    "Tree",
    "discover",
    "kept_lines",
    "module_names",
]


@dataclass(frozen=True, slots=True)
class Tree:
    """What was found below ``root``: files sorted by path, and those left out."""

    root: Path
    sources: tuple[SourceFile, ...]
    diagnostics: tuple[Diagnostic, ...]
    notebooks: Mapping[str, bytes] = field(default_factory=dict)  # as read; their source is the Python in them


def discover(paths: Sequence[Path], config: Config, *, libraries: frozenset[str] = frozenset()) -> Tree:
    """Read the Python files of `paths` (files, taken whatever their name, and folders).

    The root is the folder given, the folder of a file given, or what several paths have in common; paths are
    relative to it. `libraries` are import names of which no script in a subfolder makes a module of the project
    (``docs/requests.py``). Raises :class:`UsageError` where one of them does not exist.
    """
    if not paths:
        raise UsageError("no path to scan")
    given = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100  (symbolic links stay)
    folders = []
    for shown, path in zip(paths, given, strict=True):
        try:
            folders.append(path if stat.S_ISDIR(path.stat().st_mode) else path.parent)
        except OSError as error:
            why = "no such file or folder" if isinstance(error, FileNotFoundError) else error.strerror
            raise UsageError(f"{shown}: {why}") from error
    try:
        root = Path(os.path.commonpath(folders))
    except ValueError as error:  # several drives
        raise UsageError(f"the paths have no folder in common: {', '.join(map(str, paths))}") from error

    walker = Walker(root, config)
    for path in given:
        walker.add(path)
    walker.follow_links()
    files: dict[str, tuple[bytes, str, str]] = {}
    notebooks: dict[str, bytes] = {}
    for relative in sorted(walker.found):
        try:
            if relative.endswith(SUFFIX):
                data = read_bytes(walker.found[relative], MAX_NOTEBOOK)
                code = as_python(data)
                files[relative], notebooks[relative] = (code, code.decode(), "utf-8"), data
            else:
                files[relative] = read_source(walker.found[relative])
        except OSError as error:
            walker.report(relative, f"cannot be read: {error.strerror or error}")
        except NotTaken as error:
            walker.report(relative, str(error))
    names = module_names_on_disk(root, {path: data for path, (data, _, _) in files.items()}, libraries)
    sources = tuple(
        SourceFile(path, *content, names[path].name, names[path].package, names[path].home)
        if path not in notebooks  # it runs in its own folder, whatever package that is
        else SourceFile(path, *content, names[path].name, "", path.rpartition("/")[0])
        for path, content in files.items()
    )
    diagnostics = sorted(walker.diagnostics, key=lambda item: (item.path, item.message))
    return Tree(root, sources, tuple(diagnostics), notebooks)
