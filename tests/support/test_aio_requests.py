"""What `aio_requests` does beyond single calls: streams, concurrency, mocks, adapters, loops, subclasses."""

from __future__ import annotations

import asyncio
import hashlib
import io
import shutil
import ssl
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import requests
import requests_mock
import responses
from requests.adapters import BaseAdapter, HTTPAdapter
from support.raw_server import ANSWERS, TEXT, RawServer
from urllib3.exceptions import InsecureRequestWarning

from asyncify.support import aio_http, aio_requests, emit
from asyncify.support.aio_requests import Response, Session


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with RawServer() as running:
        yield running


@pytest.mark.parametrize("size", [1, 7, 100, 100_000, None])
@pytest.mark.parametrize("path", ["/utf8", "/gzip", "/chunked", "/drip", "/empty", "/until-close"])
async def test_streamed_content(server: RawServer, path: str, size: int | None) -> None:
    def threads() -> list[bytes]:
        with requests.get(server.url + path, stream=True) as response:
            return list(response.iter_content(size))

    expected = await asyncio.to_thread(threads)
    async with await aio_requests.get(server.url + path, stream=True) as response:
        got = [piece async for piece in response.aiter_content(size)]
        with pytest.raises(requests.exceptions.StreamConsumedError):
            _ = [piece async for piece in response.aiter_content(size)]
    assert b"".join(got) == b"".join(expected)
    if size is not None and path != "/gzip":
        assert got == expected
    assert all(len(piece) <= (size or 1 << 20) for piece in got)


@pytest.mark.parametrize("decode", [None, True])
@pytest.mark.parametrize("path", ["/utf8", "/gzip", "/chunked", "/empty", "/until-close"])
async def test_raw_body(server: RawServer, path: str, decode: bool | None) -> None:
    def threads() -> tuple[bytes, bytes, bytes]:
        raw = requests.get(server.url + path, stream=True).raw
        copied = io.BytesIO()
        start, more = raw.read(3, decode_content=decode), raw.read(0)
        raw.decode_content = bool(decode)
        shutil.copyfileobj(raw, copied, 10)
        return start, more, copied.getvalue()

    async with await aio_requests.get(server.url + path, stream=True) as response:
        raw, copied = response.raw, io.BytesIO()
        start, more = await aio_requests.read_raw(raw, 3, decode_content=decode), await aio_requests.read_raw(raw, 0)
        raw.decode_content = bool(decode)
        await aio_requests.copyfileobj(raw, copied, 10)
        assert await aio_requests.read_raw(raw) == b""
    assert (start, more, copied.getvalue()) == await asyncio.to_thread(threads)


async def test_a_raw_body_that_is_there_already() -> None:
    with requests_mock.Mocker() as mocker:
        mocker.get("http://mock/x", body=io.BytesIO(b"abcdef"))
        response = await aio_requests.get("http://mock/x", stream=True)
        copied = io.BytesIO()
        assert await aio_requests.read_raw(response.raw, 2) == b"ab"
        await aio_requests.copyfileobj(response.raw, copied)
        assert copied.getvalue() == b"cdef"


async def test_a_spied_verb_sees_the_calls_of_the_blocking_face(server: RawServer) -> None:
    session = Session()
    with mock.patch.object(session, "get", side_effect=session.get) as spy:
        awaited = await session.get(server.url + "/utf8", timeout=3)
        blocked = await asyncio.to_thread(lambda: session.blocking.get(server.url + "/utf8", timeout=4))
    assert [call.kwargs["timeout"] for call in spy.call_args_list] == [3, 4]
    assert type(blocked) is requests.Response and awaited.content == blocked.content
    session.close()


async def test_what_replaces_a_verb_may_not_wait_on_the_blocking_face() -> None:
    session = Session()
    vars(session)["get"] = lambda url: asyncio.sleep(0.01)
    with pytest.raises(RuntimeError, match="waits for something else"):
        session.blocking.get("http://localhost")


