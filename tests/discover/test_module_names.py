"""Which module a file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncify.config import Config
from asyncify.discover import discover, module_names


def names(*paths: str, imported: set[str] | None = None) -> dict[str, str]:
    return {path: name.name for path, name in module_names(paths, frozenset(imported or ())).items()}


def test_packages_are_named_from_their_top() -> None:
    assert names("p/__init__.py", "p/q/__init__.py", "p/q/m.py", "p/__main__.py", "setup.py") == {
        "p/__init__.py": "p",
        "p/q/__init__.py": "p.q",
        "p/q/m.py": "p.q.m",
        "p/__main__.py": "p.__main__",
        "setup.py": "setup",
    }


@pytest.mark.parametrize("lead", ["src/", "services/one/src/", "lib/python/"])
def test_folders_above_a_package_do_not_count(lead: str) -> None:
    assert names(f"{lead}p/__init__.py", f"{lead}p/m.py", f"{lead}single.py") == {
        f"{lead}p/__init__.py": "p",
        f"{lead}p/m.py": "p.m",
        f"{lead}single.py": "single",
    }


def test_src_may_be_a_package() -> None:
    assert names("src/__init__.py", "src/m.py") == {"src/__init__.py": "src", "src/m.py": "src.m"}


def test_namespace_packages_by_how_they_are_imported() -> None:
    paths = ("ns/one/__init__.py", "ns/one/m.py", "ns/two/a.py", "tools/run.py")
    assert names(*paths) == {
        "ns/one/__init__.py": "one",
        "ns/one/m.py": "one.m",
        "ns/two/a.py": "a",
        "tools/run.py": "run",
    }
    assert names(*paths, imported={"ns", "ns.one", "ns.one.m", "ns.two", "ns.two.a"}) == {
        "ns/one/__init__.py": "ns.one",
        "ns/one/m.py": "ns.one.m",
        "ns/two/a.py": "ns.two.a",
        "tools/run.py": "run",
    }


def test_a_library_of_the_same_name_is_not_a_namespace() -> None:
    assert names("requests/demo.py", imported={"requests", "requests.get"}) == {"requests/demo.py": "demo"}


def test_a_script_does_not_take_the_name_of_a_library() -> None:
    paths = (
        "docs/requests.py",
        "docs/queue.py",
        "docs/helper.py",
        "src/requests.py",
        "time.py",
        "p/__init__.py",
        "p/time.py",
    )
    found = module_names(paths, libraries=frozenset({"requests"}))
    assert {path: name.name for path, name in found.items()} == {
        "docs/requests.py": "docs.requests",
        "docs/queue.py": "docs.queue",
        "docs/helper.py": "helper",
        "src/requests.py": "requests",  # what `import requests` gives in this project
        "time.py": "time",
        "p/__init__.py": "p",
        "p/time.py": "p.time",
    }


def test_a_namespace_below_src() -> None:
    assert names("src/ns/m.py", imported={"ns", "ns.m"}) == {"src/ns/m.py": "ns.m"}


def test_every_name_once() -> None:
    assert names("a/run.py", "b/run.py", "run.py") == {"run.py": "run", "a/run.py": "a.run", "b/run.py": "b.run"}
    # The package is what `import tool` gives; the script beside it has no name to be imported by.
    assert names("tool.py", "tool/__init__.py", "bin/tool") == {
        "tool/__init__.py": "tool",
        "tool.py": "tool-2",
        "bin/tool": "bin.tool",
    }
    assert names("one/p/__init__.py", "two/p/__init__.py") == {"one/p/__init__.py": "p", "two/p/__init__.py": "two.p"}


def test_init_at_the_root_is_no_package_of_its_own() -> None:
    assert names("__init__.py", "m.py") == {"__init__.py": "__init__", "m.py": "m"}


def test_home_is_where_a_new_module_can_be_imported_from() -> None:
    given = module_names(
        ["src/p/__init__.py", "src/p/q/__init__.py", "src/p/q/m.py", "bin/run.py", "top.py", "src/ns/x/a.py"],
        frozenset({"ns.x", "ns.x.a"}),
    )
    assert {path: (name.package, name.home) for path, name in given.items()} == {
        "src/p/__init__.py": ("p", "src/p"),
        "src/p/q/__init__.py": ("p", "src/p"),
        "src/p/q/m.py": ("p", "src/p"),
        "bin/run.py": ("", "bin"),
        "top.py": ("", ""),
        "src/ns/x/a.py": ("ns.x", "src/ns/x"),
    }


def on_disk(root: Path, files: dict[str, str], *given: str) -> dict[str, tuple[str, str, str]]:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    tree = discover([root / path for path in given or [""]], Config(root))
    return {item.path: (item.module, item.package, item.home) for item in tree.sources}


def test_part_of_a_package_is_named_from_the_whole(tmp_path: Path) -> None:
    files = {"p/__init__.py": "", "p/q/__init__.py": "", "p/q/m.py": "", "p/n.py": ""}
    assert on_disk(tmp_path, files, "p/q") == {"__init__.py": ("p.q", "p.q", ""), "m.py": ("p.q.m", "p.q", "")}
    assert on_disk(tmp_path, files, "p/q/m.py") == {"m.py": ("p.q.m", "p.q", "")}
    assert on_disk(tmp_path, files, "p/q/m.py", "p/n.py") == {"n.py": ("p.n", "p", ""), "q/m.py": ("p.q.m", "p", "")}
    (tmp_path / "z.py").write_text("")
    assert on_disk(tmp_path, files, "p/q/m.py", "z.py") == {"p/q/m.py": ("p.q.m", "p", "p"), "z.py": ("z", "", "")}


@pytest.mark.parametrize(
    "line",
    [
        "import ns.a.m",
        "import ns.a.m as x",
        "from ns.a import m",
        "from ns.a import other as o, m as n",
        "from ns.a import (\n    other,  # why, indeed\n    m,\n)",
        "from ns.a.m import f",
        "from ns.a import *",
        "    from ns.a import m",
    ],
)
def test_imports_that_show_a_namespace(tmp_path: Path, line: str) -> None:
    found = on_disk(tmp_path, {"ns/a/m.py": "", "ns/a/other.py": "", "main.py": f"if 1:\n  1\n{line}\n"})
    assert found["ns/a/m.py"] == ("ns.a.m", "ns.a", "ns/a")
    assert found["ns/a/other.py"][0] == "ns.a.other"  # a folder is a namespace or is not


@pytest.mark.parametrize(
    "line", ["import other.ns.a", "from . import ns", "import nsx.a.m", "x = 'ns.a.m'", "import ns"]
)
def test_imports_that_do_not(tmp_path: Path, line: str) -> None:
    assert on_disk(tmp_path, {"ns/a/m.py": "", "main.py": line})["ns/a/m.py"] == ("m", "", "ns/a")


def test_root_with_an_init_that_nothing_imports_as_a_package(tmp_path: Path) -> None:
    files = {
        "__init__.py": "",
        "p/__init__.py": "",
        "p/m.py": "",
        "tests/__init__.py": "",
        "tests/t.py": "import p.m\n",
    }
    found = on_disk(tmp_path, files)
    assert found["p/m.py"] == ("p.m", "p", "p")
    assert found["tests/t.py"] == ("tests.t", "tests", "tests")


@pytest.mark.parametrize(
    "line",
    [
        "from .. import p\nimport p",
        "    from ..p import m\nimport p",
        "import root.p.m\nimport p",
        "from . import m",
        "import json",
        "import other",
    ],
)
def test_root_with_an_init_that_is_a_package(tmp_path: Path, line: str) -> None:
    files = {"__init__.py": "", "p/__init__.py": "", "p/m.py": "", "tests/__init__.py": "", "tests/t.py": f"{line}\n"}
    (tmp_path / "root").mkdir()
    assert on_disk(tmp_path / "root", {**files, "json.py": ""})["p/m.py"] == ("root.p.m", "root", "")
