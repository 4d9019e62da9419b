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
import treq
print(treq.get("u"))  # NOT
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
=== deleted and not bound again
import requests
del requests
try:
    print(requests.get("u"))  # NOT
except NameError:
    pass
=== deleted in a function
def f():
    import requests
    del requests
    return requests.get("u")  # NOT
=== import kept from another scope
def f():
    import requests
    return requests
def g():
    return requests.get("u")  # NOT
=== class scope is not seen by a comprehension
class C:
    import requests
    found = [requests.get("u") for _ in "a"]  # NOT
=== name of a class body in a method
class C:
    import requests
    def f(self):
        return requests.get("u")  # NOT
C().f()
=== parameter of the enclosing function
import requests
def outer(requests):
    def inner():
        return requests.get("u")  # NOT
    return inner()
outer({})
=== variable of the enclosing function, bound later
import requests
def outer():
    def inner():
        return requests.get("u")  # NOT
    requests = {}
    return inner()
outer()
=== default keeps the value of its time
import requests
def f(requests=requests):
    return requests.get("u")  # NOT
requests = {}
f({})
=== assignment expression in a comprehension
import requests
[(requests := {}) for _ in "a"]
print(requests.get("u"))  # NOT
=== match pattern with a star
import requests
match [1, {}]:
    case [_, *requests]:
        print(requests[0].get("u"))  # NOT
=== match pattern of a mapping
import requests
match {"a": {}}:
    case {"a": requests}:
        print(requests.get("u"))  # NOT
=== match pattern of a class
import requests
class Box:
    __match_args__ = ("inner",)
    inner = {}
match Box():
    case Box(inner=requests):
        print(requests.get("u"))  # NOT
=== bound by a type alias of the same name
import requests.exceptions as requests
print(requests.get("u"))  # NOT
=== script beside a package of the same name
import shop.main
## requests.py
def get(url): return url
## shop/__init__.py
## shop/main.py
import requests
def f(): return requests.get("u")  # NOT
=== not in __all__
from shop import *
print(requests.get("u"))  # NOT
## shop.py
__all__ = ["f"]
import requests
def f(): ...
=== private name and a star
from shop import *
print(_requests.get("u"))  # NOT
## shop.py
import requests as _requests
=== star import of an unknown library
import requests
from toolbox import *
print(requests.get("u"))  # NOT
=== star import of an unknown library, and an import that may fail
from toolbox import *
try:
    import requests
except ImportError:
    pass
def f(): return requests.get("u")  # NOT
f()
=== star import of an unknown library through ours
from requests import get
from shop import *
print(get("u"))  # NOT
## shop.py
from toolbox import *
=== fallback to None
try:
    import requests
except ImportError:
    requests = None
def f():
    if requests is None:
        return None
    return requests.get("u")  # SITE
=== set by globals
import requests
globals()["requests"] = {}
def f():
    return requests.get("u")  # NOT
=== vendored copy
from vendor import requests
print(requests.get("u"))  # NOT
## vendor/__init__.py
## vendor/requests/__init__.py
from .api import get
## vendor/requests/api.py
def get(url): return url
=== type checking import, another one at run time
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import requests
else:
    requests = {}
def f():
    return requests.get("u")  # NOT
=== in __all__ of a module of ours
from shop import *
print(requests.get("u"))  # SITE
## shop.py
__all__ = ["requests"]
import requests
def f(): ...
=== star import of a library of Python
from os.path import *
import requests
print(requests.get("u"))  # SITE
=== star import of a library of Python behind
import requests
from os.path import *
print(requests.get("u"))  # SITE
=== keyword pattern does not bind
import requests
match {"a": 1}:
    case {"a": int()}:
        print(requests.get("u"))  # SITE
=== parameter of a lambda elsewhere
import requests
f = lambda requests: requests
print(requests.get("u"))  # SITE
=== namespace package of ours beside
import requests
import tools.requests
print(requests.get("u"))  # SITE
## tools/requests.py
def get(url): return url
"""
