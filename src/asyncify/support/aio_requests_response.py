"""The part of `aio_requests` that is a response: all there, or read by awaiting while it arrives."""

from __future__ import annotations

import codecs
import shutil
from collections.abc import AsyncIterator
from typing import Any

import requests
import urllib3

from asyncify.support.aio_off_loop import _off_loop
from asyncify.support.aio_requests_doubles import _Answer, _stream_double
from asyncify.support.aio_requests_wire import _Wire

_END = object()


class Response(requests.Response):
    """A `requests.Response`. With ``stream=True`` its body is read by awaiting, in bounded memory.

    Then use `aiter_content`, `aiter_lines` or `aread` (after which ``content``, ``text`` and ``json()`` work); anything
    that would have to block raises RuntimeError. Leave it with ``async with``, or read it to the end, or `close` it.
    """

    _wire: _Wire | None = None
    _in_thread = False  # read by a blocking adapter

    async def __aenter__(self) -> Response:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back, or close it if the body was not read."""
        super().close()
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    async def aread(self) -> bytes:
        """The whole body; afterwards ``content``, ``text`` and ``json()`` work as usual."""
        if self._wire is not None:
            self._content = b"".join([chunk async for chunk in self.aiter_content(65536)])
        elif self._in_thread:
            await _off_loop(getattr, self, "content")
        return self.content

    async def loaded(self) -> Response:
        """This response, its whole body read: ``(await response.loaded()).json()``."""
        await self.aread()
        return self

    async def aiter_content(self, chunk_size: int | None = 1, decode_unicode: bool = False) -> AsyncIterator[Any]:
        """`iter_content`, awaited: pieces of `chunk_size` bytes (the last may be shorter), or as they come if None.

        Raises `requests.exceptions.ChunkedEncodingError`, ConnectionError or ContentDecodingError for a broken body.
        """
        if self._wire is None:
            pieces = self._sync_pieces(chunk_size)
        elif self._content_consumed:
            raise requests.exceptions.StreamConsumedError
        else:
            pieces = self._wire_pieces(self._wire, chunk_size)
        if not decode_unicode or self.encoding is None:
            async for piece in pieces:
                yield piece
            return
        decoder = codecs.getincrementaldecoder(self.encoding)(errors="replace")
        async for piece in pieces:
            if text := decoder.decode(piece):
                yield text
        if text := decoder.decode(b"", final=True):
            yield text

    async def _sync_pieces(self, chunk_size: int | None) -> AsyncIterator[bytes]:
        pieces = super().iter_content(chunk_size)
        if self._in_thread and not self._content_consumed:
            while (piece := await _off_loop(next, pieces, _END)) is not _END:
                yield piece
        else:
            for piece in pieces:
                yield piece

    async def _wire_pieces(self, wire: _Wire, chunk_size: int | None) -> AsyncIterator[bytes]:
        errors, raised = urllib3.exceptions, requests.exceptions
        try:
            async for piece in wire.pieces(chunk_size):
                yield piece
        except errors.ProtocolError as error:
            raise raised.ChunkedEncodingError(error)
        except errors.DecodeError as error:
            raise raised.ContentDecodingError(error)
        except errors.ReadTimeoutError as error:
            raise raised.ConnectionError(error)
        self._content_consumed = True
        self.close()

    async def aiter_lines(
        self, chunk_size: int = 512, decode_unicode: bool = False, delimiter: Any = None
    ) -> AsyncIterator[Any]:
        """`iter_lines`, awaited: the same lines, cut in the same way."""
        pending = None
        async for piece in self.aiter_content(chunk_size, decode_unicode):
            chunk = piece if pending is None else pending + piece
            lines = chunk.split(delimiter) if delimiter else chunk.splitlines()
            pending = lines.pop() if lines and lines[-1] and chunk and lines[-1][-1] == chunk[-1] else None
            for line in lines:
                yield line
        if pending is not None:
            yield pending


def _readable(response: Any, kwargs: dict[str, Any], in_thread: bool = False) -> Any:
    """`response`, which something else than aiohttp gave, as our callers read it."""
    if type(response) is _Answer:
        response.__class__ = Response
        vars(response)["_in_thread"] = in_thread
    return _stream_double(response, kwargs)


async def copyfileobj(fsrc: Any, fdst: Any, length: int = 0) -> None:
    """`shutil.copyfileobj`, awaited, where `fsrc` is the `raw` of a response."""
    wire = getattr(fsrc, "_wire", None)
    if not isinstance(wire, _Wire):
        await _off_loop(shutil.copyfileobj, fsrc, fdst, length)
        return
    while data := await wire.read(length or 65536, fsrc.decode_content):
        fdst.write(data)


async def read_raw(raw: Any, amt: int | None = None, decode_content: bool | None = None) -> Any:
    """``raw.read(amt)`` of a response, awaited: the bytes as they were sent, unless they are to be decoded."""
    wire = getattr(raw, "_wire", None)
    if not isinstance(wire, _Wire):
        return await _off_loop(raw.read, *(() if amt is None else (amt,)), **_decoding(decode_content))
    return await wire.read(amt, raw.decode_content if decode_content is None else decode_content)


def _decoding(decode_content: bool | None) -> dict[str, Any]:
    return {} if decode_content is None else {"decode_content": decode_content}
