"""requests beside `aio_http`: the same bytes on the wire, the same response or exception in hand."""

from __future__ import annotations

import asyncio
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from support.raw_server import RawServer
from support.test_http_equal import CASES as COMPAT_CASES
from support.test_http_equal import Case, address, filled, on_the_wire, one, plain, through

from asyncify.support import aio_http, aio_http_environment, emit

KEYWORDS = {"params", "data", "json", "headers", "timeout", "allow_redirects"}


def known(case: Case) -> bool:
    """Whether `aio_http` promises to behave as requests does here."""
    if case.session not in (None, plain):
        return False
    for _, _, options in case.calls:
        given = options()
        if set(given) - KEYWORDS or (given.get("timeout") and "Timeout" in type(given["timeout"]).__name__):
            return False
        if not isinstance(given.get("data"), str | bytes | bytearray | list | tuple | dict | None):
            return False
    return True


def with_headers(session: Any) -> None:
    session.headers.update({"X-Session": "s", "Accept": None})
    session.headers["user-agent"] = "tests"


CASES: list[Case] = [case for case in COMPAT_CASES if known(case)]
CASES += [
    one("GET", "/x", params="a[]=1&b=%zz"),
    one("GET", "/x", params="a=%2fx|y"),
    one("GET", "/x?a[]=1&b={c}", params={"d[]": ["e", None, 1.5]}),
    one("GET", "/x", params={"a": {"b": 1}, "c": {2}, "d": (), "e": ""}),
    one("GET", "/x?#", params={"a": 1}),
    one("GET", "=http://{host}?q=1"),
    one("GET", "=http://{host}/;p;q=1,2"),
    one("GET", "=http://{host}#frag"),
    one("GET", "=http://us%40er:p%3Aw@{host}/x"),
    one("GET", "=http://user@{host}/x"),
    one("GET", "=http://u:p@{host}/x", headers={"Authorization": "mine"}),
    one("GET", "=HTTP://LOCALHOST:1/x"),
    one("GET", "=http://host:123456/"),
    one("GET", "=http:///x"),
    one("GET", "=httpx://host/"),
    one("GET", "=mailto:a@b"),
    one("GET", "=http"),
    one("GET", "= \t http://{host}/x"),
    one("GET", "=http://{host}\\x"),
    one("GET", "/x", headers={b"X-Bytes": b"v", "x-case": "1", "X-Case": "2"}),
    one("GET", "/x", headers={"X:Bad": "1"}),
    one("GET", "/x", headers={" X": "1"}),
    one("GET", "/x", headers={"X-Empty": "", "X-None": None, "X-Tab": "a\tb"}),
    one("GET", "/x", headers={"Cookie": "mine=1"}),
    one("POST", "/x", headers={"X-Latin": "caf\xe9"}, data="caf\xe9".encode() * 20_000),
    one("GET", "/to/302/x", headers={"X-Latin": "\xdf", "X-Snow": "\xff"}),
    one("DELETE", "/x"),
    one("GET", "/to/302/x", headers={"Cookie": "mine=1", "Proxy-Authorization": "p", "Authorization": "a"}),
    one("GET", "/away/x", headers={"Authorization": "a"}),
    one("GET", "/away/to/302/x", headers={"Authorization": "a"}),
    one("POST", "/x", data={"a": None}),
    one("POST", "/x", data={"a": [1, 2.5, True], "b": "ü&=", "c": b"\xff"}),
    one("POST", "/x", data=[("a", None), ("b", ["1", "2"])], headers={"content-type": "mine"}),
    one("POST", "/x", data=(("a", "1"), ("b", "2"))),
    one("POST", "/x", data="a=1", headers={"Content-Type": "application/x-www-form-urlencoded"}),
    one("POST", "/x", json="text"),
    one("POST", "/x", json=None),
    one("POST", "/x", json={}, data={}),
    one("POST", "/x", json={"a": 1}, headers={"content-type": "application/vnd.x+json"}),
    one("GET", "/x", json={"in": "get"}),
    one("HEAD", "/x", data="in head"),
    one("GET", "/x", headers={"Content-Length": "0"}),
    one("PUT", "/to/307/x", json={"a": 1}, headers={"X-Kept": "1"}),
    one("POST", "/to/308/to/303/x", data={"a": "1"}),
    one("PATCH", "/to/301/x", json={"a": 1}),
    one("OPTIONS", "/to/301/x"),
    one("GET", "/to/302/%2Fa%2fb/../c?x=[1]"),
    one("GET", "/to/302/x?a=b#new", params={"p": "1"}),
    one("GET", "/to/301/loop"),
    one("GET", "/login"),
    one("GET", "/cookies"),
    one("GET", "/to/302/login"),
    one("GET", "/utf8", timeout=(2, None)),
    one("GET", "/utf8", timeout=True),
    one("GET", "/utf8", timeout=(1, 0)),
    one("GET", "/utf8", timeout=[1, 2]),
    one("GET", "/utf8", allow_redirects=None),
    through(with_headers, ("GET", "/x"), ("POST", "/x", {"json": 1, "headers": {"x-session": None, "accept": "a/b"}})),
    through(with_headers, ("GET", "/login"), ("GET", "/x", {"headers": {"Cookie": "mine=1"}}), ("GET", "/to/302/x")),
    through(plain, ("GET", "/login"), ("GET", "=http://localhost:1/"), ("GET", "/away/x"), ("GET", "/x"), name="hosts"),
    through(
        plain, ("GET", "/cookies"), ("GET", "/login"), ("GET", "/x"), ("POST", "/to/307/x", {"json": 1}), name="both"
    ),
    through(plain, ("GET", "/cookies"), ("GET", "/x", {"headers": {"Host": "other.example"}}), name="host header"),
    through(
        plain, ("GET", "/x"), ("GET", "/404"), ("HEAD", "/x"), ("GET", "/chunked"), ("GET", "/http10"), name="reuse"
    ),
]


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with RawServer() as running:
        yield running


