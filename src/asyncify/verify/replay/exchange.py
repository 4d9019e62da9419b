"""What was asked and answered over HTTP, as data: one :class:`Exchange` per request.

Bodies are without their transfer coding (chunks) and with their content coding (gzip), as clients see them before they
decode. Header names keep their case and order. All times are seconds.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

Headers = tuple[tuple[str, str], ...]

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``url`` is absolute, as sent but for a default port, which is left out."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """One response.

    ``pieces`` says when how many bytes of the body came: seconds after the head, and a count. They are proportions:
    a body of another length (compressed anew, redacted) is cut alike. ``dropped`` means that the connection was closed
    before the response was whole; with status 0, before its head.
    """

    status: int
    reason: str = ""
    version: str = "1.1"
    headers: Headers = ()
    body: bytes = b""
    pieces: tuple[tuple[float, int], ...] = ()
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its response.

    ``latency`` is the time from the request to the head of the response, on a connection that is open; ``connect``
    that of opening it (TCP and TLS), None where it was open already. ``started`` counts from the start of the recording.
    """

    request: Request
    response: Response
    latency: float = 0.0
    connect: float | None = None
    started: float = 0.0


@dataclass(frozen=True, slots=True)
class Cassette:
    """A recording.

    ``salt`` is a part of the marks of redacted values (see :mod:`asyncify.verify.replay.redact`), ``recorded`` a date in
    ISO 8601 or nothing. ``unknown_hosts`` are names that did not resolve. ``origin`` says where it comes from.
    """

    exchanges: tuple[Exchange, ...] = ()
    salt: str = ""
    recorded: str = ""
    unknown_hosts: tuple[str, ...] = ()
    origin: str = field(default="", compare=False)


def header(headers: Iterable[tuple[str, str]], name: str) -> str:
    """The value of a header, several joined by ``", "``; empty where it is missing."""
    return ", ".join(value for key, value in headers if key.lower() == name)


def absolute(scheme: str, host: str, target: str) -> str:
    """The absolute URL of a request target; `host` is that of the Host header. An absolute target is one already."""
    if "://" in target.partition("?")[0]:
        return target
    name, colon, port = host.rpartition(":")
    if colon and port == str(DEFAULT_PORTS[scheme]) and not name.endswith(":"):
        host = name
    return f"{scheme}://{host.lower()}{target}"


def decoded(body: bytes, coding: str) -> bytes | None:
    """A body without its content coding; None where it cannot be taken off (an unknown one, or damaged data)."""
    try:
        match coding.strip().lower():
            case "" | "identity":
                return body
            case "gzip" | "x-gzip":
                return gzip.decompress(body)
            case "deflate":
                return zlib.decompress(body)
    except (OSError, EOFError, zlib.error):
        pass
    return None


def encoded(body: bytes, coding: str) -> bytes:
    """The inverse of :func:`decoded`, for the codings it knows; the same bytes in every run."""
    match coding.strip().lower():
        case "gzip" | "x-gzip":
            return gzip.compress(body, mtime=0)
        case "deflate":
            return zlib.compress(body)
        case _:
            return body


def boundary_of(content_type: str) -> str:
    """The boundary of a multipart body: a random word of the client; empty for other bodies."""
    found = re.search(r'\bboundary="?([^";,]+)', content_type)
    return found[1] if found else ""
