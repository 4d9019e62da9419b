"""The parts of `aio_support` that stand for what other libraries build on pools of threads."""

from __future__ import annotations

import inspect
import operator
import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import tqdm.auto

from asyncify.support.aio_support import PoolFuture, TaskPool, _MapResults


class FuturesSession:
    """A session whose requests are jobs of a pool; stands for `requests_futures.sessions.FuturesSession`.

    Verbs return futures at once: ``await s.get(url).result()``. Every other attribute is the session's. To close it, or
    to leave its ``async with`` block, cancels what has not been started and waits for the rest.
    """

    def __init__(self, session: Any, max_workers: int = 8) -> None:
        self.__dict__["_session"] = session
        self.__dict__["_pool"] = TaskPool(max_workers)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._session, name, value)

    async def __aenter__(self) -> FuturesSession:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def request(self, method: str, url: str, **kwargs: Any) -> PoolFuture[Any]:
        """The future of the session's `request`."""
        future: PoolFuture[Any] = self._pool.submit(self._session.request, method, url, **kwargs)
        return future

    def _submit(self, verb: str, *args: Any, **kwargs: Any) -> PoolFuture[Any]:
        future: PoolFuture[Any] = self._pool.submit(getattr(self._session, verb), *args, **kwargs)
        return future

    def get(self, url: str, **kwargs: Any) -> PoolFuture[Any]:
        """The future of the session's `get`."""
        return self._submit("get", url, **kwargs)

    def options(self, url: str, **kwargs: Any) -> PoolFuture[Any]:
        """The future of the session's `options`."""
        return self._submit("options", url, **kwargs)

    def head(self, url: str, **kwargs: Any) -> PoolFuture[Any]:
        """The future of the session's `head`."""
        return self._submit("head", url, **kwargs)

    def post(self, url: str, data: Any = None, json: Any = None, **kwargs: Any) -> PoolFuture[Any]:
        """The future of the session's `post`."""
        return self._submit("post", url, data=data, json=json, **kwargs)

    def put(self, url: str, data: Any = None, **kwargs: Any) -> PoolFuture[Any]:
        """The future of the session's `put`."""
        return self._submit("put", url, data=data, **kwargs)

    def patch(self, url: str, data: Any = None, **kwargs: Any) -> PoolFuture[Any]:
        """The future of the session's `patch`."""
        return self._submit("patch", url, data=data, **kwargs)

    def delete(self, url: str, **kwargs: Any) -> PoolFuture[Any]:
        """The future of the session's `delete`."""
        return self._submit("delete", url, **kwargs)

    async def close(self) -> None:
        """Cancel requests that have not been started, wait for the others, and close the session."""
        await self._pool.shutdown(cancel_futures=True)
        closing = self._session.close()
        if inspect.isawaitable(closing):
            await closing


async def thread_map(
    fn: Callable[..., Any],
    *iterables: Iterable[Any],
    max_workers: int | None = None,
    timeout: float | None = None,
    chunksize: int = 1,
    smoothing: float = 0.0,
    tqdm_class: Callable[..., Any] = tqdm.auto.tqdm,
    **bar: Any,
) -> list[Any]:
    """Results of `fn` in order under a progress bar, run by tasks; stands for `tqdm.contrib.concurrent.thread_map`."""
    hints = [hint for items in iterables if (hint := operator.length_hint(items, -1)) >= 0]
    bar.setdefault("total", min(hints, default=None))
    workers = max_workers or min(32, (os.cpu_count() or 1) + 4)
    adapts = bar["total"] and "miniters" not in bar and bar["total"] > workers
    if adapts:
        bar["miniters"] = workers
    deadline = None if timeout is None else time.monotonic() + timeout
    async with TaskPool(max_workers) as pool:
        with tqdm_class(smoothing=smoothing, **bar) as shown:
            if adapts:
                shown.dynamic_miniters = True
            futures = [pool.submit(fn, *items) for items in zip(*iterables, strict=False)]
            for future in futures:
                future.add_done_callback(lambda _: shown.update())
            return [result async for result in _MapResults(deque(futures), deadline)]