def result(response: Any) -> dict[str, Any]:
    """Everything a program can see of a response."""
    try:
        decoded: object = response.json()
    except OSError as error:
        decoded = f"{type(error).__name__} {error}"
    try:
        response.raise_for_status()
        raised = ""
    except OSError as error:
        raised = f"{error} {error.response is response}"  # type: ignore[attr-defined]
    return {
        "status": response.status_code,
        "reason": response.reason,
        "headers": sorted(response.headers.items()),
        "content": response.content,
        "text": response.text,
        "encoding": response.encoding,
        "apparent": response.apparent_encoding,
        "json": repr(decoded),
        "raised": raised,
        "url": response.url,
        "history": [(r.status_code, r.url, r.content, len(r.history)) for r in response.history],
        "ok": (bool(response), response.ok, response.is_redirect),
        "pieces": list(response.iter_content(7)),
        "decoded": list(response.iter_content(7, decode_unicode=True)) if known_codec(response.encoding) else None,
        "lines": list(response.iter_lines()),
        "other lines": list(response.iter_lines(5)) + list(response.iter_lines(delimiter=b"e")),
        "shown": repr(response),
    }


def known_codec(encoding: str | None) -> bool:
    return encoding is None or encoding != "no-such"


WORDED_OTHERWISE = (
    r".*SSLError|.*content-encoding|\('Connection aborted\.', (BadStatusLine|LineTooLong)|.*[cC]hunk ?[sS]ize|.*ChunkLength|"
    r".*IncompleteRead\((2 bytes read, 3 more|5 bytes read\))"  # aiohttp does not tell how long the chunk should have been
)


