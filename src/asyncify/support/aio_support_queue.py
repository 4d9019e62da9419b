"""The part of `aio_support` that stands for the module `queue`."""

from __future__ import annotations

import asyncio
import heapq
import queue
import threading
import time
from collections import deque
from typing import Any, Generic, TypeVar, cast

from asyncify.support.aio_support_locks import _breathe, _Waiter

_Entry = TypeVar("_Entry")


class TaskQueue(Generic[_Entry]):
    """A queue between tasks; stands for `queue.Queue` and `queue.SimpleQueue`.

    ``await q.get()``, ``await q.put(item)``, ``await q.join()``, with the same timeouts and the same exceptions
    (`queue.Empty`, `queue.Full`). What does not wait needs no await and may be called from any thread.
    """

    def __init__(self, maxsize: int = 0) -> None:
        self.maxsize = maxsize
        self.unfinished_tasks = 0
        self._items: Any = self._storage()
        self._mutex = threading.RLock()
        self._getters: deque[_Waiter] = deque()
        self._putters: deque[_Waiter] = deque()
        self._joiners: deque[_Waiter] = deque()

    def _storage(self) -> Any:
        return deque()

    def _push(self, item: _Entry) -> None:
        self._items.append(item)

    def _pop(self) -> _Entry:
        return cast("_Entry", self._items.popleft())

    def qsize(self) -> int:
        """How many items wait."""
        return len(self._items)

    def empty(self) -> bool:
        """Whether no item waits."""
        return not self._items

    def full(self) -> bool:
        """Whether `put` would have to wait."""
        return 0 < self.maxsize <= len(self._items)

    def get_nowait(self) -> _Entry:
        """Remove and return an item. Raises `queue.Empty` if there is none."""
        with self._mutex:
            if not self._items:
                raise queue.Empty
            item = self._pop()
            _wake_one(self._putters)
            return item

    def put_nowait(self, item: _Entry) -> None:
        """Add an item. Raises `queue.Full` if there is no room."""
        with self._mutex:
            if self.full():
                raise queue.Full
            self._push(item)
            self.unfinished_tasks += 1
            _wake_one(self._getters)

    async def get(self, block: bool = True, timeout: float | None = None) -> _Entry:
        """Remove and return an item, waiting for one. Raises `queue.Empty` if none came in `timeout` seconds."""
        deadline = _deadline(block, timeout)
        if self._items or deadline is not None:
            await _breathe()  # who has to wait does not lose its place by it
        while True:
            with self._mutex:
                if self._items:
                    return self.get_nowait()
                left = None if deadline is None else deadline - time.monotonic()
                waiter = None if left is not None and left <= 0 else _Waiter()
                if waiter is not None:
                    self._getters.append(waiter)
            if waiter is None:
                await asyncio.sleep(0)
                return self.get_nowait()
            await self._wait(waiter, self._getters, left)

    async def put(self, item: _Entry, block: bool = True, timeout: float | None = None) -> None:
        """Add an item, waiting for room. Raises `queue.Full` if there was none in `timeout` seconds."""
        deadline = _deadline(block, timeout) if self.maxsize > 0 else None
        if deadline is not None or not self.full():
            await _breathe()  # who has to wait does not lose its place by it
        while True:
            with self._mutex:
                if not self.full():
                    self.put_nowait(item)
                    return
                left = None if deadline is None else deadline - time.monotonic()
                waiter = None if left is not None and left <= 0 else _Waiter()
                if waiter is not None:
                    self._putters.append(waiter)
            if waiter is None:
                await asyncio.sleep(0)
                self.put_nowait(item)
                return
            await self._wait(waiter, self._putters, left)

    def task_done(self) -> None:
        """Say that an item taken has been dealt with. Raises ValueError where none is left."""
        with self._mutex:
            if self.unfinished_tasks <= 0:
                raise ValueError("task_done() called too many times")
            self.unfinished_tasks -= 1
            if not self.unfinished_tasks:
                while self._joiners:
                    _wake_one(self._joiners)

    async def join(self) -> None:
        """Wait until all items ever put have been dealt with."""
        while True:
            with self._mutex:
                if not self.unfinished_tasks:
                    return
                waiter = _Waiter()
                self._joiners.append(waiter)
            await self._wait(waiter, self._joiners, None)

    async def _wait(self, waiter: _Waiter, among: deque[_Waiter], timeout: float | None) -> None:
        try:
            await waiter.sleep(timeout)
        except BaseException:
            with self._mutex:
                if waiter.woken:
                    _wake_one(among)  # it cannot use its turn
            raise
        finally:
            with self._mutex:
                if not waiter.woken:
                    among.remove(waiter)


class TaskLifoQueue(TaskQueue[_Entry]):
    """The newest item first; stands for `queue.LifoQueue`."""

    def _pop(self) -> _Entry:
        return cast("_Entry", self._items.pop())


class TaskPriorityQueue(TaskQueue[_Entry]):
    """The least item first; stands for `queue.PriorityQueue`."""

    def _storage(self) -> Any:
        return []

    def _push(self, item: _Entry) -> None:
        heapq.heappush(self._items, item)

    def _pop(self) -> _Entry:
        return cast("_Entry", heapq.heappop(self._items))


def _deadline(block: bool, timeout: float | None) -> float | None:
    if not block:
        return 0.0
    if timeout is None:
        return None
    if timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    return time.monotonic() + timeout


def _wake_one(waiting: deque[_Waiter]) -> None:
    while waiting and not waiting.popleft().wake():
        pass
