"""The part of `aio_support` that begins a task's work at once, as a thread would."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Coroutine
from typing import Any

# What stands for a thread, for all that runs in it: a worker of a pool, a `TaskThread`. A thread has none.
_worker: contextvars.ContextVar[Any] = contextvars.ContextVar("_worker")
_begun = threading.local()  # .depth: how many tasks of this thread are in the middle of their first step
_MOST_NESTED = 8


class _Begun(Coroutine[Any, Any, None]):
    """Work of a pool, which the program waits for at its end.

    Its first step can be taken at once, before its task gets its turn: a thread begins at once, too.
    """

    outlives_main = True

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self._first: list[Any] = []  # what the first step waits for, until the task has been told
        self._end: BaseException | None = None  # how the coroutine ended, if it did in its first step

    def begin(self, task: asyncio.Task[None], context: contextvars.Context) -> None:
        """Take the first step, as if the task ran."""
        depth = getattr(_begun, "depth", 0)
        if depth == _MOST_NESTED:  # a job that submits one that submits one … must not exhaust the stack
            return
        loop, current = task.get_loop(), asyncio.current_task()
        if current is not None:
            asyncio._leave_task(loop, current)
        asyncio._enter_task(loop, task)
        _begun.depth = depth + 1
        try:
            self._first = [context.run(self._coroutine.send, None)]
        except BaseException as end:
            self._end = end
        finally:
            _begun.depth = depth
            asyncio._leave_task(loop, task)
            if current is not None:
                asyncio._enter_task(loop, current)

    def send(self, value: Any) -> Any:
        """The next step of the task; the first one has been taken already."""
        if self._end is not None:
            raise self._end
        return self._first.pop() if self._first else self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """An exception for the coroutine, where it waits."""
        self._first.clear()
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """End it where it waits."""
        self._coroutine.close()

    def __await__(self) -> Any:
        return self._coroutine.__await__()
