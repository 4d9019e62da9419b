"""Results kept from run to run, in the user's cache folder: a scan of what did not change is not done again.

An entry is named by a digest of everything it depends on: contents of files, configuration, and asyncify itself. So
entries never have to be invalidated, and runs at the same time cannot disturb each other: each writes an entry of its
own and moves it into place. What cannot be read back, whatever the reason, is thrown away and made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import sys
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

LIMIT: Final = 200 * 1024 * 1024
"""Bytes that all entries may take together; the ones longest unused go first."""
TRIMMED_EVERY: Final = 60.0
"""Seconds in which the entries are looked at once: with thousands of them that takes longer than a small scan."""

_STAMP = ".trimmed"

_DIGEST = 32
_PLAIN = frozenset({"frozenset", "set", "complex"})


def folder() -> Path:
    """Where entries are: ``ASYNCIFY_CACHE_DIR``, or ``asyncify`` in the user's cache folder."""
    chosen = os.environ.get("ASYNCIFY_CACHE_DIR")
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("asyncify", appauthor=False))


def key(parts: Iterable[bytes]) -> str:
    """The name of the entry that depends on these parts, in this order, on asyncify and on Python."""
    digest = hashlib.blake2b(_asyncify(), digest_size=_DIGEST)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


@cache
def _asyncify() -> bytes:
    """Changes with asyncify, an edited checkout of it included, and with Python."""
    here = Path(__file__).parent
    stats = []
    for directory, _, names in os.walk(here):
        for name in names:
            if name.endswith(".py"):
                stat = os.stat(os.path.join(directory, name))  # noqa: PTH116, PTH118  (several hundred files)
                stats.append((directory, name, stat.st_mtime_ns, stat.st_size))
    return repr((sys.version, sorted(stats))).encode()


def load(name: str) -> Any:
    """The entry of that name, or None. A damaged one is removed."""
    path = folder() / name
    try:
        data = path.read_bytes()
    except OSError:
        return None
    try:
        if hashlib.blake2b(data[_DIGEST:], digest_size=_DIGEST).digest() != data[:_DIGEST]:
            raise ValueError("damaged")
        value = _Reader(io.BytesIO(data[_DIGEST:])).load()
    except Exception:  # pickle raises whatever the bytes make it raise
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return value


def store(name: str, value: object) -> None:
    """Keep `value` under that name; where that is impossible (a full disk, no permission), nothing is kept."""
    import tempfile

    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    target = folder()
    try:
        target.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.blake2b(data, digest_size=_DIGEST).digest() + data)
            Path(temporary).replace(target / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _trim(target)
    except OSError:
        return


def _trim(target: Path) -> None:
    """Remove what was not used for longest until the rest is within the limit, if that was not done just now."""
    stamp = target / _STAMP
    with contextlib.suppress(OSError):
        if 0 <= time.time() - stamp.stat().st_mtime < TRIMMED_EVERY:
            return
    stamp.touch()
    entries = []
    with os.scandir(target) as found:
        for entry in found:
            if entry.name == _STAMP:
                continue
            with contextlib.suppress(OSError):
                stat = entry.stat()
                entries.append((stat.st_mtime_ns, stat.st_size, entry.path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= LIMIT:
            break
        with contextlib.suppress(OSError):
            Path(path).unlink()
        total -= size


class _Reader(pickle.Unpickler):
    """Makes nothing but asyncify's own data: an entry cannot call anything else."""

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "asyncify" or (module == "builtins" and name in _PLAIN):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} does not belong here")
