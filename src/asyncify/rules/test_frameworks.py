"""Tests move with the code they test: `unittest` and `pytest` run coroutine functions, and their helpers change form.

## What it rewrites

- A test function that calls something asynchronous becomes `async def`. For pytest, `pytest-asyncio` is added to the test
  requirements and its auto mode to the configuration; marks, parameters and fixtures stay as they are.
- A `unittest.TestCase` with such a test becomes `unittest.IsolatedAsyncioTestCase`; `setUp` and `tearDown` become
  `asyncSetUp` and `asyncTearDown` where they await, through the whole hierarchy of test classes.
- Doubles of requests go on to answer. What replaces `requests.get`, `requests.Session` or a method of it is looked up when it is
  called; `patch("client.requests")`, which replaces a module's own name, becomes `patch("client.aio_requests.requests")`. Libraries that
  answer for requests (`requests_mock`, `responses`, adapters) or below it (httpretty, cassettes of vcrpy) are asked as before. Servers that
  run beside the test (pytest-httpserver, an `http.server` in a thread) stay as they are.
- Tests under decorators that do not await (those of httpretty and vcrpy; `responses.activate` before responses 0.19 and `mock.patch` before mock 4, where the
  project's requirements hold such a version) stay synchronous and run what they call to its end.
- `self.assertRaises(E, f, x)` and `pytest.raises(E, f, x)` become a `with` block that awaits `f(x)`;
  `self.addCleanup(f)` becomes `self.addAsyncCleanup(f)`.

## What it refuses

- Test classes of other libraries, unless they run coroutine functions (Django's do).
- Tests that replace, with something that cannot be awaited, what the code awaits afterwards; a mock made in the test
  becomes an `AsyncMock`, a function that stands in becomes `async def`.
- Doubles that would differ from module to module in one test, or that bring exceptions of their own in the place of requests'.
- What a framework calls without await: `setup_module`, `setup_method`, `pytest_*` hooks, fixtures that are fetched by
  `request.getfixturevalue`.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import CallSite, ClassInfo, FunctionInfo, Kind
from asyncify.index.values import BoundMethod, External, Function, Unknown
from asyncify.model import (
    AddImport,
    DropImport,
    Edit,
    Reason,
    Refusal,
    Rename,
    ReplaceExpr,
    ReplaceStatement,
    Require,
    Span,
    Verdict,
)
from asyncify.rules.base import (
    Block,
    Claim,
    Companion,
    Finding,
    Handles,
    RefusalCode,
    Role,
    Rule,
    function_node,
    object_node,
)
from asyncify.rules.facts import Facts
from asyncify.rules.support import import_of
from asyncify.rules.test_doubles import doubles
from asyncify.rules.test_mocks import TEST_DOUBLE

ID = "test_frameworks"
CASE = "unittest.TestCase"
ASYNC_CASE = "unittest.IsolatedAsyncioTestCase"
FIXTURES = frozenset(["pytest.fixture", "pytest.yield_fixture", "pytest_asyncio.fixture"])
RAISES = {
    f"{CASE}.assertRaises": 1,
    f"{CASE}.assertRaisesRegex": 2,
    f"{CASE}.assertWarns": 1,
    f"{CASE}.assertWarnsRegex": 2,
    "pytest.raises": 1,
}
_SET_UP = {"setUp": "asyncSetUp", "tearDown": "asyncTearDown"}
_HARMLESS_BASES = frozenset([CASE, ASYNC_CASE, "builtins.object", "abc.ABC"])
_RUNNERS = frozenset(["run", "debug", "_callTestMethod", "_callSetUp", "_callTearDown"])
_MODULE_HOOKS = frozenset(
    "setUpModule tearDownModule setup_module teardown_module setup_function teardown_function".split()
)
_CLASS_HOOKS = frozenset("setup_method teardown_method setup_class teardown_class setup teardown".split())

TEST_CLASS = RefusalCode(
    "test-class",
    "The base class of this test does not run coroutine functions.",
    "Derive the test class from unittest.TestCase, or make it a plain class or functions of pytest.",
)
TEST_HOOK = RefusalCode(
    "test-hook",
    "The test framework calls this function without await.",
    "Turn it into a fixture, or move the waiting call into the tests.",
)


def _refuse(code: RefusalCode, span: Span, message: str = "") -> Refusal:
    text = message or code.title
    return Refusal(code.code, span, text, code.remedy, Reason(text, span))


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about tests."""
    yield from _classes(facts)
    yield from _pytest(facts)
    yield from _callables(facts)
    yield from doubles(facts)


