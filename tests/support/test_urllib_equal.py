"""urllib.request and http.client beside `aio_urllib`: the same bytes on the wire, the same response or exception in hand."""

from __future__ import annotations

import asyncio
import http.client
import http.cookiejar
import inspect
import io
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.raw_server import ANSWERS, RawServer, Seen

from asyncify.support import aio_urllib, aio_urllib_client


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with RawServer() as running:
        yield running


class Plain:
    """The library as it is, in the shape of the module under test."""

    urlopen = staticmethod(urllib.request.urlopen)
    urlretrieve = staticmethod(urllib.request.urlretrieve)
    HTTPConnection = http.client.HTTPConnection

    @staticmethod
    def open_with(opener: Any, *args: Any) -> Any:
        return opener.open(*args)


class Awaited:
    urlopen = staticmethod(aio_urllib.urlopen)
    urlretrieve = staticmethod(aio_urllib.urlretrieve)
    open_with = staticmethod(aio_urllib.open_with)
    HTTPConnection = aio_urllib_client.HTTPConnection


async def of(value: Any) -> Any:
    """What a call of either side gives."""
    return await value if inspect.isawaitable(value) else value


Program = Callable[[Any, RawServer], Any]


async def outcome(program: Program, side: Any, server: RawServer) -> Any:
    try:
        return "gives", await program(side, server)
    except Exception as error:
        words = re.sub(r" ?\(_ssl\.c:\d+\)|0x[0-9a-f]+", "", str(error))
        reason = getattr(error, "reason", None)
        shown: list[Any] = [type(error).__mro__, words, type(reason)]
        if isinstance(error, urllib.error.HTTPError):
            shown += [error.code, error.headers.items(), error.url]
            try:
                shown.append(error.read())
            except Exception as broken:
                shown += [type(broken), str(broken)]
        return "raises", shown


def compare(program: Program, server: RawServer) -> Any:
    results = []
    for side in (Plain, Awaited):
        server.clear()
        server.flaky = 2
        urllib.request.install_opener(urllib.request.build_opener())
        found = asyncio.run(outcome(program, side, server))
        results.append((found, [vars(seen) | {"headers": hosts(seen)} for seen in server.seen]))
    assert results[1] == results[0]
    return results[0]


def hosts(seen: Seen) -> list[tuple[str, str]]:
    return [(name, re.sub(r'(cnonce|response)="\w+"', r"\1", value)) for name, value in seen.headers]


def seen_of(response: Any) -> Any:
    return (
        response.status,
        response.code,
        response.msg,
        response.reason,
        response.version,
        response.headers.items(),
        response.info().get_content_charset(),
        response.geturl(),
        response.url,
        response.getcode(),
        response.getheader("x-a"),
        response.getheaders(),
    )


async def in_pieces(response: Any, size: int) -> list[bytes]:
    pieces = []
    while piece := await of(response.read(size)):
        pieces.append(piece)
    return pieces


async def by_lines(response: Any) -> list[bytes]:
    return [line async for line in response] if hasattr(response, "__aiter__") else list(response)


async def into_buffer(response: Any) -> bytes:
    buffer = bytearray(5)
    filled = b""
    while size := await of(response.readinto(buffer)):
        filled += buffer[:size]
    return filled


async def line_then_rest(response: Any) -> Any:
    return (
        await of(response.readline()),
        await of(response.readline(3)),
        await of(response.read(2)),
        await of(response.read()),
    )


