"""A small tree and the changes of two groups to it."""

from __future__ import annotations

from pathlib import Path

from asyncify.model import FileChange, GroupChange

BEFORE = {
    "a.py": b"import requests\n",
    "pkg/crlf.py": b"\xef\xbb\xbfx = 1\r\ny = 2\rz = 3\n",
    "pkg/latin.py": b"# coding: latin-1\nx = '\xe4'",
    "old.py": b"gone = True\n",
    "same.py": b"same\n",
}


def snapshot(root: Path) -> dict[str, bytes | None]:
    """All files (bytes) and folders (None) of a tree but the tool's own."""
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*")}
    return {
        name: path.read_bytes() if path.is_file() else None
        for name, path in found.items()
        if not name.startswith(".asyncify")
    }


def change(path: str, after: bytes | None, before: bytes | None = None) -> FileChange:
    return FileChange(path, BEFORE.get(path) if before is None else before, after)


def make_tree(root: Path) -> Path:
    for path, data in BEFORE.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def make_groups() -> list[GroupChange]:
    return [
        GroupChange(
            "g1",
            (
                change("a.py", b"import aiohttp\n"),
                change("pkg/crlf.py", b"\xef\xbb\xbfx = 1\r\ny = 22\rz = 3\n"),
                change("new.py", b"new\n"),
                change("deep/er/new.py", b"\r\n"),
            ),
        ),
        GroupChange(
            "g2",
            (
                change("a.py", b"import aiohttp, asyncio\n", before=b"import aiohttp\n"),
                change("pkg/latin.py", b"# coding: latin-1\nx = '\xf6'"),
                change("old.py", None),
            ),
        ),
    ]


AFTER: dict[str, bytes | None] = {
    "a.py": b"import aiohttp, asyncio\n",
    "pkg": None,
    "pkg/crlf.py": b"\xef\xbb\xbfx = 1\r\ny = 22\rz = 3\n",
    "pkg/latin.py": b"# coding: latin-1\nx = '\xf6'",
    "same.py": b"same\n",
    "new.py": b"new\n",
    "deep": None,
    "deep/er": None,
    "deep/er/new.py": b"\r\n",
}
