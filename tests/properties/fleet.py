"""Many random programs: each is migrated, both sides are run, all laws are held against them.

``python tests/properties/fleet.py --seeds 2000`` prints how many were migrated, and every seed that broke a law;
``--programs workers`` takes those of :mod:`workers` (threads, queues, locks, events, pools) or :mod:`greenlets` (gevent) in place of :mod:`programs`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [
    str(folder) for folder in (HERE, HERE.parent, HERE.parent.parent / "src") if str(folder) not in sys.path
]

import greenlets  # noqa: E402
import programs  # noqa: E402
import workers  # noqa: E402
from harness.check import Observed, check_fixed_point, check_plan, check_runs, check_trees, observe  # noqa: E402
from harness.fixture import Expected, Fixture  # noqa: E402
from harness.laws import Broken  # noqa: E402
from harness.run import server  # noqa: E402
from harness.start import Zygote  # noqa: E402
from programs import RandomProgram  # noqa: E402

from asyncify.verify.server import LocalServer  # noqa: E402

GENERATORS = {"mixed": programs.generate, "workers": workers.generate, "greenlets": greenlets.generate}
MIGRATED, PARTLY, REFUSED, BROKEN = "migrated", "partly", "refused", "broken"


@dataclass(frozen=True)
class Outcome:
    """What became of one seed."""

    seed: int
    kind: str  # one of the four above
    profile: str  # the HTTP module that the migrated program uses, "" for none
    codes: tuple[str, ...]  # of refusals
    problem: str = ""


def fixture_of(seed: int, program: RandomProgram) -> Fixture:
    """What the harness must know of the program of that seed."""
    return Fixture(
        name=f"seed-{seed}",
        title="a random program",
        expected=Expected.EITHER,
        command=program.command,
        exit=program.exit,
    )


def judge(seed: int, on: LocalServer, start: Zygote, kind: str = "mixed") -> Outcome:
    """Migrate and run the program of that seed."""
    program = GENERATORS[kind](seed)
    fixture = fixture_of(seed, program)
    try:
        observed = observe(fixture, program.encoded())
    except Exception as error:
        return Outcome(seed, BROKEN, "", (), f"{type(error).__name__}: {error}")
    codes = tuple(sorted(observed.migration.codes))
    profile = _profile(observed)
    try:
        check_plan(fixture, observed)
        check_trees(fixture, observed)
        check_fixed_point(fixture, observed)
        _check_runs(fixture, observed, on, start, again=2 if kind == "greenlets" else 0)
    except Broken as error:
        return Outcome(seed, BROKEN, profile, codes, str(error))
    except Exception as error:
        return Outcome(seed, BROKEN, profile, codes, f"{type(error).__name__}: {error}")
    became = REFUSED if not observed.changed else PARTLY if codes else MIGRATED
    return Outcome(seed, became, profile, codes)


def _check_runs(fixture: Fixture, observed: Observed, on: LocalServer, start: Zygote, again: int) -> None:
    """Once more where moments of a clock say what comes first: a busy machine turns them round, though not each time."""
    try:
        check_runs(fixture, observed.before, observed.after, on, start)
    except Broken:
        if not again:
            raise
        _check_runs(fixture, observed, on, start, again - 1)


def _profile(observed: Observed) -> str:
    names = {path.rpartition("/")[2].removesuffix(".py") for path in observed.changed}
    return "+".join(sorted(names & {"aio_http", "aio_requests"}))


def judge_all(seeds: Iterable[int], kind: str) -> list[Outcome]:
    """Judge these seeds, with one server and one zygote."""
    with server() as on, Zygote() as start:
        return [judge(seed, on, start, kind) for seed in seeds]


def main() -> int:
    """Judge the seeds that the arguments name; 1 where one broke a law."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--start", type=int, default=0, help="the first")
    parser.add_argument("--only", type=int, nargs="*", help="exactly these seeds")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--programs", choices=sorted(GENERATORS), default="mixed", help="of what kind")
    parser.add_argument("--json", type=Path, help="write the outcomes there")
    options = parser.parse_args()
    seeds = options.only or list(range(options.start, options.start + options.seeds))
    started = time.perf_counter()
    outcomes: list[Outcome] = []
    size = 20
    chunks = [seeds[n : n + size] for n in range(0, len(seeds), size)]
    with ProcessPoolExecutor(options.jobs) as processes:
        for some in processes.map(judge_all, chunks, repeat(options.programs)):
            outcomes += some
            for outcome in some:
                if outcome.kind == BROKEN:
                    print(f"seed {outcome.seed}: {outcome.problem[:400]}\n", flush=True)
            print(f"{len(outcomes)} of {len(seeds)}", file=sys.stderr, flush=True)
    print(summary(outcomes, time.perf_counter() - started))
    if options.json:
        options.json.write_text(json.dumps([vars(outcome) for outcome in outcomes], indent=1), encoding="utf-8")
    return int(any(outcome.kind == BROKEN for outcome in outcomes))


def summary(outcomes: Sequence[Outcome], seconds: float) -> str:
    """Shares of what became of them."""
    count = len(outcomes)
    kinds = Counter(outcome.kind for outcome in outcomes)
    profiles = Counter(outcome.profile for outcome in outcomes if outcome.profile)
    codes = Counter(code for outcome in outcomes for code in outcome.codes)
    lines = [f"{count} programs in {seconds:.0f} s"]
    lines += [f"  {kind:9} {kinds[kind]:5}  {kinds[kind] / count:6.1%}" for kind in (MIGRATED, PARTLY, REFUSED, BROKEN)]
    lines.append("  profiles  " + ", ".join(f"{name} {number}" for name, number in profiles.most_common()))
    lines.append("  refusals  " + ", ".join(f"{name} {number}" for name, number in codes.most_common()))
    broken = [str(outcome.seed) for outcome in outcomes if outcome.kind == BROKEN]
    if broken:
        lines.append(f"  broken seeds: {' '.join(broken)}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
