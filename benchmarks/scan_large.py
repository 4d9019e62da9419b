"""How long a scan of a large tree takes, cold and with its result kept, beside tools that read the same tree.

    python benchmarks/scan_large.py TREE [--sample-lines 20000] [--sizes 10000 100000] [--whole]

Prints seconds of CPU and wall time, lines per second and peak memory of each; the others run in this very run, so that
ratios mean something on a noisy machine. LibCST's codemod runner (a codemod that changes nothing), fixit and PyCG, where they
are installed, read only a sample of the tree, as many lines as given. ``--sizes`` also scans parts of the tree of about so
many lines. ``--whole`` also plans with every connected file indexed, and compares the plans.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from asyncify import api, trees
from asyncify.config import Config
from asyncify.model import Verdict

_NO_OP = """
from libcst.codemod import CodemodContext, VisitorBasedCodemodCommand
class NoOpCommand(VisitorBasedCodemodCommand):
    DESCRIPTION = "Changes nothing."
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took: seconds of wall time and CPU (its children's included), peak memory in MB."""

    wall: float
    cpu: float
    peak: int


def run(command: Sequence[str], cwd: Path | None = None, **environment: str) -> Cost:
    """Run a command to its end, whatever its exit code."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=cwd, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, _, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024)


def show(name: str, cost: Cost, lines: int) -> None:
    """One line of the table."""
    print(f"{name:<28} {cost.wall:>8.2f} {cost.cpu:>8.2f} {lines / max(cost.cpu, 0.001):>12,.0f} {cost.peak:>8}")


def excerpt(tree: Path, target: Path, lines: int) -> int:
    """Copy files of the tree under their paths, evenly spread, until there are about so many lines; how many there are."""
    files = sorted(tree.rglob("*.py"))
    sizes = [file.read_bytes().count(b"\n") for file in files]
    share, due, copied = min(lines / max(sum(sizes), 1), 1.0), 0.0, 0
    for file, size in zip(files, sizes, strict=True):
        due += size * share
        if copied + size / 2 <= due:
            (target / file.relative_to(tree)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / file.relative_to(tree))
            copied += size
    return copied


def sample(tree: Path, target: Path, lines: int) -> int:
    """Copy files of the tree, evenly spread, until there are so many lines; how many there are."""
    files = sorted(tree.rglob("*.py"))
    step = max(len(files) // 60, 1)
    copied = 0
    for number, file in enumerate(files[::step]):
        if copied >= lines:
            break
        text = file.read_bytes()
        (target / f"file_{number}.py").write_bytes(text)
        copied += text.count(b"\n")
    return copied


def compare(tree: Path) -> int:
    """Plan with the parts and with everything; say what only the whole finds. Returns how much that is."""
    config = Config(root=tree, cache=False)
    some = api.scan([tree], config).plan
    trees.LARGE = 10**9
    whole = api.scan([tree], config).plan
    moved = {site.span for site in some.sites if site.verdict is not Verdict.KEEP}
    moved |= {refusal.span for refusal in some.refusals}
    missed = [
        site
        for site in whole.sites
        if site.verdict in (Verdict.EXACT, Verdict.REVIEW) and site.rule != "test_frameworks" and site.span not in moved
    ]
    print(
        f"{len(some.groups)} groups from the parts, {len(whole.groups)} from the whole; {len(missed)} sites only there"
    )
    for site in missed:
        print(f"  {site.rule} {site.span}")
    return len(missed)


def main() -> int:
    """Run all; exit 1 where ``--whole`` finds a site that the parts miss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--sample-lines", type=int, default=20_000)
    parser.add_argument("--sizes", type=int, nargs="*", default=[], metavar="LINES")
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    tree: Path = options.tree.resolve()
    lines = sum(file.read_bytes().count(b"\n") for file in tree.rglob("*.py"))
    print(f"{tree.name}: {lines:,} lines\n{'':<28} {'wall s':>8} {'CPU s':>8} {'lines/CPU s':>12} {'peak MB':>8}")
    asyncify = [sys.executable, "-m", "asyncify", "scan", str(tree)]
    with tempfile.TemporaryDirectory() as folder:
        cold = run(asyncify, ASYNCIFY_CACHE_DIR=f"{folder}/cache")
        show("asyncify scan, cold", cold, lines)
        show("asyncify scan, kept", run(asyncify, ASYNCIFY_CACHE_DIR=f"{folder}/cache"), lines)
        if shutil.which("ruff"):
            show(
                "ruff check --select ASYNC", run(["ruff", "check", "--no-cache", "--select", "ASYNC", str(tree)]), lines
            )
        part = Path(folder) / "sample"
        part.mkdir()
        copied = sample(tree, part, options.sample_lines)
        (Path(folder) / "noop.py").write_text(_NO_OP)
        command = [sys.executable, "-m", "libcst.tool", "codemod", "-x", "noop.NoOpCommand", "--jobs", "1", str(part)]
        other = run(command, Path(folder), PYTHONPATH=folder)
        show(f"LibCST no-op, {copied:,} lines", other, copied)
        if find_spec("fixit"):
            show("fixit, same lines", run([sys.executable, "-m", "fixit", "lint", str(part)]), copied)
        if find_spec("pycg"):
            files = sorted(map(str, part.glob("*.py")))
            show("PyCG, same lines", run([sys.executable, "-m", "pycg", "--package", str(part), *files]), copied)
        for size in options.sizes:
            smaller = Path(folder) / f"tree{size}"
            there = excerpt(tree, smaller, size)
            command = [sys.executable, "-m", "asyncify", "scan", "--no-cache", str(smaller)]
            show(f"asyncify scan, {there:,} lines", run(command), there)
    print(
        f"asyncify reads {(lines / cold.cpu) / (copied / other.cpu):.0f} times as many lines per second as LibCST's runner"
    )
    return 1 if options.whole and compare(tree) else 0


if __name__ == "__main__":
    sys.exit(main())
