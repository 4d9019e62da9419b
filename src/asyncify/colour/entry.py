"""Modules whose own code may await: programs, if an event loop can be started around that code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from asyncify.colour.pins import IMPORT_TIME, STARTS_LOOP, refusal
from asyncify.colour.structure import await_place, in_main_guard, is_main_guard
from asyncify.index.project import CallSite, FunctionInfo, Kind
from asyncify.index.syntax import walk
from asyncify.model import Refusal
from asyncify.rules.base import Claim, Finding, function_node
from asyncify.rules.blocking import loop_runs
from asyncify.rules.facts import Facts

_NAMES_FUNCTION = re.compile(r"%\(funcName\)|\{funcName[}!:]")
_LOGGING = "debug info warning warn error exception critical fatal log".split()


def module_pins(facts: Facts, programs: frozenset[str], findings: Sequence[Finding]) -> Iterator[tuple[str, Refusal]]:
    """Module bodies that must stay as they are: imported ones, and those that cannot become a function's body."""
    claims = [finding for finding in findings if isinstance(finding, Claim)]
    beside = any(claim.detached for claim in claims)
    enclosing = {claim.within for claim in claims if claim.encloses}
    runs: dict[str, list[CallSite]] = {}
    for call in loop_runs(facts):
        runs.setdefault(call.within, []).append(call)
    for info in facts.project.functions.values():
        if info.kind is Kind.MODULE and not info.is_async and info.path in facts.project.files:
            if info.path not in programs and not has_guard(facts, info.path):
                yield function_node(info.name), refusal(IMPORT_TIME, info.span)
            elif not can_wrap(facts, info.path):
                text = "An annotated name at module level keeps this code out of a function."
                yield function_node(info.name), refusal(IMPORT_TIME, info.span, text)
            elif _logs_name_functions(facts) and _logs(facts, info):
                text = "Log lines name the function they come from, and this code would be in one."
                yield function_node(info.name), refusal(IMPORT_TIME, info.span, text)
            elif info.name in runs and (beside or info.name in enclosing):
                text = (
                    "The program runs an event loop itself beside this code, which cannot become a coroutine around it."
                )
                yield function_node(info.name), refusal(STARTS_LOOP, runs[info.name][0].span, text)
            else:
                # What was run in place because no await may stand there is in the same place afterwards.
                nodes = [node for call in runs.get(info.name, ()) if (node := facts.node(call.span, ast.Call))]
                kept = (await_place(facts, info.path, node).refusal for node in nodes)
                yield from ((function_node(info.name), found) for found in kept if found is not None)


def _logs(facts: Facts, info: FunctionInfo) -> bool:
    """Whether the body of the module writes to a log, where it may go into a function."""
    calls = facts.calls_of([f"{owner}.{name}" for owner in ("logging", "logging.Logger") for name in _LOGGING])
    own = [call.node for call in calls if call.within == info.name]
    return any(not has_guard(facts, info.path) or in_main_guard(facts, info.path, node) for node in own)


def _logs_name_functions(facts: Facts) -> bool:
    """Whether a format of log lines asks for the name of the function."""
    return any(
        isinstance(node.value, str) and _NAMES_FUNCTION.search(node.value)
        for path in facts.project.files
        if not facts.in_test(path) and facts.spells(path, frozenset(["funcName"]))
        for node in facts.nodes(path, ast.Constant)
    )


def has_guard(facts: Facts, path: str) -> bool:
    """Whether some of the file's own code runs only where it is the program."""
    return any(isinstance(s, ast.If) and is_main_guard(s) for s in facts.file(path).tree.body)


def can_wrap(facts: Facts, path: str) -> bool:
    """Whether top-level statements of the file could become the body of a function without a change of meaning."""
    todo: list[ast.AST] = list(facts.file(path).tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.stmt) and _looks_at_names(node):
            return False
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            return False
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*" and in_main_guard(facts, path, node):
            return False
        if isinstance(node, ast.stmt) and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            todo += [child for child in ast.iter_child_nodes(node) if isinstance(child, (ast.stmt, ast.ExceptHandler))]
    return True


def _looks_at_names(statement: ast.stmt) -> bool:
    """Whether the statement asks for the table of names, or runs text that may: a function has another one.

    In a function, `locals()` and its like give the function's own table, before and after.
    """
    function = isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef))
    looking = ("exec", "eval", "globals") if function else ("exec", "eval", "vars", "locals", "globals", "dir")
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in looking
        for node in walk(statement)
    )
