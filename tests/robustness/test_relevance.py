"""What is left out of the index makes no difference to the plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from harness.fixture import FIXTURES, names

from asyncify import api, trees
from asyncify.config import Config
from asyncify.demand import Ground
from asyncify.discover import discover
from asyncify.index.linked import LinkedProject
from asyncify.index.project import SourceFile
from asyncify.model import Verdict
from asyncify.relevance import relevant, starting
from asyncify.rules.blocking import waits
from asyncify.rules.registry import catalogue, rules


def _all(sources: Sequence[SourceFile], _: object) -> list[SourceFile]:
    return list(sources)


@pytest.mark.parametrize("name", names())
def test_same_plan_as_with_all_files(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = FIXTURES / name / "before"
    config = Config(root=root, cache=False)
    sources = discover([root], config).sources
    some = None
    if len(relevant(sources, rules().values())) < len(sources):
        some = api.scan([root], config).plan
    monkeypatch.setattr(trees, "LARGE", 0)
    parts = api.scan([root], config).plan
    monkeypatch.undo()
    monkeypatch.setattr(trees, "relevant", _all)
    whole = api.scan([root], config).plan
    if some:
        assert (some.groups, some.refusals) == (whole.groups, whole.refusals)
        assert all(site.verdict is Verdict.KEEP for site in set(some.sites) ^ set(whole.sites))
    if candidates_to_start(root):
        if [(g.id, g.edits) for g in parts.groups] != [(g.id, g.edits) for g in whole.groups]:
            # A part of a tree leaves alone what other files may say more about.
            monkeypatch.setattr(LinkedProject, "is_part", True)
            whole = api.scan([root], config).plan
        assert [(g.id, g.edits) for g in parts.groups] == [(g.id, g.edits) for g in whole.groups]
        # Why something stays may be told of fewer places: what stays has no callers that matter.
        assert {r.span for r in parts.refusals} <= {r.span for r in whole.refusals}
    else:
        assert not whole.groups


def candidates_to_start(root: Path) -> list[str]:
    return Ground(discover([root], Config(root=root)).sources, catalogue(), waits).seeds(starting(rules().values()))


def _paths(root: Path, files: dict[str, str]) -> set[str]:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return {source.path for source in relevant(discover([root], Config(root=root)).sources, rules().values())}


def test_parts_that_nothing_connects_are_left_out(tmp_path: Path) -> None:
    files = {
        "a/__init__.py": "",
        "a/net.py": "import requests\n",
        "a/user.py": "from . import net\n",
        "a/lib.py": "def wrap(x): return x\n",
        "a/top.py": "from .user import (  # one (and only)\n    x,\n)\nfrom . import lib\n",
        "b/__init__.py": "",
        "b/m.py": "from b import n\n",
        "b/n.py": "x = 1\n",
        "test_a.py": "from unittest import mock\nmock.patch('a.user.net')\n",
        "loads.py": "import importlib\nimportlib.import_module(name)\n",
    }
    wanted = {"a/__init__.py", "a/net.py", "a/user.py", "a/lib.py", "a/top.py", "test_a.py", "loads.py"}
    assert _paths(tmp_path, files) == wanted


def test_tests_belong_to_the_fixtures_that_pytest_gives_them(tmp_path: Path) -> None:
    files = {
        "shop.py": "import requests\n",
        "tests/conftest.py": "import shop\n",
        "tests/one/test_a.py": "def test_a(client):\n    client.fetch()\n",
        "tests/one/helper.py": "x = 1\n",
        "other/test_b.py": "def test_b(client):\n    pass\n",
    }
    assert _paths(tmp_path, files) == {"shop.py", "tests/conftest.py", "tests/one/test_a.py"}


def test_without_a_start_only_what_waits_and_its_importers(tmp_path: Path) -> None:
    files = {"compat.py": "from time import sleep\n", "user.py": "from compat import sleep\n", "other.py": "x = 1\n"}
    files["compat.py"] += "import other\n"
    assert _paths(tmp_path, files) == {"compat.py", "user.py"}


def test_nothing_to_do_costs_nothing(tmp_path: Path) -> None:
    assert _paths(tmp_path, {"a.py": "import json\n", "b.py": "import a\n"}) == set()


def test_what_starts_is_named_closely() -> None:
    """A top-level package of the standard library that half of all files import would make every scan index them."""
    broad = {"urllib", "http", "multiprocessing", "threading", "queue", "time", "os", "socket", "subprocess", "asyncio"}
    assert not broad & set(starting(rules().values()))


def test_a_start_spells_what_starts(tmp_path: Path) -> None:
    files = {
        "works.py": "import multiprocessing\nmultiprocessing.Pool()\n",
        "starts.py": "from multiprocessing import pool\npool.ThreadPool()\n",
        "named.py": "import multiprocessing\nThreadPool = multiprocessing.Pool(0)\ndummy = 1\n",
        "dummy.py": "import multiprocessing.dummy as mp\nmp.Pool()\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert candidates_to_start(tmp_path) == ["dummy.py", "starts.py"]
