"""What becomes of an awaitable: followed from where it is made to where it is awaited, scheduled, or lost."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from asyncify.check import tables
from asyncify.check.infer import Evaluator
from asyncify.check.scopes import FunctionNode, Scope
from asyncify.check.tree import Function, Module, last_name, parameters
from asyncify.check.values import Cls, Ext, Func, Inst, Lambda

_DEPTH = 12
_HARMLESS = frozenset({"close", "send", "throw", "cr_frame", "cr_running", "cr_await", "__await__", "__name__"})


@dataclass(frozen=True, slots=True)
class Fate:
    """Whether the awaitable is taken care of; if not, the code and the words for the place where it is lost."""

    handled: bool
    code: str = ""
    text: str = ""


HANDLED = Fate(True)


def lost(text: str, code: str = "unawaited-coroutine") -> Fate:
    """The fate of an awaitable that nobody awaits."""
    return Fate(False, code, text)


class Tracer:
    """Follows awaitables through one tree."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self._active: set[tuple[str, int]] = set()

    def follow(self, node: ast.expr, module: Module, container: bool = False, depth: int = 0) -> Fate:
        """The fate of the awaitable (or, if `container`, of the awaitables inside) that `node` evaluates to."""
        parent = module.parents.get(node)
        if parent is None or depth > _DEPTH:
            return HANDLED
        deeper = depth + 1
        match parent:
            case ast.Await():
                return HANDLED if not container else lost("is awaited as a container")
            case ast.Expr():
                return lost("is never awaited")
            case ast.Call():
                if parent.func is node:
                    return lost("is called without being awaited")
                return self._argument(node, parent, module, container, deeper)
            case ast.keyword():
                call = module.parents[parent]
                assert isinstance(call, ast.Call)
                return self._argument(node, call, module, container, deeper, parent.arg)
            case ast.Starred():
                return self.follow(parent, module, container, deeper) if container else lost("is unpacked")
            case ast.Assign(targets=targets):
                return self._assigned(targets, parent, module, container, deeper)
            case ast.AnnAssign(target=target) | ast.NamedExpr(target=target):
                return self._assigned([target], parent, module, container, deeper)
            case ast.AugAssign(target=target):
                return self._assigned([target], parent, module, True, deeper) if container else lost("is added")
            case ast.Return():
                return self._returned(parent, module)
            case ast.Yield():
                return lost("is yielded without being awaited", "coroutine-returned")
            case ast.Lambda():
                return self._lambda(parent, module, deeper)
            case ast.IfExp():
                if parent.test is node:
                    return lost("is used as a condition")
                return self.follow(parent, module, container, deeper)
            case ast.BoolOp():
                if parent.values[-1] is not node and not container:
                    return lost("is used as a condition")
                return self.follow(parent, module, container, deeper)
            case ast.List() | ast.Tuple() | ast.Set() | ast.Dict():
                return self._element(node, parent, module, deeper)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                return self.follow(parent, module, True, deeper)
            case ast.comprehension():
                if parent.iter is node and container:
                    return self._target(parent.target, module, deeper)
                return lost("is iterated over" if parent.iter is node else "is used as a condition")
            case ast.For() if container:
                return self._target(parent.target, module, deeper)
            case ast.Subscript() if container and parent.value is node:
                return self.follow(parent, module, False, deeper)
            case ast.Attribute():
                return self._attribute(parent, module, container, deeper)
            case ast.BinOp() if container:
                return self.follow(parent, module, True, deeper)
            case ast.If() | ast.While() | ast.Assert() | ast.UnaryOp() | ast.Compare() if container:
                return lost("is never awaited")  # `if tasks:` says nothing about the elements
            case ast.withitem():
                return lost("is entered like a context manager")
            case ast.For() | ast.AsyncFor():
                return lost("is iterated over")
            case ast.If() | ast.While() | ast.Assert() | ast.UnaryOp():
                return lost("is used as a condition")
            case _:
                return lost("is used without being awaited")

    def _returned(self, node: ast.Return, module: Module) -> Fate:
        scope = module.scope_of[node].function
        if scope is not None and isinstance(scope.node, FunctionNode):
            function = module.functions[scope.node]
            if not function.is_async and _declares_awaitable(function):
                return HANDLED
        return lost("is returned without being awaited", "coroutine-returned")

    def _lambda(self, node: ast.Lambda, module: Module, depth: int) -> Fate:
        """A lambda that gives a coroutine is as good as an async function: what matters is who calls it."""
        parent = module.parents.get(node)
        if isinstance(parent, ast.Assign) and all(isinstance(target, ast.Name) for target in parent.targets):
            return self._named_lambda(parent.targets, module, depth)
        if isinstance(parent, ast.Call) and parent.func is node:  # called where it stands
            return self.follow(parent, module, False, depth)
        looped = _looped_over(node, module)
        if looped is not None:
            return self._named_lambda([looped], module, depth)
        if isinstance(parent, ast.Dict) and node in parent.values and self._table(parent, module, depth):
            return HANDLED
        return self._given_with(node, module, depth) or self._handed(node, module)

    def _table(self, table: ast.Dict, module: Module, depth: int) -> bool:
        """Whether lambdas of a dictionary are only looked up or looped over, and what they give is awaited."""
        assignment = module.parents.get(table)
        if not isinstance(assignment, ast.Assign) or not all(isinstance(t, ast.Name) for t in assignment.targets):
            return False
        names = {(t.id, module.scope_of[t].lookup(t.id)) for t in assignment.targets if isinstance(t, ast.Name)}
        path = module.scope_of[table].path
        if any(scope is None or scope.parent is None for _, scope in names) and any(
            self.evaluator.tree.may_import(path, name) for name, _ in names
        ):
            return False
        return all(
            self._of_table(use, module, depth)
            for use in module.nodes
            if isinstance(use, ast.Name)
            and isinstance(use.ctx, ast.Load)
            and use.id in {name for name, _ in names}
            and (use.id, module.scope_of[use].lookup(use.id)) in names
        )

    def _of_table(self, use: ast.Name, module: Module, depth: int) -> bool:
        """Whether this use of a dictionary of lambdas loses nothing of what they give."""
        parent = module.parents.get(use)
        around = module.parents.get(parent) if parent is not None else None
        if isinstance(parent, ast.Compare) and use in parent.comparators:
            return True
        if isinstance(parent, ast.Subscript) and parent.value is use:
            called = isinstance(around, ast.Call) and around.func is parent
            return called and isinstance(around, ast.expr) and self.follow(around, module, False, depth).handled
        if isinstance(parent, (ast.For, ast.comprehension)) and parent.iter is use:
            return True  # these are the keys
        if not isinstance(parent, ast.Attribute) or not isinstance(around, ast.Call) or around.func is not parent:
            return False
        loop = module.parents.get(around)
        if parent.attr == "keys" or not isinstance(loop, (ast.For, ast.comprehension)) or loop.iter is not around:
            return parent.attr == "keys"
        match parent.attr, loop.target:
            case ("values", ast.Name() as target) | ("items", ast.Tuple(elts=[_, ast.Name() as target])):
                return self._named_lambda([target], module, depth).handled
        return False

    def _named_lambda(self, targets: Sequence[ast.expr], module: Module, depth: int) -> Fate:
        """Every use of the lambda's name must await what it gives, or hand it to somebody who does."""
        for target in targets:
            assert isinstance(target, ast.Name)
            scope = module.scope_of[target].lookup(target.id)
            if scope is not None:
                fate = self._called_by_name(target.id, scope, module, depth)
                if not fate.handled:
                    return fate
        return HANDLED

    def _called_by_name(self, name: str, scope: Scope, module: Module, depth: int) -> Fate:
        """Every use of the variable that holds the lambda awaits what it gives, or hands it to somebody who does."""
        for use in module.nodes:
            if not (isinstance(use, ast.Name) and use.id == name and isinstance(use.ctx, ast.Load)):
                continue
            if module.scope_of[use].lookup(name) is not scope:
                continue
            call = module.parents.get(use)
            if isinstance(call, ast.Call) and call.func is use:
                fate = self.follow(call, module, False, depth)
            else:
                fate = self._handed(use, module)
            if not fate.handled:
                return lost(f"is returned by a lambda that is called `{name}`, and {fate.text}", "coroutine-returned")
        return HANDLED

    def _given_with(self, node: ast.expr, module: Module, depth: int) -> Fate | None:
        """The fate of what a lambda gives that goes to a function in the tuple of its arguments: ``Thread(target=run, args=(lambda: ask(1),))``."""
        display = module.parents.get(node)
        keyword = module.parents.get(display) if isinstance(display, (ast.Tuple, ast.List)) else None
        call = module.parents.get(keyword) if isinstance(keyword, ast.keyword) and keyword.arg == "args" else None
        if not isinstance(display, (ast.Tuple, ast.List)) or not isinstance(call, ast.Call):
            return None
        if any(isinstance(each, ast.Starred) for each in display.elts):
            return None
        given = [*call.args, *(k.value for k in call.keywords if k is not keyword)]
        functions = [v.info for each in given for v in self.evaluator.of(each, module) if isinstance(v, Func)]
        fate: Fate | None = None
        for function in functions:
            position = display.elts.index(node) + int(function.owner is not None)
            args = [*function.node.args.posonlyargs, *function.node.args.args]
            home = self.evaluator.tree.module(function.scope.path)
            if home is None or position >= len(args):
                return None
            fate = self._called_by_name(args[position].arg, function.scope, home, depth)
            if not fate.handled:
                return fate
        return fate

    def _handed(self, node: ast.expr, module: Module) -> Fate:
        """The fate of what a lambda gives, where `node` (the lambda or its name) is an argument."""
        parent = module.parents.get(node)
        call = module.parents.get(parent) if isinstance(parent, ast.keyword) else parent
        if not isinstance(call, ast.Call) or call.func is node:
            return lost("is returned by a lambda", "coroutine-returned")
        keyword = parent.arg if isinstance(parent, ast.keyword) else None
        if self.ignores_coroutines(call, module, keyword):
            return lost("is returned by a lambda whose caller ignores it", "async-callback")
        if any(isinstance(v, Func | Cls) for v in self.evaluator.of(call.func, module)):
            return HANDLED
        if last_name(call.func) in tables.SCHEDULERS:
            return HANDLED
        return lost("is returned by a lambda", "coroutine-returned")

    def ignores_coroutines(self, call: ast.Call, module: Module, keyword: str | None) -> bool:
        """Whether `call` hands its function arguments to something that does not await what they return."""
        if isinstance(call.func, ast.Attribute) and call.func.attr in tables.CALLBACK_METHODS:
            values = self.evaluator.of(call.func, module)
            return not any(isinstance(v, Func) for v in values)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "sort" and keyword == "key":
            return True
        names = {v.name for v in self.evaluator.of(call.func, module) if isinstance(v, Ext)}
        return bool(names & tables.CALLBACK_TAKERS)

    def _element(self, node: ast.expr, parent: ast.expr, module: Module, depth: int) -> Fate:
        holder = module.parents.get(parent)
        if isinstance(parent, ast.Tuple) and isinstance(holder, ast.Assign) and holder.value is parent:
            index = parent.elts.index(node)
            fates = []
            for target in holder.targets:
                if isinstance(target, ast.Tuple) and len(target.elts) == len(parent.elts):
                    fates.append(self._target(target.elts[index], module, depth))
            if fates:
                return next((f for f in fates if f.handled), fates[0])
        return self.follow(parent, module, True, depth)

    def _attribute(self, node: ast.Attribute, module: Module, container: bool, depth: int) -> Fate:
        if not container:
            return HANDLED if node.attr in _HARMLESS else lost(f"has `.{node.attr}` read from it instead of its result")
        call = module.parents.get(node)
        if not isinstance(call, ast.Call) or call.func is not node:
            return lost("is used without being awaited")
        if node.attr in {"values", "items", "copy", "keys"}:
            return self.follow(call, module, True, depth)
        if node.attr in {"pop", "popleft", "get"}:
            return self.follow(call, module, False, depth)
        return lost("is kept without being awaited")  # .append(...) and the like say nothing about the elements

    # --- variables -------------------------------------------------------------------------------------------

    def _assigned(self, targets: list[ast.expr], node: ast.AST, module: Module, container: bool, depth: int) -> Fate:
        if not container and any(isinstance(t, (ast.Tuple, ast.List)) for t in targets):
            return lost("is unpacked")
        fates = [self._target(t, module, depth, container) for t in targets]
        if isinstance(node, ast.NamedExpr):
            fates.append(self.follow(node, module, container, depth))
        return next((f for f in fates if f.handled), fates[0])

    def _target(self, target: ast.expr, module: Module, depth: int, container: bool = False) -> Fate:
        match target:
            case ast.Name():
                scope = module.scope_of[target].lookup(target.id)
                if scope is None:
                    return lost("is never awaited")
                return self.variable(target.id, scope, module, container, depth)
            case ast.Attribute():
                return self._attribute_uses(target.attr, module, container, depth)
            case ast.Subscript():
                return self._holder(target.value, module, depth)
            case ast.Tuple() | ast.List():
                fates = [self._target(e, module, depth, container) for e in target.elts]
                return next((f for f in fates if f.handled), fates[0] if fates else HANDLED)
            case ast.Starred():
                return self._target(target.value, module, depth, True)
            case _:
                return HANDLED

    def _holder(self, node: ast.expr, module: Module, depth: int) -> Fate:
        """The fate of what was put into the container `node`."""
        if isinstance(node, ast.Subscript):
            node = node.value
        if isinstance(node, ast.Name):
            scope = module.scope_of[node].lookup(node.id)
            if scope is not None:
                return self.variable(node.id, scope, module, True, depth)
        if isinstance(node, ast.Attribute):
            return self._attribute_uses(node.attr, module, True, depth)
        return lost("is stored without being awaited")

    def variable(self, name: str, scope: Scope, module: Module, container: bool, depth: int = 0) -> Fate:
        """Whether some use of the variable awaits or schedules what it holds."""
        key = (name, id(scope))
        if key in self._active or depth > _DEPTH:
            return lost("is never awaited")
        self._active.add(key)
        try:
            verdict = lost(f"is assigned to `{name}`, which is never awaited")
            for node in module.nodes:
                if not (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)):
                    continue
                if module.scope_of[node].lookup(name) is not scope:
                    continue
                fate = self.follow(node, module, container, depth + 1)
                if fate.handled:
                    return fate
                if fate.code == "coroutine-returned":
                    verdict = Fate(False, fate.code, f"is assigned to `{name}`, which {fate.text}")
            return verdict
        finally:
            self._active.discard(key)

    def _attribute_uses(self, name: str, module: Module, container: bool, depth: int) -> Fate:
        key = (f".{name}", id(module))
        if key in self._active or depth > _DEPTH:
            return lost("is never awaited")
        self._active.add(key)
        try:
            for node in module.nodes:
                if (
                    isinstance(node, ast.Attribute)
                    and node.attr == name
                    and isinstance(node.ctx, ast.Load)
                    and self.follow(node, module, container, depth + 1).handled
                ):
                    return HANDLED
            return lost(f"is stored in the attribute `{name}`, which is never awaited")
        finally:
            self._active.discard(key)

    # --- arguments -------------------------------------------------------------------------------------------

    def _argument(
        self,
        node: ast.expr,
        call: ast.Call,
        module: Module,
        container: bool,
        depth: int,
        keyword: str | None = None,
    ) -> Fate:
        name = last_name(call.func)
        values = self.evaluator.of(call.func, module)
        external = {v.name for v in values if isinstance(v, Ext)}
        if external & tables.RUNNERS or name in tables.SURE_SCHEDULERS:
            return HANDLED
        functions = [v.info for v in values if isinstance(v, Func)]
        for value in values:
            if isinstance(value, Cls):
                made = self.evaluator.member(value.info, "__init__")
                functions += [m.info for m in made if isinstance(m, Func)]
        if functions:
            fates = [self._parameter(f, call, node, keyword, container, depth, values) for f in functions]
            return next((f for f in fates if not f.handled), HANDLED)
        if name in tables.SCHEDULERS and not (external & tables.BLOCKING):
            return HANDLED
        if container and (external & tables.PASSES_ON):
            return self.follow(call, module, True, depth)
        if isinstance(call.func, ast.Attribute) and name in tables.ADDERS:
            return self._holder(call.func.value, module, depth)
        if any(isinstance(v, Lambda) for v in values):
            return HANDLED
        called = ast.unparse(call.func)
        return lost(f"is handed to `{called if len(called) < 60 else name}`, which does not await it")

    def _parameter(
        self,
        function: Function,
        call: ast.Call,
        node: ast.expr,
        keyword: str | None,
        container: bool,
        depth: int,
        values: frozenset[object],
    ) -> Fate:
        """The fate of an argument inside the function of the tree that gets it."""
        home = self.evaluator.tree.module(function.scope.path)
        args = function.node.args
        if home is None or _says_nothing(function):
            return HANDLED
        starred = isinstance(node, ast.Starred)
        positional = [*args.posonlyargs, *args.args]
        name: str | None = None
        if keyword is not None:
            name = keyword if any(a.arg == keyword for a in parameters(function.node)) else None
            if name is None and args.kwarg is not None:
                return HANDLED
        elif node in call.args:
            offset = 0
            if function.owner is not None and "staticmethod" not in {
                last_name(d) for d in function.node.decorator_list
            }:
                through_class = isinstance(call.func, ast.Attribute) and any(
                    isinstance(v, Cls) for v in self.evaluator.of(call.func.value, home)
                )
                offset = 0 if through_class and function.name != "__init__" else 1
            index = call.args.index(node) + offset
            if index < len(positional) and not starred:
                name = positional[index].arg
            elif args.vararg is not None:
                name, container = args.vararg.arg, True
        if name is None:
            return HANDLED
        fate = self.variable(name, function.scope, home, container, depth)
        if fate.handled or self._kept_for_later(name, function, home):
            return HANDLED
        return lost(f"is handed to `{function.name}`, which does not await it")

    def _kept_for_later(self, name: str, function: Function, home: Module) -> bool:
        """Whether a parameter is annotated as an awaitable: then its function knows what it gets."""
        for arg in parameters(function.node):
            if arg.arg == name and arg.annotation is not None:
                text = ast.unparse(arg.annotation)
                return any(word in text for word in ("Awaitable", "Coroutine", "Future", "Task"))
        return False


