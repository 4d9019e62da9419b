"""HTTP/1 on the sockets of the clients: connections are told apart (TLS or not), parsed, and handed to a :class:`Gate`."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import httptools

from asyncify.verify.replay.authority import Authority
from asyncify.verify.replay.exchange import Headers, Request, Response, absolute, header
from asyncify.verify.replay.kernel import ages
from asyncify.verify.server import SeenRequest

TLS_HANDSHAKE = 0x16  # the first byte of a TLS connection (RFC 8446, 5.1)
NO_BODY = (204, 304)


class Gate(Protocol):
    """Answers requests. One connection has one at a time; the gate says when it is done with it."""

    def serve(self, connection: Connection, request: Request) -> None:
        """Answer `request`: write to the connection, then call :meth:`Connection.answered`."""

    def complain(self, message: str) -> None:
        """Something arrived that cannot be served."""

    def lost(self, connection: Connection) -> None:
        """The client has gone."""


class Connection(asyncio.Protocol):
    """One connection of a client.

    ``number`` counts from 1, ``opened`` is when the client had opened it (:func:`time.monotonic` seconds), ``served`` how many
    requests it has brought.
    """

    def __init__(
        self, gate: Gate, log: list[SeenEntry], number: int, opened: float, secure: bool, address: str, port: int
    ) -> None:
        self.number = number
        self.opened = opened
        self.secure = secure
        self.address = address
        self.port = port
        self.served = 0
        self.entry: SeenEntry | None = None  # of the request that is being answered
        self.transport: asyncio.Transport | None = None
        self._gate = gate
        self._log = log
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, SeenEntry]] = deque()
        self._arrived = 0.0
        self._keep = True
        self._clear()

    def _clear(self) -> None:
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self._waiting.clear()
        self._gate.lost(self)
        if self.entry is not None:
            self.entry.ended = time.monotonic()

    def data_received(self, data: bytes) -> None:
        self._arrived = time.monotonic()
        if self.transport is not None:
            self._arrived -= ages(self.transport.get_extra_info("socket")).received
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._gate.complain(f"{self._where()} asked for another protocol than HTTP/1 (a WebSocket?)")
            self._close()
        except httptools.HttpParserError:
            self._gate.complain(f"{self._where()} did not speak HTTP/1")
            self._close()

    def _where(self) -> str:
        return f"a connection to {header(self._headers, 'host') or f'{self.address}:{self.port}'}"

    # httptools

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        headers = tuple(self._headers)
        host = header(headers, "host") or f"{self.address}:{self.port}"
        url = absolute("https" if self.secure else "http", host, self._target.decode("latin-1"))
        method = self._parser.get_method().decode("ascii")
        self._entry = SeenEntry(method, url, headers, self._arrived, self.number)
        self._log.append(self._entry)
        if header(headers, "expect").lower() == "100-continue":
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        self._keep = self._parser.should_keep_alive()
        entry, headers, body = self._entry, tuple(self._headers), b"".join(self._body)
        entry.body = body
        self._clear()
        self._waiting.append((Request(entry.method, entry.url, headers, body), entry))
        self._next()

    # the gate

    def _next(self) -> None:
        if self.entry is None and self._waiting:
            request, self.entry = self._waiting.popleft()
            self.served += 1
            self._gate.serve(self, request)

    def write(self, data: bytes) -> None:
        """Send to the client, if it is still there."""
        if self.transport is not None:
            self.transport.write(data)

    def answered(self, status: int | None, *, close: bool = False) -> None:
        """The answer has been written: go on with the next request, or `close`."""
        if self.entry is not None:
            self.entry.ended, self.entry.status = time.monotonic(), status
            self.entry = None
        if close or not self._keep:
            self._close()
        else:
            self._next()

    def abort(self) -> None:
        """Break the connection off, so that the client notices (a reset, not an end)."""
        if self.transport is not None:
            self.transport.abort()

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.close()


class SeenEntry:
    """A request as it arrived; becomes a :class:`~asyncify.verify.server.SeenRequest`."""

    __slots__ = ("body", "connection", "ended", "headers", "method", "started", "status", "url")

    def __init__(self, method: str, url: str, headers: Headers, started: float, connection: int) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.started = started
        self.connection = connection
        self.body = b""
        self.ended: float | None = None
        self.status: int | None = None

    def seen(self) -> SeenRequest:
        """As it is compared; the target is the absolute URL."""
        return SeenRequest(
            self.method, self.url, self.headers, self.body, self.started, self.ended, self.status, self.connection
        )


def head_of(response: Response, request: Request) -> bytes:
    """The head of a response, with the length its body has now; see :func:`framing` for its end."""
    lines = [f"HTTP/{response.version} {response.status} {response.reason}"]
    for name, value in response.headers:
        if name.lower() == "content-length" and has_body(response, request):
            value = str(len(response.body))
        lines.append(f"{name}: {value}")
    if framing(response, request) == "length" and not header(response.headers, "content-length"):
        lines.append(f"Content-Length: {len(response.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def has_body(response: Response, request: Request) -> bool:
    """Whether a response to that request has a body at all (RFC 9112, 6.3)."""
    return request.method != "HEAD" and response.status >= 200 and response.status not in NO_BODY


def framing(response: Response, request: Request) -> str:
    """How the end of the body is told: ``none``, ``chunked``, ``length`` or ``close`` (the end of the connection)."""
    if not has_body(response, request):
        return "none"
    if "chunked" in header(response.headers, "transfer-encoding").lower():
        return "chunked"
    if header(response.headers, "content-length") or not _closes(response):
        return "length"
    return "close"


def _closes(response: Response) -> bool:
    connection = header(response.headers, "connection").lower()
    return "close" in connection or (response.version == "1.0" and "keep-alive" not in connection)


def closes(response: Response, request: Request) -> bool:
    """Whether the server ends the connection after this response."""
    return framing(response, request) == "close" or _closes(response)


def chunk(data: bytes) -> bytes:
    """Data as one chunk (RFC 9112, 7.1); no data is the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Listener:
    """Accepts connections on listening sockets, looks at their first byte and starts TLS where it says so."""

    def __init__(self, gate: Gate, log: list[SeenEntry], authority: Authority) -> None:
        self._gate = gate
        self._log = log
        self._authority = authority
        self._count = 0
        self._tasks: set[asyncio.Task[object]] = set()

    def listen(self, sockets: list[socket.socket]) -> None:
        """Accept from now on; the sockets must not block."""
        loop = asyncio.get_running_loop()
        for each in sockets:
            loop.add_reader(each, self._accept, loop, each)

    def _accept(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        for _ in range(1000):
            try:
                accepted, _address = listener.accept()
            except OSError:  # none is left, or it has gone already
                return
            accepted.setblocking(False)
            with contextlib.suppress(OSError):
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._count += 1
            opened = time.monotonic() - ages(accepted).sent
            loop.add_reader(accepted, self._readable, loop, accepted, self._count, opened)

    def _readable(self, loop: asyncio.AbstractEventLoop, accepted: socket.socket, number: int, opened: float) -> None:
        loop.remove_reader(accepted)
        try:
            first = accepted.recv(1, socket.MSG_PEEK)
            address, port = accepted.getsockname()[:2]
        except OSError:
            first = b""
        if not first:  # a client that only looked whether somebody is there
            accepted.close()
            return
        secure = first[0] == TLS_HANDSHAKE
        context = self._authority.context(address) if secure else None

        def protocol() -> Connection:
            return Connection(self._gate, self._log, number, opened, secure, address, port)

        self._start(loop, protocol, accepted, context)

    def _start(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: Callable[[], Connection],
        accepted: socket.socket,
        context: object,
    ) -> None:
        async def start() -> None:
            try:
                await loop.connect_accepted_socket(protocol, accepted, ssl=context)  # type: ignore[arg-type]
            except ssl.SSLError as error:
                accepted.close()
                self._gate.complain(f"a client did not accept our certificate, or spoke no TLS we know: {error}")
            except OSError:  # it has gone
                accepted.close()

        task: asyncio.Task[object] = loop.create_task(start())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
