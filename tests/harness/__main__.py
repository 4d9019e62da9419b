"""``python -m tests.harness``: look at fixtures, run them, write their goldens.

python -m tests.harness                        one line per fixture: what is expected, what happens
python -m tests.harness --show NAME …          the migrated text and the plan
python -m tests.harness --update [NAME …]      write after/ and plan.txt, where all other laws hold
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
import traceback

from asyncify.verify.server import LocalServer

from .check import check_fixture, golden_files, observe
from .fixture import Fixture, load, names, write_tree
from .laws import Broken
from .run import Starter, server
from .start import Zygote


def main() -> int:
    """Do what the arguments say; the number of broken fixtures, at most 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.harness", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--update", action="store_true", help="write the goldens")
    parser.add_argument("--show", action="store_true", help="print the migrated text and the plan")
    options = parser.parse_args()
    broken = 0
    with server() as running, Zygote() as start:
        for name in options.names or names():
            fixture = load(name)
            if options.show:
                show(fixture)
            started = time.perf_counter()
            problem = problem_of(fixture, running, start, golden=not options.update)
            if problem is None and options.update:
                update(fixture)
            broken += problem is not None
            took = time.perf_counter() - started
            print(f"{'BROKEN' if problem else 'ok':6} {took:4.1f} s  {fixture.expected:17} {name}", flush=True)
            if problem:
                print("\n".join("       " + line for line in problem.splitlines()), flush=True)
    print(f"{broken} broken", file=sys.stderr)
    return min(broken, 1)


def problem_of(fixture: Fixture, running: LocalServer, start: Starter, *, golden: bool) -> str | None:
    """What is wrong with it, if anything."""
    try:
        check_fixture(fixture, running, golden=golden, start=start)
    except Broken as error:
        return str(error)
    except Exception:  # a crash of asyncify is a result like another here
        return traceback.format_exc()
    return None


def show(fixture: Fixture) -> None:
    """Print what asyncify makes of it."""
    observed = observe(fixture)
    for path, data in golden_files(observed).items():
        print(f"--- {path}\n{data.decode('utf-8', 'backslashreplace')}")
    print(f"--- plan\n{observed.plan}")


def update(fixture: Fixture) -> None:
    """Write the goldens of one fixture."""
    observed = observe(fixture)
    shutil.rmtree(fixture.folder / "after", ignore_errors=True)
    write_tree(fixture.folder / "after", golden_files(observed))
    (fixture.folder / "plan.txt").write_text(observed.plan, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
