"""The part of `aio_support` that raises exceptions in coroutines where they wait, as gevent does in greenlets.

What a greenlet of gevent and of this module do between two waits is done alone, and both go on in the same order: a
coroutine that waits for a greenlet, an event or a queue goes on inside the very callback of the event loop that wakes it,
as gevent switches to a greenlet from its hub.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
import weakref
from collections.abc import Callable, Coroutine, Generator
from typing import Any, ClassVar, TypeVar

from asyncify.support.aio_support_run import _to_the_end

_G = TypeVar("_G")
_no_timeout_value = object()
_LOOK = 0.1  # seconds between two looks whether anything can go on
_TURNS = 10  # of the loop: more than any chain of callbacks takes from the end of a greenlet to who waits for it


class _Switch:
    """What one coroutine waits for, a future to its task. Callbacks of the loop wake it, and it goes on inside of them."""

    _asyncio_future_blocking = False

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake: tuple[Callable[[Any], Any], contextvars.Context | None] | None = None
        self._done = False
        self._value: Any = None
        self._error: BaseException | None = None

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the task that waits."""
        return self._loop

    def add_done_callback(self, fn: Callable[[Any], Any], *, context: contextvars.Context | None = None) -> None:
        """Called by the task that waits: `fn` makes it go on."""
        self._wake = fn, context
        if self._done:
            self._loop.call_soon(self._go_on)

    def cancel(self, msg: object = None) -> bool:
        """Called where the task that waits is cancelled."""
        if self._done:
            return False
        self._done, self._error = True, asyncio.CancelledError()
        self._loop.call_soon(self._go_on)
        return True

    def result(self) -> Any:
        """What it was woken with."""
        if self._error is not None:
            raise self._error
        return self._value

    def __await__(self) -> Generator[Any, None, Any]:
        self._asyncio_future_blocking = True
        yield self
        return self.result()

    async def wait(self, timeout: float | None = None, late: BaseException | None = None) -> Any:
        """Wait until it is woken; raise `late` after `timeout` seconds."""
        timer = None
        if timeout is not None:
            timer = _Program.running().call_later(timeout, self.throw, late or Timeout(timeout))
        try:
            return await self
        finally:
            if timer is not None:
                timer.cancel()

    def switch(self, value: Any = None) -> None:
        """Wake the coroutine, for the first time; it gets `value`."""
        if not self._done:
            self._done, self._value = True, value
            self._go_on()

    def throw(self, error: BaseException) -> None:
        """Wake the coroutine with an exception, unless it has been woken."""
        if not self._done:
            self._done, self._error = True, error
            self._go_on()

    def _go_on(self) -> None:
        if asyncio.current_task() is not None:  # one task cannot run inside another
            self._loop.call_soon(self._go_on)
        elif self._wake is not None:
            (fn, context), self._wake = self._wake, None
            if context is None:
                fn(self)
            else:
                context.run(fn, self)


