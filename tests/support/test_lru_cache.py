"""`aio_support.lru_cache` does what `functools.lru_cache` does, call by call."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncify.support.aio_support_cache import lru_cache

CALLS = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.sampled_from([0, 1, 2, 3, True, 1.0, "1"]), st.booleans()),
        st.tuples(st.just("fail"), st.just(0), st.booleans()),
        st.tuples(st.just("clear"), st.just(0), st.just(False)),
    ),
    max_size=30,
)


@given(CALLS, st.sampled_from([None, -1, 0, 1, 2, 128]), st.booleans())
def test_the_same_results_counts_and_evictions(
    calls: list[tuple[str, Any, bool]], maxsize: int | None, typed: bool
) -> None:
    made: dict[str, list[object]] = {"before": [], "after": []}

    def compute(side: str, value: object, fails: bool) -> str:
        made[side].append(value)
        if fails:
            raise ValueError(value)
        return repr(value)

    @functools.lru_cache(maxsize, typed)
    def before(value: object, *, fails: bool = False) -> str:
        return compute("before", value, fails)

    @lru_cache(maxsize, typed)
    async def after(value: object, *, fails: bool = False) -> str:
        return compute("after", value, fails)

    async def run() -> None:
        for kind, value, by_keyword in calls:
            if kind == "clear":
                before.cache_clear()
                after.cache_clear()
            elif kind == "fail":
                with pytest.raises(ValueError):
                    before(value, fails=True)
                with pytest.raises(ValueError):
                    await after(value, fails=True)
            elif by_keyword:
                assert before(value=value) == await after(value=value)
            else:
                assert before(value) == await after(value)
            assert before.cache_info() == after.cache_info()

    asyncio.run(run())
    assert made["before"] == made["after"]
    assert before.cache_parameters() == after.cache_parameters()


def test_results_outlive_the_loop_they_were_made_on() -> None:
    @lru_cache()
    async def now() -> object:
        return object()

    assert asyncio.run(now()) is asyncio.run(now())


async def test_tasks_that_ask_at_the_same_time_each_compute() -> None:
    release = asyncio.Event()

    @lru_cache(maxsize=None)
    async def slow(key: int) -> object:
        await release.wait()
        return object()

    asked = [asyncio.create_task(slow(1)) for _ in range(3)]
    await asyncio.sleep(0)
    assert slow.cache_info().misses == 3
    release.set()
    first, *rest = await asyncio.gather(*asked)
    assert len({id(first), *map(id, rest)}) == 3
    assert await slow(1) is first
    assert slow.cache_info() == (1, 3, None, 1)
