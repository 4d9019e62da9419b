"""The names by which the values that matter can be had from a file, and what outside the indexed files gets them.

Whoever indexes a part of a tree asks this to find the files that belong to the part as well: those that take a value
that matters from it by a name (:attr:`Carriers.names`), and those that are given one (:meth:`Carriers.wanted`).
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator
from copy import copy
from dataclasses import dataclass

from asyncify.index.abstract import (
    ABound,
    AClass,
    AConstant,
    AExternal,
    AFunction,
    AInstance,
    AMethod,
    AModule,
    AObject,
    APartial,
    AUnknown,
    AValue,
    Unit,
)
from asyncify.index.elsewhere import ABSENT
from asyncify.index.ir import FunctionFacts
from asyncify.index.link import Linker

_DEPTH = 3  # containers within containers
_NEVER = frozenset({AConstant, AModule, AUnknown})
"""Classes of values that carry nothing."""


@dataclass(frozen=True, slots=True)
class Libraries:
    """What starts a migration: modules, and those of their classes of which objects stay as they are (``inert``)."""

    modules: frozenset[str]
    inert: frozenset[str] = frozenset()


class Carriers:
    """What carries values that matter: the named functions, objects of `libraries`, and what holds one of either."""

    def __init__(
        self, linker: Linker, functions: frozenset[str], libraries: Libraries, settled: Collection[ast.AST | None]
    ) -> None:
        self._linker = linker
        self._functions = functions
        self._libraries = libraries
        self._settled = settled  # calls that make objects of the libraries which do not matter
        self._classes: set[AClass] = set()
        self._above: set[AClass] = set()
        self._wide = False  # whether an object of any subclass counts for one of its base
        self._known: dict[int, bool] = {}
        self._named: dict[str, bool] = {}
        self._owners = {facts.name: facts for _, facts in self._all_functions()}
        self._find_classes()
        self.names = self._names()

    # --- what matters ------------------------------------------------------------------------------------------

    def matters(self, variable: int) -> bool:
        """Whether the variable may hold a value that matters."""
        return self._any(variable, 0)

    def _value(self, value: AValue, depth: int) -> bool:
        match value:
            case AFunction():
                return value.facts.name in self._functions
            case ABound():
                return value.function.facts.name in self._functions
            case AClass():
                return value in self._classes
            case AObject():
                return value.cls in self._classes or (self._wide and value.subs and value.cls in self._above)
            case AExternal():
                return self._of_library(value.name) or any(
                    known.startswith(f"{value.name}.") for known in self._libraries.modules
                )
            case AMethod():
                return self._value(value.instance, depth)
            case APartial():
                return self._any(value.func, depth)
            case AInstance():
                if self._of_library(value.type):
                    return value.node not in self._settled and not self._stays(value)
                parts = {value.every, value.loose, value.keys, *value.keyed.values(), *value.slots.values()}
                return any(self._any(part, depth) for part in parts if part)
        return False

    def _any(self, variable: int, depth: int) -> bool:
        """Whether the variable holds what matters, at most so deep inside containers."""
        if not variable or depth > _DEPTH:
            return False
        found = self._known.get(variable)
        if found is None:
            found = self._known[variable] = False  # what holds itself
            for value in self._linker.held[variable] or ():
                if value.__class__ not in _NEVER and self._value(value, depth + 1):
                    found = self._known[variable] = True
                    break
        return found

    def _stays(self, value: AInstance) -> bool:
        """Whether it is of an inert class, and the program makes it: by a call of the class, or as an annotation says."""
        if value.type not in self._libraries.inert or value.unit is None:
            return False
        node = value.node.func if isinstance(value.node, ast.Call) else value.node
        local = value.unit.facts.expressions.get(node, 0)  # type: ignore[arg-type]
        held = self._linker.held[value.unit.offset + local] if local else None
        return any(isinstance(known, AExternal) and known.name == value.type for known in held or ())

    def _of_library(self, name: str) -> bool:
        """Whether the name of an external thing lies in one of the libraries (dotted names of modules)."""
        found = self._named.get(name)
        if found is None:
            found = self._named[name] = any(name == it or name.startswith(f"{it}.") for it in self._libraries.modules)
        return found

    def _find_classes(self) -> None:
        """Classes with a method that matters, or that give or hold a value that matters, and those derived from them.

        A base class matters for itself: if it has such a method or value, or calls the one of a derived class.
        """
        linker = self._linker
        for cls in linker.all_classes:
            if any(name in self._functions for name in cls.facts.methods.values()) or (
                cls.facts.node not in self._settled
                and any(
                    self._of_library(base) and base not in self._libraries.inert for base in linker.external_bases(cls)
                )
            ):
                self._add(cls)
        for caller in (*linker.callers, *linker.implicit.values()):
            calling = None if caller.targets.isdisjoint(self._functions) else self._class_around(caller.within)
            if calling is not None and any(
                calling in linker.linear(linker.class_of(target.cls))
                for target in map(self._owners.__getitem__, caller.targets & self._functions)
                if target.cls is not None
            ):
                self._add(calling)
        fields: dict[AClass, list[int]] = defaultdict(list)
        for cls, variable in linker.fields():
            fields[cls].append(variable)
        for cls in linker.all_classes:
            fields[cls] += cls.namespace.values()
        for unit, function in self._all_functions():
            if function.cls is not None:
                fields[linker.class_of(function.cls)] += [unit.offset + v for v in self._results(function)]
        changed = True
        while changed:
            changed = False
            self._known.clear()
            for cls, variables in fields.items():
                if cls not in self._classes and any(self._any(variable, 0) for variable in variables if variable):
                    self._add(cls)
                    changed = True
        self._known.clear()
        self._above = {base for cls in self._classes for base in linker.linear(cls)}

    def _class_around(self, function: FunctionFacts) -> AClass | None:
        """The class of the method that a function is, or stands in."""
        within: FunctionFacts | None = function
        while within is not None and within.cls is None:
            within = self._owners.get(within.parent or "")
        return self._linker.class_of(within.cls) if within is not None and within.cls is not None else None

    def _add(self, cls: AClass) -> None:
        self._classes.update((cls, *self._linker.descendants(cls)))

    def _all_functions(self) -> Iterator[tuple[Unit, FunctionFacts]]:
        for unit in self._linker.units:
            for facts in unit.facts.owners.values():
                yield unit, facts

    @staticmethod
    def _results(function: FunctionFacts) -> list[int]:
        return [variable for variable in (function.returns, function.yields) if variable]

    # --- by which names ----------------------------------------------------------------------------------------

    def _names(self) -> dict[str, set[str]]:
        """For the path of each file, its global names that carry values which matter."""
        out: dict[str, set[str]] = defaultdict(set)
        for unit in self._linker.units:
            for name, local in unit.facts.exports.items():
                if local and self.matters(unit.offset + local):
                    out[unit.facts.path].add(name)
        for unit, facts in self._all_functions():
            if facts.name in self._functions or any(self.matters(unit.offset + v) for v in self._results(facts)):
                inner = facts.name.removeprefix(unit.name).lstrip(".")
                if inner:
                    out[unit.facts.path].add(inner.partition(".")[0].partition("#")[0])
        self._pass_on(out)
        return out

    def _pass_on(self, names: dict[str, set[str]]) -> None:
        """What a star imports is a name of the importing file as well."""
        starring = [unit for unit in self._linker.units if unit.facts.stars]
        changed = True
        while changed:
            changed = False
            for unit in starring:
                for star, _, absolute in unit.facts.stars:
                    module = self._linker.module(star, unit, absolute)
                    source = module.unit if module is not None else None
                    if source is None:
                        continue
                    found = {n for n in names.get(source.facts.path, ()) if self._linker.public(source, n)}
                    if not found <= names[unit.facts.path]:
                        names[unit.facts.path] |= found
                        changed = True

    # --- what is needed ----------------------------------------------------------------------------------------

    def called(self, running: Collection[str]) -> Iterator[str]:
        """What these functions call in files that are not indexed: names of modules and attributes behind."""
        for caller in (*self._linker.callers, *self._linker.implicit.values()):
            if caller.within.name in running:
                yield from (name for name in caller.externals if name.startswith(ABSENT))

    def wanted(self) -> Iterator[str]:
        """What takes part in files that are not indexed: names of modules, and perhaps attributes behind.

        That is what gets a value that matters, and what is the base of a class that does.
        """
        linker = self._linker
        wide = self._widely()
        for caller in (*linker.callers, *linker.implicit.values()):
            absent = [name for name in caller.externals if name.startswith(ABSENT)]
            if not absent:
                continue
            args = caller.args
            given = (*args.positional, *args.starred, *args.rest, *(variable for _, variable in args.keywords))
            if any(wide.matters(variable) for variable in given):
                yield from absent
        for cls in self._classes:
            yield from (base for base in linker.external_bases(cls) if base.startswith(ABSENT))
        for unit in linker.units:
            for star, _, absolute in unit.facts.stars:
                module = linker.module(star, unit, absolute)
                if module is not None and module.absent:
                    yield f"{ABSENT}{module.name}"
            for operand, operation, details in unit.facts.operations:
                if operation in ("store", "store_subscript"):
                    source = details[-3]
                    if isinstance(source, int) and source and wide.matters(unit.offset + source):
                        yield from self._absent(unit.offset + operand)

    def _widely(self) -> Carriers:
        """The same, where an object that is known by its base class may be of one of the classes that matter."""
        wide = copy(self)
        wide._wide, wide._known = True, {}
        return wide

    def related(self, function: str) -> Iterator[str]:
        """The names of the classes as which an object with this method may be known: its own and those above."""
        cls = self._owners[function].cls
        if cls is not None:
            yield from (base.facts.name for base in self._linker.linear(self._linker.class_of(cls)))

    def _absent(self, variable: int) -> Iterator[str]:
        for value in self._linker.held[variable] or ():
            if isinstance(value, AExternal) and value.name.startswith(ABSENT):
                yield value.name
            elif isinstance(value, AModule) and value.absent:
                yield f"{ABSENT}{value.name}"
