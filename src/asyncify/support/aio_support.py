"""Small helpers for code that moved from threads and requests to asyncio and aiohttp."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
import itertools
import logging
import os
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from concurrent.futures.thread import BrokenThreadPool
from typing import Any, Generic, NamedTuple, TypeVar, cast, overload

from asyncify.support.aio_support_begin import _Begun, _worker

_T = TypeVar("_T")
_log = logging.getLogger("concurrent.futures")  # where executors report what no caller can receive
_alive: set[asyncio.Future[Any]] = set()  # a loop only holds its tasks weakly
_pool_numbers = itertools.count()
_PENDING, _RUNNING, _CANCELLED, _FINISHED, _FAILED = range(5)


def _keep_alive(task: asyncio.Future[Any]) -> None:
    _alive.add(task)
    task.add_done_callback(_alive.discard)


class PoolFuture(Generic[_T]):
    """The result-to-be of a job in a `TaskPool`; stands for `concurrent.futures.Future`.

    Where the thread's future blocks, this one is awaited: ``await f.result()``, ``await f.exception()``. Everything
    else has the same name and meaning. A timeout gives up waiting, never the work; an exception nobody asks for
    stays silent.
    """

    __slots__ = ("__weakref__", "_callbacks", "_state", "_value", "_when", "_work")

    def __init__(self, work: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any] | None]) -> None:
        self._work: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any] | None] | None = work
        self._state = _PENDING
        self._value: Any = None
        self._when = 0.0  # when it was done: jobs that compute hold up those who wait with a timeout
        self._callbacks: list[Callable[[PoolFuture[_T]], Any]] | None = None

    def __repr__(self) -> str:
        state = ("pending", "running", "cancelled", "finished", "finished")[self._state]
        return f"<{type(self).__name__} at {id(self):#x} state={state}>"

    def done(self) -> bool:
        """Whether the job has finished, failed or been cancelled."""
        return self._state >= _CANCELLED

    def running(self) -> bool:
        """Whether the job has been started and is not done."""
        return self._state == _RUNNING

    def cancelled(self) -> bool:
        """Whether the job was cancelled before it could finish."""
        return self._state == _CANCELLED

    def cancel(self) -> bool:
        """Cancel the job if it has not been started; False if it has, which changes nothing."""
        if self._state == _PENDING:
            _run_detached(self._settle(_CANCELLED, None))
        return self._state == _CANCELLED

    async def result(self, timeout: float | None = None) -> _T:
        """What the job returned, or raise what it raised.

        Raises `TimeoutError` when it is not done after `timeout` seconds (the job goes on), and
        `concurrent.futures.CancelledError` when it was cancelled. A job's StopIteration becomes RuntimeError.
        """
        await self._wait(timeout)
        if self._state == _FINISHED:
            return cast("_T", self._value)
        try:
            raise concurrent.futures.CancelledError if self._state == _CANCELLED else self._value
        finally:
            del self  # the traceback holds this frame: no cycle through the future

    async def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the job raised, or None; raises as `result` does when it is not done in time or cancelled."""
        await self._wait(timeout)
        if self._state == _CANCELLED:
            raise concurrent.futures.CancelledError
        return cast("BaseException", self._value) if self._state == _FAILED else None

    def result_now(self, timeout: float | None = None) -> _T:
        """What `result` gives, of a future that is done: in one of its own callbacks.

        Raises `asyncio.InvalidStateError` where it is not done; there is nothing to wait for, so `timeout` says nothing.
        """
        if self._state == _FINISHED:
            return cast("_T", self._value)
        if self._state == _FAILED:
            raise self._value
        raise concurrent.futures.CancelledError if self._state == _CANCELLED else asyncio.InvalidStateError

    def exception_now(self, timeout: float | None = None) -> BaseException | None:
        """What `exception` gives, of a future that is done; raises as `result_now` does."""
        if self._state == _FINISHED:
            return None
        if self._state == _FAILED:
            return cast("BaseException", self._value)
        raise concurrent.futures.CancelledError if self._state == _CANCELLED else asyncio.InvalidStateError

    def add_done_callback(self, fn: Callable[[PoolFuture[_T]], Any]) -> None:
        """Call ``fn(future)`` when the job is done, at once if it is already; what `fn` raises is logged.

        If `fn` is a coroutine function the worker awaits it before it takes its next job.
        """
        if self.done():
            _run_detached([_call_back(fn, self)])
        elif self._callbacks is None:
            self._callbacks = [fn]
        else:
            self._callbacks.append(fn)

    def _forget(self, fn: Callable[[PoolFuture[_T]], Any]) -> None:
        if self._callbacks is not None and fn in self._callbacks:
            self._callbacks.remove(fn)

    async def _wait(self, timeout: float | None) -> None:
        if self.done():
            return
        deadline = None if timeout is None else time.monotonic() + timeout
        woken = _Wakeup()
        self.add_done_callback(woken)
        try:
            await woken.wait(timeout)
        finally:
            self._forget(woken)
        if not self._done_by(deadline):
            raise TimeoutError

    def _done_by(self, deadline: float | None) -> bool:
        return self.done() and (deadline is None or self._when <= deadline)

    def _settle(self, state: int, value: Any) -> list[Awaitable[Any] | None]:
        """Make the outcome known; returns what the callbacks want to be awaited."""
        self._work, self._state, self._value, self._when = None, state, value, time.monotonic()
        callbacks, self._callbacks = self._callbacks, None
        return [_call_back(fn, self) for fn in callbacks or ()]

    async def _run(self, worker: asyncio.Task[Any]) -> None:
        """Run the job in the task `worker` and keep whatever comes out, as a worker thread does."""
        assert self._work is not None
        fn, args, kwargs = self._work
        self._state = _RUNNING
        try:
            value = fn(*args, **(kwargs or {}))
            if inspect.isawaitable(value):
                value = await value
        except BaseException as error:
            # The loop takes the worker down (or the worker is being collected): not the job's failure.
            if isinstance(error, GeneratorExit) or (isinstance(error, asyncio.CancelledError) and worker.cancelling()):
                self._settle(_CANCELLED, None)
                raise
            waiting = self._settle(_FAILED, error)
        else:
            waiting = self._settle(_FINISHED, value)
        finally:
            del fn, args, kwargs
        try:
            await _finish_callbacks(waiting)
        finally:
            del self  # the exception's traceback holds this frame


