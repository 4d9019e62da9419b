"""requests with an await: the functions and the session of requests, carried by aiohttp."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import threading
import weakref
from collections.abc import Callable
from typing import Any

import requests
import requests.adapters
import requests.api
import requests.auth
import requests.cookies
import requests.sessions
import requests.utils

from asyncify.support.aio_off_loop import _off_loop
from asyncify.support.aio_requests_doubles import (
    _VERBS,
    _api,
    _awaited,
    _call_replaced,
    _plumbing_replaced,
    _replaced,
    _Requests,
    _session_replaced,
    _SessionDouble,
    _sessions,
    _stream_double,
)
from asyncify.support.aio_requests_doubles import streamed as streamed
from asyncify.support.aio_requests_response import Response as Response
from asyncify.support.aio_requests_response import _readable
from asyncify.support.aio_requests_response import copyfileobj as copyfileobj
from asyncify.support.aio_requests_response import read_raw as read_raw
from asyncify.support.aio_requests_transport import _carry, _Unsupported
from asyncify.support.aio_requests_wire import _carriers, _retire

_extract_cookies: Any = requests.cookies.extract_cookies_to_jar


class _Resend:
    """What a hook gets from ``response.connection.send``: a promise, kept when the hook has returned it."""

    def __init__(self, request: Any, kwargs: dict[str, Any]) -> None:
        self.history: list[Any] = []
        self.request = request
        self._sent = (request, kwargs)

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"a hook cannot look at .{name} of a response that it has just asked for")


class _Connection:
    """The `connection` of a response, through which authentication hooks send their second request."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter

    def send(self, request: Any, **kwargs: Any) -> _Resend:
        return _Resend(request, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)


