"""Values through classes: attributes, properties, context managers, fields, annotations, inheritance, metaclasses."""

from __future__ import annotations

import pytest
from index_cases import check, sections

CASES = sections(
    """
=== self attribute
import requests
class C:
    def __init__(self):
        self.s = requests.Session()
    def f(self):
        self.s.get('u')  # -> requests.Session.get
=== self attribute from another method
import requests
class C:
    def f(self):
        self.s.get('u')  # -> requests.Session.get
    def open(self):
        self.s = requests.Session()
=== attribute set in subclass
import requests
class B:
    def f(self):
        self.s.get('u')  # -> requests.Session.get
class C(B):
    def __init__(self):
        self.s = requests.Session()
=== class attribute
import requests
class C:
    s = requests.Session()
    def f(self):
        self.s.get('u')  # -> requests.Session.get
=== annotated parameter
import requests
def f(s: requests.Session):
    s.get('u')  # -> requests.Session.get
=== optional
import requests
from typing import Optional
def f(s: Optional[requests.Session] = None):
    s.get('u')  # -> requests.Session.get
=== union
import requests
def f(s: 'requests.Session | None'):
    s.get('u')  # -> requests.Session.get
=== list annotation
import requests
def f(ss: list[requests.Session]):
    for s in ss:
        s.get('u')  # -> requests.Session.get
=== dict annotation
import requests
def f(ss: dict[str, requests.Session]):
    for k, s in ss.items():
        s.get('u')  # -> requests.Session.get
=== annotated attribute
import requests
class C:
    s: requests.Session
    def f(self):
        self.s.get('u')  # -> requests.Session.get
=== annotation of subclass
class B:
    def m(self): ...
class C(B):
    def m(self): ...
def f(b: B):
    b.m()  # -> B.m, C.m
=== return annotation
import requests, other
def make() -> requests.Session: return other.x()
s = make()
s.get('u')  # -> requests.Session.get, ?
=== property
import requests
class C:
    @property
    def s(self): return requests.Session()
    def f(self):
        self.s.get('u')  # -> requests.Session.get
=== cached property
import functools, requests
class C:
    @functools.cached_property
    def s(self): return requests.Session()
    def f(self):
        self.s.get('u')  # -> requests.Session.get
=== context manager function
import contextlib, requests
@contextlib.contextmanager
def session():
    s = requests.Session()
    yield s
with session() as s:
    s.get('u')  # -> requests.Session.get
=== context manager method
from contextlib import contextmanager
import requests
class C:
    @contextmanager
    def session(self):
        yield requests.Session()
with C().session() as s:
    s.get('u')  # -> requests.Session.get
=== enter of a class
import requests
class C:
    def __enter__(self): return requests.Session()
    def __exit__(self, *a): ...
with C() as s:
    s.get('u')  # -> requests.Session.get
=== enumerate
def a(): ...
for i, f in enumerate([a]):
    f()  # -> a
=== dataclass
import dataclasses, requests
@dataclasses.dataclass
class C:
    n: int
    s: object
C(1, requests.Session()).s.get('u')  # -> requests.Session.get
=== named tuple
from typing import NamedTuple
def a(): ...
class P(NamedTuple):
    f: object
    g: int
P(a, 1).f()  # -> a
=== super
class B:
    def m(self): ...
class C(B):
    def m(self):
        super().m()  # -> B.m
=== super external
import requests
class C(requests.Session):
    def request(self, *a):
        return super().request(*a)  # -> requests.Session.request
    def f(self):
        self.get('u')  # -> requests.Session.get
=== subclass overrides external
import requests
class C(requests.Session):
    def get(self, u): ...
C().get('u')  # -> C.get
=== override through self
class B:
    def run(self):
        self.step()  # -> B.step, C.step
    def step(self): ...
class C(B):
    def step(self): ...
=== exact class
class B:
    def m(self): ...
class C(B):
    def m(self): ...
B().m()  # -> B.m
=== mro
class A:
    def m(self): ...
class B(A): ...
class C(A):
    def m(self): ...
class D(B, C): ...
D().m()  # -> C.m
=== static and class methods
class C:
    @staticmethod
    def s(): ...
    @classmethod
    def make(cls):
        return cls()  # -> nothing
    def m(self): ...
C.s()  # -> C.s
C.make().m()  # -> C.m
=== init
class C:
    def __init__(self, f):
        f()  # -> a
def a(): ...
C(a)  # -> C.__init__
=== call of an object
class C:
    def __call__(self): ...
C()()  # -> C.__call__
=== isinstance
import requests
def f(s):
    if isinstance(s, requests.Session):
        s.get('u')  # -> requests.Session.get
    s.get('u')  # -> ?
=== self-holding list
l = []
l.append(l)
l[0].append(1)  # -> builtins.list.append
=== key set in an object of our own
def a(): ...
def b(): ...
class D:
    def __setitem__(self, k, v): ...
    def __getitem__(self, k): return a
d = D()
d['k'] = b
d['k']()  # -> a
=== protocol implementers
from typing import Protocol
class Getter(Protocol):
    def fetch(self, u): ...
class A:
    def fetch(self, u): ...
class B:
    def other(self): ...
def use(g: Getter):
    g.fetch('u')  # -> Getter.fetch, A.fetch
=== protocol attribute
from typing import Protocol
import requests
class Has(Protocol):
    session: requests.Session
class A:
    def __init__(self): self.session = requests.Session()
def use(g: Has):
    g.session.get('u')  # -> requests.Session.get
=== metaclass call
class M(type):
    def __call__(cls, *a): ...
class C(metaclass=M):
    def __init__(self): ...
C()  # -> M.__call__, C.__init__
=== metaclass singleton
class M(type):
    _i = {}
    def __call__(cls, *a):
        if cls not in cls._i:
            cls._i[cls] = super().__call__(*a)  # -> builtins.type.__call__
        return cls._i[cls]
class C(metaclass=M):
    def __init__(self): ...
    def m(self): ...
C()  # -> M.__call__, C.__init__
C().m()  # -> C.m
=== metaclass method
class M(type):
    def make(cls): ...
class C(metaclass=M): ...
C.make()  # -> M.make
=== self type
from typing import Self
class C:
    def m(self): ...
    def with_x(self) -> Self: ...
C().with_x().m()  # -> C.m
=== self type of classmethod
from typing import Self
class C:
    @classmethod
    def make(cls) -> Self: ...
    def m(self): ...
class D(C):
    def m(self): ...
D.make().m()  # -> C.m, D.m
=== typevar self
from typing import TypeVar
import requests
T = TypeVar('T', bound='C')
class C:
    def m(self): ...
def ident(x: T) -> T: return x
ident(C()).m()  # -> C.m
=== dataclass kwargs
import dataclasses, requests
@dataclasses.dataclass
class C:
    n: int
    s: requests.Session = dataclasses.field(default_factory=requests.Session)
def make(**kw):
    return C(**kw)
make(n=1, s=requests.Session()).s.get('u')  # -> requests.Session.get
=== dataclass star
import dataclasses
def a(): ...
@dataclasses.dataclass
class C:
    f: object
    g: int = 1
C(*[a]).f()  # -> a
=== namedtuple unpack
from typing import NamedTuple
def a(): ...
class P(NamedTuple):
    f: object
    g: int
x, y = P(a, 1)
x()  # -> a
P(a, 1)[0]()  # -> a
=== dataclass classvar
from typing import ClassVar
import dataclasses
def a(): ...
@dataclasses.dataclass
class C:
    x: ClassVar[int]
    f: object
C(a).f()  # -> a
=== dataclass init false
import dataclasses
def a(): ...
@dataclasses.dataclass
class C:
    x: list = dataclasses.field(init=False)
    f: object = None
C(a).f()  # -> a
=== dataclass kw_only marker
import dataclasses
def a(): ...
@dataclasses.dataclass
class C:
    x: int
    _: dataclasses.KW_ONLY
    f: object = None
C(1, f=a).f()  # -> a
=== dataclass replace
import dataclasses
def a(): ...
@dataclasses.dataclass
class C:
    f: object
dataclasses.replace(C(1), f=a).f()  # -> a
=== property of annotated
import requests
class C:
    @property
    def s(self) -> requests.Session: ...
def f(c: C):
    c.s.get('u')  # -> requests.Session.get
=== property function form
import requests
class C:
    def _s(self): return requests.Session()
    s = property(_s)
C().s.get('u')  # -> requests.Session.get
=== property inherited
import requests
class B:
    @property
    def s(self): return requests.Session()
class C(B): ...
C().s.get('u')  # -> requests.Session.get
=== property super
import requests
class B:
    @property
    def s(self): return requests.Session()
class C(B):
    @property
    def s(self): return super().s
C().s.get('u')  # -> requests.Session.get
=== context manager class returning self
class C:
    def __enter__(self): return self
    def __exit__(self, *a): ...
    def m(self): ...
with C() as c:
    c.m()  # -> C.m
=== context manager without enter known
import other
with other.x() as y:
    y.m()  # -> ?
=== contextmanager tuple
import contextlib, requests
@contextlib.contextmanager
def both():
    yield requests.Session(), {}
with both() as (s, d):
    s.get('u')  # -> requests.Session.get
    d.get('u')  # -> builtins.dict.get
=== exit stack
import contextlib, requests
with contextlib.ExitStack() as stack:
    s = stack.enter_context(requests.Session())
    s.get('u')  # -> requests.Session.get
=== closing
import contextlib, requests
with contextlib.closing(requests.Session()) as s:
    s.get('u')  # -> requests.Session.get
=== new method
class C:
    def __new__(cls): return super().__new__(cls)
    def m(self): ...
C().m()  # -> C.m
=== abstract
import abc
class B(abc.ABC):
    @abc.abstractmethod
    def m(self): ...
class C(B):
    def m(self): ...
def f(b: B):
    b.m()  # -> B.m, C.m
=== generic class attr
from typing import Generic, TypeVar
import requests
T = TypeVar('T')
class Box(Generic[T]):
    def __init__(self, x: T): self.x = x
Box(requests.Session()).x.get('u')  # -> requests.Session.get
=== enum member
import enum
def a(): ...
class E(enum.Enum):
    A = 'a'
    def m(self): ...
E.A.m()  # -> E.m
E('a').m()  # -> E.m
=== typed dict
from typing import TypedDict
import requests
class D(TypedDict):
    s: requests.Session
def f(d: D):
    d['s'].get('u')  # -> requests.Session.get
"""
)


@pytest.mark.parametrize("name", CASES)
def test_classes(name: str) -> None:
    check(CASES[name])
