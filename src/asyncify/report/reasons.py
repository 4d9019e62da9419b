"""Reasons as indented trees: each line follows from the one below it."""

from __future__ import annotations

from rich.text import Text
from rich.tree import Tree

from asyncify.model import Reason
from asyncify.report.text import counted, place, safe

LONGEST = 12
"""Links of a chain that are shown; of a longer one, those at both ends."""


def links(reason: Reason | None) -> list[Reason]:
    """The chain of a reason, its middle replaced by a count where it is too long to read."""
    chain = list(reason.chain()) if reason else []
    if len(chain) <= LONGEST:
        return chain
    tail = LONGEST // 2 - 1
    gap = len(chain) - LONGEST + 1
    return [*chain[: LONGEST - 1 - tail], Reason(f"… {counted(gap, 'step')} …"), *chain[-tail:]]


def reason_line(reason: Reason) -> Text:
    """The reason's text and its place."""
    line = safe(reason.text)
    return Text.assemble(line, "  ", place(reason.span)) if reason.span else line


def grow(tree: Tree, reason: Reason | None) -> None:
    """Hang the chain of a reason below `tree`, each link indented under what follows from it."""
    for link in links(reason):
        tree = tree.add(reason_line(link))


def reason_tree(reason: Reason, label: str | Text) -> Tree:
    """The chain of a reason below `label`."""
    tree = Tree(label, guide_style="dim")
    grow(tree, reason)
    return tree
