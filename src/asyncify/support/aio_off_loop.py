"""The part of several modules that moves what blocks off the event loop, into as many threads as there are waiting at once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

_Outcome = TypeVar("_Outcome")

_executors: dict[int, concurrent.futures.ThreadPoolExecutor] = {}  # by process: a fork inherits no threads
_MOST_THREADS = 10_000


def _threads() -> concurrent.futures.ThreadPoolExecutor:
    """What has a thread for whoever asks: idle ones are used again, and where there is none one is started.

    The default executor of a loop has a few for all. Jobs of a larger pool would wait for each other there, some
    perhaps for one that comes after them.
    """
    found = _executors.get(os.getpid())
    if found is None:
        found = _executors.setdefault(os.getpid(), concurrent.futures.ThreadPoolExecutor(_MOST_THREADS, "off_loop"))
    return found


async def _off_loop(fn: Callable[..., _Outcome], /, *args: Any, **kwargs: Any) -> _Outcome:
    """What ``fn(*args, **kwargs)`` gives in a thread that nobody else waits for; it sees the caller's context."""
    call = functools.partial(contextvars.copy_context().run, fn, *args, **kwargs)
    if not threading.main_thread().is_alive():  # the interpreter exits, and starts no threads any more
        return call()
    return await asyncio.get_running_loop().run_in_executor(_threads(), call)
