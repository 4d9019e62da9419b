"""Cassettes of vcrpy (https://vcrpy.readthedocs.io), formats 1 in YAML and JSON, as input.

vcrpy keeps neither times nor the framing of a body: its answers come at once and in one piece. Bodies that it decoded when it
recorded (``decode_compressed_response``) have lost their Content-Encoding too; where that header stayed although the body is
plain, it is left out.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from asyncify.verify.replay.exchange import Cassette, Exchange, Headers, Request, Response, absolute, decoded, header

_FRAMING = ("transfer-encoding", "content-length")


def from_vcr(document: Mapping[str, Any], origin: str = "") -> Cassette:
    """The cassette in a parsed file of vcrpy.

    Raises:
        KeyError, TypeError, ValueError: it has another shape.
    """
    return Cassette(tuple(_exchange(each) for each in document["interactions"]), origin=origin)


def _exchange(data: Mapping[str, Any]) -> Exchange:
    asked, answer = data["request"], data["response"]
    status = answer["status"]
    # Old recordings of aiohttp have "status": {"code": …}, those of httpx "status_code" beside "http_version".
    code, reason = (status["code"], status.get("message")) if isinstance(status, Mapping) else (status, "")
    body = _body(answer.get("body"))
    headers = _headers(answer.get("headers"))
    if decoded(body, header(headers, "content-encoding")) is None:
        headers = tuple(pair for pair in headers if pair[0].lower() != "content-encoding")
    headers = tuple(pair for pair in headers if pair[0].lower() not in _FRAMING)
    url = str(asked.get("uri") or asked["url"])
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return Exchange(
        Request(
            str(asked["method"]),
            absolute(scheme, host, slash + path or "/"),
            _headers(asked.get("headers")),
            _body(asked.get("body")),
        ),
        Response(int(code), str(reason or ""), "1.1", headers, body),
    )


def _headers(data: Any) -> Headers:
    """Headers as pairs: vcrpy maps each name to a list, older versions to a string."""
    pairs: list[tuple[str, str]] = []
    for name, values in (data or {}).items():
        pairs += [(str(name), str(value)) for value in ([values] if isinstance(values, str) else values)]
    return tuple(pairs)


def _body(data: Any) -> bytes:
    match data:
        case None:
            return b""
        case bytes():
            return data
        case str():
            return data.encode()
        case {"base64_string": str(text)}:
            return base64.b64decode(text)
        case {"string": inner}:
            return _body(inner)
        case _:
            raise TypeError(f"a body of type {type(data).__name__}")
