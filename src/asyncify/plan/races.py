"""Data races that a function with new awaits has: what it reads of something shared before it waits, and changes afterwards."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

from asyncify.index.project import FunctionInfo
from asyncify.model import Span
from asyncify.rules.facts import Facts

_CHANGES = frozenset(
    "append extend insert remove pop popitem popleft appendleft clear update add discard setdefault sort reverse".split()
)
_VIEWS = frozenset(["items", "values", "keys"])
_Place = tuple[int, int]


def races(facts: Facts, info: FunctionInfo, waits: Iterable[Span]) -> Iterator[str]:
    """A sentence for each, with its place. What is local to the function is shared with nobody."""
    function = facts.node(info.span, ast.AST)
    places = sorted({(span.line, span.column) for span in waits})
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) or not places:
        return
    found = _Accesses(function)
    for key in sorted(found.changed):
        for number, (begins, ends) in sorted(found.changed[key].items()):
            read = [place for place in found.read[key] if place < ends and _between(places, place, ends)]
            read += [begins] * (begins in found.augmented and _between(places, begins, ends))
            if read:
                line, name = min(read)[0], f"{info.path}:{number}"
                yield f"{name} changes {key} after a wait, by what line {line} has read of it before"
                break
    for key, loop in found.iterated:
        if _between(places, (loop.lineno, loop.col_offset), (loop.end_lineno or 0, loop.end_col_offset or 0)):
            yield f"{info.path}:{loop.lineno} waits while it iterates over {key}, which others may change meanwhile"


def _between(places: list[_Place], first: _Place, last: _Place) -> bool:
    return any(first <= place < last for place in places)


class _Accesses(ast.NodeVisitor):
    """Where one function reads, changes and iterates over what is not its own."""

    def __init__(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.read: dict[str, list[_Place]] = defaultdict(list)
        # By what is changed, and the line: where the statement begins, and where it ends, which is when it changes that.
        self.changed: dict[str, dict[int, tuple[_Place, _Place]]] = defaultdict(dict)
        self.augmented: set[_Place] = set()
        self.iterated: list[tuple[str, ast.For | ast.AsyncFor]] = []
        names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
        shared = {
            name for node in ast.walk(function) if isinstance(node, (ast.Global, ast.Nonlocal)) for name in node.names
        }
        arguments = [*function.args.posonlyargs, *function.args.args]
        own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        own |= {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
        self._own = own - shared - {argument.arg for argument in arguments[:1] if argument.arg in ("self", "cls")}
        for statement in function.body:
            self.visit(statement)

    def _key(self, node: ast.AST) -> str | None:
        """What names the thing: an attribute or an item of it is changed with it."""
        while isinstance(node, ast.Subscript):
            node = node.value
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name) or root.id in self._own or (root is node and root.id in ("self", "cls")):
            return None
        return ast.unparse(node)

    def _changes(self, target: ast.AST, statement: ast.stmt | ast.expr) -> None:
        key = self._key(target)
        if key is not None:
            begins = statement.lineno, statement.col_offset
            self.changed[key][statement.lineno] = begins, (statement.end_lineno or 0, statement.end_col_offset or 0)
            if isinstance(statement, ast.AugAssign):
                self.augmented.add(begins)

    def visit_FunctionDef(self, node: ast.AST) -> None:
        """What nested functions do, they do at another time."""

    visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = visit_FunctionDef

    def visit_Assign(self, node: ast.Assign) -> None:
        """The targets are changed when the value is there."""
        for target in node.targets:
            self._changes(target, node)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Reads the target, then the value, then changes the target."""
        self._changes(node.target, node)
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        """Changes what an item is deleted of."""
        for target in node.targets:
            self._changes(target, node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """A method that changes a container."""
        if isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
            self._changes(node.func.value, node)
            for argument in (*node.args, *node.keywords):
                self.visit(argument)
            return
        self.generic_visit(node)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        """A loop straight over the thing, or over a view of it."""
        source = node.iter
        if isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute) and source.func.attr in _VIEWS:
            source = source.func.value
        key = self._key(source) if isinstance(source, (ast.Name, ast.Attribute)) else None
        if key is not None:
            self.iterated.append((key, node))
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """A global that is read."""
        self._reads(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """An attribute that is read."""
        self._reads(node)
        self.generic_visit(node)

    def _reads(self, node: ast.Name | ast.Attribute) -> None:
        key = self._key(node) if isinstance(node.ctx, ast.Load) else None
        if key is not None:
            self.read[key].append((node.lineno, node.col_offset))
