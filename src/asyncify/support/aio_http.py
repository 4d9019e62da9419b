"""The functions, session and response of requests, awaited, on aiohttp alone: for what most programs use of them."""

from __future__ import annotations

import asyncio
import base64
import codecs
import contextlib
import datetime
import functools
import importlib
import ipaddress
import json as _json
import netrc
import os
import re
import ssl
import sys
import threading
import time
import urllib.request
import weakref
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urljoin, urlparse, urlsplit

import aiohttp
import aiohttp.http
import idna
import multidict
import yarl


class RequestException(OSError):
    """Anything that goes wrong with a request; `response` is the response to it, if one came."""

    def __init__(self, *args: Any, response: Response | None = None) -> None:
        self.response = response
        super().__init__(*args)


class InvalidJSONError(RequestException):
    """What should be sent is not JSON, or what came is not."""


class JSONDecodeError(InvalidJSONError, _json.JSONDecodeError):
    """The body of the response is not JSON."""

    def __init__(self, msg: str, doc: str, pos: int) -> None:
        _json.JSONDecodeError.__init__(self, msg, doc, pos)
        InvalidJSONError.__init__(self, *self.args)

    def __reduce__(self) -> Any:
        return _json.JSONDecodeError.__reduce__(self)


class HTTPError(RequestException):
    """The response has a status of 400 or more."""


class ConnectionError(RequestException):
    """No connection, or it was lost."""


class ProxyError(ConnectionError):
    """No connection through the proxy."""


class SSLError(ConnectionError):
    """No trusted connection."""


class Timeout(RequestException):
    """It took too long."""


class ConnectTimeout(ConnectionError, Timeout):
    """It took too long to connect; nothing was sent."""


class ReadTimeout(Timeout):
    """The server sent nothing for too long."""


class TooManyRedirects(RequestException):
    """More than 30 redirects."""


class MissingSchema(RequestException, ValueError):
    """The URL does not begin with ``http://`` or ``https://``."""


class InvalidSchema(RequestException, ValueError):
    """The URL is neither http nor https."""


class InvalidURL(RequestException, ValueError):
    """The URL makes no sense."""


class InvalidProxyURL(InvalidURL):
    """The URL of the proxy makes no sense."""


class InvalidHeader(RequestException, ValueError):
    """A header that cannot be sent."""


class ChunkedEncodingError(RequestException):
    """The body ended too early, or its chunks are broken."""


class ContentDecodingError(RequestException):
    """The body cannot be decompressed."""


class Headers(MutableMapping[str, Any]):
    """Headers by name, whatever its case; the case of the last one set is kept."""

    __slots__ = ("_store",)

    def __init__(self, pairs: Iterable[tuple[str, Any]] = ()) -> None:
        self._store = {name.lower(): (name, value) for name, value in pairs}

    def __getitem__(self, name: str) -> Any:
        return self._store[name.lower()][1]

    def __setitem__(self, name: str, value: Any) -> None:
        self._store[name.lower()] = (name, value)

    def __delitem__(self, name: str) -> None:
        del self._store[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._store.values())

    def __len__(self) -> int:
        return len(self._store)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        mine = {name: value for name, (_, value) in self._store.items()}
        return mine == {name.lower(): value for name, value in other.items()}

    def __repr__(self) -> str:
        return str(dict(self.items()))

    def copy(self) -> Headers:
        twin = Headers()
        twin._store = self._store.copy()
        return twin


