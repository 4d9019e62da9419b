"""Small trees before and after, with the code that must (or must not) be reported."""

# One case a line reads better than a case wrapped over four.

from __future__ import annotations

Case = tuple[str, bool, str, str]  # code, whether it must be found, before, after

_SYNC = """
def f(x=None):
    return 1
def g(x=None):
    return f(x)
"""

CASES: list[Case] = []


def _case(code: str, found: bool, after: str, before: str = _SYNC) -> None:
    texts = [t if "### " in t else f"### a.py\n{t}" for t in (before, after)]
    CASES.append((code, found, *(t.replace("\n    ### ", "\n### ") for t in texts)))  # type: ignore[arg-type]


def _body(code: str, found: bool, body: str, head: str = "", header: str = "async def g(x=None):") -> None:
    """A case around ``async def f``, used in the body of `g`."""
    lines = "\n".join("    " + line for line in body.strip("\n").split("\n"))
    _case(
        code,
        found,
        f"import asyncio\n{head}\nasync def f(x=None):\n    return await asyncio.sleep(0, 1)\n{header}\n{lines}\n",
    )


# --- does-not-compile -----------------------------------------------------------------------------------------
_case("does-not-compile", True, "def f(:\n    pass\n")
_case("does-not-compile", True, "def f():\n    return 1\ndef g():\n    await f()\n")
_case("does-not-compile", True, "async def f():\n    return 1\ndef g():\n    return [await f() for _ in 'a']\n")
_case("does-not-compile", True, "# -*- coding: no-such-codec -*-\ndef f():\n    pass\ndef g():\n    pass\n")
_case("does-not-compile", False, _SYNC + "assert (1, 'a SyntaxWarning is no error')\n")
_case("does-not-compile", False, "def f(:\n    pass  # broken already\n", "def f(:\n    pass\n")

# Which of several bindings of a name is read decides what is wrong.
_LINKS = (
    "class Plain:\n    def run(self):\n        return [1]\nclass Async:\n    async def run(self):\n        return [1]\n"
)
for _wrong in (
    "with Plain() as y:\n    print(y.run())\nwith Async() as y:\n    print(y.run()[0])",
    "y = Async()\nif x:\n    y = Plain()\nreturn y.run()[0]",
    "y = Plain()\nfor n in range(3):\n    y.run()[0]\n    y = Async()",
    "y = Plain()\ntry:\n    y = Async()\nfinally:\n    y.run()[0]",
    "for y in (Plain(), Async()):\n    y.run()[0]",
    "y = Plain()\nif y := Async():\n    y.run()[0]",
    "y = Plain()\ndef inner():\n    return y.run()[0]\ny = Async()\ninner()",
):
    _body("unawaited-coroutine", True, _wrong, _LINKS)
for _right in (
    "with Plain() as y:\n    print(y.run()[0])\nwith Async() as y:\n    print(await y.run())",
    "y = Plain()\nprint(y.run()[0])\ny = Async()\nreturn await y.run()",
    "y = Async()\nawait y.run()\nfor y in [Plain()]:\n    y.run()[0]",
    "if x:\n    y = Async()\n    await y.run()\nelse:\n    y = Plain()\n    y.run()[0]",
):
    _body("unawaited-coroutine", False, _right, _LINKS)

# --- unawaited-coroutine --------------------------------------------------------------------------------------
for _lost in (
    "f()",
    "if f():\n    pass",
    "while f():\n    break",
    "assert f()",
    "return bool(f() or 3)",
    "y = not f()\nreturn y",
    "return f'{f()}'",
    "print(f())",
    "return 1 if f() else 2",
    "return f() == 1",
    "return {}.get(f())",
    "return any([f(), f()])",
    "return [n for n in [1] if f(n)]",
    "y = f()",
    "y = f()\nprint(y)",
    "y = [f(n) for n in range(3)]\nprint(len(y))",
    "ys = []\nfor n in range(3):\n    ys.append(f(n))\nif ys:\n    print(ys)",
    "return f().text",
    "return f()['a']",
    "for n in f():\n    print(n)",
    "with f() as y:\n    print(y)",
    "async with f() as y:\n    print(y)",
    "y, z = f(), 2\nreturn z",
    "y, z = f()\nreturn await z",
    "d = {}\nd['a'] = f()\nprint(d)",
    "return sum(f(n) for n in range(3))",
    "_ = f()",
    "x += f()",
    "del x\nasyncio.sleep(1)",
    "asyncio.gather(f(), f())",
    "raise ValueError(f())",
    "return f()()",
    "match f():\n    case 1:\n        pass",
    "return (y := f()) is None",
    "h = f\nh()",
    "hs = {'f': f}\nhs['f']()",
    "hs = [f]\nfor h in hs:\n    h()",
    "for h in (f, f):\n    h()",
    "from functools import partial\npartial(f, 2)()",
    "getattr(asyncio, 'sleep')(1)",
    "async def inner():\n    f()\nawait inner()",
    "sync = lambda: f()\nsync()",
):
    _LINK = "async def link(n):\n    return await asyncio.sleep(0, n)\n"
