"""`TaskPool` against the executor it stands for: the same outcomes, order, limits and refusals."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import gc
import random
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncify.support import emit
from asyncify.support.aio_support import PoolFuture, TaskPool, as_completed, wait
from asyncify.support.aio_support_run import run

JOBS: dict[str, Callable[[int], object]] = {
    "value": lambda n: n * 10,
    "none": lambda n: None,
    "error": lambda n: _raise(ValueError(n)),
    "exit": lambda n: _raise(SystemExit(n)),
    "interrupt": lambda n: _raise(KeyboardInterrupt(n)),
    "key": lambda n: {}[n],
}


def _raise(error: BaseException) -> None:
    raise error


def shown(outcome: object) -> str:
    return f"{type(outcome).__name__} {outcome}"


class Gauge:
    """How many are in flight, at most and now, and in what order they started."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.started: list[int] = []
        self.lock = threading.Lock()

    def enter(self, number: int) -> None:
        with self.lock:
            self.started.append(number)
            self.now += 1
            self.most = max(self.most, self.now)

    def leave(self) -> None:
        with self.lock:
            self.now -= 1


def with_threads(kinds: list[str], workers: int) -> tuple[list[str], Gauge]:
    gauge = Gauge()

    def job(number: int) -> object:
        gauge.enter(number)
        try:
            time.sleep(0.001)
            return JOBS[kinds[number]](number)
        finally:
            gauge.leave()

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(job, number) for number in range(len(kinds))]
    return [shown(f.exception() or f.result()) for f in futures], gauge


async def with_tasks(kinds: list[str], workers: int) -> tuple[list[str], Gauge]:
    gauge = Gauge()

    async def job(number: int) -> object:
        gauge.enter(number)
        try:
            await asyncio.sleep(0.001)
            return JOBS[kinds[number]](number)
        finally:
            gauge.leave()

    async with TaskPool(workers) as pool:
        futures = [pool.submit(job, number) for number in range(len(kinds))]
    return [shown(await f.exception() or await f.result()) for f in futures], gauge


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(sorted(JOBS)), max_size=25), st.integers(1, 6))
def test_outcomes_and_limit_are_those_of_threads(kinds: list[str], workers: int) -> None:
    expected, threads = with_threads(kinds, workers)
    got, tasks = asyncio.run(with_tasks(kinds, workers))
    assert got == expected
    assert tasks.started == list(range(len(kinds)))  # first in, first started
    assert tasks.most == min(workers, len(kinds)) >= threads.most
    assert tasks.now == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["value", "error"]), max_size=12), st.integers(1, 4))
def test_map_gives_what_executor_map_gives(kinds: list[str], workers: int) -> None:
    def job(number: int, factor: int) -> object:
        return (number * factor, JOBS[kinds[number]](number))

    def threads() -> list[str]:
        seen: list[str] = []
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            try:
                seen.extend(map(shown, pool.map(job, range(len(kinds)), range(5, 15))))
            except ValueError as error:
                seen.append(shown(error))
        return seen

    async def tasks() -> list[str]:
        async def coroutine(number: int, factor: int) -> object:
            await asyncio.sleep(0)
            return job(number, factor)

        seen: list[str] = []
        async with TaskPool(workers) as pool:
            try:
                async for value in pool.map(coroutine, range(len(kinds)), range(5, 15)):
                    seen.append(shown(value))
            except ValueError as error:
                seen.append(shown(error))
        return seen

    assert asyncio.run(tasks()) == threads()


async def test_submit_takes_the_first_step_of_a_job_and_does_not_wait() -> None:
    seen: list[str] = []

    async def job(name: str) -> None:
        seen.append(name)
        await asyncio.sleep(0)
        seen.append(f"{name} again")

    async with TaskPool(1) as pool:
        future = pool.submit(job, "job")
        queued = pool.submit(job, "next")
        seen.append("after")
        assert (future.done(), future.running(), future.cancelled()) == (False, True, False)
        assert (queued.done(), queued.running(), queued.cancelled()) == (False, False, False)
        assert not future.cancel()  # a thread would have begun with it
        assert queued.cancel()
    assert seen == ["job", "after", "job again"]
    assert future.done()


