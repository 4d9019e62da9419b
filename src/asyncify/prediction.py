"""What moving a group would save, told before anything is run: a small model, and the costs that it rests on.

The peak memory of a program that waits for many requests at a time is a floor, which its imports need, and a part for each request in
flight. A migration raises the floor (aiohttp is larger than requests) and lowers the part. CPU time is the same: imports once, then
each request. So whether it pays depends on how many requests are in flight and how many there are; the first number is often in
the code (`max_workers`), the second one never.

:data:`COSTS` are the least and the largest values that `benchmarks/calibrate.py` measured over five programs (CPython 3.11, Linux on two cores of an AMD EPYC,
requests 2.34, aiohttp 3.14), widened for programs unlike those, such as the demo with its larger pages: native 6.2 – 7.9 MiB more, 32 – 45 KiB less for each in flight, 0.10 – 0.32 of
the CPU; compat 12.5 – 13.8 MiB, 18 – 25 KiB, 1.00 – 1.43. The programs measured there do next to nothing with an answer; what a program does
with it is the same after as before, so the largest ratios leave room for as much work of its own. Memory hardly depends on the machine. CPU is
given as ratios, and as numbers of requests, since milliseconds would.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from asyncify.model import AddImport, Group, Plan, Verdict

KIB_PER_MIB = 1024


class Profile(StrEnum):
    """What stands for requests in a group."""

    NATIVE = "native"
    COMPAT = "compat"


@dataclass(frozen=True, slots=True)
class Range:
    """From the least to the largest likely value."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Costs:
    """What changes when threads with requests become tasks with one of the profiles.

    ``floor`` is the memory that the imports take more, in MiB. ``each`` is the memory that a request in flight takes less,
    in KiB. ``request`` is the CPU time of a request, as a ratio after / before. ``imports`` is the CPU time that the
    imports take more, as a number of requests before that take as long.
    """

    floor: Range
    each: Range
    request: Range
    imports: Range


COSTS: Mapping[Profile, Costs] = {
    Profile.NATIVE: Costs(floor=Range(5.5, 8.5), each=Range(28, 60), request=Range(0.1, 0.7), imports=Range(30, 200)),
    Profile.COMPAT: Costs(
        floor=Range(11.5, 14.5), each=Range(15, 38), request=Range(0.75, 1.5), imports=Range(60, 350)
    ),
}
BESIDE_REQUESTS = COSTS[Profile.COMPAT].floor
"""The floor of a native group in a project that goes on to import requests for something else."""


FULL = 0.5
"""The share of a pool that has requests in flight at the peak, at least: answers may come faster than one process can ask."""


class Gain(StrEnum):
    """Whether the move pays, as far as can be told."""

    MEMORY = "memory"  # and CPU, if the profile saves it
    CPU = "cpu"  # only that
    OPEN = "open"  # it depends on a number that is not in the code, or the range reaches over zero
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is expected of one group.

    ``in_flight`` is how many requests at a time its pools allow (None: not in the code), ``memory`` the MiB that the peak falls by
    there, less than nothing where it rises. ``cpu`` is the share of the CPU time of each request that is saved,
    beyond the imports, which ``even_after`` requests pay for (None: they never do). Memory breaks even at
    ``even_at`` in flight, since the imports take ``floor`` MiB more and each request in flight ``each`` KiB less.
    """

    profile: Profile
    in_flight: Range | None
    memory: Range | None
    cpu: Range
    floor: Range
    each: Range
    even_at: Range
    even_after: Range | None

    @property
    def gain(self) -> Gain:
        """What is to be gained."""
        if self.memory is not None and self.memory.low > 0:
            return Gain.MEMORY
        if self.memory is None or self.memory.high > 0:
            return Gain.OPEN
        return Gain.CPU if self.even_after is not None else Gain.NOTHING


def predictions(plan: Plan) -> dict[str, Prediction]:
    """By the id of the group; groups that move no requests have none."""
    found = {group.id: profile_of(group) for group in plan.groups}
    left = any(site.rule == "requests" and site.verdict in (Verdict.REFUSE, Verdict.KEEP) for site in plan.sites)
    stays = left or Profile.COMPAT in found.values()
    return {
        group.id: predict(profile, in_flight(group), beside_requests=stays)
        for group in plan.groups
        if (profile := found[group.id]) is not None
    }


def profile_of(group: Group) -> Profile | None:
    """By the module that the group adds; None where it moves no requests."""
    modules = {edit.module for edit in group.edits if isinstance(edit, AddImport)}
    if "aio_requests" in modules:
        return Profile.COMPAT
    return Profile.NATIVE if "aio_http" in modules else None


def in_flight(group: Group) -> Range | None:
    """How many requests at a time the pools of a group allow; one where it has none, None where a number is unknown.

    Of several pools the largest works for certain, and all of them may at the same time.
    """
    workers = [bound.workers for bound in group.bounds]
    known = [number for number in workers if number is not None]
    if len(known) < len(workers):
        return None
    return Range(max(known, default=1), sum(known) or 1)


def predict(profile: Profile, at_once: Range | None, *, beside_requests: bool = False) -> Prediction:
    """What a profile does with so many requests in flight."""
    costs = COSTS[profile]
    floor = BESIDE_REQUESTS if beside_requests else costs.floor
    memory = None
    if at_once is not None:
        # A single request has no thread of a pool, so nothing to save.
        low, high = (0.0 if number <= 1 else number / KIB_PER_MIB for number in (at_once.low, at_once.high))
        memory = Range(FULL * low * costs.each.low - floor.high, high * costs.each.high - floor.low)
    saved = Range(1 - costs.request.high, 1 - costs.request.low)
    even_after = None
    if saved.low > 0:
        even_after = Range(costs.imports.low / saved.high, costs.imports.high / saved.low)
    even_at = Range(floor.low * KIB_PER_MIB / costs.each.high, floor.high * KIB_PER_MIB / costs.each.low)
    return Prediction(profile, at_once, memory, saved, floor, costs.each, even_at, even_after)
