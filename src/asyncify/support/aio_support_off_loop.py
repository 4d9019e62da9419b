"""The part of `aio_support` that runs in threads what jobs of a pool do that blocks."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, cast

from asyncify.support.aio_off_loop import _off_loop
from asyncify.support.aio_support_begin import _worker

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")


async def to_thread(fn: Callable[_Given, _Found], /, *args: _Given.args, **kwargs: _Given.kwargs) -> _Found:
    """`asyncio.to_thread`, with as many threads as are asked for at once, as the jobs of a pool had one each.

    What stands for a daemon thread is not waited for at the end of the program, and neither is its call.
    """
    if getattr(_worker.get(None), "daemon", False):
        return cast(_Found, await _abandoned(functools.partial(contextvars.copy_context().run, fn, *args, **kwargs)))
    return await _off_loop(fn, *args, **kwargs)


async def _abandoned(call: Callable[[], Any]) -> Any:
    loop = asyncio.get_running_loop()
    outcome = loop.create_future()

    def run() -> None:
        found: Any = None
        failed: BaseException | None = None
        try:
            found = call()
        except StopIteration as end:  # no future of asyncio can hold one
            failed = RuntimeError("coroutine raised StopIteration")
            failed.__cause__ = end
        except BaseException as error:
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(_settle, outcome, found, failed)

    threading.Thread(target=run, name="off_loop", daemon=True).start()
    return await outcome


def _settle(outcome: asyncio.Future[Any], found: Any, failed: BaseException | None) -> None:
    if outcome.cancelled():
        return  # nobody waits for it any more
    if failed is not None:
        outcome.set_exception(failed)
    else:
        outcome.set_result(found)


def in_thread(fn: Callable[_Given, _Found]) -> Callable[_Given, Coroutine[Any, Any, _Found]]:
    """`fn` as a job of a pool of tasks: each call runs in a thread, as it did in a pool of threads."""
    return functools.partial(_as_job, fn)


async def _as_job(fn: Callable[..., _Found], /, *args: Any, **kwargs: Any) -> _Found:
    return await _off_loop(_unstopped, fn, *args, **kwargs)


def _unstopped(fn: Callable[..., _Found], /, *args: Any, **kwargs: Any) -> _Found:
    try:
        return fn(*args, **kwargs)
    except StopIteration as end:  # no future of asyncio can hold one
        raise RuntimeError("coroutine raised StopIteration") from end
