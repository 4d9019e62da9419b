"""What the reports need of the results they show, as protocols.

The results themselves belong to the layer above (:mod:`asyncify.api`) and beside (:mod:`asyncify.check`); the
reports ask only for these attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from asyncify.model import GroupChange, Plan, Span, Witness


class DiagnosticView(Protocol):
    """A file that was left out, and why."""

    @property
    def path(self) -> str: ...
    @property
    def line(self) -> int | None: ...
    @property
    def message(self) -> str: ...


class ProblemView(Protocol):
    """One objection of the check; a ``fatal`` one keeps its group from being written."""

    @property
    def code(self) -> str: ...
    @property
    def span(self) -> Span: ...
    @property
    def message(self) -> str: ...
    @property
    def fatal(self) -> bool: ...


class ScanView(Protocol):
    """What a scan found. ``seconds`` is wall time, ``files`` and ``lines`` count what was read."""

    @property
    def root(self) -> Path: ...
    @property
    def plan(self) -> Plan: ...
    @property
    def files(self) -> int: ...
    @property
    def lines(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def diagnostics(self) -> Sequence[DiagnosticView]: ...
    @property
    def functions_changed(self) -> int: ...


class PreviewView(Protocol):
    """A scan with the text of its changes and what the check says of them; ``problems`` by group id."""

    @property
    def scan(self) -> ScanView: ...
    @property
    def changes(self) -> tuple[GroupChange, ...]: ...
    @property
    def problems(self) -> Mapping[str, Sequence[ProblemView]]: ...


class WhyView(Protocol):
    """Why functions have their colour, one witness for each that matches the name."""

    @property
    def matches(self) -> Sequence[Witness]: ...
    @property
    def suggestions(self) -> Sequence[str]: ...


class ApplyView(Protocol):
    """What was written: the ids of the groups, and the files."""

    @property
    def groups(self) -> Sequence[str]: ...
    @property
    def changed(self) -> Sequence[str]: ...
    @property
    def created(self) -> Sequence[str]: ...
    @property
    def removed(self) -> Sequence[str]: ...


class UndoView(Protocol):
    """What was put back; ``untouched`` files were as before already, edits of ``overwritten`` ones were replaced."""

    @property
    def restored(self) -> Sequence[str]: ...
    @property
    def untouched(self) -> Sequence[str]: ...
    @property
    def overwritten(self) -> Sequence[str]: ...
