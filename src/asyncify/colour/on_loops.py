"""Functions that would run coroutines to their end below the project's own coroutine functions, where a loop runs already."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from asyncify.colour.awaited import is_another
from asyncify.colour.split import callers_of
from asyncify.index.project import CallSite, ImplicitCall
from asyncify.model import Span
from asyncify.rules.base import RefusalCode
from asyncify.rules.facts import Facts

ON_A_LOOP = RefusalCode(
    "on-a-loop",
    "A coroutine function calls this without await, where no other event loop can run and no thread can stand in.",
    "Await the call there, or give it to asyncio.to_thread().",
)


def met_on_loops(
    facts: Facts, functions: Collection[str], asynchronous: Collection[str], apart: Mapping[Span, object]
) -> Iterator[tuple[str, CallSite | ImplicitCall]]:
    """Where coroutine functions that the project has already come to one of these functions, with the one that they come to.

    ``asynchronous`` are the functions whose calls of others are seen to otherwise, ``apart`` the places that go through threads.
    """
    runs = callers_of(facts)
    for name in sorted(functions):
        seen = {name}
        todo = [name]
        while todo:
            target = facts.project.functions.get(todo.pop())
            for run in runs.get(target.name, ()) if target is not None and not target.is_async else ():
                caller = facts.project.functions.get(run.within)
                if caller is None or run.span in apart:
                    continue
                if isinstance(run, CallSite) and target is not None and is_another(facts, run, target):
                    continue
                if caller.is_async:
                    yield name, run
                elif run.within not in seen and run.within not in asynchronous:
                    seen.add(run.within)
                    todo.append(run.within)
