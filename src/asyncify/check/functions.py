"""What functions of the tree give and get: decorators, results, and what callers pass for a parameter."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from asyncify.check import hints
from asyncify.check.scopes import FunctionNode, Scope
from asyncify.check.tables import words
from asyncify.check.tree import Class, Function, Module, last_name, parameters
from asyncify.check.values import NONE, Cls, Coro, Ext, Func, Inst, Items, Promise, Value, Values, union

if TYPE_CHECKING:
    from asyncify.check.infer import Evaluator

_FORWARDERS = words("submit map to_thread partial call_soon call_soon_threadsafe start_soon spawn apply_async")


def decorated(evaluator: Evaluator, function: Function, module: Module, below: ast.expr | None = None) -> Values:
    """What the name of a ``def`` is bound to: the function seen through decorators that keep its nature.

    With `below`, one of its decorators, what that one is given.
    """
    plain: Values = frozenset({Func(function)})
    seen = plain
    applied = function.node.decorator_list
    for decorator in reversed(applied[applied.index(below) + 1 :] if below is not None else applied):
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        for value in sorted(evaluator.of(called, module), key=lambda v: isinstance(v, Cls)):
            if isinstance(value, Cls):  # the name is bound to an object of that class
                seen = frozenset({Inst(value.info)})
            if not isinstance(value, Func):
                continue
            wrapped = union(_return_value(evaluator, r, value.info) for r in value.info.scope.returns)
            if isinstance(decorator, ast.Call):
                inner = [w for w in wrapped if isinstance(w, Func)]
                wrapped = union(_return_value(evaluator, r, w.info) for w in inner for r in w.info.scope.returns)
            wrappers = [w for w in wrapped if isinstance(w, Func) and w.info is not function]
            differs = seen != plain  # what is wrapped is no longer the function itself
            if (
                (wrappers and all(w.info.is_async for w in wrappers) and (differs or not function.is_async))
                or (wrappers and differs)
                or (wrappers and function.is_async and not any(_gives_coroutine(evaluator, w.info) for w in wrappers))
            ):
                seen = frozenset(wrappers)
    return seen


def _gives_coroutine(evaluator: Evaluator, wrapper: Function) -> bool:
    """Whether calling the wrapper of an async function may give a coroutine: it is async, or hands a call's result on."""
    if wrapper.is_async:
        return True
    module = evaluator.tree.module(wrapper.scope.path)
    for node in wrapper.scope.returns:
        if isinstance(node.value, ast.Call) and module is not None:
            callees = evaluator.of(node.value.func, module)
            if not callees or any(isinstance(callee, Func) and callee.info.is_async for callee in callees):
                return True
    return False


def decorators(evaluator: Evaluator, function: Function) -> list[str]:
    """The names of a function's decorators: canonical where external, else as written."""
    module = evaluator.tree.module(function.scope.path)
    names = []
    for decorator in function.node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        known = [v.name for v in evaluator.of(called, module) if isinstance(v, Ext)] if module else []
        names.append(known[0] if known else ast.unparse(called))
    return names


def gives_awaitable(evaluator: Evaluator, function: Function) -> bool:
    """Whether something speaks for it that calling this plain function gives what can be awaited."""
    if any("coroutine" in name for name in decorators(evaluator, function)):
        return True
    if any(isinstance(value, (Coro, Promise)) for value in result(evaluator, function)):
        return True
    text = ast.unparse(function.node.returns) if function.node.returns else ""
    return any(word in text for word in ("Awaitable", "Coroutine", "Future", "Task"))


def foreign_decorators(evaluator: Evaluator, cls: Class) -> list[str]:
    """The canonical names of the decorators of a class that come from outside the tree."""
    module = evaluator.tree.module(cls.scope.path)
    if module is None:
        return []
    called = [d.func if isinstance(d, ast.Call) else d for d in cls.node.decorator_list]
    return [v.name for d in called for v in evaluator.of(d, module) if isinstance(v, Ext)]


