"""The bench that compares requests with both modules, in its short form."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "benchmarks" / "compare_http.py"


def test_short_form() -> None:
    done = subprocess.run([sys.executable, str(BENCH), "--short"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(re.findall(r"^(\w+): (\d+) cases", done.stdout, re.MULTILINE))
    assert int(counts["compat"]) > 50
    assert int(counts["native"]) > 40
