"""`to_thread` and `in_thread`: a thread for each call that waits, the caller's context, the exceptions of the call."""

from __future__ import annotations

import asyncio
import contextvars
import multiprocessing
import threading
from collections.abc import Callable

import pytest

from asyncify.support.aio_support import TaskPool
from asyncify.support.aio_support_begin import _worker
from asyncify.support.aio_support_off_loop import in_thread, to_thread
from asyncify.support.aio_support_threads import TaskThread

_MANY = 60
_name: contextvars.ContextVar[str] = contextvars.ContextVar("_name", default="nobody")


async def test_as_many_wait_for_each_other_as_a_pool_has_workers():
    together = threading.Barrier(_MANY)
    async with TaskPool(_MANY) as pool:
        ranks = [rank async for rank in pool.map(in_thread(together.wait), [10.0] * _MANY)]
    assert sorted(ranks) == list(range(_MANY))


async def test_no_more_run_than_the_pool_has_workers():
    inside, most, mutex, go_on = 0, 0, threading.Lock(), threading.Event()

    def job() -> None:
        nonlocal inside, most
        with mutex:
            inside += 1
            most = max(most, inside)
        go_on.wait(0.01)
        with mutex:
            inside -= 1

    async with TaskPool(3) as pool:
        for _ in range(12):
            pool.submit(in_thread(job))
    assert most == 3


async def test_sees_the_context_and_raises_what_the_function_raises():
    _name.set("caller")
    assert await to_thread(_name.get) == "caller"
    with pytest.raises(KeyError):
        await to_thread({}.__getitem__, 1)
    with pytest.raises(SystemExit):
        await in_thread(lambda: (_ for _ in ()).throw(SystemExit(3)))()


async def test_a_job_that_raises_stop_iteration_ends():
    async with TaskPool(1) as pool:
        error = await pool.submit(in_thread(next), iter(())).exception(5)
    assert isinstance(error, RuntimeError)


def _in_child() -> int:
    return asyncio.run(to_thread(lambda: 7))


def test_a_forked_process_has_threads_of_its_own():
    assert asyncio.run(to_thread(lambda: 1)) == 1  # a thread of this process is idle from now on
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_in_child).get(10) == 7


async def _runs_in(worker: TaskThread) -> threading.Thread:
    await worker.start()
    await worker.join()
    return worker.found  # type: ignore[attr-defined]


class _Asks(TaskThread):
    async def run(self) -> None:
        self.found = await to_thread(threading.current_thread)


async def test_only_the_calls_of_daemons_are_abandoned():
    assert (await _runs_in(_Asks(daemon=True))).daemon
    assert not (await _runs_in(_Asks())).daemon


def test_the_end_of_the_loop_does_not_wait_for_a_call_of_a_daemon():
    begun, go_on = threading.Event(), threading.Event()

    async def block() -> None:
        await to_thread(lambda: (begun.set(), go_on.wait(60)))

    async def main() -> None:
        await TaskThread(target=block, daemon=True).start()
        await to_thread(begun.wait, 60)

    asyncio.run(main())
    left = [thread for thread in threading.enumerate() if thread.name == "off_loop"]
    assert left
    go_on.set()
    for thread in left:
        thread.join(60)


async def test_a_call_of_a_daemon_raises_what_its_function_raises():
    seen: list[BaseException] = []

    async def ask(fn: Callable[[], object]) -> None:
        try:
            await to_thread(fn)
        except BaseException as error:
            seen.append(error)

    for fn in (lambda: {}[1], lambda: next(iter(()))):
        worker = TaskThread(target=ask, args=(fn,), daemon=True)
        await worker.start()
        await worker.join()
    assert [type(error) for error in seen] == [KeyError, RuntimeError]


def test_what_ends_after_its_daemon_was_cancelled_is_dropped():
    told: list[dict[str, object]] = []
    ended = threading.Event()

    async def call() -> None:
        _worker.set(_Asks(daemon=True))
        await to_thread(ended.wait)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        task = asyncio.create_task(call())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ended.set()
        await asyncio.sleep(0.1)

    asyncio.run(main())
    assert told == []
