"""Tasks that stand for threads, with their locks and queues: as `threading` and `queue` behave, step by step."""

import asyncio
import itertools
import math
import queue
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from asyncify.support import emit
from asyncify.support.aio_support import TaskPool
from asyncify.support.aio_support_locks import (
    TaskBarrier,
    TaskBoundedSemaphore,
    TaskCondition,
    TaskEvent,
    TaskLock,
    TaskRLock,
    TaskSemaphore,
)
from asyncify.support.aio_support_queue import TaskLifoQueue, TaskPriorityQueue, TaskQueue
from asyncify.support.aio_support_sync import run_sync
from asyncify.support.aio_support_threads import TaskThread, TaskTimer


async def started(*functions):
    """Threads that run the functions."""
    threads = [TaskThread(target=function) for function in functions]
    for thread in threads:
        await thread.start()
    return threads


async def joined(threads):
    """Wait for all of them."""
    for thread in threads:
        await thread.join()


def program(tmp_path, text, *helpers):
    """Run a program that imports the emitted helpers, with every warning asyncio can give."""
    (tmp_path / "aio_support.py").write_text(emit("aio_support", helpers))
    (tmp_path / "main.py").write_text("import asyncio, sys\nimport aio_support\n" + text)
    command = [sys.executable, "-X", "dev", "main.py"]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30)


# --- threads -------------------------------------------------------------------------------------------------------


async def test_start_runs_to_the_first_wait():
    seen = []

    async def work():
        seen.append("begins")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        seen.append("ends")

    (thread,) = await started(work)
    assert seen == ["begins"] and thread.is_alive()
    await thread.join()
    await thread.join()
    assert seen == ["begins", "ends"] and not thread.is_alive()


async def test_plain_functions_run_too():
    seen = []
    thread = TaskThread(None, seen.append, "named", (1,))
    await thread.start()
    await thread.join()
    assert seen == [1] and thread.name == "named"


async def test_misuse_raises_as_threads_do():
    thread = TaskThread(target=asyncio.sleep, args=(0,))
    with pytest.raises(RuntimeError, match="cannot join thread before it is started"):
        await thread.join()
    await thread.start()
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        await thread.start()
    with pytest.raises(RuntimeError, match="cannot set daemon status of active thread"):
        thread.daemon = True

    class Forgetful(TaskThread):
        def __init__(self):
            pass

    with pytest.raises(RuntimeError, match="not called"):
        await Forgetful().start()

    async def join_itself():
        with pytest.raises(RuntimeError, match="cannot join current thread"):
            await own[0].join()
        seen.append("refused")

    seen, own = [], []
    own.append(TaskThread(target=join_itself))
    await own[0].start()
    await own[0].join()
    assert seen == ["refused"]


async def test_a_daemon_gives_birth_to_daemons():
    seen = []

    async def parent():
        seen.append(TaskThread().daemon)

    for daemon in (True, False):
        thread = TaskThread(target=parent, daemon=daemon)
        await thread.start()
        await thread.join()
    assert seen == [True, False]


async def test_what_is_raised_goes_to_the_hook_only(monkeypatch):
    seen = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append((args.exc_type, args.thread.name)))

    async def fail():
        raise LookupError

    thread = TaskThread(target=fail, name="unlucky")
    await thread.start()
    await thread.join()
    assert seen == [(LookupError, "unlucky")]


async def test_join_gives_up_in_time_and_the_thread_goes_on():
    (thread,) = await started(lambda: asyncio.sleep(0.05))
    begin = time.monotonic()
    await thread.join(0.01)
    assert time.monotonic() - begin < 0.04 and thread.is_alive()
    await thread.join()
    assert not thread.is_alive()


async def test_a_timer_rings_once_or_never():
    seen = []
    timers = [TaskTimer(0.01, seen.append, ("rung",)), TaskTimer(0.01, seen.append, ["cancelled"])]
    for timer in timers:
        await timer.start()
    timers[1].cancel()
    await joined(timers)
    assert seen == ["rung"]


