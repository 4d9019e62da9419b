"""requests beside `aio_requests`: the same bytes on the wire, the same response or exception in hand."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth
from support.raw_server import ANSWERS, RawServer

from asyncify.support import aio_requests

Options = Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """Calls made one after the other, and how their session is set up (None: the module's functions)."""

    name: str
    calls: tuple[tuple[str, str, Options], ...]
    session: Callable[[Any], None] | None = None


ADDRESS = re.compile(r" at 0x\w+")  # would make the test's name another in each process


def one(method: str, path: str, /, **options: Any) -> Case:
    def fresh() -> dict[str, Any]:
        return {key: value() if isinstance(value, Made) else value for key, value in options.items()}

    shown = ", ".join(f"{key}={ADDRESS.sub('', repr(value)):.40}" for key, value in options.items())
    return Case(f"{method} {path} {shown}"[:90], ((method, path, fresh),))


@dataclass(frozen=True)
class Made:
    """A value used up by a request, made anew for each."""

    make: Callable[[], Any]

    def __call__(self) -> Any:
        return self.make()


class Signed(AuthBase):
    def __call__(self, request: Any) -> Any:
        request.headers["X-Signed"] = f"{request.method} {request.path_url} {request.body!r}"
        return request


def through(session: Any, *calls: tuple[str, str] | tuple[str, str, dict[str, Any]], name: str = "") -> Case:
    steps = tuple((call[0], call[1], lambda call=call: dict(call[2]) if len(call) > 2 else {}) for call in calls)
    return Case(f"session {name or session.__name__} {calls[0][0]} {calls[0][1]}", steps, session)


def plain(session: Any) -> None:
    pass


def with_defaults(session: Any) -> None:
    session.headers.update({"X-Session": "s", "Accept": None})
    session.params = {"from": "session"}
    session.cookies.set("c", "v")
    session.auth = ("u", "p")


def with_retries(session: Any) -> None:
    retry = urllib3.Retry(total=3, backoff_factor=0, status_forcelist=[503])
    session.mount("http://", HTTPAdapter(max_retries=retry))


def with_last_response(session: Any) -> None:
    retry = urllib3.Retry(total=1, backoff_factor=0, status_forcelist=[503], raise_on_status=False)
    session.mount("http://", HTTPAdapter(max_retries=retry))


def with_number_of_retries(session: Any) -> None:
    session.mount("http://", HTTPAdapter(max_retries=2))


def with_read_retries(session: Any) -> None:
    session.mount("http://", HTTPAdapter(max_retries=urllib3.Retry(total=2, backoff_factor=0)))


def with_few_redirects(session: Any) -> None:
    session.max_redirects = 2


FORM = {"a": "1", "b": ["x y", "é"], "c": None}
CASES: list[Case] = [
    *(one("GET", path) for path in ANSWERS if path not in ("/silent", "/stall")),
    *(one("HEAD", path) for path in ("/utf8", "/gzip", "/to/302/utf8", "/404", "/chunked")),
    one("GET", "/x", params={"a": None, "b": 1, "c": True, "d": 1.5, "e": ["x", None, 2], "f": b"by"}),
    one("GET", "/x", params={"a": Decimal("19.99"), "b": UUID(int=5), "c": date(2026, 1, 2), 7: "int"}),
    one("GET", "/x?q=1", params={"q": "a/b?c:d@e,f (g)'h!i*j", "é": "ü"}),
    one("GET", "/x", params="a=1&b=x y"),
    one("GET", "/x", params=b"a=%20b"),
    one("GET", "/x", params=[("a", "1"), ("a", "2"), ("b", ("t", "u"))]),
    one("GET", "/x", params={}),
    one("GET", "/a%2Fb%3A/%28x%29/%7euser/é/{x}|\"?q=%2F&r=a b&s='"),
    one("GET", "/%2e%2e/a/./b/../c"),
    one("GET", "/bad%zz%"),
    one("GET", "//double//slash?#frag"),
    one("GET", ""),
    one("POST", "/x", data=FORM),
    one("POST", "/x", data=[("k", "1"), ("k", "2")]),
    one("POST", "/x", data="text ü"),
    one("POST", "/x", data=b"\x00\xff"),
    one("POST", "/x", data=bytearray(b"abc")),
    one("POST", "/x", data=Made(lambda: io.BytesIO(b"from a file"))),
    one("POST", "/x", data=Made(lambda: io.StringIO("from a text file"))),
    one("POST", "/x", data=Made(lambda: (chunk for chunk in (b"one", b"", b"two")))),
    one("POST", "/x", data=Made(lambda: iter([]))),
    one("POST", "/x", data={}),
    one("POST", "/x", data="", headers={"Content-Type": "text/x"}),
    one("POST", "/x"),
    one("PUT", "/x"),
    one("PATCH", "/x", data={"a": b"bytes"}),
    one("DELETE", "/x"),
    one("DELETE", "/x", json={"a": 1}),
    one("OPTIONS", "/x"),
    one("PURGE", "/x"),
    one("get", "/x"),
    one("POST", "/x", json={"a": [1, "é", None, True]}),
    one("POST", "/x", json=[]),
    one("POST", "/x", json=0),
    one("POST", "/x", json={"a": 1}, data={"b": "2"}),
    one("POST", "/x", json=float("nan")),
    one("POST", "/x", json=object()),
    one("POST", "/x", files={"f": ('naïve "q".txt', b"content")}),
    one("POST", "/x", files=Made(lambda: {"f": io.BytesIO(b"content")}), data={"a": "1"}),
    one("POST", "/x", files=[("f", ("a.txt", "text", "text/plain", {"X-Part": "1"})), ("f", ("b", b"2"))]),
    one("GET", "/x", headers={"X-A": None, "User-Agent": None, "Accept": None, "X-B": b"bytes"}),
    one("GET", "/x", headers={"Connection": None, "Accept-Encoding": None}),
    one("GET", "/x", headers={"X-A": 1}),
    one("GET", "/x", headers={"X-A": "two\nlines"}),
    one("GET", "/x", headers={"X-A": " leading"}),
    one("GET", "/x", headers={"X-A": "café"}),
    one("GET", "/x", headers={"X-A": "☃"}),
    one("GET", "/x", headers={"Host": "other.example", "accept": "x/y"}),
    one("POST", "/x", headers={"Content-Length": "3"}, data="longer than three"),
    one("POST", "/x", headers={"Content-Type": "a/b"}, json={}),
    one("GET", "/x", headers={"Cookie": "h=1"}, cookies={"c": "2"}),
    one("GET", "/x", cookies={"a": "x y", "b": '"q"', "c": "a,b", "d": "a/b=c", "e": ""}),
    one("GET", "/x", auth=("user", "pä:ss")),
    one("GET", "/x", auth=HTTPBasicAuth("u:x", "p"), headers={"Authorization": "mine"}),
    one("GET", "/x", auth=Signed(), params={"a": "b"}),
    one("POST", "/x", auth=Signed(), data=b"sign me"),
    one("GET", "/digest", auth=Made(lambda: HTTPDigestAuth("u", "p"))),
    one("POST", "/digest", auth=Made(lambda: HTTPDigestAuth("u", "p")), data={"a": "1"}),
    one("GET", "/basic", auth=Made(lambda: HTTPDigestAuth("u", "p"))),
    one("GET", "/to/302/digest", auth=Made(lambda: HTTPDigestAuth("u", "p"))),
    *(
        one(method, f"/to/{code}/utf8", **({"data": "body"} if method not in ("GET", "HEAD") else {}))
        for code in (301, 302, 303, 307, 308)
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    ),
    one("POST", "/to/307/utf8", data=Made(lambda: io.BytesIO(b"rewound"))),
    one("POST", "/to/307/utf8", data=Made(lambda: (chunk for chunk in (b"cannot", b"rewind")))),
    one("POST", "/to/302/utf8", data={"a": "1"}, headers={"Content-Type": "a/b", "X-Api-Key": "k"}),
    one("POST", "/to/302/to/301/to/303/utf8", json={"a": 1}),
    one("GET", "/to/302/utf8", allow_redirects=False),
    one("HEAD", "/to/302/utf8", allow_redirects=True),
    one("GET", "/to-short", allow_redirects=False),
    one("GET", "/to-fragment#old"),
    one("GET", "/to/302/utf8#kept"),
    one("GET", "/to/302/x", params={"p": "1"}, auth=("u", "p"), cookies={"c": "1"}),
    one("GET", "/away/x", auth=("u", "p"), cookies={"c": "1"}, headers={"X-Api-Key": "k"}),
    one("GET", "/utf8", hooks={"response": lambda r, **kw: setattr(r, "encoding", "latin-1")}),
    one("GET", "/drip", timeout=0.3),
    one("GET", "/drip", timeout=(0.5, 0.02)),
    one("GET", "/silent", timeout=0.1),
    one("GET", "/silent", timeout=urllib3.Timeout(connect=1, read=0.1)),
    one("GET", "/stall", timeout=0.1),
    one("GET", "/utf8", timeout=(None, 2)),
    one("GET", "/utf8", timeout=0),
    one("GET", "/utf8", timeout=-1),
    one("GET", "/utf8", timeout="soon"),
    one("GET", "/utf8", timeout=(1, 2, 3)),
    one("GET", "/utf8", verify=False),
    one("GET", "/utf8", proxies={"http": "{server}"}),
    one("GET", "/utf8?a=b", proxies={"http": "http://us%40er:pw@{host}"}),
    one("GET", "/utf8", proxies={"http": "{host}"}),
    one("GET", "/utf8", proxies={"http": "http://127.0.0.1:1"}),
    one("GET", "/utf8", proxies={"http": "http://"}),
    one("GET", "=http://127.0.0.1:1/refused"),
    one("GET", "=http://no-such-host.invalid/"),
    one("GET", "=https://{host}/not-tls"),
    one("GET", "=example.com/x"),
    one("GET", "=/x"),
    one("GET", "=ftp://host/x"),
    one("GET", "=127.0.0.1:80/x"),
    one("GET", "=http://"),
    one("GET", "=http://host:99999/"),
    one("GET", "=http://[bad/"),
    one("GET", "=http://*.foo/"),
    one("GET", "=http://.foo/"),
    one("GET", "=http://u:p@{host}/x"),
    one("GET", "=  HTTP://{host}/x"),
    one("GET", "/x", cert="/no/such/file"),
    one("GET", "/x", nonsense=1),
    through(plain, ("GET", "/login"), ("GET", "/x"), ("GET", "/cookies"), ("GET", "/x"), name="cookies"),
    through(plain, ("GET", "/cookies"), ("GET", "/x", {"cookies": {"b": "2"}}), ("GET", "/x"), name="own cookies"),
    through(plain, ("GET", "/hang-up"), ("GET", "/x"), ("GET", "/short"), ("GET", "/x"), name="after errors"),
    through(with_defaults, ("GET", "/x", {"params": {"a": "1"}}), ("POST", "/x", {"data": "d", "auth": ("v", "q")})),
    through(with_defaults, ("GET", "/x", {"headers": {"X-Session": None}, "params": {"from": None}})),
    through(with_retries, ("GET", "/busy"), ("POST", "/busy", {"data": "x"}), ("GET", "/retry-after")),
    through(with_retries, ("PUT", "/flaky", {"data": "body"}), name="that succeed"),
    through(with_last_response, ("GET", "/busy")),
    through(with_number_of_retries, ("GET", "=http://127.0.0.1:1/"), ("GET", "/hang-up"), ("GET", "/busy")),
    through(with_read_retries, ("GET", "/hang-up"), ("POST", "/hang-up"), ("GET", "/silent", {"timeout": 0.05})),
    through(with_few_redirects, ("GET", "/loop"), ("GET", "/to/302/to/302/utf8"), ("GET", "/to/302/to/302/to/302/x")),
]


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with RawServer() as running:
        yield running


def filled(value: Any, server: RawServer) -> Any:
    if isinstance(value, str):
        return value.replace("{server}", server.url).replace("{host}", f"127.0.0.1:{server.port}")
    return {key: filled(item, server) for key, item in value.items()} if isinstance(value, dict) else value


def address(path: str, server: RawServer) -> str:
    return filled(path[1:], server) if path.startswith("=") else server.url + path


def result(response: Any) -> dict[str, Any]:
    """Everything a program can see of a response."""
    try:
        decoded: object = response.json()
    except requests.RequestException as error:
        decoded = f"{type(error).__name__} {error}"
    sent = response.request
    return {
        "status": response.status_code,
        "reason": response.reason,
        "headers": sorted(response.headers.items()),
        "content": response.content,
        "text": response.text,
        "encoding": response.encoding,
        "apparent": response.apparent_encoding,
        "json": repr(decoded),
        "url": response.url,
        "history": [(r.status_code, r.url, r.content, r.cookies.get_dict(), len(r.history)) for r in response.history],
        "cookies": response.cookies.get_dict(),
        "ok": (bool(response), response.ok, response.is_redirect, response.is_permanent_redirect),
        "next": getattr(response.next, "url", None),
        "links": response.links,
        "pieces": list(response.iter_content(7)),
        "lines": list(response.iter_lines()),
        "sent": (sent.method, sent.url, shown_headers(sent.headers.items()), type(sent.body)),
        "type": isinstance(response, requests.Response),
    }


WORDED_OTHERWISE = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError, TypeError)


