"""The part of `aio_urllib` that carries bytes: http.client writes requests and reads responses, asyncio waits in between."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import math
import os
import socket
import ssl
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from functools import cache
from typing import Any, TypeVar

from asyncify.support.aio_off_loop import _off_loop

_T = TypeVar("_T")
_CUT = "UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol"
_HIGH_WATER = 2**18  # so many bytes may lie here that nobody has asked for yet


class _NeedMoreError(Exception):
    """What is read has not arrived yet: the buffer has to reach up to there."""

    def __init__(self, upto: float) -> None:
        self.upto = upto


class _Capture:
    """Beside a class of http.client: what would be sent is kept, and nothing is connected."""

    captured = b""

    def send(self, data: Any) -> None:
        pieces = iter(lambda: data.read(65536), b"") if hasattr(data, "read") else [data]
        self.captured = b"".join((self.captured, *pieces))


@cache
def _capturing(http_class: Any, mixin: Any = _Capture) -> Any:
    return type(http_class.__name__, (mixin, http_class), {})


@contextlib.asynccontextmanager
async def _within(seconds: float | None) -> AsyncIterator[None]:
    """The timeout of a socket, in its words."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise error if error.errno else TimeoutError("timed out") from None


_open: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = weakref.WeakKeyDictionary()


async def _until_shutdown(wires: weakref.WeakSet[_Wire]) -> AsyncGenerator[None, None]:
    """Close what the program has left open, with the loop that it belongs to."""
    try:
        yield
    finally:
        for wire in list(wires):
            wire.transport.abort()
        await asyncio.sleep(0)  # the transports tell of their end in the next round of the loop


def _close_with_loop(wire: _Wire) -> None:
    if wire.loop not in _open:
        wires: weakref.WeakSet[_Wire] = weakref.WeakSet()
        guard = _until_shutdown(wires)
        with contextlib.suppress(StopIteration):
            guard.__anext__().send(None)  # run to its yield; the loop notes it, and closes it in the end
        _open[wire.loop] = wires, guard
    _open[wire.loop][0].add(wire)


class _Wire(asyncio.Protocol):
    """A connection in the place of a socket: what has arrived can be read as from a file, `run` waits for the rest."""

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self.buffer = bytearray()
        self.at = 0  # everything before has been read
        self.ended = False
        self.loaded = False  # nobody waits for more
        self.error: Exception | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.full = False  # what was written has not been sent
        self.users = 1
        self.loop = asyncio.get_running_loop()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) - self.at > _HIGH_WATER and (self.waiter is None or self.waiter.done()):
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended, self.full, self.error = True, False, self.error or exc
        self._wake()

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self._wake()

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def _wait(self) -> None:
        self.waiter = self.loop.create_future()
        async with _within(self.timeout):
            await self.waiter

    async def send(self, data: bytes) -> None:
        """Write `data`; waits where the other side is slower. Raises OSError."""
        self.transport.write(data)
        while self.full:
            await self._wait()
        if self.error is not None and self.ended:
            raise self.error

    async def run(self, read: Callable[[], _T], *readers: Any) -> _T:
        """What `read` gives once enough has arrived; ``readers`` are the objects it changes. Raises OSError."""
        del self.buffer[: self.at]
        self.at = 0
        states = [vars(reader).copy() for reader in readers]
        while True:
            try:
                return read()
            except _NeedMoreError as need:
                upto = need.upto
            self.at = 0
            for reader, state in zip(readers, states, strict=True):
                vars(reader).clear()
                vars(reader).update(state)
            if self.error is not None and self.ended:
                raise self.error
            if not self.transport.is_closing():
                self.transport.resume_reading()
            while len(self.buffer) < upto and not self.ended:
                await self._wait()

    async def load(self, response: Any) -> None:
        """Let everything arrive that reading `response` needs: from then on it is read without waiting.

        What goes wrong is raised where it is read.
        """
        state = vars(response).copy()
        try:
            with contextlib.suppress(http.client.HTTPException, ValueError):  # reading it again raises it again
                await self.run(response.read, response)
        except OSError as error:
            self.error = error
        vars(response).clear()
        vars(response).update(state)
        self.at, self.users, self.loaded = 0, 2, True
        self.transport.abort()

    def need(self, upto: float) -> None:
        """Go on if the buffer reaches up to there, or never will."""
        if len(self.buffer) >= upto or (self.ended and self.error is None):
            return
        if not self.loaded:
            raise _NeedMoreError(upto)
        if self.error is not None:
            raise self.error

    def makefile(self, _mode: str) -> _Incoming:
        self.users += 1
        return _Incoming(self)

    def close(self) -> None:
        self.users -= 1
        if not self.users and not self.loop.is_closed():
            self.transport.abort()


