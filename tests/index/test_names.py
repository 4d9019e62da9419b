"""Imports, scopes, shadowing: what a name stands for."""

from __future__ import annotations

import pytest
from index_cases import check, sections

CASES = sections(
    """
=== plain import
import requests
requests.get('u')  # -> requests.get
=== import alias
import requests as r
r.get('u')  # -> requests.get
=== from import
from requests import get
get('u')  # -> requests.get
=== from import alias
from requests import get as fetch
fetch('u')  # -> requests.get
=== catalogue alias
from requests.api import get
get('u')  # -> requests.get
=== alias of a class
import requests
requests.session()  # -> requests.Session
=== rebound module name
import requests
x = requests
x.get('u')  # -> requests.get
=== import in function
def f():
    import requests
    requests.get('u')  # -> requests.get
=== import in function is local
def f():
    import requests
def g():
    requests.get('u')  # -> ?
=== try import
try:
    import requests
except ImportError:
    requests = None
requests.get('u')  # -> requests.get
=== try import fallback
try:
    from requests import get
except ImportError:
    from fallback import get
get('u')  # -> requests.get, fallback.get
## fallback.py
def get(u): ...
=== type checking
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import requests
def f(s: "requests.Session"):
    s.get('u')  # -> requests.Session.get
=== conditional import
import sys
if sys.version_info > (3,):
    import requests as r
else:
    import other as r
r.get('u')  # -> requests.get, other.get
=== project module
import helper
helper.f()  # -> helper.f
## helper.py
def f(): ...
=== re-export
from pkg import f
f()  # -> pkg.inner.f
## pkg/__init__.py
from .inner import f
## pkg/inner.py
def f(): ...
=== re-export twice renamed
import pkg
pkg.g()  # -> pkg.a.b.f
## pkg/__init__.py
from pkg.a import h as g
## pkg/a/__init__.py
from .b import f as h
## pkg/a/b.py
def f(): ...
=== relative up
import pkg.sub.mod
## pkg/__init__.py
## pkg/util.py
def f(): ...
## pkg/sub/__init__.py
## pkg/sub/mod.py
from ..util import f
from .. import util
f()  # -> pkg.util.f
util.f()  # -> pkg.util.f
=== submodule attribute
import pkg.mod
pkg.mod.f()  # -> pkg.mod.f
## pkg/__init__.py
## pkg/mod.py
def f(): ...
=== namespace package
import ns.mod
ns.mod.f()  # -> ns.mod.f
## ns/mod.py
def f(): ...
=== src layout
from pkg import f
## src/pkg/__init__.py
def f(): ...
## src/pkg/other.py
from pkg import f
f()  # -> pkg.f
=== script beside
## tools/run.py
import helper
helper.f()  # -> tools.helper.f
## tools/helper.py
def f(): ...
=== star import
from lib import *
f()  # -> lib.f
_g()  # -> ?
## lib.py
def f(): ...
def _g(): ...
=== star import with all
from lib import *
f()  # -> ?
_g()  # -> lib._g
## lib.py
__all__ = ['_g']
def f(): ...
def _g(): ...
=== star of a star
from a import *
f()  # -> b.f
## a.py
from b import *
## b.py
def f(): ...
=== star of requests
from requests import *
get('u')  # -> requests.get
=== external star shadowed
from other import *
def f():
    get('u')  # -> other.get
    requests.get('u')  # -> other.requests.get
=== external star may rebind import
import requests
from other import *
requests.get('u')  # -> requests.get, other.requests.get
=== external star then own
from other import *
import requests
requests.get('u')  # -> requests.get
=== external star in function global read
import requests
from other import *
def f():
    requests.get('u')  # -> requests.get, other.requests.get
=== star of a library of Python brings what it has
import requests
from os.path import *
requests.get('u')  # -> requests.get
join('a', 'b')  # -> os.path.join
=== star of a library of Python may rebind
from requests import get as exists
from os.path import *
exists('u')  # -> requests.get, os.path.exists
=== external star through a module of ours
import requests
from lib import *
requests.get('u')  # -> requests.get, other.requests.get
## lib.py
from other import *
=== external star through a module with __all__
import requests
from lib import *
requests.get('u')  # -> requests.get
## lib.py
from other import *
__all__ = ['thing']
=== own def after star
from lib import *
def f(): ...
f()  # -> f
## lib.py
def f(): ...
=== import cycle
from a import f
f()  # -> b.f
## a.py
from b import f
import main
## b.py
from a import missing
def f(): ...
=== local module shadows library
import requests
requests.get('u')  # -> requests.get
## requests.py
def get(u): ...
=== package module does not shadow
import pkg.user
## pkg/__init__.py
## pkg/requests.py
def get(u): ...
## pkg/user.py
import requests
from . import requests as own
requests.get('u')  # -> requests.get
own.get('u')  # -> pkg.requests.get
=== function shadows import
from requests import get
def get(u): ...
get('u')  # -> get
=== import after def wins
def get(u): ...
from requests import get
get('u')  # -> requests.get
=== parameter shadows module
import requests
def f(requests):
    requests.get('u')  # -> ?
=== parameter given another
import requests
class R:
    def get(self): ...
def f(requests):
    requests.get()  # -> R.get
f(R())
=== local shadows module
import requests
def f():
    requests = {}
    requests.get('u')  # -> builtins.dict.get
=== local assigned later
import requests
def f():
    requests.get('u')  # -> ?
    requests = 1
=== loop variable shadows
import requests
def f(xs):
    for requests in [{}]:
        requests.get(1)  # -> builtins.dict.get
=== comprehension shadows
import requests
x = [
    requests.get(1)  # -> builtins.dict.get
    for requests in [{}]]
requests.get('u')  # -> requests.get
=== with target shadows
import requests
def g():
    with requests.Session() as requests_:
        requests_.get('u')  # -> requests.Session.get
=== except name shadows
import requests
def f():
    try: pass
    except ValueError as requests:
        requests.get('u')  # -> builtins.ValueError.get
=== class attribute is not a global
import requests
class C:
    requests = {}
    def f(self):
        requests.get('u')  # -> requests.get
=== class scope sees itself
class C:
    def f(): ...
    x = f()  # -> C.f
=== global statement
import requests
def setup():
    global client
    client = requests.Session()
def use():
    client.get('u')  # -> requests.Session.get
=== global rebinding seen
client = None
def setup():
    global client
    client = {}
def use():
    client.get('u')  # -> builtins.dict.get
=== nonlocal
def a(): ...
def b(): ...
def f():
    x = a
    def g():
        nonlocal x
        x = b
    g()
    x()  # -> a, b
=== closure
def a(): ...
def f():
    x = a
    def g():
        x()  # -> a
    return g
=== closure sees later binding
def a(): ...
def b(): ...
def f():
    x = a
    g = lambda: (
        x())  # -> a, b
    x = b
    return g
=== walrus
import requests
def f():
    if (s := requests.Session()):
        s.get('u')  # -> requests.Session.get
=== walrus in comprehension
import requests
def f():
    [s := requests.Session() for _ in 'ab']
    s.get('u')  # -> requests.Session.get
=== del
def a(): ...
def f():
    x = a
    del x
    x()  # -> ?
=== flow of rebinding
import requests
def f(u):
    r = requests.get(u)
    r.json()  # -> requests.Response.json
    r = {}
    r.get(1)  # -> builtins.dict.get
=== join after if
def a(): ...
def b(): ...
def f(c):
    x = a
    if c:
        x = b
        x()  # -> b
    x()  # -> a, b
=== branch that returns
def a(): ...
def b(): ...
def f(c):
    x = a
    if c:
        x = b
        return
    x()  # -> a
=== loop carries
def a(): ...
def b(): ...
def f():
    x = a
    for _ in 'ab':
        x()  # -> a, b
        x = b
=== break and else
def a(): ...
def b(): ...
def f():
    for _ in 'ab':
        x = a
        break
    else:
        x = b
    x()  # -> a, b
=== try partial
def a(): ...
def b(): ...
def f():
    x = a
    try:
        x = b
        raise ValueError
    except ValueError:
        x()  # -> a, b
=== finally
def a(): ...
def b(): ...
def f():
    x = a
    try:
        x = b
    finally:
        x()  # -> a, b
    x()  # -> b
=== match
def a(): ...
def f(v):
    match {'k': a}:
        case {'k': g}:
            g()  # -> a
        case [h, *_]:
            h()  # -> ?
=== match class
import requests
def f(v):
    match v:
        case requests.Session() as s:
            s.get('u')  # -> requests.Session.get
=== match class by position
class C:
    __match_args__ = ('a', 'n')
    def a(self): ...
def f(v: C | str):
    match v:
        case C(g, n):
            g()  # -> C.a
        case str(s):
            s.upper()  # -> builtins.str.upper
=== modules by name
import sys
def a(): ...
sys.modules[__name__].a()  # -> a
sys.modules['elsewhere'].a()  # -> ?
=== shadowed builtin
def len(x): ...
len('a')  # -> len
=== builtin
len('a')  # -> builtins.len
=== undefined
nowhere()  # -> ?
=== string is not code
x = 'requests'
x.get('u')  # -> ?
=== attribute named like a library
class C:
    requests = {}
c = C()
c.requests.get('u')  # -> builtins.dict.get
=== unicode columns
é = 'ü'; len(é)  # -> builtins.len
"""
)


@pytest.mark.parametrize("name", CASES)
def test_names(name: str) -> None:
    check(CASES[name])
