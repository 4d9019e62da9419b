"""Methods, and functions of modules imported by name, that are handed on as values, taken from something unknown.

Whoever is given one calls it without await.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set

from asyncify.colour.pins import LOOKS_AT_FUNCTIONS, MAYBE_CALLED, refusal
from asyncify.colour.suspects import suspected
from asyncify.index.project import Kind
from asyncify.index.values import Unknown
from asyncify.model import Refusal, Span
from asyncify.rules.base import function_node
from asyncify.rules.facts import Facts

# Around an attribute that is looked at, not handed on.
_LOOKS = (
    ast.Attribute,
    ast.Subscript,
    ast.Compare,
    ast.BinOp,
    ast.UnaryOp,
    ast.FormattedValue,
    ast.AugAssign,
    ast.For,
    ast.comprehension,
    ast.If,
    ast.While,
    ast.withitem,
    ast.Slice,
)


def handed_on_pins(facts: Facts, settled: frozenset[Span]) -> Iterator[tuple[str, Refusal]]:
    """The functions that stay for that, by node; what is handed to the calls `settled` runs right, whatever it is."""
    methods: dict[str, list[str]] = {}
    for name, info in facts.project.functions.items():
        is_function = info.kind is Kind.FUNCTION and not info.is_async
        if is_function and suspected(facts, info):
            methods.setdefault(name.rpartition(".")[2].partition("#")[0], []).append(name)
    for last, span in _handed_on(facts, methods.keys(), settled).items():
        text = f"What is handed on at {span} may be {last}(); asyncify cannot tell of what it is taken."
        for name in methods[last]:
            yield function_node(name), refusal(MAYBE_CALLED, span, text)


def _handed_on(facts: Facts, names: Set[str], settled: frozenset[Span]) -> Mapping[str, Span]:
    """By name: the first place where an attribute of that name of something unknown is handed on."""
    found: dict[str, Span] = {}
    for path in facts.project.files:
        for node in facts.nodes(path, ast.Attribute):
            assert isinstance(node, ast.Attribute)
            if node.attr in names and node.attr not in found and _is_handed_on(facts, path, node):
                parent = facts.parent(path, node)
                if not isinstance(parent, ast.Call) or facts.span(path, parent) not in settled:
                    found[node.attr] = facts.span(path, node)
    return found


def _is_handed_on(facts: Facts, path: str, node: ast.Attribute) -> bool:
    parent = facts.parent(path, node)
    if isinstance(parent, ast.Call) and parent.func is node:
        return False
    if isinstance(parent, _LOOKS) or not isinstance(node.ctx, ast.Load):
        return False
    call = facts.project.call_at(facts.span(path, parent)) if isinstance(parent, ast.Call) else None
    if (
        call is not None
        and call.externals
        and call.externals <= LOOKS_AT_FUNCTIONS - {"typing.cast"}
        and not call.targets
    ):
        return False
    if isinstance(parent, ast.Assign) and all(
        isinstance(t, ast.Attribute) and t.attr == node.attr for t in parent.targets
    ):
        return False  # what is copied keeps its name, under which it is looked for
    values = facts.values(path, node.value)
    return not values or any(isinstance(value, Unknown) for value in values)
