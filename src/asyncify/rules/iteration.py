"""How an expression that becomes an asynchronous iterator is consumed, and the edits that each form needs."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import CallSite
from asyncify.index.values import Instance
from asyncify.model import (
    AddImport,
    Await,
    Edit,
    ListInstead,
    MakeAsync,
    Reason,
    ReplaceExpr,
    ReplaceStatement,
    Span,
)
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import
from asyncify.rules.free_names import unused_name
from asyncify.rules.support import import_of

# Callables that read their argument to its end before they return: a list made beforehand changes nothing.
EAGER = frozenset(
    [
        *(f"builtins.{name}" for name in ("list", "tuple", "set", "frozenset", "sorted", "sum", "dict", "max", "min")),
        *(f"builtins.{name}" for name in ("len", "str.join", "bytes.join", "bytes", "bytearray")),
        *(f"collections.{name}" for name in ("Counter", "deque", "OrderedDict")),
        *(
            f"statistics.{name}"
            for name in ("mean", "fmean", "median", "mode", "stdev", "pstdev", "variance", "quantiles")
        ),
        "heapq.nlargest",
        "heapq.nsmallest",
        "math.fsum",
        "math.prod",
        "pandas.DataFrame",
        "pandas.concat",
    ]
)
# Those that may stop before the end, and what stands for them.
EARLY = {"builtins.any": "any_async", "builtins.all": "all_async"}
# Those that read their arguments while they are read themselves: what stands for them, the first argument that is read.
LAZY = {
    "builtins.zip": ("zip_async", 0),
    "builtins.enumerate": ("enumerate_async", 0),
    "builtins.map": ("map_async", 1),
    "builtins.filter": ("filter_async", 1),
    "itertools.chain": ("chain_async", 0),
    "itertools.chain.from_iterable": ("flatten_async", 0),
    "itertools.islice": ("islice_async", 0),
    "itertools.starmap": ("starmap_async", 1),
}
BAR = "tqdm.tqdm"
# Progress bars: they show how far the loop over their argument is. Some loop over asynchronous iterators as they are.
BARS = {BAR: "tqdm_asyncio", "tqdm.auto.tqdm": None}
# Methods that put one item after the other into their object.
_LISTS = ("builtins.list", "collections.deque")
_ROWS = ("csv.writer", "csv.DictWriter")
_ADDING = {
    **dict.fromkeys(_LISTS, ("extend",)),
    **dict.fromkeys(
        ("builtins.set", "builtins.dict", "collections.defaultdict", "collections.OrderedDict"), ("update",)
    ),
    "builtins.file": ("writelines",),
    **dict.fromkeys(_ROWS, ("writerows",)),
}
FEEDING = frozenset(f"{kind}.{method}" for kind, methods in _ADDING.items() for method in methods)

_BAR_METHODS = ("update", "set_description", "set_description_str", "set_postfix", "set_postfix_str", "close", "refresh",
                "clear", "write", "reset", "display", "unpause")  # fmt: skip

READERS_CATALOGUE = Catalogue(
    signatures={name: Signature(returns=name) for name in _ROWS}
    | {f"{name}.{method}": Signature() for name in _ROWS for method in ("writerow", "writerows", "writeheader")},
)
BAR_CATALOGUE = Catalogue(
    signatures={name: Signature(returns=f"{name}[arg0[]]") for name in BARS}
    | {f"{name}.__enter__": Signature(returns="self") for name in BARS}
    | {f"{name}.{method}": Signature(returns="builtins.None") for name in BARS for method in _BAR_METHODS},
    aliases={
        "tqdm.std.tqdm": BAR,
        "tqdm.asyncio.tqdm": "tqdm.auto.tqdm",
        "tqdm.asyncio.tqdm_asyncio": "tqdm.auto.tqdm",
        "tqdm.autonotebook.tqdm": "tqdm.auto.tqdm",
    },
)


@dataclass(frozen=True, slots=True)
class Consumption:
    """What a consuming place needs: edits inside an async function, nothing (the value only moves on), or it cannot be.

    ``derived`` is the call that makes another asynchronous iterator of the expression; what reads that one is asked
    for separately.
    """

    edits: tuple[Edit, ...] = ()
    moves_on: bool = False
    impossible: str | None = None
    derived: Span | None = None
    condition: str | None = None  # when the behaviour differs


MOVES_ON = Consumption(moves_on=True)

# They ask what an object is or whether it is equal to another one, and read none that gives its items in turn.
_COMPARING = frozenset(
    f"unittest.TestCase.assert{what}" for what in "Equal NotEqual Is IsNot IsNone IsNotNone True False".split()
)


def whatever_comes(
    facts: Facts, path: str, span: Span, edits: tuple[Edit, ...], helper: str, reason: Reason
) -> tuple[Edit, ...]:
    """The edits of a place that reads the items at `span`, where those may be asynchronous or not."""
    either = f"aio_support.{helper}({{items}})"
    out: list[Edit] = []
    placed = False
    for edit in edits:
        if isinstance(edit, ReplaceExpr) and edit.span == span:
            template = edit.template.replace("{items}", either)
            edit, placed = ReplaceExpr(edit.span, template, edit.reason, edit.holes), True
        out.append(edit)
    if not placed:
        out.append(ReplaceExpr(span, either, reason, {"items": span}))
    return *out, _support(facts, path, span, reason)


def clause_span(facts: Facts, path: str, clause: ast.comprehension) -> Span:
    """The span of one ``for`` clause of a comprehension, see :class:`asyncify.model.MakeAsync`."""
    first = facts.span(path, clause.target)
    last = facts.span(path, clause.ifs[-1] if clause.ifs else clause.iter)
    return Span(path, first.line, first.column, last.end_line, last.end_column)


def consumption(facts: Facts, path: str, node: ast.expr, reason: Reason, *, apart: bool = False) -> Consumption:
    """What becomes of the place around `node`, an expression that gives an asynchronous iterator.

    With `apart`, iterators that are made of it are handed back as ``derived`` instead of followed in place.
    """
    parent = facts.parent(path, node)
    span = facts.span(path, node)
    match parent:
        case ast.For() if parent.iter is node:
            return Consumption((MakeAsync(facts.span(path, parent), reason),))
        case ast.comprehension() if parent.iter is node:
            return _clause(facts, path, parent, reason)
        case ast.Expr() | ast.Return() | ast.Assign() | ast.AnnAssign() | ast.NamedExpr() | ast.IfExp():
            if isinstance(parent, ast.Assign) and any(isinstance(t, (ast.Tuple, ast.List)) for t in parent.targets):
                return Consumption((_as_list(span, reason),))
            return MOVES_ON
        case ast.Starred():
            return Consumption((_as_list(span, reason),))
        case ast.YieldFrom() if isinstance(statement := facts.parent(path, parent), ast.Expr):
            functions = (p for p in facts.parents(path, node) if isinstance(p, (ast.FunctionDef, ast.AsyncFunctionDef)))
            name = unused_name(next(functions))
            template = f"async for {name} in {{items}}:\n    yield {name}"
            return Consumption((ReplaceStatement(facts.span(path, statement), template, reason, {"items": span}),))
        case ast.AugAssign(op=ast.Add()) if _is_list(facts, path, parent.target):
            target = facts.span(path, parent.target)
            template = "await aio_support.feed({target}.extend, {items})"
            edit = ReplaceStatement(facts.span(path, parent), template, reason, {"target": target, "items": span})
            return Consumption((edit, _support(facts, path, span, reason)))
        case ast.Call() if parent.func is not node:
            return _argument(facts, path, node, parent, reason, apart)
        case ast.Compare(ops=[ast.In() | ast.NotIn()]) if parent.left is not node:
            return Consumption(_membership(facts, path, node, parent, reason))
    return Consumption(impossible="the results are used in a way asyncify does not know")


def _membership(facts: Facts, path: str, node: ast.expr, comparison: ast.Compare, reason: Reason) -> tuple[Edit, ...]:
    """``item in items`` reads the items up to the first that is equal."""
    span = facts.span(path, comparison)
    holes = {"item": facts.span(path, comparison.left), "items": facts.span(path, node)}
    support = _support(facts, path, span, reason)
    if isinstance(comparison.ops[0], ast.NotIn):
        return ReplaceExpr(span, "not await aio_support.contains({item}, {items})", reason, holes), support
    return ReplaceExpr(span, "aio_support.contains({item}, {items})", reason, holes), support, Await(span, reason)


def _support(facts: Facts, path: str, span: Span, reason: Reason) -> AddImport:
    return import_of(facts.file(path).source, "aio_support", span, reason)


def _is_list(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether the target of ``+=`` is a list: it is one wherever else its function uses it."""
    within, text = facts.enclosing(path, node), ast.unparse(node)
    seen: set[Instance] = set()
    for other in ast.walk(facts.file(path).tree):
        if isinstance(other, type(node)) and ast.unparse(other) == text and facts.enclosing(path, other) == within:
            if isinstance(parent := facts.parent(path, other), ast.AugAssign) and parent.target is other:
                continue
            for value in facts.values(path, other):
                if not isinstance(value, Instance):
                    return False
                seen.add(value)
    lists = {value for value in seen if value.type in _LISTS}
    return bool(lists) and all(value.type in _LISTS or _is_added(facts, value) for value in seen)


