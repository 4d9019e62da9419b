"""Single files: read as they are, replaced in one step, on disk when we say so.

Everything here raises :class:`OSError` and leaves no file half written.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_BINARY = getattr(os, "O_BINARY", 0)


def read(path: Path) -> bytes | None:
    """The bytes of a file, None where there is none (nor a dangling link's target)."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_new(path: Path, data: bytes, mode: int | None = None) -> None:
    """Create a file that must not exist, complete (but see :func:`sync`); nothing is left of it on failure."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)
        if mode is not None:
            path.chmod(mode)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def sync(paths: Iterable[Path]) -> None:
    """Bring files to disk. Many at once: for most file systems the first takes the others along."""
    for path in paths:
        # Windows flushes only what is open for writing; elsewhere the file may be write-protected.
        descriptor = os.open(path, (os.O_RDWR if os.name == "nt" else os.O_RDONLY) | _BINARY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def stage(target: Path, temporary: Path, data: bytes) -> None:
    """Write `data` beside `target`, with the mode and, where allowed, the owner of the file it will replace."""
    try:
        status = target.stat()
    except FileNotFoundError:
        write_new(temporary, data)
        return
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(target))
    write_new(temporary, data, stat.S_IMODE(status.st_mode))
    if hasattr(os, "chown"):
        new = temporary.stat()
        if (new.st_uid, new.st_gid) != (status.st_uid, status.st_gid):
            # Giving a file away is for the superuser; an editor that saves by renaming does no better.
            with suppress(OSError):
                os.chown(temporary, status.st_uid, status.st_gid)
                temporary.chmod(stat.S_IMODE(status.st_mode))  # chown drops the set-id bits


def replace(temporary: Path, target: Path) -> None:
    """Put the staged file in the place of `target`, in one step."""
    temporary.replace(target)


def create(temporary: Path, target: Path) -> None:
    """Put the staged file at `target`; :class:`FileExistsError` where something is there already."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except (OSError, AttributeError, NotImplementedError):  # no hard links on this file system
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        temporary.rename(target)
    else:
        temporary.unlink()


def save(path: Path, temporary: Path, data: bytes) -> None:
    """Write or overwrite a file of our own in one step, on disk on return."""
    with suppress(FileNotFoundError):
        temporary.unlink()  # left by a run that was killed
    write_new(temporary, data)
    sync([temporary])
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring creations, renames and removals in a folder to disk, on systems that have a way to."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def explain(error: OSError) -> str:
    """What failed, where."""
    name = error.filename2 or error.filename
    where = f" {os.fsdecode(name)}" if isinstance(name, str | bytes | os.PathLike) else ""
    return f"cannot write{where}: {error.strerror or error}"
