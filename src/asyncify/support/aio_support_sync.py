"""The part of `aio_support` that runs coroutines from synchronous code."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import inspect
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

_Result = TypeVar("_Result")


class _Loops:
    """The event loop on which the main thread runs coroutines to their end."""

    loop: asyncio.AbstractEventLoop | None = None


_loops = _Loops()


def run_sync(coroutine: Coroutine[Any, Any, _Result] | _Result) -> _Result:
    """Run a coroutine to its end from synchronous code and return its result.

    What is no coroutine (the answer of a test double, say) is returned as it is.

    Successive calls in the main thread share an event loop, so that connections are reused. Where an
    event loop is running already, the coroutine runs on another one, in a thread of its own, while
    the caller waits.
    """
    if not inspect.iscoroutine(coroutine):
        return cast("_Result", coroutine)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        if threading.current_thread() is not threading.main_thread():
            answer: _Result = asyncio.run(coroutine)
            return answer
        result: _Result = _own_loop().run_until_complete(coroutine)
        return result
    other: _Result = _in_thread(coroutine)
    return other


def _own_loop() -> asyncio.AbstractEventLoop:
    loop = _loops.loop
    if loop is None or loop.is_closed():
        loop = _loops.loop = asyncio.new_event_loop()
        atexit.register(_close, loop)
    return loop


def _in_thread(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    results: list[_Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(coroutine))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Let what is suspended on the loop clean up, then close it."""
    if not loop.is_closed() and not loop.is_running():
        with contextlib.suppress(RuntimeError):
            loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
