"""`JobPool` against `multiprocessing.pool.ThreadPool`: the same results, order, limits, errors and refusals."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import time
from collections.abc import Callable, Iterator
from multiprocessing.pool import ThreadPool
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncify.support.aio_support_jobs import JobPool


def outcome(run: Callable[[], Any]) -> Any:
    try:
        return run()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


class Jobs:
    """A job that sleeps, notes what ran and how many ran at once, and fails at some items."""

    def __init__(self, failing: set[int]) -> None:
        self.failing, self.ran, self.running, self.most = failing, list[int](), 0, 0

    def _begin(self, item: int) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        self.ran.append(item)

    def _end(self, item: int) -> int:
        self.running -= 1
        if item in self.failing:
            raise ValueError(item)
        return item * 10

    def sync(self, item: int) -> int:
        self._begin(item)
        time.sleep(0.001)
        return self._end(item)

    async def asynchronous(self, item: int) -> int:
        self._begin(item)
        await asyncio.sleep(0.001)
        return self._end(item)


@settings(max_examples=30, deadline=None)
@given(
    items=st.lists(st.integers(0, 9), max_size=12),
    failing=st.sets(st.integers(0, 9), max_size=1),
    workers=st.integers(1, 4),
    chunksize=st.none() | st.integers(1, 4),
)
def test_map_runs_the_same_chunks(items: list[int], failing: set[int], workers: int, chunksize: int | None) -> None:
    threads, tasks = Jobs(failing), Jobs(failing)

    def with_threads() -> Any:
        with ThreadPool(workers) as pool:
            return pool.map(threads.sync, items, chunksize)

    async def with_tasks() -> Any:
        async with JobPool(workers) as pool:
            return await pool.map(tasks.asynchronous, items, chunksize)

    assert outcome(lambda: asyncio.run(with_tasks())) == outcome(with_threads)
    assert sorted(tasks.ran) == sorted(threads.ran)
    assert tasks.most <= workers


def steps_of(results: Iterator[Any]) -> list[Any]:
    steps: list[Any] = []
    while True:
        try:
            steps.append(next(results))
        except StopIteration:
            return steps
        except ValueError as error:
            steps.append(f"failed {error}")


async def async_steps_of(results: Any) -> list[Any]:
    steps: list[Any] = []
    while True:
        try:
            steps.append(await anext(results))
        except StopAsyncIteration:
            return steps
        except ValueError as error:
            steps.append(f"failed {error}")


@pytest.mark.parametrize("items", [[], [1, 2, 3, 4, 5]])
def test_imap_raises_at_the_item_and_goes_on(items: list[int]) -> None:
    threads, tasks = Jobs({2}), Jobs({2})

    async def main() -> tuple[list[Any], list[Any]]:
        async with JobPool(2) as pool:
            ordered = await async_steps_of(pool.imap(tasks.asynchronous, iter(items)))
            return ordered, sorted(map(str, await async_steps_of(pool.imap_unordered(tasks.asynchronous, items))))

    with ThreadPool(2) as pool:
        expected = steps_of(iter(pool.imap(threads.sync, iter(items))))
        unordered = sorted(map(str, steps_of(iter(pool.imap_unordered(threads.sync, items)))))
    assert asyncio.run(main()) == (expected, unordered)


def test_imap_reads_an_endless_iterable_while_results_are_taken() -> None:
    async def main() -> list[int]:
        async with JobPool(3) as pool:
            results = pool.imap(Jobs(set()).asynchronous, itertools.count())
            return [await anext(results) for _ in range(5)]

    assert asyncio.run(main()) == [0, 10, 20, 30, 40]


def test_an_iterable_that_fails_fails_at_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("no more")

    async def main() -> list[Any]:
        async with JobPool(2) as pool:
            results = pool.imap(Jobs(set()).asynchronous, items())
            first = await anext(results)
            with pytest.raises(KeyError):
                await anext(results)
            return [first, await anext(results, "end")]

    assert asyncio.run(main()) == [10, "end"]


def test_results_callbacks_and_time_outs() -> None:
    async def main() -> None:
        called: list[Any] = []
        jobs = Jobs({3})
        pool = JobPool(2)
        go_on = asyncio.Event()

        async def first() -> int:
            await go_on.wait()
            return await jobs.asynchronous(1)

        result = pool.apply_async(first, callback=called.append)
        with pytest.raises(ValueError, match="not ready"):
            result.successful()
        with pytest.raises(multiprocessing.TimeoutError):
            await result.get(timeout=0)
        go_on.set()
        assert await result.get() == 10
        assert result.ready()
        assert result.successful()
        failed = pool.apply_async(jobs.asynchronous, args=(3,), error_callback=lambda error: called.append(repr(error)))
        await failed.wait()
        assert not failed.successful()
        with pytest.raises(ValueError, match="3"):
            await failed.get()
        assert called == [10, "ValueError(3)"]
        assert await pool.starmap(lambda a, b: a + b, [(1, 2), (3, 4)]) == [3, 7]
        assert await pool.apply(max, (3, 4), {"key": lambda n: -n}) == 3
        assert await pool.map_async(jobs.asynchronous, []).get() == []
        with pytest.raises(ValueError, match="still running"):
            await pool.join()
        pool.close()
        await pool.join()
        with pytest.raises(ValueError, match="not running"):
            pool.map_async(jobs.asynchronous, [1])

    asyncio.run(main())


def test_leaving_the_block_drops_what_has_not_been_started() -> None:
    async def main() -> list[int]:
        jobs = Jobs(set())
        async with JobPool(1) as pool:
            for number in range(4):
                pool.apply_async(jobs.asynchronous, (number,))
            await asyncio.sleep(0)
        await asyncio.sleep(0.02)
        return jobs.ran

    assert asyncio.run(main()) == [0]


def test_the_same_sizes_are_refused() -> None:
    for size in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            ThreadPool(size)
        with pytest.raises(ValueError, match="at least 1"):
            JobPool(size)


def test_a_terminated_pool_is_fed_no_more() -> None:
    async def main() -> int:
        jobs = Jobs(set())
        async with JobPool(2) as pool:
            await anext(pool.imap(jobs.asynchronous, itertools.count()))
        ran = len(jobs.ran)
        await asyncio.sleep(0.02)
        return len(jobs.ran) - ran

    assert asyncio.run(main()) <= 2
