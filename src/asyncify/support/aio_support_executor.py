"""The part of `aio_support` that stands for what runs functions in threads for coroutines."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import weakref
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from asyncify.support.aio_support import PoolFuture, TaskPool
from asyncify.support.aio_support_begin import _worker


def run_in_executor(pool: TaskPool | None, fn: Callable[..., Any], /, *args: Any) -> asyncio.Future[Any]:
    """Run a coroutine function as a job of the pool; stands for ``loop.run_in_executor``.

    Without a pool as many run at once as threads of a default executor would. Giving up the future does not end a job that has
    begun, and the event loop waits for it at its end.
    """
    loop = asyncio.get_running_loop()
    pool = pool or _default_executor(loop)
    job = pool.submit(fn, *args)
    _outlast(pool, loop)
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


_KEEPER = "executor"  # the name of the task that lasts as long as the jobs
_of_loops: dict[asyncio.AbstractEventLoop, TaskPool] = {}
_keepers: weakref.WeakKeyDictionary[TaskPool, asyncio.Task[None]] = weakref.WeakKeyDictionary()


def _default_executor(loop: asyncio.AbstractEventLoop) -> TaskPool:
    """The pool of the loop for jobs that name none; those of closed loops are forgotten."""
    if loop not in _of_loops:
        for other in [other for other in _of_loops if other.is_closed()]:
            del _of_loops[other]
        _of_loops[loop] = TaskPool(thread_name_prefix="asyncio")
    return _of_loops[loop]


def _outlast(pool: TaskPool, loop: asyncio.AbstractEventLoop) -> None:
    """Let the pool finish what it has: the end of a loop cancels tasks, but threads are waited for."""
    for worker in pool._workers:
        asyncio.tasks._unregister_task(worker)
    keeper = _keepers.get(pool)
    if pool._workers and (keeper is None or keeper.done()):
        _keepers[pool] = loop.create_task(_keep(pool), name=_KEEPER)


async def _keep(pool: TaskPool) -> None:
    while pool._workers:
        try:
            await asyncio.wait(pool._workers)
        except asyncio.CancelledError:  # the loop ends
            continue
