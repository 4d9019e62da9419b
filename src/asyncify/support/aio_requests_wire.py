"""The part of `aio_requests` that holds connections, and bodies while they are on the wire."""

from __future__ import annotations

import asyncio
import email.message
import http.client
import io
import logging
import os
import re
import weakref
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import aiohttp
import urllib3


def _log_of_urllib3() -> logging.Logger:
    """The logger of urllib3's pools. What asyncio logs at level DEBUG is left out: programs on requests never did."""
    logging.getLogger("asyncio").addFilter(lambda record: record.levelno > logging.DEBUG)
    return logging.getLogger("urllib3.connectionpool")


_log = _log_of_urllib3()


def _logging_connections() -> list[aiohttp.TraceConfig]:
    """What logs the connections that a session makes as urllib3 does; nothing where nobody wants such lines."""
    if not _log.isEnabledFor(logging.DEBUG):
        return []
    made: dict[tuple[bool, str, int], int] = {}

    async def starting(_: Any, context: Any, __: Any) -> None:
        exchange = context.trace_request_ctx
        where = (exchange.secure, exchange.host, exchange.port)
        made[where] = number = made.get(where, 0) + 1
        kind = "HTTPS" if exchange.secure else "HTTP"
        _log.debug("Starting new %s connection (%d): %s:%s", kind, number, exchange.host, exchange.port)

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_start.append(starting)
    return [tracing]


class _Body(io.RawIOBase):
    """The bytes of a response as urllib3 reads them: those that came, then what went wrong, if anything did."""

    def __init__(self, chunks: list[bytes], error: Exception | None) -> None:
        self._rest = memoryview(b"".join(chunks))
        self._error = error

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        end = len(self._rest) if size is None or size < 0 else size
        data, self._rest = bytes(self._rest[:end]), self._rest[end:]
        if not len(self._rest):
            self._rest = memoryview(b"")  # let go of the bytes: requests keeps its own
        if self._error is not None and (len(data) < end or size is None or size < 0):
            raise self._error
        return data


class _Headers:
    """What `http.cookiejar` and urllib3 look at in the response of `http.client`."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        self.msg = email.message.Message()
        for name, value in headers:
            self.msg[name] = value

    def isclosed(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing to close: the connection is aiohttp's."""


