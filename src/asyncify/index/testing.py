"""What the frameworks for tests do to values: fixtures become parameters, mocks stand in for anything.

A row of ``parametrize`` (or of ``parameterized.expand``) becomes the parameters that it names.
pytest gives a test (or a fixture) what the fixture of a parameter's name returns or yields. The nearest one counts: of
the class, of the module, of the ``conftest.py`` of the folder, of a folder above. ``request.instance`` and ``request.cls``
are the test that runs and its class: any that may ask for the fixture. An object of :mod:`unittest.mock` has every
attribute and every result, and each is a mock again.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from asyncify.index.abstract import MOCK, AClass, AInstance, Unit
from asyncify.index.ir import FunctionFacts
from asyncify.index.solve import Solver

# Fixtures of pytest and of widespread plugins, with what they are.
_KNOWN = {
    "monkeypatch": "pytest.MonkeyPatch",
    "capsys": "pytest.CaptureFixture",
    "capfd": "pytest.CaptureFixture",
    "caplog": "pytest.LogCaptureFixture",
    "recwarn": "pytest.WarningsRecorder",
    "tmp_path": "pathlib.Path",
    "mocker": "pytest_mock.MockerFixture",
    "requests_mock": "requests_mock.Mocker",
    "httpserver": "pytest_httpserver.HTTPServer",
    "httpbin": "pytest_httpbin.serve.Server",
}

_REQUEST = "pytest.FixtureRequest"


def is_test(path: str) -> bool:
    """Whether the file is one of tests: by its name, or below a folder of tests."""
    *folders, name = path.split("/")
    named = name.startswith("test_") or name.endswith("_test.py") or name in ("conftest.py", "test.py", "tests.py")
    return named or not {"tests", "test"}.isdisjoint(folders)


def bind_fixtures(solver: Solver) -> None:
    """Connect fixtures with the parameters of tests and fixtures that ask for them."""
    fixtures: dict[tuple[str, str], list[tuple[Unit, FunctionFacts]]] = {}
    asking: list[tuple[Unit, FunctionFacts]] = []
    for unit in solver.units:
        tests = is_test(unit.facts.path)
        for _, facts in unit.facts.functions:
            name = _fixture_name(facts)
            if name is not None:
                for key in ((unit.facts.path, name), ("", name)):
                    fixtures.setdefault(key, []).append((unit, facts))
            if name is not None or (
                tests and facts.name.rpartition(".")[2].startswith("test") and facts.parent is None
            ):
                asking.append((unit, facts))
    for unit, facts in asking:
        mocks = _mocks(facts)
        skip = 1 if facts.binding in ("self", "cls") else 0
        _bind_rows(solver, unit, facts, skip)
        for name, local in facts.positional[skip:]:
            variable = unit.offset + local
            found = next((fixtures[key] for key in _visible(unit.facts.path, name) if key in fixtures), None)
            if found is not None:
                for owner, fixture in found:
                    if fixture is not facts:
                        solver.edge(
                            owner.offset + (fixture.yields if fixture.is_generator else fixture.returns), variable
                        )
            elif name == "request":
                solver.add(variable, _request(solver, unit, facts))
            elif name in _KNOWN:
                solver.add(variable, solver.instance(_KNOWN[name], None, None))
            elif mocks:
                decorator = mocks.pop(0)
                solver.mock_homes[decorator] = facts
                solver.add(variable, solver.instance(MOCK, unit, decorator))


def _bind_rows(solver: Solver, unit: Unit, facts: FunctionFacts, skip: int) -> None:
    variables = dict(facts.positional[skip:])
    for name, values in rows(facts.decorators, list(variables)).items():
        for value in values:
            if name in variables and value in unit.facts.expressions:
                solver.edge(unit.offset + unit.facts.expressions[value], unit.offset + variables[name])


def rows(decorators: Sequence[ast.expr], parameters: Sequence[str]) -> dict[str, list[ast.expr]]:
    """What ``pytest.mark.parametrize`` and ``parameterized.expand`` give the parameters of a test, where all rows are written out."""
    out: dict[str, list[ast.expr]] = {}
    for decorator in decorators:
        if not isinstance(decorator, ast.Call):
            continue
        called = ast.unparse(decorator.func)
        arguments = decorator.args
        if called.endswith("mark.parametrize") and len(arguments) >= 2:
            names, table = _names(arguments[0]), arguments[1]
        elif called.endswith("parameterized.expand") and arguments:
            names, table = list(parameters), arguments[0]
        else:
            continue
        several = called.endswith("expand") or len(names) > 1
        written = table.elts if isinstance(table, (ast.List, ast.Tuple)) else []
        if any(isinstance(row, ast.Starred) for row in written):
            continue  # the others would not be all
        for row in written:
            for name, value in zip(names, _cells(row, several), strict=False):
                out.setdefault(name, []).append(value)
    return out


def _names(node: ast.expr) -> list[str]:
    """The names of parameters as pytest takes them: ``"a, b"``, or a list of strings."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [name.strip() for name in node.value.split(",")]
    parts = node.elts if isinstance(node, (ast.List, ast.Tuple)) else []
    return [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def _cells(row: ast.expr, several: bool) -> list[ast.expr]:
    """The values of one row; `several` where a tuple is one row and not one value."""
    if isinstance(row, ast.Call) and ast.unparse(row.func).rpartition(".")[2] == "param":
        return row.args
    return row.elts if several and isinstance(row, (ast.List, ast.Tuple)) else [row]


def _request(solver: Solver, unit: Unit, facts: FunctionFacts) -> AInstance:
    """The request of the fixture: one object, whose ``instance`` and ``cls`` are the tests in its reach.

    `pytest.FixtureRequest <https://docs.pytest.org/en/stable/reference/reference.html#request>`_
    """
    made = solver.instance(_REQUEST, unit, facts.node)
    folder, _, name = unit.facts.path.rpartition("/")
    for cls in solver.all_classes:
        path = cls.unit.facts.path
        below = name == "conftest.py" and (not folder or path.startswith(f"{folder}/")) and is_test(path)
        if cls.facts is facts.cls or (facts.cls is None and (below or path == unit.facts.path) and _has_tests(cls)):
            solver.add(solver.field(made, "instance"), solver.object_of(cls, True))
            solver.add(solver.field(made, "cls"), cls)
    return made


def _has_tests(cls: AClass) -> bool:
    return cls.facts.node.name.startswith("Test") or any(name.startswith("test") for name in cls.facts.methods)


def _mocks(facts: FunctionFacts) -> list[ast.expr]:
    """The decorators that give the function mocks, in the order of its parameters."""
    out: list[ast.expr] = []
    for decorator in reversed(facts.decorators):
        if not isinstance(decorator, ast.Call):
            continue
        text = ast.unparse(decorator.func)
        own = 2 if text.endswith("patch.object") else 1 if text.rpartition(".")[2] == "patch" else None
        if own is not None and len(decorator.args) <= own and all(k.arg != "new" for k in decorator.keywords):
            out.append(decorator)
    return out


def _visible(path: str, name: str) -> Iterator[tuple[str, str]]:
    """Where pytest looks for a fixture of that name, nearest first."""
    yield path, name
    folder = path.rpartition("/")[0]
    while True:
        yield (f"{folder}/conftest.py" if folder else "conftest.py"), name
        if not folder:
            yield "", name  # any of that name: imported, or of a plugin in this project
            return
        folder = folder.rpartition("/")[0]


def _fixture_name(facts: FunctionFacts) -> str | None:
    for decorator in facts.decorators:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        last = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        if last not in ("fixture", "yield_fixture"):
            continue
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
        return facts.name.rpartition(".")[2]
    return None
