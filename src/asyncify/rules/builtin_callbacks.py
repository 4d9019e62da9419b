"""Functions that builtins call: `map`, `filter`, `iter`, `sorted`, `min`, `max`, `list.sort` and `functools.reduce`.

## What it rewrites

- `list(map(fetch, urls))` becomes `[await fetch(item) for item in urls]`, `filter` likewise; where the results are read one by one, the
  items come from `aio_support.map_awaited` and `aio_support.filter_awaited`, as late as before. `iter(poll, "done")` becomes
  `aio_support.iter_async(poll, "done")`.
- `sorted`, `min`, `max` and `list.sort` with a key that waits, and `functools.reduce`, are awaited: `aio_support.sorted_async` and others
  call the function for one item after the other, in the same order.
- In a function that stays synchronous the builtin gets `aio_support.as_sync(fetch)`, which runs each coroutine to its end.

## What it refuses

- A function that may also be one from outside the project, and results of `map` and `filter` that are kept or handed on.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue
from asyncify.index.project import CallSite, Kind
from asyncify.index.values import BoundMethod, Function
from asyncify.model import AddImport, Await, Edit, Reason, ReplaceExpr, Span, Verdict
from asyncify.rules.base import Claim, Finding, Handles, Role, Rule, function_node
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import
from asyncify.rules.iteration import consumption
from asyncify.rules.support import import_of

ID = "builtin_callbacks"
CALLED_BACK = "callback"
"""The variant of this rule's claims."""
_LAZY = {"builtins.map": "map_awaited", "builtins.filter": "filter_awaited", "builtins.iter": "iter_async"}
_AWAITED = {
    "builtins.sorted": "sorted_async",
    "builtins.min": "min_async",
    "builtins.max": "max_async",
    "functools.reduce": "reduce_async",
}
_SORT = "builtins.list.sort"
_AS_LIST = "[item async for item in {items}]"


@dataclass(frozen=True, slots=True)
class _Use:
    """One call of such a builtin with functions of the project."""

    path: str
    node: ast.Call
    call: CallSite
    name: str
    given: ast.expr  # the function
    functions: tuple[str, ...]
    reason: Reason


def match(facts: Facts) -> Iterator[Finding]:
    """Calls of these builtins whose function may become asynchronous."""
    for name in sorted({*_LAZY, *_AWAITED, _SORT}):
        for call in facts.calls_by_external.get(name, ()):
            use = _use(facts, name, call)
            if use is not None and (edits := _edits(facts, use)) is not None:
                yield from _findings(facts, use, edits)


def _use(facts: Facts, name: str, call: CallSite) -> _Use | None:
    path = call.span.path
    node = facts.node(call.span, ast.Call)
    if node is None or call.externals != {name} or call.targets or call.unresolved:
        return None
    if any(isinstance(argument, ast.Starred) for argument in node.args) or any(k.arg is None for k in node.keywords):
        return None
    if name == "builtins.iter" and len(node.args) != 2:
        return None
    keys = [keyword.value for keyword in node.keywords if keyword.arg == "key"]
    by_position = node.args[:1] if name in _LAZY or name == "functools.reduce" else []
    given = next(iter(keys or by_position), None)
    if given is None:
        return None
    values = facts.values(path, given)
    functions = {value.name for value in values if isinstance(value, Function)}
    functions |= {value.function for value in values if isinstance(value, BoundMethod)}
    infos = [facts.project.functions[function] for function in functions]
    if len(functions) != len(values) or not functions:
        return None
    if any(info.is_generator or info.kind not in (Kind.FUNCTION, Kind.LAMBDA) for info in infos):
        return None
    if all(info.is_async for info in infos):
        return None
    last = min(functions).rpartition(".")[2]
    text = f"{'the lambda' if last.startswith('<lambda') else f'{last}()'} becomes asynchronous"
    return _Use(path, node, call, name, given, tuple(sorted(functions)), Reason(text, call.span))


