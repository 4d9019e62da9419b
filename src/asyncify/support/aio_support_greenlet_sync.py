"""The part of `aio_support` that stands for gevent's events, locks and queues."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import queue
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, ClassVar

from asyncify.support.aio_support_switching import Timeout, _Interruptible, _Switch

_unset = object()
Empty, Full = queue.Empty, queue.Full


class _Linkable:
    """What coroutines wait for: when it is ready, a callback of the loop runs those that wait, one after the other."""

    _only_while_ready: ClassVar[bool] = False

    def __init__(self) -> None:
        self._links: list[Callable[[Any], Any]] = []
        self._late_links: list[Callable[[Any], Any]] = []  # added while the callback was on its way
        self._notifier: asyncio.Handle | None = None

    def ready(self) -> bool:
        """Whether nobody has to wait."""
        raise NotImplementedError

    def rawlink(self, callback: Callable[[Any], Any]) -> None:
        """Call ``callback(self)`` on the loop when it is ready."""
        self._links.append(callback)
        self._notify()

    def unlink(self, callback: Callable[[Any], Any]) -> None:
        """Do not call `callback`."""
        for links in (self._links, self._late_links):
            with contextlib.suppress(ValueError):
                links.remove(callback)
        if not self._links and not self._late_links and self._notifier is not None:
            self._notifier.cancel()
            self._notifier = None

    def _notify(self) -> None:
        if self._links and self._notifier is None and self.ready():
            self._notifier = asyncio.get_running_loop().call_soon(self._call_links)

    def _call_links(self) -> None:
        for links in (self._links, self._late_links):
            last = links[-1] if links else None
            while links and not (self._only_while_ready and not self.ready()):
                link = links.pop(0)
                link(self)
                if link is last:
                    break
        self._links += self._late_links
        self._late_links.clear()
        self._notifier = None
        self._notify()

    async def _wait_for(self, timeout: float | None, late: BaseException | None = None) -> bool:
        """Wait until it is ready; whether it was after `timeout` seconds, unless `late` is to be raised then."""
        own = None if timeout is None else Timeout(timeout)
        switch = _Switch()
        wake = switch.switch
        self.rawlink(wake)
        try:
            await switch.wait(timeout, late or own)
        except Timeout as error:
            if error is not own or late is not None:
                raise
            return False
        finally:
            self.unlink(wake)
        return True

    async def _after_notifying(self) -> None:
        """Where others are being woken, go on after them."""
        if self._notifier is not None:
            switch = _Switch()
            self._late_links.append(switch.switch)
            await switch


class GreenletEvent(_Linkable):
    """A flag that coroutines wait for; stands for `gevent.event.Event`."""

    def __init__(self) -> None:
        super().__init__()
        self._flag = False

    def is_set(self) -> bool:
        """Whether the flag is up."""
        return self._flag

    isSet = ready = is_set

    def set(self) -> None:
        """Raise the flag and wake all that wait for it."""
        self._flag = True
        self._notify()

    def clear(self) -> None:
        """Lower the flag."""
        self._flag = False

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is raised; False if it was not after `timeout` seconds."""
        if self._flag:
            await self._after_notifying()
            return True
        return await self._wait_for(timeout)


