"""Scopes: which names each one binds, and which names each loop and ``try`` rebinds.

One pass over the statements of a file; expressions are entered only for assignment expressions, and only in files
that have any.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from asyncify.index.syntax import walk

_FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


class Scope:
    """A module, class, function, lambda or comprehension.

    ``shared`` are names of this scope that inner scopes rebind (``global``, ``nonlocal``): for those the order of
    statements says nothing. ``definitions`` collects the variables a name is bound to, ``cells`` the variable that
    stands for all of them.
    """

    __slots__ = (
        "bound", "cells", "definitions", "free_globals", "kind", "nonlocals", "outer_env", "parent", "qualname",
        "shared",
    )  # fmt: skip

    def __init__(self, kind: str, parent: Scope | None, qualname: str) -> None:
        self.kind = kind
        self.parent = parent
        self.qualname = qualname
        self.bound: set[str] = set()
        self.free_globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.shared: set[str] = set()
        self.definitions: dict[str, list[int]] = {}
        self.cells: dict[str, int] = {}
        self.outer_env: dict[str, int] | None = None

    def owner(self, name: str) -> Scope | None:
        """The enclosing scope (class scopes left out) that binds the name, for a use within this one."""
        scope = self.parent
        while scope is not None:
            if scope.kind != "class":
                if name in scope.free_globals:
                    return scope.module()
                if name in scope.bound and name not in scope.nonlocals:
                    return scope
            scope = scope.parent
        return None

    def module(self) -> Scope:
        """The module's scope."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope


class ScopeScan:
    """The scopes of a file by their nodes, and the names rebound in each loop and ``try``."""

    def __init__(self, tree: ast.Module, module: str, text: str) -> None:
        self.walrus = ":=" in text
        self.scopes: dict[ast.AST, Scope] = {}
        self.rebound: dict[ast.AST, frozenset[str]] = {}
        self.tried: dict[ast.AST, frozenset[str]] = {}
        self._names: set[str] = set()
        self.root = Scope("module", None, module)
        self.scopes[tree] = self.root
        self._body(tree.body, self.root)
        self._share()

    def _body(self, body: Iterable[ast.stmt], scope: Scope) -> None:
        names = self._block(body, scope)
        scope.bound |= names - scope.free_globals - scope.nonlocals

    def _share(self) -> None:
        for scope in self.scopes.values():
            for name in scope.free_globals:
                self.root.bound.add(name)
                self.root.shared.add(name)
            for name in scope.nonlocals:
                owner = scope.owner(name)
                if owner is not None:
                    owner.shared.add(name)

    def qualify(self, scope: Scope, name: str) -> str:
        """A dotted name within `scope` that no other definition of the file has."""
        separator = "." if scope.kind in ("module", "class") else ".<locals>."
        full = base = f"{scope.qualname}{separator}{name}"
        count = 1
        while full in self._names:
            count += 1
            full = f"{base}#{count}"
        self._names.add(full)
        return full

    def _block(self, body: Iterable[ast.stmt], scope: Scope) -> set[str]:
        names: set[str] = set()
        for node in body:
            handler = _HANDLERS.get(node.__class__)
            if handler is not None:
                handler(self, node, scope, names)
            if self.walrus and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                names.update(n.target.id for n in walk(node) if isinstance(n, ast.NamedExpr))
        return names

    def _def(self, node: _FunctionNode, scope: Scope, names: set[str]) -> None:
        names.add(node.name)
        inner = Scope("function", scope, self.qualify(scope, node.name))
        self.scopes[node] = inner
        inner.bound.update(argument_names(node.args))
        self._body(node.body, inner)

    def _class(self, node: ast.ClassDef, scope: Scope, names: set[str]) -> None:
        names.add(node.name)
        inner = Scope("class", scope, self.qualify(scope, node.name))
        self.scopes[node] = inner
        self._body(node.body, inner)

    def _assign(self, node: ast.Assign, scope: Scope, names: set[str]) -> None:
        for target in node.targets:
            target_names(target, names)

    def _target(self, node: ast.AugAssign | ast.AnnAssign, scope: Scope, names: set[str]) -> None:
        target_names(node.target, names)

    def _delete(self, node: ast.Delete, scope: Scope, names: set[str]) -> None:
        for target in node.targets:
            target_names(target, names)

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope, names: set[str]) -> None:
        for alias in node.names:
            if alias.name != "*":
                names.add(alias.asname or alias.name.partition(".")[0])

    def _if(self, node: ast.If, scope: Scope, names: set[str]) -> None:
        names |= self._block(node.body, scope)
        names |= self._block(node.orelse, scope)

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, scope: Scope, names: set[str]) -> None:
        inner = self._block(node.body, scope)
        if not isinstance(node, ast.While):
            target_names(node.target, inner)
        elif self.walrus:
            inner.update(n.target.id for n in ast.walk(node.test) if isinstance(n, ast.NamedExpr))
        self.rebound[node] = frozenset(inner)
        names |= inner
        names |= self._block(node.orelse, scope)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope, names: set[str]) -> None:
        for item in node.items:
            if item.optional_vars is not None:
                target_names(item.optional_vars, names)
        names |= self._block(node.body, scope)

    def _try(self, node: ast.Try | ast.TryStar, scope: Scope, names: set[str]) -> None:
        body = self._block(node.body, scope)
        self.tried[node] = frozenset(body)
        inner = body | self._block(node.orelse, scope)
        for handler in node.handlers:
            inner |= self._block(handler.body, scope)
            if handler.name:
                inner.add(handler.name)
        self.rebound[node] = frozenset(inner)
        names |= inner
        names |= self._block(node.finalbody, scope)

    def _match(self, node: ast.Match, scope: Scope, names: set[str]) -> None:
        for case in node.cases:
            for pattern in ast.walk(case.pattern):
                if isinstance(pattern, (ast.MatchAs, ast.MatchStar)) and pattern.name:
                    names.add(pattern.name)
                elif isinstance(pattern, ast.MatchMapping) and pattern.rest:
                    names.add(pattern.rest)
            names |= self._block(case.body, scope)

    def _global(self, node: ast.Global, scope: Scope, names: set[str]) -> None:
        scope.free_globals.update(node.names)

    def _nonlocal(self, node: ast.Nonlocal, scope: Scope, names: set[str]) -> None:
        scope.nonlocals.update(node.names)

    def _type_alias(self, node: ast.AST, scope: Scope, names: set[str]) -> None:
        target_names(node.name, names)  # type: ignore[attr-defined]


