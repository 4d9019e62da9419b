"""Whatever lies in a tree: no crash, no hang, and what has no site stays as it is."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncify import api
from asyncify.config import Config
from asyncify.errors import AsyncifyError

SITE = "import requests\n\ndef fetch(u):\n    return requests.get(u).text\n\nif __name__ == '__main__':\n    print(fetch('u'))\n"
DEEP = 3000
CASES: dict[str, dict[str, bytes]] = {
    "syntax error": {"a.py": b"import requests\ndef f(:\n"},
    "python 2": {"a.py": b"import requests\nprint requests.get('u')\nexec 'x'\n"},
    "null bytes": {"a.py": b"import requests\0\nrequests.get('u')\n"},
    "empty": {"a.py": b"", "b.py": b"\n", "c.py": b"\xef\xbb\xbf"},
    "utf-16": {"a.py": "import requests\n".encode("utf-16")},
    "unknown encoding": {"a.py": b"# -*- coding: no-such -*-\nimport requests\n"},
    "wrong encoding": {"a.py": b"# -*- coding: utf-8 -*-\nimport requests  # \xff\n"},
    "utf-7": {"a.py": b"# -*- coding: utf-7 -*-\nimport requests\n"},
    "form feeds and old newlines": {"a.py": b"import requests\r\x0cdef f():\r    return 1\r"},
    "brackets in names": {"[red].py": b"import requests\n", "[red]/x[bold].py": b"import time\ntime.sleep(1)\n"},
    "spaces and dots in names": {"a b.c.py": b"import requests\n", "-x.py": b"import requests\n"},
    "deep parentheses": {"a.py": b"import requests\nx = " + b"(" * DEEP + b")" * DEEP + b"\n"},
    "deep sum": {"a.py": b"import requests\nx = " + b"1+" * DEEP + b"1\n"},
    "deep attributes": {"a.py": b"import requests\nx = requests" + b".a" * DEEP + b"\n"},
    "deep calls": {"a.py": b"import requests\nx = requests" + b".get()" * DEEP + b"\n"},
    "deep lists": {"a.py": b"import requests\nx = " + b"[" * 90 + b"]" * 90 + b"\n"},
    "deep blocks": {"a.py": b"import requests\n" + b"".join(b" " * n + b"if x:\n" for n in range(95)) + b" " * 95 + b"y\n"},
    "many elifs": {"a.py": b"import requests\nif x == 0: pass\n" + b"".join(b"elif x == %d: pass\n" % n for n in range(3000))},
    "many statements": {"a.py": b"import requests\n" + b"".join(b"x%d = x%d\n" % (n + 1, n) for n in range(10000))},
    "large literal": {"a.py": b"import requests\nx = {" + b"'k': [1, 2, 'three'],\n" * 20000 + b"}\n"},
    "many functions in one table": {
        "a.py": b"import requests\n"
        + b"".join(b"def f%d(g): return g(f%d)\n" % (n, (n * 7) % 400) for n in range(400))
        + b"T = [" + b", ".join(b"f%d" % n for n in range(400)) + b"]\nfor t in T:\n    t(t)(t)\n"
    },
    "star import cycle": {
        "a.py": b"from b import *\nimport requests\n", "b.py": b"from c import *\n", "c.py": b"from a import *\nfrom b import *\n"
    },
    "circular imports": {"a.py": b"import requests, b\nfrom b import x\n", "b.py": b"import a\nfrom a import x\n"},
    "circular classes": {
        "a.py": b"import requests, b\nclass A(b.B): pass\nclass C(C): pass\n", "b.py": b"import a\nclass B(a.A): pass\n"
    },
    "impossible hierarchy": {"a.py": b"import requests\nclass A: pass\nclass B(A): pass\nclass C(A, B): pass\nC().f()\n"},
    "same module twice": {"src/m.py": b"import requests\n", "m.py": b"import requests\n", "lib/m.py": b"import m\n"},
    "unfinished imports": {"a.py": b"from . import (requests, (\n" * 2000 + b"from " + b" " * 20000},
    "a base that Python has no more": {
        "a.py": b"import collections, requests\nclass Pages(collections.MutableMapping):\n    def pop(self, u):\n"
        b"        return requests.get(u).text\n"
    },
    "relative import above the root": {"a.py": b"from .... import requests\nfrom ...x import get\nget('u')\n"},
}  # fmt: skip


def _write(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.mark.parametrize("name", CASES)
def test_no_crash_and_no_change(name: str, tmp_path: Path) -> None:
    _write(tmp_path, CASES[name])
    began = time.process_time()
    preview = api.preview([tmp_path], Config(root=tmp_path))
    assert time.process_time() - began < 20
    api.apply(preview)
    assert {name: (tmp_path / name).read_bytes() for name in CASES[name]} == CASES[name]


def test_bad_files_do_not_hide_good_ones(tmp_path: Path) -> None:
    _write(tmp_path, {"bad.py": b"def f(:\n", "[red].py": b"\0", "good.py": SITE.encode()})
    preview = api.preview([tmp_path], Config(root=tmp_path))
    assert [change.path for group in preview.changes for change in group.changes if change.path == "good.py"]


def test_links_in_a_loop(tmp_path: Path) -> None:
    _write(tmp_path, {"pkg/good.py": SITE.encode()})
    (tmp_path / "pkg" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    result = api.scan([tmp_path], Config(root=tmp_path))
    assert result.files == 1 and len(result.diagnostics) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes with names")
def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    assert api.scan([tmp_path], Config(root=tmp_path)).files == 0


@pytest.mark.parametrize("how", ["changed", "deleted"])
def test_a_file_that_is_another_when_writing(how: str, tmp_path: Path) -> None:
    _write(tmp_path, {"good.py": SITE.encode(), "user.py": b"import good\n\ndef f():\n    return good.fetch('u')\n"})
    preview = api.preview([tmp_path], Config(root=tmp_path))
    assert preview.changes
    if how == "changed":
        (tmp_path / "good.py").write_text("x = 1\n")
    else:
        (tmp_path / "good.py").unlink()
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.py")}
    with pytest.raises(AsyncifyError):
        api.apply(preview)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.py")} == before


_NAMES = st.sampled_from(["requests", "get", "f", "g", "C", "x", "self", "s", "time"])
_EXPRESSIONS = st.recursive(
    st.one_of(_NAMES, st.just("'u'"), st.just("None"), st.just("requests.Session()")),
    lambda inner: st.one_of(
        st.tuples(inner, _NAMES).map(lambda t: f"({t[0]}).{t[1]}"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]})({t[1]})"),
        inner.map(lambda e: f"[{e}, *({e})]"),
        st.tuples(inner, _NAMES).map(lambda t: f"[{t[0]} for {t[1]} in {t[0]}]"),
        st.tuples(inner, _NAMES).map(lambda t: f"(lambda {t[1]}: {t[0]})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[0]})"),
        st.tuples(_NAMES, inner).map(lambda t: f"({t[0]} := {t[1]})"),
    ),
    max_leaves=6,
)


def _indent(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


_STATEMENTS = st.recursive(
    st.one_of(
        st.tuples(_NAMES, _EXPRESSIONS).map(lambda t: [f"{t[0]} = {t[1]}"]),
        _EXPRESSIONS.map(lambda e: [e]),
        st.just(["import requests"]),
        st.just(["from requests import get as g"]),
        _NAMES.map(lambda n: [f"del {n}"]),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda t: t[0] + t[1]),
        st.tuples(_NAMES, _NAMES, inner).map(lambda t: [f"def {t[0]}({t[1]}=None):", *_indent(t[2])]),
        st.tuples(_NAMES, _EXPRESSIONS, inner).map(lambda t: [f"class {t[0]}:", *_indent(t[2])]),
        st.tuples(_EXPRESSIONS, inner).map(lambda t: [f"with {t[0]} as s:", *_indent(t[1])]),
        st.tuples(_NAMES, _EXPRESSIONS, inner).map(lambda t: [f"for {t[0]} in {t[1]}:", *_indent(t[2])]),
        st.tuples(inner, inner).map(lambda t: ["try:", *_indent(t[0]), "except Exception as x:", *_indent(t[1])]),
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(_STATEMENTS)
def test_generated_modules(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    text = "\n".join(["import requests", *lines, ""])
    try:
        compile(text, "a.py", "exec")
    except SyntaxError:
        return
    root = tmp_path_factory.mktemp("tree")
    other = text.replace("requests", "sqrt")
    _write(root, {"a.py": text.encode(), "b.py": other.encode()})
    preview = api.preview([root], Config(root=root))
    for group in preview.changes:
        for change in group.changes:
            assert change.path != "b.py"
            assert change.after is not None
            if change.path.endswith(".py"):
                compile(change.after, change.path, "exec")