class GreenletResult(_Linkable):
    """A value or an exception that coroutines wait for; stands for `gevent.event.AsyncResult`."""

    def __init__(self) -> None:
        super().__init__()
        self._value: Any = _unset
        self.exception: BaseException | None = None

    @property
    def value(self) -> Any:
        """The value, or None."""
        return None if self._value is _unset else self._value

    def ready(self) -> bool:
        """Whether it has a value or an exception."""
        return self._value is not _unset or self.exception is not None

    def successful(self) -> bool:
        """Whether it has a value."""
        return self._value is not _unset

    def set(self, value: Any = None) -> None:
        """Give it a value and wake all that wait for it."""
        self._value = value
        self._notify()

    def set_exception(self, exception: BaseException) -> None:
        """Give it an exception and wake all that wait for it."""
        self.exception = exception
        self._notify()

    def __call__(self, source: Any) -> None:
        """Take over what `source` ended with: ``greenlet.link(result)``."""
        if source.successful():
            self.set(source.value)
        else:
            self.set_exception(source.exception)

    async def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The value, or raise the exception; `Timeout` if there is none in time."""
        if block and not self.ready():
            await self._wait_for(timeout, None if timeout is None else Timeout(timeout))
        return self.get_nowait()

    def get_nowait(self) -> Any:
        """The value, or raise the exception; `Timeout` if there is none."""
        if self._value is not _unset:
            return self._value
        raise Timeout if self.exception is None else self.exception

    async def wait(self, timeout: float | None = None) -> Any:
        """Wait until there is a value or an exception, at most `timeout` seconds; the value, or None."""
        if self.ready():
            await self._after_notifying()
        else:
            await self._wait_for(timeout)
        return self.value


class GreenletSemaphore(_Linkable):
    """At most `value` holders at a time; stands for `gevent.lock.Semaphore`."""

    _only_while_ready = True

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        super().__init__()
        self.counter = value

    def ready(self) -> bool:
        """Whether a place is free."""
        return self.counter > 0

    def locked(self) -> bool:
        """Whether no place is free."""
        return self.counter <= 0

    def release(self) -> int:
        """Give a place back; how many are free."""
        self.counter += 1
        self._notify()
        return self.counter

    async def wait(self, timeout: float | None = None) -> int:
        """Wait until a place is free, without taking it; how many are."""
        if not self.counter:
            await self._wait_for(timeout)
        return self.counter

    async def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take a place; False if none was free (in time)."""
        if not self.counter and not (blocking and await self._wait_for(timeout)):
            return False
        self.counter -= 1
        return True

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()


class GreenletBoundedSemaphore(GreenletSemaphore):
    """A semaphore that is never released more often than acquired; stands for `gevent.lock.BoundedSemaphore`."""

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._most = value

    def release(self) -> int:
        """Give a place back. Raises ValueError where more would be free than at first."""
        if self.counter >= self._most:
            raise ValueError("Semaphore released too many times")
        return super().release()


