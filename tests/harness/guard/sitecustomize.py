"""Loaded at the start of every program under test: notes what blocks an event loop's thread.

A call that may block (a sleep, an operation of a blocking socket) in a thread whose event loop is running, and a callback of
the loop that computes for long (what asyncio warns of, but in CPU time, which does not depend on how busy the machine is), are
written to the file HARNESS_GUARD, one line each. The program itself behaves as ever.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SLOW = 0.1  # seconds: asyncio's own limit
_LOG = os.environ.get("HARNESS_GUARD")


def _install(log: str) -> None:
    import _socket
    import socket
    import time
    from asyncio import events

    def note(what: str) -> None:
        frame = sys._getframe(2)
        while frame.f_back is not None and "/lib/python" in frame.f_code.co_filename:
            frame = frame.f_back
        place = f"{frame.f_code.co_filename.rpartition(os.sep)[2]}:{frame.f_lineno}"
        with open(log, "a", encoding="utf-8") as file:  # noqa: PTH123 (pathlib is not loaded in every program)
            file.write(f"{what} on the event loop's thread, from {place}\n")

    def guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: socket.socket, *args: Any, **kwargs: Any) -> Any:
            if events._get_running_loop() is not None and self.gettimeout() != 0:
                note(f"socket.{name}")
            return function(self, *args, **kwargs)

        call.__name__ = name
        return call

    sleep = time.sleep

    def guarded_sleep(seconds: Any) -> None:
        if events._get_running_loop() is not None:
            note("time.sleep")
        sleep(seconds)

    run = events.Handle._run

    def timed_run(self: events.Handle) -> None:
        began = time.thread_time()
        run(self)
        spent = time.thread_time() - began
        if spent > _SLOW:
            with open(log, "a", encoding="utf-8") as file:  # noqa: PTH123
                file.write(f"{spent:.3f} s of CPU in one callback on the event loop's thread: {self!r}\n")

    events.Handle._run = timed_run  # type: ignore[method-assign]
    time.sleep = guarded_sleep
    for name in ("connect", "recv", "recv_into", "send", "sendall"):
        setattr(socket.socket, name, guarded(name, getattr(_socket.socket, name)))


if _LOG:
    _install(_LOG)