def _is_added(facts: Facts, value: Instance) -> bool:
    """Whether the value is what ``+=`` adds to something."""
    if value.site is None or (node := facts.node(value.site, ast.expr)) is None:
        return False
    parent = facts.parent(value.site.path, node)
    return isinstance(parent, ast.AugAssign) and parent.value is node


def holds_items(facts: Facts, path: str, node: ast.expr, iterator: Instance) -> bool:
    """Whether the expression is a list that the items of `iterator` were added to, and never the iterator itself."""
    lists = any(isinstance(value, Instance) and value.type in _LISTS for value in facts.values(path, node))
    return lists and _is_added(facts, iterator) and facts.span(path, node) != iterator.site


def _as_list(span: Span, reason: Reason) -> ReplaceExpr:
    return ReplaceExpr(span, "[item async for item in {items}]", reason, {"items": span})


def _clause(facts: Facts, path: str, clause: ast.comprehension, reason: Reason) -> Consumption:
    comprehension = facts.parent(path, clause)
    made = MakeAsync(clause_span(facts, path, clause), reason)
    if isinstance(comprehension, ast.GeneratorExp):
        edits = generator_edits(facts, path, comprehension, reason)
        if edits is None:
            return Consumption(impossible="a generator expression would become an asynchronous one")
        return Consumption((made, *edits))
    return Consumption((made,))


