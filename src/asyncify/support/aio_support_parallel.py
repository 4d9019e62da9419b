"""The part of `aio_support` that stands for `joblib.Parallel` with threads."""

from __future__ import annotations

import asyncio
import functools
import inspect
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from asyncify.support.aio_support_jobs import JobPool


def delayed(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that gives ``(function, args, kwargs)`` for what it is called with; stands for `joblib.delayed`."""

    @functools.wraps(function)
    def job(*args: Any, **kwargs: Any) -> Any:
        return function, args, kwargs

    return job


class Parallel:
    """Runs delayed calls in tasks, at most `n_jobs` at a time; stands for `joblib.Parallel` with threads.

    ``await Parallel(n_jobs=8)(delayed(f)(x) for x in items)`` gives the results in order. The first failure in time is
    raised at once; then no more jobs are started, and those that run go on. Only so many items are taken ahead of their
    turn as `pre_dispatch` says. `options` are those that mean nothing among tasks.
    """

    def __init__(self, n_jobs: int | None = None, *, pre_dispatch: int | str = "2 * n_jobs", **options: Any) -> None:
        self.n_jobs, self._ahead = n_jobs, pre_dispatch

    def __enter__(self) -> Parallel:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held from call to call."""

    def _workers(self) -> int:
        if self.n_jobs is None:
            return 1
        if self.n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if self.n_jobs > 0:
            return self.n_jobs
        import joblib

        return max(int(joblib.cpu_count()) + 1 + self.n_jobs, 1)

    async def __call__(self, iterable: Iterable[Any]) -> list[Any]:
        """The results of the jobs, in their order."""
        workers = self._workers()
        if workers == 1:
            results = []
            for function, args, kwargs in iterable:
                outcome = function(*args, **kwargs)
                results.append(await outcome if inspect.isawaitable(outcome) else outcome)
            return results
        async with JobPool(workers) as pool:
            run = _Run(pool, workers, iter(iterable))
            run.begin(self._first(workers))
            await run.over
        return [run.results[number] for number in sorted(run.results)]

    def _first(self, workers: int) -> int | None:
        if self._ahead == "all":
            return None
        if isinstance(self._ahead, int):
            return self._ahead
        factor = self._ahead.replace(" ", "").removesuffix("n_jobs").removesuffix("*")
        return int(float(factor or 1) * workers)


class _Run:
    """One call of `Parallel`: jobs are taken from the iterable as many at a time as there are workers."""

    def __init__(self, pool: JobPool, workers: int, jobs: Iterator[Any]) -> None:
        self._pool, self._workers, self._jobs = pool, workers, jobs
        self._taken: deque[Any] = deque()
        self._started = self._running = 0
        self.results: dict[int, Any] = {}
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self, most: int | None) -> None:
        """Start `most` jobs, or all; each that ends starts another."""
        self._running += 1  # nothing is over before the first jobs have been started
        first = itertools.islice(self._jobs, most)
        while self._start(first):
            pass
        self._running -= 1
        self._look()

    def _start(self, jobs: Iterator[Any]) -> bool:
        try:
            if not self._taken and not self.over.done():
                self._taken += list(itertools.islice(jobs, self._workers))
        except Exception as error:
            self._fail(error)
        if self.over.done() or not self._taken:
            return False
        function, args, kwargs = self._taken.popleft()
        self._running += 1
        self._started += 1
        end = functools.partial(self._end, self._started)
        self._pool.apply_async(function, args, kwargs, callback=end, error_callback=self._fail)
        return True

    def _end(self, number: int, value: Any) -> None:
        self.results[number] = value
        self._running -= 1
        self._start(self._jobs)
        self._look()

    def _fail(self, error: BaseException) -> None:
        if not self.over.done():
            self.over.set_exception(error)

    def _look(self) -> None:
        if not self._running and not self.over.done():
            self.over.set_result(None)
