"""The part of `aio_http` that prepares a request as requests does: its URL, its headers, its body."""

from __future__ import annotations

import functools
import importlib.util
import json as _json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlparse, urlsplit

import aiohttp
import idna
import multidict
import yarl
from aiohttp.http import SERVER_SOFTWARE

from asyncify.support.aio_http_response import (
    Headers,
    InvalidHeader,
    InvalidJSONError,
    InvalidSchema,
    InvalidURL,
    MissingSchema,
)


@functools.cache
def _user_agent(package: str, version_in: str) -> str:
    """How requests, or urllib3 below it, calls itself where it is installed: what the program has always sent."""
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).with_name(version_in) if spec is not None and spec.origin else None
    text = path.read_text("utf-8") if path is not None and path.exists() else ""
    found = re.search(r"^__version__ = .*['\"](.+)['\"]", text, re.MULTILINE)
    return f"python-{package}/{found[1]}" if found else SERVER_SOFTWARE


_USER_AGENT = _user_agent("requests", "__version__.py")
_DEFAULT_HEADERS = Headers(
    [
        ("User-Agent", _USER_AGENT),
        ("Accept-Encoding", aiohttp.ClientRequest.DEFAULT_HEADERS[multidict.istr("Accept-Encoding")]),
        ("Accept", "*/*"),
        ("Connection", "keep-alive"),
    ]
)
_PLAIN = multidict.CIMultiDict(
    {"User-Agent": _USER_AGENT, "Connection": "keep-alive"}
)  # aiohttp itself adds the others
# What requests leaves as it is: no escapes, no dot segments, nothing to be quoted, a lower-case host.
_SIMPLE = re.compile(
    r"(https?)://([a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[1-9]\d{0,3}|:[1-5]\d{4})?)"
    r"((?:/(?!\.)[\w~!$&'()*+,;=:@-][\w~!$&'()*+,;=:@.-]*)*/?)(\?[\w.~!$&'()*+,;=:@/?-]+)?",
    re.ASCII,
)
# The other expressions are compiled only where they are needed.
_URL = r"(?is)(?:([a-z][a-z0-9+.-]*):)?(?://([^\\/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?"
_AUTHORITY = r"(?is)(?:(.*)@)?(\[[0-9a-f:.]+\]|[^\[\]%:/?#\x00-\x20\x7f]*)(?::0*(\d{0,5}))?"
_USERINFO = "!$&'()*+,;=:"
_PATH = f"{_USERINFO}@/"
_QUERY = f"{_PATH}?"


def _address(url: Any, params: Any) -> tuple[str, yarl.URL]:
    """`url` with `params` as requests writes it, and as it goes over the wire."""
    text = (url.decode() if isinstance(url, bytes) else str(url)).lstrip()
    query = "" if not params else params.decode() if isinstance(params, bytes) else params
    if params and not isinstance(params, str | bytes):
        query = _form(params)
        simple = _SIMPLE.fullmatch(text)
    else:
        simple = None if params else _SIMPLE.fullmatch(text)
    if simple:
        scheme, authority, path, own = simple.groups("")
        path = path or "/"
        asked = own[1:] if not query else f"{own[1:]}&{query}" if own else query
        text = f"{scheme}://{authority}{path}{'?' if asked else ''}{asked}"
        return text, yarl.URL.build(scheme=scheme, authority=authority, path=path, query_string=asked, encoded=True)
    text = _prepared(text, query)
    return text, _target(text)


def _prepared(text: str, more: str) -> str:
    if ":" in text and not text.lower().startswith("http"):
        return text
    scheme, authority, path, query, fragment = re.fullmatch(_URL, text).groups("")  # type: ignore[union-attr]
    if not scheme:
        raise MissingSchema(f"Invalid URL {text!r}: No scheme supplied. Perhaps you meant https://{text}?")
    found = re.fullmatch(_AUTHORITY, authority)
    user, host, port = found.groups("") if found else ("", "", "")
    if not found or int(port or 0) > 65535:
        what = text if found else f"{authority.rpartition('@')[2]!r} is not a valid host or port"
        raise InvalidURL(f"Failed to parse: {what}")
    if not host:
        raise InvalidURL(f"Invalid URL {text!r}: No host supplied")
    if host.startswith(("*", ".")):
        raise InvalidURL("URL has an invalid label.")
    if not host.isascii():
        try:
            host = ".".join(_idna(label) for label in host.split("."))
        except idna.IDNAError:
            raise InvalidURL(f"Failed to parse: {text}")
    user = f"{_encode(user, _USERINFO)}@" if user else ""
    host = host.lower() + (f":{int(port)}" if port else "")
    path = _encode(_without_dots(path), _PATH) or "/"
    query = "&".join(part for part in (_encode(query, _QUERY), more) if part)
    whole = f"{scheme.lower()}://{user}{host}{'' if path.startswith('/') else '/'}{path}"
    whole += f"?{query}" if query else ""
    return _requoted(f"{whole}#{_encode(fragment, _QUERY)}" if fragment else whole)


