"""Programs in which ``requests`` (or a name of it) is the library, whatever stands around: see shadowing_cases."""

from __future__ import annotations

CASES = """
=== plain
import requests
def f(): return requests.get("u")  # SITE
f()
=== import as
import requests as r
def f(): return r.get("u")  # SITE
f()
=== from import as
from requests import get as g
def f(): return g("u")  # SITE
f()
=== import inside a function
def f():
    import requests
    return requests.get("u")  # SITE
f()
=== submodule
import requests.api
def f(): return requests.api.get("u")  # SITE
f()
=== from submodule
from requests.api import get
def f(): return get("u")  # SITE
f()
=== reexported by a module of ours
from compat import requests
def f(): return requests.get("u")  # SITE
f()
## compat.py
import requests
=== through a star import
from compat import *
def f(): return requests.get("u")  # SITE
f()
## compat.py
import requests
=== module alias variable
import requests
http = requests
def f(): return http.get("u")  # SITE
f()
=== parameter of that name elsewhere
import requests
def other(requests): return requests
def f(): return requests.get("u")  # SITE
f()
other(1)
=== local of that name in a sibling
import requests
def other():
    requests = {}
    return requests
def f(): return requests.get("u")  # SITE
f()
other()
=== comprehension variable does not leak
import requests
names = [requests for requests in (1, 2)]
def f(): return requests.get("u")  # SITE
f()
=== class attribute does not shadow in methods
import requests
class A:
    requests = {}
    def f(self): return requests.get("u")  # SITE
A().f()
=== attribute of that name on an object
import requests
class A: pass
a = A()
a.requests = {}
def f(): return requests.get("u")  # SITE
f()
=== annotation only
import requests
def f():
    r: requests.Response = requests.get("u")  # SITE
    return r
f()
=== bound again to the same
import requests
import requests
def f(): return requests.get("u")  # SITE
f()
=== under TYPE_CHECKING too
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import requests
import requests
def f(): return requests.get("u")  # SITE
f()
=== read by global
import requests
def f():
    global requests
    return requests.get("u")  # SITE
f()
=== dict key of that name
import requests
table = {"requests": {}}
def f(): return requests.get("u")  # SITE
f()
=== keyword argument of that name
import requests
def other(**k): return k
def f(): return requests.get("u")  # SITE
other(requests={})
f()
=== session
import requests
def f():
    with requests.Session() as s:
        return s.get("u")  # SITE
f()
=== session through a helper
import requests
def make(): return requests.Session()
def f():
    s = make()
    return s.get("u")  # SITE
f()
=== session in an attribute
import requests
class C:
    def __init__(self): self.s = requests.Session()
    def f(self): return self.s.get("u")  # SITE
C().f()
=== a script in another folder does not shadow
import requests
def f(): return requests.get("u")  # SITE
f()
## examples/requests.py
print("an example")
"""
