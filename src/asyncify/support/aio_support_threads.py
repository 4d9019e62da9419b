"""The part of `aio_support` that stands for `threading.Thread` and `threading.Timer`."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, cast

from asyncify.support.aio_support_begin import _worker
from asyncify.support.aio_support_locks import TaskEvent


class TaskThread:
    """Runs a function in a task of its own; stands for `threading.Thread`.

    ``await t.start()`` returns when the function has run to where it first waits; ``await t.join()`` waits for its
    end. What it raises goes to `threading.excepthook`, to nobody else. Before the event loop ends it waits for all that
    are no daemons; a daemon that still runs then stops where it is.
    """

    _initialized = False  # most others have names that those of a subclass cannot hide

    def __init__(
        self,
        group: None = None,
        target: Callable[..., Any] | None = None,
        name: str | None = None,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        daemon: bool | None = None,
    ) -> None:
        assert group is None, "group argument must be None for now"
        self._target, self._args, self._kwargs = target, args, dict(kwargs or {})  # subclasses use them
        creator = _worker.get(None)
        # Counted together with the threads that stay.
        self.name = str(name) if name is not None else threading.Thread(target=target).name
        self.__daemonic = daemon if daemon is not None else creator is not None and creator.daemon
        self.__started = False
        self.__stopped = TaskEvent()
        self._initialized = True

    def __repr__(self) -> str:
        status = ("stopped" if self.__stopped.is_set() else "started") if self.__started else "initial"
        own = type(self).__module__ == __name__  # then it stands for the class of that name without Task
        kind = type(self).__name__.removeprefix("Task" if own else "")
        return f"<{kind}({self.name}, {status}{' daemon' * self.__daemonic})>"

    @property
    def daemon(self) -> bool:
        """Whether nobody waits for it when the program ends."""
        return self.__daemonic

    @daemon.setter
    def daemon(self, daemonic: bool) -> None:
        if self.__started:
            raise RuntimeError("cannot set daemon status of active thread")
        self.__daemonic = daemonic

    @property
    def ident(self) -> int | None:
        """A number that no other living thread has; None before the start."""
        return id(self) if self.__started else None

    def is_alive(self) -> bool:
        """Whether it has been started and has not ended."""
        return self.__started and not self.__stopped.is_set()

    async def start(self) -> None:
        """Begin. Raises RuntimeError the second time."""
        if not self._initialized:
            raise RuntimeError("thread.__init__() not called")
        if self.__started:
            raise RuntimeError("threads can only be started once")
        self.__started = True
        context = contextvars.Context()
        context.run(_worker.set, self)
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._live(), name=self.name, context=context)
        # The end of the loop must not cancel it as it cancels other tasks: no thread is ever cancelled.
        asyncio.tasks._unregister_task(task)
        _keep_thread(self, task)
        await asyncio.sleep(0)

    async def run(self) -> None:
        """Call the target; a subclass may do something else."""
        try:
            if self._target is not None:
                outcome = self._target(*self._args, **self._kwargs)
                if inspect.isawaitable(outcome):
                    await outcome
        finally:
            del self._target, self._args, self._kwargs

    async def join(self, timeout: float | None = None) -> None:
        """Wait for its end, at most `timeout` seconds. Raises RuntimeError if it has not been started."""
        if not self._initialized:
            raise RuntimeError("Thread.__init__() not called")
        if not self.__started:
            raise RuntimeError("cannot join thread before it is started")
        if _worker.get(None) is self:
            raise RuntimeError("cannot join current thread")
        await self.__stopped.wait(timeout)

    async def _live(self) -> None:
        try:
            outcome: object = self.run()
            if inspect.isawaitable(outcome):
                await outcome
        except GeneratorExit:
            raise
        except BaseException as error:
            facts = [type(error), error, error.__traceback__, cast("threading.Thread", self)]
            threading.excepthook(threading.ExceptHookArgs(facts))
            del facts
        finally:
            self.__stopped.set()


class TaskTimer(TaskThread):
    """Calls a function `interval` seconds after its start; stands for `threading.Timer`."""

    def __init__(
        self,
        interval: float,
        function: Callable[..., Any],
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.interval, self.function = interval, function
        self.args, self.kwargs = args or (), kwargs or {}
        self.finished = TaskEvent()

    def cancel(self) -> None:
        """Do not call the function if the time has not come yet."""
        self.finished.set()

    async def run(self) -> None:
        """Wait, and call the function unless cancelled."""
        if not await self.finished.wait(self.interval):
            outcome = self.function(*self.args, **self.kwargs)
            if inspect.isawaitable(outcome):
                await outcome
        self.finished.set()


class _Threads:
    """The threads of one event loop that are alive, and the task that keeps the loop for those that are no daemons."""

    by_loop: ClassVar[dict[asyncio.AbstractEventLoop, _Threads]] = {}

    def __init__(self) -> None:
        self.alive: dict[asyncio.Task[None], TaskThread] = {}
        self.keeper: asyncio.Task[None] | None = None

    async def keep(self) -> None:
        """Wait for all until the loop ends, which shows as a cancellation, and then for those that are no daemons."""
        ending = False
        while wanted := [task for task, thread in self.alive.items() if not (ending and thread.daemon)]:
            try:
                await asyncio.wait(wanted)
            except asyncio.CancelledError:
                ending = True
        if self.alive:
            # As daemon threads do, they stop where they are, and not even their `finally` runs. What holds them must
            # never be cleared, and the frame of a daemon thread is not.
            held = list(self.alive)
            _never_wake(frozenset(self.alive.values()))
            threading.Thread(target=lambda _: threading.Event().wait(), args=(held,), daemon=True).start()


def _never_wake(stopped: frozenset[TaskThread]) -> None:
    """Let no task of these threads run again on this loop: connections that end with it would wake them by their errors."""
    loop: Any = asyncio.get_running_loop()
    soon = loop.call_soon
    generators: set[Any] = getattr(loop, "_asyncgens", set())  # the loop closes them, but not where a task is inside
    for inside in [generator for generator in generators if generator.ag_running]:
        generators.discard(inside)

    def call_soon(callback: Any, *args: Any, context: contextvars.Context | None = None) -> asyncio.Handle:
        if context is not None and context.get(_worker) in stopped:
            return asyncio.Handle(callback, args, loop, context)  # which nobody runs
        handle: asyncio.Handle = soon(callback, *args, context=context)
        return handle

    with contextlib.suppress(AttributeError):  # loops that are not written in Python take no attributes
        loop.call_soon = call_soon


def _keep_thread(thread: TaskThread, task: asyncio.Task[None]) -> None:
    loop = task.get_loop()
    threads = _Threads.by_loop.get(loop)
    if threads is None:
        for other in [other for other in _Threads.by_loop if other.is_closed()]:
            del _Threads.by_loop[other]
        threads = _Threads.by_loop[loop] = _Threads()
    threads.alive[task] = thread
    task.add_done_callback(threads.alive.pop)
    if threads.keeper is None or threads.keeper.done():
        threads.keeper = loop.create_task(threads.keep(), name="threads")
