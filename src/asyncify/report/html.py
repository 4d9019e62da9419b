"""HTML that is escaped by construction: text becomes markup only through :func:`tag`."""

from __future__ import annotations

from html import escape

from asyncify.report.text import clean


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: str | None) -> Html:
    """An element. Children that are no :class:`Html` are escaped; ``class_`` stands for ``class``, None is left out."""
    attrs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(clean(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{attrs}>{markup(*children)}</{name}>")


def markup(*children: str) -> Html:
    """The children one after the other, escaped where they are text."""
    return Html("".join(child if isinstance(child, Html) else escape(clean(child)) for child in children))
