"""Why functions have their colour, as trees in both directions."""

from __future__ import annotations

from rich.console import Group as Renderables
from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from asyncify.model import Colour, Reason
from asyncify.report.reasons import grow
from asyncify.report.text import safe
from asyncify.report.views import WhyView

_COLOURS = {
    Colour.FREE: ("stays as it is", "dim"),
    Colour.MUST_ASYNC: ("becomes async", "green"),
    Colour.MUST_SYNC: ("must stay sync", "yellow"),
    Colour.CONFLICT: ("cannot be both", "red"),
}


def why_report(why: WhyView) -> RenderableType:
    """Each matching function with the chain down to its cause and the chain of what follows from it."""
    parts: list[RenderableType] = []
    for name, colour, cause, consequence in why.matches:
        text, style = _COLOURS[colour]
        tree = Tree(Text.assemble(safe(name, "bold"), "  ", (text, style)), guide_style="dim")
        _branch(tree, "because", cause)
        _branch(tree, "therefore", consequence)
        if cause is None and consequence is None:
            tree.add(Text("it neither does I/O that asyncify moves nor calls anything that does", style="dim"))
        parts.append(tree)
    return Renderables(*parts)


def _branch(tree: Tree, label: str, reason: Reason | None) -> None:
    if reason is None:
        return
    grow(tree.add(Text(label, style="italic")), reason)
