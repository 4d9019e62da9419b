"""Where an event loop starts: code of a module that runs as a program."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Sequence

from asyncify.colour.structure import is_main_guard
from asyncify.model import AddImport, Edit, Reason, ReplaceExpr, Span, WrapStatements
from asyncify.rules.facts import Facts
from asyncify.rules.support import import_of

_COMPREHENSIONS = frozenset(["listcomp", "setcomp", "dictcomp", "genexpr"])
_LOOPS = (ast.For, ast.While, ast.comprehension)


def start_loop(
    facts: Facts, path: str, calls: Sequence[Span], others: Sequence[Span], runner: str, detached: bool = False
) -> list[Edit]:
    """Edits that start the event loop for awaits at module level.

    ``calls`` are calls of asynchronous functions (without their ``await``), ``others`` all other places that await. A
    single call outside any loop is run where it stands; else the statements around all of them become ``async def main()``,
    with all that follow if what they start goes on beside (``detached``). ``runner`` is what runs a coroutine.
    """
    places = [*calls, *others]
    reason = Reason("the event loop starts here", places[0])
    edits: list[Edit] = []
    if runs_alone(facts, calls, others, detached):
        edits.append(ReplaceExpr(calls[0], f"{runner}({{call}})", reason, {"call": calls[0]}))
    else:
        edits.append(_wrap(facts, path, places, runner, reason, detached))
    if runner != "asyncio.run":
        edits.append(import_of(facts.file(path).source, "aio_support", places[0], reason))
    else:
        edits.append(AddImport(places[0], reason, "asyncio"))
    return edits


def runs_alone(facts: Facts, calls: Sequence[Span], others: Sequence[Span], detached: bool = False) -> bool:
    """Whether :func:`start_loop` runs the only call where it stands, so that it gets no ``await``."""
    if len(calls) != 1 or others or _in_loop(facts, calls[0]):
        return False
    return not (detached and _goes_on(facts, calls[0]))


def _goes_on(facts: Facts, call: Span) -> bool:
    """Whether the program does anything more after the statement of the call."""
    child: ast.AST | None = facts.node(call, ast.AST)
    for parent in facts.parents(call.path, child) if child is not None else ():
        for block in (getattr(parent, name, None) for name in ("body", "orelse", "finalbody")):
            if isinstance(block, list) and child in block and block[-1] is not child:
                return True
        child = parent
    return False


def _in_loop(facts: Facts, span: Span) -> bool:
    node = facts.node(span, ast.AST)
    return node is not None and any(isinstance(parent, _LOOPS) for parent in facts.parents(span.path, node))


def _wrap(
    facts: Facts, path: str, places: Sequence[Span], runner: str, reason: Reason, detached: bool
) -> WrapStatements:
    tree = facts.file(path).tree
    block: list[ast.stmt] = tree.body
    chosen = [statement for statement in block if _holds(facts, path, statement, places)]
    guard = chosen[0] if len(chosen) == 1 else None
    alone = not detached or guard is block[-1]
    if isinstance(guard, ast.If) and is_main_guard(guard) and not guard.orelse and alone:
        block = guard.body
        chosen = block
    first, last = block.index(chosen[0]), len(block) - 1 if detached else block.index(chosen[-1])
    moved = block[first : last + 1]
    start, end = facts.span(path, moved[0]), facts.span(path, moved[-1])
    span = Span(path, start.line, start.column, end.end_line, end.end_column)
    bound = _bound(moved)
    outside = _used(facts.file(path).source.text, tree, moved)
    taken = {
        node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    taken |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    name = next(n for n in ("main", "run_main", "async_main", "main_coroutine") if n not in taken)
    return WrapStatements(
        span, start, end, reason, name, f"{runner}({name}())", tuple(sorted(bound & outside | _defined(moved)))
    )


def _holds(facts: Facts, path: str, statement: ast.stmt, places: Sequence[Span]) -> bool:
    span = facts.span(path, statement)
    return any(span.contains(place) for place in places)


def _bound(statements: Sequence[ast.stmt]) -> set[str]:
    """Names that the statements bind in their own scope."""
    out: set[str] = set()
    todo: list[ast.AST] = list(statements)
    while todo:
        node = todo.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                out.add(node.name)
                continue
            case ast.Import() | ast.ImportFrom():
                out |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
            case ast.Name(ctx=ast.Store() | ast.Del()):
                out.add(node.id)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                out.add(name)
            case ast.Lambda():
                continue
        todo += ast.iter_child_nodes(node)
    return out


def _defined(statements: Sequence[ast.stmt]) -> set[str]:
    """Functions and classes that the statements define: they keep their qualified names, and can be imported."""
    out: set[str] = set()
    todo: list[ast.AST] = list(statements)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            out.add(node.name)
        elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            todo += ast.iter_child_nodes(node)
    return out


def _used(text: str, tree: ast.Module, moved: Sequence[ast.stmt]) -> set[str]:
    """Names of the module that are read outside the moved statements, or in a function or class of the file."""
    out = set()
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name):
            out.add(node.id)
        body = node.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) else []
        skipped = [*moved, *([node.body] if isinstance(node, ast.Lambda) else body)]
        todo += [child for child in ast.iter_child_nodes(node) if not any(child is other for other in skipped)]
    try:
        tables = symtable.symtable(text, "<module>", "exec").get_children()
    except SyntaxError:  # what does not compile
        return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for table in tables:  # grows
        if table.get_name() not in _COMPREHENSIONS:  # those of the module itself are among its statements
            out |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
        tables += table.get_children()
    return out
