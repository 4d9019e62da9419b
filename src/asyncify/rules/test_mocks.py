"""Mocks that reach the code under test: what they must give where the code awaits. Part of the rule test_frameworks."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeGuard

from asyncify.index.project import TOO_MANY, CallSite, Kind
from asyncify.index.values import External, Instance, Unknown
from asyncify.model import AddImport, Edit, Reason, Refusal, ReplaceExpr, SetArguments, Span
from asyncify.rules.base import Block, Companion, Finding, RefusalCode, Replaced, function_node, site_node
from asyncify.rules.facts import Facts
from asyncify.rules.flow import local_loads
from asyncify.rules.requests_given import given_calls
from asyncify.rules.requests_modules import modules_handed
from asyncify.rules.requests_names import FUNCTIONS, SESSIONS

ID = "test_frameworks"
VERBS = frozenset("get post put patch delete head options request send".split())
MOCK_CLASSES = frozenset(
    f"{home}.{name}"
    for home in ("unittest.mock", "pytest_mock.MockerFixture")
    for name in ("Mock", "MagicMock", "NonCallableMock", "NonCallableMagicMock")
)
ASYNC_MOCK = "unittest.mock.AsyncMock"
ANSWERS = frozenset(["return_value", "side_effect"])
PATCHES = frozenset(["unittest.mock.patch", "pytest_mock.MockerFixture.patch"])
PATCHES_FROM = "unittest.mock"
PATCH_MULTIPLES = frozenset(["unittest.mock.patch.multiple", "pytest_mock.MockerFixture.patch.multiple"])
PATCH_OBJECTS = frozenset(["unittest.mock.patch.object", "pytest_mock.MockerFixture.patch.object"])
_RECORDS = frozenset(["call_args", "call_args_list", "mock_calls", "method_calls"])  # below these are no mocks
_METHODS = frozenset(f"requests.Session.{verb}" for verb in VERBS)

TEST_DOUBLE = RefusalCode(
    "test-double",
    "A test puts something in the place of this that cannot be awaited.",
    "Give the test an AsyncMock, or patch what requests itself calls (requests.Session.request, or use responses).",
)


def refuse_double(span: Span, message: str) -> Refusal:
    """A refusal whose witness is a test."""
    return Refusal(TEST_DOUBLE.code, span, message, TEST_DOUBLE.remedy, Reason(message, span))


def mock_names(
    facts: Facts, path: str, callee: ast.expr, wanted: tuple[str, ...], reason: Reason
) -> tuple[str, list[Edit]]:
    """How names of unittest.mock are written beside `callee`: a prefix, and the imports they need."""
    if isinstance(callee, ast.Attribute):
        root: ast.expr = callee.value
        if isinstance(root, ast.Attribute) and root.attr == "patch":
            root = root.value
        values = facts.values(path, root)
        kinds = {v.name if isinstance(v, External) else getattr(v, "type", "") for v in values}
        missing = _lacks(facts, wanted) and not kinds.isdisjoint({"mock", "mock.mock"})
        if not missing and kinds and kinds <= {"unittest.mock", "mock", "mock.mock", "pytest_mock.MockerFixture"}:
            return f"{facts.text(path, root)}.", []
    span = facts.span(path, callee)
    home = PATCHES_FROM if _lacks(facts, wanted) else _imported_from(facts, path, callee)
    return "", [AddImport(span, reason, home, name) for name in wanted]


def _lacks(facts: Facts, wanted: tuple[str, ...]) -> bool:
    """Whether the version of the library ``mock`` that the project holds does not have all of these names."""
    return "AsyncMock" in wanted and "mock" in facts.old_libraries


def _imported_from(facts: Facts, path: str, callee: ast.expr) -> str:
    """The module of mocks that the file takes this one from: those of another one would not record calls for each other.

    Where it takes it from either of two, as the version of Python says, the one that is always there.
    """
    homes = {
        statement.module
        for statement in facts.nodes(path, ast.ImportFrom)
        if isinstance(callee, ast.Name) and any((a.asname or a.name) == callee.id for a in statement.names)
    }
    return next((home for home in ("mock", "mock.mock") if homes == {home}), "unittest.mock")


def awaited_attribute(facts: Facts, call: CallSite, reach: Reach) -> Iterator[Finding]:
    """``client.fetch()`` where `client` may be a mock: the attribute of the mock is awaited; so is a mock in a variable."""
    func = call.node.func
    if not isinstance(func, (ast.Attribute, ast.Name)):
        return
    nodes = [function_node(name) for name in sorted(call.targets)]
    if call.span in given_calls(facts):
        return  # whatever stands there is asked as it is
    if call.externals & _METHODS or (call.externals & FUNCTIONS and modules_handed(facts, call) is not None):
        nodes.append(site_node(call.span))
    if not nodes:
        return
    arriving = facts.values(call.span.path, func)
    called = sorted((v for v in arriving if _is_mock(v)), key=_made)
    if isinstance(func, ast.Name):
        yield from _awaited_argument(facts, call, reach, nodes, called)
        return
    if Unknown(TOO_MANY) in arriving:  # of many mocks the index drops some: those of which the tests name this part
        called += sorted((mock for mock in reach.named(func.attr) if mock not in called), key=_made)
    owners = [v for v in facts.values(call.span.path, func.value) if _is_mock(v)]
    own = {(v.site, v.path) for v in called}
    stored = any((owner.site, f"{owner.path}.{func.attr}") not in own for owner in owners)
    for value in called:
        if not value.path and not stored:
            if not _put_by_test(facts, value, func.attr):
                yield from _awaited_argument(facts, call, reach, nodes, [value])
            continue  # it took the place of a method of an object: a replacement, seen as such
        if value.site is not None and not reach.may_run(_user(facts, value.site), call.within):
            continue
        for node in nodes:
            yield Replaced(node, value.site or call.span)
            yield from _awaitable(facts, node, value, func.attr, call)


def _put_by_test(facts: Facts, mock: Instance, attribute: str) -> bool:
    """Whether a test puts the mock, or another one, at the attribute itself; else the program keeps there what it was given."""
    made = facts.project.call_at(mock.site) if mock.site is not None else None
    plain = made is not None and bool(made.externals) and made.externals <= MOCK_CLASSES
    return not plain or any(facts.in_test(path) for path, _ in facts.attribute_stores.get(attribute, ()))


def _awaited_argument(
    facts: Facts, call: CallSite, reach: Reach, nodes: list[str], mocks: list[Instance]
) -> Iterator[Finding]:
    """``save()`` where the parameter or variable `save` may be a mock that a test gives: the mock itself is awaited."""
    name = facts.text(call.span.path, call.node.func)
    for value in mocks:
        if value.site is None or value.path or not facts.in_test(value.site.path):
            continue
        if reach.may_run(_user(facts, value.site), call.within):
            for node in nodes:
                yield from _awaitable(facts, node, value, name, call)


def _is_mock(value: object) -> TypeGuard[Instance]:
    return isinstance(value, Instance) and value.type.startswith("unittest.mock.Mock")


def _made(mock: Instance) -> tuple[str, int, int, str]:
    """The same order in each run: values are kept in sets."""
    site = mock.site
    return (site.path, site.line, site.column, mock.path) if site is not None else ("", 0, 0, mock.path)


def _user(facts: Facts, site: Span) -> str:
    """The function that uses the mock made at `site`: the one around it, or the one it decorates."""
    node = facts.node(site, ast.Call)
    for info in facts.project.functions.values():
        if site in info.decorators:
            return info.name
    return facts.enclosing(site.path, node) if node is not None else ""


class Reach:
    """What a test may run, over calls as far as they are known, and over names where they are not."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._known: dict[str, frozenset[str]] = {}
        self._calls: dict[str, set[str]] = {}
        self._named: dict[str, list[Instance]] | None = None
        by_name: dict[str, set[str]] = {}
        functions = facts.project.functions
        for name in functions:
            by_name.setdefault(name.rpartition(".")[2], set()).add(name)
        for call in facts.project.calls:
            found = self._calls.setdefault(call.within, set())
            found |= call.targets
            func = call.node.func
            if call.unresolved and isinstance(func, ast.Attribute):
                found |= by_name.get(func.attr, set())
        for implicit in facts.project.implicit_calls:
            self._calls.setdefault(implicit.within, set()).add(implicit.target)
        for use in facts.project.uses:
            self._calls.setdefault(use.within, set()).add(use.function)

    def named(self, attribute: str) -> list[Instance]:
        """The parts of mocks that the tests name under this attribute: ``client.fetch.return_value``."""
        if self._named is None:
            self._named = {}
            for value, places in self._facts.instances.items():
                real = value.path and not _RECORDS.intersection(value.path.split("."))
                if _is_mock(value) and real and any(self._facts.in_test(path) for path, _ in places):
                    self._named.setdefault(value.path.rpartition(".")[2], []).append(value)
        return self._named.get(attribute, [])

    def may_run(self, start: str, target: str) -> bool:
        """Whether what `start` (a test, or the set-up of a class of tests) makes may be met when `target` runs."""
        starts = self._starts(start)
        return starts is None or any(target in self._from(name) for name in starts)

    def _starts(self, start: str) -> set[str] | None:
        """The tests that may use what is made in `start`; None if any may."""
        project = self._facts.project
        info = project.functions.get(start)
        if info is None or info.kind is not Kind.FUNCTION:
            return None
        if start.rpartition(".")[2].startswith("test"):
            return {start}
        if info.cls is None or start.rpartition(".")[2] != "setUp":
            return None
        family = [cls for cls in project.classes.values() if info.cls in cls.mro]
        return {name for cls in family for own in cls.mro for name in project.classes[own].methods.values()}

    def _from(self, start: str) -> frozenset[str]:
        if start not in self._known:
            seen, todo = {start}, [start]
            while todo:
                for name in self._calls.get(todo.pop(), ()):
                    if name not in seen:
                        seen.add(name)
                        todo.append(name)
            self._known[start] = frozenset(seen)
        return self._known[start]


