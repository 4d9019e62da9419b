"""The part of `aio_support` that stands for `multiprocessing.pool.ThreadPool`."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import multiprocessing
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Generic, TypeVar, cast

from asyncify.support.aio_support import PoolFuture, TaskPool, _call_back, _keep_alive, _run_detached, _Wakeup

_R = TypeVar("_R")
_FED_AT_ONCE = 32  # items that `imap` submits before others get their turn


async def _run_chunk(call: Callable[[Any], Any], items: list[Any]) -> list[Any]:
    values = []
    for item in items:
        value = call(item)
        if inspect.isawaitable(value):
            value = await value
        values.append(value)
    return values


class JobResult(Generic[_R]):
    """The result-to-be of a `JobPool`; stands for `multiprocessing.pool.AsyncResult`.

    ``await r.get()``, ``await r.wait()``; `ready` and `successful` are as they were. Of several failures the first in
    time is kept; a result is there only when all its jobs are done.
    """

    def __init__(
        self,
        futures: list[PoolFuture[list[Any]]],
        value: Callable[[list[Any]], _R],
        callback: Callable[[_R], Any] | None,
        error_callback: Callable[[BaseException], Any] | None,
    ) -> None:
        self._futures, self._left = futures, len(futures)
        self._make, self._callback, self._error_callback = value, callback, error_callback
        self._error: BaseException | None = None
        self._value: Any = value([]) if not futures else None
        self._waiting: list[_Wakeup] = []
        for future in futures:
            future.add_done_callback(self._count)

    def _count(self, future: PoolFuture[list[Any]]) -> None:
        if future.cancelled():  # the pool was terminated: nobody will ever know
            return
        self._left -= 1
        if self._error is None:
            self._error = future.exception_now()
        if self._left:
            return
        if self._error is None:
            self._value = self._make([value for one in self._futures for value in one.result_now()])
        call: Callable[[Any], Any] | None = self._callback if self._error is None else self._error_callback
        outcome = self._value if self._error is None else self._error
        if call is not None:
            _run_detached([_call_back(lambda _: call(outcome), future)])
        self._futures = []
        for woken in self._waiting:
            woken(future)

    def ready(self) -> bool:
        """Whether all jobs are done."""
        return self._left == 0

    def successful(self) -> bool:
        """Whether no job failed; ValueError where they are not all done."""
        if not self.ready():
            raise ValueError(f"{self!r} not ready")
        return self._error is None

    async def wait(self, timeout: float | None = None) -> None:
        """Wait until all jobs are done, or `timeout` seconds."""
        if not self.ready():
            woken = _Wakeup()
            self._waiting.append(woken)
            try:
                await woken.wait(timeout)
            finally:
                self._waiting.remove(woken)

    async def get(self, timeout: float | None = None) -> _R:
        """The result, or raise what a job raised; `multiprocessing.TimeoutError` where it is not there in time."""
        await self.wait(timeout)
        if not self.ready():
            raise multiprocessing.TimeoutError
        if self._error is not None:
            raise self._error
        return cast("_R", self._value)


class _JobIterator(AsyncIterator[Any]):
    """Results of `imap` and `imap_unordered`: a failed item raises, the next one goes on."""

    def __init__(self, pool: TaskPool, call: Callable[[Any], Any], items: Iterable[Any], *, ordered: bool) -> None:
        self._pool, self._call, self._ordered = pool, call, ordered
        self._ready: deque[PoolFuture[Any]] = deque()  # in the order in which they are handed out
        self._left = 0  # fed, and not handed out yet
        self._fed = False
        self._feed_error: BaseException | None = None
        self._woken = _Wakeup()
        _keep_alive(asyncio.get_running_loop().create_task(self._feed(iter(items))))

    async def _feed(self, items: Any) -> None:
        ended = object()
        try:
            while not self._pool._shut and (item := next(items, ended)) is not ended:
                future = self._pool.submit(self._call, item)
                self._left += 1
                if self._ordered:
                    self._ready.append(future)
                    self._woken(future)
                else:
                    future.add_done_callback(self._done)
                if self._left % _FED_AT_ONCE == 0:  # an endless iterable must not shut out the others
                    await asyncio.sleep(0)
        except Exception as error:  # the iterable's own: raised where its item would be
            self._feed_error = error
        self._fed = True
        self._wake()

    def _done(self, future: PoolFuture[Any]) -> None:
        self._ready.append(future)
        self._wake()

    def _wake(self) -> None:
        self._woken.set = True
        if self._woken._waiter is not None and not self._woken._waiter.done():
            self._woken._waiter.set_result(None)

    async def __anext__(self) -> Any:
        while not self._ready:
            if self._fed and not self._left:
                error, self._feed_error = self._feed_error, None
                if error is not None:
                    raise error
                raise StopAsyncIteration
            self._woken.set = False
            await self._woken.wait(None)
        self._left -= 1
        return await self._ready.popleft().result()


async def _one_by_one(chunks: AsyncIterator[list[Any]]) -> AsyncIterator[Any]:
    async for chunk in chunks:
        for value in chunk:
            yield value


class _JobThreads(TaskPool):
    _at_once = False  # they are there already, and somebody else hands out the jobs


class JobPool:
    """Runs jobs in tasks, at most `processes` at a time; stands for `multiprocessing.pool.ThreadPool`.

    Methods that waited are awaited: ``await pool.map(...)``, ``await pool.join()``. ``async with`` terminates at its end:
    what has not been started is dropped, and so is what still runs when the program ends.
    """

    def __init__(self, processes: int | None = None) -> None:
        if processes is None:
            processes = getattr(os, "process_cpu_count", os.cpu_count)() or 1
        if processes < 1:
            raise ValueError("Number of processes must be at least 1")
        self._size = processes
        self._pool = _JobThreads(processes)
        self._state = "RUN"

    async def __aenter__(self) -> JobPool:
        self._check_running()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.terminate()

    def _check_running(self) -> None:
        if self._state != "RUN":
            raise ValueError("Pool not running")

    def apply_async(
        self,
        func: Callable[..., Any],
        args: Iterable[Any] = (),
        kwds: dict[str, Any] | None = None,
        callback: Callable[[Any], Any] | None = None,
        error_callback: Callable[[BaseException], Any] | None = None,
    ) -> JobResult[Any]:
        """Queue ``func(*args, **kwds)``; `callback` gets its result, `error_callback` its exception."""
        self._check_running()
        given, named = tuple(args), kwds or {}
        future = self._pool.submit(_run_chunk, lambda _: func(*given, **named), [None])
        return JobResult([future], lambda values: values[0] if values else None, callback, error_callback)

    async def apply(
        self, func: Callable[..., Any], args: Iterable[Any] = (), kwds: dict[str, Any] | None = None
    ) -> Any:
        """The result of ``func(*args, **kwds)``, run by the pool."""
        return await self.apply_async(func, args, kwds).get()

    def map_async(
        self,
        func: Callable[[Any], Any],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        callback: Callable[[list[Any]], Any] | None = None,
        error_callback: Callable[[BaseException], Any] | None = None,
    ) -> JobResult[list[Any]]:
        """Queue `func` for all items, in chunks as a thread pool does: a chunk ends with its first failure."""
        self._check_running()
        items = iterable if isinstance(iterable, list) else list(iterable)
        if chunksize is None:
            chunksize, extra = divmod(len(items), self._size * 4)
            chunksize += bool(extra)
        chunks = [items[start : start + chunksize] for start in range(0, len(items), chunksize or 1)]
        futures = [self._pool.submit(_run_chunk, func, chunk) for chunk in chunks]
        return JobResult(futures, list, callback, error_callback)

    async def map(self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int | None = None) -> list[Any]:
        """The results of `func` for all items, in their order; raises the first failure when all jobs are done."""
        return await self.map_async(func, iterable, chunksize).get()

    def starmap_async(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callable[[list[Any]], Any] | None = None,
        error_callback: Callable[[BaseException], Any] | None = None,
    ) -> JobResult[list[Any]]:
        """`map_async` where each item is a list of arguments."""
        return self.map_async(lambda row: func(*row), iterable, chunksize, callback, error_callback)

    async def starmap(
        self, func: Callable[..., Any], iterable: Iterable[Iterable[Any]], chunksize: int | None = None
    ) -> list[Any]:
        """`map` where each item is a list of arguments."""
        return await self.starmap_async(func, iterable, chunksize).get()

    def imap(self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int = 1) -> AsyncIterator[Any]:
        """Results in order, one by one; a failure is raised at its item, and the next item goes on."""
        self._check_running()
        return self._iterator(func, iterable, chunksize, ordered=True)

    def imap_unordered(
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int = 1
    ) -> AsyncIterator[Any]:
        """Results one by one, as they get done; a failure is raised when it comes, and the next result goes on."""
        self._check_running()
        return self._iterator(func, iterable, chunksize, ordered=False)

    def _iterator(
        self, func: Callable[[Any], Any], items: Iterable[Any], chunksize: int, *, ordered: bool
    ) -> AsyncIterator[Any]:
        if chunksize < 1:
            raise ValueError(f"Chunksize must be 1+, not {chunksize:n}")
        if chunksize == 1:
            return _JobIterator(self._pool, func, items, ordered=ordered)
        source = iter(items)
        chunks = iter(lambda: list(itertools.islice(source, chunksize)), [])
        return _one_by_one(_JobIterator(self._pool, lambda chunk: _run_chunk(func, chunk), chunks, ordered=ordered))

    def close(self) -> None:
        """Accept no more jobs."""
        if self._state == "RUN":
            self._state = "CLOSE"

    def terminate(self) -> None:
        """Accept no more jobs and drop what has not been started."""
        self._state = "TERMINATE"
        self._pool._shut = True
        while self._pool._queue:
            self._pool._queue.popleft().cancel()

    async def join(self) -> None:
        """Wait for all jobs; ValueError before `close` or `terminate`."""
        if self._state == "RUN":
            raise ValueError("Pool is still running")
        await self._pool.shutdown()
