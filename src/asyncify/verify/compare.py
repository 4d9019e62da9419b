"""Lay versions of a program side by side: run them in turn, several times, each in a fresh copy of its folder.

All runs use one and the same working path, so that no version can be told by it, and each starts from the same
files, home and temporary folder. Versions alternate (A B A B …): what the machine does meanwhile hits all of them.
Warm-up runs fill the caches (the program's compiled modules too) and are not measured; they are watched for what blocks
the event loop (:mod:`asyncify.verify.blockages`).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from asyncify.errors import UsageError
from asyncify.verify.behaviour import HEADERS, Observation, Pattern, compare_behaviour, digests, observe
from asyncify.verify.blockages import Blockage, blockages, watching
from asyncify.verify.floor import floor_command
from asyncify.verify.measure import Run, measure
from asyncify.verify.outcomes import asking, outcomes, runs_pytest
from asyncify.verify.result import Comparison, Floor, Gate, Measured, Metric, VerifyResult, ratio
from asyncify.verify.server import RecordingServer
from asyncify.verify.services import Load, Served, figures, serve
from asyncify.verify.sources import Source, folder_of, lay_out

LIGHT = 0.04  # more CPU than this share of the program's is too much for sampling it
FLOOR_RUNS = 3  # never more than measured runs

Progress = Callable[[str, int, int], None]
"""Called before each run with what is run, how many runs are done and how many there are."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One version of a program and how to run it.

    ``env`` is added to the clean environment. ``runs`` overrides the number of measured runs (for one that is
    slow). ``warmup`` likewise.
    """

    source: Source
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    runs: int | None = None
    warmup: int | None = None


def compare(
    variants: Mapping[str, Variant],
    *,
    runs: int = 3,
    warmup: int = 1,
    floors: int = FLOOR_RUNS,
    timeout: float = 300.0,
    server: RecordingServer | None = None,
    load: Load | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Measure any number of variants side by side.

    `floors` is how often, at most, a run only imports what the variant imports; with 0 no floor is told.
    `timeout` in seconds is for each run. With `server`, which the commands have to be told of, each run's requests
    are recorded. With `load` the variants are services, which are put under it and ended.

    Raises:
        UsageError: nothing to run, a command that cannot be started, no such folder or revision.
        InputError: a version's files cannot be copied.
    """
    counts = {name: (_given(each.warmup, warmup), _given(each.runs, runs)) for name, each in variants.items()}
    if not variants or any(not each.command for each in variants.values()):
        raise UsageError("nothing to run")
    if any(measured < 1 or warm < 0 for warm, measured in counts.values()):
        raise UsageError("at least one run, please")
    imports = min(floors, runs)
    total = sum(warm + measured + imports for warm, measured in counts.values())
    found: dict[str, list[tuple[Run, Observation]]] = {name: [] for name in variants}
    floor_runs: dict[str, list[Run]] = {name: [] for name in variants}
    done = 0

    def report(name: str) -> None:
        nonlocal done
        if progress:
            progress(name, done, total)
        done += 1

    with _bench(variants, timeout, server, load) as bench:
        for round_number in range(max(warm + measured for warm, measured in counts.values())):
            for name, (warm, measured) in counts.items():
                if round_number < warm + measured:
                    report(name)
                    if round_number < warm:
                        bench.warm_up(name)
                    else:
                        found[name].append(bench.run(name))
        for _ in range(imports):
            for name in variants:
                report(f"{name}: imports only")
                floor_runs[name] += bench.floor(name)
        blocked = {name: bench.blockages(name) if warm else None for name, (warm, _) in counts.items()}
    return Comparison(
        tuple(
            Measured(
                name,
                variant.command,
                tuple(run for run, _ in found[name]),
                tuple(seen for _, seen in found[name]),
                _floor(floor_runs[name]),
                blocked[name],
                figures(bench.served[name]) if load else None,
                bench.bounds.get(name),
            )
            for name, variant in variants.items()
        )
    )


def run_once(variant: Variant, *, timeout: float = 300.0, server: RecordingServer | None = None) -> Run:
    """Run one variant once, in a scratch copy: to record what it asks, say.

    Raises:
        UsageError, InputError: as :func:`compare`.
    """
    with _bench({"once": variant}, timeout, server) as bench:
        return bench.run("once")[0]


