"""Verify as a judge: what went wrong is caught and named, what went right raises nothing.

Both sides run for real against the local server. The migrated programs are what asyncify makes of the fixtures.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.engine import migrate
from harness.fixture import load, write_tree
from sabotage import ALL, CPU, MEMORY, WALL, Sabotage

from asyncify.verify.behaviour import Aspect
from asyncify.verify.compare import Variant, compare, judge
from asyncify.verify.result import Comparison, Measured, VerifyResult
from asyncify.verify.server import LocalServer

COMMAND = (sys.executable, "main.py")
TIMEOUT = 30.0  # seconds
HANGS = 6.0  # for a program that never ends
SLOW = 2.5  # a demand on wall time that a noisy machine does not miss by itself

# One of each kind of program: pools, sessions, errors, files, sequential code, threads, generators, classes.
RIGHT = (
    "argparse_commands", "auth_basic", "await_positions", "builtin_map", "catalogue_upload",
    "catch_request_exception", "class_hierarchy", "closures_nonlocal", "comprehensions", "console_script",
    "context_manager", "custom_auth", "decorated_retries", "dispatch_table", "exit_codes", "falsy_404",
    "from_requests_import", "generator_function", "generators_consumed", "getattr_dispatch", "imports_aliased",
    "one_after_the_other", "pool_map", "pool_map_two_iterables", "pool_with_session", "session_cookies", "thread_join_timeout",
)  # fmt: skip


def migrated(name: str, folder: Path) -> tuple[Path, Path]:
    """The folders of a fixture's program, and of what asyncify makes of it."""
    fixture = load(name)
    result = migrate(fixture.before(), http=fixture.http)
    before, after = folder / "before", folder / "after"
    write_tree(before, fixture.before())
    write_tree(after, result.after)
    return before, after


def measured(
    variants: dict[str, Variant], server: LocalServer, *, runs: int = 1, timeout: float = TIMEOUT
) -> Comparison:
    """No warm-up and no floors: the verdict needs neither, and there are hundreds of runs."""
    return compare(variants, runs=runs, warmup=0, floors=0, timeout=timeout, server=server)


Case = tuple[Path, Measured]


@pytest.fixture(scope="module")
def prepared(fixture_server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    """By the name of a program: the folder of the right migration, and the program before, measured once."""
    known: dict[str, Case] = {}

    def prepare(name: str) -> Case:
        if name not in known:
            before, after = migrated(name, tmp_path_factory.mktemp("program"))
            variant = Variant(before, COMMAND, env={"BASE_URL": fixture_server.url})
            known[name] = (
                after,
                measured({"before": variant}, fixture_server, runs=2)["before"],
            )
        return known[name]

    return prepare


@pytest.mark.parametrize("sabotage", ALL, ids=lambda each: each.name.replace(" ", "-"))
def test_what_went_wrong_is_caught_and_named(
    sabotage: Sabotage, prepared: Callable[[str], Case], fixture_server: LocalServer, tmp_path: Path
) -> None:
    right, before = prepared(sabotage.program)
    folder = tmp_path / "wrong"
    shutil.copytree(right, folder)
    main = folder / "main.py"
    text = main.read_text()
    assert text.count(sabotage.old) == 1
    main.write_text(text.replace(sabotage.old, sabotage.new))
    variant = Variant(folder, COMMAND, env={"BASE_URL": fixture_server.url})
    timeout = HANGS if "never ends" in sabotage.name else TIMEOUT
    after = measured({"after": variant}, fixture_server, timeout=timeout)["after"]
    result = judge(
        before,
        after,
        require_memory_saving=0.0 if MEMORY in sabotage.caught else None,
        require_cpu_saving=0.0 if CPU in sabotage.caught else None,
        max_slowdown=SLOW if WALL in sabotage.caught else None,
    )
    assert not result.ok
    assert set(sabotage.caught) <= named(result), result.behaviour.differences


def named(result: VerifyResult) -> set[str]:
    """The aspects and the demands that a verdict objects to."""
    return {found.aspect for found in result.behaviour.differences} | {gate.name for gate in result.failed_gates}


@pytest.mark.parametrize("name", RIGHT)
def test_what_went_right_raises_nothing(name: str, fixture_server: LocalServer, tmp_path: Path) -> None:
    before, after = migrated(name, tmp_path)
    fixture = load(name)
    command = [sys.executable if word == "python" else word for word in fixture.command]
    env = {"BASE_URL": fixture_server.url, **fixture.env}
    for runs in (1, 2):  # in a single run of a pool, chance may look like an order
        both = {name: Variant(folder, tuple(command), env) for name, folder in (("before", before), ("after", after))}
        comparison = measured(both, fixture_server, runs=runs)
        result = judge(comparison["before"], comparison["after"])
        if {difference.aspect for difference in result.behaviour.differences} != {Aspect.ORDER}:
            break
    assert result.before.runs[0].exit_code == fixture.exit
    assert result.ok, result.behaviour.differences
    assert not any("left" in note for note in result.notes)


def test_there_are_enough_of_both() -> None:
    assert len({each.name for each in ALL}) == len(ALL) >= 25
    assert len(set(RIGHT)) >= 25
