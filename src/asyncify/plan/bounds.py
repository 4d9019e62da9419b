"""How many jobs the pools of a group run at a time, where the code says so."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from asyncify.index.values import Constant
from asyncify.model import Bound
from asyncify.rules.base import Claim
from asyncify.rules.facts import Facts

_KEYWORDS = ("max_workers", "processes")
_THREADS = frozenset({"threading.Thread", "threading.Timer"})
# How many requests grequests sends at a time unless it is told.
_SIZES: dict[str, int | None] = {"grequests.map": None, "grequests.imap": 2, "grequests.imap_enumerated": 2}
_REPEATS = (
    ast.For,
    ast.While,
    ast.AsyncFor,
    ast.comprehension,
    ast.ListComp,
    ast.GeneratorExp,
    ast.SetComp,
    ast.DictComp,
)


def bounds(facts: Facts, claims: Iterable[Claim]) -> tuple[Bound, ...]:
    """One for each place of the claims that makes a pool, or a thread."""
    return tuple(sorted(dict.fromkeys(_found(facts, claims)), key=lambda bound: bound.span))


def _found(facts: Facts, claims: Iterable[Claim]) -> Iterator[Bound]:
    for claim in claims:
        call = facts.project.call_at(claim.span)
        if call is None:
            continue
        node = facts.node(call.span, ast.Call)
        if node is None:
            continue
        if call.externals and call.externals <= _SIZES.keys():
            most = [
                _workers(facts, call.span.path, node, ("size",), 2, _SIZES[name]) for name in sorted(call.externals)
            ]
            yield Bound(call.span, most[0])
        elif claim.concurrent:
            yield Bound(call.span, _workers(facts, call.span.path, node))
        elif call.externals & _THREADS:
            repeated = any(isinstance(each, _REPEATS) for each in facts.ancestors_in_function(call.span.path, node))
            yield Bound(call.span, None if repeated else 1)


def _workers(
    facts: Facts,
    path: str,
    node: ast.Call,
    keywords: tuple[str, ...] = _KEYWORDS,
    position: int = 0,
    default: int | None = None,
) -> int | None:
    """The largest number that the argument may have; None where it is not only known numbers."""
    given = [each.value for each in node.keywords if each.arg in keywords] or node.args[position : position + 1]
    if len(given) != 1:
        return default
    numbers = []
    for value in facts.values(path, given[0]):
        if not isinstance(value, Constant) or isinstance(value.value, bool) or not isinstance(value.value, int):
            return None
        numbers.append(value.value)
    return max(numbers, default=None)
