from __future__ import annotations

import os
from pathlib import Path

import pytest
from write_tree import make_groups, make_tree

from asyncify.model import GroupChange


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pulls the plug in these tests, and waiting for the disk is most of their time."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "tree")


@pytest.fixture
def groups() -> list[GroupChange]:
    return make_groups()