def test_the_program_waits_for_threads_and_not_for_daemons(tmp_path):
    text = """
async def work():
    await asyncio.sleep(0.1)
    print("worked")
    await aio_support.TaskThread(target=late).start()

async def late():
    await asyncio.sleep(0.1)
    print("late")

async def daemon():
    try:
        while True:
            try:
                await asyncio.sleep(0.01)
            except BaseException as error:
                print("caught", repr(error))
    finally:
        print("finally")

async def main():
    await aio_support.TaskThread(target=work).start()
    await aio_support.TaskThread(target=daemon, daemon=True).start()
    print("main ends")
    sys.exit(3)

asyncio.run(main())
"""
    done = program(tmp_path, text, "TaskThread")
    assert (done.stdout, done.stderr, done.returncode) == ("main ends\nworked\nlate\n", "", 3)


def test_threads_of_one_loop_know_nothing_of_the_next(tmp_path):
    text = """
async def forever():
    await asyncio.Event().wait()

async def main():
    await aio_support.TaskThread(target=forever, daemon=True).start()

for _ in range(3):
    asyncio.run(main())
print("end")
"""
    done = program(tmp_path, text, "TaskThread")
    assert (done.stdout, done.stderr, done.returncode) == ("end\n", "", 0)


# --- locks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock_type", [TaskLock, TaskRLock, lambda: TaskSemaphore(1), TaskCondition])
async def test_one_at_a_time_in_the_order_of_arrival(lock_type):
    lock, inside, order = lock_type(), 0, []

    async def enter(number):
        nonlocal inside
        async with lock:
            inside += 1
            assert inside == 1
            await asyncio.sleep(0.001)
            inside -= 1
            order.append(number)

    threads = [TaskThread(target=enter, args=(number,)) for number in range(20)]
    for thread in threads:
        await thread.start()
    await joined(threads)
    assert order == list(range(20))


async def test_a_lock_that_is_taken_at_once_again_starves_nobody(monkeypatch):
    monkeypatch.setattr(
        sys, "getswitchinterval", lambda: math.inf
    )  # nobody pauses before asking, however slow the machine is
    lock, turns = TaskLock(), []

    async def greedy(name):
        for _ in range(3):
            async with lock:
                turns.append(name)
                await asyncio.sleep(0)

    await lock.acquire()
    threads = await started(lambda: greedy("a"), lambda: greedy("b"))
    lock.release()
    await joined(threads)
    assert turns == ["a", "b"] * 3


async def test_a_job_that_computes_for_long_puts_nobody_behind_the_next(monkeypatch):
    monkeypatch.setattr(sys, "getswitchinterval", lambda: 0.001)
    lock, order = TaskLock(), []

    async def job(number):
        async with lock:
            order.append(number)
            computed = time.monotonic() + 0.005 * (not number)
            while time.monotonic() < computed:
                pass

    async with TaskPool(4) as pool:
        for number in range(4):
            pool.submit(job, number)
    assert order == list(range(4))


@pytest.mark.parametrize("lock_type", [TaskLock, TaskRLock])
async def test_acquire_without_patience(lock_type):
    lock = lock_type()

    async def hold():
        async with lock:
            await asyncio.sleep(0.05)

    (thread,) = await started(hold)
    assert await lock.acquire(False) is False
    assert await lock.acquire(timeout=0.005) is False
    assert await lock.acquire(timeout=5) is True
    lock.release()
    with pytest.raises(RuntimeError):
        lock.release()
    with pytest.raises(ValueError, match="non-blocking"):
        await lock.acquire(False, 1)
    with pytest.raises(ValueError, match="non-negative"):
        await lock.acquire(timeout=-2)
    await thread.join()


async def test_a_reentrant_lock_is_its_holders_alone():
    lock = TaskRLock()

    async def outsider():
        seen.append(await lock.acquire(blocking=False))
        with pytest.raises(RuntimeError, match="un-acquired"):
            lock.release()

    seen = []
    async with lock, lock:
        await joined(await started(outsider))

        async def inner():
            async with lock:
                return "again"

        # The same work, moved to a thread and run to its end there, is still the same holder.
        assert await asyncio.to_thread(lambda: run_sync(inner())) == "again"
    assert seen == [False] and not lock.locked()


