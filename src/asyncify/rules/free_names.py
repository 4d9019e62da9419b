"""Names that mean nothing yet where a rewrite needs a new one."""

from __future__ import annotations

import ast
import builtins
import keyword
from collections.abc import Iterator, Set
from itertools import chain, count

RESERVED = frozenset([*dir(builtins), *keyword.kwlist])


def bound(scope: ast.AST) -> Iterator[str]:
    """All names that mean something below a node, with repetitions."""
    for node in ast.walk(scope):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name
            case ast.alias():
                yield node.asname or node.name.partition(".")[0]
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                yield from names


def free(taken: Set[str], *wanted: str) -> str:
    """The first of the names that is not taken; else the last of them with the first number from 2 on that is free."""
    numbered = (f"{wanted[-1]}_{number}" for number in count(2))
    return next(name for name in chain(wanted, numbered) if name not in taken)


def unused_name(scope: ast.AST, *wanted: str) -> str:
    """A name for an item that means nothing below a node: one of the wanted ones, if any."""
    return free(frozenset(bound(scope)), *wanted, "item", "element", "one_item")
