"""Attributes: what reading and storing one means for each kind of value."""

from __future__ import annotations

import ast
from typing import Any

from asyncify.index.abstract import (
    PATCHER,
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
    is_mock,
)
from asyncify.index.catalogue import Catalogue
from asyncify.index.elsewhere import ABSENT
from asyncify.index.externals import Application, Externals
from asyncify.index.ir import FunctionFacts
from asyncify.index.project import Kind
from asyncify.index.typeexpr import parse_type

_BUILTIN_CLASSES = {
    f"builtins.{kind.__name__}": kind
    for kind in (str, bytes, bytearray, int, float, complex, bool, list, tuple, dict, set, frozenset, range)
}


def _own_name(facts: FunctionFacts) -> str | None:
    """What ``__name__`` of the function is; None for one that may have got the name of another (`functools.wraps`)."""
    called = [d.func for d in facts.decorators if isinstance(d, ast.Call)]
    if facts.parent is not None or facts.kind is not Kind.FUNCTION or any("wraps" in ast.unparse(d) for d in called):
        return None
    return facts.name.rpartition(".")[2]


class Attributes(Externals):
    """Reading, storing and binding attributes.

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
            if value.name.rpartition(".")[0].endswith("mock.sentinel"):
                return  # sentinels have no attributes
            full = f"{value.name}.{name}"
            if full.count(".") > 4 and full not in self.catalogue.signatures:
                self.add(result, self.unknown("deep attribute of an external object"))
                return
            declared = self.catalogue.attributes.get(self.canonical(full))
            self.edge(self.field(value, name), result)  # the project may have put something else there
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
            if value.instance.type.startswith("builtins.") or value.instance.type.endswith("MockerFixture.sentinel"):
                return  # no method of a builtin has attributes that a program uses, and no sentinel has any
            deep = f"{value.instance.type}.{value.name}"
            if deep.count(".") > 4:
                self.add(result, self.unknown("deep attribute of an external object"))
            else:
                inner = self.instance(deep, None, None)
                self.add(result, self.method(inner, name))
        elif isinstance(value, AConstant):
            if value.value is not None and hasattr(value.value, name):
                self.add(result, self.method(self.instance(self.scalar_type(value), None, None), name))
        elif isinstance(value, ADescriptor):
            if name in ("setter", "getter", "deleter"):
                self.add(result, ASetter(value, name))
        elif isinstance(value, (AFunction, ABound)):
            owner = value if isinstance(value, AFunction) else value.function
            self.edge(self.field(owner, name), result)
            if name == "__name__":
                own = _own_name(owner.facts)
                self.add(
                    result,
                    self.unknown("the name of a function that stands for others")
                    if own is None
                    else self.constant(own),
                )
        elif isinstance(value, AUnknown):
            self.add(result, value)

    def _instance_attribute(
        self, value: AInstance, name: str, result: int, unit: Unit, node: ast.AST, within: FunctionFacts
    ) -> None:
        builtin = _BUILTIN_CLASSES.get(value.type)
        if builtin is not None and not hasattr(builtin, name):
            return  # reading it raises AttributeError: another object must be meant
        if name == "__name__" and value.type == "collections.abc.Callable":
            return  # an annotation; the functions that callers give have names
        if is_mock(value.type) and value.type != PATCHER:
            self.mock_attribute(value, name, result)
            return
        self.edge(self.field(value, name), result)
        if value.type == PATCHER:
            self.add(result, self.method(value, name))
            return
        for base in self.bases_of(value.type):
            declared = self.catalogue.attributes.get(f"{base}.{name}")
            if declared is not None:
                caller = self.implicitly(unit, node, within, "attribute")
                application = Application(Args(), value, value, caller, f"{base}.{name}")
                self.edge(self.evaluate(parse_type(declared), application), result)
                return
        if value.type not in self.catalogue.blank or name.startswith("__"):
            self.add(result, self.method(value, name))

    def module_attribute(self, module: AModule, name: str, result: int, importer: Unit) -> None:
        """A name of a project module: its globals, its submodules, what it imports with a star."""
        found = self.export(module.unit, name) if module.unit is not None else []
        for variable in found:
            self.edge(variable, result)
        submodule = self.module(f"{module.name}.{name}", None)
        if submodule is not None and (not found or submodule.unit is not None):
            own = module.unit.facts.exports.get(name) if module.unit is not None else None
            if not own:
                self.add(result, submodule)
        if found or submodule is not None:
            return
        if module.absent:
            self.add(result, self.external(f"{ABSENT}{module.name}.{name}"))
            return
        if module.unit is not None:
            stars = self.external_stars(module.unit, name)
            for star in stars:
                self.add(result, self.external(f"{star}.{name}"))
            if stars:
                return
        self.edge(self.field(module, name), result)  # other modules may have put something there
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
            if name == "__dict__":
                cls.attributes = self.instance("builtins.dict", cls.unit, cls.facts.node, "__dict__")
                self.add(result, cls.attributes)
        elif isinstance(value, AClass):
            cls, how = value, "exact"
            if name == "__subclasses__":
                made = self.instance("builtins.type", cls.unit, cls.facts.node, name)
                self.watch_children(cls, self.slot(made, 0))
                if self.some_left_out():
                    self.add(self.slot(made, 0), self.unknown("subclasses in files that are not indexed"))
                self.add(result, self.method(made, name))
                return
        else:
            assert isinstance(value, ASuper)
            cls, how = value.cls, "super"
        hits = self.hits(cls, how, name)
        for _, variable in hits:
            self.on(variable, self.on_bind, unit, (value, result, node, within))
        if hits and isinstance(value, AClass) and self._is_enumeration(cls) and name not in cls.facts.methods:
            self.add(result, self.object_of(cls, False))
        loaded = 0
        if how != "super":
            loaded = self.field_load(cls, how == "subs", name)
            self.edge(loaded, result)
        if not hits:
            self.late.append((value, cls, how, name, result, loaded, unit, node, within))

    def _is_enumeration(self, cls: AClass) -> bool:
        return any(base.startswith("enum.") for base in self.external_bases(cls))

    def find_late(self) -> bool:
        """What attributes found nowhere come from: ``__getattr__`` or an external base. Whether anything was new."""
        late, self.late = self.late, []
        again = []
        for entry in late:
            value, cls, how, name, result, loaded, unit, node, within = entry
            if self.hits(cls, how, name):  # a base class became known meanwhile
                self._looked_up.discard((value, name, result))
                self._class_attribute(value, unit, (name, result, node, within))
                continue
            if loaded and self.held[loaded]:
                again.append(entry)
                continue
            if isinstance(value, AObject) and not (name.startswith("__") and name.endswith("__")):
                for table in () if hasattr(dict, name) else self.items_of(cls):
                    self.element(table, name, result)
                for _, variable in self.hits(cls, how, "__getattr__"):
                    method = self.new()
                    self.on(variable, self.on_bind, unit, (value, method, node, within))
                    key = self.new()
                    self.add(key, self.constant(name))
                    caller = self.implicitly(unit, node, within, "getattr")
                    self.on(method, self.on_call, caller, (Args([key]), result))
            metas = self.metaclasses(cls) if isinstance(value, AClass) else []
            inherited = [(meta, variable) for meta in metas for _, variable in self.hits(meta, "exact", name)]
            for meta, variable in inherited:
                self.on(variable, self._on_bind_meta, unit, (cls, meta, result, node, within))
            bases = self.external_bases(cls) if not inherited else []
            for base in bases:
                if base == "?":
                    self.add(result, self.unknown("base class unknown"))
                elif isinstance(value, AClass):
                    if base not in _BUILTIN_CLASSES or hasattr(_BUILTIN_CLASSES[base], name):
                        self.add(result, self.external(f"{base}.{name}"))
                else:
                    part = self.external_part(cls, base)
                    self._instance_attribute(part, name, result, unit, node, within)
            if not bases and isinstance(value, AClass) and name == "__new__":
                self.add(result, self.external("builtins.object.__new__"))
            if not bases and isinstance(value, ASuper):
                part = self.external_part(cls, "builtins.object")
                if name == "__new__":
                    self.add(result, self.external("builtins.object.__new__"))
                elif not self._is_missing(cls, name):
                    self.add(result, self.method(part, name))
        self.late += again
        return len(again) < len(late)

    def _is_missing(self, cls: AClass, name: str) -> bool:
        """Whether a special method is none that `object` has, and no class derived from this one has others above it.

        Asking ``super()`` for it raises AttributeError.
        """
        special = name.startswith("__") and name.endswith("__") and not hasattr(object, name)
        return special and not any(self.external_bases(one) for one in self.descendants(cls))

    def _on_bind_meta(self, value: AValue, unit: Unit, details: Any) -> None:
        cls, meta, result, node, within = details
        if isinstance(value, AFunction):
            self.add(result, self.bound_to_class(value, cls, meta))
        else:
            self.on_bind(value, unit, (self.object_of(meta, False), result, node, within))

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
            for _, variable in self.hits(value.cls, "subs" if value.subs else "exact", name):
                self.on(variable, self._on_set_property, unit, (value, source, node, within))
            self.edge(source, self.own_field(value.cls, name))
            self.call_dunder(value, unit, (("__setattr__",), "setattr", node, within, [0, source], 0))
        elif isinstance(value, AClass):
            self.edge(source, self.own_field(value, name))
        elif isinstance(value, AModule) and value.unit is not None:
            own = value.unit.facts.exports.get(name)
            self.edge(source, value.unit.offset + own if own else self.field(value, name))
        elif isinstance(value, (AInstance, AFunction, AExternal)):
            self.edge(source, self.field(value, name))
            if isinstance(value, AInstance) and is_mock(value.type):
                self.mock_stored(value, name, within)

    def _on_set_property(self, value: AValue, unit: Unit, details: Any) -> None:
        receiver, source, node, within = details
        if isinstance(value, ADescriptor) and value.setter:
            caller = self.implicitly(unit, node, within, "property")
            self.on(value.setter, self._on_setter, caller, (receiver.cls, source))

    def _on_setter(self, value: AValue, caller: Any, details: Any) -> None:
        cls, source = details
        if isinstance(value, AFunction):
            self.apply(self.bound(value, cls), Args([source]), 0, caller)
