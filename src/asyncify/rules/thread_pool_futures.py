"""Futures of a pool, the functions that wait for several of them, and whoever reads results one after the other."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from asyncify.graph import Implication
from asyncify.index.project import CallSite
from asyncify.index.values import BoundMethod, Constant, Function, Instance, Partial, Value
from asyncify.model import Await, DropImport, Edit, Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules.base import (
    Block,
    Claim,
    Finding,
    Handles,
    OnLoop,
    Role,
    function_node,
)
from asyncify.rules.blocking import NO_COUNTERPART
from asyncify.rules.facts import Facts, Place
from asyncify.rules.flow import receiving_call
from asyncify.rules.handed_jobs import given_job, given_to_jobs
from asyncify.rules.iteration import BARS, consumption, is_bar_use, whatever_comes
from asyncify.rules.support import import_of
from asyncify.rules.thread_pool_names import (
    AS_COMPLETED,
    EXECUTORS,
    FUTURE,
    MIXED_POOL,
    POOL_ESCAPES,
    WAIT,
    PoolKind,
    argument_escape,
    awaited,
    refuse,
)

_ITERATORS = frozenset({"builtins.iter", *BARS})
ADD_CALLBACK = f"{FUTURE}.add_done_callback"


def _element_owners(facts: Facts, span: Span, owners: dict[Span, set[str]]) -> set[str]:
    """The pools whose futures the iterable at `span` may hold."""
    out: set[str] = set()
    for value in facts.project.values(span):
        for element in facts.project.slot(value, 0):
            if isinstance(element, Instance) and element.type == FUTURE and element.site is not None:
                out |= owners.get(element.site, set())
    return out


def helpers(facts: Facts, owners: dict[Span, set[str]]) -> Iterator[Finding]:
    """The functions as_completed and wait."""
    for name, helper in ((AS_COMPLETED, "as_completed"), (WAIT, "wait")):
        for call in facts.calls_by_external.get(name, ()):
            func = facts.node(call.func, ast.expr)
            nodes = _element_owners(facts, call.args[0], owners) if call.args else set()
            if func is None or call.externals != {name} or call.targets:
                for node in nodes:
                    yield Block(node, refuse(POOL_ESCAPES, call.span), "thread_pool")
                continue
            owners[call.span] = nodes
            reason = Reason(f"{helper}() waits for futures of the pool", call.span)
            root = func
            while isinstance(root, ast.Attribute):
                root = root.value
            edits: list[Edit] = [
                ReplaceExpr(call.func, f"aio_support.{helper}", reason),
                import_of(facts.file(call.span.path).source, "aio_support", call.span, reason),
            ]
            if isinstance(root, ast.Name):
                edits.append(DropImport(call.span, reason, root.id))
            if name == WAIT:
                edits.append(Await(call.span, reason))
            yield Claim(
                "thread_pool",
                call.span,
                call.within,
                Role.PART,
                Verdict.EXACT,
                reason.text,
                {"": tuple(edits)},
                needs_async=name == WAIT,
                follows=tuple(sorted(nodes)),
            )


def futures(facts: Facts, kind: PoolKind, owners: dict[Span, set[str]]) -> Iterator[Finding]:
    """Calls of a future's methods, and every other use of one."""
    own = _callbacks(facts) if kind is EXECUTORS else {}
    for method in kind.future_waits:
        for call in facts.calls_by_external.get(f"{kind.future}.{method}", ()):
            nodes = _owners_of(facts, call, owners)
            if call.externals != {f"{kind.future}.{method}"} or call.targets:
                for node in nodes:
                    refusal = refuse(POOL_ESCAPES, call.span, "this may be a future or something else")
                    yield Block(node, refusal, kind.rule)
            elif _is_parameter(facts, call, own.get(call.within)):
                yield _of_a_done_future(facts, call, method, nodes)
            elif not nodes:
                yield _of_no_pool(kind, call, method)
            else:
                yield from awaited(kind, call.span, call.within, nodes, f"{method}() waits for the job")
    for instance, places in facts.instances.items():
        if instance.type != kind.future or instance.site not in owners:
            continue
        for path, place in places:
            escape = _future_escape(facts, kind, path, place)
            if escape is not None:
                for node in owners[instance.site]:
                    yield Block(node, escape, kind.rule)


