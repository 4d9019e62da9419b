"""Facts of one file: what lowering finds, as numbered variables and operations over them.

Everything here depends on one file's text alone, so that facts can be kept from run to run. Variables are integers
local to the file; variable 0 never holds anything. Linking (:mod:`asyncify.index.solve`) gives each file an offset.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Final

from asyncify.index.project import Kind

NO_KEY: Final = object()
"""The key of a subscript that is no literal."""


@dataclass(slots=True, eq=False)
class FunctionFacts:
    """One code object: its name, its parameters' variables, where its results go."""

    name: str
    kind: Kind
    node: ast.AST
    cls: ClassFacts | None = None
    parent: str | None = None
    positional: list[tuple[str, int]] = field(default_factory=list)
    keyword_only: dict[str, int] = field(default_factory=dict)
    positional_only: int = 0
    vararg: int = 0
    vararg_node: ast.AST | None = None
    kwarg: int = 0
    kwarg_node: ast.AST | None = None
    returns: int = 0
    yields: int = 0
    is_async: bool = False
    is_generator: bool = False
    decorators: list[ast.expr] = field(default_factory=list)
    binding: str = ""  # "self", "cls", "static" or "" outside classes

    @property
    def parameters(self) -> tuple[str, ...]:
        """All parameter names, in the order of the signature."""
        names = [name for name, _ in self.positional]
        if isinstance(args := getattr(self.node, "args", None), ast.arguments):
            names += [args.vararg.arg] if args.vararg else []
            names += list(self.keyword_only)
            names += [args.kwarg.arg] if args.kwarg else []
        return tuple(names)


@dataclass(slots=True, eq=False)
class ClassFacts:
    """One class: base expressions' variables, namespace, fields declared by annotation (in order)."""

    name: str
    node: ast.ClassDef
    bases: list[int] = field(default_factory=list)
    base_nodes: list[ast.expr] = field(default_factory=list)
    metaclass: int = 0
    namespace: dict[str, int] = field(default_factory=dict)
    declared: dict[str, int] = field(default_factory=dict)  # annotated names -> variable of the annotation
    methods: dict[str, str] = field(default_factory=dict)
    positional_fields: list[str] = field(
        default_factory=list
    )  # those of `declared` that a constructor takes by position


@dataclass(slots=True, eq=False)
class CallFacts:
    """One call expression, or the application of a decorator (``decorates``)."""

    func: int
    args: list[tuple[int, bool]]  # variable, starred?
    keywords: list[tuple[str | None, int]]
    result: int
    node: ast.expr
    within: FunctionFacts
    decorates: ast.AST | None = None


@dataclass(slots=True, eq=False)
class ImportFacts:
    """``import module`` (name None) or ``from module import name``; ``module`` absolute after `level` is applied."""

    target: int
    module: str
    name: str | None
    top: bool = False  # ``import a.b`` binds ``a``
    absolute: bool = True


@dataclass(slots=True, eq=False)
class FileFacts:
    """All facts of one file."""

    path: str
    module: str
    is_package: bool
    size: int = 1
    edges: list[tuple[int, int]] = field(default_factory=list)
    constants: list[tuple[int, object]] = field(default_factory=list)
    functions: list[tuple[int, FunctionFacts]] = field(default_factory=list)  # variable of the def, facts
    classes: list[tuple[int, ClassFacts]] = field(default_factory=list)
    selves: list[tuple[int, ClassFacts, str]] = field(default_factory=list)  # "self", "cls", "super", "wrapper"
    instances: list[tuple[int, str]] = field(default_factory=list)  # plain builtin results
    containers: list[tuple[int, str, ast.AST, list[tuple[object, int, int]]]] = field(default_factory=list)
    imports: list[ImportFacts] = field(default_factory=list)
    stars: list[tuple[str, int, bool]] = field(default_factory=list)  # module, line, absolute
    free: dict[str, int] = field(default_factory=dict)  # names that no scope of the file binds
    exports: dict[str, int] = field(default_factory=dict)
    export_lines: dict[str, int] = field(default_factory=dict)  # where a statement of the module itself binds it last
    all_names: list[str] | None = None
    calls: list[CallFacts] = field(default_factory=list)
    operations: list[tuple[int, str, tuple[object, ...]]] = field(default_factory=list)
    expressions: dict[ast.AST, int] = field(default_factory=dict)
    owners: dict[ast.AST, FunctionFacts] = field(default_factory=dict)  # def, lambda, class, module -> its facts
    parameters: dict[int, tuple[FunctionFacts, str]] = field(default_factory=dict)