def verify(
    before: Source,
    after: Source,
    command: Sequence[str],
    *,
    runs: int = 3,
    warmup: int = 1,
    timeout: float = 300.0,
    env: Mapping[str, str] | None = None,
    server: RecordingServer | None = None,
    load: Load | None = None,
    headers: Sequence[str] = HEADERS,
    patterns: Sequence[Pattern] = (),
    require_memory_saving: float | None = None,
    require_cpu_saving: float | None = None,
    max_slowdown: float | None = None,
    progress: Progress | None = None,
    notes: Sequence[str] = (),
) -> VerifyResult:
    """Run `command` in both versions and compare what they do and what they cost.

    Savings are fractions: 0.2 demands that the median falls by at least 20 %. `max_slowdown` is a factor on wall
    time: 1.1 allows 10 % more. `headers` and `patterns` are those of
    :func:`~asyncify.verify.behaviour.compare_behaviour`. `notes` come before those of the measurement.

    Raises:
        UsageError, InputError: as :func:`compare`.
    """
    variants = {
        name: Variant(source, tuple(command), env or {}) for name, source in (("before", before), ("after", after))
    }
    comparison = compare(
        variants, runs=runs, warmup=warmup, timeout=timeout, server=server, load=load, progress=progress
    )
    return judge(
        comparison["before"],
        comparison["after"],
        headers=headers,
        patterns=patterns,
        require_memory_saving=require_memory_saving,
        require_cpu_saving=require_cpu_saving,
        max_slowdown=max_slowdown,
        notes=notes,
    )


def judge(
    first: Measured,
    second: Measured,
    *,
    headers: Sequence[str] = HEADERS,
    patterns: Sequence[Pattern] = (),
    require_memory_saving: float | None = None,
    require_cpu_saving: float | None = None,
    max_slowdown: float | None = None,
    notes: Sequence[str] = (),
) -> VerifyResult:
    """The verdict on two variants that were measured: `first` before, `second` after. Arguments as for :func:`verify`."""
    blocked = None
    if first.blockages is not None and second.blockages is not None:
        blocked = first.blockages, second.blockages
    behaviour = compare_behaviour(
        first.observations,
        second.observations,
        headers=headers,
        patterns=patterns,
        blocked=blocked,
        bounds=(first.bound, second.bound) if first.bound and second.bound else None,
    )
    ratios = tuple(ratio(metric, first, second) for metric in Metric)
    values = {each.metric: each.value for each in ratios}
    gates = [
        Gate(name, metric, limit, values[metric])
        for name, metric, limit in (
            ("require-memory-saving", Metric.MEMORY, _remaining(require_memory_saving)),
            ("require-cpu-saving", Metric.CPU, _remaining(require_cpu_saving)),
            ("max-slowdown", Metric.WALL, max_slowdown),
        )
        if limit is not None
    ]
    return VerifyResult(first, second, behaviour, ratios, tuple(gates), (*notes, *_notes(first, second)))


def _floor(runs: Sequence[Run]) -> Floor | None:
    if not runs:
        return None
    return Floor(int(median(run.settled for run in runs)), median(run.cpu for run in runs))


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def _remaining(saving: float | None) -> float | None:
    return None if saving is None else 1.0 - saving


def _notes(before: Measured, after: Measured) -> tuple[str, ...]:
    """What the reader should know before trusting the figures."""
    notes = []
    for measured in (before, after):
        codes = {run.exit_code for run in measured.runs}
        if None in codes:
            notes.append(f"A run of {measured.name} took too long and was ended.")
        elif codes != {0}:
            ended = ", ".join(map(str, sorted(code for code in codes if code is not None)))
            notes.append(f"Runs of {measured.name} ended with exit code {ended}.")
        if left := max(run.left_behind for run in measured.runs):
            notes.append(f"{measured.name.capitalize()} left {left} processes running; they were ended.")
        if (share := measured.sampling) > LIGHT and measured.median(Metric.CPU) > 0.1:
            notes.append(f"Sampling used {share:.0%} of the CPU time of {measured.name}, which is more than it should.")
    if before.blockages is None or after.blockages is None:
        notes.append("Without a run to warm up, nobody looked for what blocks the event loop.")
    if len(before.runs) < 3:
        notes.append("With fewer than three runs the intervals say little.")
    return tuple(notes)


@contextmanager
def _bench(
    variants: Mapping[str, Variant], timeout: float, server: RecordingServer | None, load: Load | None = None
) -> Iterator[_Bench]:
    with tempfile.TemporaryDirectory(prefix="asyncify-verify-", ignore_cleanup_errors=True) as scratch:
        bench = _Bench(Path(scratch).resolve(), variants, timeout, server, load)
        yield bench


