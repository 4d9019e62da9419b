"""One version of the source tree: modules parsed when first asked for, imports resolved to paths."""

from __future__ import annotations

import ast
import re
import tokenize
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO

from asyncify.check.scopes import Binding, FunctionNode, Scope, ScopeBuilder
from asyncify.model import Span

_DEFINITION = re.compile(rb"^([ \t]*)(async[ \t]+)?def[ \t]+(\w+)", re.MULTILINE)


@dataclass(eq=False, slots=True)
class Function:
    """A ``def`` of the tree. ``owner`` is the class it is a method of."""

    node: FunctionNode
    scope: Scope  # its own
    owner: Class | None

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def is_async(self) -> bool:
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def scope_path(self) -> str:
        """The file it is in."""
        return self.scope.path

    @property
    def is_generator(self) -> bool:
        return bool(self.scope.yields)


@dataclass(eq=False, slots=True)
class Class:
    """A class of the tree."""

    node: ast.ClassDef
    scope: Scope  # its own

    @property
    def name(self) -> str:
        return self.node.name


@dataclass(eq=False)
class Module:
    """A parsed file with its scopes."""

    path: str
    tree: ast.Module
    root: Scope
    parents: dict[ast.AST, ast.AST]
    scope_of: dict[ast.AST, Scope]
    scopes: dict[ast.AST, Scope]
    nodes: list[ast.AST]
    stars: list[Binding]
    lines: list[str]
    functions: dict[ast.AST, Function] = field(default_factory=dict)
    classes: dict[ast.AST, Class] = field(default_factory=dict)

    def span(self, node: ast.AST) -> Span:
        """The place of `node`, its columns in code points."""
        line = int(getattr(node, "lineno", 1))
        end_line = int(getattr(node, "end_lineno", None) or line)
        column = self._column(line, int(getattr(node, "col_offset", 0)))
        return Span(
            self.path, line, column, end_line, self._column(end_line, int(getattr(node, "end_col_offset", 0) or 0))
        )

    def _column(self, line: int, offset: int) -> int:
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        return offset if text.isascii() else len(text.encode()[:offset].decode(errors="replace"))