class _Incoming(io.BufferedIOBase):
    """What http.client reads a response from."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def read(self, size: int | None = -1, /) -> bytes:
        wire = self._wire
        end = math.inf if size is None or size < 0 else wire.at + size
        wire.need(end)
        start, wire.at = wire.at, int(min(end, len(wire.buffer)))
        return bytes(wire.buffer[start : wire.at])

    def read1(self, size: int = -1, /) -> bytes:
        self._wire.need(self._wire.at + min(size, 1) if size >= 0 else self._wire.at + 1)
        there = len(self._wire.buffer) - self._wire.at
        return self.read(there if size < 0 else min(size, there))

    def peek(self, _size: int = 0, /) -> bytes:
        self._wire.need(self._wire.at + 1)
        return bytes(self._wire.buffer[self._wire.at : self._wire.at + 8192])

    def readline(self, size: int | None = -1, /) -> bytes:
        wire = self._wire
        limit = len(wire.buffer) + 1 if size is None or size < 0 else wire.at + size
        found = wire.buffer.find(b"\n", wire.at, limit)
        if found < 0 and len(wire.buffer) < limit:
            wire.need(len(wire.buffer) + 1)
        return self.read((found + 1 if found >= 0 else min(limit, len(wire.buffer))) - wire.at)

    def flush(self) -> None:
        """Nothing is written; the garbage collector may close this before the response that flushes it."""

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._wire.close()


async def _connect(connection: Any) -> _Wire:
    """A connection to where one of http.client would connect to. Raises OSError."""
    loop = asyncio.get_running_loop()
    timeout = connection.timeout
    if timeout is not None and not isinstance(timeout, int | float):
        timeout = socket.getdefaulttimeout()  # it says that nothing was said
    if timeout is not None and timeout < 0:
        raise ValueError("Timeout value out of range")
    error: OSError = OSError("getaddrinfo returns an empty list")
    for family, kind, protocol, _, address in await loop.getaddrinfo(
        connection.host, connection.port, type=socket.SOCK_STREAM
    ):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            if connection.source_address:
                sock.bind(connection.source_address)
            async with _within(timeout):
                await loop.sock_connect(sock, address)
            context = getattr(connection, "_context", None)
            secure = {"ssl": context, "server_hostname": connection.host, "ssl_handshake_timeout": 10**6}
            async with _within(timeout):
                _, wire = await loop.create_connection(
                    lambda: _Wire(timeout), sock=sock, **(secure if context is not None else {})
                )
            _close_with_loop(wire)
            return wire
        except ssl.SSLError:
            sock.close()
            raise
        except OSError as found:
            sock.close()
            error = OSError(found.errno, os.strerror(found.errno)) if found.errno else found
            if isinstance(found, ConnectionResetError) and not found.errno:
                raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, f"[SSL: {_CUT}") from found
        except BaseException:
            sock.close()
            raise
    raise error


class Response:
    """A response of http.client or urllib, read by awaiting; what needs no waiting is as it was."""

    def __init__(self, response: Any, wire: _Wire | None = None) -> None:
        self._response = response
        self._wire = wire

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)

    def __enter__(self) -> Response:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it, and its connection if nothing else uses that."""
        self._response.close()

    async def _call(self, method: str, *args: Any) -> Any:
        def call() -> Any:
            return getattr(self._response, method)(*args)

        if self._wire is None:
            return await _off_loop(call)  # a file, or what asyncio does not carry
        return await self._wire.run(call, self._response)

    async def read(self, *amt: int | None) -> bytes:
        """`HTTPResponse.read`, awaited."""
        data: bytes = await self._call("read", *amt)
        return data

    async def read1(self, n: int = -1) -> bytes:
        """`HTTPResponse.read1`, awaited."""
        data: bytes = await self._call("read1", n)
        return data

    async def readinto(self, buffer: Any) -> int:
        """`HTTPResponse.readinto`, awaited."""
        size: int = await self._call("readinto", buffer)
        return size

    async def readline(self, limit: int = -1) -> bytes:
        """`HTTPResponse.readline`, awaited."""
        line: bytes = await self._call("readline", limit)
        return line

    async def readlines(self, hint: int = -1) -> list[bytes]:
        """`HTTPResponse.readlines`, awaited."""
        lines: list[bytes] = await self._call("readlines", hint)
        return lines

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while line := await self.readline():
            yield line


async def copyfileobj(fsrc: Response, fdst: Any, length: int = 0) -> None:
    """`shutil.copyfileobj` from a response, awaited."""
    while piece := await fsrc.read(length or 65536):
        fdst.write(piece)
