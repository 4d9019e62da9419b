"""A local HTTP/1.1 server in a process of its own, which records the requests it gets.

    with LocalServer(latency=0.03) as server:
        subprocess.run([sys.executable, "program.py", server.url])
        traffic = server.traffic()

Its routes are named (``"package.module:function"``, a function of one :class:`aiohttp.web.Application`),
because they run in the other process. :data:`GENERIC_ROUTES` are those of :mod:`asyncify.verify.routes`.
:class:`~asyncify.verify.replay.gateway.Gateway` is the other such server: it stands for all servers there are.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from asyncify.errors import AsyncifyError, ExitCode

GENERIC_ROUTES = "asyncify.verify.routes:add_routes"


class ServerError(AsyncifyError):
    """The local server did not start, or ended too early."""

    exit_code = ExitCode.INTERNAL


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request as the server saw it.

    ``target`` is the path with its query, as sent. Header names keep their case and order. ``started`` and
    ``ended`` are :func:`time.monotonic` seconds; ``ended`` and ``status`` are None while the request is in
    flight, ``status`` also where the client went away. ``connection`` numbers the connections from 1.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    started: float
    ended: float | None = None
    status: int | None = None
    connection: int = 0

    def header(self, name: str) -> str | None:
        """The value of a header, several joined by ``", "``; None where it is missing."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Traffic:
    """The requests of one run, in order of arrival.

    ``problems`` are sentences about what could not be served (see :mod:`asyncify.verify.replay`).
    """

    requests: tuple[SeenRequest, ...]
    problems: tuple[str, ...] = ()

    def in_flight(self) -> list[tuple[float, int]]:
        """When the number in flight changed, and to what (:func:`time.monotonic` seconds, ascending)."""
        changes = [(request.started, 1) for request in self.requests]
        changes += [(request.ended, -1) for request in self.requests if request.ended is not None]
        count = 0
        steps = []
        for when, change in sorted(changes):  # at the same moment an end comes before a start
            count += change
            steps.append((when, count))
        return steps

    @property
    def most_in_flight(self) -> int:
        """The largest number of requests that were in flight at one moment."""
        return max((count for _, count in self.in_flight()), default=0)

    @property
    def connections(self) -> int:
        """How many connections the requests came in on."""
        return len({request.connection for request in self.requests})


def _parse(lines: Iterable[str]) -> tuple[SeenRequest, ...]:
    requests = []
    for line in lines:
        data = json.loads(line)
        data["headers"] = tuple((name, value) for name, value in data["headers"])
        data["body"] = base64.b64decode(data["body"])
        requests.append(SeenRequest(**data))
    return tuple(requests)


class RecordingServer:
    """A server process that records the requests it gets, as seen from the process that started it; a context manager.

    ``environment`` is what programs need in theirs to reach it; ``enter``, if there is one, is called in the process of a
    program, with its working folder, just before it begins.

    Raises:
        ServerError: on entry, where the process does not come up; later, where it has ended.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.environment: Mapping[str, str] = {}
        self.enter: Callable[[Path], None] | None = None
        self._command = command
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # an interrupt at the terminal is for the owner, who then closes the pipe
        )
        self._process = process
        try:
            self._greet(process)
            line = _pipe(process.stdout).readline()
            if not line:
                raise ServerError(f"the local server did not start (exit code {process.wait()})")
            self._ready(json.loads(line))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _greet(self, process: subprocess.Popen[str]) -> None:
        """Tell the new process what it has to know."""

    def _ready(self, answer: dict[str, Any]) -> None:
        """The first line of the process: how to reach it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(BrokenPipeError):
            _pipe(process.stdin).close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _pipe(process.stdout).close()

    def reset(self) -> None:
        """Forget all requests: another run begins."""
        self._ask({"do": "reset"})

    def press(self) -> bool:
        """Ask the server to let requests pile up until its reset; whether it can."""
        return False

    def traffic(self) -> Traffic:
        """The requests since the start or the last :meth:`reset`."""
        return Traffic(_parse(self._ask({"do": "log"})))

    def _ask(self, command: dict[str, object]) -> list[str]:
        if self._process is None:
            raise ServerError("the local server is not running")
        try:
            stdin, stdout = _pipe(self._process.stdin), _pipe(self._process.stdout)
            stdin.write(json.dumps(command) + "\n")
            stdin.flush()
            lines = []
            while (line := stdout.readline()) != "\n":
                if not line:
                    raise BrokenPipeError
                lines.append(line)
        except BrokenPipeError:
            raise ServerError("the local server has ended") from None
        return lines


class LocalServer(RecordingServer):
    """A local server with routes of ours, which programs have to be told of.

    ``latency`` in seconds is waited before any route answers. ``port`` 0 means any free one.
    """

    def __init__(self, *, routes: Sequence[str] = (GENERIC_ROUTES,), latency: float = 0.0, port: int = 0) -> None:
        self.latency = latency
        self.url = ""  # no trailing slash; known once entered
        command = [sys.executable, "-m", "asyncify.verify.serve", "--latency", str(latency), "--port", str(port)]
        for name in routes:
            command += ["--routes", name]
        super().__init__(command)

    def _ready(self, answer: dict[str, Any]) -> None:
        self.url = answer["url"]

    def reset(self, *, latency: float | None = None) -> None:
        """Forget all requests and all counts; with `latency`, change it (seconds)."""
        if latency is not None:
            self.latency = latency
        self._ask({"do": "reset", "latency": latency})


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None  # both were asked for
    return pipe