def generator_edits(facts: Facts, path: str, generator: ast.GeneratorExp, reason: Reason) -> tuple[Edit, ...] | None:
    """What lets a generator expression that becomes asynchronous be read where it stands; None where nothing does.

    One that is read to its end at once becomes a list comprehension.
    """
    around = facts.parent(path, generator)
    call = facts.project.call_at(facts.span(path, around)) if isinstance(around, ast.Call) else None
    if not isinstance(around, ast.Call) or call is None or not call.externals or call.targets:
        return None
    if call.externals <= EAGER:
        return (ListInstead(facts.span(path, generator), reason),)
    return _reader(facts, path, generator, around, call, reason)


def _reader(
    facts: Facts, path: str, node: ast.expr, call_node: ast.Call, call: CallSite, reason: Reason
) -> tuple[Edit, ...] | None:
    """The edits where the callee reads the iterator step by step and has an awaited counterpart."""
    if len(call.externals) != 1 or call.targets:
        return None
    (name,) = call.externals
    if name in EARLY and len(call_node.args) == 1:
        span = facts.span(path, node)
        edits = (
            ReplaceExpr(call.func, f"aio_support.{EARLY[name]}", reason),
            _support(facts, path, call.span, reason),
            Await(call.span, reason),
        )
        if isinstance(node, (ast.Call, ast.GeneratorExp)):
            return edits
        # Whoever holds the iterator may go on with what is left, which the helper gives up.
        return *edits, ReplaceExpr(span, "(item async for item in {items})", reason, {"items": span})
    if name == "builtins.next" and len(call_node.args) == 2 and call_node.args[0] is node:
        return ReplaceExpr(call.func, "anext", reason), Await(call.span, reason)
    if name == "functools.reduce" and call_node.args[1:2] == [node]:
        renamed = ReplaceExpr(call.func, "aio_support.reduce_async", reason)
        return (
            renamed,
            _support(facts, path, call.span, reason),
            *_orphaned(facts, call, reason),
            Await(call.span, reason),
        )
    if name in FEEDING and len(call_node.args) == 1 and not call_node.keywords:
        holes = {"method": call.func, "items": facts.span(path, node)}
        feed = ReplaceExpr(call.span, "aio_support.feed({method}, {items})", reason, holes)
        return feed, _support(facts, path, call.span, reason), Await(call.span, reason)
    return None


