"""What the rewriter refuses, loudly and with the place."""

from __future__ import annotations

import ast

import pytest
from marks import PATH, WHY, Maker, add, arguments, drop, expr, find, make_async, node_span, span_of, stmt, wait

from asyncify.errors import InputError, InternalError
from asyncify.model import AddFile, Await, Edit, Span
from asyncify.rewrite import apply_edits, findable, rewrite_file

CLASHES: list[tuple[str, list[Maker], str]] = [
    ("f(a)\n", [wait("(a)")], "no node"),
    ("f(a)\n", [wait("f(")], "no node"),
    ("x = f(a)\n", [wait("x = f(a)")], "no node"),
    ("f(a)\n", [make_async("f(a)")], "no node"),
    ("x.y\n", [wait("y")], "no node"),
    ("f(k=1)\n", [wait("k")], "no node"),
    ("f(*a)\n", [wait("*a")], "no node"),
    ("def f(): pass\n", [wait("f")], "no node"),
    ("import f.g\n", [wait("f.g")], "no node"),
    ("from f import g\n", [wait("g")], "no node"),
    ("def f():\n    global g\n", [wait("g")], "no node"),
    ("def f(a): pass\n", [wait("a")], "no node"),
    ("x\n", [arguments("x", {"k": "1"})], "no node"),
    ("while x: pass\n", [make_async("while x: pass")], "no node"),
    ("f(1)\n", [lambda _: Await(Span(PATH, 9, 0, 9, 4), WHY)], "no node"),
    ("async def f(): pass\n", [make_async("async...pass")], "asynchronous already"),
    ("[x async for x in y]\n", [make_async("x in y")], "asynchronous already"),
    ("f(a)\n", [expr("f(a)", "g()"), expr("f(a)", "h()")], "clashes"),
    ("f(a)\n", [stmt("f(a)", "g()"), stmt("f(a)", "h()")], "clashes"),
    ("f(g(a))\n", [expr("f(g(a))", "h()"), wait("g(a)")], "clashes"),
    ("f(g(a))\n", [stmt("f(g(a))", "h()"), wait("g(a)")], "clashes"),
    ("f(g(a))\n", [stmt("f(g(a))", "h({x})", x="a"), wait("g(a)")], "clashes"),
    ("f(a)\n", [expr("f(a)", "g()"), arguments("f(a)", {"k": "1"})], "clashes"),
    ("f(k=g(a))\n", [arguments("f(k=g(a))", {"k": None}), wait("g(a)")], "clashes"),
    ("f(g(a))\n", [arguments("f(g(a))", drop=(0,)), wait("g(a)")], "clashes"),
    ("f(a, k=1)\n", [arguments("f(a, k=1)", {"k": "2"}), arguments("f(a, k=1)", {"k": "3"})], "clashes"),
    ("with a: b\n", [make_async("with a: b"), stmt("with a: b", "c")], "clashes"),
    ("f(a)\n", [arguments("f(a)", drop=(1,))], "no positional argument 1"),
    ("f(*a, b)\n", [arguments("f(*a, b)", drop=(1,))], "no positional argument 1"),
    ("f(k=1)\n", [arguments("f(k=1)", drop=(0,))], "no positional argument 0"),
    ("f(a)\n", [expr("f(a)", "g({x})")], "does not fill"),
    ("f(a)\n", [expr("f(a)", "g({x)", x="a")], "single brace"),
    ("f(a)\n", [expr("f(a)", "g('{x}')", x="a")], "in a string"),
    ("f(a)\n", [expr("f(a)", "g(")], "no expression"),
    ("f(a)\n", [expr("f(a)", "x = 1")], "no expression"),
    ("f(a)\n", [stmt("f(a)", "with x")], "no statement"),
    ("f(*a)\n", [expr("f(*a)", "{x}.y", x="*a")], "cannot stand"),
    ("f(k=1)\n", [expr("f(k=1)", "[{x}]", x="k=1")], "cannot be an element"),
    ("with a:\n    b\n    c\n", [stmt("with...c", "f({x})", x="b...c")], "alone on a line"),
    ("x = f(a)\n", [expr("f", "1 +")], "no expression"),
    ("def g():\n    f(a)\n", [stmt("f(a)", "  return\n x")], "no statement"),
    ("f(a) = 1\n"[:5] + "\n", [add("a b")], "no import"),
    ("f\n", [add("a", "x"), add("b", "x")], "both called x"),
    ("f'{a}'\n", [expr("a", "g('k', \"j\")")], "quotes"),
    ("f'{a}'\n", [expr("a", "g(\"\\\\n\")")], "cannot stand"),
    ("x: int\n", [expr("x", "f()"), wait("int")], "no valid Python"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "edits", "message"), CLASHES)
