"""Where generators are suspended: what is left to do when one is dropped before its end, and which loops drop it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.project import FunctionInfo
from asyncify.model import Span
from asyncify.rules.facts import Facts
from asyncify.rules.iteration import EAGER

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def own_nodes(node: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of the function, those of functions and classes in it left out."""
    todo: list[ast.AST] = list(node.body)
    while todo:
        part = todo.pop()
        yield part
        if not isinstance(part, _SCOPES):
            todo += ast.iter_child_nodes(part)


def may_be_dropped(facts: Facts, path: str, parent: ast.AST | None) -> bool:
    """Whether what consumes a generator (the node around it) may drop it before its end: by stopping, or by an error."""
    match parent:
        case ast.Call():
            call = facts.project.call_at(facts.span(path, parent))
            return call is None or not call.externals <= EAGER or bool(parent.keywords) or bool(call.targets)
        case ast.comprehension():
            around = facts.parent(path, parent)
            calls = [node for node in ast.walk(around) if isinstance(node, ast.Call)] if around is not None else []
            return any(not _is_safe(facts, path, call) for call in calls if call is not parent.iter)
        case ast.Compare():
            return True
    return False


def outlives(facts: Facts, path: str, node: ast.expr, loop: ast.For) -> bool:
    """Whether the generator `node`, held by a name, may live on when the loop over it is left before its end.

    It does not where a `return` leaves the loop and ends the only function that has it, in a variable read nowhere else.
    """
    if isinstance(node, ast.Call):
        return False
    leaving = list(_leaving(loop.body, inner=False))
    if not leaving:
        return False
    around = next((p for p in facts.parents(path, node) if isinstance(p, _SCOPES)), None)
    if not isinstance(node, ast.Name) or not isinstance(around, ast.FunctionDef):
        return True
    if not all(isinstance(statement, ast.Return) for statement in leaving):
        return True
    arguments = {argument.arg for argument in ast.walk(around.args) if isinstance(argument, ast.arg)}
    reads = [part for part in ast.walk(around) if isinstance(part, ast.Name) and part.id == node.id]
    shared = any(isinstance(part, (ast.Global, ast.Nonlocal)) and node.id in part.names for part in ast.walk(around))
    return shared or node.id in arguments or sum(isinstance(part.ctx, ast.Load) for part in reads) != 1


def _leaving(body: list[ast.stmt], *, inner: bool) -> Iterator[ast.stmt]:
    """The statements that leave the loop with this body; of an `inner` loop only those that leave both."""
    for statement in body:
        if isinstance(statement, ast.Return) or (isinstance(statement, ast.Break) and not inner):
            yield statement
        if isinstance(statement, _SCOPES):
            continue
        loops = isinstance(statement, (ast.For, ast.While, ast.AsyncFor))
        for name in ("body", "orelse", "finalbody"):
            yield from _leaving(getattr(statement, name, []), inner=inner or (loops and name == "body"))
        for clause in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            yield from _leaving(clause.body, inner=inner)


def _is_safe(facts: Facts, path: str, node: ast.Call) -> bool:
    """Whether the call is one of a builtin."""
    call = facts.project.call_at(facts.span(path, node))
    if call is None or call.targets or call.unresolved or not call.externals:
        return False
    return all(name.startswith("builtins.") for name in call.externals)


def parts_with(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether the expression may be a synchronous generator of the project."""
    return bool(facts.generators.get((path, node)))


class CleanUp:
    """Which generators have something to do when they are closed before their end."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._known: dict[str, bool] = {}

    def of(self, info: FunctionInfo) -> bool:
        """Whether a clause of `info` still runs when it is closed at a ``yield``, or one of a generator it iterates."""
        if info.name not in self._known:
            self._known[info.name] = False  # what a cycle sees
            self._known[info.name] = self._search(info)
        return self._known[info.name]

    def _search(self, info: FunctionInfo) -> bool:
        node = self._facts.node(info.span, ast.FunctionDef)
        if node is None:
            return True
        for part in own_nodes(node):
            if isinstance(part, (ast.Yield, ast.YieldFrom)) and self._guarded(info.path, part):
                return True
        return False

    def _guarded(self, path: str, part: ast.Yield | ast.YieldFrom) -> bool:
        inner = [part.value] if isinstance(part, ast.YieldFrom) else []
        child: ast.AST = part
        for parent in self._facts.parents(path, part):
            if isinstance(parent, _SCOPES):
                break
            if isinstance(parent, (ast.Try, ast.With, ast.AsyncWith)):
                return True
            if isinstance(parent, ast.For) and child in parent.body:
                inner.append(parent.iter)
            child = parent
        return any(self._iterates_one(path, value) for value in inner)

    def _iterates_one(self, path: str, value: ast.expr) -> bool:
        sites: frozenset[Span] = self._facts.generators.get((path, value), frozenset())
        return any(info.span in sites and self.of(info) for info in self._facts.project.functions.values())
