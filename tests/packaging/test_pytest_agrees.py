"""pytest itself, on what was changed: a plain ``async def`` test runs, and did not before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from asyncify.packaging.found import discover_config
from asyncify.packaging.pytest_config import asyncio_test_changes

TEST = """
import asyncio

async def test_runs() -> None:
    await asyncio.sleep(0)
    print("it ran")
"""

PROJECTS = {
    "nothing": {},
    "pyproject without pytest": {"pyproject.toml": '[project]\nname = "x"\nversion = "1"\n'},
    "empty pytest.ini before all": {
        "pytest.ini": "",
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-q'\n",
        "tox.ini": "[pytest]\n",
    },
    "pyproject before tox.ini": {
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-q'\n",
        "tox.ini": "[pytest]\nasyncio_mode = strict\n",
    },
    "tox.ini before setup.cfg": {"tox.ini": "[pytest]\naddopts =\n  -q\n", "setup.cfg": "[tool:pytest]\n"},
    "strict on the command line": {"setup.cfg": "[tool:pytest]\naddopts = --asyncio-mode=strict\n"},
}


def passes(root: Path) -> bool:
    """Whether pytest runs the one test of `root`."""
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0 and "it ran" in done.stdout


@pytest.mark.parametrize("name", PROJECTS)
def test_plain_async_tests_run(name: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TEST)
    for path, text in PROJECTS[name].items():
        (tmp_path / path).write_text(text)
    assert not passes(tmp_path)
    for change in asyncio_test_changes(discover_config(tmp_path)):
        (tmp_path / change.path).write_bytes(change.after)
    assert passes(tmp_path)