def trouble(error: Exception) -> dict[str, Any]:
    response = getattr(error, "response", None)
    worded = not re.match(WORDED_OTHERWISE, str(error), re.S)
    bases = [base.__name__ for base in type(error).__mro__]
    if bases[0] == "ContentDecodingError" and "HTTPError" in bases:
        bases.remove("HTTPError")  # urllib3's
    return {
        "bases": bases,
        "response": None if response is None else (response.status_code, len(response.history)),
        "text": str(error) if worded else "",
        "shown": (repr(error), list(shapes(error))) if worded else "",
        "named": (type(error).__module__, error.__cause__),
    }


def shapes(error: BaseException) -> Iterator[tuple[Any, ...]]:
    """The exceptions in the arguments of one, and what they give as their reason, as a program can see them."""
    for part in [*error.args, getattr(error, "reason", None)]:
        if isinstance(part, Exception):
            yield type(part).__name__, type(part).__module__, str(part)
            yield from shapes(part)


def sent(server: RawServer) -> list[Any]:
    return [(method, target, headers, body) for method, target, headers, body in on_the_wire(server)]


def with_requests(case: Case, server: RawServer) -> tuple[list[Any], list[Any]]:
    server.clear()
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
    return outcomes, sent(server)


async def with_aiohttp(case: Case, server: RawServer) -> tuple[list[Any], list[Any]]:
    server.clear()
    outcomes = []
    async with aio_http.Session() as session:
        if case.session:
            case.session(session)
        for method, path, options in case.calls:
            call = session.request if case.session else aio_http.request
            try:
                outcomes.append(result(await call(method, address(path, server), **filled(options(), server))))
            except Exception as error:
                outcomes.append(trouble(error))
    return outcomes, sent(server)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_same_as_requests(case: Case, server: RawServer) -> None:
    expected = with_requests(case, server)
    got = asyncio.run(with_aiohttp(case, server))
    for ours, theirs in zip(got[0], expected[0], strict=True):
        assert ours == theirs
    assert got[1] == expected[1]


def test_there_are_enough_cases() -> None:
    assert len(CASES) > 200


@pytest.mark.parametrize("name", ["get", "options", "head", "post", "put", "patch", "delete"])
def test_verbs(name: str, server: RawServer) -> None:
    for arguments in ((), ({"a": "1"},)):
        if arguments and name in ("options", "head", "delete"):
            continue
        for path in ("/x", "/to/302/x"):
            server.clear()
            theirs = result(getattr(requests, name)(server.url + path, *arguments))
            expected = sent(server)
            for ours in (getattr(aio_http, name), getattr(aio_http.Session(), name)):
                server.clear()
                assert result(asyncio.run(ours(server.url + path, *arguments))) == theirs
                assert sent(server) == expected


@pytest.mark.parametrize("keyword", ["auth", "cookies", "files", "verify", "proxies", "nonsense"])
async def test_only_known_keywords(keyword: str, server: RawServer) -> None:
    with pytest.raises(TypeError, match=keyword):
        await aio_http.get(server.url, **{keyword: None})


async def test_data_that_would_have_to_be_read_is_refused(server: RawServer) -> None:
    with pytest.raises(TypeError, match="data must be"):
        await aio_http.post(server.url, data=iter([b"x"]))


async def test_headers_beyond_ascii_share_the_connections(server: RawServer) -> None:
    server.clear()
    for value in ("plain", "café", "plain", "naïve"):
        assert (await aio_http.get(server.url, headers={"X": value})).ok
    with pytest.raises(UnicodeEncodeError):
        await aio_http.get(server.url, headers={"X": "☃"})
    assert [dict(headers)["X"] for _, _, headers, _ in on_the_wire(server)] == ["plain", "café", "plain", "naïve"]


async def test_a_broken_body_of_a_redirect_does_not_matter(server: RawServer) -> None:
    response = await aio_http.get(f"{server.url}/to-short")
    assert response.ok
    with pytest.raises(aio_http.ChunkedEncodingError):
        _ = response.history[0].content
    assert response.elapsed.total_seconds() > 0


