"""Which recorded exchange answers: what counts, what does not, in which order, and what is said where none does."""

from __future__ import annotations

import gzip
import re

import pytest

from asyncify.verify.replay.exchange import Cassette, Exchange, Request, Response
from asyncify.verify.replay.match import Matcher, Unmatched
from asyncify.verify.replay.redact import redact

JSON, FORM = (("Content-Type", "application/json"),), (("Content-Type", "application/x-www-form-urlencoded"),)


def multipart(boundary: str) -> Request:
    body = f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--{boundary}--\r\n'
    return Request(
        "POST", "http://a.test/", (("content-type", f"multipart/form-data; boundary={boundary}"),), body.encode()
    )


def matcher(*requests: Request, ignored: tuple[str, ...] = ()) -> Matcher:
    exchanges = tuple(Exchange(request, Response(200, body=str(n).encode())) for n, request in enumerate(requests))
    return Matcher(Cassette(exchanges, "salt"), [re.compile(pattern) for pattern in ignored])


def answer(found: Exchange | Unmatched) -> str:
    assert isinstance(found, Exchange), str(found)
    return found.response.body.decode()


@pytest.mark.parametrize(
    ("recorded", "asked"),
    [
        (Request("GET", "http://a.test/x?b=2&a=1&a=0"), Request("GET", "http://A.test:80/x?a=0&a=1&b=2")),
        (Request("GET", "http://a.test/a%7Eb"), Request("GET", "http://a.test/a~b", (("User-Agent", "other"),))),
        (Request("POST", "http://a.test/", JSON, b'{"a": 1, "b": [2]}'), Request("POST", "http://a.test/", JSON, b'{"b":[2],"a":1}')),
        (Request("POST", "http://a.test/", FORM, b"a=1&b=2"), Request("POST", "http://a.test/", FORM, b"b=2&a=1")),
        (multipart("aaa"), multipart("bbb")),
        (
            Request("POST", "http://a.test/", (("Content-Encoding", "gzip"),), gzip.compress(b"text", 1)),
            Request("POST", "http://a.test/", (("content-encoding", "gzip"),), gzip.compress(b"text", 9, mtime=7)),
        ),
    ],
)  # fmt: skip
def test_the_same_request_in_other_clothes(recorded: Request, asked: Request) -> None:
    assert answer(matcher(recorded).find(asked)) == "0"


@pytest.mark.parametrize(
    ("asked", "differs"),
    [
        (Request("POST", "http://a.test/x?q=1"), "method 'GET' there, 'POST' here"),
        (Request("GET", "https://a.test:80/x?q=1"), "scheme 'http' there, 'https' here"),
        (Request("GET", "http://b.test/x?q=1"), "host 'a.test:80' there, 'b.test:80' here"),
        (Request("GET", "http://a.test/y?q=1"), "path '/x' there, '/y' here"),
        (Request("GET", "http://a.test/x?q=2"), "query 'q=1' there, 'q=2' here"),
        (Request("GET", "http://a.test/x?q=1", (), b"!"), "body '' there, '!' here"),
    ],
)
def test_another_request_names_the_nearest_and_what_differs(asked: Request, differs: str) -> None:
    found = matcher(Request("DELETE", "http://c.test/far"), Request("GET", "http://a.test/x?q=1")).find(asked)
    assert isinstance(found, Unmatched)
    assert found.nearest == Request("GET", "http://a.test/x?q=1")
    assert found.differs == (differs,)
    assert asked.url in str(found) and differs in str(found)


def test_an_empty_recording_says_so() -> None:
    assert "nothing is recorded" in str(matcher().find(Request("GET", "http://a.test/")))


def test_the_same_request_is_answered_in_the_order_of_the_recording() -> None:
    request = Request("GET", "http://a.test/")
    asked = matcher(request, request, Request("GET", "http://a.test/other"), request)
    assert [answer(asked.find(request)) for _ in range(5)] == ["0", "1", "3", "3", "3"]
    assert [each.url for each in asked.unused()] == ["http://a.test/other"]
    asked.reset()
    assert answer(asked.find(request)) == "0"


def test_what_is_to_be_ignored() -> None:
    recorded = Request("GET", "http://a.test/x?at=1700000000&q=1")
    asked = Request("GET", "http://a.test/x?at=1800000000&q=1")
    assert isinstance(matcher(recorded).find(asked), Unmatched)
    assert answer(matcher(recorded, ignored=(r"at=\d+",)).find(asked)) == "0"


def test_who_asks_decides_between_answers_although_the_secrets_are_gone() -> None:
    requests = [
        Request("GET", "http://a.test/me", (("Authorization", f"Bearer {token}"),))
        for token in ("token-of-ann-1234", "token-of-bob-5678")
    ]
    exchanges = tuple(Exchange(each, Response(200, body=str(n).encode())) for n, each in enumerate(requests))
    cassette = redact(Cassette(exchanges, "salt"))
    assert "token-of" not in repr(cassette)
    asked = Matcher(cassette)
    assert [answer(asked.find(each)) for each in reversed(requests)] == ["1", "0"]
    asked.reset()
    # Another token altogether, as on a machine that has another one: the order decides.
    other = Request("GET", "http://a.test/me", (("Authorization", "Bearer something-else-9"),))
    assert [answer(asked.find(other)) for _ in range(2)] == ["0", "1"]
