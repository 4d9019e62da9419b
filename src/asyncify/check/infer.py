"""What an expression can be: a small, cautious evaluator over the syntax tree.

It answers with a set of values; the empty set means "unknown". It follows imports, assignments, attributes set on
``self``, annotations, returns, containers and what callers pass, each to a bounded depth.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable
from functools import partial

from asyncify.check import externals, functions, hints, tables
from asyncify.check.reaching import reaching
from asyncify.check.scopes import Binding, FunctionNode, Scope
from asyncify.check.tree import Class, Function, Module, Tree, last_name
from asyncify.check.values import (
    NONE,
    Cls,
    Context,
    Coro,
    Ext,
    ExtInst,
    Func,
    Inst,
    Items,
    ItemsMethod,
    Lambda,
    Mod,
    Promise,
    Tup,
    Value,
    Values,
    union,
)

_DEPTH = 24
_NEVER = 1 << 30
_Slot = tuple[str, object]
_BUILTINS = frozenset(dir(builtins))


class Evaluator:
    """Evaluates expressions of one tree. Results are kept; recursion ends in "unknown"."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._memo: dict[_Slot, Values] = {}
        self._active: dict[_Slot, int] = {}  # what is being computed, and how deep
        self._within: dict[_Slot, tuple[Values, int]] = {}  # what was found while that depth went on, and depends on it
        self._heads: dict[int, list[_Slot]] = {}
        self._low = _NEVER  # the least depth that what is being computed depends on
        self._steps = 0

    def once(self, kind: str, key: object, compute: Callable[[], Values]) -> Values:
        """The values of `compute()`, computed once per `kind` and `key`; unknown if it depends on itself.

        A value that was found while a cycle was cut may be incomplete. It is kept for as long as the computation that
        the cycle leads back to goes on, and made anew afterwards (as the heads of loops in Tarjan's algorithm).
        """
        slot = (kind, key)
        if slot in self._memo:
            return self._memo[slot]
        if slot in self._within:
            values, low = self._within[slot]
            self._low = min(self._low, low)
            return values
        depth = len(self._active)
        if slot in self._active or depth > _DEPTH * 4:
            self._low = min(self._low, self._active.get(slot, 0))
            return NONE
        self._active[slot] = depth
        outer, self._low = self._low, _NEVER
        self._steps += 1
        try:
            values = compute()
        finally:
            del self._active[slot]
            low = self._low
            self._low = min(outer, low) if low < depth else outer
            for other in self._heads.pop(depth, ()):
                del self._within[other]
        if low >= depth or self._steps > 50_000:  # nothing around it matters, or it gets expensive
            self._memo[slot] = values
        else:
            self._within[slot] = values, low
            self._heads.setdefault(low, []).append(slot)
        return values

    def of(self, node: ast.expr, module: Module) -> Values:
        """What `node`, an expression of `module`, can be."""
        return self.once("expr", node, lambda: self._expr(node, module))

    def _expr(self, node: ast.expr, module: Module) -> Values:
        match node:
            case ast.Name():
                return self._name(node, module.scope_of.get(node, module.root), module)
            case ast.Attribute():
                return union(self.attribute(v, node.attr) for v in self.of(node.value, module))
            case ast.Call():
                return self._call(node, module)
            case ast.Await():
                return union(self.awaited(v) for v in self.of(node.value, module))
            case ast.Lambda():
                return frozenset({Lambda(node, module)})
            case ast.IfExp():
                return self.of(node.body, module) | self.of(node.orelse, module)
            case ast.BoolOp():
                return union(self.of(v, module) for v in node.values)
            case ast.NamedExpr() | ast.Starred():
                return self.of(node.value, module)
            case ast.Tuple():
                if any(isinstance(e, ast.Starred) for e in node.elts):
                    return self._listed(node.elts, module)
                return frozenset({Tup(tuple(self.of(e, module) for e in node.elts))})
            case ast.List() | ast.Set():
                return self._listed(node.elts, module)
            case ast.Dict():
                keys = union(self.of(k, module) for k in node.keys if k is not None)
                return frozenset({Items(keys, union(self.of(v, module) for v in node.values))})
            case ast.ListComp() | ast.SetComp():
                element = self.of(node.elt, module)
                return frozenset({Items(element, element)})
            case ast.GeneratorExp():
                element = self.of(node.elt, module)
                is_async = bool(module.scopes[node].awaits)
                return frozenset({Items(element, element, is_async)})
            case ast.DictComp():
                return frozenset({Items(self.of(node.key, module), self.of(node.value, module))})
            case ast.Subscript():
                return self._subscript(node, module)
            case ast.Constant(value=str()) | ast.JoinedStr():
                return frozenset({ExtInst("builtins.str")})
            case ast.Constant(value=value) if value is not None and value is not ...:
                return frozenset({ExtInst(f"builtins.{type(value).__name__}")})
            case ast.Compare():
                return frozenset({ExtInst("builtins.bool")})
            case _:
                return NONE

    def _listed(self, elements: list[ast.expr], module: Module) -> Values:
        plain = [e for e in elements if not isinstance(e, ast.Starred)]
        inner = union(self.of(e, module) for e in plain)
        for element in elements:
            if isinstance(element, ast.Starred):
                inner |= self.elements(self.of(element.value, module))
        return frozenset({Items(inner, inner)})

    def _subscript(self, node: ast.Subscript, module: Module) -> Values:
        found: set[Value] = set()
        for value in self.of(node.value, module):
            match value, node.slice:
                case Tup(elements), ast.Constant(value=int(index)) if -len(elements) <= index < len(elements):
                    found |= elements[index]
                case Items(), ast.Slice():
                    found.add(value)
                case Items(), _:
                    found |= value.values
                case ((Cls() | Ext()), _):
                    found.add(value)  # Class[T]
                case _:
                    pass
        return frozenset(found)

    # --- names -----------------------------------------------------------------------------------------------

    def _name(self, node: ast.Name, scope: Scope, module: Module) -> Values:
        name = node.id
        home = scope.lookup(name)
        if home is not None:
            return self._bound_by(reaching(node, home, module), home, module)
        for star in module.stars:
            if values := self._member_of_import(star, name, module):
                return values
        return frozenset({Ext(f"builtins.{name}")}) if name in _BUILTINS else NONE

    def bound(self, scope: Scope, name: str, module: Module) -> Values:
        """All that `name` is bound to in `scope`."""
        return self._bound_by(scope.bindings.get(name, []), scope, module)

    def _bound_by(self, bindings: Iterable[Binding], scope: Scope, module: Module) -> Values:
        return union(self.once("bind", id(b), partial(self._binding, b, scope, module)) for b in bindings)

    def _binding(self, binding: Binding, scope: Scope, module: Module) -> Values:
        match binding.kind:
            case "import":
                return self._import(binding, module)
            case "from":
                return self._member_of_import(binding, binding.name, module)
            case "def":
                assert isinstance(binding.node, FunctionNode)
                return functions.decorated(self, module.functions[binding.node], module)
            case "class":
                assert isinstance(binding.node, ast.ClassDef)
                return frozenset({Cls(module.classes[binding.node])})
            case "param":
                assert isinstance(binding.node, ast.arg)
                return functions.parameter(self, binding.node, scope, module)
            case "annotation":
                return hints.values(self, binding.expr, module)
        if binding.expr is None:
            return NONE
        values = self.of(binding.expr, module)
        if binding.kind == "item":
            values = self.elements(values)
        elif binding.kind == "with":
            values = union(self.entered(v) for v in values)
        elif binding.kind != "value":
            return NONE
        for index in binding.path:
            values = union(
                (v.elements[index] if index < len(v.elements) else NONE)
                if isinstance(v, Tup)
                else (v.items if isinstance(v, Items) else NONE)
                for v in values
            )
        return values

    def _import(self, binding: Binding, module: Module) -> Values:
        path = self.tree.find(binding.text, module.path)
        if path is not None:
            return frozenset({Mod(path)})
        return frozenset({Ext(tables.canonical(binding.text))})

    def _member_of_import(self, binding: Binding, name: str, module: Module) -> Values:
        path = self.tree.find(binding.text, module.path, binding.level)
        if path is not None:
            return self.attribute(Mod(path), name)
        if binding.level or isinstance(binding.node, ast.ImportFrom):
            return NONE  # a star import from outside: anything
        return frozenset({Ext(tables.canonical(f"{binding.text}.{name}"))})

    def result(self, function: Function) -> Values:
        """What calling (and, for an async function, awaiting) `function` gives."""
        return self.once("result", function, lambda: functions.result(self, function))

    # --- calls -----------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call, module: Module) -> Values:
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            return self._super(node, module)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "__new__":
            return frozenset(Inst(value.info) for value in self.of(node.func.value, module) if isinstance(value, Cls))
        return union(self.called(v, node, module) for v in self.of(node.func, module))

    def _super(self, node: ast.Call, module: Module) -> Values:
        scope: Scope | None = module.scope_of.get(node)
        while scope is not None and not isinstance(scope.node, ast.ClassDef):
            scope = scope.parent
        if scope is None or not isinstance(scope.node, ast.ClassDef):
            return NONE
        owner = module.classes[scope.node]
        return frozenset({Inst(owner, owner)})

    def called(self, value: Value, node: ast.Call, module: Module) -> Values:
        """What calling `value` gives."""
        match value:
            case Func(info):
                return self._function_called(info, node, module)
            case Lambda(inner, home):
                return self.of(inner.body, home)
            case Cls(info):
                return frozenset({Inst(info)})
            case Inst(info):
                return union(self.called(m, node, module) for m in self.member(info, "__call__"))
            case ItemsMethod(items, name):
                return externals.items_method(items, name)
            case Ext(name):
                return externals.called(self, name, node, module)
            case _:
                return NONE

    def _function_called(self, info: Function, node: ast.Call, module: Module) -> Values:
        marks = {last_name(d.func if isinstance(d, ast.Call) else d) for d in info.node.decorator_list}
        result = self.result(info)
        if marks & {"contextmanager", "asynccontextmanager"}:
            is_async = "asynccontextmanager" in marks
            return frozenset({Context(info, is_async, self.elements(result))})
        result = result or hints.generic_result(self, info, node, module)
        if any(isinstance(v, Items) and not v.items for v in result):
            result = hints.generic_result(self, info, node, module) or result
        if info.is_async and not info.is_generator:
            return frozenset({Coro(info, result)})
        return result

    # --- what becomes of values --------------------------------------------------------------------------------

    def elements(self, values: Values) -> Values:
        """What iterating over one of `values` gives."""
        found: set[Value] = set()
        for value in values:
            match value:
                case Items(items):
                    found |= items
                case Tup(elements):
                    for element in elements:
                        found |= element
                case Inst(info):
                    for name in ("__iter__", "__aiter__"):
                        for method in self.member(info, name):
                            if isinstance(method, Func) and method.info.is_generator:
                                found |= self.elements(self.result(method.info))
                    for name in ("__next__", "__anext__"):
                        for method in self.member(info, name):
                            if isinstance(method, Func):
                                found |= self.result(method.info)
                case _:
                    pass
        return frozenset(found)

    def awaited(self, value: Value) -> Values:
        """What awaiting `value` gives."""
        return value.result if isinstance(value, (Coro, Promise)) else NONE

    def entered(self, value: Value) -> Values:
        """What ``with``/``async with`` over `value` binds."""
        match value:
            case Context() | Promise():
                return value.result
            case ExtInst():
                return frozenset({value})
            case Inst(info):
                found = union(
                    self.result(m.info)
                    for name in ("__enter__", "__aenter__")
                    for m in self.member(info, name)
                    if isinstance(m, Func)
                )
                return found or frozenset({value})
            case _:
                return NONE

    # --- attributes ------------------------------------------------------------------------------------------

    def attribute(self, value: Value, name: str) -> Values:
        """What the attribute `name` of `value` can be."""
        match value:
            case Mod(path):
                return self.once("member", (path, name), lambda: self._module_member(path, name))
            case Cls(info):
                return self.member(info, name)
            case Inst(info, after):
                key = (info, after, name)
                return self.once("attribute", key, lambda: self._instance_attribute(info, name, after))
            case Ext(dotted):
                return frozenset({Ext(tables.canonical(f"{dotted}.{name}"))})
            case ExtInst(kind):
                if f"{kind}.{name}" in tables.ATTRIBUTES:
                    return frozenset({ExtInst(tables.ATTRIBUTES[f"{kind}.{name}"])})
                return frozenset({Ext(f"{kind}.{name}")})
            case Promise("asyncio.Task"):
                return frozenset({Ext(f"asyncio.Task.{name}")})
            case Items():
                return frozenset({ItemsMethod(value, name)})
            case _:
                return NONE

    def _module_member(self, path: str, name: str) -> Values:
        module = self.tree.module(path) if path.endswith((".py", ".ipynb")) else None
        if module is not None:
            if name in module.root.bindings:
                return self.bound(module.root, name, module)
            for star in module.stars:
                if values := self._member_of_import(star, name, module):
                    return values
        child = self.tree.child(path, name)
        return frozenset({Mod(child)}) if child else NONE

    def bases(self, info: Class) -> tuple[list[Class], list[str], bool]:
        """The base classes: those of the tree, the names of the others, and whether some are unknown."""
        module = self.tree.module(info.scope.path)
        ours: list[Class] = []
        others: list[str] = []
        unknown = False
        for base in info.node.bases if module else []:
            assert module is not None
            values = self.of(base, module)
            ours += [v.info for v in values if isinstance(v, Cls) and v.info is not info]
            others += [v.name for v in values if isinstance(v, Ext)]
            unknown = unknown or not values
        return ours, others, unknown

    def mro(self, info: Class) -> list[Class]:
        """`info` and its base classes in the tree, nearest first."""
        order: list[Class] = []
        todo = [info]
        while todo and len(order) < 50:
            current = todo.pop(0)
            if current not in order:
                order.append(current)
                todo = self.bases(current)[0] + todo
        return order

    def foreign_bases(self, info: Class) -> tuple[set[str], bool]:
        """The external base classes of `info`, direct or not, and whether some base is unknown."""
        names: set[str] = set()
        unknown = False
        for cls in self.mro(info):
            _, others, open_ended = self.bases(cls)
            names.update(others)
            unknown = unknown or open_ended
        return names, unknown

    def member(self, info: Class, name: str, after: Class | None = None) -> Values:
        """The class attribute `name`, looked up through the base classes."""
        order = self.mro(info)
        if after is not None and after in order:
            order = order[order.index(after) + 1 :]
        for cls in order:
            module = self.tree.module(cls.scope.path)
            if module is not None and name in cls.scope.bindings:
                return self.bound(cls.scope, name, module)
        return NONE

    def _instance_attribute(self, info: Class, name: str, after: Class | None) -> Values:
        found: set[Value] = set()
        order = self.mro(info)
        if after is None:
            for target, node, module in self.tree.stores.get(name, []):
                found |= self._stored(target, node, module, order)
        for value in self.member(info, name, after):
            if isinstance(value, Func) and self._is_property(value.info):
                result = self.result(value.info)
                coroutine = value.info.is_async and not value.info.is_generator
                found |= {Coro(value.info, result)} if coroutine else result
            else:
                found.add(value)
        if not found:
            for base in self.foreign_bases(info)[0]:
                builtin = (
                    getattr(builtins, base.removeprefix("builtins."), None) if base.startswith("builtins.") else None
                )
                if builtin is not None and not hasattr(builtin, name):
                    continue  # the object's own, of which nothing is known
                if base not in {"builtins.object", "typing.Protocol", "abc.ABC", "typing.Generic"}:
                    found.add(Ext(tables.canonical(f"{base}.{name}")))
        return frozenset(found)

    def _stored(self, target: ast.expr, node: ast.AST, module: Module, order: list[Class]) -> Values:
        assert isinstance(target, ast.Attribute)
        receiver = target.value
        if not (isinstance(receiver, ast.Name) and receiver.id in {"self", "cls"}):
            return NONE
        if not any(isinstance(v, (Inst, Cls)) and v.info in order for v in self.of(receiver, module)):
            return NONE
        match node:
            case ast.AnnAssign():
                values = hints.values(self, node.annotation, module)
                return values or (self.of(node.value, module) if node.value else NONE)
            case ast.Assign():
                return self.of(node.value, module)
            case ast.With() | ast.AsyncWith():
                items = [i for i in node.items if i.optional_vars is target]
                return union(self.entered(v) for i in items for v in self.of(i.context_expr, module))
            case _:
                return NONE

    def _is_property(self, function: Function) -> bool:
        names = {last_name(d) for d in function.node.decorator_list}
        return bool(names & {"property", "cached_property"})
