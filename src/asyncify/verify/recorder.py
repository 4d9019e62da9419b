"""What the local server keeps: the requests it saw, in order of arrival, and when each was in flight.

Times are :func:`time.monotonic` seconds. On Linux and macOS that clock is the same for all processes, so
the log can be laid beside the samples of a measured run.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Entry:
    """One request as it was seen. ``ended`` and ``status`` stay None while it is in flight."""

    __slots__ = ("body", "connection", "ended", "headers", "method", "started", "status", "target")

    def __init__(self, request: web.Request, connection: int) -> None:
        self.method = request.method
        self.target = request.raw_path
        self.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers]
        self.connection = connection
        self.started = time.monotonic()
        self.body = b""
        self.ended: float | None = None
        self.status: int | None = None

    def as_json(self) -> str:
        """One line of JSON; the body in base 64."""
        return json.dumps(
            {
                "method": self.method,
                "target": self.target,
                "headers": self.headers,
                "connection": self.connection,
                "started": self.started,
                "ended": self.ended,
                "status": self.status,
                "body": base64.b64encode(self.body).decode("ascii"),
            }
        )


class Recorder:
    """The log of one server, and what its routes may remember between requests until :meth:`reset`."""

    def __init__(self, latency: float) -> None:
        self.latency = latency  # seconds before any route answers
        self.counts: Counter[str] = Counter()  # for routes that count their calls
        self.entries: list[Entry] = []
        self._connections: WeakKeyDictionary[object, int] = WeakKeyDictionary()
        self._connection_count = 0

    def reset(self) -> None:
        """Forget everything. A request still in flight is in no later log."""
        self.entries = []
        self.counts.clear()

    def _connection(self, request: web.Request) -> int:
        transport = request.transport
        if transport is None:  # the client has gone already
            return 0
        number = self._connections.get(transport)
        if number is None:
            self._connection_count += 1
            number = self._connections[transport] = self._connection_count
        return number

    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Record `request` around `handler`, after the latency.

        In flight is a request from the arrival of its head until its handler is done, so the log never
        shows more in flight than the client had.
        """
        entry = Entry(request, self._connection(request))
        self.entries.append(entry)
        try:
            entry.body = await request.read()
            if self.latency:
                await asyncio.sleep(self.latency)
            response = await handler(request)
            entry.status = response.status
            return response
        except web.HTTPException as error:
            entry.status = error.status
            raise
        finally:
            entry.ended = time.monotonic()


RECORDER = web.AppKey("recorder", Recorder)


@web.middleware
async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware: every request, those to unknown paths too, goes into the log."""
    return await request.app[RECORDER].handle(request, handler)