_body("unawaited-coroutine", True, "x.link(1)", _LINK)  # `x` may be a module
_body("unawaited-coroutine", False, "x.objects.link(1)", _LINK)
_body(
    "unawaited-coroutine", True, "x.objects.link(1)", "class Chain:\n    async def link(self, n):\n        return n\n"
)
_body("unawaited-coroutine" if "lambda" not in _lost else "coroutine-returned", True, _lost)
for _kept in (
    "return await f()",
    "y = f()\nreturn await y",
    "t = asyncio.create_task(f())\nawait t",
    "ys = [f(n) for n in range(3)]\nreturn await asyncio.gather(*ys)",
    "ys = []\nfor n in range(3):\n    ys.append(f(n))\nawait asyncio.gather(*ys)",
    "ys = {n: f(n) for n in range(3)}\nawait asyncio.gather(*ys.values())",
    "return await asyncio.gather(*(f(n) for n in range(3)))",
    "return await asyncio.gather(*[f(n) for n in range(3)], f(4))",
    "async with asyncio.TaskGroup() as group:\n    group.create_task(f())",
    "ys = [f(1), f(2)]\nfor y in ys:\n    print(await y)",
    "for y in asyncio.as_completed([f(1), f(2)]):\n    print(await y)",
    "d = {}\nd['a'] = f()\nreturn await d['a']",
    "return await (f(1) if x else f(2))",
    "return await asyncio.wait_for(f(), 3)",
    "async with asyncio.timeout(3):\n    return (await f(), await f())",
    "y, z = f(1), f(2)\nreturn await y, await z",
    "async def inner(coro):\n    return await coro\nreturn await inner(f())",
    "if (y := await f()):\n    return y",
    "return f'{await f()}'",
    "return [await f(n) for n in [1, 2]]",
    "y = asyncio.ensure_future(f())\nreturn y.done()",
    "y = f()\ntry:\n    return await y\nfinally:\n    y.close()",
):
    _body("unawaited-coroutine", False, _kept)
_body("unawaited-coroutine", False, "asyncio.run(f())", header="def g(x=None):")
_body("unawaited-coroutine", False, "asyncio.new_event_loop().run_until_complete(f())", header="def g(x=None):")
_body("unawaited-coroutine", False, "f = print\nf()", header="def g(x=None):")
_body("unawaited-coroutine", False, "def f():\n    return 2\nreturn f()", header="def g(x=None):")
_case(
    "unawaited-coroutine",
    True,
    "class A:\n    async def load_it(self):\n        pass\nclass B(A):\n    def use(self):\n        self.load_it()\n",
    "class A:\n    def load_it(self):\n        pass\nclass B(A):\n    def use(self):\n        self.load_it()\n",
)
_case(  # the receiver is unknown, the name is not
    "unawaited-coroutine",
    True,
    "### a.py\nclass A:\n    async def load_it(self):\n        pass\n### b.py\ndef use(thing):\n    thing.load_it()\n",
    "### a.py\nclass A:\n    def load_it(self):\n        pass\n### b.py\ndef use(thing):\n    thing.load_it()\n",
)
_case(  # the name is shared with a plain function: nothing can be said
    "unawaited-coroutine",
    False,
    "### a.py\nclass A:\n    async def load_it(self):\n        pass\nclass B:\n    def load_it(self):\n        pass\n"
    "### b.py\ndef use(thing):\n    thing.load_it()\n",
    "### a.py\nclass A:\n    def load_it(self):\n        pass\nclass B:\n    def load_it(self):\n        pass\n"
    "### b.py\ndef use(thing):\n    thing.load_it()\n",
)
_PACKAGE = (
    "### pkg/__init__.py\nfrom .core import fetch as get_it\n### pkg/core.py\n{}def fetch():\n    return 1\n"
    "### src.py\nimport pkg.core as core, pkg\nfrom pkg import *\ndef use():\n    {}\n"
)
for _call in ("pkg.get_it()", "core.fetch()", "pkg.core.fetch()", "get_it()"):
    _case("unawaited-coroutine", True, _PACKAGE.format("async ", _call), _PACKAGE.format("", _call))
_FAR = (  # the file that goes wrong mentions neither the class nor the module
    "### low.py\nclass Api:\n    {0}def get(self):\n        return 1\n### mid.py\nfrom low import Api as Backend\n"
    "class Holder:\n    def __init__(self):\n        self.api = Backend()\ndef make():\n    return Holder()\n"
    "HOLDER = make()\n### top.py\nfrom mid import {1}\ndef use():\n    {2}\n"
)
for _name, _call in (
    ("make", "make().api.get()"),
    ("Holder", "h = Holder()\n    h.api.get()"),
    ("HOLDER", "HOLDER.api.get()"),
):
    _case("unawaited-coroutine", True, _FAR.format("async ", _name, _call), _FAR.format("", _name, _call))
_COMMON = "### pkg/__init__.py\nfrom .core import get\n### pkg/core.py\n{}def get():\n    return 1\n### c.py\n{}\n"
for _call in ("import pkg\ndef use():\n    pkg.get()", "from pkg import get as x\ndef use():\n    x()"):
    _case("unawaited-coroutine", True, _COMMON.format("async ", _call), _COMMON.format("", _call))
