"""No secret in a cassette, and requests that carry one still find their answer."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from asyncify.verify.replay.exchange import Cassette, Exchange, Headers, Request, Response, decoded
from asyncify.verify.replay.match import Matcher, Unmatched
from asyncify.verify.replay.redact import MARK, redact, secret_name

URL = "https://a.test/"
SECRET = "s3cr3t-Value/42"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
BASIC = base64.b64encode(b"ann:" + SECRET.encode()).decode()


def form(text: str) -> tuple[Headers, bytes]:
    return (("Content-Type", "application/x-www-form-urlencoded"),), text.encode()


REQUESTS = {
    "bearer": Request("GET", URL, (("Authorization", f"Bearer {SECRET}"),)),
    "basic": Request("GET", URL, (("Authorization", f"Basic {BASIC}"),)),
    "own header": Request("GET", URL, (("X-Api-Key", SECRET),)),
    "cookie": Request("GET", URL, (("Cookie", f"theme=dark; sid={SECRET}"),)),
    "query": Request("GET", f"{URL}x?a=1&access_token=s3cr3t-Value%2F42&b=2"),
    "key": Request("GET", f"{URL}x?key=s3cr3t-Value%2F42"),
    "form": Request("POST", URL, *form("user=ann&password=s3cr3t-Value%2F42")),
    "json": Request("POST", URL, (), json.dumps({"deep": [{"client_secret": SECRET}]}).encode()),
    "camel case": Request("POST", URL, (), json.dumps({"refreshToken": SECRET}).encode()),
    "multipart": Request(
        "POST",
        URL,
        (("Content-Type", "multipart/form-data; boundary=x"),),
        f'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n{SECRET}\r\n--x--\r\n'.encode(),
    ),
    "in the path, too": Request("GET", f"{URL}users/s3cr3t-Value%2F42/x", (("X-Auth-Token", SECRET),)),
    "anywhere": Request("POST", URL, (), f"hello {JWT} there".encode()),
}


@pytest.mark.parametrize("where", REQUESTS)
def test_a_secret_is_gone_and_the_request_is_found(where: str) -> None:
    request = REQUESTS[where]
    echo = gzip.compress(json.dumps({"echo": f"you sent {SECRET}", "also": JWT}).encode())
    response = Response(200, headers=(("Content-Encoding", "gzip"), ("X-Echo", SECRET)), body=echo)
    cassette = redact(Cassette((Exchange(request, response),), "salt"))
    (exchange,) = cassette.exchanges
    body = decoded(exchange.response.body, "gzip") or b""
    written = f"{exchange.request} {exchange.response.headers} {body.decode()}"
    for secret in (SECRET, JWT, BASIC, "s3cr3t-Value%2F42", "s3cr3t"):
        assert secret not in written.replace(SECRET if where == "anywhere" else "", "")
    assert MARK.search(written)
    found = Matcher(cassette).find(request)
    assert not isinstance(found, Unmatched), str(found)
    # What the program learned from a replay is what it says from then on.
    assert not isinstance(Matcher(cassette).find(exchange.request), Unmatched)


def test_the_rest_stays() -> None:
    request = REQUESTS["query"]
    response = Response(
        200, headers=(("Content-Type", "application/json"),), body=b'{"token_type": "bearer", "key": "A-1"}'
    )
    (exchange,) = redact(Cassette((Exchange(request, response),), "salt")).exchanges
    assert exchange.response == response
    assert exchange.request.url.startswith(f"{URL}x?a=1&access_token=REDACTED-1-") and exchange.request.url.endswith(
        "&b=2"
    )


def test_a_secret_of_the_answer_is_sent_back_by_its_mark() -> None:
    login = Exchange(
        Request("POST", f"{URL}login"),
        Response(
            200, headers=(("Set-Cookie", f"session={SECRET}; Path=/"),), body=json.dumps({"access_token": JWT}).encode()
        ),
    )
    use = Exchange(
        Request("GET", f"{URL}me?token={JWT}", (("Cookie", f"session={SECRET}"),)), Response(200, body=b"ann")
    )
    cassette = redact(Cassette((login, use), "salt"))
    token = json.loads(cassette.exchanges[0].response.body)["access_token"]
    cookie = cassette.exchanges[0].response.headers[0][1].partition(";")[0]
    assert "; Path=/" in cassette.exchanges[0].response.headers[0][1]
    found = Matcher(cassette).find(Request("GET", f"{URL}me?token={token}", (("Cookie", cookie),)))
    assert isinstance(found, Exchange) and found.response.body == b"ann"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True), ("db_password", True), ("access_token", True), ("apiKey", True), ("API_KEY", True), ("sig", True),
        ("token_type", False), ("author", False), ("key", False), ("keyword", False), ("passage", False), ("page", False),
        ("monkey", False), ("design", False),
    ],
)  # fmt: skip
def test_names_of_secrets(name: str, secret: bool) -> None:
    assert secret_name(name) == secret
