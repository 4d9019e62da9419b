"""The part of `aio_support` that runs a program whose pools may outlive its main coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_Main = TypeVar("_Main")


async def _to_the_end(main: Coroutine[Any, Any, _Main]) -> _Main:
    """Await `main`, and what pools still have to do after it."""
    try:
        return await main
    finally:
        # Also those of another package's copy of this module, which keeps a set of its own.
        while tasks := [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "outlives_main", False)]:
            await asyncio.wait(tasks)


def run(main: Coroutine[Any, Any, _Main], *, debug: bool | None = None) -> _Main:
    """`asyncio.run`, but what pools still have to do is finished before it returns or raises.

    The interpreter waits at its end for the threads of executors, shut down or not; `asyncio.run` cancels.
    """
    return asyncio.run(_to_the_end(main), debug=debug)
