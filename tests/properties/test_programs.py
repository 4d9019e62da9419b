"""Random programs, migrated and run: output, requests and concurrency stay.

``ASYNCIFY_SEEDS=200 pytest tests/properties`` runs more of them, ``ASYNCIFY_SEED_START=1000`` others;
``python tests/properties/fleet.py --seeds 2000`` runs many in few processes and counts what became of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import greenlets
import pytest
import workers
from fleet import BROKEN, MIGRATED, PARTLY, fixture_of, judge
from harness.check import check_runs, observe
from harness.laws import Broken
from programs import RandomProgram, generate

if TYPE_CHECKING:
    from harness.start import Zygote

    from asyncify.verify.server import LocalServer

START = int(os.environ.get("ASYNCIFY_SEED_START", "0"))
SEEDS = range(START, START + int(os.environ.get("ASYNCIFY_SEEDS", "8")))
WORKERS = len(SEEDS) // 2
# Seeds whose programs once broke a law, each in another way.
ONCE_BROKEN = (9, 12, 20, 44, 79, 110)


@pytest.mark.parametrize("seed", sorted({*SEEDS, *ONCE_BROKEN}))
def test_a_random_program_keeps_its_behaviour(seed: int, fixture_server: LocalServer, zygote: Zygote) -> None:
    """All laws hold, whether the program is migrated or refused."""
    outcome = judge(seed, fixture_server, zygote)
    assert outcome.kind != BROKEN, outcome.problem


@pytest.mark.parametrize("seed", range(START, START + WORKERS))
def test_random_workers_keep_their_behaviour(seed: int, fixture_server: LocalServer, zygote: Zygote) -> None:
    """The same for programs of threads, queues, locks, events and pools."""
    outcome = judge(seed, fixture_server, zygote, "workers")
    assert outcome.kind != BROKEN, outcome.problem


@pytest.mark.parametrize("seed", range(START, START + WORKERS // 2))
def test_random_greenlets_keep_their_order(seed: int, fixture_server: LocalServer, zygote: Zygote) -> None:
    """The same for programs of gevent, which print each step of each greenlet."""
    outcome = judge(seed, fixture_server, zygote, "greenlets")
    assert outcome.kind != BROKEN, outcome.problem


def test_a_wrong_program_is_seen(fixture_server: LocalServer, zygote: Zygote) -> None:
    """The laws are not held by just anything: a program that prints something else breaks one."""
    program = generate(3)
    files = program.encoded()
    main = next(path for path in files if path.endswith(("main.py", "__main__.py")))
    other = {**files, main: files[main] + b'\nprint("more")\n'}
    if b"__name__" in files[main]:
        other[main] = files[main].replace(b"print(", b"print('more', ", 1)
    with pytest.raises(Broken):
        check_runs(fixture_of(3, program), files, other, fixture_server, zygote)


def test_programs_of_a_seed_are_the_same() -> None:
    """A failing seed can be looked at again."""
    for made in (generate, workers.generate, greenlets.generate):
        assert made(7) == made(7)
        assert made(7) != made(8)


@pytest.mark.parametrize("made", [generate, workers.generate, greenlets.generate])
def test_most_programs_are_migrated(made: Callable[[int], RandomProgram]) -> None:
    """The property above would hold for a tool that does nothing; this one does not."""
    seeds = range(5)
    kinds = []
    for seed in seeds:
        program = made(seed)
        observed = observe(fixture_of(seed, program), program.encoded())
        kinds.append((PARTLY if observed.migration.codes else MIGRATED) if observed.changed else "")
    assert kinds.count(MIGRATED) >= 2, kinds
