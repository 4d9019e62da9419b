"""Applying callables: arguments to parameters, results to where the call stands."""

from __future__ import annotations

import ast
from typing import Any

from asyncify.index.abstract import (
    GENERIC,
    MAPPINGS,
    SEQUENCES,
    ABound,
    AClass,
    AConstant,
    ADescriptor,
    AExternal,
    AFunction,
    AInstance,
    AMethod,
    AObject,
    APartial,
    Args,
    ASetter,
    AUnknown,
    AValue,
    Caller,
    Unit,
)
from asyncify.index.catalogue import Catalogue
from asyncify.index.hierarchy import Hierarchy
from asyncify.index.ir import FunctionFacts

GENERATOR_CONTEXT = "contextlib._GeneratorContextManager"


UNCALLABLE = frozenset(
    f"builtins.{kind.__name__}"
    for kind in (str, bytes, bytearray, int, float, complex, bool, list, tuple, dict, set, frozenset, range)
)


class Calls(Hierarchy):
    """All ways to call something."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(catalogue)
        self.callers: list[Caller] = []
        self.implicit: dict[tuple[ast.AST, str, str | None], Caller] = {}
        self._bounds: dict[tuple[AFunction, AClass], ABound] = {}
        self._functions: dict[tuple[FunctionFacts, bool], AFunction] = {}

    def function(self, facts: FunctionFacts, unit: Unit, context: bool = False) -> AFunction:
        """The function value, plain or as a context manager factory."""
        found = self._functions.get((facts, context))
        if found is None:
            found = self._functions[facts, context] = AFunction(facts, unit, context)
        return found

    def bound(self, function: AFunction, receiver: AClass) -> ABound:
        """The bound method."""
        found = self._bounds.get((function, receiver))
        if found is None:
            found = self._bounds[function, receiver] = ABound(function, receiver)
        return found

    def implicitly(
        self, unit: Unit, node: ast.AST, within: FunctionFacts, kind: str, external: str | None = None
    ) -> Caller:
        """The caller for what runs at `node` without being called by name."""
        key = (node, kind, external)
        caller = self.implicit.get(key)
        if caller is None:
            caller = self.implicit[key] = Caller(unit, node, within, kind, external)
        return caller

    def on_call(self, value: AValue, caller: Caller, details: Any) -> None:
        """A value arrived in callee position; `details`: arguments and result variable."""
        args, result = details
        self.apply(value, args, result, caller)

    def apply(self, value: AValue, args: Args, result: int, caller: Caller, skip: int = 0) -> None:
        """Call a value."""
        key = (
            (value.function, args)
            if isinstance(value, ABound) and value.function.facts.binding != "cls"
            else (value, args)
        )
        if (key, result) in caller.seen:
            return
        caller.seen.add((key, result))
        if isinstance(value, AFunction):
            self._run(value, args, result, caller, 0)
        elif isinstance(value, ABound):
            function = value.function
            if function.facts.binding == "cls" and function.facts.positional:
                self.add(function.unit.offset + function.facts.positional[0][1], value.receiver)
            self._run(value.function, args, result, caller, 1)
        elif isinstance(value, AClass):
            self._construct(value, args, result, caller)
        elif isinstance(value, AExternal):
            caller.known = True
            self.call_external(value.name, args, result, caller)
        elif isinstance(value, AMethod):
            caller.known = True
            self.call_method(value, args, result, caller)
        elif isinstance(value, APartial):
            if value.node in args.partials:
                return  # x.f = partial(x.f, …): what is wrapped is what was there before
            merged = Args(
                value.args.positional + ([] if value.args.starred else args.positional),
                value.args.starred + args.starred,
                value.args.rest + (args.positional if value.args.starred else []) + args.rest,
                value.args.keywords + args.keywords,
                (*args.partials, value.node),
            )
            self.on(value.func, self.on_call, caller, (merged, result))
        elif isinstance(value, AObject):
            hits = self.hits(value.cls, "subs" if value.subs else "exact", "__call__")
            for _, variable in hits:
                method = self.new()
                self.on(variable, self.on_bind, caller.unit, (value, method, caller.node, caller.within))
                self.on(method, self.on_call, caller, (args, result))
            if not hits:
                for base in self.external_bases(value.cls):
                    if base not in UNCALLABLE:
                        self.apply(AMethod(self.external_part(value.cls, base), "__call__"), args, result, caller)
        elif isinstance(value, AInstance):
            if value.type in UNCALLABLE:
                return  # calling it raises TypeError: another object must be meant
            if value.type == GENERIC:
                caller.known = True  # what it calls is beside it
                return
            caller.known = True
            self.call_method(AMethod(value, "__call__"), args, result, caller)
        elif isinstance(value, AUnknown):
            caller.unknown.add(value.reason)
            self.add(result, value)
            if caller.decorates is not None and args.positional:  # most decorators keep what they decorate
                self.edge(args.positional[0], result)
        elif isinstance(value, ASetter):
            caller.known = True
            self._set_property(value, args, result)

    def call_external(self, name: str, args: Args, result: int, caller: Caller) -> None:
        """Call an external function or class."""
        raise NotImplementedError

    def call_method(self, method: AMethod, args: Args, result: int, caller: Caller) -> None:
        """Call a method of an external instance."""
        raise NotImplementedError

    def make_external_part(self, cls: AClass, base: str, args: Args, caller: Caller) -> None:
        """An object of the class is made by the `__init__` of its external base."""
        raise NotImplementedError

    def on_bind(self, value: AValue, unit: Unit, details: Any) -> None:
        """A value found in a class namespace becomes an attribute of a receiver."""
        raise NotImplementedError

    def _set_property(self, setter: ASetter, args: Args, result: int) -> None:
        old = setter.descriptor
        if not args.positional:
            return
        function = args.positional[0]
        made = ADescriptor("property", old.getter, old.setter)
        if setter.part == "setter":
            made.setter = function
        elif setter.part == "getter":
            made.getter = function
        self.add(result, made)

    # --- project functions -------------------------------------------------------------------------------------

    def _run(self, function: AFunction, args: Args, result: int, caller: Caller, skip: int) -> None:
        facts, offset = function.facts, function.unit.offset
        caller.known = True
        caller.targets.add(facts.name)
        self._bind_positional(function, args, skip if facts.positional else 0)
        for name, variable in args.keywords:
            if name is None:
                self.on(variable, self._on_double_star, function, skip + len(args.positional))
            else:
                self._bind_keyword(function, name, variable)
        if not result:
            return
        if function.context:
            manager = self.instance(GENERATOR_CONTEXT, caller.unit, caller.node, facts)
            self.edge(offset + facts.yields, self.slot(manager, 0))
            self.add(result, manager)
        elif facts.is_generator:
            if function.generator is None:
                kind = "builtins.async_generator" if facts.is_async else "builtins.generator"
                function.generator = made = self.instance(kind, function.unit, facts.node)
                self.edge(offset + facts.yields, self.loose(made))
                made.slots[2] = offset + facts.returns
            function.stand_in = function.stand_in or self.new()
            self.add(result, function.generator)
            self.edge(function.stand_in, result)
        else:
            self.edge(offset + facts.returns, result)

    def _bind_positional(self, function: AFunction, args: Args, skip: int) -> None:
        facts, offset = function.facts, function.unit.offset
        parameters = facts.positional[skip:]
        for position, variable in enumerate(args.positional):
            if position < len(parameters):
                self.edge(variable, offset + parameters[position][1])
            elif facts.vararg:
                self.edge(variable, self.keyed(self._star_args(function), position - len(parameters)))
        if not args.starred:
            return
        start = len(args.positional)
        certain = len(args.starred) == 1 and not args.rest
        for variable in args.starred:
            if certain:
                for position, (_, parameter) in enumerate(parameters[start:]):
                    self.on(variable, self.on_unpack_value, function.unit, (position, offset + parameter))
            else:
                elements = self.new()
                self.on(variable, self.on_elements, function.unit, elements)
                for _, parameter in parameters[start:]:
                    self.edge(elements, offset + parameter)
                if facts.vararg:
                    self.edge(elements, self.loose(self._star_args(function)))
            if certain and facts.vararg:
                if start == len(parameters):
                    self.on(variable, self._on_same_star, function, None)
                else:
                    elements = self.new()
                    self.on(variable, self.on_elements, function.unit, elements)
                    self.edge(elements, self.loose(self._star_args(function)))
        for variable in args.rest:
            for _, parameter in parameters[start:]:
                self.edge(variable, offset + parameter)
            if facts.vararg:
                self.edge(variable, self.loose(self._star_args(function)))

    def _on_same_star(self, value: AValue, function: AFunction, details: Any) -> None:
        if isinstance(value, AInstance) and value.type in SEQUENCES:
            self.copy(value, self._star_args(function))
        elif isinstance(value, AUnknown):
            self.add(self.loose(self._star_args(function)), value)

    def _star_args(self, function: AFunction) -> AInstance:
        if function.star_args is None:
            function.star_args = self.instance("builtins.tuple", function.unit, function.facts.vararg_node)
        return function.star_args

    def _star_kwargs(self, function: AFunction) -> AInstance:
        if function.star_kwargs is None:
            function.star_kwargs = self.instance("builtins.dict", function.unit, function.facts.kwarg_node)
        return function.star_kwargs

    def _names(self, function: AFunction) -> dict[str, int]:
        if function.by_name is None:
            facts, offset = function.facts, function.unit.offset
            function.by_name = {name: offset + variable for name, variable in facts.positional[facts.positional_only :]}
            function.by_name.update({name: offset + variable for name, variable in facts.keyword_only.items()})
        return function.by_name

    def _bind_keyword(self, function: AFunction, name: str, variable: int) -> None:
        parameter = self._names(function).get(name)
        if parameter is not None:
            self.edge(variable, parameter)
        elif function.facts.kwarg:
            kwargs = self._star_kwargs(function)
            self.edge(variable, self.keyed(kwargs, name))
            self.add(self.keys(kwargs), self.constant(name))

    def _on_double_star(self, value: AValue, function: AFunction, skip: int) -> None:
        """``**value`` fills what no positional argument does: all but the first `skip` parameters."""
        skipped = {name for name, _ in function.facts.positional[:skip]}
        if isinstance(value, AUnknown):
            for name, parameter in self._names(function).items():
                if name not in skipped:
                    self.add(parameter, value)
            if function.facts.kwarg:
                self.add(self.loose(self._star_kwargs(function)), value)
        if not isinstance(value, AInstance) or value.type not in MAPPINGS:
            return
        for name, parameter in self._names(function).items():
            if name not in skipped:
                self.element(value, name, parameter)
        if function.facts.kwarg:
            self.copy(value, self._star_kwargs(function))

    def on_unpack_value(self, value: AValue, unit: Unit, details: Any) -> None:
        """One position of an unpacked value."""
        raise NotImplementedError

    def on_elements(self, value: AValue, unit: Unit, result: int) -> None:
        """The elements of a builtin container, with no code run."""
        if isinstance(value, AUnknown):
            self.add(result, value)
        elif isinstance(value, AInstance):
            if value.type in SEQUENCES:
                self.edge(self.every(value), result)
            elif value.type in MAPPINGS:
                self.edge(self.keys(value), result)

    # --- construction ------------------------------------------------------------------------------------------

    def _construct(self, cls: AClass, args: Args, result: int, caller: Caller) -> None:
        caller.known = True
        self.add(result, self.object_of(cls, False))
        for meta in self.metaclasses(cls):
            for _, variable in self.hits(meta, "exact", "__call__"):
                self.on(variable, self._on_meta_call, caller, (cls, meta, args, result))
        initialized = False
        for name in ("__new__", "__init__"):
            for _, variable in self.hits(cls, "exact", name):
                initialized = initialized or name == "__init__"
                method = self.new()
                receiver: AValue = cls if name == "__new__" else self.object_of(cls, False)
                self.on(variable, self.on_bind, caller.unit, (receiver, method, caller.node, caller.within))
                self.on(method, self._on_init, caller, (args, name))
        if not initialized:
            self.declared_fields(cls, args)
            for name in ("__post_init__", "__attrs_post_init__"):
                for _, variable in self.hits(cls, "exact", name):
                    self.on(variable, self._on_post_init, caller, None)
            for base in self.external_bases(cls):
                if base == "?":
                    caller.unknown.add("base class unknown")
                else:
                    caller.externals.add(base)
                    self.make_external_part(cls, base, args, caller)

    def _on_meta_call(self, value: AValue, caller: Caller, details: Any) -> None:
        cls, meta, args, result = details
        self.apply(self.bound_to_class(value, cls, meta), args, result, caller)

    def bound_to_class(self, value: AValue, cls: AClass, meta: AClass) -> AValue:
        """A function of a metaclass as a method of the class."""
        if not isinstance(value, AFunction):
            return value
        if value.facts.positional:
            self.add(value.unit.offset + value.facts.positional[0][1], cls)
        return self.bound(value, meta)

    def _on_init(self, value: AValue, caller: Caller, details: Any) -> None:
        args, name = details
        if name == "__new__" and isinstance(value, AFunction):
            args = Args([0, *args.positional], args.starred, args.rest, args.keywords)
            if (value, name) in caller.seen:
                return
            caller.seen.add((value, name))
        self.apply(value, args, 0, caller)

    def _on_post_init(self, value: AValue, caller: Caller, details: Any) -> None:
        if isinstance(value, AFunction):
            caller.targets.add(value.facts.name)

    def declared_fields(self, cls: AClass, args: Args) -> None:
        owners = self.declared_by(cls)
        ordered = [
            self.own_field(owner, name) for name, owner in owners.items() if name in owner.facts.positional_fields
        ]
        for variable, field in zip(args.positional, ordered, strict=False):
            self.edge(variable, field)
        for position, field in enumerate(ordered[len(args.positional) :]):
            for variable in args.starred:
                self.on(variable, self.on_unpack_value, cls.unit, (position if len(args.starred) == 1 else -1, field))
            for variable in args.rest:
                self.edge(variable, field)
        for keyword, variable in args.keywords:
            if keyword is None:
                self.on(variable, self._on_field_star, cls, None)
            elif keyword in owners:
                self.edge(variable, self.own_field(owners[keyword], keyword))

    def _on_field_star(self, value: AValue, cls: AClass, details: Any) -> None:
        for name, owner in self.declared_by(cls).items():
            if isinstance(value, AUnknown):
                self.add(self.own_field(owner, name), value)
            elif isinstance(value, AInstance) and value.type in MAPPINGS:
                self.element(value, name, self.own_field(owner, name))

    def declared_by(self, cls: AClass) -> dict[str, AClass]:
        """The fields that annotations of the hierarchy declare, in order, with the class that declares each last."""
        owners: dict[str, AClass] = {}
        for owner in reversed(self.linear(cls)):
            for name in owner.facts.declared:
                owners[name] = owner
        return owners

    def literal(self, value: AValue) -> str | None:
        """The string a value is, if it is one."""
        return value.value if isinstance(value, AConstant) and isinstance(value.value, str) else None
