"""Run a command as a whole process tree and say what it did and what it cost.

The tree is sampled from outside every 20 ms: resident memory and threads of each process, and more rarely
(it is dear) its proportional set size. The sampler stretches its interval where the tree is so large that
it would use more than a few per cent of a CPU, and says in :attr:`Run.sampler_cpu` what it used. CPU time
is the kernel's own account of the root and of all descendants that were waited for, not a sample.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from asyncify.errors import UsageError
from asyncify.verify import procfs

INTERVAL = 0.02  # seconds between samples
PSS_INTERVAL = 0.2  # seconds between samples of PSS and USS
DUTY = 0.03  # the share of one CPU the sampler may use before it stretches its interval
SETTLED = 5  # this many of the last samples say what a process holds at its end


@dataclass(frozen=True, slots=True)
class Sample:
    """The tree at one moment, `at` seconds after the start. Memory in bytes, summed over all processes."""

    at: float
    rss: int
    threads: int
    processes: int
    pss: int | None = None
    uss: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run.

    ``exit_code`` is negative for a signal, None after a timeout. ``wall``, ``cpu`` in seconds, ``started``
    in :func:`time.monotonic` seconds. ``kernel_peak`` is the largest resident memory of any single process
    by the kernel's account, in bytes. ``left_behind`` counts processes that were still running when the
    root ended; they are ended too. ``sampler_cpu`` is what measuring itself used, in seconds (not part of
    ``cpu``).
    """

    command: tuple[str, ...]
    exit_code: int | None
    stdout: bytes
    stderr: bytes
    started: float
    wall: float
    cpu: float
    kernel_peak: int
    samples: tuple[Sample, ...] = field(repr=False)
    left_behind: int = 0
    sampler_cpu: float = 0.0

    @property
    def timed_out(self) -> bool:
        """Whether it was ended because it took too long."""
        return self.exit_code is None

    @property
    def peak(self) -> int:
        """The most memory the tree held at a time, in bytes.

        The largest sampled sum, or the kernel's peak of one process where that is larger: both are lower
        bounds, and for a tree of one process the second one is exact.
        """
        return max(self.kernel_peak, max((sample.rss for sample in self.samples), default=0))

    @property
    def pss_peak(self) -> int | None:
        """The largest sampled PSS in bytes (pages shared by processes count once); None where unknown."""
        return max((sample.pss for sample in self.samples if sample.pss is not None), default=None)

    @property
    def uss_peak(self) -> int | None:
        """The largest sampled USS in bytes (pages shared with nobody); None where unknown."""
        return max((sample.uss for sample in self.samples if sample.uss is not None), default=None)

    @property
    def most_threads(self) -> int:
        """The most threads of the tree in any sample."""
        return max((sample.threads for sample in self.samples), default=0)

    @property
    def settled(self) -> int:
        """What the tree held at the end: the median of the last samples, in bytes."""
        return int(median([sample.rss for sample in self.samples[-SETTLED:]] or [0]))


