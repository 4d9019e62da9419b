"""What an expression can evaluate to, as far as asyncify cares: a closed union of abstract values.

Names of project things are dotted: ``pkg.mod`` (a module), ``pkg.mod.func``, ``pkg.mod.Class.method``,
``pkg.mod.outer.<locals>.inner``, ``pkg.mod.<lambda:12:8>``. Names of external things are their canonical import
path, aliases resolved by the catalogue (``requests.api.get`` and ``requests.get`` are both ``requests.get``).
"""

from __future__ import annotations

from dataclasses import dataclass

from asyncify.model import Span


@dataclass(frozen=True, slots=True)
class External:
    """A module, function or class from outside the project, by its canonical dotted name (``builtins.open``)."""

    name: str


@dataclass(frozen=True, slots=True)
class Instance:
    """An object of an external class, or a builtin container.

    ``site`` is where it was created (so that two executors are told apart), None if unknown. What it holds (the
    elements of a list, keys and values of a dict, the result of a Future) is kept by the index as slots of the
    site, see :meth:`Project.slot`.
    """

    type: str  # "requests.Session", "concurrent.futures.Future", "builtins.list", …
    site: Span | None = None
    path: str = ""  # of a mock below a mock: ``.get_session().get``


@dataclass(frozen=True, slots=True)
class ExternalMethod:
    """A bound method (or attribute) of an external instance: ``session.get``."""

    instance: Instance
    name: str

    @property
    def full_name(self) -> str:
        """``requests.Session.get``."""
        return f"{self.instance.type}.{self.name}"


@dataclass(frozen=True, slots=True)
class ModuleRef:
    """A module or package of the project."""

    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function, method (unbound), or lambda of the project."""

    name: str


@dataclass(frozen=True, slots=True)
class Class:
    """A class of the project."""

    name: str


@dataclass(frozen=True, slots=True)
class Object:
    """An instance of a class of the project."""

    cls: str


@dataclass(frozen=True, slots=True)
class BoundMethod:
    """A method of the project bound to an instance (or to the class, for a class method)."""

    function: str
    receiver: str  # the class through which it was reached


@dataclass(frozen=True, slots=True)
class Partial:
    """``functools.partial`` of a callable, made at `site`."""

    site: Span


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal whose text or number matters: strings (dispatch, getattr, URLs), numbers, None, booleans."""

    value: str | int | float | bytes | bool | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The analysis stops here, for a named reason (``"parameter without known caller"``, ``"external call"`` …)."""

    reason: str


Value = (
    External
    | Instance
    | ExternalMethod
    | ModuleRef
    | Function
    | Class
    | Object
    | BoundMethod
    | Partial
    | Constant
    | Unknown
)
