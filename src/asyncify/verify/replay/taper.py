"""Records: hands each request on to the server it is meant for, and the response back, byte for byte as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httptools

from asyncify.verify.replay.exchange import DEFAULT_PORTS, Cassette, Exchange, Headers, Request, Response
from asyncify.verify.replay.kernel import ages
from asyncify.verify.replay.wire import Connection, chunk

CONNECT_TIMEOUT = 60.0  # seconds
JOINED = 0.002  # seconds: pieces of a body that came closer together are kept as one
_HOP = ("transfer-encoding", "content-length", "expect")  # of the request, which goes on in one piece


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the real servers are, if not where their names say: ``host:port`` to ``host:port``, and whom to trust."""

    addresses: Mapping[str, str] = field(default_factory=dict)
    authority: str | None = None  # a PEM file, beside the usual ones


class Taper:
    """A gate that asks the real servers and keeps what they say."""

    def __init__(self, upstream: Upstream | None = None) -> None:
        self.upstream = upstream or Upstream()
        self.complaints: list[str] = []
        self.unknown_hosts: set[str] = set()
        self._exchanges: list[tuple[float, Exchange]] = []
        self._handshakes: dict[tuple[str, str, int], float] = {}
        self._began = time.monotonic()
        self._lines: dict[Connection, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._context = ssl.create_default_context()
        if self.upstream.authority:
            self._context.load_verify_locations(self.upstream.authority)
        self._context.set_alpn_protocols(["http/1.1"])

    def cassette(self) -> Cassette:
        """What was recorded, in the order in which it was asked, with nothing redacted yet."""
        return Cassette(
            tuple(exchange for _, exchange in sorted(self._exchanges, key=lambda each: each[0])),
            secrets.token_hex(8),
            datetime.now(UTC).isoformat(timespec="seconds"),
            tuple(sorted(self.unknown_hosts)),
        )

    def reset(self) -> None:
        """Nothing to do: a recording is of one run."""

    def complain(self, message: str) -> None:
        self.complaints.append(message)

    def lost(self, connection: Connection) -> None:
        """Hang up to the server, too."""
        line = self._lines.pop(connection, None)
        if line is not None:
            line.close()

    def serve(self, connection: Connection, request: Request) -> None:
        task = asyncio.ensure_future(self._serve(connection, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def exists(self, host: str) -> bool:
        """Whether the name of a host can be resolved; remembered if it cannot."""
        if any(each.partition(":")[0] == host for each in self.upstream.addresses):
            return True
        try:
            await asyncio.get_running_loop().getaddrinfo(host, None)
        except OSError:
            self.unknown_hosts.add(host)
            return False
        return True

    async def _serve(self, connection: Connection, request: Request) -> None:
        line = self._lines.get(connection)
        fresh = False
        origin = _origin(request.url)
        tape = _Tape(connection, request)
        asked = time.monotonic()
        try:
            for attempt in (1, 2):
                fresh = line is None or line.origin != origin or line.reader.at_eof()
                if fresh or line is None:
                    if line is not None:
                        line.close()
                    line = self._lines[connection] = await self._open(origin)
                tape = _Tape(connection, request)
                asked = time.monotonic()
                line.writer.write(_written(request))
                if await tape.run(line):
                    break
                if fresh or attempt == 2 or tape.response.status:
                    raise ConnectionError("the server closed the connection")
                line = None  # an idle connection that the server had closed
        except (OSError, TimeoutError, httptools.HttpParserError) as error:
            self.complain(f"{request.method} {request.url.partition('?')[0]}: {error or type(error).__name__}")
            tape.drop()
        response = tape.result()
        self._keep(connection, request, response, (tape.head_at or time.monotonic()) - asked, line if fresh else None)
        if response.dropped:
            if line := self._lines.pop(connection, None):
                line.close()
            connection.abort()
        else:
            connection.answered(response.status, close=tape.closes)

    def _keep(
        self, connection: Connection, request: Request, response: Response, latency: float, opened: _Line | None
    ) -> None:
        """Keep an exchange; `opened` is the connection that was opened for it, if one was.

        Of many TLS handshakes at once most wait for this process, not for the server: the shortest with a server
        is what each of them counts for.
        """
        assert connection.entry is not None
        connect = None
        if opened is not None:
            connect = opened.reached + self._handshakes.get(opened.origin, 0.0)
        started = connection.entry.started - self._began
        self._exchanges.append((started, Exchange(request, response, max(0.0, latency), connect, started)))

    async def _open(self, origin: tuple[str, str, int]) -> _Line:
        scheme, host, port = origin
        meant = self.upstream.addresses.get(f"{host}:{port}")
        to_host, to_port = host, port
        if meant:
            name, _, number = meant.rpartition(":")
            to_host, to_port = name, int(number)
        async with asyncio.timeout(CONNECT_TIMEOUT):
            before = time.monotonic()
            reader, writer = await asyncio.open_connection(to_host, to_port)
            raw = writer.get_extra_info("socket")
            reached = ages(raw).round_trip
            if reached is None:
                reached = time.monotonic() - before
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if scheme == "https":
                before = time.monotonic()
                await writer.start_tls(self._context, server_hostname=host)
                took = time.monotonic() - before
                self._handshakes[origin] = min(took, self._handshakes.get(origin, took))
        return _Line(origin, reader, writer, reached)


@dataclass(slots=True)
class _Line:
    """A connection to a real server, which belongs to one of a client; ``reached`` is how long TCP took to open it."""

    origin: tuple[str, str, int]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    reached: float

    def close(self) -> None:
        self.writer.close()


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]


def _written(request: Request) -> bytes:
    """The request as it goes on: the same target and headers, its body in one piece."""
    parts = urlsplit(request.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{request.method} {target or '/'} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers if name.lower() not in _HOP]
    body = request.body
    if any(name.lower() == "transfer-encoding" for name, _ in request.headers):
        lines.append("Transfer-Encoding: chunked")
        body = (chunk(body) if body else b"") + chunk(b"")
    elif body or any(name.lower() == "content-length" for name, _ in request.headers):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


class _Tape:
    """Reads one response, hands its bytes to the client and keeps what they mean."""

    def __init__(self, connection: Connection, request: Request) -> None:
        self.response = Response(0)
        self.head_at: float | None = None
        self.closes = False
        self._connection = connection
        self._request = request
        self._done = False
        self._dropped = False
        self._now = 0.0
        self._clear()

    def _clear(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._reason = b""
        self._headers: list[tuple[str, str]] = []
        self._body: list[tuple[float, bytes]] = []

    async def run(self, line: _Line) -> bool:
        """Read to the end of the response; False if the connection ended before it."""
        while not self._done:
            data = await line.reader.read(65536)
            came = time.monotonic() - ages(line.writer.get_extra_info("socket")).received
            self._now = max(self._now, came)
            if not data:
                # Without a length the end of the connection is that of the body.
                framed = {"content-length", "transfer-encoding"} & {name.lower() for name, _ in self._headers}
                self.closes = True
                return bool(self.response.status) and not framed
            self._connection.write(data)
            self._parser.feed_data(data)
        return True

    def drop(self) -> None:
        """The response is not whole and never will be."""
        self._dropped = True

    def result(self) -> Response:
        """The response as far as it came."""
        head_at = self.head_at or self._now
        pieces: list[tuple[float, int]] = []
        for when, data in self._body:
            if pieces and when - head_at - pieces[-1][0] < JOINED:
                pieces[-1] = (pieces[-1][0], pieces[-1][1] + len(data))
            else:
                pieces.append((max(0.0, when - head_at), len(data)))
        found = self.response
        body = b"".join(data for _, data in self._body)
        return Response(found.status, found.reason, found.version, found.headers, body, tuple(pieces), self._dropped)

    # httptools

    def on_status(self, status: bytes) -> None:
        self._reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            return
        self.head_at = self._now
        headers: Headers = tuple(self._headers)
        self.response = Response(status, self._reason.decode("latin-1"), self._parser.get_http_version(), headers)
        if self._request.method == "HEAD":  # whose head may promise a body that does not come
            self._done = True
            self.closes = not self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        self._body.append((self._now, data))

    def on_message_complete(self) -> None:
        if self.response.status:
            self._done = True
            self.closes = not self._parser.should_keep_alive()
        else:  # 100 Continue, 103 Early Hints: the response is yet to come
            self._reason, self._headers, self._body = b"", [], []
