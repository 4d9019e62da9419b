"""What stands for `asyncio.to_thread` and `loop.run_in_executor`, beside the originals."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from asyncify.support import aio_support
from asyncify.support.aio_support_executor import _default_executor, _of_loops, run_in_executor, to_task
from asyncify.support.aio_support_own_loop import _end_loops, close_loop, own_loop

WHO = contextvars.ContextVar("who", default="nobody")


async def _in_order(log: list[str], name: str, seconds: float = 0.0) -> str:
    log.append(f"{name} begins in {WHO.get()}")
    WHO.set(name)
    await asyncio.sleep(seconds)
    log.append(f"{name} ends in {WHO.get()}")
    return name


def test_a_job_sees_a_copy_of_the_context() -> None:
    async def main() -> None:
        WHO.set("main")
        log: list[str] = []
        assert await asyncio.gather(to_task(_in_order, log, "a"), to_task(_in_order, log, "b")) == ["a", "b"]
        assert sorted(log) == ["a begins in main", "a ends in a", "b begins in main", "b ends in b"]
        assert WHO.get() == "main"
        assert await run_in_executor(None, _in_order, log, "c") == "c"
        assert log[-2:] == ["c begins in nobody", "c ends in c"]

    asyncio.run(main())


def test_as_many_run_at_once_as_threads_would() -> None:
    running = most = 0

    async def job() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1

    async def main() -> None:
        workers = _default_executor(asyncio.get_running_loop())._max_workers
        await asyncio.gather(*(to_task(job) for _ in range(3 * workers)))
        assert most == workers

    asyncio.run(main())


@pytest.mark.parametrize("given_up", ["task", "future", "pool"])
def test_what_has_begun_goes_on_and_the_loop_waits_for_it(given_up: str) -> None:
    log: list[str] = []

    async def main() -> None:
        job: Any = to_task(_in_order, log, "a", 0.01) if given_up == "task" else None
        pool = aio_support.TaskPool(2) if given_up == "pool" else None
        job = asyncio.ensure_future(job or run_in_executor(pool, _in_order, log, "a", 0.01))
        await asyncio.sleep(0)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        assert len(log) == 1

    asyncio.run(main())
    assert log == ["a begins in nobody", "a ends in a"]


def test_what_has_not_begun_is_dropped_when_given_up() -> None:
    log: list[str] = []

    async def main() -> None:
        async with aio_support.TaskPool(1) as pool:
            first = run_in_executor(pool, _in_order, log, "a")
            second = run_in_executor(pool, _in_order, log, "b")
            second.cancel()
            assert await first == "a"
        assert second.cancelled()
        assert len(log) == 2

    asyncio.run(main())


@pytest.mark.parametrize("run", [asyncio.to_thread, to_task])
def test_failures_arrive(run: Callable[..., Any]) -> None:
    async def main() -> None:
        def fails() -> None:
            raise KeyError("no")

        async def fails_too() -> None:
            await asyncio.sleep(0)
            raise KeyError("no")

        with pytest.raises(KeyError):
            await run(fails)
        if run is to_task:
            with pytest.raises(KeyError):
                await run(fails_too)

    asyncio.run(main())


def test_a_function_that_stays_runs_as_well() -> None:
    async def main() -> None:
        assert await to_task(max, 1, 2) == 2
        assert await run_in_executor(None, threading.get_ident) == threading.get_ident()

    asyncio.run(main())


def test_loops_have_executors_of_their_own() -> None:
    async def pool() -> object:
        await to_task(time.monotonic)
        return _default_executor(asyncio.get_running_loop())

    assert asyncio.run(pool()) is not asyncio.run(pool())
    assert len(_of_loops) <= 2


def test_a_loop_that_is_closed_by_hand_ends_after_its_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    go_on = asyncio.Event()

    async def job() -> None:
        await go_on.wait()
        print("done")

    async def main() -> None:
        run_in_executor(None, job)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    close_loop(loop)
    assert not loop.is_closed()
    print("over")
    loop.call_soon(go_on.set)
    _end_loops()
    assert capsys.readouterr().out == "over\ndone\n"
    assert loop.is_closed()
    close_loop(loop)
    idle = asyncio.new_event_loop()

    async def wait_for_job() -> None:
        await run_in_executor(None, asyncio.sleep, 0)

    idle.run_until_complete(wait_for_job())
    close_loop(own_loop(idle))
    assert idle.is_closed()
    _end_loops()


def test_a_task_that_was_left_behind_does_not_go_on() -> None:
    steps: list[int] = []

    async def endless() -> None:
        while True:
            steps.append(len(steps))
            await asyncio.sleep(0)

    async def main() -> asyncio.Task[None]:
        return asyncio.create_task(endless())

    loop = asyncio.new_event_loop()
    task = loop.run_until_complete(main())
    before = len(steps)
    close_loop(loop)
    assert loop.is_closed()
    assert len(steps) == before
    task._log_destroy_pending = False  # type: ignore[attr-defined]
