"""Async functions where plain ones are called, plain ones where coroutine functions are expected, and overrides."""

from __future__ import annotations

import ast

from asyncify.check import tables
from asyncify.check.fate import Tracer
from asyncify.check.functions import decorators, gives_awaitable
from asyncify.check.infer import Evaluator
from asyncify.check.report import Examination
from asyncify.check.tree import Class, Function, Module, last_name, parameters
from asyncify.check.values import Cls, Func, Inst, Items, Lambda, Promise, Value


class CallbackCheck:
    """Examines one module for functions of the wrong kind."""

    def __init__(self, exam: Examination, module: Module) -> None:
        self.exam = exam
        self.module = module
        self.evaluator = exam.evaluator
        self.tracer = Tracer(exam.evaluator)

    def run(self) -> None:
        """Examine every call, definition and class."""
        for node in self.module.nodes:
            if isinstance(node, ast.Call):
                self._arguments(node)
        for function in self.module.functions.values():
            self._definition(function)
        for info in self.module.classes.values():
            self._overrides(info)

    def _report(self, code: str, node: ast.AST, subject: str, message: str) -> None:
        self.exam.report(code, self.module, node, subject, message)

    # --- arguments -------------------------------------------------------------------------------------------

    def _arguments(self, call: ast.Call) -> None:
        passed = [(None, a) for a in call.args] + [(k.arg, k.value) for k in call.keywords]
        functions = [(k, a) for k, a in passed if not isinstance(a, (ast.Call, ast.Constant, ast.Starred))]
        functions += [(k, a) for k, a in passed if isinstance(a, ast.Call) and last_name(a.func) == "partial"]
        for keyword, argument in functions:
            infos = [v.info for v in self.evaluator.of(argument, self.module) if isinstance(v, Func)]
            if not infos:
                continue
            name = ast.unparse(argument)
            if any(i.is_async for i in infos) and self.tracer.ignores_coroutines(call, self.module, keyword):
                taker = last_name(call.func)
                text = f"the async function `{name}` is handed to `{taker}`, which calls it and never awaits"
                self._report("async-callback", argument, name, text)
            elif not any(i.is_async or self._gives_awaitable(i) for i in infos) and self._expects_coroutines(
                call, argument, keyword
            ):
                taker = last_name(call.func)
                text = f"`{name}` is a plain function, but `{taker}` awaits what it returns"
                self._report("sync-as-coroutine", argument, name, text)

    def _expects_coroutines(self, call: ast.Call, argument: ast.expr, keyword: str | None) -> bool:
        """Whether the parameter is annotated as ``Callable[..., Awaitable[...]]`` in every overload there is."""
        notes = []
        for value in self.evaluator.of(call.func, self.module):
            infos = [value.info] if isinstance(value, Func) else []
            if isinstance(value, Cls):
                made = self.evaluator.member(value.info, "__init__")
                infos = [m.info for m in made if isinstance(m, Func)]
            for info in infos:
                skip = 1 if info.owner is not None else 0
                names = parameters(info.node)[skip:]
                if keyword is not None:
                    found = [a for a in names if a.arg == keyword]
                else:
                    index = call.args.index(argument)
                    found = names[index : index + 1] if index < len(names) else []
                if not found:
                    return False
                notes += [ast.unparse(a.annotation) if a.annotation else "" for a in found]
        return bool(notes) and all(
            "Callable" in note and any(w in note for w in ("Awaitable[", "Coroutine[")) for note in notes
        )

    def _gives_awaitable(self, info: Function) -> bool:
        return bool(info.node.decorator_list) or info.is_generator or gives_awaitable(self.evaluator, info)

    # --- definitions -----------------------------------------------------------------------------------------

    def _definition(self, function: Function) -> None:
        node = function.node
        names = decorators(self.evaluator, function)
        lasts = {n.rpartition(".")[2] for n in names}
        if function.is_async:
            if function.owner is not None and node.name in tables.SYNC_DUNDERS:
                generator_iter = node.name == "__aiter__" and function.is_generator
                if not generator_iter:
                    text = f"`{function.owner.name}.{node.name}` is called synchronously by Python"
                    self._report("async-dunder", node, node.name, text)
            for name in names:
                if name in tables.SYNC_DECORATORS or name.rpartition(".")[2] == "contextmanager":
                    text = f"`@{name}` does not know async functions, but `{node.name}` is one"
                    self._report("async-decorated", node, f"{node.name}@{name}", text)
            if "property" in lasts and not function.is_generator:
                text = f"the property `{node.name}` is async: reading it gives a coroutine"
                self._report("async-decorated", node, f"{node.name}@property", text)
            if any(last.endswith(("setter", "deleter")) for last in lasts):
                self._report("async-decorated", node, f"{node.name}@setter", f"the setter `{node.name}` is async")
        else:
            if "asynccontextmanager" in lasts:
                text = f"`@asynccontextmanager` needs an async generator, but `{node.name}` is a plain one"
                self._report("sync-as-coroutine", node, node.name, text)
            awaited = function.owner is not None and node.name in tables.AWAITED_DUNDERS
            if awaited and not self._gives_awaitable(function) and not self._delegates(function):
                text = f"`{function.scope.qualname}` is awaited by Python, but it is a plain function"
                self._report("sync-as-coroutine", node, node.name, text)

    def _delegates(self, function: Function) -> bool:
        """Whether the function returns what some unknown call gives (then it may be awaitable)."""
        for node in function.scope.returns:
            if isinstance(node.value, ast.Call):
                values = self.evaluator.of(node.value, self.module)
                if not values or any(not isinstance(v, Inst | Items) for v in values):
                    return True
        return False

    # --- overrides -------------------------------------------------------------------------------------------

    def _overrides(self, info: Class) -> None:
        for name in info.scope.bindings:
            own = _method(self.evaluator, info, name)
            if own is None or name in tables.SYNC_DUNDERS:
                continue
            nearest = False  # a base of this tree that defines it too: it answers for what lies above
            for base in self.evaluator.mro(info)[1:]:
                overridden = _method(self.evaluator, base, name)
                if overridden is None:
                    continue
                nearest = True
                differ = own.is_async != overridden.is_async and self._kind(own) != self._kind(overridden)
                if differ and not (own.is_async and self._open(overridden)):
                    text = (
                        f"`{info.name}.{name}` is {'async' if own.is_async else 'plain'}, but the method of "
                        f"`{base.name}` that it overrides is not"
                    )
                    self._report("async-override", own.node, f"{info.name}.{name}", text)
                break
            if own.is_async and not nearest:
                for foreign in self.evaluator.foreign_bases(info)[0]:
                    if name in tables.FOREIGN_SYNC_METHODS.get(foreign, ()):
                        text = f"`{info.name}.{name}` is async, but `{foreign}` calls it synchronously"
                        self._report("async-override", own.node, f"{info.name}.{name}", text)

    def _kind(self, function: Function) -> bool:
        return function.is_async or self._gives_awaitable_declared(function)

    def _gives_awaitable_declared(self, function: Function) -> bool:
        text = ast.unparse(function.node.returns) if function.node.returns else ""
        words = ("Awaitable", "Coroutine", "Future", "Task", "AsyncIterator", "AsyncGenerator", "AsyncIterable")
        if any(word in text for word in words):
            return True
        return any(isinstance(v, Promise) or type(v).__name__ == "Coro" for v in self.evaluator.result(function))

    def _open(self, function: Function) -> bool:
        """A base method that an async override may replace: one that returns what nobody can see."""
        return bool(function.node.decorator_list) and not {last_name(d) for d in function.node.decorator_list} <= {
            "abstractmethod",
            "classmethod",
            "staticmethod",
            "override",
        }