@pytest.mark.parametrize("path", ["/lines", "/lines-chunked"])
@pytest.mark.parametrize("options", [{}, {"chunk_size": 1}, {"decode_unicode": True}, {"delimiter": b"\n"}])
async def test_streamed_lines(server: RawServer, path: str, options: dict[str, Any]) -> None:
    def threads() -> list[Any]:
        with requests.get(server.url + path, stream=True) as response:
            return list(response.iter_lines(**options))

    response = await aio_requests.get(server.url + path, stream=True)
    assert [line async for line in response.aiter_lines(**options)] == await asyncio.to_thread(threads)


async def test_decoded_stream(server: RawServer) -> None:
    async with Session() as session:
        response = await session.get(server.url + "/utf8", stream=True)
        pieces = [piece async for piece in response.aiter_content(5, decode_unicode=True)]
    assert "".join(pieces) == TEXT.decode()


async def test_an_unread_stream_refuses_to_block_then_reads(server: RawServer) -> None:
    response = await aio_requests.get(server.url + "/utf8", stream=True)
    assert response.status_code == 200
    for look in (
        lambda: response.content,
        lambda: response.text,
        response.json,
        lambda: next(response.iter_content(3)),
        lambda: next(response.iter_lines()),
        lambda: response.raw.read(),
    ):
        with pytest.raises(RuntimeError, match="aiter_content"):
            look()
    assert await response.aread() == TEXT == response.content
    assert response.text == TEXT.decode()
    assert [piece async for piece in response.aiter_content(1 << 20)] == [TEXT]


async def test_a_name_that_nobody_knows_is_told_from_a_door_that_is_closed() -> None:
    def reason(found: pytest.ExceptionInfo[requests.ConnectionError]) -> object:
        return found.value.args[0].reason

    for url in ("http://no-such-host.invalid/", "http://127.0.0.1:1/"):
        with pytest.raises(requests.ConnectionError) as before:
            await asyncio.to_thread(requests.get, url)
        with pytest.raises(requests.ConnectionError) as after:
            await aio_requests.get(url)
        assert type(reason(after)) is type(reason(before))
        assert str(reason(after)).partition(" (")[0] == str(reason(before)).partition(" (")[0]


@pytest.mark.parametrize(
    ("path", "pieces", "in_words"),
    [
        ("/short", [b"ab"], True),
        ("/short-chunks", [b"ab", b"c"], True),
        ("/chunk-cut", [b"ab", b"c", b"ab"], False),  # aiohttp does not tell how long the chunk should have been
        ("/stall", None, False),
        ("/bad-gzip", [], True),
        ("/reset", [], True),
    ],
)
async def test_broken_streams(server: RawServer, path: str, pieces: list[bytes] | None, in_words: bool) -> None:
    async def asked(get: Any, read: Any) -> tuple[list[bytes], str, object]:
        came: list[bytes] = []
        with pytest.raises(requests.RequestException) as raised:
            await read(await get(server.url + path, stream=True, timeout=0.1 if path == "/stall" else 5), came)
        return came, f"{type(raised.value).__name__}: {raised.value}", raised.value.args

    async def in_thread(*given: Any, **options: Any) -> requests.Response:
        return await asyncio.to_thread(requests.get, *given, **options)

    async def old(response: requests.Response, came: list[bytes]) -> None:
        await asyncio.to_thread(came.extend, response.iter_content(2))

    async def new(response: Any, came: list[bytes]) -> None:
        async for piece in response.aiter_content(2):  # not left, and closed all the same
            came.append(piece)

    before, after = await asked(in_thread, old), await asked(aio_requests.get, new)
    assert after[1].partition(":")[0] == before[1].partition(":")[0]
    assert pieces is None or after[0] == before[0] == pieces
    if in_words:
        assert after[1] == before[1]
        assert repr(after[2]) == repr(before[2])


async def test_answers_without_a_body(server: RawServer) -> None:
    for path in ("/utf8", "/chunked"):
        assert (await asyncio.wait_for(aio_requests.head(server.url + path), 30)).content == b""
        response = await aio_requests.head(server.url + path, stream=True)
        assert [piece async for piece in response.aiter_content(2)] == []