_DEFAULT_HEADERS = Headers(
    [
        ("User-Agent", aiohttp.http.SERVER_SOFTWARE),
        ("Accept-Encoding", aiohttp.ClientRequest.DEFAULT_HEADERS[multidict.istr("Accept-Encoding")]),
        ("Accept", "*/*"),
        ("Connection", "keep-alive"),
    ]
)
_PLAIN = multidict.CIMultiDict(_DEFAULT_HEADERS.items())
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Response:
    """A response whose body has been read, with the attributes of `requests.Response`."""

    __slots__ = (
        "__weakref__",
        "_encoding",
        "_headers",
        "_raw",
        "_seconds",
        "_sets_cookies",
        "content",
        "history",
        "reason",
        "status_code",
        "url",
    )

    def __init__(self, status: int, reason: str, raw: tuple[tuple[bytes, bytes], ...], url: str, seconds: float):
        self.status_code = status
        self.reason = reason
        self.url = url
        self.content = b""
        self.history: list[Response] = []
        self._raw = raw
        self._headers: Headers | None = None
        self._encoding: str | bool | None = False  # False: not looked up yet
        self._seconds = seconds
        self._sets_cookies = False

    def _values(self, name: bytes) -> list[str]:
        return [value.decode("latin-1") for key, value in self._raw if key.lower() == name]

    @property
    def headers(self) -> Headers:
        """Repeated headers are joined by commas."""
        if self._headers is None:
            self._headers = Headers()
            for key, value in self._raw:
                name, text = key.decode("latin-1"), value.decode("latin-1")
                earlier = self._headers._store.get(name.lower())
                self._headers[name if earlier is None else earlier[0]] = (
                    text if earlier is None else f"{earlier[1]}, {text}"
                )
        return self._headers

    @property
    def encoding(self) -> str | None:
        """The charset of the response; ISO-8859-1 for text without one; can be set before `text` is used."""
        if self._encoding is False:
            self._encoding = _charset(", ".join(self._values(b"content-type")))
        return self._encoding  # type: ignore[return-value]

    @encoding.setter
    def encoding(self, name: str | None) -> None:
        self._encoding = name

    @property
    def apparent_encoding(self) -> str | None:
        """What chardet or charset_normalizer, if one is installed, takes the body for; else ``"utf-8"``."""
        detector = _detector()
        return detector.detect(self.content)["encoding"] if detector else "utf-8"

    @property
    def text(self) -> str:
        if not self.content:
            return ""
        try:
            return str(self.content, self.encoding or self.apparent_encoding or "utf-8", errors="replace")
        except LookupError:
            return str(self.content, errors="replace")

    def json(self, **kwargs: Any) -> Any:
        """The body as JSON; raises `JSONDecodeError`. The arguments are those of `json.loads`."""
        try:
            if not self.encoding and len(self.content) > 3 and (encoding := _json_encoding(self.content[:4])):
                try:
                    return _json.loads(self.content.decode(encoding), **kwargs)
                except UnicodeDecodeError:
                    pass  # then it is guessed from the whole
            return _json.loads(self.text, **kwargs)
        except _json.JSONDecodeError as error:
            raise JSONDecodeError(error.msg, error.doc, error.pos) from None

    @property
    def ok(self) -> bool:
        return not 400 <= self.status_code < 600

    def __bool__(self) -> bool:
        return self.ok

    @property
    def is_redirect(self) -> bool:
        return self.status_code in _REDIRECTS and bool(self._values(b"location"))

    @property
    def elapsed(self) -> datetime.timedelta:
        """From sending the request until the headers were there."""
        return datetime.timedelta(seconds=self._seconds)

    def raise_for_status(self) -> None:
        """Raise `HTTPError` for a status of 400 or more."""
        if not self.ok:
            kind = "Client" if self.status_code < 500 else "Server"
            text = f"{self.status_code} {kind} Error: {self.reason} for url: {self.url}"
            raise HTTPError(text, response=self)

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: bool = False) -> Iterator[Any]:
        if chunk_size is not None and not isinstance(chunk_size, int):
            raise TypeError(f"chunk_size must be an int, it is instead a {type(chunk_size)}.")
        size = chunk_size if chunk_size and chunk_size > 0 else max(len(self.content), 1)
        pieces = (self.content[at : at + size] for at in range(0, len(self.content), size))
        if not decode_unicode or self.encoding is None:
            return pieces
        return _decoded(pieces, codecs.getincrementaldecoder(self.encoding)(errors="replace"))

    def iter_lines(self, chunk_size: int = 512, decode_unicode: bool = False, delimiter: Any = None) -> Iterator[Any]:
        pending = None
        for piece in self.iter_content(chunk_size, decode_unicode):
            chunk = piece if pending is None else pending + piece
            lines = chunk.split(delimiter) if delimiter else chunk.splitlines()
            pending = lines.pop() if lines and lines[-1] and lines[-1][-1] == chunk[-1] else None
            yield from lines
        if pending is not None:
            yield pending

    def __iter__(self) -> Iterator[bytes]:
        return self.iter_content(128)

    def __enter__(self) -> Response:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing to close: the body has been read."""

    def __repr__(self) -> str:
        return f"<Response [{self.status_code}]>"


def _decoded(pieces: Iterator[bytes], decoder: codecs.IncrementalDecoder) -> Iterator[str]:
    for piece in pieces:
        if text := decoder.decode(piece):
            yield text
    if text := decoder.decode(b"", final=True):
        yield text


@functools.lru_cache(maxsize=64)
def _charset(content_type: str) -> str | None:
    kind, *parameters = content_type.split(";")
    found = None
    for parameter in parameters:
        name, separator, value = parameter.strip().partition("=")
        if separator and name.strip("\"' ").lower() == "charset":
            found = value.strip("\"' ")
    if found is not None:
        return found
    return "ISO-8859-1" if "text" in kind else "utf-8" if "application/json" in kind else None


@functools.cache
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
    return {
        "....": "utf-8",
        "0.0.": "utf-16-be",
        ".0.0": "utf-16-le",
        "000.": "utf-32-be",
        ".000": "utf-32-le",
    }.get("".join("." if byte else "0" for byte in sample))


# What requests leaves as it is: no escapes, no dot segments, nothing to be quoted, a lower-case host.
_SIMPLE = re.compile(
    r"(https?://[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[1-9]\d{0,3}|:[1-5]\d{4})?)"
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
        origin, path, own = simple.groups("")
        text = f"{origin}{path or '/'}{own}{('&' if own else '?') + query if query else ''}"
        return text, yarl.URL(text, encoded=True)
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
        raise InvalidURL(f"Failed to parse: {text}")
    if not host:
        raise InvalidURL(f"Invalid URL {text!r}: No host supplied")
    if host.startswith(("*", ".")):
        raise InvalidURL("URL has an invalid label.")
    if not host.isascii():
        try:
            host = ".".join(_idna(label) for label in host.split("."))
        except idna.IDNAError:
            raise InvalidURL(f"Failed to parse: {text}") from None
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
        raise InvalidURL(error) from error
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
        return _PLAIN.copy()
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
            raise InvalidHeader(f"aiohttp cannot send this header as requests would, in latin-1: {name}: {text!r}")
        merged[name] = text
    merged.setdefault("Accept-Encoding", "identity")
    return merged


def _body(data: Any, json: Any) -> tuple[bytes | None, str | None]:
    """The body and its Content-Type. Raises `InvalidJSONError` for NaN and TypeError for what is no data."""
    if not data:
        if json is None:
            return None, None
        try:
            return _json.dumps(json, allow_nan=False).encode(), "application/json"
        except ValueError as error:
            raise InvalidJSONError(error) from error
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
        return aiohttp.ClientTimeout(total=None, sock_connect=timeout, sock_read=timeout)
    try:
        connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    except ValueError:
        raise ValueError(
            f"Invalid timeout {timeout}. Pass a (connect, read) timeout tuple, "
            f"or a single float to set both timeouts to the same value."
        ) from None
    for name, value in (("connect", connect), ("read", read)):
        if value is None:
            continue
        if isinstance(value, bool):
            raise ValueError("Timeout cannot be a boolean value. It must be an int, float or None.")
        if not isinstance(value, int | float):
            raise ValueError(f"Timeout value {name} was {value}, but it must be an int, float or None.")
        if value <= 0:
            raise ValueError(
                f"Attempted to set {name} timeout to {value}, but the timeout "
                f"cannot be set to a value less than or equal to 0."
            )
    return aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read)


_FOREVER = aiohttp.ClientTimeout(total=None, sock_connect=None, sock_read=None)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode("latin-1")).decode()


def _login(url: str) -> str | None:
    """Basic authorization out of `url` itself."""
    parts = urlparse(url)
    if parts.username is None or parts.password is None or not (parts.username or parts.password):
        return None
    return _basic(unquote(parts.username), unquote(parts.password))


def _netrc_login(host: str | None) -> str | None:
    """Basic authorization for `host` out of the .netrc; one that cannot be read does not count."""
    path = _netrc_path(None if _untouched() else os.environ.get("NETRC"), int(time.monotonic()))
    try:
        found = netrc.netrc(path).authenticators(host or "") if path else None
    except (netrc.NetrcParseError, OSError):
        return None
    return _basic(found[0] or found[1] or "", found[2] or "") if found and any(found) else None


@functools.lru_cache(maxsize=1)
def _netrc_path(named: str | None, _second: int) -> Path | None:
    """The file named, or ~/.netrc, or ~/_netrc; looked for once a second, not for each request."""
    paths = (Path(path).expanduser() for path in (("~/.netrc", "~/_netrc") if named is None else (named,)))
    return next((path for path in paths if path.exists()), None)


_NAMES = frozenset(
    os.fsencode(name)
    for scheme in ("http", "https", "all")
    for name in ("NETRC", f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
)


def _untouched() -> bool:
    """Whether the environment certainly names neither a proxy nor a .netrc: fast, because it is asked so often."""
    variables = None if sys.platform in ("win32", "darwin") else getattr(os.environ, "_data", None)
    return variables is not None and _NAMES.isdisjoint(variables)



def _proxies(url: yarl.URL) -> dict[str, str]:
    """The proxies that the environment gives for `url`, by scheme or ``all``; none where no_proxy says so."""
    if _untouched():
        return {}
    host = url.host or ""
    without = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").replace(" ", "").split(",")
    try:
        address = ipaddress.IPv4Address(host)
        for name in filter(None, without):
            network = re.fullmatch(r"[\d.]+/([1-9]|[12]\d|3[0-2])", name)
            if name == host or (network and address in ipaddress.IPv4Network(name, strict=False)):
                return {}
    except ValueError:
        names = (host, host if url.explicit_port is None else f"{host}:{url.port}")
        ends = [end.lstrip(".") for end in without if end]
        if any(name == end or name.endswith(f".{end}") for name in names for end in ends):
            return {}
    return {} if urllib.request.proxy_bypass(host) else urllib.request.getproxies()


def _through(proxy: str, url: yarl.URL, headers: multidict.CIMultiDict[str]) -> dict[str, Any]:
    """What to tell aiohttp so that it goes through `proxy`."""
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if not parts.hostname:
        raise InvalidProxyURL("Please check proxy URL. It is malformed and could be missing the host.")
    if parts.scheme.startswith("socks"):
        raise InvalidSchema("Missing dependencies for SOCKS support.")
    options: dict[str, Any] = {"proxy": yarl.URL(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())}
    if login := _login(parts.geturl()):
        if url.scheme == "https":
            options["proxy_headers"] = {"Proxy-Authorization": login}
        else:
            headers["Proxy-Authorization"] = login
    return options


@functools.lru_cache(maxsize=8)
def _trusted(bundle: str) -> ssl.SSLContext | bool:
    if not bundle:
        try:
            bundle = str(importlib.import_module("certifi").where())
        except ImportError:
            return True
    if not Path(bundle).exists():
        raise OSError(f"Could not find a suitable TLS CA certificate bundle, invalid path: {bundle}")
    directory = Path(bundle).is_dir()
    context = ssl.create_default_context(cafile=None if directory else bundle, capath=bundle if directory else None)
    context.set_alpn_protocols(["http/1.1"])
    return context


class _SetCookies:
    """The part of a response that `http.cookiejar` looks at."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def info(self) -> _SetCookies:
        return self

    def get_all(self, name: str, default: Any = None) -> Any:
        return self._response._values(name.lower().encode()) or default