def _awaitable(facts: Facts, node: str, mock: Instance, name: str, call: CallSite) -> Iterator[Finding]:
    site = facts.project.call_at(mock.site) if mock.site is not None else None
    text = f".{name}() of a mock is awaited at {call.span}"
    blocks = node == site_node(call.span)  # else it is a function, which stays what it is
    within = call.within if blocks else None
    if mock.site is None or site is None:
        yield Block(node, refuse_double(mock.site or call.span, text), ID, within, blocks)
        return
    if mock.path:
        edits = awaited_part(facts, mock.site, mock.path, text)
    else:
        edits = None if called_directly(facts, mock) else awaited_mock(facts, mock.site, text)
    if edits is None:
        yield Block(node, refuse_double(mock.site, text), ID, within, blocks)
    elif edits:
        yield Companion(node, edits)


def called_directly(facts: Facts, mock: Instance) -> bool:
    """Whether a test calls the mock itself, so that it must stay what it is; or the program does, and calls nothing else there."""
    for path, expression in facts.instances.get(mock, ()):
        parent = facts.parent(path, expression)
        if isinstance(parent, ast.Call) and parent.func is expression and isinstance(expression, ast.Name):
            call = facts.project.call_at(facts.span(path, parent))
            if facts.in_test(path) or call is None or not (call.targets or call.externals & _METHODS):
                return True
    return False


