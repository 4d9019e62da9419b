"""The functions, session and response of requests, awaited, on aiohttp alone: for what most programs use of them."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import importlib
import os
import ssl
import threading
import time
import urllib.request
import weakref
from collections.abc import AsyncGenerator, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlparse

import aiohttp
import multidict
import yarl

from asyncify.support.aio_http_environment import _login, _netrc_login, _proxies, _through, _trusted, _untouched
from asyncify.support.aio_http_request import (
    _DEFAULT_HEADERS,
    _FOREVER,
    _address,
    _body,
    _keeps_authorization,
    _limits,
    _merged,
    _redirected,
    _Request,
    _target,
)
from asyncify.support.aio_http_response import (
    ChunkedEncodingError,
    ConnectionError,
    ConnectTimeout,
    ContentDecodingError,
    InvalidURL,
    ProxyError,
    ReadTimeout,
    Response,
    SSLError,
    TooManyRedirects,
    _inner,
)
from asyncify.support.aio_http_response import Headers as Headers
from asyncify.support.aio_http_response import HTTPError as HTTPError
from asyncify.support.aio_http_response import InvalidHeader as InvalidHeader
from asyncify.support.aio_http_response import InvalidJSONError as InvalidJSONError
from asyncify.support.aio_http_response import JSONDecodeError as JSONDecodeError
from asyncify.support.aio_http_response import MissingSchema as MissingSchema
from asyncify.support.aio_http_response import StreamConsumedError as StreamConsumedError
from asyncify.support.aio_http_response import Timeout as Timeout
from asyncify.support.aio_http_wire import _broken_off, _Wire


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


def _session(connector: aiohttp.TCPConnector, kind: type[aiohttp.ClientRequest]) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=_FOREVER,
        request_class=kind,
        max_line_size=65536,
        max_field_size=65536,
    )
    # A request the server dropped would be sent a second time, silently. No public switch exists.
    session._retry_connection = False
    return session


class _Client:
    """aiohttp's session for one event loop, and when it was last seen to work."""

    def __init__(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=15, ttl_dns_cache=1)
        self.session = _session(connector, aiohttp.ClientRequest)
        self.rare: aiohttp.ClientSession | None = None
        self.alive = time.perf_counter()
        self.guard = self._until_shutdown()
        with contextlib.suppress(StopIteration):
            self.guard.__anext__().send(None)  # run to its yield; the loop notes it, and closes it in the end

    def exact(self) -> aiohttp.ClientSession:
        """The same connections, for requests that aiohttp would write otherwise."""
        if self.rare is None:
            connector = self.session.connector
            assert isinstance(connector, aiohttp.TCPConnector)
            self.rare = _session(connector, _Request)
        return self.rare

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
    follow: bool,
    stream: bool,
) -> Response:
    """One request and its response, read to the end unless it is to be streamed."""
    options: dict[str, Any] = {}
    proxy = proxies.get(target.scheme, proxies.get("all")) if proxies else None
    if proxy:
        options |= _through(proxy, target, headers)
    if target.scheme == "https":
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or ""
        options["ssl"] = _trusted(bundle)
    unwanted = [] if "Accept-Encoding" not in headers or "Accept" in headers else ["Accept"]
    if (body is not None or method != "GET") and "Content-Type" not in headers:
        unwanted.append("Content-Type")
    if unwanted:
        options["skip_auto_headers"] = unwanted
    if body == b"":
        options["chunked"] = True  # as requests does it
    client = _client()
    session = client.session
    if method == "DELETE" or not all(map(str.isascii, headers.values())):
        session = client.exact()
    start = time.perf_counter()
    if start - client.alive > 0.05:
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # two rounds of the loop: it notices which idle connections were closed
    try:
        live = await session.request(
            method, target, data=body, headers=headers, allow_redirects=False, timeout=limits, **options
        )
    except (aiohttp.ClientError, OSError, UnicodeError) as error:
        raise _failure(error, target, limits)
    client.alive = time.perf_counter()
    reason = live.reason or ""
    if not reason.isascii():
        reason = reason.encode("utf-8", "surrogateescape").decode("latin-1")
    response = Response(live.status, reason, live.raw_headers, url, client.alive - start)
    response._sets_cookies = "Set-Cookie" in live.headers
    if stream and not (follow and response.is_redirect):
        response._is_to_come(_Wire(live, _pool(target)))
        return response
    try:
        response.content = await live.read()
    except aiohttp.SocketTimeoutError:
        raise ConnectionError(_inner("ReadTimeoutError", f"{_pool(target)}: Read timed out."))
    except (aiohttp.ClientError, OSError) as error:
        undecodable = "content-encoding" in str(error)
        inner = _inner("DecodeError", str(error)) if undecodable else _broken_off(live, error)
        broken = ContentDecodingError(inner) if undecodable else ChunkedEncodingError(inner)
        if not (follow and response.is_redirect):  # if it is followed, its body does not matter
            raise broken
        response._broken = broken
        del response.content
    return response


