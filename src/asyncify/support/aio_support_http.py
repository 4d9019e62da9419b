"""The part of `aio_support` that makes plain aiohttp behave as requests does."""

from __future__ import annotations

import asyncio
import codecs
import importlib
import json
import os
import re
import ssl
import weakref
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cache, lru_cache
from http.cookies import Morsel
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

import aiohttp
import idna
import yarl
from aiohttp.abc import AbstractCookieJar

_bodies: weakref.WeakKeyDictionary[aiohttp.ClientResponse, bytes] = weakref.WeakKeyDictionary()
_loop_sessions: weakref.WeakKeyDictionary[
    asyncio.AbstractEventLoop, tuple[aiohttp.ClientSession, AsyncGenerator[None, None]]
] = weakref.WeakKeyDictionary()
# What requests leaves as it is: no escapes, no dot segments, nothing to be quoted, a lower-case host.
_SIMPLE = re.compile(
    r"https?://[a-z0-9-]+(\.[a-z0-9-]+)*(:[1-9]\d{0,3}|:[1-5]\d{4})?"
    r"(/(?!\.)[\w~!$&'()*+,;=:@-][\w~!$&'()*+,;=:@.-]*)*/?(\?[\w.~!$&'()*+,;=:@/?-]+)?",
    re.ASCII,
)
_URL = re.compile(r"(?:([a-z][a-z0-9+.-]*):)?(?://([^\\/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.I | re.S)
_AUTHORITY = re.compile(r"(?:(.*)@)?(\[[0-9a-f:.]+\]|[^\[\]%:/?#\x00-\x20\x7f]*)(?::0*(\d{0,5}))?", re.I | re.S)
_NOWHERE = yarl.URL()
_ESCAPE = re.compile(r"%[a-fA-F0-9]{2}")
_USERINFO = "!$&'()*+,;=:"
_PATH = f"{_USERINFO}@/"
_QUERY = f"{_PATH}?"


@lru_cache(maxsize=8)
def _trusted(bundle: str) -> ssl.SSLContext:
    path = Path(bundle)
    return ssl.create_default_context(cafile=None if path.is_dir() else path, capath=path if path.is_dir() else None)


class _VerbatimJar(aiohttp.CookieJar):
    """Sends a cookie's value with the quotes it came with, and with no others."""

    def update_cookies(self, cookies: Any, response_url: yarl.URL = _NOWHERE) -> None:
        cookies = list(cookies.items() if isinstance(cookies, Mapping) else cookies)
        for _, cookie in cookies:
            if isinstance(cookie, Morsel):
                cookie.set(cookie.key, cookie.coded_value, cookie.coded_value)
        super().update_cookies(cookies, response_url)

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: yarl.URL) -> None:
        AbstractCookieJar.update_cookies_from_headers(self, headers, response_url)  # by way of update_cookies


