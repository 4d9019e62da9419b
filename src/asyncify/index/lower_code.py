"""Code objects within expressions: lambdas, comprehensions, and the parameters of every function."""

from __future__ import annotations

import ast

from asyncify.index.ir import NO_KEY, ClassFacts, FunctionFacts
from asyncify.index.lower_expr import ExpressionLowering
from asyncify.index.project import Kind
from asyncify.index.scopes import Scope, argument_names, target_names


class CodeLowering(ExpressionLowering):
    """Functions as values, and the scopes that expressions open."""

    def _lambda(self, node: ast.Lambda) -> int:
        scope = Scope(
            "function", self.scope, self.scan.qualify(self.scope, f"<lambda:{node.lineno}:{node.col_offset}>")
        )
        scope.bound.update(argument_names(node.args))
        return self.code(node, scope, Kind.LAMBDA, node.args)

    def code(self, node: ast.AST, scope: Scope, kind: Kind, args: ast.arguments, cls: ClassFacts | None = None,
             binding: str = "") -> int:  # fmt: skip
        """A function object: its facts, with its body queued until everything around it is known."""
        facts = FunctionFacts(scope.qualname, kind, node, cls, parent=self._enclosing(), binding=binding)
        facts.returns = self.new()
        facts.yields = self.new()
        facts.is_async = isinstance(node, ast.AsyncFunctionDef)
        variable = self.new()
        self.facts.functions.append((variable, facts))
        self.facts.owners[node] = facts
        self._parameters(args, facts)
        self.queue.append((node, scope, facts))
        return variable

    def _enclosing(self) -> str | None:
        return self.function.name if self.function.kind in (Kind.FUNCTION, Kind.LAMBDA) else None

    def _parameters(self, args: ast.arguments, facts: FunctionFacts) -> None:
        ordered = [*args.posonlyargs, *args.args]
        facts.positional_only = len(args.posonlyargs)
        for arg in ordered:
            facts.positional.append((arg.arg, self._parameter(arg, facts)))
        for arg in args.kwonlyargs:
            facts.keyword_only[arg.arg] = self._parameter(arg, facts)
        if args.vararg:
            facts.vararg, facts.vararg_node = self.new(), args.vararg
            self._elements("builtins.tuple", args.vararg, facts.vararg)
        if args.kwarg:
            facts.kwarg, facts.kwarg_node = self.new(), args.kwarg
            self._elements("builtins.dict", args.kwarg, facts.kwarg)
        if args.defaults:
            for (_, variable), default in zip(facts.positional[-len(args.defaults) :], args.defaults, strict=True):
                self.edge(self.expr(default), variable)
        for arg, value in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            if value is not None:
                self.edge(self.expr(value), facts.keyword_only[arg.arg])

    def _elements(self, type_name: str, arg: ast.arg, target: int) -> None:
        items: list[tuple[object, int, int]] = []
        if arg.annotation is not None:
            items.append((NO_KEY, 0, self.annotation(arg.annotation)))
        self.edge(self.container(type_name, arg, items), target)

    def _parameter(self, arg: ast.arg, facts: FunctionFacts) -> int:
        variable = self.new()
        self.facts.parameters[variable] = (facts, arg.arg)
        self._expressions[arg] = variable
        if arg.annotation is not None:
            declared = self.annotation(arg.annotation)
            if self._enclosing() is None or not (isinstance(arg.annotation, ast.Name) and arg.annotation.id == "str"):
                self.edge(declared, variable)  # the texts that a function within a function gets come from its callers
        return variable

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> int:
        outer_env, outer_scope = self.env, self.scope
        self.env = dict(outer_env)
        for number, clause in enumerate(node.generators):
            variable = self.expr(clause.iter)
            if number == 0:
                scope = Scope("comprehension", outer_scope, outer_scope.qualname)
                for inner in node.generators:
                    target_names(inner.target, scope.bound)
                self.scope = scope
                self.scopes_made(scope)
            self.assign(clause.target, self.iterate(variable, clause, bool(clause.is_async)))
            for test in clause.ifs:
                self.condition(test)
        items: list[tuple[object, int, int]]
        if isinstance(node, ast.DictComp):
            items = [(NO_KEY, self.expr(node.key), self.expr(node.value))]
            type_name = "builtins.dict"
        else:
            items = [(NO_KEY, 0, self.expr(node.elt))]
            kinds: dict[type[ast.AST], str] = {ast.ListComp: "list", ast.SetComp: "set"}
            type_name = f"builtins.{kinds.get(node.__class__, 'generator')}"
        inner_env, bound = self.env, self.scope.bound
        self.env, self.scope = outer_env, outer_scope
        if self.scan.walrus:
            for name, inner_variable in inner_env.items():
                if name not in bound and outer_env.get(name) != inner_variable:
                    outer_env[name] = inner_variable
        return self.container(type_name, node, items)

    def scopes_made(self, scope: Scope) -> None:
        """Keep a comprehension's scope, so that its cells are filled at the end."""
        self.scan.scopes[ast.Pass()] = scope
