"""Functions used as values where the index cannot follow them any further."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator
from functools import cached_property

from asyncify.index.abstract import (
    ABound,
    AClass,
    AFunction,
    AInstance,
    AModule,
    AObject,
    APartial,
    AValue,
    Caller,
    Unit,
)
from asyncify.index.engine import OVERFLOW
from asyncify.index.link import Linker
from asyncify.index.project import FunctionUse, Sink
from asyncify.model import Span

_TRANSPARENT = frozenset(
    {
        "builtins.property",
        "builtins.staticmethod",
        "builtins.classmethod",
        "functools.wraps",
        "functools._Decorator.__call__",
        "functools.singledispatch",
        "functools.singledispatchmethod",
        "functools.singledispatch.register",
        "contextlib.contextmanager",
        "contextlib.asynccontextmanager",
        "abc.abstractmethod",
        "dataclasses.dataclass",
        "typing.overload",
        "typing.final",
        "typing.override",
        "typing.runtime_checkable",
        "typing.no_type_check",
    }
)
_GIVEN = frozenset({AFunction, ABound, APartial, AInstance})
"""Classes of values that are functions, or may hold one."""
_NO_FUNCTIONS = frozenset[str]()
_CALLING = frozenset({"on_call", "on_bind", "_on_property", "_on_setter"})


def function_uses(
    linker: Linker, span: Callable[[str, ast.AST], Span], parent: Callable[[str, ast.AST], ast.AST | None]
) -> list[FunctionUse]:
    """All places where a function is given away, stored or returned to where no known call takes it up."""
    return list(dict.fromkeys(_Escape(linker, span, parent).run()))


class _Escape:
    def __init__(
        self, linker: Linker, span: Callable[[str, ast.AST], Span], parent: Callable[[str, ast.AST], ast.AST | None]
    ) -> None:
        self.linker = linker
        self.span = span
        self.parent = parent
        self._calling: set[int] | None = None
        self._found: dict[tuple[int, bool], frozenset[str]] = {}

    def run(self) -> Iterator[FunctionUse]:
        for caller in self.linker.callers:
            if caller.decorates is not None:
                yield from self._decorated(caller)
            elif caller.externals or caller.unknown or not caller.known:
                yield from self._arguments(caller)
        yield from self._dropped()
        for unit in self.linker.units:
            yield from self._stored(unit)
            yield from self._contained(unit)
            yield from self._returned(unit)

    def _dropped(self) -> Iterator[FunctionUse]:
        """Functions that may run through a variable which held too many values to take them."""
        found: set[str] = set()
        names = self._names_asked()
        for value in self.linker.dropped:
            if isinstance(value, (AFunction, ABound, APartial, AInstance)):
                found.update(self._search([value], deep=True))
            elif isinstance(value, (AObject, AClass)):
                cls = value.cls if isinstance(value, AObject) else value
                for name in names:
                    for _, variable in self.linker.hits(cls, "subs", name):
                        found |= self.functions(variable)
            elif isinstance(value, AModule) and value.unit is not None:
                for name in names:
                    for variable in self.linker.export(value.unit, name):
                        found |= self.functions(variable)
        for unit in self.linker.units if found else ():
            for node, facts in unit.facts.owners.items():
                if facts.name in found:
                    yield FunctionUse(facts.name, self.span(unit.facts.path, node), unit.name, Sink.LOST)

    def _names_asked(self) -> set[str]:
        """The attributes that are read where too many values met."""
        names: set[str] = set()
        if self.linker.dropped:
            held = self.linker.held
            for unit in self.linker.units:
                for operand, operation, details in unit.facts.operations:
                    if operation == "attribute" and OVERFLOW in (held[unit.offset + operand] or ()):
                        names.add(str(details[0]))
        return names

    def functions(self, variable: int, deep: bool = False) -> frozenset[str]:
        """Names of the functions that a variable holds; with `deep`, also inside containers it holds."""
        held = self.linker.held[variable]
        if not held or _GIVEN.isdisjoint([value.__class__ for value in held]):
            return _NO_FUNCTIONS
        key = (variable, deep)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = frozenset(self._search(held, deep))
        return found

    def _search(self, values: Collection[AValue], deep: bool) -> Iterator[str]:
        held = self.linker.held
        stack: list[tuple[AValue, int]] = [(value, 0) for value in values]
        seen: set[AValue] = set()
        while stack:
            value, depth = stack.pop()
            if value in seen:
                continue
            seen.add(value)
            if isinstance(value, AFunction):
                yield value.facts.name
            elif isinstance(value, ABound):
                yield value.function.facts.name
            elif isinstance(value, APartial):
                stack += [(inner, depth + 1) for inner in held[value.func] or ()]
            elif deep and depth < 2 and isinstance(value, AInstance) and self.linker.is_container(value):
                for part in {value.loose, value.keys, *value.keyed.values()}:
                    stack += [(inner, depth + 1) for inner in held[part] or ()]

    def _decorated(self, caller: Caller) -> Iterator[FunctionUse]:
        externals = caller.externals - _TRANSPARENT
        if not externals and not caller.unknown:
            return
        where = self.span(caller.unit.facts.path, caller.node)
        names: list[str | None] = [*sorted(externals)] or [None]
        for function in sorted(self.functions(caller.args.positional[0])):
            for external in names:
                yield FunctionUse(function, where, caller.within.name, Sink.DECORATED, None, None, external)

    def _arguments(self, caller: Caller) -> Iterator[FunctionUse]:
        node, path = caller.node, caller.unit.facts.path
        assert isinstance(node, ast.Call)
        numbers, offset = caller.unit.facts.expressions, caller.unit.offset
        for position, argument in enumerate([*node.args, *[keyword.value for keyword in node.keywords]]):
            local = numbers.get(argument, 0)
            if not local or offset + local in caller.covered:
                continue
            functions = self.functions(offset + local, deep=True)
            if not functions:
                continue
            count = len(node.args)
            name = str(position) if position < count else node.keywords[position - count].arg or "**"
            external = min(caller.externals) if caller.externals else None
            for function in sorted(functions):
                yield FunctionUse(
                    function,
                    self.span(path, argument),
                    caller.within.name,
                    Sink.ARGUMENT,
                    self.span(path, node),
                    name,
                    external,
                )

    def _stored(self, unit: Unit) -> Iterator[FunctionUse]:
        for operand, operation, details in unit.facts.operations:
            if operation not in ("store", "store_subscript"):
                continue
            source, node, within = details[-3:]
            assert isinstance(source, int) and isinstance(node, ast.expr)
            functions = self.functions(unit.offset + source) if source else None
            if not functions:
                continue
            name = str(details[0]) if operation == "store" else "[]"
            taken, external = self._taken(unit.offset + operand, name)
            if not taken:
                where = self.span(unit.facts.path, node)
                for function in sorted(functions):
                    yield FunctionUse(function, where, within.name, Sink.STORED, None, None, external)  # type: ignore[attr-defined]

    def _taken(self, receiver: int, name: str) -> tuple[bool, str | None]:
        """Whether what is stored in an attribute (or container) is called somewhere; else the external owner."""
        held = self.linker.held[receiver] or set()
        known = False
        for value in held:
            if isinstance(value, (AObject, AClass)):
                owner = value.cls if isinstance(value, AObject) else value
                known = known or self.called(self.linker.own_field(owner, name))
            elif isinstance(value, AModule):
                known = True
            elif isinstance(value, AInstance) and self.linker.is_container(value):
                known = known or self._container_called(value)
            elif isinstance(value, AInstance):
                return False, value.type
        return known, None

    def _container_called(self, value: AInstance) -> bool:
        return any(self.called(held) for held in {value.loose, value.every, value.keys, *value.keyed.values()} if held)

    def _contained(self, unit: Unit) -> Iterator[FunctionUse]:
        for _, type_name, node, items in unit.facts.containers:
            functions: frozenset[str] = frozenset()
            for _, _, variable in items:
                functions |= self.functions(unit.offset + variable) if variable else functions
            if not functions or not isinstance(node, ast.expr):
                continue
            if isinstance(self.parent(unit.facts.path, node), ast.Compare):
                continue  # ``x in (f, g)`` looks at them
            if not self._container_called(self.linker.instance(type_name, unit, node)):
                where, within = self.span(unit.facts.path, node), self._within(unit, node)
                for function in sorted(functions):
                    yield FunctionUse(function, where, within, Sink.STORED)

    def _within(self, unit: Unit, node: ast.AST) -> str:
        line, column = node.lineno, node.col_offset  # type: ignore[attr-defined]
        best, name = (0, -1), unit.name
        for owner, facts in unit.facts.owners.items():
            if isinstance(owner, ast.Module):
                continue
            start, end = (owner.lineno, owner.col_offset), (owner.end_lineno, owner.end_col_offset)  # type: ignore[attr-defined]
            if start <= (line, column) < end and start > best:
                best, name = start, facts.name
        return name

    @cached_property
    def _only_decorating(self) -> frozenset[str]:
        """Functions that are only applied as decorators: what they return goes by the name of the decorated function."""
        called: set[str] = set()
        decorating: set[str] = set()
        for caller in self.linker.callers:
            (called if caller.decorates is None else decorating).update(caller.targets)
        return frozenset(decorating - called)

    def _returned(self, unit: Unit) -> Iterator[FunctionUse]:
        for owner, facts in unit.facts.owners.items():
            if facts.name in self._only_decorating:
                continue
            variable = unit.offset + facts.returns
            if not self.functions(variable) or self.called(variable):
                continue
            for node in ast.walk(owner):
                value = node.value if isinstance(node, ast.Return) else owner.body if node is owner else None  # type: ignore[attr-defined]
                if not isinstance(value, ast.expr):
                    continue
                local = unit.facts.expressions.get(value, 0)
                for function in sorted(self.functions(unit.offset + local)) if local else ():
                    yield FunctionUse(function, self.span(unit.facts.path, value), facts.name, Sink.RETURNED)

    def called(self, variable: int) -> bool:
        """Whether what this variable holds reaches the callee position of a call."""
        if self._calling is None:
            self._calling = self._reaching()
        return variable in self._calling

    def _reaching(self) -> set[int]:
        linker = self.linker
        sources: dict[int, list[int]] = {}
        for source, targets in enumerate(linker.successors):
            for target in targets or ():
                sources.setdefault(target, []).append(source)
        stack = [
            variable
            for variable, watchers in enumerate(linker.watchers)
            if watchers and any(handler.__name__ in _CALLING for handler, _, _ in watchers)
        ]
        seen = set(stack)
        while stack:
            for source in sources.get(stack.pop(), ()):
                if source not in seen:
                    seen.add(source)
                    stack.append(source)
        return seen
