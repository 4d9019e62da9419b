"""Event loops that a program makes and runs by hand: `loop = asyncio.new_event_loop()`, `loop.run_until_complete(main())`, `loop.close()`.

## What it rewrites

- `loop.close()` becomes `aio_support.close_loop(loop)` where what runs on the loop becomes asynchronous. `asyncio.run` closes the connections that belong to
  its loop and waits for the jobs of its executor; `loop.close()` does neither. Jobs that have not ended then go on to the end of the program, as threads do.
- Where nobody closes the loop, it is closed at the end of the program: `loop = aio_support.own_loop(asyncio.get_event_loop())`.

Programs with asynchronous generators of their own are left as they are: closing a loop in that way would end those as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import CallSite
from asyncify.index.values import Instance
from asyncify.model import Edit, Reason, ReplaceExpr, Verdict
from asyncify.rules.base import Claim, Finding, Role, Rule, function_node, site_node
from asyncify.rules.facts import Facts
from asyncify.rules.support import import_of

ID = "own_loops"
LOOP = "asyncio.AbstractEventLoop"
_RUN = f"{LOOP}.run_until_complete"
_CLOSE = f"{LOOP}.close"
_POLICY = "asyncio.AbstractEventLoopPolicy"
_MAKING = tuple(
    f"{of}.{name}" for of in ("asyncio", _POLICY, "uvloop") for name in ("new_event_loop", "get_event_loop")
)
_ENDING = ("run_forever", "shutdown_default_executor", "run_coroutine_threadsafe")
"""What runs or ends a loop otherwise: by the last names of the callees."""


def ends_as_ever(facts: Facts) -> bool:
    """Whether every event loop here ends as `asyncio.run` ends its own: that does, or the edits of this rule."""
    runs = facts.calls_named(("run_until_complete",))
    if any(call.externals != {_RUN} or call.targets or call.unresolved or not _made(facts, call) for call in runs):
        return False
    return not facts.calls_named(_ENDING) and (not runs or not _has_generators(facts))


def match(facts: Facts) -> Iterator[Finding]:
    """Where loops that run coroutines are closed, and where those are made that nobody closes."""
    runs = facts.calls_of((_RUN,))
    if not runs or _has_generators(facts):
        return
    nodes = _on_loops(facts)
    if not nodes:
        return
    closed = {value for call in facts.calls_of((_CLOSE,)) for value in _made(facts, call)}
    for call in facts.calls_of((_CLOSE,)):
        func = call.node.func
        if call.externals == {_CLOSE} and not call.targets and not call.node.args and isinstance(func, ast.Attribute):
            text = "the event loop is closed, with the connections that belong to it"
            holes = {"loop": facts.span(call.span.path, func.value)}
            yield _claim(
                facts,
                call,
                text,
                ReplaceExpr(call.span, "aio_support.close_loop({loop})", _why(call, text), holes),
                nodes,
            )
    left = {value.site for call in runs for value in _made(facts, call) if value not in closed}
    for call in facts.calls_of(_MAKING):
        if call.span in left:
            text = "nobody closes the event loop, to which connections belong"
            edit = ReplaceExpr(call.span, "aio_support.own_loop({loop})", _why(call, text), {"loop": call.span})
            yield _claim(facts, call, text, edit, nodes)


def _made(facts: Facts, call: CallSite) -> set[Instance]:
    """The loops that a method may be called on, if the program makes all of them."""
    found = {value for value in facts.receivers(call) if value.type == LOOP}
    made = (facts.project.call_at(value.site) if value.site is not None else None for value in found)
    return found if all(each is not None and each.externals <= set(_MAKING) for each in made) else set()


def _has_generators(facts: Facts) -> bool:
    """Whether asynchronous generators are the program's own, which its loops leave alone when they are closed."""
    return any(info.is_async and info.is_generator for info in facts.project.functions.values())


def _on_loops(facts: Facts) -> tuple[str, ...]:
    """The nodes of all that coroutines run and that may become asynchronous."""
    reached = facts.reached(name for name, info in facts.project.functions.items() if info.is_async)
    nodes = {function_node(name) for name in reached if not facts.project.functions[name].is_async}
    for call in facts.project.calls:
        if call.within in reached and any(not name.startswith(("asyncio.", "builtins.")) for name in call.externals):
            nodes.add(site_node(call.span))
    return tuple(sorted(nodes))


def _why(call: CallSite, text: str) -> Reason:
    return Reason(text, call.span)


def _claim(facts: Facts, call: CallSite, text: str, edit: Edit, nodes: tuple[str, ...]) -> Claim:
    imported = import_of(facts.file(call.span.path).source, "aio_support", call.span, edit.reason)
    return Claim(
        ID,
        call.span,
        call.within,
        Role.PART,
        Verdict.EXACT,
        text,
        {"": (edit, imported)},
        needs_async=False,
        follows=nodes,
    )


RULE = Rule(
    id=ID,
    title="Event loops that a program runs by hand",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={name: Signature(LOOP) for name in _MAKING} | {"asyncio.get_event_loop_policy": Signature(_POLICY)}
    ),
    starts={},
    match=match,
)
