"""Values and names of threads that became tasks: as `threading` has them."""

import asyncio
import contextvars
import gc
import threading
import weakref

import pytest

from asyncify.support.aio_support import TaskPool
from asyncify.support.aio_support_local import TaskLocal, current_thread, get_ident
from asyncify.support.aio_support_threads import TaskThread


@pytest.fixture(params=[threading.local, TaskLocal])
def base(request):
    """Both classes: what holds for one holds for the other."""
    return request.param


def in_thread(function):
    """What the function gives in a thread of its own."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_each_thread_has_its_own_values(base):
    local = base()
    local.number = 1
    assert in_thread(lambda: hasattr(local, "number")) is False
    assert local.number == 1
    assert local.__dict__ == vars(local) == {"number": 1}
    del local.number
    with pytest.raises(AttributeError):
        local.number  # noqa: B018
    with pytest.raises(AttributeError):
        del local.number
    with pytest.raises(AttributeError):
        local.__dict__ = {}


def test_arguments_need_an_init(base):
    with pytest.raises(TypeError):
        base(1)

    class Named(base):
        greeting = "hello"

        def __init__(self, name, *, times=1):
            self.names = [name] * times

        @property
        def text(self):
            return f"{self.greeting} {self.names}"

    local = Named("a", times=2)
    local.names.append("b")
    assert in_thread(lambda: local.text) == "hello ['a', 'a']"
    assert local.text == "hello ['a', 'a', 'b']"


def test_values_go_with_their_thread(base):
    class Value:
        pass

    local = base()

    def keep():
        local.value = Value()
        return weakref.ref(local.value)

    kept = in_thread(keep)
    gc.collect()
    assert kept() is None


async def test_each_worker_has_its_own_values():
    local, seen = TaskLocal(), []
    local.count = 100

    async def job(number):
        local.count = getattr(local, "count", 0) + 1
        await asyncio.sleep(0.01)
        seen.append((current_thread().name, local.count, await asyncio.to_thread(lambda: local.count)))

    async with TaskPool(2, "w") as pool:
        for number in range(6):
            pool.submit(job, number)
    assert sorted(seen) == sorted((f"w_{n}", count, count) for n in range(2) for count in (1, 2, 3))
    assert local.count == 100


async def test_what_a_worker_first_sets_in_a_thread_stays_with_it():
    local = TaskLocal()

    async def job():
        await asyncio.to_thread(setattr, local, "value", 7)
        return local.value

    async with TaskPool(1) as pool:
        assert await pool.submit(job).result() == 7
    assert not hasattr(local, "value")


async def test_names_and_numbers():
    seen = []

    def note():
        me = current_thread()
        assert me.is_alive()
        assert me.ident == get_ident()
        seen.append((me.name, me.daemon, me.ident))

    thread = TaskThread(target=note, name="one", daemon=True)
    assert thread.ident is None
    await thread.start()
    await thread.join()
    async with TaskPool(1, "pool") as pool:
        pool.submit(note)
        pool.submit(note)
    note()
    in_thread(note)
    names = [(name, daemon) for name, daemon, _ in seen]
    assert names[:4] == [("one", True), ("pool_0", False), ("pool_0", False), ("MainThread", False)]
    assert len({ident for _, _, ident in seen}) == 4
    assert current_thread() is threading.main_thread()
    assert await asyncio.to_thread(current_thread) is threading.main_thread()


def test_unnamed_threads_are_counted_with_those_that_stay():
    def work():
        pass

    first = threading.Thread(target=work).name
    second, third = TaskThread(target=work).name, threading.Thread(target=work).name
    numbers = [int(name.split()[0].removeprefix("Thread-")) for name in (first, second, third)]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    assert second == f"Thread-{numbers[1]} (work)"


def test_a_context_of_nobody_is_its_threads():
    local = TaskLocal()
    local.value = 1
    assert contextvars.Context().run(lambda: hasattr(local, "value"))
    assert contextvars.Context().run(current_thread) is threading.current_thread()
