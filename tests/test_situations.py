"""The page of situations names what the fixtures contain; that both sides agree is the fixtures' own test."""

from __future__ import annotations

from situations import PAGE, fixtures, situations


def test_the_page_has_every_construct_and_every_situation() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for fixture in fixtures():
        title = fixture.title.removesuffix(" in seven situations")
        row = next(line for line in text.splitlines() if line.startswith(f"| {title} |"))
        assert row.count("| same") == len(situations(fixture)) == 7
        section = text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        assert all(f"| {name} | `" in section for name in situations(fixture))
    assert "differs" not in text
