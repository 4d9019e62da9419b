"""Linking: the facts of all files become one system of variables, solved in two stages.

First names, imports and base classes alone; then, with the class hierarchy known, everything. Attributes found
nowhere get what they fall back to (``__getattr__``, external bases) only once nothing else can reach them.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from typing import Any

from asyncify.index.abstract import AClass, AExternal, AFunction, AModule, Args, AUnknown, AValue, Caller, Unit
from asyncify.index.catalogue import Catalogue
from asyncify.index.elsewhere import Elsewhere, script_folders
from asyncify.index.ir import ClassFacts, FileFacts, ImportFacts
from asyncify.index.solve import Solver
from asyncify.index.testing import bind_fixtures

_BUILTINS = frozenset(dir(builtins))
_BASES = 3  # classes that one base expression can stand for; where it could be more, the base is unknown
_MODULE_NAMES = frozenset({"__name__", "__file__", "__doc__", "__package__", "__qualname__", "__module__"})


class Linker(Solver):
    """The solver, filled from facts."""

    def __init__(self, catalogue: Catalogue, elsewhere: Elsewhere | None = None) -> None:
        super().__init__(catalogue)
        self.elsewhere = elsewhere or self.elsewhere
        self.classes: dict[str, AClass] = {}
        self._class_of: dict[Any, AClass] = {}

    def class_of(self, facts: ClassFacts) -> AClass:
        """The class that these facts describe."""
        return self._class_of[facts]

    def link(self, files: Iterable[FileFacts]) -> None:
        """Join the files and solve."""
        for facts in files:
            self.units.append(Unit(facts, self.grow(facts.size)))
        self._name_modules()
        for unit in self.units:
            self._seed(unit)
        for unit in self.units:
            self._import(unit)
            self._attributes(unit)
        for cls in self.all_classes:
            self._watch_bases(cls)
        self.run()
        self.release()
        self.run()
        for cls in self.all_classes:
            self._external_bases(cls)
        for unit in self.units:
            self._selves(unit)
            self._operations(unit)
            self._calls(unit)
        bind_fixtures(self)
        self.run()
        while self.fall_back():
            self.run()

    def _name_modules(self) -> None:
        for unit in self.units:
            self.modules[unit.name] = AModule(unit.name, unit)
        for unit in self.units:
            parent = unit.name.rpartition(".")[0]
            while parent and parent not in self.modules:
                self.modules[parent] = AModule(parent, None, parent in self.elsewhere.modules)
                parent = parent.rpartition(".")[0]
        self.by_folder = self.elsewhere.folders or script_folders({u.facts.path: u.name for u in self.units})

    # --- names, imports, classes -------------------------------------------------------------------------------

    def _seed(self, unit: Unit) -> None:
        facts, offset = unit.facts, unit.offset
        for source, target in facts.edges:
            successors = self.successors[offset + source]
            if successors is None:
                self.successors[offset + source] = [offset + target]
            else:
                successors.append(offset + target)
        for variable, value in facts.constants:
            self.add(offset + variable, self.constant(value))  # type: ignore[arg-type]
        for variable, function in facts.functions:
            self.add(offset + variable, self.function(function, unit))
        for variable, type_name in facts.instances:
            self.add(offset + variable, self.instance(type_name, None, None))
        for variable, class_facts in facts.classes:
            cls = AClass(class_facts, unit)
            cls.namespace = {name: offset + local for name, local in class_facts.namespace.items()}
            self._class_of[class_facts] = cls
            self.classes[class_facts.name] = cls
            self.all_classes.append(cls)
            self.add(offset + variable, cls)

    def _import(self, unit: Unit) -> None:
        for statement in unit.facts.imports:
            self._import_one(statement, unit)
        if unit.facts.stars:
            last = max(line for _, line, _ in unit.facts.stars)
            for name, own in unit.facts.exports.items():
                if unit.facts.export_lines.get(name, 0) < last:
                    for source in self.export(unit, name):
                        self.edge(source, unit.offset + own)
                    for star in self.external_stars(unit, name):
                        self.add(unit.offset + own, self.external(f"{star}.{name}"))
        for name, variable in unit.facts.free.items():
            self._free(name, unit.offset + variable, unit)

    def _import_one(self, statement: ImportFacts, unit: Unit) -> None:
        target = unit.offset + statement.target
        module = self.module(statement.module, unit, statement.absolute)
        if statement.name is None:
            if statement.top:
                head = statement.module.partition(".")[0]
                module = self.module(head, unit)
                self.add(target, module or self.external(head))
            else:
                self.add(target, module or self._outside(statement.module, unit))
        elif module is not None:
            inside = self.module(f"{module.name}.{statement.name}", None) if module.unit is unit else None
            if inside is not None:  # a package that imports a module of its own, under whose name it is found
                self.add(target, inside)
            else:
                self.module_attribute(module, statement.name, target, unit)
        elif statement.absolute:
            outside = self._outside(statement.module, unit)
            name = f"{statement.module}.{statement.name}"
            self.add(target, outside if isinstance(outside, AUnknown) else self.external(name))
        else:
            self.add(target, self.unknown(f"no module {statement.module or '.'} in the project"))

    def _outside(self, name: str, unit: Unit) -> AValue:
        head = name.partition(".")[0]
        if self.module(head, unit) is not None:
            return self.unknown(f"no module {name} in the project")
        return self.external(name)

    def _free(self, name: str, variable: int, unit: Unit) -> None:
        found = self.export(unit, name) if unit.facts.stars or name in unit.facts.exports else []
        for source in found:
            self.edge(source, variable)
        if found and name not in unit.facts.exports:
            return
        if name in _BUILTINS:
            self.add(variable, self.external(f"builtins.{name}"))
        elif name in _MODULE_NAMES:
            self.add(variable, self.instance("builtins.str", None, None))
        elif not found:
            stars = self.external_stars(unit, name)
            for star in stars:
                self.add(variable, self.external(f"{star}.{name}"))
            if not stars:
                self.add(variable, self.unknown(f"name {name} is not defined"))

    def _attributes(self, unit: Unit) -> None:
        for operand, operation, details in unit.facts.operations:
            if operation == "attribute":
                self.on(unit.offset + operand, self.op_attribute, unit, details)

    def _watch_bases(self, cls: AClass) -> None:
        for position, local in enumerate(cls.facts.bases):
            self.on(cls.unit.offset + local, self._on_base, cls, position)
        if cls.facts.metaclass:
            self.on(cls.unit.offset + cls.facts.metaclass, self._on_metaclass, cls, None)

    def _on_metaclass(self, value: AValue, cls: AClass, details: Any) -> None:
        if isinstance(value, AClass) and value is not cls and value not in cls.metas:
            cls.metas.append(value)

    def _on_base(self, value: AValue, cls: AClass, position: int) -> None:
        if isinstance(value, AClass):
            if sum(known == position for known, _ in cls.base_order) < _BASES:
                self.add_base(cls, position, value)
            elif "?" not in cls.external:
                cls.external.append("?")
        elif isinstance(value, AExternal):
            cls.protocol = cls.protocol or value.name == "typing.Protocol"
            if value.name not in ("builtins.object", "typing.Generic", "typing.Protocol", *cls.external):
                cls.external.append(value.name)
                cls.precious = cls.precious or self.known_library(value.name)
        elif isinstance(value, AUnknown) and "?" not in cls.external:
            cls.external.append("?")

    def _external_bases(self, cls: AClass) -> None:
        for local in cls.facts.bases:
            variable = cls.unit.offset + local
            if not local or not self.held[variable]:
                cls.external.append("?")

    # --- everything else ---------------------------------------------------------------------------------------

    def _selves(self, unit: Unit) -> None:
        for variable, facts, how in unit.facts.selves:
            cls = self._class_of[facts]
            if how == "wrapper":
                self.on(unit.offset + variable, self._on_wrapper, cls, None)
                continue
            value: AValue = cls
            if how == "self":
                value = self.object_of(cls, True)
            elif how == "super":
                value = self.super_of(cls)
            self.add(unit.offset + variable, value)
        for variable, type_name, node, items in unit.facts.containers:
            made = self.instance(type_name, unit, node)
            for key, key_variable, value_variable in items:
                source = unit.offset + value_variable if value_variable else 0
                if isinstance(key, (str, int, bytes)):
                    self.edge(source, self.keyed(made, key))
                else:
                    self.edge(source, self.loose(made))
                if key_variable:
                    self.edge(unit.offset + key_variable, self.keys(made))
            self.add(unit.offset + variable, made)
        for cls in self.all_classes:
            if cls.unit is unit:
                for name, local in cls.facts.declared.items():
                    if name not in cls.facts.namespace:
                        self.edge(unit.offset + local, self.own_field(cls, name))

    def _on_wrapper(self, value: AValue, cls: AClass, details: object) -> None:
        """A function that a decorator puts in a method's place is called on the objects of the class, as the method was."""
        if isinstance(value, AFunction) and value.facts.cls is None and value.facts.positional:
            self.add(value.unit.offset + value.facts.positional[0][1], self.object_of(cls, True))

    def _operations(self, unit: Unit) -> None:
        handlers = {
            name[3:]: getattr(self, name) for name in dir(self) if name.startswith("op_") and name != "op_attribute"
        }
        offset, on = unit.offset, self.on
        for operand, operation, details in unit.facts.operations:
            if operation != "attribute":
                on(offset + operand, handlers[operation], unit, details)

    def _calls(self, unit: Unit) -> None:
        offset = unit.offset
        for call in unit.facts.calls:
            caller = Caller(unit, call.node, call.within)
            caller.decorates = call.decorates
            caller.func = offset + call.func if call.func else 0
            caller.result = offset + call.result if call.result else 0
            caller.args = args = Args()
            for variable, starred in call.args:
                number = offset + variable if variable else 0
                if starred:
                    args.starred.append(number)
                elif args.starred:
                    args.rest.append(number)
                else:
                    args.positional.append(number)
            args.keywords = [(name, offset + local if local else 0) for name, local in call.keywords]
            self.callers.append(caller)
            self.on(caller.func, self.on_call, caller, (args, caller.result))
