"""Calls that may run a coroutine function or something else: when what they give is settled, and when they are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from asyncify import colour as package
from asyncify.rules.base import Role


@dataclass(frozen=True)
class Part:
    """A claim or the plan of a call, as far as the choice looks at it."""

    node: str = ""
    role: Role = Role.ROOT
    open: bool = True


@dataclass(frozen=True)
class Solved:
    """A colouring, as far as the choice looks at it."""

    moving: frozenset[str]
    disabled: Mapping[str, str] = field(default_factory=dict)
    claims: tuple[Part, ...] = (Part("a"), Part("b"), Part("c", Role.PART))
    plans: Mapping[str, Part] = field(default_factory=lambda: {"call": Part()})

    @property
    def holds(self) -> frozenset[str]:
        return self.moving


@dataclass(frozen=True)
class Asked:
    """Constraints, as far as the choice looks at them."""

    settling: bool = True


@pytest.mark.parametrize(
    ("settled", "refused", "chosen"),
    [
        (Solved(frozenset("a"), {"b": "why"}), Solved(frozenset("ab")), "refused"),
        (Solved(frozenset("a"), {"b": "why"}), Solved(frozenset("b")), "settled"),
        (Solved(frozenset("a"), {"b": "why"}), Solved(frozenset("bc")), "settled"),
        (Solved(frozenset("a")), Solved(frozenset("ab")), "settled"),
        (Solved(frozenset("a"), {"b": "why"}, plans={"call": Part(open=False)}), Solved(frozenset("ab")), "settled"),
    ],
    ids=["more sites move", "as many", "parts do not count", "nothing is kept back", "no call is open"],
)
def test_open_calls_are_refused_where_more_sites_move_then(
    settled: Solved, refused: Solved, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    solved = {True: settled, False: refused}
    monkeypatch.setattr(package, "_coloured", lambda constraints, *_: solved[constraints.settling])
    result: object = package.colour(Asked(), {})  # type: ignore[arg-type]
    assert result is (settled if chosen == "settled" else refused)
