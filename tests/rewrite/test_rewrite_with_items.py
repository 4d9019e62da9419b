"""``with`` statements of several items: (before, which of them, expected)."""

import ast

import pytest
from marks import PATH, WHY, find

from asyncify.errors import InternalError
from asyncify.model import MakeAsync
from asyncify.rewrite import rewrite_file


def rewritten(source, *edits):
    after = rewrite_file(PATH, source.encode(), edits).decode()
    ast.parse(after)
    return after


def with_items(source, *items):
    statement = find(source, source[source.index("with") :].rstrip())
    return [MakeAsync(statement, WHY, (find(source, item),)) for item in items]


@pytest.mark.parametrize(
    ("source", "items", "expected"),
    [
        ("with a() as x, b() as y:\n    pass\n", ["a()", "b()"], "async with a() as x, b() as y:\n    pass\n"),
        (
            "with a() as x, b() as y:\n    # say\n    f(x,\n      y)\n",
            ["b()"],
            "with a() as x:\n    async with b() as y:\n        # say\n        f(x,\n          y)\n",
        ),
        ("with a() as x, b(), c(): pass\n", ["b()"], "with a() as x:\n    async with b():\n        with c(): pass\n"),
        (
            "with (\n    a(),  # one\n    b(),  # two\n):\n    pass\n",
            ["b()"],
            "with (\n    a(),  # one\n):\n    async with (\n        b(),  # two\n    ):\n        pass\n",
        ),
        (
            "with a(), \\\n     b():\n    pass\n",
            ["a()"],
            "async with a():\n    with b():\n        pass\n",
        ),
    ],
)
def test_items_of_a_with_become_asynchronous_one_by_one(source, items, expected):
    assert rewritten(source, *with_items(source, *items)) == expected


def test_an_item_that_is_not_there_is_an_error():
    source = "with a(), b():\n    f(c)\n"
    with pytest.raises(InternalError, match="no such item"):
        rewritten(source, *with_items(source, "c"))
