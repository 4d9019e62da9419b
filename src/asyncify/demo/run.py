"""Run the demo: lay out the bundled program, have its thread form migrated, measure all forms on a local server.

For each of the next 100 days the program opens a session, gets a search page, posts its form back and keeps the
cheapest connection of the page that comes. Its hand-written forms are sequential, a pool of threads, and gevent; the
fourth one is what asyncify makes of the threads.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Generic, TypeVar

from asyncify.errors import UsageError
from asyncify.verify.behaviour import Aspect, Behaviour, compare_behaviour
from asyncify.verify.compare import Progress, Variant, compare
from asyncify.verify.result import Comparison, Measured, Metric, ratio
from asyncify.verify.server import LocalServer

ROUTES = "asyncify.demo.site:add_routes"
FORMS = {"sequential": "sequential.py", "threads": "threads.py", "gevent": "gevent_form.py"}
MIGRATED = "asyncio"  # the name of the variant, and of its folder
UVLOOP = "uvloop"  # the same program on another event loop
UVLOOP_FORM = """\
import uvloop
from threads import main

if __name__ == "__main__":
    uvloop.run(main())
"""
SHARED = ("fares.py", "pages.py")
FIRST_DAY = "2027-01-04"  # a fixed one: the same days, so the same requests and prices, in every run
LATENCY = 0.03  # seconds

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DemoResult(Generic[T]):
    """What the demo measured.

    ``comparison`` has the variants in the order sequential, threads, gevent, asyncio, uvloop. ``behaviour`` compares the
    migrated form with the thread form it was made of, requests and most in flight included. ``forms_agree`` says
    whether the hand-written forms printed and asked the same, without which comparing their costs would mean little.
    ``missing`` names the forms that could not run, with the reason.
    """

    migration: T
    comparison: Comparison
    behaviour: Behaviour
    forms_agree: bool
    missing: dict[str, str]
    workers: int
    days: int
    latency: float
    folder: Path | None

    @property
    def same(self) -> bool:
        """Whether the migrated form did what the thread form did.

        How many requests were in flight may differ: up to the number of workers where threads did not come to that many, and
        fewer where it took no longer (it did not wait for its turn, its answers came faster than one process can ask).
        """
        threads, migrated = self.comparison["threads"], self.comparison[MIGRATED]
        at_once = migrated.most_in_flight or 0
        fewer = at_once < (threads.most_in_flight or 0)
        right = at_once <= self.workers and (not fewer or migrated.median(Metric.WALL) <= threads.median(Metric.WALL))
        return all(found.aspect is Aspect.IN_FLIGHT and right for found in self.behaviour.differences)

    @property
    def findings(self) -> tuple[str, ...]:
        """What the figures say about asyncio against threads, one sentence each, whichever way it went."""
        threads, migrated = self.comparison["threads"], self.comparison[MIGRATED]
        return (
            self._sameness(threads, migrated),
            *_cpu(threads, migrated),
            *_memory(threads, migrated),
            _wall(threads, migrated),
        )

    def _sameness(self, threads: Measured, migrated: Measured) -> str:
        if self.behaviour.same:
            return "asyncio printed the same, sent the same requests and had as many in flight as threads."
        if self.same:
            return (
                "asyncio printed the same and sent the same requests, "
                f"{migrated.most_in_flight} of them in flight at most where threads had {threads.most_in_flight}."
            )
        aspects = ", ".join(dict.fromkeys(found.aspect.value for found in self.behaviour.differences))
        return f"asyncio did not do what threads did: {aspects}."


def run_demo(
    migrate: Callable[[Path], T],
    *,
    keep: Path | None = None,
    workers: int = 10,
    days: int = 100,
    runs: int = 3,
    warmup: int = 1,
    latency: float = LATENCY,
    uvloop: bool = False,
    sequential: bool = True,
    progress: Progress | None = None,
) -> DemoResult[T]:
    """Migrate the thread form with `migrate`, which changes the files in the folder it gets, and measure all forms.

    With `keep`, a new or empty folder, the programs are left there. `latency` in seconds is the server's. The
    sequential form is run once only, since it takes as long as all the others together, and not at all without
    `sequential`. With `uvloop` the migrated form is measured on that event loop, too.

    Raises:
        UsageError: requests is not installed, or `keep` is not empty. What `migrate` raises passes through.
    """
    if find_spec("requests") is None:
        raise UsageError("the demo's program needs requests: pip install requests")
    missing = {}
    if find_spec("gevent") is None:
        missing["gevent"] = "gevent is not installed here (pip install gevent)"
    if uvloop and find_spec("uvloop") is None:
        missing[UVLOOP] = "uvloop is not installed here (pip install uvloop)"
    arguments = ("--first-day", FIRST_DAY, "--days", str(days), "--workers", str(workers))
    with _folder(keep) as folder, LocalServer(routes=[ROUTES], latency=latency) as server:
        for form in FORMS:
            if form not in missing:
                lay_program(form, folder / form)
        lay_program("threads", folder / MIGRATED)
        migration = migrate(folder / MIGRATED)
        other_loop = uvloop and UVLOOP not in missing
        if other_loop:
            shutil.copytree(folder / MIGRATED, folder / UVLOOP, ignore=shutil.ignore_patterns(".asyncify"))
            (folder / UVLOOP / "on_uvloop.py").write_text(UVLOOP_FORM, encoding="utf-8")

        def variant(form: str, runs: int | None = None, warmup: int | None = None) -> Variant:
            main = "on_uvloop.py" if form == UVLOOP else FORMS.get(form, FORMS["threads"])
            command = (sys.executable, main, server.url, *arguments)
            return Variant(folder / form, command, runs=runs, warmup=warmup)

        forms = ("threads", MIGRATED, "gevent", *((UVLOOP,) if other_loop else ()))
        variants = {form: variant(form) for form in forms if form not in missing}
        if sequential:  # last in each round, so that it needs no warm-up: the others have read what it imports
            variants["sequential"] = variant("sequential", runs=1, warmup=0)
        measured = compare(variants, runs=runs, warmup=warmup, server=server, progress=progress)
    ordered = tuple(measured[name] for name in (*FORMS, MIGRATED, UVLOOP) if name in variants)
    return DemoResult(
        migration=migration,
        comparison=Comparison(ordered),
        behaviour=_compared(measured["threads"], measured[MIGRATED]),
        forms_agree=all(_agree(measured["threads"], form) for form in ordered if form.name in FORMS),
        missing=missing,
        workers=workers,
        days=days,
        latency=latency,
        folder=keep,
    )


def lay_program(form: str, folder: Path) -> Path:
    """Write one form of the bundled program into the new folder `folder`; its main file."""
    folder.mkdir(parents=True)
    source = files("asyncify.demo") / "program"
    for name in (FORMS[form], *SHARED):
        (folder / name).write_bytes((source / name).read_bytes())
    return folder / FORMS[form]


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="asyncify-demo-") as folder:
            yield Path(folder).resolve()
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise UsageError(f"{keep} exists and is not an empty folder")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep.resolve()


def _compared(first: Measured, second: Measured) -> Behaviour:
    return compare_behaviour(first.observations, second.observations)


def _agree(first: Measured, second: Measured) -> bool:
    """Whether two forms did the same but for how many requests they had in flight."""
    return all(found.aspect is Aspect.IN_FLIGHT for found in _compared(first, second).differences)


def _mib(number: float) -> str:
    return f"{number / 2**20:.1f} MiB"


def _cpu(threads: Measured, migrated: Measured) -> Iterator[str]:
    found = ratio(Metric.CPU, threads, migrated)
    used = f"{found.after:.2f} s of CPU against {found.before:.2f} s"
    if found.value < 1:
        yield f"asyncio saves {1 - found.value:.0%} of the CPU time of threads: {used}."
    else:
        yield f"asyncio does not save CPU time here: {used}."
    first, second = threads.cpu_per_request, migrated.cpu_per_request
    if threads.floor and migrated.floor and first and second:
        yield (
            f"Of that, imports take {migrated.floor.cpu:.2f} s against {threads.floor.cpu:.2f} s; "
            f"beyond them a request costs {second * 1e3:.1f} ms against {first * 1e3:.1f} ms "
            f"({second / first:.0%})."
        )


def _memory(threads: Measured, migrated: Measured) -> Iterator[str]:
    found = ratio(Metric.MEMORY, threads, migrated)
    held = f"its peak is {_mib(found.after)} against {_mib(found.before)} with threads"
    if found.value < 1:
        yield f"asyncio saves {1 - found.value:.0%} of the memory: {held}."
    else:
        yield f"asyncio does not save memory here: {held}."
    if threads.floor is None or migrated.floor is None:
        return
    imports = migrated.floor.memory - threads.floor.memory
    more = "more" if imports >= 0 else "less"
    yield (
        f"Of that, imports alone take {_mib(migrated.floor.memory)} against {_mib(threads.floor.memory)}, "
        f"{_mib(abs(imports))} {more}, however many requests are in flight."
    )


def _wall(threads: Measured, migrated: Measured) -> str:
    found = ratio(Metric.WALL, threads, migrated)
    return f"asyncio took {found.after:.2f} s, threads {found.before:.2f} s ({found.value:.0%})."
