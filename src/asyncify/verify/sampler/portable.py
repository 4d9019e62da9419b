"""A process tree as psutil tells of it, for systems without ``/proc``. Dearer, and orphans are found only if met before."""

from __future__ import annotations

import contextlib
import os

import psutil

from .readings import Detail, Reading


class Tree:
    """As the one of :mod:`.procfs`."""

    def __init__(self, root: int) -> None:
        self.root = root
        self._known: dict[int, psutil.Process] = {}
        with contextlib.suppress(psutil.Error):
            self._known[root] = psutil.Process(root)

    def somebody_was_born(self) -> bool:
        """Not told."""
        return True

    def readings(self, *, search: bool) -> dict[int, Reading]:
        """All known processes that live now; with `search`, after looking for new ones."""
        if search:
            for process in list(self._known.values()):
                with contextlib.suppress(psutil.Error):
                    for child in process.children(recursive=True):
                        self._known.setdefault(child.pid, child)
        result = {}
        for pid, process in list(self._known.items()):
            reading = _read(process)
            if reading is None:
                del self._known[pid]
            else:
                result[pid] = reading
        return result

    def details(self) -> Detail:
        """PSS and USS of all known processes together, where the system tells."""
        pss = uss = None
        for process in self._known.values():
            with contextlib.suppress(psutil.Error, AttributeError):
                full = process.memory_full_info()
                uss = (uss or 0) + full.uss
                pss = (pss or 0) + full.pss
        return Detail(pss, uss)

    def sockets(self) -> int:
        """How many sockets all known processes together have open, where the system tells."""
        sockets = 0
        for process in self._known.values():
            with contextlib.suppress(psutil.Error, AttributeError):
                sockets += len(process.net_connections("all"))
        return sockets

    def others(self) -> list[int]:
        """Processes other than the root that run now."""
        return [pid for pid in self.readings(search=True) if pid != self.root]

    def end(self) -> None:
        """Kill everything that is left."""
        for pid in (*self.others(), self.root):
            process = self._known.get(pid)
            if process is not None:
                with contextlib.suppress(psutil.Error):
                    process.kill()  # does nothing to a stranger who got the number


def _read(process: psutil.Process) -> Reading | None:
    try:
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            times = process.cpu_times()
            cpu = times.user + times.system
            return Reading(process.memory_info().rss, process.num_threads(), cpu, process.ppid())
    except psutil.AccessDenied:
        return Reading(0, 0, 0.0, os.getpid())
    except psutil.Error:
        return None
