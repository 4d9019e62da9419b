"""Attributes fetched by a name that is put together: ``getattr(commands, "do_" + name)``.

What the name certainly starts with says which attributes can be meant: all of the receiver's that start with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asyncify.index.abstract import (
    AClass,
    AConstant,
    AExternal,
    AInstance,
    AModule,
    AObject,
    AUnknown,
    AValue,
    Caller,
    Unit,
)
from asyncify.index.attributes import Attributes
from asyncify.index.catalogue import Catalogue

COMPUTED = "getattr with a computed name"
_INERT = frozenset({"builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol"})
"""Bases that add no attribute under a name of the project's choice."""


class ComputedNames(Attributes):
    """Reads every attribute whose name may be the computed one."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(catalogue)
        self._prefixed: list[tuple[int, str, int, Caller]] = []
        self._read: set[tuple[AValue, str, int]] = set()

    def read_prefixed(self, receiver: int, prefix: str, result: int, caller: Caller) -> None:
        self._prefixed.append((receiver, prefix, result, caller))

    def on_computed(self, value: AValue, unit: Unit, details: Any) -> None:
        """One of the attributes that the catalogue gives for the receiver; of any other receiver it is not known."""
        names: tuple[str, ...] = ()
        if isinstance(value, AExternal):
            names = self.catalogue.computed.get(value.name, ())
        elif isinstance(value, AInstance):
            found = (self.catalogue.computed.get(base) for base in self.bases_of(value.type))
            names = next((each for each in found if each), ())
        result, node, within = details
        for name in names:
            self.read_attribute(value, unit, (name, result, node, within))
        if not names and not (isinstance(value, AConstant) and value.value is None):
            self.add(result, self.unknown(COMPUTED))

    def settle_prefixed(self) -> bool:
        """Read what the receivers known by now have under such names; whether anything was new."""
        new = False
        for receiver, prefix, result, caller in self._prefixed:
            for value in tuple(self.held[receiver] or ()):
                if isinstance(value, AConstant):
                    continue
                if not self._is_closed(value):
                    self.add(result, value if isinstance(value, AUnknown) else self.unknown(COMPUTED))
                for name in self._names_of(value):
                    key = (value, name, result)
                    if name.startswith(prefix) and key not in self._read:
                        self._read.add(key)
                        new = True
                        self.read_attribute(value, caller.unit, (name, result, caller.node, caller.within))
        return new

    def settle_unnamed(self) -> bool:
        """A name that nothing in sight gives may be any; whether there was one that was not known to be so."""
        unnamed = [key for key in self.named_by if not self.held[key[0]]]
        for key in unnamed:
            _, receiver, result = key
            caller = self.named_by.pop(key)
            self.on(receiver, self.on_computed, caller.unit, (result, caller.node, caller.within))
        return bool(unnamed)

    def _is_closed(self, value: AValue) -> bool:
        """Whether all attributes of the value come from the project."""
        if isinstance(value, AModule):
            return value.unit is not None and not value.unit.facts.stars
        if isinstance(value, (AObject, AClass)):
            return _INERT.issuperset(self.external_bases(value.cls if isinstance(value, AObject) else value))
        return False

    def _names_of(self, value: AValue) -> list[str]:
        """The attributes that the project gives the value, sorted."""
        if isinstance(value, AModule) and value.unit is not None:
            return sorted(value.unit.facts.exports)
        if isinstance(value, (AObject, AClass)):
            return sorted(set(self._class_names(value.cls if isinstance(value, AObject) else value)))
        return []

    def _class_names(self, cls: AClass) -> Iterator[str]:
        related = [*self.linear(cls), *self.descendants(cls)]
        for one in related:
            yield from one.namespace
        for (owner, name), _ in self._own.items():
            if owner in related:
                yield name
