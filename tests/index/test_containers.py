"""Values through containers: lists, tuples, mappings, iteration, unpacking."""

from __future__ import annotations

import pytest
from index_cases import check, sections

CASES = sections(
    """
=== attribute set in base
import requests
class B:
    def __init__(self):
        self.s = requests.Session()
class C(B):
    def f(self):
        self.s.get('u')  # -> requests.Session.get
=== tuple unpacking
def a(): ...
def b(): ...
def f(): return a, b
x, y = f()
x()  # -> a
y()  # -> b
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
=== dict named session
session = dict(get=1)
session.get('u')  # -> builtins.dict.get
=== slice
def a(): ...
def b(): ...
[a, b][1:][0]()  # -> b
=== key that was just set
def a(): ...
def b(): ...
d = {'k': a}
d['k'] = b
d['k']()  # -> b
d['k']()  # -> a, b
=== keys that were just updated
def a(): ...
def b(): ...
d = {'k': a, 'l': a}
d.update({'k': b, 'l': b})
d['k']()  # -> b
=== key set, then a call between
def a(): ...
def b(): ...
def other(): d['k'] = a
d = {'k': a}
d['k'] = b
other()
d['k']()  # -> a, b
=== key set in a branch
def a(): ...
def b(): ...
def f(c):
    d = {'k': a}
    if c:
        d['k'] = b
    d['k']()  # -> a, b
=== key set before a loop that sets it
def a(): ...
def b(): ...
def f():
    d = {}
    d['k'] = a
    for _ in 'xy':
        d['k']()  # -> a, b
        d['k'] = b
=== key set at the end of another function
def a(): ...
def b(): ...
d = {}
def f():
    d['k'] = a
def g():
    d['k']()  # -> a, b
def h():
    d['k'] = b
=== key set through another name
def a(): ...
def b(): ...
def f(d, e):
    d['k'] = a
    e['k'] = b
    d['k']()  # -> a, b
g = {}
f(g, g)
=== key set, then computed keys
def a(): ...
def b(): ...
def f(k):
    d = {}
    d['k'] = a
    d[k] = b
    d['k']()  # -> a, b
=== key set while a comprehension runs
def a():
    d['k'] = b
def b(): ...
d = {}
d['k'] = a
[
    d['k']()  # -> a, b
    for _ in 'xy']
=== module attribute set from outside
import conf, requests
conf.s = requests.Session()
def f():
    conf.s.get('u')  # -> requests.Session.get
## conf.py
s = None
=== module attribute not there, set from outside
import conf, requests
conf.s = requests.Session()
def f():
    conf.s.get('u')  # -> requests.Session.get, ?
## conf.py
"""
)


@pytest.mark.parametrize("name", CASES)
def test_containers(name: str) -> None:
    check(CASES[name])