async def test_jobs_see_what_the_submitter_sees_when_it_submits() -> None:
    seen: list[int] = []
    async with TaskPool(3) as pool:
        for number in range(3):

            async def job() -> None:
                mine = number  # noqa: B023
                await asyncio.sleep(0)
                seen.append(mine)

            pool.submit(job)
    assert seen == [0, 1, 2]


async def test_a_job_is_its_own_task_from_its_first_step_on() -> None:
    tasks: list[asyncio.Task[object] | None] = []

    async def job() -> None:
        tasks.append(asyncio.current_task())
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        tasks.append(asyncio.current_task())

    me = asyncio.current_task()
    async with TaskPool(1) as pool:
        pool.submit(job)
        assert asyncio.current_task() is me
    assert tasks[0] is tasks[1] is not me


async def test_jobs_that_submit_jobs_do_not_exhaust_the_stack() -> None:
    async def job(left: int) -> None:
        if left:
            pool.submit(job, left - 1)
        await asyncio.sleep(0)

    async with TaskPool(2000) as pool:
        first = pool.submit(job, 1500)
        await asyncio.sleep(0.2)
    assert await first.exception() is None


async def test_a_job_that_computes_past_the_timeout_is_late() -> None:
    async def job() -> str:
        await asyncio.sleep(0)
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            pass
        return "late"

    async with TaskPool(1) as pool:
        with pytest.raises(TimeoutError):
            await pool.submit(job).result(timeout=0.05)
    async with TaskPool(1) as pool:
        with pytest.raises(TimeoutError):
            async for _ in as_completed([pool.submit(job)], timeout=0.05):
                pass
    async with TaskPool(1) as pool:
        future = pool.submit(job)
        assert (await wait([future], timeout=0.05)).not_done == {future}
        assert await future.result() == "late"


