"""What a verification or comparison found, as data."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

from asyncify.verify.behaviour import Behaviour, Observation
from asyncify.verify.blockages import Blockage
from asyncify.verify.measure import Run
from asyncify.verify.server import Traffic
from asyncify.verify.services import Figures

RESAMPLES = 2000
CONFIDENCE = 0.95


class Metric(StrEnum):
    """What is measured of each run: peak memory in bytes, CPU and wall time in seconds."""

    MEMORY = "memory"
    CPU = "cpu"
    WALL = "wall"

    def of(self, run: Run) -> float:
        """Its value for one run."""
        match self:
            case Metric.MEMORY:
                return run.peak
            case Metric.CPU:
                return run.cpu
            case Metric.WALL:
                return run.wall


@dataclass(frozen=True, slots=True)
class Floor:
    """What only importing a program's libraries costs (see :mod:`asyncify.verify.floor`).

    ``memory`` in bytes, ``cpu`` in seconds: medians over some runs.
    """

    memory: int
    cpu: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One variant: its measured runs (warm-up left out) and what each of them did.

    ``floor`` is the import floor in bytes (see :mod:`asyncify.verify.floor`), None where it could not be
    measured. ``blockages`` is what blocked the event loop in the runs to warm up, None where there were none. ``service`` is what the
    clients of a service saw, ``bound`` the most in flight where answers waited for more requests to come.
    """

    name: str
    command: tuple[str, ...]
    runs: tuple[Run, ...] = field(repr=False)
    observations: tuple[Observation, ...] = field(repr=False)
    floor: Floor | None = None
    blockages: tuple[Blockage, ...] | None = None
    service: Figures | None = None
    bound: int | None = None

    def median(self, metric: Metric) -> float:
        """The median of `metric` over the runs."""
        return median(metric.of(run) for run in self.runs)

    @property
    def most_in_flight(self) -> int | None:
        """The most requests in flight in any run; None without a recording server."""
        counts = [seen.traffic.most_in_flight for seen in self.observations if seen.traffic]
        return max(counts, default=None)

    @property
    def requests(self) -> int | None:
        """The number of requests of the first run; None without a recording server."""
        return next((len(seen.traffic.requests) for seen in self.observations if seen.traffic), None)

    @property
    def memory_per_request(self) -> float | None:
        """Bytes per request in flight: what the median peak lies above the floor, over the most in flight.

        Everything a run holds beyond its imports is in it, so it is an upper bound, and with few requests
        in flight mostly made of one-time costs. None where the floor or the number in flight is not known.
        """
        if self.floor is None or not self.most_in_flight:
            return None
        return max(0.0, self.median(Metric.MEMORY) - self.floor.memory) / self.most_in_flight

    @property
    def cpu_per_request(self) -> float | None:
        """Seconds of CPU per request: what the median run used above the floor, over its requests.

        All the program's own work is in it. None where the floor or the requests are not known.
        """
        if self.floor is None or not self.requests:
            return None
        return max(0.0, self.median(Metric.CPU) - self.floor.cpu) / self.requests

    @property
    def sampling(self) -> float:
        """What sampling used in all runs, as a share of the CPU time that the program used."""
        return sum(run.sampler_cpu for run in self.runs) / max(1e-9, sum(run.cpu for run in self.runs))

    @property
    def typical(self) -> Run:
        """The run whose peak memory is the median one (the lower of the middle two)."""
        ordered = sorted(self.runs, key=lambda run: run.peak)
        return ordered[(len(ordered) - 1) // 2]

    @property
    def typical_traffic(self) -> Traffic | None:
        """The requests of the typical run; None without a recording server."""
        number = next(index for index, run in enumerate(self.runs) if run is self.typical)
        return self.observations[number].traffic if number < len(self.observations) else None

    @property
    def most_sockets(self) -> int | None:
        """The most open sockets of any run; None where nobody counted them."""
        return max((run.most_sockets for run in self.runs if run.most_sockets is not None), default=None)

    def interval(self, metric: Metric) -> tuple[float, float]:
        """The bootstrap interval (95 %) of the median of `metric`; with few runs little more than their range."""
        values = [metric.of(run) for run in self.runs]
        chance = random.Random(0)  # the same runs give the same interval
        return _bounds([_resampled(values, chance) for _ in range(RESAMPLES)])


@dataclass(frozen=True, slots=True)
class Ratio:
    """After over before: the ratio of the medians with its bootstrap interval (95 %).

    With three runs the interval is little more than the range of what was seen; with one run it is a point.
    """

    metric: Metric
    before: float
    after: float
    value: float
    low: float
    high: float


def ratio(metric: Metric, before: Measured, after: Measured) -> Ratio:
    """The ratio of the medians of two variants."""
    first = [metric.of(run) for run in before.runs]
    second = [metric.of(run) for run in after.runs]
    chance = random.Random(0)  # the same runs give the same interval

    ratios = [_divide(_resampled(second, chance), _resampled(first, chance)) for _ in range(RESAMPLES)]
    a, b = median(first), median(second)
    return Ratio(metric, a, b, _divide(b, a), *_bounds(ratios))


def _resampled(values: Sequence[float], chance: random.Random) -> float:
    """The median of as many values drawn with replacement (the percentile bootstrap of Efron, 1979)."""
    return median(chance.choices(values, k=len(values)))


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """What the middle 95 % of `values` lie between."""
    ordered, tail = sorted(values), int(len(values) * (1 - CONFIDENCE) / 2)
    return ordered[tail], ordered[-tail - 1]


def _divide(a: float, b: float) -> float:
    return a / b if b else (1.0 if not a else float("inf"))


@dataclass(frozen=True, slots=True)
class Gate:
    """A demand on a ratio: it may be at most `limit`."""

    name: str  # as the option is called: "require-memory-saving" …
    metric: Metric
    limit: float
    value: float

    @property
    def met(self) -> bool:
        """Whether it is."""
        return self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Comparison:
    """Any number of variants side by side, in the order they were given."""

    variants: tuple[Measured, ...]

    def __getitem__(self, name: str) -> Measured:
        for variant in self.variants:
            if variant.name == name:
                return variant
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """Before against after: the same behaviour? at what cost? were the demands met?

    ``notes`` are things the reader should know about the measurement itself, one sentence each.
    """

    before: Measured
    after: Measured
    behaviour: Behaviour
    ratios: tuple[Ratio, ...]
    gates: tuple[Gate, ...]
    notes: tuple[str, ...] = ()

    @property
    def failed_gates(self) -> tuple[Gate, ...]:
        """The demands that were not met."""
        return tuple(gate for gate in self.gates if not gate.met)

    @property
    def ok(self) -> bool:
        """Whether behaviour is the same and every demand is met."""
        return self.behaviour.same and not self.failed_gates

    def ratio(self, metric: Metric) -> Ratio:
        """The ratio of one metric."""
        return next(each for each in self.ratios if each.metric is metric)
