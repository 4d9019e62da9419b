"""The solver: what each operation of the facts does when a value arrives."""

from __future__ import annotations

import ast
from typing import Any

from asyncify.index.abstract import (
    MAPPINGS,
    SEQUENCES,
    AClass,
    AConstant,
    AExternal,
    AInstance,
    AObject,
    Args,
    AUnknown,
    AValue,
    Unit,
)
from asyncify.index.catalogue import Catalogue
from asyncify.index.ir import NO_KEY
from asyncify.index.namespaces import Namespaces


class Solver(Namespaces):
    """Subscripts, iteration, ``with``, operators, annotations; handlers as in :class:`.attributes.Attributes`."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(catalogue)
        self.late_keys: list[tuple[AInstance, int, int]] = []

    def fall_back(self) -> bool:
        """Settle what had to wait for all else; whether that gave anything new."""
        keys = self._settle_keys()
        prefixed = self.settle_prefixed()
        mocks = self.settle_mocks()
        return self.find_late() or keys or prefixed or mocks or self.settle_unnamed()

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
        elif (
            isinstance(value, AConstant)
            and isinstance(value.value, (str, bytes))
            and name in ("add", "radd", "mod", "mul")
        ):
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
        if isinstance(value, AUnknown) or (isinstance(value, AInstance) and value.type in MAPPINGS):
            self.on(unit.offset + details[0], self._on_spread, value, None)

    def _on_spread(self, value: AValue, source: AInstance | AUnknown, details: Any) -> None:
        if isinstance(value, AInstance) and value.type in MAPPINGS:
            if isinstance(source, AUnknown):
                self.add(self.loose(value), source)
            else:
                self.copy(source, value)

    # --- subscripts and iteration ------------------------------------------------------------------------------

    def op_subscript(self, value: AValue, unit: Unit, details: Any) -> None:
        key, variable, result, node, within = details
        result += unit.offset
        variable = unit.offset + variable if variable else 0
        if isinstance(key, slice) and not (isinstance(value, AInstance) and value.type in SEQUENCES):
            key = NO_KEY
        if isinstance(value, AInstance):
            if value.type in SEQUENCES and isinstance(key, slice):
                self._slice(value, key, self.instance(value.type, unit, node), result)
            elif value.type in SEQUENCES or value.type in MAPPINGS:
                if key is NO_KEY and variable and value.keyed:
                    self.late_keys.append((value, variable, result))
                elif key is NO_KEY:
                    self.edge(self.every(value), result)
                else:
                    self.element(value, key, result)
            elif not self.external_dunder(value, "__getitem__", unit, ([variable], result, node, within)):
                if value.type == "builtins.str":
                    self.add(result, value)
                else:
                    self.add(result, self.unknown("element of an external object"))
        elif isinstance(value, AObject):
            bases = self.external_bases(value.cls)
            if "typing.TypedDict" in bases and isinstance(key, str):
                self.edge(self.field_load(value.cls, value.subs, key), result)
            elif "typing.NamedTuple" in bases and not self.hits(value.cls, "exact", "__getitem__"):
                for position, (name, owner) in enumerate(self.declared_by(value.cls).items()):
                    if key == position or not isinstance(key, int) or key < 0:
                        self.edge(self.own_field(owner, name), result)
            details = (("__getitem__",), "operator", node, within, [variable], result)
            self.call_dunder(value, unit, details)
        elif isinstance(value, AClass):
            self.add(result, value)
        elif isinstance(value, AExternal):
            if value.name in ("typing.Optional", "typing.Union"):
                self.edge(variable, result)
            elif value.name in ("typing.Annotated", "typing_extensions.Annotated"):
                self.on(variable, self._on_annotated, unit, result)
            elif value.name == "sys.modules":
                self._module_in_table(key, unit, result, node)
            else:
                self.add(result, value)
        elif isinstance(value, AUnknown):
            self.add(result, value)

    def _module_in_table(self, key: object, unit: Unit, result: int, node: ast.AST) -> None:
        """``sys.modules[...]``: the module of that name or the file's own; which one it is may not be known."""
        own = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name) and node.slice.id == "__name__"
        name = unit.name if own else key
        module = self.module(name, None) if isinstance(name, str) else None
        if module is not None:
            self.add(result, module)
        else:
            self.add(result, self.unknown("module fetched by its name"))

    def _on_annotated(self, value: AValue, unit: Unit, result: int) -> None:
        """``Annotated[A, …]`` is an A."""
        if isinstance(value, AInstance) and value.type == "builtins.tuple":
            self.element(value, 0, result)

    def op_subscript_stored(self, value: AValue, unit: Unit, details: Any) -> None:
        stored, *rest = details
        if isinstance(value, AInstance) and value.type in MAPPINGS:
            self.edge(unit.offset + stored if stored else 0, unit.offset + rest[2])
        else:
            self.op_subscript(value, unit, rest)

    def _slice(self, value: AInstance, key: slice, part: AInstance, result: int) -> None:
        start, stop = key.start or 0, key.stop
        if key.step is None and start >= 0 and (stop is None or stop >= 0) and value.keyed and not value.loose:
            for position, variable in tuple(value.keyed.items()):
                if isinstance(position, int) and position >= start and (stop is None or position < stop):
                    self.edge(variable, self.keyed(part, position - start))
        else:
            self.edge(self.every(value), self.loose(part))
        self.add(result, part)

    def _settle_keys(self) -> bool:
        """Subscripts by a variable: only the elements under its literals, if it can be nothing else."""
        late, self.late_keys = self.late_keys, []
        for value, variable, result in late:
            held = self.held[variable]
            if held and all(isinstance(key, AConstant) for key in held):
                for key in held:
                    assert isinstance(key, AConstant)
                    self.element(value, key.value, result)
                self.on(variable, self._on_other_key, value, result)
            else:
                self.edge(self.every(value), result)
        return bool(late)

    def _on_other_key(self, value: AValue, container: AInstance, result: int) -> None:
        if isinstance(value, AConstant):
            self.element(container, value.value, result)
        else:
            self.edge(self.every(container), result)

    def op_store_subscript(self, value: AValue, unit: Unit, details: Any) -> None:
        key, variable, source, node, within = details
        variable, source = (unit.offset + v if v else 0 for v in (variable, source))
        if isinstance(value, AObject):
            self.call_dunder(value, unit, (("__setitem__",), "operator", node, within, [variable, source], 0))
        elif isinstance(value, AInstance):
            if value.type in MAPPINGS:
                self.edge(variable, self.keys(value))
            if value.type in MAPPINGS or value.type in SEQUENCES:
                literal = key is not NO_KEY and not isinstance(key, slice)
                self.edge(source, self.keyed(value, key) if literal else self.loose(value))
            else:
                self.edge(source, self.field(value, "[]"))

    def op_iterate(self, value: AValue, unit: Unit, details: Any) -> None:
        result, node, within, is_async = details
        self.op_iterate_value(value, unit, (unit.offset + result, node, within, is_async))

    def op_iterate_value(self, value: AValue, unit: Unit, details: Any) -> None:
        result = details[0]
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
        if value is source and isinstance(source, AInstance):
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
            names = list(self.declared_by(value.cls))
            if -len(names) <= key < len(names):
                self.edge(self.field_load(value.cls, value.subs, names[key]), result)
        else:
            self.op_iterate_value(value, unit, (result, node, within, False))

    def op_matched(self, value: AValue, unit: Unit, details: Any) -> None:
        """What a class pattern takes by position: the attributes that ``__match_args__`` names, or the fields."""
        position, result, node, within = details
        result += unit.offset
        if isinstance(value, AObject):
            listed = [variable for _, variable in self.hits(value.cls, "exact", "__match_args__")]
            for variable in listed:
                self.on(variable, self._on_match_args, unit, (value, position, result, node, within))
            names = list(self.declared_by(value.cls))
            if not listed and position < len(names):
                self.read_attribute(value, unit, (names[position], result, node, within))

    def _on_match_args(self, value: AValue, unit: Unit, details: Any) -> None:
        subject, position, *rest = details
        if isinstance(value, AInstance) and value.type in SEQUENCES and position in value.keyed:
            self.on(value.keyed[position], self._on_match_name, unit, (subject, *rest))

    def _on_match_name(self, value: AValue, unit: Unit, details: Any) -> None:
        subject, *rest = details
        if (name := self.literal(value)) is not None:
            self.read_attribute(subject, unit, (name, *rest))

    def on_unpack_value(self, value: AValue, unit: Unit, details: Any) -> None:
        key, result = details
        if isinstance(value, AInstance) and value.type in SEQUENCES:
            self.element(value, key, result)
        elif isinstance(value, AInstance) and value.precious and value.type not in MAPPINGS:
            self.edge(self.slot(value, 0), result)
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
        self.enter_value(value, unit, (unit.offset + result, node, within, is_async))

    def enter_value(self, value: AValue, unit: Unit, details: Any) -> None:
        result, node, within, is_async = details
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
        arguments, result, node, *own = details
        result += unit.offset
        if isinstance(value, AClass):
            self.add(result, self.object_of(value, True))
            for cls in self.implementers(value) if value.protocol else ():
                self.add(result, self.object_of(cls, True))
        elif own and isinstance(value, AExternal) and value.name == "typing.Self":
            self.edge(unit.offset + own[0], result)
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
            self.on(self.every(value), self._instantiate_member, unit, details)

    def op_cast(self, value: AValue, unit: Unit, details: Any) -> None:
        """``cast(T, x)`` gives what an annotation T promises, beside what is known of x."""
        declared, result = details
        if declared and isinstance(value, AExternal) and value.name in ("typing.cast", "typing_extensions.cast"):
            self.edge(unit.offset + declared, unit.offset + result)

    def _instantiate_member(self, value: AValue, unit: Unit, details: Any) -> None:
        """``isinstance(x, (A, B))``; tuples within tuples are left out, they could hold themselves."""
        if isinstance(value, (AClass, AExternal)):
            self.op_instantiate(value, unit, details)