def _method(evaluator: Evaluator, info: Class, name: str) -> Function | None:
    module = evaluator.tree.module(info.scope.path)
    bindings = [b for b in info.scope.bindings.get(name, []) if b.kind == "def"]
    if module is None or not bindings:
        return None
    return module.functions.get(bindings[-1].node)


def called_on_loop(evaluator: Evaluator, call: ast.Call, module: Module) -> list[Function | Lambda]:
    """The plain functions that `call` hands to something that will call them on the event loop's thread."""
    taker = last_name(call.func)
    takes = taker in {"call_soon", "call_later", "call_at", "call_soon_threadsafe"}
    if not takes and taker in {"submit", "map"}:
        takes = any(
            isinstance(v, Func) and v.info.owner is not None and bool(evaluator.member(v.info.owner, "__aenter__"))
            for v in evaluator.of(call.func, module)
        )
    if takes:
        given = call.args[:3]
    elif any(_runs_jobs(evaluator, v) for v in evaluator.of(call.func, module)):
        given = call.args[2:3] + [k.value for k in call.keywords if k.arg == "initializer"]
    else:
        return []
    found: list[Function | Lambda] = []
    for argument in given:
        for value in evaluator.of(argument, module):
            if isinstance(value, Func) and not value.info.is_async:
                found.append(value.info)
            elif isinstance(value, Lambda):
                found.append(value)
    return found


def _runs_jobs(evaluator: Evaluator, value: Value) -> bool:
    """Whether it is a class of pools whose workers are tasks."""
    return isinstance(value, Cls) and all(bool(evaluator.member(value.info, n)) for n in ("__aenter__", "submit"))
