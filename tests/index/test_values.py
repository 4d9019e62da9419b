"""Values through assignments, returns, modules."""

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
=== return
import requests
def make(): return requests.Session()
make().get('u')  # -> requests.Session.get
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
=== swap
def a(): ...
def b(): ...
x, y = a, b
x, y = y, x
x()  # -> b
=== future result
import requests
from concurrent.futures import ThreadPoolExecutor, as_completed
def job(u): return requests.get(u)
pool = ThreadPoolExecutor()
fs = {pool.submit(job, u): u for u in 'ab'}
for f in as_completed(fs):
    f.result().json()  # -> requests.Response.json
=== unknown external result
import other
other.make().get('u')  # -> ?
=== not a session
import requests
class Session:
    def get(self, u): ...
Session().get('u')  # -> Session.get
=== recursion ends
def f(x):
    return [f([x])]
f(1)  # -> f
=== weak proxy of global in other module
import conf
conf.s.get('u')  # -> requests.Session.get
## conf.py
import requests
s = None
def init():
    global s
    s = requests.Session()
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
