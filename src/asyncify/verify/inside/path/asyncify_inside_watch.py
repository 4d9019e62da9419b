"""Notes what keeps the event loops of this process from running: a line of JSON per case, in a file per process.

Two witnesses. Python's own audit events (PEP 578) name calls that are known to block, with the stack they come from. And a
thread looks at what each loop is doing; where one callback has kept it for long, its stack is taken, and at its end the
kernel says how much of that time the thread slept (computing, and waiting for a processor, are not blocking). Time that a
virtual machine's host takes away is neither run nor waited for (``steal``, proc(5)), so that the looks that saw the thread
asleep must bear the kernel's figure out.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import wraps
from types import FrameType, ModuleType
from typing import Any

NOTICED = 0.05  # seconds: a callback that runs for this long is looked at
BLOCKED = 0.05  # seconds of sleep after that which make it a case
KNOWN = 0.01  # seconds a callback takes in which a known call blocks
TICK = 0.02  # seconds between looks
DEEPEST = 25  # frames of a stack that are kept
CASES = 200  # of a process

_CALLS = {
    "time.sleep", "socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "http.client.connect", "urllib.Request",
    "subprocess.Popen", "os.system", "sqlite3.connect", "smtplib.connect", "ftplib.connect", "builtins.input",
}  # fmt: skip

Stack = list[tuple[str, int, str]]


class _Callback:
    """A callback that a loop is running."""

    __slots__ = ("asleep", "before", "calls", "looks", "noticed", "stack", "started", "thread")

    def __init__(self, started: float) -> None:
        self.started = started
        self.thread = threading.get_native_id()
        self.calls: list[tuple[str, Stack]] = []
        self.noticed = 0.0
        self.before: tuple[float, float] = (0.0, 0.0)
        self.stack: Stack = []
        self.looks = 0
        self.asleep = 0


_running: dict[int, _Callback] = {}
_lock = threading.Lock()
_state: dict[str, Any] = {}


def start() -> None:
    """From now on, into the folder that the environment names."""
    _state["folder"] = os.environ["ASYNCIFY_WATCH_LOOP"]
    __import__("asyncify_inside_imports").after("asyncio.events", _patch)


def _patch(events: ModuleType) -> None:
    run = events.Handle._run
    running_loop = events._get_running_loop

    def _run(self: Any) -> None:
        thread = threading.get_ident()
        outer = _running.get(thread)
        _running[thread] = callback = _Callback(time.monotonic())
        if not _state.get("watching"):
            _watch()
        try:
            run(self)
        finally:
            if outer is None:
                _running.pop(thread, None)
            else:
                _running[thread] = outer
            if callback.calls or callback.noticed:
                _ended(callback)

    def audit(event: str, args: tuple[Any, ...], depth: int = 1) -> None:
        if event in _CALLS and running_loop() is not None and not _harmless(event, args):
            stack = _stack(sys._getframe(depth))
            callback = _running.get(threading.get_ident())
            if callback is None:  # a loop that is not asyncio's own
                _note(event, 0.0, stack)
            else:
                callback.calls.append((event, stack))

    events.Handle._run = _run
    sys.addaudithook(audit)
    if sys.version_info < (3, 13):  # where time.sleep raises no audit event yet
        time.sleep = _announcing(time.sleep, audit)
    os.register_at_fork(after_in_child=_forked)


def _announcing(sleep: Callable[..., None], audit: Callable[..., None]) -> Callable[..., None]:
    @wraps(sleep)
    def announced(seconds: float) -> None:
        audit("time.sleep", (seconds,), 2)
        sleep(seconds)

    return announced


def _forked() -> None:
    _running.clear()
    _state.pop("watching", None)


def _harmless(event: str, args: tuple[Any, ...]) -> bool:
    """Whether a call that may block does not, here."""
    if event == "time.sleep":
        return not args or args[0] == 0
    if event == "socket.connect":
        return bool(args[0].gettimeout() == 0)  # asyncio's own do not block
    if event == "subprocess.Popen":  # asyncio starts its processes so
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            if frame.f_globals.get("__name__", "").startswith("asyncio."):
                return frame.f_globals["__name__"] in ("asyncio.unix_events", "asyncio.windows_events")
            frame = frame.f_back
    return False


def _ended(callback: _Callback) -> None:
    now = time.monotonic()
    if callback.calls:
        if now - callback.started >= KNOWN:
            for call, stack in callback.calls:
                _note(call, now - callback.started, stack)
        return
    cpu, queued = _scheduled(callback.thread)
    kept = now - callback.noticed
    slept = kept - (cpu - callback.before[0]) - (queued - callback.before[1])
    if min(slept, kept * callback.asleep / callback.looks) >= BLOCKED:
        _note("", now - callback.started, callback.stack)


def _scheduled(thread: int) -> tuple[float, float]:
    """Seconds a thread has run, and has waited for a processor (Linux: sched-stats); elsewhere only its own CPU time."""
    try:
        with open(f"/proc/self/task/{thread}/schedstat", encoding="ascii") as file:  # noqa: PTH123
            ran, waited, _ = file.read().split()
        return int(ran) / 1e9, int(waited) / 1e9
    except (OSError, ValueError):
        return time.process_time(), 0.0


def _asleep(thread: int) -> bool:
    """Whether a thread is neither running nor waiting for a processor (Linux: proc(5)); where nobody knows, it may be."""
    try:
        with open(f"/proc/self/task/{thread}/stat", "rb") as file:  # noqa: PTH123
            return file.read().rpartition(b") ")[2][:1] != b"R"
    except OSError:
        return True


def _stack(frame: FrameType | None) -> Stack:
    """The innermost frames, the innermost last, up to the loop."""
    found: Stack = []
    while frame is not None and len(found) < DEEPEST:
        if frame.f_globals.get("__name__") in ("asyncio.events", "asyncio.base_events", __name__):
            if found:
                break
        else:
            found.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
        frame = frame.f_back
    return found[::-1]


def _watch() -> None:
    with _lock:
        if _state.get("watching"):
            return
        _state["watching"] = True
    threading.Thread(target=_look, name="asyncify-watch", daemon=True).start()


def _look() -> None:
    while True:
        time.sleep(TICK)
        now = time.monotonic()
        for thread, callback in list(_running.items()):
            if now - callback.started < NOTICED:
                continue
            if not callback.noticed:
                stack = _stack(sys._current_frames().get(thread))
                if _running.get(thread) is not callback:
                    continue
                callback.before = _scheduled(callback.thread)
                callback.stack = stack
            callback.asleep += _asleep(callback.thread)
            callback.looks += 1
            callback.noticed = callback.noticed or now


def _note(call: str, seconds: float, stack: Stack) -> None:
    with _lock:
        count = _state["count"] = _state.get("count", 0) + 1
        if count > CASES:
            return
        line = json.dumps({"call": call, "seconds": seconds, "stack": stack}) + "\n"
        descriptor = os.open(f"{_state['folder']}/{os.getpid()}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
