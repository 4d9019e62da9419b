"""What tells the user how far a long piece of work is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told what is being done; shown only on a terminal."""

    def stage(self, name: str, total: int | None = None) -> None:
        """A new stage begins, with `total` steps if known."""

    def advance(self, steps: int = 1) -> None:
        """So many steps of the stage are done."""


class Silent:
    """Progress that nobody watches."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Nothing."""

    def advance(self, steps: int = 1) -> None:
        """Nothing."""
