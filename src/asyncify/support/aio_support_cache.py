"""The part of `aio_support` that remembers what coroutine functions returned."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

_Answer = TypeVar("_Answer")
_Answered = TypeVar("_Answered", covariant=True)


class _Remembering(Protocol[_Answered]):
    """A coroutine function that remembers what it returned."""

    __name__: str
    cache_info: Callable[[], Any]
    cache_clear: Callable[[], None]
    cache_parameters: Callable[[], dict[str, Any]]

    def __call__(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, _Answered]: ...


def lru_cache(
    maxsize: int | None = 128, typed: bool = False
) -> Callable[[Callable[..., Coroutine[Any, Any, _Answer]]], _Remembering[_Answer]]:
    """`functools.lru_cache` for coroutine functions: what is remembered is the result, not the coroutine.

    As between threads, tasks that ask for the same at the same time may each compute it; what raises is
    not remembered. The results may be used on any event loop.
    """

    def decorate(function: Callable[..., Coroutine[Any, Any, _Answer]]) -> _Remembering[_Answer]:
        return _cached(function, None if maxsize is None else max(maxsize, 0), typed)

    return decorate


def _cached(
    function: Callable[..., Coroutine[Any, Any, _Answer]], maxsize: int | None, typed: bool
) -> _Remembering[_Answer]:
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

    remembering: Any = cached
    remembering.cache_info = cache_info
    remembering.cache_clear = cache_clear
    remembering.cache_parameters = lambda: {"maxsize": maxsize, "typed": typed}
    found: _Remembering[_Answer] = remembering
    return found
