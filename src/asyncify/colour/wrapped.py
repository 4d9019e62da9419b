"""Functions that are fetched out of what a decorator put around them: ``fetch.__wrapped__``, ``inspect.unwrap(fetch)``.

The index follows what stands under the decorated name, and not what lies inside.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.colour.pins import refusal
from asyncify.index.project import Kind
from asyncify.index.values import External
from asyncify.model import Refusal
from asyncify.rules.base import CALLBACK, function_node
from asyncify.rules.caches import CACHES
from asyncify.rules.facts import Facts

_CACHES = frozenset(External(name) for name in CACHES)
_ATTRIBUTE = "__wrapped__"


def wrapped_pins(facts: Facts) -> Iterator[tuple[str, Refusal]]:
    """The decorated functions of such a name; all decorated ones, where what is fetched from something else is called."""
    places: list[tuple[str, ast.expr, ast.expr]] = [
        (path, node, node.value)
        for path in facts.project.files
        if facts.spells(path, frozenset({_ATTRIBUTE}))
        for node in facts.nodes(path, ast.Attribute)
        if node.attr == _ATTRIBUTE and isinstance(node.ctx, ast.Load)
    ]
    places += [
        (call.span.path, call.node, call.node.args[0])
        for call in facts.calls_by_external.get("inspect.unwrap", ())
        if call.node.args
    ]
    if not places:
        return
    decorated: dict[str, list[str]] = {}
    for name, info in facts.project.functions.items():
        if info.decorators and info.kind is Kind.FUNCTION and not info.is_async:
            names = decorated.setdefault(name.rpartition(".")[2].partition("#")[0], [])
            if not {value for span in info.decorators for value in facts.project.values(span)} & _CACHES:
                names.append(name)  # (caches have a rule of their own)
    for path, node, owner in places:
        last = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
        parent = facts.parent(path, node)
        called = isinstance(parent, ast.Call) and parent.func is node
        named = [last] if last in decorated else sorted(decorated) if called else []
        for each in named:
            for name in decorated[each]:
                text = f"The function inside the decorator is fetched here by {facts.text(path, node)}."
                yield function_node(name), refusal(CALLBACK, facts.span(path, node), text)
