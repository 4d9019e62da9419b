"""The part of `aio_requests` that carries one prepared request with aiohttp, as urllib3 would have."""

from __future__ import annotations

import asyncio
import functools
import http.client
import io
import os
import re
import socket
import ssl
import time
import warnings
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import requests
import requests.adapters
import requests.utils
import urllib3
import urllib3.util.request
import urllib3.util.ssl_
import yarl

from asyncify.support.aio_off_loop import _off_loop
from asyncify.support.aio_requests_wire import _Body, _carrier, _Headers, _Inflow, _log, _Unread, _Wire

_with_scheme: Any = requests.utils.prepend_scheme_if_needed


class _Unsupported(Exception):
    """This request cannot be carried by aiohttp exactly; the adapter itself can."""


@functools.lru_cache(maxsize=64)
def _tls(verify: str, cert: str | None, key: str | None) -> ssl.SSLContext:
    context = urllib3.util.ssl_.create_urllib3_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif Path(verify).is_dir():
        context.load_verify_locations(capath=verify)
    else:
        context.load_verify_locations(cafile=verify)
    if cert:
        context.load_cert_chain(cert, key)
    return context


def _key_pair(cert: Any) -> tuple[str | None, str | None]:
    pair = (None, None) if not cert else (cert, None) if isinstance(cert, str) else (cert[0], cert[1])
    for what, path in zip(("certificate file", "key file"), pair, strict=True):
        if path and not Path(path).exists():
            raise OSError(f"Could not find the TLS {what}, invalid path: {path}")
    return pair


def _tls_for(verify: Any, cert: Any) -> ssl.SSLContext:
    """As `HTTPAdapter.cert_verify`, which raises OSError for a path that does not exist."""
    bundle = "" if not verify else requests.utils.DEFAULT_CA_BUNDLE_PATH if verify is True else str(verify)
    if verify and not Path(bundle).exists():
        raise OSError(f"Could not find a suitable TLS CA certificate bundle, invalid path: {bundle}")
    if not verify:
        warnings.warn("Unverified HTTPS request is being made", urllib3.exceptions.InsecureRequestWarning, 2)
    try:
        return _tls(bundle, *_key_pair(cert))
    except ssl.SSLError as error:
        raise requests.exceptions.SSLError(error)


def _timeouts(timeout: Any) -> tuple[float | None, float | None]:
    """Seconds for connecting and for each read; raises ValueError and TypeError as urllib3's `Timeout` does."""
    if isinstance(timeout, tuple):
        try:
            connect, read = timeout
            timeout = urllib3.Timeout(connect=connect, read=read)
        except ValueError:
            raise ValueError(
                f"Invalid timeout {timeout}. Pass a (connect, read) timeout tuple, "
                f"or a single float to set both timeouts to the same value."
            ) from None
    elif not isinstance(timeout, urllib3.Timeout):
        timeout = urllib3.Timeout(connect=timeout, read=timeout)
    limits = timeout.clone()
    limits.start_connect()
    default = socket.getdefaulttimeout()
    found = (limits.connect_timeout, limits.read_timeout)
    return tuple(value if value is None or isinstance(value, int | float) else default for value in found)  # type: ignore[return-value]


async def _chunks(body: Any) -> AsyncIterator[bytes]:
    """The parts of a body that is a file or an iterable, never closing it; files are read off the loop."""
    if hasattr(body, "read"):
        in_memory = isinstance(body, io.BytesIO | io.StringIO)
        while data := body.read(65536) if in_memory else await _off_loop(body.read, 65536):
            yield data.encode() if isinstance(data, str) else data
    else:
        for data in body:
            if data:
                yield data.encode() if isinstance(data, str) else data


def _fits(request: Any, proxy: str | None) -> None:
    """Raises `_Unsupported` for the few requests that aiohttp would put differently on the wire."""
    headers = request.headers
    if proxy and proxy.lower().startswith("socks"):
        raise _Unsupported
    if any(not value.isascii() for value in headers.values()):  # aiohttp sends UTF-8, http.client latin-1
        raise _Unsupported
    if request.body is None and request.method == "DELETE" and "Content-Length" not in headers:
        raise _Unsupported  # aiohttp would add one
    if "Transfer-Encoding" in headers and isinstance(request.body, str | bytes | None):
        raise _Unsupported


