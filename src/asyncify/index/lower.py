"""Statements to facts: the structured flow of local names (reaching definitions), classes, functions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from asyncify.index.ir import CallFacts, ClassFacts, FileFacts, FunctionFacts
from asyncify.index.lower_bind import BindLowering
from asyncify.index.lower_expr import Env
from asyncify.index.project import Kind
from asyncify.index.scopes import Scope, ScopeScan, bound_for_sure

_FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_STATIC = frozenset({"__new__"})
_CLASS = frozenset({"__init_subclass__", "__class_getitem__"})


def lower(tree: ast.Module, path: str, module: str, text: str) -> FileFacts:
    """The facts of one parsed file."""
    facts = FileFacts(path, module, path.rpartition("/")[2] == "__init__.py")
    Lowering(facts, ScopeScan(tree, module, text)).module(tree)
    return facts


class Lowering(BindLowering):
    """All kinds of statements."""

    def __init__(self, facts: FileFacts, scan: ScopeScan) -> None:
        super().__init__(facts, scan)
        self.dead = False
        self._loops: list[tuple[dict[str, int], list[Env]]] = []
        self._class_of_scope: dict[Scope, ClassFacts] = {}
        self._declared: dict[FunctionFacts, tuple[int, ast.expr]] = {}
        self._statements: dict[type[ast.AST], Callable[[Any], object]] = {
            ast.Expr: self._expr, ast.Assign: self._assign, ast.AnnAssign: self._annassign,
            ast.AugAssign: self._augassign, ast.Return: self._return, ast.If: self._if, ast.For: self._for,
            ast.AsyncFor: self._for, ast.While: self._while, ast.With: self._with, ast.AsyncWith: self._with,
            ast.Try: self._try, ast.TryStar: self._try, ast.FunctionDef: self._def, ast.AsyncFunctionDef: self._def,
            ast.ClassDef: self._class, ast.Import: self._import, ast.ImportFrom: self._import_from,
            ast.Raise: self._raise, ast.Assert: self._assert, ast.Delete: self._delete, ast.Break: self._break,
            ast.Continue: self._continue, ast.Match: self._match,
        }  # fmt: skip
        if hasattr(ast, "TypeAlias"):
            self._statements[ast.TypeAlias] = self._type_alias

    def module(self, tree: ast.Module) -> None:
        """Lower the module's body, then every function body that it holds."""
        facts = self.facts
        body = FunctionFacts(facts.module, Kind.MODULE, tree)
        body.is_async = facts.path.endswith(".ipynb")  # IPython runs each cell on its event loop
        body.returns = self.new()
        facts.owners[tree] = body
        self.function = body
        self.block(tree.body)
        while self.queue:
            self._body(*self.queue.pop())
        root = self.scan.root
        for name in root.bound:
            facts.exports[name] = self.cell(root, name)
        for statement in tree.body:
            for name in bound_for_sure(statement):
                facts.export_lines[name] = statement.lineno
        for scope in self.scan.scopes.values():
            for name, cell in scope.cells.items():
                for variable in scope.definitions.get(name, ()):
                    self.edge(variable, cell)

    def _body(self, node: ast.AST, scope: Scope, facts: FunctionFacts) -> None:
        self.scope, self.function, self.env, self.dead = scope, facts, {}, False
        self.tries, self._loops = [], []
        self.stored.clear()
        self.classes = [facts.cls] if facts.cls else self._classes_around(scope)
        args = node.args  # type: ignore[attr-defined]
        for name, variable in facts.positional:
            self.define(name, variable)
        for name, variable in facts.keyword_only.items():
            self.define(name, variable)
        if args.vararg:
            self.define(args.vararg.arg, facts.vararg)
        if args.kwarg:
            self.define(args.kwarg.arg, facts.kwarg)
        if isinstance(node, ast.Lambda):
            self.edge(self.expr(node.body), facts.returns)
        else:
            assert isinstance(node, _FunctionNode)
            self.block(node.body)
            if facts in self._declared:
                declared, where = self._declared[facts]
                if facts.is_generator:
                    self.edge(self.iterate(declared, where), facts.yields)
                else:
                    self.edge(declared, facts.returns)

    def _classes_around(self, scope: Scope) -> list[ClassFacts]:
        outer: Scope | None = scope
        while outer is not None:
            if (facts := self._class_of_scope.get(outer)) is not None:
                return [facts]
            outer = outer.parent
        return []

    # --- blocks and flow ---------------------------------------------------------------------------------------

    def block(self, body: Sequence[ast.stmt]) -> None:
        """Lower statements one after the other."""
        for node in body:
            lower_statement = self._statements.get(node.__class__)
            simple = isinstance(node, (ast.Assign, ast.Expr))
            if not simple:
                self.stored.clear()
            if lower_statement is not None:
                lower_statement(node)
            if not simple:
                self.stored.clear()

    def branch(self, env: Env, body: Sequence[ast.stmt]) -> Env | None:
        """Lower a block that starts with `env`; the environment at its end, None if that is never reached."""
        outer_dead = self.dead
        self.env, self.dead = dict(env), False
        self.block(body)
        end = None if self.dead else self.env
        self.dead = outer_dead
        return end

    def join(self, ends: Sequence[Env | None], fallback: Env) -> None:
        """Go on where several ways meet."""
        live = [end for end in ends if end is not None]
        if live:
            self.env = self.merge(live)
        else:
            self.env, self.dead = fallback, True

    def _expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return
        self.expr(node.value)
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            if self.scope is self.scan.root:
                self._all_call(call)
            if call.func.attr == "update" and len(call.args) == 1 and not call.keywords:
                self._updated(call.func.value, call.args[0])

    def _updated(self, receiver: ast.expr, given: ast.expr) -> None:
        """``d.update({...})`` with literal keys sets these."""
        if isinstance(receiver, ast.Name) and isinstance(given, ast.Dict):
            for key, value in zip(given.keys, given.values, strict=True):
                literal = key.value if isinstance(key, ast.Constant) else None
                self.remember(self._expressions[receiver], literal, self._expressions.get(value, 0))

    def _all_call(self, call: ast.Call) -> None:
        func = call.func
        assert isinstance(func, ast.Attribute)
        if isinstance(func.value, ast.Name) and func.value.id == "__all__" and call.args:
            if func.attr == "extend":
                self.all_names(call.args[0])
            elif func.attr == "append":
                self.all_names(ast.Tuple([call.args[0]], ast.Load()))

    def _if(self, node: ast.If) -> None:
        self.condition(node.test)
        env, refined = self.env, self._refined(node.test)
        body = self.branch({**env, **refined}, node.body)
        if body is not None:
            for name, variable in refined.items():
                if body.get(name) == variable and name in env:
                    body[name] = env[name]
        orelse = self.branch(env, node.orelse) if node.orelse else env
        self.join([body, orelse], env)

    def _refined(self, test: ast.expr) -> Env:
        """``isinstance(x, C)``: in the branch, x can also be a C."""
        found: Env = {}
        for part in test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]:
            if (
                isinstance(part, ast.Call)
                and isinstance(part.func, ast.Name)
                and part.func.id == "isinstance"
                and len(part.args) == 2
                and isinstance(part.args[0], ast.Name)
                and part.args[0].id in self.env
            ):
                name = part.args[0].id
                joined = self.new()
                self.edge(self.env[name], joined)
                self.operate(self.facts.expressions[part.args[1]], "instantiate", [], joined, part.args[1])
                found[name] = joined
        return found

    def _loop_head(self, node: ast.AST) -> dict[str, int]:
        heads: dict[str, int] = {}
        for name in self.scan.rebound[node]:
            heads[name] = joined = self.new()
            self.edge(self.env.get(name, 0), joined)
            self.env[name] = joined
        return heads

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, heads: dict[str, int], endless: bool) -> None:
        before = dict(self.env)
        breaks: list[Env] = []
        if not isinstance(node, ast.While):
            variable = self._expressions[node.iter]
            self.assign(node.target, self.iterate(variable, node.iter, isinstance(node, ast.AsyncFor)))
        self._loops.append((heads, breaks))
        end = self.branch(self.env, node.body)
        self._loops.pop()
        if end is not None:
            self._back(end, heads)
        exits: list[Env | None] = [*breaks]
        if not endless:
            exits.append(self.branch(before, node.orelse))
        self.join(exits, before)

    def _back(self, env: Env, heads: dict[str, int]) -> None:
        for name, head in heads.items():
            self.edge(env.get(name, 0), head)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        self.expr(node.iter)
        self._loop(node, self._loop_head(node), endless=False)

    def _while(self, node: ast.While) -> None:
        heads = self._loop_head(node)
        self.condition(node.test)
        endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
        self._loop(node, heads, endless)

    def _break(self, node: ast.Break) -> None:
        if self._loops and not self.dead:
            self._loops[-1][1].append(dict(self.env))
        self.dead = True

    def _continue(self, node: ast.Continue) -> None:
        if self._loops and not self.dead:
            self._back(self.env, self._loops[-1][0])
        self.dead = True

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        is_async = isinstance(node, ast.AsyncWith)
        for item in node.items:
            variable = self.expr(item.context_expr)
            result = self.new()
            self.operate(variable, "enter", result, item.context_expr, self.function, is_async)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, result)
        self.block(node.body)

    def _collect(self, names: frozenset[str], env: Env) -> dict[str, int]:
        collected: dict[str, int] = {}
        for name in names:
            collected[name] = joined = self.new()
            self.edge(env.get(name, 0), joined)
        return collected

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        before, outer_dead = dict(self.env), self.dead
        final = self._collect(self.scan.rebound[node], before) if node.finalbody else None
        if final is not None:
            self.tries.append(final)
        partial = self._collect(self.scan.tried[node], before)
        self.tries.append(partial)
        body = self.branch(before, node.body)
        self.tries.pop()
        ends = [body if body is None else self.branch(body, node.orelse)]
        failed = {**before, **partial}
        for handler in node.handlers:
            start = dict(failed)
            if handler.type is not None:
                self.env = start
                variable = self.expr(handler.type)
                if handler.name:
                    caught = self.new()
                    self.operate(variable, "instantiate", [], caught, handler.type)
                    self.define(handler.name, caught)
            ends.append(self.branch(start, handler.body))
        self.join(ends, failed)
        if final is not None:
            self.tries.pop()
            after, dead = self.env, self.dead
            if (end := self.branch({**before, **final}, node.finalbody)) is not None:
                for name, variable in end.items():
                    if final.get(name) != variable and before.get(name) != variable:
                        after[name] = variable
            else:
                dead = True
            self.env, self.dead = after, dead
        self.dead = self.dead or outer_dead

    def _return(self, node: ast.Return) -> None:
        if node.value is not None:
            self.edge(self.expr(node.value), self.function.returns)
        self.dead = True

    def _raise(self, node: ast.Raise) -> None:
        if node.exc is not None:
            variable = self.expr(node.exc)
            if not isinstance(node.exc, ast.Call):
                self.operate(variable, "raise", node.exc, self.function)
        if node.cause is not None:
            self.expr(node.cause)
        self.dead = True

    def _assert(self, node: ast.Assert) -> None:
        self.condition(node.test)
        self.env.update(self._refined(node.test))
        if node.msg is not None:
            self.expr(node.msg)

    # --- definitions -------------------------------------------------------------------------------------------

    def _decorate(self, node: ast.AST, decorators: list[ast.expr], variable: int) -> int:
        calls = [(self.expr(decorator), decorator) for decorator in decorators]
        for func, decorator in reversed(calls):
            result = self.new()
            self.facts.calls.append(
                CallFacts(func, [(variable, False)], [], result, decorator, self.function, decorates=node)
            )
            variable = result
        return variable

    def _def(self, node: _FunctionNode) -> None:
        scope = self.scan.scopes[node]
        cls = self.classes[-1] if self.scope.kind == "class" else None
        binding = self._binding(node) if cls else ""
        variable = self.code(node, scope, Kind.FUNCTION, node.args, cls, binding)
        facts = self.facts.owners[node]
        facts.decorators = node.decorator_list
        if node.returns is not None:
            self._declared[facts] = self.annotation(node.returns), node.returns
        if cls is not None:
            cls.methods[node.name] = facts.name
            if binding in ("self", "cls") and facts.positional:
                self.facts.selves.append((facts.positional[0][1], cls, binding))
        decorated = self._decorate(node, node.decorator_list, variable)
        if cls is not None and binding == "self" and decorated != variable:
            self.facts.selves.append((decorated, cls, "wrapper"))
        self.define(node.name, decorated)

    def _binding(self, node: _FunctionNode) -> str:
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Name) and decorator.id in ("staticmethod", "classmethod"):
                return "static" if decorator.id == "staticmethod" else "cls"
        if node.name in _STATIC or node.name in _CLASS:
            return "cls"
        return "self"

    def _base(self, node: ast.expr) -> int:
        """A base class; of a generic one (``Mapping[str, int]``) what is subscripted is known before the subscript is."""
        variable = self.expr(node)
        if not isinstance(node, ast.Subscript) or not (generic := self._expressions.get(node.value, 0)):
            return variable
        base = self.new()
        self.edge(generic, base)
        self.edge(variable, base)
        return base

    def _class(self, node: ast.ClassDef) -> None:
        scope = self.scan.scopes[node]
        facts = ClassFacts(scope.qualname, node)
        for base in node.bases:
            facts.bases.append(self._base(base))
            facts.base_nodes.append(base)
        for keyword in node.keywords:
            variable = self.expr(keyword.value)
            if keyword.arg == "metaclass":
                facts.metaclass = variable
        variable = self.new()
        self.facts.classes.append((variable, facts))
        self._class_of_scope[scope] = facts
        body = FunctionFacts(f"{facts.name}.<body>", Kind.CLASS_BODY, node, facts, parent=self._enclosing())
        body.returns = self.new()
        self.facts.owners[node] = body
        outer = self.scope, self.env, self.function
        scope.outer_env = self.env if self.scope.kind != "class" else self.scope.outer_env
        self.scope, self.env, self.function = scope, {}, body
        self.classes.append(facts)
        self.block(node.body)
        self.classes.pop()
        facts.namespace = dict(self.env)
        self.scope, self.env, self.function = outer
        decorated = self._decorate(node, node.decorator_list, variable)
        if decorated != variable:  # nearly all decorators give back the class, and bases count before calls do
            self.edge(variable, decorated)
        self.define(node.name, decorated)
