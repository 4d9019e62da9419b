"""What rules and colours ask of the same facts many times, and find once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from asyncify.rules.facts import Facts

_T = TypeVar("_T")


def once(find: Callable[[Facts], _T]) -> Callable[[Facts], _T]:
    """A function of facts alone that finds its answer at the first call; the answer goes with the facts."""
    answers: WeakKeyDictionary[Facts, _T] = WeakKeyDictionary()

    @wraps(find)
    def found(facts: Facts) -> _T:
        try:
            return answers[facts]
        except KeyError:
            answer = answers[facts] = find(facts)
            return answer

    return found
