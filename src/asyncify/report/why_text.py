"""Why functions have their colour, as trees in both directions."""

from __future__ import annotations

from rich.console import Group as Renderables
from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from asyncify.model import Colour, Witness
from asyncify.report.reasons import grow
from asyncify.report.text import safe
from asyncify.report.views import WhyView

_STYLES = {Colour.FREE: "dim", Colour.MUST_ASYNC: "green", Colour.MUST_SYNC: "yellow", Colour.CONFLICT: "red"}


def why_report(why: WhyView) -> RenderableType:
    """Each matching function with the chains down to what waits and to what holds it back, and up to where it is run."""
    parts: list[RenderableType] = []
    for number, match in enumerate(why.matches):
        if number:
            parts.append(Text())
        parts.append(_tree(match))
    return Renderables(*parts)


def _tree(match: Witness) -> Tree:
    style = "red" if match.need is not None and match.pin is not None else _STYLES[match.colour]
    tree = Tree(Text.assemble(safe(match.function, "bold"), "  ", safe(match.outcome, style)), guide_style="dim")
    becomes = match.colour is Colour.MUST_ASYNC
    if match.need is not None:
        label = "because" if becomes else "it waits" if match.pin is None else "it would become async, because"
        grow(tree.add(Text(label, style="italic")), match.need)
    if match.pin is not None:
        label = "because" if match.need is None else "but it must stay sync, because"
        branch = tree.add(Text(label, style="italic"))
        grow(branch, match.pin)
        if match.remedy:
            branch.add(Text.assemble(("→ ", "green"), safe(match.remedy)))
    if match.need is None and match.pin is None:
        tree.add(Text("it neither waits nor calls anything that does, as far as asyncify knows", style="dim"))
    if match.up is not None:
        grow(tree.add(Text("up to the entry point", style="italic")), match.up)
    return tree
