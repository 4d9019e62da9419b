"""The part of `aio_support` that stands for gevent's greenlets: starting them, waiting for them, ending them."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, TypeVar

from asyncify.support.aio_support_begin import _Begun
from asyncify.support.aio_support_switching import GreenletExit, Timeout, _Interruptible, _Program, _Switch

_Greenlet = TypeVar("_Greenlet", bound="TaskGreenlet")


class TaskGreenlet:
    """Runs a function in a task of its own; stands for `gevent.Greenlet`.

    ``await g.get()``, ``await g.join()``, ``await g.kill()``. It begins when the coroutine that starts it next waits. What it
    raises is printed, kept as `exception`, and raised by `get`.
    """

    def __init__(self, run: Callable[..., Any] | None = None, *args: Any, **kwargs: Any) -> None:
        if run is not None and not callable(run):
            raise TypeError("The run argument or self._run must be callable")
        self._function, self.args, self.kwargs = run, args, kwargs
        self.value: Any = None
        self.exception: BaseException | None = None
        self._over = False
        self._life: _Interruptible | None = None
        self._start: asyncio.TimerHandle | None = None
        self._links: list[Callable[[TaskGreenlet], Any]] = []
        self._notifying = False

    @classmethod
    def spawn(cls: type[_Greenlet], *args: Any, **kwargs: Any) -> _Greenlet:
        """A started one."""
        greenlet = cls(*args, **kwargs)
        greenlet.start()
        return greenlet

    @classmethod
    def spawn_later(cls: type[_Greenlet], seconds: float, *args: Any, **kwargs: Any) -> _Greenlet:
        """One that starts in `seconds`."""
        greenlet = cls(*args, **kwargs)
        greenlet.start_later(seconds)
        return greenlet

    def start(self) -> None:
        """Begin when the current coroutine next waits; the second time nothing happens."""
        if self._life is None and self._start is None:
            self._begin()

    def start_later(self, seconds: float) -> None:
        """Begin in `seconds`."""
        if self._life is None and self._start is None:
            self._start = _Program.running().call_later(seconds, self._begin)

    def _begin(self, at_once: bool = False) -> None:
        if self._over:
            return
        program = _Program.running()
        self._life = _Interruptible(self._live(), self)
        work = _Begun(self._life)
        work.outlives_main = False
        context = contextvars.copy_context()
        task = asyncio.get_running_loop().create_task(work if at_once else self._life, context=context)
        # The end of the loop must not cancel it as it cancels other tasks: greenlets are dropped, never cancelled.
        asyncio.tasks._unregister_task(task)
        program.alive.add(task)
        task.add_done_callback(program.alive.discard)
        if at_once:
            work.begin(task, context)

    async def _live(self) -> None:
        if self._over:  # ended before it began
            return
        try:
            value = await self._run()
        except GeneratorExit:
            raise
        except BaseException as error:
            self._end(error)
        else:
            self._finish(value)

    async def _run(self) -> Any:
        outcome = None if self._function is None else self._function(*self.args, **self.kwargs)
        return await outcome if inspect.isawaitable(outcome) else outcome

    def __repr__(self) -> str:
        name = getattr(self._function, "__name__", "") or repr(self._function)
        given = [repr(value)[:50] for value in self.args]
        given += [f"{key}={repr(value)[:50]}" for key, value in self.kwargs.items()]
        return f"<Greenlet at {id(self):#x}: {name}{'(' + ', '.join(given) + ')' if given else ''}>"

    def __bool__(self) -> bool:
        return not self._over and (self._life is not None or self._start is not None)

    started = property(__bool__, doc="Whether it has been started and has not ended.")

    def ready(self) -> bool:
        """Whether it has ended."""
        return self._over

    dead = property(ready, doc="Whether it has ended.")

    def successful(self) -> bool:
        """Whether it has ended without an exception."""
        return self._over and self.exception is None

    def _finish(self, value: Any) -> None:
        self._over, self.value = True, value
        self._notify()

    def _end(self, error: BaseException) -> None:
        if isinstance(error, GreenletExit):
            self._finish(error)
            return
        self._over, self.exception = True, error
        self._notify()
        if not isinstance(error, SystemExit):
            traceback.print_exception(error)
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            print(f"{moment} {self!r} failed with {type(error).__name__}\n", file=sys.stderr)
        program = _Program.running()
        if isinstance(error, KeyboardInterrupt | SystemExit | SystemError) and program.main is not None:
            program.main.interrupt(error)

    def rawlink(self, callback: Callable[[Any], Any]) -> None:
        """Call ``callback(greenlet)`` on the loop when it has ended."""
        self._links.append(callback)
        if self._over:
            self._notify()

    def link(self, callback: Callable[[Any], Any]) -> None:
        """Run ``callback(greenlet)`` in a greenlet when it has ended."""
        self.rawlink(_Linked(callback))

    def link_value(self, callback: Callable[[Any], Any]) -> None:
        """`link`, if it ends without an exception."""
        self.rawlink(_Linked(callback, lambda greenlet: greenlet.successful()))

    def link_exception(self, callback: Callable[[Any], Any]) -> None:
        """`link`, if it ends by an exception."""
        self.rawlink(_Linked(callback, lambda greenlet: not greenlet.successful()))

    def unlink(self, callback: Callable[[Any], Any]) -> None:
        """Do not call `callback`."""
        with contextlib.suppress(ValueError):
            self._links.remove(callback)

    def _notify(self) -> None:
        if self._links and not self._notifying:
            self._notifying = True
            asyncio.get_running_loop().call_soon(self._call_links)

    def _call_links(self) -> None:
        self._notifying = False
        while self._links:
            self._links.pop(0)(self)

    async def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, at most `timeout` seconds."""
        if not self._over:
            late = None if timeout is None else Timeout(timeout)
            try:
                await self._wait(timeout, late)
            except Timeout as error:
                if error is not late:
                    raise

    async def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """What it returned, or raise what it raised; `Timeout` where it has not ended in time."""
        if not self._over:
            if not block:
                raise Timeout
            await self._wait(timeout, None)
        if self.exception is None:
            return self.value
        try:
            raise self.exception
        finally:
            del self  # the traceback holds this frame

    async def _wait(self, timeout: float | None, late: BaseException | None) -> None:
        switch = _Switch()
        self.rawlink(switch.switch)
        try:
            await switch.wait(timeout, late)
        except BaseException:
            self.unlink(switch.switch)
            raise

    async def kill(self, exception: Any = GreenletExit, block: bool = True, timeout: float | None = None) -> None:
        """Raise `exception` where it waits; one that has not begun never will. Wait for its end if `block`."""
        if self._never_begin(exception) or self._over:
            return
        switch = _Switch() if block else None
        asyncio.get_running_loop().call_soon(self._kill, exception, switch)
        if switch is not None:
            await switch
            await self.join(timeout)

    def _never_begin(self, exception: Any) -> bool:
        """End it if it has not begun; whether that was so."""
        if self._over or (self._life is not None and self._life.task is not None):
            return False
        if self._start is not None:
            self._start.cancel()
        error = exception() if isinstance(exception, type) else exception
        self._end(error)
        return True

    def _kill(self, exception: Any, switch: _Switch | None = None) -> None:
        if not self._over and self._life is not None:
            self._life.interrupt(exception() if isinstance(exception, type) else exception)
        if switch is not None:
            switch.switch()


