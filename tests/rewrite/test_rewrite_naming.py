"""Lambdas that get a name: (before, the lambda, its name, expected)."""

import ast

import pytest
from marks import PATH, WHY, find

from asyncify.model import Await, NameLambda
from asyncify.rewrite import rewrite_file


def named(source, text, name="job", *more, bound=False):
    edits = [NameLambda(find(source, text), WHY, name, bound), *more]
    after = rewrite_file(PATH, source.encode(), edits).decode()
    ast.parse(after)
    return after


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("run(lambda: f(1).x)\n", "lambda: f(1).x", "async def job():\n    return f(1).x\n\n\nrun(job)\n"),
        (
            "a = 1\n# both\nb = run(lambda x, *y, z=2, **k: x)  # end\n",
            "lambda x, *y, z=2, **k: x",
            "a = 1\n\n\nasync def job(x, *y, z=2, **k):\n    return x\n\n\n# both\nb = run(job)  # end\n",
        ),
        (
            "def f():\n    if a:\n        g()\n    elif h(lambda: 1):\n        i()\n",
            "lambda: 1",
            "def f():\n    async def job():\n        return 1\n\n    if a:\n        g()\n    elif h(job):\n        i()\n",
        ),
        (
            "if a: b = run(lambda: 1); c()\n",
            "lambda: 1",
            "if a:\n    async def job():\n        return 1\n\n    b = run(job); c()\n",
        ),
        (
            "def f():\n    with open(lambda: 1) as x:\n        return x\n",
            "lambda: 1",
            "def f():\n    async def job():\n        return 1\n\n    with open(job) as x:\n        return x\n",
        ),
        (
            "run(\n    lambda: f(1)\n    .x,  # one\n    2,\n)\n",
            "lambda: f(1)\n    .x",
            "async def job():\n    return (f(1)\n        .x)\n\n\nrun(\n    job,  # one\n    2,\n)\n",
        ),
        ("x = 1\njob = lambda y: y  # why\n", "lambda y: y", "x = 1\n\n\nasync def job(y):  # why\n    return y\n"),
        ("x = 1; job = lambda: x\n", "lambda: x", "async def job():\n    return x\n\n\nx = 1; job = job\n"),
        ("print((lambda: 1)())\n", "lambda: 1", "async def job():\n    return 1\n\n\nprint((job)())\n"),
    ],
)
def test_in_front_of_its_statement(source: str, text: str, expected: str) -> None:
    assert named(source, text) == expected


def test_awaits_in_it() -> None:
    source = "run(lambda: f(1).x)\n"
    after = named(source, "lambda: f(1).x", "job", Await(find(source, "f(1)"), WHY))
    assert after == "async def job():\n    return (await f(1)).x\n\n\nrun(job)\n"


def test_two_in_one_statement() -> None:
    source = "run(lambda: 1, lambda: 2)\n"
    after = named(source, "lambda: 1", "one", NameLambda(find(source, "lambda: 2"), WHY, "two"))
    assert after == "async def one():\n    return 1\n\n\nasync def two():\n    return 2\n\n\nrun(one, two)\n"


def test_values_bound_where_it_stood() -> None:
    source = "x = [run(lambda n=n, *, m=1: n + m) for n in y]\n"
    after = named(source, "lambda n=n, *, m=1: n + m", bound=True)
    expected = "async def job(n, *, m):\n    return n + m\n\n\nx = [run(functools.partial(job, n=n, m=1)) for n in y]\n"
    assert after == expected