def _pool(target: yarl.URL) -> str:
    return f"{target.scheme.upper()}ConnectionPool(host={target.host!r}, port={target.port})"


def _exhausted(pool: str, url: str, reason: Exception) -> Exception:
    """What urllib3 would raise where there is no connection, for `reason`."""
    error = _inner("MaxRetryError", f"{pool}: Max retries exceeded with url: {url} (Caused by {reason!r})")
    error.reason = reason
    return error


def _not_reached(pool: str, error: OSError) -> Exception:
    """What urllib3 would raise where a connection of this pool failed with `error`."""
    why = f"[Errno {error.errno}] {os.strerror(error.errno)}" if error.errno and error.errno > 0 else error
    return _inner("NewConnectionError", f"{pool.replace('Pool', '')}: Failed to establish a new connection: {why}")


def _failure(error: Exception, target: yarl.URL, limits: aiohttp.ClientTimeout) -> Exception:
    """What requests would raise, in its words."""
    pool, url = _pool(target), target.raw_path_qs
    once = pool.replace("Pool", "")
    reason: Exception
    match error:
        case aiohttp.SocketTimeoutError():
            return ReadTimeout(_inner("ReadTimeoutError", f"{pool}: Read timed out. (read timeout={limits.sock_read})"))
        case aiohttp.ServerTimeoutError():
            text = f"Connection to {target.host} timed out. (connect timeout={limits.sock_connect})"
            return ConnectTimeout(_exhausted(pool, url, _inner("ConnectTimeoutError", f"{once}: {text}")))
        case aiohttp.ClientConnectorError(os_error=ConnectionResetError(errno=None)):
            return SSLError(_exhausted(pool, url, _inner("SSLError", "the TLS handshake was broken off")))
        case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError() | ssl.SSLError():
            reason = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
            return SSLError(_exhausted(pool, url, _inner("SSLError", reason)))
        case aiohttp.ClientProxyConnectionError():
            proxy = f"{pool.partition('(')[0]}(host={error.host!r}, port={error.port})"
            if target.scheme == "http":
                pool, url = proxy, str(target)
            reason = _not_reached(proxy, error.os_error)
            return ProxyError(_exhausted(pool, url, _inner("ProxyError", "Unable to connect to proxy", reason)))
        case aiohttp.ClientHttpProxyError():
            return ProxyError(_exhausted(pool, url, _inner("ProxyError", "Unable to connect to proxy", error)))
        case aiohttp.ClientConnectorDNSError():
            text = f"{once}: Failed to resolve {target.host!r} ({error.os_error})"
            return ConnectionError(_exhausted(pool, url, _inner("NameResolutionError", text)))
        case aiohttp.ClientConnectorError():
            return ConnectionError(_exhausted(pool, url, _not_reached(pool, error.os_error)))
        case aiohttp.InvalidURL() | UnicodeError():
            return InvalidURL(f"Failed to parse: {target}")
        case aiohttp.ServerDisconnectedError():
            reason = http.client.RemoteDisconnected("Remote end closed connection without response")
        case aiohttp.ClientResponseError(message=message):
            if "chunk size" in message:
                return ChunkedEncodingError(_inner("ProtocolError", f"Connection broken: {message}"))
            reason = http.client.BadStatusLine(message)
        case aiohttp.ClientOSError(errno=int(number)):
            reason = OSError(number, os.strerror(number))
        case _:
            reason = error
    return ConnectionError(_inner("ProtocolError", "Connection aborted.", reason))


class Session:
    """`requests.Session`, awaited: keeps its headers and its cookies.

    It can be made anywhere, also without a running loop, and used from many tasks and in several loops. The
    connections belong to the loop and are closed with it: nothing has to be closed.
    """

    __slots__ = ("__weakref__", "_headers", "_jar")  # weak references are taken of sessions

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
        stream: Any = False,
    ) -> Response:
        """Send a request, follow redirects, read the body unless it is to be streamed. Raises `RequestException` for what goes wrong there.

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
        untouched = _untouched()
        if login := _netrc_login(target.host, untouched) or ("@" in text and _login(text)):
            sent["Authorization"] = login
        limits = _limits(timeout)
        proxies = {} if untouched else _proxies(target)
        history: list[Response] = []
        while True:
            if self._jar is not None and "Cookie" not in sent:
                self._add_cookies(text, sent)
            response = await _send(method, text, target, sent, body, limits, proxies, allow_redirects, bool(stream))
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
            if login := _netrc_login(target.host, untouched):
                sent["Authorization"] = login
            proxies = proxies if untouched else {**_proxies(target), **proxies}

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
