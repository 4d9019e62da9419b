"""Tests must not vanish, and must not become tests that cannot fail."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from asyncify.check.functions import decorators, foreign_decorators
from asyncify.check.infer import Evaluator
from asyncify.check.report import Examination
from asyncify.check.tables import words
from asyncify.check.tree import Class, Function, Module, last_name

_AUTO = re.compile(rb"asyncio[_-]mode\s*=\s*[\"']?auto|anyio_mode\s*=\s*[\"']?auto|pytest-(twisted|trio|aiohttp)")
_HOOK = re.compile(rb"pytest_pyfunc_call|pytest_collection_modifyitems|pytest_plugins")
_MARKS = frozenset({"asyncio", "anyio", "trio", "twisted", "tornado", "gen_test", "inlineCallbacks", "async_test"})
_NEUTRAL = words(
    "parametrize skip skipif skipIf skipUnless xfail usefixtures filterwarnings timeout patch object dict fixture "
    "expectedFailure flaky"
)
# Decorators of a class from outside that leave its tests alone, or follow coroutine functions; by how they start.
_FOLLOWING = (
    *(
        "pytest.",
        "unittest.",
        "mock.",
        "freezegun.",
        "dataclasses.",
        "attr.",
        "attrs.",
        "enum.",
        "typing.",
        "functools.",
    ),
    *("parameterized.parameterized_class", "django.test."),
)
_SETUP = frozenset({"setUp", "tearDown", "setUpClass", "tearDownClass", "setUpModule", "tearDownModule"})
_ASYNC_CASES = (
    "IsolatedAsyncioTestCase",
    "AsyncHTTPTestCase",
    "AsyncTestCase",
    "AioHTTPTestCase",
    "asynctest.TestCase",
)


def is_test_file(path: str) -> bool:
    """Whether pytest or unittest would collect the file by its name."""
    name = path.rpartition("/")[2]
    return (name.startswith("test") and name.endswith(".py")) or name.endswith("_test.py")


def count(module: Module, evaluator: Evaluator) -> tuple[int, int]:
    """The number of test functions and of assertions in a module."""
    tests = sum(_is_test(f, module, evaluator) for f in module.functions.values())
    asserts = sum(
        isinstance(n, ast.Assert) or (isinstance(n, ast.Call) and last_name(n.func).startswith("assert"))
        for n in module.nodes
    )
    return tests, asserts


def _is_test(function: Function, module: Module, evaluator: Evaluator) -> bool:
    if not function.name.startswith("test"):
        return False
    if function.owner is None:
        return is_test_file(module.path) and module.scope_of[function.node] is module.root
    if _unittest(function.owner, evaluator) is not None:
        return True
    return is_test_file(module.path) and function.owner.name.startswith("Test")


def _unittest(info: Class, evaluator: Evaluator) -> str | None:
    """The kind of test case a class is, by its external base class; None if it is none."""
    names, _ = evaluator.foreign_bases(info)
    cases = [n for n in names if n.endswith("TestCase")]
    for name in cases:
        if name.endswith(_ASYNC_CASES) or name.startswith("django."):
            return name
    return cases[0] if cases else None


class TestCheck:
    """Examines the tests of one module. ``config`` holds the project's configuration files by path."""

    __test__ = False

    def __init__(self, exam: Examination, module: Module, config: Mapping[str, bytes]) -> None:
        self.exam = exam
        self.module = module
        self.evaluator = exam.evaluator
        self.config = config

    def run(self) -> None:
        """Report tests and fixtures that nothing awaits."""
        for function in self.module.functions.values():
            if function.is_async:
                self._function(function)

    def _report(self, code: str, function: Function, message: str) -> None:
        self.exam.report(code, self.module, function.node, function.name, message)

    def _function(self, function: Function) -> None:
        case = _unittest(function.owner, self.evaluator) if function.owner is not None else None
        if case is not None:
            wrapped = {last_name(d.func if isinstance(d, ast.Call) else d) for d in function.node.decorator_list}
            if function.name in _SETUP:
                text = f"`{function.name}` is async, but `{case}` calls it synchronously"
                self._report("async-setup", function, text)
            elif (
                function.name.startswith("test")
                and not case.endswith(_ASYNC_CASES)
                and not case.startswith("django.")
                and wrapped <= _NEUTRAL
            ):
                text = f"`{function.name}` is async, but `{case}` never awaits it: it cannot fail"
                self._report("hollow-test", function, text)
            elif function.name.startswith("test"):
                self._wrapped_by_class(function)
            return
        name = self.module.path.rpartition("/")[2]
        self._wrapped_by_class(function)
        is_fixture = any("fixture" in n.rpartition(".")[2] for n in decorators(self.evaluator, function))
        if not (
            _is_test(function, self.module, self.evaluator) or (is_fixture and name.startswith(("test", "conftest")))
        ):
            return
        if not self._marked(function) and not self._configured():
            what = "fixture" if is_fixture else "test"
            text = f"the {what} `{function.name}` is async, but no marker or plugin makes pytest await it"
            self._report("unmarked-async-test", function, text)

    def _wrapped_by_class(self, function: Function) -> None:
        """A decorator of the class may put a wrapper around each test that hands its coroutine to nobody."""
        if function.owner is None or not _is_test(function, self.module, self.evaluator):
            return
        for name in foreign_decorators(self.evaluator, function.owner):
            if not name.startswith(_FOLLOWING):
                text = f"`{function.name}` is async, but `{name}` around its class may call it without await"
                self._report("hollow-test", function, text)

    def _marked(self, function: Function) -> bool:
        decorators = [*function.node.decorator_list, *(function.owner.node.decorator_list if function.owner else [])]
        for decorator in decorators:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            text = ast.unparse(called)
            if last_name(called) not in _NEUTRAL or text.startswith("pytest_asyncio"):
                return True  # a marker, or something that may well run coroutines itself
        scopes = [self.module.root, *([function.owner.scope] if function.owner else [])]
        for scope in scopes:
            for binding in scope.bindings.get("pytestmark", []):
                if binding.expr is not None and any(m in ast.unparse(binding.expr) for m in _MARKS):
                    return True
        return False

    def _configured(self) -> bool:
        if any(_AUTO.search(data) for data in self.config.values()):
            return True
        hooks = [d for p, d in self.exam.tree.files.items() if p.endswith("conftest.py")]
        return any(_HOOK.search(data) and re.search(rb"asyncio|anyio|trio|iscoroutine", data) for data in hooks)
