"""What threads cost, and what asyncify makes of them: the numbers behind the prediction that `asyncify scan` shows.

    python benchmarks/calibrate.py [ROUNDS]

Five programs (a request per job without a session, a session that all jobs share, a session in each job, two requests in it, answers of 60 kB), as they are and migrated in
both profiles, with 1 to 400 requests in flight (a local server in another process answers none before all are there), and with few
and many requests through ten workers. A line through the peaks gives the floor and the memory per request in flight, one through the CPU times the CPU
of the imports and per request. Printed are least and largest values over the programs; they are copied into
`asyncify/prediction.py`. ROUNDS (3) measurements of each, of which the least CPU and the median peak count.
"""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import linear_regression, median

from aiohttp import web

from asyncify import api
from asyncify.config import load
from asyncify.verify.measure import Run, measure
from asyncify.verify.server import GENERIC_ROUTES, LocalServer

HELD = 0.5  # seconds, from when all requests are there
ROUTES = (GENERIC_ROUTES, "calibrate:add_routes")  # this module, as the server's process finds it
IN_FLIGHT = (1, 50, 150, 400)
REQUESTS = (50, 800)
JOBS = {
    "requests.get": "return requests.get(url, timeout=60).text",
    "shared session": "return SESSION.get(url, timeout=60).text",
    "session per job": "with requests.Session() as session:\n        return session.get(url, timeout=60).text",
    "two requests per job": (
        "with requests.Session() as session:\n"
        "        page = session.get(url, timeout=60).text\n"
        "        return page + session.post(url.replace('held', 'later'), data={'page': page}, timeout=60).text"
    ),
    "large answers": "return requests.get(url.replace('held', 'large'), timeout=60).text",
}
PROGRAM = """\
import sys
from concurrent.futures import ThreadPoolExecutor

import requests
{session}

def fetch(url):
    {job}


def main(base, path, count, workers):
    with ThreadPoolExecutor(max_workers=workers) as pool:
        texts = list(pool.map(fetch, [f"{{base}}/{{path}}?number={{number}}" for number in range(count)]))
    assert len(texts) == count


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
"""


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
        return web.Response(text="x" * 2000)

    async def large(request: web.Request) -> web.Response:
        await held(request)
        return web.Response(text="x" * 60_000)

    async def later(request: web.Request) -> web.Response:
        return web.Response(text=f"{len(await request.read())}")

    app.router.add_get("/held/{count}", held)
    app.router.add_get("/large/{count}", large)
    app.router.add_post("/later/{count}", later)


def forms(job: str, folder: Path) -> dict[str, Path]:
    """The folders of a program with threads, and of what both profiles make of it."""
    found = {}
    for form in ("threads", "native", "compat"):
        root = found[form] = folder / form
        root.mkdir()
        (root / "main.py").write_text(
            PROGRAM.format(job=job, session="\nSESSION = requests.Session()\n" if "SESSION" in job else ""),
            encoding="utf-8",
        )
        if form != "threads":
            config = dataclasses.replace(load(root), http=form)  # type: ignore[arg-type]
            assert api.apply(api.preview([root], config)).changed
    return found


@dataclasses.dataclass(frozen=True)
class Costs:
    """Of one form of one program: MiB, KiB per request in flight, seconds of CPU for the imports, ms of CPU per request."""

    floor: float
    each: float
    imports: float
    request: float


def costs(folder: Path, url: str, rounds: int) -> Costs:
    """Measure a program."""

    def runs(path: str, count: int, workers: int) -> list[Run]:
        command = (sys.executable, "main.py", url, path, str(count), str(workers))
        found = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as scratch:
                found.append(measure(command, folder, Path(scratch)))
            assert found[-1].exit_code == 0, found[-1].stderr.decode()
        return found

    peaks = [median(run.peak for run in runs(f"held/{n}", n, n)) for n in IN_FLIGHT]
    used = [min(run.cpu for run in runs("json/5", count, 10)) for count in REQUESTS]
    memory, cpu = linear_regression(IN_FLIGHT, peaks), linear_regression(REQUESTS, used)
    return Costs(memory.intercept / 2**20, memory.slope / 2**10, cpu.intercept, cpu.slope * 1e3)


def show(name: str, values: Sequence[float], digits: int) -> str:
    """The least and the largest."""
    return f"{name} {min(values):.{digits}f} – {max(values):.{digits}f}"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    found: dict[str, list[Costs]] = {"threads": [], "native": [], "compat": []}
    with LocalServer(routes=ROUTES) as server:
        for name, job in JOBS.items():
            with tempfile.TemporaryDirectory() as folder:
                for form, root in forms(job, Path(folder)).items():
                    each = costs(root, server.url, rounds)
                    found[form].append(each)
                    print(f"{name:<16}{form:<8} floor {each.floor:5.1f} MiB, {each.each:6.1f} KiB in flight, "
                          f"imports {each.imports:.2f} s, {each.request:.2f} ms per request", flush=True)  # fmt: skip
    before = found.pop("threads")
    for form, after in found.items():
        pairs = list(zip(before, after, strict=True))
        print(
            f"{form}:",
            show("floor MiB", [b.floor - a.floor for a, b in pairs], 1) + ",",
            show("KiB per thread", [a.each for a, _ in pairs], 0) + ",",
            show("KiB per task", [b.each for _, b in pairs], 0) + ",",
            show("imports s", [b.imports - a.imports for a, b in pairs], 2) + ",",
            show("CPU per request, ratio", [b.request / a.request for a, b in pairs], 2),
        )


if __name__ == "__main__":
    main()
