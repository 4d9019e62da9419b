"""AddImport and DropImport: (before, edits, after)."""

from __future__ import annotations

import ast

import pytest
from marks import PATH, Maker, add, drop, expr, wait

from asyncify.rewrite import rewrite_file

Case = tuple[str, list[Maker], str]

ADD: list[Case] = [
    ("", [add("asyncio")], "import asyncio\n"),
    ("x = 1\n", [add("asyncio")], "import asyncio\n\nx = 1\n"),
    ("def f(): pass\n", [add("asyncio")], "import asyncio\n\n\ndef f(): pass\n"),
    ("def f(): pass\n", [add("aiohttp"), add("asyncio")], "import asyncio\n\nimport aiohttp\n\n\ndef f(): pass\n"),
    ('"""doc"""\n', [add("asyncio")], '"""doc"""\n\nimport asyncio\n'),
    ('"""doc"""', [add("asyncio")], '"""doc"""\n\nimport asyncio'),
    ('"""doc"""\nx = 1\n', [add("asyncio")], '"""doc"""\n\nimport asyncio\n\nx = 1\n'),
    ("'a' 'b'\r\n", [add("asyncio")], "'a' 'b'\r\n\r\nimport asyncio\r\n"),
    ("#!/usr/bin/python\n# coding: utf-8\nx\n", [add("asyncio")], "#!/usr/bin/python\n# coding: utf-8\n\nimport asyncio\n\nx\n"),
    ("# (c) us\n\nx\n", [add("asyncio")], "# (c) us\n\nimport asyncio\n\nx\n"),
    ("# (c) us\n\n# about x\nx\n", [add("asyncio")], "# (c) us\n\nimport asyncio\n\n# about x\nx\n"),
    ("# about f\ndef f(): pass\n", [add("asyncio")], "import asyncio\n\n\n# about f\ndef f(): pass\n"),
    ("# only a comment\n", [add("asyncio")], "# only a comment\n\nimport asyncio\n"),
    ("from __future__ import annotations\nx\n", [add("asyncio")], "from __future__ import annotations\n\nimport asyncio\n\nx\n"),
    ('"""d"""\nfrom __future__ import annotations\n\nimport os\n', [add("asyncio")], '"""d"""\nfrom __future__ import annotations\n\nimport asyncio\nimport os\n'),
    ("x\n", [add("__future__", "annotations")], "from __future__ import annotations\n\nx\n"),
    ("import os\nimport sys\n", [add("asyncio")], "import asyncio\nimport os\nimport sys\n"),
    ("import os\nimport sys\n", [add("queue")], "import os\nimport queue\nimport sys\n"),
    ("import os\nimport sys\n\nx\n", [add("time")], "import os\nimport sys\nimport time\n\nx\n"),
    ("import sys\nimport os\n", [add("asyncio")], "import sys\nimport os\nimport asyncio\n"),
    ("import os\nfrom json import x\n", [add("time")], "import os\nimport time\nfrom json import x\n"),
    ("import os\nfrom json import x\n", [add("asyncio", "run")], "import os\nfrom asyncio import run\nfrom json import x\n"),
    ("from json import x\nimport os\n", [add("math")], "from json import x\nimport math\nimport os\n"),
    ("from json import x\n", [add("os")], "import os\nfrom json import x\n"),
    ("import os\n\nimport requests\n", [add("aiohttp")], "import os\n\nimport aiohttp\nimport requests\n"),
    ("import os\n\nimport requests\n\nx\n", [add("asyncio"), add("yarl")], "import asyncio\nimport os\n\nimport requests\nimport yarl\n\nx\n"),
    ("import requests\n", [add("asyncio")], "import asyncio\n\nimport requests\n"),
    ("import os\n\n\ndef f(): pass\n", [add("aiohttp")], "import os\n\nimport aiohttp\n\n\ndef f(): pass\n"),
    ("import os\nimport requests\n", [add("aiohttp")], "import os\nimport aiohttp\nimport requests\n"),
    ("import os\nfrom . import x\n", [add("aiohttp")], "import os\nimport aiohttp\nfrom . import x\n"),
    ("import os\n\nfrom . import x\n", [add("aiohttp")], "import os\n\nimport aiohttp\n\nfrom . import x\n"),
    ("import os\n\nfrom .b import x\n", [add(".aio_support", "P")], "import os\n\nfrom .aio_support import P\nfrom .b import x\n"),
    ("import os\n\nfrom .b import x\n", [add("..aio", "P")], "import os\n\nfrom ..aio import P\nfrom .b import x\n"),
    ("import os\n\nimport requests\n", [add("pkg.aio")], "import os\n\nimport requests\n\nimport pkg.aio\n"),
    ("import os\n", [add("os")], "import os\n"),
    ("import os.path\n", [add("os")], "import os.path\n"),
    ("import os as o\n", [add("os")], "import os as o\nimport os\n"),
    ("import os\n", [add("os", alias="o")], "import os\nimport os as o\n"),
    ("def f():\n    import os\n", [add("os")], "import os\n\n\ndef f():\n    import os\n"),
    ("try:\n    import yarl\nexcept ImportError:\n    yarl = None\n", [add("yarl")], "try:\n    import yarl\nexcept ImportError:\n    yarl = None\n"),
    ("if TYPE_CHECKING:\n    import yarl\n", [add("yarl")], "import yarl\n\nif TYPE_CHECKING:\n    import yarl\n"),
    ("from m import a\n", [add("m", "a")], "from m import a\n"),
    ("from m import a\n", [add("m", "b")], "from m import a, b\n"),
    ("from m import a, c  # x\n", [add("m", "b")], "from m import a, b, c  # x\n"),
    ("from m import c, a\n", [add("m", "b")], "from m import c, a, b\n"),
    ("from m import b\n", [add("m", "a", "z")], "from m import a as z, b\n"),
    ("from m import (\n    a,  # one\n    c,\n)\n", [add("m", "b")], "from m import (\n    a,  # one\n    b,\n    c,\n)\n"),
    ("from m import (\n    a,  # one\n)\n", [add("m", "b")], "from m import (\n    a,  # one\n    b,\n)\n"),
    ("from m import (\n    a,\n    b  # two\n)\n", [add("m", "c")], "from m import (\n    a,\n    b,  # two\n    c\n)\n"),
    ("from m import (b)\n", [add("m", "a")], "from m import (a, b)\n"),
    ("from m import B, c\n", [add("m", "A")], "from m import A, B, c\n"),
    ("from m import *\n", [add("m", "a")], "from m import *\nfrom m import a\n"),
    ("from . import a\n", [add(".", "b")], "from . import a, b\n"),
    ("from ..m import a\n", [add(".m", "b")], "from ..m import a\nfrom .m import b\n"),
    ("# heading\nimport os\n", [add("asyncio")], "# heading\nimport asyncio\nimport os\n"),
    ("import sys\n\n# os is needed\nimport os\n", [add("aiohttp")], "import sys\n\n# os is needed\nimport os\n\nimport aiohttp\n"),
    ("import a1\n\n# about b1 only\nimport b1\n", [add("aiohttp"), add("b0")], "import a1\n\nimport aiohttp\nimport b0\n# about b1 only\nimport b1\n"),
    ("__version__ = '1'\nimport os\n", [add("asyncio")], "__version__ = '1'\nimport asyncio\nimport os\n"),
    ("x = f()\nimport os\n", [add("asyncio")], "x = f()\nimport asyncio\nimport os\n"),
    ("import sys\nsys.path.insert(0, 'x')\nimport pkg.a\n", [add("pkg.b")], "import sys\nsys.path.insert(0, 'x')\nimport pkg.a\nimport pkg.b\n"),
    ("import sys\nasyncio.run(f())\nimport time\n", [add("asyncio")], "import asyncio\nimport sys\nasyncio.run(f())\nimport time\n"),
    ("x = asyncio.f()\nimport os\n", [add("asyncio")], "import asyncio\n\nx = asyncio.f()\nimport os\n"),
    ("if a:\n    import os\nx\n", [add("asyncio")], "import asyncio\n\nif a:\n    import os\nx\n"),
    ("import os; x = 1\n", [add("asyncio")], "import asyncio\nimport os; x = 1\n"),
    ("f()\n", [add("aiohttp"), wait("f()")], "import aiohttp\n\nawait f()\n"),
]  # fmt: skip

