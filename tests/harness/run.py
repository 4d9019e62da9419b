"""Running one side of a fixture as a whole process against the local server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from asyncify.verify.server import GENERIC_ROUTES, LocalServer, Traffic

from .fixture import Fixture, read_tree, write_tree

ROUTES = (GENERIC_ROUTES, f"{__package__}.routes:add_routes")
GUARD = Path(__file__).resolve().parent / "guard"
TIMEOUT = 60.0  # seconds; a deadlock fails the test instead of stopping the suite
NEVER_COMPARED = frozenset({"host", "connection"})
_BOUNDARY = re.compile(rb"\b[0-9a-f]{32}\b")


@dataclass(frozen=True)
class Request:
    """A request in the form in which two runs are compared."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]  # lower-case names, sorted
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.target} {dict(self.headers)} {self.body!r}"


@dataclass(frozen=True)
class Run:
    """What one run did, as seen from outside."""

    exit: int
    stdout: str
    stderr: str
    files: Mapping[str, bytes]  # written or changed by the program
    requests: tuple[Request, ...]  # in order of arrival
    most_in_flight: int
    threads: bool  # the program may use threads: its text speaks of them
    blocked: tuple[str, ...]  # blocking calls on the thread of a running event loop


def server() -> LocalServer:
    """The server that the fixtures talk to, not yet started."""
    return LocalServer(routes=ROUTES)


class Starter(Protocol):
    """What starts a program and waits for its end."""

    def __call__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> tuple[int, bytes, bytes]:
        """The exit code (-1 where it took longer than TIMEOUT), stdout and stderr."""


def start_process(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, bytes, bytes]:
    """Start it as a new process."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return -1, error.stdout or b"", (error.stderr or b"") + b"\nTimed out: a deadlock?\n"
    return done.returncode, done.stdout, done.stderr


def run_program(
    fixture: Fixture,
    files: Mapping[str, bytes],
    where: Path,
    on: LocalServer,
    *,
    quiet: bool,
    start: Starter = start_process,
) -> Run:
    """Run the program `files` in the new folder `where`. `quiet` silences ResourceWarning (requests needs it)."""
    tree = where / "app"  # the same name on both sides: programs print paths
    write_tree(tree, files)
    guard = where / "guard.log"
    on.reset()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ASYNCIFY"))},
        "PYTHONPATH": str(GUARD),
        "PYTHONDEVMODE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        "PYTHONHASHSEED": "0",
        "PYTHONWARNINGS": "ignore::ResourceWarning" if quiet else "default",
        "HARNESS_GUARD": str(guard),
        "BASE_URL": on.url,
        "NO_PROXY": "*",
        **fixture.env,
    }
    command = [sys.executable if word == "python" else word for word in fixture.command]
    code, stdout, stderr = start(command, tree, environment)
    traffic = on.traffic()
    written = {path: data for path, data in read_tree(tree).items() if files.get(path) != data}
    return Run(
        exit=code,
        stdout=_text(stdout, on.url),
        stderr=_text(stderr, on.url),
        files=written,
        requests=_requests(traffic, on.url, {*fixture.ignore_headers}),
        most_in_flight=traffic.most_in_flight,
        threads=any(word in data for data in files.values() for word in (b"Executor", b"thread")),
        blocked=tuple(guard.read_text(encoding="utf-8").splitlines()) if guard.exists() else (),
    )


def _text(data: bytes, url: str) -> str:
    return data.decode("utf-8", "backslashreplace").replace("\r\n", "\n").replace(url, "http://server")


def _requests(traffic: Traffic, url: str, ignored: Collection[str]) -> tuple[Request, ...]:
    """Requests with the random multipart boundary and the server's port evened out."""
    skipped = NEVER_COMPARED | {name.lower() for name in ignored}
    host = url.removeprefix("http://")
    result = []
    for seen in traffic.requests:
        headers = []
        for name, value in seen.headers:
            if name.lower() not in skipped:
                plain = _BOUNDARY.sub(b"boundary", value.encode("utf-8", "backslashreplace")).decode()
                headers.append((name.lower(), plain.replace(host, "server")))
        body = _BOUNDARY.sub(b"boundary", seen.body).replace(host.encode(), b"server")
        target = seen.target.replace(host, "server")
        result.append(Request(seen.method, target, tuple(sorted(headers)), body))
    return tuple(result)
