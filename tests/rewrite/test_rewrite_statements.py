"""ReplaceStatement: (before, edits, after)."""

from __future__ import annotations

import ast

import pytest
from marks import PATH, Maker, expr, make_async, stmt, wait

from asyncify.rewrite import rewrite_file

Case = tuple[str, list[Maker], str]

REMOVE: list[Case] = [
    ("a\nf()\nb\n", [stmt("f()", "")], "a\nb\n"),
    ("f()\n", [stmt("f()", "")], ""),
    ("# top\nf()\n", [stmt("f()", "")], "# top\n"),
    ("a\nf()", [stmt("f()", "")], "a"),
    ("a\n# above\nf()  # behind\nb\n", [stmt("f()", "")], "a\n# above\n# behind\nb\n"),
    ("a\nf()  # noqa: E501\nb\n", [stmt("f()", "")], "a\nb\n"),
    ("a\n\n\nf()\n\n\nb\n", [stmt("f()", "")], "a\n\n\nb\n"),
    ("a\n\nf()\nb\n", [stmt("f()", "")], "a\n\nb\n"),
    ("f()\n\nb\n", [stmt("f()", "")], "b\n"),
    ("def g():\n    f()\n", [stmt("f()", "")], "def g():\n    pass\n"),
    ("def g():\n    # c\n    f()\nx\n", [stmt("f()", "")], "def g():\n    # c\n    pass\nx\n"),
    ("def g():\n    a\n    # c\n    f()\n\nx\n", [stmt("f()", "")], "def g():\n    a\n    # c\n\nx\n"),
    ("def g():\n\tf(); a\n", [stmt("f()", "")], "def g():\n\ta\n"),
    ("if a: f()\n", [stmt("f()", "")], "if a: pass\n"),
    ("if a: f(); b\n", [stmt("f()", "")], "if a: b\n"),
    ("if a: b; f()  # c\n", [stmt("f()", "")], "if a: b  # c\n"),
    ("a; f(); b\n", [stmt("f()", "")], "a; b\n"),
    ("a; f()  # c\n", [stmt("f()", "")], "a  # c\n"),
    ("a; f();\n", [stmt("f()", "")], "a;\n"),
    ("f(1); f(2)\nb\n", [stmt("f(1)", ""), stmt("f(2)", "")], "b\n"),
    ("a\nwith f():\n    b\nc\n", [stmt("with...b", "")], "a\nc\n"),
    ("try:\n    f()\nfinally:\n    a\n", [stmt("f()", "")], "try:\n    pass\nfinally:\n    a\n"),
    ("if a:\n    b\nelse:\n    f()\n", [stmt("f()", "")], "if a:\n    b\nelse:\n    pass\n"),
]

REPLACE: list[Case] = [
    ("f(a)\n", [stmt("f(a)", "g({x})", x="a")], "g(a)\n"),
    ("# c\nf(a)  # d\n", [stmt("f(a)", "g()")], "# c\ng()  # d\n"),
    ("(f(a))\n", [stmt("(f(a))", "g()")], "g()\n"),
    ("return_ = f(a + b)\n", [stmt("return_ = f(a + b)", "x = {y}.z", y="a + b")], "x = (a + b).z\n"),
    ("f()  # c\n", [stmt("f()", "a\nb")], "a\nb  # c\n"),
    ("# c\nf()\n", [stmt("f()", "# d\na")], "# c\n# d\na\n"),
    ("f()  # c\n", [stmt("f()", "a  # d")], "# c\na  # d\n"),
    ("f()  # c\n", [stmt("f()", "async with a as b:\n    b()")], "async with a as b:  # c\n    b()\n"),
    ("if x:\n  f()\n", [stmt("f()", "with a:\n        b\n        c")], "if x:\n  with a:\n    b\n    c\n"),
    ("if x:\n\tf()\n", [stmt("f()", "with a:\n    b")], "if x:\n\twith a:\n\t\tb\n"),
    ("x\r\nf()\r\n", [stmt("f()", "a\nwith b:\n    c")], "x\r\na\r\nwith b:\r\n    c\r\n"),
    ("if x: f()\n", [stmt("f()", "a")], "if x: a\n"),
    ("if x: f()  # c\n", [stmt("f()", "a\nb")], "if x:  # c\n    a\n    b\n"),
    ("if x: f()\n", [stmt("f()", "with a:\n    b")], "if x:\n    with a:\n        b\n"),
    ("if x: f(); y\n", [stmt("f()", "a\nb")], "if x: a; b; y\n"),
    ("a; f(); b\n", [stmt("f()", "c")], "a; c; b\n"),
    ("a; f(); b\n", [stmt("f()", "c\nd")], "a; c; d; b\n"),
    ("a; f(); b  # e\n", [stmt("f()", "with c:\n    d")], "a\nwith c:\n    d\nb  # e\n"),
    ("f()", [stmt("f()", "a\nb")], "a\nb"),
    ("x = f(a)\n", [stmt("x = f(a)", "x = await {c}", c="f(a)")], "x = await f(a)\n"),
    ("f(a)\n", [stmt("f(a)", "g({c})", c="f(a)"), wait("f(a)")], "g(await f(a))\n"),
    ("f(g(a))\n", [stmt("f(g(a))", "h = {x}\ni(h)", x="g(a)"), expr("g(a)", "k({y})", y="a")], "h = k(a)\ni(h)\n"),
    ("x = f(a)\n", [stmt("x = f(a)", "x = {{{y}: 1}}", y="a")], "x = {a: 1}\n"),
    ("self.b += f()\n", [stmt("self.b += f()", "v = {c}\nself.b += v", c="f()"), wait("f()")], "v = await f()\nself.b += v\n"),
]  # fmt: skip

