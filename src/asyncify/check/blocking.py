"""Blocking calls that run on the event loop's thread, directly or through plain functions."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from asyncify.check import tables
from asyncify.check.callbacks import called_on_loop
from asyncify.check.functions import gives_awaitable
from asyncify.check.report import Examination
from asyncify.check.room import has_room
from asyncify.check.scopes import FunctionNode, Scope
from asyncify.check.tree import Function, Module, last_name
from asyncify.check.values import Cls, Ext, ExtInst, Func, Inst, Lambda

_BOUNDED = re.compile(rb"^(?!class ).*?Queue\(\s*(?!(?:maxsize\s*=\s*)?0?\s*\))", re.M)


@dataclass(frozen=True, slots=True)
class Blockage:
    """A call that blocks: its canonical name, its node, and the functions of the tree on the way to it."""

    name: str
    node: ast.AST
    way: tuple[str, ...] = ()


class BlockingCheck:
    """Finds blocking calls under the coroutines of a module."""

    def __init__(self, exam: Examination) -> None:
        self.exam = exam
        self.evaluator = exam.evaluator
        self._below: dict[ast.AST, tuple[Blockage, ...]] = {}
        self._active: set[ast.AST] = set()
        self._by_scope: dict[str, dict[int, list[ast.AST]]] = {}
        # Whether some queue of the tree has a limit: in any other there is always room.
        self._bounded_queues = any(_BOUNDED.search(data) for data in exam.tree.files.values())

    def run(self, module: Module) -> None:
        """Examine every coroutine of `module`."""
        for function in module.functions.values():
            if function.is_async:
                self._coroutine(function, module)

    def _own(self, scope: Scope, module: Module) -> list[ast.AST]:
        """The nodes that run when the function of `scope` runs (nested functions and lambdas excluded)."""
        by_scope = self._by_scope.get(module.path)
        if by_scope is None:
            by_scope = {}
            for node in module.nodes:
                inner = module.scope_of[node]
                home = inner.function or inner
                by_scope.setdefault(id(home), []).append(node)
            self._by_scope[module.path] = by_scope
        return by_scope.get(id(scope), [])

    def _coroutine(self, function: Function, module: Module) -> None:
        for node in self._own(function.scope, module):
            for block in self._direct(node, module):
                code = "nested-run" if block.name in tables.STARTS_LOOP else "blocking-call"
                text = f"`{block.name}` blocks the event loop inside `{function.name}`"
                if code == "nested-run":
                    text = f"`{block.name}` cannot run inside `{function.name}`, which already runs on a loop"
                self.exam.report(code, module, block.node, block.name, text)
            awaited = isinstance(module.parents.get(node), ast.Await)
            for callee in self._callees(node, module):
                if awaited and isinstance(callee, Function) and not gives_awaitable(self.evaluator, callee):
                    continue  # what is awaited is something else of that name
                for block in self._blocks(callee):
                    way = " → ".join([callee.name, *block.way])
                    code = "nested-run" if block.name in tables.STARTS_LOOP else "blocking-chain"
                    text = f"`{function.name}` calls `{way}`, which ends in `{block.name}` on the event loop"
                    self.exam.report(code, module, node, f"{callee.name}:{block.name}", text)
            self._lock(node, module)

    # --- direct ----------------------------------------------------------------------------------------------

    def _direct(self, node: ast.AST, module: Module) -> list[Blockage]:
        found: list[Blockage] = []
        if isinstance(node, ast.Call) and not isinstance(module.parents.get(node), ast.Await):
            for value in self.evaluator.of(node.func, module):
                if isinstance(value, Ext) and value.name in tables.BLOCKING and not _no_wait(node):
                    if value.name in tables.BLOCKING_IF_BOUNDED and self._has_room(node, module):
                        continue
                    found.append(Blockage(value.name, node))
        elif isinstance(node, ast.With):
            for item in node.items:
                for value in self.evaluator.of(item.context_expr, module):
                    if isinstance(value, ExtInst) and value.type in tables.BLOCKING_EXIT:
                        found.append(Blockage(value.type, item.context_expr))
        return found

    def _has_room(self, put: ast.Call, module: Module) -> bool:
        """Whether the queue that is put into has no limit: no queue of the tree has, or it is seen to be made without."""
        queue = put.func.value if isinstance(put.func, ast.Attribute) else None
        return not self._bounded_queues or (queue is not None and has_room(self.exam.tree, queue, module))

    def _lock(self, node: ast.AST, module: Module) -> None:
        """A thread's lock held while the coroutine is suspended: another coroutine then blocks the whole loop."""
        if not isinstance(node, ast.With):
            return
        suspends = any(
            module.scope_of.get(n) is module.scope_of[node] and isinstance(n, (ast.Await, ast.AsyncFor, ast.AsyncWith))
            for statement in node.body
            for n in ast.walk(statement)
        )
        if not suspends:
            return
        for item in node.items:
            for value in self.evaluator.of(item.context_expr, module):
                if isinstance(value, ExtInst) and value.type in tables.LOCKS:
                    text = f"`{ast.unparse(item.context_expr)}` ({value.type}) is held over an await"
                    self.exam.report("lock-over-await", module, item.context_expr, value.type, text)

    # --- through plain functions -----------------------------------------------------------------------------

    def _callees(self, node: ast.AST, module: Module) -> list[Function | _LambdaAt]:
        """The plain functions that run when `node` is evaluated."""
        found: list[Function | _LambdaAt] = []
        if isinstance(node, ast.Call):
            for value in self.evaluator.of(node.func, module):
                if isinstance(value, Func) and not value.info.is_async:
                    found.append(value.info)
                elif isinstance(value, Lambda):
                    found.append(_LambdaAt(value))
                elif isinstance(value, Cls):
                    found += self._methods(value, "__init__")
                elif isinstance(value, Inst) and value.after is None:
                    found += self._methods(value, "__call__")
            for function in called_on_loop(self.evaluator, node, module):
                found.append(_LambdaAt(function) if isinstance(function, Lambda) else function)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            for value in self.evaluator.of(node.value, module):
                if isinstance(value, Inst):
                    found += [f for f in self._methods(value, node.attr) if _is_property(f)]
        elif isinstance(node, ast.With):
            for item in node.items:
                for value in self.evaluator.of(item.context_expr, module):
                    if isinstance(value, Inst):
                        found += self._methods(value, "__enter__") + self._methods(value, "__exit__")
        return found

    def _methods(self, value: Cls | Inst, name: str) -> list[Function]:
        members = self.evaluator.member(value.info, name)
        return [m.info for m in members if isinstance(m, Func) and not m.info.is_async]

    def _blocks(self, callee: Function | _LambdaAt) -> tuple[Blockage, ...]:
        """How `callee` can block: at most three ways, each with the functions it goes through."""
        key = callee.node
        if key in self._below:
            return self._below[key]
        if key in self._active or len(self._active) > 60:
            return ()
        module = self.exam.tree.module(callee.scope_path)
        if module is None:
            return ()
        self._active.add(key)
        found: dict[str, Blockage] = {}
        try:
            for node in self._own(module.scopes[key], module):
                for block in self._direct(node, module):
                    found.setdefault(block.name, block)
                for deeper in self._callees(node, module):
                    for block in self._blocks(deeper):
                        way = (deeper.name, *block.way)
                        found.setdefault(block.name, Blockage(block.name, block.node, way))
        finally:
            self._active.discard(key)
        result = tuple(found.values())[:3]
        self._below[key] = result
        return result


class _LambdaAt:
    """A lambda in the clothes of a :class:`Function`."""

    def __init__(self, value: Lambda) -> None:
        self.node: ast.Lambda = value.node
        self.scope_path = value.module.path
        self.name = "<lambda>"


def _is_property(function: Function) -> bool:
    node = function.node
    assert isinstance(node, FunctionNode)
    return bool({last_name(d) for d in node.decorator_list} & {"property", "cached_property"})


def _no_wait(call: ast.Call) -> bool:
    """``q.get(block=False)``, ``q.get(False)``, ``lock.acquire(blocking=False)``, ``f.result(timeout=0)``."""
    for keyword in call.keywords:
        if keyword.arg in {"block", "blocking"} and isinstance(keyword.value, ast.Constant):
            return not keyword.value.value
        if keyword.arg == "timeout" and isinstance(keyword.value, ast.Constant) and keyword.value.value == 0:
            return True
    first = call.args[0] if call.args else None
    return isinstance(first, ast.Constant) and (
        first.value is False or (first.value == 0 and last_name(call.func) in {"sleep", "result"})
    )