# --- unittest ----------------------------------------------------------------------------------------------------


def _is_case(info: ClassInfo) -> bool:
    return any(base.endswith("TestCase") for base in info.external_bases)


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _awaited_name(name: str) -> bool:
    """Whether IsolatedAsyncioTestCase awaits a method of that name (or one under the name it gets)."""
    return name.startswith("test") or name == "runTest" or name in _SET_UP


def _classes(facts: Facts) -> Iterator[Finding]:
    classes = facts.project.classes
    bases: dict[str, ClassInfo] = {}  # those that name unittest.TestCase themselves
    for info in classes.values():
        if not _is_case(info):
            continue
        family = [classes[name] for name in info.mro if name in classes]
        owners = [own for own in family if any(v == External(CASE) for v in own.bases)]
        methods = [
            facts.project.functions[function]
            for own in family
            for name, function in own.methods.items()
            if _awaited_name(name) and function in facts.project.functions
        ]
        foreign = sorted(info.external_bases - _HARMLESS_BASES)
        django = foreign and all(base.startswith("django.") for base in foreign)
        bases |= {own.name: own for own in owners}
        yield from _same_colour(methods)
        for method in methods:
            node = function_node(method.name)
            last = _short(method.name)
            if foreign and not (django and last not in _SET_UP):
                text = f"{last}() is run by {', '.join(foreign)}, which does not await it"
                yield Block(node, _refuse(TEST_CLASS, method.span, text), ID)
            for own in owners:
                text = f"{_short(own.name)} must await {last}()"
                yield Implication(node, object_node(own.span), text, method.span)
        runners = sorted(name for own in family for name in own.methods if name in _RUNNERS)
        for own in owners:
            if foreign or runners:
                what = (
                    f"{_short(info.name)}.{runners[0]}() runs tests itself" if runners else f"it also is a {foreign[0]}"
                )
                yield Block(object_node(own.span), _refuse(TEST_CLASS, info.span, what), ID)
        for method in methods:
            yield from _renamed(facts, method)
    for info in bases.values():
        yield from _new_base(facts, info)


def _same_colour(methods: list[FunctionInfo]) -> Iterator[Finding]:
    """All ``setUp`` of one class's ancestors have one colour: each runs once, through one chain of ``super()``."""
    for name in _SET_UP:
        chain = [method for method in methods if _short(method.name) == name]
        for first, second in itertools.pairwise(chain):
            for one, other in ((first, second), (second, first)):
                text = f"the {name}() of a related class has the same colour"
                yield Implication(function_node(one.name), function_node(other.name), text, other.span)


def _renamed(facts: Facts, method: FunctionInfo) -> Iterator[Finding]:
    """``setUp`` that awaits has another name, for its callers too."""
    new = _SET_UP.get(_short(method.name))
    if new is None or method.is_async:
        return
    node = function_node(method.name)
    reason = Reason(f"unittest awaits {new}()", method.span)
    yield Companion(node, (Rename(method.span, reason, new),))
    for call in facts.project.callers(method.name):
        func = facts.node(call.func, ast.Attribute)
        if func is None or func.attr != _short(method.name):
            yield Block(node, _refuse(TEST_HOOK, call.span, f"{_short(method.name)}() is called by another name"), ID)
            continue
        value = facts.span(call.span.path, func.value)
        yield Companion(node, (ReplaceExpr(call.func, f"{{value}}.{new}", reason, {"value": value}),))