def _argument(facts: Facts, path: str, node: ast.expr, call_node: ast.Call, reason: Reason, apart: bool) -> Consumption:
    call = facts.project.call_at(facts.span(path, call_node))
    span = facts.span(path, node)
    if call is None:
        return Consumption(impossible="the results are given to a call that asyncify does not resolve")
    if call.targets and not call.externals and not call.unresolved:
        return MOVES_ON
    if call.externals and call.externals <= _COMPARING and not call.targets:
        return MOVES_ON
    if call.externals == {"builtins.list"} and len(call_node.args) == 1:
        template = "[item async for item in {items}]"
        return Consumption((ReplaceExpr(call.span, template, reason, {"items": span}),))
    if call.externals and call.externals <= EAGER:
        return Consumption((_as_list(span, reason),))
    read = _reader(facts, path, node, call_node, call, reason)
    if read is not None:
        return Consumption(read)
    if apart and call.externals == {"builtins.next"} and not call.targets and len(call_node.args) == 1:
        if _catches_stop(facts, path, call_node):
            return Consumption(impossible="the end of the results is caught as StopIteration")
        edits = ReplaceExpr(call.func, "anext", reason), Await(call.span, reason)
        return Consumption(edits, condition="nothing is left: StopAsyncIteration is raised instead of StopIteration")
    made = _iterator_of(facts, path, node, call_node, call, reason)
    if made is not None:
        if apart:
            return Consumption(made, derived=call.span)
        outer = consumption(facts, path, call_node, reason)
        if outer.impossible or outer.moves_on:
            name = min(call.externals).rpartition(".")[2]
            return Consumption(impossible=f"{name}() of the results is not read in place")
        return Consumption((*made, *outer.edits))
    name = facts.text(path, call_node.func)
    return Consumption(impossible=f"the results are given to {name}(), which reads them without await")


def _iterator_of(
    facts: Facts, path: str, node: ast.expr, call_node: ast.Call, call: CallSite, reason: Reason
) -> tuple[Edit, ...] | None:
    """The edits where the call gives an iterator that reads the expression in turn."""
    if len(call.externals) != 1 or call.targets:
        return None
    (name,) = call.externals
    if name in LAZY:
        helper, first = LAZY[name]
        if node not in call_node.args[first:]:
            return None
        renamed = ReplaceExpr(call.func, f"aio_support.{helper}", reason)
        return renamed, _support(facts, path, call.span, reason), *_orphaned(facts, call, reason)
    if name == "builtins.iter" and len(call_node.args) == 1:
        return (ReplaceExpr(call.func, "aiter", reason),)
    if name in BARS and call_node.args[:1] == [node]:
        asynchronous = BARS[name]
        if asynchronous is None:
            return ()
        imported = AddImport(call.span, reason, "tqdm.asyncio", asynchronous)
        return ReplaceExpr(call.func, asynchronous, reason), imported, *_orphaned(facts, call, reason)
    return None


def _orphaned(facts: Facts, call: CallSite, reason: Reason) -> tuple[Edit, ...]:
    func = facts.node(call.func, ast.expr)
    return orphaned_import(func, call.span, reason) if func is not None else ()


def _catches_stop(facts: Facts, path: str, node: ast.AST) -> bool:
    """Whether a handler around the node names StopIteration."""
    child = node
    for parent in facts.parents(path, node):
        if isinstance(parent, ast.Try) and child in parent.body:
            named = (n for h in parent.handlers if h.type is not None for n in ast.walk(h.type))
            if any(isinstance(n, ast.Name) and n.id == "StopIteration" for n in named):
                return True
        child = parent
    return False


def is_bar_use(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether this use of a progress bar is no loop over it and means the same for an asynchronous one."""
    parent = facts.parent(path, node)
    if isinstance(parent, ast.withitem):
        return True
    return isinstance(parent, ast.Attribute) and parent.attr not in ("n", "last_print_n", "format_dict", "iterable")
