"""Functions that code given as text may call: ``eval(rule, names)``, ``exec``, ``cProfile.run("main()")``. Nobody awaits them there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from asyncify.colour.computed_names import members_of
from asyncify.colour.pins import refusal
from asyncify.index.project import CallSite, Kind
from asyncify.index.values import Constant, Function, Instance
from asyncify.model import Refusal, Span
from asyncify.rules.base import CALLBACK, function_node
from asyncify.rules.facts import Facts

_EVALUATORS = frozenset({"builtins.eval", "builtins.exec"})
# What runs texts that programs spell in full, nearly always.
_RUNNERS = frozenset(
    "builtins.compile timeit.timeit timeit.repeat timeit.Timer cProfile.run cProfile.runctx profile.run profile.runctx "
    "cProfile.Profile.run cProfile.Profile.runctx profile.Profile.run trace.Trace.run pdb.run pdb.runeval pdb.runcall".split()
)
_NAMESPACES = frozenset({"globals", "locals"})
_WORD = re.compile(r"[^\W\d]\w*")


def evaluated_pins(facts: Facts) -> Iterator[tuple[str, Refusal]]:
    """Nodes of functions that such code may call, with the refusal to give.

    A text that is known calls what it names. One that is not may call all that its names give it: those of the mapping
    that goes with it, or else those of the file.
    """
    words: dict[str, Span] = {}
    for call in facts.calls_of(_EVALUATORS | _RUNNERS):
        node = call.node
        evaluates = bool(call.externals & _EVALUATORS)
        arguments = [
            *node.args[: 1 if evaluates else None],
            *(k.value for k in node.keywords if k.arg not in _NAMESPACES),
        ]
        for text in arguments:
            values = facts.values(call.span.path, text)
            for value in values:
                if isinstance(value, Constant) and isinstance(value.value, str):
                    for word in _WORD.findall(value.value):
                        words.setdefault(word, call.span)
            if evaluates and not (values and all(isinstance(value, Constant) for value in values)):
                for name in sorted(_given(facts, call)):
                    yield function_node(name), refusal(CALLBACK, call.span, "The text that is run here may call it.")
    for name, info in facts.project.functions.items() if words else ():
        *_, owner, last = ["", *name.split(".")]
        span = words.get(owner if info.cls and last.startswith("__") else last.partition("#")[0])
        if span is not None and info.kind is Kind.FUNCTION and not info.is_async:
            yield function_node(name), refusal(CALLBACK, span, "The text that is run here calls it.")


def _given(facts: Facts, call: CallSite) -> set[str]:
    """The functions that a text gets with its names, and those of the objects, classes and modules among them."""
    path = call.span.path
    mappings = [*call.node.args[1:], *(k.value for k in call.node.keywords if k.arg in _NAMESPACES)]
    held = [facts.values(path, mapping) for mapping in mappings]
    values = {inner for outer in held for value in outer for inner in facts.project.slot(value, 1)}
    if not held or any(not isinstance(value, Instance) for outer in held for value in outer) or not all(held):
        values |= {value for node in facts.nodes(path, ast.Name) for value in facts.values(path, node)}
    found: set[str] = set()
    for value in values:
        found |= {value.name} if isinstance(value, Function) else set(members_of(facts, value))
    return {name for name in found if name in facts.project.functions and not facts.project.functions[name].is_async}
