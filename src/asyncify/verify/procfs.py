"""Reading one process, or finding the children of one, as cheaply as the system allows.

On Linux straight from ``/proc`` (one small file for memory and threads: some 30 µs), elsewhere through
psutil. All memory is in bytes. A process that has gone reads as None: between two samples that is ordinary.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

LINUX = sys.platform.startswith("linux")
MANY_THREADS = 64  # above this, looking at every thread's children is dear
DEAR_SEARCH_INTERVAL = 0.2  # seconds


@dataclass(frozen=True, slots=True)
class Reading:
    """One process at one moment. ``high`` is the kernel's own peak of its resident memory, where it tells."""

    rss: int
    high: int
    threads: int


def read(pid: int) -> Reading | None:
    """Memory and threads of a process; None where it has gone or is a zombie."""
    if LINUX:
        return _read_status(pid)
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            rss = process.memory_info().rss
            return Reading(rss, rss, process.num_threads())
    except psutil.Error:
        return None


def _slurp(path: str) -> bytes:
    """A whole small file of ``/proc``, without the cost of a file object. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 65536)
    finally:
        os.close(descriptor)


def _field(text: bytes, name: bytes) -> int:
    """The number behind ``\\n<name>:``; 0 where there is no such line (a zombie has no memory)."""
    start = text.find(b"\n" + name + b":")
    return int(text[start + len(name) + 2 :].split(None, 1)[0]) if start >= 0 else 0


def _read_status(pid: int) -> Reading | None:
    try:
        text = _slurp(f"/proc/{pid}/status")
    except OSError:
        return None
    rss = _field(text, b"VmRSS") * 1024
    if not rss:
        return None
    # The kernel sums up its counters late: its peak may be a little below what it says is resident now.
    return Reading(rss, max(rss, _field(text, b"VmHWM") * 1024), _field(text, b"Threads"))


def proportional(pid: int) -> tuple[int, int] | None:
    """PSS and USS of a process: shared pages by share, and only its own. None where the system does not say.

    Dear: the kernel walks all its pages, and meanwhile the process cannot map memory.
    """
    try:
        text = _slurp(f"/proc/{pid}/smaps_rollup")
    except OSError:
        return None
    private = (b"Private_Clean", b"Private_Dirty", b"Private_Hugetlb")
    return _field(text, b"Pss") * 1024, sum(_field(text, name) for name in private) * 1024


def cpu_seconds(pid: int) -> float:
    """User and system time a process has used so far, without its children; 0.0 where it has gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system


@cache
def _children_files() -> bool:
    """Whether this kernel lists the children of each thread."""
    return LINUX and Path(f"/proc/self/task/{threading.get_native_id()}/children").exists()


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    found: list[int] = []
    try:
        if _children_files():
            for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  (a tenth of the cost of Path)
                with contextlib.suppress(FileNotFoundError):  # that thread has ended
                    found += map(int, _slurp(f"/proc/{pid}/task/{task}/children").split())
            return found
        return [child.pid for child in psutil.Process(pid).children()]
    except (OSError, psutil.Error):
        return found


class Tree:
    """A root process and its descendants, found anew each time; who was once found stays until it ends."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.known: dict[int, float] = {root: _created(root)}
        self._next_dear_search = 0.0

    def readings(self) -> dict[int, Reading]:
        """All processes of the tree that live now."""
        result: dict[int, Reading] = {}
        waiting: list[tuple[int, Reading | None]] = [(pid, None) for pid in self.known]
        while waiting:
            pid, parent = waiting.pop()
            reading = read(pid)
            if reading is None:
                if pid != self.root:
                    self.known.pop(pid, None)  # its number may be given to a stranger
                continue
            if parent and reading.rss == parent.rss:
                continue  # between vfork and exec: its memory is its parent's, not a second lot
            if pid not in self.known:
                self.known[pid] = _created(pid)
            result[pid] = reading
            waiting += [(child, reading) for child in self._children(pid, reading) if child not in self.known]
        return result

    def _children(self, pid: int, reading: Reading) -> list[int]:
        """The children of a process, but more rarely where it is dear to ask."""
        if _children_files() and reading.threads <= MANY_THREADS:
            return children(pid)
        now = time.monotonic()
        if now < self._next_dear_search:
            return []
        found = children(pid)
        self._next_dear_search = now + max(DEAR_SEARCH_INTERVAL, 50 * (time.monotonic() - now))
        return found

    def survivors(self) -> list[int]:
        """Processes other than the root that still run; a number given away since does not count."""
        return [
            pid
            for pid, created in self.known.items()
            if pid != self.root and read(pid) is not None and _created(pid) == created
        ]


def _created(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0
