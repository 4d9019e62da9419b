"""Untrusted text, and the lexer's lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncify.report.highlight import highlight
from asyncify.report.html import Html, markup, tag
from asyncify.report.text import anchor, clean, clean_line, counted, joined


@given(st.text())
def test_a_cleaned_line_is_one_line_without_controls(text: str) -> None:
    out = clean_line(text)
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in out)
    assert len(out.splitlines()) <= 1
    out.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\nb", "a\nb"),
        ("a\tb", "a   b"),
        ("\u202eevil", r"\u202eevil"),
        ("\udcff", r"\udcff"),
        ("straße 漢字 👍", "straße 漢字 👍"),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(st.text(alphabet=st.sampled_from("<>&\"'ab\x1b/")))
def test_html_text_stays_text(text: str) -> None:
    out = tag("p", text, title=text)
    assert out.count("<") == out.count(">") == 2
    assert out.count('"') == 2
    assert markup(Html("<b>")) == "<b>"


@given(
    st.lists(
        st.text(alphabet=st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=20), max_size=6
    )
)
def test_highlighting_changes_no_character(lines: list[str]) -> None:
    lines = [clean_line(line) for line in lines]
    assert ["".join(piece.text for piece in pieces) for pieces in highlight(lines)] == lines


def test_a_string_over_several_lines_is_one_string() -> None:
    kinds = [{piece.kind for piece in pieces} for pieces in highlight(['x = """a', "def b():", '"""'])]
    assert kinds[1] == {"string"}


def test_words() -> None:
    assert counted(1, "file") == "1 file"
    assert counted(1200, "reply", "replies") == "1,200 replies"
    assert joined(["a", "b", "c"]) == "a, b and c"
    assert anchor("Füße <1>") == "fue-1"