DROP: list[Case] = [
    ("import a\nx\n", [drop("a")], "x\n"),
    ("import a\n\n\nx\n", [drop("a")], "x\n"),
    ("import a\n", [drop("b")], "import a\n"),
    ("import a\na\n", [drop("a")], "import a\na\n"),
    ("import a\na.b = 1\n", [drop("a")], "import a\na.b = 1\n"),
    ("import a, b\n", [drop("a")], "import b\n"),
    ("import a, b\n", [drop("b")], "import a\n"),
    ("import a, b\n", [drop("a"), drop("b")], ""),
    ("import a as b\n", [drop("a")], "import a as b\n"),
    ("import a as b\n", [drop("b")], ""),
    ("import a as a\n", [drop("a")], "import a as a\n"),
    ("import a.b\nimport a.c\n", [drop("a")], ""),
    ("import a.b\nimport a.c\na.c.d\n", [drop("a")], "import a.b\nimport a.c\na.c.d\n"),
    ("import a.b\nimport a.c\na.c.d\n", [drop("a.b")], "import a.c\na.c.d\n"),
    ("import a.b\na\n", [drop("a.b")], "import a.b\na\n"),
    ("from m import a\nx\n", [drop("a")], "x\n"),
    ("from m import a, b, c\n", [drop("b")], "from m import a, c\n"),
    ("from m import a as x, b\n", [drop("x")], "from m import b\n"),
    ("from m import (\n    a,  # one\n    b,  # two\n    c,\n)\n", [drop("b")], "from m import (\n    a,  # one\n    c,\n)\n"),
    ("from m import (\n    a,  # one\n    b,  # two\n)\n", [drop("b")], "from m import (\n    a,  # one\n)\n"),
    ("from m import (\n    a,  # one\n    b\n)\n", [drop("b")], "from m import (\n    a  # one\n)\n"),
    ("from m import (a, b)\n", [drop("a")], "from m import (b)\n"),
    ("from m import a, \\\n    b\n", [drop("b")], "from m import a\n"),
    ("from m import *\n", [drop("a")], "from m import *\n"),
    ("from __future__ import annotations\n", [drop("annotations")], "from __future__ import annotations\n"),
    ("# c\nimport a  # d\nx\n", [drop("a")], "# c\n# d\nx\n"),
    ("import a  # noqa\nx\n", [drop("a")], "x\n"),
    ("import os; import a; x\n", [drop("a")], "import os; x\n"),
    ("import os\n\nimport a\n\nx\n", [drop("a")], "import os\n\nx\n"),
    ("import os\n\nimport a\nimport b\n", [drop("a")], "import os\n\nimport b\n"),
    ("try:\n    import a\nexcept ImportError:\n    raise\n", [drop("a")], "try:\n    pass\nexcept ImportError:\n    raise\n"),
    ("try:\n    import a\nexcept ImportError:\n    a = None\n", [drop("a")], "try:\n    import a\nexcept ImportError:\n    a = None\n"),
    ("if TYPE_CHECKING:\n    import a\n", [drop("a")], "if TYPE_CHECKING:\n    pass\n"),
    ("if TYPE_CHECKING: import a\n", [drop("a")], "if TYPE_CHECKING: pass\n"),
    ("def f():\n    import a\n    return 1\n", [drop("a")], "def f():\n    return 1\n"),
    ("class C:\n    import a\n", [drop("a")], "class C:\n    import a\n"),
    ("import a\n__all__ = ['a']\n", [drop("a")], "import a\n__all__ = ['a']\n"),
    ("import a\n__all__ += ('a',)\n", [drop("a")], "import a\n__all__ += ('a',)\n"),
    ("import a\n__all__.append('a')\n", [drop("a")], "import a\n__all__.append('a')\n"),
    ("import a\ndef f(x: 'a.B'): pass\n", [drop("a")], "import a\ndef f(x: 'a.B'): pass\n"),
    ("import a\nx: 'list[a.B]' = 1\n", [drop("a")], "import a\nx: 'list[a.B]' = 1\n"),
    ("import a\ndef f() -> list['a.B']: pass\n", [drop("a")], "import a\ndef f() -> list['a.B']: pass\n"),
    ("import a\nx = cast('a.B', y)\n", [drop("a")], "import a\nx = cast('a.B', y)\n"),
    ("import a\nx = []  # type: list[a.B]\n", [drop("a")], "import a\nx = []  # type: list[a.B]\n"),
    ("import a\nx = y  # type: ignore[a]\n", [drop("a")], "x = y  # type: ignore[a]\n"),
    ("import a\nx = 'a'\n", [drop("a")], "x = 'a'\n"),
    ("import a\nx.a\n", [drop("a")], "x.a\n"),
    ("import a\nf'{a}'\n", [drop("a")], "import a\nf'{a}'\n"),
    ("import a\nf(a)\n", [drop("a"), expr("a", "b", nth=1)], "f(b)\n"),
    ("import requests\nrequests.get(u)\n", [add("aio"), drop("requests"), expr("requests", "aio", nth=1), wait("requests.get(u)")], "import aio\nawait aio.get(u)\n"),
    ("import os\n\nimport requests\n\nf(requests)\n", [add("asyncio"), drop("requests"), expr("requests", "asyncio", nth=1)], "import asyncio\nimport os\n\nf(asyncio)\n"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "edits", "after"), [*ADD, *DROP])
def test_import_edits(before: str, edits: list[Maker], after: str) -> None:
    made = [maker(before) for maker in edits]
    result = rewrite_file(PATH, before.encode(), made)
    assert result.decode() == after
    assert rewrite_file(PATH, before.encode(), [*reversed(made), *made]) == result
    ast.parse(after)
    imports = [maker(after) for maker in edits if maker(before) in made and _is_import(maker, before)]
    assert rewrite_file(PATH, result, imports) is result, "a second run has nothing to add or drop"


def _is_import(maker: Maker, source: str) -> bool:
    return type(maker(source)).__name__ in ("AddImport", "DropImport")
