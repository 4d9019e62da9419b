"""A plan does not depend on the order in which Python keeps what is in a set."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness.fixture import FIXTURES, names

from asyncify import api
from asyncify.config import Config

SEEDS = ("1", "2")


def digests() -> list[str]:
    """One line for each fixture: its name, and a digest of the plan."""
    lines = []
    for name in names()[::2]:  # enough to notice, in half the time
        root = FIXTURES / name / "before"
        plan = api.scan([root], Config(root=root, cache=False)).plan
        lines.append(f"{name} {hashlib.sha256(repr((plan.groups, plan.refusals)).encode()).hexdigest()}")
    return lines


@pytest.mark.timeout(600)  # twice many fixtures, on a machine that may be busy
def test_same_plan_for_every_hash_seed() -> None:
    tests = str(Path(__file__).parents[1])
    running = [
        subprocess.Popen(
            [sys.executable, __file__],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([tests, *sys.path])},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in SEEDS
    ]
    first, second = (process.communicate()[0].splitlines() for process in running)
    assert len(first) == len(names()[::2])
    assert first == second


if __name__ == "__main__":
    print("\n".join(digests()))
