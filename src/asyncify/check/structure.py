"""A changed file keeps its definitions, its names resolve, and it becomes async only where it must."""

from __future__ import annotations

import ast
import builtins

from asyncify.check.making import factory
from asyncify.check.report import Examination
from asyncify.check.scopes import FunctionNode, Scope
from asyncify.check.tables import words
from asyncify.check.tree import Function, Module
from asyncify.check.values import Mod

_SUCCESSORS = {
    "__enter__": "__aenter__",
    "__exit__": "__aexit__",
    "__iter__": "__aiter__",
    "__next__": "__anext__",
    "setUp": "asyncSetUp",
    "tearDown": "asyncTearDown",
    "setUpClass": "asyncSetUp",
    "tearDownClass": "asyncTearDown",
}
_MODULE_NAMES = words(
    "__name__ __file__ __doc__ __path__ __package__ __spec__ __loader__ __builtins__ __annotations__ __dict__ "
    "__class__ __module__ __qualname__ WindowsError __debug__ get_ipython reveal_type"
)


def definitions(module: Module) -> dict[str, ast.AST]:
    """The functions and classes of a module and the functions of its classes, by qualified name."""
    found: dict[str, ast.AST] = {}

    def collect(scope: Scope) -> None:
        for name, bindings in scope.bindings.items():
            for binding in bindings:
                if binding.kind in {"def", "class"}:
                    found[f"{scope.qualname}.{name}".lstrip(".")] = binding.node
                if binding.kind == "class":
                    collect(module.scopes[binding.node])

    collect(module.root)
    return found


def _bound_names(module: Module) -> set[str]:
    found: set[str] = set()

    def collect(scope: Scope) -> None:
        for name, bindings in scope.bindings.items():
            found.add(f"{scope.qualname}.{name}".lstrip("."))
            for binding in bindings:
                if binding.kind == "class":
                    collect(module.scopes[binding.node])

    collect(module.root)
    return found


def compare(exam: Examination, before: Module, after: Module) -> None:
    """Report definitions lost or added, and functions that are async for nothing."""
    old, new = definitions(before), definitions(after)
    bound = _bound_names(after)
    for name in sorted(old.keys() - new.keys()):
        owner, _, last = name.rpartition(".")
        successor = _SUCCESSORS.get(last)
        if name in bound or (successor and f"{owner}.{successor}".lstrip(".") in new):
            continue
        if last == "__init__" and factory(new.get(owner, after.tree)) is not None:
            continue
        if owner and owner in old and owner not in new:
            continue  # its class is reported already
        place = after.span(new.get(owner, after.tree))
        exam.add("name-lost", place, (after.path, name), f"`{name}` is no longer defined")
    for name in sorted(new.keys() - old.keys()):
        owner, _, last = name.rpartition(".")
        if last in _SUCCESSORS.values() and owner in old:
            continue
        if f"{owner}.__init__" in old.keys() - new.keys() and factory(new.get(owner, after.tree)) is not None:
            continue  # what makes the objects now
        exam.add("name-added", after.span(new[name]), (after.path, name), f"`{name}` was not defined before")
    for name in sorted(new.keys() & old.keys()):
        node = new[name]
        if isinstance(node, ast.AsyncFunctionDef) and not isinstance(old[name], ast.AsyncFunctionDef):
            function = after.functions[node]
            if not function.scope.awaits and not _required(function):
                text = f"`{name}` became async but awaits nothing"
                exam.add("needless-async", after.span(node), (after.path, name), text)


def _required(function: Function) -> bool:
    name = function.name
    trivial = all(
        isinstance(s, (ast.Pass, ast.Raise)) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        for s in function.node.body
    )
    return trivial or (name.startswith("__a") and name.endswith("__"))