def _as_urllib(url: str, headers: Mapping[str, str]) -> urllib.request.Request:
    """The request as `http.cookiejar` wants to see it."""
    parts = urlparse(url)
    if "Host" in headers:
        url = parts._replace(netloc=headers["Host"]).geturl()
    return urllib.request.Request(url, origin_req_host=parts.netloc, unverifiable=True)


class _Client:
    """aiohttp's session for one event loop, and when it was last seen to work."""

    def __init__(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=15, ttl_dns_cache=1)
        self.session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=_FOREVER,
            max_line_size=65536,
            max_field_size=65536,
        )
        # A request the server dropped would be sent a second time, silently. No public switch exists.
        self.session._retry_connection = False
        self.alive = time.perf_counter()
        self.guard = self._until_shutdown()
        with contextlib.suppress(StopIteration):
            self.guard.__anext__().send(None)  # run to its yield; the loop notes it, and closes it in the end

    async def _until_shutdown(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            _clients.pop(asyncio.get_running_loop(), None)
            await self.session.close()
            await asyncio.sleep(0)  # the transports tell of their end in the next round of the loop


_clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Client] = weakref.WeakKeyDictionary()
_clients_lock = threading.Lock()


def _client() -> _Client:
    loop = asyncio.get_running_loop()
    client = _clients.get(loop)
    if client is None:
        with _clients_lock:
            for gone in [other for other in _clients if other.is_closed()]:
                del _clients[gone]
            client = _clients[loop] = _Client()
    return client


