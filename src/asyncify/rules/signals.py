"""Programs whose signal handlers raise exceptions stay synchronous, unless they only end the program.

## What it refuses

A handler given to `signal.signal` that raises an exception interrupts whatever the main thread does, and the code around
catches it. With an event loop the exception arises in the loop, between coroutines, and no coroutine sees it. So all code
that the program runs which sets such a handler stays as it is.

## What it keeps

Handlers that only note something (`stop = True`, `event.set()`): they do what they did. Handlers that only end the program
(`sys.exit(130)`, `raise SystemExit`): the exception leaves `asyncio.run`, which cancels what waits, so that `finally` and `with` run,
and the program ends with the same status. The program must be none that could tell the difference: none of its files may name
`SystemExit` but to raise it, nor catch everything without raising it again, and nothing may run in threads or pools beside it.

## What differs

Where the program waits, `finally` and `__exit__` see an `asyncio.CancelledError` in place of `SystemExit`. What runs in a thread for a
coroutine (`asyncio.to_thread`) is waited for before the program ends.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import CallSite
from asyncify.index.values import BoundMethod, External, Function
from asyncify.model import Reason, Refusal
from asyncify.rules.base import Block, Finding, RefusalCode, Rule, function_node
from asyncify.rules.facts import Facts

SET = "signal.signal"
SIGNAL = RefusalCode(
    "signal",
    "A signal handler raises here; on an event loop no coroutine would see its exception.",
    "Let the handler only note what is to be done, or use loop.add_signal_handler().",
)
_NEAR = 2
_ENDING = frozenset("KeyboardInterrupt SystemExit BaseException GeneratorExit".split())
_EXITS = frozenset(["sys.exit", "builtins.exit", "builtins.quit"])
_EXIT = "SystemExit"
_EVERYTHING = "BaseException"
_UNKNOWN = "?"
_BESIDE = (
    "threading.Thread",
    "threading.Timer",
    "_thread.",
    "concurrent.futures.",
    "multiprocessing.",
    "gevent.",
    "joblib.",
)


def match(facts: Facts) -> Iterator[Finding]:
    """All functions of programs with such handlers."""
    for call in facts.calls_by_external.get(SET, ()):
        raised = _raised(facts, call)
        if not raised:
            continue
        program = program_of(facts, call.within)
        if raised == {_EXIT} and _ends_alike(facts, program):
            continue
        reason = Reason("the handler set here may raise", call.span)
        for name in sorted(program):
            refusal = Refusal(SIGNAL.code, call.span, SIGNAL.title, SIGNAL.remedy, reason)
            yield Block(function_node(name), refusal, "signals", name)


def _raised(facts: Facts, call: CallSite) -> set[str]:
    """The exceptions that the handler may raise, as they are written; one that is not known may raise anything."""
    if len(call.args) < 2:
        return {_UNKNOWN}
    handler = facts.node(call.args[1], ast.expr)
    if isinstance(handler, ast.Lambda):
        return {_of_call(facts, call.span.path, node) for node in ast.walk(handler) if isinstance(node, ast.Call)}
    values = facts.project.values(call.args[1])
    found = set() if values else {_UNKNOWN}
    for value in values:
        match value:
            case Function(name) | BoundMethod(name, _):
                near = _near(facts, name)
                for reached in facts.reached([name]):
                    found |= _leaving(facts, reached, reached in near)
            case External(name) if name in ("signal.SIG_DFL", "signal.SIG_IGN"):
                continue
            case _:
                found.add(_UNKNOWN)
    return found


def _of_call(facts: Facts, path: str, node: ast.Call) -> str:
    call = facts.project.call_at(facts.span(path, node))
    exits = call is not None and not call.targets and call.externals and call.externals <= _EXITS
    return _EXIT if exits else _UNKNOWN


def _ends_alike(facts: Facts, program: set[str]) -> bool:
    """Whether nothing of the program can tell a SystemExit that leaves the event loop from one that arises where it waits.

    Files of tests count where they have to do with signals: others expect a SystemExit of what they call, not of a handler.
    """
    if facts.side_by_side & program:
        return False
    beside = (call for name, calls in facts.calls_by_external.items() if name.startswith(_BESIDE) for call in calls)
    if any(call.within in program for call in beside):
        return False
    paths = {info.path for name in program if (info := facts.project.functions.get(name)) is not None}
    return not any(
        _tells_exits(facts, path)
        for path in paths
        if not facts.in_test(path) or facts.spells(path, frozenset(["signal", "kill"]))
    )


def _tells_exits(facts: Facts, path: str) -> bool:
    """Whether the file names SystemExit but to raise it or let it pass, or takes whatever is raised and keeps it."""
    for handler in facts.nodes(path, ast.ExceptHandler):
        if handler.type is None and not _raises_again(handler):
            return True
    named: list[tuple[ast.expr, str]] = [(node, node.id) for node in facts.nodes(path, ast.Name)]
    named += [(node, node.attr) for node in facts.nodes(path, ast.Attribute)]
    for node, name in named:
        if name == _EXIT and not (_is_raised(facts, path, node) or _lets_pass(facts, path, node)):
            return True
        if name == _EVERYTHING and not _is_annotation(facts, path, node):
            around = _handler_around(facts, path, node)
            if around is None or not _raises_again(around):
                return True
    return False


def _is_raised(facts: Facts, path: str, node: ast.expr) -> bool:
    parent = facts.parent(path, node)
    if isinstance(parent, ast.Call) and parent.func is node:
        parent = facts.parent(path, parent)
    return isinstance(parent, ast.Raise)


def _handler_around(facts: Facts, path: str, node: ast.expr) -> ast.ExceptHandler | None:
    """The handler that names the class for what it catches."""
    parent = facts.parent(path, node)
    if isinstance(parent, ast.Tuple):
        parent = facts.parent(path, parent)
    return parent if isinstance(parent, ast.ExceptHandler) else None


def _lets_pass(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether a handler takes the exception only to raise it again, and those behind it do not take a cancellation."""
    handler = _handler_around(facts, path, node)
    if handler is None or len(handler.body) != 1 or not _raises_again(handler):
        return False
    statement = facts.parent(path, handler)
    return isinstance(statement, ast.Try) and not any(
        other.type is None
        or any(isinstance(part, ast.Name) and part.id == _EVERYTHING for part in ast.walk(other.type))
        for other in statement.handlers
        if other is not handler
    )


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return (
        isinstance(last, ast.Raise)
        and last.exc is None
        and not any(isinstance(part, (ast.Return, ast.Break, ast.Continue)) for part in ast.walk(handler))
    )


