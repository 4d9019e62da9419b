"""The part of `aio_support` that starts what a loop will wait for before it is its turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Iterable, Iterator
from typing import Any, TypeVar

from asyncify.support.aio_support import _keep_alive

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")


def ahead(
    most: int, pairs: Iterable[tuple[_Asked, Awaitable[_Answer]]]
) -> Iterator[tuple[_Asked, asyncio.Future[_Answer]]]:
    """Items with what is to be awaited for each, in their order; at most `most` of these are under way at a time.

    What `pairs` raises is raised where its item would have been. Where the loop ends early, what has been started and
    nobody waits for is cancelled.
    """
    source = iter(pairs)
    started: deque[tuple[_Asked, asyncio.Future[_Answer]]] = deque()
    error: Exception | None = None
    try:
        while True:
            while error is None and len(started) < most:
                try:
                    asked, answer = next(source)
                except Exception as end:  # a StopIteration, too
                    error = end
                else:
                    future: asyncio.Future[_Answer] = asyncio.ensure_future(answer)
                    _keep_alive(future)
                    started.append((asked, future))
            if started:
                yield started.popleft()
            elif error is None or isinstance(error, StopIteration):
                return
            else:
                raise error
    finally:
        for _, future in started:
            future.add_done_callback(_forget)
            future.cancel()


def _forget(future: asyncio.Future[Any]) -> None:
    """Nobody asks for its exception."""
    if not future.cancelled():
        future.exception()
