"""The part of `aio_support` that stands for eventlet's green threads, and their pools and piles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from asyncify.support.aio_support_greenlet_sync import GreenletEvent, GreenletQueue, GreenletSemaphore
from asyncify.support.aio_support_greenlets import TaskGreenlet
from asyncify.support.aio_support_switching import Timeout, _Interruptible, _Program


class GreenTimeout(Timeout):
    """Raised in the coroutine that made it, `seconds` later; stands for `eventlet.Timeout`."""

    def __init__(self, seconds: float | None = None, exception: Any = None) -> None:
        super().__init__(seconds, None if exception is True else exception)
        self.start()


class GreenThread(TaskGreenlet):
    """Runs a function in a task of its own; stands for `eventlet.GreenThread`. ``await t.wait()`` gives its result."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _Program.running().hangs = True

    async def wait(self) -> Any:
        """What it returned, or raise what it raised."""
        return await self.get()


class GreenThreadPool:
    """At most `size` green threads at a time; stands for `eventlet.GreenPool`.

    ``await pool.spawn(f)`` waits for a free place, ``await pool.waitall()`` for all; loops over `imap` are ``async for``.
    """

    def __init__(self, size: int = 1000) -> None:
        self.size = int(size)
        self._places = GreenletSemaphore(self.size)
        self._alive: set[TaskGreenlet] = set()
        self._none_alive = GreenletEvent()

    def running(self) -> int:
        """How many run."""
        return len(self._alive)

    def free(self) -> int:
        """How many more can run."""
        return self._places.counter

    async def spawn(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> GreenThread:
        """A started one, as soon as there is a free place; in a full pool, one of its own runs `function` itself."""
        thread = GreenThread(function, *args, **kwargs)
        if self._places.locked() and _Interruptible.current().greenlet in self._alive:
            await thread._live()
            return thread
        await self._places.acquire()
        thread.start()
        self._none_alive.clear()
        self._alive.add(thread)
        thread.rawlink(self._ended)
        return thread

    async def spawn_n(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """`spawn`, if nobody asks for the result."""
        await self.spawn(function, *args, **kwargs)

    def _ended(self, thread: TaskGreenlet) -> None:
        self._places.release()
        self._alive.discard(thread)
        if not self._alive:
            self._none_alive.set()

    async def waitall(self) -> None:
        """Wait until none runs."""
        if self._alive:
            await self._none_alive.wait()

    def imap(self, function: Callable[..., Any], *iterables: Iterable[Any]) -> AsyncIterator[Any]:
        """Results in order, one by one; a failure is raised at its item, and the next item goes on."""
        return self.starmap(function, zip(*iterables, strict=False))

    def starmap(self, function: Callable[..., Any], iterable: Iterable[Iterable[Any]]) -> AsyncIterator[Any]:
        """`imap` where each item is a list of arguments."""
        return _GreenMap(self.size, function, iterable)


class GreenThreadPile(AsyncIterator[Any]):
    """Green threads whose results are read in the order in which they were started; stands for `eventlet.GreenPile`."""

    def __init__(self, size_or_pool: int | GreenThreadPool = 1000) -> None:
        self.pool = size_or_pool if isinstance(size_or_pool, GreenThreadPool) else GreenThreadPool(size_or_pool)
        self._started = GreenletQueue()
        self._left = 0

    async def spawn(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Start ``func(*args, **kwargs)``, as soon as there is a free place."""
        self._left += 1
        try:
            await self._started.put(await self.pool.spawn(func, *args, **kwargs))
        except BaseException:
            self._left -= 1
            raise

    async def __anext__(self) -> Any:
        if not self._left:
            raise StopAsyncIteration
        try:
            return await (await self._started.get()).wait()
        finally:
            self._left -= 1


class _GreenMap(AsyncIterator[Any]):
    """What `imap` gives: a green thread that starts the others, at most as many as are read and may run."""

    def __init__(self, size: int, function: Callable[..., Any], rows: Iterable[Iterable[Any]]) -> None:
        self._pool = GreenThreadPool(size)
        self._started = GreenletQueue(size)
        TaskGreenlet.spawn(self._start, function, rows)

    async def _start(self, function: Callable[..., Any], rows: Iterable[Iterable[Any]]) -> None:
        for row in rows:
            await self._started.put(await self._pool.spawn(function, *row))
        await self._started.put(await self._pool.spawn(StopAsyncIteration))

    async def __anext__(self) -> Any:
        value = await (await self._started.get()).wait()
        if isinstance(value, StopAsyncIteration):
            raise value
        return value
