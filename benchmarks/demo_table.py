"""The article's table for the demo's task: sequential, threads, gevent, asyncio and uvloop at 10, 100 and 1,000 in flight.

    python benchmarks/demo_table.py [IN_FLIGHT ...]

The server waits longer the more are to be in flight (30 ms, 0.3 s and 3 s), since else one process could not ask fast enough to
have as many there at a time. The sequential form is left out where it would take more than a few minutes. Prints Markdown for
`docs/benchmarks.md`. gevent and uvloop have to be installed to be in it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from asyncify import api
from asyncify.config import Config
from asyncify.demo.run import run_demo
from asyncify.report.figures import ROWS

LEFT_OUT = ("runs",)
PATIENCE = 180.0  # seconds


def migrate(folder: Path) -> None:
    """As ``asyncify apply`` does."""
    assert api.apply(api.preview((folder,), Config(folder, cache=False))).changed


def main() -> None:
    for in_flight in [int(argument) for argument in sys.argv[1:]] or [10, 100, 1000]:
        days, latency = max(100, in_flight), 0.003 * in_flight
        fast = 2 * days * (latency + 0.01) < PATIENCE
        result = run_demo(migrate, workers=in_flight, days=days, latency=latency, runs=3, uvloop=True, sequential=fast)
        variants = result.comparison.variants
        print(f"\n| {in_flight:,} at a time, {2 * days:,} requests, {latency:g} s latency |", end="")
        print("".join(f" {each.name} |" for each in variants), f"|-|{'-:|' * len(variants)}", sep="\n")
        for name, read in ROWS:
            values = [read(each) for each in variants]
            if name not in LEFT_OUT and any(values):
                print(f"| {name} |", "".join(f" {value or '–'} |" for value in values), sep="")
        print(
            f"\n{'The same' if result.same and result.forms_agree else 'NOT the same'} output and requests.", flush=True
        )


if __name__ == "__main__":
    main()
