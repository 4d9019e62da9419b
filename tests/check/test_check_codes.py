"""Every code has a case that must be found and one that must not."""

from __future__ import annotations

import pytest
from check_cases import CASES
from check_pairs import sources

from asyncify.check import CODES, NOTES, check


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [pytest.param(c, b, a, id=f"{c}-{n}") for n, (c, found, b, a) in enumerate(CASES) if found],
)
def test_found(code: str, before: str, after: str) -> None:
    problems = check(sources(before), sources(after))
    assert code in {p.code for p in problems}, problems
    for problem in problems:
        assert problem.code in CODES
        assert problem.fatal is (problem.code not in NOTES)
        assert problem.span.path in sources(after) or problem.code == "test-lost"
        assert problem.message


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [pytest.param(c, b, a, id=f"{c}-{n}") for n, (c, found, b, a) in enumerate(CASES) if not found],
)
def test_not_found(code: str, before: str, after: str) -> None:
    assert [p for p in check(sources(before), sources(after)) if p.fatal or p.code == code] == []


@pytest.mark.parametrize(
    ("before", "after"), [pytest.param(b, a, id=f"{c}-{n}") for n, (c, _, b, a) in enumerate(CASES)]
)
def test_old_problems_are_not_reported(before: str, after: str) -> None:
    """What was wrong before is not the migration's fault, even where the file changes elsewhere."""
    old = sources(after)
    new = {path: data + b"\nEXTRA = 1\n" for path, data in old.items()}
    assert check(old, new) == ()


# Found where the changes are put together, not in the trees: its cases are in tests/cli/test_own_modules.py.
BEFORE_THE_CHECK = {"module-taken"}


@pytest.mark.parametrize("code", [code for code in CODES if code not in BEFORE_THE_CHECK])
def test_every_code_has_both_cases(code: str) -> None:
    assert any(c == code and found for c, found, _, _ in CASES)
    assert any(c == code and not found for c, found, _, _ in CASES)


def test_columns_count_code_points() -> None:
    before = sources("### a.py\ndef f(x): ...\ndef g():\n    return 'é', f(1)\n")
    after = sources("### a.py\nasync def f(x): ...\nasync def g():\n    return 'é', f(1)\n")
    (problem,) = [p for p in check(before, after) if p.fatal]
    assert (problem.span.line, problem.span.column, problem.span.end_column) == (3, 16, 20)
