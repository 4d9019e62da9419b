"""The part of `aio_support` that runs coroutines from synchronous code."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import contextvars
import inspect
import os
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
)
from typing import Any, ClassVar, TypeVar, cast

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Sent = TypeVar("_Sent")


class _Runners:
    """What runs coroutines of the main thread of this process to their end, on one event loop."""

    runner: asyncio.Runner | None = None
    process = 0
    inherited: ClassVar[list[asyncio.Runner]] = []  # never touched: their connections are the parent's


_runners = _Runners()


def run_sync(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end from synchronous code and return its result.

    What is no coroutine (the answer of a test double, say) is returned as it is.

    Successive calls in the main thread share an event loop, so that connections are reused. Where an
    event loop is running already, the coroutine runs on another one, in a thread of its own, while
    the caller waits. While the interpreter exits, when no thread can be started any more, what the
    loop would give to a thread (looking up a host name, say) is done at once.
    """
    if not inspect.iscoroutine(coroutine):
        return cast("_Result", coroutine)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        if not threading.main_thread().is_alive():
            last: _Result = _run_at_exit(coroutine)
            return last
        if threading.current_thread() is not threading.main_thread():
            answer: _Result = asyncio.run(coroutine)
            return answer
        result: _Result = _own_runner().run(coroutine, context=contextvars.copy_context())
        return result
    other: _Result = _in_thread(lambda: asyncio.run(coroutine))
    return other


async def settled(value: Any) -> Any:
    """What a call gave that may be one of a coroutine function or of something else: awaited if it is a coroutine."""
    return await value if inspect.iscoroutine(value) else value


@contextlib.asynccontextmanager
async def closing(thing: _Item) -> AsyncGenerator[_Item, None]:
    """`contextlib.closing` for an object whose ``close`` may be a coroutine function."""
    try:
        yield thing
    finally:
        await settled(thing.close())  # type: ignore[attr-defined]


class _AtOnce(concurrent.futures.ThreadPoolExecutor):
    """Calls each function where it is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def _new_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    if not threading.main_thread().is_alive():
        loop.set_default_executor(_AtOnce())
    return loop


def _run_at_exit(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run the coroutine after the main thread has ended, on a loop that is closed again: nobody closes one later."""
    loop = _new_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def iterate_sync(
    items: AsyncIterator[_Item] | Iterable[_Item],
) -> Generator[_Item, Any, None]:
    """Iterate an asynchronous generator from synchronous code, item by item.

    What is sent and thrown in reaches it, and closing one closes the other. It has an event loop of
    its own, which runs only while an item is waited for. What is no asynchronous generator (the
    answer of a test double, say) is iterated as it is.
    """
    if not isinstance(items, AsyncGenerator):
        yield from cast("Iterable[_Item]", items)
        return
    loop = _new_loop()
    try:
        item = _step(loop, items.__anext__())
        while True:
            try:
                sent = yield item
            except GeneratorExit:
                raise
            except BaseException as error:
                item = _step(loop, items.athrow(error))
            else:
                item = _step(loop, items.asend(sent))
    except StopAsyncIteration:
        return
    finally:
        _step(loop, items.aclose())
        _step(loop, loop.shutdown_asyncgens())
        loop.close()


def _step(loop: asyncio.AbstractEventLoop, step: Awaitable[_Result]) -> _Result:
    async def wait() -> _Result:
        return await step

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return loop.run_until_complete(wait())
    return _in_thread(lambda: loop.run_until_complete(wait()))


def _own_runner() -> asyncio.Runner:
    runner = _runners.runner
    if runner is not None and _runners.process != os.getpid():
        _runners.inherited.append(runner)
        runner = None
    if runner is None or runner.get_loop().is_closed():
        # Ctrl-C ends the coroutine, its `finally` included, before the caller gets to know.
        runner = _runners.runner = asyncio.Runner()
        _runners.process = os.getpid()
        atexit.register(_close, runner, _runners.process)
    return runner


def _in_thread(work: Callable[[], _Result]) -> _Result:
    results: list[_Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    # In the caller's context: to what is keyed by it (a reentrant lock, say) this is still the caller's work.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,))
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _close(runner: asyncio.Runner, process: int) -> None:
    """Let pools finish, as the interpreter waits for their threads, and what is suspended clean up; then close the loop.

    The loop of another process (the one this was forked from) is not touched.
    """
    loop = runner.get_loop()
    if process == os.getpid() and not loop.is_closed() and not loop.is_running():
        loop.set_default_executor(_AtOnce())
        while tasks := [task for task in asyncio.all_tasks(loop) if getattr(task.get_coro(), "outlives_main", False)]:
            loop.run_until_complete(asyncio.wait(tasks))
        with contextlib.suppress(RuntimeError):
            loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@contextlib.contextmanager
def enter_sync(manager: contextlib.AbstractAsyncContextManager[_Item]) -> Generator[_Item, None, None]:
    """Enter an asynchronous context manager from synchronous code.

    It has an event loop of its own, which runs only while the manager is entered and left. What is
    no asynchronous context manager (the answer of a test double, say) is entered as it is.
    """
    if not hasattr(manager, "__aenter__"):
        with cast("contextlib.AbstractContextManager[_Item]", manager) as entered:
            yield entered
        return
    loop = _new_loop()
    try:
        value = _step(loop, manager.__aenter__())
        try:
            yield value
        except BaseException as error:
            if not _step(loop, manager.__aexit__(type(error), error, error.__traceback__)):
                raise
        else:
            _step(loop, manager.__aexit__(None, None, None))
    finally:
        _step(loop, loop.shutdown_asyncgens())
        loop.close()