_case("unawaited-coroutine", False, _PACKAGE.format("async ", "print(pkg)"), _PACKAGE.format("", "print(pkg)"))
_case(
    "unawaited-coroutine",
    True,
    "import aiohttp\nasync def f():\n    async with aiohttp.ClientSession() as s:\n        r = await s.get('u')\n"
    "        return r.json()['a']\n",
    "import requests\ndef f():\n    return requests.get('u').json()['a']\n",
)

# --- coroutine-returned ---------------------------------------------------------------------------------------
_body("coroutine-returned", True, "return f()")
_body("coroutine-returned", True, "return f()", header="def g(x=None):")
_body("coroutine-returned", True, "y = f()\nreturn y", header="def g(x=None):")
_body("coroutine-returned", True, "yield f()", header="def g(x=None):")
_body("coroutine-returned", True, "return [f(n) for n in range(3)]")
_body(
    "coroutine-returned",
    False,
    "return f()",
    head="from collections.abc import Coroutine",
    header="def g(x=None) -> Coroutine[None, None, int]:",
)
_body("coroutine-returned", False, "return await f()")
_body("coroutine-returned", False, "hs = {1: lambda: f(), 2: lambda: f(2)}\nif x in hs:\n    return await hs[x]()")
_body("coroutine-returned", True, "hs = {1: lambda: f(), 2: lambda: f(2)}\nprint(await hs[1]())\nhs[x]()")
_body("coroutine-returned", True, "hs = {1: lambda: f()}\nprint(await hs[1]())\nprint(list(hs.values()))")
_LOOPED = "hs = {1: lambda: f(), 2: lambda: f(2)}\n"
for _use, _found in (
    ("for k, h in hs.items():\n    print(k, await h())", False),
    ("return [await h() for h in hs.values()], [k for k in hs], list(hs.keys())", False),
    ("for k, h in hs.items():\n    print(k, h())", True),
    ("return [h() for h in hs.values()]", True),
    ("for h in hs.items():\n    print(await h[1]())\nx.update(hs)", True),
):
    _body("coroutine-returned", _found, _LOOPED + _use)
_AT_TOP = "### a.py\nimport asyncio\nasync def f(x=None):\n    return await asyncio.sleep(0, 1)\nHS = {1: lambda: f()}\nasync def g():\n"
_case("coroutine-returned", False, _AT_TOP + "    return [await h() for h in HS.values()]\n", "### a.py\n" + _SYNC)
_case(
    "coroutine-returned",
    True,
    _AT_TOP + "    return [await h() for h in HS.values()]\n### b.py\nfrom a import HS\nprint(HS[1]())\n",
    "### a.py\n" + _SYNC + "### b.py\n",
)
_body("coroutine-returned", False, "return await (lambda: f(2))(), await (lambda n: f(n))(3)")
_body("unawaited-coroutine", True, "(lambda: f(2))()")
_body("unawaited-coroutine", True, "print((lambda n: f(n))(3))")
_body("coroutine-returned", False, "for h in (lambda: f(), lambda: f(2)):\n    print(await h())")
_body("coroutine-returned", True, "for h in (lambda: f(), lambda: f(2)):\n    print(h())")
_GIVEN = "class T:\n    def __init__(self, target, args=()):\n        self.job = target, args\n{}\n"
_RUNS = "async def run(x, h):\n    {}"
for _head, _found in (
    (_RUNS.format("await h()"), False),
    (_RUNS.format("h()"), True),
    (_RUNS.format("await h(); print(h())"), True),
    (_RUNS.format("x()"), False),
    ("async def run(h):\n    await h()", True),  # what the second argument is for, nobody knows
):
    _body("coroutine-returned", _found, "T(target=run, args=(x, lambda: f(2)))", head=_GIVEN.format(_head))
_body("coroutine-returned", False, "for n, h in [('a', lambda: f()), ('b', lambda: f(2))]:\n    print(n, await h())")
_body(
    "coroutine-returned", True, "for n, h in [('a', lambda: f()), ('b', lambda: f(2))]:\n    print(n(), await h(), h)"
)

# --- async-iteration ------------------------------------------------------------------------------------------
_GENERATOR = (
    "import asyncio\nasync def f(x=None):\n    await asyncio.sleep(0)\n    yield 1\nasync def g(x=None):\n    {}\n"
)
for _use in ("for n in f(): print(n)", "return list(f())", "return [n for n in f()]", "return sum(f())", "print(*f())"):
    _case("async-iteration", True, _GENERATOR.format(_use))
for _use in ("return 1 in f()", "a, b = f()", "return x not in [1] or 2 not in f()", "items = f(); return 3 in items"):
    _case("async-iteration", True, _GENERATOR.format(_use))
for _use in ("a, b = [n async for n in f()]; return a in [n async for n in f()]", "return f() is x"):
    _case("async-iteration", False, _GENERATOR.format(_use))
