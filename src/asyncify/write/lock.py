"""One writer at a time in one tree."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from asyncify.errors import WriteError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder/lock``; :class:`WriteError` where another process does.

    The system gives the lock of a dead process free by itself; where it cannot lock files, the process id in the
    file tells whether its owner still lives.
    """
    path = folder / "lock"
    descriptor = _flock(path)
    if descriptor is not None:
        try:
            yield
        finally:
            os.close(descriptor)
        return
    # Not the same file: one that only exists while it is held.
    path = folder / "lock.pid"
    _claim(path)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def _flock(path: Path) -> int | None:
    """The descriptor that holds the lock, None where files cannot be locked."""
    if fcntl is None:
        return None
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        try:
            if error.errno in _UNSUPPORTED:
                return None
            if not isinstance(error, BlockingIOError) and error.errno != errno.EACCES:
                raise
            raise _held(os.pread(descriptor, 32, 0).decode(errors="replace").strip()) from None
        finally:
            os.close(descriptor)
    # The file stays when the lock goes: were it removed, two processes could lock two files of that name.
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _claim(path: Path) -> None:
    """Create the lock file, after removing the one of a process that is no more."""
    for _ in range(3):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            owner = _owner(path)
            if owner and psutil.pid_exists(int(owner)):
                raise _held(owner) from None
            stale = path.with_name(f"{path.name}.{os.getpid()}")
            with suppress(OSError):
                path.replace(stale)
                taken = _owner(stale)
                if taken != owner and taken and psutil.pid_exists(int(taken)):
                    os.link(stale, path)  # somebody was faster: what we took away is his
                stale.unlink()
            continue
        try:
            os.write(descriptor, f"{os.getpid()}\n".encode())
        finally:
            os.close(descriptor)
        return
    raise _held(_owner(path))


def _owner(path: Path) -> str:
    try:
        text = path.read_text().strip()
    except (OSError, ValueError):
        return ""
    return text if text.isascii() and text.isdigit() and len(text) < 10 else ""


def _held(owner: str) -> WriteError:
    who = f" (process {owner})" if owner.isdigit() else ""
    return WriteError(f"another asyncify{who} is writing to this tree; nothing was written")
