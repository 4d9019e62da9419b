"""Parameters that get an annotation."""

import ast

import pytest
from marks import PATH, WHY

from asyncify.errors import InternalError
from asyncify.model import Annotate, Span
from asyncify.rewrite import rewrite_file


def at(source, name):
    column = source.splitlines()[0].index(name)
    return Span(PATH, 1, column, 1, column + len(name))


def annotated(source, name, template, *, quoted=True):
    after = rewrite_file(PATH, source.encode(), [Annotate(at(source, name), template, WHY, quoted)]).decode()
    ast.parse(after)
    return after


@pytest.mark.parametrize(
    ("before", "quoted", "after"),
    [
        ("def f(a, pool=None):\n    pass\n", True, 'def f(a, pool: "x.Pool | None" = None):\n    pass\n'),
        ("def f(a, *, pool = None):\n    pass\n", True, 'def f(a, *, pool: "x.Pool | None" = None):\n    pass\n'),
        ("def f(pool): return pool\n", False, "def f(pool: x.Pool | None): return pool\n"),
        ("async def f(pool=P(4), b=1): pass\n", False, "async def f(pool: x.Pool | None = P(4), b=1): pass\n"),
    ],
)
def test_a_parameter_gets_an_annotation(before, quoted, after):
    assert annotated(before, "pool", "x.Pool | None", quoted=quoted) == after


def test_one_that_has_an_annotation_keeps_it():
    with pytest.raises(InternalError, match="Annotate"):
        annotated("def f(pool: int = 1): pass\n", "pool", "x.Pool")


def test_a_name_elsewhere_is_no_parameter():
    with pytest.raises(InternalError, match="Annotate"):
        annotated("f(pool=1)\n", "pool", "x.Pool")
