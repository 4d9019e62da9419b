"""The part of `aio_support` that stands for gevent's groups and pools of greenlets."""

from __future__ import annotations

import functools
import queue
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

from asyncify.support.aio_support_greenlet_sync import GreenletEvent, GreenletQueue, GreenletSemaphore
from asyncify.support.aio_support_greenlets import TaskGreenlet, joinall
from asyncify.support.aio_support_switching import GreenletExit, Timeout, _Interruptible


class _Raised:
    """What stands in a queue of results for an exception."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Results(TaskGreenlet, AsyncIterator[Any]):
    """What `imap_unordered` gives: a greenlet that starts the others, and their results as they end."""

    def __init__(
        self, group: GreenletGroup, function: Callable[..., Any], rows: Iterator[Any], maxsize: int | None
    ) -> None:
        super().__init__()
        self._group, self._job, self._rows = group, function, rows
        self._queue = GreenletQueue()
        self._places = GreenletSemaphore(maxsize) if maxsize else None
        self._running = 0
        self._last = -1
        self._finished = False

    async def _run(self) -> None:
        try:
            for row in self._rows:
                self._last += 1
                if self._places is not None:
                    await self._places.acquire()
                self._running += 1
                greenlet = await self._group._spawn(self._job, *row)
                greenlet.rawlink(functools.partial(self._keep, self._last))
            self._finish_results(None)
        except BaseException as error:
            self._finish_results(error)
            raise

    def _keep(self, number: int, greenlet: TaskGreenlet) -> None:
        self._running -= 1
        ended = self.ready() and self._running <= 0 and not self._finished
        self._finished = self._finished or ended
        self._result(number, greenlet.value if greenlet.exception is None else _Raised(greenlet.exception))
        if ended:
            self._result(self._last + 1, _Raised(StopAsyncIteration()))

    def _finish_results(self, error: BaseException | None) -> None:
        if not self._finished and (error is not None or self._running <= 0):
            self._finished = True
            self._result(self._last + 1, _Raised(error or StopAsyncIteration()))

    def _result(self, number: int, value: Any) -> None:
        self._queue.put_nowait(value)

    async def _next(self) -> Any:
        return await self._queue.get()

    async def __anext__(self) -> Any:
        if self._places is not None:
            self._places.release()
        value = await self._next()
        if isinstance(value, _Raised):
            raise value.error
        return value


class _OrderedResults(_Results):
    """What `imap` gives: the results in the order of the items."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._early: dict[int, Any] = {}
        self._number = 0

    def _result(self, number: int, value: Any) -> None:
        self._queue.put_nowait((number, value))

    async def _next(self) -> Any:
        while self._number not in self._early:
            number, value = await self._queue.get()
            self._early[number] = value
        value = self._early.pop(self._number)
        self._number += 1
        return value


