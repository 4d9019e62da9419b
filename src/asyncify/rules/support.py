"""Where the support modules of a migrated project live, and how a file imports them."""

from __future__ import annotations

from asyncify.index.project import SourceFile
from asyncify.model import AddImport, Reason, Span


def support_path(source: SourceFile, module: str) -> str:
    """Where the support module `module` of this file's package lies in the tree."""
    return f"{source.home}/{module}.py" if source.home else f"{module}.py"


def import_of(source: SourceFile, module: str, span: Span, reason: Reason) -> AddImport:
    """The import of a support module for the file of `span`; its helpers are then written ``module.helper``."""
    return AddImport(span, reason, source.package, module) if source.package else AddImport(span, reason, module)
