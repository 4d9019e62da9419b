"""On real files: every node is found by its span, and nothing but the edits changes."""

from __future__ import annotations

import ast
import codecs
import io
import random
import re
import sysconfig
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marks import PATH, WHY, node_span, span_of, wait

from asyncify.model import Await, Edit, MakeAsync, Span
from asyncify.rewrite import rewrite_file
from asyncify.rewrite.encoding import decode
from asyncify.rewrite.locate import Found, find_nodes, read

STDLIB = Path(sysconfig.get_path("stdlib"))
FILES = [
    "ast.py", "asyncio/tasks.py", "concurrent/futures/thread.py", "contextlib.py", "csv.py",
    "email/header.py", "functools.py", "heapq.py", "http/cookies.py", "json/decoder.py", "queue.py", "sched.py",
    "shelve.py", "string.py", "textwrap.py",   "wsgiref/handlers.py",
]  # fmt: skip
ODD = [
    "f(x for x in y)\nf((x for x in y))\ng(f((x) for x in y), (z for z in (x)))\n",
    "@a.b(c)\n@d\ndef f(x=(1, 2), *, y: int = (3)) -> (g): return (x)\n",
    "if a: b\nelif (c): d; e ; f\nelse:\n\tg; \n",
    "x = (y := (1, 2)), *z, *(w), {**a, 'b': (c)}\n",
    "with (a) as b, c: pass\nwith (a as b, c): pass\nwith (a, b) as c: pass\nwith (a): pass\n",
    "f(*a, *(b), k=c, **d, **(e))\n",
    "class A(B, metaclass=C): x: int; y = 1\n",
    "try: a\nexcept* (B, C) as d: e\nelse: f\nfinally: g\n",
    "a = b = \\\n  c \\\n  .d\n",
    "\ta\n".replace("\t", "") + "if x:\n\t\tb\n\t\t# c\n\t# d\ne\n",
    "a\n\x0c\nb\n  \x0c  # c\nd\n",
    "x = 'ä€𝄞' + f('é')(ö)\n",
    "a[b, c:d]; a[(b, c)]; a[b:c]\n",
    "async def f():\n    async with a as b: await (c)\n    async for d in e: [x async for x in y]\n",
    "lambda x, *y, z=(1), **w: (x, y)\n",
    "match a:\n    case B(c=1) | [2, *_] if (d): e\n",
    "('a' 'b').c(); ('a'\n 'b')\n",
    "return_ = yield_\ndef g():\n    x = yield\n    yield (y)\n    yield from (z)\n    return\n",
    "not (a); -(b) ** -c; (d)[e]; (f)(g); ((h)).i\n",
    "print((yield_), [(a) for (b), c in (d) if (e) if f for g in h])\n",
    "",
    "# only a comment",
    "if x:\n  a;\n",
    "def f(): a  ;  \n",
    "class A:\n  with b:\n    c; (d)\t;  # e\n",
]  # fmt: skip


def _expected(source: str, tree: ast.Module) -> Iterator[tuple[Span, str]]:
    """The spans of all nodes that an edit can mean, with the field of `Found` that must hold one."""
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):  # see test_misplaced_fstring_parts_are_never_taken_for_something_else
            skipped.update(part for part in ast.walk(node) if part is not node)
        elif (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Tuple)
            and not _starts_with_parenthesis(source, node.slice)
        ):
            skipped.add(node.slice)  # `a[b, c]`: LibCST has no node for these two together
    for node in ast.walk(tree):
        if node in skipped or isinstance(node, ast.Slice):
            continue
        if isinstance(node, (ast.Starred, ast.keyword)):
            yield node_span(source, node), "argument"
        elif isinstance(node, ast.expr):
            yield node_span(source, node), "expression"
        elif isinstance(node, ast.comprehension):
            yield node_span(source, node.target, [node.iter, *node.ifs][-1]), "clause"
        elif isinstance(node, ast.stmt):
            yield node_span(source, node), "statement"
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            elif_ = name == "orelse" and isinstance(node, ast.If) and body and isinstance(body[0], ast.If)
            if isinstance(body, list) and body and not isinstance(node, ast.Module) and not elif_:
                yield node_span(source, body[0], body[-1]), "body"


def _starts_with_parenthesis(source: str, node: ast.expr) -> bool:
    line = source.splitlines(keepends=True)[node.lineno - 1] if "\x0c" not in source else "("
    return line.encode()[node.col_offset : node.col_offset + 1] == b"("


def _read(name: str) -> str:
    data = (STDLIB / name).read_bytes()
    return decode(name, data).text


@pytest.mark.parametrize("source", [*ODD, *(pytest.param(name, id=name) for name in FILES)])
def test_every_node_of_ast_is_found(source: str) -> None:
    text = _read(source) if source in FILES else source
    expected = list(_expected(text, ast.parse(text)))
    decoded, module = read(PATH, text.encode())
    places = find_nodes(module, decoded, {span for span, _ in expected})
    missing = [(span, kind) for span, kind in expected if getattr(places.found.get(span, Found()), kind) is None]
    assert not missing


# --- Layout ----------------------------------------------------------------------------------------------------

