"""The solver: what each operation of the facts does when a value arrives."""

from __future__ import annotations

import ast
from typing import Any

from asyncify.index.abstract import (
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
    AModule,
    AObject,
    Args,
    ASetter,
    ASuper,
    AUnknown,
    AValue,
    Unit,
)
from asyncify.index.catalogue import Catalogue
from asyncify.index.externals import Application, Externals
from asyncify.index.ir import NO_KEY, FunctionFacts
from asyncify.index.typeexpr import parse_type


class Solver(Externals):
    """Attributes, subscripts, iteration, ``with``, operators, annotations.

    Handlers named ``op_*`` take the details of an operation as lowered (variables local to the unit's file);
    the others take global variables.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(catalogue)
        self.late: list[tuple[AValue, AClass, str, str, int, int, Unit, ast.AST, FunctionFacts]] = []
        self.calls_ready = False
        self._waiting: list[tuple[AValue, Unit, Any]] = []
        self._looked_up: set[tuple[AValue, str, int]] = set()

    # --- attributes --------------------------------------------------------------------------------------------

    def op_attribute(self, value: AValue, unit: Unit, details: Any) -> None:
        name, result, node, within = details
        self.read_attribute(value, unit, (name, unit.offset + result, node, within))

    def read_attribute(self, value: AValue, unit: Unit, details: Any) -> None:
        name, result, node, within = details
        if isinstance(value, AModule):
            self.module_attribute(value, name, result, unit)
        elif isinstance(value, AExternal):
            full = f"{value.name}.{name}"
            declared = self.catalogue.attributes.get(self.canonical(full))
            if declared is None:
                self.add(result, self.external(full))
            else:
                caller = self.implicitly(unit, node, within, "attribute")
                application = Application(Args(), None, None, caller, full)
                self.edge(self.evaluate(parse_type(declared), application), result)
        elif isinstance(value, (AObject, AClass, ASuper)):
            if self.calls_ready:
                self._class_attribute(value, unit, details)
            else:
                self._waiting.append((value, unit, details))
        elif isinstance(value, AInstance):
            self._instance_attribute(value, name, result, unit, node, within)
        elif isinstance(value, AMethod):
            deep = f"{value.instance.type}.{value.name}"
            if deep.count(".") > 7:
                self.add(result, self.unknown("deep attribute of an external object"))
            else:
                inner = self.instance(deep, value.instance.unit, value.instance.node)
                self.add(result, self.method(inner, name))
        elif isinstance(value, AConstant):
            self.add(result, self.method(self.instance(self.scalar_type(value), None, None), name))
        elif isinstance(value, ADescriptor):
            if name in ("setter", "getter", "deleter"):
                self.add(result, ASetter(value, name))
        elif isinstance(value, (AFunction, ABound)):
            owner = value if isinstance(value, AFunction) else value.function
            self.edge(self.field(owner, name), result)
        elif isinstance(value, AUnknown):
            self.add(result, value)

    def method(self, instance: AInstance, name: str) -> AMethod:
        """The bound method of an external instance."""
        key = (instance, name)
        found = self._method_values.get(key)
        if found is None:
            found = self._method_values[key] = AMethod(instance, name)
        return found

    def _instance_attribute(
        self, value: AInstance, name: str, result: int, unit: Unit, node: ast.AST, within: FunctionFacts
    ) -> None:
        self.edge(self.field(value, name), result)
        for base in self.bases_of(value.type):
            declared = self.catalogue.attributes.get(f"{base}.{name}")
            if declared is not None:
                caller = self.implicitly(unit, node, within, "attribute")
                application = Application(Args(), value, value, caller, f"{base}.{name}")
                self.edge(self.evaluate(parse_type(declared), application), result)
                return
        self.add(result, self.method(value, name))

    def module_attribute(self, module: AModule, name: str, result: int, importer: Unit) -> None:
        """A name of a project module: its globals, its submodules, what it imports with a star."""
        found = self.export(module.unit, name) if module.unit is not None else []
        for variable in found:
            self.edge(variable, result)
        submodule = self.modules.get(f"{module.name}.{name}")
        if submodule is not None and (not found or submodule.unit is not None):
            own = module.unit.facts.exports.get(name) if module.unit is not None else None
            if not own:
                self.add(result, submodule)
        if found or submodule is not None:
            return
        if module.unit is not None:
            stars = self.external_stars(module.unit)
            for star in stars:
                self.add(result, self.external(f"{star}.{name}"))
            if stars:
                return
        self.add(result, self.unknown(f"module {module.name} has no {name}"))

    def release(self) -> None:
        """Class attributes are looked up from now on: the class hierarchy is known as far as names say."""
        self.calls_ready = True
        waiting, self._waiting = self._waiting, []
        for value, unit, details in waiting:
            self._class_attribute(value, unit, details)

    def _class_attribute(self, value: AValue, unit: Unit, details: Any) -> None:
        name, result, node, within = details
        if (value, name, result) in self._looked_up:
            return
        self._looked_up.add((value, name, result))
        if isinstance(value, AObject):
            cls, how = value.cls, "subs" if value.subs else "exact"
            if name == "__class__":
                self.add(result, cls)
                return
        elif isinstance(value, AClass):
            cls, how = value, "exact"
        else:
            assert isinstance(value, ASuper)
            cls, how = value.cls, "super"
        hits = self.hits(cls, how, name)
        for _, variable in hits:
            self.on(variable, self.on_bind, unit, (value, result, node, within))
        loaded = 0
        if how != "super":
            loaded = self.field_load(cls, how == "subs", name)
            self.edge(loaded, result)
        if not hits:
            self.late.append((value, cls, how, name, result, loaded, unit, node, within))

    def fall_back(self) -> bool:
        """What attributes found nowhere come from: ``__getattr__`` or an external base. Whether anything was new."""
        late, self.late = self.late, []
        again = []
        for entry in late:
            value, cls, how, name, result, loaded, unit, node, within = entry
            if (loaded and self.held[loaded]) or self.hits(cls, how, name):
                again.append(entry)
                continue
            if isinstance(value, AObject) and not (name.startswith("__") and name.endswith("__")):
                for _, variable in self.hits(cls, how, "__getattr__"):
                    method = self.new()
                    self.on(variable, self.on_bind, unit, (value, method, node, within))
                    key = self.new()
                    self.add(key, self.constant(name))
                    caller = self.implicitly(unit, node, within, "getattr")
                    self.on(method, self.on_call, caller, (Args([key]), result))
            bases = self.external_bases(cls)
            for base in bases:
                if base == "?":
                    self.add(result, self.unknown("base class unknown"))
                elif isinstance(value, AClass):
                    self.add(result, self.external(f"{base}.{name}"))
                else:
                    part = self.external_part(cls, base)
                    self._instance_attribute(part, name, result, unit, node, within)
            if not bases and isinstance(value, ASuper):
                part = self.external_part(cls, "builtins.object")
                if name == "__new__":
                    self.add(result, self.external("builtins.object.__new__"))
                else:
                    self.add(result, self.method(part, name))
        return bool(late) and len(again) < len(late)

    def on_bind(self, value: AValue, unit: Unit, details: Any) -> None:
        receiver, result, node, within = details
        cls = receiver if isinstance(receiver, AClass) else receiver.cls
        if isinstance(value, AFunction):
            name = value.facts.name.rpartition(".")[2]
            if name in ("__init_subclass__", "__class_getitem__"):
                self.add(result, self.bound(value, cls))
            elif isinstance(receiver, AClass) or name == "__new__":
                self.add(result, value)
            else:
                self.add(result, self.bound(value, cls))
        elif isinstance(value, ADescriptor):
            if value.kind == "static":
                self.edge(value.getter, result)
            elif value.kind == "class":
                self.on(value.getter, self._on_bind_class, cls, result)
            elif isinstance(receiver, AClass):
                self.add(result, value)
            else:
                caller = self.implicitly(unit, node, within, "property")
                self.on(value.getter, self._on_property, caller, (cls, result))
        elif isinstance(value, AObject) and self.hits(value.cls, "exact", "__get__"):
            self.call_dunder(value, unit, (("__get__",), "property", node, within, [], result))
        else:
            self.add(result, value)

    def _on_bind_class(self, value: AValue, cls: AClass, result: int) -> None:
        self.add(result, self.bound(value, cls) if isinstance(value, AFunction) else value)

    def _on_property(self, value: AValue, caller: Any, details: Any) -> None:
        cls, result = details
        if isinstance(value, AFunction):
            self.apply(self.bound(value, cls), Args(), result, caller)
        else:
            self.apply(value, Args(), result, caller)

    def op_store(self, value: AValue, unit: Unit, details: Any) -> None:
        name, source, node, within = details
        self.write_attribute(value, unit, (name, unit.offset + source if source else 0, node, within))

    def write_attribute(self, value: AValue, unit: Unit, details: Any) -> None:
        name, source, node, within = details
        if isinstance(value, AObject):
            setters = 0
            for _, variable in self.hits(value.cls, "subs" if value.subs else "exact", name):
                self.on(variable, self._on_set_property, unit, (value, source, node, within))
                setters += 1
            self.edge(source, self.own_field(value.cls, name))
            self.call_dunder(value, unit, (("__setattr__",), "setattr", node, within, [0, source], 0))
        elif isinstance(value, AClass):
            self.edge(source, self.own_field(value, name))
        elif isinstance(value, AModule) and value.unit is not None:
            own = value.unit.facts.exports.get(name)
            if own:
                self.edge(source, value.unit.offset + own)
        elif isinstance(value, (AInstance, AFunction)):
            self.edge(source, self.field(value, name))

    def _on_set_property(self, value: AValue, unit: Unit, details: Any) -> None:
        receiver, source, node, within = details
        if isinstance(value, ADescriptor) and value.setter:
            caller = self.implicitly(unit, node, within, "property")
            self.on(value.setter, self._on_setter, caller, (receiver.cls, source))

    def _on_setter(self, value: AValue, caller: Any, details: Any) -> None:
        cls, source = details
        if isinstance(value, AFunction):
            self.apply(self.bound(value, cls), Args([source]), 0, caller)

    # --- special methods ---------------------------------------------------------------------------------------

    def op_dunder(self, value: AValue, unit: Unit, details: Any) -> None:
        names, kind, node, within = details
        if isinstance(value, AObject):
            self.call_dunder(value, unit, (names, kind, node, within, [], 0))

    def call_dunder(self, value: AValue, unit: Unit, details: Any) -> None:
        if not isinstance(value, AObject):
            return
        names, kind, node, within, args, result = details
        how = "subs" if value.subs else "exact"
        for name in names:
            hits = self.hits(value.cls, how, name)
            for _, variable in hits:
                method = self.new()
                caller = self.implicitly(unit, node, within, kind)
                self.on(variable, self.on_bind, unit, (value, method, node, within))
                self.on(method, self.on_call, caller, (Args(args), result))
            if hits:
                return

    def external_dunder(self, value: AInstance, name: str, unit: Unit, details: Any) -> bool:
        """Run a special method of an external class, if the catalogue has it."""
        args, result, node, within = details
        signature = self.method_signature(value.type, name)
        if signature is None:
            return False
        caller = self.implicitly(unit, node, within, "external")
        self.call_method(self.method(value, name), Args(args), result, caller)
        return True

    def op_raise(self, value: AValue, unit: Unit, details: Any) -> None:
        node, within = details
        if isinstance(value, AClass):
            self.apply(value, Args(), 0, self.implicitly(unit, node, within, "raise"))

    def op_operator(self, value: AValue, unit: Unit, details: Any) -> None:
        name, other, result, node, within = details
        result += unit.offset
        if isinstance(value, AObject):
            args = [unit.offset + other] if other else []
            names = (f"__i{name}__", f"__{name}__") if isinstance(node, ast.AugAssign) else (f"__{name}__",)
            self.call_dunder(value, unit, (names, "operator", node, within, args, result))
        elif isinstance(value, AInstance):
            args = [unit.offset + other] if other else []
            if not self.external_dunder(value, f"__{name}__", unit, (args, result, node, within)) and (
                self.is_container(value) or value.type in ("builtins.str", "builtins.bytes")
            ):
                self.add(result, value)
        elif isinstance(value, AConstant) and isinstance(value.value, (str, bytes)) and name in ("add", "radd", "mod", "mul"):
            self.add(result, self.instance(self.scalar_type(value), None, None))
        elif isinstance(value, (AClass, AExternal)) and name in ("or", "ror"):
            self.add(result, value)

    def op_extend(self, value: AValue, unit: Unit, details: Any) -> None:
        name, right, node, within = details
        if isinstance(value, AInstance) and right:
            variable = unit.offset + right
            if value.type in MAPPINGS:
                self.on(variable, self._on_merge, value, None)
            elif value.type in SEQUENCES and name in ("add", "or"):
                self.on(variable, self.op_iterate_value, unit, (self.loose(value), node, within, False))

    def _on_merge(self, value: AValue, target: AInstance, details: Any) -> None:
        if isinstance(value, AInstance) and value.type in MAPPINGS:
            self.copy(value, target)

    def op_spread(self, value: AValue, unit: Unit, details: Any) -> None:
        if isinstance(value, AInstance) and value.type in MAPPINGS:
            self.on(unit.offset + details[0], self._on_spread, value, None)

    def _on_spread(self, value: AValue, source: AInstance, details: Any) -> None:
        if isinstance(value, AInstance) and value.type in MAPPINGS:
            self.copy(source, value)

    # --- subscripts and iteration ------------------------------------------------------------------------------

    def op_subscript(self, value: AValue, unit: Unit, details: Any) -> None:
        key, variable, result, node, within = details
        result += unit.offset
        variable = unit.offset + variable if variable else 0
        if isinstance(value, AInstance):
            if value.type in SEQUENCES and key is slice:
                part = self.instance(value.type, unit, node)
                self.edge(self.every(value), self.loose(part))
                self.add(result, part)
            elif value.type in SEQUENCES or value.type in MAPPINGS:
                if key is NO_KEY:
                    self.edge(self.every(value), result)
                else:
                    self.element(value, key, result)
            elif not self.external_dunder(value, "__getitem__", unit, ([variable], result, node, within)):
                if value.type == "builtins.str":
                    self.add(result, value)
                else:
                    self.add(result, self.unknown("element of an external object"))
        elif isinstance(value, AObject):
            details = (("__getitem__",), "operator", node, within, [variable], result)
            self.call_dunder(value, unit, details)
        elif isinstance(value, AClass):
            self.add(result, value)
        elif isinstance(value, AExternal):
            if value.name in ("typing.Optional", "typing.Union"):
                self.edge(variable, result)
            else:
                self.add(result, value)
        elif isinstance(value, AUnknown):
            self.add(result, value)

    def op_store_subscript(self, value: AValue, unit: Unit, details: Any) -> None:
        key, variable, source, node, within = details
        variable, source = (unit.offset + v if v else 0 for v in (variable, source))
        if isinstance(value, AObject):
            self.call_dunder(value, unit, (("__setitem__",), "operator", node, within, [variable, source], 0))
        elif isinstance(value, AInstance):
            if value.type in MAPPINGS:
                self.edge(variable, self.keys(value))
            if value.type in MAPPINGS or value.type in SEQUENCES:
                literal = key is not NO_KEY and key is not slice
                self.edge(source, self.keyed(value, key) if literal else self.loose(value))
            else:
                self.edge(source, self.field(value, "[]"))

    def op_iterate(self, value: AValue, unit: Unit, details: Any) -> None:
        result, node, within, is_async = details
        self.op_iterate_value(value, unit, (unit.offset + result, node, within, is_async))

    def op_iterate_value(self, value: AValue, unit: Unit, details: Any) -> None:
        result, node, within, is_async = details
        if isinstance(value, AInstance):
            if value.type in SEQUENCES:
                self.edge(self.every(value), result)
            elif value.type in MAPPINGS:
                self.edge(self.keys(value), result)
            elif value.type == "builtins.str":
                self.add(result, value)
            else:
                self._iterate_external(value, unit, details)
        elif isinstance(value, AObject):
            self._iterate_object(value, unit, details)
        elif isinstance(value, AClass):  # an enumeration
            self.add(result, self.object_of(value, False))
        elif isinstance(value, AConstant) and isinstance(value.value, str):
            self.add(result, self.instance("builtins.str", None, None))
        elif isinstance(value, AUnknown):
            self.add(result, value)

    def _iterate_external(self, value: AInstance, unit: Unit, details: Any) -> None:
        result, node, within, is_async = details
        iterator = self.new()
        if self.external_dunder(value, "__aiter__" if is_async else "__iter__", unit, ([], iterator, node, within)):
            self.on(iterator, self._on_iterator, unit, (value, result, node, within, is_async))
        elif self.method_signature(value.type, "__next__"):
            self.external_dunder(value, "__next__", unit, ([], result, node, within))
        else:
            self.edge(self.slot(value, 0), result)

    def _on_iterator(self, value: AValue, unit: Unit, details: Any) -> None:
        source, result, node, within, is_async = details
        if value is source:
            if not self.external_dunder(source, "__next__", unit, ([], result, node, within)):
                self.edge(self.slot(source, 0), result)
        else:
            self.op_iterate_value(value, unit, (result, node, within, is_async))

    def _iterate_object(self, value: AObject, unit: Unit, details: Any) -> None:
        result, node, within, is_async = details
        how = "subs" if value.subs else "exact"
        dunder, step = ("__aiter__", "__anext__") if is_async else ("__iter__", "__next__")
        if self.hits(value.cls, how, dunder):
            iterator = self.new()
            self.call_dunder(value, unit, ((dunder,), "iter", node, within, [], iterator))
            self.on(iterator, self._on_object_iterator, unit, (step, result, node, within, is_async))
        elif self.hits(value.cls, how, "__getitem__"):
            self.call_dunder(value, unit, (("__getitem__",), "iter", node, within, [], result))
        else:
            for base in self.external_bases(value.cls):
                if base != "?":
                    self._iterate_external(self.external_part(value.cls, base), unit, details)

    def _on_object_iterator(self, value: AValue, unit: Unit, details: Any) -> None:
        step, result, node, within, is_async = details
        if isinstance(value, AObject):
            self.call_dunder(value, unit, ((step,), "next", node, within, [], result))
        else:
            self.op_iterate_value(value, unit, (result, node, within, is_async))

    def op_unpack(self, value: AValue, unit: Unit, details: Any) -> None:
        key, result, node, within = details
        result += unit.offset
        if isinstance(value, AInstance) and value.type in SEQUENCES:
            self.element(value, key, result)
        elif isinstance(value, AObject) and not self.hits(value.cls, "exact", "__iter__"):
            names = [name for owner in reversed(self.linear(value.cls)) for name in owner.facts.declared]
            if -len(names) <= key < len(names):
                self.edge(self.field_load(value.cls, value.subs, names[key]), result)
        else:
            self.op_iterate_value(value, unit, (result, node, within, False))

    def on_unpack_value(self, value: AValue, unit: Unit, details: Any) -> None:
        key, result = details
        if isinstance(value, AInstance) and value.type in SEQUENCES:
            self.element(value, key, result)
        else:
            self.on_elements(value, unit, result)

    def op_yielded(self, value: AValue, unit: Unit, details: Any) -> None:
        if isinstance(value, AInstance):
            self.edge(value.slots.get(2, 0), unit.offset + details[0])
        elif isinstance(value, AUnknown):
            self.add(unit.offset + details[0], value)

    # --- with, annotations -------------------------------------------------------------------------------------

    def op_enter(self, value: AValue, unit: Unit, details: Any) -> None:
        result, node, within, is_async = details
        result += unit.offset
        enter, leave = ("__aenter__", "__aexit__") if is_async else ("__enter__", "__exit__")
        if isinstance(value, AInstance):
            if not self.external_dunder(value, enter, unit, ([], result, node, within)):
                self.add(result, value)
        elif isinstance(value, AObject):
            how = "subs" if value.subs else "exact"
            if self.hits(value.cls, how, enter):
                self.call_dunder(value, unit, ((enter,), "enter", node, within, [], result))
            else:
                self.add(result, value)
            self.call_dunder(value, unit, ((leave,), "exit", node, within, [], 0))
        elif isinstance(value, AUnknown):
            self.add(result, value)

    def op_instantiate(self, value: AValue, unit: Unit, details: Any) -> None:
        arguments, result, node = details
        result += unit.offset
        if isinstance(value, AClass):
            self.add(result, self.object_of(value, True))
        elif isinstance(value, AExternal):
            if value.name.startswith("typing.") or value.name in ("builtins.object", "builtins.type"):
                return
            made = self.instance(value.name, unit, node)
            for number, argument in enumerate(arguments):
                if argument and made.type == "builtins.tuple" and len(arguments) > 1:
                    self.edge(unit.offset + argument, self.keyed(made, number))
                elif argument:
                    self.edge(unit.offset + argument, self.slot_store(made, number))
            self.add(result, made)
        elif isinstance(value, AInstance) and value.type == "builtins.tuple":
            self.on(self.every(value), self.op_instantiate, unit, details)