class GreenletRLock:
    """A lock that its holder may take again; stands for `gevent.lock.RLock`."""

    def __init__(self) -> None:
        self._places = GreenletSemaphore(1)
        self._owner: _Interruptible | None = None
        self._count = 0

    async def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take the lock, once more if it is held already; False if it was not free (in time)."""
        me = _Interruptible.current()
        if self._owner is not me:
            if not await self._places.acquire(blocking, timeout):
                return False
            self._owner = me
        self._count += 1
        return True

    def release(self) -> None:
        """Undo one `acquire`. Raises RuntimeError if somebody else holds the lock, or nobody."""
        if self._owner is not _Interruptible.current():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._owner = None
            self._places.release()

    async def __aenter__(self) -> bool:
        return await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()


class GreenletQueue(AsyncIterator[Any]):
    """A queue between greenlets; stands for `gevent.queue.Queue`, `JoinableQueue` and `SimpleQueue`.

    ``await q.get()``, ``await q.put(item)``, ``await q.join()``, with the same timeouts and the same exceptions
    (`queue.Empty`, `queue.Full`); ``async for`` ends at an item that is StopIteration.
    """

    def __init__(self, maxsize: int | None = None, items: Iterable[Any] = ()) -> None:
        self.maxsize = maxsize if maxsize is not None and maxsize > 0 else None
        self.queue: Any = self._storage(items)
        self.unfinished_tasks = len(self.queue)
        self._finished = GreenletEvent()
        if not self.queue:
            self._finished.set()
        self._getters: deque[_Switch] = deque()
        self._putters: deque[tuple[_Switch, Any]] = deque()
        self._unlocking = False

    def _storage(self, items: Iterable[Any]) -> Any:
        return deque(items)

    def _push(self, item: Any) -> None:
        self.queue.append(item)

    def _pop(self) -> Any:
        return self.queue.popleft()

    def _first(self) -> Any:
        return self.queue[0]

    def _put(self, item: Any) -> None:
        self._push(item)
        self.unfinished_tasks += 1
        self._finished.clear()

    def __len__(self) -> int:
        return len(self.queue)

    def __bool__(self) -> bool:
        return True

    def qsize(self) -> int:
        """How many items wait."""
        return len(self.queue)

    def empty(self) -> bool:
        """Whether no item waits."""
        return not self.queue

    def full(self) -> bool:
        """Whether `put` would have to wait."""
        return self.maxsize is not None and len(self.queue) >= self.maxsize

    async def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add an item, waiting for room. Raises `queue.Full` if there was none in `timeout` seconds."""
        if not block or not self.full():
            _check(block, timeout)
            self.put_nowait(item)
            return
        entry = (_Switch(), item)
        self._putters.append(entry)
        try:
            if self._getters:
                self._unlock_soon()
            await entry[0].wait(timeout, queue.Full())
        finally:
            with contextlib.suppress(ValueError):
                self._putters.remove(entry)

    def put_nowait(self, item: Any) -> None:
        """Add an item. Raises `queue.Full` if there is no room."""
        if self.full():
            raise queue.Full
        self._put(item)
        if self._getters:
            self._unlock_soon()

    async def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Remove and return an item, waiting for one. Raises `queue.Empty` if none came in `timeout` seconds."""
        if not block or self.queue:
            return self.get_nowait()
        return await self._wait_for_item(self._pop, timeout)

    def get_nowait(self) -> Any:
        """Remove and return an item. Raises `queue.Empty` if there is none."""
        if not self.queue:
            raise queue.Empty
        if self._putters:
            self._unlock_soon()
        return self._pop()

    async def peek(self, block: bool = True, timeout: float | None = None) -> Any:
        """As `get`, but the item stays."""
        if not block or self.queue:
            return self.peek_nowait()
        return await self._wait_for_item(self._first, timeout)

    def peek_nowait(self) -> Any:
        """As `get_nowait`, but the item stays."""
        if not self.queue:
            raise queue.Empty
        return self._first()

    async def _wait_for_item(self, take: Callable[[], Any], timeout: float | None) -> Any:
        _check(True, timeout)
        switch = _Switch()
        self._getters.append(switch)
        try:
            if self._putters:
                self._unlock_soon()
            await switch.wait(timeout, queue.Empty())
            return take()
        finally:
            with contextlib.suppress(ValueError):
                self._getters.remove(switch)

    def _unlock_soon(self) -> None:
        if not self._unlocking:
            self._unlocking = True
            asyncio.get_running_loop().call_soon(self._unlock)

    def _unlock(self) -> None:
        """Run those that wait as long as there is something for them."""
        again = True
        while again:
            again = False
            if self._putters and not self.full():
                again = True
                putter, item = self._putters.popleft()
                self._put(item)
                putter.switch()
            if self._getters and self.queue:
                again = True
                self._getters.popleft().switch()
        self._unlocking = False

    def task_done(self) -> None:
        """Say that an item taken has been dealt with. Raises ValueError where none is left."""
        if self.unfinished_tasks <= 0:
            raise ValueError("task_done() called too many times")
        self.unfinished_tasks -= 1
        if not self.unfinished_tasks:
            self._finished.set()

    async def join(self, timeout: float | None = None) -> bool:
        """Wait until all items ever put have been dealt with; False if they have not after `timeout` seconds."""
        return await self._finished.wait(timeout)

    async def __anext__(self) -> Any:
        item = await self.get()
        if item is StopIteration:
            raise StopAsyncIteration
        return item


class GreenletLifoQueue(GreenletQueue):
    """The newest item first; stands for `gevent.queue.LifoQueue`."""

    def _storage(self, items: Iterable[Any]) -> Any:
        return list(items)

    def _pop(self) -> Any:
        return self.queue.pop()

    def _first(self) -> Any:
        return self.queue[-1]


class GreenletPriorityQueue(GreenletQueue):
    """The least item first; stands for `gevent.queue.PriorityQueue`."""

    def _storage(self, items: Iterable[Any]) -> Any:
        heap = list(items)
        heapq.heapify(heap)
        return heap

    def _push(self, item: Any) -> None:
        heapq.heappush(self.queue, item)

    def _pop(self) -> Any:
        return heapq.heappop(self.queue)


def _check(block: bool, timeout: float | None) -> None:
    if block and timeout is not None and timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
