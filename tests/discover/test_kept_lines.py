"""``# asyncify: keep``: which lines it covers."""

from __future__ import annotations

from textwrap import dedent

import pytest

from asyncify.discover import kept_lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a = 1\nb = 2  # asyncify: keep\nc = 3\n", {2}),
        ("a = 1  #asyncify:keep because of x\n", {1}),
        ("a = 1  # noqa: E501  # asyncify: keep\n", {1}),
        ("a = 1  # asyncify: keeper\n", set()),
        ("a = '# asyncify: keep'\n", set()),
        ('"""\n# asyncify: keep\n"""\na = 1\n', set()),
        # All lines of the statement, wherever in it the comment is.
        ("f(\n    1,  # asyncify: keep\n    2,\n)\ng()\n", {1, 2, 3, 4}),
        ("f(\n    1,\n)  # asyncify: keep\ng()\n", {1, 2, 3}),
        # A line of its own: the next statement, past blank lines and other comments.
        ("# asyncify: keep\n\n# why\nf(\n    1)\ng()\n", {1, 4, 5}),
        # The header of a compound statement, not its body.
        ("for x in (\n    y\n):  # asyncify: keep\n    f(x)\n", {1, 2, 3}),
        ("def f():\n    # asyncify: keep\n    g()\n    h()\n", {2, 3}),
        # Decorators take the def along.
        ("# asyncify: keep\n@a\n@b(\n  1)\ndef f():\n    pass\n", {1, 2, 3, 4, 5}),
        ("@a  # asyncify: keep\ndef f():\n    pass\n", {1, 2}),
        ("@a\ndef f():  # asyncify: keep\n    pass\n", {2}),
        ("x = 1\n# asyncify: keep\n", {2}),
        ("a\r\nb  # asyncify: keep\r\nc\r\n", {2}),
        ("a\rb  # asyncify: keep\rc\r", {2}),
        ("", set()),
    ],
)
def test_kept_lines(text: str, lines: set[int]) -> None:
    assert kept_lines(text) == lines


def test_a_file_that_does_not_parse_keeps_its_marked_lines() -> None:
    broken = dedent("""\
        x = 1  # asyncify: keep
        f(((
        y = 2  # asyncify: keep
        """)
    assert kept_lines(broken) == {1, 3}
