"""The helpers of `aio_support` that read asynchronous iterators, against the builtins and itertools they stand for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asyncify.support import aio_support_iteration as aio


class Source:
    """An iterator that counts what is taken from it, synchronously and asynchronously, and may fail at one item."""

    def __init__(self, items: list[Any], fails_at: int | None = None) -> None:
        self.items, self.fails_at, self.taken = items, fails_at, 0

    def step(self) -> Any:
        if self.taken == self.fails_at:
            raise ValueError("item fails")
        if self.taken >= len(self.items):
            return None
        self.taken += 1
        return (self.items[self.taken - 1],)


class Plain(Source, Iterator[Any]):
    def __next__(self) -> Any:
        if (found := self.step()) is None:
            raise StopIteration
        return found[0]


class Awaited(Source, AsyncIterator[Any]):
    async def __anext__(self) -> Any:
        await asyncio.sleep(0)
        if (found := self.step()) is None:
            raise StopAsyncIteration
        return found[0]


async def collected(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


def outcome(run: Callable[[], Any]) -> Any:
    try:
        return run()
    except ValueError as error:
        return f"ValueError: {error}"


PAIRS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "list": (list, collected),
    "any": (any, aio.any_async),
    "all": (all, aio.all_async),
    "zip": (lambda s: list(zip("abc", s)), lambda s: collected(aio.zip_async("abc", s))),  # noqa: B905
    "zip first": (lambda s: list(zip(s, "abc")), lambda s: collected(aio.zip_async(s, "abc"))),  # noqa: B905
    "zip strict": (
        lambda s: list(zip(s, "abc", strict=True)),
        lambda s: collected(aio.zip_async(s, "abc", strict=True)),
    ),
    "zip nothing": (lambda s: list(zip()), lambda s: collected(aio.zip_async())),
    "map": (lambda s: list(map(str, s)), lambda s: collected(aio.map_async(str, s))),
    "map two": (lambda s: list(map(max, s, range(3))), lambda s: collected(aio.map_async(max, s, range(3)))),
    "filter": (lambda s: list(filter(None, s)), lambda s: collected(aio.filter_async(None, s))),
    "filter odd": (
        lambda s: list(filter(lambda n: n % 2, s)),
        lambda s: collected(aio.filter_async(lambda n: n % 2, s)),
    ),
    "chain": (
        lambda s: list(itertools.chain([7], s, [8])),
        lambda s: collected(aio.chain_async([7], s, [8])),
    ),
    "flatten": (
        lambda s: list(itertools.chain.from_iterable(map(range, s))),
        lambda s: collected(aio.flatten_async(aio.map_async(range, s))),
    ),
    "starmap": (
        lambda s: list(map(pow, s, range(9))),
        lambda s: collected(aio.starmap_async(pow, aio.zip_async(s, range(9)))),
    ),
    "enumerate": (lambda s: list(enumerate(s, 5)), lambda s: collected(aio.enumerate_async(s, 5))),
}


@pytest.mark.parametrize("name", PAIRS)
@given(items=st.lists(st.integers(0, 4), max_size=6), fails_at=st.none() | st.integers(0, 5))
def test_same_items_and_same_errors_and_as_many_taken(name: str, items: list[int], fails_at: int | None) -> None:
    plain, awaited = Plain(items, fails_at), Awaited(items, fails_at)
    sync_form, async_form = PAIRS[name]
    assert outcome(lambda: asyncio.run(async_form(awaited))) == outcome(lambda: sync_form(plain))
    assert awaited.taken == plain.taken


@given(
    items=st.lists(st.integers(), max_size=8),
    bounds=st.one_of(
        st.tuples(st.none() | st.integers(0, 9)),
        st.tuples(st.none() | st.integers(0, 9), st.none() | st.integers(0, 9)),
        st.tuples(st.none() | st.integers(0, 9), st.none() | st.integers(0, 9), st.none() | st.integers(1, 4)),
    ),
)
@example(items=[0], bounds=(1, 0))
@example(items=[0, 1, 2, 3], bounds=(1, 4, 2))
def test_islice_gives_and_takes_the_same(items: list[int], bounds: tuple[int | None, ...]) -> None:
    plain, awaited = Plain(items), Awaited(items)
    assert asyncio.run(collected(aio.islice_async(awaited, *bounds))) == list(itertools.islice(plain, *bounds))
    assert awaited.taken == plain.taken


@pytest.mark.parametrize("bounds", [(-1,), (0, -1), (0, 5, 0), (-1, None)])
def test_islice_refuses_the_same_bounds(bounds: tuple[int | None, ...]) -> None:
    with pytest.raises(ValueError, match=r"islice"):
        itertools.islice([], *bounds)
    with pytest.raises(ValueError, match=r"islice"):
        aio.islice_async(Awaited([]), *bounds)


def test_what_any_gives_up_is_closed_at_once() -> None:
    closed: list[str] = []

    async def items() -> AsyncIterator[int]:
        try:
            for number in itertools.count():
                yield number
        finally:
            closed.append("closed")

    async def main() -> None:
        assert await aio.any_async(items())
        assert closed == ["closed"]

    asyncio.run(main())


def test_feed_keeps_what_came_before_an_error() -> None:
    kept: list[int] = []
    with pytest.raises(ValueError, match="item fails"):
        asyncio.run(aio.feed(kept.extend, Awaited([1, 2, 3], fails_at=2)))
    assert kept == [1, 2]
    table: dict[str, int] = {}
    pairs: Iterable[tuple[str, int]] = [("a", 1), ("b", 2)]
    asyncio.run(aio.feed(table.update, Awaited(list(pairs))))
    assert table == {"a": 1, "b": 2}


def test_zip_holds_its_sources_as_long_as_it_is_held() -> None:
    async def main() -> None:
        source = Awaited([1, 2, 3])
        rows = aio.zip_async("ab", source)
        assert await collected(rows) == [("a", 1), ("b", 2)]
        assert await collected(rows) == []
        assert await anext(source) == 3

    asyncio.run(main())


def test_either_is_the_iterator_itself_where_that_is_asynchronous() -> None:
    async def read() -> tuple[bool, list[Any]]:
        source = Awaited([1, 2])
        return aio.either(source) is source, [item async for item in aio.either(Plain([3, 4]))]

    assert asyncio.run(read()) == (True, [3, 4])
