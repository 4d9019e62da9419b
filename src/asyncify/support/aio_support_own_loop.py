"""The part of `aio_support` for event loops that a program makes and runs itself: it ends them as `asyncio.run` would."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import re
from typing import Any

from asyncify.support.aio_support_executor import _KEEPER

_ROUNDS = 10
_OF_LIBRARIES = re.compile(r"[\\/](aiohttp|asyncio)[\\/]\w+\.py$|[\\/]aio_\w+\.py$")
_own_loops: dict[asyncio.AbstractEventLoop, int] = {}  # with the process that runs it


def own_loop(loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    """Have the loop finish at the end of the program what threads would have finished, and close its connections."""
    if not _own_loops:
        atexit.register(_end_loops)
    _own_loops.setdefault(loop, os.getpid())
    return loop


def close_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Stands for ``loop.close()``, which knows nothing of the connections of its loop.

    Jobs that still run outlive that, as threads of an executor do: the loop is then closed at the end of the program.
    """
    if _can_run(loop) and _unfinished(loop) and not _settles(loop):
        own_loop(loop)
    else:
        _end(loop)


def _can_run(loop: asyncio.AbstractEventLoop) -> bool:
    return not loop.is_closed() and not loop.is_running() and asyncio._get_running_loop() is None


def _unfinished(loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[Any]]:
    """The tasks that stand for threads for which the interpreter waits."""
    return [
        task
        for task in asyncio.all_tasks(loop)
        if task.get_name() == _KEEPER or getattr(task.get_coro(), "outlives_main", False)
    ]


def _left_behind(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether a task of the program itself has not ended: it must not go on."""
    codes = (getattr(task.get_coro(), "cr_code", None) for task in asyncio.all_tasks(loop))
    return any(code is not None and _OF_LIBRARIES.search(code.co_filename) is None for code in codes)


def _settles(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether all jobs have ended, so that their workers only need a few rounds of the loop to end as well."""
    for _ in range(_ROUNDS):
        if _left_behind(loop):
            return False
        loop.run_until_complete(asyncio.sleep(0))
        if not _unfinished(loop):
            return True
    return False


def _end(loop: asyncio.AbstractEventLoop) -> None:
    if _can_run(loop) and not _left_behind(loop):
        with contextlib.suppress(RuntimeError):
            loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def _end_loops() -> None:
    while _own_loops:
        loop, process = _own_loops.popitem()
        if process == os.getpid() and _can_run(loop):
            while tasks := _unfinished(loop):
                loop.run_until_complete(asyncio.wait(tasks))
            _end(loop)