def _target(path: str) -> str:
    """The path and query of a URL as urllib3 quotes them before they are sent."""
    parts = []
    for part, safe in zip(path.split("?", 1), ("!$&'()*+,;=:@/", "!$&'()*+,;=:@/?"), strict=False):
        text, escapes = re.subn("%[a-fA-F0-9]{2}", lambda escape: escape[0].upper(), part)
        own = "%" if escapes == text.count("%") else ""  # else each of them stands for itself
        parts.append(quote(text.encode("utf-8", "surrogatepass"), safe + own))
    return "?".join(parts)


class _Exchange:
    """One request to be carried: everything `HTTPAdapter.send` works out before it calls urllib3."""

    def __init__(self, adapter: Any, request: Any, timeout: Any, verify: Any, cert: Any, proxies: Any) -> None:
        self.adapter, self.request = adapter, request
        proxy = requests.utils.select_proxy(request.url, proxies)
        _fits(request, proxy)
        parts = urlsplit(request.url)
        try:
            self.secure, self.host, port = parts.scheme.lower() == "https", parts.hostname or "", parts.port
        except ValueError as error:
            raise requests.exceptions.InvalidURL(error, request=request)
        if not self.host:
            raise requests.exceptions.InvalidURL("No host specified.", request=request)
        kind = "HTTPSConnectionPool" if self.secure else "HTTPConnectionPool"
        self.port = port or (443 if self.secure else 80)
        self.pool: Any = f"{kind}(host={self.host!r}, port={self.port})"
        netloc = parts.netloc.rpartition("@")[2]
        self.url = yarl.URL(f"{parts.scheme}://{netloc}{_target(request.path_url)}", encoded=True)
        self.connect, self.read = _timeouts(timeout)
        headers = {k: v.decode("latin-1") if isinstance(v, bytes) else v for k, v in request.headers.items()}
        names = {name.lower() for name in headers}
        if "user-agent" not in names:
            headers["User-Agent"] = f"python-urllib3/{vars(urllib3)['__version__']}"
        if "accept-encoding" not in names:
            headers["Accept-Encoding"] = "identity"
        if request.headers.get("Transfer-Encoding") == "chunked":  # aiohttp says so itself, and only once
            headers = {name: value for name, value in headers.items() if name.lower() != "transfer-encoding"}
        _key_pair(cert)
        self.options: dict[str, Any] = {
            "headers": headers,
            "allow_redirects": False,
            "trace_request_ctx": self,
            "timeout": aiohttp.ClientTimeout(total=None, sock_connect=self.connect, sock_read=self.read),
        }
        if request.body in ("", b""):
            self.options["chunked"] = True  # as requests does it
        if self.secure:
            self.options["ssl"] = _tls_for(verify, cert)
        if proxy:
            self._go_through(_with_scheme(proxy, "http"), headers)

    def _go_through(self, proxy: str, headers: dict[str, str]) -> None:
        parts = urlsplit(proxy)
        if not parts.hostname:
            raise requests.exceptions.InvalidProxyURL(
                "Please check proxy URL. It is malformed and could be missing the host."
            )
        extra = self.adapter.proxy_headers(proxy)
        if self.secure:
            self.options["proxy_headers"] = extra
        else:
            headers.update(extra)
        self.options["proxy"] = yarl.URL(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())

    async def open(self, client: aiohttp.ClientSession) -> aiohttp.ClientResponse:
        """Send the request and receive the head of the response; raises what urllib3 would."""
        body = self.request.body
        if isinstance(body, str):
            body = body.encode()
        elif body is not None and not isinstance(body, bytes | bytearray):
            body = _chunks(body)
        try:
            return await client.request(self.request.method, self.url, data=body, **self.options)
        except Exception as error:
            raise self._as_urllib3(error)

    def _as_urllib3(self, error: Exception) -> Exception:
        errors = urllib3.exceptions
        match error:
            case aiohttp.SocketTimeoutError():
                text = f"Read timed out. (read timeout={self.read})"
                return errors.ReadTimeoutError(self.pool, self.request.path_url, text)
            case aiohttp.ServerTimeoutError():
                text = f"Connection to {self.host} timed out. (connect timeout={self.connect})"
                return errors.ConnectTimeoutError(self.pool, text)
            case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError() | ssl.SSLError():
                return errors.SSLError(getattr(error, "certificate_error", None) or error)
            case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
                return errors.ProxyError("Unable to connect to proxy", error)
            case aiohttp.ClientConnectorError(os_error=ConnectionResetError(errno=None)) if self.secure:
                return errors.SSLError(ssl.SSLEOFError("the connection ended in the TLS handshake"))
            case aiohttp.ClientConnectorDNSError() if hasattr(errors, "NameResolutionError"):  # since urllib3 2
                named: Any = self.pool.replace("ConnectionPool", "Connection")
                reason = error.os_error
                return errors.NameResolutionError(self.host, named, reason)  # type: ignore[arg-type]
            case aiohttp.ClientConnectorError():
                number = error.os_error.errno
                why = f"[Errno {number}] {os.strerror(number)}" if number and number > 0 else error.os_error
                connection: Any = self.pool.replace("ConnectionPool", "Connection")
                return errors.NewConnectionError(connection, f"Failed to establish a new connection: {why}")
            case aiohttp.ServerDisconnectedError():
                gone = http.client.RemoteDisconnected("Remote end closed connection without response")
                return errors.ProtocolError("Connection aborted.", gone)
            case aiohttp.InvalidURL():
                return errors.LocationParseError(self.url.raw_path)
            case aiohttp.ClientResponseError() if "chunk" in error.message:
                return requests.exceptions.ChunkedEncodingError(error)
            case aiohttp.ClientResponseError():
                return errors.ProtocolError("Connection aborted.", http.client.BadStatusLine(error.message))
            case aiohttp.ClientOSError(errno=int(number)):
                return errors.ProtocolError("Connection aborted.", OSError(number, os.strerror(number)))
            case aiohttp.ClientError() | OSError():
                return errors.ProtocolError("Connection aborted.", error)
        return error

    def raw(self, response: aiohttp.ClientResponse, body: io.RawIOBase) -> urllib3.HTTPResponse:
        """The response as urllib3 would give it, with `body` still to be read and decoded."""
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers]
        headers = urllib3.HTTPHeaderDict()
        for name, value in pairs:
            headers.add(name, value)
        return urllib3.HTTPResponse(
            body=body,
            headers=headers,
            status=response.status,
            version=11 if response.version is None else response.version.major * 10 + response.version.minor,
            reason=(response.reason or "").encode("utf-8", "surrogateescape").decode("latin-1"),
            preload_content=False,
            decode_content=False,
            original_response=_Headers(pairs),  # type: ignore[arg-type]
            request_method=self.request.method,
        )

    def log(self, raw: urllib3.HTTPResponse) -> None:
        """The line that urllib3 logs of each response."""
        scheme = "https" if self.secure else "http"
        version = f"HTTP/{raw.version // 10}.{raw.version % 10}"
        asked = (self.request.method, self.request.path_url, version)
        answered = (raw.status, raw.length_remaining)
        _log.debug('%s://%s:%s "%s %s %s" %s %s', scheme, self.host, self.port, *asked, *answered)

    async def settle(self, client: aiohttp.ClientSession) -> tuple[aiohttp.ClientResponse, urllib3.HTTPResponse]:
        """Open, as often as the adapter's `max_retries` allows; raises what urllib3's ``urlopen`` would."""
        retries: Any = self.adapter.max_retries
        method, path = self.request.method, self.request.path_url
        position = urllib3.util.request.set_file_position(self.request.body, None)
        while True:
            try:
                response = await self.open(client)
            except (urllib3.exceptions.LocationValueError, requests.RequestException):
                raise
            except (urllib3.exceptions.HTTPError, OSError) as error:
                retries = retries.increment(method, path, error=error, _pool=self.pool)
                await asyncio.sleep(retries.get_backoff_time())
                _log.warning("Retrying (%r) after connection broken by '%r': %s", retries, error, path)
            else:
                raw = self.raw(response, _Unread())
                self.log(raw)
                if not retries.is_retry(method, raw.status, bool(raw.headers.get("Retry-After"))):
                    return response, raw
                try:
                    retries = retries.increment(method, path, response=raw, _pool=self.pool)
                except urllib3.exceptions.MaxRetryError:
                    if not retries.raise_on_status:
                        return response, raw
                    response.close()
                    raise
                await _received(response)  # so that the connection can be used again
                after = retries.get_retry_after(raw) if retries.respect_retry_after_header else None
                await asyncio.sleep(after or retries.get_backoff_time())
                _log.debug("Retry: %s", path)
            urllib3.util.request.set_file_position(self.request.body, position)


