"""Random programs, migrated and run: output, requests and concurrency stay.

``ASYNCIFY_SEEDS=200 pytest tests/properties`` runs more of them, ``ASYNCIFY_SEED_START=1000`` others.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from harness.check import check_fixed_point, check_plan, check_runs, check_trees, observe
from harness.fixture import Expected, Fixture
from programs import generate

if TYPE_CHECKING:
    from asyncify.verify.server import LocalServer

START = int(os.environ.get("ASYNCIFY_SEED_START", "0"))
SEEDS = range(START, START + int(os.environ.get("ASYNCIFY_SEEDS", "8")))


def encoded(seed: int) -> dict[str, bytes]:
    """The program of that seed as files."""
    return {path: text.encode() for path, text in generate(seed).items()}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_program_keeps_its_behaviour(seed: int, fixture_server: LocalServer) -> None:
    """All laws hold, whether the program is migrated or refused."""
    fixture = Fixture(name=f"seed-{seed}", title="a random program", expected=Expected.EITHER)
    observed = observe(fixture, encoded(seed))
    check_plan(fixture, observed)
    check_trees(fixture, observed)
    check_fixed_point(fixture, observed)
    check_runs(fixture, observed.before, observed.after, fixture_server)


def test_programs_of_a_seed_are_the_same() -> None:
    """A failing seed can be looked at again."""
    assert generate(7) == generate(7)
    assert generate(7) != generate(8)


def test_most_programs_are_migrated() -> None:
    """The property above would hold for a tool that does nothing; this one does not."""
    seeds = range(8)
    fixture = Fixture(name="many", title="random programs", expected=Expected.EITHER)
    moved = [seed for seed in seeds if observe(fixture, encoded(seed)).changed]
    assert len(moved) >= 6, f"only {moved} are migrated"
