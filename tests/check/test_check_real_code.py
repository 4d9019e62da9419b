"""No false alarms and no crashes on code that others wrote, nor on bytes that are no code at all."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from asyncify.check import check


def package(name: str) -> dict[str, bytes]:
    spec = find_spec(name)
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent
    return {f"{name}/{p.relative_to(folder).as_posix()}": p.read_bytes() for p in folder.rglob("*.py")}


@pytest.mark.parametrize("name", ["aiohttp", "click"])
def test_no_false_alarm_on_correct_code(name: str) -> None:
    """Even if all of it is taken to be new, and every async method name to count."""
    assert [p for p in check({}, package(name)) if p.fatal] == []


def test_same_tree_no_problem() -> None:
    files = package("aiohttp")
    assert check(files, dict(files)) == ()


def test_a_lost_await_in_real_code_is_found() -> None:
    files = package("aiohttp")
    text = files["aiohttp/connector.py"].decode()
    lines = text.splitlines(keepends=True)
    number = next(n for n, line in enumerate(lines) if " = await self._wrap_create_connection(" in line)
    lines[number] = lines[number].replace("await ", "")
    spoilt = {**files, "aiohttp/connector.py": "".join(lines).encode()}
    (problem,) = check(files, spoilt)
    assert problem.code == "unawaited-coroutine"
    assert problem.span.line == number + 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\xff\xfe",
        b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
        b"\xef\xbb\xbfx = 1\r\ny = x\r\n",
        b"x = " + b"(" * 500 + b")" * 500,
        b"x = " + b"-" * 5000 + b"1\n",
        b"def f():\n\treturn 1\n        return 2\n",
        b"a = a.b.c = a[a] = lambda a=a: a(a)\n",
        b"class A(A): pass\nclass B(C): pass\nclass C(B): pass\nx = B().x.y()\n",
        b"def f(): return g()\ndef g(): return f()\nf().x\nfor x in f(): x()\n",
        b"from . import a\nfrom .. import b\nfrom ... import *\nimport a.a.a\n",
        b"from a import *\nx()\n",
        b"async def f(): return f\nawait_ = f()()()\n",
    ],
    ids=lambda data: repr(data[:20]),
)
def test_hostile_files(data: bytes) -> None:
    files = {"a.py": data, "b.py": b"from a import *\nimport a\nprint(a.x, x)\n"}
    for before, after in (({}, files), (files, {}), (files, {**files, "b.py": b""}), ({**files, "a.py": b""}, files)):
        for problem in check(before, after):
            assert problem.span.path in {"a.py", "b.py"}
