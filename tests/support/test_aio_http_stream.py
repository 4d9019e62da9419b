"""Bodies read while they arrive: `iter_content` and `iter_lines` of requests beside the awaited ones of `aio_http`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from support.raw_server import RawServer
from support.test_aio_http import trouble

from asyncify.support import aio_http

PATHS = (
    "/utf8 /html /latin1 /no-type /binary /empty /no-content /not-modified /404 /500 /gzip /deflate /deflate-raw /identity "
    "/bad-gzip /chunked /chunk-extension /until-close /http10 /short /short-chunks /reset /chunk-cut /drip /stall /lines "
    "/lines-chunked /to/302/utf8 /to-short /no-location /hang-up"
).split()
# How a body is read: the method, and its arguments.
READINGS: list[tuple[str, dict[str, Any]]] = [
    ("iter_content", {"chunk_size": 7}),
    ("iter_content", {"chunk_size": 8192}),
    ("iter_content", {}),
    ("iter_content", {"chunk_size": 5, "decode_unicode": True}),
    ("iter_lines", {}),
    ("iter_lines", {"chunk_size": 4}),
    ("iter_lines", {"chunk_size": 5, "delimiter": b"e"}),
    ("content", {}),
]


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with RawServer() as running:
        yield running


def told(error: Exception, url: str) -> dict[str, Any]:
    seen = {name: value for name, value in trouble(error).items() if name != "named"}
    if url.endswith("/chunk-cut"):
        seen |= {"text": "", "shown": ""}  # aiohttp does not tell how long the chunk should have been
    return seen


def by_requests(url: str, method: str, options: dict[str, Any]) -> list[Any]:
    seen: list[Any] = []
    try:
        with requests.get(url, stream=True, timeout=0.3) as response:
            seen.append((response.status_code, sorted(response.headers.items()), len(response.history)))
            if method == "content":
                seen += [response.content, response.text]
            else:
                for piece in getattr(response, method)(**options):
                    seen.append(piece)
        seen.append("again")
        if method == "content":
            seen += [response.content, list(response.iter_content(7))]
        else:
            seen += list(response.iter_content(7))
    except Exception as error:
        seen.append(told(error, url))
    return seen


async def by_aiohttp(url: str, method: str, options: dict[str, Any], module: Any = aio_http) -> list[Any]:
    seen: list[Any] = []
    try:
        with await module.get(url, stream=True, timeout=0.3) as response:
            seen.append((response.status_code, sorted(response.headers.items()), len(response.history)))
            if method == "content":
                seen += [await response.aread(), (await response.loaded()).text]
            else:
                async for piece in getattr(response, f"a{method}")(**options):
                    seen.append(piece)
        seen.append("again")
        if method == "content":
            seen += [response.content, [piece async for piece in response.aiter_content(7)]]
        else:
            seen += [piece async for piece in response.aiter_content(7)]
    except Exception as error:
        seen.append(told(error, url))
    return seen


CASES = [
    (path, method, options)
    for path in PATHS
    for method, options in READINGS
    if path not in ("/stall", "/hang-up", "/drip") or options.get("chunk_size") == 7  # they take their time
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("path", PATHS)
def test_same_pieces_and_errors(path: str, server: RawServer) -> None:
    url = server.url + path
    for method, options in [(method, options) for each, method, options in CASES if each == path]:
        assert asyncio.run(by_aiohttp(url, method, options)) == by_requests(url, method, options), (method, options)


async def test_a_body_that_was_not_read_says_so(server: RawServer) -> None:
    with await aio_http.get(f"{server.url}/utf8", stream=True) as response, pytest.raises(RuntimeError, match="aread"):
        _ = response.text


def _stopped_early(url: str) -> list[bytes]:
    with requests.get(url, stream=True) as plain:
        return [next(plain.iter_content(5)), *plain.iter_content(100)]


def _closed(url: str) -> list[bytes]:
    with requests.get(url, stream=True) as plain:
        plain.close()
        return list(plain.iter_content(5))


async def test_two_at_once_stopped_early_and_gone_on_with(server: RawServer) -> None:
    expected = _stopped_early(f"{server.url}/binary")
    for _ in range(2):
        responses = await asyncio.gather(*(aio_http.get(f"{server.url}/binary", stream=True) for _ in range(2)))
        for response in responses:
            pieces = []
            async for piece in response.aiter_content(5):
                pieces.append(piece)
                break
            pieces += [piece async for piece in response.aiter_content(100)]
            assert pieces == expected
            with pytest.raises(aio_http.StreamConsumedError):
                _ = [piece async for piece in response.aiter_content(100)]
            with pytest.raises(RuntimeError, match="already consumed"):
                await response.aread()


async def test_nothing_comes_after_close(server: RawServer) -> None:
    assert _closed(f"{server.url}/binary") == []
    response = await aio_http.get(f"{server.url}/binary", stream=True)
    response.close()
    assert [piece async for piece in response.aiter_content(5)] == []