class _Bench:
    """A scratch folder in which one run at a time has the same working path.

    ``base/<n>`` holds each version as laid out, ``work`` is the copy of the run, ``run`` its home, temporary
    folder and output. What a run compiled of the program goes back to its base: the next run need not compile
    it again, and never meets what another version compiled.
    """

    def __init__(
        self,
        scratch: Path,
        variants: Mapping[str, Variant],
        timeout: float,
        server: RecordingServer | None,
        load: Load | None,
    ) -> None:
        self.variants = variants
        self.served: dict[str, list[Served]] = {name: [] for name in variants}
        self.bounds: dict[str, int] = {}
        self._load = load
        self._numbers = {name: str(number) for number, name in enumerate(variants)}
        self._base = scratch / "base"
        self._work = scratch / "work"
        self._run = scratch / "run"
        self._timeout = timeout
        self._server = server
        for name, variant in variants.items():
            lay_out(variant.source, self._base / self._numbers[name])

    def run(self, name: str) -> tuple[Run, Observation]:
        """One run of a variant in a fresh copy."""
        with self._fresh(name):
            earlier = digests(self._work)
            if self._server:
                self._server.reset()
            report = self._run / "tests.xml"
            asked = runs_pytest(self.command(name))
            run, served = self._program(name, asking(report, self._given(name, "PYTEST_ADDOPTS")) if asked else {})
            traffic = self._server.traffic() if self._server else None
            seen = observe(run, self._work, earlier, traffic)
            if served:
                self.served[name].append(served)
                seen = replace(seen, replies=served.replies, failures=served.errors)
            return run, replace(seen, tests=outcomes(report)) if asked else seen

    def warm_up(self, name: str) -> None:
        """One run that is not measured, but watched for what blocks its event loop and how much it asks at a time."""
        with self._fresh(name):
            pressed = False
            if self._server:
                self._server.reset()
                pressed = self._server.press()
            self._program(name, watching(self._watched(name), self._given(name, "PYTHONPATH")))
            if self._server and pressed:
                self.bounds[name] = max(self.bounds.get(name, 0), self._server.traffic().most_in_flight)

    def _program(self, name: str, extra: Mapping[str, str]) -> tuple[Run, Served | None]:
        """Run the command of a variant; a service under its load."""
        if self._load is None:
            return self._measure(name, self.command(name), extra), None
        enter = self._server.enter if self._server else None
        return serve(self.command(name), self._load, self._run, lambda words: self._measure(name, words, extra), enter)

    def _given(self, name: str, variable: str) -> str:
        """What a variable of the environment would be without us."""
        return {**self.variants[name].env, **(self._server.environment if self._server else {})}.get(variable, "")

    def blockages(self, name: str) -> tuple[Blockage, ...]:
        """What blocked the event loop of a variant while it was watched."""
        return blockages(self._watched(name), self._work)

    def _watched(self, name: str) -> Path:
        return self._base.with_name("watched") / self._numbers[name]

    def floor(self, name: str) -> list[Run]:
        """One run that only imports what a variant imports, or none where that cannot be told."""
        with self._fresh(name):
            command = floor_command(self._work, self.command(name))
            run = self._measure(name, command) if command else None
            return [run] if run and run.exit_code == 0 and run.samples else []

    def command(self, name: str) -> tuple[str, ...]:
        """The command; a program in a folder that is not copied (``.venv/bin/python``) is taken where it is."""
        variant = self.variants[name]
        program, *arguments = variant.command
        original = folder_of(variant.source) / program
        copied = self._base / self._numbers[name] / program
        if len(Path(program).parts) > 1 and original.is_file() and not copied.exists():
            program = str(original.absolute())  # not resolved: an environment's python is a link
        return (program, *arguments)

    def _measure(self, name: str, command: Sequence[str], extra: Mapping[str, str] | None = None) -> Run:
        server, env = self._server, self.variants[name].env
        env = {**env, **(server.environment if server else {}), **(extra or {})}
        enter = server.enter if server else None
        return measure(command, self._work, self._run, env=env, timeout=self._timeout, enter=enter)

    @contextmanager
    def _fresh(self, name: str) -> Iterator[None]:
        base = self._base / self._numbers[name]
        for folder in (self._work, self._run / "home", self._run / "tmp"):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(base, self._work, symlinks=True)
        yield
        for compiled in self._work.rglob("__pycache__"):
            target = base / compiled.relative_to(self._work)
            if target.parent.is_dir() and not target.exists():
                compiled.rename(target)
