"""The "real" servers of the tests: one application on two ports of this machine, plain and with TLS."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme
from aiohttp import web

PLAIN, SECURE = "http://shop.test", "https://api.shop.test"
LATENCY = 0.03  # seconds before each answer of /slow


async def _echo(request: web.Request) -> web.Response:
    body = await request.read()
    seen = {
        "method": request.method,
        "query": sorted(request.query.items()),
        "body": body.decode("utf-8", "backslashreplace"),
        "auth": request.headers.get("Authorization", ""),
    }
    return web.json_response(seen, headers={"X-Echo": "yes"})


async def _gzip(request: web.Request) -> web.Response:
    body = gzip.compress(json.dumps({"text": "grüße " * 200}).encode())
    return web.Response(body=body, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})


async def _drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    for number in range(4):
        await response.write(f"line {number}\n".encode())
        await asyncio.sleep(0.03)
    return response


async def _slow(request: web.Request) -> web.Response:
    await asyncio.sleep(LATENCY)
    return web.Response(text=f"item {request.match_info['n']}\n")


async def _redirect(request: web.Request) -> web.Response:
    left = int(request.match_info["n"])
    return web.Response(status=302, headers={"Location": f"/redirect/{left - 1}" if left > 1 else "/echo?end=1"})


async def _count(request: web.Request) -> web.Response:
    counts = request.app[COUNTS]
    counts[request.path] = counts.get(request.path, 0) + 1
    return web.json_response({"count": counts[request.path]})


async def _bytes(request: web.Request) -> web.Response:
    return web.Response(body=bytes(range(256)) * 4)


async def _login(request: web.Request) -> web.Response:
    response = web.json_response({"access_token": "tok-9f8e7d6c5b4a", "user": "ann"})
    response.set_cookie("session", "cookie-0123456789")
    return response


async def _private(request: web.Request) -> web.Response:
    fine = request.headers.get("Authorization") == "Bearer tok-9f8e7d6c5b4a"
    return web.json_response({"you": "ann"} if fine else {"error": "who?"}, status=200 if fine else 401)


async def _close(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


COUNTS = web.AppKey("counts", dict[str, int])


def application() -> web.Application:
    app = web.Application()
    app[COUNTS] = {}
    routes = {"/echo": _echo, "/gzip": _gzip, "/drip": _drip, "/slow/{n}": _slow, "/redirect/{n}": _redirect}
    routes |= {"/count": _count, "/bytes": _bytes, "/login": _login, "/private": _private, "/close": _close}
    for path, handler in routes.items():
        app.router.add_route("*", path, handler)
    return app


class Origin:
    """The servers, in a thread; ``addresses`` and ``authority`` are what a gateway needs to find and trust them."""

    def __init__(self, folder: Path) -> None:
        self.authority = folder / "origin.pem"
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(self.authority))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("api.shop.test").configure_cert(self._context)
        self.addresses: dict[str, str] = {}
        self.requests = 0
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self, ready: threading.Event) -> None:
        @web.middleware
        async def count(request: web.Request, handler):  # type: ignore[no-untyped-def]
            self.requests += 1
            return await handler(request)

        async def start() -> None:
            app = application()
            app.middlewares.append(count)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            for context in (None, self._context):
                await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context, backlog=1024).start()
            (_, plain), (_, secure) = (address[:2] for address in runner.addresses)
            self.addresses = {"shop.test:80": f"127.0.0.1:{plain}", "api.shop.test:443": f"127.0.0.1:{secure}"}
            ready.set()

        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(start())
        self._loop.run_forever()
        self._loop.close()
