"""Verbs of sessions and functions of requests that are kept or handed on before they are called.

``self._call(self.session.get, url)`` calls whatever arrives there. The index follows the values; what is asked here is that
nobody else gets them, and where they are named.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.project import CallSite
from asyncify.index.values import Class, External, Instance, ModuleRef, Object, Value
from asyncify.rules.facts import Facts, Place
from asyncify.rules.flow import given_by_mock, is_getattr, stands_in
from asyncify.rules.handed_jobs import fills_in, given_job, given_to_jobs, is_run, partial_places, runs_jobs
from asyncify.rules.requests_names import FUNCTIONS, HARMLESS, SESSION_VERBS, SESSIONS

_REAL = frozenset({"__self__", "__func__", "__call__", "__get__"})  # what of a method leads back to it
_PASSING = (ast.BoolOp, ast.NamedExpr, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Starred, ast.keyword)


def in_sight(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether the callable at this place goes nowhere but where the index follows it, or is only looked at."""
    child: ast.AST = node
    for parent in facts.parents(path, node):
        match parent:
            case ast.Call():
                if parent.func is child or not fills_in(facts, path, parent, child):
                    return parent.func is child or _followed_into(facts, path, parent, node)
            case ast.Attribute():
                return parent.attr not in _REAL  # a method has none but these: a mock is meant
            case ast.Assign():
                return not isinstance(child, ast.expr) or not stored_out_of_sight(facts, path, child)
            case ast.AnnAssign() | ast.Delete():
                return True
            case ast.IfExp() if child is parent.test:
                return True
            case (
                ast.Compare()
                | ast.UnaryOp()
                | ast.Expr()
                | ast.If()
                | ast.While()
                | ast.For()
                | ast.comprehension()
                | ast.Assert()
            ):
                return True
            case ast.Subscript() if not isinstance(child, ast.Dict):
                return child is not parent.value
            case ast.Return():
                function = facts.enclosing(path, node)
                return bool(facts.project.callers(function))
            case ast.IfExp() | ast.Subscript():
                pass
            case _ if isinstance(parent, _PASSING):
                pass
            case _:
                return False
        child = parent
    return False


def _followed_into(facts: Facts, path: str, call: ast.Call, node: ast.expr) -> bool:
    """Whether the call only runs functions of the project, runs jobs, or keeps what it is given in sight."""
    if stands_in(facts, path, call) or given_by_mock(facts, path, call, node) or runs_jobs(facts, path, call):
        return True
    job = given_job(facts, path, call)
    if job is not None and (job is node or job in facts.parents(path, node) or given_to_jobs(facts, path, call)):
        return True
    if is_getattr(facts, path, call):
        return False
    site = facts.project.call_at(facts.span(path, call))
    if site is None or site.unresolved:
        return False
    return site.externals <= HARMLESS if site.externals else bool(site.targets)


def is_job(facts: Facts, path: str, function: ast.expr) -> bool:
    """Whether the function is run as a job, by itself or with some arguments filled in."""
    return is_run(facts, path, function) or any(
        is_run(facts, *place) for place in partial_places(facts, path, function)
    )


def goes_out_of_sight(facts: Facts, path: str, function: ast.expr) -> bool:
    """Whether the function goes, with some arguments filled in, where the index does not follow it."""
    return not all(in_sight(facts, *place) for place in partial_places(facts, path, function))


def kept_verbs(facts: Facts) -> Iterator[tuple[Instance, Place]]:
    """Where a verb of a session may be and goes out of sight, with the session."""
    for method, places in facts.methods.items():
        if method.instance.type in SESSIONS and method.name in SESSION_VERBS:
            for path, node in places:
                if not in_sight(facts, path, node) or goes_out_of_sight(facts, path, node):
                    yield method.instance, (path, node)


def named_functions(facts: Facts, call: CallSite) -> list[Place] | None:
    """Where the functions of requests that this call may run are named, other than by the call; None if not all are.

    They are kept or handed on in between: in a table, as an argument.
    """
    wanted = call.externals & FUNCTIONS
    found: list[Place] = []
    for path, node, names in facts.references(FUNCTIONS):
        parent = facts.parent(path, node)
        if not names & wanted or (isinstance(parent, ast.Call) and parent.func is node):
            continue
        if is_run(facts, path, node):
            continue  # the pool calls it
        if (
            not in_sight(facts, path, node)
            or goes_out_of_sight(facts, path, node)
            or (is_default(facts, path, node) and not facts.in_test(path))
        ):
            return None
        if names_function(facts, path, node):
            found.append((path, node))
        elif isinstance(node, ast.Attribute) and External("requests") in facts.values(path, node.value):
            return None
    return found if found else None


def is_default(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether the expression is the default of a parameter."""
    return isinstance(facts.parent(path, node), ast.arguments)


def names_function(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether the expression names one function of requests by an import, under its own name."""
    values = facts.values(path, node)
    value = next(iter(values)) if len(values) == 1 else None
    if not isinstance(value, External) or value.name not in FUNCTIONS:
        return False
    if isinstance(node, ast.Attribute):
        return node.attr == value.name.rpartition(".")[2] and facts.values(path, node.value) == {External("requests")}
    return isinstance(node, ast.Name) and _is_imported(facts, path, node.id)


def _is_imported(facts: Facts, path: str, name: str) -> bool:
    return any(
        (alias.asname or alias.name) == name
        for statement in facts.nodes(path, ast.ImportFrom)
        if (statement.module or "").partition(".")[0] == "requests"
        for alias in statement.names
    )


def stored_out_of_sight(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether the session becomes an attribute of something asyncify does not know."""
    statement = facts.parent(path, node)
    if not isinstance(statement, ast.Assign) or statement.value is not node:
        return False
    for target in statement.targets:
        if isinstance(target, ast.Attribute) and not any(
            isinstance(value, (Object, Class, ModuleRef)) or _holds_in_sight(facts, value)
            for value in facts.values(path, target.value)
        ):
            return True
    return False


def _holds_in_sight(facts: Facts, value: Value) -> bool:
    """Whether the index follows what is put into this object: a thread's own, or a mock that patch did not put somewhere."""
    if not isinstance(value, Instance):
        return False
    made = facts.project.call_at(value.site) if value.site is not None else None
    return value.type == "threading.local" or (
        value.type.startswith("unittest.mock.Mock")
        and made is not None
        and not any("patch" in name for name in made.externals)
    )