@lru_cache(maxsize=256)  # most files are the same before and after
def parse(path: str, data: bytes) -> Module | None:
    """The module with the text `data`; None if that is not valid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data, path)
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        text = data.decode(encoding)
        built = ScopeBuilder(path, tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError, LookupError):
        return None
    module = Module(
        path,
        tree,
        built.root,
        built.parents,
        built.scope_of,
        built.scopes,
        built.nodes,
        built.stars,
        re.split(r"\r\n|\r|\n", text),
    )
    for node in built.nodes:
        if isinstance(node, ast.ClassDef):
            module.classes[node] = Class(node, built.scopes[node])
    for node in built.nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            around = built.scope_of[node].node
            owner = module.classes[around] if isinstance(around, ast.ClassDef) else None
            module.functions[node] = Function(node, built.scopes[node], owner)
    return module


class Tree:
    """The Python files of one version of the project, by path. Parses lazily; never raises for bad source."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files
        self._modules: dict[str, Module | None] = {}
        self._directories = {p.rsplit("/", n)[0] for p in files for n in range(1, p.count("/") + 1)}
        self._definitions: dict[str, tuple[int, int, int]] | None = None
        self.calls: dict[str, list[tuple[ast.Call, Module]]] = {}  # by last name of what is called or handed on
        self.decorated: dict[str, list[tuple[FunctionNode, ast.expr, Module]]] = {}
        self.stores: dict[str, list[tuple[ast.expr, ast.AST, Module]]] = {}  # attribute assignments by name

    @property
    def read(self) -> list[str]:
        """The paths of the files that were parsed so far, in that order."""
        return list(self._modules)

    def module(self, path: str) -> Module | None:
        """The parsed file, or None if it is absent or not valid Python."""
        if path not in self._modules:
            self._modules[path] = self._parse(path)
        return self._modules[path]

    def may_import(self, path: str, name: str) -> bool:
        """Whether another file may take what has that name at the top level of a file: it speaks of both."""
        stem = path.removesuffix("/__init__.py").removesuffix(".py").rpartition("/")[2]
        imported = re.compile(rb"^[ \t]*(?:import|from)\b[^\n]*\b" + re.escape(stem.encode()) + rb"\b", re.M)
        others = (data for other, data in self.files.items() if other != path and name.encode() in data)
        return any(imported.search(data) for data in others)

    def loaded(self) -> list[Module]:
        """The modules parsed so far."""
        return [module for module in self._modules.values() if module is not None]

    def _parse(self, path: str) -> Module | None:
        data = self.files.get(path)
        module = parse(path, data) if data is not None else None
        if module is not None:
            self._index_uses(module)
        return module

    def _index_uses(self, module: Module) -> None:
        for node in module.nodes:
            match node:
                case ast.Call():
                    names = [last_name(node.func), *(last_name(a) for a in node.args[:1])]
                    names += [last_name(k.value) for k in node.keywords if k.arg == "target"]
                    for name in {n for n in names if n}:
                        self.calls.setdefault(name, []).append((node, module))
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    for decorator in node.decorator_list:
                        inner = decorator.func if isinstance(decorator, ast.Call) else decorator
                        self.decorated.setdefault(last_name(inner), []).append((node, decorator, module))
                case ast.Assign(targets=targets):
                    for target in targets:
                        self._index_store(target, node, module)
                case ast.AnnAssign(target=ast.Attribute() as target):
                    self._index_store(target, node, module)
                case ast.For(target=target) | ast.AsyncFor(target=target):
                    self._index_store(target, node, module)
                case ast.With(items=items) | ast.AsyncWith(items=items):
                    for item in items:
                        if item.optional_vars is not None:
                            self._index_store(item.optional_vars, node, module)

    def _index_store(self, target: ast.expr, node: ast.AST, module: Module) -> None:
        if isinstance(target, ast.Attribute):
            self.stores.setdefault(target.attr, []).append((target, node, module))

    # --- imports ---------------------------------------------------------------------------------------------

    def _file(self, base: str) -> str | None:
        """The module, package or namespace directory at `base` (no suffix)."""
        for candidate in (f"{base}/__init__.py", f"{base}.py"):
            if candidate in self.files:
                return candidate
        return base if base in self._directories else None

    def child(self, path: str, name: str) -> str | None:
        """The submodule `name` of the package at `path` (its ``__init__.py`` or its directory)."""
        if path.endswith(".py") and not path.endswith("__init__.py"):
            return None
        folder = path.removesuffix("__init__.py").rstrip("/")
        return self._file(f"{folder}/{name}" if folder else name)

    def find(self, dotted: str, importer: str, level: int = 0) -> str | None:
        """The path of the module called `dotted` as seen from the file `importer`; None if it is not ours."""
        parts = [p for p in dotted.split(".") if p]
        folder = importer.rpartition("/")[0]
        if level:
            for _ in range(level - 1):
                folder = folder.rpartition("/")[0]
            base = "/".join([*([folder] if folder else []), *parts])
            return self._file(base) if parts else (self._file(folder) if folder else None)
        while True:
            if (f"{folder}/__init__.py" if folder else "__init__.py") not in self.files or not folder:
                for root in (folder, f"{folder}/src" if folder else "src", f"{folder}/lib" if folder else "lib"):
                    if found := self._descend(root, parts):
                        return found
            if not folder:
                return None
            folder = folder.rpartition("/")[0]

    def _descend(self, root: str, parts: list[str]) -> str | None:
        top = self._file(f"{root}/{parts[0]}" if root else parts[0])
        if top is None or (not top.endswith(".py") and len(parts) == 1 and not self._holds_python(top)):
            return None
        return self._file("/".join([*([root] if root else []), *parts]))

    def _holds_python(self, folder: str) -> bool:
        return any(p.startswith(f"{folder}/") for p in self.files)

    # --- definitions by name, without parsing ----------------------------------------------------------------

    def definitions(self, name: str) -> tuple[int, int, int]:
        """How many ``async def`` of that name the whole tree holds, how many of them indented, and how many plain ``def``."""
        if self._definitions is None:
            counts: dict[str, tuple[int, int, int]] = {}
            for data in self.files.values():
                for match in _DEFINITION.finditer(data):
                    word = match[3].decode(errors="replace")
                    a, m, s = counts.get(word, (0, 0, 0))
                    counts[word] = (a + 1, m + bool(match[1]), s) if match[2] else (a, m, s + 1)
            self._definitions = counts
        return self._definitions.get(name, (0, 0, 0))


def last_name(node: ast.AST) -> str:
    """``c`` of ``a.b.c``, of ``c``; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def parameters(node: FunctionNode | ast.Lambda) -> list[ast.arg]:
    """All parameters, positional ones first."""
    args = node.args
    last = [a for a in (args.vararg, args.kwarg) if a is not None]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *last]
