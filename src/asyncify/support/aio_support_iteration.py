"""The part of `aio_support` that pairs asynchronous iterators with others."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, TypeVar

_Item = TypeVar("_Item")


async def enumerate_async(items: AsyncIterable[_Item], start: int = 0) -> AsyncIterator[tuple[int, _Item]]:
    """`enumerate` for an asynchronous iterator."""
    number = start
    async for item in items:
        yield number, item
        number += 1


async def zip_async(
    *sources: Iterable[Any] | AsyncIterable[Any], strict: bool = False
) -> AsyncIterator[tuple[Any, ...]]:
    """`zip` where some of the iterables are asynchronous: ends with the shortest.

    Items are taken from left to right, as `zip` does. With `strict`, ValueError where the lengths differ.
    """
    takers = [source.__aiter__() if isinstance(source, AsyncIterable) else iter(source) for source in sources]
    ended = object()
    while takers:
        row = []
        for position, taker in enumerate(takers):
            if isinstance(taker, AsyncIterator):
                item = await anext(taker, ended)
            else:
                item = next(taker, ended)
            if item is ended:
                if strict:
                    await _check_all_ended(takers, position, ended)
                return
            row.append(item)
        yield tuple(row)


async def _check_all_ended(takers: list[Any], position: int, ended: object) -> None:
    if position > 0:
        arguments = "argument 1 is" if position == 1 else f"arguments 1-{position} are"
        raise ValueError(f"zip() argument {position + 1} is shorter than {arguments.rpartition(' ')[0]}")
    for number, taker in enumerate(takers[1:], 2):
        if isinstance(taker, AsyncIterator):
            item = await anext(taker, ended)
        else:
            item = next(taker, ended)
        if item is not ended:
            arguments = "argument 1" if number == 2 else f"arguments 1-{number - 1}"
            raise ValueError(f"zip() argument {number} is longer than {arguments}")


async def each(items: Iterable[_Item] | AsyncIterable[_Item]) -> AsyncIterator[_Item]:
    """The items of an iterable, asynchronous or not."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def iter_async(function: Callable[[], Awaitable[_Item]], sentinel: object) -> AsyncIterator[_Item]:
    """`iter` of a function that is awaited: what it gives, until that is `sentinel`."""
    while (item := await function()) is not sentinel and item != sentinel:
        yield item
