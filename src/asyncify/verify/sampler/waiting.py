"""Waiting for the end of processes, with the kernel's account of what they used."""

from __future__ import annotations

import os
import select
import sys
import time
from typing import NamedTuple

MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes, see getrusage(2)


class Outcome(NamedTuple):
    """How the root ended: when (:func:`time.monotonic`), its exit code, CPU seconds with its children, peak in bytes."""

    when: float
    exit_code: int
    cpu: float
    peak: int


class Waiter:
    """Waits for the root, for the end of standard input, or for a time."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.owner_gone = False
        self.outcome: Outcome | None = None
        self._descriptor = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
        self._poll = select.poll() if hasattr(select, "poll") else None
        if self._poll:
            if self._descriptor >= 0:
                self._poll.register(self._descriptor, select.POLLIN)
            self._poll.register(0, select.POLLIN | select.POLLHUP)

    def wait(self, seconds: float) -> bool:
        """Whether the root has ended, within `seconds`."""
        until = time.monotonic() + seconds
        while True:
            left = max(0.0, until - time.monotonic())
            if self._descriptor < 0:
                left = min(left, 0.005)
            events = self._events(left)
            now = time.monotonic()
            if self._collect(now):
                return True
            if 0 in events:
                self.owner_gone = True
                return False
            if now >= until:
                return False

    def _events(self, seconds: float) -> list[int]:
        """Descriptors on which something happened, waiting for one up to `seconds`."""
        if self._poll is None:
            time.sleep(seconds)
            return []
        return [descriptor for descriptor, _ in self._poll.poll(seconds * 1000)]

    def _collect(self, now: float) -> bool:
        pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        if pid:
            cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * MAXRSS_UNIT
            self.outcome = Outcome(now, os.waitstatus_to_exitcode(status), cpu, peak)
        return bool(pid)


class Orphans:
    """What processes used that fell to this one: CPU seconds together, and the largest peak of one in bytes."""

    def __init__(self) -> None:
        self.cpu = 0.0
        self.peak = 0

    def reap(self) -> None:
        """Account for all that have ended by now."""
        while True:
            try:
                pid, _, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self.cpu += usage.ru_utime + usage.ru_stime
            self.peak = max(self.peak, usage.ru_maxrss * MAXRSS_UNIT)
