"""The part of `aio_support` for sleeps that must do all that `time.sleep` did."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import Any

_time_sleep: Any = time.sleep


async def sleep(seconds: float) -> None:
    """`asyncio.sleep`, but ValueError for a negative duration; where a test has replaced `time.sleep`, what that does."""
    current: Any = time.sleep
    if current is _time_sleep:
        if seconds != seconds or seconds < 0:
            raise ValueError("sleep length must be non-negative")
        await asyncio.sleep(seconds)
        return
    answer = current(seconds)
    if inspect.isawaitable(answer):
        await answer
