"""The linked project: answers about a solved system, in public values and spans."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from asyncify.index import values as public
from asyncify.index.abstract import (
    GENERIC,
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
    Caller,
    Unit,
    is_mock,
)
from asyncify.index.carriers import Carriers, Libraries
from asyncify.index.escape import function_uses
from asyncify.index.given_away import given_away
from asyncify.index.given_objects import GivenObject, given_objects
from asyncify.index.link import Linker
from asyncify.index.positions import Positions
from asyncify.index.project import (
    CallSite,
    ClassInfo,
    Diagnostic,
    FileTree,
    FunctionInfo,
    FunctionUse,
    ImplicitCall,
    Kind,
)
from asyncify.index.testing import is_test
from asyncify.index.values import Value
from asyncify.model import Span

_Node = TypeVar("_Node", bound=ast.AST)
_NOT_CALLS = frozenset({"attribute", "external"})
_PLAIN = frozenset({AConstant, AUnknown, AFunction, AClass, AModule, ABound})
"""Classes of values that are neither an object nor anything external."""
_NO_VALUES = frozenset[Value]()


class LinkedProject:
    """An indexed and solved project; see :class:`asyncify.index.project.Project`."""

    def __init__(
        self,
        linker: Linker,
        files: Mapping[str, FileTree],
        positions: Mapping[str, Positions],
        diagnostics: Sequence[Diagnostic],
    ) -> None:
        self._linker = linker
        self.files = files
        self.diagnostics = diagnostics
        self._units = {unit.facts.path: unit for unit in linker.units}
        self._positions = positions
        self._public: dict[AValue, Value | None] = {}
        self._converted: dict[int, frozenset[Value]] = {}
        self._internal: dict[Value, list[AInstance]] = {}

    def forget(self) -> None:
        """Give back what only this index holds, though it holds itself. Nothing may be asked afterwards."""
        vars(self._linker).clear()
        vars(self).clear()

    # --- tables ------------------------------------------------------------------------------------------------

    @cached_property
    def functions(self) -> Mapping[str, FunctionInfo]:
        """All functions, lambdas, module and class bodies by name."""
        out: dict[str, FunctionInfo] = {}
        for unit in self._linker.units:
            test_file = is_test(unit.facts.path)
            for node, facts in unit.facts.owners.items():
                in_test = test_file or (facts.cls is not None and self._is_test_case(facts.cls.name))
                out[facts.name] = FunctionInfo(
                    facts.name,
                    facts.kind,
                    self.span(unit.facts.path, node),
                    unit.name,
                    unit.facts.path,
                    facts.cls.name if facts.cls else None,
                    facts.parent,
                    facts.is_async,
                    facts.is_generator,
                    tuple(self.span(unit.facts.path, decorator) for decorator in facts.decorators),
                    facts.parameters,
                    in_test,
                )
        return out

    def _is_test_case(self, name: str) -> bool:
        """Whether the class is one of tests, wherever it stands."""
        info = self.classes.get(name)
        return info is not None and any(base.endswith("TestCase") for base in info.external_bases)

    def function_of(self, path: str, node: ast.AST) -> FunctionInfo | None:
        """The function, lambda, class body or module that this very node defines."""
        facts = self._units[path].facts.owners.get(node)
        return self.functions[facts.name] if facts is not None else None

    @cached_property
    def classes(self) -> Mapping[str, ClassInfo]:
        """All classes by name."""
        linker, out = self._linker, {}
        for name, cls in linker.classes.items():
            bases: list[Value] = []
            for local in cls.facts.bases:
                held = self._convert(cls.unit.offset + local if local else 0)
                bases += sorted(
                    (v for v in held if isinstance(v, (public.Class, public.External, public.Unknown))), key=str
                ) or [public.Unknown("base class unknown")]
            out[name] = ClassInfo(
                name,
                self.span(cls.unit.facts.path, cls.facts.node),
                cls.unit.facts.path,
                tuple(bases),
                tuple(known.facts.name for known in linker.linear(cls)),
                frozenset(linker.external_bases(cls)),
                dict(cls.facts.methods),
            )
        return out

    @cached_property
    def calls(self) -> Sequence[CallSite]:
        """All call expressions."""
        return [self._call_site(caller) for caller in self._calling]

    @cached_property
    def _calling(self) -> list[Caller]:
        callers = [caller for caller in self._linker.callers if caller.decorates is None]
        return sorted(callers, key=lambda c: (c.unit.facts.path, c.node.lineno, c.node.col_offset, -c.node.end_lineno))  # type: ignore[attr-defined]

    @cached_property
    def implicit_calls(self) -> Sequence[ImplicitCall]:
        """All that runs project functions without a call expression."""
        out: list[ImplicitCall] = []
        for caller in self._linker.implicit.values():
            if caller.kind not in _NOT_CALLS:
                out += self._implicit(caller, caller.kind)
        for caller in self._linker.callers:
            if caller.decorates is not None:
                out += self._implicit(caller, "decorator")
        # In the order of the text: which of several is found first is left to chance.
        return sorted(out, key=lambda call: (call.span, call.target, call.kind, call.external or ""))

    @cached_property
    def uses(self) -> Sequence[FunctionUse]:
        """Functions that leave what the index follows."""
        return function_uses(self._linker, self.span, self.parent)

    @cached_property
    def lost(self) -> frozenset[Value]:
        """Library things that the index stopped following where too many values met: not all of their uses are known."""
        found = (self.public(value.instance if isinstance(value, AMethod) else value) for value in self._linker.lost)
        return frozenset(value for value in found if value is not None)

    def _implicit(self, caller: Caller, kind: str) -> Iterable[ImplicitCall]:
        span = self.span(caller.unit.facts.path, caller.node)
        for target in sorted(caller.targets):
            yield ImplicitCall(span, caller.within.name, target, kind, caller.external)

    def _call_site(self, caller: Caller) -> CallSite:
        node, path = caller.node, caller.unit.facts.path
        assert isinstance(node, ast.Call)
        span, func, args, keywords, starred = self._positions[path].call(node)
        return CallSite(
            span,
            func,
            caller.within.name,
            args,
            keywords,
            frozenset(caller.targets),
            _without_mocks(caller),
            self._unresolved(caller, node),
            starred,
            node,
        )

    def _unresolved(self, caller: Caller, node: ast.Call) -> str | None:
        if caller.unknown:
            return "; ".join(sorted(caller.unknown))
        if caller.known or caller.targets or caller.externals:
            return None
        held = self._linker.held[caller.func]
        if held:
            kinds = ", ".join(sorted({value.__class__.__name__[1:].lower() for value in held}))
            return f"calling a value that is not known to be callable ({kinds})"
        return self._why_empty(caller.unit, node.func)

    def _why_empty(self, unit: Unit, func: ast.expr) -> str:
        local = unit.facts.expressions.get(func, 0)
        if local in unit.facts.parameters:
            return f"parameter {unit.facts.parameters[local][1]} without known caller"
        if isinstance(func, ast.Attribute):
            receiver = unit.facts.expressions.get(func.value, 0)
            held = self._linker.held[unit.offset + receiver] if receiver else None
            if held:
                return f"attribute {func.attr} not found on its receiver"
            if receiver in unit.facts.parameters:
                return f"receiver unknown: parameter {unit.facts.parameters[receiver][1]} without known caller"
            return f"receiver of {func.attr} unknown"
        if isinstance(func, ast.Name):
            return f"no value known for {func.id}"
        return "no value known for the called expression"

    # --- questions ---------------------------------------------------------------------------------------------

    def span(self, path: str, node: ast.AST) -> Span:
        """The span of a node of that file (columns in code points)."""
        return self._positions[path].span(node)

    def parent(self, path: str, node: ast.AST) -> ast.AST | None:
        """The node that directly holds `node`, None for the module."""
        return self._positions[path].parent(node)

    def node(self, span: Span, kind: type[_Node]) -> _Node | None:
        """The (outermost) node of that type with exactly this span."""
        if span.path not in self._positions:
            return None
        return self._positions[span.path].node(span, kind)

    def statement(self, path: str, node: ast.AST) -> ast.stmt | None:
        """The innermost statement that holds `node` (itself, if it is one)."""
        current: ast.AST | None = node
        while current is not None and not isinstance(current, ast.stmt):
            current = self.parent(path, current)
        return current

    def nodes(self, path: str, *kinds: type[_Node]) -> Iterator[_Node]:
        """All nodes of the file of exactly these classes, outer ones first."""
        return self._positions[path].nodes(*kinds)

    def values(self, span: Span) -> frozenset[Value]:
        """What the expression with exactly this span can be; empty where nothing is known."""
        unit = self._units.get(span.path)
        if unit is None:
            return frozenset()
        known = unit.facts.expressions
        found = [local for node in self._positions[span.path].at(span) if (local := known.get(node, 0))]
        if len(found) == 1:
            return self._convert(unit.offset + found[0])
        return frozenset().union(*(self._convert(unit.offset + local) for local in found))

    def values_of(self, path: str, node: ast.AST) -> frozenset[Value]:
        """What the expression can be; quicker than by span."""
        unit = self._units[path]
        local = unit.facts.expressions.get(node, 0)
        if local:
            return self._convert(unit.offset + local) if self._linker.held[unit.offset + local] else frozenset()
        return self.values(self.span(path, node))

    def held(self, path: str, *kinds: type[ast.expr]) -> Iterator[tuple[ast.expr, frozenset[Value]]]:
        """The expressions of these kinds that can be an object or an external thing, in the order of the text."""
        unit = self._units[path]
        held, offset = self._linker.held, unit.offset
        for node, local in self._positions[path].ordered(unit.facts.expressions, kinds):
            known = held[offset + local]
            if known and not _PLAIN.issuperset([value.__class__ for value in known]):
                values = self._convert(offset + local)
                if values:
                    yield node, values

    def slot(self, value: Value, index: int) -> frozenset[Value]:
        """What a container holds (list element: 0; dict key: 0, value: 1; tuple: the position) or a type argument."""
        self._convert_instances()
        out: set[Value] = set()
        for instance in self._internal.get(value, ()):
            for variable in self._slots(instance, index):
                out |= self._convert(variable)
        return frozenset(out)

    def _slots(self, instance: AInstance, index: int) -> list[int]:
        if instance.type == "builtins.tuple":
            return [instance.keyed.get(index, 0), instance.loose]
        return [self._linker.slot(instance, index)] if self._settled(instance, index) else []

    def _settled(self, instance: AInstance, index: int) -> bool:
        before = len(self._linker.held)
        self._linker.slot(instance, index)
        if len(self._linker.held) != before:
            self._linker.run()
            self._converted.clear()
        return True

    def _convert_instances(self) -> None:
        if not self._internal:
            for instance in self._linker.all_instances():
                value = self.public(instance)
                if value is not None:
                    self._internal.setdefault(value, []).append(instance)

    @cached_property
    def _by_span(self) -> Mapping[Span, CallSite]:
        return {call.span: call for call in self.calls}

    def call_at(self, span: Span) -> CallSite | None:
        """The call with exactly this span."""
        return self._by_span.get(span)

    @cached_property
    def _by_target(self) -> Mapping[str, Sequence[CallSite]]:
        return _group(self.calls, lambda call: call.targets)

    def callers(self, function: str) -> Sequence[CallSite]:
        """Call sites that may run the function."""
        return self._by_target.get(function, ())

    @cached_property
    def _open_calls(self) -> Mapping[str, Sequence[CallSite]]:
        out: dict[str, list[CallSite]] = {}
        for caller, call in zip(self._calling, self.calls, strict=True):
            node = caller.node
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and call.unresolved is not None:
                out.setdefault(node.func.attr, []).append(call)
        return out

    def maybe_callers(self, function: str) -> Sequence[CallSite]:
        """Attribute calls with an unknown receiver and this method's (or module function's) name."""
        info = self.functions.get(function)
        if info is None or info.kind is not Kind.FUNCTION:
            return ()
        return self._open_calls.get(function.rpartition(".")[2].partition("#")[0], ())

    def overrides(self, function: str) -> frozenset[str]:
        """All methods of the project in the same override family (same name, related classes), without itself."""
        info = self.functions.get(function)
        if info is None or info.cls is None or info.kind is not Kind.FUNCTION:
            return frozenset()
        linker, name = self._linker, function.rpartition(".")[2].partition("#")[0]
        family, stack = set(), [linker.classes[info.cls]]
        while stack:
            cls = stack.pop()
            for related in (*linker.linear(cls), *linker.descendants(cls)):
                if related not in family and name in related.facts.methods:
                    family.add(related)
                    stack.append(related)
        return frozenset(cls.facts.methods[name] for cls in family) - {function}

    @cached_property
    def given_away(self) -> frozenset[str]:
        """Classes of which something unknown may be an object: code outside gets hold of one."""
        return given_away(self._linker)

    def given_objects(self, matters: Callable[[frozenset[str]], bool]) -> Iterator[GivenObject]:
        """Objects and classes of the project that calls of code outside get, where that code's names matter."""
        return given_objects(self._linker, lambda caller: self.span(caller.unit.facts.path, caller.node), matters)

    @property
    def imported_by_name(self) -> bool:
        """Whether a file of the tree that is not indexed may fetch modules by computed names."""
        return self._linker.elsewhere.by_name

    @property
    def is_part(self) -> bool:
        """Whether the tree has files that are not indexed."""
        return bool(self._linker.elsewhere.modules)

    @property
    def waiting_elsewhere(self) -> Collection[str]:
        """Functions of files that are not indexed of which it is known that they wait."""
        return self._linker.elsewhere.waiting

    def carriers(self, functions: frozenset[str], libraries: Libraries, settled: Iterable[Span] = ()) -> Carriers:
        """By which names these functions, and objects of these libraries, can be had; and who is given them.

        Objects made by a call at one of the spans `settled` do not count, nor do external bases of a class there.
        """
        nodes = {self.node(span, kind) for span in settled for kind in (ast.Call, ast.ClassDef)}
        return Carriers(self._linker, functions, libraries, nodes - {None})

    @cached_property
    def unresolved_methods(self) -> frozenset[str]:
        """The names of attribute calls with an unknown receiver."""
        calls = ((caller, caller.node) for caller in self._linker.callers if caller.decorates is None)
        return frozenset(
            node.func.attr
            for caller, node in calls
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and self._unresolved(caller, node) is not None
        )

    @property
    def called_outside(self) -> Iterator[str]:
        """The canonical names of the external things that are called."""
        for caller in self._linker.callers:
            if caller.decorates is None:
                yield from _without_mocks(caller)

    # --- public values -----------------------------------------------------------------------------------------

    def _convert(self, variable: int) -> frozenset[Value]:
        found = self._converted.get(variable)
        if found is None:
            held = self._linker.held[variable] if variable else None
            if not held:
                return _NO_VALUES
            public = [self.public(value) for value in held if not _is_generic(value)]
            found = self._converted[variable] = frozenset([value for value in public if value is not None])
        return found

    def public(self, value: AValue) -> Value | None:
        """The public value, None for what only the solver knows (descriptors)."""
        if value not in self._public:
            self._public[value] = self._publish(value)
        return self._public[value]

    def _site(self, unit: Unit | None, node: ast.AST | None) -> Span | None:
        if unit is None or node is None:
            return None
        try:
            return self.span(unit.facts.path, node)
        except ValueError:
            return None

    def _publish(self, value: AValue) -> Value | None:
        if isinstance(value, AExternal):
            return public.External(value.name)
        if isinstance(value, AInstance):
            return public.Instance(value.type, self._site(value.unit, value.node), value.path)
        if isinstance(value, AMethod):
            instance = self.public(value.instance)
            assert isinstance(instance, public.Instance)
            return public.ExternalMethod(instance, value.name)
        if isinstance(value, AModule):
            return public.ModuleRef(value.name)
        if isinstance(value, AFunction):
            return public.Function(value.facts.name)
        if isinstance(value, AClass):
            return public.Class(value.facts.name)
        if isinstance(value, AObject):
            return public.Object(value.cls.facts.name)
        if isinstance(value, ABound):
            return public.BoundMethod(value.function.facts.name, value.receiver.facts.name)
        if isinstance(value, APartial):
            site = self._site(value.unit, value.node)
            return public.Partial(site) if site is not None else None
        if isinstance(value, AConstant):
            return public.Constant(value.value)
        if isinstance(value, AUnknown):
            return public.Unknown(value.reason)
        return None


def _is_generic(value: AValue) -> bool:
    """Whether the value is the object of a generic function, beside which all its implementations are held."""
    return isinstance(value, AInstance) and value.type == GENERIC


def _without_mocks(caller: Caller) -> frozenset[str]:
    """What is called outside the project; mocks only where nothing else is called, for they stand in for the rest."""
    real = frozenset(name for name in caller.externals if not is_mock(name))
    return real if real or caller.targets else frozenset(caller.externals)


def _group(calls: Iterable[CallSite], keys: Callable[[CallSite], Iterable[str]]) -> dict[str, list[CallSite]]:
    out: dict[str, list[CallSite]] = {}
    for call in calls:
        for key in keys(call):
            out.setdefault(key, []).append(call)
    return out
