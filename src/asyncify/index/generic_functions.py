"""Generic functions: the name of one stands for every implementation that is registered with it."""

from __future__ import annotations

from typing import Any

from asyncify.index.abstract import GENERIC, ABound, ADescriptor, AFunction, AInstance, APartial, Args, AValue, Caller
from asyncify.index.container_calls import ContainerCalls

GENERIC_MAKERS = frozenset({GENERIC, "functools.singledispatchmethod"})


class GenericFunctions(ContainerCalls):
    """``functools.singledispatch`` and ``functools.singledispatchmethod`` (PEP 443).

    What they return is that object *and* all implementations, so a call calls each of them, and whoever is given
    the name is given all.
    """

    def make_generic(self, args: Args, result: int, caller: Caller) -> None:
        """``@singledispatch``: what it is put on is the first implementation."""
        made = self.instance(GENERIC, caller.unit, caller.node)
        for variable in args.positional[:1]:
            caller.covered.add(variable)
            self.edge(variable, self.slot(made, 0))
        self.edge(self.slot(made, 0), result)
        self.add(result, made)

    def generic_method(self, instance: AInstance, name: str, args: Args, result: int, caller: Caller) -> bool:
        """``register`` and ``dispatch``; whether it was one of them."""
        if instance.type != GENERIC or name not in ("register", "dispatch"):
            return False
        if name == "dispatch":
            self.edge(self.slot(instance, 0), result)
            return True
        given = [*args.positional, *(variable for keyword, variable in args.keywords if keyword == "func")]
        caller.covered.update(given)
        if caller.decorates is not None or len(given) > 1:
            self.edge(given[-1], self.slot(instance, 0))
            self.edge(given[-1], result)
            return True
        self.add(result, self.method(instance, "register"))  # with a class: a decorator
        for variable in given:
            self.on(variable, self._on_implementation, caller, (instance, result))
        return True

    def _on_implementation(self, value: AValue, caller: Caller, details: Any) -> None:
        """``load.register(function)``, where the annotation of its parameter names the class."""
        instance, result = details
        if isinstance(value, (AFunction, ABound, APartial, ADescriptor)):
            self.add(self.slot(instance, 0), value)
            self.add(result, value)
