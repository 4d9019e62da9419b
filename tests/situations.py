"""The table of what was compared for pools, threads and greenlets: ``python tests/situations.py --update`` runs it and writes the page.

Every fixture ``situations_*`` is a program for one construct that prints a line for each situation. Both sides run against
the local server; the page says what both printed, and how many requests were in flight at most.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from harness.check import observe
from harness.fixture import Fixture, load, names
from harness.run import Run, run_program, server

from asyncify.verify.server import LocalServer

PAGE = Path(__file__).resolve().parent.parent / "docs" / "concurrency.md"
HEAD = """\
# Pools, threads and greenlets before and after

Each program below runs with threads or greenlets, is migrated, and runs again. Every line is one situation; a cell says `same` where both
sides printed the same outcome: results in their order, the type of what was raised, what had run and what had not. The
programs are the fixtures `situations_*`; `python tests/situations.py --update` runs them and writes this page.
"""


def fixtures() -> list[Fixture]:
    """The fixtures of the table."""
    return [load(name) for name in names() if name.startswith("situations_")]


def situations(fixture: Fixture) -> list[str]:
    """The situations that the fixture's program prints, in order."""
    text = fixture.before()["main.py"].decode("utf-8")
    return [line.split('"')[1].rstrip(":") for line in text.splitlines() if line.startswith('    print("')]


def outcomes(fixture: Fixture, running: LocalServer) -> tuple[Run, Run]:
    """Both sides of one fixture, run."""
    observed = observe(fixture)
    with tempfile.TemporaryDirectory() as folder:
        before = run_program(fixture, observed.before, Path(folder) / "before", running, quiet=True)
        after = run_program(fixture, observed.after, Path(folder) / "after", running, quiet=False)
    return before, after


def lines_of(run: Run) -> dict[str, str]:
    """What a run printed, by situation."""
    return dict(line.split(": ", 1) for line in run.stdout.splitlines())


def page(running: LocalServer) -> str:
    """The whole page, from new runs."""
    rows, details, columns = [], [], situations(fixtures()[0])
    for fixture in fixtures():
        before, after = outcomes(fixture, running)
        old, new = lines_of(before), lines_of(after)
        title = fixture.title.removesuffix(" in seven situations")
        cells = ["same" if old.get(name) == new.get(name) is not None else "**differs**" for name in columns]
        rows.append(f"| {title} | {' | '.join(cells)} | {before.most_in_flight}, {after.most_in_flight} |")
        details.append(f"\n## {title}\n\n| situation | outcome of both |\n|-|-|\n")
        details += [f"| {name} | `{new.get(name)}` |\n" for name in columns]
    head = f"| construct | {' | '.join(columns)} | most in flight, before and after |\n"
    return HEAD + "\n" + head + "|-" * (len(columns) + 2) + "|\n" + "\n".join(rows) + "\n" + "".join(details)


def main() -> int:
    """Run the table; 1 where the page says something else."""
    parser = argparse.ArgumentParser(prog="python tests/situations.py", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the page")
    options = parser.parse_args()
    with server() as running:
        text = page(running)
    if options.update:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    print(text)
    return int(PAGE.read_text(encoding="utf-8") != text)


if __name__ == "__main__":
    sys.exit(main())
