"""What tests put in the place of requests, as a whole, still answers through `aio_requests`."""

from __future__ import annotations

import http.client
import sys
import threading
import types
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock

import pytest
import requests
import urllib3.connection
import urllib3.connectionpool

from asyncify.support import emit, helpers


@pytest.fixture(scope="module")
def aio_requests() -> Iterator[Any]:
    """The module as it is added to a project: one file, so that its name for requests can be replaced."""
    module = types.ModuleType("emitted_aio_requests")
    sys.modules[module.__name__] = module
    text = emit("aio_requests", helpers("aio_requests"))
    exec(compile(text, "emitted_aio_requests.py", "exec"), vars(module))
    yield module
    del sys.modules[module.__name__]


@pytest.fixture
def url() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"real")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("name", ["requests.Session", "requests.sessions.Session"])
async def test_the_class_of_sessions_is_replaced(aio_requests: Any, name: str) -> None:
    with mock.patch(name) as fake:
        fake.return_value.get.return_value.json.return_value = {"x": 1}
        session = aio_requests.Session()
        session.headers["A"] = "b"
        session.auth = ("user", "word")
        answer = await session.get("http://x/", timeout=3)
        assert answer.json() == {"x": 1}
        fake.return_value.get.assert_called_once_with("http://x/", timeout=3)
        fake.return_value.headers.__setitem__.assert_called_once_with("A", "b")
        assert (fake.return_value.auth, session.blocking) == (("user", "word"), fake.return_value)
        assert session == fake.return_value
        fake.return_value.__enter__.return_value.post.side_effect = requests.Timeout
        async with aio_requests.Session() as session:
            with pytest.raises(requests.Timeout):
                await session.post("http://x/")
        with aio_requests.Session() as session:
            assert session.close() is fake.return_value.__enter__.return_value.close.return_value
    assert isinstance(aio_requests.Session(), requests.Session)


async def test_the_factory_of_sessions_is_replaced(aio_requests: Any) -> None:
    with mock.patch("requests.session") as fake:
        fake.return_value.put.return_value = "put"
        assert await aio_requests.session().put("http://x/") == "put"
        assert isinstance(aio_requests.Session(), requests.Session)
    assert isinstance(aio_requests.session(), aio_requests.Session)


async def test_one_name_replaced_leaves_what_did_not_use_it(aio_requests: Any, url: str) -> None:
    with mock.patch("requests.Session"):  # requests.get looks at requests.sessions.Session
        assert (await aio_requests.get(url)).text == "real"


async def test_a_derived_session_works_in_threads(aio_requests: Any, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    class Recording(requests.Session):
        def send(self, request: Any, **kwargs: Any) -> Any:
            threads.append(threading.current_thread())
            return super().send(request, **kwargs)

    monkeypatch.setattr(requests, "Session", Recording)
    monkeypatch.setattr(requests.sessions, "Session", Recording)
    assert (await aio_requests.get(url)).text == "real"
    async with aio_requests.Session() as session:
        assert (await session.get(url)).text == "real"
    assert len(threads) == 2
    assert threading.main_thread() not in threads


async def test_a_class_of_the_test_is_put_there(aio_requests: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Fake:
        def request(self, method: str, url: str) -> str:
            return f"{method} {url}"

    monkeypatch.setattr("requests.Session", Fake)
    session = aio_requests.Session()
    assert await session.request("GET", "http://x/") == "GET http://x/"
    with pytest.raises(AttributeError):
        session.missing  # noqa: B018


async def test_the_whole_module_is_replaced(aio_requests: Any) -> None:
    with mock.patch.object(aio_requests, "requests") as fake:
        fake.get.return_value.text = "mocked"
        assert (await aio_requests.get("http://x/", timeout=1)).text == "mocked"
        fake.get.assert_called_once_with("http://x/", timeout=1)
        fake.Session.return_value.get.return_value = "by class"
        fake.session.return_value.get.return_value = "by function"
        assert await aio_requests.Session().get("http://x/") == "by class"
        assert await aio_requests.session().get("http://x/") == "by function"
    with mock.patch.object(aio_requests, "requests", types.SimpleNamespace(get=lambda url: url)):
        assert await aio_requests.get("http://x/") == "http://x/"


async def test_streamed_doubles(aio_requests: Any) -> None:
    with mock.patch("requests.get") as get:
        get.return_value.iter_content.return_value = [b"a", b"b"]
        get.return_value.content = b"ab"
        get.return_value.status_code = 201
        answer = await aio_requests.get("http://x/", stream=True)
        assert [piece async for piece in answer.aiter_content(chunk_size=1)] == [b"a", b"b"]
        get.return_value.iter_content.assert_called_once_with(chunk_size=1)
        assert (await answer.aread(), answer.status_code, await answer.loaded()) == (b"ab", 201, get.return_value)
        answer.encoding = "utf-8"
        assert get.return_value.encoding == "utf-8"
        assert await aio_requests.get("http://x/") is get.return_value
    with mock.patch("requests.Session.get") as get:
        get.return_value.__enter__.return_value.iter_lines.return_value = iter([b"1", b"2"])
        async with await aio_requests.Session().get("http://x/", stream=True) as answer:
            assert [line async for line in answer.aiter_lines()] == [b"1", b"2"]
        get.return_value.__exit__.assert_called_once()


async def test_what_answers_below_requests_is_asked(
    aio_requests: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As recorders do: vcr replaces the connection classes of urllib3, httpretty the socket."""

    class Canned(urllib3.connection.HTTPConnection):
        def getresponse(self) -> Any:
            raise http.client.BadStatusLine("canned")

    Canned.__module__ = "recorder.stubs"
    with monkeypatch.context() as patched:
        patched.setattr(urllib3.connectionpool.HTTPConnectionPool, "ConnectionCls", Canned)
        with pytest.raises(requests.ConnectionError, match="canned"):
            await aio_requests.get(url)
    assert (await aio_requests.get(url)).text == "real"
