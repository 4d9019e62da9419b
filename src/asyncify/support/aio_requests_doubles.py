"""The part of `aio_requests` that lets what tests, or an instrumentation, put in the place of requests answer."""

from __future__ import annotations

import functools
import inspect
import socket
from collections.abc import AsyncIterator
from typing import Any

import requests
import requests.api
import requests.sessions
import urllib3.connectionpool

from asyncify.support.aio_off_loop import _off_loop

# requests' own, whatever `requests` means here while a test runs.
_Requests: Any = requests.Session
_Answer: Any = requests.Response
_api: Any = requests.api
_sessions: Any = requests.sessions
_VERBS = frozenset("get options head post put patch delete request send".split())


async def _awaited(outcome: Any) -> Any:
    return await outcome if inspect.isawaitable(outcome) else outcome


def _replaced(fn: Any, module: Any) -> bool:
    """Whether somebody put something else (a mock, an instrumentation) in the place of requests' own `fn`."""
    return getattr(fn, "__globals__", None) is not vars(module)


async def _call_replaced(fn: Any, *args: Any, **kwargs: Any) -> Any:
    """Mocks answer at once; a wrapper around the real thing (functools.wraps) would block, so it gets a thread."""
    if hasattr(fn, "__wrapped__"):
        return await _awaited(await _off_loop(fn, *args, **kwargs))
    return await _awaited(fn(*args, **kwargs))


def _plumbing_replaced() -> bool:
    """Whether somebody records or answers below requests, in urllib3 or in sockets, where aiohttp would pass by."""
    plain, secure = urllib3.connectionpool.HTTPConnectionPool, urllib3.connectionpool.HTTPSConnectionPool
    parts = (plain.urlopen, plain.ConnectionCls, secure.ConnectionCls, socket.socket)
    return any(part.__module__.partition(".")[0] not in ("urllib3", "socket", "gevent", "eventlet") for part in parts)


class _Double:
    """Stands before a double: what it has that is awaited now is awaited; all else is the double's own."""

    def __init__(self, double: Any) -> None:
        self.__dict__["_double"] = double

    def __getattr__(self, name: str) -> Any:
        return getattr(self._double, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._double, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._double, name)

    def __eq__(self, other: object) -> bool:
        return bool(self._double == (other._double if isinstance(other, _Double) else other))

    def __hash__(self) -> int:
        return hash(self._double)

    def __bool__(self) -> bool:
        return bool(self._double)

    def __repr__(self) -> str:
        return repr(self._double)

    def __enter__(self) -> Any:
        entered = self._double.__enter__()
        return self if entered is self._double else type(self)(entered)

    def __exit__(self, *error: object) -> Any:
        return self._double.__exit__(*error)

    async def __aenter__(self) -> Any:
        return self.__enter__()

    async def __aexit__(self, *error: object) -> Any:
        return self.__exit__(*error)


class _SessionDouble(_Double):
    """A session of a class that somebody put in the place of `requests.Session`; its verbs are awaited."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._double, name)
        return functools.partial(self._call, value) if name in _VERBS else value

    async def _call(self, verb: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self._double, _Requests):  # an instrumented session would block
            return _stream_double(await _awaited(await _off_loop(verb, *args, **kwargs)), kwargs)
        return _stream_double(await _call_replaced(verb, *args, **kwargs), kwargs)

    @property
    def blocking(self) -> Any:
        """The double itself, whose verbs block."""
        return self._double


class _ResponseDouble(_Double):
    """What a double answered where a streamed response was asked for: its body is read by awaiting."""

    async def aread(self) -> Any:
        return self._double.content

    async def loaded(self) -> Any:
        return self._double

    async def aiter_content(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        for piece in self._double.iter_content(*args, **kwargs):
            yield piece

    async def aiter_lines(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        for line in self._double.iter_lines(*args, **kwargs):
            yield line


def _stream_double(answer: Any, kwargs: dict[str, Any]) -> Any:
    """`answer` as the caller reads it: the stand-in for a streamed response has the awaited methods of one."""
    if not kwargs.get("stream") or isinstance(answer, (_Answer, _Double)):
        return answer
    return _ResponseDouble(answer)


def streamed(response: Any) -> Any:
    """`response` with the methods that are awaited (`aread`, `aiter_content` …), whatever it was made by."""
    return response if hasattr(type(response), "aiter_content") else _ResponseDouble(response)


def _session_replaced() -> Any:
    """What makes sessions where somebody put something else in the place of `requests.Session`; else None."""
    for factory in (requests.Session, _sessions.Session):
        if factory is not _Requests:
            return factory
    return None
