"""A console that leaves it to its caller what happens when nobody reads any more."""

from __future__ import annotations

from rich.console import Console


class PipeConsole(Console):
    """Raises BrokenPipeError where ``rich`` would end the process."""

    def on_broken_pipe(self) -> None:
        """Let the error pass."""
        raise
