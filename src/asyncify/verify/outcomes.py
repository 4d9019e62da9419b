"""The outcome of each test, where the program that is run is pytest: read from the JUnit report that it is asked to write."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path, PurePath
from xml.etree import ElementTree


def runs_pytest(command: Sequence[str]) -> bool:
    """Whether a command is ``pytest …`` or ``python … -m pytest …``."""
    words = list(command)
    if not words:
        return False
    if PurePath(words[0]).name in ("pytest", "py.test"):
        return True
    return any(pair == ("-m", "pytest") for pair in pairwise(words))


def asking(report: Path, given: str = "") -> dict[str, str]:
    """The environment that makes pytest write its report; `given` are options that are in it already."""
    report.unlink(missing_ok=True)
    return {"PYTEST_ADDOPTS": f"{given} --junitxml='{report}' -o junit_family=xunit2 -o junit_logging=no".strip()}


def outcomes(report: Path) -> tuple[str, ...] | None:
    """A line for each test (``passed tests.test_shop::test_total[2]``), sorted; None where there is no report."""
    try:
        root = ElementTree.parse(report).getroot()
    except (OSError, ElementTree.ParseError):
        return None
    return tuple(sorted(_line(case) for case in root.iter("testcase")))


def _line(case: ElementTree.Element) -> str:
    kinds = {child.tag: child for child in case}
    outcome = next((name for tag, name in _OUTCOMES.items() if tag in kinds), "passed")
    if outcome == "skipped" and kinds["skipped"].get("type") == "pytest.xfail":
        outcome = "failed as expected"
    place = "::".join(part for part in (case.get("classname"), case.get("name")) if part)
    return f"{outcome} {place}"


_OUTCOMES = {"error": "error", "failure": "failed", "skipped": "skipped"}
