"""Calls of builtin containers' methods that a signature cannot say, because keys matter."""

from __future__ import annotations

import ast
from typing import Any

from asyncify.index.abstract import (
    MAPPINGS,
    SEQUENCES,
    AClass,
    AFunction,
    AInstance,
    AObject,
    Args,
    AUnknown,
    AValue,
    Caller,
    Unit,
)
from asyncify.index.calls import Calls


class ContainerCalls(Calls):
    """``dict(...)``, ``mapping.get``, ``list.insert`` and the like."""

    def op_iterate_value(self, value: AValue, unit: Unit, details: Any) -> None:
        """Iterate over a value, with global variables in `details`."""
        raise NotImplementedError

    def enter_value(self, value: AValue, unit: Unit, details: Any) -> None:
        """Enter a context manager, with global variables in `details`."""
        raise NotImplementedError

    def on_provider(self, value: AValue, caller: Caller, provided: int) -> None:
        """What a function or class gives to whoever a framework calls it for; what a generator gives is what it yields."""
        if isinstance(value, AFunction):
            facts = value.facts
            self.edge(value.unit.offset + (facts.yields if facts.is_generator else facts.returns), provided)
        elif isinstance(value, AClass):
            self.add(provided, self.object_of(value, False))
        elif isinstance(value, AUnknown):
            self.add(provided, value)

    def make_dict(self, args: Args, result: int, caller: Caller) -> None:
        """``dict(...)``."""
        made = self.instance("builtins.dict", caller.unit, caller.node)
        self.add(result, made)
        for name, variable in args.keywords:
            caller.covered.add(variable)
            if name is None:
                self.on(variable, self._on_copy, caller, made)
            else:
                self.edge(variable, self.keyed(made, name))
                self.add(self.keys(made), self.constant(name))
        for variable in args.positional[:1]:
            caller.covered.add(variable)
            self.on(variable, self._on_copy, caller, made)

    def _on_copy(self, value: AValue, caller: Caller, made: AInstance) -> None:
        if isinstance(value, AInstance) and value.type in MAPPINGS:
            self.copy(value, made)
            return
        pair = self.new()
        self.op_iterate_value(value, caller.unit, (pair, caller.node, caller.within, False))
        self.on(pair, self.on_unpack_value, caller.unit, (0, self.keys(made)))
        self.on(pair, self.on_unpack_value, caller.unit, (1, self.loose(made)))

    def fill_mapping(self, value: AValue, caller: Caller, args: Args) -> None:
        """``dict.update(value, ...)`` and ``dict.__init__(value, ...)``."""
        if isinstance(value, AInstance) and value.type in MAPPINGS:
            self.container_method(value, "update", args, 0, caller)
        elif isinstance(value, AObject):
            for base in self.external_bases(value.cls):
                if base in MAPPINGS:
                    self.container_method(self.external_part(value.cls, base), "update", args, 0, caller)

    def items_of(self, cls: AClass) -> list[AInstance]:
        """What objects of a class may have as attributes besides those that are set: the items of ``__dict__``.

        Where a class derived from dict says ``self.__dict__ = self``, those are its own.
        """
        known = self.linear(cls)
        tables = [one.attributes for one in known if one.attributes is not None]
        if any(self.is_own_dict(one) for one in known):
            for base in self.external_bases(cls):
                if base in MAPPINGS:
                    tables += [self.external_part(one, base) for one in (*known, *self.descendants(cls))]
        return tables

    def is_own_dict(self, cls: AClass) -> bool:
        """Whether an object of the class is its own ``__dict__``."""
        held = self.held[self._own.get((cls, "__dict__"), 0)] or ()
        return any(isinstance(value, AObject) for value in held)

    def container_method(self, instance: AInstance, name: str, args: Args, result: int, caller: Caller) -> bool:
        """Methods of builtin containers that a signature cannot say; whether it was one."""
        if instance.type in MAPPINGS:
            if name in ("get", "pop", "setdefault") and args.positional:
                self._mapping_get(instance, name, args, result, caller)
                return True
            if name in ("update", "__init__"):
                caller.covered.update(args.positional)
                for keyword, variable in args.keywords:
                    caller.covered.add(variable)
                    if keyword is not None:
                        self.edge(variable, self.keyed(instance, keyword))
                    else:
                        self.on(variable, self._on_copy, caller, instance)
                for variable in args.positional:
                    self.on(variable, self._on_copy, caller, instance)
                return True
        elif instance.type == "builtins.list" and name in ("insert", "pop", "sort", "reverse", "remove"):
            self.edge(self.every(instance), self.loose(instance))
            if name == "insert" and len(args.positional) > 1:
                caller.covered.add(args.positional[1])
                self.edge(args.positional[1], self.loose(instance))
            if name == "pop":
                self.edge(self.every(instance), result)
            return name in ("insert", "pop")
        elif instance.type == "contextlib.ExitStack" and name == "enter_context":
            for variable in args.positional[:1]:
                self.on(variable, self.enter_value, caller.unit, (result, caller.node, caller.within, False))
            return True
        elif instance.type == "builtins.type" and name == "__call__":
            return instance.holder is not None  # of a metaclass: where the class is called, its object is known
        return False

    def _mapping_get(self, instance: AInstance, name: str, args: Args, result: int, caller: Caller) -> None:
        caller.covered.update(args.positional)
        key = self._literal_key(caller.node)
        if key is not None:
            self.element(instance, key, result)
        else:
            self.edge(self.every(instance), result)
        if len(args.positional) > 1:
            self.edge(args.positional[1], result)
            if name == "setdefault":
                store = self.keyed(instance, key) if key is not None else self.loose(instance)
                self.edge(args.positional[1], store)
                self.edge(args.positional[0], self.keys(instance))

    def _literal_key(self, node: ast.AST) -> object:
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            return node.args[0].value
        return None

    def is_container(self, value: AValue) -> bool:
        """Whether the value is a builtin container."""
        return isinstance(value, AInstance) and (value.type in SEQUENCES or value.type in MAPPINGS)
