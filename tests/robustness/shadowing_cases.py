"""Programs in which ``requests`` (or a name of it) is, or is not, the library, as seen by a whole scan.

``=== name`` starts a case, ``## path.py`` another file of it; the text before the first such line is ``main.py``. A
line with ``# SITE`` must be a rewritten call of requests (verdict exact or review), one with ``# NOT`` must not be.
"""

from __future__ import annotations

CASES = """
=== local module requests.py beside the script
import requests
print(requests.get("u"))  # NOT
## requests.py
def get(url): return url
=== local package requests
import requests
print(requests.get("u"))  # NOT
## requests/__init__.py
from .api import get
## requests/api.py
def get(url): return url
=== member of a local package
from shop import requests
print(requests.get("u"))  # NOT
## shop/__init__.py
## shop/requests.py
def get(url): return url
=== relative import of a module of that name
from . import requests
def f(): return requests.get("u")  # NOT
## __init__.py
## requests.py
def get(url): return url
=== parameter
import requests
def f(requests): return requests.get("u")  # NOT
f({})
=== keyword-only parameter
import requests
def f(*, requests=None): return requests.get("u")  # NOT
f(requests={})
=== star parameter
import requests
def f(**requests): return requests.get("u")  # NOT
f(a=1)
=== lambda parameter
import requests
f = lambda requests: requests.get("u")  # NOT
f({})
=== local variable
import requests
def f():
    requests = {}
    return requests.get("u")  # NOT
f()
=== local bound later
import requests
def f():
    requests.get("u")  # NOT
    requests = {}
=== rebound at module level
import requests
requests = {"u": 1}
print(requests.get("u"))  # NOT
=== rebound by a class
import requests
class requests:
    @staticmethod
    def get(url): return url
print(requests.get("u"))  # NOT
=== rebound by a function
import requests
def requests(): return {}
print(requests().get("u"))  # NOT
=== rebound by for
import requests
for requests in ({}, {"u": 1}):
    print(requests.get("u"))  # NOT
=== rebound by with
import requests, contextlib
with contextlib.nullcontext({}) as requests:
    print(requests.get("u"))  # NOT
=== rebound by except
import requests
class E(Exception):
    def get(self, u): return u
try:
    raise E
except E as requests:
    print(requests.get("u"))  # NOT
=== rebound by assignment expression
import requests
if (requests := {"u": 1}):
    print(requests.get("u"))  # NOT
=== rebound by unpacking
import requests
requests, other = {}, {}
print(requests.get("u"))  # NOT
=== comprehension variable
import requests
print([requests.get("u") for requests in ({}, {})])  # NOT
=== generator expression variable
import requests
print(list(requests.get("u") for requests in ({}, {})))  # NOT
=== match capture
import requests
match {"u": 1}:
    case requests:
        print(requests.get("u"))  # NOT
=== deleted and rebound
import requests
del requests
requests = {}
print(requests.get("u"))  # NOT
=== global rebinds
import requests
def f():
    global requests
    requests = {}
def g():
    return requests.get("u")  # NOT
f()
g()
=== nonlocal rebinds
import requests
def f():
    requests = {}
    def g():
        nonlocal requests
        requests = {"u": 1}
        return requests.get("u")  # NOT
    return g()
f()
=== conditional import with a fallback object
try:
    import requests
except ImportError:
    class requests:
        @staticmethod
        def get(url): return url
def f(): return requests.get("u")  # NOT
f()
=== one of two modules
import sys
if len(sys.argv) > 1:
    import requests
else:
    import fake as requests
def f(): return requests.get("u")  # NOT
f()
## fake.py
def get(url): return url
=== import of something else under the name
import json as requests
def f(): return requests.get("u")  # NOT
f()
=== attribute of an object
import requests
class A:
    def __init__(self): self.requests = {}
    def f(self): return self.requests.get("u")  # NOT
A().f()
=== class attribute of that name
class A:
    requests = {}
    def f(self): return self.requests.get("u")  # NOT
A().f()
=== function of that name
def get(url): return url
print(get("u"))  # NOT
=== method of that name
class Client:
    def get(self, url): return url
print(Client().get("u"))  # NOT
=== name imported and rebound
from requests import get
get = {}.get
print(get("u"))  # NOT
=== name imported and shadowed by a parameter
from requests import get
def f(get): return get("u")  # NOT
f(str)
=== name imported from a module of ours
from helpers import get
print(get("u"))  # NOT
## helpers.py
def get(url): return url
=== star import overrides
import requests
from helpers import *
def f(): return requests.get("u")  # NOT
f()
## helpers.py
requests = {"u": 1}
=== star import of a function overrides
from requests import get
from helpers import *
def f(): return get("u")  # NOT
f()
## helpers.py
def get(url): return url
=== set from outside
import requests
def f(): return requests.get("u")  # NOT
## other.py
import main
main.requests = {}
=== plain dict
config = {"u": 1}
print(config.get("u"))  # NOT
=== os.environ
import os
print(os.environ.get("u"))  # NOT
=== other library
import httpx
print(httpx.get("u"))  # NOT
=== string
text = "requests.get('u')"
print(text)  # NOT
=== class that looks like a session
class Session:
    def get(self, url): return url
s = Session()
print(s.get("u"))  # NOT
=== session rebound
import requests
def f():
    s = requests.Session()
    s = {}
    return s.get("u")  # NOT
f()
=== getattr with a computed name
import requests, sys
def f(): return getattr(requests, sys.argv[1])("u")  # NOT
f()
=== monkeypatched attribute
import requests
requests.get = lambda url: url
def f(): return requests.get("u")  # NOT
f()
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
