"""The part of `aio_support` for projects whose tests replace functions of the standard library."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import Any

_time_sleep: Any = time.sleep


async def sleep(seconds: float) -> None:
    """`asyncio.sleep`; where a test has replaced `time.sleep`, what the replacement does."""
    current: Any = time.sleep
    if current is _time_sleep:
        await asyncio.sleep(seconds)
        return
    answer = current(seconds)
    if inspect.isawaitable(answer):
        await answer
