"""Calls that may not return for long: threads that became tasks would not run beside them."""

from __future__ import annotations

import ast
from collections import defaultdict

from asyncify.index.project import CallSite
from asyncify.model import Reason, Refusal, Span
from asyncify.rules.base import RefusalCode
from asyncify.rules.blocking import ONE_SHOT
from asyncify.rules.objects import Family

BLOCKS_BESIDE = RefusalCode(
    "blocks-beside",
    "A call here may not return for long; threads that became tasks would not run meanwhile.",
    "Run the thread's work and that call in separate programs, or make that call in a thread.",
)
# Last names of calls that wait for the outside world, for good or for long: servers, user interfaces, consumers.
_FOREVER = frozenset(
    "run run_forever run_app run_polling serve serve_forever mainloop main_loop polling infinity_polling start_polling idle pause "
    "exec exec_ start_consuming loop_forever handle_request handle_requests accept recv recvfrom readline readlines interact "
    "cmdloop prompt confirm run_console execute_from_command_line".split()
)


def blocks_beside(family: Family) -> None:
    """Threads stay that run beside a call which may not return for long, in code that is not seen."""
    facts = family.facts
    project = facts.project
    started: dict[str, set[str]] = defaultdict(set)  # functions that start threads, themselves or through others
    for kind in family.kinds:
        for call in facts.calls_by_external.get(f"{kind}.start", ()):
            for node in family.receivers(call, "start"):
                started[call.within].add(node)
    todo = list(started)
    while todo:
        function = todo.pop()
        for call in project.callers(function):
            if not started[function] <= started[call.within]:
                started[call.within] |= started[function]
                todo.append(call.within)
    if not started:
        return
    calls: dict[str, list[CallSite]] = defaultdict(list)
    for call in project.calls:
        calls[call.within].append(call)
    todo = list(started)
    while todo:  # what these functions call runs beside the threads as well
        function = todo.pop()
        for call in calls[function]:
            if _may_block(family, call):
                family.keep(started[function], _beside(call.span))
            for target in call.targets:
                if not started[function] <= started[target]:
                    started[target] |= started[function]
                    todo.append(target)

    for path, read, _ in facts.references(frozenset(["sys.stdin"])):
        parent = facts.parent(path, read)
        if isinstance(parent, (ast.For, ast.comprehension)):
            family.keep(started.get(facts.enclosing(path, read), ()), _beside(facts.span(path, read)))


def _beside(span: Span) -> Refusal:
    reason = Reason(BLOCKS_BESIDE.title, span)
    return Refusal(BLOCKS_BESIDE.code, span, BLOCKS_BESIDE.title, BLOCKS_BESIDE.remedy, reason)


def _may_block(family: Family, call: CallSite) -> bool:
    facts = family.facts
    func = facts.node(call.func, ast.expr)
    name = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
    if name not in _FOREVER or call.targets:
        return False
    known = ONE_SHOT | {f"{kind}.run" for kind in family.kinds}
    if call.externals and call.externals <= known:
        return False
    files = all(each.startswith(("builtins.", "io.")) for each in call.externals)
    return not (call.externals and files and "stdin" not in facts.text(call.span.path, func or ast.Pass()))
