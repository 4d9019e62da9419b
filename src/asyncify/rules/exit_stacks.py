"""`ExitStack` with context managers that wait: it becomes an `AsyncExitStack`.

## What it rewrites

- `with ExitStack() as stack:` becomes `async with AsyncExitStack() as stack:` where something that waits is entered by the stack;
  `stack.enter_context(manager)` becomes `await stack.enter_async_context(manager)` for each that waits: context managers of the project
  (classes, and functions under `@contextmanager`), pools, sessions. What does not wait is entered as before, and all are left in the same order.
- In a function that stays synchronous the stack stays, and a context manager of the project is entered by `aio_support.enter_sync`.

## What it leaves in place

A stack that is used in any other way than by `enter_context` and `callback` in the function that makes it, or that is kept beyond the `with` statement
(`pop_all`): what it enters stays synchronous.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from asyncify.index.catalogue import Catalogue
from asyncify.index.values import External, Instance
from asyncify.model import AddImport, Await, Edit, Reason, ReplaceExpr, Span, Verdict
from asyncify.rules.base import Claim, Finding, Handles, Role, Rule, object_node
from asyncify.rules.facts import Facts, Place
from asyncify.rules.flow import orphaned_import, with_item
from asyncify.rules.support import import_of

ID = "exit_stacks"
STACK = "contextlib.ExitStack"
_USES = frozenset(["enter_context", "callback"])


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``stack.enter_context(manager)`` of a stack that may become asynchronous; ``node`` is the stack's."""

    call: ast.Call
    node: str


def entries(facts: Facts) -> dict[Place, Entry]:
    """By the manager's place, the calls by which such stacks enter one."""
    stacks = {instance: object_node(instance.site) for instance, _, _ in _stacks(facts) if instance.site is not None}
    out: dict[Place, Entry] = {}
    for call in facts.calls_of([f"{STACK}.enter_context"]) if stacks else ():
        found = {stacks.get(instance) for instance in facts.receivers(call)}
        node = found.pop() if len(found) == 1 else None
        plain = len(call.node.args) == 1 and not call.node.keywords and not isinstance(call.node.args[0], ast.Starred)
        if node is not None and plain and not call.targets and len(call.externals) == 1:
            out[call.span.path, call.node.args[0]] = Entry(call.node, node)
    return out


class Otherwise(StrEnum):
    """What becomes of the entry in a function that stays synchronous."""

    AS_SYNC = "as sync"  # by `aio_support.enter_sync`
    SAME = "same"  # the manager knows both ways
    NEVER = "never"  # nothing: the manager cannot become asynchronous there


def entered(
    facts: Facts,
    rule: str,
    place: Place,
    entry: Entry,
    nodes: tuple[str, ...],
    text: str,
    otherwise: Otherwise = Otherwise.AS_SYNC,
) -> Iterator[Finding]:
    """What becomes of a stack's call that enters something which waits where all of `nodes` hold."""
    path, manager = place
    func = entry.call.func
    assert isinstance(func, ast.Attribute)
    span, inner = facts.span(path, entry.call), facts.span(path, manager)
    reason = Reason(text, span)
    holes = {"stack": facts.span(path, func.value)}
    by_hand = (
        ReplaceExpr(inner, "aio_support.enter_sync({manager})", reason, {"manager": inner}),
        import_of(facts.file(path).source, "aio_support", span, reason),
    )
    yield Handles(span)
    yield Claim(
        rule, span, facts.enclosing(path, entry.call), Role.PART, Verdict.EXACT, text,
        {"": (ReplaceExpr(facts.span(path, func), "{stack}.enter_async_context", reason, holes), Await(span, reason))},
        follows=nodes, leads=(entry.node, *nodes), variant="stacked",
        sync_edits={Otherwise.AS_SYNC: by_hand, Otherwise.SAME: (), Otherwise.NEVER: None}[otherwise],
    )  # fmt: skip


def _stacks(facts: Facts) -> Iterator[tuple[Instance, str, ast.withitem]]:
    """Stacks of ``with`` statements of which every use is known, with the item that makes each, and the path of its file."""
    for call in facts.calls_of([STACK]):
        path = call.span.path
        item = facts.parent(path, call.node)
        values = facts.values(path, call.node)
        instance = next(iter(values), None)
        if call.targets or len(values) != 1 or not isinstance(instance, Instance) or instance.type != STACK:
            continue
        if call.node.args or call.node.keywords or not isinstance(item, ast.withitem):
            continue
        statement = facts.parent(path, item)
        if isinstance(statement, ast.With) and isinstance(item.optional_vars, ast.Name):
            places = facts.instances.get(instance, [])
            if all(_is_known_use(facts, place, call.node, call.within, instance) for place in places):
                yield instance, path, item


def _is_known_use(facts: Facts, place: Place, made: ast.Call, within: str, instance: Instance) -> bool:
    path, node = place
    if node is made or isinstance(getattr(node, "ctx", None), ast.Store):
        return True
    parent = facts.parent(path, node)
    around = facts.parent(path, parent) if parent is not None else None
    known = isinstance(parent, ast.Attribute) and parent.attr in _USES and isinstance(around, ast.Call)
    return known and facts.values(path, node) == {instance} and facts.enclosing(path, node) == within


def match(facts: Facts) -> Iterator[Finding]:
    """What becomes of the ``with`` statements of such stacks."""
    for instance, path, item in _stacks(facts):
        assert instance.site is not None
        statement = facts.parent(path, item)
        call = item.context_expr
        assert isinstance(statement, ast.With) and isinstance(call, ast.Call)
        text = "it enters what waits"
        span, made = with_item(facts, path, statement, call, text)
        edits = (made, *_renamed(facts, path, call, span))
        yield Claim(
            ID, facts.span(path, call), facts.enclosing(path, call), Role.PART, Verdict.EXACT, text, {"": edits},
            follows=(object_node(instance.site),), leads=(object_node(instance.site),), sync_edits=(), variant="stack",
        )  # fmt: skip


def _renamed(facts: Facts, path: str, call: ast.Call, span: Span) -> tuple[Edit, ...]:
    reason = Reason("it enters what waits", span)
    func = call.func
    place = facts.span(path, func)
    if isinstance(func, ast.Attribute) and facts.values(path, func) == {External(STACK)}:
        return (ReplaceExpr(place, "{module}.AsyncExitStack", reason, {"module": facts.span(path, func.value)}),)
    added = AddImport(span, reason, "contextlib", "AsyncExitStack")
    return ReplaceExpr(place, "AsyncExitStack", reason), added, *orphaned_import(func, span, reason)


RULE = Rule(
    id=ID,
    title="`ExitStack` → `AsyncExitStack`",
    doc=__doc__,
    catalogue=Catalogue(),
    match=match,
    starts={},
)
