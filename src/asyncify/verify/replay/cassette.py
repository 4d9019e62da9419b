"""Cassettes as files: text that people can read, compare and edit.

YAML, or JSON where the name ends in ``.json``, of one and the same shape, ``asyncify.cassette/1``:

.. code-block:: yaml

    schema: asyncify.cassette/1
    recorded: '2026-11-23T08:00:00+00:00'
    salt: 5f2c9a…                       # of the marks of redacted values
    unknown_hosts: [nowhere.example]    # names that did not resolve
    exchanges:
    - started: 0.012                    # seconds since the recording began
      connect: 0.0311                   # opening the connection; missing where it was open
      latency: 0.0824                   # from the request to the head of the response
      request:
        method: POST
        url: https://api.example/items?page=1
        headers: [[Accept, '*/*']]
        body: {text: '{"name": "x"}'}   # or base64; missing where empty
      response:
        status: 200
        reason: OK
        version: '1.1'
        headers: [[Content-Type, application/json], [Content-Encoding, gzip]]
        body: {text: '{"id": 1}', coding: gzip}   # the text is decoded, and is encoded again when served
        pieces: [[0.0, 4], [0.1, 5]]    # seconds after the head, bytes; missing where all came at once
        dropped: true                   # only where the connection was closed too early

Only ``method``, ``url`` and ``status`` have to be there. Recordings of vcrpy (YAML or JSON) can be read as well
(:mod:`asyncify.verify.replay.vcr`).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from asyncify.errors import InputError, WriteError
from asyncify.verify.replay.exchange import Cassette, Exchange, Headers, Request, Response, decoded, encoded, header
from asyncify.verify.replay.vcr import from_vcr

SCHEMA = "asyncify.cassette/1"


def load(path: Path) -> Cassette:
    """Read a cassette.

    Raises:
        InputError: it cannot be read, or is no cassette.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=_Loader)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"cannot read the cassette {path}: {error}") from None
    try:
        return from_document(document, str(path))
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise InputError(f"{path} is no cassette: {type(error).__name__}: {error}") from None


def save(cassette: Cassette, path: Path) -> None:
    """Write a cassette in one step.

    Raises:
        WriteError: it cannot be written.
    """
    document = to_document(cassette)
    if path.suffix == ".json":
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    else:
        text = yaml.dump(
            document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False
        )
    temporary = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise WriteError(f"cannot write the cassette {path}: {error.strerror or error}") from None


def from_document(document: Any, origin: str = "") -> Cassette:
    """A cassette from its parsed text.

    Raises:
        KeyError, TypeError, ValueError: it has another shape.
    """
    if not isinstance(document, Mapping):
        raise TypeError("not an object")
    if "interactions" in document:
        return from_vcr(document, origin)
    if document.get("schema") != SCHEMA:
        raise ValueError(f"schema {document.get('schema')!r} is not {SCHEMA!r}")
    return Cassette(
        tuple(_exchange(each) for each in document["exchanges"]),
        str(document.get("salt", "")),
        str(document.get("recorded", "")),
        tuple(map(str, document.get("unknown_hosts", ()))),
        origin,
    )


def _exchange(data: Mapping[str, Any]) -> Exchange:
    asked, answer = data["request"], data["response"]
    headers, answered = _headers(asked), _headers(answer)
    connect = data.get("connect")
    return Exchange(
        Request(str(asked["method"]), str(asked["url"]), headers, _body(asked.get("body"))),
        Response(
            int(answer["status"]),
            str(answer.get("reason", "")),
            str(answer.get("version", "1.1")),
            answered,
            _body(answer.get("body")),
            tuple((float(when), int(count)) for when, count in answer.get("pieces", ())),
            bool(answer.get("dropped", False)),
        ),
        float(data.get("latency", 0.0)),
        None if connect is None else float(connect),
        float(data.get("started", 0.0)),
    )


def _headers(data: Mapping[str, Any]) -> Headers:
    return tuple((str(name), str(value)) for name, value in data.get("headers", ()))


def _body(data: Any) -> bytes:
    if data is None:
        return b""
    if isinstance(data, str):
        return data.encode()
    if "base64" in data:
        return base64.b64decode(data["base64"])
    return encoded(str(data["text"]).encode(), str(data.get("coding", "")))


def to_document(cassette: Cassette) -> dict[str, Any]:
    """The object that is written to the file."""
    document: dict[str, Any] = {"schema": SCHEMA}
    if cassette.recorded:
        document["recorded"] = cassette.recorded
    if cassette.salt:
        document["salt"] = cassette.salt
    if cassette.unknown_hosts:
        document["unknown_hosts"] = list(cassette.unknown_hosts)
    document["exchanges"] = [_exchange_document(each) for each in cassette.exchanges]
    return document


def _exchange_document(exchange: Exchange) -> dict[str, Any]:
    request, response = exchange.request, exchange.response
    document: dict[str, Any] = {"started": round(exchange.started, 4)}
    if exchange.connect is not None:
        document["connect"] = round(exchange.connect, 4)
    document["latency"] = round(exchange.latency, 4)
    document["request"] = {
        "method": request.method,
        "url": request.url,
        "headers": [list(pair) for pair in request.headers],
        **_body_document(request.body, request.headers),
    }
    document["response"] = {
        "status": response.status,
        "reason": response.reason,
        "version": response.version,
        "headers": [list(pair) for pair in response.headers],
        **_body_document(response.body, response.headers),
    }
    if len(response.pieces) > 1 or any(when > 0.001 for when, _ in response.pieces):
        document["response"]["pieces"] = [[round(when, 4), count] for when, count in response.pieces]
    if response.dropped:
        document["response"]["dropped"] = True
    return document


def _body_document(body: bytes, headers: Headers) -> dict[str, Any]:
    """The body as text where that gives it back, decoded, else in base 64."""
    if not body:
        return {}
    coding = header(headers, "content-encoding").strip().lower()
    plain = decoded(body, coding)
    if plain is not None:
        try:
            text = plain.decode()
        except UnicodeDecodeError:
            pass
        else:
            if all(character.isprintable() or character in "\t\r\n" for character in text):
                return {"body": {"text": text, "coding": coding} if coding else {"text": text}}
    return {"body": {"base64": base64.encodebytes(body).decode("ascii")}}


# The C versions are ten times faster, where libyaml is there.
_Loader: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Lists of pairs (headers, pieces) on one line each, text of several lines as a block."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _list(dumper: Any, data: list[Any]) -> yaml.Node:
    inner = all(not isinstance(each, (list, dict)) for each in data)
    node: yaml.Node = dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=inner)
    return node


def _string(dumper: Any, data: str) -> yaml.Node:
    style = "|" if "\n" in data.rstrip("\n") and "\r" not in data and " \n" not in data else None
    node: yaml.Node = dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)
    return node


_Dumper.add_representer(list, _list)
_Dumper.add_representer(str, _string)