def _of_no_pool(kind: PoolKind, call: CallSite, method: str) -> Block:
    """Nobody sees which job completes the future: perhaps one of another process, or code that keeps its thread."""
    text = f"{method}() waits for a future that no pool of threads here makes"
    refusal = Refusal(NO_COUNTERPART.code, call.span, text, NO_COUNTERPART.remedy, Reason(text, call.span))
    return Block(f"waits:{call.span}", refusal, kind.rule, call.within, blocks_loop=True)


def _owners_of(facts: Facts, call: CallSite, owners: dict[Span, set[str]]) -> set[str]:
    """The pools whose futures a method may be called on."""
    nodes: set[str] = set()
    for instance in facts.receivers(call):
        nodes |= owners.get(instance.site, set()) if instance.site is not None else set()
    return nodes


def _callbacks(facts: Facts) -> dict[str, str]:
    """Functions that only futures call when they are done, with the name of the parameter that gets the future."""
    found: dict[str, set[str | None]] = {}
    for call in facts.calls_by_external.get(ADD_CALLBACK, ()):
        for value in facts.project.values(call.args[0]) if call.args else ():
            bound = 0
            values = frozenset({value})
            if isinstance(value, Partial) and (made := facts.node(value.site, ast.Call)) is not None and made.args:
                bound = len(made.args) - 1
                starred = any(isinstance(argument, ast.Starred) for argument in made.args)
                values = facts.values(value.site.path, made.args[0]) if not starred else frozenset()
            for function in values:
                if isinstance(function, (Function, BoundMethod)):
                    name = function.name if isinstance(function, Function) else function.function
                    parameter = _parameter(facts, name, bound + int(isinstance(function, BoundMethod)))
                    found.setdefault(name, set()).add(parameter)
    called = {target for call in facts.project.calls for target in call.targets}
    called |= {i.target for i in facts.project.implicit_calls if i.external != ADD_CALLBACK}
    return {
        name: parameter
        for name, parameters in found.items()
        if len(parameters) == 1 and name not in called and (parameter := min(parameters, key=str)) is not None
    }


def _parameter(facts: Facts, function: str, position: int) -> str | None:
    """The name of a positional parameter that the function never binds anew."""
    info = facts.project.functions.get(function)
    node = facts.node(info.span, ast.AST) if info is not None else None
    if not isinstance(node, (ast.FunctionDef, ast.Lambda)):
        return None
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    if position >= len(names) or _rebinds(node, names[position]):
        return None
    return names[position]


def _rebinds(function: ast.FunctionDef | ast.Lambda, name: str) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)
        for node in ast.walk(function)
    )


def _is_parameter(facts: Facts, call: CallSite, parameter: str | None) -> bool:
    func = facts.node(call.func, ast.Attribute)
    return func is not None and isinstance(func.value, ast.Name) and func.value.id == parameter


def _of_a_done_future(facts: Facts, call: CallSite, method: str, nodes: set[str]) -> Claim:
    """A callback asks the future that calls it: nothing is waited for."""
    func = facts.node(call.func, ast.Attribute)
    assert func is not None
    future = facts.span(call.span.path, func.value)
    reason = Reason("the future is done when it calls this function", call.span)
    edit = ReplaceExpr(call.func, f"{{future}}.{method}_now", reason, {"future": future})
    return Claim(
        "thread_pool",
        call.span,
        call.within,
        Role.PART,
        Verdict.EXACT,
        reason.text,
        {"": (edit,)},
        needs_async=False,
        follows=tuple(sorted(nodes)),
    )


def callback_jobs(facts: Facts, owners: dict[Span, set[str]]) -> Iterator[Finding]:
    """A pool awaits callbacks that became asynchronous; one that waits otherwise would stop the event loop."""
    for call in facts.calls_by_external.get(ADD_CALLBACK, ()):
        nodes = _owners_of(facts, call, owners)
        if not call.args or call.externals != {ADD_CALLBACK} or call.targets or not nodes:
            continue
        yield Handles(call.args[0])
        yield Handles(call.span)
        refusal = refuse(MIXED_POOL, call.span, "the callback of a future waits, and cannot be awaited")
        for implicit in facts.project.implicit_calls:
            if implicit.external == ADD_CALLBACK and implicit.span in (call.span, call.args[0]):
                for node in sorted(nodes):
                    yield Implication(function_node(implicit.target), node, "a future of the pool calls it", call.span)
                    yield OnLoop(node, implicit.target, refusal)