@pytest.mark.parametrize("error", [ValueError("body"), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_leaving_waits_for_all_whatever_the_body_raises(error: BaseException) -> None:
    done: list[int] = []

    async def job(number: int) -> None:
        await asyncio.sleep(0.01)
        done.append(number)

    with pytest.raises(type(error)):
        async with TaskPool(2) as pool:
            for number in range(5):
                pool.submit(job, number)
            raise error
    assert done == [0, 1, 2, 3, 4]


async def test_result_timeout_gives_up_waiting_only() -> None:
    async with TaskPool(1) as pool:
        future = pool.submit(asyncio.sleep, 0.05, "late")
        for timeout in (0, -1, 0.01):
            with pytest.raises(TimeoutError):
                await future.result(timeout)
        with pytest.raises(TimeoutError):
            await future.exception(timeout=0)
        assert await future.result(timeout=5) == "late"
        assert await future.result(timeout=0) == "late"


async def test_cancelling_the_waiter_leaves_the_job_alone() -> None:
    async with TaskPool(1) as pool:
        future = pool.submit(asyncio.sleep, 0.03, "done")
        waiter = asyncio.ensure_future(future.result())
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert await future.result() == "done"


async def test_cancel_only_what_has_not_started() -> None:
    gate = asyncio.Event()
    async with TaskPool(1) as pool:
        running, queued = pool.submit(gate.wait), pool.submit(gate.wait)
        await asyncio.sleep(0)
        assert (running.running(), running.cancel(), queued.cancel(), queued.cancel()) == (True, False, True, True)
        assert (queued.cancelled(), queued.done(), running.cancelled()) == (True, True, False)
        with pytest.raises(concurrent.futures.CancelledError):
            await queued.result()
        with pytest.raises(concurrent.futures.CancelledError):
            await queued.exception(timeout=1)
        gate.set()
    assert await running.result() is True
    assert running.cancel() is False


async def test_shutdown() -> None:
    done: list[int] = []

    async def job(number: int) -> None:
        await asyncio.sleep(0.01)
        done.append(number)

    pool = TaskPool(2)
    futures = [pool.submit(job, number) for number in range(6)]
    await asyncio.sleep(0)
    await pool.shutdown(wait=False, cancel_futures=True)
    assert [f.cancelled() for f in futures] == [False, False, True, True, True, True]
    assert done == []
    await pool.shutdown()
    assert done == [0, 1]
    await pool.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.submit(job, 7)


async def test_shutdown_from_a_job_of_its_own_is_refused_not_deadlocked() -> None:
    pool = TaskPool(1)
    error = await pool.submit(pool.shutdown).exception(timeout=2)
    assert isinstance(error, RuntimeError)


@pytest.mark.parametrize("workers", [0, -1])
def test_bad_worker_numbers(workers: int) -> None:
    with pytest.raises(ValueError, match="max_workers must be greater than 0"):
        TaskPool(workers)


def test_default_worker_number_is_the_executors() -> None:
    assert TaskPool()._max_workers == concurrent.futures.ThreadPoolExecutor()._max_workers


def test_can_be_made_without_a_loop_but_not_used() -> None:
    pool = TaskPool(2)
    with pytest.raises(RuntimeError, match="no running event loop"):
        pool.submit(print)
    assert not pool._queue


async def test_map_is_eager_and_cancels_the_rest_when_given_up() -> None:
    taken: list[int] = []
    ran: list[int] = []

    def numbers() -> Any:
        for number in range(50):
            taken.append(number)
            yield number

    async def job(number: int) -> int:
        await asyncio.sleep(0.001)
        ran.append(number)
        return number

    async with TaskPool(2) as pool:
        results = pool.map(job, numbers())
        assert taken == list(range(50))
        async for result in results:
            if result == 3:
                break
        del results
    assert ran[:4] == [0, 1, 2, 3]
    assert len(ran) <= 8  # those already started end; nothing else begins


async def test_map_never_looked_at_still_runs() -> None:
    ran: list[int] = []
    async with TaskPool(2) as pool:
        pool.map(ran.append, range(5))
    assert ran == [0, 1, 2, 3, 4]


async def test_map_timeout_counts_from_the_call() -> None:
    async with TaskPool(1) as pool:
        results = pool.map(asyncio.sleep, [0.0, 0.2, 0.0], timeout=0.05)
        assert await anext(results) is None
        with pytest.raises(TimeoutError):
            await anext(results)
        with pytest.raises(StopAsyncIteration):
            await anext(results)


async def test_as_completed_yields_the_keys_of_a_dict_in_completion_order() -> None:
    async with TaskPool(3) as pool:
        names = {pool.submit(asyncio.sleep, delay): delay for delay in (0.15, 0.05, 0.1)}
        assert [names[f] async for f in as_completed(names)] == [0.05, 0.1, 0.15]
        again = [*names, *names]
        assert len([f async for f in as_completed(again)]) == 3
        assert [f async for f in as_completed([])] == []


async def test_as_completed_timeout_says_what_threads_say() -> None:
    def threads() -> str:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(time.sleep, delay) for delay in (0, 0.1)]
            with pytest.raises(TimeoutError) as caught:
                list(concurrent.futures.as_completed(futures, timeout=0.03))
            return str(caught.value)

    async with TaskPool(2) as pool:
        futures = [pool.submit(asyncio.sleep, delay) for delay in (0, 0.1)]
        seen = []
        with pytest.raises(TimeoutError) as caught:
            async for future in as_completed(futures, timeout=0.03):
                seen.append(future)
    assert seen == futures[:1]
    assert str(caught.value) == threads() == "1 (of 2) futures unfinished"


async def test_as_completed_gives_cancelled_and_failed_ones_too() -> None:
    gate = asyncio.Event()
    async with TaskPool(1) as pool:
        first, failed, cancelled = pool.submit(gate.wait), pool.submit(_raise, ValueError()), pool.submit(gate.wait)
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.01, gate.set)
        asyncio.get_running_loop().call_soon(cancelled.cancel)
        assert [f async for f in as_completed([first, failed, cancelled])] == [cancelled, first, failed]


