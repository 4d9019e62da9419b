"""Generic routes of the local server, for fixtures and for trying things out.

=================================  ==========================================================================
``/echo[/…]`` (any method)         JSON: method, path, args, headers, body, form, json
``/post`` (POST)                   the same for POST only; other methods get 405
``/status/<code>``                 that status, body ``status <code>``; ``?body=`` for another body
``/delay/<ms>[/<text>]``           `text` after `ms` milliseconds (beside the server's latency)
``/json/<n>``                      JSON ``{"n": n, "items": [{"id": 0, "name": "item 0"}, …]}``, `n` items
``/text`` ``/latin``               plain text with non-ASCII letters, UTF-8 / ISO-8859-1, charset stated
``/html``                          a page as UTF-8 whose header does not state the charset
``/redirect/<n>``                  `n` redirects, then ``/echo``; ``?status=`` (302), ``?to=`` for another end
``/set-cookie?name=value…``        sets these cookies; body: their names
``/cookies``                       JSON of the cookies received
``/bytes/<n>``                     `n` bytes, 0, 1, 2 … 255, 0 …
``/drip/<n>[/<ms>]``               `n` lines ``line 0`` … in chunks, `ms` (10) milliseconds before each
``/gzip``                          JSON, compressed
``/flaky/<n>[/<key>]``             503 for the first `n` requests since the reset, then 200; per path
``/basic-auth/<user>/<password>``  200 with these credentials, else 401
``/close``                         closes the connection without an answer
=================================  ==========================================================================
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from asyncify.verify.recorder import RECORDER

TEXT = "grüße, ñandú, naïve\n"
HTML = "<!doctype html>\n<html><head><title>Grüße</title></head><body><p>naïve</p></body></html>\n"


def _single(pairs: list[tuple[str, str]]) -> dict[str, str | list[str]]:
    """Pairs as a mapping; a name that comes twice maps to the list of its values."""
    result: dict[str, str | list[str]] = {}
    for name, value in pairs:
        match result.get(name):
            case None:
                result[name] = value
            case list(values):
                values.append(value)
            case str(first):
                result[name] = [first, value]
    return result


async def _echo(request: web.Request) -> web.Response:
    body = await request.read()
    data: dict[str, Any] = {
        "method": request.method,
        "path": request.path,
        "args": _single(list(request.query.items())),
        "headers": _single(list(request.headers.items())),
        "body": body.decode("utf-8", "backslashreplace"),
        "form": {},
        "json": None,
    }
    if request.content_type == "application/x-www-form-urlencoded":
        data["form"] = _single(parse_qsl(data["body"], keep_blank_values=True))
    elif request.content_type == "application/json":
        try:
            data["json"] = json.loads(body)
        except ValueError:
            data["json"] = None
    return web.json_response(data)


async def _status(request: web.Request) -> web.Response:
    code = int(request.match_info["code"])
    if code in (204, 304):
        return web.Response(status=code)
    return web.Response(status=code, text=request.query.get("body", f"status {code}"))


async def _delay(request: web.Request) -> web.Response:
    await asyncio.sleep(int(request.match_info["ms"]) / 1000)
    return web.Response(text=request.match_info.get("text", "").lstrip("/"))


async def _json(request: web.Request) -> web.Response:
    n = int(request.match_info["n"])
    return web.json_response({"n": n, "items": [{"id": i, "name": f"item {i}"} for i in range(n)]})


async def _text(_: web.Request) -> web.Response:
    return web.Response(text=TEXT)


async def _latin(_: web.Request) -> web.Response:
    return web.Response(text=TEXT, charset="iso-8859-1")


async def _html(_: web.Request) -> web.Response:
    return web.Response(body=HTML.encode(), headers={"Content-Type": "text/html"})


async def _redirect(request: web.Request) -> web.Response:
    left = int(request.match_info["n"])
    status = int(request.query.get("status", "302"))
    query = f"?{request.query_string}" if request.query_string else ""
    target = f"/redirect/{left - 1}{query}" if left > 1 else request.query.get("to", "/echo")
    return web.Response(status=status, headers={"Location": target}, text=f"to {target}")


async def _set_cookie(request: web.Request) -> web.Response:
    response = web.Response(text=" ".join(request.query))
    for name, value in request.query.items():
        response.set_cookie(name, value)
    return response


async def _cookies(request: web.Request) -> web.Response:
    return web.json_response(dict(request.cookies))


async def _bytes(request: web.Request) -> web.Response:
    n = int(request.match_info["n"])
    return web.Response(body=(bytes(range(256)) * (n // 256 + 1))[:n])


async def _drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
    await response.prepare(request)
    for number in range(int(request.match_info["n"])):
        await asyncio.sleep(int(request.match_info.get("ms", "10")) / 1000)
        await response.write(f"line {number}\n".encode())
    await response.write_eof()
    return response


async def _gzip(_: web.Request) -> web.Response:
    response = web.json_response({"compressed": True, "filler": "x" * 1000})
    response.enable_compression(web.ContentCoding.gzip)
    return response


async def _flaky(request: web.Request) -> web.Response:
    counts = request.app[RECORDER].counts
    counts[request.path] += 1
    if counts[request.path] <= int(request.match_info["n"]):
        return web.Response(status=503, text=f"failure {counts[request.path]}")
    return web.Response(text=f"success after {counts[request.path] - 1} failures")


async def _basic_auth(request: web.Request) -> web.Response:
    credentials = f"{request.match_info['user']}:{request.match_info['password']}"
    expected = "Basic " + base64.b64encode(credentials.encode()).decode("ascii")
    if request.headers.get("Authorization") == expected:
        return web.json_response({"authenticated": True, "user": request.match_info["user"]})
    return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="local"'}, text="no")


async def _close(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def add_routes(app: web.Application) -> None:
    """Add all of them."""
    app.router.add_post("/post", _echo)
    for path, handler in {
        "/echo": _echo,
        "/echo/{rest:.*}": _echo,
        "/status/{code:[1-5][0-9][0-9]}": _status,
        "/delay/{ms:[0-9]+}": _delay,
        "/delay/{ms:[0-9]+}{text:/.*}": _delay,
        "/json/{n:[0-9]+}": _json,
        "/text": _text,
        "/latin": _latin,
        "/html": _html,
        "/redirect/{n:[0-9]+}": _redirect,
        "/set-cookie": _set_cookie,
        "/cookies": _cookies,
        "/bytes/{n:[0-9]+}": _bytes,
        "/drip/{n:[0-9]+}": _drip,
        "/drip/{n:[0-9]+}/{ms:[0-9]+}": _drip,
        "/gzip": _gzip,
        "/flaky/{n:[0-9]+}": _flaky,
        "/flaky/{n:[0-9]+}/{key}": _flaky,
        "/basic-auth/{user}/{password}": _basic_auth,
        "/close": _close,
    }.items():
        app.router.add_route("*", path, handler)
