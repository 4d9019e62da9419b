"""``with contextlib.closing(obj)`` over objects of the project whose ``close`` waits. Part of the rule context_classes.

No call of ``close`` is in sight there: leaving the block makes it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.project import CallSite, Kind
from asyncify.index.values import Object
from asyncify.model import Edit, Reason, ReplaceExpr, Verdict
from asyncify.rules.base import Claim, Finding, Handles, Role, function_node
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import, with_item
from asyncify.rules.support import import_of

CLOSING = "contextlib.closing"


def closings(facts: Facts, rule: str) -> Iterator[Finding]:
    """A claim for each ``with`` over such a call: it becomes ``async with aio_support.closing(obj)``."""
    for call in facts.calls_by_external.get(CLOSING, ()):
        nodes = _closes(facts, call)
        item = facts.parent(call.span.path, call.node)
        statement = facts.parent(call.span.path, item) if isinstance(item, ast.withitem) else None
        if nodes and isinstance(statement, ast.With):
            yield Handles(call.span)
            yield _claim(facts, rule, call, statement, nodes)


def _closes(facts: Facts, call: CallSite) -> tuple[str, ...]:
    """The nodes of the methods that leaving the block may call; () where one may be something else than a plain method."""
    if call.externals != {CLOSING} or call.targets or len(call.args) != 1 or call.keywords:
        return ()
    given = facts.node(call.args[0], ast.expr)
    values = facts.values(call.span.path, given) if given is not None else frozenset()
    found: set[str] = set()
    for value in values:
        info = facts.project.classes.get(value.cls) if isinstance(value, Object) else None
        mro = [facts.project.classes[base] for base in info.mro if base in facts.project.classes] if info else []
        name = next((base.methods["close"] for base in mro if "close" in base.methods), None)
        method = facts.project.functions.get(name) if name is not None else None
        if method is None or method.kind is not Kind.FUNCTION or method.is_async or method.is_generator:
            return ()
        found.add(method.name)
    return tuple(sorted(function_node(name) for name in found))


def _claim(facts: Facts, rule: str, call: CallSite, statement: ast.With, nodes: tuple[str, ...]) -> Claim:
    path, node = call.span.path, call.node
    reason = Reason("leaving the block closes the object, and that waits", call.span)
    _, made = with_item(facts, path, statement, node, reason.text)
    source = facts.file(path).source
    shared: list[Edit] = [
        import_of(source, "aio_support", call.span, reason),
        *orphaned_import(node.func, call.span, reason),
    ]
    closed = ReplaceExpr(call.func, "aio_support.closing", reason)
    holes = {"object": call.args[0]}
    entered = ReplaceExpr(call.span, "aio_support.enter_sync(aio_support.closing({object}))", reason, holes)
    return Claim(
        rule, call.span, call.within, Role.PART, Verdict.EXACT, reason.text, {"": (closed, made, *shared)},
        follows=nodes, leads=nodes, sync_edits=(entered, *shared), variant="with",
    )  # fmt: skip