class _Linked:
    """A callback of a greenlet that runs in another."""

    def __init__(self, callback: Callable[[Any], Any], wanted: Callable[[Any], bool] = lambda _: True) -> None:
        self._callback, self._wanted = callback, wanted

    def __call__(self, source: Any) -> None:
        if self._wanted(source):
            TaskGreenlet(self._callback, source)._begin(at_once=True)

    def __eq__(self, other: object) -> bool:
        return self._callback == getattr(other, "_callback", other)

    def __hash__(self) -> int:
        return hash(self._callback)


class _Ended(AsyncIterator[Any]):
    """What `iwait` gives."""

    def __init__(self, objects: Any, timeout: float | None, count: int | None) -> None:
        self._objects, self._timeout = objects, timeout
        self._left = len(objects) if count is None else min(count, len(objects))
        self._begun = False
        self._timer: asyncio.TimerHandle | None = None
        self._ended: list[Any] = []
        self._switch: _Switch | None = None

    async def __anext__(self) -> Any:
        if not self._begun:
            self._begun = True
            for each in self._objects:
                each.rawlink(self._arrive)
            if self._timeout is not None:
                self._timer = _Program.running().call_later(self._timeout, self._arrive, self)
        if self._left == 0:
            self._clean_up()
            raise StopAsyncIteration
        self._left -= 1
        try:
            if not self._ended:
                self._switch = _Switch()
                await self._switch
            item = self._ended.pop(0)
        except BaseException:
            self._clean_up()
            raise
        if item is self:
            self._clean_up()
            raise StopAsyncIteration
        return item

    def _arrive(self, item: Any) -> None:
        self._ended.append(item)
        switch, self._switch = self._switch, None
        if switch is not None:
            switch.switch()

    def _clean_up(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        objects, self._objects = self._objects, ()
        for each in objects:
            each.unlink(self._arrive)


def iwait(objects: Any, timeout: float | None = None, count: int | None = None) -> AsyncIterator[Any]:
    """The objects as they get ready; stands for `gevent.iwait`."""
    return _Ended(objects, timeout, count)


async def wait_ready(objects: Any, timeout: float | None = None, count: int | None = None) -> list[Any]:
    """The objects that get ready in time, in that order; stands for `gevent.wait`."""
    return [each async for each in _Ended(objects, timeout, count)]


async def joinall(
    greenlets: Any, timeout: float | None = None, raise_error: bool = False, count: int | None = None
) -> list[Any]:
    """The greenlets that end in time, in that order; stands for `gevent.joinall`."""
    done = []
    async for greenlet in _Ended(greenlets, timeout, count):
        if raise_error and greenlet.exception is not None:
            raise greenlet.exception
        done.append(greenlet)
    return done


async def killall(
    greenlets: Iterable[TaskGreenlet], exception: Any = GreenletExit, block: bool = True, timeout: float | None = None
) -> None:
    """Raise `exception` in all of them; stands for `gevent.killall`. Raises Timeout if that lasts too long."""
    alive = [greenlet for greenlet in greenlets if not greenlet._never_begin(exception)]
    if not alive:
        return
    switch = _Switch()

    def kill() -> None:
        for greenlet in alive:
            greenlet._kill(exception)
        switch.switch()

    asyncio.get_running_loop().call_soon(kill)
    if block:
        with contextlib.ExitStack() as stack:
            if timeout is not None:
                stack.enter_context(Timeout(timeout))
            await switch
            await joinall([greenlet for greenlet in alive if not greenlet.ready()])
