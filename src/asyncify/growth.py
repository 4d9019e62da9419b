"""The parts of a large tree, grown until nothing more is needed (:mod:`asyncify.demand` says what is)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from asyncify.demand import Analysis, Ground, needed
from asyncify.index.carriers import Libraries
from asyncify.index.project import SourceFile
from asyncify.relevance import everywhere, starting
from asyncify.rules.base import Rule

_A = TypeVar("_A", bound=Analysis)


class TooLarge(Exception):
    """A part grew over the limit: the tree hangs together too much to be taken apart."""


@dataclass
class Growth(Generic[_A]):
    """Parts on their way: `todo` are files that belong together, `done` parts that need nothing more.

    ``limit`` is how many lines a part may have.
    """

    ground: Ground
    libraries: Libraries
    limit: int
    todo: list[set[str]]
    done: list[tuple[set[str], _A]] = field(default_factory=list)

    def run(self, analyse: Callable[[Sequence[SourceFile]], _A]) -> None:
        """Analyse and grow until nothing is left to do.

        Raises:
            TooLarge: where a part grows over the limit.
        """
        ground = self.ground
        while self.todo:
            # Small ones may join larger ones for nothing.
            part = min(self.todo, key=lambda part: (ground.lines(part), min(part)))
            self.todo.remove(part)
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
        if self.ground.lines(part) > self.limit:
            raise TooLarge
        met = [other for other, _ in self.done if other & part]
        part = part.union(*(other for other in [*self.todo, *met] if other & part))
        self.todo = [other for other in self.todo if not other & part]
        for other, analysis in self.done:
            if other & part:
                analysis.project.forget()
        self.done = [(other, analysis) for other, analysis in self.done if not other & part]
        self.todo.append(part)


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
