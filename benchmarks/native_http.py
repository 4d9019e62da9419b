"""What `aio_http` costs beside a program written by hand for aiohttp, and beside threads with requests.

    python benchmarks/native_http.py [REQUESTS [IN_FLIGHT [ROUNDS]]]

Each program runs in a process of its own, the forms in turn, five times; the least CPU (user and system, the imports
included) and the least peak memory of each count, and so do the most connections that one opened. The server runs in another process and
waits 20 ms per request.
``import`` makes one request: what is paid once.
"""

from __future__ import annotations

import compileall
import subprocess
import sys
import tempfile
from pathlib import Path

from asyncify.support import emit
from asyncify.verify.server import LocalServer

ROUNDS = 5
BY_HAND = """
import asyncio, sys
import aiohttp

async def main(base, count, width):
    numbers = iter(range(count))
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=5)
    async with aiohttp.ClientSession(connector=connector) as session:
        async def worker():
            for number in numbers:
                async with session.get(f"{base}/json/5?number={number}", timeout=timeout) as response:
                    assert (await response.json())["n"] == 5
        await asyncio.gather(*(worker() for _ in range(width)))

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""
NATIVE = """
import asyncio, sys
import aio_http

async def main(base, count, width):
    numbers = iter(range(count))
    async def worker():
        for number in numbers:
            response = await aio_http.get(f"{base}/json/5?number={number}", timeout=5)
            assert response.json()["n"] == 5
    await asyncio.gather(*(worker() for _ in range(width)))

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""
THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
import requests

def main(base, count, width):
    def job(number):
        response = requests.get(f"{base}/json/5?number={number}", timeout=5)
        assert response.json()["n"] == 5
    with ThreadPoolExecutor(width) as pool:
        list(pool.map(job, range(count)))

main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
"""


def measured(program: Path, *arguments: str) -> tuple[float, float, int]:
    """Seconds of CPU, peak MiB and connections opened of one run."""
    measure = (
        "import resource, runpy, sys; opened = []; sys.addaudithook(lambda event, given: event == 'socket.connect' and opened.append(1));"
        "sys.argv = sys.argv[1:]; sys.path.insert(0, sys.argv[0].rpartition('/')[0]);"
        "runpy.run_path(sys.argv[0], run_name='__main__'); used = resource.getrusage(resource.RUSAGE_SELF);"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, len(opened))"
    )
    done = subprocess.run(
        [sys.executable, "-c", measure, str(program), *arguments], check=True, capture_output=True, text=True
    )
    cpu, peak, opened = done.stdout.split()
    return float(cpu), float(peak), int(opened)


def main() -> None:
    count = sys.argv[1] if len(sys.argv) > 1 else "1000"
    width = sys.argv[2] if len(sys.argv) > 2 else "100"
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else ROUNDS
    with tempfile.TemporaryDirectory() as folder, LocalServer(latency=0.02) as server:
        programs = {"by hand": BY_HAND, "native": NATIVE, "threads": THREADS}
        for name, text in programs.items():
            (Path(folder) / f"{name.replace(' ', '_')}.py").write_text(text)
        (Path(folder) / "aio_http.py").write_text(emit("aio_http", ["get"]))
        compileall.compile_dir(folder, quiet=1)
        for requests, title in ((count, f"{count} requests, {width} in flight"), ("1", "import")):
            runs: dict[str, list[tuple[float, float, int]]] = {name: [] for name in programs}
            for _ in range(rounds):
                for name, results in runs.items():
                    program = Path(folder) / f"{name.replace(' ', '_')}.py"
                    results.append(measured(program, server.url, requests, width if requests == count else "1"))
            best = {
                name: (min(r[0] for r in results), min(r[1] for r in results), max(r[2] for r in results))
                for name, results in runs.items()
            }
            print(f"{title}\n{'':<10}{'CPU s':>8}{'ratio':>7}{'peak MiB':>10}{'ratio':>7}{'connections':>13}")
            for name, (cpu, peak, opened) in best.items():
                base = best["by hand"]
                print(f"{name:<10}{cpu:>8.3f}{cpu / base[0]:>7.3f}{peak:>10.1f}{peak / base[1]:>7.3f}{opened:>13}")


if __name__ == "__main__":
    main()
