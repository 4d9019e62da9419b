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
    # The unspoilt version has no fatal problem at all (above), so any is about what was spoilt.
    assert [p for p in check(PAIRS[pair][0], spoilt, CONFIG, SUPPORT) if p.fatal]


def test_there_are_enough_sabotages() -> None:
    assert len(SABOTAGES) > 200
    for kind in ("drop await", "drop async def", "drop async of block", "drop async of comp", "drop import", "restore"):
        assert any(kind in str(p.id) for p in SABOTAGES)