def test_refused_with_its_place(before: str, edits: list[Maker], message: str) -> None:
    made = [maker(before) for maker in edits]
    with pytest.raises(InternalError, match=message) as caught:
        rewrite_file(PATH, before.encode(), made)
    assert caught.value.span is not None
    assert caught.value.span.path == PATH


def test_edits_of_another_file_are_refused() -> None:
    with pytest.raises(InternalError, match="another file"):
        rewrite_file("other.py", b"f()\n", [wait("f()")("f()\n")])


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"x = 1\ny = (\n", 2),
        (b"x = 1\ndef f(:\n    pass\n", 2),
        (b"# coding: nonsense\n", 1),
        (b"x = 1\ny = '\xff'\n", 2),
        (b"\x0cf()\n", 1),
    ],
)
def test_unreadable_files_are_input_errors(data: bytes, line: int) -> None:
    edit = wait("f()")("f()\n")
    with pytest.raises(InputError) as caught:
        rewrite_file(PATH, data, [edit])
    assert caught.value.span is not None
    assert (caught.value.span.path, caught.value.span.line) == (PATH, line)


def test_characters_the_encoding_lacks_are_refused() -> None:
    data = "# coding: latin-1\nf('ä')\n".encode("latin-1")
    edit = expr("'ä'", "'€'")("# coding: latin-1\nf('ä')\n")
    with pytest.raises(InternalError, match="cannot be written in the file's encoding"):
        rewrite_file(PATH, data, [edit])


def test_misplaced_fstring_parts_are_never_taken_for_something_else() -> None:
    """Every span that `ast` gives to a call in an f-string is either right or not findable."""
    source = "g(1)\nx = f'''\n{g(2)} {'a' + f'{g(3)}'}\n  {g(4)!r:>{g(5)}}'''\ny = f'{g(6)}' f'{g(7)}'\n"
    findings = 0
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        span = node_span(source, node)
        if findable(PATH, source.encode(), span):
            findings += 1
            after = rewrite_file(PATH, source.encode(), [Await(span, WHY)]).decode()
            assert after == source.replace(ast.unparse(node), f"await {ast.unparse(node)}")
        else:
            with pytest.raises(InternalError):
                rewrite_file(PATH, source.encode(), [Await(span, WHY)])
    assert findings >= 3


def test_findable_answers_for_spans_without_a_node() -> None:
    assert findable(PATH, b"f(a)\n", find("f(a)\n", "a"))
    assert not findable(PATH, b"f(a)\n", find("f(a)\n", "(a)"))


# --- apply_edits -----------------------------------------------------------------------------------------------


def test_many_files_in_order_and_unchanged_ones_left_out() -> None:
    sources = {"b.py": b"f()\n", "a.py": b"import x\nx\n", "pkg/c.py": b"g()\n"}
    edits: list[Edit] = [
        Await(span_of("f()\n", 0, 3, "b.py"), WHY),
        AddFile(Span("new.py", 0, 0, 0, 0), WHY, "x = 'ä'\n"),
        AddFile(Span("new.py", 0, 0, 0, 0), WHY, "x = 'ä'\n"),
        drop("x")("").__class__(Span("a.py", 1, 0, 1, 0), WHY, "x"),  # type: ignore[call-arg]
    ]
    changes = apply_edits(sources, edits)
    assert [(change.path, change.before, change.after) for change in changes] == [
        ("b.py", b"f()\n", b"await f()\n"),
        ("new.py", None, "x = 'ä'\n".encode()),
    ]
    assert apply_edits(sources, []) == ()


def test_modules_among_the_sources_are_sorted_as_local() -> None:
    before = b"import os\n\nimport requests\n\nfrom app import y\n"
    edit = add("app.aio_support")("")
    changes = apply_edits({PATH: before, "app/__init__.py": b""}, [edit])
    assert changes[0].after == b"import os\n\nimport requests\n\nimport app.aio_support\nfrom app import y\n"


def test_added_files_never_overwrite() -> None:
    span = Span("new.py", 0, 0, 0, 0)
    assert apply_edits({"new.py": b"x\n"}, [AddFile(span, WHY, "x\n")]) == ()
    with pytest.raises(InternalError, match="another content"):
        apply_edits({"new.py": b"y\n"}, [AddFile(span, WHY, "x\n")])
    with pytest.raises(InternalError, match="another content"):
        apply_edits({}, [AddFile(span, WHY, "x\n"), AddFile(span, WHY, "y\n")])
    with pytest.raises(InternalError, match="not there"):
        apply_edits({}, [wait("f()")("f()\n")])