class GreenletGroup:
    """Greenlets that are waited for together; stands for `gevent.pool.Group`.

    ``await g.join()``, ``await g.map(...)``, ``await g.kill()``; loops over `imap` and `imap_unordered` are `async for`.
    """

    def __init__(self, *args: Iterable[TaskGreenlet]) -> None:
        self.greenlets: set[TaskGreenlet] = set(*args)
        for greenlet in self.greenlets:
            greenlet.rawlink(self._discard)
        self._dying: set[TaskGreenlet] = set()
        self._empty = GreenletEvent()
        self._empty.set()

    def __len__(self) -> int:
        return len(self.greenlets)

    def __contains__(self, greenlet: object) -> bool:
        return greenlet in self.greenlets

    def __iter__(self) -> Iterator[TaskGreenlet]:
        return iter(self.greenlets)

    def _add(self, greenlet: TaskGreenlet) -> None:
        greenlet.rawlink(self._discard)
        self.greenlets.add(greenlet)
        self._empty.clear()

    def _discard(self, greenlet: TaskGreenlet) -> None:
        self.greenlets.discard(greenlet)
        self._dying.discard(greenlet)
        if not self.greenlets:
            self._empty.set()

    def add(self, greenlet: TaskGreenlet) -> Any:
        """Take a greenlet in until it ends."""
        self._add(greenlet)

    def discard(self, greenlet: TaskGreenlet) -> None:
        """Forget a greenlet."""
        self._discard(greenlet)
        greenlet.unlink(self._discard)

    def start(self, greenlet: TaskGreenlet) -> Any:
        """Take a greenlet in and start it."""
        self._add(greenlet)
        greenlet.start()

    def spawn(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """A started greenlet of the group."""
        greenlet = TaskGreenlet(function, *args, **kwargs)
        GreenletGroup.start(self, greenlet)
        return greenlet

    async def _spawn(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> TaskGreenlet:
        started: TaskGreenlet = GreenletGroup.spawn(self, function, *args, **kwargs)
        return started

    def full(self) -> bool:
        """Whether no greenlet can be started now."""
        return False

    async def wait_available(self, timeout: float | None = None) -> Any:
        """Wait until a greenlet can be started."""

    async def join(self, timeout: float | None = None, raise_error: bool = False) -> bool:
        """Wait until all have ended; False if they have not after `timeout` seconds. Raise what one raised, if asked."""
        greenlets = list(self.greenlets) if raise_error else []
        result = await self._empty.wait(timeout)
        for greenlet in greenlets:
            if greenlet.exception is not None:
                raise greenlet.exception
        return result

    async def kill(self, exception: Any = GreenletExit, block: bool = True, timeout: float | None = None) -> None:
        """Raise `exception` in all, and wait for their end if `block`, at most `timeout` seconds."""
        timer = Timeout.start_new(timeout)
        try:
            while self.greenlets:
                for greenlet in [each for each in self.greenlets if each not in self._dying]:
                    await greenlet.kill(exception, block=False)
                    self._dying.add(greenlet)
                if not block:
                    break
                await joinall(self.greenlets)
        except Timeout as error:
            if error is not timer:
                raise
        finally:
            timer.cancel()

    async def killone(
        self, greenlet: TaskGreenlet, exception: Any = GreenletExit, block: bool = True, timeout: float | None = None
    ) -> None:
        """Raise `exception` in one of the group, and wait for its end if `block`."""
        if greenlet not in self._dying and greenlet in self.greenlets:
            await greenlet.kill(exception, block=False)
            self._dying.add(greenlet)
            if block:
                await greenlet.join(timeout)

    async def apply(
        self, func: Callable[..., Any], args: Iterable[Any] | None = None, kwds: dict[str, Any] | None = None
    ) -> Any:
        """The result of ``func(*args, **kwds)``, run by the group."""
        given, named = tuple(args or ()), kwds or {}
        if _Interruptible.current().greenlet in self.greenlets:
            return await TaskGreenlet(func, *given, **named)._run()
        return await (await self._spawn(func, *given, **named)).get()

    def apply_async(
        self,
        func: Callable[..., Any],
        args: Iterable[Any] | None = None,
        kwds: dict[str, Any] | None = None,
        callback: Callable[[Any], Any] | None = None,
    ) -> TaskGreenlet:
        """Start ``func(*args, **kwds)``; `callback` gets its result."""
        given, named = tuple(args or ()), kwds or {}
        if self.full():
            return TaskGreenlet.spawn(self._apply, func, given, named, callback)
        greenlet = self._start_now(TaskGreenlet(func, *given, **named))
        if callback is not None:
            greenlet.link_value(lambda source: callback(source.value))
        return greenlet

    def _start_now(self, greenlet: TaskGreenlet) -> TaskGreenlet:
        GreenletGroup.start(self, greenlet)
        return greenlet

    async def _apply(
        self, func: Callable[..., Any], args: Any, kwds: dict[str, Any], callback: Callable[[Any], Any] | None
    ) -> Any:
        result = await self.apply(func, args, kwds)
        if callback is not None:
            TaskGreenlet.spawn(callback, result)
        return result

    async def map(self, func: Callable[..., Any], iterable: Iterable[Any]) -> list[Any]:
        """The results of `func` for all items, in their order; raises the first failure in that order."""
        return await self.map_async(func, iterable).get()  # type: ignore[no-any-return]

    def map_async(
        self, func: Callable[..., Any], iterable: Iterable[Any], callback: Callable[[list[Any]], Any] | None = None
    ) -> TaskGreenlet:
        """A greenlet whose value is what `map` gives."""

        async def run() -> list[Any]:
            results = [await each.get() for each in [await self._spawn(func, item) for item in iterable]]
            if callback is not None:
                await TaskGreenlet(callback, results)._run()
            return results

        return TaskGreenlet.spawn(run)

    def imap(self, func: Callable[..., Any], *iterables: Iterable[Any], maxsize: int | None = None) -> Any:
        """Results in order, one by one; a failure is raised at its item, and the next item goes on."""
        return _OrderedResults.spawn(self, func, zip(*iterables, strict=False), maxsize)

    def imap_unordered(self, func: Callable[..., Any], *iterables: Iterable[Any], maxsize: int | None = None) -> Any:
        """Results one by one, as they get done; a failure is raised when it comes, and the next result goes on."""
        return _Results.spawn(self, func, zip(*iterables, strict=False), maxsize)


class GreenletPool(GreenletGroup):
    """At most `size` greenlets at a time; stands for `gevent.pool.Pool`. ``await pool.spawn(f)`` waits for a free place."""

    def __init__(self, size: int | None = None) -> None:
        if size is not None and size < 0:
            raise ValueError(f"size must not be negative: {size!r}")
        super().__init__()
        self.size = size
        self._places = None if size is None else GreenletSemaphore(size)

    def full(self) -> bool:
        """Whether `spawn` would have to wait."""
        return self.free_count() <= 0

    def free_count(self) -> int:
        """How many greenlets can be started now; 1 for a pool of any size."""
        return 1 if self.size is None else max(0, self.size - len(self))

    async def wait_available(self, timeout: float | None = None) -> int:
        """Wait until a greenlet can be started."""
        return 1 if self._places is None else await self._places.wait(timeout)

    def _discard(self, greenlet: TaskGreenlet) -> None:
        super()._discard(greenlet)
        if self._places is not None:
            self._places.release()

    async def add(self, greenlet: TaskGreenlet, blocking: bool = True, timeout: float | None = None) -> None:
        """Take a greenlet in until it ends, waiting for a free place. Raises `queue.Full` if there is none (in time)."""
        if self._places is not None and not await self._places.acquire(blocking, timeout):
            raise queue.Full
        self._add(greenlet)

    async def start(self, greenlet: TaskGreenlet, blocking: bool = True, timeout: float | None = None) -> None:
        """Take a greenlet in, waiting for a free place, and start it."""
        await self.add(greenlet, blocking, timeout)
        greenlet.start()

    async def spawn(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> TaskGreenlet:
        """A started greenlet of the pool, as soon as there is a free place."""
        greenlet = TaskGreenlet(function, *args, **kwargs)
        await self.start(greenlet)
        return greenlet

    _spawn = spawn

    def _start_now(self, greenlet: TaskGreenlet) -> TaskGreenlet:
        if self._places is not None:
            self._places.counter -= 1
        self._add(greenlet)
        greenlet.start()
        return greenlet