async def _send(
    method: str,
    url: str,
    target: yarl.URL,
    headers: multidict.CIMultiDict[str],
    body: bytes | None,
    limits: aiohttp.ClientTimeout,
    proxies: Mapping[str, str],
) -> Response:
    """One request and its response, read to the end; a redirect counts whatever its body."""
    options: dict[str, Any] = {}
    proxy = proxies.get(target.scheme, proxies.get("all")) if proxies else None
    if proxy:
        options |= _through(proxy, target, headers)
    if target.scheme == "https":
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or ""
        options["ssl"] = _trusted(bundle)
    if "Accept" not in headers or ((body is not None or method != "GET") and "Content-Type" not in headers):
        options["skip_auto_headers"] = ("Accept", "Content-Type")
    if body == b"":
        options["chunked"] = True  # as requests does it
    client = _client()
    start = time.perf_counter()
    if start - client.alive > 0.05:
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # two rounds of the loop: it notices which idle connections were closed
    try:
        live = await client.session.request(
            method, target, data=body, headers=headers, allow_redirects=False, timeout=limits, **options
        )
    except (aiohttp.ClientError, OSError, UnicodeError) as error:
        raise _failure(error, target, limits) from error
    client.alive = time.perf_counter()
    reason = live.reason or ""
    if not reason.isascii():
        reason = reason.encode("utf-8", "surrogateescape").decode("latin-1")
    response = Response(live.status, reason, live.raw_headers, url, client.alive - start)
    response._sets_cookies = "Set-Cookie" in live.headers
    try:
        response.content = await live.read()
    except aiohttp.SocketTimeoutError as error:
        raise ConnectionError(f"{_pool(target)}: Read timed out.") from error
    except (aiohttp.ClientError, OSError) as error:
        if not response.is_redirect:
            undecodable = "content-encoding" in str(error)
            raise (ContentDecodingError if undecodable else ChunkedEncodingError)(str(error)) from error
    return response


