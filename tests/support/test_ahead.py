"""What a loop waits for is started ahead of its turn, in order, bounded, and cleaned up."""

import asyncio
import gc

import pytest

from asyncify.support.aio_support_ahead import ahead


class Site:
    """Counts who is asking."""

    def __init__(self):
        self.now = self.most = 0
        self.asked, self.ended = [], []

    async def ask(self, number, seconds=0.01):
        self.asked.append(number)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(seconds)
            if number < 0:
                raise ValueError(number)
            self.ended.append(number)
            return number * 10
        finally:
            self.now -= 1


@pytest.mark.parametrize("most", [1, 2, 7])
async def test_items_in_order_and_never_more_at_once(most):
    site = Site()
    found = [(n, await answer) for n, answer in ahead(most, ((n, site.ask(n, 0.002 * (5 - n))) for n in range(5)))]
    assert found == [(n, n * 10) for n in range(5)]
    assert site.most == min(most, 5)


async def test_the_next_starts_when_one_has_been_dealt_with():
    site = Site()
    for n, answer in ahead(2, ((n, site.ask(n)) for n in range(5))):
        await answer
        await asyncio.sleep(0.03)  # a slow loop: nothing else is started meanwhile
        assert site.asked == list(range(min(n + 2, 5)))


async def test_a_failure_is_raised_at_its_item():
    site, seen = Site(), []
    for _, answer in ahead(3, ((n, site.ask(n)) for n in (1, -2, 3, 4))):
        try:
            seen.append(await answer)
        except ValueError as error:
            seen.append(repr(error))
    assert seen == [10, "ValueError(-2)", 30, 40]


async def test_what_the_items_raise_is_raised_at_its_place():
    def pairs():
        yield 1, Site().ask(1)
        yield 2, Site().ask(2)
        raise KeyError("third")

    seen = []
    with pytest.raises(KeyError, match="third"):
        for n, answer in ahead(5, pairs()):
            seen.append((n, await answer))
    assert seen == [(1, 10), (2, 20)]


async def test_a_loop_that_ends_early_leaves_nothing_behind():
    problems = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    site = Site()

    async def loop():
        for n, answer in ahead(4, ((n, site.ask(n, 0.001 * abs(n))) for n in (1, -2, 50, 60, 7))):
            await answer
            if n == 1:
                await asyncio.sleep(0.02)  # -2 has failed by now
                raise LookupError

    with pytest.raises(LookupError):
        await loop()
    await asyncio.sleep(0.02)
    gc.collect()
    assert site.now == 0
    assert site.asked == [1, -2, 50, 60]
    assert site.ended == [1]
    assert problems == []


async def test_nothing_to_ask_for():
    assert list(ahead(3, ())) == []
