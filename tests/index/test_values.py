"""Values through assignments, containers, classes, callbacks."""

from __future__ import annotations

import pytest
from index_cases import check, sections

CASES = sections(
    """
=== constructor
import requests
s = requests.Session()
s.get('u')  # -> requests.Session.get
=== with
import requests
with requests.Session() as s:
    s.get('u')  # -> requests.Session.get
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
=== attribute set in base
import requests
class B:
    def __init__(self):
        self.s = requests.Session()
class C(B):
    def f(self):
        self.s.get('u')  # -> requests.Session.get
=== attribute set in subclass
import requests
class B:
    def f(self):
        self.s.get('u')  # -> requests.Session.get
class C(B):
    def __init__(self):
        self.s = requests.Session()
=== sibling attributes do not mix
import requests
class B: ...
class C(B):
    def __init__(self): self.s = requests.Session()
    def f(self):
        self.s.get('u')  # -> requests.Session.get
class D(B):
    def __init__(self): self.s = {}
    def f(self):
        self.s.get('u')  # -> builtins.dict.get
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
=== what callers pass
import requests
def f(s):
    s.get('u')  # -> requests.Session.get
f(requests.Session())
=== keyword argument
import requests
def f(a, *, s):
    s.get('u')  # -> requests.Session.get
f(1, s=requests.Session())
=== star arguments
def a(): ...
def f(*fs):
    fs[0]()  # -> a
f(a)
=== star call
def a(): ...
def b(): ...
def f(x, y):
    x()  # -> a
    y()  # -> b
f(*(a, b))
=== double star
def a(): ...
def f(**k):
    g(**k)
def g(x=None, y=None):
    y()  # -> a
f(y=a)
=== default
def a(): ...
def f(x=a):
    x()  # -> a
=== return
import requests
def make(): return requests.Session()
make().get('u')  # -> requests.Session.get
=== return annotation
import requests, other
def make() -> requests.Session: return other.x()
s = make()
s.get('u')  # -> requests.Session.get, ?
=== yield
def a(): ...
def gen():
    yield a
for x in gen():
    x()  # -> a
=== yield from
def a(): ...
def gen():
    yield a
def outer():
    yield from gen()
for x in outer():
    x()  # -> a
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
=== tuple unpacking
def a(): ...
def b(): ...
def f(): return a, b
x, y = f()
x()  # -> a
y()  # -> b
=== swap
def a(): ...
def b(): ...
x, y = a, b
x, y = y, x
x()  # -> b
=== star unpacking
def a(): ...
def b(): ...
x, *y = (a, b)
x()  # -> a
y[0]()  # -> a, b
=== append
def a(): ...
fs = []
fs.append(a)
for f in fs:
    f()  # -> a
=== extend
def a(): ...
fs = []
fs.extend([a])
fs[0]()  # -> a
=== augmented list
def a(): ...
fs = []
fs += [a]
fs[0]()  # -> a
=== set add
def a(): ...
fs = set()
fs.add(a)
for f in fs:
    f()  # -> a
=== dict store
def a(): ...
d = {}
d['x'] = a
d['x']()  # -> a
d['y']()  # -> ?
=== dispatch table
def a(): ...
def b(): ...
T = {'a': a, 'b': b}
def f(k):
    T[k]()  # -> a, b
T['a']()  # -> a
T.get('b')()  # -> b
=== dispatch by known key
def a(): ...
def b(): ...
T = {'a': a, 'b': b}
def f(k):
    T[k]()  # -> a
f('a')
=== setdefault
def a(): ...
d = {}
d.setdefault('k', []).append(a)
for f in d['k']:
    f()  # -> a
=== defaultdict
from collections import defaultdict
def a(): ...
d = defaultdict(list)
d[1].append(a)
for f in d[1]:
    f()  # -> a
=== comprehension
import requests
ss = [requests.Session() for _ in 'ab']
ss[0].get('u')  # -> requests.Session.get
=== dict comprehension
import requests
ss = {k: requests.Session() for k in 'ab'}
for s in ss.values():
    s.get('u')  # -> requests.Session.get
=== zip
def a(): ...
for f, x in zip([a], [1]):
    f()  # -> a
=== enumerate
def a(): ...
for i, f in enumerate([a]):
    f()  # -> a
=== sorted of reversed
def a(): ...
for f in sorted(reversed(list([a]))):
    f()  # -> a
=== next iter
def a(): ...
next(iter([a]))()  # -> a
=== map
import requests
for r in map(requests.get, ['u']):
    r.json()  # -> requests.Response.json
=== external attribute list
import requests
for r in requests.get('u').history:
    r.json()  # -> requests.Response.json
=== partial
import functools
def f(a, b):
    a()  # -> x
    b()  # -> y
def x(): ...
def y(): ...
functools.partial(f, x)(y)  # -> f
=== own decorator
import functools
def deco(fn):
    @functools.wraps(fn)
    def inner(*a):
        return fn(*a)  # -> f
    return inner
@deco
def f(): ...
f()  # -> deco.<locals>.inner
=== decorator with arguments
def deco(n):
    def wrap(fn):
        def inner():
            fn()  # -> f
        return inner
    return wrap
@deco(3)
def f(): ...
f()  # -> deco.<locals>.wrap.<locals>.inner
=== external decorator
import click
@click.command()
def f(): ...
f()  # -> f, ?
=== lru_cache
import functools
@functools.lru_cache(maxsize=None)
def f(): ...
f()  # -> f
=== getattr
import requests
getattr(requests, 'get')('u')  # -> requests.get
=== getattr computed
import requests
def f(n):
    getattr(requests, n + 'x')('u')  # -> ?
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
=== lambda
import requests
f = lambda s: (
    s.get('u'))  # -> requests.Session.get
f(requests.Session())
=== submit passes arguments
import requests
from concurrent.futures import ThreadPoolExecutor
def job(s):
    s.get('u')  # -> requests.Session.get
with ThreadPoolExecutor() as pool:
    pool.submit(job, requests.Session())  # -> concurrent.futures.ThreadPoolExecutor.submit
=== future result
import requests
from concurrent.futures import ThreadPoolExecutor, as_completed
def job(u): return requests.get(u)
pool = ThreadPoolExecutor()
fs = {pool.submit(job, u): u for u in 'ab'}
for f in as_completed(fs):
    f.result().json()  # -> requests.Response.json
=== queue
import queue
def a(): ...
q = queue.Queue()
q.put(a)
q.get()()  # -> a
=== two queues
import queue
def a(): ...
def b(): ...
p = queue.Queue(); q = queue.Queue()
p.put(a)
q.put(b)
q.get()()  # -> b
=== unknown external result
import other
other.make().get('u')  # -> ?
=== not a session
import requests
class Session:
    def get(self, u): ...
Session().get('u')  # -> Session.get
=== dict named session
session = dict(get=1)
session.get('u')  # -> builtins.dict.get
=== slice
def a(): ...
def b(): ...
[a, b][1:][0]()  # -> b
=== isinstance
import requests
def f(s):
    if isinstance(s, requests.Session):
        s.get('u')  # -> requests.Session.get
    s.get('u')  # -> ?
=== recursion ends
def f(x):
    return [f([x])]
f(1)  # -> f
=== self-holding list
l = []
l.append(l)
l[0].append(1)  # -> builtins.list.append
=== deep attribute loop ends
import other
x = other
while True:
    x = x.parent
    x.run()  # -> other.parent.run, other.parent.parent.run, other.parent.parent.parent.run, ?
"""
)


@pytest.mark.parametrize("name", CASES)
def test_values(name: str) -> None:
    check(CASES[name])
