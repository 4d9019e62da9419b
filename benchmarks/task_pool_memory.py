"""Peak memory and CPU of many jobs on few workers: threads, one task per job, and the pools of tasks.

    python benchmarks/task_pool_memory.py [JOBS [WORKERS [FORM ...]]]

Each form runs in a process of its own, so that the peaks do not mix. A job waits once and returns a number; every
result is kept until the end, as `submit` callers do, but for ``jobpool_imap``, where they are read one by one. Ratios are to ``threads_submit`` (or
the first FORM given). ``base`` is the interpreter with the same imports and no jobs.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing.pool
import resource
import subprocess
import sys
import time

from asyncify.support.aio_support import TaskPool
from asyncify.support.aio_support_jobs import JobPool


async def job(number: int) -> int:
    await asyncio.sleep(0)
    return number


def thread_job(number: int) -> int:
    time.sleep(0)
    return number


def base(jobs: int, workers: int) -> int:
    return sum(range(jobs))


def threads_submit(jobs: int, workers: int) -> int:
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(thread_job, number) for number in range(jobs)]
    return sum(future.result() for future in futures)


def threads_map(jobs: int, workers: int) -> int:
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(thread_job, range(jobs)))


def tasks_gather(jobs: int, workers: int) -> int:
    async def main() -> int:
        limit = asyncio.Semaphore(workers)

        async def limited(number: int) -> int:
            async with limit:
                return await job(number)

        return sum(await asyncio.gather(*(limited(number) for number in range(jobs))))

    return asyncio.run(main())


def pool_submit(jobs: int, workers: int) -> int:
    async def main() -> int:
        async with TaskPool(workers) as pool:
            futures = [pool.submit(job, number) for number in range(jobs)]
        return sum([await future.result() for future in futures])

    return asyncio.run(main())


def pool_map(jobs: int, workers: int) -> int:
    async def main() -> int:
        async with TaskPool(workers) as pool:
            return sum([number async for number in pool.map(job, range(jobs))])

    return asyncio.run(main())


def threadpool_imap(jobs: int, workers: int) -> int:
    with multiprocessing.pool.ThreadPool(workers) as pool:
        return sum(pool.imap(thread_job, range(jobs)))


def jobpool_imap(jobs: int, workers: int) -> int:
    async def main() -> int:
        async with JobPool(workers) as pool:
            total = 0
            async for number in pool.imap(job, range(jobs)):  # nobody keeps the results
                total += number
            return total

    return asyncio.run(main())


FORMS = {
    form.__name__: form
    for form in (
        base,
        threads_submit,
        threads_map,
        tasks_gather,
        pool_submit,
        pool_map,
        threadpool_imap,
        jobpool_imap,
    )
}


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        name, jobs, workers = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
        start = time.perf_counter()
        assert FORMS[name](jobs, workers) == sum(range(jobs))
        wall = time.perf_counter() - start
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime, wall)
        return
    jobs = sys.argv[1] if len(sys.argv) > 1 else "100000"
    workers = sys.argv[2] if len(sys.argv) > 2 else "50"
    print(
        f"{jobs} jobs on {workers} workers\n{'form':<16}{'peak MiB':>10}{'ratio':>7}{'CPU s':>10}{'ratio':>7}{'wall s':>10}"
    )
    costs: dict[str, list[float]] = {}
    for name in sys.argv[3:] or FORMS:
        done = subprocess.run(
            [sys.executable, __file__, "--run", name, jobs, workers], check=True, stdout=subprocess.PIPE, text=True
        )
        costs[name] = [float(word) for word in done.stdout.split()]
        peak, cpu, wall = costs[name]
        base_peak, base_cpu, _ = costs.get("threads_submit", costs[next(iter(costs))])
        row = f"{name:<16}{peak:>10.1f}{peak / base_peak:>7.2f}{cpu:>10.2f}{cpu / base_cpu:>7.2f}{wall:>10.2f}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
