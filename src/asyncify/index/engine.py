"""Difference propagation: variables, edges between them, operations that wait for values. Knows no Python."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from operator import attrgetter
from typing import Any

from asyncify.index.abstract import AConstant, AExternal, AFunction, AInstance, AMethod, AUnknown, AValue
from asyncify.index.project import TOO_MANY

Handler = Callable[..., None]

_MANY = 24
"""From this many values on, not counting *precious* ones, a variable takes no further external objects or literals; it says so instead."""

_MOST = 48
"""With more values than this a variable collapses: it holds :data:`OVERFLOW` and *precious* values only.

What it held and what it refuses is kept in :attr:`Engine.dropped`, so that nothing that got lost is believed to be
unused.
"""

_FUNCTIONS = 256
"""As :data:`_MOST`, where the values are functions alone: what a decorator of the project is put on."""

_PRECIOUS = 100
"""A collapsed variable with more values than this takes no more precious ones either: those are :attr:`Engine.lost`."""

_DENSE = 16  # from so many successors on, a set tells whether an edge is there already
_DROPPED = (AConstant, AUnknown, AExternal, AInstance, AMethod)
OVERFLOW = AUnknown(TOO_MANY)
_serial = attrgetter("serial")


def _ordered(values: Collection[AValue]) -> Collection[AValue]:
    """Values in the order they were made: what a limit lets through must not depend on addresses in memory."""
    return sorted(values, key=_serial) if len(values) > 1 else values


class Engine:
    """Values flow along edges until nothing new arrives anywhere."""

    def __init__(self) -> None:
        self.held: list[set[AValue] | None] = [None]
        self.successors: list[list[int] | None] = [None]
        self.watchers: list[list[tuple[Handler, Any, Any]] | None] = [None]
        self.dropped: set[AValue] = set()
        self.lost: set[AValue] = set()  # precious values that some variable does not hold although it can be them
        self.collapsed: set[int] = set()
        self._dense: dict[int, set[int]] = {}  # the successors of those that have many
        self._pending: dict[int, set[AValue]] = {}
        self._queue: deque[int] = deque()
        self._replays: list[tuple[Handler, Any, Any, set[AValue]]] = []

    def grow(self, count: int) -> int:
        """Make `count` variables; the first one's number."""
        start = len(self.held)
        empty: list[None] = [None] * count
        self.held.extend(empty)
        self.successors.extend(empty)
        self.watchers.extend(empty)
        return start

    def new(self) -> int:
        """A fresh variable."""
        self.held.append(None)
        self.successors.append(None)
        self.watchers.append(None)
        return len(self.held) - 1

    def add(self, variable: int, value: AValue) -> None:
        """The variable can be this value."""
        if not variable:
            return
        held = self.held[variable]
        if held is None:
            self.held[variable] = {value}
        elif value in held:
            return
        elif len(held) >= _MANY or OVERFLOW in held:
            self._add_all(variable, {value})
            return
        else:
            held.add(value)
        pending = self._pending.get(variable)
        if pending is None:
            self._pending[variable] = {value}
            self._queue.append(variable)
        else:
            pending.add(value)

    def _add_all(self, variable: int, values: set[AValue]) -> None:
        held = self.held[variable]
        if held is None:
            held = self.held[variable] = set()
            new = values
        elif variable in self.collapsed:
            new = values - held
            if not new:
                return
            self.dropped |= new
            new = {value for value in new if value.precious}
            if len(held) > _PRECIOUS:
                self.lost |= new
                return
        else:
            new = values - held
        if not new:
            return
        if len(held) + len(new) > _MANY:
            new = self._limit(variable, held, new)
            if not new:
                return
            held = self.held[variable]
            assert held is not None
        held |= new
        pending = self._pending.get(variable)
        if pending is None:
            self._pending[variable] = set(new)
            self._queue.append(variable)
        else:
            pending |= new

    def _limit(self, variable: int, held: set[AValue], new: set[AValue]) -> set[AValue]:
        """What a variable that gets many values takes of the new ones."""
        if variable in self.collapsed:
            return new
        if len(held) + len(new) <= 4 * _MOST and sum(not value.precious for value in held | new) <= _MANY:
            return new
        if len(held) + len(new) > 4 * _MOST:
            kept = new
        else:
            kept = {value for value in new if value.precious or not isinstance(value, _DROPPED)}
        if len(kept) < len(new):
            self.dropped |= new - kept
            kept.add(OVERFLOW)
        if len(held) + len(kept) > (_MOST if any(v.__class__ is not AFunction for v in held | kept) else _FUNCTIONS):
            self.collapsed.add(variable)
            self.dropped |= held | new
            self.held[variable] = {value for value in held if value.precious}
            pending = self._pending.get(variable)
            if pending:
                pending &= self.held[variable]  # type: ignore[arg-type]
            kept = {OVERFLOW, *(value for value in new if value.precious)}
        return kept - (self.held[variable] or set())

    def edge(self, source: int, target: int) -> None:
        """Whatever `source` can be, `target` can be."""
        if not source or not target or source == target:
            return
        successors = self.successors[source]
        if successors is None:
            self.successors[source] = [target]
        elif len(successors) < _DENSE:
            if target in successors:
                return
            successors.append(target)
        else:
            known = self._dense.get(source)
            if known is None:
                known = self._dense[source] = set(successors)
            if target in known:
                return
            known.add(target)
            successors.append(target)
        held = self.held[source]
        if held:
            self._add_all(target, held)

    def on(self, variable: int, handler: Handler, context: Any, details: Any) -> None:
        """Run ``handler(value, context, details)`` for every value the variable has or gets."""
        if not variable:
            return
        watchers = self.watchers[variable]
        if watchers is None:
            self.watchers[variable] = [(handler, context, details)]
        else:
            watchers.append((handler, context, details))
        held = self.held[variable]
        if held:
            pending = self._pending.get(variable)
            now = held - pending if pending else set(held)
            if now:
                self._replays.append((handler, context, details, now))

    def run(self) -> None:
        """Propagate until nothing is left to do."""
        queue, pending, successors, watchers = self._queue, self._pending, self.successors, self.watchers
        held = self.held
        replays = self._replays
        while queue or replays:
            while replays:
                handler, context, details, values = replays.pop()
                for value in _ordered(values):
                    handler(value, context, details)
            if not queue:
                break
            variable = queue.popleft()
            delta = pending.pop(variable)
            targets = successors[variable]
            if targets:
                for target in targets:
                    known = held[target]
                    if known is None or not delta <= known:
                        self._add_all(target, delta)
            waiting = watchers[variable]
            if waiting:
                arrived = _ordered(delta)
                for handler, context, details in tuple(waiting):
                    for value in arrived:
                        handler(value, context, details)