@pytest.mark.parametrize("path", ["/short", "/short-chunks", "/bad-gzip", "/reset", "/hang-up"])
@pytest.mark.parametrize("get", [aio_requests.get, aio_http.get])
async def test_broken_bodies_are_worded_as_by_requests(server: RawServer, path: str, get: Any) -> None:
    with pytest.raises(requests.RequestException) as before:
        await asyncio.to_thread(requests.get, server.url + path, timeout=5)
    with pytest.raises(OSError) as after:
        await get(server.url + path, timeout=5)
    assert type(after.value).__name__ == type(before.value).__name__
    if get is aio_requests.get or path != "/bad-gzip":
        assert str(after.value) == str(before.value)


async def test_stream_follows_redirects_and_can_be_left_unread(server: RawServer) -> None:
    async with Session() as session:
        async with await session.get(server.url + "/to/302/to/301/utf8", stream=True) as response:
            assert [r.status_code for r in response.history] == [302, 301]
            assert [r.content for r in response.history] == [b"moved", b"moved"]
        response = await session.get(server.url + "/to-short", stream=True, allow_redirects=False)
        assert response.next.url == server.url + "/utf8"
        assert (await session.get(server.url + "/x")).text == "echo"


async def test_raw_of_an_ordinary_response(server: RawServer) -> None:
    with await aio_requests.get(server.url + "/utf8") as response:
        assert response.raw.read() == b""  # requests has read it all
        assert response.raw.headers["content-type"] == "text/plain; charset=utf-8"
        assert response.raw.status == 200


async def test_many_at_once_are_as_many_in_flight(server: RawServer) -> None:
    server.clear()
    async with Session() as session:
        start = time.perf_counter()
        answers = await asyncio.gather(*(session.get(server.url + "/slow/2.0") for _ in range(100)))
    assert [answer.text for answer in answers] == ["slow"] * 100
    assert server.most == 100
    assert time.perf_counter() - start < 20


async def test_pool_block_limits_connections(server: RawServer) -> None:
    server.clear()
    async with Session() as session:
        session.mount("http://", HTTPAdapter(pool_maxsize=3, pool_block=True))
        await asyncio.gather(*(session.get(server.url + "/slow/0.02") for _ in range(12)))
    assert server.most == 3


async def test_sessions_reuse_connections_and_functions_do_not(server: RawServer) -> None:
    server.clear()
    async with Session() as session:
        for _ in range(5):
            await session.get(server.url + "/to/302/x")
    assert server.connections == 1
    for _ in range(3):
        await aio_requests.get(server.url + "/x")
    assert server.connections == 4


async def test_a_closed_session_can_be_used_again(server: RawServer) -> None:
    session = Session()
    for _ in range(2):
        assert (await session.get(server.url + "/x")).text == "echo"
        session.close()
    response = await session.get(server.url + "/drip", stream=True)
    session.close()  # a response in use keeps its connection
    assert await response.aread() == b"abcabcabcabc"


async def test_cookies_of_concurrent_requests_stay_with_their_session(server: RawServer) -> None:
    one, other = Session(), Session()
    await asyncio.gather(one.get(server.url + "/login"), other.get(server.url + "/cookies"))
    assert one.cookies.get_dict() == {"sid": "abc"}
    assert other.cookies.get_dict() == {"a": "1", "q": '"a b"', "b": "x/y=="}


def test_a_session_serves_one_loop_after_the_other(server: RawServer) -> None:
    session = Session()

    async def main() -> str:
        return str((await session.get(server.url + "/x")).text)

    assert [asyncio.run(main()), asyncio.run(main())] == ["echo", "echo"]


def test_a_session_serves_loops_in_two_threads(server: RawServer) -> None:
    session = Session()
    texts: list[str] = []

    async def main() -> None:
        for _ in range(5):
            texts.append((await session.get(server.url + "/x")).text)

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert texts == ["echo"] * 10


def test_isolated_asyncio_test_cases(server: RawServer) -> None:
    class Case(unittest.IsolatedAsyncioTestCase):
        session = Session()

        async def test_first(self) -> None:
            self.assertEqual((await self.session.get(server.url + "/x")).text, "echo")

        async def test_second(self) -> None:
            self.assertEqual((await self.session.get(server.url + "/x")).text, "echo")

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert (result.testsRun, result.failures, result.errors) == (2, [], [])