async def test_a_cancelled_waiter_loses_no_place():
    lock = TaskLock()
    await lock.acquire()
    waiting = [asyncio.create_task(lock.acquire()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    lock.release()
    waiting[1].cancel()  # it has the place already
    await asyncio.gather(*waiting[:2], return_exceptions=True)
    assert await waiting[2] is True


async def test_semaphores_count():
    semaphore, bounded = TaskSemaphore(2), TaskBoundedSemaphore(1)
    assert [await semaphore.acquire(False) for _ in range(3)] == [True, True, False]
    semaphore.release(2)
    assert await semaphore.acquire(timeout=0.01)
    async with bounded:
        assert not await bounded.acquire(timeout=0.005)
    with pytest.raises(ValueError, match="too many times"):
        bounded.release()


async def test_an_event_wakes_all():
    event, seen = TaskEvent(), []

    async def wait():
        seen.append(await event.wait())

    threads = await started(wait, wait, wait)
    assert not event.is_set() and await event.wait(0.005) is False
    event.set()
    event.clear()
    await joined(threads)
    assert seen == [True] * 3


async def test_an_event_may_be_set_by_a_thread_and_by_a_signal_handler():
    event = TaskEvent()
    threading.Timer(0.02, event.set).start()
    assert await event.wait(5)
    event.clear()
    former = signal.signal(signal.SIGUSR1, lambda *_: event.set())
    try:
        threading.Timer(0.02, signal.pthread_kill, (threading.get_ident(), signal.SIGUSR1)).start()
        begin = time.monotonic()
        assert await event.wait(5)
        assert time.monotonic() - begin < 2
    finally:
        signal.signal(signal.SIGUSR1, former)


async def test_who_was_woken_knows_it_before_the_loop_does(monkeypatch):
    event, seen = TaskEvent(), []
    loop = asyncio.get_running_loop()
    original = loop.call_soon_threadsafe

    def slow(call, *args):
        seen.append(call.__self__.woken)
        return original(call, *args)

    monkeypatch.setattr(loop, "call_soon_threadsafe", slow)
    waiting = asyncio.create_task(event.wait(5))
    await asyncio.sleep(0.01)
    event.set()
    assert await waiting
    assert seen == [True]


async def test_a_condition_wakes_as_many_as_asked():
    condition, seen = TaskCondition(), []

    async def wait(number):
        async with condition:
            seen.append((number, await condition.wait(0.2)))

    threads = await started(*(lambda n=n: wait(n) for n in range(3)))
    with pytest.raises(RuntimeError, match="un-acquired"):
        condition.notify()
    async with condition:
        condition.notify(2)
    await joined(threads)
    assert seen == [(0, True), (1, True), (2, False)]
    async with condition:
        assert await condition.wait_for(lambda: seen)
        assert not await condition.wait_for(lambda: False, 0.005)


async def test_a_barrier_lets_all_through_together_again_and_again():
    barrier, seen = TaskBarrier(3, action=lambda: seen.append("open")), []

    async def meet():
        for _ in range(2):
            seen.append(await barrier.wait())

    await joined(await started(meet, meet, meet))
    assert seen.count("open") == 2 and sorted(n for n in seen if n != "open") == [0, 0, 1, 1, 2, 2]
    with pytest.raises(threading.BrokenBarrierError):
        await barrier.wait(0.005)
    assert barrier.broken
    await barrier.reset()
    assert not barrier.broken and barrier.n_waiting == 0


# --- queues --------------------------------------------------------------------------------------------------------


async def test_order_of_items():
    items = [3, 1, 2]
    for queue_type, expected in ((TaskQueue, [3, 1, 2]), (TaskLifoQueue, [2, 1, 3]), (TaskPriorityQueue, [1, 2, 3])):
        q = queue_type()
        for item in items:
            await q.put(item)
        assert q.qsize() == 3 and [await q.get() for _ in items] == expected and q.empty()


async def test_patience_of_queues():
    q = TaskQueue(1)
    with pytest.raises(queue.Empty):
        await q.get(timeout=0.005)
    with pytest.raises(queue.Empty):
        await q.get(False)
    with pytest.raises(queue.Empty):
        q.get_nowait()
    with pytest.raises(ValueError, match="non-negative"):
        await q.get(timeout=-1)
    q.put_nowait(1)
    assert q.full()
    with pytest.raises(queue.Full):
        await q.put(2, timeout=0.005)
    with pytest.raises(queue.Full):
        q.put_nowait(2)
    (thread,) = await started(lambda: q.put(2))
    assert await q.get() == 1
    await thread.join()
    assert await q.get(timeout=1) == 2


async def test_join_waits_until_all_is_done():
    q, done = TaskQueue(), []

    async def worker():
        while True:
            item = await q.get()
            await asyncio.sleep(0.001)
            done.append(item)
            q.task_done()

    for _ in range(3):
        await TaskThread(target=worker, daemon=True).start()
    for number in range(20):
        await q.put(number)
    await q.join()
    assert sorted(done) == list(range(20))
    with pytest.raises(ValueError, match="too many times"):
        q.task_done()


async def test_an_item_put_by_a_thread_arrives_at_once():
    q = TaskQueue()
    threading.Timer(0.02, q.put_nowait, ("from a thread",)).start()
    assert await q.get(timeout=5) == "from a thread"


async def test_a_cancelled_getter_leaves_the_item_to_the_next():
    q = TaskQueue()
    first, second = (asyncio.create_task(q.get()) for _ in range(2))
    await asyncio.sleep(0)
    q.put_nowait("item")
    first.cancel()
    assert await asyncio.wait_for(second, 1) == "item"


async def test_ten_thousand_items_through_a_narrow_queue():
    q, seen = TaskQueue(3), []

    async def produce():
        for number in range(10_000):
            await q.put(number)
        await q.put(None)

    async def consume():
        while (item := await q.get()) is not None:
            seen.append(item)

    await joined(await started(consume, produce))
    assert seen == list(range(10_000))


# --- the same random programs with threads and with tasks ------------------------------------------------------------


def plan(seed):
    """Producers with their items, consumers, the queue's room, a lock or none: the same for the same seed."""
    chance = random.Random(seed)
    producers = [[chance.randrange(100) for _ in range(chance.randrange(8))] for _ in range(chance.randint(1, 4))]
    return producers, chance.randint(1, 4), chance.choice([0, 1, 3]), chance.choice(["Lock", "RLock", "Semaphore"])


def with_threads(seed):
    """What a program of threads gives."""
    producers, consumers, room, kind = plan(seed)
    q, lock, totals = queue.Queue(room), getattr(threading, kind)(), [0, 0]

    def produce(items):
        for item in items:
            q.put(item)

    def consume():
        while (item := q.get()) is not None:
            with lock:
                totals[0] += item
                totals[1] += 1
            q.task_done()

    eaters = [threading.Thread(target=consume) for _ in range(consumers)]
    makers = [threading.Thread(target=produce, args=(items,)) for items in producers]
    for thread in itertools.chain(eaters, makers):
        thread.start()
    for thread in makers:
        thread.join()
    q.join()
    for _ in eaters:
        q.put(None)
    for thread in eaters:
        thread.join()
    return totals


async def with_tasks(seed):
    """The same program, moved, with a wait in the middle of what the lock guards."""
    producers, consumers, room, kind = plan(seed)
    kinds = {"Lock": TaskLock, "RLock": TaskRLock, "Semaphore": TaskSemaphore}
    q, lock, totals = TaskQueue(room), kinds[kind](), [0, 0]

    async def produce(items):
        for item in items:
            await q.put(item)

    async def consume():
        while (item := await q.get()) is not None:
            async with lock:
                total, count = totals
                await asyncio.sleep(0)
                totals[:] = total + item, count + 1
            q.task_done()

    eaters = [TaskThread(target=consume) for _ in range(consumers)]
    makers = [TaskThread(target=produce, args=(items,)) for items in producers]
    for thread in itertools.chain(eaters, makers):
        await thread.start()
    await joined(makers)
    await q.join()
    for _ in eaters:
        await q.put(None)
    await joined(eaters)
    return totals


async def test_two_hundred_random_programs():
    for seed in range(200):
        assert await asyncio.wait_for(with_tasks(seed), 20) == with_threads(seed), seed