@pytest.mark.parametrize(
    ("when", "done"),
    [("ALL_COMPLETED", [0, 1, 2]), ("FIRST_COMPLETED", [0]), ("FIRST_EXCEPTION", [0, 1])],
)
async def test_wait(when: str, done: list[int]) -> None:
    async def job(number: int) -> None:
        await asyncio.sleep(0.05 * (number + 1))
        if number == 1:
            raise ValueError

    async with TaskPool(3) as pool:
        futures = [pool.submit(job, number) for number in range(3)]
        result = await wait(futures, return_when=when)
        assert result.done == {futures[number] for number in done}
        assert result.done | result.not_done == set(futures)
        assert tuple(result) == (result.done, result.not_done)


async def test_wait_edges() -> None:
    assert await wait([]) == (set(), set())
    with pytest.raises(ValueError, match="Invalid return condition: 'NEVER'"):
        await wait([], return_when="NEVER")
    async with TaskPool(1) as pool:
        futures = [pool.submit(asyncio.sleep, 0), pool.submit(asyncio.sleep, 0.05)]
        assert len((await wait(futures, timeout=0.02)).done) == 1
        assert len((await wait(futures, return_when=concurrent.futures.FIRST_COMPLETED)).done) == 1
        assert len((await wait(iter(futures))).done) == 2
        assert futures[0]._callbacks is futures[1]._callbacks is None


