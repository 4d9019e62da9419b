"""When a tree is looked at, and how closely.

Sampling is paced by what the program itself uses (see the shares below), down to one look every :data:`LONGEST` seconds or,
after some time, more rarely still. So a program that waits most of the time is looked at less often than one that computes.
"""

from __future__ import annotations

import time

from .readings import Tree

INTERVAL = 0.02  # seconds between samples, at least
LONGEST = 0.25  # seconds between samples, at most,
SPREAD = (
    1 / 30
)  # or this share of the time so far, if that is more: a program that waits for minutes needs no 4 a second
DETAIL_INTERVAL = 0.2  # seconds between two readings of PSS and USS, at least
SOCKET_INTERVAL = 0.08  # seconds between two counts of sockets, at least
GROWN = 1.03  # PSS is read anew where the resident memory is by this factor larger than when it was read last
LOOK_SHARE = 0.016  # of the CPU time of the tree: for looking at all, waking up included
SEARCH_SHARE = 0.006  # within that, for looking for new processes
DETAIL_SHARE = 0.005  # beside that, for PSS and USS
SOCKET_SHARE = 0.003  # and for counting sockets
ALLOWANCE = 0.0005  # seconds of CPU for searching and for counting, however little the program uses
DETAIL_ALLOWANCE = 0.0015  # the same for details
FIRST_DETAIL = 0.1  # seconds after the start: nearly every program has begun with its imports by then


class Sampler:
    """Collects the samples of one tree and paces itself."""

    def __init__(self, tree: Tree, started: float, interval: float) -> None:
        self.tree = tree
        self.samples: list[list[float | int | None]] = []
        self.pause = interval
        self._interval = interval
        self._started = started
        self._begun = time.process_time()
        self._used = 0.0  # CPU seconds of the tree so far
        self._searching = self._detailing = self._counting = 0.0  # CPU seconds of this process
        self._born = True
        self._detail_cost = 0.0
        self._next_detail = self._next_count = FIRST_DETAIL
        self._detailed = 0  # resident memory at the last reading of PSS

    @property
    def spent(self) -> float:
        """CPU seconds that sampling has used."""
        return time.process_time() - self._begun

    def sample(self) -> None:
        """Add one sample: seconds since the start, rss, threads, processes, CPU, PSS, USS, sockets."""
        at = time.monotonic() - self._started
        self._born = self.tree.somebody_was_born() or self._born
        search = self._born and self._searching <= ALLOWANCE + SEARCH_SHARE * self._used
        begun = time.process_time()
        readings = self.tree.readings(search=search)
        if search:
            self._searching += time.process_time() - begun
        if not readings:
            return
        self._born = self._born and not search
        rss = sum(each.rss for each in readings.values())
        self._used = max(self._used, sum(each.cpu for each in readings.values()))
        pss = uss = sockets = None
        due = at >= self._next_detail or 0 < GROWN * self._detailed < rss
        if due and self._detailing + self._detail_cost <= DETAIL_ALLOWANCE + DETAIL_SHARE * self._used:
            begun = time.process_time()
            pss, uss = self.tree.details()
            self._detail_cost = time.process_time() - begun
            self._detailing += self._detail_cost
            self._next_detail, self._detailed = at + DETAIL_INTERVAL, rss
        if at >= self._next_count and self._counting <= ALLOWANCE + SOCKET_SHARE * self._used:
            begun = time.process_time()
            sockets = self.tree.sockets()
            self._counting += time.process_time() - begun
            self._next_count = at + SOCKET_INTERVAL
        threads = sum(each.threads for each in readings.values())
        self.samples.append([round(at, 6), rss, threads, len(readings), round(self._used, 4), pss, uss, sockets])
        self.pause = self._paced(at)

    def _paced(self, at: float) -> float:
        """Seconds to the next sample, so that looking stays within its share if the program goes on as so far."""
        looking = self.spent - self._detailing - self._counting
        owed = max(0.0, looking - LOOK_SHARE * self._used)
        rate = max(self._used, ALLOWANCE) / at  # CPU seconds of the program per second
        return min(
            max(self._interval, (owed + looking / len(self.samples)) / (LOOK_SHARE * rate)), max(LONGEST, SPREAD * at)
        )