def _edits(facts: Facts, use: _Use) -> tuple[Edit, ...] | None:
    """What is awaited in its place; None where nothing can be."""
    if use.name == _SORT:
        return _sorting(facts, use)
    if use.name in _AWAITED:
        return (
            ReplaceExpr(use.call.func, f"aio_support.{_AWAITED[use.name]}", use.reason),
            _support(facts, use),
            *orphaned_import(use.node.func, use.call.span, use.reason),
            Await(use.call.span, use.reason),
        )
    read = consumption(facts, use.path, use.node, use.reason)
    if read.impossible is not None or read.moves_on or not read.edits:
        return None
    listed = _listed(facts, use)
    if listed is not None and len(read.edits) == 1:
        (edit,) = read.edits
        if isinstance(edit, ReplaceExpr) and edit.template == _AS_LIST:
            return (ReplaceExpr(edit.span, listed[0], use.reason, listed[1]),)
    renamed = ReplaceExpr(use.call.func, f"aio_support.{_LAZY[use.name]}", use.reason)
    return renamed, _support(facts, use), *read.edits


def _listed(facts: Facts, use: _Use) -> tuple[str, dict[str, Span]] | None:
    """The list comprehension that `map` or `filter` of one iterable is, with its holes."""
    if len(use.node.args) != 2 or use.node.keywords or use.name == "builtins.iter":
        return None
    holes = {"items": facts.span(use.path, use.node.args[1])}
    match use.given:
        case ast.Lambda(
            args=ast.arguments(posonlyargs=[], args=[only], vararg=None, kwonlyargs=[], kwarg=None, defaults=[])
        ):
            item, called = only.arg, "{body}"  # with awaits of its own
            holes["body"] = facts.span(use.path, use.given.body)
        case ast.Name(id=name) if name != "item":
            item, called = "item", "await {function}(item)"
            holes["function"] = facts.span(use.path, use.given)
        case ast.Attribute(value=ast.Name(id=name)) if name != "item":
            item, called = "item", "await {function}(item)"
            holes["function"] = facts.span(use.path, use.given)
        case _:
            return None
    if use.name == "builtins.map":
        return f"[{called} for {item} in {{items}}]", holes
    return f"[{item} for {item} in {{items}} if {called}]", holes


def _sorting(facts: Facts, use: _Use) -> tuple[Edit, ...] | None:
    """``items.sort(key=…)``."""
    func = use.node.func
    if not isinstance(func, ast.Attribute) or use.node.args:
        return None
    holes = {"items": facts.span(use.path, func.value)}
    template = "aio_support.sort_async({items}"
    for number, keyword in enumerate(use.node.keywords):
        holes[f"given_{number}"] = facts.span(use.path, keyword.value)
        template += f", {keyword.arg}={{given_{number}}}"
    edit = ReplaceExpr(use.call.span, template + ")", use.reason, holes)
    return edit, _support(facts, use), Await(use.call.span, use.reason)


def _support(facts: Facts, use: _Use) -> AddImport:
    return import_of(facts.file(use.path).source, "aio_support", use.call.span, use.reason)


def _findings(facts: Facts, use: _Use, edits: tuple[Edit, ...]) -> Iterator[Finding]:
    nodes = tuple(function_node(name) for name in use.functions if not facts.project.functions[name].is_async)
    given = facts.span(use.path, use.given)
    own = {implicit.kind for implicit in facts.implicit_calls if implicit.span == use.call.span}
    if own - {"callback"}:
        return
    yield Handles(use.call.span)
    yield Handles(given)
    for node, other in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
        if node != other:
            yield Implication(node, other, "the same builtin calls it", use.call.span)
    wrapped = ReplaceExpr(given, "aio_support.as_sync({function})", use.reason, {"function": given})
    yield Claim(
        ID,
        use.call.span,
        facts.enclosing(use.path, use.node),
        Role.PART,
        Verdict.EXACT,
        use.reason.text,
        {"": edits},
        follows=nodes,
        leads=nodes,
        variant=CALLED_BACK,
        sync_edits=(wrapped, _support(facts, use)),
    )


RULE = Rule(
    id=ID,
    title="Functions that builtins call",
    doc=__doc__,
    catalogue=Catalogue(),
    match=match,
)