def _connector(keepalive: float) -> aiohttp.TCPConnector:
    """Trusts whom requests trusts: the bundle named in the environment, else certifi's, else the system's."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if not bundle:
        try:
            bundle = str(importlib.import_module("certifi").where())
        except ImportError:
            bundle = ""
    context = _trusted(bundle) if bundle else True
    return aiohttp.TCPConnector(limit=0, keepalive_timeout=keepalive, use_dns_cache=False, ssl=context)


def _session(connector: aiohttp.TCPConnector, **kwargs: Any) -> aiohttp.ClientSession:
    settings: dict[str, Any] = {
        "connector": connector,
        "timeout": aiohttp.ClientTimeout(total=None, sock_connect=None, sock_read=None),
        "trust_env": True,
        "max_line_size": 65536,
        "max_field_size": 65536,
    }
    session = aiohttp.ClientSession(**{**settings, **kwargs})
    # A request the server dropped would be sent a second time, silently. No public switch exists.
    session._retry_connection = False
    return session


def client_session(**kwargs: Any) -> aiohttp.ClientSession:
    """An `aiohttp.ClientSession` with the settings of `requests.Session`; `kwargs` go to its constructor.

    That is: no limit on connections or time, cookies also for hosts without a name and sent as they came, proxies and
    .netrc of the environment, requests' trusted certificates, and no silent second attempt. Close it as any other.
    """
    if "connector" not in kwargs:
        kwargs["connector"] = _connector(24 * 3600)
    if "cookie_jar" not in kwargs:
        kwargs["cookie_jar"] = _VerbatimJar(unsafe=True, quote_cookie=False)
    return _session(**kwargs)


def loop_session() -> aiohttp.ClientSession:
    """The one session of the running loop, for what were one-shot calls such as `requests.get`: it keeps no cookies.

    It is closed when the loop shuts down its asynchronous generators, as `asyncio.run` and test runners do.
    """
    loop = asyncio.get_running_loop()
    if loop not in _loop_sessions or _loop_sessions[loop][0].closed:
        for gone in [other for other in _loop_sessions if other.is_closed()]:
            del _loop_sessions[gone]
        session = _session(_connector(15), cookie_jar=aiohttp.DummyCookieJar())
        generator = _close_with_loop(session)
        try:
            generator.__anext__().send(None)  # run to its yield; the loop notes it
        except StopIteration:
            _loop_sessions[loop] = (session, generator)
    return _loop_sessions[loop][0]


async def _close_with_loop(session: aiohttp.ClientSession) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await session.close()
        await asyncio.sleep(0)  # the transports tell of their end in the next round of the loop


def request_url(url: object, params: Any = None) -> yarl.URL:
    """`url` with `params`, encoded exactly as requests does; pass it to aiohttp as it is.

    `params` is what requests takes: a mapping or pairs (values of any type; lists repeat the name; None leaves it
    out), or a ready query. Raises `aiohttp.InvalidURL`, which is a ValueError, where requests raises InvalidURL,
    MissingSchema or InvalidSchema.
    """
    text = (url.decode() if isinstance(url, bytes) else str(url)).lstrip()
    more = _query(params)
    if _SIMPLE.fullmatch(text) and (params is None or not isinstance(params, str | bytes)):
        scheme, rest = text.split("://", 1)
        if "/" not in rest:
            rest = rest.replace("?", "/?", 1) if "?" in rest else f"{rest}/"
        text = f"{scheme}://{rest}"
        return yarl.URL(f"{text}{'&' if '?' in text else '?'}{more}" if more else text, encoded=True)
    scheme, authority, path, query, fragment = (_URL.fullmatch(text) or _URL.match("")).groups()  # type: ignore[union-attr]
    if (scheme or "").lower() not in ("http", "https"):
        raise aiohttp.InvalidURL(text, "not an http or https URL")
    user, host = _netloc(text, authority or "")
    path = _encode(_without_dots(path), _PATH) or "/"
    query = _encode(query or "", _QUERY)
    query = f"{query}&{more}" if query and more else query or more
    slash = "" if path.startswith("/") else "/"
    whole = f"{scheme.lower()}://{user}{host}{slash}{path}{'?' if query else ''}{query}"
    if fragment:
        whole += f"#{_encode(fragment, _QUERY)}"
    return yarl.URL(_requoted(whole), encoded=True)


def _query(params: Any) -> str:
    if params is None:
        return ""
    if isinstance(params, str | bytes):
        return params.decode("ascii") if isinstance(params, bytes) else params
    pairs: list[tuple[Any, Any]] = []
    for name, values in params.items() if isinstance(params, Mapping) else params:
        several = hasattr(values, "__iter__") and not isinstance(values, str | bytes)
        pairs += [(name, value) for value in (values if several else [values]) if value is not None]
    return urlencode(pairs, doseq=True)


def _netloc(url: str, authority: str) -> tuple[str, str]:
    found = _AUTHORITY.fullmatch(authority)
    user, host, port = found.groups() if found else ("", "", "")
    if not host or host.startswith(("*", ".")) or int(port or 0) > 65535:
        raise aiohttp.InvalidURL(url, "no valid host and port")
    if not host.isascii():
        try:
            host = ".".join(label if label.isascii() else _idna(label) for label in host.split("."))
        except idna.IDNAError as error:
            raise aiohttp.InvalidURL(url, str(error)) from error
    user = f"{_encode(user, _USERINFO)}@" if user else ""
    return user, host.lower() + (f":{int(port)}" if port else "")


def _idna(label: str) -> str:
    return idna.encode(label.lower(), strict=True, std3_rules=True).decode()


def _encode(part: str, safe: str) -> str:
    """Quote what may not stand in this part of a URL; keep its escapes if all its ``%`` belong to one."""
    part, escapes = _ESCAPE.subn(lambda escape: escape[0].upper(), part)
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
    """Undo escapes that are not needed and quote what is still illegal."""

    def plain(escape: re.Match[str]) -> str:
        character = unquote(escape[0], "latin-1")
        return character if character.isascii() and (character.isalnum() or character in "-._~") else escape[0]

    return quote(_ESCAPE.sub(plain, url), safe="!#$%&'()*+,/:;=?@[]~")


async def fetch(
    request: AbstractAsyncContextManager[aiohttp.ClientResponse],
) -> aiohttp.ClientResponse:
    """``await fetch(session.get(url))``: the response with its body read, to be used freely afterwards.

    The connection goes back at once. Look at the body with `body`, `text_of` and `json_of`.
    """
    async with request as response:
        _bodies[response] = await response.read()
    return response


def body(response: aiohttp.ClientResponse) -> bytes:
    """``response.content`` of requests, for a response that came from `fetch`; else RuntimeError."""
    try:
        return _bodies[response]
    except KeyError:
        raise RuntimeError("the body of this response has not been read by fetch()") from None


def text_of(response: aiohttp.ClientResponse) -> str:
    """``response.text`` of requests, for a response that came from `fetch`: decoded by its rules, never failing.

    Without a charset ``text/*`` is ISO-8859-1 and JSON is UTF-8; for anything else the encoding is guessed, as in
    requests by chardet or charset_normalizer if one is installed, and else taken as UTF-8.
    """
    data = body(response)
    if not data:
        return ""
    encoding = _declared_encoding(response) or _guessed_encoding(data)
    try:
        return str(data, encoding, errors="replace")
    except LookupError:
        return str(data, errors="replace")


def json_of(response: aiohttp.ClientResponse, **kwargs: Any) -> Any:
    """``response.json()`` of requests, for a response that came from `fetch`; `kwargs` go to `json.loads`.

    Raises `json.JSONDecodeError` for what is no JSON, the empty body too.
    """
    data = body(response)
    if not _declared_encoding(response) and len(data) > 3:
        encoding = _json_encoding(data[:4])
        if encoding is not None:
            try:
                return json.loads(data.decode(encoding), **kwargs)
            except UnicodeDecodeError:
                pass  # then it is guessed from the whole
    return json.loads(text_of(response), **kwargs)


def _declared_encoding(response: aiohttp.ClientResponse) -> str | None:
    content_type, *params = ", ".join(response.headers.getall("Content-Type", ())).split(";")
    found = None
    for param in params:
        name, separator, value = param.strip().partition("=")
        if separator and name.strip("\"' ").lower() == "charset":
            found = value.strip("\"' ")
    if found is not None:
        return found
    return "ISO-8859-1" if "text" in content_type else "utf-8" if "application/json" in content_type else None


def _guessed_encoding(data: bytes) -> str:
    detector = _detector()
    return (detector.detect(data)["encoding"] if detector else None) or "utf-8"


@cache
def _detector() -> Any:
    for name in ("chardet", "charset_normalizer"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def _json_encoding(sample: bytes) -> str | None:
    """Which UTF the first four bytes of a JSON text are in, by its byte order mark or where its zeros are."""
    if sample in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        return "utf-32"
    if sample[:3] == codecs.BOM_UTF8:
        return "utf-8-sig"
    if sample[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    zeros = tuple(byte == 0 for byte in sample)
    return {
        (False, False, False, False): "utf-8",
        (True, False, True, False): "utf-16-be",
        (False, True, False, True): "utf-16-le",
        (True, True, True, False): "utf-32-be",
        (False, True, True, True): "utf-32-le",
    }.get(zeros)  # type: ignore[arg-type]
