"""What code on the event loop may wait for that is made in a file which is not indexed: locks, queues, events.

``with shared.LOCK:`` around an await stops the event loop if the lock stays one of threads. Where `shared` is not indexed,
nobody knows that it is a lock, so the file belongs to the part.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from asyncify.index.elsewhere import ABSENT
from asyncify.index.values import External, ExternalMethod, Instance, Value
from asyncify.rules.facts import Facts

_WAITS = frozenset(["acquire", "wait", "wait_for", "join", "put", "get"])


def wanted(facts: Facts, moving: Collection[str], running: Collection[str]) -> Iterator[str]:
    """Names of absent things that functions may wait for.

    The `moving` ones hold across awaits what they enter; the `running` ones must not wait for anything.
    """
    for path, node in _uses(facts, moving, running):
        yield from (name for value in facts.values(path, node) if (name := _name(value)).startswith(ABSENT))


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
