"""Calls that have something run as a job: by a pool, a thread, a greenlet, an executor of asyncio."""

from __future__ import annotations

import ast

from asyncify.index.values import BoundMethod, External, ExternalMethod, Function, Partial, Value
from asyncify.model import Span
from asyncify.rules.base import function_node, site_node
from asyncify.rules.facts import Facts, Place
from asyncify.rules.requests_names import FUNCTIONS, SESSION_VERBS, SESSIONS

_RUNNING = tuple(
    f".{name}" for name in "submit map starmap apply imap imap_unordered apply_async map_async starmap_async".split()
)
_POOLS = (
    "concurrent.futures.ThreadPoolExecutor.",
    "concurrent.futures.Executor.",
    "multiprocessing.pool.ThreadPool.",
    "gevent.pool.",
    "eventlet.",
)
_STARTING = frozenset(
    ["tqdm.contrib.concurrent.thread_map", "gevent.Greenlet", "gevent.with_timeout", "joblib.delayed"]
    + [f"{owner}.{name}" for owner in ("gevent", "gevent.Greenlet") for name in ("spawn", "spawn_later")]
    + [f"gevent.pool.{name}.spawn" for name in ("Pool", "Group")]
    + ["eventlet.spawn", "eventlet.spawn_n", "eventlet.spawn_after"]
    + [f"eventlet.{name}" for name in ("GreenPool.spawn", "GreenPool.spawn_n", "GreenPile.spawn")]
)


_LATER = {  # where those get their job that do not get it first
    "threading.Thread": (1, "target"),
    "threading.Timer": (1, "function"),
    "asyncio.to_thread": (0, ""),
    "asyncio.AbstractEventLoop.run_in_executor": (1, ""),
    "builtins.map": (0, ""),
    "builtins.filter": (0, ""),
    "itertools.starmap": (0, ""),
}
_SECOND = ("spawn_later", "spawn_after", "with_timeout")


def runs_jobs(facts: Facts, path: str, call: ast.Call) -> bool:
    """Whether the call hands its first argument to a pool, whose rule links it to that pool."""
    site = facts.project.call_at(facts.span(path, call))
    return (
        site is not None
        and bool(site.externals)
        and all((n.startswith(_POOLS) and n.endswith(_RUNNING)) or n in _STARTING for n in site.externals)
    )


def given_job(facts: Facts, path: str, call: ast.Call) -> ast.expr | None:
    """What the call has run as a job, if its rule looks at verbs of sessions and functions of requests there."""
    site = facts.project.call_at(facts.span(path, call))
    if site is not None and runs_jobs(facts, path, call):
        position = int(all(name.endswith(_SECOND) for name in site.externals))
        return call.args[position] if len(call.args) > position else None
    places = {_LATER.get(name) for name in site.externals} if site is not None and not site.targets else set()
    if len(places) != 1 or (place := places.pop()) is None:
        return None
    if any(isinstance(argument, ast.Starred) for argument in call.args[: place[0] + 1]):
        return None
    named = (keyword.value for keyword in call.keywords if keyword.arg == place[1])
    return next(named, call.args[place[0]] if len(call.args) > place[0] else None)


def around(facts: Facts, path: str, node: ast.expr) -> ast.Call | None:
    """The call that gets the expression as an argument, by position or by keyword."""
    parent = facts.parent(path, node)
    parent = facts.parent(path, parent) if isinstance(parent, ast.keyword) else parent
    return parent if isinstance(parent, ast.Call) and parent.func is not node else None


def is_run(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether what the expression gives is run as a job."""
    call = around(facts, path, node)
    return call is not None and given_job(facts, path, call) is node


def fills_in(facts: Facts, path: str, call: ast.Call, function: ast.AST) -> bool:
    """Whether the call gives the function some of its arguments: ``partial(session.post, timeout=5)``."""
    site = facts.project.call_at(facts.span(path, call))
    return site is not None and site.externals == {"functools.partial"} and call.args[:1] == [function]


def partial_places(facts: Facts, path: str, function: ast.expr) -> list[Place]:
    """Where the function goes with some of its arguments filled in, or with more and more of them."""
    found: dict[Place, None] = {}
    todo = [(path, function)]
    while todo:
        where, node = todo.pop()
        call = facts.parent(where, node)
        if isinstance(call, ast.Call) and fills_in(facts, where, call, node):
            places = facts.partials.get(Partial(facts.span(where, call)), [])
            todo += [place for place in places if place not in found]
            found |= dict.fromkeys(places)
    return list(found)


def run_by_partial(facts: Facts, value: Partial, given: Span, call: Span) -> set[str]:
    """The nodes of what a partial runs that a call gets at `given`: functions, or the verb of requests; none if unknown."""
    functions = {
        function_node(implicit.target)
        for implicit in facts.project.implicit_calls
        if implicit.kind == "callback" and implicit.span in (given, call)
    }
    made = facts.node(value.site, ast.Call)
    verbs = facts.values(value.site.path, made.args[0]) if made is not None and made.args else frozenset()
    if functions or made is None or len(verbs) != 1:
        return functions
    return {site_node(facts.span(value.site.path, made.args[0]))} if asks(next(iter(verbs))) else set()


def sites_given(facts: Facts, given: Span, call: Span) -> list[str]:
    """The nodes of all verbs of requests that a call may run which gets its job at `given`: what keeps the call keeps them."""
    found: set[str] = set()
    for value in facts.project.values(given):
        if isinstance(value, Partial):
            found |= {node for node in run_by_partial(facts, value, given, call) if not node.startswith("function:")}
        elif asks(value):
            found.add(site_node(given))
    return sorted(found)


def asks(value: Value) -> bool:
    """Whether the value is a function of requests or a verb of a session."""
    if isinstance(value, ExternalMethod):
        return value.instance.type in SESSIONS and value.name in SESSION_VERBS
    return isinstance(value, External) and value.name in FUNCTIONS


def given_to_jobs(facts: Facts, path: str, call: ast.Call) -> bool:
    """Whether the call only passes its further arguments on to functions of this project, at once or later."""
    site = facts.project.call_at(facts.span(path, call))
    if site is None or site.targets:
        return False
    filled = site.externals == {"functools.partial"} and bool(call.args)
    job = call.args[0] if filled else given_job(facts, path, call)
    values = facts.values(path, job) if job is not None else frozenset()
    return bool(values) and all(isinstance(value, (Function, BoundMethod)) for value in values)
