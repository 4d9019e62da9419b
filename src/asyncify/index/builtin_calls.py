"""Calls of builtins, and of what the standard library says in their manner, that no signature describes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from asyncify.index.abstract import (
    MOCK,
    MOCK_PART,
    AClass,
    ADescriptor,
    AFunction,
    AInstance,
    AObject,
    APartial,
    Args,
    ASuper,
    AValue,
    Caller,
    Unit,
)
from asyncify.index.catalogue import Catalogue
from asyncify.index.generic_functions import GENERIC_MAKERS, GenericFunctions
from asyncify.index.prefix import literal_prefix

SpecialCall = Callable[[Args, int, Caller], None]


class BuiltinCalls(GenericFunctions):
    """Descriptors, partials, attributes by name, classes, iterators, and the special methods that builtins run."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(catalogue)
        self.named_by: dict[tuple[int, int, int], Caller] = {}
        """Calls of ``getattr``, by the variables of the name, the receiver and the result."""

    def special_builtins(self) -> dict[str, SpecialCall]:
        """What runs at the call of each of them, by dotted name."""
        return {
            "builtins.property": self._property, "functools.cached_property": self._property,
            "abc.abstractproperty": self._property, "builtins.staticmethod": self._static,
            "builtins.classmethod": self._classmethod, "contextlib.contextmanager": self._context,
            "contextlib.asynccontextmanager": self._context, "functools.partial": self._partial,
            "builtins.getattr": self._getattr, "builtins.setattr": self._setattr, "builtins.super": self._super,
            "builtins.type": self._type, "builtins.dict": self.make_dict, "builtins.iter": self._iter,
            "builtins.next": self._next, "builtins.str": self._dunders("str", "__str__", "__repr__"),
            "builtins.repr": self._dunders("str", "__repr__"), "builtins.len": self._dunders("len", "__len__"),
            "builtins.bool": self._dunders("bool", "__bool__", "__len__"),
            "builtins.hash": self._dunders("operator", "__hash__"),
            "builtins.abs": self._dunders("operator", "__abs__"),
            "builtins.int": self._dunders("operator", "__int__", "__index__"),
            "builtins.format": self._dunders("str", "__format__"),
            "builtins.print": self._dunders("str", "__str__", "__repr__"),
            "builtins.object.__new__": self._object_new, "functools.partialmethod": self._partial_method,
            "dataclasses.replace": self._replace, **dict.fromkeys(GENERIC_MAKERS, self.make_generic),
        }  # fmt: skip

    def read_attribute(self, value: AValue, unit: Unit, details: Any) -> None:
        """Read an attribute, with global variables in `details`."""
        raise NotImplementedError

    def write_attribute(self, value: AValue, unit: Unit, details: Any) -> None:
        """Store an attribute, with global variables in `details`."""
        raise NotImplementedError

    def call_dunder(self, value: AValue, unit: Unit, details: Any) -> None:
        """Run the first of several special methods that an object defines."""
        raise NotImplementedError

    def _property(self, args: Args, result: int, caller: Caller) -> None:
        getter = args.positional[0] if args.positional else dict(args.keywords).get("fget", 0)
        setter = args.positional[1] if len(args.positional) > 1 else dict(args.keywords).get("fset", 0)
        caller.covered.update((getter, setter))
        self.add(result, ADescriptor("property", getter, setter))

    def _static(self, args: Args, result: int, caller: Caller) -> None:
        if args.positional:
            caller.covered.add(args.positional[0])
            self.add(result, ADescriptor("static", args.positional[0]))

    def _classmethod(self, args: Args, result: int, caller: Caller) -> None:
        if args.positional:
            caller.covered.add(args.positional[0])
            self.add(result, ADescriptor("class", args.positional[0]))

    def _context(self, args: Args, result: int, caller: Caller) -> None:
        for variable in args.positional[:1]:
            caller.covered.add(variable)
            self.on(variable, self._on_context, caller, result)

    def _on_context(self, value: AValue, caller: Caller, result: int) -> None:
        if isinstance(value, AFunction):
            value = self.function(value.facts, value.unit, context=True)
        self.add(result, value)

    def _partial(self, args: Args, result: int, caller: Caller) -> None:
        if args.positional:
            caller.covered.update(args.positional)
            caller.covered.update(variable for _, variable in args.keywords)
            rest = Args(args.positional[1:], args.starred, args.rest, args.keywords)
            self.add(result, APartial(args.positional[0], rest, caller.unit, caller.node))

    def _partial_method(self, args: Args, result: int, caller: Caller) -> None:
        """As a partial; the object that comes first when it is called is known from the class."""
        self._partial(
            Args([*args.positional[:1], 0, *args.positional[1:]], args.starred, args.rest, args.keywords),
            result,
            caller,
        )

    def _getattr(self, args: Args, result: int, caller: Caller) -> None:
        if len(args.positional) > 2:
            self.edge(args.positional[2], result)
        if len(args.positional) > 1:
            caller.covered.update(args.positional)
            if prefix := self._computed_prefix(caller.node):
                self.read_prefixed(args.positional[0], prefix, result, caller)
                return
            self.on(args.positional[1], self._on_getattr, caller, (args.positional[0], result))
            self.named_by[args.positional[1], args.positional[0], result] = caller

    def _computed_prefix(self, node: ast.AST) -> str:
        return literal_prefix(node.args[1]) if isinstance(node, ast.Call) and len(node.args) > 1 else ""

    def read_prefixed(self, receiver: int, prefix: str, result: int, caller: Caller) -> None:
        """Read all attributes whose names start with `prefix`."""
        raise NotImplementedError

    def _on_getattr(self, value: AValue, caller: Caller, details: Any) -> None:
        variable, result = details
        name = self.literal(value)
        if name is None:
            self.on(variable, self.on_computed, caller.unit, (result, caller.node, caller.within))
        else:
            self.on(variable, self.read_attribute, caller.unit, (name, result, caller.node, caller.within))

    def on_computed(self, value: AValue, unit: Unit, details: Any) -> None:
        """Read an attribute of `value` whose name is computed."""
        raise NotImplementedError

    def _setattr(self, args: Args, result: int, caller: Caller) -> None:
        if len(args.positional) == 3:
            caller.covered.update(args.positional)
            self.on(args.positional[1], self._on_setattr, caller, (args.positional[0], args.positional[2]))

    def _on_setattr(self, value: AValue, caller: Caller, details: Any) -> None:
        variable, stored = details
        if (name := self.literal(value)) is not None:
            self.on(variable, self.write_attribute, caller.unit, (name, stored, caller.node, caller.within))

    def _super(self, args: Args, result: int, caller: Caller) -> None:
        for variable in args.positional[:1]:
            self.on(variable, self._on_super, caller, result)

    def _on_super(self, value: AValue, caller: Caller, result: int) -> None:
        if isinstance(value, AClass):
            self.add(result, self.super_of(value))

    def super_of(self, cls: AClass) -> ASuper:
        """``super()`` within a class."""
        if cls.super_ is None:
            cls.super_ = ASuper(cls)
        return cls.super_

    def _type(self, args: Args, result: int, caller: Caller) -> None:
        if len(args.positional) == 1:
            self.on(args.positional[0], self._on_type, caller, result)

    def _on_type(self, value: AValue, caller: Caller, result: int) -> None:
        if isinstance(value, AObject):
            self.add(result, value.cls)
        elif isinstance(value, AInstance) and value.type in (MOCK, MOCK_PART):
            self.add(result, value)  # each has a class of its own: what is put there is found through the mock
        elif isinstance(value, AInstance):
            self.add(result, self.external(value.type))

    def _object_new(self, args: Args, result: int, caller: Caller) -> None:
        for variable in args.positional[:1]:
            self.on(variable, self._on_object_new, caller, result)

    def _on_object_new(self, value: AValue, caller: Caller, result: int) -> None:
        if isinstance(value, AClass):
            self.add(result, self.object_of(value, False))

    def _iter(self, args: Args, result: int, caller: Caller) -> None:
        made = self.instance("builtins.iter", caller.unit, caller.node)
        self.add(result, made)
        for variable in args.positional[:1]:
            caller.covered.add(variable)
            if len(args.positional) == 2:
                callback = self.implicitly(caller.unit, caller.node, caller.within, "callback", "builtins.iter")
                self.on(variable, self.on_call, callback, (Args(), self.loose(made)))
                continue
            self.on(variable, self.op_iterate_value, caller.unit, (self.loose(made), caller.node, caller.within, False))

    def _next(self, args: Args, result: int, caller: Caller) -> None:
        for position, variable in enumerate(args.positional[:2]):
            caller.covered.add(variable)
            if position:
                self.edge(variable, result)
            else:
                self.on(variable, self._on_next, caller, result)

    def _on_next(self, value: AValue, caller: Caller, result: int) -> None:
        if isinstance(value, AObject):
            self.call_dunder(value, caller.unit, (("__next__",), "next", caller.node, caller.within, [], result))
        else:
            self.op_iterate_value(value, caller.unit, (result, caller.node, caller.within, False))

    def _dunders(self, kind: str, *names: str) -> Callable[[Args, int, Caller], None]:
        def run(args: Args, result: int, caller: Caller) -> None:
            for variable in args.positional:
                caller.covered.add(variable)
                self.on(variable, self.call_dunder, caller.unit, (names, kind, caller.node, caller.within, [], 0))

        return run

    def _replace(self, args: Args, result: int, caller: Caller) -> None:
        for variable in args.positional[:1]:
            self.on(variable, self._on_replace, caller, (args, result))

    def _on_replace(self, value: AValue, caller: Caller, details: Any) -> None:
        """A copy of an object of ours, some fields given anew."""
        args, result = details
        if isinstance(value, AObject):
            self.declared_fields(value.cls, Args(keywords=args.keywords))
            self.add(result, value)
