"""How an expression that becomes an asynchronous iterator is consumed, and the edits that each form needs."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from asyncify.model import Edit, ListInstead, MakeAsync, Reason, ReplaceExpr, Span
from asyncify.rules.facts import Facts
from asyncify.rules.support import import_of

# Builtins that read their argument to its end before they return: a list made beforehand changes nothing.
EAGER = frozenset(
    [
        "builtins.list",
        "builtins.tuple",
        "builtins.set",
        "builtins.frozenset",
        "builtins.sorted",
        "builtins.sum",
        "builtins.dict",
        "builtins.max",
        "builtins.min",
        "builtins.len",
        "builtins.str.join",
        "builtins.bytes.join",
        "collections.Counter",
        "collections.deque",
    ]
)
LAZY_PAIRS = {"builtins.zip": "zip_async", "builtins.enumerate": "enumerate_async"}


@dataclass(frozen=True, slots=True)
class Consumption:
    """What a consuming place needs: edits inside an async function, nothing (the value only moves on), or it cannot be."""

    edits: tuple[Edit, ...] = ()
    moves_on: bool = False
    impossible: str | None = None


MOVES_ON = Consumption(moves_on=True)


def clause_span(facts: Facts, path: str, clause: ast.comprehension) -> Span:
    """The span of one ``for`` clause of a comprehension, see :class:`asyncify.model.MakeAsync`."""
    first = facts.span(path, clause.target)
    last = facts.span(path, clause.ifs[-1] if clause.ifs else clause.iter)
    return Span(path, first.line, first.column, last.end_line, last.end_column)


def consumption(facts: Facts, path: str, node: ast.expr, reason: Reason) -> Consumption:
    """What becomes of the place around `node`, an expression that gives an asynchronous iterator."""
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
        case ast.Call() if parent.func is not node:
            return _argument(facts, path, node, parent, reason)
    return Consumption(impossible="the results are used in a way asyncify does not know")


def _as_list(span: Span, reason: Reason) -> ReplaceExpr:
    return ReplaceExpr(span, "[item async for item in {items}]", reason, {"items": span})


def _clause(facts: Facts, path: str, clause: ast.comprehension, reason: Reason) -> Consumption:
    comprehension = facts.parent(path, clause)
    if isinstance(comprehension, ast.GeneratorExp):
        around = facts.parent(path, comprehension)
        call = facts.project.call_at(facts.span(path, around)) if isinstance(around, ast.Call) else None
        if call is None or not call.externals or not call.externals <= EAGER:
            return Consumption(impossible="a generator expression would become an asynchronous one")
        clause_edit = MakeAsync(clause_span(facts, path, clause), reason)
        return Consumption((clause_edit, eager_list(facts, path, comprehension, reason)))
    return Consumption((MakeAsync(clause_span(facts, path, clause), reason),))


def eager_list(facts: Facts, path: str, generator: ast.GeneratorExp, reason: Reason) -> Edit:
    """A generator expression that is read to its end at once becomes a list comprehension."""
    return ListInstead(facts.span(path, generator), reason)


def _argument(facts: Facts, path: str, node: ast.expr, call_node: ast.Call, reason: Reason) -> Consumption:
    call = facts.project.call_at(facts.span(path, call_node))
    span = facts.span(path, node)
    if call is None:
        return Consumption(impossible="the results are given to a call that asyncify does not resolve")
    if call.targets and not call.externals and not call.unresolved:
        return MOVES_ON
    if call.externals == {"builtins.list"} and len(call_node.args) == 1:
        template = "[item async for item in {items}]"
        return Consumption((ReplaceExpr(call.span, template, reason, {"items": span}),))
    if call.externals and call.externals <= EAGER:
        return Consumption((_as_list(span, reason),))
    if len(call.externals) == 1 and (name := next(iter(call.externals))) in LAZY_PAIRS and not call.targets:
        outer = consumption(facts, path, call_node, reason)
        if outer.impossible or outer.moves_on:
            return Consumption(impossible=f"{name.rpartition('.')[2]}() of the results is not read in place")
        helper = LAZY_PAIRS[name]
        rename: tuple[Edit, ...] = (
            ReplaceExpr(call.func, f"aio_support.{helper}", reason),
            import_of(facts.file(path).source, "aio_support", span, reason),
        )
        return Consumption((*rename, *outer.edits))
    name = facts.text(path, call_node.func)
    return Consumption(impossible=f"the results are given to {name}(), which reads them without await")
