"""The part of `aio_http` that a program gets back: responses and exceptions, as in requests."""

from __future__ import annotations

import codecs
import datetime
import functools
import importlib
import json as _json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, MutableMapping
from typing import Any


class RequestException(OSError):
    """Anything that goes wrong with a request; `response` is the response to it, if one came."""

    __module__ = "requests.exceptions"  # what a program prints and logs of it stays as it was

    def __init_subclass__(cls) -> None:
        if cls.__module__ == __name__:
            cls.__module__ = RequestException.__module__

    def __init__(self, *args: Any, response: Response | None = None) -> None:
        self.response = response
        super().__init__(*args)

    def __reduce__(self) -> Any:
        if type(self).__module__ != RequestException.__module__:
            return super().__reduce__()
        return _again, (type(self).__name__, self.args, vars(self))


class InvalidJSONError(RequestException):
    """What should be sent is not JSON, or what came is not."""


class JSONDecodeError(InvalidJSONError, _json.JSONDecodeError):
    """The body of the response is not JSON."""

    def __init__(self, msg: str, doc: str, pos: int) -> None:
        _json.JSONDecodeError.__init__(self, msg, doc, pos)
        InvalidJSONError.__init__(self, *self.args)

    def __reduce__(self) -> Any:
        return _again, (type(self).__name__, (self.msg, self.doc, self.pos), {})


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


class StreamConsumedError(RequestException, TypeError):
    """The body was streamed already."""


def _again(name: str, args: tuple[Any, ...], state: Mapping[str, Any]) -> RequestException:
    """A pickled exception: to `pickle` its class is one of requests, which need not be installed."""
    error: RequestException = globals()[name](*args)
    vars(error).update(state)
    return error


class _Inner(Exception):
    """What urllib3 would raise, as the argument of an exception of requests: the same name, words and reason."""

    reason: Exception
    shown = ""

    def __repr__(self) -> str:
        return self.shown or super().__repr__()

    def __str__(self) -> str:
        return self.shown or super().__str__()

    def __reduce__(self) -> Any:
        return _inner_again, (type(self).__name__, self.args, vars(self))


@functools.cache
def _inner_kind(name: str) -> type[_Inner]:
    return type(name, (_Inner,), {"__module__": "urllib3.exceptions"})


def _inner(name: str, *args: Any) -> _Inner:
    return _inner_kind(name)(*args)


def _inner_again(name: str, args: tuple[Any, ...], state: Mapping[str, Any]) -> _Inner:
    error = _inner(name, *args)
    vars(error).update(state)
    return error


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


_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Response:
    """A response with the attributes of `requests.Response`, its body read.

    With `stream` the body is still to come: it is read by `aiter_content`, `aiter_lines` or `aread`, in bounded memory.
    """

    __slots__ = (
        "__weakref__",
        "_broken",
        "_consumed",
        "_encoding",
        "_headers",
        "_raw",
        "_seconds",
        "_sets_cookies",
        "_wire",
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
        self._broken: Exception
        self._wire: Any = None  # the body, as long as `content` is not there
        self._consumed = False  # the body has gone to who read it piece by piece

    def _is_to_come(self, wire: Any) -> None:
        self._wire = wire
        self._broken = RuntimeError("the body has not been read: await response.aread() first")
        del self.content

    def __getattr__(self, name: str) -> Any:
        """For a body that is not there: that of a redirect which did not come whole but is followed, or a streamed one."""
        if name == "content":
            raise self._broken
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _values(self, name: bytes) -> list[str]:
        size = len(name)
        return [value.decode("latin-1") for key, value in self._raw if len(key) == size and key.lower() == name]

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
            raise JSONDecodeError(error.msg, error.doc, error.pos)

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

    async def aiter_content(self, chunk_size: int | None = 1, decode_unicode: bool = False) -> AsyncIterator[Any]:
        """`iter_content`, awaited: pieces of `chunk_size` bytes (the last may be shorter), or as they come if None."""
        if self._wire is None:
            for piece in self.iter_content(chunk_size, decode_unicode):
                yield piece
            return
        if self._consumed:
            raise StreamConsumedError
        if chunk_size is not None and not isinstance(chunk_size, int):
            raise TypeError(f"chunk_size must be an int, it is instead a {type(chunk_size)}.")
        decoder = None
        if decode_unicode and self.encoding is not None:
            decoder = codecs.getincrementaldecoder(self.encoding)(errors="replace")
        async for piece in self._wire.pieces(chunk_size):
            if decoder is None:
                yield piece
            elif text := decoder.decode(piece):
                yield text
        self._consumed = True
        if decoder is not None and (text := decoder.decode(b"", final=True)):
            yield text

    async def aiter_lines(
        self, chunk_size: int = 512, decode_unicode: bool = False, delimiter: Any = None
    ) -> AsyncIterator[Any]:
        """`iter_lines`, awaited: the same lines, cut in the same way."""
        pending = None
        async for piece in self.aiter_content(chunk_size, decode_unicode):
            chunk = piece if pending is None else pending + piece
            lines = chunk.split(delimiter) if delimiter else chunk.splitlines()
            pending = lines.pop() if lines and lines[-1] and lines[-1][-1] == chunk[-1] else None
            for line in lines:
                yield line
        if pending is not None:
            yield pending

    async def aread(self) -> bytes:
        """The whole body; afterwards `content`, `text` and `json` work as usual."""
        if self._wire is not None:
            if self._consumed:
                raise RuntimeError("The content for this response was already consumed")
            self.content = b"".join([piece async for piece in self.aiter_content(10240)])
            self._wire = None
        return self.content

    async def loaded(self) -> Response:
        """This response, its whole body read: ``(await response.loaded()).json()``."""
        await self.aread()
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self.iter_content(128)

    def __enter__(self) -> Response:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up the rest of a streamed body, and its connection; a body that has been read needs no closing."""
        if self._wire is not None:
            self._wire.close()

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
