"""What code on the event loop may wait for that is made in a file which is not indexed: locks, queues, events.

``with shared.LOCK:`` around an await stops the event loop if the lock stays one of threads. Where `shared` is not indexed,
nobody knows that it is a lock, so the file belongs to the part. Where nothing is known of what is entered, it may come from
any file that the function, or another method of its class, calls and that spells `threading` or `queue`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator

from asyncify.index.elsewhere import ABSENT
from asyncify.index.values import External, ExternalMethod, Instance, Unknown, Value
from asyncify.rules.facts import Facts

_WAITS = frozenset(["acquire", "wait", "wait_for", "join", "put", "get"])


def wanted(
    facts: Facts,
    moving: Collection[str],
    running: Collection[str],
    path_of: Callable[[str], str],
    spell: Collection[str],
) -> Iterator[str]:
    """Paths of files that make what functions may wait for.

    The `moving` ones hold across awaits what they enter; the `running` ones must not wait for anything. ``path_of``
    gives the path for the name of an absent thing; `spell` are the files that spell `threading` or `queue`.
    """
    doubtful: set[str] = set()  # functions, and classes with such a method
    for path, node in _uses(facts, moving, running):
        values = facts.values(path, node)
        yield from (path_of(name) for value in values if (name := _name(value)).startswith(ABSENT))
        parent = facts.parent(path, node)
        held = isinstance(parent, ast.withitem) or (isinstance(parent, ast.Attribute) and parent.attr == "acquire")
        unknown = not values or any(isinstance(value, Unknown) for value in values)
        if held and unknown and not isinstance(node, ast.Call):
            doubtful |= _around(facts, facts.enclosing(path, node))
    for call in facts.project.calls if doubtful else ():
        if not doubtful.isdisjoint(_around(facts, call.within)):
            made = map(path_of, sorted(name for name in call.externals if name.startswith(ABSENT)))
            yield from (path for path in made if path in spell)


def _around(facts: Facts, function: str) -> set[str]:
    """A function and the class that it is a method of."""
    info = facts.project.functions.get(function)
    return {function, info.cls} if info is not None and info.cls is not None else {function}


def _uses(facts: Facts, moving: Collection[str], running: Collection[str]) -> Iterator[tuple[str, ast.expr]]:
    """What is entered, or asked to wait."""
    for path in facts.project.files:
        for node in facts.nodes(path, ast.With):
            within = facts.enclosing(path, node)
            if within in moving:
                yield from ((path, item.context_expr) for item in node.items)
    for call in facts.calls_named(_WAITS):
        func = call.node.func
        if call.within in running and isinstance(func, ast.Attribute) and not _has_key(call.node):
            yield call.span.path, func.value


def _has_key(call: ast.Call) -> bool:
    """Whether it is ``mapping.get(key)`` rather than ``queue.get()``, or ``", ".join(words)`` rather than ``thread.join()``."""
    func = call.func
    return isinstance(func, ast.Attribute) and func.attr in ("get", "join") and bool(call.args)


def _name(value: Value) -> str:
    match value:
        case External():
            return value.name
        case Instance():
            return value.type
        case ExternalMethod():
            return value.instance.type
    return ""