def _says_nothing(function: Function) -> bool:
    """An abstract method, a stub, an overload: others do the work."""
    return all(
        isinstance(s, (ast.Pass, ast.Raise)) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        for s in function.node.body
    )


def _declares_awaitable(function: Function) -> bool:
    if function.node.returns is None:
        return False
    text = ast.unparse(function.node.returns)
    return any(word in text for word in ("Awaitable", "Coroutine", "Future", "Task", "ContextManager"))


def has_await_method(evaluator: Evaluator, value: Inst) -> bool:
    """Whether instances of a class of the tree can be awaited, as far as can be seen."""
    if evaluator.member(value.info, "__await__"):
        return True
    names, unknown = evaluator.foreign_bases(value.info)
    harmless = ("builtins.", "typing.", "abc.", "enum.", "collections.", "dataclasses.", "requests.", "threading.")
    return unknown or any(not name.startswith(harmless) for name in names)


def _looped_over(node: ast.Lambda, module: Module) -> ast.Name | None:
    """The name that a loop gives the lambda: ``for f in (lambda: …, …)``, ``for label, f in [("a", lambda: …), …]``."""
    display = module.parents.get(node)
    if not isinstance(display, (ast.List, ast.Tuple)):
        return None
    position = display.elts.index(node)
    row: ast.expr | None = None
    loop = module.parents.get(display)
    if isinstance(loop, (ast.List, ast.Tuple)):
        row, display = display, loop
        loop = module.parents.get(display)
    if not isinstance(loop, (ast.For, ast.comprehension)) or loop.iter is not display:
        return None
    target: ast.expr = loop.target
    if row is not None and isinstance(target, ast.Tuple) and not any(isinstance(e, ast.Starred) for e in target.elts):
        target = target.elts[position] if position < len(target.elts) else target
    elif row is not None:
        return None
    return target if isinstance(target, ast.Name) else None
