"""Where the program is pytest, each test's outcome is compared, and not what pytest prints."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from asyncify.verify.behaviour import Aspect
from asyncify.verify.compare import verify
from asyncify.verify.outcomes import runs_pytest

TESTS = """import pytest, time
class TestShop:
    @pytest.mark.parametrize("n", [1, 2])
    def test_total(self, n): time.sleep(0.01 * n)
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail
def test_known(): assert False
def test_new(): assert VALUE
"""


@pytest.mark.parametrize(
    ("command", "is_pytest"),
    [
        ("pytest -q", True), ("/venv/bin/pytest", True), ("python -m pytest tests", True), ("python -X dev -m pytest", True),
        ("python -m unittest", False), ("python pytest_like.py", False), ("", False), ("tox -e pytest", False),
    ],
)  # fmt: skip
def test_which_commands_are_pytest(command: str, is_pytest: bool) -> None:
    assert runs_pytest(command.split()) == is_pytest


def test_outcomes_by_test(tmp_path: Path) -> None:
    for name, text in (("before", TESTS.replace("VALUE", "True")), ("after", TESTS.replace("VALUE", "False"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "test_shop.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:xdist"]
    same = verify(tmp_path / "before", tmp_path / "before", command, runs=2, warmup=0)
    assert same.behaviour.same and not same.behaviour.unstable
    assert Aspect.TESTS in same.behaviour.compared and Aspect.STDOUT not in same.behaviour.compared
    assert same.before.observations[0].tests == (
        "failed as expected test_shop::test_known",
        "passed test_shop.TestShop::test_total[1]",
        "passed test_shop.TestShop::test_total[2]",
        "passed test_shop::test_new",
        "skipped test_shop::test_skipped",
    )
    result = verify(tmp_path / "before", tmp_path / "after", command, runs=1, warmup=0)
    found = {each.aspect: each for each in result.behaviour.differences}
    assert set(found) == {Aspect.EXIT_CODE, Aspect.TESTS}
    assert "-passed test_shop::test_new" in found[Aspect.TESTS].diff
    assert "+failed test_shop::test_new" in found[Aspect.TESTS].diff
