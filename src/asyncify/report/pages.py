"""Pages of rules and codes, from markdown to the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.markdown import Markdown
from rich.table import Table

from asyncify.report.text import clean, safe


def page(markdown: str) -> RenderableType:
    """A page as it reads on a terminal."""
    return Markdown(clean(markdown), hyperlinks=False)


def contents(entries: Iterable[tuple[str, str]]) -> RenderableType:
    """Names and titles, one a line."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold", ratio=1)
    for name, title in entries:
        table.add_row(safe(name), safe(title))
    return table