def _pool(target: yarl.URL) -> str:
    return f"{target.scheme.upper()}ConnectionPool(host={target.host!r}, port={target.port})"


def _failure(error: Exception, target: yarl.URL, limits: aiohttp.ClientTimeout) -> Exception:
    """What requests would raise, in its words."""
    pool = _pool(target)
    once = pool.replace("Pool", "")
    retries = f"{pool}: Max retries exceeded with url: {target.raw_path_qs} (Caused by "
    match error:
        case aiohttp.SocketTimeoutError():
            return ReadTimeout(f"{pool}: Read timed out. (read timeout={limits.sock_read})")
        case aiohttp.ServerTimeoutError():
            text = f"Connection to {target.host} timed out. (connect timeout={limits.sock_connect})"
            return ConnectTimeout(f"{retries}ConnectTimeoutError({f'{once}: {text}'!r}))")
        case aiohttp.ClientConnectorError() if isinstance(error.__cause__, ssl.SSLError):
            return SSLError(f"{retries}SSLError({error.__cause__!r}))")
        case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError() | ssl.SSLError():
            inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
            return SSLError(f"{retries}SSLError({inner!r}))")
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return ProxyError(f"{retries}ProxyError('Unable to connect to proxy', {error!r}))")
        case aiohttp.ClientConnectorDNSError():
            text = f"{once}: Failed to resolve {target.host!r} ({error.os_error})"
            return ConnectionError(f"{retries}NameResolutionError({text!r}))")
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno
            why = f"[Errno {number}] {os.strerror(number)}" if number and number > 0 else error.os_error
            text = f"{once}: Failed to establish a new connection: {why}"
            return ConnectionError(f"{retries}NewConnectionError({text!r}))")
        case aiohttp.InvalidURL() | UnicodeError():
            return InvalidURL(f"Failed to parse: {target}")
        case aiohttp.ServerDisconnectedError():
            gone = "RemoteDisconnected('Remote end closed connection without response')"
            return ConnectionError(f"('Connection aborted.', {gone})")
    return ConnectionError(f"('Connection aborted.', {error!r})")