_body("async-iteration", True, "return ','.join(await f(n) for n in 'ab')")
_body("async-iteration", True, "return any(await f(n) for n in range(3))")
_case(
    "async-iteration",
    True,
    "class A:\n    def __aiter__(self):\n        return self\n    async def __anext__(self):\n        raise StopAsyncIteration\n"
    "def g():\n    for n in A():\n        print(n)\n",
    "class A:\n    def __iter__(self):\n        return self\n    def __next__(self):\n        raise StopIteration\n"
    "def g():\n    for n in A():\n        print(n)\n",
)
_ITERATOR = (
    "class {}:\n    def __init__(self, x=None):\n        self.x = x\n    def __iter__(self):\n        return {}\n"
)
for _next, _wrong in (
    ("async def __anext__(self):\n        raise StopAsyncIteration", True),
    ("def __next__(self):\n        raise StopIteration", False),
):
    _case(
        "async-iteration",
        _wrong,
        f"{_ITERATOR.format('A', 'B(self)')}class B:\n    def __init__(self, x):\n        self.x = x\n    {_next}\ndef g():\n    for n in A():\n        print(n)\n",
        f"{_ITERATOR.format('A', 'B(self)')}class B:\n    def __init__(self, x):\n        self.x = x\n    def __next__(self):\n        raise StopIteration\ndef g():\n    for n in A():\n        print(n)\n",
    )
_case("async-iteration", False, _GENERATOR.format("return [n async for n in f()]"))
_case("async-iteration", False, _GENERATOR.format("async for n in f(): print(n)"))
_body("async-iteration", False, "return any([await f(n) for n in range(3)])")

# --- async-context --------------------------------------------------------------------------------------------
_MANAGER = (
    "import asyncio\nfrom contextlib import asynccontextmanager\n@asynccontextmanager\nasync def f(x=None):\n"
    "    await asyncio.sleep(0)\n    yield 1\nasync def g(x=None):\n    {} f() as y:\n        print(y)\n"
)
_case("async-context", True, _MANAGER.format("with"))
_case("async-context", False, _MANAGER.format("async with"))
_body("async-context", True, "with asyncio.Lock():\n    await f()")
_body("async-context", True, "with aiohttp.ClientSession() as s:\n    print(s)\n    await f()", head="import aiohttp")
_case(
    "async-context",
    True,
    "### a.py\nclass A:\n    async def __aenter__(self):\n        return self\n    async def __aexit__(self, *e):\n        pass\n"
    "### b.py\nfrom a import A\ndef use():\n    with A() as a:\n        print(a)\n",
    "### a.py\nclass A:\n    def __enter__(self):\n        return self\n    def __exit__(self, *e):\n        pass\n"
    "### b.py\nfrom a import A\ndef use():\n    with A() as a:\n        print(a)\n",
)

# --- async-callback -------------------------------------------------------------------------------------------
for _use, _head in (
    ("return sorted([1], key=f)", ""),
    ("return list(filter(f, [1]))", ""),
    ("return max([1], key=f)", ""),
    ("x.sort(key=f)", ""),
    ("threading.Thread(target=f).start()", "import threading"),
    ("threading.Thread(target=lambda: f()).start()", "import threading"),
    ("signal.signal(2, f)", "import signal"),
    ("atexit.register(f)", "import atexit"),
    ("return re.sub('a', f, 'a')", "import re"),
    ("return defaultdict(f)", "from collections import defaultdict"),
    ("x.add_done_callback(f)", ""),
    ("asyncio.get_running_loop().call_later(1, f)", ""),
    ("await asyncio.to_thread(f)", ""),
    ("await asyncio.get_running_loop().run_in_executor(None, f)", ""),
    ("pool = ThreadPoolExecutor()\npool.submit(f)", "from concurrent.futures import ThreadPoolExecutor"),
    ("return reduce(f, [1])", "from functools import reduce"),
    ("return iter(f, None)", ""),
    ("return list(map(partial(f, 1), [1]))", "from functools import partial"),
):
    _body("async-callback", True, _use + "\nawait f()", head=_head)
_body("async-callback", False, "def key(n):\n    return n\nreturn sorted(await f(), key=key)")
_body("async-callback", False, "asyncio.run(asyncio.wait_for(f(), 3))", header="def g(x=None):")

# --- async-decorated ------------------------------------------------------------------------------------------
for _deco in (
    "functools.lru_cache(maxsize=3)",
    "functools.cache",
    "contextlib.contextmanager",
    "click.command()",
    "property",
):
    _case(
        "async-decorated",
        True,
        f"import contextlib, functools, asyncio, click\n@{_deco}\nasync def f(x=None):\n    await asyncio.sleep(1)\n"
        "def g(): pass\n",
        f"import contextlib, functools, asyncio, click\n@{_deco}\ndef f(x=None):\n    pass\ndef g(): pass\n",
    )
