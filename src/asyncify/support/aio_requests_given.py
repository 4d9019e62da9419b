"""The part of `aio_requests` that asks a session which others made, or have as well, and which stays what it is."""

from __future__ import annotations

import functools
import inspect
import threading
import weakref
from collections.abc import Callable
from typing import Any

import requests.adapters
import requests.auth
import requests.sessions

from asyncify.support.aio_off_loop import _off_loop
from asyncify.support.aio_requests import Session, _function, _TaskLocal, awaited
from asyncify.support.aio_requests_doubles import _VERBS, _api, _replaced, _Requests, _sessions
from asyncify.support.aio_requests_wire import _carriers, _retire

# What a session does around a request. Where one of these is not requests' own, it may wait.
_STEPS = frozenset(name for name in dir(_Requests) if inspect.isfunction(getattr(_Requests, name)) and name[0] != "_")
_STEPS -= {"mount", "close"}
# What a class of sessions may not have of its own either, where a request is to be taken for one of requests itself.
_STATE = frozenset(_Requests.__attrs__) | {"__getattr__", "__getattribute__", "__slots__"}
_Adapter: Any = requests.adapters.HTTPAdapter
_AUTHS = frozenset({type(None), tuple, requests.auth.HTTPBasicAuth, requests.auth.HTTPDigestAuth})
_AUTH_POSITION, _HOOKS_POSITION = 7, 11  # among the arguments of `Session.request`


def given(session: Any) -> _Given:
    """`session`, whatever it is, with awaited verbs; it stays what it was for all who have it. Or an awaited verb.

    Requests of plain sessions of requests are carried by aiohttp. What has code of its own in their way, or is no session
    of requests, is called as before, in a thread where it may wait.
    """
    return _Given(session)


class _Given:
    def __init__(self, session: Any) -> None:
        self._given = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._given, name)

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return await _answer(self._given, *args, **kwargs)

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        return await _answer(self._given.request, *args, **kwargs)

    async def get(self, *args: Any, **kwargs: Any) -> Any:
        return await _answer(self._given.get, *args, **kwargs)

    async def options(self, *args: Any, **kwargs: Any) -> Any:
        return await _answer(self._given.options, *args, **kwargs)

    async def head(self, *args: Any, **kwargs: Any) -> Any:
        return await _answer(self._given.head, *args, **kwargs)

    async def post(self, *args: Any, **kwargs: Any) -> Any:
        return await _answer(self._given.post, *args, **kwargs)

    async def put(self, *args: Any, **kwargs: Any) -> Any:
        return await _answer(self._given.put, *args, **kwargs)

    async def patch(self, *args: Any, **kwargs: Any) -> Any:
        return await _answer(self._given.patch, *args, **kwargs)

    async def delete(self, *args: Any, **kwargs: Any) -> Any:
        return await _answer(self._given.delete, *args, **kwargs)

    async def send(self, *args: Any, **kwargs: Any) -> Any:
        return await _answer(self._given.send, *args, **kwargs)


async def _answer(*call: Any, **kwargs: Any) -> Any:
    """What the verb gives, which comes first. It says itself whose it is: where it was taken from may only hand it out."""
    verb, args = call[0], call[1:]
    if _is_function(verb) and not kwargs.get("stream"):
        return await _function(verb.__name__, *args, **kwargs)
    face = _face(verb, args, kwargs)
    if face is not None:
        return await getattr(face, verb.__name__)(*args, **kwargs)
    at_once = inspect.iscoroutinefunction(verb) or _is_mock(verb)
    answer = verb(*args, **kwargs) if at_once else await _off_loop(_contained, verb, *args, **kwargs)
    return await answer if inspect.iscoroutine(answer) else answer


def _is_mock(verb: Any) -> bool:
    return any(cls.__module__ in ("unittest.mock", "mock.mock") for cls in type(verb).__mro__)


def _contained(verb: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """No future can carry a StopIteration; a coroutine that raises one gives this error, too."""
    try:
        return verb(*args, **kwargs)
    except StopIteration as error:
        raise RuntimeError("coroutine raised StopIteration") from error


def _is_function(verb: Any) -> bool:
    """Whether that is one of requests' own functions, as ``requests.get``."""
    name = getattr(verb, "__name__", None)
    return inspect.isfunction(verb) and name in _VERBS and vars(_api).get(name) is verb and not _replaced(verb, _api)


def _face(verb: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The session of the verb with awaited verbs, where nothing but the request itself can wait in this call; else None."""
    session = getattr(verb, "__self__", None)
    if not isinstance(session, _Requests) or isinstance(session, Session) or not _is_plain(session):
        return None
    if verb.__name__ not in _VERBS or verb.__func__ is not getattr(_Requests, verb.__name__):
        return None
    if session.stream or kwargs.get("stream"):
        return None  # who reads the response does not await it
    positions = args if verb.__name__ == "request" else ()
    hooks = [session.hooks, kwargs.get("hooks"), *positions[_HOOKS_POSITION:]]
    auths = [session.auth, kwargs.get("auth"), *positions[_AUTH_POSITION : _AUTH_POSITION + 1]]
    if verb.__name__ == "send":
        own = getattr(args[0] if args else kwargs.get("request"), "hooks", None)
        if not _of_digest(own):
            hooks.append(own)
    if any(type(auth) not in _AUTHS for auth in auths) or any(any(hook.values()) for hook in hooks if hook):
        return None
    for adapter in session.adapters.values():
        if type(adapter) is _Adapter and "close" not in vars(adapter):
            adapter.close = functools.partial(_close, weakref.ref(adapter))
    cls: Any = type(session)
    face: Any = object.__new__(Session if cls is _Requests else awaited(cls))
    face.__dict__ = session.__dict__
    return face


def _close(of: Callable[[], Any]) -> None:
    """Close an adapter with the connections that aiohttp has on its behalf."""
    adapter = of()
    _retire(_carriers.get(adapter) or {})
    _Adapter.close(adapter)


def _is_plain(session: Any) -> bool:
    """Whether no class, test or user put something in the place of what requests does around a request."""
    cls = type(session)
    if type(cls) is not type or vars(session).keys() & _STEPS:
        return False
    if cls is not _Requests and getattr(cls.__init_subclass__, "__func__", None) is not None:
        return False  # that a class is derived from it may mean something
    for owner in cls.__mro__[: cls.__mro__.index(_Requests)]:
        if vars(owner).keys() & (_STEPS | _STATE):
            return False
    return not any(_replaced(vars(_Requests)[name], _sessions) for name in _VERBS)


def _of_digest(hooks: Any) -> bool:
    """Whether the hooks of a prepared request are those of digest authentication, which is then counted for each task."""
    found = [hook for group in (hooks or {}).values() for hook in group]
    auths: list[Any] = [getattr(hook, "__self__", None) for hook in found]
    if not found or any(type(auth) is not requests.auth.HTTPDigestAuth for auth in auths):
        return False
    for auth in auths:
        state: Any = getattr(auth, "_thread_local", None)
        if isinstance(state, threading.local):
            counted: Any = _TaskLocal()
            for name, value in vars(state).items():
                setattr(counted, name, value)
            auth._thread_local = counted
    return True
