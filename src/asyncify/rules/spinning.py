"""Loops that ask again and again without ever waiting: in a coroutine they would keep everybody else from running."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from asyncify.model import Reason, Refusal
from asyncify.rules.base import RefusalCode
from asyncify.rules.facts import Facts
from asyncify.rules.objects import Family

BUSY_WAIT = RefusalCode(
    "busy-wait",
    "The loop asks again and again without waiting; in a coroutine nobody else would run.",
    "Wait in the loop: get() with a timeout, wait() of an Event, or time.sleep().",
)

_SLEEPS = frozenset(["time.sleep", "input", "builtins.input", "concurrent.futures.wait"])
_LIBRARIES = ("requests.", "subprocess.", "socket.", "urllib.")
_MODULES = ("threading.", "queue.", "concurrent.futures.")
_METHODS = frozenset(["get", "put", "join", "wait", "wait_for", "acquire", "result", "start"])
# What takes a step where it succeeds, and raises where it does not.
_STEPS = frozenset(["get_nowait", "put_nowait"])


def waits(name: str) -> bool:
    """Whether an external call of that name waits for something, or for others."""
    if name in _SLEEPS or name.startswith(_LIBRARIES):
        return True
    return name.startswith(_MODULES) and name.rpartition(".")[2] in _METHODS


def _waiting_functions(facts: Facts) -> frozenset[str]:
    """Functions of the project in which something waits, in themselves or in what they call."""
    callers: dict[str, set[str]] = {}
    found: set[str] = set()
    for call in facts.project.calls:
        if any(waits(name) for name in call.externals):
            found.add(call.within)
        for target in call.targets:
            callers.setdefault(target, set()).add(call.within)
    todo = list(found)
    while todo:
        for caller in callers.get(todo.pop(), ()):
            if caller not in found:
                found.add(caller)
                todo.append(caller)
    return frozenset(found)


def spinning(family: Family, polls: frozenset[str], attributes: frozenset[str] = frozenset()) -> None:
    """Keep the objects of the family of which a loop asks one of `polls` in a way that may never wait.

    `polls` are methods; `attributes` say something about the object without a call.
    """
    facts = family.facts
    asked: list[tuple[str, ast.expr, frozenset[str]]] = []
    for kind in family.kinds:
        for method in polls:
            for call in facts.calls_by_external.get(f"{kind}.{method}", ()):
                node = facts.node(call.span, ast.Call)
                func = facts.node(call.func, ast.Attribute)
                nodes = family.nodes_at(call.span.path, func.value) if func is not None else frozenset()
                if node is not None and nodes:
                    asked.append((call.span.path, node, nodes))
    for found, (_, places) in family.found.items() if attributes else ():
        for path, place in places:
            read = facts.parent(path, place)
            if isinstance(read, ast.Attribute) and read.value is place and read.attr in attributes:
                asked.append((path, read, frozenset({found})))
    waiting: frozenset[str] | None = None
    for path, asking, nodes in asked:
        for parent in facts.ancestors_in_function(path, asking):
            if not isinstance(parent, ast.While):
                continue
            waiting = _waiting_functions(facts) if waiting is None else waiting
            if _Turn(facts, path, waiting).may_spin(parent):
                span = facts.span(path, parent)
                reason = Reason(BUSY_WAIT.title, span)
                family.keep(nodes, Refusal(BUSY_WAIT.code, span, BUSY_WAIT.title, BUSY_WAIT.remedy, reason))


class _Turn:
    """How a turn of a loop can be gone through without waiting: the ways on, "next" and "again"."""

    def __init__(self, facts: Facts, path: str, waiting: frozenset[str]) -> None:
        self.facts = facts
        self.path = path
        self.waiting = waiting

    def may_spin(self, loop: ast.While) -> bool:
        """Whether a turn of the loop can be made in which nothing waits and nothing is taken."""
        return not self.acts(loop.test) and bool(self.block(loop.body))

    def block(self, statements: Sequence[ast.stmt]) -> set[str]:
        """The ways through a block."""
        ways: set[str] = set()
        for statement in statements:
            own = self._statement(statement)
            ways |= own - {"next"}
            if "next" not in own:
                return ways
        return ways | {"next"}

    def acts(self, node: ast.AST) -> bool:
        """Whether evaluating the node waits, or takes a step."""
        return any(isinstance(part, ast.Call) and self._call(part) for part in _within([node]))

    def _call(self, node: ast.Call) -> bool:
        call = self.facts.project.call_at(self.facts.span(self.path, node))
        if call is None:
            return False
        if call.targets & self.waiting:
            return True
        return any(waits(name) or name.rpartition(".")[2] in _STEPS for name in call.externals)

    def _statement(self, statement: ast.stmt) -> set[str]:
        match statement:
            case ast.Continue():
                return {"again"}
            case ast.Break() | ast.Return() | ast.Raise():
                return set()
            case ast.If():
                return set() if self.acts(statement.test) else self.block(statement.body) | self.block(statement.orelse)
            case ast.With() | ast.AsyncWith():
                return set() if any(self.acts(i) for i in statement.items) else self.block(statement.body)
            case ast.While():
                endless = isinstance(statement.test, ast.Constant) and statement.test.value
                leaves = any(isinstance(n, ast.Break) for n in _within(statement.body))
                return set() if self.acts(statement.test) or (endless and not leaves) else {"next"}
            case ast.For():
                return set() if self.acts(statement.iter) else self.block(statement.body) and {"next"}
            case ast.Try():
                return self._try(statement)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return {"next"}
        return set() if self.acts(statement) else {"next"}

    def _try(self, statement: ast.Try) -> set[str]:
        if any(self.acts(part) for part in statement.finalbody):
            return set()
        ways = self.block(statement.body)
        if "next" in ways:
            ways = ways - {"next"} | self.block(statement.orelse)
        if any(isinstance(part, ast.Call) and self._may_refuse(part) for part in _within(statement.body)):
            for handler in statement.handlers:
                ways |= self.block(handler.body)
        return ways

    def _may_refuse(self, node: ast.Call) -> bool:
        """Whether the call raises at once where there is nothing to take."""
        func = node.func
        if not isinstance(func, ast.Attribute):
            return False
        block = next((k.value for k in node.keywords if k.arg == "block"), None)
        if block is None and func.attr == "get" and node.args:
            block = node.args[0]
        return func.attr in _STEPS or (isinstance(block, ast.Constant) and not block.value)


def _within(nodes: Iterable[ast.AST]) -> Iterable[ast.AST]:
    """The nodes and all below, without functions and classes defined in them."""
    todo = list(nodes)
    while todo:
        node = todo.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
                todo.append(child)
