"""FastAPI runs endpoints and dependencies of either colour: synchronous ones in threads, coroutines on its event loop.

## What it rewrites

- Endpoints (`@app.get(...)`, `@router.post(...)`, `add_api_route`), dependencies (`Depends(f)`, also in `Annotated`), exception handlers and
  background tasks that ask by requests become `async def`: no thread is taken while they wait. The verdict is `review`, because FastAPI runs
  at most 40 synchronous endpoints at once, and any number of coroutines.
- Handlers of `on_event("startup")`.

## What it refuses

- Functions which may wait in a way that asyncify does not see: in libraries it does not know (databases, files, templates), with locks. In
  their threads they stop nobody, on the event loop they would stop everybody. They stay, and run what they call to its end.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import FunctionInfo, FunctionUse, Kind, Sink
from asyncify.model import Reason, Refusal, Verdict
from asyncify.rules.base import Block, Claim, Finding, Handles, RefusalCode, Role, Rule, function_node
from asyncify.rules.facts import Facts
from asyncify.rules.unseen_waits import UnseenWaits

ID = "fastapi"
_APPLICATIONS = ("fastapi.FastAPI", "fastapi.APIRouter")
_REGISTERING = "fastapi._Registering"
_VERBS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "api_route")
_ON_LOOP = frozenset(f"{cls}.{name}" for cls in _APPLICATIONS for name in ("on_event", "add_event_handler"))
# What takes a function as an argument.
_TAKING = frozenset(
    ["fastapi.Depends", "fastapi.Security", "fastapi.BackgroundTasks.add_task", "fastapi.FastAPI.add_exception_handler"]
) | {f"{cls}.{name}" for cls in _APPLICATIONS for name in ("add_api_route", "add_event_handler")}
_THREADS = 40

WAITS_UNSEEN = RefusalCode(
    "waits-unseen",
    "The function runs in a thread, and it may wait in a way that asyncify does not see.",
    "Move what waits by requests into a function of its own, or make this one asynchronous by hand.",
)


def match(facts: Facts) -> Iterator[Finding]:
    """What becomes of the functions that FastAPI calls."""
    unseen: UnseenWaits | None = None
    for use in facts.project.uses:
        places = _taken_by(facts, use)
        info = facts.project.functions[use.function]
        if not places or info.is_async or info.kind is not Kind.FUNCTION:
            continue
        if unseen is None:
            unseen = UnseenWaits(facts)
        found = unseen.below(info.name) if not places <= _ON_LOOP else None
        yield Handles(use.span)
        if found is None:
            if not places <= _ON_LOOP:
                yield _review(use, info)
        else:
            text = f"FastAPI runs {info.name.rpartition('.')[2]}() in a thread, and what it calls at {found} may wait."
            reason = Reason(text, found)
            yield Block(
                function_node(info.name), Refusal(WAITS_UNSEEN.code, found, text, WAITS_UNSEEN.remedy, reason), ID
            )


def _taken_by(facts: Facts, use: FunctionUse) -> frozenset[str]:
    """The canonical names of what takes the function to call it later, if that is FastAPI alone."""
    if use.sink is Sink.ARGUMENT and use.call is not None:
        call = facts.project.call_at(use.call)
        if call is not None and call.externals <= _TAKING and not call.targets and call.unresolved is None:
            return call.externals
        return frozenset()
    if use.sink is not Sink.DECORATED or use.external != f"{_REGISTERING}.__call__":
        return frozenset()
    decorator = facts.node(use.span, ast.Call)
    made = facts.project.call_at(facts.span(use.span.path, decorator)) if decorator is not None else None
    return made.externals if made is not None else frozenset()


def _review(use: FunctionUse, info: FunctionInfo) -> Claim:
    last = info.name.rpartition(".")[2]
    return Claim(
        ID,
        use.span,
        use.within,
        Role.PART,
        Verdict.REVIEW,
        f"FastAPI awaits {last}()",
        {"": ()},
        needs_async=False,
        follows=(function_node(info.name),),
        condition=f"more than {_THREADS} calls of it may wait at once, as coroutines are not limited by the number of threads",
        variant="taken",
    )


def _registering(returns: str) -> dict[str, Signature]:
    names = (*_VERBS, "websocket", "on_event", "exception_handler")
    return {f"{cls}.{name}": Signature(returns) for cls in _APPLICATIONS for name in names}


RULE = Rule(
    id=ID,
    title="Endpoints and dependencies of FastAPI",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={
            **{cls: Signature(cls) for cls in _APPLICATIONS},
            **_registering(_REGISTERING),
            f"{_REGISTERING}.__call__": Signature("arg0"),
            "fastapi.Depends": Signature("provided0"),
            "fastapi.Security": Signature("provided0"),
            **{name: Signature(None) for name in _TAKING - {"fastapi.Depends", "fastapi.Security"}},
        },
        aliases={
            "fastapi.applications.FastAPI": "fastapi.FastAPI",
            "fastapi.routing.APIRouter": "fastapi.APIRouter",
            "fastapi.param_functions.Depends": "fastapi.Depends",
            "fastapi.param_functions.Security": "fastapi.Security",
            "fastapi.background.BackgroundTasks": "fastapi.BackgroundTasks",
            "starlette.background.BackgroundTasks": "fastapi.BackgroundTasks",
        },
    ),
    starts={},
    match=match,
    refusals=(WAITS_UNSEEN,),
)
