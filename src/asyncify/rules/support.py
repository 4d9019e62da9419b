"""Where the support modules of a migrated project live, and how a file imports them."""

from __future__ import annotations

import re
from functools import cache

from asyncify.index.project import SourceFile
from asyncify.model import AddImport, Reason, Span

_GUARD = re.compile(r"^if[ \t(]+__name__[ \t]*==", re.M)


def support_path(source: SourceFile, module: str) -> str:
    """Where the support module `module` of this file's package lies in the tree."""
    return f"{source.home}/{module}.py" if source.home else f"{module}.py"


def import_of(source: SourceFile, module: str, span: Span, reason: Reason) -> AddImport:
    """The import of a support module for the file of `span`; its helpers are then written ``module.helper``."""
    if not source.package:
        return AddImport(span, reason, module)
    return AddImport(span, reason, source.package, module, or_beside=_is_program_too(source))


@cache
def _is_program_too(source: SourceFile) -> bool:
    """Whether the file, which is imported through its package, may as well be run by its path: nothing in it prevents that."""
    package = source.package.partition(".")[0]
    own = re.compile(rf"^[ \t]*(?:from[ \t]+(?:\.|{package}\b)|import[ \t]+{package}\b)", re.M)
    folder, _, name = source.path.rpartition("/")
    here = folder == source.home and name != "__main__.py"
    return here and _GUARD.search(source.text) is not None and own.search(source.text) is None