_HANDLERS: dict[type[ast.AST], Callable[..., None]] = {
    ast.FunctionDef: ScopeScan._def,
    ast.AsyncFunctionDef: ScopeScan._def,
    ast.ClassDef: ScopeScan._class,
    ast.Assign: ScopeScan._assign,
    ast.AugAssign: ScopeScan._target,
    ast.AnnAssign: ScopeScan._target,
    ast.Delete: ScopeScan._delete,
    ast.Import: ScopeScan._import,
    ast.ImportFrom: ScopeScan._import,
    ast.If: ScopeScan._if,
    ast.For: ScopeScan._loop,
    ast.AsyncFor: ScopeScan._loop,
    ast.While: ScopeScan._loop,
    ast.With: ScopeScan._with,
    ast.AsyncWith: ScopeScan._with,
    ast.Try: ScopeScan._try,
    ast.TryStar: ScopeScan._try,
    ast.Match: ScopeScan._match,
    ast.Global: ScopeScan._global,
    ast.Nonlocal: ScopeScan._nonlocal,
}
if hasattr(ast, "TypeAlias"):  # Python 3.12
    _HANDLERS[ast.TypeAlias] = ScopeScan._type_alias


def target_names(target: ast.expr, names: set[str]) -> None:
    """Add the names an assignment target binds."""
    if isinstance(target, ast.Name):
        names.add(target.id)
    elif isinstance(target, (ast.Tuple, ast.List)):
        for element in target.elts:
            target_names(element, names)
    elif isinstance(target, ast.Starred):
        target_names(target.value, names)


def argument_names(args: ast.arguments) -> Iterator[str]:
    """The names a signature binds."""
    for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs):
        yield arg.arg
    if args.vararg:
        yield args.vararg.arg
    if args.kwarg:
        yield args.kwarg.arg


def bound_for_sure(statement: ast.stmt) -> set[str]:
    """The names that a statement binds whenever it ends without an exception."""
    names: set[str] = set()
    match statement:
        case ast.Import() | ast.ImportFrom():
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in statement.names if alias.name != "*"}
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            names.add(statement.name)
        case ast.Assign():
            for target in statement.targets:
                target_names(target, names)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            names.add(name)
    return names
