"""Answers from a cassette, at the times of the recording."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from statistics import median
from urllib.parse import urlsplit

from asyncify.verify.replay.exchange import Cassette, Exchange, Request, Response
from asyncify.verify.replay.match import Matcher, Unmatched
from asyncify.verify.replay.wire import Connection, chunk, closes, framing, head_of

UNMATCHED = 501  # of the statuses that say "the server's fault", the one that clients do not retry
QUIET = 0.1  # seconds without a new request that show that the program asks no more before it is answered
PRESSURE = 15.0  # seconds of waiting for that in one run, after which answers come at their times again
SLICE = 0.0005  # seconds; what is due within this time is written at once


class Player:
    """A gate that plays back.

    Opening a connection costs what it cost in the recording: for that very request, else for its host in the median.

    ``unmatched`` are the requests it had no answer for, ``complaints`` what was no request.
    """

    def __init__(self, cassette: Cassette, ignored: Sequence[re.Pattern[str]] = ()) -> None:
        self.matcher = Matcher(cassette, ignored)
        self.unmatched: list[Unmatched] = []
        self.complaints: list[str] = []
        self._connect = _connect_times(cassette)
        self._pressing = False
        self._pressed = 0.0
        self._held: list[tuple[_Answer, float]] = []
        self._asked = 0.0

    def press(self) -> None:
        """Until the reset, answer only when no more requests come: then so many are in flight as the program allows."""
        self._pressing, self._pressed = True, 0.0

    def reset(self) -> None:
        """Begin again for another run."""
        self._pressing = False
        self.matcher.reset()
        self.unmatched = []
        self.complaints = []

    def serve(self, connection: Connection, request: Request) -> None:
        """Answer with what was recorded for such a request, after as long as it took."""
        assert connection.entry is not None
        arrived = connection.entry.started
        found = self.matcher.find(request)
        if isinstance(found, Unmatched):
            self.unmatched.append(found)
            found = Exchange(request, _not_recorded(found))
        if connection.served == 1:
            usual = self._connect.get(urlsplit(request.url).netloc, 0.0)
            # What opening it took here has passed already.
            arrived = max(arrived, connection.opened + (usual if found.connect is None else found.connect))
        due = arrived + found.latency
        answer = _Answer(connection, request, found.response)
        if self._pressing and self._pressed < PRESSURE:
            self._hold(answer, due)
        else:
            answer.at(due)

    def _hold(self, answer: _Answer, due: float) -> None:
        loop = asyncio.get_running_loop()
        self._asked = loop.time()
        if not self._held:
            loop.call_later(QUIET, self._release)
        self._held.append((answer, due))

    def _release(self) -> None:
        loop = asyncio.get_running_loop()
        if (left := self._asked + QUIET - loop.time()) > SLICE:
            loop.call_later(left, self._release)
            return
        self._pressed += QUIET
        held, self._held = self._held, []
        for answer, due in held:
            answer.at(due)

    def complain(self, message: str) -> None:
        self.complaints.append(message)

    def lost(self, connection: Connection) -> None:
        """Nothing to do: what is still due finds no transport."""


def _connect_times(cassette: Cassette) -> dict[str, float]:
    times: dict[str, list[float]] = {}
    for each in cassette.exchanges:
        if each.connect is not None:
            times.setdefault(urlsplit(each.request.url).netloc, []).append(each.connect)
    return {host: median(values) for host, values in times.items()}


def _not_recorded(unmatched: Unmatched) -> Response:
    return Response(
        UNMATCHED,
        "Not Recorded",
        headers=(("Content-Type", "text/plain; charset=utf-8"),),
        body=f"asyncify: {unmatched}\n".encode(),
    )


class _Answer:
    """One response on its way out, piece by piece."""

    def __init__(self, connection: Connection, request: Request, response: Response) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._request = request
        self._response = response
        self._framing = framing(response, request)
        body = response.body if self._framing != "none" else b""
        self._pieces = _cut(body, response.pieces)

    def at(self, due: float) -> None:
        """Send the head at `due` (seconds of the loop's clock, which is :func:`time.monotonic`), then the rest."""
        if due - self._loop.time() <= SLICE:
            self._head()
        else:
            self._loop.call_at(due, self._head)

    def _head(self) -> None:
        if self._response.status == 0:
            self._connection.abort()
            return
        self._begun = self._loop.time()
        self._send(head_of(self._response, self._request))

    def _send(self, waiting: bytes) -> None:
        """Send what is due with what is `waiting`, in as few writes as can be."""
        parts = [waiting]
        now = self._loop.time()
        while self._pieces:
            when, data = self._pieces[0]
            if self._begun + when > now + SLICE:
                self._connection.write(b"".join(parts))
                self._loop.call_at(self._begun + when, self._send, b"")
                return
            del self._pieces[0]
            parts.append(chunk(data) if self._framing == "chunked" else data)
        if self._response.dropped:
            self._connection.write(b"".join(parts))
            self._connection.answered(self._response.status, close=True)
            return
        if self._framing == "chunked":
            parts.append(chunk(b""))
        self._connection.write(b"".join(parts))
        self._connection.answered(self._response.status, close=closes(self._response, self._request))


def _cut(body: bytes, pieces: Sequence[tuple[float, int]]) -> list[tuple[float, bytes]]:
    """The body in pieces with their times, cut in the proportions of the recording."""
    total = sum(count for _, count in pieces)
    if not body or not total:
        return [(0.0, body)] if body else []
    result = []
    done = seen = 0
    for when, count in pieces:
        seen += count
        end = len(body) * seen // total
        if end > done:
            result.append((when, body[done:end]))
            done = end
    return result
