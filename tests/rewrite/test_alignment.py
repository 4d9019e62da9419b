"""Continuation lines move along with what they stood below."""

from __future__ import annotations

import ast

import pytest

from asyncify.rewrite.alignment import aligned

CASES = {
    "call": ("x = get(a,\n        b)\n", "x = await get(a,\n              b)\n"),
    "shorter": ("x = requests.get(a,\n                 b)\n", "x = aio.get(a,\n            b)\n"),
    "definition": ("def get(a,\n        b):\n    pass\n", "async def get(a,\n              b):\n    pass\n"),
    "hanging": ("x = get(\n    a,\n    b,\n)\n", "x = await get(\n    a,\n    b,\n)\n"),
    "not below": ("x = get(a,\n    b)\n", "x = await get(a,\n    b)\n"),
    "inner": (
        "x = get(a, [b,\n            c],\n        {\n    1})\n",
        "x = await get(a, [b,\n                  c],\n              {\n          1})\n",
    ),
    "block below": (
        "x = get(a, b={\n            1: 2,\n        }, c=(\n        3),\n        d=4)\n",
        "x = await get(a, b={\n            1: 2,\n        }, c=(\n        3),\n              d=4)\n",
    ),
    "comment": ("x = get(a,  # one\n        # two\n        b)\n", "x = await get(a,  # one\n              # two\n              b)\n"),
    "bracket below bracket": ("x = get(a,\n        b\n       )\n", "x = await get(a,\n              b\n             )\n"),
    "string": ('x = get(a, """\nb\n""",\n        c)\n', 'x = await get(a, """\nb\n""",\n              c)\n'),
    "f-string": ('x = get(a, f"""\n        {b}""",\n        c)\n', 'x = await get(a, f"""\n        {b}""",\n              c)\n'),
    "tabs": ("if 1:\n\tx = get(a,\n\t        b)\n", "if 1:\n\tx = await get(a,\n\t        b)\n"),
    "lines end as on Windows": ("x = get(a,\r\n        b)\r\n", "x = await get(a,\r\n              b)\r\n"),
}  # fmt: skip


def changed(name: str) -> str:
    """The text as edits leave it."""
    before = CASES[name][0]
    return before.replace("x = get(", "x = await get(").replace("def ", "async def ").replace("requests.get", "aio.get")


@pytest.mark.parametrize("name", CASES)
def test_lines_move_along(name: str) -> None:
    before, after = CASES[name]
    assert aligned(before, changed(name)) == after


@pytest.mark.parametrize("name", CASES)
def test_only_the_place_of_lines_changes(name: str) -> None:
    before = CASES[name][0]
    edited = changed(name)
    assert ast.dump(ast.parse(aligned(before, edited))) == ast.dump(ast.parse(edited))
    assert aligned(before, before) == before


def test_a_line_moves_with_the_bracket_around_and_its_own() -> None:
    before = "x = get(a,\n        get(b,\n            c))\n"
    edited = before.replace("get(", "await get(")
    assert aligned(before, edited) == "x = await get(a,\n              await get(b,\n                        c))\n"