_case(
    "async-decorated",
    False,
    "import functools, asyncio\ndef deco(fn):\n    @functools.wraps(fn)\n    async def inner(*a):\n        return await fn(*a)\n"
    "    return inner\n@deco\nasync def f(x=None):\n    await asyncio.sleep(1)\ndef g(): pass\n",
    "import functools, asyncio\ndef deco(fn):\n    @functools.wraps(fn)\n    def inner(*a):\n        return fn(*a)\n"
    "    return inner\n@deco\ndef f(x=None):\n    pass\ndef g(): pass\n",
)
_case(  # a wrapper that stayed behind hands the coroutine on, past its own try
    "coroutine-returned",
    True,
    "import asyncio\ndef deco(fn):\n    def inner(*a):\n        try:\n            return fn(*a)\n        except OSError:\n"
    "            return None\n    return inner\n@deco\nasync def f(x=None):\n    await asyncio.sleep(1)\n",
    "import asyncio\ndef deco(fn):\n    def inner(*a):\n        try:\n            return fn(*a)\n        except OSError:\n"
    "            return None\n    return inner\n@deco\ndef f(x=None):\n    pass\n",
)

# --- async-dunder ---------------------------------------------------------------------------------------------
_CLASS = "import asyncio\nclass A:\n    {}def {}(self, *a):\n        {}\n"
for _name in ("__init__", "__eq__", "__exit__", "__contains__", "__len__", "__del__", "__lt__", "__getattr__"):
    _case(
        "async-dunder",
        True,
        _CLASS.format("async ", _name, "await asyncio.sleep(0)"),
        _CLASS.format("", _name, "pass"),
    )
_case(
    "async-dunder",
    False,
    _CLASS.format("async ", "__call__", "await asyncio.sleep(0)"),
    _CLASS.format("", "__call__", "pass"),
)

# --- async-override -------------------------------------------------------------------------------------------
_TWO = "import asyncio\nclass A:\n    {}def go(self):\n        {}\nclass B(A):\n    {}def go(self):\n        {}\n"
_SLEEP, _ASYNC = "await asyncio.sleep(0)", "async "
_BOTH_SYNC = _TWO.format("", "return 1", "", "return 2")
_case("async-override", True, _TWO.format("", "return 1", _ASYNC, _SLEEP), _BOTH_SYNC)
_case("async-override", True, _TWO.format(_ASYNC, _SLEEP, "", "return 2"), _BOTH_SYNC)
_case("async-override", False, _TWO.format(_ASYNC, _SLEEP, _ASYNC, _SLEEP), _BOTH_SYNC)
_case(
    "async-override",
    True,
    "import asyncio, threading\nclass T(threading.Thread):\n    async def run(self):\n        await asyncio.sleep(0)\n",
    "import asyncio, threading\nclass T(threading.Thread):\n    def run(self):\n        pass\n",
)

# --- await-sync -----------------------------------------------------------------------------------------------
_case("await-sync", True, "def f(x=None):\n    return 1\nasync def g(x=None):\n    return await f(x)\n")
_case("await-sync", True, "def f(x=None):\n    pass\nasync def g(x=None):\n    return await f(x)\n")
_case("await-sync", True, "def f(x=None):\n    return 1\nasync def g(x=None):\n    y = f(x)\n    return await y\n")
_case("await-sync", True, "import time\ndef f(x): pass\nasync def g(x=None):\n    await time.sleep(1)\n")
_case("await-sync", True, "import requests\ndef f(x): pass\nasync def g(x=None):\n    return await requests.get('u')\n")
_case("await-sync", True, "class f:\n    pass\nasync def g(x=None):\n    return await f()\n")
_body("await-sync", True, "return await (await f())", head="")
_body("await-sync", True, "return await [f(n) for n in range(3)]")
_case(
    "await-sync",
    False,
    "import asyncio\ndef f(x=None):\n    return asyncio.ensure_future(asyncio.sleep(1))\nasync def g(x=None):\n"
    "    return await f(x)\n",
)
_case("await-sync", False, "def f(x=None):\n    return x()\nasync def g(x=None):\n    return await f(x)\n")
_case(
    "await-sync",
    False,
    "class f:\n    def __await__(self):\n        yield\nasync def g(x=None):\n    return await f()\n",
    "class f:\n    pass\ndef g(x=None):\n    return f()\n",
)

_case(
    "await-sync",
    False,
    "class f(dict):\n    def __init__(self, api):\n        self.api = api\n    async def load(self):\n"
    "        return await self.api.fetch()\ndef g(x=None):\n    return 1\n",
)
_case(
    "await-sync",
    True,
    "class f(dict):\n    async def load(self):\n        return await self.copy()\n",
)

# --- awaited-twice --------------------------------------------------------------------------------------------
_body("awaited-twice", True, "y = f()\nprint(await y)\nreturn await y")
_body("awaited-twice", True, "y = f()\nfor n in range(3):\n    print(n, await y)")
_body("awaited-twice", False, "y = await f()\nprint(y)\nreturn y")
_body("awaited-twice", False, "y = f()\nif x:\n    return await y\nelse:\n    return 1 + await y")

