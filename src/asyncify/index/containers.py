"""Abstract heap: interned values, external instances and what containers hold."""

from __future__ import annotations

import ast

from asyncify.index.abstract import (
    MAPPINGS,
    MOCK,
    MOCK_PART,
    SEQUENCES,
    AClass,
    AConstant,
    AExternal,
    AInstance,
    AMethod,
    AModule,
    AObject,
    AUnknown,
    AValue,
    Unit,
)
from asyncify.index.catalogue import Catalogue
from asyncify.index.engine import Engine
from asyncify.index.standard import constant_type

_DEEP = 5
_MANY_KEYS = 64
_SCALARS = frozenset(f"builtins.{name}" for name in ("str", "bytes", "int", "float", "bool", "None", "object"))


class Heap(Engine):
    """Values made once, and the variables behind containers and generic instances."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self.catalogue = catalogue
        self.modules: dict[str, AModule] = {}
        self._externals: dict[str, AExternal] = {}
        self._constants: dict[tuple[type, object], AConstant] = {}
        self._unknowns: dict[str, AUnknown] = {}
        self._instances: dict[object, AInstance] = {}
        self._canonical: dict[str, str] = {}
        self._fields: dict[tuple[AValue, str], int] = {}
        self._method_values: dict[tuple[AInstance, str], AMethod] = {}

    # --- interning ---------------------------------------------------------------------------------------------

    def canonical(self, name: str) -> str:
        """The catalogue's name for an import path."""
        found = self._canonical.get(name)
        if found is None:
            found, aliases = name, self.catalogue.aliases
            for _ in range(4):  # an alias may lead to another one
                head, tail = found, ""
                while head and head not in aliases:
                    head, _dot, last = head.rpartition(".")
                    tail = f".{last}{tail}"
                if not head:
                    break
                found = aliases[head] + tail
            self._canonical[name] = found
        return found

    def external(self, name: str) -> AValue:
        """The external thing of that name (a class, function or module)."""
        name = self.canonical(name)
        if name.count(".") > _DEEP:
            return self.unknown("deep attribute of an external object")
        if (kind := constant_type(name)) is not None:
            return self.instance(kind, None, None)
        value = self._externals.get(name)
        if value is None:
            value = self._externals[name] = AExternal(name)
            value.precious = self.known_library(name)
        return value

    def constant(self, value: str | int | float | bytes | bool | None) -> AConstant:
        """A literal."""
        key = (value.__class__, value)
        found = self._constants.get(key)
        if found is None:
            found = self._constants[key] = AConstant(value)
        return found

    def unknown(self, reason: str) -> AUnknown:
        """Where the analysis stops."""
        found = self._unknowns.get(reason)
        if found is None:
            found = self._unknowns[reason] = AUnknown(reason)
        return found

    def instance(self, type_name: str, unit: Unit | None, node: ast.AST | None, part: object = "") -> AInstance:
        """The object of an external class made at a place (scalars have no place)."""
        if type_name in _SCALARS:
            unit, node, part = None, None, ""
        key = (type_name, node, part)
        found = self._instances.get(key)
        if found is None:
            found = self._instances[key] = AInstance(type_name, unit, node)
            found.precious = type_name in (MOCK, MOCK_PART) or self.known_library(type_name)
        return found

    def method(self, instance: AInstance, name: str) -> AMethod:
        """The bound method of an external instance."""
        key = (instance, name)
        found = self._method_values.get(key)
        if found is None:
            found = self._method_values[key] = AMethod(instance, name)
            found.precious = instance.precious
        return found

    def known_library(self, name: str) -> bool:
        """Whether the external thing belongs to a library that the catalogue was made for; Python's builtins do not."""
        top = name.partition(".")[0]
        return top in self.catalogue.modules and top != "builtins"

    def all_instances(self) -> list[AInstance]:
        """Every external object made so far."""
        return list(self._instances.values())

    def external_part(self, cls: AClass, base: str) -> AInstance:
        """What an instance of a project class is as an instance of its external base."""
        found = self.instance(base, cls.unit, cls.facts.node, base)
        found.holder = cls
        return found

    # --- contents ----------------------------------------------------------------------------------------------

    def every(self, instance: AInstance) -> int:
        """All elements of a sequence, all values of a mapping."""
        if not instance.every:
            instance.every = self.new()
            if instance.loose:
                self.edge(instance.loose, instance.every)
            for variable in instance.keyed.values():
                self.edge(variable, instance.every)
        return instance.every

    def loose(self, instance: AInstance) -> int:
        """Elements of which the key is not known."""
        if not instance.loose:
            instance.loose = self.new()
            if instance.every:
                self.edge(instance.loose, instance.every)
            for copy in instance.copies:
                self.edge(instance.loose, self.loose(copy))
        return instance.loose

    def keys(self, instance: AInstance) -> int:
        """The keys of a mapping."""
        if not instance.keys:
            instance.keys = self.new()
        return instance.keys

    def keyed(self, instance: AInstance, key: object) -> int:
        """The element stored under one literal key."""
        variable = instance.keyed.get(key)
        if variable is None:
            if len(instance.keyed) >= _MANY_KEYS:
                return self.loose(instance)
            variable = instance.keyed[key] = self.new()
            if instance.every:
                self.edge(variable, instance.every)
            for copy in instance.copies:
                self.edge(variable, self.keyed(copy, key))
        return variable

    def copy(self, source: AInstance, target: AInstance) -> None:
        """All that `source` holds, or will hold, `target` holds under the same keys."""
        if source is target or target in source.copies:
            return
        source.copies.append(target)
        if source.loose:
            self.edge(source.loose, self.loose(target))
        for key, variable in tuple(source.keyed.items()):
            self.edge(variable, self.keyed(target, key))
        self.edge(self.keys(source), self.keys(target))

    def slot(self, instance: AInstance, index: int) -> int:
        """The variable to read a type argument of an instance from (``slot0`` of the catalogue)."""
        if instance.type in SEQUENCES:
            return self.every(instance)
        if instance.type in MAPPINGS:
            return self.every(instance) if index else self.keys(instance)
        variable = instance.slots.get(index)
        if variable is None:
            variable = instance.slots[index] = self.new()
        return variable

    def slot_store(self, instance: AInstance, index: int) -> int:
        """The variable to store a type argument of an instance in."""
        if instance.type in SEQUENCES or (instance.type in MAPPINGS and index):
            return self.loose(instance)
        return self.slot(instance, index)

    def element(self, instance: AInstance, key: object, result: int) -> None:
        """``container[key]`` with a literal key flows to `result`."""
        if isinstance(key, int) and not isinstance(key, bool) and key < 0 and instance.type in SEQUENCES:
            self.edge(self.every(instance), result)
            return
        self.edge(self.loose(instance), result)
        if len(instance.keyed) < _MANY_KEYS or key in instance.keyed:
            self.edge(self.keyed(instance, key), result)

    def field(self, owner: AValue, name: str) -> int:
        """The variable of an attribute of a value that has no class of the project."""
        variable = self._fields.get((owner, name))
        if variable is None:
            variable = self._fields[owner, name] = self.new()
        return variable

    def object_of(self, cls: AClass, subs: bool) -> AObject:
        """The instance of exactly this class, or of it or a subclass."""
        found = cls.self_ if subs else cls.object_
        if found is None:
            found = AObject(cls, subs)
            found.precious = any(known.precious for known in cls.mro or (cls,))
            if subs:
                cls.self_ = found
            else:
                cls.object_ = found
        return found
