"""The part of `aio_support` that stands for the locks of `threading`: coroutines wait for them, any thread may release.

Every one keeps its state under a lock of threads that is held for a few instructions and never across an await, so
that code which stayed in a thread may call what needs no await. Where several wait, they get their turn in the order
in which they came.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

_me: contextvars.ContextVar[object] = contextvars.ContextVar("_me")


class _Turn:
    """Which task has been going on without a wait, and since when, as far as is known; 0 between steps of the loop."""

    task: object = None
    since = 0.0

    @classmethod
    def over(cls) -> None:
        cls.task, cls.since = None, 0.0


async def _breathe() -> None:
    """Let others run if this task has been going on for so long that a thread would have been interrupted."""
    now, task = time.monotonic(), asyncio.current_task()
    if not _Turn.since or _Turn.task is not task:
        if not _Turn.since:
            asyncio.get_running_loop().call_soon(_Turn.over)
        _Turn.task, _Turn.since = task, now
    elif now - _Turn.since > sys.getswitchinterval():
        _Turn.since = 0.0
        await asyncio.sleep(0)


def _identity() -> object:
    """What tells one thread's work from another's: the same object for all that runs in one context."""
    try:
        return _me.get()
    except LookupError:
        identity = object()
        _me.set(identity)
        return identity


class _Waiter:
    """One coroutine that sleeps until it is woken, from whatever thread or event loop."""

    __slots__ = ("_future", "_loop", "woken")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[None] = self._loop.create_future()
        self.woken = False

    def wake(self) -> bool:
        """Wake the coroutine; False if its loop has ended, and it with it."""
        if not self._loop.is_closed():
            self.woken = True  # before the coroutine can go on, in a thread that runs beside this one
            try:
                # By the thread-safe way even on the loop's own thread: the caller may be a signal handler.
                self._loop.call_soon_threadsafe(self._finish)
            except RuntimeError:
                self.woken = False
        return self.woken

    def _finish(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def sleep(self, timeout: float | None) -> None:
        """Return when woken, or `timeout` seconds later."""
        if timeout is None:
            await self._future
        else:
            await asyncio.wait((self._future,), timeout=max(timeout, 0))


class _Places:
    """A number of free places, and who waits for one: first come, first served."""

    def __init__(self, free: int) -> None:
        self.free = free
        self._mutex = threading.RLock()
        self._waiting: deque[_Waiter] = deque()

    async def take(self, timeout: float | None) -> bool:
        """Take a place, waiting for it `timeout` seconds (None: for ever, 0: not at all); whether there was one."""
        if self.free > 0 or timeout is not None:
            await _breathe()  # who has to wait does not lose its place by it
        with self._mutex:
            if self.free > 0:
                self.free -= 1
                return True
            waiter = None if timeout is not None and timeout <= 0 else _Waiter()
            if waiter is not None:
                self._waiting.append(waiter)
        if waiter is None:
            await asyncio.sleep(0)
            return False
        try:
            await waiter.sleep(timeout)
        except BaseException:
            if waiter.woken:
                self.give()  # the place was ours already
            raise
        finally:
            with self._mutex:
                if not waiter.woken:
                    self._waiting.remove(waiter)
        return waiter.woken

    def give(self, count: int = 1) -> None:
        """Give `count` places back, or on to those who wait."""
        with self._mutex:
            for _ in range(count):
                while self._waiting:
                    if self._waiting.popleft().wake():
                        break
                else:
                    self.free += 1


def _patience(blocking: bool, timeout: float) -> float | None:
    """The arguments of a lock's `acquire` as one number of seconds; raises ValueError as `threading` does."""
    if not blocking and timeout != -1:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout < 0 and timeout != -1:
        raise ValueError("timeout value must be a non-negative number")
    return (None if timeout == -1 else timeout) if blocking else 0


class TaskLock:
    """A lock that coroutines wait for; stands for `threading.Lock`. ``async with``, ``await lock.acquire()``."""

    def __init__(self) -> None:
        self._places = _Places(1)

    async def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; False if it was not free (in time, `timeout` in seconds)."""
        return await self._places.take(_patience(blocking, timeout))

    def release(self) -> None:
        """Free the lock. Raises RuntimeError if nobody holds it."""
        if self._places.free:
            raise RuntimeError("release unlocked lock")
        self._places.give()

    def locked(self) -> bool:
        """Whether somebody holds the lock."""
        return not self._places.free

    async def __aenter__(self) -> bool:
        return await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()

    def _is_owned(self) -> bool:
        return self.locked()

    def _release_save(self) -> int:
        self.release()
        return 1

    async def _acquire_restore(self, depth: int) -> None:
        await self.acquire()


class TaskRLock(TaskLock):
    """A lock that its holder may take again; stands for `threading.RLock`.

    The holder is all that runs in one context: a task and what it awaits, calls or moves to a thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self._owner: object = None
        self._depth = 0

    async def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, once more if it is held already; False if it was not free (in time)."""
        me = _identity()
        if self._owner is not me:
            if not await super().acquire(blocking, timeout):
                return False
            self._owner = me
        self._depth += 1
        return True

    def release(self) -> None:
        """Undo one `acquire`. Raises RuntimeError if somebody else holds the lock, or nobody."""
        if self._owner is not _identity():
            raise RuntimeError("cannot release un-acquired lock")
        self._depth -= 1
        if not self._depth:
            self._owner = None
            super().release()

    def _is_owned(self) -> bool:
        return self._owner is _identity()

    def _release_save(self) -> int:
        depth, self._depth = self._depth, 1
        self.release()
        return depth

    async def _acquire_restore(self, depth: int) -> None:
        await self.acquire()
        self._depth = depth


class TaskSemaphore:
    """At most `value` holders at a time; stands for `threading.Semaphore`."""

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        self._places = _Places(value)

    async def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take a place; False if none was free (in time, `timeout` in seconds)."""
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        return await self._places.take(timeout if blocking else 0)

    def release(self, n: int = 1) -> None:
        """Give `n` places back."""
        if n < 1:
            raise ValueError("n must be one or more")
        self._places.give(n)

    async def __aenter__(self) -> bool:
        return await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()


