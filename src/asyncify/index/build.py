"""Building an index: every file parsed and lowered by itself, then all of them linked."""

from __future__ import annotations

import ast
import gc
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from asyncify.index.builtins_catalogue import builtins_catalogue
from asyncify.index.catalogue import Catalogue
from asyncify.index.elsewhere import Elsewhere
from asyncify.index.ir import FileFacts
from asyncify.index.link import Linker
from asyncify.index.linked import LinkedProject
from asyncify.index.lower import lower
from asyncify.index.positions import Positions
from asyncify.index.project import Diagnostic, FileTree, SourceFile

_DEPTH = 8000


Parsed = dict[str, "tuple[FileTree, FileFacts, Positions] | Diagnostic"]
"""What was made of files by themselves, by path: given again, none of them is read twice."""


def build(
    sources: Sequence[SourceFile],
    catalogue: Catalogue,
    elsewhere: Elsewhere | None = None,
    parsed: Parsed | None = None,
) -> LinkedProject:
    """Index and link the files of one project, or of a part of one (`elsewhere` then names all of its files).

    A file that cannot be parsed becomes a diagnostic. The catalogue's entries win over the index's own ones for
    builtins.
    """
    parsed = {} if parsed is None else parsed
    files: dict[str, FileTree] = {}
    diagnostics: list[Diagnostic] = []
    facts: list[FileFacts] = []
    positions: dict[str, Positions] = {}
    linker = Linker(_all_entries(catalogue), elsewhere)
    with _roomy():
        for source in sorted(sources, key=lambda source: source.path):
            found = parsed.get(source.path)
            if found is None:
                found = parsed[source.path] = _parse(source)
            if isinstance(found, Diagnostic):
                diagnostics.append(found)
            else:
                files[source.path], own, positions[source.path] = found
                facts.append(own)
        linker.link(facts)
    return LinkedProject(linker, files, positions, diagnostics)


_merged: list[tuple[Catalogue, Catalogue]] = []


def _all_entries(catalogue: Catalogue) -> Catalogue:
    """The catalogue on top of the index's own one; the last is kept, for parts of a tree are built one by one."""
    if not _merged or _merged[0][0] is not catalogue:
        _merged[:] = [(catalogue, builtins_catalogue().merge(catalogue))]
    return _merged[0][1]


def _parse(source: SourceFile) -> tuple[FileTree, FileFacts, Positions] | Diagnostic:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source.text)
        facts = lower(tree, source.path, source.module, source.text)
        return FileTree(source, tree), facts, Positions(source.path, source.text, tree)
    except SyntaxError as error:
        return Diagnostic(source.path, error.lineno, f"not valid Python: {error.msg}")
    except ValueError as error:
        return Diagnostic(source.path, None, f"not valid Python: {error}")
    except (RecursionError, MemoryError):
        return Diagnostic(source.path, None, "nested too deeply to be read")


@contextmanager
def _roomy() -> Iterator[None]:
    """Room for deep expressions; no cyclic garbage collection, for all that is made here is kept."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEPTH))
    try:
        with without_collecting():
            yield
    finally:
        sys.setrecursionlimit(before)


@contextmanager
def without_collecting() -> Iterator[None]:
    """No cyclic garbage collection, where nearly all that is made is kept."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.freeze()  # what was made counts as old without being looked at now
            gc.unfreeze()
            gc.enable()