class _TaskLocal:
    """`threading.local` for tasks: `HTTPDigestAuth` keeps its nonce and its 401 counter in one."""

    def __init__(self) -> None:
        self.__dict__["_values"] = weakref.WeakKeyDictionary()

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[_owner()][name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._values.setdefault(_owner(), {})[name] = value


def _owner() -> Any:
    try:
        return asyncio.current_task() or threading.current_thread()
    except RuntimeError:
        return threading.current_thread()


# The blocking face that a request is sent by, while one of the session's replaced verbs runs on its behalf.
_blocking: contextvars.ContextVar[Any] = contextvars.ContextVar("_blocking", default=None)


def _at_once(face: Any, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a verb that is awaited elsewhere: with `_blocking` set, nothing in it waits, so one step is its whole run."""
    token = _blocking.set(face)
    try:
        outcome = verb(*args, **kwargs)
        if not inspect.iscoroutine(outcome):
            return outcome
        try:
            outcome.send(None)
        except StopIteration as done:
            return done.value
        outcome.close()
        raise RuntimeError("what replaces a verb of this session waits for something else than the request")
    finally:
        _blocking.reset(token)


class Session(_Requests):  # type: ignore[misc]
    """`requests.Session` whose `request`, `get`, … and `send` are awaited; all else is inherited.

    It can be made anywhere, without a running loop, and used from many tasks and in several loops. Its connections
    are closed by `close`, when it is collected, or at the latest when the loop shuts down.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        factory = _session_replaced() if cls is Session else None
        return super().__new__(cls) if factory is None else _SessionDouble(factory(*args, **kwargs))

    @property
    def blocking(self) -> Any:
        """The same session (all its state, its class) with requests' own verbs, which block: for other threads."""
        own: Any = type(self)
        face: Any = object.__new__(_face_of(own))
        replaced = _VERBS & self.__dict__.keys()  # on this session alone: by a partial, or by a test
        face.__dict__ = {**self.__dict__} if replaced else self.__dict__
        for name in replaced:
            face.__dict__[name] = functools.partial(_at_once, face, self.__dict__[name])
        return face

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; those still in use when their response has been read."""
        for adapter in self.adapters.values():
            _retire(_carriers.get(adapter) or {})
        super().close()

    def prepare_request(self, request: Any) -> Any:
        for auth in (request.auth, self.auth):
            if isinstance(getattr(auth, "_thread_local", None), threading.local):
                auth._thread_local = _TaskLocal()
        return super().prepare_request(request)

    # The methods of requests call `self.request` and `self.send`, and return what they get: here a coroutine.

    async def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:
        return _stream_double(await _awaited(super().request(method, url, *args, **kwargs)), kwargs)

    async def get(self, url: Any, *args: Any, **kwargs: Any) -> Any:
        return _stream_double(await _awaited(super().get(url, *args, **kwargs)), kwargs)

    async def options(self, url: Any, *args: Any, **kwargs: Any) -> Any:
        return _stream_double(await _awaited(super().options(url, *args, **kwargs)), kwargs)

    async def head(self, url: Any, *args: Any, **kwargs: Any) -> Any:
        return _stream_double(await _awaited(super().head(url, *args, **kwargs)), kwargs)

    async def post(self, url: Any, *args: Any, **kwargs: Any) -> Any:
        return _stream_double(await _awaited(super().post(url, *args, **kwargs)), kwargs)

    async def put(self, url: Any, *args: Any, **kwargs: Any) -> Any:
        return _stream_double(await _awaited(super().put(url, *args, **kwargs)), kwargs)

    async def patch(self, url: Any, *args: Any, **kwargs: Any) -> Any:
        return _stream_double(await _awaited(super().patch(url, *args, **kwargs)), kwargs)

    async def delete(self, url: Any, *args: Any, **kwargs: Any) -> Any:
        return _stream_double(await _awaited(super().delete(url, *args, **kwargs)), kwargs)

    async def send(self, request: Any, **kwargs: Any) -> Any:
        """Send a `PreparedRequest`, follow redirects, run the hooks; as in requests, but a hook may be async."""
        face = _blocking.get()
        if face is not None:
            return _Requests.send(face, request, **kwargs)
        if _replaced(_Requests.send, _sessions):
            twin = _Requests.__new__(_Requests)  # whose methods are synchronous, and whose state is ours
            twin.__dict__ = self.__dict__
            return _readable(await _call_replaced(twin.send, request, **kwargs), kwargs)
        kwargs.setdefault("stream", self.stream)
        kwargs.setdefault("verify", self.verify)
        kwargs.setdefault("cert", self.cert)
        if "proxies" not in kwargs:
            kwargs["proxies"] = requests.utils.resolve_proxies(request, self.proxies, self.trust_env)
        if isinstance(request, requests.Request):
            raise ValueError("You can only send PreparedRequests.")
        allow_redirects = kwargs.pop("allow_redirects", True)
        adapter = self.get_adapter(url=request.url)
        response = await _transmit(adapter, request, **kwargs)
        for hook in request.hooks.get("response") or ():
            changed = await _awaited(hook(response, **kwargs))
            if isinstance(changed, _Resend):
                again = await _transmit(adapter, changed._sent[0], **{**kwargs, **changed._sent[1]})
                again.history, again.request = changed.history, changed.request
                changed = again
            response = response if changed is None else changed
        for earlier in response.history:
            _extract_cookies(self.cookies, earlier.request, earlier.raw)
        _extract_cookies(self.cookies, request, response.raw)
        if allow_redirects:
            response = await self._follow(response, request, kwargs)
        else:
            await _read_redirect(response)
            response._next = next(self.resolve_redirects(response, request, yield_requests=True, **kwargs), None)
        if not kwargs["stream"]:
            response.content  # noqa: B018  # raises what went wrong with the body
        return response

    async def _follow(self, response: Any, request: Any, kwargs: dict[str, Any]) -> Any:
        """The loop of `resolve_redirects`, which itself works out each next request."""
        history: list[Any] = []
        while self.get_redirect_target(response):
            await _read_redirect(response)
            response.history = list(history)
            if len(history) >= self.max_redirects:
                raise requests.TooManyRedirects(f"Exceeded {self.max_redirects} redirects.", response=response)
            request = next(self.resolve_redirects(response, request, yield_requests=True, **kwargs))
            response.history = list(history)
            history.append(response)
            kwargs["proxies"] = self.rebuild_proxies(request, kwargs["proxies"])
            response = await self.send(request, allow_redirects=False, **kwargs)
            _extract_cookies(self.cookies, request, response.raw)
        if history:
            response.history = history
        return response


@functools.cache
def _face_of(cls: Any) -> Any:
    """The class of sessions with blocking verbs: what `cls` has in the place of a verb is run in one step."""
    if cls is Session:
        return _Requests

    def verb(name: str) -> Any:
        if next(owner for owner in cls.__mro__ if name in vars(owner)) in (Session, *_Requests.__mro__):
            return getattr(_Requests, name)
        own = getattr(cls, name)
        return lambda face, *args, **kwargs: _at_once(face, functools.partial(own, face), *args, **kwargs)

    return type(cls.__name__, (cls,), {"__module__": cls.__module__, **{name: verb(name) for name in _VERBS}})


@functools.cache
def awaited(cls: Any) -> Any:
    """A class of sessions of another library, derived from `requests.Session`, with awaited verbs."""

    async def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _stream_double(await _awaited(super(made, self).request(*args, **kwargs)), kwargs)

    made: Any = type(cls.__name__, (cls, Session), {"__module__": cls.__module__, "request": request})
    return made


async def _read_redirect(response: Any) -> None:
    """Only needed where the body is on the wire; else `resolve_redirects` looks at it, as it always does."""
    if getattr(response, "_wire", None) is not None and response.is_redirect:
        try:
            await response.aread()
        except requests.RequestException:
            response._content = b""  # a redirect counts, whatever its body
            response.close()


async def _transmit(adapter: Any, request: Any, **kwargs: Any) -> Any:
    """Have `adapter` send the request: aiohttp carries for requests' own, any other one does as it pleases."""
    if type(adapter) is requests.adapters.HTTPAdapter:
        if _replaced(type(adapter).send, requests.adapters):
            return _readable(await _call_replaced(adapter.send, request, **kwargs), kwargs)
        try:
            if _plumbing_replaced():
                raise _Unsupported
            response = await _carry(adapter, request, **kwargs)
        except _Unsupported:
            pass
        else:
            response = _readable(response, {})
            response.connection = _Connection(adapter)
            return response

    def send_and_read() -> Any:
        response = adapter.send(request, **kwargs)
        if not kwargs.get("stream"):
            response.content  # noqa: B018
        return response

    return _readable(await _off_loop(send_and_read), kwargs, in_thread=True)


@functools.cache
def _signature(name: str) -> inspect.Signature:
    return inspect.signature(vars(_api)[name])


def _own_session() -> Session:
    session: Session = object.__new__(Session)
    session.__init__()  # type: ignore[misc]
    return session


async def _function(name: str, *args: Any, **kwargs: Any) -> Any:
    """What the function `name` of requests does; if a test has replaced it, what the replacement does."""
    for owner in (requests, _api):
        if _replaced(found := getattr(owner, name), _api):
            return _readable(await _call_replaced(found, *args, **kwargs), kwargs)
    if _replaced(vars(_api)["request"], _api):
        return _readable(await _call_replaced(vars(_api)[name], *args, **kwargs), kwargs)
    if _sessions.Session is not _Requests:
        blocks = inspect.isclass(_sessions.Session) and issubclass(_sessions.Session, _Requests)
        call = _off_loop if blocks else _call_replaced
        return _readable(await call(vars(_api)[name], *args, **kwargs), kwargs)
    options = _signature(name).bind(*args, **kwargs).arguments
    options |= options.pop("kwargs", {})
    if name == "head":
        options.setdefault("allow_redirects", False)
    with _own_session() as session:
        return await session.request(**{"method": name, **options})


async def request(*args: Any, **kwargs: Any) -> Any:
    """`requests.request`, awaited."""
    return await _function("request", *args, **kwargs)


async def get(*args: Any, **kwargs: Any) -> Any:
    """`requests.get`, awaited."""
    return await _function("get", *args, **kwargs)


async def options(*args: Any, **kwargs: Any) -> Any:
    """`requests.options`, awaited."""
    return await _function("options", *args, **kwargs)


async def head(*args: Any, **kwargs: Any) -> Any:
    """`requests.head`, awaited."""
    return await _function("head", *args, **kwargs)


async def post(*args: Any, **kwargs: Any) -> Any:
    """`requests.post`, awaited."""
    return await _function("post", *args, **kwargs)


async def put(*args: Any, **kwargs: Any) -> Any:
    """`requests.put`, awaited."""
    return await _function("put", *args, **kwargs)


async def patch(*args: Any, **kwargs: Any) -> Any:
    """`requests.patch`, awaited."""
    return await _function("patch", *args, **kwargs)


async def delete(*args: Any, **kwargs: Any) -> Any:
    """`requests.delete`, awaited."""
    return await _function("delete", *args, **kwargs)


def session() -> Any:
    """`requests.session`: a new `Session`."""
    if _replaced(requests.session, _sessions) or _sessions.Session is not _Requests:
        return _SessionDouble(requests.session())
    return _own_session()