def _new_base(facts: Facts, info: ClassInfo) -> Iterator[Finding]:
    """The base class is replaced where it is named."""
    statement = facts.node(info.span, ast.ClassDef)
    if statement is None:
        return
    node = object_node(info.span)
    for base in statement.bases:
        if External(CASE) not in facts.values(info.path, base):
            continue
        span = facts.span(info.path, base)
        reason = Reason("its tests are awaited", span)
        if facts.values(info.path, base) != {External(CASE)} or not isinstance(base, (ast.Name, ast.Attribute)):
            yield Block(node, _refuse(TEST_CLASS, span, "what the class derives from is decided when it runs"), ID)
        elif isinstance(base, ast.Attribute) and facts.values(info.path, base.value) == {External("unittest")}:
            value = facts.span(info.path, base.value)
            edit = ReplaceExpr(span, "{value}.IsolatedAsyncioTestCase", reason, {"value": value})
            yield Companion(node, (edit,))
        else:
            edits: list[Edit] = [
                ReplaceExpr(span, "IsolatedAsyncioTestCase", reason),
                AddImport(span, reason, "unittest", "IsolatedAsyncioTestCase"),
            ]
            if isinstance(base, ast.Name):
                edits.append(DropImport(span, reason, base.id))
            yield Companion(node, tuple(edits))


# --- pytest --------------------------------------------------------------------------------------------------------


def _pytest(facts: Facts) -> Iterator[Finding]:
    fetched = _fetched_fixtures(facts)
    for info in facts.project.functions.values():
        if not info.in_test or info.kind is not Kind.FUNCTION or info.parent is not None:
            continue
        cls = facts.project.classes.get(info.cls) if info.cls else None
        if cls is not None and _is_case(cls):
            continue
        name = _short(info.name)
        node = function_node(info.name)
        fixture = is_fixture(facts, info)
        if fixture:
            where = fetched.get(_fixture_name(facts, info)) or fetched.get("")
            if where is not None:
                yield Block(
                    node, _refuse(TEST_HOOK, where, f"the fixture {name} may be fetched here, without await"), ID
                )
        elif name in (_CLASS_HOOKS if cls is not None else _MODULE_HOOKS) or name.startswith("pytest_"):
            yield Block(node, _refuse(TEST_HOOK, info.span, f"the test framework calls {name}() without await"), ID)
            continue
        if (fixture or name.startswith("test")) and not info.is_async:
            reason = Reason("pytest awaits tests and fixtures with pytest-asyncio", info.span)
            yield Companion(node, (Require(info.span, reason, "pytest-asyncio"),))


def is_fixture(facts: Facts, info: FunctionInfo) -> bool:
    """Whether a decorator makes the function a fixture of pytest."""
    return any(_fixture_decorator(facts, span) is not None for span in info.decorators)


def _fixture_decorator(facts: Facts, span: Span) -> ast.expr | None:
    node = facts.node(span, ast.expr)
    target = node.func if isinstance(node, ast.Call) else node
    if target is None:
        return None
    names = {value.name for value in facts.values(span.path, target) if isinstance(value, External)}
    return node if names & FIXTURES else None


def _fixture_name(facts: Facts, info: FunctionInfo) -> str:
    for span in info.decorators:
        node = _fixture_decorator(facts, span)
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                    return str(keyword.value.value)
    return _short(info.name)


def _fetched_fixtures(facts: Facts) -> dict[str, Span]:
    """Names given to ``getfixturevalue``, with the place; a name that is computed counts as ``""``."""
    out: dict[str, Span] = {}
    for call in facts.calls_named(["getfixturevalue"]):
        if isinstance(call.node.func, ast.Attribute) and call.args:
            argument = facts.node(call.args[0], ast.Constant)
            out.setdefault(str(argument.value) if argument is not None else "", call.span)
    return out