def environment(monkeypatch: pytest.MonkeyPatch, server: RawServer, **variables: str) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, filled(value, server))
    aio_http_environment._netrc_path.cache_clear()


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"http_proxy": "{server}"}, "http://somewhere.invalid/x?a=b"),
        ({"HTTP_PROXY": "{host}"}, "http://somewhere.invalid/utf8"),
        ({"http_proxy": "http://us%40er:pw@{host}"}, "http://somewhere.invalid/utf8"),
        ({"all_proxy": "{server}"}, "http://somewhere.invalid/to/302/x"),
        ({"http_proxy": "{server}", "no_proxy": "127.0.0.1"}, "{server}/x"),
        ({"http_proxy": "{server}", "no_proxy": "10.0.0.0/8, 127.0.0.0/8"}, "{server}/x"),
        ({"http_proxy": "{server}", "no_proxy": "*"}, "{server}/x"),
        ({"http_proxy": "{server}", "no_proxy": ".invalid"}, "http://a.somewhere.invalid/x"),
        ({"http_proxy": "{server}", "no_proxy": "where.invalid"}, "http://somewhere.invalid/x"),
        ({"http_proxy": "{server}", "no_proxy": "somewhere.invalid:81"}, "http://somewhere.invalid:81/x"),
        ({"http_proxy": "{server}", "no_proxy": "somewhere.invalid:81"}, "http://somewhere.invalid/x"),
        ({"http_proxy": "http://127.0.0.1:1"}, "http://somewhere.invalid/x"),
        ({"http_proxy": "http://"}, "http://somewhere.invalid/x"),
        ({"http_proxy": ""}, "{server}/x"),
        ({"https_proxy": "http://127.0.0.1:1"}, "{server}/x"),
        ({"https_proxy": "http://127.0.0.1:1"}, "https://somewhere.invalid/x"),
    ],
)
def test_proxies_of_the_environment(
    variables: dict[str, str], url: str, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(monkeypatch, server, **variables)
    case = Case("proxy", (("GET", f"={url}", dict),))
    expected, got = with_requests(case, server), asyncio.run(with_aiohttp(case, server))
    for outcome in (*expected[0], *got[0]):
        outcome["text"] = re.sub("HTTPS?ConnectionPool.*", "", outcome["text"])
    assert got == expected


@pytest.mark.parametrize("where", ["NETRC", "HOME"])
@pytest.mark.parametrize("text", ["machine 127.0.0.1 login u password p\n", "machine other login u\n", "not a netrc"])
@pytest.mark.parametrize("url", ["{server}/x", "http://a:b@{host}/x", "{server}/away/x"])
def test_netrc(
    where: str, text: str, url: str, server: RawServer, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text(text)
    environment(monkeypatch, server, **{where: str(tmp_path if where == "HOME" else tmp_path / ".netrc")})
    test_same_as_requests(Case("netrc", (("GET", f"={url}", lambda: {"headers": {"Authorization": "x"}}),)), server)
    aio_http_environment._netrc_path.cache_clear()


def test_one_session_in_many_loops_and_tasks(server: RawServer) -> None:
    session = aio_http.Session()

    async def several() -> list[int]:
        responses = await asyncio.gather(*(session.get(f"{server.url}/login") for _ in range(20)))
        return [response.status_code for response in responses]

    assert [asyncio.run(several()) for _ in range(3)] == [[200] * 20] * 3
    server.clear()
    asyncio.run(session.get(f"{server.url}/x"))
    assert server.seen[0].header("Cookie") == "sid=abc"
    assert not aio_http._clients


def test_connections_are_kept_alive(server: RawServer) -> None:
    async def several() -> None:
        for _ in range(5):
            await aio_http.get(f"{server.url}/x")

    server.clear()
    asyncio.run(several())
    assert server.connections == 1


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used(server: RawServer) -> None:
    for _ in range(3):
        assert (await aio_http.get(f"{server.url}/until-close")).ok
        assert (await aio_http.get(f"{server.url}/x")).ok
        await asyncio.sleep(0.06)


async def test_nothing_is_sent_twice(server: RawServer) -> None:
    server.clear()
    for method in ("GET", "PUT", "DELETE"):
        with pytest.raises(aio_http.ConnectionError):
            await aio_http.request(method, f"{server.url}/hang-up")
    assert len(server.seen) == 3


def test_closes_with_the_loop_and_says_nothing(server: RawServer, tmp_path: Any) -> None:
    (tmp_path / "aio_http.py").write_text(emit("aio_http", ["get", "Session"]))
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "test_program.py").write_text("import program, sys\n\nasync def test_it():\n    await program.main()\n")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    for command in (["program.py"], ["-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]):
        done = subprocess.run(
            [sys.executable, "-X", "dev", *command],
            cwd=tmp_path,
            env={**os.environ, "SERVER": server.url},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Unclosed" not in done.stdout + done.stderr
        assert done.stderr == ""


PROGRAM = """
import asyncio, os
import aio_http

SESSION = aio_http.Session()

async def main():
    url = os.environ["SERVER"]
    await asyncio.gather(*(aio_http.get(url + "/x") for _ in range(5)), SESSION.get(url + "/login"))
    with_error = await asyncio.gather(aio_http.get(url + "/hang-up"), return_exceptions=True)
    assert isinstance(with_error[0], aio_http.ConnectionError)

if __name__ == "__main__":
    asyncio.run(main())
    asyncio.run(main())
"""


def test_values_can_be_pickled_and_compared() -> None:
    error = pickle.loads(pickle.dumps(aio_http.JSONDecodeError("bad", "doc", 1)))
    assert (type(error), str(error)) == (aio_http.JSONDecodeError, "bad: line 1 column 2 (char 1)")
    headers = aio_http.Headers([("A", "1"), ("a", "2")])
    assert headers == {"A": "2"} and dict(headers) == {"a": "2"} and repr(headers) == "{'a': '2'}"
    del headers["A"]
    assert not headers and headers != 3 and headers.get("A") is None


def test_tls_is_trusted_as_in_requests(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with pytest.raises(OSError, match="Could not find a suitable TLS CA certificate bundle") as theirs:
        requests.get("https://127.0.0.1:1/")
    with pytest.raises(OSError, match="Could not find a suitable TLS CA certificate bundle") as ours:
        asyncio.run(aio_http.get("https://127.0.0.1:1/"))
    assert str(ours.value) == str(theirs.value)


@given(
    st.builds(
        "http://{}{}{}{}".format,
        st.sampled_from(["h", "H:80", "h.example:8080", "u:p@h", "[::1]:8", "h:065", "é.example"]),
        st.text(st.sampled_from("/./..//a%2f%zz%41é{}|\"' ;=~+"), max_size=12).map("/{}".format),
        st.text(st.sampled_from("?&a=b%20%2F[]|é+/:"), max_size=8).map("?{}".format) | st.just(""),
        st.sampled_from(["", "#", "#frag", "#a b"]),
    ),
    st.none()
    | st.dictionaries(
        st.text(max_size=4), st.none() | st.text(max_size=4) | st.lists(st.integers(), max_size=2), max_size=3
    )
    | st.text(st.sampled_from("a=b&%2f%zz [é"), max_size=8),
)
@settings(max_examples=300, deadline=None)
def test_addresses(url: str, params: Any) -> None:
    try:
        expected = requests.Request("GET", url, params=params).prepare().url
    except requests.exceptions.InvalidURL:
        with pytest.raises(aio_http.InvalidURL):
            aio_http._address(url, params)
    else:
        assert aio_http._address(url, params)[0] == expected
