"""Tests of the tests: nothing without a fixture, no fixture without a use, no key without a meaning."""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache

import pytest
from harness.fixture import FIXTURES, KEYS, Expected, FixtureError, load, names

import asyncify
from asyncify.rules.base import RefusalCode
from asyncify.rules.registry import rules

FIXTURE_NAMES = names()


def all_refusal_codes() -> dict[str, RefusalCode]:
    """Every :class:`RefusalCode` that any module of asyncify defines."""
    found: dict[str, RefusalCode] = {}
    for info in pkgutil.walk_packages(asyncify.__path__, "asyncify."):
        if info.name.startswith(("asyncify.demo.", "asyncify.__main__", "asyncify.support.")):
            continue  # programs and emitted text, not parts of the pipeline
        for value in vars(importlib.import_module(info.name)).values():
            if isinstance(value, RefusalCode):
                found[value.code] = value
    return found


@cache
def shown(kind: str, pattern: str) -> dict[str, list[str]]:
    """What the goldens show: the first word after the place in lines of that kind, to the fixtures."""
    found: dict[str, list[str]] = {}
    for name in FIXTURE_NAMES:
        for line in (load(name).golden_plan or "").splitlines():
            if line.startswith(kind) and (match := re.match(pattern, line)):
                found.setdefault(match[1], []).append(name)
    return found


# A fixture would need as many lines as a large tree: tests/robustness/test_demand.py shows it.
_IN_LARGE_TREES = {"too-connected"}


@pytest.mark.parametrize("code", sorted(all_refusal_codes().keys() - _IN_LARGE_TREES))
def test_every_refusal_code_has_a_fixture(code: str) -> None:
    assert code in shown("refusal", r"refusal +\S+ ([^ :]+):"), f"no fixture shows a refusal {code}"


@pytest.mark.parametrize("rule", sorted(rules()))
def test_every_rule_has_a_fixture(rule: str) -> None:
    sites = shown("site", r"site +\S+ (\S+) (?:exact|review|bridge|refuse)")
    refusals = shown("refusal", r"refusal +\S+ ([^ :]+):")
    codes = {code.code for code in rules()[rule].refusals}
    assert rule in sites or codes & refusals.keys(), f"no fixture shows a site or a refusal of {rule}"


def test_every_fixture_can_be_read() -> None:
    for name in FIXTURE_NAMES:
        load(name)


def test_every_folder_is_a_fixture() -> None:
    assert all(path.is_dir() for path in FIXTURES.iterdir() if path.name != "__pycache__")
    strangers = {
        path.relative_to(FIXTURES).as_posix()
        for name in FIXTURE_NAMES
        for path in (FIXTURES / name).iterdir()
        if path.name not in {"fixture.toml", "before", "after", "plan.txt"}
    }
    assert not strangers


def test_every_golden_belongs_to_its_expectation() -> None:
    for name in FIXTURE_NAMES:
        fixture = load(name)
        assert fixture.golden_plan is not None, f"{name}: python -m tests.harness --update {name}"
        if fixture.expected is Expected.MIGRATE:
            assert fixture.golden(), name
        elif fixture.expected is not Expected.EITHER:
            assert not fixture.golden(), name


def test_titles_are_one_of_a_kind() -> None:
    titles = [load(name).title for name in FIXTURE_NAMES]
    assert len(set(titles)) == len(titles)


def test_a_third_of_the_fixtures_stays() -> None:
    """Half of a migration tool's work is to leave alone: the fixtures show it in proportion."""
    staying = [name for name in FIXTURE_NAMES if not load(name).golden()]
    assert 3 * len(staying) >= len(FIXTURE_NAMES), f"{len(staying)} of {len(FIXTURE_NAMES)}"


def test_every_key_is_used() -> None:
    text = "\n".join((FIXTURES / name / "fixture.toml").read_text(encoding="utf-8") for name in FIXTURE_NAMES)
    unused = {key for key in KEYS if not re.search(rf"^{key} =", text, re.MULTILINE)}
    assert not unused


def test_an_unknown_key_is_an_error(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "wrong"
    (folder / "before").mkdir(parents=True)
    (folder / "before" / "main.py").write_text("print()\n")
    monkeypatch.setattr("harness.fixture.FIXTURES", tmp_path)
    for toml, message in {
        'title = "x"\nexpected = "migrate"\nspeed = 3\n': "unknown key speed",
        'title = "x"\n': "missing key expected",
        'title = "x"\nexpected = "perhaps"\n': "perhaps",
        'title = "x"\nexpected = "keep"\nuntouched = ["gone.py"]\n': "no such file gone.py",
        'title = "x"\nexpected = "keep"\nstderr = "some"\n': "stderr",
    }.items():
        (folder / "fixture.toml").write_text(toml)
        with pytest.raises(FixtureError, match=message):
            load("wrong")
