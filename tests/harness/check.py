"""One fixture through all the laws."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from asyncify.support import Module, emit, helpers_in
from asyncify.verify.server import LocalServer

from . import laws
from .engine import Migration, migrate
from .fixture import Expected, Fixture
from .laws import Broken
from .run import Run, Starter, run_program, start_process

SUPPORT: tuple[Module, ...] = get_args(Module)
ATTEMPTS = 3  # where the number in flight depends on the machine keeping up


@dataclass(frozen=True)
class Observed:
    """What asyncify made of a fixture: enough to judge it and to write its goldens."""

    before: Mapping[str, bytes]
    after: Mapping[str, bytes]
    changed: Mapping[str, bytes]  # files changed or added
    plan: str  # text of plan.txt
    migration: Migration


def observe(fixture: Fixture, program: Mapping[str, bytes] | None = None) -> Observed:
    """Migrate the fixture's program (or the one given), without judging or running anything."""
    before = fixture.before() if program is None else program
    migration = migrate(before, http=fixture.http, parallelize=fixture.parallelize)
    changed = {path: data for path, data in migration.after.items() if before.get(path) != data}
    plan = migration.summary()
    for path in sorted(changed.keys() - before.keys()):
        plan += f"adds    {path} {' '.join(support_helpers(path, changed[path]))}".rstrip() + "\n"
    return Observed(before, migration.after, changed, plan, migration)


def support_helpers(path: str, data: bytes) -> list[str]:
    """The public helpers in an emitted support module; empty for another file."""
    module = Path(path).stem
    if module not in SUPPORT:
        return []
    return sorted(helpers_in(module, data.decode("utf-8")))


def check_fixture(
    fixture: Fixture, server: LocalServer, *, golden: bool = True, start: Starter = start_process
) -> None:
    """Hold the fixture to every law.

    Raises:
        Broken: naming every law that is broken, and the places.
    """
    observed = observe(fixture)
    judgements: list[Callable[[], None]] = [
        lambda: check_plan(fixture, observed),
        lambda: check_trees(fixture, observed),
        lambda: check_fixed_point(fixture, observed),
        lambda: check_runs(fixture, observed.before, observed.after, server, start),
    ]
    if golden:
        judgements.append(lambda: check_golden(fixture, observed))
    broken = []
    for judge in judgements:
        try:
            judge()
        except Broken as error:
            broken.append(str(error))
    if broken:
        raise Broken("\n".join(broken))


def check_plan(fixture: Fixture, observed: Observed) -> None:
    """What was decided is what was expected, with reasons."""
    migration = observed.migration
    migration.has_reasons()
    moved, codes = bool(observed.changed), migration.codes
    match fixture.expected:
        case Expected.MIGRATE if not moved:
            raise Broken(f"nothing is migrated; refusals: {sorted(codes)}\n{observed.plan}")
        case Expected.KEEP | Expected.REFUSE if moved:
            raise Broken(f"changed, but must stay: {sorted(observed.changed)}\n{observed.plan}")
        case Expected.REFUSE if not codes:
            raise Broken(f"nothing is refused\n{observed.plan}")
        case Expected.EITHER if not moved and not codes:
            raise Broken(f"neither migrated nor refused\n{observed.plan}")
    if missing := set(fixture.refusals) - codes:
        raise Broken(f"refusals without {sorted(missing)}: {sorted(codes)}")


def check_trees(fixture: Fixture, observed: Observed) -> None:
    """The migrated tree by itself: compiles, is a fixed point, keeps what no edit covers."""
    before, after = observed.before, observed.after
    if gone := sorted(before.keys() - after.keys()):
        raise Broken(f"files are gone: {gone}")
    if touched := [path for path in fixture.untouched if before[path] != after[path]]:
        raise Broken(f"must stay, but changed: {touched}")
    laws.compiles(after, set(observed.changed))
    laws.comments_survive(before, after)
    laws.layout_survives(before, after)
    laws.only_planned_lines(before, after, observed.migration.planned_lines())
    laws.nothing_blocks_statically(before, after)


def check_fixed_point(fixture: Fixture, observed: Observed) -> None:
    """A second run plans nothing and changes nothing."""
    if observed.changed:
        again = migrate(observed.after, http=fixture.http, parallelize=fixture.parallelize)
        if again.groups:
            raise Broken(f"a second run plans {again.groups} groups\n{again.summary()}")
        if rest := {path for path, data in again.after.items() if observed.after.get(path) != data}:
            raise Broken(f"a second run changes {sorted(rest)}\n{again.summary()}")


def golden_files(observed: Observed) -> dict[str, bytes]:
    """The changed and added files, without the support modules: plan.txt says which helpers those have.

    Raises:
        Broken: where a support module is not what asyncify emits for those helpers.
    """
    files = {}
    for path, data in observed.changed.items():
        if names := support_helpers(path, data):
            module = Path(path).stem
            assert module in SUPPORT
            if data.decode("utf-8") != emit(module, names):
                raise Broken(f"{path} is not the support module with {names}")
        else:
            files[path] = data
    return files


def check_golden(fixture: Fixture, observed: Observed) -> None:
    """The result is the one that was reviewed."""
    hint = f"if it is right: python -m tests.harness --update {fixture.name}"
    golden, changed = fixture.golden(), golden_files(observed)
    for path in sorted(golden.keys() | changed.keys()):
        old, new = golden.get(path), changed.get(path)
        if old != new:
            raise Broken(f"{laws.show_difference('after/' + path, old, new)}\n{hint}")
    if fixture.golden_plan != observed.plan:
        old = (fixture.golden_plan or "").encode()
        raise Broken(f"{laws.show_difference('plan.txt', old, observed.plan.encode())}\n{hint}")


def check_runs(
    fixture: Fixture,
    before: Mapping[str, bytes],
    after: Mapping[str, bytes],
    server: LocalServer,
    start: Starter = start_process,
) -> None:
    """Both sides run against the local server and behave the same."""
    for attempt in range(1, ATTEMPTS + 1):
        with tempfile.TemporaryDirectory(prefix="asyncify-fixture-") as folder:
            first = run_program(fixture, before, Path(folder, "before"), server, quiet=True, start=start)
            laws.sound_before(fixture, first)
            if before == after:
                return
            second = run_program(fixture, after, Path(folder, "after"), server, quiet=False, start=start)
        try:
            laws.same_concurrency(fixture, first, second)
        except Broken:
            if attempt == ATTEMPTS or second.most_in_flight > max(
                first.most_in_flight, fixture.in_flight_after or fixture.in_flight or 0
            ):
                raise
            time.sleep(0.2 * attempt)
            continue
        break
    judge_runs(fixture, first, second)


def judge_runs(fixture: Fixture, before: Run, after: Run) -> None:
    """All laws over two runs."""
    laws.clean_loop(after, before)
    laws.same_behaviour(fixture, before, after)
    laws.same_concurrency(fixture, before, after)
