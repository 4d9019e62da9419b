"""Expressions to variables: every expression node becomes the number of the variable that holds its values."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from asyncify.index.ir import NO_KEY, CallFacts, ClassFacts, FileFacts, FunctionFacts
from asyncify.index.scopes import Scope, ScopeScan

Env = dict[str, int]

OPERATORS = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.FloorDiv: "floordiv", ast.Mod: "mod",
    ast.Pow: "pow", ast.LShift: "lshift", ast.RShift: "rshift", ast.BitOr: "or", ast.BitXor: "xor", ast.BitAnd: "and",
    ast.MatMult: "matmul", ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
    ast.In: "contains", ast.NotIn: "contains", ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "invert", ast.Not: "bool",
}  # fmt: skip


class ExpressionLowering:
    """The state of lowering one file, and all kinds of expressions."""

    def __init__(self, facts: FileFacts, scan: ScopeScan) -> None:
        self.facts = facts
        self.scan = scan
        self.scope: Scope = scan.root
        self.env: Env = {}
        self.tries: list[dict[str, int]] = []
        self.function: FunctionFacts
        self.classes: list[ClassFacts] = []
        self.queue: list[tuple[ast.AST, Scope, FunctionFacts]] = []
        self._constants: dict[tuple[type, object], int] = {}
        self._plain: dict[str, int] = {}
        self.stored: dict[tuple[int, str], int] = {}  # what a key of a mapping was just set to, see `_subscript`
        self._expressions = facts.expressions
        self._dispatch: dict[type[ast.AST], Callable[[Any], int]] = {
            ast.Name: self._name, ast.Attribute: self._attribute, ast.Call: self._call, ast.Constant: self._constant,
            ast.Subscript: self._subscript, ast.Tuple: self._sequence, ast.List: self._sequence,
            ast.Set: self._sequence, ast.Dict: self._dict, ast.BinOp: self._binop, ast.BoolOp: self._boolop,
            ast.Compare: self._compare, ast.UnaryOp: self._unary, ast.IfExp: self._ifexp, ast.Lambda: self._lambda,
            ast.ListComp: self._comprehension, ast.SetComp: self._comprehension, ast.DictComp: self._comprehension,
            ast.GeneratorExp: self._comprehension, ast.JoinedStr: self._joined, ast.FormattedValue: self._formatted,
            ast.NamedExpr: self._walrus, ast.Await: self._await, ast.Yield: self._yield,
            ast.YieldFrom: self._yield_from, ast.Starred: self._starred, ast.Slice: self._slice,
        }  # fmt: skip

    # --- variables and names -----------------------------------------------------------------------------------

    def new(self) -> int:
        """A fresh variable."""
        number = self.facts.size
        self.facts.size = number + 1
        return number

    def edge(self, source: int, target: int) -> None:
        """What `source` holds, `target` holds."""
        if source and target and source != target:
            self.facts.edges.append((source, target))

    def operate(self, operand: int, operation: str, *details: object) -> None:
        """Apply an operation to every value that `operand` gets."""
        if operand:
            self.facts.operations.append((operand, operation, details))

    def define(self, name: str, variable: int, scope: Scope | None = None) -> None:
        """Bind a name in the current scope (or where ``global``/``nonlocal`` say)."""
        scope = scope or self.scope
        if name in scope.free_globals:
            scope = scope.module()
        elif name in scope.nonlocals:
            scope = scope.owner(name) or scope
        else:
            self.env[name] = variable
        scope.definitions.setdefault(name, []).append(variable)
        for collected in self.tries:
            if name in collected:
                self.edge(variable, collected[name])

    def cell(self, scope: Scope, name: str) -> int:
        """The variable for all that a name of a scope is ever bound to."""
        variable = scope.cells.get(name)
        if variable is None:
            variable = scope.cells[name] = self.new()
        return variable

    def read(self, name: str, flow: bool = True) -> int:
        """The variable a name stands for here; without `flow`, what it stands for at any time."""
        scope: Scope | None = self.scope
        while scope is not None and scope.kind == "comprehension":
            if name in scope.bound:
                return self.env.get(name, 0) if flow else self.cell(scope, name)
            scope = scope.parent
        assert scope is not None
        if (
            flow
            and name in self.env
            and not (name in scope.shared or name in scope.free_globals or name in scope.nonlocals)
        ):
            return self.env[name]
        if name in scope.free_globals:
            return self.cell(self.scan.root, name)
        if name in scope.bound:
            if name in scope.shared or not flow:
                return self.cell(scope, name)
            if scope.kind == "function":
                return 0
            if scope.kind == "module":
                return self.free(name)
        if flow and scope.kind == "class" and scope.outer_env is not None and name in scope.outer_env:
            return scope.outer_env[name]
        owner = scope.owner(name)
        if owner is None:
            return self.free(name)
        return self.cell(owner, name)

    def free(self, name: str) -> int:
        """A name that the file does not bind: a star import or a builtin."""
        variable = self.facts.free.get(name)
        if variable is None:
            variable = self.facts.free[name] = self.new()
        return variable

    def plain(self, type_name: str) -> int:
        """The variable for some instance of a builtin class."""
        variable = self._plain.get(type_name)
        if variable is None:
            variable = self._plain[type_name] = self.new()
            self.facts.instances.append((variable, type_name))
        return variable

    def merge(self, environments: list[Env]) -> Env:
        """One environment for where several ways meet."""
        if len(environments) == 1:
            return environments[0]
        first, *rest = environments
        out = dict(first)
        for other in rest:
            for name, variable in other.items():
                mine = out.get(name)
                if mine is None:
                    out[name] = variable
                elif mine != variable:
                    joined = self.new()
                    self.edge(mine, joined)
                    self.edge(variable, joined)
                    out[name] = joined
        return out

    # --- expressions -------------------------------------------------------------------------------------------

    def expr(self, node: ast.expr) -> int:
        """The variable of an expression."""
        lower = self._dispatch.get(node.__class__)
        if lower is None:  # a kind of expression of a later Python
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.expr(child)
            return 0
        if self.stored and not isinstance(node, (ast.Name, ast.Constant, ast.Subscript, ast.Call)):
            self.stored.clear()
        variable = lower(node)
        self._expressions[node] = variable
        if self.stored and isinstance(node, ast.Call):
            self.stored.clear()
        return variable

    def _name(self, node: ast.Name) -> int:
        return self.read(node.id)

    def _attribute(self, node: ast.Attribute) -> int:
        obj = self.expr(node.value)
        result = self.new()
        self.operate(obj, "attribute", node.attr, result, node, self.function)
        return result

    def _constant(self, node: ast.Constant) -> int:
        return 0 if node.value is Ellipsis or isinstance(node.value, complex) else self._literal(node.value)

    def _literal(self, value: str | bytes | bool | int | float | None) -> int:
        key = (value.__class__, value)
        variable = self._constants.get(key)
        if variable is None:
            variable = self._constants[key] = self.new()
            self.facts.constants.append((variable, value))
        return variable

    def _call(self, node: ast.Call) -> int:
        func = self._super(node) if isinstance(node.func, ast.Name) and node.func.id == "super" else None
        if func is None:
            func = self.expr(node.func)
            args = [(self.expr(arg), isinstance(arg, ast.Starred)) for arg in node.args]
            keywords = [(keyword.arg, self.expr(keyword.value)) for keyword in node.keywords]
            result = self.new()
            self.facts.calls.append(CallFacts(func, args, keywords, result, node, self.function))
            if len(args) == 2 and (getattr(node.func, "id", "") or getattr(node.func, "attr", "")) == "cast":
                self.operate(func, "cast", self.annotation(node.args[0]), result)
            return result
        return func

    def _super(self, node: ast.Call) -> int | None:
        if node.args or not self.classes or "super" in self.env:
            return None
        callee = self.expr(node.func)
        result = self.new()
        self.facts.selves.append((result, self.classes[-1], "super"))
        self.facts.calls.append(CallFacts(callee, [], [], 0, node, self.function))
        return result

    def _starred(self, node: ast.Starred) -> int:
        return self.expr(node.value)

    def _slice(self, node: ast.Slice) -> int:
        for part in (node.lower, node.upper, node.step):
            if part is not None:
                self.expr(part)
        return 0

    def key(self, node: ast.expr) -> tuple[object, int]:
        """A subscript as literal (or NO_KEY) and as variable."""
        variable = self.expr(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, int, bytes)):
            return node.value, variable
        if isinstance(node, ast.Slice):
            return slice(*(self._bound(part) for part in (node.lower, node.upper, node.step))), variable
        return NO_KEY, variable

    def _bound(self, node: ast.expr | None) -> int | None:
        """A limit of a slice: a literal, None, or -1 for what is not known."""
        if node is None:
            return None
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int) else -1

    def _subscript(self, node: ast.Subscript) -> int:
        """Where ``d["k"] = x`` comes just before, with nothing in between that could run code, ``d["k"]`` is that x.

        ``stored`` holds such keys by the variable of the mapping. Names, literals and subscripts of names leave it alone.
        """
        obj = self.expr(node.value)
        key, variable = self.key(node.slice)
        result = self.new()
        stored = self.stored.get((obj, key)) if isinstance(key, str) else None
        if stored is not None:
            self.operate(obj, "subscript_stored", stored, key, variable, result, node, self.function)
        else:
            self.stored.clear()
            self.operate(obj, "subscript", key, variable, result, node, self.function)
        return result

    def remember(self, obj: int, key: object, variable: int) -> None:
        """``d[key] = variable`` has just run; what other names hold may be the same mapping."""
        for known in [known for known in self.stored if known[0] != obj]:
            del self.stored[known]
        if isinstance(key, str):
            self.stored[obj, key] = variable
        else:
            self.stored.clear()

    def _sequence(self, node: ast.Tuple | ast.List | ast.Set) -> int:
        if len(node.elts) > _TABLE and _is_data(node):
            return self._table(f"builtins.{node.__class__.__name__.lower()}", node, [], node.elts)
        items: list[tuple[object, int, int]] = []
        starred = False
        for position, element in enumerate(node.elts):
            variable = self.expr(element)
            if isinstance(element, ast.Starred):
                starred = True
                items.append((NO_KEY, 0, self.iterate(variable, element)))
            else:
                items.append((NO_KEY if starred or isinstance(node, ast.Set) else position, 0, variable))
        return self.container(f"builtins.{node.__class__.__name__.lower()}", node, items)

    def container(self, type_name: str, node: ast.AST, items: list[tuple[object, int, int]]) -> int:
        """A variable with a new container of (key, variable of the key, variable of the value)."""
        result = self.new()
        self.facts.containers.append((result, type_name, node, items))
        return result

    def _table(self, type_name: str, node: ast.AST, keys: list[ast.expr | None], values: list[ast.expr]) -> int:
        """A long literal of nothing but data: a few elements stand for all."""
        kinds = {v.value.__class__.__name__ for v in (*keys, *values) if isinstance(v, ast.Constant)} - {"ellipsis"}
        some = [(NO_KEY, self.plain("builtins." + kind.replace("NoneType", "None"))) for kind in sorted(kinds)]
        items = [(key, variable, variable) for key, variable in some]
        items += [(NO_KEY, 0, self.expr(v)) for v in values[:4] if not isinstance(v, ast.Constant)]
        return self.container(type_name, node, items)

    def iterate(self, obj: int, node: ast.AST, is_async: bool = False) -> int:
        """The elements of what `obj` holds."""
        result = self.new()
        self.operate(obj, "iterate", result, node, self.function, is_async)
        return result

    def _dict(self, node: ast.Dict) -> int:
        if len(node.keys) > _TABLE and _is_data(node):
            return self._table("builtins.dict", node, node.keys, node.values)
        items: list[tuple[object, int, int]] = []
        spread: list[int] = []
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                spread.append(self.expr(value))
            else:
                literal, variable = self.key(key)
                items.append((literal, variable, self.expr(value)))
        result = self.container("builtins.dict", node, items)
        for variable in spread:
            self.operate(variable, "spread", result)
        return result

    def _binop(self, node: ast.BinOp) -> int:
        chain = [node]
        while isinstance(chain[-1].left, ast.BinOp):
            chain.append(chain[-1].left)
        left = self.expr(chain[-1].left)
        for part in reversed(chain):
            right = self.expr(part.right)
            left = self.binary(left, right, OPERATORS[part.op.__class__], part)
            self._expressions[part] = left
        return left

    def binary(self, left: int, right: int, name: str, node: ast.AST) -> int:
        """The result of an operator."""
        if not left and not right:
            return 0
        result = self.new()
        self.operate(left, "operator", name, right, result, node, self.function)
        self.operate(right, "operator", f"r{name}", left, result, node, self.function)
        return result

    def _boolop(self, node: ast.BoolOp) -> int:
        result = self.new()
        for value in node.values:
            variable = self.expr(value)
            self.edge(variable, result)
            self.operate(variable, "dunder", ("__bool__", "__len__"), "bool", value, self.function)
        return result

    def _compare(self, node: ast.Compare) -> int:
        left = self.expr(node.left)
        for operator, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.expr(comparator)
            name = OPERATORS.get(operator.__class__)
            if name == "contains":
                self.operate(right, "dunder", ("__contains__", "__iter__"), "operator", node, self.function)
            elif name is not None:
                self.operate(left, "dunder", (f"__{name}__",), "operator", node, self.function)
            left = right
        return self.plain("builtins.bool")

    def _unary(self, node: ast.UnaryOp) -> int:
        operand = self.expr(node.operand)
        if isinstance(node.op, ast.Not):
            self.truth(operand, node.operand)
            return self.plain("builtins.bool")
        if isinstance(node.operand, ast.Constant):
            number = node.operand.value
            if isinstance(node.op, ast.USub) and isinstance(number, (int, float)) and not isinstance(number, bool):
                return self._literal(-number)
            return operand
        result = self.new()
        self.operate(operand, "operator", OPERATORS[node.op.__class__], 0, result, node, self.function)
        return result

    def truth(self, variable: int, node: ast.AST) -> None:
        """The value is tested for truth."""
        self.operate(variable, "dunder", ("__bool__", "__len__"), "bool", node, self.function)

    def condition(self, node: ast.expr) -> None:
        """Lower an expression that is tested for truth."""
        self.truth(self.expr(node), node)

    def _ifexp(self, node: ast.IfExp) -> int:
        self.condition(node.test)
        result = self.new()
        self.edge(self.expr(node.body), result)
        self.edge(self.expr(node.orelse), result)
        return result

    def _joined(self, node: ast.JoinedStr) -> int:
        for value in node.values:
            self.expr(value)
        return self.plain("builtins.str")

    def _formatted(self, node: ast.FormattedValue) -> int:
        names = ("__repr__",) if node.conversion == ord("r") else ("__format__", "__str__", "__repr__")
        self.operate(self.expr(node.value), "dunder", names, "str", node.value, self.function)
        if node.format_spec is not None:
            self.expr(node.format_spec)
        return self.plain("builtins.str")

    def _walrus(self, node: ast.NamedExpr) -> int:
        variable = self.expr(node.value)
        scope = self.scope
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        self.define(node.target.id, variable, scope)
        self._expressions[node.target] = variable
        return variable

    def _await(self, node: ast.Await) -> int:
        return self.expr(node.value)

    def _yield(self, node: ast.Yield) -> int:
        self.function.is_generator = True
        if node.value is not None:
            self.edge(self.expr(node.value), self.function.yields)
        return 0

    def _yield_from(self, node: ast.YieldFrom) -> int:
        self.function.is_generator = True
        variable = self.expr(node.value)
        self.edge(self.iterate(variable, node.value), self.function.yields)
        result = self.new()
        self.operate(variable, "yielded", result)
        return result

    def _lambda(self, node: ast.Lambda) -> int:
        raise NotImplementedError

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> int:
        raise NotImplementedError

    def annotation(self, node: ast.expr) -> int:
        """A variable with what an expression annotated so can be. Overridden where statements are lowered."""
        raise NotImplementedError

    def assign(self, target: ast.expr, variable: int) -> None:
        """Bind an assignment target. Overridden where statements are lowered."""
        raise NotImplementedError

    def expressions(self, nodes: Iterable[ast.expr]) -> None:
        """Lower expressions for their effects."""
        for node in nodes:
            self.expr(node)


_TABLE = 32


def _is_data(node: ast.AST) -> bool:
    stack: list[ast.AST | None] = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, (ast.Tuple, ast.List, ast.Set)):
            stack.extend(part.elts)
        elif isinstance(part, ast.Dict):
            stack.extend(part.keys)
            stack.extend(part.values)
        elif isinstance(part, ast.UnaryOp):
            stack.append(part.operand)
        elif not isinstance(part, ast.Constant):
            return False
    return True
