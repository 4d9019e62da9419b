"""The parts of a large tree, grown until nothing more is needed (:mod:`asyncify.demand` says what is)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from asyncify.demand import Analysis, Ground, needed
from asyncify.index.carriers import Libraries
from asyncify.index.project import SourceFile
from asyncify.model import Reason, Refusal
from asyncify.relevance import everywhere, starting
from asyncify.rules.base import RefusalCode, Rule

_A = TypeVar("_A", bound=Analysis)


class TooLarge(Exception):
    """A part grew over the limit, or all took too long: the tree hangs together too much to be taken apart."""


TOO_CONNECTED = RefusalCode(
    "too-connected",
    "What moves here hangs together with more of the tree than asyncify looks at at once.",
    "Scan and move one package or folder of the tree at a time.",
)


@dataclass
class Growth(Generic[_A]):
    """Parts on their way: `todo` are files that belong together, `done` parts that need nothing more.

    ``limit`` is how many lines a part may have. What is larger is ``left`` alone, if it may be (``leave``); if not, no more
    than ``budget`` lines are indexed in all, those of a part again with each round.
    """

    ground: Ground
    libraries: Libraries
    limit: int
    todo: list[set[str]]
    leave: bool = False
    budget: int = sys.maxsize
    done: list[tuple[set[str], _A]] = field(default_factory=list)
    left: list[set[str]] = field(default_factory=list)
    begins: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Remember where all began."""
        self.begins = frozenset[str]().union(*self.todo)

    def run(self, analyse: Callable[[Sequence[SourceFile]], _A]) -> None:
        """Analyse and grow until nothing is left to do.

        Raises:
            TooLarge: where a part grows over the limit that may not be left alone, or the budget is spent.
        """
        ground, spent = self.ground, 0
        while self.todo:
            # Small ones may join larger ones for nothing.
            part = min(self.todo, key=lambda part: (ground.lines(part), min(part)))
            self.todo.remove(part)
            spent += ground.lines(part)
            if spent > self.budget and not self.leave:
                raise TooLarge
            waiting = len(ground.elsewhere.waiting)
            analysis = analyse([ground.sources[path] for path in sorted(part)])
            more = needed(ground, analysis, self.libraries, part)
            if more or waiting != len(ground.elsewhere.waiting):
                analysis.project.forget()
                self._join(part | more)
            else:
                self.done.append((part, analysis))

    def _join(self, part: set[str]) -> None:
        """The part is to do again, with all that it has grown into."""
        met = [other for other, _ in self.done if other & part]
        part = part.union(*(other for other in [*self.todo, *self.left, *met] if other & part))
        too_large = self.ground.lines(part) > self.limit  # as what it meets is, if that was left alone
        if too_large and not self.leave:
            raise TooLarge
        self.todo = [other for other in self.todo if not other & part]
        self.left = [other for other in self.left if not other & part]
        for other, analysis in self.done:
            if other & part:
                analysis.project.forget()
        self.done = [(other, analysis) for other, analysis in self.done if not other & part]
        (self.left if too_large else self.todo).append(part)

    def refusals(self) -> Iterator[Refusal]:
        """What is said of the parts that are left alone: where each of their files begins to matter."""
        for part in self.left:
            text = (
                f"What would move here hangs together with {self.ground.lines(part):,} lines in {len(part)} files, and more; "
                f"of this tree asyncify looks at {self.limit:,} at once."
            )
            for path in sorted(part & self.begins):
                span = self.ground.imported(path, self.libraries.modules)
                yield Refusal(TOO_CONNECTED.code, span, text, TOO_CONNECTED.remedy, Reason(text, span))


def beginnings(ground: Ground, rules: Collection[Rule]) -> list[set[str]]:
    """The files that parts begin with: those that start a migration, with those that they hang together with."""
    todo = ground.linked(ground.seeds(starting(rules)))
    for path in ground.seeds(everywhere(rules)):
        around = ground.connected(path)
        touched = [part for part in todo if part & around]
        if touched:
            todo = [part for part in todo if not part & around] + [{path}.union(*touched)]
    return todo


def libraries_of(rules: Iterable[Rule]) -> Libraries:
    """What starts a migration, and what of it is inert."""
    rules = list(rules)
    return Libraries(frozenset(starting(rules)), frozenset[str]().union(*(rule.inert for rule in rules)))