# --- async-for-sync, async-with-sync ----------------------------------------------------------------------------
_case("async-for-sync", True, "def f(x=None):\n    yield 1\nasync def g(x=None):\n    async for n in f(): print(n)\n")
_body("async-for-sync", True, "async for n in [1, 2]:\n    await f(n)")
_body("async-for-sync", True, "return [n async for n in f()]")
_body("async-for-sync", False, "return [await f(n) for n in [1, 2]]")
_case("async-with-sync", True, "async def g(x=None):\n    async with open('a') as y: print(y)\ndef f(): pass\n")
_case(
    "async-with-sync",
    True,
    "from contextlib import contextmanager\n@contextmanager\ndef f(x=None):\n    yield 1\nasync def g(x=None):\n"
    "    async with f() as y:\n        print(y)\n",
)
_body("async-with-sync", True, "async with threading.Lock():\n    await f()", head="import threading")
_body("async-with-sync", False, "async with asyncio.Lock():\n    await f()")

# --- sync-as-coroutine ----------------------------------------------------------------------------------------
_TAKER = (
    "from collections.abc import Awaitable, Callable\nimport asyncio\n"
    "async def run_it(fn: Callable[[], Awaitable[int]]) -> int:\n    return await fn()\n"
    "{}def f(x=None):\n    return {}\nasync def g(x=None):\n    return await run_it(f)\n"
)
_case("sync-as-coroutine", True, _TAKER.format("", "1"))
_case("sync-as-coroutine", False, _TAKER.format("async ", "await asyncio.sleep(0, 1)"))
_case(
    "sync-as-coroutine",
    True,
    "class A:\n    def __aenter__(self):\n        return self\n    async def __aexit__(self, *e):\n        pass\n",
    "class A:\n    def __enter__(self):\n        return self\n    def __exit__(self, *e):\n        pass\n",
)
_case(
    "sync-as-coroutine",
    True,
    "from contextlib import asynccontextmanager\n@asynccontextmanager\ndef f(x=None):\n    yield 1\ndef g(): pass\n",
)

# --- blocking -------------------------------------------------------------------------------------------------
for _call, _head in (
    ("requests.get('u')", "import requests"),
    ("r.api.post('u')", "import requests as r"),
    ("get('u')", "from requests import get"),
    ("requests.Session().get('u')", "import requests"),
    ("with requests.Session() as s:\n    s.post('u')", "import requests"),
    ("time.sleep(1)", "import time"),
    ("zzz(1)", "from time import sleep as zzz"),
    ("urllib.request.urlopen('u')", "import urllib.request"),
    ("subprocess.check_output(['ls'])", "import subprocess"),
    ("socket.create_connection(('a', 1))", "import socket"),
    ("os.system('ls')", "import os"),
    ("input()", ""),
    ("with ThreadPoolExecutor() as pool:\n    print(pool)", "from concurrent.futures import ThreadPoolExecutor"),
    (
        "pool = ThreadPoolExecutor()\nh = pool.submit(print)\nh.result()",
        "from concurrent.futures import ThreadPoolExecutor",
    ),
    (
        "pool = ThreadPoolExecutor()\nfor h in [pool.submit(print)]:\n    h.result()",
        "from concurrent.futures import ThreadPoolExecutor",
    ),
    ("t = threading.Thread(target=print)\nt.join()", "import threading"),
    ("e = threading.Event()\ne.wait()", "import threading"),
    ("q = queue.Queue()\nq.get()", "import queue"),
    ("c = redis.Redis()\nc.get('d')", "import redis"),
    ("gevent.sleep(1)", "import gevent"),
    ("c = psycopg2.connect('d')\nk = c.cursor()\nk.execute('x')", "import psycopg2"),
):
    _body("blocking-call", True, _call + "\nawait f()", head=_head)
    _body(
        "blocking-call",
        False,
        f"def inner():\n    {_call.replace(chr(10), chr(10) + '    ')}\nawait asyncio.to_thread(inner)",
        head=_head,
    )
_case(
    "blocking-call",
    True,
    "import requests, asyncio\nclass C:\n    def __init__(self, s: requests.Session):\n        self.s = s\n"
    "    async def go(self):\n        await asyncio.sleep(1)\n        return self.s.get('u')\n",
    "import requests, asyncio\nclass C:\n    def __init__(self, s: requests.Session):\n        self.s = s\n"
    "    def go(self):\n        return self.s.get('u')\n",
)
_body("blocking-call", False, "q = queue.Queue()\nq.get(block=False)\nawait f()", head="import queue")
_body("blocking-call", False, "time.sleep(0)\nawait f()", head="import time")
_body("blocking-call", False, "await asyncio.sleep(1)")
_CHAIN = (
    "### low.py\nimport time\ndef bottom():\n    time.sleep(1)\ndef middle():\n    bottom()\n"
    "### top.py\nimport asyncio\nfrom low import middle\n{}def main():\n    {}\n"
)
_case(
    "blocking-chain", True, _CHAIN.format("async ", "middle(); await asyncio.sleep(0)"), _CHAIN.format("", "middle()")
)
_case(
    "blocking-chain", False, _CHAIN.format("async ", "await asyncio.to_thread(middle)"), _CHAIN.format("", "middle()")
)
_case(
    "blocking-chain",
    True,
    "import asyncio, time\nclass A:\n    def __init__(self):\n        time.sleep(1)\nasync def g():\n    A()\n    await asyncio.sleep(0)\n",
    "import asyncio, time\nclass A:\n    def __init__(self):\n        time.sleep(1)\ndef g():\n    A()\n",
)
_POOL_CLASS = (
    "import asyncio, time\nclass Pool:\n    def __init__(self, n=1, name='', initializer=None):\n        self.n = initializer\n"
    "    def submit(self, fn): ...\n    async def __aenter__(self): ...\n    async def __aexit__(self, *e): ...\n"
)
for _wrong, _init, _made in (
    (True, "def init():\n    time.sleep(1)", "initializer=init"),
    (True, "def init():\n    time.sleep(1)", "1, 'w', init"),
    (False, "async def init():\n    await asyncio.sleep(1)", "initializer=init"),
    (False, "def init():\n    print(1)", "1, 'w', init"),
):
    _case(
        "blocking-chain",
        _wrong,
        f"{_POOL_CLASS}{_init}\nasync def g():\n    async with Pool({_made}) as pool:\n        pool.submit(print)\n",
        "def init():\n    pass\ndef g():\n    pass\n",
    )
