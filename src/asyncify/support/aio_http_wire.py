"""The part of `aio_http` that is a body on the wire: read piece by piece, and what is raised where it breaks off."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator

import aiohttp

from asyncify.support.aio_http_response import ChunkedEncodingError, ConnectionError, ContentDecodingError, _inner


def _broken_off(live: aiohttp.ClientResponse, error: Exception, of_chunk: int | None = None) -> Exception:
    """What urllib3 would raise where the body of `live` ended too early, `of_chunk` bytes into a chunk if that was counted."""
    came, chunks = live.content.total_bytes, getattr(live.content, "_http_chunk_splits", None)
    whole_chunks = not came or (chunks and chunks[-1] == came) if of_chunk is None else not of_chunk
    came = came if of_chunk is None else of_chunk
    reason: Exception = (incomplete := _inner("IncompleteRead"))
    incomplete.shown = f"IncompleteRead({came} bytes read)"
    if number := re.search(r"Error\((\d+), ", repr(error)):
        reason = OSError(int(number[1]), os.strerror(int(number[1])))  # the connection was reset
    elif "Transfer-Encoding" in live.headers:
        if whole_chunks:
            return _inner("ProtocolError", "Response ended prematurely")
    elif counts := re.search(r"received (\d+) of (\d+) bytes", str(error)):
        incomplete.shown = f"IncompleteRead({counts[1]} bytes read, {int(counts[2]) - int(counts[1])} more expected)"
    return _inner("ProtocolError", f"Connection broken: {reason!r}", reason)


class _Wire:
    """A body that is still to come, decoded by aiohttp, read by awaiting."""

    def __init__(self, live: aiohttp.ClientResponse, pool: str) -> None:
        self._live: aiohttp.ClientResponse | None = live
        self._pool = pool
        self._waiting = bytearray()
        self._taken = self._of_chunk = 0  # bytes, and those of an HTTP chunk that has not ended
        self._lost: Exception | None = None

    def close(self) -> None:
        """Give the connection back, or close it if the body was not read."""
        live, self._live = self._live, None
        if live is not None:
            live.close()

    async def pieces(self, size: int | None) -> AsyncIterator[bytes]:
        """The body in pieces of `size` bytes, but no piece reaches over a chunk of a chunked body."""
        live = self._live
        chunked = size is None or (live is not None and "chunked" in live.headers.get("Transfer-Encoding", "").lower())
        while (complete := await self._more()) is not None:
            while self._waiting and (len(self._waiting) >= (size or 1) or (chunked and complete)):
                piece = bytes(self._waiting[:size])
                del self._waiting[: len(piece)]
                yield piece
        if self._waiting:
            piece = bytes(self._waiting)
            self._waiting.clear()
            yield piece

    async def _more(self) -> bool | None:
        """Wait for more bytes: whether a chunk of the body is complete now, None at the end."""
        if self._live is None:
            return None
        try:
            data, complete = await self._next(self._live)
        except BaseException:
            self.close()
            raise
        if not data and not complete:
            self.close()
            return True
        self._taken += len(data)
        self._of_chunk = 0 if complete else self._of_chunk + len(data)
        self._waiting += data
        return complete

    async def _next(self, live: aiohttp.ClientResponse) -> tuple[bytes, bool]:
        """Some bytes and whether an HTTP chunk ends with them; no bytes and False at the end."""
        content = live.content
        if self._lost is None:
            if content.exception() is None and content.at_eof():
                return b"", False  # also where there never is a body: that reader gives empty chunks for ever
            try:
                return await content.readchunk()
            except aiohttp.SocketTimeoutError:
                raise ConnectionError(_inner("ReadTimeoutError", f"{self._pool}: Read timed out."))
            except (aiohttp.ClientError, OSError) as error:
                self._lost = error
                content.set_exception(None)  # type: ignore[arg-type] # it hides what came before
        if self._taken < content.total_bytes:
            return await content.readchunk()
        if "content-encoding" in str(self._lost):
            raise ContentDecodingError(_inner("DecodeError", str(self._lost)))
        raise ChunkedEncodingError(_broken_off(live, self._lost, self._of_chunk))
