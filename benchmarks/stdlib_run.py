"""Scan and apply over copies of the standard library's parts: no crash, untouched files identical, results compile.

    python benchmarks/stdlib_run.py [FOLDER]

Without FOLDER the standard library of the running Python is taken, without its ``test`` packages. Prints one summary.
"""

from __future__ import annotations

import resource
import shutil
import sys
import sysconfig
import tempfile
import time
import warnings
from pathlib import Path

from asyncify import api
from asyncify.config import Config

_LEFT_OUT = ("__pycache__", "site-packages", "test", "tests", "idle_test")


def main() -> int:
    """Run on a copy; exit 1 where a file changed that should not, or no longer compiles."""
    source = Path(sys.argv[1] if len(sys.argv) > 1 else sysconfig.get_path("stdlib"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "tree"
        shutil.copytree(source, root, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
        before = {path: path.read_bytes() for path in root.rglob("*.py")}
        started, cpu = time.perf_counter(), time.process_time()
        preview = api.preview([root], Config(root=root))
        scanned = time.process_time() - cpu
        planned = {root / change.path for group in preview.changes for change in group.changes}
        api.apply(preview)
        wall = time.perf_counter() - started
        changed = {path for path in root.rglob("*.py") if before.get(path) != path.read_bytes()}
        broken = [path for path in changed if not _compiles(path)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    plan = preview.scan.plan
    print(
        f"{preview.scan.files} files, {preview.scan.lines} lines: scan and preview {scanned:.1f} s CPU, all {wall:.1f} s"
    )
    print(f"{len(plan.sites)} sites, {len(plan.groups)} groups, {len(planned)} files planned, peak memory {memory} MB")
    print(f"{len(changed - planned)} files changed that were not planned, {len(broken)} do not compile")
    return 1 if changed - planned or broken else 0


def _compiles(path: Path) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(path.read_bytes(), str(path), "exec")
    except (SyntaxError, ValueError):
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
