"""External callables: catalogue signatures evaluated at a call."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field
from typing import Any

from asyncify.index.abstract import (
    MAPPINGS,
    MOCK,
    PATCHER,
    AClass,
    AConstant,
    AExternal,
    AInstance,
    AMethod,
    AObject,
    Args,
    AUnknown,
    AValue,
    Caller,
    is_mock,
)
from asyncify.index.builtin_calls import BuiltinCalls
from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.index.mocks import MONKEY_PATCH, Mocks
from asyncify.index.project import EXTERNAL_CALL
from asyncify.index.typeexpr import TypeExpr, parse_type

BUILTIN_CLASSES = frozenset(
    name for name, value in vars(builtins).items() if isinstance(value, type) and not name.startswith("_")
)

# Decorators that put something of their own before what they are given.
_MARKS = "pytest.mark."
_WRAPPING = frozenset(["functools._Decorator.__call__", "functools.lru_cache", "functools.cache"])


@dataclass(slots=True, eq=False)
class Application:
    """One application of an external callable: what its type expressions refer to."""

    args: Args
    receiver: AInstance | None
    self_value: AValue | None
    caller: Caller
    name: str
    results: dict[str, int] = field(default_factory=dict)


class Externals(BuiltinCalls, Mocks):
    """Calls that leave the project."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(catalogue)
        self._methods: dict[tuple[str, str], Signature | None] = {}
        self._special = self.special_builtins()

    # --- signatures --------------------------------------------------------------------------------------------

    def bases_of(self, type_name: str) -> list[str]:
        """An external class and its external bases, nearest first."""
        out, queue = [], [type_name]
        while queue:
            name = queue.pop(0)
            if name not in out:
                out.append(name)
                queue.extend(self.catalogue.bases.get(name, ()))
        return out

    def method_signature(self, type_name: str, name: str) -> Signature | None:
        """The signature of a method, looked for in the class and its external bases."""
        key = (type_name, name)
        if key not in self._methods:
            signatures = self.catalogue.signatures
            found = [signatures.get(f"{base}.{name}") for base in self.bases_of(type_name)]
            self._methods[key] = next((signature for signature in found if signature is not None), None)
        return self._methods[key]

    def call_external(self, name: str, args: Args, result: int, caller: Caller) -> None:
        caller.externals.add(name)
        if caller.decorates is not None and name.rpartition(".")[2].endswith("property"):
            self._property(args, result, caller)
            return
        owner, _, method = name.rpartition(".")
        if owner in MAPPINGS and method in ("__init__", "update") and args.positional:
            rest = Args(args.positional[1:], args.starred, args.rest, args.keywords)
            self.on(args.positional[0], self.fill_mapping, caller, rest)
            return
        special = self._special.get(name)
        if special is not None:
            special(args, result, caller)
            if name not in self.catalogue.signatures:
                return
        signature = self.catalogue.signatures.get(name)
        owner, _, method = name.rpartition(".")
        if signature is not None and method == "__init__" and owner in self.catalogue.signatures:
            self._unbound(signature, args, result, caller, name)
            return
        if signature is not None:
            if caller.decorates is not None and (signature.returns or "").startswith("arg0 |"):
                self.edge(args.positional[0], result)  # a decorator that can also be made with arguments
                return
            self._evaluate(signature, Application(args, None, None, caller, name), result)
            return
        if (bound := self.method_signature(owner, method)) is not None and owner in self.catalogue.signatures:
            self._unbound(bound, args, result, caller, name)
        elif name.startswith("builtins.") and name[9:] in BUILTIN_CLASSES:
            self.add(result, self.instance(name, caller.unit, caller.node))
        elif name.startswith(_MARKS):
            self._mark(name, args, result, caller)
        else:
            self._uncatalogued(args, result, caller)

    def _mark(self, name: str, args: Args, result: int, caller: Caller) -> None:
        """``@pytest.mark.slow`` and ``@pytest.mark.slow(...)`` give back what they decorate."""
        if caller.decorates is not None and args.positional:
            self.edge(args.positional[0], result)
        else:
            self.add(result, self.external(name))

    def _uncatalogued(self, args: Args, result: int, caller: Caller) -> None:
        if caller.decorates is not None and args.positional:
            self.edge(args.positional[0], result)
        self.add(result, self.unknown(EXTERNAL_CALL))

    def _unbound(self, signature: Signature, args: Args, result: int, caller: Caller, name: str) -> None:
        shifted = Args(args.positional[1:], args.starred, args.rest, args.keywords)
        if args.positional:
            self.on(args.positional[0], self._on_unbound, caller, (signature, shifted, result, name))

    def _on_unbound(self, value: AValue, caller: Caller, details: Any) -> None:
        signature, args, result, name = details
        receiver = value if isinstance(value, AInstance) else None
        if isinstance(value, AObject) and name.rpartition(".")[0] in self.external_bases(value.cls):
            receiver = self.external_part(value.cls, name.rpartition(".")[0])
        self._evaluate(signature, Application(args, receiver, value, caller, name), result)

    def make_external_part(self, cls: AClass, base: str, args: Args, caller: Caller) -> None:
        """An object of the class is made by the `__init__` of its external base."""
        signature = self.method_signature(base, "__init__")
        if signature is not None:
            application = Application(args, self.external_part(cls, base), self.object_of(cls, False), caller, base)
            self._evaluate(signature, application, self.new())

    def call_method(self, method: AMethod, args: Args, result: int, caller: Caller) -> None:
        instance = method.instance
        name = f"{instance.type}.{method.name}"
        caller.externals.add(name)
        if is_mock(instance.type):
            if caller.decorates is not None and args.positional:
                self.edge(args.positional[0], result)
            else:
                if instance.type != PATCHER:
                    self.call_mock(instance, method.name, caller, result)
                elif method.name in ("start", "__enter__"):
                    self.add(result, self.instance(MOCK, instance.unit, instance.node))
            return
        if name == MONKEY_PATCH:
            self.attribute_replaced(args, caller)
        signature = self.method_signature(instance.type, method.name)
        if self.container_method(instance, method.name, args, result, caller):
            return
        if self.generic_method(instance, method.name, args, result, caller):
            return
        if signature is None:
            self._uncatalogued(args, result, caller)
            return
        if caller.decorates is not None and (signature.returns or "").startswith("arg0 |"):
            self.edge(args.positional[0], result)
            return
        holder = instance.holder
        own = self.object_of(holder, False) if holder is not None else instance
        self._evaluate(signature, Application(args, instance, own, caller, name), result)

    # --- evaluation --------------------------------------------------------------------------------------------

    def _evaluate(self, signature: Signature, application: Application, result: int) -> None:
        for invoke in signature.invokes:
            self._invoke(invoke, application)
        for place, expression in signature.stores:
            if application.receiver is not None:
                stored = self.evaluate(parse_type(expression), application)
                self.edge(stored, self.slot_store(application.receiver, int(place[4:])))
        if signature.returns is not None:
            given = self.evaluate(parse_type(signature.returns), application)
            if application.name in _WRAPPING:
                self.on(given, self._on_wrapped, application.caller, result)
            else:
                self.edge(given, result)
        else:
            self.add(result, self.unknown(EXTERNAL_CALL))

    def _on_wrapped(self, value: AValue, caller: Caller, result: int) -> None:
        """A function of the project is followed through a decorator; a library's is no longer the one that rules know."""
        if isinstance(value, (AExternal, AMethod)):
            value = self.unknown("a function of a library, decorated")
        self.add(result, value)

    def _invoke(self, invoke: Invoke, application: Application) -> None:
        callee = parse_type(invoke.callable)
        variable = self.evaluate(callee, application)
        if not variable:
            return
        args = Args()
        for text in invoke.args:
            expression = parse_type(text)
            if expression.kind == "rest":
                given = application.args
                skip = int(expression.name)
                for rest in given.positional[skip:]:
                    args.positional.append(rest)
                    application.caller.covered.add(rest)
                args.starred += given.starred
                args.rest += given.rest
                args.keywords += [pair for pair in given.keywords if pair[0] != callee.name]
                application.caller.covered.update(pair[1] for pair in given.keywords)
            elif expression.kind == "star":
                args.starred.append(self.evaluate(expression.parts[0], application))
            elif expression.kind == "double":
                args.keywords.append((None, self.evaluate(expression.parts[0], application)))
            else:
                args.positional.append(self.evaluate(expression, application))
        result = application.results.setdefault(callee.name, self.new())
        caller = application.caller
        callback = self.implicitly(caller.unit, caller.node, caller.within, "callback", application.name)
        self.on(variable, self.on_call, callback, (args, result))

    def evaluate(self, expression: TypeExpr, application: Application, part: str = "") -> int:
        """A variable with what a type expression stands for at a call."""
        kind, args = expression.kind, application.args
        if kind == "union":
            joined = self.new()
            for number, option in enumerate(expression.parts):
                self.edge(self.evaluate(option, application, f"{part}|{number}"), joined)
            return joined
        if kind == "self":
            own = self.new()
            if application.self_value is not None:
                self.add(own, application.self_value)
            return own
        if kind == "arg":
            return self._argument(expression.name, args, application.caller)
        if kind == "elements":
            elements = self.new()
            caller = application.caller
            source = self.evaluate(expression.parts[0], application, part)
            self.on(source, self.op_iterate_value, caller.unit, (elements, caller.node, caller.within, False))
            return elements
        if kind == "result":
            if expression.name not in application.results:
                position = expression.name
                self._invoke(Invoke(f"arg{position}" if position.isdigit() else f"arg:{position}"), application)
            return application.results.get(expression.name, 0)
        if kind == "provided":
            provided = self.new()
            given = args.positional[int(expression.name)] if len(args.positional) > int(expression.name) else 0
            self.on(given, self.on_provider, application.caller, provided)
            return provided
        if kind == "slot":
            receiver = application.receiver
            return self.slot(receiver, int(expression.name)) if receiver is not None else 0
        return self._made(expression, application, part)

    def _made(self, expression: TypeExpr, application: Application, part: str) -> int:
        caller = application.caller
        made = self.instance(self.canonical(expression.name), caller.unit, caller.node, part)
        if is_mock(made.type):
            self.mock_made(application.args, caller)
        for number, argument in enumerate(expression.parts):
            held = self.evaluate(argument, application, f"{part}[{number}")
            if made.type == "builtins.tuple" and len(expression.parts) > 1:
                self.edge(held, self.keyed(made, number))
            else:
                self.edge(held, self.slot_store(made, number))
        holding = self.new()
        self.add(holding, made)
        return holding

    def _argument(self, name: str, args: Args, caller: Caller) -> int:
        if not name.isdigit():
            found = next((variable for keyword, variable in args.keywords if keyword == name), 0)
            doubled = [variable for keyword, variable in args.keywords if keyword is None and not found]
            if doubled:
                found = self.new()
                if any(name.endswith(".__init__") for name in caller.externals):  # all it is given is catalogued
                    caller.covered.update(doubled)
                for variable in doubled:
                    self.on(variable, self._on_double, name, found)
        elif int(name) < len(args.positional):
            found = args.positional[int(name)]
        elif args.starred:
            found = self.new()
            for starred in args.starred:
                self.on(starred, self.on_elements, caller.unit, found)
        else:
            found = 0
        caller.covered.add(found)
        return found

    def _on_double(self, value: AValue, name: str, found: int) -> None:
        if isinstance(value, AInstance) and value.type in MAPPINGS:
            self.element(value, name, found)
        elif isinstance(value, AUnknown):
            self.add(found, value)

    def scalar_type(self, value: AConstant) -> str:
        """The class of a literal."""
        return "builtins.None" if value.value is None else f"builtins.{value.value.__class__.__name__}"