LAYOUTS = [
    ("plain", "x = 1\nf().y\n", "utf-8", b""),
    ("bom", "x = 'ä'\nf().y\n", "utf-8", codecs.BOM_UTF8),
    ("crlf", "x = 1\r\n\r\nf().y # c \r\n", "utf-8", b""),
    ("cr", "x = 1\rf().y\r", "utf-8", b""),
    ("mixed newlines", "x = 1\r\ny = 2\nf().y\r\n\n", "utf-8", b""),
    ("latin-1", "# -*- coding: latin-1 -*-\nx = 'äöü'; f().y\n", "latin-1", b""),
    ("cp1252", "#!/x\n# coding=cp1252\nx = '€'; f().y\n", "cp1252", b""),
    ("euc-jp", "# coding: euc-jp\nx = '日本'; f().y\n", "euc-jp", b""),
    ("no newline at the end", "x = 1\nf().y", "utf-8", b""),
    ("space at the end", "x = 1\nf().y   \n   \n\t\n", "utf-8", b""),
    ("comment at the end", "f().y\n# c", "utf-8", b""),
    ("tabs", "if x:\n\tif y:\n\t\tf().y\n\t# c\n", "utf-8", b""),
    ("form feed", "x\n\x0c\nf().y\n", "utf-8", b""),
    ("astral", "x = '𝄞'; f().y\n", "utf-8", b""),
    ("blank lines at the end", "f().y\n   \n  # c\n\t\n  \n\t", "utf-8", b""),
    ("indented comment at the end", "def g():\n    f().y\n\n  # c\n\n    # d", "utf-8", b""),
    ("string that ends like a comment", "f().y\nx = '''\n\n  # c'''\n", "utf-8", b""),
    ("two indents", "if x:\n  if y:\n     f().y\nif z:\n\ta\n", "utf-8", b""),
    ("bom and cookie", "# coding: utf-8\nf().y\n", "utf-8", codecs.BOM_UTF8),
]


@pytest.mark.parametrize(("text", "codec", "bom"), [pytest.param(*case[1:], id=case[0]) for case in LAYOUTS])
def test_bytes_outside_the_edit_stay(text: str, codec: str, bom: bytes) -> None:
    before = bom + text.encode(codec)
    after = rewrite_file(PATH, before, [wait("f()")(text)])
    assert after == bom + text.replace("f()", "(await f())").encode(codec)


@pytest.mark.parametrize(("text", "codec", "bom"), [pytest.param(*case[1:], id=case[0]) for case in LAYOUTS])
def test_no_edits_no_change(text: str, codec: str, bom: bytes) -> None:
    before = bom + text.encode(codec)
    assert rewrite_file(PATH, before, []) is before


# --- Random edits of real files --------------------------------------------------------------------------------


def _candidates(source: str) -> list[Edit]:
    edits: list[Edit] = []
    tree = ast.parse(source)
    inside = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if node in inside:
            continue
        if isinstance(node, ast.Call):
            edits.append(Await(node_span(source, node), WHY))
        elif isinstance(node, (ast.FunctionDef, ast.With, ast.For)):
            edits.append(MakeAsync(node_span(source, node), WHY))
        elif isinstance(node, ast.comprehension):
            edits.append(MakeAsync(node_span(source, node.target, [node.iter, *node.ifs][-1]), WHY))
    return edits


def _tokens(text: str) -> list[tuple[int, str]]:
    found = tokenize.generate_tokens(io.StringIO(text, newline="").readline)
    return [(token.type, token.string) for token in found]


def _without(text: str, before: str) -> str:
    """`text` without the `await `, `async ` and parentheses that it has beyond `before`, character by character."""
    result: list[str] = []
    at = 0
    while at < len(text):
        place = len(result)
        rest = re.compile(r"await |async ").match(text, at)
        if rest and not before.startswith(rest[0], place):
            at = rest.end()
        elif text[at] in "()" and before[place : place + 1] != text[at]:
            at += 1
        else:
            result.append(text[at])
            at += 1
    return "".join(result)


def _flat(text: str) -> str:
    """`text` with all lines at the margin; how blocks are indented is told by their tokens."""
    return re.sub(r"(?m)^ +", "", text)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(FILES), seed=st.integers(0, 2**32), share=st.sampled_from([0.02, 0.2, 0.6]))
def test_awaits_change_nothing_else(name: str, seed: int, share: float) -> None:
    source = _read(name)
    chance = random.Random(seed)
    edits = [edit for edit in _candidates(source) if chance.random() < share]
    after = rewrite_file(PATH, source.encode(), edits).decode()
    tree = ast.parse(after)
    counts = [sum(isinstance(node, kind) for node in ast.walk(tree)) for kind in (ast.Await, ast.AsyncFunctionDef)]
    old = ast.parse(source)
    before = [sum(isinstance(node, kind) for node in ast.walk(old)) for kind in (ast.Await, ast.AsyncFunctionDef)]
    assert counts[0] - before[0] == sum(isinstance(edit, Await) for edit in edits)
    assert counts[1] >= before[1]
    # Taking the awaits out of the tree gives the old tree: no expression reads differently.
    assert ast.dump(_Sync().visit(tree)) == ast.dump(_Sync().visit(old))
    # And the text differs in nothing but the new words and parentheses, and in where lines within brackets begin.
    assert _without(_flat(after), _flat(source)) == _flat(source)
    assert [token for token in _tokens(after) if token[1] not in ("await", "async", "(", ")")] == [
        token for token in _tokens(source) if token[1] not in ("await", "async", "(", ")")
    ]


class _Sync(ast.NodeTransformer):
    """The same tree with everything asynchronous made synchronous."""

    def visit_Await(self, node: ast.Await) -> ast.AST:
        return self.visit(node.value)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        self.generic_visit(node)
        return ast.FunctionDef(**vars(node))

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        self.generic_visit(node)
        return ast.With(**vars(node))

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        self.generic_visit(node)
        return ast.For(**vars(node))

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.is_async = 0
        return node


def test_an_edit_in_a_long_line_of_astral_characters() -> None:
    source = "x = ['𝄞', f('𝄞'), '𝄞']\n"
    start = source.index("f(")
    edit = Await(span_of(source, start, start + 6), WHY)
    assert rewrite_file(PATH, source.encode(), [edit]).decode() == "x = ['𝄞', await f('𝄞'), '𝄞']\n"
