"""Correct migrations pass; each of them, spoilt in any one place, does not."""

from __future__ import annotations

import pytest
from check_pairs import CONFIG, PAIRS, SUPPORT, sabotages

from asyncify.check import check

SABOTAGES = [
    pytest.param(pair, spoilt, id=f"{pair}:{name}")
    for pair, (_, after) in PAIRS.items()
    for name, spoilt in sabotages(after)
]
INVISIBLE = {
    # Re-exports and tests that await nothing of their own are as good without.
    "methods:shop/__init__.py:1 drop import Client",
}


@pytest.mark.parametrize("pair", PAIRS)
def test_correct_migration_passes(pair: str) -> None:
    before, after = PAIRS[pair]
    assert [p for p in check(before, after, CONFIG, SUPPORT) if p.fatal] == []


@pytest.mark.parametrize("pair", PAIRS)
def test_no_change_no_problem(pair: str) -> None:
    before, after = PAIRS[pair]
    assert check(before, before, CONFIG, SUPPORT) == ()
    assert check(after, after, CONFIG, SUPPORT) == ()


@pytest.mark.parametrize(("pair", "spoilt"), SABOTAGES)
def test_sabotage_is_found(pair: str, spoilt: dict[str, bytes]) -> None:
    before, after = PAIRS[pair]
    harmless = {(p.code, p.message) for p in check(before, after, CONFIG, SUPPORT)}
    assert [p for p in check(before, spoilt, CONFIG, SUPPORT) if p.fatal and (p.code, p.message) not in harmless]


def test_there_are_enough_sabotages() -> None:
    assert len(SABOTAGES) > 200
    for kind in ("drop await", "drop async def", "drop async of block", "drop async of comp", "drop import"):
        assert sum(kind in str(p.id) for p in SABOTAGES) >= 2
