"""Coroutines run from synchronous code, and the blocking face of a session that moved."""

import asyncio
import subprocess
import sys

import pytest
import requests

from asyncify.support import emit
from asyncify.support.aio_requests import Session
from asyncify.support.aio_support_sync import iterate_sync, run_sync


async def doubled(number):
    await asyncio.sleep(0)
    return number * 2


async def failing():
    raise LookupError("not here")


def test_the_result_comes_back():
    assert run_sync(doubled(4)) == 8


def test_an_exception_comes_through():
    with pytest.raises(LookupError, match="not here"):
        run_sync(failing())


async def current_loop():
    return asyncio.get_running_loop()


def test_calls_of_one_thread_share_a_loop():
    assert run_sync(current_loop()) is run_sync(current_loop())


def test_what_is_no_coroutine_is_returned_as_it_is():
    assert run_sync({"a": 1}) == {"a": 1}


async def test_inside_a_running_loop_another_one_is_used():
    outer = asyncio.get_running_loop()
    assert run_sync(current_loop()) is not outer
    with pytest.raises(LookupError):
        run_sync(failing())


def test_nothing_is_said_at_exit(tmp_path):
    (tmp_path / "aio_support.py").write_text(emit("aio_support", ["run_sync"]))
    program = "import asyncio, aio_support\nprint(aio_support.run_sync(asyncio.sleep(0, 'done')))\n"
    (tmp_path / "main.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "main.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("done\n", "")


def program(tmp_path, text):
    """What a program prints that has `run_sync` and `TaskPool`; it must say nothing else."""
    (tmp_path / "aio_support.py").write_text(emit("aio_support", ["TaskPool", "run_sync"]))
    (tmp_path / "main.py").write_text("import asyncio, os, signal, threading\nimport aio_support\n" + text)
    command = [sys.executable, "-X", "dev", "main.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30)
    assert done.stderr == ""
    return done.stdout.split()


def test_an_interrupted_coroutine_ends_before_its_caller_goes_on(tmp_path):
    text = """
async def main():
    try:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        await asyncio.sleep(20)
    finally:
        await asyncio.sleep(0)
        print("cleaned")

try:
    aio_support.run_sync(main())
except KeyboardInterrupt:
    print("interrupted")
print(aio_support.run_sync(asyncio.sleep(0, "again")))
"""
    assert program(tmp_path, text) == ["cleaned", "interrupted", "again"]


def test_what_a_pool_still_has_to_do_is_done_at_exit(tmp_path):
    text = """
async def job(number):
    await asyncio.sleep(0.02)
    print("job", number)

async def main():
    pool = aio_support.TaskPool(1)
    pool.submit(job, 1)
    pool.submit(job, 2)

aio_support.run_sync(main())
print("main")
"""
    assert program(tmp_path, text) == ["main", "job", "1", "job", "2"]


def test_a_name_is_looked_up_while_the_interpreter_exits(tmp_path):
    (tmp_path / "aio_support.py").write_text(emit("aio_support", ["run_sync"]))
    program = """
import asyncio, atexit, aio_support

async def look():
    answers = await asyncio.get_running_loop().getaddrinfo("localhost", 80)
    return bool(answers) and await asyncio.to_thread(len, "four")

atexit.register(lambda: print(aio_support.run_sync(look())))
print(aio_support.run_sync(look()))
"""
    (tmp_path / "main.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "main.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("4\n4\n", "")


def test_the_blocking_face_shares_the_state_of_the_session():
    session = Session()
    session.headers["X-Token"] = "t"
    session.max_redirects = 3
    face = session.blocking
    assert type(face) is requests.Session
    assert face.headers is session.headers
    assert face.cookies is session.cookies
    assert face.max_redirects == 3


async def numbers(log):
    try:
        for number in range(3):
            await asyncio.sleep(0)
            try:
                log.append((yield number))
            except KeyError:
                log.append("KeyError")
    finally:
        await asyncio.sleep(0)
        log.append("closed")


def test_an_asynchronous_generator_is_iterated():
    log = []
    assert list(iterate_sync(numbers(log))) == [0, 1, 2]
    assert log == [None, None, None, "closed"]


def test_nothing_of_it_runs_before_the_first_item():
    log = []
    iterate_sync(numbers(log)).close()
    assert log == []


def test_leaving_early_closes_it_at_once():
    log = []
    for _ in iterate_sync(numbers(log)):
        break
    assert log == ["closed"]


def test_what_is_sent_and_thrown_arrives():
    log = []
    items = iterate_sync(numbers(log))
    assert (next(items), items.send("a"), items.throw(KeyError())) == (0, 1, 2)
    with pytest.raises(StopIteration):
        next(items)
    assert log == ["a", "KeyError", None, "closed"]


def test_an_exception_of_the_generator_arrives():
    async def failing():
        yield 1
        raise LookupError("lost")

    items = iterate_sync(failing())
    assert next(items) == 1
    with pytest.raises(LookupError, match="lost"):
        next(items)


def test_an_asynchronous_generator_is_iterated_where_a_loop_runs():
    async def main():
        return list(iterate_sync(numbers([])))

    assert asyncio.run(main()) == [0, 1, 2]


def test_what_is_no_asynchronous_generator_is_iterated_as_it_is():
    assert list(iterate_sync([1, 2])) == [1, 2]
