"""Functions that requests itself calls while it sends: hooks of responses, and authentication.

They run where the request is awaited, on the event loop. One that waits (it fetches a token, say) would stop everything there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.values import BoundMethod, Function, Object, Unknown, Value
from asyncify.rules.base import OnLoop, function_node, object_node, site_node
from asyncify.rules.facts import Facts
from asyncify.rules.requests_names import FUNCTIONS, METHODS, SESSION_ESCAPES, SESSIONS, refuse

_CALLED = ("auth", "hooks")
_PREPARED = frozenset({"requests.Request"})
_KEY = frozenset({"response"})


def findings(facts: Facts) -> Iterator[OnLoop]:
    """Who calls which functions there, by the request or by the session."""
    for call in facts.calls_of(FUNCTIONS | METHODS | _PREPARED):
        # A request that is prepared is signed then; as a rule that is where it is made.
        runs = function_node(call.within) if call.externals & _PREPARED else site_node(call.span)
        for name, span in call.keywords:
            value = facts.node(span, ast.expr) if name in _CALLED else None
            if value is not None:
                yield from _run(facts, runs, call.span.path, value, name == "hooks")
    for attribute in _CALLED:
        for path in facts.project.files:
            for node in facts.nodes(path, ast.Attribute) if facts.spells(path, frozenset({attribute})) else ():
                if node.attr == attribute:
                    for owner in _sessions(facts, path, node.value):
                        for value in _put_there(facts, path, node):
                            yield from _run(facts, owner, path, value, attribute == "hooks")


def _sessions(facts: Facts, path: str, node: ast.expr) -> Iterator[str]:
    for value in facts.values(path, node):
        site = getattr(value, "site", None)
        if getattr(value, "type", "") in SESSIONS and site is not None:
            yield object_node(site)
        elif isinstance(value, Object) and value.cls in facts.project.classes:
            info = facts.project.classes[value.cls]
            if info.external_bases & SESSIONS:
                yield object_node(info.span)


def _put_there(facts: Facts, path: str, node: ast.expr) -> Iterator[ast.expr]:
    """What is assigned to the attribute, to a part of it, or appended there."""
    parent = facts.parent(path, node)
    match parent:
        case ast.Assign(value=value) if value is not node:
            yield value
        case ast.Subscript(value=inner) if inner is node:
            yield from _put_there(facts, path, parent)
        case ast.Attribute(attr="append" | "update" | "extend" | "setdefault"):
            around = facts.parent(path, parent)
            if isinstance(around, ast.Call) and around.func is parent:
                yield from around.args


def _run(facts: Facts, node: str, path: str, value: ast.expr, hooks: bool) -> Iterator[OnLoop]:
    where = facts.span(path, value)
    found = set(_functions(facts, path, value))
    if not found and not isinstance(value, (ast.Constant, ast.Tuple)):
        found |= set(_all_hooks(facts) if hooks else _all_auths(facts, path, value))
    for name in sorted(found):
        last = name.rpartition(".")[2]
        text = f"{last}() is called while the request is sent, and waits: it would stop the event loop"
        yield OnLoop(node, name, refuse(SESSION_ESCAPES, where, text))


def _all_hooks(facts: Facts) -> Iterator[str]:
    """The functions in all tables of hooks that are written out in the project: what is named may be one of them."""
    for path in facts.project.files:
        for table in facts.nodes(path, ast.Dict) if facts.spells(path, _KEY) else ():
            for key, value in zip(table.keys, table.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in _KEY:
                    yield from _functions(facts, path, value)


def _all_auths(facts: Facts, path: str, node: ast.expr) -> Iterator[str]:
    """What the project's classes of authentication do when called, where nothing is known of what is given."""
    values = facts.values(path, node)
    if not values or any(isinstance(value, Unknown) for value in values):
        for info in facts.project.classes.values():
            if any(base.startswith("requests.auth.") for base in info.external_bases):
                yield from _callee(facts, Object(info.name))


def _functions(facts: Facts, path: str, node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Dict(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            for part in parts:
                yield from _functions(facts, path, part)
        case _:
            for value in facts.values(path, node):
                yield from _callee(facts, value)


def _callee(facts: Facts, value: Value) -> Iterator[str]:
    match value:
        case Function(name):
            yield name
        case BoundMethod(function=name):
            yield name
        case Object(cls) if cls in facts.project.classes:
            for base in facts.project.classes[cls].mro:
                methods = facts.project.classes[base].methods if base in facts.project.classes else {}
                if "__call__" in methods:
                    yield methods["__call__"]
                    return
