"""Reachability, plain and with witnesses in a graph of implications. Knows nothing of Python.

A node is any string. An implication ``a -> b`` says: if `a` holds, `b` must hold. From enabled roots the closure
is computed; every node that holds remembers the implication that made it hold first, so that a chain of reasons can
be told. Implications have one premise each, so which roots are to blame for a node is plain backward reachability.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from asyncify.model import Reason, Span


def reachable(start: Iterable[str], links: Mapping[str, Iterable[str]]) -> set[str]:
    """All that the links lead to from there, the start included."""
    seen = set(start)
    todo = list(seen)
    while todo:
        more = set(links.get(todo.pop(), ())) - seen
        seen |= more
        todo += more
    return seen


@dataclass(frozen=True, slots=True)
class Implication:
    """If `premise` holds, `conclusion` must; `text` at `span` says why."""

    premise: str
    conclusion: str
    text: str
    span: Span


class Implications:
    """A set of implications, indexed both ways."""

    def __init__(self, implications: Iterable[Implication]) -> None:
        self._from: dict[str, list[Implication]] = defaultdict(list)
        self._to: dict[str, list[Implication]] = defaultdict(list)
        # In a fixed order, so that the same facts give the same witnesses however they were found.
        for implication in sorted(set(implications), key=lambda i: (i.premise, i.conclusion, i.span, i.text)):
            self._from[implication.premise].append(implication)
            self._to[implication.conclusion].append(implication)

    def closure(self, roots: Mapping[str, Reason]) -> dict[str, Reason]:
        """All nodes that hold when the roots do, each with the chain of reasons back to its root."""
        holds = {node: roots[node] for node in sorted(roots)}
        queue = deque(holds)
        while queue:
            node = queue.popleft()
            for step in self._from.get(node, ()):
                if step.conclusion not in holds:
                    holds[step.conclusion] = Reason(step.text, step.span, holds[node])
                    queue.append(step.conclusion)
        return holds

    def causes(self, node: str, why: Reason) -> dict[str, Reason]:
        """All nodes from which `node` follows, each with the chain of reasons that leads to `why`."""
        return {premise: reason for premise, _, reason in self.blame({node: why})}

    def blame(self, ends: Mapping[str, Reason]) -> Iterator[tuple[str, str, Reason]]:
        """All nodes from which one of the `ends` follows, each once: with the first such end, and the chain of reasons to it.

        What leads to an earlier end is not searched again for a later one, so all ends together cost one walk.
        """
        found: dict[str, Reason] = {}
        for end, why in ends.items():
            if end in found:
                continue
            found[end] = why
            queue = deque([end])
            while queue:
                current = queue.popleft()
                yield current, end, found[current]
                for step in self._to.get(current, ()):
                    if step.premise not in found:
                        found[step.premise] = Reason(step.text, step.span, found[current])
                        queue.append(step.premise)

    def reached(self, start: Iterable[str]) -> set[str]:
        """All that follows from those nodes, themselves included; no reasons are kept."""
        seen = set(start)
        todo = list(seen)
        while todo:
            for step in self._from.get(todo.pop(), ()):
                if step.conclusion not in seen:
                    seen.add(step.conclusion)
                    todo.append(step.conclusion)
        return seen

    def of(self, node: str) -> Iterator[Implication]:
        """The implications whose premise is `node`."""
        yield from self._from.get(node, ())

    def into(self, node: str) -> Iterator[Implication]:
        """The implications whose conclusion is `node`."""
        yield from self._to.get(node, ())

    def components(self, nodes: Iterable[str]) -> list[set[str]]:
        """The weakly connected components of the graph restricted to `nodes`, in order of first member."""
        left = dict.fromkeys(nodes)
        out: list[set[str]] = []
        while left:
            first = next(iter(left))
            del left[first]
            component = {first}
            queue = deque([first])
            while queue:
                current = queue.popleft()
                near = [s.conclusion for s in self._from.get(current, ())]
                near += [s.premise for s in self._to.get(current, ())]
                for node in near:
                    if node in left:
                        del left[node]
                        component.add(node)
                        queue.append(node)
            out.append(component)
        return out