def _future_escape(facts: Facts, kind: PoolKind, path: str, place: ast.expr) -> Refusal | None:
    parent = facts.parent(path, place)
    if isinstance(parent, ast.Attribute) and parent.value is place:
        around = facts.parent(path, parent)
        called = isinstance(around, ast.Call) and around.func is parent
        if called and (parent.attr in kind.future_waits or parent.attr in kind.future_plain):
            return None
        return refuse(POOL_ESCAPES, facts.span(path, parent), f".{parent.attr} of a future is used as a value")
    receiver = receiving_call(facts, path, place)
    if receiver is not None:
        if given_to_jobs(facts, path, receiver) and given_job(facts, path, receiver) is not place:
            return None
        return argument_escape(facts, path, receiver, kind.takes, "a future")
    if isinstance(parent, (ast.Yield, ast.YieldFrom, ast.Await)):
        return refuse(POOL_ESCAPES, facts.span(path, place), "a future is handed out here")
    return None


def results(
    facts: Facts, kind: PoolKind, places: list[Place], nodes: set[str], alike: Collection[Span]
) -> Iterator[Finding]:
    """Every place that reads the results of map or as_completed, or an iterator that reads them in turn.

    `alike` are the calls that make what becomes asynchronous with them.
    """
    todo = [(path, place, False) for path, place in places]
    derived: set[Span] = set()
    while todo:
        path, place, is_bar = todo.pop(0)
        span = facts.span(path, place)
        reason = Reason("reading the results waits for the jobs", span)
        if is_bar and is_bar_use(facts, path, place):
            continue
        use = consumption(facts, path, place, reason, apart=True)
        if use.impossible is not None:
            for node in nodes:
                yield Block(node, refuse(POOL_ESCAPES, span, use.impossible), kind.rule)
            continue
        if use.derived is not None and use.derived not in derived:
            derived.add(use.derived)
            found = [(i, near) for i, near in facts.instances.items() if i.site == use.derived and i.type in _ITERATORS]
            todo += [(where, node, i.type in BARS) for i, near in found for where, node in near]
            if not found:
                text = "asyncify does not see who reads this iterator"
                for node in nodes:
                    yield Block(node, refuse(POOL_ESCAPES, use.derived, text), kind.rule)
        edits = use.edits
        if edits and not all(_comes_alike(facts, value, alike, derived) for value in facts.values(path, place)):
            edits = whatever_comes(facts, path, span, edits, "either", reason)
        if edits:
            if use.condition is not None:  # the function may contain next(): it is not next() any more
                yield from (Handles(edit.span) for edit in edits if isinstance(edit, Await))
            yield Claim(
                kind.rule,
                _site_of(facts, path, place),
                facts.enclosing(path, place),
                Role.PART,
                Verdict.EXACT if use.condition is None else Verdict.REVIEW,
                reason.text,
                {"": edits},
                follows=tuple(sorted(nodes)),
                condition=use.condition,
            )


def _comes_alike(facts: Facts, value: Value, alike: Collection[Span], derived: Collection[Span]) -> bool:
    """Whether the value is an asynchronous iterator, or an annotation says of it that it is an iterator."""
    if not isinstance(value, Instance):
        return value == Constant(None)
    promised = value.type == "builtins.iter" and not facts.made_by_call(value)
    return promised or value.site in alike or value.site in derived


def _site_of(facts: Facts, path: str, place: ast.expr) -> Span:
    """Where the site of a reading place is: the nearest node around it that has a span of its own."""
    parent = facts.parent(path, place)
    if isinstance(place, ast.Call) or not isinstance(parent, ast.For):
        return _around(facts, path, place)
    return facts.span(path, parent)


def _around(facts: Facts, path: str, place: ast.expr) -> Span:
    """The nearest enclosing node with another span: a call's own span already names the call's site."""
    own = facts.span(path, place)
    for parent in facts.parents(path, place):
        if hasattr(parent, "lineno") and (span := facts.span(path, parent)) != own:
            return span
    return own
