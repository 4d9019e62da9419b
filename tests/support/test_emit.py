"""`emit`: what is written into a migrated project compiles, is complete, and holds nothing it does not need."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from asyncify import support
from asyncify.support import _PARTS, Module, emit, helpers, helpers_in
from asyncify.support._scope import globals_read

MODULES: tuple[Module, ...] = ("aio_support", "aio_requests")
EACH = [(module, [name]) for module in MODULES for name in sorted(helpers(module))]
_NAMES = sorted(helpers("aio_support"))
PAIRS = [  # each with another one: all pairs would take a minute
    ("aio_support", sorted({name, _NAMES[(place + 7) % len(_NAMES)]})) for place, name in enumerate(_NAMES)
]
ALL = [(module, sorted(helpers(module))) for module in MODULES]


def lint(text: str, tmp_path: Path) -> str:
    path = tmp_path / "emitted.py"
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F,E9,I,W", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("module", _PARTS)
def test_no_two_parts_of_a_module_give_the_same_name(module: Module) -> None:
    folder = Path(support.__file__).parent
    trees = [ast.parse((folder / part).read_text(encoding="utf-8")) for part in _PARTS[module]]
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    names = Counter(name for tree in trees for name in {node.name for node in tree.body if isinstance(node, kinds)})
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize(("module", "names"), [*EACH, *ALL])
def test_complete_without_surplus(module: Module, names: list[str], tmp_path: Path) -> None:
    text = emit(module, names)
    assert lint(text, tmp_path) == "All checks passed!\n"  # no unused import, no undefined name
    namespace: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(text, "emitted.py", "exec"), namespace)
    assert all(name in namespace for name in names)
    assert "asyncify.support" not in text
    assert helpers_in(module, text) >= set(names)
    assert text.endswith("\n") and not text.endswith("\n\n")


@pytest.mark.parametrize(("module", "names"), [*EACH, *PAIRS])
def test_every_private_name_is_needed(module: Module, names: list[str]) -> None:
    tree = ast.parse(emit(module, names))
    used = set().union(*(globals_read(statement) for statement in tree.body))
    for statement in tree.body:
        for name in _assigned(statement):
            assert name in used or name in names or name.isupper() or isinstance(_value(statement), ast.Call)


def _assigned(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=[ast.Name(id=name)]):
            return [name]
    return []


def _value(statement: ast.stmt) -> ast.expr | None:
    return getattr(statement, "value", None)


def test_small_needs_give_small_modules() -> None:
    run_only = emit("aio_support", ["run"])
    assert "class TaskPool" not in run_only and "import aiohttp" not in run_only
    pool = emit("aio_support", ["TaskPool"])
    assert "import aiohttp" not in pool and "as_completed" not in pool and "def wait(" in pool  # of _Wakeup
    assert "\nasync def wait(" not in pool
    get = emit("aio_requests", ["get"])
    assert "async def get(" in get and "`requests.post`, awaited" not in get


def test_the_docstring_says_who_and_why() -> None:
    for module, names in ALL:
        docstring = ast.get_docstring(ast.parse(emit(module, names))) or ""
        assert "added by asyncify when this project" in docstring


def test_the_order_of_names_does_not_matter() -> None:
    names = sorted(helpers("aio_support"))
    assert emit("aio_support", names) == emit("aio_support", names[::-1]) == emit("aio_support", set(names))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="aio_support has no helper TaskPoool"):
        emit("aio_support", ["TaskPool", "TaskPoool"])
    with pytest.raises(ValueError, match="_Wakeup"):
        emit("aio_support", ["_Wakeup"])


def test_helpers_in_what_is_no_python() -> None:
    assert helpers_in("aio_support", "def (") == helpers_in("aio_support", "x = 1\n") == frozenset()


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("def f(a, b=c): return a + d", {"c", "d"}),
        ("def f():\n    x = y\n    return x", {"y"}),
        ("def f():\n    global x\n    x = 1\n    return x", {"x"}),
        ("def f():\n    def wait(): return run\n    return wait()", {"run"}),
        ("class A(B):\n    def wait(self): return wait", {"B", "wait"}),
        ("x = [y for y in z if y.a(w)]", {"z", "w"}),
        ("x = lambda y: y + z", {"z"}),
        ("x = cast('A[B]', c)", {"A", "B", "cast", "c"}),
        ("def f(a: T) -> U:\n    with o as p: p\n    try: pass\n    except E as e: e", {"T", "U", "o", "E"}),
        ("def f():\n    import m.n\n    return m", set()),
        ("async def f():\n    async for x in y: print(x)", {"y", "print"}),
    ],
)
def test_names_read_from_outside(code: str, names: set[str]) -> None:
    assert globals_read(ast.parse(code).body[0]) == names


def test_an_emitted_program_runs_without_asyncify(tmp_path: Path) -> None:
    for module, names in ALL:
        (tmp_path / f"{module}.py").write_text(emit(module, names), encoding="utf-8")
    program = (
        "import sys; sys.modules['asyncify'] = None\nimport aio_support, aio_requests\n"
        "async def main():\n"
        "    async with aio_support.TaskPool(2) as pool:\n"
        "        return [r async for r in pool.map(len, ['a', 'bb'])]\n"
        "print(aio_support.run(main()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[1, 2]\n", "")