def awaited_mock(facts: Facts, site: Span, text: str) -> tuple[Edit, ...] | None:
    """The edits that make an AsyncMock of the mock made at `site`, whose results are what they were.

    None where something else than a plain mock is made there; nothing where it is an AsyncMock.
    """
    call, made = facts.project.call_at(site), facts.node(site, ast.Call)
    if call is None or made is None or not call.externals <= MOCK_CLASSES | {ASYNC_MOCK}:
        return None
    if call.externals == {ASYNC_MOCK}:
        return ()
    keywords = {keyword.arg for keyword in made.keywords}
    if made.args or keywords & {"spec", "spec_set", "wraps", None}:
        return None
    reason = Reason(text, site)
    prefix, imports = mock_names(facts, site.path, made.func, ("AsyncMock",), reason)
    edits: list[Edit] = [ReplaceExpr(call.func, f"{prefix}AsyncMock", reason), *imports]
    if not keywords & ANSWERS and not answers_set(facts, site.path, made):
        prefix, more = mock_names(facts, site.path, made.func, ("MagicMock",), reason)
        edits += [SetArguments(site, reason, {"return_value": f"{prefix}MagicMock()"}), *more]
    return tuple(edits)


def awaited_part(facts: Facts, site: Span, path: str, text: str) -> tuple[Edit, ...] | None:
    """The edits after which the part at `path` (``.get_session().get``) of the mock made at `site` can be awaited.

    None where that cannot be said where the mock is made; nothing where the mock is made after a class whose coroutine
    functions become AsyncMocks by themselves.
    """
    made, call = facts.node(site, ast.Call), facts.project.call_at(site)
    if made is None or call is None:
        return None
    if path.endswith("()") and path.count("()") > 2:
        return ()  # the index gives up to tell results of results apart
    own = bool(call.externals) and call.externals <= MOCK_CLASSES
    keywords = _keywords(facts, site.path, made)
    steps = _steps(path)
    specified = keywords & ({"spec", "spec_set"} if own else {"spec", "spec_set", "autospec"}) or (made.args and own)
    if specified and not (own and _like_a_session(facts, site.path, made)):
        return () if "." not in steps else None
    if not (own or (call.externals & (PATCHES | PATCH_OBJECTS) and makes_mock(made, call.externals))):
        return None
    parts = steps.split(".")
    above = {".".join(parts[: end + 1]) for end in range(len(parts))}
    taken = keywords & {None, "wraps", "new_callable"} or keywords & above
    if taken or any((keyword or "").startswith(f"{parts[0]}.") for keyword in keywords if "." in steps):
        return None
    if "." in steps and (parts[0] == "side_effect" or _put_there(facts, site, above - {steps})):
        return None
    reason = Reason(text, site)
    prefix, imports = mock_names(facts, site.path, made.func, ("AsyncMock", "MagicMock"), reason)
    value = f"{prefix}AsyncMock(return_value={prefix}MagicMock())"
    return (SetArguments(site, reason, {f"**{steps}" if "." in steps else steps: value}), *imports)


