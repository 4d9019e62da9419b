"""What stays as it is where a node that holds must not: objects, and what threads run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from asyncify.graph import Implications
from asyncify.model import Reason, Refusal
from asyncify.rules.base import Jobs


def given_up_by(
    graph: Implications,
    holds: Mapping[str, Reason],
    conflicts: Collection[str],
    preferred: Collection[tuple[str, str]],
) -> set[str]:
    """Objects that would only move because that is nicer, and from which a conflict follows.

    ``preferred`` are the implications (premise, conclusion) that lead to such objects.
    """
    for node in conflicts:
        causes = graph.causes(node, Reason(""))
        found = {conclusion for premise, conclusion in preferred if premise in holds and conclusion in causes}
        if found:
            return found
    return set()


def kept_jobs(
    graph: Implications, holds: Mapping[str, Reason], conflicts: Mapping[str, Refusal], jobs: Collection[Jobs]
) -> Iterator[tuple[str, Refusal]]:
    """What is run by threads that cannot become tasks: it stays synchronous, for the reason that keeps the thread.

    ``conflicts`` are the nodes that must not hold, with what to say of each.
    """
    for node, pin in conflicts.items():
        causes = graph.causes(node, pin.reason or Reason(pin.message, pin.span))
        for item in jobs:
            for job in item.jobs if item.may_stay and item.node in causes else ():
                if job in holds and job.startswith("function:"):
                    yield job, Refusal(pin.code, pin.span, pin.message, pin.remedy, causes[item.node])
