"""Values through arguments: by position and keyword, unpacked, through decorators, partials and callbacks."""

from __future__ import annotations

import pytest
from index_cases import check, sections

CASES = sections(
    """
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
=== setdefault
def a(): ...
d = {}
d.setdefault('k', []).append(a)
for f in d['k']:
    f()  # -> a
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
=== kwargs pop
import requests
class C:
    def __init__(self, **kw):
        self.s = kw.pop('session', None) or requests.Session()
    def f(self):
        self.s.get('u')  # -> requests.Session.get
C(session=requests.Session())
=== kwargs unknown
import other
def f(s=None):
    s.get('u')  # -> ?
f(**other.x())
=== kwargs partly unknown
import other, requests
def f(s=None):
    s.get('u')  # -> requests.Session.get, ?
f(requests.Session())
f(**other.x())
=== args unknown
import other, requests
def f(s=None):
    s.get('u')  # -> requests.Session.get, ?
f(requests.Session())
f(*other.x())
=== kwargs loose
import requests
def f(s=None):
    s.get('u')  # -> requests.Session.get
def g(k):
    d = {}
    d[k] = requests.Session()
    f(**d)
=== kwargs merge
import requests
def f(s=None, t=None):
    s.get('u')  # -> requests.Session.get
    t.get('u')  # -> builtins.dict.get
def g(**kw):
    f(**{**kw, 't': {}})
g(s=requests.Session())
=== kwargs setdefault
import requests
def f(s=None):
    s.get('u')  # -> requests.Session.get
def g(**kw):
    kw.setdefault('s', requests.Session())
    f(**kw)
g()
=== kwargs update
import requests
def f(s=None):
    s.get('u')  # -> requests.Session.get
def g(**kw):
    kw.update(s=requests.Session())
    f(**kw)
g()
=== kwargs dict()
import requests
def f(s=None):
    s.get('u')  # -> requests.Session.get
def g(**kw):
    f(**dict(kw, s=requests.Session()))
g()
=== kwargs or
import requests
def f(s=None):
    s.get('u')  # -> requests.Session.get
def g(**kw):
    f(**(kw | {'s': requests.Session()}))
g()
=== kwargs comprehension
import requests
def f(s=None):
    s.get('u')  # -> requests.Session.get
def g(**kw):
    f(**{k: v for k, v in kw.items()})
g(s=requests.Session())
=== args slice
import requests
def f(s=None):
    s.get('u')  # -> requests.Session.get
def g(*a):
    f(*a[1:])
g(1, requests.Session())
=== args through init and super
import requests
class A:
    def __init__(self, s): self.s = s
    def f(self):
        self.s.get('u')  # -> requests.Session.get
class B(A):
    def __init__(self, *a, **k): super().__init__(*a, **k)
B(requests.Session())
B(s=requests.Session())
=== decorator class
import functools
class deco:
    def __init__(self, fn):
        functools.update_wrapper(self, fn)
        self.fn = fn
    def __call__(self, *a):
        return self.fn(*a)  # -> f
@deco
def f(): ...
f()  # -> deco.__call__
=== decorator class on method
import functools
class deco:
    def __init__(self, fn): self.fn = fn
    def __get__(self, obj, cls): return functools.partial(self.fn, obj)
class C:
    @deco
    def m(self): ...
C().m()  # -> C.m
=== decorator object with arguments
class retry:
    def __init__(self, n): ...
    def __call__(self, fn):
        def inner(*a): return fn(*a)
        return inner
@retry(3)
def f(): ...
f()  # -> retry.__call__.<locals>.inner
=== functools.partialmethod
import functools
class C:
    def m(self, x): ...
    n = functools.partialmethod(m, 1)
C().n()  # -> C.m
"""
)


@pytest.mark.parametrize("name", CASES)
def test_arguments(name: str) -> None:
    check(CASES[name])
