"""Loops that go round without waiting until somebody else has done something keep their code off the event loop.

## What it refuses

A `while` loop that can go round without waiting for anything and without changing anything itself, such as
`while not future.done(): pass`, in a program with threads or pools: it is another thread that ends it. On an event loop nobody else gets a
turn while the loop goes round, so it would never end. Its function stays synchronous, and with it the pool it waits for.

Reading from a pipe (`process.stdout`, `os.read`) that another thread may have to feed is treated the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import Kind
from asyncify.model import Reason, Refusal, Span
from asyncify.rules.base import Block, Finding, RefusalCode, Rule, function_node
from asyncify.rules.facts import Facts

POLLING = RefusalCode(
    "polling",
    "The loop goes round without waiting until another thread has done something; nobody else would run meanwhile.",
    "Wait for the future, event or queue instead of asking it, or sleep between two looks.",
)
PIPE = RefusalCode(
    "pipe",
    "Another thread may have to feed this pipe; on an event loop it would not run while the pipe is read.",
    "Call communicate(), or move to asyncio.create_subprocess_exec() by hand.",
)
_THREADS = ("concurrent.futures.ThreadPoolExecutor", "threading.Thread", "threading.Timer")
_ASKING = frozenset(["done", "running", "cancelled", "is_set", "empty", "full", "qsize", "is_alive", "poll", "locked"])
_HARMLESS = frozenset(["write", "flush", "get", "items", "values", "keys", "count"]) | _ASKING
_HARMLESS_FUNCTIONS = frozenset(
    ["len", "any", "all", "bool", "sum", "min", "max", "print", "list", "set", "tuple", "sorted", "isinstance"]
)
_CLOCKS = frozenset(["time", "monotonic", "perf_counter"])
_PIPES = frozenset(["stdout", "stderr", "stdin"])


def match(facts: Facts) -> Iterator[Finding]:
    """Such loops and pipes, in programs with threads."""
    if not any(name in facts.calls_by_external for name in _THREADS):
        return
    for path in facts.project.files:
        for node in facts.nodes(path, ast.While):
            if goes_round(node) and not _asks_somebody(facts, path, node):
                yield from _block(facts, path, node, POLLING)
    for call in facts.calls_by_external.get("os.read", ()):
        found = facts.node(call.span, ast.Call)
        if found is not None:
            yield from _block(facts, call.span.path, found, PIPE)
    for instance, places in facts.instances.items():
        if instance.type == "subprocess.Popen":
            for path, place in places:
                pipe = facts.parent(path, place)
                if isinstance(pipe, ast.Attribute) and pipe.attr in _PIPES:
                    yield from _block(facts, path, pipe, PIPE)


def _block(facts: Facts, path: str, node: ast.stmt | ast.expr, code: RefusalCode) -> Iterator[Finding]:
    span: Span = facts.span(path, node)
    within = facts.enclosing(path, node)
    info = facts.project.functions.get(within)
    if info is not None and info.kind in (Kind.FUNCTION, Kind.MODULE) and not info.is_async:
        refusal = Refusal(code.code, span, code.title, code.remedy, Reason(code.title, span))
        yield Block(function_node(within), refusal, "polling", within, blocks_loop=True)


def _asks_somebody(facts: Facts, path: str, loop: ast.While) -> bool:
    """Whether every turn waits for the network, under a name that a mere look at something has, too."""
    for statement in loop.body:
        for node in ast.walk(statement) if isinstance(statement, (ast.Expr, ast.Assign)) else ():
            call = facts.project.call_at(facts.span(path, node)) if isinstance(node, ast.Call) else None
            if call is not None and call.externals and all(name.startswith("requests.") for name in call.externals):
                return True
        if not isinstance(statement, (ast.Expr, ast.Assign)):
            return False  # the turn may end here
    return False


def goes_round(loop: ast.While) -> bool:
    """Whether a turn of the loop is possible in which nothing waits and nothing of its own changes."""
    return _inert(loop.test) and _passes(loop.body)


def _passes(block: Sequence[ast.stmt]) -> bool:
    """Whether the next turn can be reached through the block without anything being done."""
    for statement in block:
        match statement:
            case ast.Continue():
                return True
            case ast.Pass():
                continue
            case ast.Expr(value=value) if _inert(value):
                continue
            case ast.Assign(value=value) if _inert(value) and _asks(value):
                continue
            case ast.If(test=test, body=body, orelse=orelse) if _inert(test):
                if _continues(body) or _continues(orelse):
                    return True
                if _passes(body) or _passes(orelse):
                    continue
                return False
            case _:
                return False
    return True


def _continues(block: Sequence[ast.stmt]) -> bool:
    return bool(block) and isinstance(block[-1], ast.Continue) and _passes(block)


def _inert(expression: ast.expr) -> bool:
    """Whether evaluating it neither waits nor changes anything: it only looks, asks or prints."""
    for node in ast.walk(expression):
        if isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
            return False
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) if name in _HARMLESS_FUNCTIONS | _CLOCKS:
                    continue
                case ast.Attribute(attr=name) if name in _HARMLESS | _CLOCKS and not (name == "get" and not node.args):
                    continue
                case _:
                    return False
    return True


def _asks(expression: ast.expr) -> bool:
    """Whether it asks for the state of something that others change."""
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _ASKING
        for node in ast.walk(expression)
    )


RULE = Rule(
    id="polling",
    title="Loops that poll",
    doc=__doc__,
    catalogue=Catalogue(signatures={"os.read": Signature(returns="builtins.bytes")}),
    match=match,
    refusals=(POLLING, PIPE),
)