def trouble(error: Exception) -> dict[str, Any]:
    response = getattr(error, "response", None)
    return {
        "bases": [base.__name__ for base in type(error).__mro__],
        "request": getattr(getattr(error, "request", None), "url", None),
        "response": None if response is None else (response.status_code, len(response.history)),
        "text": "" if isinstance(error, WORDED_OTHERWISE) else (str(error), repr(error)),
        "cause": error.__cause__,
    }


def shown_headers(headers: Any) -> list[tuple[str, Any]]:
    return sorted((name, re.sub(r'(cnonce|response)="\w+"', r"\1", str(value))) for name, value in headers)


def on_the_wire(server: RawServer) -> list[Any]:
    return [(seen.method, seen.target, shown_headers(seen.headers), seen.body) for seen in server.seen]


def with_requests(case: Case, server: RawServer) -> tuple[list[Any], list[Any], Any]:
    server.clear()
    server.flaky = 2
    outcomes = []
    with requests.Session() as session:
        if case.session:
            case.session(session)
        for method, path, options in case.calls:
            call = session.request if case.session else requests.request
            try:
                outcomes.append(result(call(method, address(path, server), **filled(options(), server))))
            except Exception as error:
                outcomes.append(trouble(error))
        return outcomes, on_the_wire(server), session.cookies.get_dict()


async def with_aiohttp(case: Case, server: RawServer) -> tuple[list[Any], list[Any], Any]:
    server.clear()
    server.flaky = 2
    outcomes = []
    async with aio_requests.Session() as session:
        if case.session:
            case.session(session)
        for method, path, options in case.calls:
            call = session.request if case.session else aio_requests.request
            try:
                outcomes.append(result(await call(method, address(path, server), **filled(options(), server))))
            except Exception as error:
                outcomes.append(trouble(error))
        return outcomes, on_the_wire(server), session.cookies.get_dict()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_same_as_requests(case: Case, server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib3.filepost.choose_boundary", lambda: "boundary")
    expected = with_requests(case, server)
    got = asyncio.run(with_aiohttp(case, server))
    for ours, theirs in zip(got[0], expected[0], strict=True):
        assert ours == theirs
    assert got[1:] == expected[1:]