def _return_value(evaluator: Evaluator, node: ast.Return, function: Function) -> Values:
    module = evaluator.tree.module(function.scope.path)
    return evaluator.of(node.value, module) if node.value is not None and module else NONE


def result(evaluator: Evaluator, function: Function) -> Values:
    module = evaluator.tree.module(function.scope.path)
    if module is None:
        return NONE
    annotated = hints.values(evaluator, function.node.returns, module) if function.node.returns else NONE
    if function.is_generator:
        if annotated:
            return annotated
        inner = union(
            given if isinstance(y, ast.Yield) else evaluator.elements(given)
            for y in function.scope.yields
            if y.value is not None
            for given in [evaluator.of(y.value, module)]
        )
        return frozenset({Items(inner, inner, function.is_async)})
    return annotated or union(_return_value(evaluator, r, function) for r in function.scope.returns)


def parameter(evaluator: Evaluator, arg: ast.arg, scope: Scope, module: Module) -> Values:
    if not isinstance(scope.node, FunctionNode):
        return NONE
    function = module.functions[scope.node]
    positional = [*scope.node.args.posonlyargs, *scope.node.args.args]
    if function.owner is not None and positional and arg is positional[0]:
        marks = {last_name(d) for d in scope.node.decorator_list}
        if "staticmethod" not in marks:
            is_class = "classmethod" in marks or scope.node.name in {"__new__", "__init_subclass__"}
            return frozenset({Cls(function.owner) if is_class else Inst(function.owner)})
    if arg in (scope.node.args.vararg, scope.node.args.kwarg):
        return NONE
    if arg.annotation is not None and (values := hints.values(evaluator, arg.annotation, module)):
        return values
    defaults = scope.node.args.defaults
    by_default = dict(zip([a.arg for a in positional][len(positional) - len(defaults) :], defaults, strict=True))
    by_default |= {a.arg: d for a, d in zip(scope.node.args.kwonlyargs, scope.node.args.kw_defaults, strict=True) if d}
    found = _passed(evaluator, function, arg.arg)
    if arg.arg in by_default:
        found |= evaluator.of(by_default[arg.arg], module)
    return found


def _passed(evaluator: Evaluator, function: Function, name: str) -> Values:
    """What callers in the modules read so far pass for the parameter `name`."""
    called_as = function.owner.name if function.owner and function.name == "__init__" else function.name
    names = [a.arg for a in parameters(function.node)]
    position = names.index(name)
    found: set[Value] = set()
    for call, module in evaluator.tree.calls.get(called_as, [])[:60]:
        direct = last_name(call.func) == called_as
        mapped = last_name(call.func) == "map"
        if not direct and last_name(call.func) not in _FORWARDERS:
            continue
        target = call.func if direct else call.args[0] if call.args else None
        if target is None or not _refers(evaluator, target, module, function):
            continue
        args = call.args if direct else call.args[1:]
        bound = function.owner is not None and not isinstance(target, ast.Name)
        offset = 1 if bound or (function.owner and function.name == "__init__") else 0
        index = position - offset
        if 0 <= index < len(args) and not any(isinstance(a, ast.Starred) for a in args[: index + 1]):
            given = evaluator.of(args[index], module)
            found |= evaluator.elements(given) if mapped and not direct else given
        for keyword in call.keywords:
            if keyword.arg == name:
                found |= evaluator.of(keyword.value, module)
    if position == 0 and function.owner is None:
        for node, decorator, module in evaluator.tree.decorated.get(function.name, []):
            if not isinstance(decorator, ast.Call) and _refers(evaluator, decorator, module, function):
                found |= decorated(evaluator, module.functions[node], module, below=decorator)
    return frozenset(found) if len(found) <= 24 else NONE


def _refers(evaluator: Evaluator, target: ast.expr, module: Module, function: Function) -> bool:
    for value in evaluator.of(target, module):
        if isinstance(value, Func) and value.info is function:
            return True
        made = isinstance(value, Cls) and function.name == "__init__"
        if made and isinstance(value, Cls) and function.owner in evaluator.mro(value.info):
            return True
    return False