_body("nested-run", True, "asyncio.run(f())")
_body("nested-run", True, "def inner():\n    asyncio.run(f())\ninner()")
_body("nested-run", False, "asyncio.run(f())", header="def g(x=None):")
_body("lock-over-await", True, "lock = threading.Lock()\nwith lock:\n    await f()", head="import threading")
_body("lock-over-await", True, "with LOCK:\n    await f()", head="import threading\nLOCK = threading.RLock()")
_body("lock-over-await", False, "with LOCK:\n    y = 1\nawait f(y)", head="import threading\nLOCK = threading.RLock()")
_body("lock-over-await", False, "async with asyncio.Lock():\n    await f()")

# --- tests ----------------------------------------------------------------------------------------------------
_TEST = "### test_a.py\nimport unittest\nclass TestA(unittest.{}):\n    {}def {}(self):\n        {}\n    def test_b(self):\n        pass\n"
_OLD_TEST = _TEST.format("TestCase", "", "test_a", "self.assertTrue(1)")
_case("test-lost", True, _TEST.format("TestCase", "", "check_a", "self.assertTrue(1)"), _OLD_TEST)
_case("test-lost", True, "### other.py\n", _OLD_TEST)
_case("test-lost", False, _OLD_TEST + "    def test_c(self):\n        pass\n", _OLD_TEST)
_case("assert-lost", True, _TEST.format("TestCase", "", "test_a", "pass"), _OLD_TEST)
_case("assert-lost", True, "### test_a.py\ndef test_a():\n    pass\n", "### test_a.py\ndef test_a():\n    assert 1\n")
_case(
    "assert-lost", False, "### test_a.py\ndef test_a():\n    assert 2\n", "### test_a.py\ndef test_a():\n    assert 1\n"
)
_case("hollow-test", True, _TEST.format("TestCase", "async ", "test_a", "self.assertTrue(1)"), _OLD_TEST)
_case(
    "hollow-test", False, _TEST.format("IsolatedAsyncioTestCase", "async ", "test_a", "self.assertTrue(1)"), _OLD_TEST
)
for _decorator, _hollow in (
    ("requests_mock.Mocker()", True),
    ("unittest.mock.patch('os.getcwd')", False),
    ("unittest.skipIf(0, 'x')", False),
):
    _wrapped = _TEST.replace(
        "import unittest\n", "import unittest, unittest.mock, requests_mock\n@" + _decorator + "\n"
    )
    _new = _wrapped.format("IsolatedAsyncioTestCase", "async ", "test_a", "self.assertTrue(1)")
    _case("hollow-test", _hollow, _new, _wrapped.format("TestCase", "", "test_a", "self.assertTrue(1)"))
_OLD_SETUP = _TEST.format("TestCase", "", "setUp", "pass")
_case("async-setup", True, _TEST.format("TestCase", "async ", "setUp", "pass"), _OLD_SETUP)
_case("async-setup", True, _TEST.format("IsolatedAsyncioTestCase", "async ", "setUp", "pass"), _OLD_SETUP)
_case("async-setup", False, _TEST.format("IsolatedAsyncioTestCase", "async ", "asyncSetUp", "pass"), _OLD_SETUP)
_PYTEST = "### test_a.py\nimport pytest\n{}\n{}def test_a():\n    assert 1\n"
_OLD_PYTEST = _PYTEST.format("", "")
_case("unmarked-async-test", True, _PYTEST.format("", "async "), _OLD_PYTEST)
_case("unmarked-async-test", True, _PYTEST.format("@pytest.mark.skipif(0, reason='')", "async "), _OLD_PYTEST)
_case(
    "unmarked-async-test",
    True,
    "### conftest.py\nimport pytest\n@pytest.fixture\nasync def thing():\n    return 1\n",
    "### conftest.py\nimport pytest\n@pytest.fixture\ndef thing():\n    return 1\n",
)
_case("unmarked-async-test", False, _PYTEST.format("@pytest.mark.asyncio", "async "), _OLD_PYTEST)
_case("unmarked-async-test", False, _PYTEST.format("pytestmark = pytest.mark.anyio", "async "), _OLD_PYTEST)

