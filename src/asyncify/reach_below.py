"""What runs below a function, in files that need not be indexed for it: from syntax and imports alone.

A coarse call graph, for one question: does a call arrive at code that waits, and where? Calls are resolved
through imports, definitions of the same file and ``self``. A method called on anything else is taken for that of any
class of which an object is made on the way (rapid type analysis: Bacon and Sweeney, OOPSLA 1996).
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from asyncify.index.project import SourceFile

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_IMPLICIT = (
    "__init__",
    "__enter__",
    "__exit__",
    "__iter__",
    "__next__",
    "__getitem__",
    "__len__",
    "__call__",
    "__getattr__",
)
_SCOPES = (*_FUNCTIONS, ast.ClassDef)


@dataclass(slots=True)
class _File:
    """One file: what its names are imported from, and its definitions by their dotted names within it."""

    imports: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, ast.AST] = field(default_factory=dict)
    calls: dict[str, frozenset[str]] = field(default_factory=dict)


class Below:
    """Finds what waits below a function. ``waits`` tells whether a library's function waits.

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

    def waiting_file(self, path: str, name: str, methods: Collection[str] = ()) -> str:
        """The file of the nearest thing that waits below a function of a file, ``""`` if nothing does.

        Of objects made on the way `methods` are called as well, and what the language calls itself.
        """
        order: list[tuple[str, str]] = [(path, name)]
        came = set(order)
        made: list[tuple[str, str]] = []
        asked = {*methods, *_IMPLICIT}
        for place in order:  # grows meanwhile
            targets = list(self._targets(*place))
            if self._is_class(*place):
                made.append(place)
                targets += [(place[0], f"{place[1]}.{method}") for method in sorted(asked)]
            for method in self._methods(*place):
                if method not in asked:
                    asked.add(method)
                    targets += [(path, f"{cls}.{method}") for path, cls in made]
            for target in targets:
                if not target[0]:
                    return place[0]
                if target not in came:
                    came.add(target)
                    order.append(target)
        return ""

    def is_plain(self, path: str, name: str) -> bool:
        """Whether it is an undecorated synchronous function that returns a value: neither a generator nor a class."""
        definition = self._file(path).definitions.get(name)
        if not isinstance(definition, ast.FunctionDef) or definition.decorator_list:
            return False
        todo: list[ast.AST] = list(definition.body)
        while todo:
            node = todo.pop()
            if isinstance(node, (ast.Yield, ast.YieldFrom)):
                return False
            if not isinstance(node, (*_SCOPES, ast.Lambda)):
                todo += ast.iter_child_nodes(node)
        return True

    def _targets(self, path: str, name: str) -> Iterator[tuple[str, str]]:
        """What the definition calls: places in the tree, and ``("", …)`` for what waits."""
        file = self._file(path)
        definition = file.definitions.get(name)
        if definition is None:
            head, _, rest = name.partition(".")
            if head in file.imports:  # passed on from another module
                yield from self._resolve(path, f"{file.imports[head]}.{rest}".rstrip("."))
            elif rest and isinstance(cls := file.definitions.get(head), ast.ClassDef):  # perhaps of a base class
                for base in cls.bases:
                    inherited = _absolute(file, _dotted(base), head)
                    yield from self._resolve(path, f"{inherited}.{rest}" if inherited else "")
            return
        if isinstance(definition, ast.ClassDef):
            for base in definition.bases:
                yield from self._resolve(path, _absolute(file, _dotted(base), name))
            return
        for called in self._calls(file, name):
            yield from self._resolve(path, _absolute(file, called, name))

    def _is_class(self, path: str, name: str) -> bool:
        return isinstance(self._file(path).definitions.get(name), ast.ClassDef)

    def _methods(self, path: str, name: str) -> Iterator[str]:
        """Names of the methods that a function calls on what is not known."""
        file = self._file(path)
        if isinstance(file.definitions.get(name), _FUNCTIONS):
            for called in self._calls(file, name):
                if "." in called and not _absolute(file, called, name):
                    yield called.rpartition(".")[2]

    def _calls(self, file: _File, name: str) -> frozenset[str]:
        calls = file.calls.get(name)
        if calls is None:
            calls = file.calls[name] = frozenset(_calls(file.definitions[name]))
        return calls

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
    parts.append(node.id if isinstance(node, ast.Name) else "?")
    return ".".join(reversed(parts))


def _calls(definition: ast.AST) -> Iterator[str]:
    for node in ast.walk(definition):
        if isinstance(node, ast.Call):
            yield _dotted(node.func)
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