ELIF: list[Case] = [
    ("if a: b\n# c\nelif d: e\n", [stmt("elif...e", "")], "if a: b\n"),
    ("if a: b\nelif d: e\nelse: f\n", [stmt("elif...f", "g({x})\nh", x="d")], "if a: b\nelse:\n    g(d)\n    h\n"),
    ("if a: b\n# c\nelif d: e\n", [stmt("elif...e", "if {x}:\n    g", x="d")], "if a: b\n# c\nelif d:\n    g\n"),
    ("if a: b\nelif f(d): e\nelse: g\n", [expr("f(d)", "{x}, 1", x="d")], "if a: b\nelif (d, 1): e\nelse: g\n"),
]

BODIES: list[Case] = [
    (
        "with P(3) as p:  # c\n    # in\n    x = p(f)\n\n    y()\n    # tail\nz\n",
        [stmt("with...y()", "async with Q({n}) as p:\n    {body}", n="3", body="x =...y()")],
        "async with Q(3) as p:  # c\n    # in\n    x = p(f)\n\n    y()\n    # tail\nz\n",
    ),
    (
        "if q:\n    with P() as p:\n        x = '''\n  a'''\n        y()\n        # tail\n    z\n",
        [stmt("with...y()", "p = 1\n{body}\np.close()", body="x =...y()"), wait("y()")],
        "if q:\n    p = 1\n    x = '''\n  a'''\n    await y()\n    # tail\n    p.close()\n    z\n",
    ),
    (
        "def g():\n    with P() as p:\n        y()\n        # tail\n    return 1\n",
        [stmt("with...y()", "{body}", body="y()")],
        "def g():\n    y()\n    # tail\n    return 1\n",
    ),
    (
        "with P() as p: y(); z()  # c\n",
        [stmt("with...z()", "async with Q() as p:\n    {body}", body="y(); z()"), wait("z()")],
        "async with Q() as p:\n    y(); await z()  # c\n",
    ),
    (
        "with a:\n  with b:\n    c\n",
        [
            stmt("with a...c", "try:\n    {body}\nfinally:\n    d()", body="with b...c"),
            stmt("with b...c", "async with e:\n    {body}", body="c"),
        ],
        "try:\n  async with e:\n    c\nfinally:\n  d()\n",
    ),
    (
        "for x in y:\n    a(\n        1,\n    )\nelse:\n    b\n",
        [
            stmt(
                "for...b", "while x:\n    for x in {it}:\n        {body}\n    {other}", it="y", body="a(...)", other="b"
            )
        ],
        "while x:\n    for x in y:\n        a(\n            1,\n        )\n    b\n",
    ),
    (
        "with f():\n    def g(): return 1\n",
        [stmt("with...1", "async with h:\n    {body}", body="def...1"), make_async("def...1")],
        "async with h:\n    async def g(): return 1\n",
    ),
]


@pytest.mark.parametrize(("before", "edits", "after"), [*REMOVE, *REPLACE, *ELIF, *BODIES])
def test_statement_edits(before: str, edits: list[Maker], after: str) -> None:
    made = [maker(before) for maker in edits]
    assert rewrite_file(PATH, before.encode(), made).decode() == after
    assert rewrite_file(PATH, before.encode(), [*reversed(made), *made]).decode() == after
    ast.parse(after)
