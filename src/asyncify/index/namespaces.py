"""What argparse hands on: ``parser.set_defaults(func=run)`` arrives at ``args.func``."""

from __future__ import annotations

import ast

from asyncify.index.abstract import AInstance, AMethod, Args, Caller, Unit
from asyncify.index.computed import ComputedNames
from asyncify.index.ir import FunctionFacts

_NAMESPACE = "argparse.Namespace"


class Namespaces(ComputedNames):
    """All namespaces of a project are one: parsers hand theirs to the parsers of commands below them."""

    def call_method(self, method: AMethod, args: Args, result: int, caller: Caller) -> None:
        """Call a method of an external instance."""
        super().call_method(method, args, result, caller)
        if method.instance.type == "argparse.ArgumentParser" and method.name == "set_defaults":
            for keyword, variable in args.keywords:
                if keyword is not None:
                    caller.covered.add(variable)
                    self.edge(variable, self._argument_named(keyword))

    def _instance_attribute(
        self, value: AInstance, name: str, result: int, unit: Unit, node: ast.AST, within: FunctionFacts
    ) -> None:
        if value.type == _NAMESPACE:
            self.edge(self.field(value, name), result)
            self.edge(self._argument_named(name), result)
            self.add(result, self.unknown("an argument of the program"))
        else:
            super()._instance_attribute(value, name, result, unit, node, within)

    def _argument_named(self, name: str) -> int:
        return self.field(self.instance(_NAMESPACE, None, None), name)