def _target(url: str) -> yarl.URL:
    """What to connect to and ask for: `url` without its user and its fragment, legally encoded."""
    if not url.lower().startswith(("http://", "https://")):
        raise InvalidSchema(f"No connection adapters were found for {url!r}")
    parts = urlsplit(url)
    try:
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidURL(error)
    if not host:
        raise InvalidURL("No host specified.")
    query = f"?{_encode(parts.query, _QUERY)}" if parts.query else ""
    netloc = parts.netloc.rpartition("@")[2].lower()
    return yarl.URL(f"{parts.scheme}://{netloc}{_encode(parts.path, _PATH) or '/'}{query}", encoded=True)


def _form(data: Any) -> str:
    """URL-encoded as requests does it: values of any type, lists repeat the name, None is left out."""
    pairs: list[tuple[Any, Any]] = []
    for name, values in data.items() if isinstance(data, Mapping) else data:
        several = hasattr(values, "__iter__") and not isinstance(values, str | bytes)
        pairs += [(name, value) for value in (values if several else [values]) if value is not None]
    return urlencode(pairs, doseq=True)


def _idna(label: str) -> str:
    return label if label.isascii() else idna.encode(label.lower(), strict=True, std3_rules=True).decode()


def _encode(part: str, safe: str) -> str:
    """Quote what may not stand in this part of a URL; keep its escapes if all its ``%`` belong to one."""
    part, escapes = re.subn("%[a-fA-F0-9]{2}", lambda escape: escape[0].upper(), part)
    return quote(part.encode("utf-8", "surrogatepass"), safe + "%" if escapes == part.count("%") else safe)


def _without_dots(path: str) -> str:
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment != ".":
            segments.append(segment)
    if path.startswith("/") and (not segments or segments[0]):
        segments.insert(0, "")
    if path.endswith(("/.", "/..")):
        segments.append("")
    return "/".join(segments)


def _requoted(url: str) -> str:
    """Undo escapes that are not needed and quote what is still illegal; with a broken escape quote every ``%``."""
    first, *rest = url.split("%")
    for number, part in enumerate(rest):
        digits = part[:2]
        rest[number] = f"%{part}"
        if len(digits) == 2 and digits.isalnum():
            try:
                character = chr(int(digits, 16))
            except ValueError:
                return quote(url, safe="!#$&'()*+,/:;=?@[]~")
            if character.isascii() and (character.isalnum() or character in "-._~"):
                rest[number] = character + part[2:]
    return quote(first + "".join(rest), safe="!#$%&'()*+,/:;=?@[]~")


def _redirected(url: str, location: str) -> str:
    """Where `location`, found at `url`, leads to; a fragment is carried over."""
    if location.startswith("//"):
        location = f"{urlparse(url).scheme}:{location}"
    parsed = urlparse(location)
    parsed = parsed._replace(fragment=parsed.fragment or urlparse(url).fragment)
    location = _requoted(parsed.geturl())
    return location if parsed.netloc else urljoin(url, location)


def _keeps_authorization(old: str, new: str) -> bool:
    """Whether a redirect from `old` to `new` stays with the server that the credentials are for."""
    a, b = urlparse(old), urlparse(new)
    if a.hostname != b.hostname:
        return False
    if (a.scheme, b.scheme) == ("http", "https") and a.port in (80, None) and b.port in (443, None):
        return True
    usual = ({"http": 80, "https": 443}.get(a.scheme), None)
    return a.scheme == b.scheme and (a.port == b.port or (a.port in usual and b.port in usual))