class NameCheck:
    """Finds names that nothing binds, awaits in augmented assignments, and imports without a use."""

    def __init__(self, exam: Examination, module: Module) -> None:
        self.exam = exam
        self.module = module

    def run(self) -> None:
        """Examine every name of the module."""
        self._unbound()
        self._exports()
        self._imports()
        self._missing()
        for node in self.module.nodes:
            if isinstance(node, ast.AugAssign) and _awaits(node.value) and not self._local(node.target):
                target = ast.unparse(node.target)
                text = f"`{target}` is read before the await and written after it: concurrent changes are lost"
                self.exam.report("await-in-augmented", self.module, node, target, text)

    def _local(self, target: ast.expr) -> bool:
        if not isinstance(target, ast.Name):
            return False
        scope = self.module.scope_of[target]
        return scope.lookup(target.id) is scope.function

    def _unbound(self) -> None:
        if any(self._foreign(star.text, star.level) for star in self.module.stars):
            return
        for node in self.module.nodes:
            if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
                continue
            name = node.id
            if name in _MODULE_NAMES or hasattr(builtins, name):
                continue
            scope = self.module.scope_of[node]
            if scope.lookup(name) is not None or self._in_class_annotations(scope, name):
                continue
            if self.module.path.endswith("__init__.py") and self.exam.tree.child(self.module.path, name):
                continue  # importing a submodule binds it
            if any(self._from_star(star.text, star.level, name, self.module.path) for star in self.module.stars):
                continue
            text = f"nothing binds the name `{name}`"
            self.exam.add("unbound-name", self.module.span(node), (self.module.path, name), text)

    def _exports(self) -> None:
        """Names in ``__all__`` that the module does not have."""
        for binding in self.module.root.bindings.get("__all__", []):
            if isinstance(binding.expr, (ast.List, ast.Tuple)):
                for element in binding.expr.elts:
                    if isinstance(element, ast.Constant) and isinstance(element.value, str):
                        name = element.value
                        if not self._has(self.module.path, name):
                            text = f"`__all__` names `{name}`, which nothing binds"
                            self.exam.add("unbound-name", self.module.span(element), (self.module.path, name), text)

    def _in_class_annotations(self, scope: Scope, name: str) -> bool:
        """A comprehension or default inside a class body may see names of the class."""
        outer: Scope | None = scope
        while outer is not None:
            if isinstance(outer.node, ast.ClassDef) and name in outer.bindings and outer is scope:
                return True
            outer = outer.parent
        return False

    def _foreign(self, text: str, level: int) -> bool:
        return self.exam.tree.find(text, self.module.path, level) is None

    def _from_star(self, text: str, level: int, name: str, importer: str) -> bool:
        """Whether ``from text import *`` in the file `importer` may bind `name`."""
        path = self.exam.tree.find(text, importer, level)
        module = self.exam.tree.module(path) if path else None
        if module is None:
            return True
        return name in module.root.bindings or bool(module.stars) or bool(self.exam.tree.child(module.path, name))

    def _missing(self) -> None:
        """Imports and attributes of the tree's modules that are not there."""
        for node in self.module.nodes:
            match node:
                case ast.ImportFrom():
                    path = self.exam.tree.find(node.module or "", self.module.path, node.level)
                    for alias in node.names if path else []:
                        if alias.name != "*" and not self._has(path, alias.name):
                            text = f"`{path}` has no `{alias.name}` to import"
                            self.exam.report("broken-import", self.module, node, f"{path}:{alias.name}", text)
                case ast.Attribute(value=ast.Name() | ast.Attribute(), ctx=ast.Load()):
                    for value in self.exam.evaluator.of(node.value, self.module):
                        if isinstance(value, Mod) and not self._has(value.path, node.attr):
                            text = f"`{value.path}` has no `{node.attr}`"
                            self.exam.report("broken-import", self.module, node, f"{value.path}:{node.attr}", text)
                case _:
                    pass

    def _has(self, path: str | None, name: str) -> bool:
        tree = self.exam.tree
        if path is None or not path.endswith(".py") or tree.child(path, name) or name in _MODULE_NAMES:
            return True  # what a namespace package holds cannot be seen
        module = tree.module(path)
        if module is None or name in module.root.bindings or "__getattr__" in module.root.bindings:
            return True
        if b"globals()" in tree.files[path] or b"setattr(" in tree.files[path] or b"sys.modules" in tree.files[path]:
            return True
        return any(self._from_star(s.text, s.level, name, path) for s in module.stars)

    def _imports(self) -> None:
        if self.module.path.endswith("__init__.py"):
            return
        used = {n.id for n in self.module.nodes if isinstance(n, ast.Name)}
        words = " ".join(n.value for n in self.module.nodes if isinstance(n, ast.Constant) and isinstance(n.value, str))
        for name, bindings in self.module.root.bindings.items():
            kinds = {b.kind for b in bindings}
            if not kinds <= {"import", "from"} or name in used or bindings[0].text == "__future__":
                continue
            if name in words:
                continue  # a string annotation, __all__, a doctest
            node = bindings[0].node
            text = f"the import of `{name}` is not used"
            self.exam.add("unused-import", self.module.span(node), (self.module.path, name), text)


def _awaits(node: ast.AST) -> bool:
    if isinstance(node, (ast.Lambda, FunctionNode)):
        return False
    return isinstance(node, ast.Await) or any(_awaits(child) for child in ast.iter_child_nodes(node))