def clean_environment(scratch: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment that is the same for every run: search path, language, hash seed; home inside `scratch`.

    `extra` is added at the end.
    """
    home, temporary = scratch / "home", scratch / "tmp"
    for folder in (home, temporary):
        folder.mkdir(parents=True, exist_ok=True)
    kept = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        "NO_PROXY": "*",
        "NO_COLOR": "1",
        **(extra or {}),
    }


def measure(
    command: Sequence[str],
    folder: Path,
    scratch: Path,
    *,
    env: Mapping[str, str] | None = None,
    timeout: float = 300.0,
    interval: float = INTERVAL,
) -> Run:
    """Run `command` in `folder` with a clean environment and measure its process tree until the root ends.

    `scratch` is a folder outside `folder` for the home and the output of the run. `env` is added to
    :func:`clean_environment`. After `timeout` seconds the whole tree is killed. Standard input is empty.

    Raises:
        UsageError: the command cannot be started.
    """
    environment = clean_environment(scratch, env)
    out, err = scratch / "stdout", scratch / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        started = time.monotonic()
        try:
            process = subprocess.Popen(
                list(command),
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,  # its own group, to be killed as one
            )
        except OSError as error:
            raise UsageError(f"cannot run {command[0]!r}: {error.strerror or error}") from None
    own_peak = _own_peak()
    waiter = _Waiter(process)
    sampler = _Sampler(process.pid, started, interval)
    timed_out = False
    try:
        while not waiter.ended.wait(sampler.pause):
            sampler.sample()
            if time.monotonic() - started > timeout:
                timed_out = True
                break
    finally:
        survivors = sampler.tree.survivors()
        left_cpu = sum(map(procfs.cpu_seconds, survivors))
        _kill(process.pid, [process.pid, *survivors] if timed_out else survivors)
        waiter.ended.wait()
    return Run(
        command=tuple(command),
        exit_code=None if timed_out else waiter.exit_code,
        stdout=out.read_bytes(),
        stderr=err.read_bytes(),
        started=started,
        wall=waiter.finished - started,
        cpu=waiter.cpu + left_cpu,
        # Before its exec a child is a copy of us, and the kernel's account of it starts with our size. So
        # that account tells something only where it is larger than we are.
        kernel_peak=max(sampler.high, waiter.peak if waiter.peak > own_peak else 0),
        samples=tuple(sampler.samples),
        left_behind=0 if timed_out else len(survivors),
        sampler_cpu=sampler.cpu,
    )


class _Waiter:
    """Waits for the root in a thread, so that the moment of its end is known to better than one interval."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.ended = threading.Event()
        self.exit_code = 0
        self.finished = 0.0
        self.cpu = 0.0
        self.peak = 0
        self._process = process
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        process = self._process
        if hasattr(os, "wait4"):
            _, status, usage = os.wait4(process.pid, 0)
            self.finished = time.monotonic()
            process.returncode = os.waitstatus_to_exitcode(status)
            self.cpu = usage.ru_utime + usage.ru_stime
            self.peak = usage.ru_maxrss * (1024 if procfs.LINUX else 1)
        else:
            process.wait()
            self.finished = time.monotonic()
            self.cpu = procfs.cpu_seconds(process.pid)
        self.exit_code = process.returncode
        self.ended.set()


class _Sampler:
    """Collects the samples of one tree and paces itself."""

    def __init__(self, pid: int, started: float, interval: float) -> None:
        self.tree = procfs.Tree(pid)
        self.samples: list[Sample] = []
        self.high = 0  # the largest kernel peak of any one process
        self.cpu = 0.0
        self.pause = interval
        self._interval = interval
        self._started = started
        self._next_pss = 0.0

    def sample(self) -> None:
        before = time.thread_time()
        at = time.monotonic() - self._started
        readings = self.tree.readings()
        pss = uss = None
        if at >= self._next_pss and readings:
            pss, uss = _proportional(readings)
            # It holds up the measured process too, so the dearer it is the rarer it gets.
            took = time.monotonic() - self._started - at
            self._next_pss = at + max(PSS_INTERVAL, took / DUTY)
        if readings:
            values = readings.values()
            rss, threads = sum(each.rss for each in values), sum(each.threads for each in values)
            self.samples.append(Sample(at, rss, threads, len(readings), pss, uss))
            self.high = (
                max(self.high, *(each.high for each in values)) if self.high else max(each.high for each in values)
            )
        spent = time.thread_time() - before
        self.cpu += spent
        self.pause = max(self._interval, spent / DUTY) if pss is None else self._interval


def _proportional(readings: Mapping[int, procfs.Reading]) -> tuple[int | None, int | None]:
    """PSS and USS of all processes; None, None where one of them does not tell."""
    pss = uss = 0
    for pid in readings:
        both = procfs.proportional(pid)
        if both is None:
            return None, None
        pss, uss = pss + both[0], uss + both[1]
    return pss, uss


def _kill(pid: int, others: Sequence[int]) -> None:
    """Kill the group of the root, and those of the tree that left the group."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)
    for other in others:
        with contextlib.suppress(OSError):
            os.kill(other, getattr(signal, "SIGKILL", signal.SIGTERM))


def _own_peak() -> int:
    """The largest resident memory this process ever had, in bytes."""
    reading = procfs.read(os.getpid())
    return reading.high if reading else 0
