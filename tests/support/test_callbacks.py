"""Helpers of `aio_support` that call coroutine functions do what the builtins do, call by call."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from itertools import pairwise, starmap
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncify.support import aio_support_callbacks as helpers
from asyncify.support.aio_support_iteration import each

ITEMS = st.lists(st.tuples(st.integers(0, 3), st.text(max_size=1)), max_size=8)
ERROR = (3, "!")


def outcome(work: Callable[[], Any]) -> tuple[str, object]:
    """What the work returns or raises, as a value."""
    try:
        return "returned", work()
    except (ValueError, TypeError) as error:
        return type(error).__name__, str(error)


class Recorded:
    """A key function in both forms, which notes its calls and fails at one item."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def plain(self, *items: Any) -> Any:
        self.calls.append(items)
        if ERROR in items:
            raise ValueError(ERROR)
        return items[0][0] if len(items) == 1 else (sum(item[0] for item in items), "sum")

    async def coroutine(self, *items: Any) -> Any:
        await asyncio.sleep(0)
        return self.plain(*items)


@given(ITEMS, st.booleans(), st.booleans())
def test_sorting(items: list[Any], reverse: bool, fails: bool) -> None:
    items = [*items, ERROR] if fails else items
    before, after = Recorded(), Recorded()
    first = outcome(lambda: sorted(items, key=before.plain, reverse=reverse))
    assert first == outcome(
        lambda: asyncio.run(helpers.sorted_async(iter(items), key=after.coroutine, reverse=reverse))
    )
    assert before.calls == after.calls
    left, right = list(items), list(items)
    outcome(lambda: left.sort(key=before.plain, reverse=reverse))
    outcome(lambda: asyncio.run(helpers.sort_async(right, key=after.coroutine, reverse=reverse)))
    assert left == right


@given(ITEMS, st.sampled_from(["min", "max"]), st.sampled_from([{}, {"default": "none"}]), st.booleans())
def test_extremes(items: list[Any], name: str, options: dict[str, Any], spread: bool) -> None:
    plain, awaited = {"min": (min, helpers.min_async), "max": (max, helpers.max_async)}[name]
    before, after = Recorded(), Recorded()
    given_items: list[Any] = [*items, (1, "a"), (1, "b")] if spread else [items]
    choose: Any = plain
    first = outcome(lambda: choose(*given_items, key=before.plain, **options))
    second = outcome(lambda: asyncio.run(awaited(*given_items, key=after.coroutine, **options)))
    assert first == second
    assert before.calls == after.calls


@given(ITEMS, st.sampled_from([(), ((1, "start"),)]))
def test_reduce(items: list[Any], initial: tuple[Any, ...]) -> None:
    before, after = Recorded(), Recorded()
    first = outcome(lambda: functools.reduce(before.plain, items, *initial))
    second = outcome(lambda: asyncio.run(helpers.reduce_async(after.coroutine, items, *initial)))
    assert first[0] == second[0]
    if first[0] != "TypeError":
        assert first == second
    assert before.calls == after.calls

    folded = Recorded()
    third = outcome(lambda: asyncio.run(helpers.reduce_async(folded.plain, each(items), *initial)))
    assert third == second
    assert folded.calls == before.calls


async def test_map_and_filter_ask_as_late_as_builtins_do() -> None:
    before, after = Recorded(), Recorded()
    items = [(n, "") for n in (0, 1, 2)]
    plain, awaited = map(before.plain, items, items[:2]), helpers.map_awaited(after.coroutine, items, items[:2])
    assert before.calls == after.calls == []
    assert next(plain) == await anext(awaited)
    assert before.calls == after.calls
    assert list(plain) == [item async for item in awaited]
    assert before.calls == after.calls

    rows = list(pairwise(items))
    spread, spread_async = starmap(before.plain, rows), helpers.starmap_awaited(after.coroutine, rows)
    assert next(spread) == await anext(spread_async)
    assert before.calls == after.calls
    assert list(spread) == [item async for item in spread_async]
    assert before.calls == after.calls

    kept, kept_async = filter(before.plain, items), helpers.filter_awaited(after.coroutine, items)
    assert next(kept) == await anext(kept_async)
    assert before.calls == after.calls
    assert list(kept) == [item async for item in kept_async]
    assert before.calls == after.calls


async def test_an_iterator_goes_on_behind_an_item_that_fails() -> None:
    mapped = helpers.map_awaited(Recorded().coroutine, [ERROR, (2, "")])
    with pytest.raises(ValueError):
        await anext(mapped)
    assert await anext(mapped) == 2


def test_as_sync_keeps_the_name_and_hands_on_errors() -> None:
    recorded = Recorded()
    call = helpers.as_sync(recorded.coroutine)
    assert call.__name__ == "coroutine"
    assert sorted([(2, ""), (1, "")], key=call) == [(1, ""), (2, "")]
    with pytest.raises(ValueError):
        call(ERROR)
