"""Which module-level names a statement binds and which it reads: enough of Python's scoping for `emit`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def bound_by(statement: ast.stmt) -> frozenset[str]:
    """The names a top-level statement binds."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return frozenset({statement.name})
    return frozenset(_stored(statement))


def globals_read(statement: ast.stmt) -> frozenset[str]:
    """The names that `statement` reads from outside itself, builtins included, annotations too."""
    return frozenset(_read(statement, frozenset()))


def _read(node: ast.AST, local: frozenset[str]) -> Iterator[str]:
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load) and node.id not in local:
            yield node.id
    elif isinstance(node, _Function):
        inner = local | _locals_of(node)
        body = node.body if isinstance(node.body, list) else [node.body]
        for child in ast.iter_child_nodes(node):
            yield from _read(child, inner if child in body else local)
    elif isinstance(node, _Comprehension):
        yield from _children(node, local | {name for loop in node.generators for name in _stored(loop.target)})
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cast":
        target = node.args[0]  # a type, perhaps quoted
        if isinstance(target, ast.Constant):
            yield from _read(ast.parse(str(target.value), mode="eval").body, local)
        yield from _children(node, local)
    else:
        yield from _children(node, local)


def _children(node: ast.AST, local: frozenset[str]) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        yield from _read(child, local)


def _locals_of(function: _Function) -> frozenset[str]:
    arguments = function.args
    names = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    names |= {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}
    if isinstance(function.body, list):
        outer: set[str] = set()
        for statement in function.body:
            names |= set(_stored(statement, outer))
        names -= outer
    return frozenset(names)


def _stored(node: ast.AST, outer: set[str] | None = None) -> Iterator[str]:
    """Names stored in `node` but not in scopes nested in it; those declared global are added to `outer`."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        yield node.id
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
        return
    elif isinstance(node, ast.Lambda | _Comprehension):
        return
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, ast.Global) and outer is not None:
        outer.update(node.names)
    for child in ast.iter_child_nodes(node):
        yield from _stored(child, outer)
