"""`aio_requests.given`: a session that others have stays what it is, and is asked on the loop or in a thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import pickle
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock

import pytest
import requests
import requests_mock
import responses
from requests.auth import AuthBase, HTTPDigestAuth

from asyncify.support import aio_requests
from asyncify.support.aio_requests_given import given
from asyncify.support.aio_requests_wire import _carriers


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/digest" and "Authorization" not in self.headers:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = (self.headers.get("X-Tag", "-") + self.headers.get("Cookie", "")).encode()
        self.send_response(200)
        self.send_header("Set-Cookie", "seen=1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Tagged(requests.Session):
    """A class that only fills in what every session has."""

    def __init__(self) -> None:
        super().__init__()
        self.headers["X-Tag"] = "own"


class Overriding(requests.Session):
    ran_in: threading.Thread | None = None

    def request(self, *args: Any, **kwargs: Any) -> Any:
        self.ran_in = threading.current_thread()
        return super().request(*args, **kwargs)


class Token(AuthBase):
    ran_in: threading.Thread | None = None

    def __call__(self, request: Any) -> Any:
        self.ran_in = threading.current_thread()
        return request


@pytest.mark.parametrize("make", [requests.Session, Tagged])
async def test_plain_sessions_keep_their_state(url: str, make: Callable[[], requests.Session]) -> None:
    with make() as session:
        session.headers["X-Tag"] = "t"
        assert (await given(session).get(url)).text == "t"
        assert session.cookies["seen"] == "1"
        assert (await given(session).request("GET", url)).text == "tseen=1"
        prepared = session.prepare_request(requests.Request("GET", url))
        answer = await given(session).send(prepared)
        assert answer.text == "tseen=1" and isinstance(answer, requests.Response)
        assert await asyncio.to_thread(lambda: session.get(url).text) == "tseen=1"
        assert type(session) is make and given(session).cookies is session.cookies


async def test_closing_the_session_closes_its_connections(url: str) -> None:
    session = requests.Session()
    await given(session).get(url)
    carriers = [carrier for adapter in session.adapters.values() for carrier in _carriers.get(adapter, {}).values()]
    assert len(carriers) == 1 and not carriers[0].retired
    assert pickle.loads(pickle.dumps(session)).get(url).ok
    await asyncio.to_thread(session.close)
    assert carriers[0].retired
    assert (await given(session).get(url)).ok
    session.close()


async def test_a_plain_session_needs_no_thread(url: str) -> None:
    with requests.Session() as session, mock.patch("asyncify.support.aio_requests_given._off_loop", None):
        await given(session).get(url, timeout=5)
        await given(session.get)(url, auth=("me", "secret"))
        await given(requests).get(url)
        await given(requests.get)(url)
        async with aio_requests.Session() as own:
            assert (await given(own).get(url)).ok


async def test_code_of_others_runs_in_a_thread(url: str) -> None:
    session = Overriding()
    assert (await given(session).get(url)).text == "-"
    assert session.ran_in not in (None, threading.main_thread())
    plain, token = requests.Session(), Token()
    await given(plain).request("GET", url, None, None, None, None, None, token)
    assert token.ran_in not in (None, threading.main_thread())
    ran_in: list[threading.Thread] = []

    def hook(response: Any, **_: Any) -> None:
        ran_in.append(threading.current_thread())

    await given(plain).get(url, hooks={"response": hook})
    plain.hooks["response"].append(hook)
    await given(plain).get(url)
    await given(plain).send(plain.prepare_request(requests.Request("GET", url)))
    assert len(ran_in) == 3 and threading.main_thread() not in ran_in
    partly: Any = requests.Session()
    partly.get = functools.partial(partly.get, headers={"X-Tag": "filled"})
    assert (await given(partly).get(url)).text.startswith("filled")


async def test_classes_are_derived_only_where_that_means_nothing(url: str) -> None:
    derived: list[type] = []

    class Registering(requests.Session):
        def __init_subclass__(cls) -> None:
            derived.append(cls)

    class Computing(requests.Session):
        def __getattr__(self, name: str) -> Any:
            raise AttributeError(name)

    for session in (Registering(), Computing()):
        assert (await given(session).get(url)).ok
    assert not derived


async def test_digest(url: str) -> None:
    for auth in (HTTPDigestAuth("me", "secret"), HTTPDigestAuth("me", "secret")):
        session = requests.Session()
        session.auth = auth
        answers = await asyncio.gather(*(given(session).get(url + "digest") for _ in range(3)))
        prepared = session.prepare_request(requests.Request("GET", url + "digest"))
        answers.append(await given(session).send(prepared))
        assert [answer.status_code for answer in answers] == [200] * 4


@pytest.mark.parametrize("ask", [lambda s: {"stream": True}, lambda s: setattr(s, "stream", True) or {}])
async def test_streamed_bodies_are_read_as_ever(url: str, ask: Callable[[Any], dict[str, Any]]) -> None:
    with requests.Session() as session:
        answer = await given(session).get(url, **ask(session))
        assert b"".join(answer.iter_content(2)) == b"-"
        assert (await given(requests).get(url, stream=True)).raw.read() == b"-"


async def test_answers_are_what_they_were() -> None:
    class Futures:
        future: concurrent.futures.Future[int] = concurrent.futures.Future()

        def get(self, url: str) -> Any:
            return self.future

        async def post(self, url: str) -> str:
            return url

    class Awaitable:
        def __await__(self) -> Any:
            raise AssertionError("whoever asked awaits it")

    assert await given(Futures()).get("u") is Futures.future
    assert await given(Futures()).post("u") == "u"
    assert await given(lambda url: Futures().post(url))("u") == "u"
    answer = Awaitable()
    assert await given(lambda url: answer)("u") is answer


async def test_doubles_see_the_same_calls(url: str) -> None:
    session = mock.MagicMock()
    assert await given(session).get(url, timeout=3) is session.get.return_value
    session.get.assert_called_once_with(url, timeout=3)
    double = mock.AsyncMock(return_value=4)
    assert await given(double)(url) == 4
    with mock.patch.object(requests.Session, "request", autospec=True) as request:
        real = requests.Session()
        assert await given(real).get(url) is request.return_value
        assert request.call_args.args[:3] == (real, "GET", url)
    with mock.patch("requests.get") as get:
        assert await given(requests).get(url) is get.return_value
    with responses.RequestsMock() as answering:
        answering.get(url, body="canned")
        assert (await given(requests.Session()).get(url)).text == "canned"
    with requests_mock.Mocker() as answering:
        answering.get(url, text="canned")
        assert (await given(requests.Session()).get(url)).text == "canned"


async def test_errors_arrive(url: str) -> None:
    for session in (requests.Session(), Overriding()):
        with pytest.raises(requests.exceptions.MissingSchema):
            await given(session).get("nothing")
    for exhausted in (mock.Mock(side_effect=[]), lambda url: next(iter(()))):
        with pytest.raises(RuntimeError, match="raised StopIteration"):
            await given(exhausted)(url)
    with pytest.raises(AttributeError):
        await given(object()).get(url)
