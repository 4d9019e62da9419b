"""The helpers of the native profile beside requests: URLs, sessions, and how a body is decoded."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st
from requests.models import PreparedRequest
from support.raw_server import ANSWERS, RawServer

from asyncify.support import emit
from asyncify.support.aio_support_http import (
    body,
    client_session,
    fetch,
    json_of,
    loop_session,
    request_url,
    text_of,
)


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with RawServer() as running:
        yield running


def by_requests(url: Any, params: Any) -> str | None:
    """The URL requests would use, None where it raises or has no adapter for it."""
    request = PreparedRequest()
    try:
        request.prepare_url(url, params)
    except (requests.exceptions.RequestException, UnicodeError):
        return None
    return request.url if request.url and re.match("https?://", request.url) else None


def by_us(url: Any, params: Any) -> str | None:
    try:
        found = request_url(url, params)
    except (aiohttp.InvalidURL, UnicodeError):
        return None
    fragment = f"#{found.raw_fragment}" if found.raw_fragment else ""
    return f"{found.scheme}://{found.raw_authority}{found.raw_path_qs}{fragment}"


HOSTS = ["http://h", "https://H.Example:8080", "http://user:p%40@h", "http://[::1]:5", "HTTP://bücher.de"]
HOSTS += ["http://h:0080", "https://h:", "http://127.0.0.1:80", "http://u@h", "http://a-b.c_d"]
PIECES = [*"ab/?#&=+ é:@!()*'\"<>{}|\\^`[]~-_.;,$☃\t2fFeE%", "%2F", "%2f", "%41", "%7e", "..", "/./", "/../", "%zz"]
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=3),
    st.decimals(), st.uuids(), st.dates(), st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=3))),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)  # fmt: skip
PARAMS = st.one_of(
    st.none(),
    st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), VALUES, max_size=3),
    st.lists(st.tuples(st.text(max_size=3), VALUES), max_size=3),
    st.sampled_from(["a=1&b=x y", "a=%20b", b"q=%7e", "é=ü", ""]),
)


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(HOSTS), st.sampled_from(["", "/", "?"]), st.lists(st.sampled_from(PIECES), max_size=8), PARAMS)
@example("http://h", "/", ["a"], {"p": Decimal("19.99"), "i": UUID(int=5), "d": date(2026, 1, 2)})
@example("http://127.0.0.1:80", "?", [], {"a": 1})
def test_urls_are_encoded_as_by_requests(host: str, mark: str, pieces: list[str], params: Any) -> None:
    if not mark:  # without a mark the pieces would become part of the host
        pieces = []
    url = host + mark + "".join(pieces)
    assert by_us(url, params) == by_requests(url, params)


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=12))
@example("example.com/x")
@example("ftp://h/")
@example("http://")
@example("http://*.foo/")
@example("http://host:99999/")
@example("http://[bad/")
def test_what_is_no_url_is_a_value_error(text: str) -> None:
    for url in (text, f"http://{text}/"):
        ours = by_us(url, None)
        if "%" not in url:
            assert ours == by_requests(url, None)


def test_odd_urls() -> None:
    assert by_us(b"http://h/b", None) == "http://h/b"
    assert by_us("  http://h", None) == "http://h/"
    with pytest.raises(ValueError):
        request_url(None)


BODIES = [path for path, answer in ANSWERS.items() if isinstance(answer, bytes) and not path.startswith("/to-")]
BODIES = [path for path in BODIES if path not in ("/loop", "/login", "/bad-gzip", "/endless-header")]


@pytest.mark.parametrize("path", BODIES)
async def test_bodies_are_decoded_as_by_requests(server: RawServer, path: str) -> None:
    expected = await asyncio.to_thread(requests.get, server.url + path)
    async with client_session() as session:
        response = await fetch(session.get(request_url(server.url + path)))
    assert body(response) == expected.content
    assert text_of(response) == expected.text
    assert response.status == expected.status_code
    assert response.ok == bool(expected) or response.status >= 600  # aiohttp has no such success
    try:
        decoded = repr(expected.json())
    except requests.JSONDecodeError as error:
        with pytest.raises(json.JSONDecodeError) as caught:
            json_of(response)
        assert str(caught.value) == str(error)
    else:
        assert repr(json_of(response)) == decoded


async def test_json_arguments_are_passed_on(server: RawServer) -> None:
    response = await fetch(loop_session().get(server.url + "/json-number"))
    assert json_of(response, parse_int=str) == "12"


async def test_a_body_not_fetched_is_refused(server: RawServer) -> None:
    async with client_session() as session, session.get(server.url + "/utf8") as response:
        for look in (body, text_of, json_of):
            with pytest.raises(RuntimeError, match="fetch"):
                look(response)


async def test_session_keeps_cookies_of_addresses_and_sends_them_as_they_came(server: RawServer) -> None:
    server.clear()
    async with client_session(headers={"X-A": "1"}) as session:
        await fetch(session.get(server.url + "/cookies"))
        await fetch(session.get(server.url + "/x"))
    assert sorted((server.seen[1].header("Cookie") or "").split("; ")) == ["a=1", "b=x/y==", 'q="a b"']
    assert server.seen[1].header("X-A") == "1"
    assert server.connections == 1


async def test_nothing_is_sent_twice_and_long_headers_are_read(server: RawServer) -> None:
    server.clear()
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await fetch(loop_session().delete(server.url + "/hang-up"))
    assert len(server.seen) == 1
    response = await fetch(loop_session().get(server.url + "/big-header"))
    assert len(response.headers["X-A"]) == 20000


async def test_many_at_once(server: RawServer) -> None:
    server.clear()
    session = loop_session()
    assert session is loop_session()
    answers = await asyncio.gather(*(fetch(session.get(server.url + "/slow/2.0")) for _ in range(120)))
    assert {text_of(answer) for answer in answers} == {"slow"}
    assert server.most == 120


async def test_loop_session_keeps_no_cookies(server: RawServer) -> None:
    server.clear()
    for path in ("/cookies", "/x"):
        await fetch(loop_session().get(server.url + path))
    assert server.seen[1].header("Cookie") is None


def test_loop_session_is_one_per_loop_and_closes_itself(server: RawServer, tmp_path: Path) -> None:
    (tmp_path / "aio_support.py").write_text(emit("aio_support", ["loop_session", "fetch", "text_of"]), "utf-8")
    program = (
        "import asyncio\nfrom aio_support import fetch, loop_session, text_of\n"
        f"async def main():\n    print(text_of(await fetch(loop_session().get({server.url + '/x'!r}))))\n"
        "asyncio.run(main())\nasyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert (done.stdout, complaints) == ("echo\necho\n", [])


def test_trusts_the_bundle_that_requests_trusts(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect() -> None:
        async with client_session():
            pass

    asyncio.run(connect())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(Path(__file__).parent / "no-such-file"))
    with pytest.raises(FileNotFoundError):
        asyncio.run(connect())
