"""Classes whose iteration waits: `__iter__` and `__next__` become `__aiter__` and `__anext__`.

## What it rewrites

- A generator `__iter__`, or `__next__` beside an `__iter__` that returns its object: both get the asynchronous names, and `StopIteration`
  becomes `StopAsyncIteration`.
- What iterates such an object follows as for generators: loops, comprehensions, `list`, `sum`, `zip`, `next`, unpacking.
- A function that stays synchronous iterates by `aio_support.iterate_sync`.
- Objects that are called (`__call__`), also by pools, become asynchronous like functions, where all calls can be seen.

## What it refuses

Where asyncify does not see every iteration, the methods stay synchronous: classes with a base outside the project, objects that go to
code that asyncify does not know, `in`, `next` without a default, generators with something to clean up, objects that another's `__iter__` returns.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue
from asyncify.index.project import FunctionInfo, Kind
from asyncify.index.values import Object
from asyncify.model import Await, Edit, Reason, Rename, ReplaceExpr, Verdict
from asyncify.rules.base import Claim, Companion, Finding, Handles, Role, Rule, function_node
from asyncify.rules.facts import Facts, Place
from asyncify.rules.families import families, goes_outside, has_foreign_base, named_places
from asyncify.rules.iteration import consumption
from asyncify.rules.support import import_of
from asyncify.rules.suspension import CleanUp, own_nodes

ID = "iterator_classes"
_NEW = {"__iter__": "__aiter__", "__next__": "__anext__"}
_POOLS = ("concurrent.futures.ThreadPoolExecutor.", "multiprocessing.pool.ThreadPool.")
# Builtins that look at an object without iterating it.
_LOOKING = frozenset(
    f"builtins.{name}" for name in "isinstance type id print repr str bool hasattr callable len".split()
)

# Those, and what only keeps it.
_KEEPING = (*sorted(_LOOKING), *(f"builtins.{kind}." for kind in ("list", "dict", "set")), "collections.deque.")


def match(facts: Facts) -> Iterator[Finding]:
    """What becomes of every class that is iterated or called, and of each place that does."""
    clean_up = CleanUp(facts)
    named = named_places(facts, frozenset(_NEW))
    mentioned = any(node.value in _NEW for path in facts.project.files for node in facts.nodes(path, ast.Constant))
    for family in families(facts):
        called = [info for info in _defined(facts, family, "__call__") if not info.is_async]
        if called and not has_foreign_base(facts, family) and not _may_be_called_unseen(facts, family):
            yield from (Handles(info.span) for info in called)
        steps = _steps(facts, family)
        if not steps or mentioned or has_foreign_base(facts, family) or _leaves(facts, family):
            continue
        if any(_is_ours(facts, place, family) for place in named) or any(clean_up.of(info) for info in steps):
            continue
        yield from _family(facts, family, steps)


def _defined(facts: Facts, family: frozenset[str], name: str) -> list[FunctionInfo]:
    found = (facts.project.functions.get(facts.project.classes[cls].methods.get(name, "")) for cls in sorted(family))
    return [info for info in found if info is not None and info.kind is Kind.FUNCTION]


def _steps(facts: Facts, family: frozenset[str]) -> list[FunctionInfo]:
    """The methods that wait for the items; none where the classes do not iterate in one of the two known ways."""
    starts, steps = _defined(facts, family, "__iter__"), _defined(facts, family, "__next__")
    if any(info.is_async or info.decorators for info in (*starts, *steps)):
        return []
    if not steps:
        return starts if all(info.is_generator for info in starts) else []
    if not starts or any(info.is_generator for info in steps) or not all(_returns_itself(facts, s) for s in starts):
        return []
    return steps if all(_only_ends(facts, info) for info in steps) else []


def _returns_itself(facts: Facts, info: FunctionInfo) -> bool:
    node = facts.node(info.span, ast.FunctionDef)
    match node.body[-1:] if node is not None else []:
        case [ast.Return(value=ast.Name(id=name))]:
            assert node is not None
            return len(node.body) == 1 and bool(node.args.args) and node.args.args[0].arg == name
    return False


def _only_ends(facts: Facts, info: FunctionInfo) -> bool:
    """Whether StopIteration leaves ``__next__`` only where it is raised by name."""
    node = facts.node(info.span, ast.FunctionDef)
    for part in own_nodes(node) if node is not None else ():
        match part:
            case ast.Name(id="StopIteration"):
                parent = facts.parent(info.path, part)
                above = facts.parent(info.path, parent) if isinstance(parent, ast.Call) else parent
                if not isinstance(above, ast.Raise):
                    return False
            case ast.Call(func=ast.Name(id="next"), args=[_]) | ast.Call(func=ast.Attribute(attr="__next__")):
                return False
    return True


def _is_ours(facts: Facts, place: tuple[str, ast.Attribute], family: frozenset[str]) -> bool:
    path, attribute = place
    values = facts.values(path, attribute.value)
    return not values or any(not isinstance(value, Object) or value.cls in family for value in values)


def _leaves(facts: Facts, family: frozenset[str]) -> bool:
    """Whether an object goes to code that may iterate it unseen."""
    return any(goes_outside(facts, place) for name in family for place in facts.objects.get(name, ()))


def _may_be_called_unseen(facts: Facts, family: frozenset[str]) -> bool:
    """Whether an object goes to code that may call it, other than a pool whose job it is."""
    places = (place for name in family for place in facts.objects.get(name, ()))
    return any(goes_outside(facts, place, _KEEPING) and not _is_job(facts, *place) for place in places)


def _is_job(facts: Facts, path: str, node: ast.expr) -> bool:
    call = facts.parent(path, node)
    site = facts.project.call_at(facts.span(path, call)) if isinstance(call, ast.Call) else None
    if not isinstance(call, ast.Call) or site is None or call.args[:1] != [node] or site.unresolved:
        return False
    return bool(site.externals) and all(name.startswith(_POOLS) for name in site.externals)


def _family(facts: Facts, family: frozenset[str], steps: list[FunctionInfo]) -> Iterator[Finding]:
    own = {info.name for info in (*steps, *_defined(facts, family, "__iter__"))}
    implicit = [call for call in facts.implicit_calls if call.target in own]
    if any(call.kind not in ("iter", "next") for call in implicit) or any(facts.project.callers(name) for name in own):
        return
    nodes = tuple(function_node(info.name) for info in steps)
    reason = Reason("iterating it waits", steps[0].span)
    claims: list[Claim] = []
    for place in dict.fromkeys(place for name in sorted(family) for place in facts.objects.get(name, ())):
        edits = _iteration(facts, place, reason)
        if edits is None:
            return
        if not edits:
            continue
        if not all(isinstance(value, Object) and value.cls in family for value in facts.values(*place)):
            return
        claims.append(_claim(facts, place, nodes, edits, reason))
    yield from claims
    yield from (Handles(call.span) for call in implicit)
    for info, other in zip(steps, [*steps[1:], steps[0]], strict=True):
        if other is not info:
            text = "objects of related classes are iterated alike"
            yield Implication(function_node(info.name), function_node(other.name), text, other.span)
    for info in (*steps, *(start for start in _defined(facts, family, "__iter__") if start not in steps)):
        short = info.name.rpartition(".")[2]
        yield Handles(info.span)
        yield Companion(nodes[0], (Rename(info.span, reason, _NEW[short]),))
        for raised in _raised(facts, info) if short == "__next__" else ():
            statement = facts.parent(info.path, raised)
            statement = (
                facts.parent(info.path, statement) if isinstance(statement, ast.Call) and statement else statement
            )
            assert statement is not None
            yield Handles(facts.span(info.path, statement))
            span = facts.span(info.path, raised)
            yield Companion(nodes[0], (ReplaceExpr(span, "StopAsyncIteration", reason),))


def _raised(facts: Facts, info: FunctionInfo) -> Iterator[ast.Name]:
    node = facts.node(info.span, ast.FunctionDef)
    for part in own_nodes(node) if node is not None else ():
        if isinstance(part, ast.Name) and part.id == "StopIteration":
            yield part


def _iteration(facts: Facts, place: Place, reason: Reason) -> tuple[Edit, ...] | None:
    """The edits where the object is iterated, none where it is not, None where they cannot be made."""
    path, node = place
    parent = facts.parent(path, node)
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return ()
    if isinstance(parent, ast.Return) and _is_iterated(facts, path, node):
        return None
    match parent:
        case ast.Attribute() | ast.Return() | ast.Yield() | ast.keyword() | ast.Dict() | ast.Expr() | ast.withitem():
            return ()
        case ast.List() | ast.Tuple() | ast.Set() | ast.IfExp() | ast.BoolOp() | ast.Compare() | ast.UnaryOp():
            return ()
        case (
            ast.If() | ast.While() | ast.Assert() | ast.FormattedValue() | ast.Lambda() | ast.Subscript() | ast.Delete()
        ):
            return ()
        case ast.Call() if parent.func is node:
            return ()
        case ast.Call():
            call = facts.project.call_at(facts.span(path, parent))
            if call is not None and call.externals and call.externals <= _LOOKING and not call.targets:
                return ()
            if call is not None and call.externals == {"builtins.next"} and not call.targets:
                if len(parent.args) == 1:
                    return None  # the end arrives as another exception
                return ReplaceExpr(call.func, "anext", reason), Await(call.span, reason)
    read = consumption(facts, path, node, reason)
    return None if read.impossible is not None else () if read.moves_on else read.edits


def _is_iterated(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether Python iterates what the function around the node returns, and this is not an object that returns itself."""
    info = facts.project.functions.get(facts.enclosing(path, node))
    if info is None or info.name.rpartition(".")[2] not in ("__iter__", "__reversed__"):
        return False
    return info.name.endswith(".__reversed__") or not _returns_itself(facts, info)


def _claim(facts: Facts, place: Place, nodes: tuple[str, ...], edits: tuple[Edit, ...], reason: Reason) -> Claim:
    path, node = place
    span = facts.span(path, node)
    support = import_of(facts.file(path).source, "aio_support", span, reason)
    template = "aio_support.iterate_sync(aio_support.each({items}))"
    return Claim(
        ID,
        span,
        facts.enclosing(path, node),
        Role.PART,
        Verdict.EXACT,
        reason.text,
        {"": edits},
        follows=nodes,
        leads=nodes,
        variant="iterated",
        sync_edits=(ReplaceExpr(span, template, reason, {"items": span}), support),
    )


RULE = Rule(
    id=ID,
    title="Classes whose iteration waits",
    doc=__doc__,
    catalogue=Catalogue(),
    match=match,
)