async def test_callbacks(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    async def awaited(future: PoolFuture[str]) -> None:
        await asyncio.sleep(0.01)
        seen.append(f"awaited {await future.result()}")

    async with TaskPool(1) as pool:
        future = pool.submit(asyncio.sleep, 0.01, "x")
        future.add_done_callback(lambda f: seen.append(f"first {f.done()}"))
        future.add_done_callback(lambda f: _raise(ZeroDivisionError("in callback")))
        future.add_done_callback(awaited)
        future.add_done_callback(lambda f: seen.append("last"))
        after = pool.submit(seen.append, "next job")
    assert seen == ["first True", "last", "awaited x", "next job"]
    assert "exception calling callback" in caplog.text
    after.add_done_callback(lambda f: seen.append("at once"))
    assert seen[-1] == "at once"


async def test_a_failed_initializer_breaks_the_pool(caplog: pytest.LogCaptureFixture) -> None:
    pool = TaskPool(1, initializer=_raise, initargs=(ValueError("no"),))
    future = pool.submit(print)
    assert isinstance(await future.exception(), concurrent.futures.BrokenExecutor)
    with pytest.raises(concurrent.futures.BrokenExecutor):
        pool.submit(print)
    assert "Exception in initializer" in caplog.text
    await pool.shutdown()


VAR: contextvars.ContextVar[str] = contextvars.ContextVar("VAR", default="unset")


async def test_workers_have_contexts_and_initializers_like_threads() -> None:
    started: list[str] = []

    async def initialize(value: str) -> None:
        started.append(value)
        VAR.set(f"{value}{len(started)}")

    async def job() -> str:
        await asyncio.sleep(0.005)
        return VAR.get()

    VAR.set("submitter")
    async with TaskPool(2) as plain:
        assert await plain.submit(VAR.get).result() == "unset"
    async with TaskPool(2, initializer=initialize, initargs=("w",)) as pool:
        for _ in range(3):
            seen = {await f.result() for f in [pool.submit(job) for _ in range(6)]}
            assert seen == {"w1", "w2"}
    assert started == ["w", "w"]  # once per worker, though workers come and go
    assert VAR.get() == "submitter"


async def test_names() -> None:
    def name() -> str:
        task = asyncio.current_task()
        assert task is not None
        return task.get_name()

    async with TaskPool(2, thread_name_prefix="fetch") as pool:
        assert await pool.submit(name).result() == "fetch_0"


async def test_a_worker_takes_its_next_job_before_the_failure_of_the_last_is_known() -> None:
    """As a thread does: it is interrupted where it waits, or when it has computed for long."""
    started: list[int] = []

    async def job(n: int) -> int:
        started.append(n)
        if n == 1:
            raise ValueError(n)
        await asyncio.sleep(0.01)
        return n

    async with TaskPool(1) as pool:
        with pytest.raises(ValueError, match="1"):
            async for _ in pool.map(job, range(4)):
                pass
    assert started == [0, 1, 2]


async def test_a_job_that_never_waits_does_not_shut_out_others() -> None:
    seen: list[object] = []

    async def other() -> None:
        seen.append("other")

    async with TaskPool(1) as pool:
        for number in range(100):
            pool.submit(seen.append, number)
        task = asyncio.ensure_future(other())
        await task
        assert seen.index("other") < 5


async def test_nothing_keeps_a_finished_job_alive() -> None:
    class Big:
        pass

    async def job(big: Big) -> None:
        raise ValueError

    big = Big()
    watch = weakref.ref(big)
    gc.disable()
    try:
        async with TaskPool(1) as pool:
            future = pool.submit(job, big)
            del big
            error = await future.exception()
        assert isinstance(error, ValueError)
        error.__traceback__ = None
        assert watch() is None
        outcome = weakref.ref(future)
        del future, error
        assert outcome() is None
    finally:
        gc.enable()


def test_cancelled_workers_do_not_leave_anybody_waiting() -> None:
    async def main() -> list[bool]:
        pool = TaskPool(2)
        futures = [pool.submit(asyncio.sleep, 60) for _ in range(5)]
        await asyncio.sleep(0)
        for worker in list(pool._workers):
            worker.cancel()
        await asyncio.wait_for(pool.shutdown(), 5)
        return [f.cancelled() for f in futures]

    assert asyncio.run(main()) == [True] * 5


def test_a_pool_serves_one_loop_after_the_other() -> None:
    pool = TaskPool(2)

    async def main(value: int) -> int:
        pool.submit(asyncio.sleep, 60)
        return await pool.submit(asyncio.sleep, 0, value).result()

    assert [asyncio.run(main(1)), asyncio.run(main(2))] == [1, 2]


@pytest.mark.parametrize("fails", [False, True])
def test_run_finishes_what_nobody_waited_for(fails: bool) -> None:
    done: list[int] = []

    async def job(number: int) -> None:
        await asyncio.sleep(0.005)
        done.append(number)

    async def main() -> str:
        pool = TaskPool(1)
        for number in range(3):
            pool.submit(job, number)
        await pool.shutdown(wait=False)
        if fails:
            raise ValueError
        return "value"

    if fails:
        with pytest.raises(ValueError):
            run(main())
    else:
        assert run(main()) == "value"
    assert done == [0, 1, 2]


def test_an_exception_nobody_asks_for_is_silent() -> None:
    program = emit("aio_support", ["TaskPool"]) + (
        "\n\nasync def fail():\n    raise SystemExit(3)\n\n\n"
        "async def main():\n    async with TaskPool(2) as pool:\n        pool.submit(fail)\n    print('end')\n\n\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_stress_with_random_jobs_cancellations_and_timeouts() -> None:
    chance = random.Random(7)

    async def job(number: int, rounds: int, fail: bool) -> int:
        for _ in range(rounds):
            await asyncio.sleep(0)
        if fail:
            raise ValueError(number)
        return number

    async def main() -> None:
        async with TaskPool(7) as pool:
            futures = []
            for number in range(1500):
                fail = chance.random() < 0.2
                futures.append((pool.submit(job, number, chance.randrange(6), fail), number, fail))
                if chance.random() < 0.1:
                    chance.choice(futures)[0].cancel()
                if chance.random() < 0.05:
                    with contextlib.suppress(TimeoutError, ValueError, concurrent.futures.CancelledError):
                        await chance.choice(futures)[0].result(timeout=chance.choice([0, 0.0001]))
                assert len(pool._workers) <= 7
        for future, number, fail in futures:
            assert future.done()
            if future.cancelled():
                continue
            error = await future.exception()
            assert (str(error) == str(number)) if fail else (await future.result() == number)
        assert any(f.cancelled() for f, _, _ in futures)

    asyncio.run(main())
