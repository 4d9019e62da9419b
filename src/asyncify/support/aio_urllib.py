"""urllib.request, awaited: its handlers make each request and judge each response, asyncio carries the bytes."""

from __future__ import annotations

import contextlib
import copy
import io
import os
import socket
import tempfile
import urllib.request
import weakref
from collections.abc import Callable
from typing import Any
from urllib.error import ContentTooShortError, URLError
from urllib.parse import urlsplit

from asyncify.support.aio_off_loop import _off_loop
from asyncify.support.aio_urllib_wire import Response, _Capture, _capturing, _connect, _Wire

_UNSAID: Any = vars(socket)["_GLOBAL_DEFAULT_TIMEOUT"]  # the default that urlopen itself has


class _Prepared(_Capture):
    """Beside a connection of http.client: it gives itself as the response, for `_exchange`."""

    request_for: Any = None
    reason: Any = None

    def getresponse(self) -> Any:
        return self


class _Carried:
    """Beside a handler of urllib: it prepares the request and sends nothing."""

    def do_open(self, http_class: Any, request: Any, **options: Any) -> Any:
        if getattr(request, "_tunnel_host", None):
            return _InThread(request)
        prepared = super().do_open(_capturing(http_class, _Prepared), request, **options)  # type: ignore[misc]
        prepared.request_for = request
        return prepared


class _InThread:
    """What is asked for goes through a tunnel of a proxy: urllib itself does that, in a thread."""

    def __init__(self, request: Any) -> None:
        self.request = request


class _Again:
    """A handler wants this request to be made: a redirect, or the same with credentials."""

    def __init__(self, request: Any, timeout: Any) -> None:
        self.request = request
        self.timeout = timeout


class _Director(urllib.request.OpenerDirector):
    """Copies of the handlers of an opener; where they would open something, they say what."""

    def __init__(self, opener: urllib.request.OpenerDirector) -> None:
        super().__init__()
        self.originals: list[Any] = list(vars(opener)["handlers"])
        for original in self.originals:
            handler = copy.copy(original)
            if isinstance(handler, urllib.request.AbstractHTTPHandler):
                handler.__class__ = _capturing(original.__class__, _Carried)
            elif isinstance(handler, urllib.request.AbstractDigestAuthHandler):
                vars(handler)["reset_retry_count"] = lambda: None  # it counts until the whole has ended
            self.add_handler(handler)
        self.judges: dict[str, list[Any]] = vars(self)["process_response"]
        self.process_response: dict[str, list[Any]] = {}

    def open(self, fullurl: Any, data: Any = None, timeout: Any = None) -> Any:
        return _Again(fullurl, timeout)


_directors: weakref.WeakKeyDictionary[urllib.request.OpenerDirector, _Director] = weakref.WeakKeyDictionary()


def _director(opener: urllib.request.OpenerDirector) -> _Director:
    director = _directors.get(opener)
    handlers = vars(opener)["handlers"]
    counts = any(isinstance(handler, urllib.request.AbstractDigestAuthHandler) for handler in handlers)
    if director is None or counts or director.originals != handlers:
        director = _directors[opener] = _Director(opener)
    director.addheaders = opener.addheaders
    return director


async def _exchange(connection: Any) -> tuple[Any, _Wire]:
    """Send the request that was prepared; the response, and the connection that its body comes from."""
    try:
        wire = connection.sock = await _connect(connection)
        await wire.send(connection.captured)
    except OSError as error:
        raise URLError(error) from error
    getresponse: Callable[[], Any] = super(_Prepared, connection).getresponse
    try:
        response = await wire.run(getresponse, connection)
    except BaseException:
        connection.close()
        raise
    if connection.sock is not None:
        connection.sock.close()  # as soon as the response does not need it either
        connection.sock = None
    response.url, response.msg = connection.url, response.reason
    if not 200 <= response.status < 300:
        await wire.load(response)
    return response, wire


async def open_with(
    opener: urllib.request.OpenerDirector, fullurl: Any, data: Any = None, timeout: Any = _UNSAID
) -> Response:
    """``opener.open(fullurl, data, timeout)``, awaited. `timeout` is in seconds, for connecting and for each read.

    Raises `urllib.error.HTTPError` (whose body has been read), `urllib.error.URLError`, OSError, and what http.client raises.
    """
    request = urllib.request.Request(fullurl, data) if isinstance(fullurl, str) else fullurl
    if data is not None:
        request.data = data
    director = _director(opener)
    while True:
        kind = request.type
        if kind not in ("http", "https"):
            return Response(await _off_loop(opener.open, request, None, timeout))
        found = urllib.request.OpenerDirector.open(director, request, None, timeout)
        wire = None
        if isinstance(found, _InThread):
            return Response(await _off_loop(opener.open, found.request, None, timeout))
        if isinstance(found, _Prepared):
            request = found.request_for
            found, wire = await _exchange(found)
        for judge in director.judges.get(kind, ()) if not isinstance(found, _Again) else ():
            found = getattr(judge, f"{kind}_response")(request, found)
            if isinstance(found, _Again):
                break
        if not isinstance(found, _Again):
            return Response(found, wire)
        request, timeout = found.request, found.timeout


async def urlopen(url: Any, data: Any = None, timeout: Any = _UNSAID, *, context: Any = None) -> Response:
    """`urllib.request.urlopen`, awaited; what was installed by `install_opener` opens it. See `open_with`."""
    if context is not None:
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
    else:
        opener = vars(urllib.request)["_opener"]  # install_opener puts it there
        if opener is None:
            opener = urllib.request.build_opener()
            urllib.request.install_opener(opener)
    return await open_with(opener, url, data, timeout)


async def urlretrieve(
    url: str, filename: Any = None, reporthook: Callable[[int, int, int], object] | None = None, data: Any = None
) -> tuple[Any, Any]:
    """`urllib.request.urlretrieve`, awaited. Raises `urllib.error.ContentTooShortError`, and what `urlopen` raises."""
    if urlsplit(url).scheme not in ("http", "https"):
        return await _off_loop(urllib.request.urlretrieve, url, filename, reporthook, data)
    with contextlib.closing(await urlopen(url, data)) as response:
        headers = response.info()
        if not filename:
            handle, filename = tempfile.mkstemp()
            os.close(handle)
            vars(urllib.request)["_url_tempfiles"].append(filename)  # for urlcleanup
        with io.FileIO(filename, "w") as file:
            size, block_size, done, number = -1, 8192, 0, 0
            if "content-length" in headers:
                size = int(headers["Content-Length"])
            if reporthook:
                reporthook(number, block_size, size)
            while block := await response.read(block_size):
                done += len(block)
                file.write(block)
                number += 1
                if reporthook:
                    reporthook(number, block_size, size)
    result = filename, headers
    if 0 <= done < size:
        raise ContentTooShortError(f"retrieval incomplete: got only {done} out of {size} bytes", result)
    return result
