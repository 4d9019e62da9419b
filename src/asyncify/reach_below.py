"""What runs below a function, in files that need not be indexed for it: from syntax and imports alone.

A coarse call graph, for one question: by way of which files does a call arrive at code that waits? Calls are resolved
through imports, definitions of the same file and ``self``; whoever makes an object of a class may call all its methods.
A call on anything else is not followed.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from asyncify.index.project import SourceFile

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef)


@dataclass(slots=True)
class _File:
    """One file: what its names are imported from, and its definitions by their dotted names within it."""

    imports: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, ast.AST] = field(default_factory=dict)
    calls: dict[str, frozenset[str]] = field(default_factory=dict)


class Below:
    """Which files lie between a function and what waits. ``waits`` tells whether a library's function waits.

    ``locate`` gives, for a dotted name of the tree, the path of the file and the rest of the name; path ``""`` if it is
    not of the tree.
    """

    def __init__(
        self,
        sources: dict[str, SourceFile],
        locate: Callable[[str, str], tuple[str, str]],
        waits: Callable[[str], bool],
    ) -> None:
        self._sources = sources
        self._locate = locate
        self._waits = waits
        self._files: dict[str, _File] = {}

    def files(self, path: str, name: str) -> frozenset[str]:
        """The files that a call of this function leads through to something that waits; empty if it does not."""
        order: list[tuple[str, str]] = [(path, name)]
        came: dict[tuple[str, str], list[tuple[str, str]]] = {(path, name): []}
        waiting: list[tuple[str, str]] = []
        for place in order:  # grows meanwhile
            for target in self._targets(*place):
                if not target[0]:
                    waiting.append(place)
                elif target in came:
                    came[target].append(place)
                else:
                    came[target] = [place]
                    order.append(target)
        found: set[tuple[str, str]] = set()
        while waiting:
            place = waiting.pop()
            if place not in found:
                found.add(place)
                waiting += came[place]
        return frozenset(where for where, _ in found)

    def _targets(self, path: str, name: str) -> Iterator[tuple[str, str]]:
        """What the definition calls: places in the tree, and ``("", …)`` for what waits."""
        file = self._file(path)
        definition = file.definitions.get(name)
        if definition is None:
            head, _, rest = name.partition(".")
            if head in file.imports:  # passed on from another module
                yield from self._resolve(path, f"{file.imports[head]}.{rest}".rstrip("."))
            elif "." in name and head in file.definitions:  # a method from a base class
                yield path, head
            return
        if isinstance(definition, ast.ClassDef):
            yield from ((path, inner) for inner in file.definitions if inner.startswith(f"{name}."))
            for base in definition.bases:
                yield from self._resolve(path, _absolute(file, _dotted(base), name))
            return
        calls = file.calls.get(name)
        if calls is None:
            calls = file.calls[name] = frozenset(_calls(definition))
        for called in calls:
            yield from self._resolve(path, _absolute(file, called, name))

    def _resolve(self, path: str, dotted: str) -> Iterator[tuple[str, str]]:
        if not dotted:
            return
        if dotted.startswith("."):  # of the same file
            yield path, dotted[1:]
            return
        if self._waits(dotted):
            yield "", dotted
            return
        where, rest = self._locate(path, dotted)
        if where and rest:
            yield where, rest

    def _file(self, path: str) -> _File:
        found = self._files.get(path)
        if found is None:
            found = self._files[path] = _File()
            source = self._sources[path]
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    tree = ast.parse(source.text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return found
            _define(found, tree, "", source)
        return found


def _define(file: _File, node: ast.AST, prefix: str, source: SourceFile) -> None:
    todo = [node]
    while todo:
        for child in ast.iter_child_nodes(todo.pop()):
            if isinstance(child, _SCOPES):
                name = f"{prefix}{child.name}"
                file.definitions.setdefault(name, child)
                inner = f"{name}." if isinstance(child, ast.ClassDef) else prefix
                _define(file, child, inner, source)
            elif isinstance(child, ast.Import):
                for alias in child.names:
                    file.imports[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
            elif isinstance(child, ast.ImportFrom):
                base = _base(child, source)
                for alias in child.names:
                    file.imports[alias.asname or alias.name] = f"{base}.{alias.name}" if base else alias.name
            elif not isinstance(child, ast.expr):
                todo.append(child)


def _base(node: ast.ImportFrom, source: SourceFile) -> str:
    if not node.level:
        return node.module or ""
    parts = source.module.split(".")
    keep = len(parts) - node.level + source.path.endswith("__init__.py")
    return ".".join([*parts[: max(keep, 0)], *([node.module] if node.module else [])])


def _dotted(node: ast.AST) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _calls(definition: ast.AST) -> Iterator[str]:
    for node in ast.walk(definition):
        if isinstance(node, ast.Call):
            yield _dotted(node.func)
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                if isinstance(argument, (ast.Name, ast.Attribute)):  # a function that may be called there
                    yield _dotted(argument)
        elif isinstance(node, ast.withitem) and isinstance(node.context_expr, (ast.Name, ast.Attribute)):
            yield _dotted(node.context_expr)


def _absolute(file: _File, dotted: str, within: str) -> str:
    """The name as seen from outside the file; of something in the file itself with a dot in front."""
    head, _, rest = dotted.partition(".")
    if head in ("self", "cls") and rest:
        return f".{within.rpartition('.')[0]}.{rest}".replace("..", ".")
    if head in file.imports:
        return f"{file.imports[head]}.{rest}".rstrip(".")
    if head in file.definitions:
        return f".{dotted}"
    return ""
