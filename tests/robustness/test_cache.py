"""Results of scans are kept, never trusted when damaged, and never needed."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from asyncify import api, cache, trees
from asyncify.config import Config
from asyncify.model import Span

PROGRAM = "import requests\n\n\ndef main():\n    print(requests.get('http://x').text)\n\n\nmain()\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASYNCIFY_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.mkdir()
    (root / "main.py").write_text(PROGRAM)
    return root


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _never(*args: object) -> None:
    raise AssertionError("analysed again")


def test_the_second_scan_analyses_nothing(folder: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = api.scan([tree], Config(root=tree))
    monkeypatch.setattr(trees, "analyses", _never)
    second = api.scan([tree], Config(root=tree))
    assert second.plan == first.plan
    assert second.functions_changed == first.functions_changed == 1


@pytest.mark.parametrize("change", ["text", "new file", "configuration", "entry point"])
def test_what_changed_is_analysed(change: str, folder: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api.scan([tree], Config(root=tree))
    config = Config(root=tree)
    match change:
        case "text":
            (tree / "main.py").write_text(PROGRAM + "\n")
        case "new file":
            (tree / "other.py").write_text("")
        case "configuration":
            config = Config(root=tree, http="compat")
        case "entry point":
            (tree / "pyproject.toml").write_text("[project.scripts]\nx = 'main:main'\n")
    monkeypatch.setattr(trees, "analyses", _never)
    with pytest.raises(AssertionError, match="analysed again"):
        api.scan([tree], config)


@pytest.mark.parametrize("damage", [b"", b"x" * 100, None])
def test_a_damaged_entry_is_made_anew(damage: bytes | None, folder: Path, tree: Path) -> None:
    first = api.scan([tree], Config(root=tree))
    (entry,) = _entries(folder)
    good = entry.read_bytes()
    entry.write_bytes(good[:-1] + bytes([good[-1] ^ 1]) if damage is None else damage)
    assert api.scan([tree], Config(root=tree)).plan == first.plan
    assert entry.read_bytes() == good


def test_no_cache_neither_reads_nor_writes(folder: Path, tree: Path) -> None:
    api.scan([tree], Config(root=tree, cache=False))
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_no_error(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASYNCIFY_CACHE_DIR", str(tree / "main.py" / "cache"))
    assert api.scan([tree], Config(root=tree)).plan.groups


def test_nothing_is_written_into_the_scanned_tree(folder: Path, tree: Path) -> None:
    api.scan([tree], Config(root=tree))
    assert [path.name for path in tree.iterdir()] == ["main.py"]


def test_the_entries_longest_unused_go_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LIMIT", 3000)
    monkeypatch.setattr(cache, "TRIMMED_EVERY", 0)
    for number in range(3):
        cache.store(f"e{number}", "x" * 1200)
        os.utime(folder / f"e{number}", ns=(number, number))
    assert cache.load("e1") is not None  # used now
    cache.store("e3", "x" * 1200)
    assert [path.name for path in _entries(folder)] == ["e1", "e3"]


def test_entries_are_looked_at_once_in_a_while(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LIMIT", 3000)
    for number in range(4):
        cache.store(f"e{number}", "x" * 1200)
    assert len(_entries(folder)) == 4
    os.utime(folder / ".trimmed", (0, 0))
    cache.store("e4", "x" * 1200)
    assert len(_entries(folder)) == 2


def test_an_entry_cannot_call_anything(folder: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "made"),)

    cache.store("evil", Evil())
    assert cache.load("evil") is None
    assert not (tmp_path / "made").exists()
    assert not (folder / "evil").exists()


def test_data_comes_back(folder: Path) -> None:
    cache.store("span", (Span("a.py", 1, 2, 3, 4), frozenset({1})))
    assert cache.load("span") == (Span("a.py", 1, 2, 3, 4), frozenset({1}))
    assert pickle.HIGHEST_PROTOCOL >= 4
