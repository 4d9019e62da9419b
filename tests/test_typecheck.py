"""mypy finds nothing new in migrated text; `python -m tests.typecheck` says so of all fixtures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import typecheck
from harness.fixture import Fixture, load

SHOWN = ["argparse_main", "builtins_that_call", "iterator_classes", "lru_cache_bounds"]


class Forgetful(Fixture):
    """A migration that forgot to await."""

    def before(self) -> dict[str, bytes]:
        return {"main.py": b"def f() -> int:\n    return 1\n\n\ndef g() -> None:\n    f()\n"}

    def golden(self) -> dict[str, bytes]:
        text = b"async def f() -> int:\n    return 1\n\n\nasync def g() -> None:\n    f()\n    assert f()\n"
        return {"main.py": text}


def test_nothing_is_new_but_a_coroutine_that_nobody_awaits(tmp_path: Path) -> None:
    # One test: the first run of mypy reads the standard library, the others find it in the cache.
    for name in SHOWN:
        assert typecheck.new_errors(load(name), tmp_path) == []
    some = load("lru_cache")
    fixture = Forgetful(**{field.name: getattr(some, field.name) for field in dataclasses.fields(some)})
    codes = {error.rpartition("[")[2] for error in typecheck.new_errors(fixture, tmp_path)}
    assert codes & {"unused-coroutine]", "unused-awaitable]"}
    assert "truthy-bool]" in codes
