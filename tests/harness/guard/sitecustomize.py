"""Loaded at the start of every program under test: notes what blocks an event loop's thread.

A call that may block (a sleep, an operation of a blocking socket) in a thread whose event loop is running is
written to the file HARNESS_GUARD, one line each. The program itself behaves as ever.
"""

import os
import sys

_LOG = os.environ.get("HARNESS_GUARD")


def _install(log):
    import _socket
    import socket
    import time
    from asyncio import events

    def note(what):
        frame = sys._getframe(2)
        while frame.f_back is not None and "/lib/python" in frame.f_code.co_filename:
            frame = frame.f_back
        place = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{what} on the event loop's thread, from {place}\n")

    def guarded(name, function):
        def call(self, *args, **kwargs):
            if events._get_running_loop() is not None and self.gettimeout() != 0:
                note(f"socket.{name}")
            return function(self, *args, **kwargs)

        call.__name__ = name
        return call

    sleep = time.sleep

    def guarded_sleep(seconds):
        if events._get_running_loop() is not None:
            note("time.sleep")
        return sleep(seconds)

    time.sleep = guarded_sleep
    for name in ("connect", "recv", "recv_into", "send", "sendall"):
        setattr(socket.socket, name, guarded(name, getattr(_socket.socket, name)))


if _LOG:
    _install(_LOG)
