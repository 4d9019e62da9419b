"""The part of `aio_urllib` for programs that use http.client themselves."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Mapping
from typing import Any

from asyncify.support.aio_urllib_wire import Response, _capturing, _connect


class HTTPConnection:
    """`http.client.HTTPConnection`, awaited where it waits. To be used in the event loop that it first waits in."""

    _http_class: Any = http.client.HTTPConnection

    def __init__(self, *args: Any, **options: Any) -> None:
        self._connection = _capturing(self._http_class)(*args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def connect(self) -> None:
        """Connect. Raises OSError."""
        self._connection.sock = await _connect(self._connection)

    async def _flush(self) -> None:
        data, self._connection.captured = self._connection.captured, b""
        wire = self._connection.sock
        if wire is None or wire.loop is not asyncio.get_running_loop():
            await self.connect()
        await self._connection.sock.send(data)

    async def request(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, Any] | None = None,
        *,
        encode_chunked: bool = False,
    ) -> None:
        """Send a request. Raises OSError, and what `http.client` raises."""
        self._connection.request(method, url, body, headers or {}, encode_chunked=encode_chunked)
        await self._flush()

    async def endheaders(self, message_body: Any = None, *, encode_chunked: bool = False) -> None:
        """Send the headers and the body."""
        self._connection.endheaders(message_body, encode_chunked=encode_chunked)
        await self._flush()

    async def send(self, data: Any) -> None:
        """Send a part of the body."""
        self._connection.send(data)
        await self._flush()

    async def getresponse(self) -> Response:
        """The response; its body has not been read. Raises OSError, and what `http.client` raises."""
        connection = self._connection
        if connection.sock is None:
            return Response(connection.getresponse())  # raises that nothing was sent
        wire = connection.sock
        return Response(await wire.run(connection.getresponse, connection), wire)


class HTTPSConnection(HTTPConnection):
    """`http.client.HTTPSConnection`, awaited where it waits."""

    _http_class = http.client.HTTPSConnection