# --- structure ------------------------------------------------------------------------------------------------
_case("name-lost", True, "def f(x=None):\n    return 1\n")
_case(
    "name-lost", True, "class A:\n    def a(self): pass\n", "class A:\n    def a(self): pass\n    def b(self): pass\n"
)
_case("name-lost", False, "def f(x=None):\n    return 1\ng = f\n")
_case(
    "name-lost",
    False,
    "class A:\n    async def __aenter__(self): return self\n    async def __aexit__(self, *e): pass\n",
    "class A:\n    def __enter__(self): return self\n    def __exit__(self, *e): pass\n",
)
_case("unbound-name", True, "__all__ = ['os']\n", "import os\n__all__ = ['os']\n")
_case("unbound-name", True, "def f():\n    return json.dumps(1)\n", "import json\ndef f():\n    return json.dumps(1)\n")
_case(
    "unbound-name", True, "async def f():\n    await asyncio.sleep(1)\n", "import time\ndef f():\n    time.sleep(1)\n"
)
_case(
    "unbound-name",
    True,
    "class A:\n    x = 1\n    def f(self):\n        return x\n",
    "class A:\n    def f(self):\n        return 1\n",
)
_case(
    "unbound-name",
    False,
    "from os.path import *\nimport sys\nclass A:\n    x = 1\n    y = [n for n in [x]]\n    def f(self, *a, **k):\n        global Z\n        Z = 1\n"
    "        if (w := a):\n            return w, k, Z, __name__, join, __class__\n        try:\n            pass\n        except OSError as e:\n"
    "            print(e, sys)\n        match a:\n            case [b, *c]:\n                return b, c\n            case {'q': q, **r}:\n"
    "                return lambda t: (t, q, r)\n        return [i for i in a for j in i if j]\n",
    "x = 1\n",
)
_case(
    "broken-import",
    True,
    "### a.py\nimport os\n### b.py\nfrom a import json\n",
    "### a.py\nimport os, json\n### b.py\nfrom a import json\n",
)
_case(
    "broken-import",
    True,
    "### a.py\nimport os\n### b.py\nimport a\nprint(a.json)\n",
    "### a.py\nimport os, json\n### b.py\nimport a\nprint(a.json)\n",
)
_case(
    "broken-import",
    False,
    "### a/__init__.py\nimport os\n### a/json.py\n### b.py\nfrom a import json\nimport a\nprint(a.os, a.json)\n",
    "### a/__init__.py\nimport os, json\n### a/json.py\n### b.py\nfrom a import json\nimport a\nprint(a.os, a.json)\n",
)

# --- notes ----------------------------------------------------------------------------------------------------
_case("name-added", True, _SYNC + "def h(): pass\n")
_case("name-added", False, _SYNC + "h = 1\n")
_case("needless-async", True, "async def f(x=None):\n    return 1\nasync def g(x=None):\n    return await f(x)\n")
_body("needless-async", False, "return await f()")
_case("unused-import", True, "import json\n" + _SYNC)
_case("unused-import", True, "import json\n", "import json\njson.dumps(1)\n")
_case("unused-import", False, "import json\n\njson.dumps(1)\n", "import json\njson.dumps(1)\n")
_case(
    "await-in-augmented",
    True,
    "class A:\n    n = 0\n    async def f(self):\n        self.n += await self.g()\n    async def g(self):\n        return 1\n",
    "class A:\n    n = 0\n    def f(self):\n        self.n += self.g()\n    def g(self):\n        return 1\n",
)
_body("await-in-augmented", False, "n = 0\nn += await f()\nreturn n")

# --- half-made ------------------------------------------------------------------------------------------------
_OLD = "import app\nclass C:\n    def __init__(self, n):\n        self.n = app.ask(n)\ndef made(n):\n    return C(n)\n"
_NEW = (
    "import app\nclass C:\n    async def _begin(self, n):\n        self.n = await app.ask(n)\n    @classmethod\n"
    "    async def create(cls, n):\n        self = cls.__new__(cls)\n        await self._begin(n)\n        return self\n"
)
_case("half-made", True, _NEW + "async def made(n):\n    return C(n)\n", _OLD)
_case("half-made", True, _NEW + "class D(C):\n    pass\nasync def made(n):\n    return D(n)\n", _OLD)
_case("half-made", False, _NEW + "async def made(n):\n    return await C.create(n)\n", _OLD)
_case(
    "half-made",
    False,
    _NEW + "class D(C):\n    def __init__(self):\n        self.n = 1\ndef made(n):\n    return D()\n",
    _OLD,
)
_case("unawaited-coroutine", True, _NEW + "async def made(n):\n    return C.create(n).n\n", _OLD)
_case("unawaited-coroutine", True, _NEW.replace("await self._begin", "self._begin") + "made = C.create\n", _OLD)
_case("name-lost", False, _NEW + "async def made(n):\n    return await C.create(n)\n", _OLD)
_case(
    "name-lost",
    True,
    _NEW.replace("cls.__new__(cls)", "cls()") + "async def made(n):\n    return await C.create(n)\n",
    _OLD,
)