class TaskBoundedSemaphore(TaskSemaphore):
    """A semaphore that is never released more often than acquired; stands for `threading.BoundedSemaphore`."""

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._most = value

    def release(self, n: int = 1) -> None:
        """Give `n` places back. Raises ValueError where more would be free than at first."""
        if self._places.free + n > self._most:
            raise ValueError("Semaphore released too many times")
        super().release(n)


class TaskEvent:
    """A flag that coroutines wait for; stands for `threading.Event`."""

    def __init__(self) -> None:
        self._flag = False
        self._mutex = threading.RLock()
        self._waiting: list[_Waiter] = []

    def is_set(self) -> bool:
        """Whether the flag is up."""
        return self._flag

    def set(self) -> None:
        """Raise the flag and wake all that wait for it."""
        with self._mutex:
            self._flag = True
            waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.wake()

    def clear(self) -> None:
        """Lower the flag."""
        with self._mutex:
            self._flag = False

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is raised; False if it was not after `timeout` seconds."""
        await _breathe()
        with self._mutex:
            if self._flag:
                return True
            waiter = _Waiter()
            self._waiting.append(waiter)
        try:
            await waiter.sleep(timeout)
        finally:
            with self._mutex:
                if waiter in self._waiting:
                    self._waiting.remove(waiter)
        return waiter.woken


class TaskCondition:
    """A lock with a waiting room; stands for `threading.Condition`."""

    def __init__(self, lock: TaskLock | None = None) -> None:
        self._lock = TaskRLock() if lock is None else lock
        self._waiting: deque[_Waiter] = deque()

    async def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock."""
        return await self._lock.acquire(blocking, timeout)

    def release(self) -> None:
        """Free the lock."""
        self._lock.release()

    async def __aenter__(self) -> bool:
        return await self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()

    async def wait(self, timeout: float | None = None) -> bool:
        """Free the lock, wait to be notified, take the lock again; False after `timeout` seconds.

        Raises RuntimeError if the lock is not held.
        """
        if not self._lock._is_owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        waiter = _Waiter()
        self._waiting.append(waiter)
        depth = self._lock._release_save()
        try:
            await waiter.sleep(timeout)
        finally:
            await self._lock._acquire_restore(depth)
            if not waiter.woken:
                self._waiting.remove(waiter)
        return waiter.woken

    async def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        """Wait until `predicate` is true; returns what it gave last (false after `timeout` seconds)."""
        deadline = None if timeout is None else time.monotonic() + timeout
        result = predicate()
        while not result:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                break
            await self.wait(left)
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        """Wake `n` of those that wait. Raises RuntimeError if the lock is not held."""
        if not self._lock._is_owned():
            raise RuntimeError("cannot notify on un-acquired lock")
        while n > 0 and self._waiting:
            n -= self._waiting.popleft().wake()

    def notify_all(self) -> None:
        """Wake all that wait. Raises RuntimeError if the lock is not held."""
        self.notify(len(self._waiting))


class TaskBarrier:
    """A meeting point of `parties` coroutines; stands for `threading.Barrier`."""

    def __init__(self, parties: int, action: Callable[[], Any] | None = None, timeout: float | None = None) -> None:
        if parties < 1:
            raise ValueError("parties must be >= 1")
        self.parties = parties
        self._action, self._timeout = action, timeout
        self._changed = TaskCondition(TaskLock())
        self._state = "filling"  # or draining, resetting, broken
        self._count = 0

    @property
    def n_waiting(self) -> int:
        """How many wait."""
        return self._count if self._state == "filling" else 0

    @property
    def broken(self) -> bool:
        """Whether somebody gave up waiting, or aborted."""
        return self._state == "broken"

    async def wait(self, timeout: float | None = None) -> int:
        """Wait for the others; a number from 0 to parties - 1, different for each.

        Raises `threading.BrokenBarrierError` for all after `timeout` seconds, or if the barrier is broken or reset.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._state not in ("draining", "resetting"))
            if self.broken:
                raise threading.BrokenBarrierError
            index = self._count
            self._count += 1
            try:
                if self._count == self.parties:
                    await self._open()
                else:
                    await self._meet(self._timeout if timeout is None else timeout)
            finally:
                self._count -= 1
                if not self._count and self._state in ("draining", "resetting"):
                    self._become("filling")
            return index

    async def _open(self) -> None:
        try:
            if self._action is not None:
                outcome = self._action()
                if inspect.isawaitable(outcome):
                    await outcome
        except BaseException:
            self._become("broken")
            raise
        self._become("draining")

    async def _meet(self, timeout: float | None) -> None:
        if not await self._changed.wait_for(lambda: self._state != "filling", timeout):
            self._become("broken")
            raise threading.BrokenBarrierError
        if self._state != "draining":
            raise threading.BrokenBarrierError

    async def reset(self) -> None:
        """Back to the beginning; those that wait get `threading.BrokenBarrierError`."""
        async with self._changed:
            self._become("resetting" if self._count else "filling")

    async def abort(self) -> None:
        """Break the barrier for all."""
        async with self._changed:
            self._become("broken")

    def _become(self, state: str) -> None:
        self._state = state
        self._changed.notify_all()
