"""docs/http.md: each row names a fixture that runs, or a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness.fixture import names

ROOT = Path(__file__).resolve().parent.parent
ROWS = [
    line.strip("| \n").rpartition(" | ")
    for line in (ROOT / "docs" / "http.md").read_text(encoding="utf-8").partition("\n## Compared")[0].splitlines()
    if line.startswith("| ") and not line.startswith("| what")
]


def test_all_parts_are_there() -> None:
    assert len(ROWS) >= 60


@pytest.mark.parametrize("what, shown", [(what, shown) for what, _, shown in ROWS])
def test_row_names_what_exists(what: str, shown: str) -> None:
    found = re.findall(r"`([^`]+)`", shown)
    assert found, what
    fixtures = names()
    for name in found:
        path, _, test = name.partition("::")
        if test:
            assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), name
        else:
            assert name in fixtures, name
