"""Statements that bind names: assignments, annotated names, deletions, imports."""

from __future__ import annotations

import ast
from typing import Any

from asyncify.index.ir import NO_KEY, ClassFacts, FileFacts, ImportFacts
from asyncify.index.lower_expr import OPERATORS
from asyncify.index.lower_pattern import PatternLowering
from asyncify.index.scopes import ScopeScan


class BindLowering(PatternLowering):
    """All that gives a name, an attribute or an element its value."""

    def __init__(self, facts: FileFacts, scan: ScopeScan) -> None:
        super().__init__(facts, scan)
        self._keyword_only: set[ClassFacts] = set()  # classes in which ``_: KW_ONLY`` was seen

    def all_names(self, value: ast.expr) -> None:
        """``__all__`` gets these names, too."""
        names = self.facts.all_names
        self.facts.all_names = names = [] if names is None else names
        if isinstance(value, (ast.List, ast.Tuple)):
            names += [e.value for e in value.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
        elif isinstance(value, ast.BinOp):
            self.all_names(value.left)
            self.all_names(value.right)

    # --- assignments -------------------------------------------------------------------------------------------

    def _assign(self, node: ast.Assign) -> None:
        value = node.value
        first = node.targets[0]
        if self.scope is self.scan.root and isinstance(first, ast.Name) and first.id == "__all__":
            self.all_names(value)
        if (
            len(node.targets) == 1
            and isinstance(first, (ast.Tuple, ast.List))
            and isinstance(value, (ast.Tuple, ast.List))
            and len(first.elts) == len(value.elts)
            and not any(isinstance(e, ast.Starred) for e in (*first.elts, *value.elts))
        ):
            variables = [self.expr(element) for element in value.elts]
            for target, variable in zip(first.elts, variables, strict=True):
                self.assign(target, variable)
            return
        variable = self.expr(value)
        for target in node.targets:
            self.assign(target, variable)

    def assign(self, target: ast.expr, variable: int) -> None:
        """Bind an assignment target of any shape."""
        if isinstance(target, ast.Name):
            self.define(target.id, variable)
            self._expressions[target] = variable
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target, variable)
        elif isinstance(target, ast.Attribute):
            obj = self.expr(target.value)
            self._expressions[target] = variable
            self.operate(obj, "store", target.attr, variable, target, self.function)
            self.stored.clear()
        elif isinstance(target, ast.Subscript):
            obj = self.expr(target.value)
            literal, key = self.key(target.slice)
            self.operate(obj, "store_subscript", literal, key, variable, target, self.function)
            if isinstance(target.value, ast.Name):
                self.remember(obj, literal, variable)
            else:
                self.stored.clear()
        elif isinstance(target, ast.Starred):
            self.assign(target.value, variable)

    def _unpack(self, target: ast.Tuple | ast.List, variable: int) -> None:
        star = next((i for i, e in enumerate(target.elts) if isinstance(e, ast.Starred)), None)
        for position, element in enumerate(target.elts):
            if position == star:
                elements = self.iterate(variable, target)
                self.assign(element, self.container("builtins.list", element, [(NO_KEY, 0, elements)]))
                continue
            part = self.new()
            key: object = position if star is None or position < star else position - len(target.elts)
            self.operate(variable, "unpack", key, part, target, self.function)
            self.assign(element, part)

    def _annassign(self, node: ast.AnnAssign) -> None:
        declared = self.annotation(node.annotation)
        target = node.target
        if node.value is not None:
            joined = self.new()
            self.edge(declared, joined)
            self.edge(self.expr(node.value), joined)
            declared = joined
            if isinstance(target, ast.Name) and target.id == "__all__" and self.scope is self.scan.root:
                self.all_names(node.value)
        if isinstance(target, ast.Name) and self.scope.kind == "class":
            self._field(self.classes[-1], node, target.id, declared)
            if node.value is None:
                return
        if node.value is None and isinstance(target, ast.Name) and self.scope.kind == "function":
            self.env[target.id] = declared
            return
        self.assign(target, declared)

    def _field(self, cls: ClassFacts, node: ast.AnnAssign, name: str, declared: int) -> None:
        """An annotated name of a class: a field of a dataclass, unless the annotation or ``field()`` says otherwise."""
        text = ast.unparse(node.annotation)
        if text.endswith("KW_ONLY"):
            self._keyword_only.add(cls)
            return
        cls.declared[name] = declared
        by_position = "ClassVar" not in text and cls not in self._keyword_only
        for keyword in node.value.keywords if isinstance(node.value, ast.Call) else ():
            if keyword.arg in ("init", "kw_only") and isinstance(keyword.value, ast.Constant):
                by_position = by_position and bool(keyword.value.value) == (keyword.arg == "init")
        if by_position and name not in cls.positional_fields:
            cls.positional_fields.append(name)

    def _augassign(self, node: ast.AugAssign) -> None:
        target = node.target
        if isinstance(target, ast.Name):
            left = self.read(target.id)
            if target.id == "__all__" and self.scope is self.scan.root:
                self.all_names(node.value)
        else:
            left = self.expr(target)
        right = self.expr(node.value)
        name = OPERATORS[node.op.__class__]
        result = self.binary(left, right, name, node)
        self.operate(left, "extend", name, right, node, self.function)
        if isinstance(target, ast.Name):
            self.define(target.id, result)
            self._expressions[target] = result
        else:
            self.assign(target, result)

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                if self.scope.kind == "module":
                    self.env[target.id] = 0  # not bound here, whatever functions may see
                else:
                    self.env.pop(target.id, None)
            elif isinstance(target, (ast.Tuple, ast.List)):
                self._delete(ast.Delete(target.elts))
            elif isinstance(target, ast.Subscript):
                obj = self.expr(target.value)
                self.key(target.slice)
                self.operate(obj, "dunder", ("__delitem__",), "operator", target, self.function)
            elif isinstance(target, ast.Attribute):
                self.expr(target.value)

    def _type_alias(self, node: Any) -> None:
        self.define(node.name.id, self.annotation(node.value))

    # --- imports -----------------------------------------------------------------------------------------------

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            variable = self.new()
            top = alias.asname is None
            self.facts.imports.append(ImportFacts(variable, alias.name, None, top))
            self.define(alias.asname or alias.name.partition(".")[0], variable)

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:
            parts = self.facts.module.split(".")
            keep = len(parts) - node.level + (1 if self.facts.is_package else 0)
            module = ".".join([*parts[: max(keep, 0)], *([module] if module else [])])
        for alias in node.names:
            if alias.name == "*":
                self.facts.stars.append((module, node.lineno, not node.level))
                self.scan.root.shared |= self.env.keys()  # the star may rebind any of them
                continue
            variable = self.new()
            self.facts.imports.append(ImportFacts(variable, module, alias.name, absolute=not node.level))
            self.define(alias.asname or alias.name, variable)
