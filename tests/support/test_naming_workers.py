"""Log records that name the worker which made them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from asyncify.support.aio_support import TaskPool
from asyncify.support.aio_support_log import naming_workers


@pytest.fixture(autouse=True)
def factory() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(before)


async def test_records_name_workers(caplog: pytest.LogCaptureFixture) -> None:
    assert naming_workers("%(threadName)s") == "%(threadName)s"
    made = logging.getLogRecordFactory()
    assert naming_workers("{threadName}") == "{threadName}"
    assert logging.getLogRecordFactory() is made  # wrapped once

    async def job(n: int) -> None:
        logging.warning("job %s", n)

    logging.warning("outside")
    async with TaskPool(1, thread_name_prefix="w") as pool:
        for n in range(2):
            await pool.submit(job, n).result()
    names = [record.threadName for record in caplog.records]
    assert names == ["MainThread", "w_0", "w_0"]
    numbers = [record.thread for record in caplog.records]
    assert numbers[1] == numbers[2] != numbers[0]


async def test_names_that_are_switched_off_stay_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "logThreads", False)
    naming_workers("")
    logging.warning("without")
    assert [(record.threadName, record.thread) for record in caplog.records] == [(None, None)]
