"""requests beside `aio_http`: the same bytes on the wire, the same response or exception in hand."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from support.raw_server import RawServer
from support.test_http_equal import CASES as COMPAT_CASES
from support.test_http_equal import Case, address, filled, one, on_the_wire, plain, through

from asyncify.support import aio_http

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


def trouble(error: Exception) -> dict[str, Any]:
    response = getattr(error, "response", None)
    text = re.sub(r"0x[0-9a-f]+", "", str(error))
    return {
        "bases": [base.__name__ for base in type(error).__mro__],
        "response": None if response is None else (response.status_code, len(response.history)),
        "text": text,
    }


def sent(server: RawServer) -> list[Any]:
    return [
        (method, target, [(n, v) for n, v in headers if n.lower() != "user-agent" or v == "tests"], body)
        for method, target, headers, body in on_the_wire(server)
    ]


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
