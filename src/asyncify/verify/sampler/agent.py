"""Run one command, sample its process tree, wait for its end: ``main`` of the process of this package.

The task comes as one line of JSON on standard input, the outcome goes as one object to standard output. If standard
input ends before the command does, whoever wanted to know has gone, and the tree is ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from .pacing import Sampler
from .readings import Tree, has_proc
from .waiting import MAXRSS_UNIT, Orphans, Outcome, Waiter

GRACE = 0.15  # seconds that helpers of the program have to end by themselves after it
DEADLINE = 5.0  # seconds to wait for those that were killed


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Carry out one task; the outcome as an object, ``{"error": …}`` where the command cannot be started."""
    tree_of = _reader()
    # A child begins as a copy of this process, and so does the kernel's account of it: less than this tells nothing.
    own_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT
    with open(task["stdout"], "wb") as out, open(task["stderr"], "wb") as err:  # noqa: PTH123
        started = time.monotonic()
        try:
            process = subprocess.Popen(
                task["command"], cwd=task["folder"], env=task["env"], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,  # its own group, to be killed as one
            )  # fmt: skip
        except OSError as error:
            return {"error": error.strerror or str(error)}
    _raise_limit()
    tree = tree_of(process.pid)
    sampler, waiter, orphans = Sampler(tree, started, task["interval"]), Waiter(process.pid), Orphans()
    stopped = False
    while not waiter.wait(sampler.pause):
        stopped = waiter.owner_gone or time.monotonic() - started > task["timeout"]
        if stopped:
            break
        sampler.sample()
    spent = sampler.spent
    left = [] if stopped else _left_behind(tree, orphans)
    outcome = _end(process.pid, tree, waiter, orphans)
    process.returncode = outcome.exit_code
    peak = max(outcome.peak, orphans.peak)
    return {
        "exit_code": None if stopped else outcome.exit_code,
        "started": started,
        "wall": outcome.when - started,
        "cpu": outcome.cpu + orphans.cpu,
        "kernel_peak": peak if peak > own_peak else 0,
        "left_behind": len(left),
        "sampler_cpu": spent,
        "samples": sampler.samples,
    }


def _reader() -> Callable[[int], Tree]:
    """How this system tells of a tree. What that needs is loaded now, not while the program runs."""
    if has_proc():
        from . import procfs

        with contextlib.suppress(OSError):
            procfs.adopt_orphans()
        return procfs.Tree
    from . import portable

    return portable.Tree


def _raise_limit() -> None:
    """Allow this process as many open files as it may have: each process of the tree takes two."""
    with contextlib.suppress(OSError, ValueError):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _left_behind(tree: Tree, orphans: Orphans) -> list[int]:
    """Who still runs a moment after the root has ended."""
    until = time.monotonic() + GRACE
    while (others := tree.others()) and time.monotonic() < until:
        time.sleep(0.005)
        orphans.reap()
    return others


def _end(root: int, tree: Tree, waiter: Waiter, orphans: Orphans) -> Outcome:
    """End whoever is left, in the tree and in the group of the root, and wait for all of them."""
    until = time.monotonic() + DEADLINE
    with contextlib.suppress(OSError):
        os.killpg(root, signal.SIGKILL)
    tree.end()
    while waiter.outcome is None:
        waiter.wait(DEADLINE)
    orphans.reap()
    while tree.others() and time.monotonic() < until:
        tree.end()
        time.sleep(0.005)
        orphans.reap()
    return waiter.outcome


def main() -> None:
    """Read the task, carry it out, write the outcome."""
    task = json.loads(sys.stdin.buffer.readline())
    json.dump(run(task), sys.stdout)
