"""What is known of external libraries: the part of their signatures that moves values and calls callables.

Rules contribute the entries of their library (``Rule.catalogue``), the index reads them. A *type expression* is a
small language:

``requests.Response``        a new instance of that class
``builtins.list[T]``         a container (``list``, ``tuple``, ``set``, ``dict``, ``iter``, … or any generic external
                             class) whose type arguments are stored as slots: the element (``[T]``), for a dict key and
                             value (``[K, V]``), for a Future its result
``self``                     the receiver
``arg0``, ``arg:fn``         the value of a positional argument (receiver not counted), or of a keyword
``arg0[]``                   its elements (iteration: for a dict its keys)
``result0``, ``result:fn``   what the callable given there returns when called
``provided0``                what the function given there returns, or yields, whenever it is called; an object of the class
``slot0``, ``slot1``         the receiver's type arguments (``Future.result`` returns ``slot0``)
``A | B``                    either
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Invoke:
    """The external function calls one of its arguments.

    ``callable`` is ``"arg0"`` or ``"arg:fn"``; ``args`` are type expressions for what it is called with. A
    trailing ``"*args1"`` stands for "all positional arguments from 1 on, and the keywords left over", and
    ``"*arg:args"``, ``"**arg:kwargs"`` for the arguments in a sequence or mapping that is given there.
    """

    callable: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """One external callable. ``returns`` None means: nothing known.

    ``stores`` says what a method puts into its receiver: ``("slot0", "arg0")`` for ``queue.Queue.put``.
    """

    returns: str | None = None
    invokes: tuple[Invoke, ...] = ()
    stores: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries: functions, classes (called as constructors), methods ``Class.method``, attributes.

    ``attributes`` maps ``Class.attribute`` to a type expression. ``aliases`` maps import paths to the canonical
    one. ``bases`` gives external classes their external bases (``requests_futures.sessions.FuturesSession`` →
    ``requests.Session``), so that methods are found there and subclasses in the project inherit them.
    ``blank`` are classes whose objects have no attributes but those that the program gives them (``threading.local``).
    ``computed`` are the attributes that ``getattr(x, name)`` with a computed name stands for, by the class of ``x`` or
    the name of the module. ``modules`` are the top-level import names whose presence makes a file worth indexing.
    """

    signatures: Mapping[str, Signature] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    bases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    computed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    blank: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()

    def merge(self, *others: Catalogue) -> Catalogue:
        """This catalogue and the others as one; an entry given twice must be the same entry."""
        out = self
        for other in others:
            out = Catalogue(
                {**out.signatures, **other.signatures},
                {**out.attributes, **other.attributes},
                {**out.aliases, **other.aliases},
                {**out.bases, **other.bases},
                {**out.computed, **other.computed},
                out.blank | other.blank,
                out.modules | other.modules,
            )
        return out