class Session:
    """`requests.Session`, awaited: keeps its headers and its cookies.

    It can be made anywhere, also without a running loop, and used from many tasks and in several loops. The
    connections belong to the loop and are closed with it: nothing has to be closed.
    """

    __slots__ = ("_headers", "_jar")

    def __init__(self) -> None:
        self._headers: MutableMapping[str, Any] | None = None  # nobody has looked at them: the usual ones
        self._jar: Any = None

    @property
    def headers(self) -> MutableMapping[str, Any]:
        """Sent with every request; what is None is left out."""
        if self._headers is None:
            self._headers = _DEFAULT_HEADERS.copy()
        return self._headers

    @headers.setter
    def headers(self, headers: MutableMapping[str, Any]) -> None:
        self._headers = headers

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing to close; the session can still be used, as in requests."""

    async def request(
        self,
        method: str,
        url: Any,
        params: Any = None,
        data: Any = None,
        headers: Mapping[Any, Any] | None = None,
        *,
        timeout: Any = None,
        allow_redirects: bool = True,
        json: Any = None,
    ) -> Response:
        """Send a request, follow redirects, read the body. Raises `RequestException` for what goes wrong there.

        `timeout` is in seconds, for connecting and for each read (not for the whole), or a pair of both; None means
        no limit, and zero is a ValueError.
        """
        method = method.upper()
        text, target = _address(url, params)
        sent = _merged(self._headers, headers)
        body, kind = _body(data, json)
        if body is not None:
            sent.pop("Content-Length", None)
            if kind:
                sent.setdefault("Content-Type", kind)
        elif method not in ("GET", "HEAD"):
            sent.setdefault("Content-Length", "0")
        if login := _netrc_login(target.host) or ("@" in text and _login(text)):
            sent["Authorization"] = login
        limits = _limits(timeout)
        proxies = _proxies(target)
        history: list[Response] = []
        while True:
            if self._jar is not None and "Cookie" not in sent:
                self._add_cookies(text, sent)
            response = await _send(method, text, target, sent, body, limits, proxies)
            if response._sets_cookies:
                self._keep_cookies(response, sent)
            response.history = history
            if not allow_redirects or not response.is_redirect:
                return response
            location = ", ".join(response._values(b"location")).encode("latin-1").decode()
            if not location:
                return response
            if len(history) >= 30:
                raise TooManyRedirects("Exceeded 30 redirects.", response=response)
            history = [*history, response]
            method, body = _rewritten(response.status_code, method, body, sent)
            earlier, text = text, _redirected(text, location)
            if not _keeps_authorization(earlier, text):
                sent.pop("Authorization", None)
            target = _target(text)
            if login := _netrc_login(target.host):
                sent["Authorization"] = login
            proxies = {**_proxies(target), **proxies}

    def _add_cookies(self, url: str, headers: multidict.CIMultiDict[str]) -> None:
        request = _as_urllib(url, headers)
        self._jar.add_cookie_header(request)
        if cookies := request.get_header("Cookie"):
            headers["Cookie"] = cookies

    def _keep_cookies(self, response: Response, headers: Mapping[str, str]) -> None:
        if self._jar is None:
            self._jar = importlib.import_module("http.cookiejar").CookieJar()  # most programs need none
        self._jar.extract_cookies(_SetCookies(response), _as_urllib(response.url, headers))
        for cookie in self._jar:
            if cookie.value and cookie.value.startswith('"') and cookie.value.endswith('"'):
                cookie.value = cookie.value.replace('\\"', "")  # as requests does it

    async def get(self, url: Any, params: Any = None, **options: Any) -> Response:
        return await self.request("GET", url, params=params, **options)

    async def options(self, url: Any, **options: Any) -> Response:
        return await self.request("OPTIONS", url, **options)

    async def head(self, url: Any, **options: Any) -> Response:
        options.setdefault("allow_redirects", False)
        return await self.request("HEAD", url, **options)

    async def post(self, url: Any, data: Any = None, json: Any = None, **options: Any) -> Response:
        return await self.request("POST", url, data=data, json=json, **options)

    async def put(self, url: Any, data: Any = None, **options: Any) -> Response:
        return await self.request("PUT", url, data=data, **options)

    async def patch(self, url: Any, data: Any = None, **options: Any) -> Response:
        return await self.request("PATCH", url, data=data, **options)

    async def delete(self, url: Any, **options: Any) -> Response:
        return await self.request("DELETE", url, **options)


def _rewritten(
    status: int, method: str, body: bytes | None, headers: multidict.CIMultiDict[str]
) -> tuple[str, bytes | None]:
    """Method and body of the request after a redirect; its headers are changed in place."""
    headers.pop("Cookie", None)
    headers.pop("Proxy-Authorization", None)
    if status not in (307, 308):
        for name in ("Content-Length", "Content-Type", "Transfer-Encoding"):
            headers.pop(name, None)
        body = None
    if (status in (302, 303) and method != "HEAD") or (status == 301 and method == "POST"):
        method = "GET"
    return method, body


async def request(method: str, url: Any, **options: Any) -> Response:
    """`requests.request`, awaited: a request of its own, with no cookies but those of its redirects."""
    return await Session().request(method, url, **options)


async def get(url: Any, params: Any = None, **options: Any) -> Response:
    """`requests.get`, awaited."""
    return await Session().request("GET", url, params=params, **options)


async def options(url: Any, **options: Any) -> Response:
    """`requests.options`, awaited."""
    return await Session().request("OPTIONS", url, **options)


async def head(url: Any, **options: Any) -> Response:
    """`requests.head`, awaited."""
    options.setdefault("allow_redirects", False)
    return await Session().request("HEAD", url, **options)


async def post(url: Any, data: Any = None, json: Any = None, **options: Any) -> Response:
    """`requests.post`, awaited."""
    return await Session().request("POST", url, data=data, json=json, **options)


async def put(url: Any, data: Any = None, **options: Any) -> Response:
    """`requests.put`, awaited."""
    return await Session().request("PUT", url, data=data, **options)


async def patch(url: Any, data: Any = None, **options: Any) -> Response:
    """`requests.patch`, awaited."""
    return await Session().request("PATCH", url, data=data, **options)


async def delete(url: Any, **options: Any) -> Response:
    """`requests.delete`, awaited."""
    return await Session().request("DELETE", url, **options)
