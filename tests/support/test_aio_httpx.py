"""httpx beside `aio_httpx`: the same requests, responses and errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from support.raw_server import ANSWERS, RawServer

from asyncify.support import aio_httpx


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with RawServer() as running:
        yield running


def shown(response: httpx.Response) -> Any:
    return (
        response.status_code,
        response.reason_phrase,
        response.headers.multi_items(),
        response.content,
        response.text,
        str(response.url),
        [hop.status_code for hop in response.history],
    )


def trouble(error: Exception) -> Any:
    return type(error), str(error).partition(" (_ssl")[0]


def sent(server: RawServer) -> Any:
    return [(seen.method, seen.target, seen.headers, seen.body) for seen in server.seen]


def plainly(method: str, url: str, options: dict[str, Any]) -> Any:
    try:
        return shown(httpx.request(method, url, **options))
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return trouble(error)


async def awaited(method: str, url: str, options: dict[str, Any]) -> Any:
    try:
        return shown(await aio_httpx.request(method, url, **options))
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return trouble(error)


CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    **{path: ("GET", "{server}" + path, {"timeout": 0.3}) for path in sorted(ANSWERS)},
    "followed": ("GET", "{server}/to/302/to/301/utf8", {"follow_redirects": True}),
    "post followed": ("POST", "{server}/to/307/utf8", {"data": {"a": "1"}, "follow_redirects": True}),
    "endless": ("GET", "{server}/loop", {"follow_redirects": True}),
    "data": ("POST", "{server}/x", {"data": {"a": [1, 2], "b": "x y"}}),
    "json": ("PUT", "{server}/x", {"json": {"a": None}}),
    "files": ("POST", "{server}/x", {"files": {"f": ("n.txt", b"content")}, "headers": {"Content-Type": "multipart/form-data; boundary=b"}}),
    "params": ("GET", "{server}/x?q=1", {"params": {"a": None, "b": True, "c": ["1", "2"]}}),
    "auth": ("GET", "{server}/x", {"auth": ("u", "p")}),
    "digest": ("GET", "{server}/utf8", {"auth": httpx.DigestAuth("u", "p")}),
    "cookies": ("GET", "{server}/x", {"cookies": {"a": "1"}}),
    "nobody": ("GET", "http://127.0.0.1:1/", {}),
    "no TLS": ("GET", "https://127.0.0.1:{port}/", {}),
    "no scheme": ("GET", "host/x", {}),
    "other scheme": ("GET", "ftp://host/x", {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_functions(name: str, server: RawServer) -> None:
    method, url, options = CASES[name]
    url = url.replace("{server}", server.url).replace("{port}", str(server.port))
    found = []
    for run in (plainly, lambda *args: asyncio.run(awaited(*args))):
        server.clear()
        found.append((run(method, url, options), sent(server)))
    assert found[1] == found[0]


@pytest.mark.filterwarnings("error")
def test_a_client_in_several_loops(server: RawServer) -> None:
    client = aio_httpx.Client(base_url=server.url)
    server.clear()

    async def twice() -> list[int]:
        return [(await client.get("/login")).status_code, (await client.get("/x")).status_code]

    assert [asyncio.run(twice()), asyncio.run(twice())] == [[302, 200]] * 2
    assert server.connections == 2
    assert server.seen[-1].header("Cookie") == "sid=abc"
    asyncio.run(client.aclose())
    assert client.is_closed


@pytest.mark.filterwarnings("error")
def test_a_client_is_closed_by_its_block(server: RawServer) -> None:
    async def program() -> Callable[[], Any]:
        async with aio_httpx.Client() as client, client.stream("GET", server.url + "/lines") as response:
            assert [line async for line in response.aiter_lines()][:2] == ["one", "two"]
        return client.get

    get = asyncio.run(program())
    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(get("http://127.0.0.1:1/"))