ENDINGS = {
    "closed": "    async with aio_requests.Session() as s:\n        await s.get(URL + '/x')\n",
    "not closed": "    s = aio_requests.Session()\n    await s.get(URL + '/x')\n",
    "collected": "    for _ in range(5):\n        await aio_requests.Session().get(URL + '/x')\n",
    "module level": "    await SESSION.get(URL + '/x')\n",
    "one shot": "    for _ in range(3):\n        await aio_requests.get(URL + '/x')\n",
    "unread stream": "    r = await aio_requests.get(URL + '/drip', stream=True)\n    r.close()\n",
    "failing": "    await SESSION.get(URL + '/x')\n    print('end', flush=True)\n    raise SystemExit(0)\n",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_is_left_open(server: RawServer, tmp_path: Any, ending: str) -> None:
    (tmp_path / "aio_requests.py").write_text(emit("aio_requests", ["Session", "get"]), encoding="utf-8")
    program = (
        f"import asyncio, aio_requests\nURL = {server.url!r}\nSESSION = aio_requests.Session()\n"
        f"async def main():\n{ENDINGS[ending]}    print('end')\nasyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert (done.stdout, complaints, done.returncode) == ("end\n", [], 0)


async def test_streaming_needs_little_memory(server: RawServer) -> None:
    import tracemalloc

    size = 32 << 20
    ANSWERS["/large"] = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size, *[bytes(1 << 20)] * 32]
    try:
        async with await aio_requests.get(server.url + "/large", stream=True) as response:
            tracemalloc.start()
            digest, total = hashlib.sha1(usedforsecurity=False), 0
            async for piece in response.aiter_content(65536):
                digest.update(piece)
                total += len(piece)
            peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        del ANSWERS["/large"]
    assert total == size
    assert peak < 8 << 20


async def test_subclass_with_its_own_request_and_send(server: RawServer) -> None:
    calls: list[str] = []

    class Api(Session):
        def __init__(self, base: str) -> None:
            super().__init__()
            self.base = base

        async def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            calls.append(f"request {url}")
            return await super().request(method, self.base + url, *args, **kwargs)

        async def send(self, request: Any, **kwargs: Any) -> Any:
            calls.append(f"send {request.path_url}")
            return await super().send(request, **kwargs)

        def rebuild_method(self, prepared: Any, response: Any) -> None:
            calls.append("rebuild")
            super().rebuild_method(prepared, response)

    async with Api(server.url) as api:
        assert (await api.post("/to/302/x", data="d")).text == "echo"
    assert calls == ["request /to/302/x", "send /to/302/x", "rebuild", "send /x"]


async def test_prepared_requests_and_hooks(server: RawServer) -> None:
    seen: list[Any] = []

    async def hook(response: Any, **kwargs: Any) -> None:
        await asyncio.sleep(0)
        seen.append((response.status_code, response.content, sorted(kwargs)))

    async with Session() as session:
        session.hooks["response"].append(hook)
        prepared = session.prepare_request(requests.Request("GET", server.url + "/to/302/utf8"))
        response = await session.send(prepared, timeout=3)
        with pytest.raises(ValueError, match="PreparedRequests"):
            await session.send(requests.Request("GET", server.url))
    assert response.content == TEXT
    assert [(status, body) for status, body, _ in seen] == [(302, b"moved"), (200, TEXT)]
    assert seen[0][2] == ["cert", "proxies", "stream", "timeout", "verify"]


async def test_a_hook_may_replace_the_response_and_not_look_at_one_not_there_yet(server: RawServer) -> None:
    replaced = requests.Response()
    replaced.status_code, replaced._content, replaced.headers["X"] = 299, b"mine", "1"
    assert await aio_requests.get(server.url + "/x", hooks={"response": lambda r, **kw: replaced}) is replaced

    def impatient(response: Any, **kwargs: Any) -> Any:
        return response.connection.send(response.request, **kwargs).status_code

    with pytest.raises(RuntimeError, match="status_code"):
        await aio_requests.get(server.url + "/x", hooks={"response": impatient})


async def test_digest_with_many_tasks(server: RawServer) -> None:
    async with Session() as session:
        session.auth = requests.auth.HTTPDigestAuth("u", "p")
        answers = await asyncio.gather(*(session.get(server.url + "/digest") for _ in range(20)))
    assert [(answer.status_code, len(answer.history)) for answer in answers] == [(200, 1)] * 20


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", f"{path}.key", "-out", f"{path}.crt"]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(Path(f"{path}.key").read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
async def test_certificates(certificate: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        peer = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + (b"known" if peer else b"unknown"))
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate)
    context.load_cert_chain(certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    async with await asyncio.start_server(answer, "localhost", 0, ssl=context) as listener:
        port = listener.sockets[0].getsockname()[1]

        def outcomes_of(call: Any) -> Any:
            pem = str(certificate)
            return [
                call(f"https://localhost:{port}/", verify=False),
                call(f"https://localhost:{port}/", verify=pem),
                call(f"https://localhost:{port}/", verify=pem, cert=pem),
                call(f"https://localhost:{port}/", verify=pem, cert=(pem, pem)),
                call(f"https://localhost:{port}/"),
                call(f"https://127.0.0.1:{port}/", verify=pem),
                call(f"https://localhost:{port}/", verify="/no/such/bundle"),
            ]

        def by_thread(url: str, **options: Any) -> str:
            try:
                return str(requests.get(url, **options).text)
            except OSError as error:
                return type(error).__name__

        async def by_task(url: str, **options: Any) -> str:
            try:
                return str((await aio_requests.get(url, **options)).text)
            except OSError as error:
                return type(error).__name__

        expected = await asyncio.to_thread(outcomes_of, by_thread)
        assert [await outcome for outcome in outcomes_of(by_task)] == expected
        assert expected == ["unknown", "unknown", "known", "known", "SSLError", "SSLError", "OSError"]


async def test_unverified_requests_warn(certificate: Path, server: RawServer) -> None:
    with pytest.warns(InsecureRequestWarning), pytest.raises(requests.exceptions.SSLError):
        await aio_requests.get(server.url.replace("http:", "https:"), verify=False)


async def test_cancelling_closes_the_connection_only(server: RawServer) -> None:
    async with Session() as session:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await session.get(server.url + "/silent")
        assert (await session.get(server.url + "/x")).text == "echo"
        assert [carrier.users for carrier in aio_requests._carriers[session.adapters["http://"]].values()] == [0]


class Canned(BaseAdapter):
    """Answers without a network, and notes in which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[str] = []

    def send(self, request: Any, **kwargs: Any) -> Any:
        self.threads.append(threading.current_thread().name)
        response = requests.Response()
        response.status_code, response.raw, response.request = 200, io.BytesIO(b"canned"), request
        response.url = request.url
        return response

    def close(self) -> None:
        pass


class Impatient(HTTPAdapter):
    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs["timeout"] = 0.05
        return super().send(request, *args, **kwargs)


async def test_other_adapters_send_in_a_thread(server: RawServer) -> None:
    canned = Canned()
    async with Session() as session:
        session.mount("canned://", canned)
        session.mount(server.url + "/silent", Impatient())
        assert (await session.get("canned://x/y")).text == "canned"
        response = await session.get("canned://x/y", stream=True)
        assert [piece async for piece in response.aiter_content(4)] == [b"cann", b"ed"]
        with pytest.raises(requests.ReadTimeout):
            await session.get(server.url + "/silent")
    assert canned.threads
    assert all(name.startswith("off_loop") for name in canned.threads)


async def test_mock_library_responses() -> None:
    with responses.RequestsMock() as mocked:
        mocked.get("http://nowhere.invalid/a", status=302, headers={"Location": "http://nowhere.invalid/b"})
        mocked.get("http://nowhere.invalid/b", json={"x": 1})
        answer = await aio_requests.get("http://nowhere.invalid/a")
        assert (answer.json(), len(answer.history), len(mocked.calls)) == ({"x": 1}, 1, 2)
        async with Session() as session:
            with pytest.raises(requests.ConnectionError):
                await session.post("http://nowhere.invalid/a", data={})
        answer = await aio_requests.get("http://nowhere.invalid/b", stream=True)
        assert [piece async for piece in answer.aiter_content(4)] == [b'{"x"', b": 1}"]


async def test_mock_library_requests_mock() -> None:
    with requests_mock.Mocker() as mocked:
        mocked.get("http://nowhere.invalid/a", status_code=302, headers={"Location": "/b"})
        mocked.get("http://nowhere.invalid/b", text="mocked", cookies={"c": "1"})
        async with Session() as session:
            answer = await session.get("http://nowhere.invalid/a", timeout=3)
            assert answer.cookies.get_dict() == {"c": "1"}
        assert (answer.text, mocked.call_count, mocked.last_request.timeout) == ("mocked", 2, 3)
        mocked.get("http://nowhere.invalid/c", exc=requests.ConnectTimeout)
        with pytest.raises(requests.ConnectTimeout):
            await aio_requests.get("http://nowhere.invalid/c")


async def test_replaced_functions_and_methods() -> None:
    with mock.patch("requests.get", return_value="mocked") as get:
        assert await aio_requests.get("http://x/", params={"a": 1}, timeout=5) == "mocked"
        get.assert_called_once_with("http://x/", params={"a": 1}, timeout=5)
    with mock.patch("requests.get", side_effect=requests.Timeout), pytest.raises(requests.Timeout):
        await aio_requests.get("http://x/")
    with mock.patch("requests.post", mock.AsyncMock(return_value="awaited")):
        assert await aio_requests.post("http://x/", json={}) == "awaited"
    with mock.patch("requests.api.request", return_value="lower") as request:
        assert await aio_requests.put("http://x/", data="d") == "lower"
        request.assert_called_once_with("put", "http://x/", data="d")
    with mock.patch("requests.Session.get", return_value="method") as get:
        assert await Session().get("http://x/", timeout=1) == "method"
        get.assert_called_once_with("http://x/", timeout=1)
    with mock.patch("requests.Session.request", autospec=True, return_value="spec") as request:
        assert await Session().post("http://x/", data=1) == "spec"
        assert request.call_args.args[1:] == ("POST", "http://x/")
    with mock.patch("requests.sessions.Session.send", return_value="sent"):
        assert await Session().get("http://x/") == "sent"
        assert await aio_requests.get("http://x/") == "sent"
    with mock.patch("requests.sessions.Session") as fake:
        fake.return_value.__enter__.return_value.request.return_value = "class"
        assert await aio_requests.get("http://x/") == "class"


async def test_an_instrumented_send_still_sends_and_does_not_block(
    server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import functools

    original = requests.Session.send
    seen: list[str] = []

    @functools.wraps(original)
    def traced(self: Any, request: Any, **kwargs: Any) -> Any:
        seen.append(threading.current_thread().name)
        return original(self, request, **kwargs)

    monkeypatch.setattr("requests.Session.send", traced)
    async with Session() as session:
        start = time.perf_counter()
        answers = await asyncio.gather(*(session.get(server.url + "/slow/0.2") for _ in range(10)))
    assert time.perf_counter() - start < 1.5
    assert [answer.text for answer in answers] == ["slow"] * 10
    assert all(name.startswith("off_loop") for name in seen)


def test_signatures_are_kept_where_requests_checks_them() -> None:
    async def main() -> None:
        with pytest.raises(TypeError):
            await aio_requests.get()
        with pytest.raises(TypeError):
            await aio_requests.put("http://x/", "data", "too many")

    asyncio.run(main())


async def test_responses_pickle_and_compare_as_ever(server: RawServer) -> None:
    import copy
    import pickle

    response = await aio_requests.get(server.url + "/login")
    for twin in (pickle.loads(pickle.dumps(response)), copy.deepcopy(response)):
        assert (twin.text, twin.url, twin.status_code) == (TEXT.decode(), server.url + "/utf8", 200)
        assert isinstance(twin, Response)
    session = pickle.loads(pickle.dumps(Session()))
    assert (await session.get(server.url + "/x")).text == "echo"
