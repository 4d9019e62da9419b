"""The part of `aio_support` that remembers what coroutine functions returned."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any


def lru_cache(maxsize: int | None = 128, typed: bool = False) -> Callable[[Callable[..., Awaitable[Any]]], Any]:
    """`functools.lru_cache` for coroutine functions: what is remembered is the result, not the coroutine.

    As between threads, tasks that ask for the same at the same time may each compute it; what raises is
    not remembered. The results may be used on any event loop.
    """

    def decorate(function: Callable[..., Awaitable[Any]]) -> Any:
        return _cached(function, None if maxsize is None else max(maxsize, 0), typed)

    return decorate


def _cached(function: Callable[..., Awaitable[Any]], maxsize: int | None, typed: bool) -> Any:
    results: OrderedDict[Any, Any] = OrderedDict()  # the one used last is the last
    lock = threading.Lock()
    hits = misses = 0

    @functools.wraps(function)
    async def cached(*args: Any, **kwargs: Any) -> Any:
        nonlocal hits, misses
        key = functools._make_key(args, kwargs, typed)
        with lock:
            if key in results:
                hits += 1
                results.move_to_end(key)
                return results[key]
            misses += 1
        result = await function(*args, **kwargs)
        with lock:
            if maxsize != 0 and key not in results:
                if maxsize is not None and len(results) >= maxsize:
                    results.popitem(last=False)
                results[key] = result
        return result

    def cache_info() -> Any:
        with lock:
            return functools._CacheInfo(hits, misses, maxsize, len(results))

    def cache_clear() -> None:
        nonlocal hits, misses
        with lock:
            results.clear()
            hits = misses = 0

    attributes: Any = cached
    attributes.cache_info = cache_info
    attributes.cache_clear = cache_clear
    attributes.cache_parameters = lambda: {"maxsize": maxsize, "typed": typed}
    return cached
