"""httpx, awaited: its own asynchronous client, whose errors have the words of the synchronous one."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import ssl
import weakref
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx

_OF_CONNECTIONS = ("transport", "mounts", "proxy", "proxies", "verify", "cert", "http1", "http2", "limits")
_contexts: dict[Any, ssl.SSLContext] = {}
_OF_CLIENT = ("cookies", "proxy", "verify", "timeout", "trust_env")


def _worded(error: httpx.TransportError) -> httpx.TransportError:
    """The same error as httpx.Client words it: as the operating system does."""
    if isinstance(error, httpx.TimeoutException):
        words = "" if isinstance(error, httpx.PoolTimeout) else "timed out"
        return error if str(error) or not words else type(error)(words, request=error.request)
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, BaseExceptionGroup):
            below = below.exceptions[-1]
        if isinstance(below, ssl.SSLError):
            return type(error)(str(below), request=error.request)
        if isinstance(below, OSError) and below.errno and below.errno > 0:
            return type(error)(f"[Errno {below.errno}] {os.strerror(below.errno)}", request=error.request)
        below = below.__cause__ or below.__context__
    return error


def _trusted(trust_env: bool) -> ssl.SSLContext:
    """What httpx takes its time for with the first request: some modules, and the certificates that are trusted."""
    for name in ("httpcore", "anyio._backends._asyncio"):
        importlib.import_module(name)
    return httpx.create_ssl_context(trust_env=trust_env)


class Client(httpx.AsyncClient):
    """`httpx.Client`, awaited. It can be made anywhere and used in several event loops: each has connections of its own."""

    def __init__(self, **options: Any) -> None:
        own = {name: value for name, value in options.items() if name not in _OF_CONNECTIONS}
        super().__init__(**own, transport=httpx.AsyncBaseTransport())  # never asked: see _transport_for_url
        verify, cert = options.get("verify", True), options.pop("cert", None)
        if verify is not True or cert is not None:
            options["verify"] = httpx.create_ssl_context(verify=verify, cert=cert, trust_env=self.trust_env)
        self._options = options
        self._carriers: Any = weakref.WeakKeyDictionary()

    def _carrier(self) -> httpx.AsyncClient:
        """The client whose connections are those of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._carriers:
            carrier = httpx.AsyncClient(**self._options)
            guard = _until_shutdown(carrier)
            with contextlib.suppress(StopIteration):
                guard.__anext__().send(None)  # run to its yield; the loop notes it, and closes it in the end
            self._carriers[loop] = carrier, guard
        found: httpx.AsyncClient = self._carriers[loop][0]
        return found

    async def _prepare(self) -> None:
        """Read the certificates in a thread, once for all clients that set nothing of their own."""
        places = self.trust_env and (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        key = (places, bool(self._options.get("http2")))
        if key not in _contexts:
            made = await asyncio.to_thread(_trusted, self.trust_env)
            _contexts.setdefault(key, made)
        if self._options.get("verify", True) is True:
            self._options["verify"] = _contexts[key]

    def _transport_for_url(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        return self._carrier()._transport_for_url(url)

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """`httpx.Client.send`, awaited."""
        await self._prepare()
        try:
            return await super().send(request, **options)
        except httpx.TransportError as error:
            worded = _worded(error)
            if worded is error:
                raise
            raise worded from error

    async def aclose(self) -> None:
        """`httpx.Client.close`, awaited."""
        await super().aclose()
        await self._carrier().aclose()

    async def __aexit__(self, *failure: Any) -> None:
        await super().__aexit__(*failure)
        await self._carrier().aclose()


async def _until_shutdown(carrier: httpx.AsyncClient) -> AsyncGenerator[None, None]:
    """Close the connections with the loop that they belong to."""
    try:
        yield
    finally:
        await carrier.aclose()


async def request(method: str, url: Any, **options: Any) -> httpx.Response:
    """`httpx.request`, awaited."""
    own = {name: options.pop(name) for name in _OF_CLIENT if name in options}
    async with Client(**own) as client:
        return await client.request(method, url, **options)


@contextlib.asynccontextmanager
async def stream(method: str, url: Any, **options: Any) -> AsyncIterator[httpx.Response]:
    """`httpx.stream`, to be entered with ``async with``."""
    own = {name: options.pop(name) for name in _OF_CLIENT if name in options}
    async with Client(**own) as client, client.stream(method, url, **options) as response:
        yield response


async def get(url: Any, **options: Any) -> httpx.Response:
    """`httpx.get`, awaited."""
    return await request("GET", url, **options)


async def options(url: Any, **options: Any) -> httpx.Response:
    """`httpx.options`, awaited."""
    return await request("OPTIONS", url, **options)


async def head(url: Any, **options: Any) -> httpx.Response:
    """`httpx.head`, awaited."""
    return await request("HEAD", url, **options)


async def post(url: Any, **options: Any) -> httpx.Response:
    """`httpx.post`, awaited."""
    return await request("POST", url, **options)


async def put(url: Any, **options: Any) -> httpx.Response:
    """`httpx.put`, awaited."""
    return await request("PUT", url, **options)


async def patch(url: Any, **options: Any) -> httpx.Response:
    """`httpx.patch`, awaited."""
    return await request("PATCH", url, **options)


async def delete(url: Any, **options: Any) -> httpx.Response:
    """`httpx.delete`, awaited."""
    return await request("DELETE", url, **options)
