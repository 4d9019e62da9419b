"""Errors a user can meet, each with one clear message, and the exit codes that go with them."""

from __future__ import annotations

from enum import IntEnum

from asyncify.model import Span


class ExitCode(IntEnum):
    """What the command's exit status means; documented in the README and in ``asyncify --help``."""

    OK = 0
    FINDINGS = 1  # asked to fail on findings, or a verification gate not met
    USAGE = 2  # bad options, bad configuration, no such path
    INPUT = 3  # some file could not be read or parsed (the rest was done)
    CHECK = 4  # the check of the result failed; nothing was written
    WRITE = 5  # writing failed; everything was put back
    CHANGED = 6  # files changed since they were read; nothing was written
    INTERNAL = 70  # a defect of asyncify
    INTERRUPTED = 130


class AsyncifyError(Exception):
    """Base of all errors that are shown without a traceback: one message, perhaps a place, an exit code."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, span: Span | None = None) -> None:
        super().__init__(f"{span}: {message}" if span else message)
        self.message = message
        self.span = span


class UsageError(AsyncifyError):
    """Bad options or configuration."""


class InputError(AsyncifyError):
    """A file that cannot be read or parsed."""

    exit_code = ExitCode.INPUT


class CheckError(AsyncifyError):
    """The independent check objects to the result."""

    exit_code = ExitCode.CHECK


class WriteError(AsyncifyError):
    """Writing failed; the tree is as before."""

    exit_code = ExitCode.WRITE


class ChangedError(AsyncifyError):
    """A file is no longer what was read."""

    exit_code = ExitCode.CHANGED


class InternalError(AsyncifyError):
    """An assumption of asyncify does not hold; please report."""

    exit_code = ExitCode.INTERNAL