class _Program:
    """The greenlets of one event loop. When the main coroutine ends, they stop where they are."""

    of: ClassVar[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Program]] = weakref.WeakKeyDictionary()

    def __init__(self) -> None:
        self.over = False
        self.hangs = False  # where nothing can go on, as programs of eventlet do; those of gevent end
        self.main: _Interruptible | None = None
        self.alive: set[asyncio.Task[Any]] = set()
        self._timers: weakref.WeakSet[asyncio.TimerHandle] = weakref.WeakSet()

    @staticmethod
    def running() -> _Program:
        """That of the running loop."""
        return _Program.of.setdefault(asyncio.get_running_loop(), _Program())

    def call_later(self, seconds: float, callback: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
        """That of the loop, for what may wake a coroutine of the program."""
        timer = asyncio.get_running_loop().call_later(max(seconds, 0), callback, *args)
        self._timers.add(timer)
        return timer

    def watch(self, turns: int = 0) -> None:
        """Raise `LoopExit` in the main coroutine once nothing can wake it any more; looked at now and then."""
        if self.over:
            return
        loop = asyncio.get_running_loop()
        if not self._is_stuck(loop):
            loop.call_later(_LOOK, self.watch)
        elif turns < _TURNS:  # callbacks that are on their way may wake it
            loop.call_soon(self.watch, turns + 1)
        else:
            assert self.main is not None
            self.main.interrupt(LoopExit("This operation would block forever"))
            loop.call_later(_LOOK, self.watch)  # it may be taken, and the program goes on

    def _is_stuck(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether all wait for each other: no timer, no request and no other task is left."""
        if self.hangs or self.main is None or not self.main.waits_for_others():
            return False
        for task in self.alive:
            life = _Interruptible.of.get(task)
            if life is None or not life.waits_for_others():
                return False
        now = loop.time()
        if any(not timer.cancelled() and timer.when() > now for timer in self._timers):
            return False
        return asyncio.all_tasks(loop) <= {self.main.task}

    def stop(self) -> None:
        """Let no greenlet go on. Not even their `finally` runs: gevent drops them as well."""
        self.over = True
        if self.alive:
            # What holds them must never be cleared, and the frame of a daemon thread is not.
            held = list(self.alive)
            threading.Thread(target=lambda _: threading.Event().wait(), args=(held,), daemon=True).start()


class _Interruptible(Coroutine[Any, Any, Any]):
    """A coroutine in which an exception can be raised where it waits."""

    of: ClassVar[weakref.WeakKeyDictionary[asyncio.Task[Any], _Interruptible]] = weakref.WeakKeyDictionary()

    def __init__(self, coroutine: Coroutine[Any, Any, Any], greenlet: Any = None) -> None:
        self._coroutine = coroutine
        self.greenlet = greenlet
        self.task: asyncio.Task[Any] | None = None
        self._program: _Program | None = None
        self._waits_for: object = None
        self._thrown: BaseException | None = None

    @staticmethod
    def current() -> _Interruptible:
        """That of the running task. Raises RuntimeError where the task runs no greenlet and not the main coroutine."""
        task = asyncio.current_task()
        found = None if task is None else _Interruptible.of.get(task)
        if found is None:
            raise RuntimeError("this needs a greenlet, or the coroutine that run_greenlets() runs")
        return found

    def waits_for_others(self) -> bool:
        """Whether only a greenlet, an event or the like can wake it."""
        return isinstance(self._waits_for, _Switch) and not self._waits_for._done

    def interrupt(self, error: BaseException) -> None:
        """Raise `error` where the coroutine waits."""
        if isinstance(self._waits_for, _Switch) and not self._waits_for._done:
            self._waits_for.throw(error)
        elif self._thrown is not None:
            asyncio.get_running_loop().call_soon(self.interrupt, error)
        elif self.task is not None and not self.task.done():
            self._thrown = error
            self.task.cancel()

    def send(self, value: Any) -> Any:
        """The next step."""
        if self.task is None:
            self.task, self._program = asyncio.current_task(), _Program.running()
            assert self.task is not None
            _Interruptible.of[self.task] = self
            if self.greenlet is None:
                self._program.main = self
                self._program.watch()
        assert self._program is not None
        if self._program.over:
            return _for_ever()
        return self._step(self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        """An exception for the coroutine, where it waits."""
        thrown, self._thrown = self._thrown, None
        if thrown is None:
            return self._step(self._coroutine.throw, *error)
        if self.task is not None:
            self.task.uncancel()
        return self._step(self._coroutine.throw, thrown)

    def _step(self, step: Callable[..., Any], *arguments: Any) -> Any:
        self._waits_for = None
        try:
            self._waits_for = step(*arguments)
        except BaseException:
            if self.greenlet is None and self._program is not None:
                self._program.stop()
            # The table of tasks holds this object, which must not hold the task nor its greenlet any longer.
            self.task = self.greenlet = None
            raise
        return self._waits_for

    def close(self) -> None:
        """End it where it waits."""
        self._coroutine.close()

    def __await__(self) -> Any:
        return self._coroutine.__await__()


def _for_ever() -> _Switch:
    never = _Switch()
    never._asyncio_future_blocking = True
    return never


class LoopExit(Exception):
    """Nothing can wake the main coroutine any more; stands for `gevent.exceptions.LoopExit`."""

    __module__ = "gevent.exceptions"


class GreenletExit(BaseException):
    """Ends a greenlet; stands for `gevent.GreenletExit`."""


class Timeout(BaseException):
    """Raised in the coroutine that started it, `seconds` later; stands for `gevent.Timeout`."""

    def __init__(
        self, seconds: float | None = None, exception: Any = None, ref: bool = True, priority: int = -1
    ) -> None:
        super().__init__()
        self.seconds, self.exception = seconds, exception
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def start_new(cls, timeout: Any = None, exception: Any = None, ref: bool = True) -> Timeout:
        """A started one; `timeout` itself if it is one already."""
        made = timeout if isinstance(timeout, Timeout) else cls(timeout, exception)
        if not made.pending:
            made.start()
        return made

    @property
    def pending(self) -> bool:
        """Whether it has been started, and not raised or cancelled."""
        return self._timer is not None

    def start(self) -> None:
        """Begin to count."""
        if self.pending:
            raise AssertionError(f"{self!r} is already started; to restart it, cancel it first")
        if self.seconds is not None:
            own = self.exception is None or self.exception is False or isinstance(self.exception, str)
            thrown = self if own else self.exception
            target = _Interruptible.current()
            self._timer = _Program.running().call_later(self.seconds, self._expire, target, thrown)

    def _expire(self, target: _Interruptible, thrown: Any) -> None:
        self._timer = None
        target.interrupt(thrown() if isinstance(thrown, type) else thrown)

    def cancel(self) -> None:
        """Do not raise it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    close = cancel

    def __enter__(self) -> Timeout:
        if not self.pending:
            self.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> bool:
        self.cancel()
        return error is self and self.exception is False

    def __repr__(self) -> str:
        exception = "" if self.exception is None else f" exception={self.exception!r}"
        pending = " pending" if self.pending else ""
        return f"<{type(self).__name__} at {id(self):#x} seconds={self.seconds}{exception}{pending}>"

    def __str__(self) -> str:
        if self.seconds is None:
            return ""
        text = f"{self.seconds} second{'' if self.seconds == 1 else 's'}"
        if self.exception is None:
            return text
        return f"{text} (silent)" if self.exception is False else f"{text}: {self.exception}"


async def with_timeout(seconds: float | None, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """``function(*args, **kwargs)``, at most `seconds` long; then `timeout_value`, or `Timeout` is raised."""
    value = kwargs.pop("timeout_value", _no_timeout_value)
    timeout = Timeout.start_new(seconds)
    try:
        outcome = function(*args, **kwargs)
        return await outcome if inspect.isawaitable(outcome) else outcome
    except Timeout as error:
        if error is timeout and value is not _no_timeout_value:
            return value
        raise
    finally:
        timeout.cancel()


def run_greenlets(main: Coroutine[Any, Any, _G], *, debug: bool | None = None) -> _G:
    """`asyncio.run` for a program with greenlets: at its end they stop where they are, and no code of theirs runs."""
    program: Coroutine[Any, Any, _G] = _Interruptible(_to_the_end(main))
    return asyncio.run(program, debug=debug)
