"""Functions that builtins call: `map`, `filter`, `iter`, `sorted`, `min`, `max`, `list.sort`, `functools.reduce` and `itertools.starmap`.

## What it rewrites

- `list(map(fetch, urls))` becomes `[await fetch(item) for item in urls]`, `filter` and `itertools.starmap` likewise; where the results are read one by one, the
  items come from `aio_support.map_awaited` and `aio_support.filter_awaited`, as late as before. `iter(poll, "done")` becomes
  `aio_support.iter_async(poll, "done")`. These take verbs of requests as well: `list(map(session.get, urls))`.
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
from asyncify.index.values import BoundMethod, External, Function, Partial
from asyncify.model import AddImport, Await, Edit, Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules.base import CALLBACK, Block, Claim, Finding, Handles, Role, Rule, function_node, site_node
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import
from asyncify.rules.handed_jobs import asks, run_by_partial, sites_given
from asyncify.rules.iteration import consumption
from asyncify.rules.support import import_of

ID = "builtin_callbacks"
CALLED_BACK = "callback"
"""The variant of this rule's claims."""
_LAZY = {
    "builtins.map": "map_awaited",
    "builtins.filter": "filter_awaited",
    "builtins.iter": "iter_async",
    "itertools.starmap": "starmap_awaited",
}
_AWAITED = {
    "builtins.sorted": "sorted_async",
    "builtins.min": "min_async",
    "builtins.max": "max_async",
    "functools.reduce": "reduce_async",
}
_RUNNING = ("builtins.map", "builtins.filter", "itertools.starmap")
"""Those that may be given verbs of requests."""
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
    sites: tuple[str, ...]  # the nodes of verbs of requests
    reason: Reason


def match(facts: Facts) -> Iterator[Finding]:
    """Calls of these builtins whose function may become asynchronous."""
    for name in sorted({*_LAZY, *_AWAITED, _SORT}):
        for call in facts.calls_by_external.get(name, ()):
            use = _use(facts, name, call)
            if use is not None and (edits := _edits(facts, use)) is not None:
                yield from _findings(facts, use, edits)
            elif name in _RUNNING and call.args:
                text = f"{name.rpartition('.')[2]}() calls a verb of requests without await"
                kept = Refusal(CALLBACK.code, call.span, text, CALLBACK.remedy, Reason(text, call.span))
                for site in sites_given(facts, call.args[0], call.span):
                    yield Block(site, kept, ID, call.within, blocks_loop=True)


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
    verbs = [value for value in values if name in _RUNNING and asks(value)]
    if len(verbs) > 1 and any(isinstance(value, External) for value in verbs):
        return None  # which of them is named is not to be seen here
    sites = {site_node(facts.span(path, given))} if verbs else set()
    for value in values:
        if name in _RUNNING and isinstance(value, Partial):
            verbs.append(value)
            inner = run_by_partial(facts, value, facts.span(path, given), call.span)
            sites |= inner
            if not inner or any(node.startswith("function:") for node in inner):
                return None
    if len(functions) + len(verbs) != len(values) or not values:
        return None
    if any(info.is_generator or info.kind not in (Kind.FUNCTION, Kind.LAMBDA) for info in infos):
        return None
    if infos and all(info.is_async for info in infos):
        return None
    last = min(functions, default=facts.text(path, given)).rpartition(".")[2]
    text = f"{'the lambda' if last.startswith('<lambda') else f'{last}()'} becomes asynchronous"
    return _Use(path, node, call, name, given, tuple(sorted(functions)), tuple(sorted(sites)), Reason(text, call.span))


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
            orphaned = orphaned_import(use.node.func, use.call.span, use.reason)
            return ReplaceExpr(edit.span, listed[0], use.reason, listed[1]), *orphaned
    renamed = ReplaceExpr(use.call.func, f"aio_support.{_LAZY[use.name]}", use.reason)
    return renamed, _support(facts, use), *orphaned_import(use.node.func, use.call.span, use.reason), *read.edits


def _listed(facts: Facts, use: _Use) -> tuple[str, dict[str, Span]] | None:
    """The list comprehension that `map` or `filter` of one iterable is, with its holes."""
    if len(use.node.args) != 2 or use.node.keywords or use.name == "builtins.iter":
        return None
    holes = {"items": facts.span(use.path, use.node.args[1])}
    row = "*" if use.name == "itertools.starmap" else ""
    match use.given:
        case ast.Lambda(
            args=ast.arguments(posonlyargs=[], args=[only], vararg=None, kwonlyargs=[], kwarg=None, defaults=[])
        ) if not row:
            item, called = only.arg, "{body}"  # with awaits of its own
            holes["body"] = facts.span(use.path, use.given.body)
        case ast.Name(id=name) if name != "item":
            item, called = "item", f"await {{function}}({row}item)"
            holes["function"] = facts.span(use.path, use.given)
        case ast.Attribute(value=ast.Name(id=name)) if name != "item":
            item, called = "item", f"await {{function}}({row}item)"
            holes["function"] = facts.span(use.path, use.given)
        case _:
            return None
    if use.name != "builtins.filter":
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
    nodes += use.sites
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
        sync_edits=(wrapped, _support(facts, use)) if not use.sites else None,
    )


RULE = Rule(
    id=ID,
    title="Functions that builtins call",
    doc=__doc__,
    catalogue=Catalogue(),
    match=match,
)