async def _received(response: aiohttp.ClientResponse) -> _Body:
    """Read the whole body now; what goes wrong is raised where requests would: when the content is looked at."""
    chunks: list[bytes] = []
    inflow = _Inflow(response)
    try:
        while True:
            data, complete = await inflow.more()
            if not data and not complete:
                break
            chunks.append(data)
    except aiohttp.SocketTimeoutError:
        return _Body(chunks, TimeoutError("The read operation timed out"))
    except urllib3.exceptions.ProtocolError as error:
        counted = isinstance(error.args[-1], urllib3.exceptions.IncompleteRead)  # urllib3 counts, and finds the same
        return _Body(chunks, None if counted else error)
    finally:
        response.release()
    return _Body(chunks, None)


async def _carry(
    adapter: Any,
    request: Any,
    stream: bool = False,
    timeout: Any = None,
    verify: Any = True,
    cert: Any = None,
    proxies: Any = None,
) -> Any:
    """`HTTPAdapter.send`, awaited: a `requests.Response`, with a `_wire` that it is read from if `stream`.

    Raises the exceptions of requests, and `_Unsupported` before anything is sent.
    """
    errors, raised = urllib3.exceptions, requests.exceptions
    exchange = _Exchange(adapter, request, timeout, verify, cert, proxies)
    carrier = _carrier(adapter)
    carrier.users += 1
    start = time.perf_counter()
    kept = False
    try:
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # two rounds of the loop: it notices which idle connections were closed
        live, raw = await exchange.settle(carrier.client())
        elapsed = timedelta(seconds=time.perf_counter() - start)
        if not stream:
            raw = exchange.raw(live, await _received(live))
        kept = stream
    except raised.RequestException:
        raise
    except errors.MaxRetryError as error:
        reason = error.reason
        if isinstance(reason, errors.ConnectTimeoutError) and not isinstance(reason, errors.NewConnectionError):
            raise raised.ConnectTimeout(error, request=request)
        if isinstance(reason, errors.ResponseError):
            raise raised.RetryError(error, request=request)
        if isinstance(reason, errors.ProxyError):
            raise raised.ProxyError(error, request=request)
        if isinstance(reason, errors.SSLError):
            raise raised.SSLError(error, request=request)
        raise raised.ConnectionError(error, request=request)
    except errors.LocationValueError as error:
        raise raised.InvalidURL(error, request=request)
    except errors.ProxyError as error:
        raise raised.ProxyError(error)
    except errors.SSLError as error:
        raise raised.SSLError(error, request=request)
    except errors.ReadTimeoutError as error:
        raise raised.ReadTimeout(error, request=request)
    except (errors.ProtocolError, OSError) as error:
        raise raised.ConnectionError(error, request=request)
    finally:
        if not kept:
            carrier.release()
    response = adapter.build_response(request, raw)
    response.elapsed = elapsed
    if stream:
        wire = _Wire(live, carrier, raw, exchange.pool)
        vars(response)["_wire"] = vars(raw)["_wire"] = wire
    return response
