"""The part of `aio_support` that stands for what runs functions in threads for coroutines."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from collections.abc import Awaitable, Callable, Generator
from typing import Any, ClassVar

from asyncify.support.aio_support import PoolFuture, TaskPool
from asyncify.support.aio_support_begin import _worker


def run_in_executor(pool: TaskPool | None, fn: Callable[..., Any], /, *args: Any) -> asyncio.Future[Any]:
    """Run a coroutine function as a job of the pool; stands for ``loop.run_in_executor``.

    Without a pool as many run at once as threads of a default executor would. Giving up the future does not end a job that has
    begun, and the event loop waits for those of the default executor at its end.
    """
    loop = asyncio.get_running_loop()
    job = (pool or _DefaultExecutor.of(loop)).submit(fn, *args)
    outer = loop.create_future()
    job.add_done_callback(functools.partial(_hand_on, outer))
    outer.add_done_callback(lambda given_up: job.cancel() if given_up.cancelled() else None)
    return outer


async def to_task(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Run a coroutine function beside this task, in a copy of its context; stands for `asyncio.to_thread`."""
    work = functools.partial(fn, *args, **kwargs)
    return await run_in_executor(None, _in_context, contextvars.copy_context(), work)


def _hand_on(outer: asyncio.Future[Any], job: PoolFuture[Any]) -> None:
    if outer.done():
        return
    if job.cancelled():
        outer.cancel()
    elif (error := job.exception_now()) is not None:
        outer.set_exception(error)
    else:
        outer.set_result(job.result_now())


async def _in_context(context: contextvars.Context, work: Callable[[], Any]) -> Any:
    context.run(_worker.set, _worker.get(None))
    outcome = context.run(work)
    return await _Within(context, outcome) if inspect.isawaitable(outcome) else outcome


class _Within:
    """What is awaited takes its steps in a context of its own."""

    def __init__(self, context: contextvars.Context, awaitable: Awaitable[Any]) -> None:
        self._context, self._awaitable = context, awaitable

    def __await__(self) -> Generator[Any, Any, Any]:
        steps: Any = self._awaitable.__await__()
        take, given = steps.send, None
        while True:
            try:
                waited = self._context.run(take, given)
            except StopIteration as end:
                return end.value
            try:
                take, given = steps.send, (yield waited)
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as error:
                take, given = steps.throw, error


class _DefaultExecutor(TaskPool):
    """The pool of one event loop for jobs that name none."""

    _of_loops: ClassVar[dict[asyncio.AbstractEventLoop, _DefaultExecutor]] = {}

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> _DefaultExecutor:
        """That of the loop; those of closed loops are forgotten."""
        if loop not in cls._of_loops:
            for other in [other for other in cls._of_loops if other.is_closed()]:
                del cls._of_loops[other]
            cls._of_loops[loop] = cls(thread_name_prefix="asyncio")
        return cls._of_loops[loop]

    def __init__(self, thread_name_prefix: str) -> None:
        super().__init__(thread_name_prefix=thread_name_prefix)
        self._keeper: asyncio.Task[None] | None = None

    def _start_worker(self, loop: asyncio.AbstractEventLoop, first: PoolFuture[Any]) -> asyncio.Task[None]:
        worker = super()._start_worker(loop, first)
        # The end of the loop cancels tasks, but waits for the threads of its executor.
        asyncio.tasks._unregister_task(worker)
        if self._keeper is None or self._keeper.done():
            self._keeper = loop.create_task(self._keep(), name="executor")
        return worker

    async def _keep(self) -> None:
        while self._workers:
            try:
                await asyncio.wait(self._workers)
            except asyncio.CancelledError:  # the loop ends
                continue
