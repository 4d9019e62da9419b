"""The face of the index: what the rest of asyncify may ask about a project.

Everything is by value; spans are those of :mod:`asyncify.model`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeVar

from asyncify.index.values import Value
from asyncify.model import Span

if TYPE_CHECKING:
    from asyncify.index.given_objects import GivenObject

_N = TypeVar("_N", bound=ast.AST)
_NEWLINE = re.compile(r"\r\n|\r|\n")


TOO_MANY = "too many different values"
"""The reason (:attr:`CallSite.unresolved`) where a variable collapsed: see :attr:`Project.lost`."""
EXTERNAL_CALL = "external call"
"""The reason where what is called was given by something external of which the result is not known."""


class Kind(StrEnum):
    """What sort of code object a :class:`FunctionInfo` is."""

    FUNCTION = "function"
    LAMBDA = "lambda"
    MODULE = "module"  # the module's body, run at import; name = module name
    CLASS_BODY = "class"  # a class body; name = class name + ".<body>"


@dataclass(frozen=True, slots=True)
class FunctionInfo:
    """One function, lambda, module body or class body of the project."""

    name: str  # dotted, see asyncify.index.values
    kind: Kind
    span: Span  # the def statement (without decorators), lambda, or whole module
    module: str
    path: str
    cls: str | None  # the class whose body defines it
    parent: str | None  # the enclosing function, for nested ones
    is_async: bool
    is_generator: bool  # contains yield
    decorators: tuple[Span, ...]  # the decorator expressions
    parameters: tuple[str, ...]
    in_test: (
        bool  # in a file of tests (test_*.py, *_test.py, test.py, conftest.py, in a tests folder) or a class of tests
    )


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """One class of the project."""

    name: str
    span: Span
    path: str
    bases: tuple[Value, ...]  # Class, External or Unknown
    mro: tuple[str, ...] = (
        field()
    )  # (`field()`: type.mro would pass for a default) project classes, self first, as far as known
    external_bases: frozenset[str]  # of the whole hierarchy ("builtins.object" left out); "?" if one is unknown
    methods: Mapping[str, str]  # name -> function name, own ones only


class Sink(StrEnum):
    """Where a function went that is used as a value instead of being called."""

    ARGUMENT = "argument"  # given to a call: see FunctionUse.call and .argument
    STORED = "stored"  # assigned to an attribute, a container, a module global, a default
    RETURNED = "returned"
    DECORATED = "decorated"  # replaced by what an external decorator returns (see .external)
    COMPARED = "compared"  # identity, equality, truth: harmless
    LOST = "lost"  # one of so many values of a variable that the index stopped following them
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FunctionUse:
    """A place where a project function (or bound method) is a value that leaves what the index follows."""

    function: str
    span: Span  # the expression
    within: str  # enclosing function
    sink: Sink
    call: Span | None = None  # the call it is an argument of
    argument: str | None = None  # "0", "1", … or the keyword
    external: str | None = None  # canonical name of the external callee or decorator, if resolved


@dataclass(frozen=True, slots=True)
class CallSite:
    """One call expression. (Decorator applications, property reads, `with`, `for` are in :class:`ImplicitCall`.)"""

    span: Span
    func: Span  # the callee expression
    within: str  # enclosing function's name
    args: tuple[Span, ...]  # positional, in order; a starred one has the span of the Starred node
    keywords: tuple[tuple[str | None, Span], ...]  # (None, span) for **kw
    targets: frozenset[str]  # project functions that may run (constructors: __init__), also through partials
    externals: frozenset[str]  # canonical names of external callees ("requests.get", "requests.Session.get")
    unresolved: str | None  # why (some of) the targets are unknown, else None
    has_star: bool
    node: ast.Call = field(compare=False, repr=False)

    @property
    def method(self) -> str:
        """The name by which it is called, without what stands before a dot; empty where that is no name."""
        func = self.node.func
        return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


@dataclass(frozen=True, slots=True)
class ImplicitCall:
    """Syntax or external code that runs project functions: a property read, `with`, `for`, an operator, a callback."""

    span: Span  # of the expression or statement
    within: str
    target: str
    # "property", "enter", "exit", "iter", "next", "operator", "getattr", "setattr", "decorator", "callback", "len",
    # "str", "bool", "raise"
    kind: str
    external: str | None = None  # for "callback": who calls it ("concurrent.futures.ThreadPoolExecutor.submit")


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A file that was left out, and why (one clear message)."""

    path: str
    line: int | None
    message: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file as read."""

    path: str
    data: bytes
    text: str
    encoding: str
    module: str
    package: str = ""  # the topmost regular package that holds the file, dotted; "" for a script or top-level module
    home: str = ""  # that package's folder, or the script's own folder, relative to the root: new modules go there


@dataclass(slots=True)
class FileTree:
    """An indexed file: its source and its syntax tree."""

    source: SourceFile
    tree: ast.Module
    _lines: list[str] = field(default_factory=list, repr=False, compare=False)

    @property
    def lines(self) -> list[str]:
        """The lines of the text, without their ends; at least one. They are not to be changed."""
        if not self._lines:
            self._lines += _NEWLINE.split(self.source.text)
        return self._lines


class Project(Protocol):
    """A linked project. `values` and friends answer by exact span of an expression node."""

    @property
    def files(self) -> Mapping[str, FileTree]: ...
    @property
    def diagnostics(self) -> Sequence[Diagnostic]: ...
    @property
    def functions(self) -> Mapping[str, FunctionInfo]: ...
    @property
    def classes(self) -> Mapping[str, ClassInfo]: ...
    @property
    def calls(self) -> Sequence[CallSite]: ...
    @property
    def implicit_calls(self) -> Sequence[ImplicitCall]: ...
    @property
    def uses(self) -> Sequence[FunctionUse]: ...

    def span(self, path: str, node: ast.AST) -> Span:
        """The span of a node of that file (columns in code points)."""

    def held(self, path: str, *kinds: type[ast.expr]) -> Iterator[tuple[ast.expr, frozenset[Value]]]:
        """The expressions of these kinds that can be an object or an external thing, in the order of the text."""

    @property
    def imported_by_name(self) -> bool:
        """Whether a file of the tree that is not indexed fetches modules by computed names."""

    @property
    def waiting_elsewhere(self) -> Collection[str]:
        """Functions of files that are not indexed of which it is known that they wait."""

    def function_of(self, path: str, node: ast.AST) -> FunctionInfo | None:
        """The function, lambda, class body or module that this very node defines."""

    def parent(self, path: str, node: ast.AST) -> ast.AST | None:
        """The node that directly holds `node`, None for the module."""

    def node(self, span: Span, kind: type[_N]) -> _N | None:
        """The (outermost) node of that type with exactly this span."""

    def nodes(self, path: str, *kinds: type[_N]) -> Iterator[_N]:
        """All nodes of the file of exactly these classes, outer ones first."""

    def values(self, span: Span) -> frozenset[Value]:
        """What the expression with exactly this span can be; empty where the index never looked."""

    def values_of(self, path: str, node: ast.AST) -> frozenset[Value]:
        """What the expression can be; quicker than by span."""

    def slot(self, value: Value, index: int) -> frozenset[Value]:
        """What a container holds (list element: 0; dict key: 0, value: 1) or a generic's type argument."""

    def call_at(self, span: Span) -> CallSite | None:
        """The call with exactly this span."""

    def callers(self, function: str) -> Sequence[CallSite]:
        """Call sites that may run the function."""

    @property
    def is_part(self) -> bool:
        """Whether the tree has files that are not indexed."""

    @property
    def given_away(self) -> frozenset[str]:
        """The names of classes of which something unknown may be an object: code outside gets hold of one."""

    def given_objects(self, matters: Callable[[frozenset[str]], bool]) -> Iterator[GivenObject]:
        """Objects and classes of the project that calls of code outside get, where that code's names matter.

        The names are empty where only so much is known that the callee was given by something outside.
        """

    def maybe_callers(self, function: str) -> Sequence[CallSite]:
        """Calls of a method of that name on something unknown."""

    @property
    def lost(self) -> frozenset[Value]:
        """Library things that the index stopped following where too many values met: not all of their uses are known."""

    def overrides(self, function: str) -> frozenset[str]:
        """All methods of the project in the same override family (same name, related classes), without itself."""