class _Wakeup:
    """One sleeping coroutine and whether something has happened for it; called as a future's callback."""

    __slots__ = ("_waiter", "set")

    def __init__(self) -> None:
        self.set = False
        self._waiter: asyncio.Future[None] | None = None

    def __call__(self, _: PoolFuture[Any]) -> None:
        self.set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, timeout: float | None) -> None:
        """Return when called, or `timeout` seconds later; in any case other tasks get their turn."""
        if self.set:
            return
        self._waiter = asyncio.get_running_loop().create_future()
        await asyncio.wait((self._waiter,), timeout=None if timeout is None else max(timeout, 0))


def _call_back(fn: Callable[[PoolFuture[_T]], Any], future: PoolFuture[_T]) -> Awaitable[Any] | None:
    try:
        outcome = fn(future)
    except BaseException:
        _log.exception("exception calling callback for %r", future)
        return None
    return outcome if inspect.isawaitable(outcome) else None


async def _finish_callbacks(waiting: Iterable[Awaitable[Any] | None]) -> None:
    for awaitable in waiting:
        if awaitable is not None:
            try:
                await awaitable
            except Exception:
                _log.exception("exception calling callback for %r", awaitable)


def _run_detached(waiting: list[Awaitable[Any] | None]) -> None:
    if any(awaitable is not None for awaitable in waiting):
        _keep_alive(asyncio.get_running_loop().create_task(_Begun(_finish_callbacks(waiting))))


class _Seat:
    """What outlives a worker task and makes it to its jobs what a thread was: a name and a context."""

    daemon = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.context = contextvars.Context()
        self.context.run(_worker.set, self)

    @property
    def ident(self) -> int:
        return id(self)

    def is_alive(self) -> bool:
        return True