class _Carrier:
    """The connections of one adapter on one event loop. Closed with its session, its adapter, or the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, per_host: int) -> None:
        self.loop = loop
        self.users = 0
        self.retired = False
        self._connector = aiohttp.TCPConnector(
            limit=0, limit_per_host=per_host, keepalive_timeout=3600 * 24, use_dns_cache=False
        )
        self._client: aiohttp.ClientSession | None = None
        _guard(loop).add(self)

    def client(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=self._connector,
                connector_owner=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=_logging_connections(),
                auto_decompress=False,
                max_line_size=65536,
                max_field_size=65536,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type", "Content-Length"),
            )
            # A request the server dropped would be sent a second time, silently. No public switch exists.
            self._client._retry_connection = False
        return self._client

    def release(self) -> None:
        self.users -= 1
        if self.retired:
            self.retire()

    def retire(self) -> None:
        """Close when the last response is read; callable from any thread, and after the loop is closed."""
        self.retired = True
        if self.users == 0 and not self.loop.is_closed():
            try:
                running: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
            except RuntimeError:
                running = None
            if running is self.loop:
                self._close_soon()
            else:
                self.loop.call_soon_threadsafe(self._close_soon)

    def _close_soon(self) -> None:
        task = self.loop.create_task(self.close())
        _closing.add(task)
        task.add_done_callback(_closing.discard)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
        await self._connector.close()
        _guard(self.loop).discard(self)


_closing: set[asyncio.Task[None]] = set()
_guards: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[set[_Carrier], AsyncGenerator[None, None]]] = (
    weakref.WeakKeyDictionary()
)
_carriers: weakref.WeakKeyDictionary[Any, dict[asyncio.AbstractEventLoop, _Carrier]] = weakref.WeakKeyDictionary()


async def _close_all(carriers: set[_Carrier]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        for carrier in list(carriers):
            await carrier.close()
        await asyncio.sleep(0)  # the transports tell of their end in the next round of the loop


def _guard(loop: asyncio.AbstractEventLoop) -> set[_Carrier]:
    """The open carriers of `loop`, closed when it shuts down its asynchronous generators, as `asyncio.run` does."""
    if loop not in _guards:
        for gone in [other for other in _guards if other.is_closed()]:
            del _guards[gone]
        carriers: set[_Carrier] = set()
        generator = _close_all(carriers)
        try:
            generator.__anext__().send(None)  # run to its yield; the loop notes it
        except StopIteration:
            _guards[loop] = (carriers, generator)
    return _guards[loop][0]


def _carrier(adapter: Any) -> _Carrier:
    loop = asyncio.get_running_loop()
    carriers = _carriers.get(adapter)
    if carriers is None:
        carriers = _carriers[adapter] = {}
        weakref.finalize(adapter, _retire, carriers).atexit = False
    if loop not in carriers:
        for gone in [other for other in carriers if other.is_closed()]:
            del carriers[gone]
        carriers[loop] = _Carrier(loop, adapter._pool_maxsize if adapter._pool_block else 0)
    return carriers[loop]


def _retire(carriers: dict[asyncio.AbstractEventLoop, _Carrier]) -> None:
    while carriers:
        carriers.popitem()[1].retire()


class _Unread(io.RawIOBase):
    """Stands in for a body that is still on the wire: it cannot be read without awaiting."""

    ended = False

    def read(self, size: int | None = -1, /) -> bytes:
        if self.ended:
            return b""
        raise RuntimeError(
            "the body has not been read: with stream=True use 'async for chunk in response.aiter_content(n)', "
            "'response.aiter_lines()', or 'await response.aread()' before .content, .text or .json()"
        )


class _Inflow:
    """The bytes of a body in their order: all that came, also where the connection broke."""

    def __init__(self, live: aiohttp.ClientResponse) -> None:
        self._live = live
        self._taken = self._of_chunk = 0  # bytes, and those of an HTTP chunk that has not ended
        self._lost: Exception | None = None

    async def more(self) -> tuple[bytes, bool]:
        """More bytes and whether an HTTP chunk ends with them; no bytes and False at the end.

        Raises aiohttp.SocketTimeoutError, and for a broken body the ProtocolError that urllib3 would.
        """
        content = self._live.content
        if self._lost is None and content.exception() is None and content.at_eof():
            return b"", False  # also where there never is a body, as for HEAD: that reader gives empty chunks for ever
        if self._lost is None:
            try:
                data, complete = await content.readchunk()
            except aiohttp.SocketTimeoutError:
                raise
            except (aiohttp.ClientError, OSError) as error:
                self._lost = error
                content.set_exception(None)  # type: ignore[arg-type] # it hides what came before
        if self._lost is not None:
            if self._taken >= content.total_bytes:
                raise self._broken(self._lost) from self._lost
            data, complete = await content.readchunk()
        self._taken += len(data)
        self._of_chunk = 0 if complete else self._of_chunk + len(data)
        return data, complete

    def _broken(self, error: Exception) -> urllib3.exceptions.ProtocolError:
        headers = self._live.headers
        reason: Exception = http.client.IncompleteRead(bytes(self._of_chunk))
        if number := re.search(r"Error\((\d+), ", repr(error)):
            reason = OSError(int(number[1]), os.strerror(int(number[1])))  # the connection was reset
        elif "Transfer-Encoding" in headers:
            if not self._of_chunk:
                return urllib3.exceptions.ProtocolError("Response ended prematurely")
        elif headers.get("Content-Length", "").isdigit():
            missing = int(headers["Content-Length"]) - self._taken
            reason = urllib3.exceptions.IncompleteRead(self._taken, missing)
        return urllib3.exceptions.ProtocolError(f"Connection broken: {reason!r}", reason)


class _Wire:
    """A body that is still to come, read by awaiting: by the methods of its response or through that one's `raw`."""

    def __init__(self, live: aiohttp.ClientResponse, carrier: _Carrier, raw: Any, pool: Any) -> None:
        self._live: aiohttp.ClientResponse | None = live
        self._carrier, self._raw, self._pool = carrier, raw, pool
        self._inflow = _Inflow(live)
        self._waiting = bytearray()

    def close(self) -> None:
        """Give the connection back, or close it if the body was not read."""
        live, self._live = self._live, None
        if live is not None:
            live.close()
            self._carrier.release()

    async def _more(self, decode: bool | None) -> bool | None:
        """Wait for more bytes: whether a chunk of the body is complete now, None at the end.

        Raises what urllib3 would: ReadTimeoutError, ProtocolError, DecodeError.
        """
        if self._live is None:
            return None
        try:
            data, complete = await self._inflow.more()
        except aiohttp.SocketTimeoutError as error:
            self.close()
            raise urllib3.exceptions.ReadTimeoutError(self._pool, "", "Read timed out.") from error
        except urllib3.exceptions.ProtocolError:
            self.close()
            raise
        ended = not data and not complete
        if decode:
            self._raw._init_decoder()
        self._waiting += self._raw._decode(data, decode, ended)
        if ended:
            self._raw._fp.ended = True
            self.close()
        return complete or ended

    async def pieces(self, size: int | None) -> AsyncIterator[bytes]:
        """The decoded body in pieces of `size` bytes, but no piece reaches over a chunk of a chunked body."""
        chunked = size is None or "chunked" in self._raw.headers.get("Transfer-Encoding", "").lower()
        while (complete := await self._more(True)) is not None:
            while self._waiting and (len(self._waiting) >= (size or 1) or (chunked and complete)):
                piece = bytes(self._waiting[:size])
                del self._waiting[: len(piece)]
                yield piece
        if self._waiting:
            yield bytes(self._waiting)

    async def read(self, amount: int | None, decode: bool | None) -> bytes:
        """`amount` bytes, fewer only at the end; all that are left if it is None or negative."""
        whole = amount is None or amount < 0
        while (whole or len(self._waiting) < (amount or 0)) and await self._more(decode) is not None:
            pass
        data = bytes(self._waiting if whole else self._waiting[:amount])
        del self._waiting[: len(data)]
        return data
