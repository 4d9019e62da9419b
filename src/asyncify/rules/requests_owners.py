"""Which sessions, or classes of sessions, a call is made on."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from asyncify.index.project import CallSite
from asyncify.index.values import ExternalMethod, Instance, Object, Partial, Value
from asyncify.rules.base import object_node
from asyncify.rules.facts import Facts
from asyncify.rules.requests_names import SESSION_VERBS, SESSIONS


def session_owners(facts: Facts, call: CallSite) -> tuple[set[str], bool]:
    """Nodes of the sessions (or session classes) a method is called on; whether one of them is not known."""
    func = facts.node(call.func, ast.Attribute)
    path = call.span.path
    owners: set[str] = set()
    unknown = False
    from_tests = not facts.in_test(path)  # product code that only tests give a session to
    receivers = facts.values(path, func.value) if func is not None else frozenset()
    for value in _sessions_among(facts, receivers) or _bound_to(facts, facts.project.values(call.func)):
        if isinstance(value, Instance) and value.type in SESSIONS:
            if value.site is not None and facts.made_by_call(value):
                owners.add(object_node(value.site))
                from_tests &= facts.in_test(value.site.path)
        elif isinstance(value, Object):
            info = facts.project.classes.get(value.cls)
            if info is not None and info.external_bases & SESSIONS:
                owners.add(object_node(info.span))
                from_tests = False
    receiver = func.value if func is not None else None
    if isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Name) and receiver.func.id == "super":
        function = facts.project.functions.get(call.within)
        if function is not None and function.cls is not None and function.cls in facts.project.classes:
            from_tests = False
            owners.add(object_node(facts.project.classes[function.cls].span))
    return owners, unknown or not owners or from_tests


def awaited_before(facts: Facts, call: CallSite) -> bool:
    """Whether the code awaits the call, or enters it by ``async with``: so it is not one of requests, whatever may lie there besides."""
    path = call.span.path
    parent = facts.parent(path, call.node)
    entered = isinstance(parent, ast.withitem) and isinstance(facts.parent(path, parent), ast.AsyncWith)
    return entered or isinstance(parent, ast.Await)


def _sessions_among(facts: Facts, values: Iterable[Value]) -> list[Value]:
    return [
        value
        for value in values
        if (isinstance(value, Instance) and value.type in SESSIONS)
        or (isinstance(value, Object) and _bases(facts, value.cls) & SESSIONS)
    ]


def _bases(facts: Facts, name: str) -> frozenset[str]:
    info = facts.project.classes.get(name)
    return info.external_bases if info is not None else frozenset()


def _bound_to(facts: Facts, values: Iterable[Value]) -> set[Value]:
    """The sessions that the verbs among the values belong to, also where some of their arguments are filled in.

    Where anything else is among them, the call has other callees than verbs and is refused for that.
    """
    seen = set(values)
    todo = list(seen)
    while todo:
        value = todo.pop()
        made = facts.node(value.site, ast.Call) if isinstance(value, Partial) else None
        if isinstance(value, Partial) and made is not None and made.args:
            inner = facts.values(value.site.path, made.args[0]) - seen
            seen |= inner
            todo += inner
    return {value.instance for value in seen if isinstance(value, ExternalMethod)}


# Libraries whose objects are called sessions, too.
_OTHERS = frozenset(
    "aiohttp httpx sqlalchemy sqlmodel flask django starlette fastapi boto3 botocore tensorflow curl_cffi".split()
)
_CALLED_SESSION = re.compile(r"(?:\w*_)?sess(?:ion)?", re.IGNORECASE)


def unseen_session_calls(facts: Facts, of_others: bool = False) -> Iterator[CallSite]:
    """Calls of verbs on what is called a session and comes from nobody in sight: a parameter, or an attribute set to one.

    With `of_others` it is an attribute of another object than ``self``. Only in files that import requests, and no other library whose sessions have verbs; not where `requests` is the
    project's own module, which may be one that is not indexed.
    """
    files: dict[str, bool] = {}
    for call in facts.calls_named(SESSION_VERBS) if not facts.tree.have_module("requests") else ():
        func, path = call.node.func, call.span.path
        if call.targets or call.externals or not call.unresolved or not isinstance(func, ast.Attribute):
            continue
        receiver = func.value
        name = receiver.attr if isinstance(receiver, ast.Attribute) else getattr(receiver, "id", "")
        if not _CALLED_SESSION.fullmatch(name) or not _says_where(call.node):
            continue
        other = isinstance(receiver, ast.Attribute) and ast.unparse(receiver.value) != "self"
        if other != of_others:
            continue
        if isinstance(facts.parent(path, call.node), (ast.Await, ast.Yield, ast.YieldFrom)):
            continue
        if path not in files:
            roots = _imported_roots(facts, path)
            files[path] = "requests" in roots and not roots & _OTHERS and not facts.in_test(path)
        if files[path]:
            yield call


def _says_where(call: ast.Call) -> bool:
    return bool(call.args) or any(keyword.arg == "url" for keyword in call.keywords)


def _imported_roots(facts: Facts, path: str) -> set[str]:
    roots = {alias.name.partition(".")[0] for node in facts.nodes(path, ast.Import) for alias in node.names}
    return roots | {(n.module or "").partition(".")[0] for n in facts.nodes(path, ast.ImportFrom) if not n.level}
