"""Walking syntax trees, several times faster than :func:`ast.walk` does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

MARKS: Final = (ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)
"""Classes of nodes that are shared between places, and have none themselves."""

NODES: Final = frozenset(
    kind
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST) and not issubclass(kind, MARKS)
)
"""The classes of all other nodes."""


def walk(top: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it but marks (``Load``, ``Add`` …), level by level: the order of :func:`ast.walk`."""
    todo = [top]
    append = todo.append
    for node in todo:  # grows meanwhile
        yield node
        for value in node.__dict__.values():
            kind = value.__class__
            if kind is list:
                for item in value:
                    if item.__class__ in NODES:
                        append(item)
            elif kind in NODES:
                append(value)


def children(node: ast.AST) -> Iterator[ast.AST]:
    """What stands directly below the node, without marks, in the order of :func:`ast.iter_child_nodes`."""
    for value in node.__dict__.values():
        kind = value.__class__
        if kind is list:
            for item in value:
                if item.__class__ in NODES:
                    yield item
        elif kind in NODES:
            yield value
