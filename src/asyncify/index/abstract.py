"""The solver's own values: compared by identity, interned by the solver, turned into public values on request."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from asyncify.index.ir import ClassFacts, FileFacts, FunctionFacts

SEQUENCES = frozenset(
    f"builtins.{name}" for name in ("list", "tuple", "set", "frozenset", "iter", "generator", "async_generator")
) | {"collections.deque"}
MAPPINGS = frozenset({"builtins.dict", "collections.defaultdict", "collections.OrderedDict", "collections.Counter"})
GENERIC = "functools.singledispatch"
"""The type of the object behind a generic function, whose slot holds the implementations."""

PATCHER = "unittest.mock.patch"
MOCK = "unittest.mock.Mock"
MOCK_PART = "unittest.mock.Mock.part"


def is_mock(type_name: str) -> bool:
    """Whether objects of that type are mocks (or patchers, which give mocks): every attribute and result is one too."""
    return type_name.startswith("unittest.mock.")


class Unit:
    """One linked file: its facts and where its variables start."""

    __slots__ = ("facts", "folder", "name", "offset")

    def __init__(self, facts: FileFacts, offset: int) -> None:
        self.facts = facts
        self.offset = offset
        self.name = facts.module
        self.folder = facts.path.rpartition("/")[0]


_next_serial: Callable[[], int] = count().__next__


@dataclass(slots=True, eq=False)
class AValue:
    """Base of all abstract values. Where too many meet, only *precious* ones stay: what is of the libraries we know.

    ``serial`` grows with every value made: an order that is the same in every run, which that of sets is not.
    """

    precious: bool = field(default=False, init=False)
    serial: int = field(default_factory=_next_serial, init=False)


@dataclass(slots=True, eq=False)
class AExternal(AValue):
    name: str


@dataclass(slots=True, eq=False)
class AInstance(AValue):
    """An external object. Containers: ``every`` element, ``loose`` ones (no literal key), ``keyed`` ones, ``keys``."""

    type: str
    unit: Unit | None = None
    node: ast.AST | None = None
    every: int = 0
    loose: int = 0
    keys: int = 0
    keyed: dict[object, int] = field(default_factory=dict)
    slots: dict[int, int] = field(default_factory=dict)
    copies: list[AInstance] = field(default_factory=list)
    holder: AClass | None = None  # the project class this is the external part of
    path: str = ""  # of a mock below a mock: how one gets there, see asyncify.index.mocks


@dataclass(slots=True, eq=False)
class AMethod(AValue):
    instance: AInstance
    name: str


@dataclass(slots=True, eq=False)
class AModule(AValue):
    """A module of the project; without `unit` a namespace, or (``absent``) a file that is not indexed."""

    name: str
    unit: Unit | None
    absent: bool = False


@dataclass(slots=True, eq=False)
class AFunction(AValue):
    facts: FunctionFacts
    unit: Unit
    context: bool = False  # wrapped by contextlib.contextmanager
    by_name: dict[str, int] | None = None
    star_args: AInstance | None = None
    star_kwargs: AInstance | None = None
    generator: AInstance | None = None
    stand_in: int = 0  # of a generator function: what a test lets calls give instead of a generator


@dataclass(slots=True, eq=False)
class AClass(AValue):
    """A project class. ``bases`` in order; ``external`` names of external bases, "?" for an unknown one."""

    facts: ClassFacts
    unit: Unit
    bases: list[AClass] = field(default_factory=list)
    base_order: list[tuple[int, AClass]] = field(default_factory=list)
    external: list[str] = field(default_factory=list)
    mro: list[AClass] = field(default_factory=list)
    children: list[AClass] = field(default_factory=list)
    namespace: dict[str, int] = field(default_factory=dict)
    object_: AObject | None = None
    self_: AObject | None = None
    super_: ASuper | None = None
    metas: list[AClass] = field(default_factory=list)  # metaclasses of the project, own ones only
    protocol: bool = False
    attributes: AInstance | None = None  # what ``obj.__dict__`` is, once somebody asked for it


@dataclass(slots=True, eq=False)
class AObject(AValue):
    """An instance of a project class; with ``subs`` perhaps of a subclass."""

    cls: AClass
    subs: bool


@dataclass(slots=True, eq=False)
class ASuper(AValue):
    cls: AClass


@dataclass(slots=True, eq=False)
class ABound(AValue):
    function: AFunction
    receiver: AClass


@dataclass(slots=True, eq=False)
class Args:
    """Arguments of one application: global variables."""

    positional: list[int] = field(default_factory=list)
    starred: list[int] = field(default_factory=list)  # from the first starred one on: variables to iterate
    rest: list[int] = field(default_factory=list)  # plain ones behind a starred one
    keywords: list[tuple[str | None, int]] = field(default_factory=list)
    partials: tuple[ast.AST, ...] = ()  # the calls of functools.partial that these arguments have come through


@dataclass(slots=True, eq=False)
class APartial(AValue):
    func: int
    args: Args
    unit: Unit
    node: ast.AST


@dataclass(slots=True, eq=False)
class AConstant(AValue):
    value: str | int | float | bytes | bool | None


@dataclass(slots=True, eq=False)
class AUnknown(AValue):
    reason: str


@dataclass(slots=True, eq=False)
class ADescriptor(AValue):
    """``property``, ``static`` or ``class``: variables of the getter (or function) and of the setter."""

    kind: str
    getter: int
    setter: int = 0


@dataclass(slots=True, eq=False)
class ASetter(AValue):
    """``prop.setter``, waiting for its function."""

    descriptor: ADescriptor
    part: str


class Caller:
    """Who calls: a call expression, or (with ``kind``) syntax or external code that calls implicitly."""

    __slots__ = ("args", "covered", "decorates", "external", "externals", "func", "kind", "known", "node",
                 "result", "seen", "targets", "unit", "unknown", "within")  # fmt: skip

    def __init__(self, unit: Unit, node: ast.AST, within: FunctionFacts, kind: str = "", external: str | None = None):
        self.unit = unit
        self.node = node
        self.within = within
        self.kind = kind
        self.external = external
        self.targets: set[str] = set()
        self.externals: set[str] = set()
        self.unknown: set[str] = set()
        self.covered: set[int] = set()
        self.seen: set[object] = set()
        self.known = False
        self.args = Args()
        self.func = 0
        self.result = 0
        self.decorates: ast.AST | None = None
