"""Coroutines that nobody awaits, awaits of what is no awaitable, and the wrong kind of ``for`` and ``with``."""

from __future__ import annotations

import ast

from asyncify.check import tables
from asyncify.check.fate import Tracer, has_await_method
from asyncify.check.making import needed_factory
from asyncify.check.report import Examination
from asyncify.check.tree import Class, Function, Module, last_name
from asyncify.check.values import (
    Cls,
    Context,
    Coro,
    Ext,
    ExtInst,
    Func,
    Inst,
    Items,
    Promise,
    Tup,
    Value,
    Values,
)

_PLAIN_MODULES = ("builtins.", "time.", "json.", "os.", "re.", "math.", "random.", "datetime.", "logging.", "string.")


class CoroutineCheck:
    """Examines one module; `suspects` are the method names that count on unknown receivers (None: all)."""

    def __init__(self, exam: Examination, module: Module, suspects: frozenset[str] | None) -> None:
        self.exam = exam
        self.module = module
        self.evaluator = exam.evaluator
        self.tracer = Tracer(exam.evaluator)
        self.suspects = suspects

    def run(self) -> None:
        """Examine every node."""
        for node in self.module.nodes:
            match node:
                case ast.Call():
                    self._call(node)
                case ast.Await():
                    self._await(node)
                case ast.Attribute(ctx=ast.Load()):
                    self._property(node)
                case ast.With():
                    for item in node.items:
                        self._with(item.context_expr)
                case ast.AsyncWith():
                    for item in node.items:
                        self._async_with(item.context_expr)
                case ast.For():
                    self._for(node.iter)
                case ast.AsyncFor():
                    self._async_for(node.iter)
                case ast.comprehension():
                    (self._async_for if node.is_async else self._for)(node.iter)
                case ast.YieldFrom():
                    self._for(node.value)
                case ast.Starred(ctx=ast.Load()):
                    self._for(node.value)
                case ast.Assign():
                    self._awaited_twice(node)
                    if any(isinstance(target, (ast.Tuple, ast.List)) for target in node.targets):
                        self._for(node.value)
                case ast.Compare():
                    self._member(node)
                case _:
                    pass

    def _report(self, code: str, node: ast.AST, subject: str, message: str) -> None:
        self.exam.report(code, self.module, node, subject, message)

    # --- un-awaited ------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> None:
        called = ast.unparse(node.func)
        name = called if len(called) < 60 else last_name(node.func)
        values = self.evaluator.of(node.func, self.module)
        if any(self._makes_coroutine(v) for v in values) or (not values and self._only_async(node)):
            fate = self.tracer.follow(node, self.module)
            if not fate.handled:
                self._report(fate.code, node, name, f"the coroutine of `{name}()` {fate.text}")
            return
        self._made(node, values, name)
        external = {v.name for v in values if isinstance(v, Ext)}
        if external & tables.AWAITABLE and not self._entered(node):
            fate = self.tracer.follow(node, self.module)
            if not fate.handled and not (fate.code == "coroutine-returned" and self._in_plain_function(node)):
                self._report(fate.code, node, name, f"`{name}()` {fate.text}")
        self._consumer(node, external, name)

    def _made(self, node: ast.Call, values: Values, name: str) -> None:
        for maker in sorted(
            {needed_factory(self.evaluator, v.info) or "" for v in values if isinstance(v, Cls)} - {""}
        ):
            self._report("half-made", node, name, f"`{name}()` makes an object that only `{name}.{maker}()` completes")

    def _makes_coroutine(self, value: Value) -> bool:
        match value:
            case Func(info):
                return info.is_async and not info.is_generator and "asynccontextmanager" not in _marks(info)
            case Inst(info, None):
                return any(
                    isinstance(m, Func) and self._makes_coroutine(m) for m in self.evaluator.member(info, "__call__")
                )
            case _:
                return False

    def _only_async(self, node: ast.Call) -> bool:
        """A method of an unknown receiver whose name only async functions of the project have."""
        if not isinstance(node.func, ast.Attribute):
            return False
        name = node.func.attr
        if name in tables.COMMON_METHODS or (self.suspects is not None and name not in self.suspects):
            return False
        if self.evaluator.of(node.func.value, self.module):
            return False
        asynchronous, methods, plain = self.exam.tree.definitions(name)
        if not methods and not isinstance(node.func.value, ast.Name):
            return False  # functions of modules are attributes of modules only, and those go by names
        return asynchronous > 0 and plain == 0 and not self._generators(name)

    def _generators(self, name: str) -> bool:
        """Whether some known definition of that name is a generator or has a decorator (then nothing is sure)."""
        for module in self.exam.tree.loaded():
            for function in module.functions.values():
                if function.name == name and (function.is_generator or function.node.decorator_list):
                    return True
        return False

    def _entered(self, node: ast.Call) -> bool:
        return isinstance(self.module.parents.get(node), ast.withitem)

    def _in_plain_function(self, node: ast.AST) -> bool:
        scope = self.module.scope_of[node].function
        return scope is not None and not scope.is_async

    def _property(self, node: ast.Attribute) -> None:
        for value in self.evaluator.of(node, self.module):
            if isinstance(value, Coro) and value.info.name == node.attr:
                fate = self.tracer.follow(node, self.module)
                if not fate.handled:
                    text = f"the coroutine of the property `{node.attr}` {fate.text}"
                    self._report(fate.code, node, f".{node.attr}", text)
                return

    def _consumer(self, node: ast.Call, external: set[str], name: str) -> None:
        """Asynchronous iterables handed to consumers of plain ones."""
        plain = bool(external & tables.SYNC_CONSUMERS) or (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in {"join", "extend"}
            and (node.func.attr == "extend" or isinstance(node.func.value, ast.Constant))
        )
        if not plain:
            return
        for argument in node.args:
            if _is_async_items(self.evaluator.of(argument, self.module)):
                text = f"`{name}` cannot consume an asynchronous iterable"
                self._report("async-iteration", argument, name, text)

    # --- awaits ----------------------------------------------------------------------------------------------

    def _await(self, node: ast.Await) -> None:
        operand = node.value
        text = ast.unparse(operand.func if isinstance(operand, ast.Call) else operand)
        name = text if len(text) < 60 else last_name(operand)
        if isinstance(operand, ast.Call):
            called = self.evaluator.of(operand.func, self.module)
            if called and all(self._gives_no_awaitable(v) for v in called):
                self._report("await-sync", node, name, f"`{name}()` is awaited, but it gives nothing to await")
            return
        if isinstance(operand, ast.Await) and isinstance(operand.value, ast.Call):
            infos = [v.info for v in self.evaluator.of(operand.value.func, self.module) if isinstance(v, Func)]
            plain = bool(infos) and not any(self._may_give_awaitable(info, 0) for info in infos)
        else:
            values = self.evaluator.of(operand, self.module)
            plain = bool(values) and all(self._is_no_awaitable(v) for v in values)
        if plain:
            self._report("await-sync", node, name, f"`{name}` is awaited, but it is not awaitable")

    def _gives_no_awaitable(self, value: Value, depth: int = 0) -> bool:
        match value:
            case Func(info):
                if info.is_generator:
                    return "coroutine" not in _marks(info)
                return not info.is_async and not self._may_give_awaitable(info, depth)
            case Cls(info):
                return self._is_no_awaitable(Inst(info))
            case Ext(name):
                if name in tables.AWAITABLE or name in tables.AWAITED or name == "builtins.anext":
                    return False
                if name in tables.RESULTS:
                    return not tables.RESULTS[name].startswith("asyncio.")
                return name in tables.BLOCKING or name.startswith(_PLAIN_MODULES)
            case _:
                return False

    def _may_give_awaitable(self, info: Function, depth: int) -> bool:
        """Whether a plain function could return something awaitable."""
        module = self.exam.tree.module(info.scope.path)
        if module is None or depth > 5 or any(isinstance(s, ast.Raise) for s in info.node.body):
            return True  # among others: an abstract method
        if info.node.decorator_list and _marks(info) - {"staticmethod", "classmethod", "abstractmethod", "wraps"}:
            return True
        if info.node.returns is not None:
            annotated = self.evaluator.of(info.node.returns, module)
            text = ast.unparse(info.node.returns)
            if any(word in text for word in ("Awaitable", "Coroutine", "Future", "Task", "Any", "object")):
                return True
            if annotated or isinstance(info.node.returns, ast.Constant):
                result = self.evaluator.result(info)
                if all(self._is_no_awaitable(v) for v in result):
                    return False
        return any(r.value is not None and self._maybe_awaitable(r.value, module, depth) for r in info.scope.returns)

    def _maybe_awaitable(self, node: ast.expr, module: Module, depth: int) -> bool:
        match node:
            case ast.Constant() | ast.JoinedStr() | ast.Compare() | ast.UnaryOp() | ast.BinOp() | ast.Await():
                return False
            case ast.List() | ast.Dict() | ast.Set() | ast.Tuple() | ast.ListComp() | ast.DictComp() | ast.SetComp():
                return False
            case ast.IfExp():
                return any(self._maybe_awaitable(n, module, depth) for n in (node.body, node.orelse))
            case ast.BoolOp():
                return any(self._maybe_awaitable(n, module, depth) for n in node.values)
            case ast.Call():
                values = self.evaluator.of(node.func, module)
                if values:
                    return not all(self._gives_no_awaitable(v, depth + 1) for v in values)
                # An unknown method of a value is taken to give a plain result; a function held by a name is not.
                return isinstance(node.func, ast.Name)
            case _:
                values = self.evaluator.of(node, module)
                return not all(self._is_no_awaitable(v) for v in values) if values else isinstance(node, ast.Name)

    def _is_no_awaitable(self, value: Value) -> bool:
        match value:
            case Coro() | Promise():
                return False
            case Inst():
                return not has_await_method(self.evaluator, value)
            case ExtInst(kind):
                return kind.startswith(("builtins.", "requests.", "concurrent.futures.", "threading.", "queue."))
            case Items() | Tup() | Func() | Cls() | Context():
                return True
            case _:
                return False

    def _awaited_twice(self, node: ast.Assign) -> None:
        """``r = f()`` with two awaits of ``r`` in a row, or one in a loop the assignment is not in."""
        if len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
            return
        if not any(isinstance(v, Coro) for v in self.evaluator.of(node.value, self.module)):
            return
        name = node.targets[0].id
        scope = self.module.scope_of[node]
        if len(scope.bindings.get(name, [])) != 1:
            return
        block = _block_of(node, self.module)
        position = block.index(node) if node in block else len(block)
        seen = 0
        for statement in block[position + 1 :]:
            awaits = [
                n
                for n in ast.walk(statement)
                if isinstance(n, ast.Await) and isinstance(n.value, ast.Name) and n.value.id == name
            ]
            if awaits and isinstance(statement, (ast.For, ast.AsyncFor, ast.While)):
                seen += 1
            seen += bool(awaits)
            if seen > 1:
                self._report("awaited-twice", awaits[0], name, f"the coroutine in `{name}` is awaited more than once")
                return

    # --- for and with ----------------------------------------------------------------------------------------

    def _for(self, node: ast.expr) -> None:
        values = self.evaluator.of(node, self.module)
        if _is_async_items(values) or any(
            self._iterates(v, "__aiter__", "__iter__") or self._hands_out_asynchronous(v) for v in values
        ):
            text = _short(node)
            self._report("async-iteration", node, text, f"`{text}` must be iterated over with `async for`")

    def _member(self, node: ast.Compare) -> None:
        for operator, items in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, (ast.In, ast.NotIn)) and _is_async_items(self.evaluator.of(items, self.module)):
                text = _short(items)
                self._report("async-iteration", node, text, f"`in` cannot ask `{text}`, which is asynchronous")

    def _async_for(self, node: ast.expr) -> None:
        values = self.evaluator.of(node, self.module)
        if values and all(self._only_plainly_iterable(v) for v in values):
            text = _short(node)
            self._report("async-for-sync", node, text, f"`{text}` cannot be iterated over with `async for`")

    def _only_plainly_iterable(self, value: Value) -> bool:
        match value:
            case Items(_, _, is_async):
                return not is_async and not self._from_asyncio(value)
            case Tup() | Coro():
                return True
            case ExtInst(kind):
                return kind.startswith(("builtins.", "requests."))
            case Inst():
                return self._iterates(value, "__iter__", "__aiter__")
            case _:
                return False

    def _from_asyncio(self, value: Items) -> bool:
        """`asyncio.as_completed` can be iterated over both ways from Python 3.13 on."""
        return bool(value.items) and all(isinstance(v, Promise) for v in value.items)

    def _iterates(self, value: Value, has: str, lacks: str) -> bool:
        if not isinstance(value, Inst) or self.evaluator.foreign_bases(value.info)[1]:
            return False
        return bool(self.evaluator.member(value.info, has)) and not self.evaluator.member(value.info, lacks)

    def _hands_out_asynchronous(self, value: Value) -> bool:
        """Whether `__iter__` of the object returns what is only iterable asynchronously."""
        if not isinstance(value, Inst):
            return False
        starts = [m.info for m in self.evaluator.member(value.info, "__iter__") if isinstance(m, Func)]
        given = [v for info in starts if not info.is_generator for v in self.evaluator.result(info)]
        return any(v.is_async if isinstance(v, Items) else self._iterates(v, "__anext__", "__next__") for v in given)

    def _with(self, node: ast.expr) -> None:
        for value in self.evaluator.of(node, self.module):
            if self._asynchronous_context(value) or self._external(node, tables.ASYNC_CONTEXT):
                text = _short(node)
                self._report("async-context", node, text, f"`{text}` must be entered with `async with`")
                return

    def _asynchronous_context(self, value: Value) -> bool:
        match value:
            case Context(_, is_async, _):
                return is_async
            case ExtInst(kind):
                return kind in tables.ASYNC_CONTEXT
            case Inst(info, _):
                foreign, unknown = self.evaluator.foreign_bases(info)
                if unknown or set(foreign) - {"builtins.object", "abc.ABC", "typing.Generic"}:
                    return False  # a base from outside may well have `__enter__`
                own = {m.info.is_async for m in self.evaluator.member(info, "__exit__") if isinstance(m, Func)}
                asynchronous = bool(self.evaluator.member(info, "__aenter__"))
                return (asynchronous and not self.evaluator.member(info, "__enter__")) or own == {True}
            case _:
                return False

    def _external(self, node: ast.expr, names: frozenset[str]) -> bool:
        if not isinstance(node, ast.Call):
            return False
        return any(isinstance(v, Ext) and v.name in names for v in self.evaluator.of(node.func, self.module))

    def _async_with(self, node: ast.expr) -> None:
        values = self.evaluator.of(node, self.module)
        plain = bool(values) and all(self._plain_context(v) for v in values)
        if plain or self._external(node, tables.SYNC_CONTEXT):
            text = _short(node)
            self._report("async-with-sync", node, text, f"`{text}` cannot be entered with `async with`")

    def _plain_context(self, value: Value) -> bool:
        match value:
            case Context(_, is_async, _):
                return not is_async
            case Coro():
                return True
            case ExtInst(kind):
                return kind in tables.SYNC_CONTEXT
            case Inst(info, _):
                _, unknown = self.evaluator.foreign_bases(info)
                return not unknown and not self._has_async_enter(info)
            case _:
                return False

    def _has_async_enter(self, info: Class) -> bool:
        names, _ = self.evaluator.foreign_bases(info)
        if any(not n.startswith(("builtins.", "abc.", "typing.", "requests.", "threading.")) for n in names):
            return True
        return bool(self.evaluator.member(info, "__aenter__"))


def _marks(function: Function) -> set[str]:
    return {last_name(d.func if isinstance(d, ast.Call) else d) for d in function.node.decorator_list}


def _is_async_items(values: Values) -> bool:
    return any(isinstance(v, Items) and v.is_async for v in values)


def _short(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) < 60 else text[:57] + "..."


def _block_of(node: ast.stmt, module: Module) -> list[ast.stmt]:
    parent = module.parents[node]
    for name in ("body", "orelse", "finalbody"):
        block = getattr(parent, name, None)
        if isinstance(block, list) and node in block:
            return block
    return []