def _is_annotation(facts: Facts, path: str, node: ast.expr) -> bool:
    child: ast.AST = node
    for parent in facts.parents(path, node):
        if isinstance(parent, ast.arg):
            return True
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return child is parent.returns
        if isinstance(parent, ast.stmt):
            return isinstance(parent, ast.AnnAssign) and child is parent.annotation
        child = parent
    return False


def _near(facts: Facts, function: str) -> set[str]:
    """The handler and what it calls, directly or through one more function: what is raised there is raised by it.

    Further below a raise tells of a failure, as it would anywhere, unless it ends the program.
    """
    found = {function}
    for _ in range(_NEAR):
        found |= {target for call in facts.project.calls if call.within in found for target in call.targets}
    return found


def _leaving(facts: Facts, function: str, near: bool) -> set[str]:
    """The exceptions that the function lets out: any if it is `near` the handler, else those that end the program."""
    info = facts.project.functions.get(function)
    node = facts.node(info.span, ast.FunctionDef) if info is not None else None
    if node is None or info is None:
        return set()
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Raise):
            raised = part.exc.func if isinstance(part.exc, ast.Call) else part.exc
            name = facts.text(info.path, raised) if raised is not None else _UNKNOWN
            if (near or name in _ENDING) and not _caught(facts, info.path, part, name):
                found.add(name)
    exits = (call for name in _EXITS for call in facts.calls_by_external.get(name, ()) if call.within == function)
    if any(not _caught(facts, info.path, call.node, _EXIT) for call in exits):
        found.add(_EXIT)
    return found


def _caught(facts: Facts, path: str, node: ast.AST, raised: str) -> bool:
    """Whether a ``try`` of the same function catches what is raised at `node`, by that name or whatever it is."""
    child = node
    for parent in facts.parents(path, node):
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return False
        if isinstance(parent, ast.Try) and child in parent.body:
            for handler in parent.handlers:
                kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
                names = {facts.text(path, kind) for kind in kinds if kind is not None}
                if (handler.type is None or names & {raised, "BaseException"}) and not any(
                    isinstance(part, ast.Raise) for part in ast.walk(handler)
                ):
                    return True
        child = parent
    return False


def program_of(facts: Facts, function: str) -> set[str]:
    """The functions of the program that sets the handler: whoever leads there, and all that they run."""
    above = {function}
    todo = [function]
    while todo:
        for call in facts.project.callers(todo.pop()):
            if call.within not in above:
                above.add(call.within)
                todo.append(call.within)
    return facts.reached(above)


RULE = Rule(
    id="signals",
    title="Signal handlers that raise",
    doc=__doc__,
    catalogue=Catalogue(signatures={SET: Signature()}),
    match=match,
    refusals=(SIGNAL,),
)
