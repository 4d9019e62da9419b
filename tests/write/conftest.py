from __future__ import annotations

from pathlib import Path

import pytest
from write_tree import make_groups, make_tree

from asyncify.model import GroupChange


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "tree")


@pytest.fixture
def groups() -> list[GroupChange]:
    return make_groups()
