"""Functions that take one item of an iterator with `next(…)`: the header of a table, the first of what is done.

## What it allows

`next(csv.reader(file))`, `next(file)` and `next(iter(done))` in a function that becomes asynchronous (verdict `review`): where nothing is left, Python
raises `StopIteration`, and makes a RuntimeError of it where it would leave a coroutine.

## What it refuses

- The same in programs that speak of one of these errors or define `__next__`, and in functions that `map` and its like call: there the end of one iterator may be
  meant to end a loop (`stop-iteration`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.graph import reachable
from asyncify.index.catalogue import Catalogue
from asyncify.index.project import CallSite, Kind
from asyncify.index.values import Instance
from asyncify.model import Verdict
from asyncify.rules.base import Claim, Finding, Handles, Role, Rule, function_node
from asyncify.rules.facts import Facts

ID = "next_items"
_NEXT = "builtins.next"
_READERS = frozenset({"csv.reader", "csv.DictReader"})
_PLAIN = frozenset({"builtins.iter", "builtins.reversed", "builtins.enumerate", "builtins.zip"})
_SPOKEN = frozenset({"StopIteration", "RuntimeError", "__next__"})
_CALLING = ("builtins.", "itertools.", "functools.")
_CONDITION = "nothing is left: RuntimeError is raised instead of StopIteration"


def match(facts: Facts) -> Iterator[Finding]:
    """Calls of `next` without a default whose StopIteration nobody waits for."""
    calls = [call for call in facts.calls_by_external.get(_NEXT, ()) if _takes_one(facts, call)]
    if not calls or any(facts.spells(path, _SPOKEN) for path in facts.project.files):
        return
    called_by: dict[str, set[str]] = {}
    for caller, called in facts.runs.items():
        for name in called:
            called_by.setdefault(name, set()).add(caller)
    handed = {i.target for i in facts.implicit_calls if (i.external or "").startswith(_CALLING)}
    for call in calls:
        if handed.isdisjoint(reachable([call.within], called_by)):
            yield Handles(call.span)
            yield Claim(
                ID,
                call.span,
                call.within,
                Role.PART,
                Verdict.REVIEW,
                "the function takes an item, and becomes asynchronous",
                {"": ()},
                needs_async=False,
                follows=(function_node(call.within),),
                condition=_CONDITION,
                variant="item",
            )


def _takes_one(facts: Facts, call: CallSite) -> bool:
    """Whether the call takes the next item of an iterator that Python made, and that stays as it is."""
    info = facts.project.functions.get(call.within)
    if info is None or info.kind is not Kind.FUNCTION or info.is_async or info.is_generator:
        return False
    if call.externals != {_NEXT} or call.targets or len(call.node.args) != 1 or call.node.keywords:
        return False
    path, given = call.span.path, call.node.args[0]
    return _is_reader(facts, path, given) or _is_plain(facts, path, given)


def _is_plain(facts: Facts, path: str, given: ast.expr) -> bool:
    values = facts.values(path, given)
    return bool(values) and all(isinstance(value, Instance) and _is_python_s(facts, value) for value in values)


def _is_python_s(facts: Facts, value: Instance) -> bool:
    if value.type == "builtins.file":
        return True
    made = facts.project.call_at(value.site) if value.type == "builtins.iter" and value.site is not None else None
    return made is not None and not made.targets and bool(made.externals) and made.externals <= _PLAIN


def _is_reader(facts: Facts, path: str, given: ast.expr) -> bool:
    """Whether the expression is a reader of rows, made here or bound to a variable of the function by nothing else."""
    if isinstance(given, ast.Call):
        made = facts.project.call_at(facts.span(path, given))
        return made is not None and not made.targets and bool(made.externals) and made.externals <= _READERS
    scope = next((p for p in facts.parents(path, given) if isinstance(p, ast.FunctionDef)), None)
    if not isinstance(given, ast.Name) or scope is None:
        return False
    stores = [
        node
        for node in ast.walk(scope)
        if isinstance(node, ast.Name) and node.id == given.id and not isinstance(node.ctx, ast.Load)
    ]
    bound = [parent for node in stores if isinstance(parent := facts.parent(path, node), ast.Assign)]
    return (
        bool(stores)
        and len(bound) == len(stores)
        and all(isinstance(each.value, ast.Call) and _is_reader(facts, path, each.value) for each in bound)
    )


RULE = Rule(
    id=ID,
    title="Items taken with next()",
    doc=__doc__,
    catalogue=Catalogue(),
    starts={},
    match=match,
)
