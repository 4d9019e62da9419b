"""Asynchronous iterables and context managers where either sort may come, and in synchronous code."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from asyncify.support.aio_support_iteration import each
from asyncify.support.aio_support_sync import enter_sync


async def _numbers(limit: int) -> AsyncIterator[int]:
    for number in range(limit):
        await asyncio.sleep(0)
        yield number


def test_each_takes_either_sort() -> None:
    async def read() -> list[list[int]]:
        return [[n async for n in each(_numbers(3))], [n async for n in each([1, 2])], [n async for n in each(())]]

    assert asyncio.run(read()) == [[0, 1, 2], [1, 2], []]


def test_each_takes_no_item_more_than_asked_for() -> None:
    taken = []

    def source() -> Iterator[int]:
        for number in range(5):
            taken.append(number)
            yield number

    async def read() -> None:
        async for number in each(source()):
            if number == 1:
                break

    asyncio.run(read())
    assert taken == [0, 1]


class _Told:
    """What a context manager was told."""

    def __init__(self) -> None:
        self.events: list[str] = []

    @contextlib.asynccontextmanager
    async def manager(self) -> AsyncIterator[str]:
        await asyncio.sleep(0)
        self.events.append("enter")
        try:
            yield "value"
        except ValueError:
            self.events.append("swallow")
        finally:
            await asyncio.sleep(0)
            self.events.append("leave")


def test_enter_sync_enters_and_leaves() -> None:
    told = _Told()
    with enter_sync(told.manager()) as value:
        told.events.append(value)
    assert told.events == ["enter", "value", "leave"]


def test_enter_sync_lets_the_manager_swallow_errors() -> None:
    told = _Told()
    with enter_sync(told.manager()):
        raise ValueError
    assert told.events == ["enter", "swallow", "leave"]


def test_enter_sync_lets_other_errors_out() -> None:
    told = _Told()
    with pytest.raises(KeyError), enter_sync(told.manager()):
        raise KeyError
    assert told.events == ["enter", "leave"]


def test_enter_sync_where_a_loop_runs() -> None:
    told = _Told()

    async def use() -> None:
        with enter_sync(told.manager()) as value:
            told.events.append(value)

    asyncio.run(use())
    assert told.events == ["enter", "value", "leave"]


def test_enter_sync_takes_the_answer_of_a_double() -> None:
    with enter_sync(contextlib.nullcontext(5)) as value:
        assert value == 5

    @contextlib.contextmanager
    def plain() -> Iterator[int]:
        yield 7

    with enter_sync(plain()) as other:
        assert other == 7
