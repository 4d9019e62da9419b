"""Services: a program that listens is started, put under a load by another process, and ended.

It runs as any measured program does, so its memory, CPU and threads are those of its whole process tree. Throughput and latency
are what the clients saw.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from asyncify.errors import UsageError
from asyncify.verify.measure import Run

PATIENCE = 30.0  # seconds a service has to begin to listen, and any answer to come
GRACE = 10.0  # seconds it has to end when it is asked to

_AS_ASKED = (-signal.SIGTERM, 128 + signal.SIGTERM)  # endings of one that is asked to end, beside 0

# The shell tells its number, then becomes the program.
_TOLD = ("/bin/sh", "-c", 'echo $$ > "$1"; shift; exec "$@"', "sh")


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of a service: `requests` in all, in turn of `urls`, by so many `clients` at a time."""

    urls: tuple[str, ...]
    clients: int = 10
    requests: int = 1000


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it is compared."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Served:
    """What the clients of one run saw.

    ``ready`` is the time until the service listened, ``seconds`` that of the load. ``latencies`` (seconds) are of the requests
    that were answered; ``errors`` count the others by message. ``replies`` are the different answers to each URL.
    """

    ready: float
    seconds: float
    latencies: tuple[float, ...]
    errors: Mapping[str, int]
    replies: Mapping[str, tuple[Reply, ...]]

    @property
    def throughput(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: int) -> float:
        """The latency in seconds that `share` per cent of the answers did not exceed."""
        if len(self.latencies) < 2:
            return self.latencies[0] if self.latencies else 0.0
        return quantiles(self.latencies, n=100, method="inclusive")[share - 1]


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians over the runs of a service: seconds, and answers per second; ``errors`` of all runs."""

    ready: float
    throughput: float
    p50: float
    p90: float
    p99: float
    errors: int


def figures(served: Sequence[Served]) -> Figures:
    """The medians over several runs."""
    p50, p90, p99 = (median(each.percentile(share) for each in served) for share in (50, 90, 99))
    return Figures(
        median(each.ready for each in served),
        median(each.throughput for each in served),
        p50,
        p90,
        p99,
        sum(sum(each.errors.values()) for each in served),
    )


def serve(
    command: Sequence[str],
    load: Load,
    scratch: Path,
    run: Callable[[Sequence[str]], Run],
    enter: Callable[[Path], None] | None = None,
) -> tuple[Run, Served]:
    """Let `run` start the service `command`, put `load` on it, end it. `enter` is that of the service's network.

    Raises:
        UsageError: it ended too early, or did not begin to listen.
    """
    if not Path(_TOLD[0]).exists():
        raise UsageError("services need a system with /bin/sh")
    told = scratch / "service.pid"
    told.unlink(missing_ok=True)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, (*_TOLD, str(told), *command))
        try:
            outcome = _put(load, scratch, enter, running.done)
        finally:
            _end(told, running.done)
        finished = running.result()
    if outcome is None:
        output = (finished.stdout + finished.stderr).decode("utf-8", "backslashreplace").strip()
        raise UsageError(
            f"the service did not listen for {load.urls[0]}; its last output: {output[-500:] or '(nothing)'}"
        )
    if finished.exit_code in _AS_ASKED:
        finished = replace(finished, exit_code=0)
    replies = {
        url: tuple(Reply(each["status"], each["type"], base64.b64decode(each["body"])) for each in answers)
        for url, answers in outcome["answers"].items()
    }
    return finished, Served(
        outcome["ready"], outcome["seconds"], tuple(outcome["latencies"]), outcome["errors"], replies
    )


def _put(
    load: Load, scratch: Path, enter: Callable[[Path], None] | None, ended: Callable[[], bool]
) -> dict[str, Any] | None:
    """What the process of the load says; None where the service ended, or never listened."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "asyncify.verify.load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
        start_new_session=True,
        preexec_fn=partial(enter, scratch) if enter else None,
    )
    assert process.stdin is not None and process.stdout is not None
    task = {"urls": load.urls, "clients": load.clients, "requests": load.requests, "patience": PATIENCE}
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(process.communicate, json.dumps(task) + "\n")
        while not answer.done():
            if ended():  # nobody is left to answer
                process.kill()
                break
            time.sleep(0.02)
        text = answer.result()[0]
    try:
        outcome: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return None if outcome["ready"] is None else outcome


def _end(told: Path, ended: Callable[[], bool]) -> None:
    """Ask the service to end, as a terminal or a supervisor would; in the end, make it."""
    until = time.monotonic() + GRACE
    while not ended() and not (told.exists() and told.read_text().strip()) and time.monotonic() < until:
        time.sleep(0.02)  # it has hardly begun
    with contextlib.suppress(OSError, ValueError):
        number = int(told.read_text())
        os.kill(number, signal.SIGTERM)
        until = time.monotonic() + GRACE
        while not ended() and time.monotonic() < until:
            time.sleep(0.02)
        if not ended():
            os.kill(number, signal.SIGKILL)