def _like_a_session(facts: Facts, path: str, made: ast.Call) -> bool:
    """Whether the mock is made after requests' own class of sessions, whose verbs are no coroutine functions."""
    specs = [*made.args[:1], *(k.value for k in made.keywords if k.arg in ("spec", "spec_set"))]
    values = {value for spec in specs for value in facts.values(path, spec)}
    return bool(values) and all(isinstance(value, External) and value.name in SESSIONS for value in values)


def _keywords(facts: Facts, path: str, call: ast.Call) -> set[str | None]:
    """The names of the keywords of a call, with those of ``**`` where the dictionary is written in sight; else None for these."""
    out: set[str | None] = set()
    for keyword in call.keywords:
        literals = _dictionaries(facts, path, keyword.value) if keyword.arg is None else []
        keys = [key for literal in literals for key in literal.keys]
        if keyword.arg is not None or not keys:
            out.add(keyword.arg)
        else:
            out.update(str(key.value) if isinstance(key, ast.Constant) else None for key in keys)
    return out


def _dictionaries(facts: Facts, path: str, value: ast.expr) -> list[ast.Dict]:
    """The dictionaries that are written where `value` is unpacked, or in the only assignments of a variable used for that only."""
    if isinstance(value, ast.Dict):
        return [value]
    loads = local_loads(facts, path, value, bound_once=True)
    if loads is None or len(loads) != 1 or not isinstance(value, ast.Name):
        return []
    function = next(p for p in facts.parents(path, value) if isinstance(p, (ast.FunctionDef, ast.AsyncFunctionDef)))
    assigned = (node for node in ast.walk(function) if isinstance(node, ast.Assign))
    stored = [node.value for node in assigned if ast.unparse(node.targets[0]) == value.id]
    return [node for node in stored if isinstance(node, ast.Dict)]


