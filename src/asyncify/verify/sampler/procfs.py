"""A process tree as Linux tells of it in ``/proc`` (see proc(5)).

The files of a process stay open: reading one again costs a third of opening it, and an open one can never mean a
stranger who got the same number. All memory is in bytes, CPU in seconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal

from .readings import Detail, Reading

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = 1.0 / os.sysconf("SC_CLK_TCK")
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)


def adopt_orphans() -> None:
    """Become the process that descendants fall to when their own parent ends. Raises OSError."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _slurp(path: str) -> bytes:
    """A whole small file. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 65536)
    finally:
        os.close(descriptor)


def _field(text: bytes, name: bytes) -> int:
    """The number behind ``\\n<name>:``, 0 where there is no such line."""
    start = text.find(b"\n" + name + b":")
    return int(text[start + len(name) + 2 :].split(None, 1)[0]) if start >= 0 else 0


class _Process:
    """The open files of one process."""

    __slots__ = ("_children", "_stat", "pid")

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        try:
            self._children = os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY)
        except OSError:
            self._children = -1

    def read(self) -> Reading | None:
        """None where it has ended, zombies too."""
        try:
            text = os.pread(self._stat, 4096, 0)
        except OSError:
            return None
        # The name may hold spaces and brackets; behind the last bracket only numbers follow the state.
        fields = text[text.rindex(b")") + 2 :].split(None, 22)
        rss = int(fields[21]) * PAGE
        if not rss or fields[0] in (b"Z", b"X"):
            return None
        ticks = int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])
        return Reading(rss, int(fields[17]), ticks * TICK, int(fields[1]))

    def children(self, threads: int) -> list[int]:
        """Its direct children. Each thread has its own list; the first thread's is at hand."""
        if threads == 1 and self._children >= 0:
            with contextlib.suppress(OSError):
                return [int(word) for word in os.pread(self._children, 65536, 0).split()]
        found: list[int] = []
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{self.pid}/task"):  # noqa: PTH208  (a tenth of the cost of Path)
                with contextlib.suppress(OSError):  # that thread has ended
                    found += map(int, _slurp(f"/proc/{self.pid}/task/{task}/children").split())
        return found

    def detail(self) -> Detail:
        """The kernel walks all its pages for PSS, and meanwhile the process cannot map memory."""
        try:
            text = _slurp(f"/proc/{self.pid}/smaps_rollup")
            private = (b"Private_Clean", b"Private_Dirty", b"Private_Hugetlb")
            pss: int | None = _field(text, b"Pss") * 1024
            uss: int | None = sum(_field(text, name) for name in private) * 1024
        except OSError:
            pss = uss = None
        return Detail(pss, uss)

    def sockets(self) -> int:
        """How many sockets it has open."""
        sockets = 0
        folder = f"/proc/{self.pid}/fd"
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):  # noqa: PTH208
                with contextlib.suppress(OSError):
                    sockets += os.readlink(f"{folder}/{name}").startswith("socket:")  # noqa: PTH115
        return sockets

    def close(self) -> None:
        """Forget it."""
        os.close(self._stat)
        if self._children >= 0:
            os.close(self._children)


class Tree:
    """A root process and its descendants, those included that were adopted by this process."""

    def __init__(self, root: int) -> None:
        self.root = root
        self._known = {root: _Process(root)}
        self._last_number = b""
        try:
            self._loads = os.open("/proc/loadavg", os.O_RDONLY)
        except OSError:
            self._loads = -1

    def somebody_was_born(self) -> bool:
        """Whether the system started any process or thread since this was last asked (True where it does not tell).

        The last word of ``/proc/loadavg`` is the number that was given out last.
        """
        if self._loads < 0:
            return True
        number = os.pread(self._loads, 256, 0).split()[-1]
        born, self._last_number = number != self._last_number, number
        return born

    def readings(self, *, search: bool) -> dict[int, Reading]:
        """All known processes that live now; with `search`, after looking for new ones."""
        result: dict[int, Reading] = {}
        for pid, process in list(self._known.items()):
            reading = process.read()
            if reading is not None:
                result[pid] = reading
            else:
                self._forget(pid)
        if search:
            waiting = list(result)
            waiting += self._meet(self._adopted(), result)
            while waiting:
                pid = waiting.pop()
                waiting += self._meet(self._known[pid].children(result[pid].threads), result)
        return result

    def _adopted(self) -> list[int]:
        """Children of this process: the root, and who was orphaned."""
        with contextlib.suppress(OSError):
            return [int(word) for word in _slurp("/proc/thread-self/children").split()]
        return []

    def _meet(self, pids: list[int], result: dict[int, Reading]) -> list[int]:
        """Add those of `pids` that are new; which of them were."""
        new = []
        for pid in pids:
            if pid in self._known:
                continue
            try:
                process = _Process(pid)
            except OSError:
                continue
            reading = process.read()
            parent = result.get(reading.parent) if reading else None
            if reading is None or (parent is not None and parent.rss == reading.rss):
                process.close()  # ended, or between vfork and exec: its memory is its parent's, not a second lot
                self._last_number = b""  # look again next time
                continue
            self._known[pid] = process
            result[pid] = reading
            new.append(pid)
        return new

    def _forget(self, pid: int) -> None:
        self._known.pop(pid).close()

    def details(self) -> Detail:
        """PSS and USS of all known processes together."""
        found = [process.detail() for process in self._known.values()]
        pss = [each.pss for each in found if each.pss is not None]
        uss = [each.uss for each in found if each.uss is not None]
        told = len(pss) == len(found) == len(uss) and bool(found)
        return Detail(sum(pss) if told else None, sum(uss) if told else None)

    def sockets(self) -> int:
        """How many sockets all known processes together have open."""
        return sum(process.sockets() for process in self._known.values())

    def others(self) -> list[int]:
        """Processes other than the root that run now."""
        return [pid for pid in self.readings(search=True) if pid != self.root]

    def end(self) -> None:
        """Kill everything that is left."""
        for pid in (*self.others(), self.root):
            if pid in self._known:  # the root is none any more once it was waited for
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
