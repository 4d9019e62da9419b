"""Classes of the project whose objects code outside gets hold of, and may give back where the index does not see it.

``SimpleNamespace(source=Source()).source``, ``ctx.obj = Source()``, ``pickle.loads(pickle.dumps(source))``: what comes
back is unknown, and may be such an object. An object of any other class is never what an unknown value is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from asyncify.index.abstract import (
    ABound,
    AClass,
    AExternal,
    AFunction,
    AInstance,
    AModule,
    AObject,
    APartial,
    AUnknown,
    AValue,
    Caller,
)
from asyncify.index.link import Linker

_LOOKS = frozenset(
    f"builtins.{name}" for name in "isinstance issubclass callable hasattr id print repr str len bool hash type".split()
)
"""They look at what they are given and give nothing of it back."""
_KEEPS = ("pickle.", "dill.", "cloudpickle.", "jsonpickle.", "shelve.", "builtins.setattr")
"""What is given to these comes back as a copy, by way of bytes, or as an attribute whose name is computed."""


_BY_NAME = frozenset(
    {
        "builtins.vars",
        "builtins.globals",
        "builtins.eval",
        "builtins.exec",
        "builtins.__import__",
        "importlib.import_module",
    }
)
"""By these a program gets at what its modules hold under names that are not in its text."""


def given_away(linker: Linker) -> frozenset[str]:
    """The names of those classes, with the classes that they are derived from."""
    return _GivenAway(linker).run()


class _GivenAway:
    def __init__(self, linker: Linker) -> None:
        self._linker = linker
        self._found: set[AClass] = set()
        self._seen: set[AValue] = set()
        self._variables: set[int] = set()
        self._stack: list[int] = []

    def run(self) -> frozenset[str]:
        if self._fetches_by_name():
            return frozenset(self._linker.classes)
        for caller in self._linker.callers:
            if self._gives(caller):
                args = caller.args
                self._stack += [*args.positional, *args.starred, *args.rest, *(held for _, held in args.keywords)]
        self._stack += self._stored()
        fields: dict[AClass, list[int]] = {}
        for cls, variable in self._linker.fields():
            fields.setdefault(cls, []).append(variable)
        while self._stack:
            variable = self._stack.pop()
            if variable and variable not in self._variables:
                self._variables.add(variable)
                for value in self._linker.held[variable] or ():
                    self._value(value, fields)
        return frozenset(base.facts.name for cls in self._found for base in self._linker.linear(cls))

    def _fetches_by_name(self) -> bool:
        """Whether the program may make objects of classes that it fetches by names which are not in its text."""
        linker = self._linker
        if any(not _BY_NAME.isdisjoint(caller.externals) for caller in linker.callers):
            return True
        return any(
            operation == "attribute"
            and details[0] == "__dict__"
            and any(isinstance(value, AModule) for value in linker.held[unit.offset + operand] or ())
            for unit in linker.units
            for operand, operation, details in unit.facts.operations
        )

    def _gives(self, caller: Caller) -> bool:
        """Whether what the call is given may come back from where the index does not follow it."""
        if caller.externals and caller.externals <= _LOOKS:
            return False
        if any(name.startswith(_KEEPS) for name in caller.externals):
            return True
        if caller.unknown or not (caller.known or caller.targets or caller.externals):
            return True
        return bool(caller.externals) and self._is_lost(caller.result)

    def _is_lost(self, variable: int) -> bool:
        held = self._linker.held[variable] if variable else None
        return not held or any(isinstance(value, AUnknown) for value in held)

    def _stored(self) -> Iterator[int]:
        """What is put into attributes, and under keys, of anything but the project's own objects and containers."""
        linker = self._linker
        for unit in linker.units:
            for operand, operation, details in unit.facts.operations:
                if operation in ("store", "store_subscript"):
                    source = details[-3]
                    held = linker.held[unit.offset + operand]
                    if isinstance(source, int) and source and (not held or any(map(self._is_foreign, held))):
                        yield unit.offset + source

    def _is_foreign(self, value: AValue) -> bool:
        if isinstance(value, AInstance):
            return not self._linker.is_container(value)
        return isinstance(value, (AUnknown, AExternal))

    def _value(self, value: AValue, fields: dict[AClass, list[int]]) -> None:
        if value in self._seen:
            return
        self._seen.add(value)
        match value:
            case AObject() | AClass():
                cls = value.cls if isinstance(value, AObject) else value
                self._class(cls, fields)
                if isinstance(value, AObject) and value.subs:
                    for derived in self._linker.descendants(cls):
                        self._class(derived, fields)
            case AFunction():
                self._results(value)
            case ABound():
                self._results(value.function)
            case APartial():
                self._stack.append(value.func)
            case AModule() if value.unit is not None:
                self._stack += [value.unit.offset + local for local in value.unit.facts.exports.values() if local]
            case AInstance() if self._linker.is_container(value):
                self._stack += [value.every, value.loose, value.keys, *value.keyed.values(), *value.slots.values()]

    def _class(self, cls: AClass, fields: dict[AClass, list[int]]) -> None:
        if cls not in self._found:
            self._found.add(cls)
            self._stack += self._of(self._linker.linear(cls), fields)

    def _of(self, classes: Iterable[AClass], fields: dict[AClass, list[int]]) -> Iterator[int]:
        for cls in classes:
            yield from fields.get(cls, ())
            yield from cls.namespace.values()

    def _results(self, function: AFunction) -> None:
        self._stack += [
            function.unit.offset + local for local in (function.facts.returns, function.facts.yields) if local
        ]