def _steps(path: str) -> str:
    """The part of a mock as unittest.mock writes it: ``get_session.return_value.get`` for ``.get_session().get``."""
    return path.replace("()", ".return_value").removeprefix(".")


def _put_there(facts: Facts, site: Span, above: set[str]) -> bool:
    """Whether a test puts something of its own at one of these parts of the mock."""
    return any(
        facts.in_test(path)
        and any(
            _is_mock(value) and value.site == site and f"{_steps(value.path)}.{name}".removeprefix(".") in above
            for value in facts.values(path, node.value)
        )
        for name in {part.rpartition(".")[2] for part in above}
        for path, node in facts.attribute_stores.get(name, ())
    )


def makes_mock(call: ast.Call, externals: frozenset[str]) -> bool:
    """Whether a call of ``patch`` or ``patch.object`` makes the mock itself."""
    position = 1 if externals & PATCHES else 2
    return len(call.args) <= position and all(keyword.arg != "new" for keyword in call.keywords)


def answers_set(facts: Facts, path: str, call: ast.Call) -> bool:
    """Whether the test sets ``return_value`` or ``side_effect`` of the mock that the call makes."""
    return bool(_assigned_answers(facts, path, call))


def given_answers(facts: Facts, path: str, call: ast.Call) -> list[ast.expr]:
    """What the test lets the mock give that the call makes: as an argument, or assigned to it."""
    return [k.value for k in call.keywords if k.arg in ANSWERS] + _assigned_answers(facts, path, call)


def _assigned_answers(facts: Facts, path: str, call: ast.Call) -> list[ast.expr]:
    name, scope = _bound_to(facts, path, call)
    if name is None or scope is None:
        return []
    return [
        statement.value
        for statement in ast.walk(scope)
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Attribute) and target.attr in ANSWERS and ast.unparse(target.value) == name
    ]


def _bound_to(facts: Facts, path: str, call: ast.Call) -> tuple[str | None, ast.AST | None]:
    """The text by which a test speaks of the mock, and the function (or module) in which it does."""
    parent = facts.parent(path, call)
    scope = next(
        (p for p in facts.parents(path, call) if isinstance(p, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module))),
        None,
    )
    if isinstance(parent, ast.Assign):
        return ast.unparse(parent.targets[0]), scope
    if isinstance(parent, ast.withitem):
        return (ast.unparse(parent.optional_vars) if parent.optional_vars is not None else None), scope
    if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)) and call in parent.decorator_list:
        patches = [d for d in parent.decorator_list if isinstance(d, ast.Call) and _gives_mock(facts, path, d)]
        arguments = [a.arg for a in parent.args.args if a.arg not in ("self", "cls")]
        position = len(patches) - 1 - patches.index(call) if call in patches else -1
        if 0 <= position < len(arguments):
            return arguments[position], parent
    return None, None


def _gives_mock(facts: Facts, path: str, decorator: ast.Call) -> bool:
    """Whether the decorator hands a mock to the function."""
    site = facts.project.call_at(facts.span(path, decorator))
    names = site.externals if site is not None else frozenset()
    return bool(names & (PATCHES | PATCH_OBJECTS)) and makes_mock(decorator, names)
