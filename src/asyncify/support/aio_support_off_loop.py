"""The part of `aio_support` that runs in threads what jobs of a pool do that blocks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from asyncify.support.aio_off_loop import _off_loop

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")


async def to_thread(fn: Callable[_Given, _Found], /, *args: _Given.args, **kwargs: _Given.kwargs) -> _Found:
    """`asyncio.to_thread`, with as many threads as are asked for at once, as the jobs of a pool had one each."""
    return await _off_loop(fn, *args, **kwargs)


def in_thread(fn: Callable[_Given, _Found]) -> Callable[_Given, Coroutine[Any, Any, _Found]]:
    """`fn` as a job of a pool of tasks: each call runs in a thread, as it did in a pool of threads."""
    return functools.partial(_as_job, fn)


async def _as_job(fn: Callable[..., _Found], /, *args: Any, **kwargs: Any) -> _Found:
    return await _off_loop(_unstopped, fn, *args, **kwargs)


def _unstopped(fn: Callable[..., _Found], /, *args: Any, **kwargs: Any) -> _Found:
    try:
        return fn(*args, **kwargs)
    except StopIteration as end:  # no future of asyncio can hold one
        raise RuntimeError("coroutine raised StopIteration") from end
