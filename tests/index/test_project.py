"""What else a linked project answers: implicit calls, escaping functions, overrides, nodes, slots, bad files."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from index_cases import index

from asyncify.index.modules import module_names
from asyncify.index.project import Kind, Sink
from asyncify.index.typeexpr import parse_type
from asyncify.index.values import Function, Instance, Unknown


def implicit(text: str) -> set[tuple[str, str]]:
    return {(call.kind, call.target.removeprefix("main.")) for call in index({"main.py": text}).implicit_calls}


@pytest.mark.parametrize(
    ("text", "kind", "target"),
    [
        ("class C:\n @property\n def p(self): ...\nC().p", "property", "C.p"),
        ("class C:\n @property\n def p(self): ...\n @p.setter\n def p(self, v): ...\nC().p = 1", "property", "C.p#2"),
        ("class C:\n def __enter__(self): ...\nwith C(): pass", "enter", "C.__enter__"),
        ("class C:\n def __exit__(self, *a): ...\nwith C(): pass", "exit", "C.__exit__"),
        (
            "class C:\n def __iter__(self): return self\n def __next__(self): ...\nfor x in C(): pass",
            "next",
            "C.__next__",
        ),
        ("class C:\n def __iter__(self): yield 1\n[x for x in C()]", "iter", "C.__iter__"),
        ("class C:\n def __add__(self, o): ...\nC() + 1", "operator", "C.__add__"),
        ("class C:\n def __radd__(self, o): ...\n1 + C()", "operator", "C.__radd__"),
        ("class C:\n def __eq__(self, o): ...\nC() == 1", "operator", "C.__eq__"),
        ("class C:\n def __contains__(self, o): ...\n1 in C()", "operator", "C.__contains__"),
        ("class C:\n def __getitem__(self, k): ...\nC()[1]", "operator", "C.__getitem__"),
        ("class C:\n def __setitem__(self, k, v): ...\nC()[1] = 2", "operator", "C.__setitem__"),
        ("class C:\n def __bool__(self): ...\nif C(): pass", "bool", "C.__bool__"),
        ("class C:\n def __len__(self): ...\nlen(C())", "len", "C.__len__"),
        ("class C:\n def __str__(self): ...\nf'{C()}'", "str", "C.__str__"),
        ("class C:\n def __getattr__(self, n): ...\nC().missing", "getattr", "C.__getattr__"),
        ("def d(f): return f\n@d\ndef g(): ...", "decorator", "d"),
        ("class E(Exception):\n def __init__(self): ...\nraise E", "raise", "E.__init__"),
        ("def f(): ...\nimport threading\nthreading.Thread(target=f)", "callback", "f"),
        ("def f(x): ...\nsorted([1], key=f)", "callback", "f"),
    ],
)
def test_implicit_calls(text: str, kind: str, target: str) -> None:
    assert (kind, target) in implicit(text)


def test_a_plain_attribute_runs_nothing() -> None:
    assert implicit("class C:\n def m(self): ...\nC().m\nC().x = C().m\n") == set()


@pytest.mark.parametrize(
    ("text", "sink", "external"),
    [
        ("import other\ndef f(): ...\nother.register(f)", Sink.ARGUMENT, "other.register"),
        ("import other\ndef f(): ...\nother.register(key=[f])", Sink.ARGUMENT, "other.register"),
        ("import other\n@other.route('/')\ndef f(): ...", Sink.DECORATED, None),
        ("import other\n@other.task\ndef f(): ...", Sink.DECORATED, "other.task"),
        ("import functools\n@functools.lru_cache\ndef f(): ...", Sink.DECORATED, "functools.lru_cache"),
        ("import requests\ndef f(): ...\ns = requests.Session()\ns.hook = f", Sink.STORED, "requests.Session"),
        ("class C: ...\ndef f(): ...\nC().hook = f", Sink.STORED, None),
        ("def g():\n    def f(): ...\n    return f", Sink.RETURNED, None),
        ("def f(): ...\nREGISTRY = [f]", Sink.STORED, None),
    ],
)
def test_functions_that_escape(text: str, sink: Sink, external: str | None) -> None:
    uses = index({"main.py": text}).uses
    assert [(use.sink, use.external) for use in uses if use.function.endswith("f")][:1] == [(sink, external)]


@pytest.mark.parametrize(
    "text",
    [
        "from concurrent.futures import ThreadPoolExecutor\ndef f(): ...\nThreadPoolExecutor().submit(f)",
        "def f(): ...\nT = {'a': f}\ndef g(k): T[k]()",
        "class C:\n    def __init__(self, cb): self.cb = cb\n    def run(self): self.cb()\ndef f(): ...\nC(f)",
        "def g():\n    def f(): ...\n    return f\ng()()",
        "class C:\n    @property\n    def p(self): ...\n    @staticmethod\n    def s(): ...",
    ],
)
def test_functions_that_stay_in_sight(text: str) -> None:
    assert list(index({"main.py": text}).uses) == []


def test_overrides_are_a_family() -> None:
    text = "".join(f"class {head}:\n def m(self): ...\n" for head in ("A", "B(A)", "C(A)", "D"))
    assert index({"main.py": text}).overrides("main.B.m") == {"main.A.m", "main.C.m"}


def test_maybe_callers_have_an_unknown_receiver() -> None:
    project = index({"main.py": "class A:\n def m(self): ...\ndef f(x):\n x.m()\nA().m()\n"})
    assert [call.span.line for call in project.maybe_callers("main.A.m")] == [4]
    assert [call.span.line for call in project.callers("main.A.m")] == [5]


def test_every_unresolved_call_says_why() -> None:
    project = index({"main.py": "import other\ndef f(x):\n x()\n x.m()\nother.g()()\nz()\n"})
    reasons = [call.unresolved for call in project.calls if call.unresolved]
    assert len(reasons) == 4
    assert "parameter x without known caller" in reasons
    assert "name z is not defined" in reasons


def test_slots_of_containers() -> None:
    project = index({"main.py": "def f(): ...\ndef g(): ...\nt = (f, g)\nd = {f: g}\nt, d"})
    nodes = [node for node in ast.walk(project.files["main.py"].tree) if isinstance(node, (ast.Tuple, ast.Dict))]
    values = {type(node): project.values(project.span("main.py", node)) for node in nodes[::-1]}
    (pair,) = project.values(project.span("main.py", project.files["main.py"].tree.body[2].value))  # type: ignore[attr-defined]
    assert isinstance(pair, Instance)
    assert project.slot(pair, 1) == {Function("main.g")}
    (mapping,) = values[ast.Dict]
    assert (project.slot(mapping, 0), project.slot(mapping, 1)) == ({Function("main.f")}, {Function("main.g")})


def test_nodes_parents_and_code_point_columns() -> None:
    project = index({"main.py": "def f():\n    é = 'ü'; print(é)\n"})
    (call,) = project.calls
    assert (call.span.column, call.within) == (13, "main.f")
    node = project.node(call.span, ast.Call)
    assert node is not None
    statement = project.statement("main.py", node)
    assert isinstance(statement, ast.Expr)
    assert isinstance(project.parent("main.py", statement), ast.FunctionDef)
    assert project.node(call.span, ast.With) is None


def test_tables_hold_every_code_object() -> None:
    text = "class C:\n    def m(self):\n        def inner(): yield (lambda: 1)\n"
    text += "    async def a(self, x, *y, z=1, **k): ...\n"
    project = index({"pkg/__init__.py": "", "pkg/test_x.py": text})
    found = {name: info.kind for name, info in project.functions.items()}
    assert found == {
        "pkg": Kind.MODULE,
        "pkg.test_x": Kind.MODULE,
        "pkg.test_x.C.<body>": Kind.CLASS_BODY,
        "pkg.test_x.C.m": Kind.FUNCTION,
        "pkg.test_x.C.m.<locals>.inner": Kind.FUNCTION,
        "pkg.test_x.C.m.<locals>.inner.<locals>.<lambda:3:28>": Kind.LAMBDA,
        "pkg.test_x.C.a": Kind.FUNCTION,
    }
    method = project.functions["pkg.test_x.C.a"]
    assert (method.is_async, method.parameters, method.in_test) == (True, ("self", "x", "y", "z", "k"), True)
    inner = project.functions["pkg.test_x.C.m.<locals>.inner"]
    assert (inner.is_generator, inner.parent) == (True, "pkg.test_x.C.m")


def test_classes_know_their_bases() -> None:
    text = "import requests, other\nclass A(requests.Session): ...\nclass B(A): ...\nclass C(other.make()): ..."
    classes = index({"main.py": text}).classes
    assert classes["main.B"].mro == ("main.B", "main.A")
    assert classes["main.B"].external_bases == {"requests.Session"}
    assert classes["main.C"].external_bases == {"?"}
    assert isinstance(classes["main.C"].bases[0], Unknown)


@pytest.mark.parametrize(
    "text", ["print 'two'\n", "def f(:\n", "x = '\0'\n", "(" * 3000, "return = 1", "-" * 200_000 + "1"]
)
def test_bad_files_are_diagnostics(text: str) -> None:
    project = index({"bad.py": text, "main.py": "print(1)\n"})
    assert [diagnostic.path for diagnostic in project.diagnostics] == ["bad.py"]
    assert len(project.calls) == 1


def test_long_chains_are_read() -> None:
    project = index({"main.py": "x = " + " + ".join(["'a'"] * 1500) + "\ny = f" + "()" * 60 + "\n"})
    assert not project.diagnostics


def test_module_names() -> None:
    paths = [
        "src/pkg/__init__.py",
        "src/pkg/a.py",
        "src/b.py",
        "tools/run.py",
        "setup.py",
        "ns/sub/c.py",
        "t/p/__init__.py",
    ]
    assert list(module_names(paths).values()) == ["ns.sub.c", "setup", "b", "pkg", "pkg.a", "p", "tools.run"]


@pytest.mark.parametrize("text", ["", "list[", "a b", "|", "list[]x", "%"])
def test_bad_type_expressions(text: str) -> None:
    with pytest.raises(ValueError):
        parse_type(text)


def _crowd(values: str, use: str) -> str:
    """A program in which more values meet in one variable than the index follows."""
    return f"{values}\nfor x in TABLE:\n    {use}\n"


_CLASSES = "".join(f"class C{n}:\n def get(self): ...\n" for n in range(60))
_FUNCTIONS = "".join(f"def f{n}(): ...\n" for n in range(60))
_MANY_FUNCTIONS = "".join(f"def f{n}(): ...\n" for n in range(300))


@pytest.mark.parametrize(
    ("values", "use", "function"),
    [
        (f"{_MANY_FUNCTIONS}TABLE = [{', '.join(f'f{n}' for n in range(300))}]", "x()", "f7"),
        (
            f"import functools\n{_FUNCTIONS}TABLE = [{', '.join(f'functools.partial(f{n})' for n in range(60))}]",
            "x()",
            "f7",
        ),
        (f"{_CLASSES}TABLE = [{', '.join(f'C{n}()' for n in range(60))}]", "x.get()", "C7.get"),
        (f"{_CLASSES}TABLE = [{', '.join(f'C{n}' for n in range(60))}]", "x().get()", "C7.get"),
        (f"{_FUNCTIONS}TABLE = [{', '.join(f'[f{n}, 1]' for n in range(60))}]", "x[0]()", "f7"),
    ],
)
def test_what_too_many_values_hide_is_lost(values: str, use: str, function: str) -> None:
    project = index({"main.py": _crowd(values, use)})
    assert f"main.{function}" in {use.function for use in project.uses if use.sink is Sink.LOST}
    assert any(call.unresolved for call in project.calls)


def test_a_decorator_may_be_put_on_many_functions() -> None:
    wrapper = "def deco(fn):\n def inner(*a):\n  return fn(*a)\n return inner\n"
    project = index({"main.py": wrapper + _FUNCTIONS.replace("def ", "@deco\ndef ") + "f1()\nf2()\n"})
    (inside,) = [call for call in project.calls if call.within == "main.deco.<locals>.inner"]
    assert len(inside.targets) == 60 and inside.unresolved is None
    assert not [use for use in project.uses if use.sink is Sink.LOST]


def test_modules_that_too_many_values_hide_are_lost() -> None:
    files = {f"m{n}.py": "def run(): ...\ndef other(): ...\n" for n in range(60)}
    names = ", ".join(f"m{n}" for n in range(60))
    files["main.py"] = _crowd(f"import {names}\nTABLE = [{names}]", "x.run()")
    lost = {use.function for use in index(files).uses if use.sink is Sink.LOST}
    assert "m7.run" in lost and "m7.other" not in lost


def test_objects_of_libraries_survive_a_crowd() -> None:
    names = ", ".join(f"C{n}()" for n in range(60))
    text = (
        f"import requests\n{_CLASSES}TABLE = [{names}, requests.Session(), requests]\nfor x in TABLE:\n    x.get('u')\n"
    )
    project = index({"main.py": text})
    assert project.calls[-1].externals == {"requests.Session.get", "requests.get"}
    assert project.calls[-1].unresolved == "too many different values"
    assert not project.lost


def test_too_many_objects_of_libraries_are_lost() -> None:
    names = ", ".join(["requests.Session()"] * 200)
    project = index({"main.py": f"import requests\nTABLE = [{names}]\nfor x in TABLE:\n    x.get('u')\n"})
    assert {value.type for value in project.lost if isinstance(value, Instance)} == {"requests.Session"}


def test_the_answer_is_the_same_in_every_run() -> None:
    """More external objects arrive, one by one, than a variable takes: which of them it takes must not vary."""
    script = (
        "junk = [[] for _ in range(%d)]\ndel junk[::3]\n"
        "from index_cases import index\n"
        "text = 'import other\\n'\n"
        "text += ''.join(f'class C{n}:\\n def get(self): return other.f{n}\\n' for n in range(40))\n"
        "text += 'TABLE = [' + ', '.join(f'C{n}()' for n in range(40)) + ']\\n'\n"
        "text += 'for x in TABLE:\\n    y = x.get()\\n    y.go()\\n'\n"
        "print(sorted(index({'main.py': text}).calls[-1].externals))\n"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", script % junk], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        ).stdout
        for junk in (0, 777, 12345)
    }
    assert len(runs) == 1
