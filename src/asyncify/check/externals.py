"""What calls of external functions, and methods of containers, give."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from asyncify.check import tables
from asyncify.check.tree import Module
from asyncify.check.values import NONE, ExtInst, Items, Promise, Tup, Values, union

if TYPE_CHECKING:
    from asyncify.check.infer import Evaluator


def called(evaluator: Evaluator, name: str, node: ast.Call, module: Module) -> Values:
    first = node.args[0] if node.args else None
    if name in {"functools.partial", "functools.wraps"} or name == "inspect.unwrap":
        return evaluator.of(first, module) if first is not None and name != "functools.wraps" else NONE
    if name == "builtins.getattr" and len(node.args) > 1:
        if isinstance(node.args[1], ast.Constant) and isinstance(node.args[1].value, str):
            attr = node.args[1].value
            return union(evaluator.attribute(v, attr) for v in evaluator.of(node.args[0], module))
        return NONE
    if name in {"builtins.enumerate", "builtins.zip"}:
        inner = [evaluator.elements(evaluator.of(a, module)) for a in node.args]
        tup = Tup((NONE, *inner) if name == "builtins.enumerate" else tuple(inner))
        return frozenset({Items(frozenset({tup}), frozenset({tup}))})
    if name in {"builtins.next", "builtins.min", "builtins.max", "builtins.anext"}:
        inner_values = evaluator.elements(evaluator.of(first, module)) if first is not None else NONE
        return frozenset({Promise(name, inner_values)}) if name == "builtins.anext" else inner_values
    if name in tables.PASSES_ON or name in {"concurrent.futures.as_completed", "builtins.dict"}:
        inner_values = evaluator.elements(evaluator.of(first, module)) if first is not None else NONE
        return frozenset({Items(inner_values, inner_values)})
    if name in {"asyncio.gather", "asyncio.as_completed", "asyncio.wait_for", "asyncio.shield"}:
        results = union(evaluator.awaited(v) for a in node.args for v in _spread(evaluator, a, module))
        if name in {"asyncio.wait_for", "asyncio.shield"}:
            return frozenset({Promise(name, results)})
        if name == "asyncio.as_completed":
            promise: Values = frozenset({Promise(name, results)})
            return frozenset({Items(promise, promise)})
        return frozenset({Promise(name, frozenset({Items(results, results)}))})
    if name in {"asyncio.create_task", "asyncio.ensure_future", "asyncio.TaskGroup.create_task"} and first:
        results = union(evaluator.awaited(v) for v in evaluator.of(first, module))
        return frozenset({Promise("asyncio.Task", results)})
    if name in tables.RUNNERS and first is not None:
        return union(evaluator.awaited(v) for v in evaluator.of(first, module))
    if name in tables.AWAITABLE:
        awaited = tables.AWAITED.get(name)
        return frozenset({Promise(name, frozenset({ExtInst(awaited)}) if awaited else NONE)})
    if name in tables.RESULTS:
        return frozenset({ExtInst(tables.RESULTS[name])})
    if name in {"concurrent.futures.ThreadPoolExecutor.map", "concurrent.futures.Executor.map"}:
        return frozenset({Items(NONE, NONE)})
    last = name.rpartition(".")[2]
    if last[:1].isupper() and name.startswith("builtins.") is False:
        return frozenset({ExtInst(name)})
    if name in {"builtins.str", "builtins.int", "builtins.float", "builtins.bytes", "builtins.bool"}:
        return frozenset({ExtInst(name)})
    return NONE


def _spread(evaluator: Evaluator, node: ast.expr, module: Module) -> Values:
    values = evaluator.of(node, module)
    return evaluator.elements(values) if isinstance(node, ast.Starred) else values | evaluator.elements(values)


def items_method(items: Items, name: str) -> Values:
    if name == "items":
        tup = Tup((items.items, items.values))
        return frozenset({Items(frozenset({tup}), frozenset({tup}))})
    if name == "values":
        return frozenset({Items(items.values, items.values)})
    if name in {"keys", "copy", "difference", "union"}:
        return frozenset({Items(items.items, items.items if name == "keys" else items.values)})
    return items.values if name in {"get", "pop", "popleft", "setdefault", "get_nowait"} else NONE