class TaskPool:
    """Runs jobs in tasks, at most `max_workers` at a time; stands for `concurrent.futures.ThreadPoolExecutor`.

    Jobs start in the order they were submitted, in at most `max_workers` tasks started on demand; a job that waits
    costs a slot in a queue, not a task. ``async with TaskPool(8) as pool:`` waits for all jobs at its end, also when
    the body raises, and cancels none. Jobs see context variables as in a worker thread: not the submitter's values,
    and what a job sets stays with its worker. A pool may be created without a running loop, but is used by one loop
    at a time. Work still queued when the loop ends is lost, unless the loop is run by `run` of this module.
    """

    _at_once = True  # a new thread begins with its first job before `submit` returns

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., Any] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        if max_workers is None:
            max_workers = min(32, (getattr(os, "process_cpu_count", os.cpu_count)() or 1) + 4)
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._max_workers = max_workers
        self._prefix = thread_name_prefix or f"ThreadPoolExecutor-{next(_pool_numbers)}"
        self._initializer, self._initargs = initializer, initargs
        self._queue: deque[PoolFuture[Any]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._workers: set[asyncio.Task[None]] = set()
        self._seats = 0
        self._free_seats: list[_Seat] = []
        self._shut = False
        self._broken = ""

    async def __aenter__(self) -> TaskPool:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shutdown()

    @overload
    def submit(self, fn: Callable[..., Coroutine[Any, Any, _T]], /, *args: Any, **kwargs: Any) -> PoolFuture[_T]: ...
    @overload
    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> PoolFuture[_T]: ...
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> PoolFuture[Any]:
        """Queue ``fn(*args, **kwargs)`` and return at once; what it returns is awaited if it can be.

        Raises RuntimeError after `shutdown` and where no event loop runs, BrokenThreadPool when an initializer
        failed.
        """
        if self._broken:
            raise BrokenThreadPool(self._broken)
        if self._shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # workers of a loop that was left behind will never come back
            self._loop, self._workers = loop, set()
        future: PoolFuture[Any] = PoolFuture((fn, args, kwargs or None))
        if len(self._workers) < self._max_workers:
            future._state = _RUNNING  # a thread would have begun with it by now
            self._start_worker(loop, future)
        else:
            self._queue.append(future)
        return future

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> AsyncIterator[Any]:
        """Submit ``fn(*items)`` for all items now; ``async for`` gives the results in the items' order.

        An exception surfaces at its item and ends the iteration. What has not been started when an iteration ends
        or is abandoned is cancelled. Raises TimeoutError for a result not there `timeout` seconds after this call.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        return _MapResults(deque(self.submit(fn, *items) for items in zip(*iterables, strict=False)), deadline)

    async def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more jobs; cancel those not started if `cancel_futures`; wait for the rest if `wait`."""
        self._shut = True
        if cancel_futures:
            while self._queue:
                self._queue.popleft().cancel()
        if wait:
            if asyncio.current_task() in self._workers:
                raise RuntimeError("cannot join current thread")
            while self._workers:
                await asyncio.wait(self._workers)

    def _start_worker(self, loop: asyncio.AbstractEventLoop, first: PoolFuture[Any]) -> asyncio.Task[None]:
        fresh = not self._free_seats
        if fresh:
            seat = _Seat(f"{self._prefix}_{self._seats}")
            self._seats += 1
        else:
            seat = self._free_seats.pop()
        work = _Begun(self._work(seat, fresh, first))
        worker = loop.create_task(work, name=seat.name, context=seat.context)
        self._workers.add(worker)
        _keep_alive(worker)
        if self._at_once:
            work.begin(worker, seat.context)
        return worker

    async def _work(self, seat: _Seat, fresh: bool, first: PoolFuture[Any]) -> None:
        worker = cast("asyncio.Task[None]", asyncio.current_task())
        try:
            if fresh and self._initializer is not None:
                await self._initialize(self._initializer)
            if self._broken:
                await _finish_callbacks(first._settle(_FAILED, BrokenThreadPool(self._broken)))
            future: PoolFuture[Any] | None = first
            del first
            turn = 0.0  # when this worker last let the others go on
            while future is not None and not worker.cancelling():
                if not future.done():
                    await future._run(worker)
                del future
                # Jobs that never wait must not shut out the others, but as in a thread a worker takes its next job
                # before it is known what became of the last one.
                if time.monotonic() - turn > sys.getswitchinterval():
                    await asyncio.sleep(0)
                    turn = time.monotonic()
                future = self._queue.popleft() if self._queue else None
        finally:
            self._workers.discard(worker)
            self._free_seats.append(seat)
            if not self._workers:  # empty, unless the workers were cancelled: then nobody will run the rest
                while self._queue:
                    self._queue.popleft().cancel()

    async def _initialize(self, initializer: Callable[..., Any]) -> None:
        try:
            outcome = initializer(*self._initargs)
            if inspect.isawaitable(outcome):
                await outcome
        except Exception:
            _log.critical("Exception in initializer:", exc_info=True)
            self._broken = "A thread initializer failed, the thread pool is not usable anymore"
            while self._queue:
                future = self._queue.popleft()
                if not future.done():
                    await _finish_callbacks(future._settle(_FAILED, BrokenThreadPool(self._broken)))


class _MapResults(AsyncIterator[Any]):
    """Results in order. No async generator: giving it up must cancel at once, not when the loop gets to it."""

    def __init__(self, futures: deque[PoolFuture[Any]], deadline: float | None) -> None:
        self._futures = futures
        self._deadline = deadline
        self._started = False

    async def __anext__(self) -> Any:
        self._started = True
        if not self._futures:
            raise StopAsyncIteration
        future = self._futures.popleft()
        try:
            left = None if self._deadline is None else self._deadline - time.monotonic()
            return await future.result(left)
        except BaseException:
            future.cancel()
            await self.aclose()
            raise
        finally:
            del future

    async def aclose(self) -> None:
        """End the iteration: what has not been started is cancelled."""
        while self._futures:
            self._futures.popleft().cancel()

    def __del__(self) -> None:
        while self._started and self._futures:
            self._futures.popleft().cancel()


async def as_completed(fs: Iterable[PoolFuture[_T]], timeout: float | None = None) -> AsyncIterator[PoolFuture[_T]]:
    """The futures themselves, each once, as they get done; stands for `concurrent.futures.as_completed`.

    Raises TimeoutError when not all are done `timeout` seconds after the first was asked for.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    pending = dict.fromkeys(fs)
    total = len(pending)
    finished = deque(future for future in pending if future.done())
    woken = _Wakeup()

    def collect(future: PoolFuture[_T]) -> None:
        finished.append(future)
        woken(future)

    for future in pending:
        if not future.done():
            future.add_done_callback(collect)
    try:
        while pending:
            while finished:
                future = finished.popleft()
                if not future._done_by(deadline):
                    raise TimeoutError(f"{len(pending)} (of {total}) futures unfinished")
                del pending[future]
                yield future
            if pending:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left < 0:
                    raise TimeoutError(f"{len(pending)} (of {total}) futures unfinished")
                woken.set = False
                await woken.wait(left)
    finally:
        for future in pending:
            future._forget(collect)


class DoneAndNotDoneFutures(NamedTuple, Generic[_T]):
    """What `wait` returns: two sets of futures."""

    done: set[PoolFuture[_T]]
    not_done: set[PoolFuture[_T]]


async def wait(
    fs: Iterable[PoolFuture[_T]], timeout: float | None = None, return_when: str = "ALL_COMPLETED"
) -> DoneAndNotDoneFutures[_T]:
    """Wait until all, the first, or the first failed one is done; stands for `concurrent.futures.wait`.

    `return_when` is one of the constants of :mod:`concurrent.futures`. A timeout (in seconds) raises nothing and
    cancels nothing; no futures are none to wait for. Raises ValueError for another `return_when`.
    """
    if return_when not in ("ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"):
        raise ValueError(f"Invalid return condition: {return_when!r}")
    futures = set(fs)
    deadline = None if timeout is None else time.monotonic() + timeout
    woken = _Wakeup()
    left = sum(not future.done() for future in futures)

    def enough(future: PoolFuture[_T]) -> bool:
        return return_when == "FIRST_COMPLETED" or (return_when == "FIRST_EXCEPTION" and future._state == _FAILED)

    def count(future: PoolFuture[_T]) -> None:
        nonlocal left
        left -= 1
        if left == 0 or enough(future):
            woken(future)

    if left and not any(enough(future) for future in futures if future.done()):
        for future in futures:
            if not future.done():
                future.add_done_callback(count)
        try:
            await woken.wait(None if deadline is None else deadline - time.monotonic())
        finally:
            for future in futures:
                future._forget(count)
    done = {future for future in futures if future._done_by(deadline)}
    return DoneAndNotDoneFutures(done, futures - done)
