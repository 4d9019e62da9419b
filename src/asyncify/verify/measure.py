"""Run a command as a whole process tree and say what it did and what it cost.

A process of its own (:mod:`asyncify.verify.sampler`) starts it and samples the tree from outside: resident memory, threads
and CPU of all processes, more rarely (it is dear) PSS, USS and open sockets. How often depends on what the program itself
uses, so that sampling stays below 3 % of that; what it did use is in :attr:`Run.sampler_cpu`. CPU time is the kernel's own
account of the root and of all descendants that somebody waited for, not a sample.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from asyncify.errors import AsyncifyError, ExitCode, UsageError
from asyncify.verify.sampler.pacing import INTERVAL
from asyncify.verify.sampler.readings import has_proc

SETTLED = 5  # this many of the last samples say what a process holds at its end

_AGENT = "import sys; sys.path.insert(0, sys.argv[1]); from sampler.agent import main; main()"


class SamplerError(AsyncifyError):
    """The sampling process ended without an outcome."""

    exit_code = ExitCode.INTERNAL


@dataclass(frozen=True, slots=True)
class Sample:
    """The tree at one moment, `at` seconds after the start, summed over all processes.

    Memory in bytes. ``cpu`` is what the tree has used so far, in seconds. PSS, USS and open sockets are None in
    most samples, since they are dear to ask for.
    """

    at: float
    rss: int
    threads: int
    processes: int
    cpu: float = 0.0
    pss: int | None = None
    uss: int | None = None
    sockets: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run.

    ``exit_code`` is negative for a signal, None after a timeout. ``wall``, ``cpu`` in seconds, ``started``
    in :func:`time.monotonic` seconds. ``kernel_peak`` is the largest resident memory of any single process
    by the kernel's account, in bytes; 0 where that account tells nothing. ``left_behind`` counts processes that
    were still running when the root had ended; they are ended too. ``sampler_cpu`` is what measuring itself
    used, in seconds (not part of ``cpu``).
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
    def most_sockets(self) -> int | None:
        """The most open sockets of the tree in any sample that counted them; None where none did."""
        return max((sample.sockets for sample in self.samples if sample.sockets is not None), default=None)

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
    enter: Callable[[Path], None] | None = None,
) -> Run:
    """Run `command` in `folder` with a clean environment and measure its process tree until the root ends.

    `scratch` is a folder outside `folder` for the home and the output of the run. `env` is added to
    :func:`clean_environment`. After `timeout` seconds the whole tree is killed. Standard input is empty. `enter` is called
    with `folder` in the new process before it becomes anything else (see :mod:`asyncify.verify.replay.isolate`).

    Raises:
        UsageError: the command cannot be started.
        SamplerError: the sampling process was killed.
    """
    out, err = scratch / "stdout", scratch / "stderr"
    outcome = _sampled(
        {
            "command": list(command),
            "folder": str(folder),
            "env": clean_environment(scratch, env),
            "stdout": str(out),
            "stderr": str(err),
            "timeout": timeout,
            "interval": interval,
        },
        partial(enter, folder) if enter else None,
    )
    if "error" in outcome:
        raise UsageError(f"cannot run {command[0]!r}: {outcome['error']}")
    samples = tuple(Sample(*values) for values in outcome.pop("samples"))
    return Run(command=tuple(command), stdout=out.read_bytes(), stderr=err.read_bytes(), samples=samples, **outcome)


def _sampled(task: dict[str, Any], enter: Callable[[], None] | None) -> dict[str, Any]:
    """The outcome of a task, from a fresh process: small, since a child's account begins with its parent's size."""
    options = ["-I", "-S"] if has_proc() else ["-I"]  # elsewhere it needs psutil
    agent = subprocess.Popen(
        [sys.executable, *options, "-c", _AGENT, str(Path(__file__).parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=enter,
        start_new_session=True,  # an interrupt at the terminal is for us, and closing the pipe tells it
    )
    assert agent.stdin and agent.stdout
    try:
        with contextlib.suppress(BrokenPipeError):
            agent.stdin.write(json.dumps(task).encode() + b"\n")
            agent.stdin.flush()
        text = agent.stdout.read()
    finally:
        with contextlib.suppress(BrokenPipeError):
            agent.stdin.close()
        agent.wait()
        agent.stdout.close()
    try:
        outcome: dict[str, Any] = json.loads(text)
    except ValueError:
        raise SamplerError(f"the sampling process ended with exit code {agent.returncode}") from None
    return outcome
