"""Where output goes: colours, widths, and progress.

``rich`` takes longer to import than a small program to scan, so it is imported where something is shown.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress, TaskID

PLAIN_WIDTH = 100
"""Columns where nobody's terminal says otherwise: what goes to a file or a pipe looks the same everywhere."""

PATIENCE = 1.0
"""Seconds of work before a progress bar appears."""


@dataclass(slots=True)
class Output:
    """The terminal as the user wants it: ``color`` is ``auto``, ``always`` or ``never``."""

    color: str = "auto"
    debug: bool = False

    def console(self, stream: IO[str]) -> Console:
        """A console on `stream`: no markup, no emoji codes, no automatic highlighting."""
        width = None
        if not stream.isatty() and not os.environ.get("COLUMNS", "").isdecimal():
            width = PLAIN_WIDTH
        from asyncify.cli.pipe import PipeConsole

        return PipeConsole(
            file=stream,
            color_system={"auto": "auto", "always": "standard", "never": None}[self.color],
            force_terminal={"auto": None, "always": True, "never": False}[self.color],
            no_color={"auto": None, "always": False, "never": True}[self.color],
            width=width,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def show(self, *renderables: RenderableType, error: bool = False) -> None:
        """Print, wrapped to the width of the terminal."""
        stream = sys.stderr if error else sys.stdout
        if stream.isatty():
            self.console(stream).print(*renderables, sep="\n")
            return
        buffer = io.StringIO()  # padding to the right is for terminals only
        console = self.console(stream)
        console.file = buffer
        console.print(*renderables, sep="\n")
        stream.write("".join(line.rstrip() + "\n" for line in buffer.getvalue().splitlines()))
        stream.flush()

    def line(self, renderable: RenderableType, error: bool = False) -> None:
        """Print one logical line, never wrapped: it may be searched for, or read by a program."""
        self.console(sys.stderr if error else sys.stdout).print(renderable, soft_wrap=True)

    def raw(self, data: bytes) -> None:
        """Write bytes to standard output as they are; on a terminal, cleaned of control characters."""
        if sys.stdout.isatty():
            from asyncify.report.text import clean_line

            text = data.decode(errors="backslashreplace")
            sys.stdout.write("".join(clean_line(line) + "\n" for line in text.split("\n")[:-1]))
        else:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
        sys.stdout.flush()

    @contextmanager
    def progress(self) -> Iterator[TerminalProgress]:
        """Something the pipeline can report to while the block runs; visible on a terminal only."""
        bar = TerminalProgress(self.console(sys.stderr) if sys.stderr.isatty() else None)
        try:
            yield bar
        finally:
            bar.close()


class TerminalProgress:
    """A bar per stage, shown once the work has taken :data:`PATIENCE` seconds, and gone when it is done."""

    def __init__(self, console: Console | None) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._timer: threading.Timer | None = None
        if console is not None:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=30),
                MofNCompleteColumn(),
                console=console,
                transient=True,
            )
            self._timer = threading.Timer(PATIENCE, self._bar.start)
            self._timer.daemon = True
            self._timer.start()

    def stage(self, name: str, total: int | None = None) -> None:
        """See :class:`asyncify.report.progress.Progress`."""
        if self._bar is not None:
            from asyncify.report.text import clean_line

            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(clean_line(name), total=total)

    def advance(self, steps: int = 1) -> None:
        """See :class:`asyncify.report.progress.Progress`."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, steps)

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()  # a start under way would otherwise come after the stop
        if self._bar is not None:
            self._bar.stop()
