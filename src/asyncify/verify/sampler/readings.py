"""What both ways of reading a process tree give. Memory in bytes, CPU in seconds."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple, Protocol


class Reading(NamedTuple):
    """One process at one moment. ``cpu`` includes that of the children it has waited for."""

    rss: int
    threads: int
    cpu: float
    parent: int


class Detail(NamedTuple):
    """What is dear to ask: PSS and USS, None where the system does not tell."""

    pss: int | None
    uss: int | None


class Tree(Protocol):
    """A root process and its descendants."""

    def somebody_was_born(self) -> bool:
        """Whether the system started any process or thread since this was last asked (True where it does not tell)."""

    def readings(self, *, search: bool) -> dict[int, Reading]:
        """All known processes that live now; with `search`, after looking for new ones."""

    def details(self) -> Detail:
        """Of all known processes together."""

    def sockets(self) -> int:
        """How many sockets all known processes together have open."""

    def others(self) -> list[int]:
        """Processes other than the root that run now."""

    def end(self) -> None:
        """Kill all of them."""


def has_proc() -> bool:
    """Whether ``/proc`` tells of memory and of the children of each thread."""
    return sys.platform.startswith("linux") and os.path.exists("/proc/thread-self/children")  # noqa: PTH110
