"""Memory and CPU of many requests in flight at a time: threads, what asyncify makes of them, and gevent.

    python benchmarks/in_flight.py [NUMBER ...]

Each NUMBER (10, 100 and 1000) is that many requests at once: a local server in another process answers none before all
are there, and holds them for 2 s from then on. The forms run one after the other, each in a process of its own; peak
memory and CPU (user and system, the imports included) are the kernel's, so this needs Linux. A form's ratio is to
``threads`` in the same run. ``tasks, uvloop`` needs uvloop.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from asyncify import api
from asyncify.config import load
from asyncify.verify.server import LocalServer

HELD = 2.0  # seconds, from when all requests are there
ROUTES = "in_flight:add_routes"  # this module, as the server's process finds it
THREADS = """\
import sys
from concurrent.futures import ThreadPoolExecutor

import requests


def fetch(url):
    return requests.get(url, timeout=60).text


def main(base, count):
    with ThreadPoolExecutor(max_workers=count) as pool:
        texts = list(pool.map(fetch, [f"{base}/held/{count}/{number}" for number in range(count)]))
    assert texts == [str(number) for number in range(count)]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
"""
GEVENT = """\
from gevent import monkey

monkey.patch_all()

import sys

import requests
from gevent.pool import Pool


def fetch(url):
    return requests.get(url, timeout=60).text


base, count = sys.argv[1], int(sys.argv[2])
texts = Pool(count).map(fetch, [f"{base}/held/{count}/{number}" for number in range(count)])
assert texts == [str(number) for number in range(count)]
"""
SITE = """\
import atexit, sys

def peak():
    with open("/proc/self/status") as status:
        print(*(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)

atexit.register(peak)
"""
UVLOOP = "import asyncio, uvloop\nasyncio.set_event_loop_policy(uvloop.EventLoopPolicy())\n"


def add_routes(app: web.Application) -> None:
    """The route that holds requests until all are there."""
    waiting: list[asyncio.Event] = []

    async def held(request: web.Request) -> web.Response:
        mine = asyncio.Event()
        waiting.append(mine)
        if len(waiting) == int(request.match_info["count"]):
            for one in waiting:
                one.set()
            waiting.clear()
        await mine.wait()
        await asyncio.sleep(HELD)
        return web.Response(text=request.match_info["number"])

    app.router.add_get("/held/{count}/{number}", held)


@dataclass(frozen=True)
class Cost:
    """What one process used: its peak memory in MiB, its CPU and wall time in seconds."""

    peak: float
    cpu: float
    wall: float


def migrated() -> dict[str, str]:
    """The files that asyncify makes of the program with threads."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        (root / "main.py").write_text(THREADS, encoding="utf-8")
        api.apply(api.preview([root], load(root)))
        return {path.name: path.read_text(encoding="utf-8") for path in root.glob("*.py")}


def measure(files: Mapping[str, str], arguments: list[str]) -> Cost:
    """Run the program once.

    Raises:
        RuntimeError: where it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        start = time.perf_counter()
        (Path(folder) / "sitecustomize.py").write_text(SITE, encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "main.py", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"the program ended with {process.returncode}: {said}")
        return Cost(int(said.split()[-1]) / 1024, usage.ru_utime + usage.ru_stime, wall)


def main() -> None:
    numbers = [int(argument) for argument in sys.argv[1:]] or [10, 100, 1000]
    tasks = migrated()
    forms = {"threads": {"main.py": THREADS}, "tasks": tasks, "gevent": {"main.py": GEVENT}}
    if importlib.util.find_spec("uvloop") is not None:
        forms["tasks, uvloop"] = {**tasks, "main.py": UVLOOP + tasks["main.py"]}
    print(f"{'in flight':>9}  {'form':<14}{'peak MiB':>9}{'ratio':>7}{'CPU s':>8}{'ratio':>7}{'wall s':>8}")
    with LocalServer(routes=(ROUTES,)) as server:
        for number in numbers:
            base: Cost | None = None
            for name, files in forms.items():
                cost = measure(files, [server.url, str(number)])
                base = base or cost
                memory, cpu = cost.peak / base.peak, cost.cpu / base.cpu
                print(
                    f"{number:>9}  {name:<14}{cost.peak:>9.1f}{memory:>7.2f}{cost.cpu:>8.2f}{cpu:>7.2f}{cost.wall:>8.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
