"""What kept the event loop of a run from running, as :mod:`asyncify.verify.inside` noted it.

A blockage is a call that blocks on the thread of a running loop: one that is known to (``time.sleep``), or any callback that
slept. It holds up everything else on the loop, so a migrated program that has one may do the same and take longer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from asyncify.verify.inside import FOLDER

SUPPORT = "aio_"  # modules that asyncify adds: what they do is done for whoever calls them

# Parts of a path in the stack below the program, the more telling ones first, to the rule whose migration would take the call off the loop.
_RULES = (
    ("/requests/", "requests"), ("/urllib3/", "requests"), ("/requests_futures/", "futures_session"),
    ("/multiprocessing/pool.py", "multiprocessing_pool"), ("/concurrent/futures/", "thread_pool"),
    ("/queue.py", "queues"), ("/threading.py", "thread_locks"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Frame:
    """A line of a stack; ``path`` is relative where it lies in the program."""

    path: str
    line: int
    function: str
    own: bool

    def __str__(self) -> str:
        return f"{self.path}:{self.line} in {self.function}"


@dataclass(frozen=True, slots=True)
class Blockage:
    """One place that blocks: what is called (empty if only the sleep is known), the longest time, how often."""

    call: str
    seconds: float
    count: int
    stack: tuple[Frame, ...]

    @property
    def place(self) -> Frame:
        """The innermost line of the program itself; of its support modules where there is no other."""
        own = [frame for frame in self.stack if frame.own]
        return next(
            (frame for frame in reversed(own) if not PurePath(frame.path).name.startswith(SUPPORT)),
            own[-1] if own else self.stack[-1],
        )

    @property
    def rule(self) -> str:
        """The rule of asyncify that is about such calls."""
        if self.call == "time.sleep":
            return "time_sleep"
        below = [f"/{PurePath(frame.path).as_posix()}" for frame in self.stack if not frame.own]
        return next((rule for part, rule in _RULES if any(part in path for path in below)), "blocking")

    def __str__(self) -> str:
        what = self.call or f"{self.stack[-1].function}()"
        times = f", {self.count} times" if self.count > 1 else ""
        return f"{what} blocks the event loop at {self.place} (up to {self.seconds:.2f} s{times}; rule {self.rule})"


def watching(folder: Path, inherited: str = "") -> dict[str, str]:
    """The environment of a run that is watched; it notes into `folder`. `inherited` is the PYTHONPATH it has already."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [str(FOLDER), *(path for path in inherited.split(os.pathsep) if path and path != str(FOLDER))]
    return {"PYTHONPATH": os.pathsep.join(paths), "ASYNCIFY_WATCH_LOOP": str(folder)}


def blockages(folder: Path, work: Path) -> tuple[Blockage, ...]:
    """What was noted in `folder` of a program that ran in `work`, one for each place, the longest first."""
    found: dict[tuple[str, str, int], Blockage] = {}
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            data = json.loads(line)
            stack = tuple(_frame(work, *each) for each in data["stack"])
            if not stack:
                continue
            new = Blockage(data["call"], data["seconds"], 1, stack)
            key = new.rule, new.place.path, new.place.line
            old = found.get(key)
            if old is not None:
                new = Blockage(old.call, max(old.seconds, new.seconds), old.count + 1, old.stack)
            found[key] = new
    return tuple(sorted(found.values(), key=lambda each: -each.seconds))


def _frame(work: Path, path: str, line: int, function: str) -> Frame:
    place = Path(path)
    own = place.is_relative_to(work)
    return Frame(place.relative_to(work).as_posix() if own else path, line, function, own)


def appeared(before: Sequence[Blockage], after: Sequence[Blockage]) -> tuple[Blockage, ...]:
    """The blockages of `after` in functions where `before` had none of the kind."""
    known = {(each.call, each.place.path, each.place.function) for each in before}
    return tuple(each for each in after if (each.call, each.place.path, each.place.function) not in known)
