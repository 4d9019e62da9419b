"""The part of `aio_requests` that stands for grequests: requests that are made first and sent many at a time."""

from __future__ import annotations

import asyncio
import functools
import inspect
import traceback
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

from asyncify.support.aio_off_loop import _off_loop
from asyncify.support.aio_requests import _own_session
from asyncify.support.aio_requests_doubles import _awaited

_Handler = Callable[[Any, Any], Any] | None


class _AsyncRequest:
    """A request that is still to be sent, and what came of it."""

    def __init__(self, method: str, url: str, *, session: Any = None, callback: Any = None, **kwargs: Any) -> None:
        self.method = method
        self.url = url
        self._owns = session is None
        self.session = _own_session() if session is None else session
        self.kwargs = kwargs | ({"hooks": {"response": callback}} if callback else {})
        self.response: Any = None

    async def _send(self) -> None:
        send = self.session.request
        try:
            if inspect.iscoroutinefunction(send):
                self.response = await send(self.method, self.url, **self.kwargs | {"stream": False})
            else:  # a session that blocks
                self.response = await _off_loop(send, self.method, self.url, **self.kwargs | {"stream": False})
        except Exception as error:
            self.exception = error
            self.traceback = traceback.format_exc()
        finally:
            if self._owns:
                self.session.close()

    async def _outcome(self, handler: _Handler) -> Any:
        """The response, or what `handler` makes of the exception."""
        if self.response is not None or not handler:
            return self.response
        return await _awaited(handler(self, getattr(self, "exception", None)))


async def _sent(requests: Iterable[_AsyncRequest], size: int | None) -> AsyncIterator[_AsyncRequest]:
    """The requests as they get done, at most `size` of them on their way; the next one is made when there is room."""
    items: Iterator[_AsyncRequest] = iter(requests)
    if not size:
        waiting = list(items)
        size, items = len(waiting), iter(waiting)
    done: asyncio.Queue[tuple[_AsyncRequest | None, Exception | None]] = asyncio.Queue()

    async def work() -> None:
        try:
            for item in items:
                await item._send()
                done.put_nowait((item, None))
        except Exception as error:  # what making the next request raised
            done.put_nowait((None, error))
        else:
            done.put_nowait((None, None))

    tasks = [asyncio.get_running_loop().create_task(work()) for _ in range(size)]
    while tasks:
        item, error = await done.get()
        if error is not None:
            raise error
        if item is None:
            tasks.pop()
        else:
            yield item


class grequests:
    """The functions of grequests; `map`, `imap` and `imap_enumerated` are awaited."""

    AsyncRequest = _AsyncRequest
    request = _AsyncRequest
    get = functools.partial(_AsyncRequest, "GET")
    options = functools.partial(_AsyncRequest, "OPTIONS")
    head = functools.partial(_AsyncRequest, "HEAD")
    post = functools.partial(_AsyncRequest, "POST")
    put = functools.partial(_AsyncRequest, "PUT")
    patch = functools.partial(_AsyncRequest, "PATCH")
    delete = functools.partial(_AsyncRequest, "DELETE")

    @staticmethod
    async def map(
        requests: Iterable[_AsyncRequest], size: int | None = None, exception_handler: _Handler = None
    ) -> list[Any]:
        """The responses in the order of the requests; for one that failed what `exception_handler` returns, or None."""
        every = list(requests)
        async for _ in _sent(every, size):
            pass
        return [await request._outcome(exception_handler) for request in every]

    @staticmethod
    async def imap(
        requests: Iterable[_AsyncRequest], size: int | None = 2, exception_handler: _Handler = None
    ) -> AsyncIterator[Any]:
        """The responses as they come, and what `exception_handler` returns for failures; None is left out."""
        async for request in _sent(requests, size):
            outcome = await request._outcome(exception_handler)
            if outcome is not None:
                yield outcome

    @staticmethod
    async def imap_enumerated(
        requests: Iterable[_AsyncRequest], size: int | None = 2, exception_handler: _Handler = None
    ) -> AsyncIterator[tuple[int, Any]]:
        """As `imap`, each with the number of its request, and nothing left out."""
        every = list(requests)
        numbers = {id(request): number for number, request in enumerate(every)}
        async for request in _sent(every, size):
            yield numbers[id(request)], await request._outcome(exception_handler)