# --- functions given to the framework --------------------------------------------------------------------------------


def _callables(facts: Facts) -> Iterator[Finding]:
    for name, position in RAISES.items():
        for call in facts.calls_by_external.get(name, ()):
            if len(call.args) > position and call.externals == {name} and not call.targets:
                yield from _raises(facts, call, position)
    for call in facts.calls_by_external.get(f"{CASE}.addCleanup", ()):
        if call.args and call.externals == {f"{CASE}.addCleanup"} and not call.targets:
            yield from _cleanup(facts, call)


def _functions(facts: Facts, span: Span) -> list[str]:
    """The project functions the expression can be; none where it can be anything else."""
    found, all_known = _functions_among(facts, span)
    return found if all_known else []


def _functions_among(facts: Facts, span: Span) -> tuple[list[str], bool]:
    """The project functions the expression can be, and whether it can be nothing else."""
    taken = facts.node(span, ast.expr)
    of = facts.values(span.path, taken.value) if isinstance(taken, ast.Attribute) else {External("")}
    found, all_known = [], bool(of) and not any(isinstance(value, Unknown) for value in of)
    for value in facts.project.values(span):
        match value:
            case Function(name) | BoundMethod(name, _):
                found.append(name)
            case _:
                all_known = False
    return sorted(found), all_known


def _of_that_name(facts: Facts, span: Span, found: list[str]) -> list[str]:
    """The functions found, and all others that an attribute of something unknown may be."""
    taken = facts.node(span, ast.expr)
    last = taken.attr if isinstance(taken, ast.Attribute) else ""
    functions = facts.project.functions.values()
    named = (
        i.name for i in functions if i.kind is Kind.FUNCTION and i.name.rpartition(".")[2].partition("#")[0] == last
    )
    return sorted({*found, *named})


def _owners(facts: Facts, function: str) -> list[ClassInfo]:
    """The classes that name unittest.TestCase, in the ancestry of the class of a method."""
    info = facts.project.functions.get(function)
    while info is not None and info.cls is None and info.parent is not None:
        info = facts.project.functions.get(info.parent)
    cls = facts.project.classes.get(info.cls) if info is not None and info.cls else None
    family = [facts.project.classes[n] for n in cls.mro if n in facts.project.classes] if cls is not None else []
    return [own for own in family if External(CASE) in own.bases]


def _cleanup(facts: Facts, call: CallSite) -> Iterator[Finding]:
    names = _functions(facts, call.args[0])
    func = facts.node(call.func, ast.Attribute)
    owners = _owners(facts, call.within)
    infos = [facts.project.functions[name] for name in names]
    if not names or func is None or not owners or any(i.kind is not Kind.FUNCTION for i in infos):
        return
    yield Handles(call.args[0])
    reason = Reason("the cleanup is awaited", call.span)
    value = facts.span(call.span.path, func.value)
    for name in names:
        node = function_node(name)
        edit = ReplaceExpr(call.func, "{value}.addAsyncCleanup", reason, {"value": value})
        yield Companion(node, (edit,))
        for own in owners:
            yield Implication(node, object_node(own.span), f"{_short(own.name)} must await the cleanup", call.span)
        for other in names:
            if other != name:
                yield Implication(node, function_node(other), "the same cleanup may run it", call.span)


