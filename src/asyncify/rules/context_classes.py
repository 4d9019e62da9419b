"""Classes whose `with` waits: `__enter__` and `__exit__` become `__aenter__` and `__aexit__`.

## What it rewrites

- Both methods of such a class, and those of related classes of the project, get the asynchronous names.
- Each `with` over such an object becomes `async with`; a statement with several items is split where only some of them wait.
- A function that stays synchronous enters by `aio_support.enter_sync`.
- Explicit calls (`super().__enter__()`) follow.
- `with contextlib.closing(obj)`, where `obj.close()` waits, becomes `async with aio_support.closing(obj)`.

## What it refuses

Where asyncify does not see every `with`, both methods stay synchronous, and run the coroutines that they call to their end: classes
with a base outside the project, objects that go to code that asyncify does not know (an `ExitStack` that is handed on, say), tests that
configure `__enter__` of a mock.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue
from asyncify.index.project import FunctionInfo, Kind
from asyncify.index.values import Class, Object, Unknown
from asyncify.model import Reason, Rename, ReplaceExpr, Span, Verdict
from asyncify.rules.base import Claim, Companion, Finding, Handles, Role, Rule, function_node
from asyncify.rules.closing import CLOSING, closings
from asyncify.rules.exit_stacks import entered as stack_entry
from asyncify.rules.exit_stacks import entries
from asyncify.rules.facts import Facts, Place
from asyncify.rules.families import families, goes_outside, has_foreign_base, named_places
from asyncify.rules.flow import with_item
from asyncify.rules.once import once
from asyncify.rules.support import import_of

ID = "context_classes"
_NEW = {"__enter__": "__aenter__", "__exit__": "__aexit__"}


def match(facts: Facts) -> Iterator[Finding]:
    """What becomes of every class with ``__enter__`` and ``__exit__``, and of each ``with`` over its objects."""
    yield from closings(facts, ID)
    waiting = [family for family in families(facts) if _methods(facts, family)]
    if not waiting:
        return
    named = named_places(facts, frozenset(_NEW))
    stacked = entries(facts)
    entered = [(place, _objects(facts, place)) for place in (*_entered(facts), *stacked)]
    for family in waiting:
        methods = _methods(facts, family)
        items = [place for place, classes in entered if classes & family]
        if _stays(facts, family, methods, items, named, stacked):
            continue
        yield from _class(facts, methods)
        nodes = tuple(function_node(info.name) for info in methods)
        for path, node in items:
            if (path, node) in stacked:
                text = "entering and leaving it waits"
                yield from stack_entry(facts, ID, (path, node), stacked[path, node], nodes, text)
            else:
                yield from _with(facts, path, node, nodes)


def _methods(facts: Facts, family: frozenset[str]) -> list[FunctionInfo]:
    classes = (facts.project.classes[name] for name in sorted(family))
    found = (facts.project.functions.get(cls.methods.get(name, "")) for cls in classes for name in _NEW)
    return [info for info in found if info is not None and info.kind is Kind.FUNCTION]


def _entered(facts: Facts) -> list[Place]:
    return [
        (path, item.context_expr)
        for path in facts.project.files
        for statement in facts.nodes(path, ast.With)
        for item in statement.items
        if not _closes_only(facts, path, item.context_expr)
    ]


def _closes_only(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether it is a `closing(obj)`, which enters nothing of the object."""
    call = facts.project.call_at(facts.span(path, node)) if isinstance(node, ast.Call) else None
    return call is not None and call.externals == {CLOSING}


def _objects(facts: Facts, place: Place) -> set[str]:
    return {value.cls for value in facts.values(*place) if isinstance(value, Object)}


def _stays(
    facts: Facts,
    family: frozenset[str],
    methods: list[FunctionInfo],
    items: list[Place],
    named: list[tuple[str, ast.Attribute]],
    stacked: Collection[Place],
) -> bool:
    """Whether something may enter an object of these classes that asyncify does not see, or in another way."""
    if has_foreign_base(facts, family) or any(i.is_async or i.is_generator or i.decorators for i in methods):
        return True
    for name in family:
        cls = facts.project.classes[name]
        if {"__aenter__", "__aexit__"} & cls.methods.keys():
            return True
    for path, node in items:
        if not all(isinstance(value, Object) and value.cls in family for value in facts.values(path, node)):
            return True
    for path, attribute in named:
        values = facts.values(path, attribute.value)
        ours = any(isinstance(value, (Object, Class)) and _class_of(value) in family for value in values)
        unclear = not values or any(isinstance(value, Unknown) for value in values)
        call = facts.parent(path, attribute)
        called = isinstance(call, ast.Call) and call.func is attribute
        site = facts.project.call_at(facts.span(path, call)) if called and call is not None else None
        if site is not None and site.targets and site.targets <= {info.name for info in methods} and not site.externals:
            continue
        if ours or unclear or facts.in_test(path):
            return True
    if _new_names_spelled(facts):
        return True
    places = (place for name in family for place in facts.objects.get(name, ()))
    return any(place not in stacked and goes_outside(facts, place) for place in places)


@once
def _new_names_spelled(facts: Facts) -> bool:
    """Whether a string is one of the names that methods get here."""
    return any(
        node.value in _NEW
        for path in facts.project.files
        if facts.spells(path, frozenset(_NEW))
        for node in facts.nodes(path, ast.Constant)
    )


def _class_of(value: Object | Class) -> str:
    return value.cls if isinstance(value, Object) else value.name


def _class(facts: Facts, methods: list[FunctionInfo]) -> Iterator[Finding]:
    for info, other in zip(methods, [*methods[1:], methods[0]], strict=True):
        node, short = function_node(info.name), info.name.rpartition(".")[2]
        yield Handles(info.span)
        if other is not info:
            text = f"{other.name.rpartition('.')[2]} belongs to the same `async with`"
            yield Implication(node, function_node(other.name), text, other.span)
        reason = Reason(f"{short} waits", info.span)
        yield Companion(node, (Rename(info.span, reason, _NEW[short]),))
        for call in facts.project.callers(info.name):
            func = facts.node(call.func, ast.Attribute)
            if func is not None and func.attr == short:
                holes = {"value": facts.span(call.span.path, func.value)}
                yield Companion(node, (ReplaceExpr(call.func, f"{{value}}.{_NEW[short]}", reason, holes),))


def _with(facts: Facts, path: str, node: ast.expr, nodes: tuple[str, ...]) -> Iterator[Finding]:
    item = facts.parent(path, node)
    statement = facts.parent(path, item) if item is not None else None
    assert isinstance(statement, ast.With)
    span: Span = facts.span(path, node)
    reason = Reason("entering and leaving it waits", span)
    _, made = with_item(facts, path, statement, node, reason.text)
    yield Handles(span)
    yield Claim(
        ID,
        span,
        facts.enclosing(path, node),
        Role.PART,
        Verdict.EXACT,
        reason.text,
        {"": (made,)},
        follows=nodes,
        leads=nodes,
        variant="with",
        sync_edits=(
            ReplaceExpr(span, "aio_support.enter_sync({manager})", reason, {"manager": span}),
            import_of(facts.file(path).source, "aio_support", span, reason),
        ),
    )


RULE = Rule(
    id=ID,
    title="Classes whose `with` waits",
    doc=__doc__,
    catalogue=Catalogue(),
    match=match,
)
