"""Cassettes as text: written and read back the same, in both formats, and vcrpy's as input."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from asyncify.errors import InputError, WriteError
from asyncify.verify.replay.cassette import load, save
from asyncify.verify.replay.exchange import Cassette, Exchange, Request, Response, decoded

PIECES = ((0.0, 4), (0.25, 6))
EXCHANGES = (
    Exchange(
        Request("GET", "https://a.test/x?q=%20", (("Accept", "*/*"), ("X-Twice", "1"), ("X-Twice", "2"))),
        Response(200, "OK", "1.1", (("Content-Type", "text/plain"),), b"one\ntwo\nthree: {}\n", PIECES),
        0.125,
        0.05,
        1.5,
    ),
    Exchange(
        Request("POST", "http://b.test:8080/", (("Content-Type", "application/json"),), b'{"a": [1, "x"]}'),
        Response(201, "Created", "1.0", (("Content-Encoding", "gzip"),), gzip.compress("grüße\r\n".encode(), mtime=0)),
    ),
    Exchange(Request("PUT", "http://b.test/", (), bytes(range(256))), Response(204, body=b"")),
    Exchange(Request("GET", "http://b.test/odd"), Response(200, body=b"  leading\n\nx \n\ttab\n")),
    Exchange(Request("GET", "http://b.test/no"), Response(200, body=b"no: yes")),
    Exchange(Request("GET", "http://b.test/gone"), Response(0, dropped=True)),
)


@pytest.mark.parametrize("name", ["tape.yaml", "tape.json"])
def test_what_was_written_is_read_back(name: str, tmp_path: Path) -> None:
    cassette = Cassette(EXCHANGES, "5a17", "2026-11-23T08:00:00+00:00", ("nowhere.test",))
    save(cassette, tmp_path / name)
    assert load(tmp_path / name) == cassette


def test_text_is_written_as_text(tmp_path: Path) -> None:
    save(Cassette(EXCHANGES), tmp_path / "tape.yaml")
    text = (tmp_path / "tape.yaml").read_text()
    assert "        one\n        two\n        three: {}\n" in text
    assert "- [X-Twice, '1']" in text and "grüße" in text
    assert text.count("base64") == 1  # what is no text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schema: asyncify.cassette/9\nexchanges: []\n", "schema 'asyncify.cassette/9'"),
        ("- 1\n", "not an object"),
        ("schema: [\n", "cannot read"),
        ("schema: asyncify.cassette/1\nexchanges:\n- request: {method: GET}\n", "is no cassette"),
    ],
)
def test_what_is_no_cassette_is_said_to_be_none(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "tape.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        load(path)
    with pytest.raises(InputError, match="cannot read"):
        load(tmp_path / "missing.yaml")


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError):
        save(Cassette(), tmp_path / "file" / "tape.yaml")


VCR = """
interactions:
- request:
    body: null
    headers:
      Accept: ['*/*']
    method: GET
    uri: http://Shop.test:80/items?page=1
  response:
    body:
      string: !!binary |
        %s
    headers:
      Content-Encoding: [gzip]
      Content-Length: ['33']
      Set-Cookie: [a=1, b=2]
    status: {code: 200, message: OK}
- request:
    body: a=1
    headers: {Content-Type: application/x-www-form-urlencoded}
    method: POST
    uri: https://shop.test/form
  response:
    body: {string: '{"plain": true}'}
    headers:
      Content-Encoding: [gzip]
      Transfer-Encoding: [chunked]
    status: {code: 404, message: Not Found}
version: 1
"""


def test_recordings_of_vcrpy(tmp_path: Path) -> None:
    import base64

    path = tmp_path / "vcr.yaml"
    path.write_text(VCR % base64.b64encode(gzip.compress(b'{"n": 1}')).decode())
    first, second = load(path).exchanges
    assert first.request == Request("GET", "http://shop.test/items?page=1", (("Accept", "*/*"),))
    assert first.response.headers == (("Content-Encoding", "gzip"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
    assert decoded(first.response.body, "gzip") == b'{"n": 1}'
    assert second.request.body == b"a=1"
    assert (second.response.status, second.response.reason) == (404, "Not Found")
    assert second.response.headers == ()  # the body is plain, whatever the header said
    document = {
        "version": 1,
        "interactions": [
            {
                "request": {"method": "GET", "uri": "http://x.test", "body": None, "headers": {}},
                "response": {
                    "status": {"code": 200, "message": "OK"},
                    "headers": {},
                    "body": {"base64_string": "aGk="},
                },
            }
        ],
    }
    (tmp_path / "vcr.json").write_text(json.dumps(document))
    (only,) = load(tmp_path / "vcr.json").exchanges
    assert (only.request.url, only.response.body) == ("http://x.test/", b"hi")