def _raises(facts: Facts, call: CallSite, position: int) -> Iterator[Finding]:
    """The form with a callable becomes a ``with`` block that awaits the call."""
    path = call.span.path
    names, known = _functions_among(facts, call.args[position])
    if not known:
        names = _of_that_name(facts, call.args[position], names)
    node = facts.node(call.span, ast.Call)
    statement = facts.parent(path, node) if node is not None else None
    if not names or node is None or call.has_star:
        return
    if not known and any("StopIteration" in ast.unparse(context) for context in node.args[:position]):
        return  # no future carries one out of a thread
    match statement:
        case ast.Expr():
            target = ""
        case ast.Assign(targets=[ast.Name(id=bound)]):
            target = f" as {bound}"
        case _:
            return
    holes = {"callee": call.func}
    for number in range(position):
        holes[f"c{number}"] = call.args[number]
    context = ", ".join(f"{{c{number}}}" for number in range(position))
    job = node.args[position]
    if isinstance(job, ast.Lambda):
        if not isinstance(job.body, ast.Call) or job.args.args or len(node.args) > position + 1 or node.keywords:
            return
        holes["body"] = facts.span(path, job.body)
        awaited = "{body}"  # with awaits of its own
    else:
        holes["job"] = call.args[position]
        parts = []
        for number, argument in enumerate(call.args[position + 1 :]):
            holes[f"a{number}"] = argument
            parts.append(f"{{a{number}}}")
        for number, (keyword, value) in enumerate(call.keywords):
            holes[f"k{number}"] = value
            parts.append(f"{keyword}={{k{number}}}")
        awaited = f"await {{job}}({', '.join(parts)})"
        if not known:  # it may be one that stays and waits: off the event loop, and what it gives is awaited on it
            threaded = ", ".join(["{job}", *parts])
            awaited = f"await aio_support.settled(await asyncio.to_thread({threaded}))"
    yield Handles(call.args[position])
    yield Handles(call.span)
    reason = Reason("the call that must fail is awaited", call.span)
    template = f"with {{callee}}({context}){target}:\n    {awaited}"
    place = facts.span(path, statement)
    nodes = tuple(function_node(name) for name in names)
    support: tuple[Edit, ...] = ()
    if not known:
        support = (
            import_of(facts.file(path).source, "aio_support", call.span, reason),
            AddImport(call.span, reason, "asyncio"),
        )
    yield Claim(
        ID,
        call.span,
        call.within,
        Role.PART,
        Verdict.EXACT,
        reason.text,
        {"": (ReplaceStatement(place, template, reason, holes), *support)},
        follows=nodes,
        leads=nodes if known and len(nodes) > 1 else (),
        settles=not known,
    )


_MOCKS = ("Mock", "MagicMock", "NonCallableMock", "NonCallableMagicMock", "AsyncMock", "create_autospec", "mock_open")
_PATCHES = ("patch", "patch.object", "patch.multiple")
CATALOGUE = Catalogue(
    signatures={f"unittest.mock.{name}": Signature(returns="unittest.mock.Mock") for name in _MOCKS}
    | {f"unittest.mock.{name}": Signature(returns="unittest.mock.patch") for name in _PATCHES}
    | {f"pytest_mock.MockerFixture.{name}": Signature(returns="unittest.mock.Mock") for name in (*_PATCHES, *_MOCKS)}
    | {
        "unittest.mock.Mock.__enter__": Signature(returns="self"),
        "unittest.mock.Mock.part.__enter__": Signature(returns="self"),
        "unittest.mock.patch.__enter__": Signature(returns="self"),
    },
    attributes={"pytest.FixtureRequest.instance": "None", "pytest.FixtureRequest.cls": "None"},
    aliases={
        "unittest.case.TestCase": CASE,
        "unittest.async_case.IsolatedAsyncioTestCase": ASYNC_CASE,
        "pytest_mock.plugin.MockerFixture": "pytest_mock.MockerFixture",
    }
    | {f"mock.{name}": f"unittest.mock.{name}" for name in (*_MOCKS, *_PATCHES, "patch.dict", "sentinel", "ANY")}
    | {f"mock.mock.{name}": f"unittest.mock.{name}" for name in (*_MOCKS, *_PATCHES)},
)

RULE = Rule(
    id=ID,
    title="unittest and pytest → tests that await",
    doc=__doc__,
    catalogue=CATALOGUE,
    starts={},
    match=match,
    refusals=(TEST_CLASS, TEST_HOOK, TEST_DOUBLE),
)
