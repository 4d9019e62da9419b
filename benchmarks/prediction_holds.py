"""Does the range that `asyncify scan` predicts hold what is measured? Over the demo and programs that calibration did not see.

    python benchmarks/prediction_holds.py [RUNS]

RUNS (3) measured runs of each.
Each program runs with threads and migrated in both profiles, with several numbers of workers, against a local server in another process.
Compared are the fall of the peak memory and the share of CPU time of a request (beyond the imports) that is saved. The figures are in
`docs/benchmarks.md`.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from pathlib import Path

from asyncify import api
from asyncify.config import load
from asyncify.demo.run import FIRST_DAY, LATENCY, ROUTES, lay_program
from asyncify.prediction import Profile, Range, predict
from asyncify.verify.compare import Variant, compare
from asyncify.verify.result import Measured, Metric
from asyncify.verify.server import GENERIC_ROUTES, LocalServer

DEMO = ((1, 40), (5, 50), (10, 100), (25, 100), (50, 200), (100, 300), (200, 600), (400, 800))  # workers, days
PROGRAMS = {
    "pages to files": """\
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import requests


def fetch(session, base, number):
    response = session.get(f"{base}/json/40", params={"page": number}, headers={"X-Client": "pages"}, timeout=30)
    response.raise_for_status()
    Path(f"{number}.json").write_text(response.text)
    return len(response.json()["items"])


def main(base, count, workers):
    total = 0
    with requests.Session() as session:
        with ThreadPoolExecutor(max_workers=workers) as pool:
            futures = [pool.submit(fetch, session, base, number) for number in range(count)]
            for future in as_completed(futures):
                total += future.result()
    print(total)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
""",
    "form and answer": """\
import sys
from concurrent.futures import ThreadPoolExecutor

import requests


def ask(job):
    base, number = job
    try:
        answer = requests.post(f"{base}/echo/{number}", json={"number": number, "words": ["a", "b"] * 20}, timeout=30)
        answer.raise_for_status()
    except requests.HTTPError as error:
        return str(error)
    return requests.get(f"{base}/text", timeout=30).status_code


def main(base, count, workers):
    with ThreadPoolExecutor(workers) as pool:
        print(sum(pool.map(ask, [(base, number) for number in range(count)])))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
""",
}
SIZES = ((8, 160), (60, 300), (250, 600))  # workers, jobs


def forms(write: object, folder: Path) -> dict[str, Path]:
    """The folders of a program with threads, and of what each profile makes of it that can."""
    found = {}
    for form in ("threads", *Profile):
        root = found[form] = folder / form
        assert callable(write)
        write(root)
        if form != "threads":
            config = dataclasses.replace(load(root), http=form.value)  # type: ignore[union-attr]
            if not api.apply(api.preview([root], config)).changed:
                del found[form]
    return found


def rows(name: str, roots: dict[str, Path], command: tuple[str, ...], workers: int, server: LocalServer) -> list[bool]:
    """Measure one program at one size: for each profile, whether the ranges of memory and of CPU hold."""
    variants = {form: Variant(root, command) for form, root in roots.items()}
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    measured = compare(variants, runs=runs, warmup=1, server=server)
    threads = measured["threads"]
    held = []
    for profile in (each for each in Profile if each in roots):
        after = measured[profile]
        said = predict(profile, Range(workers, workers))
        assert said.memory is not None
        saved = (threads.median(Metric.MEMORY) - after.median(Metric.MEMORY)) / 2**20
        cpu = 1 - per_request(after) / per_request(threads)
        held += [said.memory.low <= saved <= said.memory.high, said.cpu.low <= cpu <= said.cpu.high]
        print(
            f"{name:<16}{profile:<8}{workers:>5} workers: memory {saved:6.1f} MiB ({said.memory.low:6.1f} – "
            f"{said.memory.high:5.1f}) {'holds' if held[-2] else 'MISSES'}, CPU per request {cpu:5.0%} "
            f"({said.cpu.low:.0%} – {said.cpu.high:.0%}) {'holds' if held[-1] else 'MISSES'}",
            flush=True,
        )
    return held


def per_request(measured: Measured) -> float:
    """Seconds of CPU for each request, the imports left out."""
    assert measured.cpu_per_request is not None
    return measured.cpu_per_request


def main() -> None:
    """Measure all of them and count."""
    held: list[bool] = []
    with tempfile.TemporaryDirectory() as scratch:
        with LocalServer(routes=[ROUTES], latency=LATENCY) as server:
            roots = forms(lambda root: lay_program("threads", root), Path(scratch, "demo"))
            for workers, days in DEMO:
                options = ("--first-day", FIRST_DAY, "--days", str(days), "--workers", str(workers))
                held += rows("demo", roots, (sys.executable, "threads.py", server.url, *options), workers, server)
        with LocalServer(routes=[GENERIC_ROUTES], latency=LATENCY) as server:
            for name, text in PROGRAMS.items():

                def write(root: Path, text: str = text) -> None:
                    root.mkdir(parents=True)
                    (root / "main.py").write_text(text)

                roots = forms(write, Path(scratch, name.replace(" ", "-")))
                for workers, jobs in SIZES:
                    command = (sys.executable, "main.py", server.url, str(jobs), str(workers))
                    held += rows(name, roots, command, workers, server)
    print(f"{sum(held)} of {len(held)} ranges hold ({sum(held) / len(held):.0%})")


if __name__ == "__main__":
    main()
