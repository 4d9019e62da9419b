"""The part of `aio_support` that calls coroutine functions as builtins call others."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, TypeVar

from asyncify.support.aio_support_iteration import either
from asyncify.support.aio_support_sync import run_sync

_Entry = TypeVar("_Entry")
_Missing = object()


class _Mapped(AsyncIterator[Any]):
    """What a coroutine function gives for the items of iterables, each as it is asked for."""

    def __init__(self, function: Callable[..., Awaitable[Any]], rows: Iterable[tuple[Any, ...]]) -> None:
        self._function = function
        self._rows = iter(rows)

    async def __anext__(self) -> Any:
        for row in self._rows:
            return await self._function(*row)
        raise StopAsyncIteration


def map_awaited(function: Callable[..., Awaitable[_Entry]], *sources: Iterable[Any]) -> AsyncIterator[_Entry]:
    """`map` of a coroutine function: one call after the other, each when its result is asked for."""
    return _Mapped(function, zip(*sources, strict=False))


def starmap_awaited(function: Callable[..., Awaitable[_Entry]], rows: Iterable[Iterable[Any]]) -> AsyncIterator[_Entry]:
    """`itertools.starmap` of a coroutine function: one call after the other, each when its result is asked for."""
    return _Mapped(function, map(tuple, rows))


class _Filtered(AsyncIterator[_Entry]):
    """The items for which a coroutine function gives something true, each as it is asked for."""

    def __init__(self, function: Callable[[_Entry], Awaitable[object]], items: Iterable[_Entry]) -> None:
        self._function = function
        self._items = iter(items)

    async def __anext__(self) -> _Entry:
        for item in self._items:
            if await self._function(item):
                return item
        raise StopAsyncIteration


def filter_awaited(function: Callable[[_Entry], Awaitable[object]], items: Iterable[_Entry]) -> AsyncIterator[_Entry]:
    """`filter` by a coroutine function: one call after the other, each when its result is asked for."""
    return _Filtered(function, items)


async def sorted_async(
    items: Iterable[_Entry], *, key: Callable[[_Entry], Awaitable[Any]], reverse: bool = False
) -> list[_Entry]:
    """`sorted` by a key that is awaited for one item after the other."""
    found = list(items)
    await sort_async(found, key=key, reverse=reverse)
    return found


async def sort_async(items: list[_Entry], *, key: Callable[[_Entry], Awaitable[Any]], reverse: bool = False) -> None:
    """`list.sort` by a key that is awaited for one item after the other."""
    keys = [await key(item) for item in items]
    order = sorted(range(len(items)), key=keys.__getitem__, reverse=reverse)
    items[:] = [items[position] for position in order]


async def min_async(*items: Any, key: Callable[[Any], Awaitable[Any]], default: Any = _Missing) -> Any:
    """`min` by a key that is awaited for one item after the other."""
    return await _extreme(min, items, key, default)


async def max_async(*items: Any, key: Callable[[Any], Awaitable[Any]], default: Any = _Missing) -> Any:
    """`max` by a key that is awaited for one item after the other."""
    return await _extreme(max, items, key, default)


async def _extreme(choose: Any, items: tuple[Any, ...], key: Callable[[Any], Awaitable[Any]], default: Any) -> Any:
    if len(items) > 1 and default is not _Missing:
        raise TypeError(f"Cannot specify a default for {choose.__name__}() with multiple positional arguments")
    best: Any = _Missing
    for item in items if len(items) > 1 else items[0]:
        rated = (await key(item), item)
        best = rated if best is _Missing else choose(best, rated, key=lambda pair: pair[0])
    if best is not _Missing:
        return best[1]
    return choose(()) if default is _Missing else default


async def reduce_async(
    function: Callable[[Any, Any], Any], items: Iterable[Any] | AsyncIterable[Any], initial: Any = _Missing
) -> Any:
    """`functools.reduce` where the function is a coroutine function, or the items come from an asynchronous iterator.

    The function is called as soon as the next item is there.
    """
    total = initial
    async for item in either(items):
        if total is _Missing:
            total = item
            continue
        outcome = function(total, item)
        total = await outcome if inspect.isawaitable(outcome) else outcome
    if total is _Missing:
        raise TypeError("reduce() of empty iterable with no initial value")
    return total


def as_sync(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that runs the coroutines of `function` to their end, for code that calls it without await."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return run_sync(function(*args, **kwargs))

    return call
