"""Scopes of one module: what binds each name, and which scope each expression is evaluated in."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
ScopeNode = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.expr
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, slots=True)
class Binding:
    """One way in which a name gets a value.

    ``kind`` is one of ``import`` (`text` the dotted module), ``from`` (`text` the module, `name` in it, `level`),
    ``def``, ``class``, ``value`` (`expr`), ``item`` (an element of `expr`), ``with`` (what entering `expr` gives),
    ``param`` (`node` the :class:`ast.arg`), ``annotation`` (`expr`), ``opaque``. ``path`` leads into an unpacked
    tuple.
    """

    kind: str
    node: ast.AST
    expr: ast.expr | None = None
    text: str = ""
    name: str = ""
    level: int = 0
    path: tuple[int, ...] = ()


@dataclass(eq=False, slots=True)
class Scope:
    """A module, class, function, lambda or comprehension."""

    node: ScopeNode
    parent: Scope | None
    path: str
    qualname: str
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    outer_names: set[str] = field(default_factory=set)  # declared global
    free_names: set[str] = field(default_factory=set)  # declared nonlocal
    yields: list[ast.Yield | ast.YieldFrom] = field(default_factory=list)
    returns: list[ast.Return] = field(default_factory=list)
    awaits: list[ast.AST] = field(default_factory=list)  # Await, AsyncFor, AsyncWith, async comprehensions

    @property
    def module(self) -> Scope:
        """The scope of the module."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    @property
    def function(self) -> Scope | None:
        """The nearest enclosing function or lambda (this scope included), looking through comprehensions."""
        scope: Scope | None = self
        while scope is not None and isinstance(scope.node, _COMPREHENSIONS):
            scope = scope.parent
        if scope is None or isinstance(scope.node, (ast.Module, ast.ClassDef)):
            return None
        return scope

    @property
    def is_async(self) -> bool:
        """Whether code of this scope runs in a coroutine."""
        function = self.function
        return function is not None and isinstance(function.node, ast.AsyncFunctionDef)

    def lookup(self, name: str) -> Scope | None:
        """The scope that binds `name` for code of this scope, by Python's rules; None if none does."""
        scope: Scope | None = self
        first = True
        while scope is not None:
            if name in scope.outer_names:
                return scope.module if name in scope.module.bindings else None
            visible = first or not isinstance(scope.node, ast.ClassDef)
            if visible and name in scope.bindings and name not in scope.free_names:
                return scope
            # A comprehension in a class body does not see the class's names either.
            first = False
            scope = scope.parent
        return None

    def bind(self, name: str, binding: Binding) -> None:
        """Record a binding where it takes effect (``global`` and ``nonlocal`` respected)."""
        scope = self
        if name in self.outer_names:
            scope = self.module
        elif name in self.free_names:
            found = self.parent.lookup(name) if self.parent else None
            scope = found or self
        scope.bindings.setdefault(name, []).append(binding)


