"""A large tree is indexed in parts: what belongs to a part, and what does not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from asyncify import api, demand, trees
from asyncify.analysis import Analysis, analyse
from asyncify.config import Config
from asyncify.demand import Ground
from asyncify.discover import discover
from asyncify.growth import Growth, TooLarge, beginnings, libraries_of
from asyncify.model import Plan
from asyncify.progress import Silent
from asyncify.rules.blocking import waits
from asyncify.rules.registry import catalogue, rules

CLIENT = "import requests\nfrom base import Base\n\n\nclass Real(Base):\n    def load_all(self):\n        return requests.get('http://x').json()\n"
NET = "import requests\n\n\ndef fetch(url):\n    return requests.get(url).text\n"


def _write(root: Path, files: Mapping[str, str]) -> Config:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Config(root=root, cache=False)


def _parts(root: Path, files: Mapping[str, str], limit: int = 1000) -> list[set[str]]:
    try:
        growth = _growth(root, files, limit)
    except TooLarge:
        return [{"too large"}]
    return sorted((part for part, _ in growth.done), key=min)


def _growth(
    root: Path, files: Mapping[str, str], limit: int, leave: bool = False, budget: int = 1000
) -> Growth[Analysis]:
    config = _write(root, files)
    ground = Ground(discover([root], config).sources, catalogue(), waits)
    chosen = rules().values()
    growth = Growth[Analysis](ground, libraries_of(chosen), limit, beginnings(ground, chosen), leave, budget)
    growth.run(lambda s: analyse(s, root, config, Silent(), ground.elsewhere, ground.parsed))
    return growth


def _both(root: Path, files: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> tuple[Plan, Plan]:
    config = _write(root, files)
    whole = api.scan([root], config).plan
    monkeypatch.setattr(trees, "LARGE", 0)
    return whole, api.scan([root], config).plan


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {"net.py": NET, "a.py": "from net import fetch\nfetch(1)\n", "b.py": "import net\nx = 1\n"},
            [{"net.py", "a.py"}],
            id="who-imports-the-function",
        ),
        pytest.param(
            {"net.py": NET, "a.py": "import net as n\nn.fetch(1)\n", "b.py": "def fetch(): ...\nfetch()\n"},
            [{"net.py", "a.py"}],
            id="through-an-alias-of-the-module",
        ),
        pytest.param(
            {
                "net.py": NET,
                "a.py": "import net\n\n\nclass A:\n    def __init__(self, made=None):\n        self.made = made or net\n\n    def run(self):\n        return self.made.fetch(1)\n",
                "b.py": "import net, io\nnet.fetcher()\nio.fetch()\n",
            },
            [{"net.py", "a.py"}],
            id="through-another-name-of-the-module",
        ),
        pytest.param(
            {
                "net.py": NET,
                "a.py": "from net import *\nfetch(1)\n",
                "b.py": "import net\nfrom c import *\n",
                "c.py": "x = 1\n",
            },
            [{"net.py", "a.py"}],
            id="through-a-star",
        ),
        pytest.param(
            {"p/__init__.py": "from .net import *\n", "p/net.py": NET, "p/q/__init__.py": "", "p/q/u.py": "from .. import fetch\nfetch(1)\n"},
            [{"p/__init__.py", "p/net.py", "p/q/u.py"}],
            id="through-a-package-that-passes-it-on",
        ),
        pytest.param(
            {
                "net.py": "import requests\nfrom help import use\n\n\ndef run():\n    session = requests.Session()\n    use(session)\n",
                "help.py": "def use(session):\n    return session.get('http://x')\n",
                "other.py": "import help\n",
            },
            [{"net.py", "help.py"}],
            id="who-is-given-the-session",
        ),
        pytest.param(
            {
                "net.py": "import requests\n\n\nclass Client:\n    def __init__(self):\n        self.s = requests.Session()\n\n    def load(self):\n        return self.s.get('http://x')\n",
                "make.py": "from net import Client\n\n\ndef make():\n    return Client()\n",
                "use.py": "import make\n\n\ndef run():\n    return make.make().load()\n",
                "not.py": "import make\n",
            },
            [{"net.py", "make.py", "use.py"}],
            id="who-gets-the-object-from-a-factory",
        ),
        pytest.param(
            {
                "net.py": "import requests\nfrom base import Base\n\n\nclass Real(Base):\n    def load(self):\n        return requests.get('http://x')\n",
                "base.py": "class Base:\n    def load(self):\n        raise NotImplementedError\n\n    def twice(self):\n        return self.load(), self.load()\n",
            },
            [{"net.py", "base.py"}],
            id="the-base-class",
        ),
        pytest.param(
            {
                "net.py": CLIENT,
                "base.py": "class Base:\n    def close(self): ...\n",
                "other.py": "from base import Base\n\n\nclass Other(Base): ...\n",
            },
            [{"net.py", "base.py"}],
            id="not-what-only-shares-a-base-class",
        ),
        pytest.param(
            {
                "net.py": CLIENT,
                "base.py": "class Base:\n    def __len__(self):\n        return len(self.load_all())\n",
                "other.py": "from base import Base\n\n\nclass Other(Base):\n    def load_all(self):\n        return []\n",
            },
            [{"net.py", "base.py", "other.py"}],
            id="a-base-class-that-calls-it",
        ),
        pytest.param(
            {
                "net.py": CLIENT,
                "base.py": "class Base: ...\n",
                "typed.py": "from base import Base\n\n\ndef run(client: Base):\n    return client.load_all()\n",
                "else.py": "from base import Base\n\n\ndef run(client: Base):\n    return client.load()\n",
            },
            [{"net.py", "base.py", "typed.py"}],
            id="known-by-its-base-class-only",
        ),
        pytest.param(
            {
                "net.py": "import requests\nfrom requests.structures import CaseInsensitiveDict\n\n\nclass Table(CaseInsensitiveDict): ...\n\n\n"
                "class Bucket:\n    def __init__(self):\n        self.meta = CaseInsensitiveDict()\n\n\ndef fetch(url):\n    return requests.get(url).text\n",
                "other.py": "from net import Bucket, Table\n\n\ndef run():\n    return Bucket(), Table()\n",
            },
            [{"net.py"}],
            id="objects-of-a-library-that-stay-as-they-are",
        ),
        pytest.param(
            {
                "net.py": "import threading, requests\n\n\nclass Store:\n    def __init__(self):\n        self.lock = threading.Lock()\n\n\nLOCK = threading.Lock()\n\n\n"
                "def fetch(url):\n    with LOCK:\n        return requests.get(url).text\n",
                "store.py": "from net import Store\n\n\ndef run():\n    return Store()\n",
                "lock.py": "import net\n\n\ndef run():\n    with net.LOCK:\n        print('alone')\n",
            },
            [{"net.py", "lock.py"}],
            id="the-lock-that-moves",
        ),
        pytest.param(
            {
                "net.py": "import requests, shared\n\n\ndef fetch(url):\n    with shared.LOCK, shared.GATE.lock:\n        return requests.get(url).text\n",
                "shared.py": "import threading\n\n\nclass Gate:\n    def __init__(self):\n        self.lock = threading.Lock()\n\n\nLOCK = threading.Lock()\nGATE = Gate()\n",
            },
            [{"net.py", "shared.py"}],
            id="a-lock-of-another-file",
        ),
        pytest.param(
            {
                "net.py": "import requests, gate, plain\n\n\nclass Client:\n    def __init__(self):\n        self.gate = gate.Gate()\n        plain.note()\n\n"
                "    def load_all(self):\n        with self.gate.lock:\n            return requests.get('http://x').text\n",
                "gate.py": "import threading\n\n\nclass Gate:\n    def __init__(self):\n        self.lock = threading.Lock()\n",
                "plain.py": "def note(): ...\n",
            },
            [{"net.py", "gate.py"}],
            id="a-lock-of-an-object-of-another-file",
        ),
        pytest.param(
            {"net.py": NET, "two.py": NET.replace("fetch", "other"), "a.py": "import net, two\nnet.fetch(two.other(1))\n"},
            [{"net.py", "two.py", "a.py"}],
            id="parts-that-meet",
        ),
        pytest.param({"net.py": NET, "two.py": NET.replace("fetch", "other")}, [{"net.py"}, {"two.py"}], id="apart"),
        pytest.param(
            {
                "boot.py": "from gevent import monkey\n\nmonkey.patch_all()\n",
                "start.py": "import boot, net\n",
                "net.py": NET,
                "two.py": NET.replace("fetch", "other"),
            },
            [{"boot.py", "net.py"}, {"two.py"}],
            id="what-patches-the-program",
        ),
        pytest.param(
            {
                "net.py": NET + "\n\ndef names():\n    return sorted(vars())\n",
                "a.py": "from net import fetch\nfetch(1)\n",
            },
            [{"net.py"}],
            id="not-the-callers-of-what-a-table-of-names-may-hold",
        ),
        pytest.param(
            {
                "net.py": "import requests\nimport util\n\n\ndef fetch(url):\n    util.pause()\n    util.plain()\n    return requests.get(url)\n",
                "util.py": "import time\nimport far\n\n\ndef pause():\n    time.sleep(1)\n\n\ndef plain(): ...\n",
                "far.py": "",
            },
            [{"net.py", "util.py"}],
            id="what-waits-and-is-called",
        ),
        pytest.param(
            {
                "t/conftest.py": "import pytest, requests\n\n\n@pytest.fixture\ndef session():\n    return requests.Session()\n",
                "t/test_a.py": "def test_a(session):\n    assert session.get('http://x')\n",
                "t/test_b.py": "def test_b(): ...\n",
            },
            [{"t/conftest.py", "t/test_a.py"}],
            id="fixtures-by-name",
        ),
    ],
)  # fmt: skip
def test_what_belongs_to_a_part(tmp_path: Path, files: dict[str, str], expected: list[set[str]]) -> None:
    assert _parts(tmp_path, files) == expected


def test_a_part_that_grows_too_large_is_given_up(tmp_path: Path) -> None:
    files = {"net.py": NET, "a.py": "from net import fetch\nfetch(1)\n", "b.py": NET}
    assert _parts(tmp_path, files, 7) == [{"net.py", "a.py"}, {"b.py"}]
    assert _parts(tmp_path, files, 6) == [{"too large"}]


def test_growing_parts_may_not_cost_more_than_the_tree(tmp_path: Path) -> None:
    files = {"net.py": NET, "a.py": "from net import fetch\nfetch(1)\n"}
    assert [part for part, _ in _growth(tmp_path, files, 1000, budget=12).done] == [{"net.py", "a.py"}]
    with pytest.raises(TooLarge):
        _growth(tmp_path, files, 1000, budget=11)


def test_in_a_very_large_tree_such_a_part_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"net.py": "\n" + NET, "a.py": "from net import fetch\nfetch(1)\n", "b.py": NET.replace("fetch", "other")}
    config = _write(tmp_path, files)
    for name, value in {"LARGE": 0, "PART": 7, "WHOLE": 10}.items():
        monkeypatch.setattr(trees, name, value)
    plan = api.scan([tmp_path], config).plan
    assert [group.paths for group in plan.groups] == [("b.py",)]
    (refusal,) = plan.refusals
    assert (refusal.code, refusal.span.path, refusal.span.line, refusal.span.column) == (
        "too-connected",
        "net.py",
        2,
        7,
    )
    assert "8 lines in 2 files" in refusal.message


def test_what_meets_a_part_that_is_left_alone_is_too(tmp_path: Path) -> None:
    files = {
        "net.py": NET,
        "two.py": NET.replace("fetch", "other"),
        "use.py": "import net\nimport two\n\n\ndef run():\n    return net.fetch(two.other(1))\n",
        "c.py": NET.replace("fetch", "third"),
    }
    growth = _growth(tmp_path, files, 11, leave=True)
    assert [part for part, _ in growth.done] == [{"c.py"}]
    assert growth.left == [{"net.py", "two.py", "use.py"}]
    assert [refusal.span.path for refusal in growth.refusals()] == ["net.py", "two.py"]


def test_a_file_that_cannot_be_parsed_is_asked_for_once(tmp_path: Path) -> None:
    files = {
        "net.py": NET,
        "a.py": "from net import fetch\nfetch(1)\nprint 'done'\n",
        "b.py": "import net\nnet.fetch(2)\n",
    }
    assert _parts(tmp_path, files) == [{"net.py", "a.py", "b.py"}]


def test_a_call_on_something_unknown_elsewhere_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "net.py": "import requests\nimport common\n\n\nclass Client:\n    def load_all(self):\n        return requests.get('http://x')\n",
        "common.py": "",
        "other.py": "import asyncio\nimport common\n\n\ndef run(thing):\n    return thing.load_all()\n",
        "unrelated.py": "def run(thing):\n    return thing.load()\n",
    }
    whole, some = _both(tmp_path, files, monkeypatch)
    assert [refusal.code for refusal in whole.refusals] == ["maybe-called"]
    assert some == whole


def test_what_stays_in_a_large_part_has_no_callers_that_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = "import asyncio\n\n\nclass Base: ...\n\n\ndef show(thing):\n    return thing.load_all()\n\n\n"
    files = {
        "net.py": shown + CLIENT.replace("from base import Base\n", ""),
        "user.py": "from net import Real\n\n\ndef main():\n    return Real().load_all()\n",
    }
    assert _parts(tmp_path, files) == [{"net.py", "user.py"}]
    monkeypatch.setattr(demand, "HOPES", 0)
    assert _parts(tmp_path, files) == [{"net.py"}]
    whole, some = _both(tmp_path, files, monkeypatch)
    assert [refusal.code for refusal in some.refusals] == ["maybe-called"]
    assert not some.groups and not whole.groups


def test_what_imports_a_script_makes_it_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "quiz with spaces/data.py": "import requests\n\nrows = requests.get('http://x').json()\n",
        "quiz with spaces/main.py": "from data import rows\n\nprint(rows)\n",
        "alone/script.py": "import requests\n\nprint(requests.get('http://x').json())\n",
    }
    whole, in_parts = _both(tmp_path, files, monkeypatch)
    assert [refusal.code for refusal in whole.refusals] == ["import-time"]
    assert in_parts == whole


def test_what_waits_far_away_runs_in_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "net.py": "import requests\nimport near\n\n\ndef fetch(url):\n    near.step()\n    return requests.get(url)\n",
        "near.py": "import far\n\n\ndef step():\n    return far.pause()\n",
        "far.py": "import subprocess\n\n\ndef pause():\n    return subprocess.run(['true'])\n",
    }
    _, some = _both(tmp_path, files, monkeypatch)
    (group,) = some.groups
    assert "asyncio.to_thread" in str(group.edits)
    assert group.paths == ("net.py",)


def test_a_module_of_the_tree_is_not_the_library_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "app/requests.py": "def get(url):\n    return url\n",
        "app/main.py": "import requests\nimport concurrent.futures\n\nprint(requests.get('x'))\n",
    }
    whole, some = _both(tmp_path, files, monkeypatch)
    assert not whole.groups
    assert not some.groups
    assert not some.refusals


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import requests", True),
        ("import os, requests", True),
        ("import os, \\\n  requests", True),
        ("if x: import requests", True),
        ("from requests.adapters import HTTPAdapter", True),
        ("importlib.import_module('requests')", True),
        ("pytest.importorskip( 'requests' )", True),
        ("import requests_mock", False),
        ("import my.requests_", False),
        ("text = 'requests'", False),
        ("requests = 3", False),
        ("  # from requests on", False),
        ("x = '#'; import requests", True),
    ],
)
def test_seeds(text: str, found: bool, tmp_path: Path) -> None:
    config = _write(tmp_path, {"a.py": text})
    ground = Ground(discover([tmp_path], config).sources, catalogue(), waits)
    assert bool(ground.seeds({"requests": ("requests",)})) is found
