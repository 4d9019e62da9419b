"""What stays as it is where a node that holds must not: objects, and what threads run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping

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
    nicer = {conclusion for premise, conclusion in preferred if premise in holds}
    follows = graph.reached(nicer)
    node = next((node for node in conflicts if node in follows), None)
    return nicer & graph.causes(node, Reason("")).keys() if node is not None else set()


def kept_jobs(
    graph: Implications, holds: Mapping[str, Reason], conflicts: Mapping[str, Refusal], jobs: Collection[Jobs]
) -> Iterator[tuple[str, Refusal]]:
    """What is run by threads that cannot become tasks: it stays synchronous, for the reason that keeps the thread.

    ``conflicts`` are the nodes that must not hold, with what to say of each.
    """
    stay: dict[str, list[str]] = defaultdict(list)
    for item in jobs:
        if item.may_stay:
            stay[item.node] += [job for job in item.jobs if job in holds and job.startswith("function:")]
    for node, end, reason in graph.blame({node: why(pin) for node, pin in conflicts.items()}) if stay else ():
        pin = conflicts[end]
        for job in stay.get(node, ()):
            yield job, Refusal(pin.code, pin.span, pin.message, pin.remedy, reason)


def why(pin: Refusal) -> Reason:
    """The reason that a chain to a pinned node ends with."""
    return pin.reason or Reason(pin.message, pin.span)


def jobs_left(
    items: Collection[Jobs], moves: Callable[[str], bool], run_loops: Collection[str]
) -> dict[str, list[str]]:
    """By object, which of its jobs do not become asynchronous and cannot go through a thread either.

    Where none of what one call hands to a pool moves, that call may hand on a thread's work instead; not if what it
    hands on runs an event loop itself (``run_loops``).
    """
    moving = {item.node for item in items if any(moves(job) for job in item.jobs)}
    left: dict[str, set[str]] = defaultdict(set)
    for item in items:
        own = {job for job in item.jobs if not moves(job)}
        whole = item.in_thread and item.node in moving and len(own) == len(item.jobs) and own.isdisjoint(run_loops)
        if not whole:
            left[item.node] |= own
    return {node: sorted(jobs) for node, jobs in left.items()}
