"""Which bindings of a name may have given the value that a use of it reads.

Reaching definitions, for names that one function (or the top level of a module) binds and reads. Whatever is not told
apart for sure counts as reaching.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from asyncify.check.scopes import Binding, Scope
from asyncify.check.tree import Module

_LATER = (ast.GeneratorExp, ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SIMPLE = (ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def reaching(node: ast.Name, home: Scope, module: Module) -> Sequence[Binding]:
    """The bindings of `node`, a name that `home` binds, whose value it may have."""
    bindings = home.bindings.get(node.id, [])
    if len(bindings) < 2 or isinstance(home.node, ast.ClassDef) or (home.parent is None and module.stars):
        return bindings
    if not _in_turn(node, home, bindings, module):
        return bindings
    by_owner: dict[ast.AST, list[Binding]] = {}
    for binding in bindings:
        by_owner.setdefault(_owner(binding, module), []).append(binding)
    found = _Walk(by_owner, home, module).back_from(node)
    return [b for b in bindings if b in found or b.kind == "annotation"] if found else bindings


def _in_turn(node: ast.Name, home: Scope, bindings: Sequence[Binding], module: Module) -> bool:
    """Whether `node` is read where it stands, and no other scope binds the name."""
    scope = module.scope_of.get(node)
    while scope is not None and scope is not home:
        if isinstance(scope.node, _LATER):
            return False
        scope = scope.parent
    return scope is home and all(module.scope_of.get(b.node) is home for b in bindings if b.kind != "param")


def _owner(binding: Binding, module: Module) -> ast.AST:
    """The statement (or clause of one) that binds."""
    return module.parents[binding.node] if isinstance(binding.node, ast.alias) else binding.node


class _Walk:
    """Goes back from a use, statement by statement, and collects what it meets."""

    def __init__(self, by_owner: dict[ast.AST, list[Binding]], home: Scope, module: Module) -> None:
        self._by_owner = by_owner
        self._home = home
        self._module = module
        self._found: list[Binding] = []

    def back_from(self, node: ast.AST) -> list[Binding]:
        """All that reaches `node`."""
        child, parent = node, self._module.parents.get(node)
        while parent is not None:
            if isinstance(child, ast.stmt) and self._before(child, parent):
                return self._found
            if parent is self._home.node:
                break
            if self._around(child, parent):
                return self._found
            child, parent = parent, self._module.parents.get(parent)
        return [*self._found, *(b for b in self._all() if b.kind == "param")]

    def _before(self, statement: ast.stmt, parent: ast.AST) -> bool:
        """Take what the statements before `statement` in its block bind; whether one of them binds for sure."""
        block = next((b for b in _blocks(parent) if statement in b), [])
        for earlier in reversed(block[: block.index(statement)] if block else []):
            bare = isinstance(earlier, ast.AnnAssign) and earlier.value is None
            if isinstance(earlier, _SIMPLE) and not bare and earlier in self._by_owner:
                self._found += self._by_owner[earlier]
                return True
            self._within(earlier)
        return False

    def _around(self, child: ast.AST, parent: ast.AST) -> bool:
        """The same for what is around `child`: what of it may run before `child`."""
        match parent:
            case ast.With() | ast.AsyncWith() | ast.For() | ast.AsyncFor():
                if child in parent.body and parent in self._by_owner:
                    self._found += self._by_owner[parent]
                    return True
                self._within(parent)
            case ast.If():
                self._within(parent.test)
            case ast.stmt() if not hasattr(parent, "body") and not isinstance(parent, ast.Match):
                for part in ast.iter_child_nodes(parent):  # its own binding comes after
                    self._within(part)
            case _:
                self._within(parent)
        return False

    def _within(self, node: ast.AST) -> None:
        """Take all that is bound in `node`. Nodes without a place are parts of one that has one."""
        if not isinstance(node, (ast.stmt, ast.expr, ast.ExceptHandler)):
            return
        start, end = _place(node)
        for owner, bindings in self._by_owner.items():
            if start <= _place(owner)[0] < end:
                self._found += bindings

    def _all(self) -> Iterator[Binding]:
        for bindings in self._by_owner.values():
            yield from bindings


def _blocks(parent: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(parent, name, None)
        if isinstance(block, list):
            yield block


def _place(node: ast.AST) -> tuple[tuple[int, int], tuple[int, int]]:
    start = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
    return start, (getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0))