class ScopeBuilder:
    """Walks one module once and fills the maps a :class:`~asyncify.check.tree.Module` offers."""

    def __init__(self, path: str, tree: ast.Module) -> None:
        self.path = path
        self.parents: dict[ast.AST, ast.AST] = {}
        self.scope_of: dict[ast.AST, Scope] = {}
        self.scopes: dict[ast.AST, Scope] = {}
        self.nodes: list[ast.AST] = []
        self.stars: list[Binding] = []
        self.root = Scope(tree, None, path, "")
        self.scopes[tree] = self.root
        self.scope_of[tree] = self.root
        self.nodes.append(tree)
        for statement in tree.body:
            self._visit(statement, self.root, tree)

    def _enter(self, node: ScopeNode, scope: Scope, name: str) -> Scope:
        at_top = not scope.qualname or name in scope.outer_names  # as Python's own __qualname__
        inner_name = name if at_top else f"{scope.qualname}.{name}"
        inner = Scope(node, scope, self.path, inner_name)
        self.scopes[node] = inner
        return inner

    def _visit_all(self, nodes: Iterable[ast.AST | None], scope: Scope, parent: ast.AST) -> None:
        for node in nodes:
            if node is not None:
                self._visit(node, scope, parent)

    def _visit(self, node: ast.AST, scope: Scope, parent: ast.AST) -> None:
        self.parents[node] = parent
        self.scope_of[node] = scope
        self.nodes.append(node)
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, scope)
                return
            case ast.ClassDef():
                scope.bind(node.name, Binding("class", node))
                self._visit_all([*node.decorator_list, *node.bases, *node.keywords], scope, node)
                inner = self._enter(node, scope, node.name)
                self._visit_all(node.body, inner, node)
                return
            case ast.Lambda():
                inner = self._enter(node, scope, "<lambda>")
                self._arguments(node.args, node, inner, scope)
                self._visit(node.body, inner, node)
                return
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._comprehension(node, scope)
                return
            case ast.Global():
                scope.outer_names.update(node.names)
            case ast.Nonlocal():
                scope.free_names.update(node.names)
            case ast.Import() | ast.ImportFrom():
                self._import(node, scope)
            case ast.Assign():
                for target in node.targets:
                    self._bind(target, Binding("value", node, node.value), scope)
            case ast.AugAssign():
                self._bind(node.target, Binding("value", node, node.value), scope)
            case ast.AnnAssign():
                self._bind(node.target, Binding("annotation", node, node.annotation), scope)
                if node.value is not None:
                    self._bind(node.target, Binding("value", node, node.value), scope)
            case ast.NamedExpr():
                home = scope
                while isinstance(home.node, _COMPREHENSIONS) and home.parent is not None:
                    home = home.parent
                self._bind(node.target, Binding("value", node, node.value), home)
            case ast.For() | ast.AsyncFor():
                self._bind(node.target, Binding("item", node, node.iter), scope)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, Binding("with", node, item.context_expr), scope)
            case ast.ExceptHandler(name=str(name)):
                scope.bind(name, Binding("opaque", node))
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                scope.bind(name, Binding("opaque", node))
            case ast.MatchMapping(rest=str(name)):
                scope.bind(name, Binding("opaque", node))
            case ast.Yield() | ast.YieldFrom():
                if (function := scope.function) is not None:
                    function.yields.append(node)
            case ast.Return():
                if (function := scope.function) is not None:
                    function.returns.append(node)
            case _:
                self._later_syntax(node, scope)
        if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)):
            self._suspends(node, scope)
        self._visit_all(ast.iter_child_nodes(node), scope, node)

    def _later_syntax(self, node: ast.AST, scope: Scope) -> None:
        """Type parameters and ``type`` statements (3.12+), by name: the running ``ast`` may not know them."""
        kind = type(node).__name__
        if kind in {"TypeVar", "ParamSpec", "TypeVarTuple"}:
            scope.bind(str(getattr(node, "name", "")), Binding("opaque", node))
        elif kind == "TypeAlias" and isinstance(target := getattr(node, "name", None), ast.Name):
            scope.bind(target.id, Binding("opaque", node))

    def _suspends(self, node: ast.AST, scope: Scope) -> None:
        inner: Scope | None = scope
        while inner is not None:
            inner.awaits.append(node)
            if not isinstance(inner.node, _COMPREHENSIONS):
                return
            inner = inner.parent

    def _function(self, node: FunctionNode, scope: Scope) -> None:
        scope.bind(node.name, Binding("def", node))
        self._visit_all(node.decorator_list, scope, node)
        inner = self._enter(node, scope, node.name)
        for parameter in getattr(node, "type_params", ()):
            self._visit(parameter, inner, node)
        self._arguments(node.args, node, inner, scope)
        if node.returns is not None:
            self._visit(node.returns, inner if getattr(node, "type_params", ()) else scope, node)
        declared = [n for n in _own_nodes(node.body) if isinstance(n, (ast.Global, ast.Nonlocal))]
        for statement in declared:  # they hold for the whole body, wherever they stand
            names = inner.outer_names if isinstance(statement, ast.Global) else inner.free_names
            names.update(statement.names)
        self._visit_all(node.body, inner, node)

    def _arguments(self, args: ast.arguments, owner: ast.AST, inner: Scope, outer: Scope) -> None:
        self.parents[args] = owner
        self.scope_of[args] = outer
        for arg in _every_arg(args):
            self.parents[arg] = args
            self.scope_of[arg] = outer
            inner.bind(arg.arg, Binding("param", arg))
            if arg.annotation is not None:
                self._visit(arg.annotation, inner if getattr(owner, "type_params", ()) else outer, arg)
        self._visit_all([*args.defaults, *args.kw_defaults], outer, args)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, scope: Scope) -> None:
        inner = self._enter(node, scope, "<comprehension>")
        for index, generator in enumerate(node.generators):
            self.parents[generator] = node
            self.scope_of[generator] = inner
            self.nodes.append(generator)
            self._visit(generator.iter, scope if index == 0 else inner, generator)
            self._bind(generator.target, Binding("item", generator, generator.iter), inner)
            if generator.is_async:
                self._suspends(generator, inner)
            self._visit(generator.target, inner, generator)
            self._visit_all(generator.ifs, inner, generator)
        elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._visit_all(elements, inner, node)

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                top = alias.name.split(".")[0]
                text = alias.name if alias.asname else top
                scope.bind(alias.asname or top, Binding("import", alias, text=text, name=alias.name))
            elif alias.name == "*":
                self.stars.append(Binding("from", node, text=node.module or "", level=node.level))
            else:
                binding = Binding("from", alias, text=node.module or "", name=alias.name, level=node.level)
                scope.bind(alias.asname or alias.name, binding)

    def _bind(self, target: ast.expr, binding: Binding, scope: Scope) -> None:
        match target:
            case ast.Name():
                scope.bind(target.id, binding)
            case ast.Tuple() | ast.List():
                for index, element in enumerate(target.elts):
                    starred = isinstance(element, ast.Starred)
                    deeper = Binding(
                        "opaque" if starred else binding.kind,
                        binding.node,
                        binding.expr,
                        path=(*binding.path, index),
                    )
                    self._bind(element, deeper, scope)
            case ast.Starred():
                self._bind(target.value, binding, scope)
            case _:
                pass  # attributes and subscripts bind no name


def _every_arg(args: ast.arguments) -> Iterator[ast.arg]:
    yield from args.posonlyargs
    yield from args.args
    if args.vararg:
        yield args.vararg
    yield from args.kwonlyargs
    if args.kwarg:
        yield args.kwarg


def _own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of `body` that are not inside a nested scope."""
    todo = list(body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            todo.extend(ast.iter_child_nodes(node))
