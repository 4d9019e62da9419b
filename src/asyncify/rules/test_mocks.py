"""Mocks that reach the code under test: what they must give where the code awaits. Part of the rule test_frameworks."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeGuard

from asyncify.index.project import CallSite, Kind
from asyncify.index.values import External, Instance
from asyncify.model import AddImport, Edit, Reason, Refusal, SetArguments, Span
from asyncify.rules.base import Block, Companion, Finding, RefusalCode, Replaced, function_node, site_node
from asyncify.rules.facts import Facts

ID = "test_frameworks"
VERBS = frozenset("get post put patch delete head options request send".split())
MOCK_CLASSES = frozenset(
    f"unittest.mock.{name}" for name in ("Mock", "MagicMock", "NonCallableMock", "NonCallableMagicMock")
)
PATCHES = frozenset(["unittest.mock.patch", "pytest_mock.MockerFixture.patch"])
PATCHES_FROM = "unittest.mock"
PATCH_MULTIPLES = frozenset(["unittest.mock.patch.multiple", "pytest_mock.MockerFixture.patch.multiple"])
PATCH_OBJECTS = frozenset(["unittest.mock.patch.object", "pytest_mock.MockerFixture.patch.object"])
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
        if kinds and kinds <= {"unittest.mock", "mock", "mock.mock", "pytest_mock.MockerFixture"}:
            return f"{facts.text(path, root)}.", []
    span = facts.span(path, callee)
    return "", [AddImport(span, reason, "unittest.mock", name) for name in wanted]


def awaited_attribute(facts: Facts, call: CallSite, reach: Reach) -> Iterator[Finding]:
    """``client.fetch()`` where `client` may be a mock: the attribute of the mock is awaited."""
    func = facts.node(call.func, ast.Attribute)
    if func is None:
        return
    nodes = [function_node(name) for name in sorted(call.targets)]
    if call.externals & _METHODS:
        nodes.append(site_node(call.span))
    if not nodes:
        return
    called = [v for v in facts.values(call.span.path, func) if _is_mock(v)]
    owners = [v for v in facts.values(call.span.path, func.value) if _is_mock(v)]
    own = {(v.site, v.path) for v in called}
    stored = any((owner.site, f"{owner.path}.{func.attr}") not in own for owner in owners)
    for value in called:
        if not value.path and not stored:
            continue  # it took the place of a method of an object: a replacement, seen as such
        if value.site is not None and not reach.may_run(_user(facts, value.site), call.within):
            continue
        for node in nodes:
            yield Replaced(node, value.site or call.span)
            yield from _awaitable(facts, node, value, func.attr, call)


def _is_mock(value: object) -> TypeGuard[Instance]:
    return isinstance(value, Instance) and value.type.startswith("unittest.mock.Mock")


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
        by_name: dict[str, set[str]] = {}
        functions = facts.project.functions
        for name in functions:
            by_name.setdefault(name.rpartition(".")[2], set()).add(name)
        for call in facts.project.calls:
            found = self._calls.setdefault(call.within, set())
            found |= call.targets
            func = facts.node(call.func, ast.Attribute)
            if call.unresolved and func is not None:
                found |= by_name.get(func.attr, set())
        for implicit in facts.project.implicit_calls:
            self._calls.setdefault(implicit.within, set()).add(implicit.target)
        for use in facts.project.uses:
            self._calls.setdefault(use.within, set()).add(use.function)

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
    made = facts.node(mock.site, ast.Call) if mock.site is not None else None
    site = facts.project.call_at(mock.site) if mock.site is not None else None
    text = f".{name}() of a mock is awaited at {call.span}"
    blocks = node == site_node(call.span)  # else it is a function, which stays what it is
    within = call.within if blocks else None
    if mock.site is None or made is None or site is None or mock.path != f".{name}":
        yield Block(node, refuse_double(mock.site or call.span, text), ID, within, blocks)
        return
    keywords = {keyword.arg for keyword in made.keywords}
    patched = bool(site.externals & (PATCHES | PATCH_OBJECTS))
    if keywords & {"spec", "spec_set", "autospec"} or (made.args and site.externals <= MOCK_CLASSES):
        return  # made after the class: its coroutine functions are AsyncMocks
    clash = keywords & {None, name, "wraps", "new", "new_callable"} or any(
        (k or "").startswith(f"{name}.") for k in keywords
    )
    if clash or not (patched or site.externals <= MOCK_CLASSES):
        yield Block(node, refuse_double(mock.site, text), ID, within, blocks)
        return
    reason = Reason(text, mock.site)
    prefix, imports = mock_names(facts, mock.site.path, made.func, ("AsyncMock", "MagicMock"), reason)
    value = f"{prefix}AsyncMock(return_value={prefix}MagicMock())"
    yield Companion(node, (SetArguments(mock.site, reason, {name: value}), *imports))