def _merged(own: Mapping[Any, Any] | None, extra: Mapping[Any, Any] | None) -> multidict.CIMultiDict[str]:
    """The headers to send; those that are None are left out. Raises `InvalidHeader`."""
    if not extra and own is None:
        return _PLAIN.copy()  # the only ones without Accept-Encoding
    both: dict[str, tuple[str, Any]] = {}
    for name, value in (*(_DEFAULT_HEADERS if own is None else own).items(), *(extra or {}).items()):
        text = name.decode("ascii") if isinstance(name, bytes) else name
        both[text.lower()] = (text, value)
    merged: multidict.CIMultiDict[str] = multidict.CIMultiDict()
    for name, value in both.values():
        if value is None:
            continue
        if not isinstance(value, str | bytes):
            kind = f"must be of type str or bytes, not {type(value)}"
            raise InvalidHeader(f"Header part ({value!r}) from {(name, value)} {kind}")
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        for part, given, legal in (("name", name, r"[^:\s][^:\r\n]*"), ("value", text, r"(\S[^\r\n]*)?")):
            if not re.fullmatch(legal, given):
                what = f"reserved character(s), or return character(s) in header {part}: {given!r}"
                raise InvalidHeader(f"Invalid leading whitespace, {what}")
        if not text.isascii():
            text.encode("latin-1")  # it is sent like this, or not at all
        merged[name] = text
    merged.setdefault("Accept-Encoding", "identity")
    if "User-Agent" not in merged:
        merged["User-Agent"] = _user_agent("urllib3", "_version.py")
    return merged


def _body(data: Any, json: Any) -> tuple[bytes | None, str | None]:
    """The body and its Content-Type. Raises `InvalidJSONError` for NaN and TypeError for what is no data."""
    if not data:
        if json is None:
            return None, None
        try:
            return _json.dumps(json, allow_nan=False).encode(), "application/json"
        except ValueError as error:
            raise InvalidJSONError(error)
    if isinstance(data, str | bytes | bytearray):
        return data.encode() if isinstance(data, str) else bytes(data), None
    if isinstance(data, Mapping | list | tuple):
        return _form(data).encode(), "application/x-www-form-urlencoded"
    raise TypeError(f"data must be text, bytes, a mapping or pairs, not {type(data)}")


def _limits(timeout: Any) -> aiohttp.ClientTimeout:
    """`timeout` is in seconds, for connecting and for each read, or a pair of both. Raises ValueError."""
    if timeout is None:
        return _FOREVER
    if type(timeout) in (int, float) and timeout > 0:
        return _limit_of(timeout)
    if isinstance(timeout, tuple):
        try:
            connect, read = timeout
            return aiohttp.ClientTimeout(
                total=None, sock_connect=_limit("connect", connect), sock_read=_limit("read", read)
            )
        except ValueError:
            raise ValueError(
                f"Invalid timeout {timeout}. Pass a (connect, read) timeout tuple, "
                f"or a single float to set both timeouts to the same value."
            ) from None
    limit = _limit("connect", timeout)
    return aiohttp.ClientTimeout(total=None, sock_connect=limit, sock_read=limit)


@functools.lru_cache(maxsize=16, typed=True)
def _limit_of(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds)


def _limit(name: str, value: Any) -> float | None:
    if isinstance(value, bool):
        raise ValueError("Timeout cannot be a boolean value. It must be an int, float or None.")
    if not isinstance(value, int | float | None):
        raise ValueError(f"Timeout value {name} was {value}, but it must be an int, float or None.")
    if value is not None and value <= 0:
        raise ValueError(
            f"Attempted to set {name} timeout to {value}, but the timeout "
            f"cannot be set to a value less than or equal to 0."
        )
    return value


class _Latin1Head:
    """Takes a transport's place until the head of a request has been written: it is written in latin-1."""

    def __init__(self, protocol: Any) -> None:
        self._protocol, self._transport = protocol, protocol.transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: Any) -> None:
        self._protocol.transport = self._transport
        head, end, body = bytes(data).partition(b"\r\n\r\n")
        self._transport.write(head.decode().encode("latin-1") + end + body)

    def writelines(self, parts: Any) -> None:
        self.write(b"".join(parts))


class _Request(aiohttp.ClientRequest):
    """For what aiohttp itself would write otherwise: headers beyond ASCII, no body and no length of it."""

    def update_body_from_data(self, body: Any, _stacklevel: int = 3) -> None:
        wanted = "Content-Length" in self.headers or body is not None
        super().update_body_from_data(body, _stacklevel + 1)
        if not wanted:
            self.headers.pop("Content-Length", None)

    async def send(self, conn: Any) -> Any:
        if not all(map(str.isascii, self.headers.values())):
            conn.protocol.transport = _Latin1Head(conn.protocol)
        return await super().send(conn)


_FOREVER = aiohttp.ClientTimeout(total=None, sock_connect=None, sock_read=None)
