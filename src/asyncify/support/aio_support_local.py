"""The part of `aio_support` that tells the work of one thread from that of another: its name, and values of its own."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import weakref
from collections.abc import Iterator
from typing import Any

from asyncify.support.aio_support_begin import _worker


def _known(thread: threading.Thread) -> contextvars.ContextVar[Any]:
    """What `thread` runs from now on, on an event loop or moved to another thread, counts as run by it."""
    if _worker.get(None) is None:
        _worker.set(thread)
    return _worker


_here = _known(threading.current_thread())


def current_thread() -> Any:
    """Who runs this: a `TaskThread`, a worker of a pool of tasks, or a thread; stands for `threading.current_thread`.

    All of them have ``name``, ``ident``, ``daemon`` and ``is_alive()``.
    """
    return _here.get(None) or threading.current_thread()


def get_ident() -> int:
    """A number that no other living thread or worker has; stands for `threading.get_ident`."""
    ident = current_thread().ident
    assert isinstance(ident, int)  # whoever runs has been started
    return ident


class TaskLocal:
    """Attributes that have another value for each thread or worker; stands for `threading.local`.

    A class may derive from it: its `__init__` runs again, with the same arguments, for each that uses the object.
    """

    __slots__ = ("__dict__", "__made_with", "__mutex", "__spaces", "__weakref__")

    def __new__(cls, /, *args: Any, **kwargs: Any) -> TaskLocal:
        """Raises TypeError for arguments that no `__init__` takes."""
        if (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError("Initialization arguments are not supported")
        self = object.__new__(cls)
        object.__setattr__(self, "_TaskLocal__made_with", (args, kwargs))
        object.__setattr__(self, "_TaskLocal__mutex", threading.RLock())
        spaces: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()
        spaces[current_thread()] = {}
        object.__setattr__(self, "_TaskLocal__spaces", spaces)
        return self

    def __getattribute__(self, name: str) -> Any:
        with _in_place(self):
            try:
                return object.__getattribute__(self, name)
            except AttributeError:
                if type(self) is not TaskLocal:
                    raise
                raise AttributeError(f"'_thread._local' object has no attribute {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        with _in_place(self):
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        with _in_place(self):
            object.__delattr__(self, name)


@contextlib.contextmanager
def _in_place(local: TaskLocal) -> Iterator[None]:
    """The attributes of whoever runs this are those of the object for a moment, in which no other thread comes in."""
    spaces = object.__getattribute__(local, "_TaskLocal__spaces")
    with object.__getattribute__(local, "_TaskLocal__mutex"):
        me = current_thread()
        space = spaces.get(me)
        if space is None:
            space = spaces[me] = {}
            object.__setattr__(local, "__dict__", space)
            args, kwargs = object.__getattribute__(local, "_TaskLocal__made_with")
            type(local).__init__(local, *args, **kwargs)
        object.__setattr__(local, "__dict__", space)
        try:
            yield
        finally:
            object.__setattr__(local, "__dict__", {})  # values live no longer than their thread
