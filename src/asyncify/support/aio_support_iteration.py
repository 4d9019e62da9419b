"""The part of `aio_support` that reads asynchronous iterators as builtins and itertools read others."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, TypeVar

_Item = TypeVar("_Item")


async def enumerate_async(items: AsyncIterable[_Item], start: int = 0) -> AsyncIterator[tuple[int, _Item]]:
    """`enumerate` for an asynchronous iterator."""
    number = start
    async for item in items:
        yield number, item
        number += 1


class _Rows(AsyncIterator[Any]):
    """One item of each source at a time. No generator: as `zip` does, it holds its sources as long as it is held."""

    def __init__(
        self, function: Callable[..., Any], sources: tuple[Iterable[Any] | AsyncIterable[Any], ...], strict: bool
    ) -> None:
        self._function = function
        self._takers = [source.__aiter__() if isinstance(source, AsyncIterable) else iter(source) for source in sources]
        self._strict = strict
        self._over = not sources

    async def __anext__(self) -> Any:
        ended = object()
        row: list[Any] = []
        for position, taker in enumerate(() if self._over else self._takers):
            if isinstance(taker, AsyncIterator):
                item = await anext(taker, ended)
            else:
                item = next(taker, ended)
            if item is ended:
                self._over = True
                if self._strict:
                    await _check_all_ended(self._takers, position, ended)
                break
            row.append(item)
        if self._over:
            raise StopAsyncIteration
        return self._function(*row)


def _row(*items: Any) -> tuple[Any, ...]:
    return items


def zip_async(*sources: Iterable[Any] | AsyncIterable[Any], strict: bool = False) -> AsyncIterator[tuple[Any, ...]]:
    """`zip` where some of the iterables are asynchronous: ends with the shortest.

    Items are taken from left to right, as `zip` does. With `strict`, ValueError where the lengths differ.
    """
    return _Rows(_row, sources, strict)


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


def either(items: Iterable[_Item] | AsyncIterable[_Item]) -> AsyncIterator[_Item]:
    """The same, by the iterator itself where it is asynchronous: whoever drops it drops that one."""
    return aiter(items) if isinstance(items, AsyncIterable) else each(items)


async def iter_async(function: Callable[[], Awaitable[_Item]], sentinel: object) -> AsyncIterator[_Item]:
    """`iter` of a function that is awaited: what it gives, until that is `sentinel`."""
    while (item := await function()) is not sentinel and item != sentinel:
        yield item


def map_async(function: Callable[..., _Item], *sources: Iterable[Any] | AsyncIterable[Any]) -> AsyncIterator[_Item]:
    """`map` where some of the iterables are asynchronous; `function` is an ordinary one."""
    return _Rows(function, sources, strict=False)


async def starmap_async(function: Callable[..., _Item], rows: AsyncIterable[Iterable[Any]]) -> AsyncIterator[_Item]:
    """`itertools.starmap` for an asynchronous iterator of argument lists."""
    async for row in rows:
        yield function(*row)


async def filter_async(function: Callable[[_Item], object] | None, items: AsyncIterable[_Item]) -> AsyncIterator[_Item]:
    """`filter` for an asynchronous iterator; `function` is an ordinary one."""
    async for item in items:
        if function(item) if function is not None else item:
            yield item


async def chain_async(*sources: Iterable[Any] | AsyncIterable[Any]) -> AsyncIterator[Any]:
    """`itertools.chain` where some of the iterables are asynchronous."""
    for source in sources:
        if isinstance(source, AsyncIterable):
            async for item in source:
                yield item
        else:
            for item in source:
                yield item


async def flatten_async(sources: AsyncIterable[Iterable[_Item]]) -> AsyncIterator[_Item]:
    """`itertools.chain.from_iterable` for an asynchronous iterator of iterables."""
    async for source in sources:
        for item in source:
            yield item


class _Slice(AsyncIterator[_Item]):
    """Some items of an asynchronous iterator. No generator: it holds the iterator as long as it is held."""

    def __init__(self, items: AsyncIterable[_Item], start: int, stop: int | None, step: int) -> None:
        self._taker = items.__aiter__()
        self._wanted, self._stop, self._step = start, stop, step
        self._taken = 0

    async def __anext__(self) -> _Item:
        while self._taken < self._wanted:  # up to `start`, even if that is beyond `stop`
            await self._take()
        if self._stop is not None and self._taken >= self._stop:
            raise StopAsyncIteration
        item = await self._take()
        self._wanted += self._step
        if self._stop is not None:
            self._wanted = min(self._wanted, self._stop)
        return item

    async def _take(self) -> _Item:
        item = await anext(self._taker)
        self._taken += 1
        return item


def islice_async(items: AsyncIterable[_Item], *bounds: int | None) -> AsyncIterator[_Item]:
    """`itertools.islice` for an asynchronous iterator: it takes no item beyond the bounds.

    Raises ValueError for bounds that are no slice of an iterator.
    """
    start, stop, step = (0, *bounds, 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    start, step = 0 if start is None else start, 1 if step is None else step
    if start < 0 or step < 1 or (stop is not None and stop < 0):
        raise ValueError("Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize.")
    return _Slice(items, start, stop, step)


async def any_async(items: AsyncIterable[object]) -> bool:
    """`any` for an asynchronous iterator: it reads up to the first true item and gives the rest up."""
    async with _given_up(items):
        async for item in items:
            if item:
                return True
    return False


async def all_async(items: AsyncIterable[object]) -> bool:
    """`all` for an asynchronous iterator: it reads up to the first false item and gives the rest up."""
    async with _given_up(items):
        async for item in items:
            if not item:
                return False
    return True


async def contains(wanted: object, items: AsyncIterable[object]) -> bool:
    """`in` for an asynchronous iterator: it reads up to the first item that is `wanted`, and whoever holds it can go on."""
    async for item in items:
        if item is wanted or item == wanted:
            return True
    return False


@contextlib.asynccontextmanager
async def _given_up(items: Any) -> AsyncIterator[None]:
    """Closes an iterator at the end, as dropping the last reference to an ordinary one does."""
    try:
        yield
    finally:
        if hasattr(items, "aclose"):
            await items.aclose()


async def feed(consume: Callable[[list[Any]], object], items: AsyncIterable[Any]) -> None:
    """Give the items to a method such as `list.extend` or `dict.update`, each as soon as it is there."""
    async for item in items:
        consume([item])
