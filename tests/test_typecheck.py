"""mypy finds nothing new in migrated text; `python -m tests.typecheck` says so of all fixtures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import typecheck
from harness.fixture import Fixture, load

SHOWN = ["argparse_main", "builtins_that_call", "iterator_classes", "lru_cache_bounds"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


@pytest.mark.parametrize("name", SHOWN)
def test_nothing_new(name: str, cache: Path) -> None:
    assert typecheck.new_errors(load(name), cache) == []


class Forgetful(Fixture):
    """A migration that forgot to await."""

    def before(self) -> dict[str, bytes]:
        return {"main.py": b"def f() -> int:\n    return 1\n\n\ndef g() -> None:\n    f()\n"}

    def golden(self) -> dict[str, bytes]:
        text = b"async def f() -> int:\n    return 1\n\n\nasync def g() -> None:\n    f()\n    assert f()\n"
        return {"main.py": text}


def test_a_coroutine_that_nobody_awaits_is_new(cache: Path) -> None:
    some = load("lru_cache")
    fixture = Forgetful(**{field.name: getattr(some, field.name) for field in dataclasses.fields(some)})
    codes = {error.rpartition("[")[2] for error in typecheck.new_errors(fixture, cache)}
    assert codes & {"unused-coroutine]", "unused-awaitable]"}
    assert "truthy-bool]" in codes
