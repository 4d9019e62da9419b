"""Programs whose signal handlers raise exceptions stay synchronous.

## What it refuses

A handler given to `signal.signal` that raises an exception (or calls `sys.exit`) interrupts whatever the main thread does, and
the code around catches it. With an event loop the exception arises in the loop, between coroutines, and no coroutine
sees it. So all code that the program runs which sets such a handler stays as it is.

## What it keeps

Handlers that only note something (`stop = True`, `event.set()`): they do what they did.
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


def match(facts: Facts) -> Iterator[Finding]:
    """All functions of programs with such handlers."""
    for call in facts.calls_by_external.get(SET, ()):
        if not _raises(facts, call):
            continue
        reason = Reason("the handler set here may raise", call.span)
        for name in sorted(program_of(facts, call.within)):
            refusal = Refusal(SIGNAL.code, call.span, SIGNAL.title, SIGNAL.remedy, reason)
            yield Block(function_node(name), refusal, "signals", name)


def _raises(facts: Facts, call: CallSite) -> bool:
    """Whether the handler may raise; one that is not known may."""
    if len(call.args) < 2:
        return True
    handler = facts.node(call.args[1], ast.expr)
    if isinstance(handler, ast.Lambda):
        return any(isinstance(node, ast.Call) for node in ast.walk(handler))
    values = facts.project.values(call.args[1])
    for value in values:
        match value:
            case Function(name) | BoundMethod(name, _):
                near = _near(facts, name)
                if any(_leaves(facts, reached, reached in near) for reached in facts.reached([name])):
                    return True
            case External(name) if name in ("signal.SIG_DFL", "signal.SIG_IGN"):
                continue
            case _:
                return True
    return not values


def _near(facts: Facts, function: str) -> set[str]:
    """The handler and what it calls, directly or through one more function: what is raised there is raised by it.

    Further below a raise tells of a failure, as it would anywhere, unless it ends the program.
    """
    found = {function}
    for _ in range(_NEAR):
        found |= {target for call in facts.project.calls if call.within in found for target in call.targets}
    return found


def _leaves(facts: Facts, function: str, near: bool) -> bool:
    """Whether the function lets an exception out: any if it is `near` the handler, else one that ends the program."""
    info = facts.project.functions.get(function)
    node = facts.node(info.span, ast.FunctionDef) if info is not None else None
    if node is None or info is None:
        return False
    for part in ast.walk(node):
        if isinstance(part, ast.Raise):
            raised = part.exc.func if isinstance(part.exc, ast.Call) else part.exc
            name = facts.text(info.path, raised) if raised is not None else "?"
            if (near or name in _ENDING) and not _caught(facts, info.path, part, name):
                return True
    exits = (call for name in _EXITS for call in facts.calls_by_external.get(name, ()) if call.within == function)
    return any(not _caught(facts, info.path, call.node, "SystemExit") for call in exits)


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
