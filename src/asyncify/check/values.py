"""The values an expression can have, as far as the check cares: a closed union."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from asyncify.check.tree import Class, Function, Module


@dataclass(frozen=True, slots=True)
class Func:
    """A function of the tree, perhaps bound."""

    info: Function


@dataclass(frozen=True, slots=True)
class Lambda:
    """A ``lambda`` of the tree."""

    node: ast.Lambda
    module: Module


@dataclass(frozen=True, slots=True)
class Cls:
    """A class of the tree."""

    info: Class


@dataclass(frozen=True, slots=True)
class Inst:
    """An instance of a class of the tree; ``after`` makes it a ``super()`` that starts behind that class."""

    info: Class
    after: Class | None = None


@dataclass(frozen=True, slots=True)
class Mod:
    """A module (its file) or namespace package (its folder) of the tree."""

    path: str


@dataclass(frozen=True, slots=True)
class Ext:
    """A module, class or function from outside; bound methods as ``package.Class.method``."""

    name: str


@dataclass(frozen=True, slots=True)
class ExtInst:
    """An instance of an external class."""

    type: str


@dataclass(frozen=True, slots=True)
class Items:
    """A container or iterator: what iterating and what subscripting gives."""

    items: frozenset[Value]
    values: frozenset[Value]
    is_async: bool = False


@dataclass(frozen=True, slots=True)
class Tup:
    """A tuple of known length."""

    elements: tuple[frozenset[Value], ...]


@dataclass(frozen=True, slots=True)
class Coro:
    """The un-awaited result of calling an async function of the tree."""

    info: Function
    result: frozenset[Value]


@dataclass(frozen=True, slots=True)
class Promise:
    """Some other awaitable, by the name of what gave it."""

    origin: str
    result: frozenset[Value]


@dataclass(frozen=True, slots=True)
class Context:
    """The result of a ``@contextmanager`` or ``@asynccontextmanager`` function of the tree."""

    info: Function
    is_async: bool
    result: frozenset[Value]


@dataclass(frozen=True, slots=True)
class ItemsMethod:
    """A method of a container."""

    items: Items
    name: str


Value = Func | Lambda | Cls | Inst | Mod | Ext | ExtInst | Items | Tup | Coro | Promise | Context | ItemsMethod
Values = frozenset[Value]
NONE: Values = frozenset()
_MOST = 24


def union(parts: Iterable[Values]) -> Values:
    """All values of all `parts`; unknown if they are too many to mean anything."""
    found: set[Value] = set()
    for part in parts:
        found |= part
    return frozenset(found) if len(found) <= _MOST else NONE
