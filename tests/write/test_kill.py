"""``kill -9`` at any moment leaves each file old or new, and a journal that undo can finish."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


def drive(*arguments: str) -> dict[str, int]:
    driver = Path(__file__).with_name("kill_driver.py")
    done = subprocess.run(
        [sys.executable, str(driver), *arguments], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, int] = json.loads(done.stdout)
    return seen


def test_fifty_kills_at_random_moments(tmp_path: Path) -> None:
    seen = drive("random", str(tmp_path), "20260101")
    assert seen["rounds"] == 50
    # The kills must have hit something, or the test shows nothing.
    assert seen["applies killed"] >= 25
    assert seen["applies killed half way"] >= 1


def test_a_kill_at_every_system_call(tmp_path: Path) -> None:
    seen = drive("every", str(tmp_path))
    assert seen["apply killed"] >= 40
    assert seen["undo killed"] >= 25
    assert seen["half way"] >= 40
    assert seen["second kills"] >= 25