READERS: dict[str, Callable[[Any], Any]] = {
    "read": lambda response: of(response.read()),
    "read 7": lambda response: in_pieces(response, 7),
    "read 100000": lambda response: in_pieces(response, 100_000),
    "lines": by_lines,
    "readlines": lambda response: of(response.readlines()),
    "readinto": into_buffer,
    "line, rest": line_then_rest,
    "not read": lambda response: of(None),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("path", sorted(ANSWERS))
def test_urlopen(path: str, reader: str, server: RawServer) -> None:
    async def program(side: Any, server: RawServer) -> Any:
        with await of(side.urlopen(server.url + path, timeout=0.3)) as response:
            first = seen_of(response)
            try:
                return first, await READERS[reader](response), response.closed
            except (OSError, http.client.HTTPException, ValueError) as error:
                return first, type(error), str(error), vars(error)

    compare(program, server)


@pytest.mark.parametrize("path", sorted(ANSWERS))
def test_connection(path: str, server: RawServer) -> None:
    """Two requests on one connection, whatever the first one gives."""

    async def program(side: Any, server: RawServer) -> Any:
        connection = side.HTTPConnection("127.0.0.1", server.port, timeout=0.3)
        found: list[Any] = []
        for method, target, body in (("GET", path, None), ("POST", "/x?y", b"body"), ("HEAD", path, None)):
            try:
                await of(connection.request(method, target, body, {"X-Own": "é"}))
                response = await of(connection.getresponse())
                found.append((response.status, response.reason, response.getheaders(), response.will_close))
                found.append(await of(response.read()))
            except (OSError, http.client.HTTPException, ValueError) as error:
                found.append((type(error), str(error)))
                connection.close()
        connection.close()
        return found

    compare(program, server)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class Signed(urllib.request.BaseHandler):
    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        request.add_header("X-Signed", f"{request.get_method()} {request.selector}")
        return request


def passwords(kind: Any, password: str) -> Any:
    manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    manager.add_password(None, "http://127.0.0.1", "user", password)
    return kind(manager)


def opening(*handlers: Callable[[RawServer], Any], calls: tuple[Any, ...] = ("/utf8",)) -> Program:
    async def program(side: Any, server: RawServer) -> Any:
        opener = urllib.request.build_opener(*(make(server) for make in handlers))
        opener.addheaders = [("User-agent", "own/1"), ("X-Of-Opener", "1")]
        found: list[Any] = []
        for call in calls:
            request = call if isinstance(call, str) else call(server)
            target = server.url + request if isinstance(request, str) else request
            try:
                response = await of(side.open_with(opener, target))
                found.append((seen_of(response), await of(response.read())))
            except urllib.error.HTTPError as error:
                found.append((error.code, str(error), error.read(), error.headers.items()))
        return found

    return program


def asked(path: str, *args: Any, **options: Any) -> Program:
    async def program(side: Any, server: RawServer) -> Any:
        made = {key: value() if callable(value) else value for key, value in options.items()}
        given = [value() if callable(value) else value for value in args]
        request = urllib.request.Request(server.url + path, *given, **made)
        with await of(side.urlopen(request)) as response:
            return seen_of(response), await of(response.read())

    return program


def at(url: str, *args: Any, **options: Any) -> Program:
    async def program(side: Any, server: RawServer) -> Any:
        target = url.replace("{server}", server.url).replace("{port}", str(server.port))
        with await of(side.urlopen(target, *args, **options)) as response:
            return response.geturl(), response.headers.items(), await of(response.read())

    return program


def content_of(name: str) -> bytes | None:
    path = Path(name)
    return path.read_bytes() if path.exists() else None


async def retrieved(side: Any, server: RawServer) -> Any:
    steps: list[Any] = []
    name, headers = await of(side.urlretrieve(server.url + "/html", "page.html", lambda *step: steps.append(step)))
    return name, headers.items(), content_of(name), steps


async def retrieved_short(side: Any, server: RawServer) -> Any:
    return await of(side.urlretrieve(server.url + "/short", "page.html"))


async def retrieved_temporary(side: Any, server: RawServer) -> Any:
    name, headers = await of(side.urlretrieve(server.url + "/html"))
    content = content_of(name)
    urllib.request.urlcleanup()
    return headers.items(), content, content_of(name)


async def connection_misused(side: Any, server: RawServer) -> Any:
    connection = side.HTTPConnection("127.0.0.1", server.port)
    found: list[Any] = []
    for step in (
        lambda: connection.getresponse(),
        lambda: connection.request("GET", "/utf8"),
        lambda: connection.request("GET", "/utf8"),
        lambda: connection.getresponse(),
        lambda: connection.getresponse(),
    ):
        try:
            await of(step())
            found.append("done")
        except http.client.HTTPException as error:
            found.append((type(error), str(error)))
    connection.close()
    return found


async def connection_in_steps(side: Any, server: RawServer) -> Any:
    connection = side.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("PUT", "/put", skip_accept_encoding=True)
    connection.putheader("Content-Length", "10")
    await of(connection.endheaders())
    await of(connection.send(b"01234"))
    await of(connection.send(io.BytesIO(b"56789")))
    response = await of(connection.getresponse())
    return response.status, await of(response.read()), connection.close()


async def connection_refused(side: Any, server: RawServer) -> Any:
    await of(side.HTTPConnection("127.0.0.1", 1).request("GET", "/"))


PROGRAMS: dict[str, Program] = {
    "data": asked("/x", b"a=1"),
    "data of a file": asked("/x", lambda: io.BytesIO(b"of a file")),
    "data in pieces": asked("/x", lambda: iter([b"one ", b"two"])),
    "data and length": asked("/x", lambda: iter([b"one ", b"two"]), {"Content-Length": "7"}),
    "text as data": asked("/x", "text"),
    "headers": asked("/x", headers={"User-Agent": "own/2", "x-lower": "1", "Accept-Encoding": "gzip"}),
    "method": asked("/x", method="DELETE"),
    "head": asked("/utf8", method="HEAD"),
    "put": asked("/x", b"body", method="PUT"),
    "post that is redirected": asked("/to/302/utf8", b"body"),
    "post that may not be redirected": asked("/to/307/utf8", b"body"),
    "put that may not be redirected": asked("/to/302/utf8", b"body", method="PUT"),
    "redirected four times": asked("/to/301/to/302/to/303/to/307/x"),
    "another host": asked("/away/x", headers={"Authorization": "Basic abc", "X-Own": "1"}),
    "no redirects": opening(lambda _: NoRedirect, calls=("/to/302/utf8",)),
    "signed": opening(lambda _: Signed(), calls=("/to/302/utf8", "/404")),
    "cookies": opening(lambda _: urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), calls=("/login", "/x", "/cookies", "/x")),
    "basic": opening(lambda _: passwords(urllib.request.HTTPBasicAuthHandler, "right"), calls=("/basic", "/x")),
    "digest": opening(lambda _: passwords(urllib.request.HTTPDigestAuthHandler, "right"), calls=("/digest", "/digest")),
    "digest refused": opening(lambda _: passwords(urllib.request.HTTPDigestAuthHandler, "wrong"), calls=("/basic", "/digest")),
    "proxy": opening(lambda server: urllib.request.ProxyHandler({"http": server.url}), calls=(lambda _: "http://far.example/x",)),
    "proxy with a password": opening(lambda s: urllib.request.ProxyHandler({"http": f"http://u:p@127.0.0.1:{s.port}"}), calls=(lambda _: "http://far.example/x",)),
    "request object twice": opening(calls=(lambda s: urllib.request.Request(s.url + "/utf8"),) * 2),
    "file": at(Path(__file__).as_uri()),
    "data url": at("data:text/plain;charset=utf-8,words"),
    "unknown type": at("zorp://x/"),
    "no type": at("x/y"),
    "no host": at("http:///x"),
    "nobody there": at("http://127.0.0.1:1/"),
    "no such name": at("http://no-such-name.invalid/"),
    "no TLS there": at("https://127.0.0.1:{port}/"),
    "name of this host": at("http://localhost:{port}/x"),
    "not a port": at("http://127.0.0.1:x/"),
    "control characters": at("{server}/a b"),
    "timeout": at("{server}/silent", None, 0.05),
    "post": at("{server}/x", b"a=1", timeout=3),
    "retrieve": retrieved,
    "retrieve too short": retrieved_short,
    "retrieve into a temporary file": retrieved_temporary,
    "connection misused": connection_misused,
    "connection in steps": connection_in_steps,
    "connection refused": connection_refused,
}  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str, server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    compare(PROGRAMS[name], server)
