"""HTML that is escaped by construction: text becomes markup only through :func:`tag`."""

from __future__ import annotations

from html import escape
from importlib.resources import files

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


def page(title: str, body: Html) -> str:
    """A whole document around a body: no script, nothing from the network, light and dark by the reader's preference."""
    css = files("asyncify.report").joinpath("diff.css").read_text(encoding="utf-8")
    head = markup(
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="color-scheme" content="light dark">'),
        Html("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"),
        tag("title", title),
        tag("style", Html(css)),
    )
    return f'<!doctype html>\n<html lang="en">{tag("head", head)}{tag("body", body)}</html>\n'
