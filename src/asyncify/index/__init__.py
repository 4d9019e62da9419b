"""The index: names, values, calls of a whole project, from ``ast`` alone. Nothing is imported or executed."""

from __future__ import annotations

import ast
import gc
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from asyncify.index.builtins_catalogue import builtins_catalogue
from asyncify.index.catalogue import Catalogue
from asyncify.index.ir import FileFacts
from asyncify.index.link import Linker
from asyncify.index.linked import LinkedProject
from asyncify.index.lower import lower
from asyncify.index.modules import module_names
from asyncify.index.project import Diagnostic, FileTree, SourceFile

__all__ = ["LinkedProject", "build", "module_names"]

_DEPTH = 8000


def build(sources: Sequence[SourceFile], catalogue: Catalogue) -> LinkedProject:
    """Index and link the files of one project.

    A file that cannot be parsed becomes a diagnostic. The catalogue's entries win over the index's own ones for
    builtins.
    """
    files: dict[str, FileTree] = {}
    diagnostics: list[Diagnostic] = []
    facts: list[FileFacts] = []
    linker = Linker(builtins_catalogue().merge(catalogue))
    with _roomy():
        for source in sorted(sources, key=lambda source: source.path):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    tree = ast.parse(source.text)
                facts.append(lower(tree, source.path, source.module, source.text))
            except SyntaxError as error:
                diagnostics.append(Diagnostic(source.path, error.lineno, f"not valid Python: {error.msg}"))
                continue
            except ValueError as error:
                diagnostics.append(Diagnostic(source.path, None, f"not valid Python: {error}"))
                continue
            except (RecursionError, MemoryError):
                diagnostics.append(Diagnostic(source.path, None, "nested too deeply to be read"))
                continue
            files[source.path] = FileTree(source, tree)
        linker.link(facts)
    return LinkedProject(linker, files, diagnostics)


@contextmanager
def _roomy() -> Iterator[None]:
    """Room for deep expressions; no cyclic garbage collection, for all that is made here is kept."""
    before, collecting = sys.getrecursionlimit(), gc.isenabled()
    sys.setrecursionlimit(max(before, _DEPTH))
    gc.disable()
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
        if collecting:
            gc.freeze()  # what was made counts as old without being looked at now
            gc.unfreeze()
            gc.enable()
