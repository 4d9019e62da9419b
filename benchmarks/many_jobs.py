"""Peak memory of many jobs on few workers, before and after migration.

    python benchmarks/many_jobs.py [JOBS [WORKERS]]

Three programs with a `ThreadPoolExecutor`: `submit` of all jobs, `map` with all results kept, and `map` over a generator whose
results are read one by one; and one with gevent's `Pool.imap_unordered`, which takes no more items than it has places for. Each is migrated by asyncify, and each side is run in a process of its own with so many jobs, a
tenth of them, and four times as many. A job sleeps for no time and returns its number. ``gather`` is what people write by hand:
a task for each job, behind a semaphore. ``nothing`` has no jobs. Peaks are resident memory; the ratio is to the program before.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from asyncify import api
from asyncify.config import Config

HEAD = """\
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor

JOBS, WORKERS = int(sys.argv[1]), int(sys.argv[2])


def job(number):
    time.sleep(0)
    return number


def numbers():
    for number in range(JOBS):
        yield number


"""
GEVENT = HEAD.replace(
    "from concurrent.futures import ThreadPoolExecutor", "import gevent\nfrom gevent.pool import Pool"
).replace("time.sleep(0)", "gevent.sleep(0)")
END = """

def main():
    assert run() == JOBS * (JOBS - 1) // 2
    with open("/proc/self/status") as file:  # the peak of getrusage() is at least that of the process before exec
        (peak,) = (int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(peak / 1024, usage.ru_utime + usage.ru_stime)


main()
"""
PROGRAMS = {
    "submit": HEAD
    + """\
def run():
    with ThreadPoolExecutor(WORKERS) as pool:
        futures = [pool.submit(job, number) for number in numbers()]
        return sum(future.result() for future in futures)
""",
    "map": HEAD
    + """\
def run():
    with ThreadPoolExecutor(WORKERS) as pool:
        return sum(list(pool.map(job, numbers())))
""",
    "map, one by one": HEAD
    + """\
def run():
    total = 0
    with ThreadPoolExecutor(WORKERS) as pool:
        for number in pool.map(job, numbers()):
            total += number
    return total
""",
    "gevent, one by one": GEVENT
    + """\
def run():
    total = 0
    for number in Pool(WORKERS).imap_unordered(job, numbers()):
        total += number
    return total
""",
}
GATHER = """\
import asyncio
import resource
import sys

JOBS, WORKERS = int(sys.argv[1]), int(sys.argv[2])


async def job(number):
    await asyncio.sleep(0)
    return number


async def run():
    limit = asyncio.Semaphore(WORKERS)

    async def limited(number):
        async with limit:
            return await job(number)

    return sum(await asyncio.gather(*(limited(number) for number in range(JOBS))))


def main():
    assert asyncio.run(run()) == JOBS * (JOBS - 1) // 2
    with open("/proc/self/status") as file:  # the peak of getrusage() is at least that of the process before exec
        (peak,) = (int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(peak / 1024, usage.ru_utime + usage.ru_stime)


main()
"""


def measured(folder: Path, jobs: int, workers: int) -> tuple[float, float]:
    """Peak memory in MiB and CPU seconds of one run."""
    command = [sys.executable, "main.py", str(jobs), str(workers)]
    done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    peak, cpu = map(float, done.stdout.split())
    return peak, cpu


def migrated(folder: Path, text: str) -> None:
    """Write the program into the folder and migrate it there."""
    folder.mkdir()
    (folder / "main.py").write_text(text)
    config = Config(root=folder, cache=False)
    api.apply(api.preview([folder], config))
    if "aio_support" not in (folder / "main.py").read_text():
        raise SystemExit(f"{folder.name} was not migrated")


def main() -> None:
    """Print a row for each program and size."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    print(
        f"| {workers} workers | jobs | before | asyncio | ratio | CPU, before | CPU, asyncio |\n|-|-:|-:|-:|-:|-:|-:|"
    )
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for number, (title, body) in enumerate(PROGRAMS.items()):
            before = root / f"before{number}"
            before.mkdir()
            (before / "main.py").write_text(body + END)
            migrated(root / f"after{number}", body + END)
            for size in (jobs // 10, jobs, jobs * 4):
                old, new = measured(before, size, workers), measured(root / f"after{number}", size, workers)
                row = f"{size:,} | {old[0]:.1f} MiB | {new[0]:.1f} MiB | {new[0] / old[0]:.2f} | {old[1]:.2f} s | {new[1]:.2f} s"
                print(f"| {title} | {row} |", flush=True)
        gather = root / "gather"
        gather.mkdir()
        (gather / "main.py").write_text(GATHER)
        peak, cpu = measured(gather, jobs, workers)
        print(f"| gather with a semaphore | {jobs:,} | | {peak:.1f} MiB | | | {cpu:.2f} s |")
        for side, folder in (("threads", root / "before0"), ("asyncio", root / "after0")):
            peak, cpu = measured(folder, 1, workers)
            print(f"nothing but imports and one job, {side}: {peak:.1f} MiB, {cpu:.2f} s")


if __name__ == "__main__":
    main()
