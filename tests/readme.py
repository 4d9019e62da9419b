"""The tour of the README: a program, commands, and what they print. ``python -m tests.readme --update`` writes it anew.

A block behind ``<!-- tour: file NAME -->`` is a file of the tour's project. One behind ``<!-- tour: run -->`` is a command
and its output; they run one after the other in that project.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
_BLOCK = re.compile(r"<!-- tour: (?P<kind>file|run) ?(?P<name>\S*) -->\n```\w+\n(?P<text>.*?)```\n", re.DOTALL)

# What differs from run to run, or with every line of the modules that are added.
_VARYING = (
    (re.compile(r"read in \d+\.\d s"), "read in 0.1 s"),
    (re.compile(r"\(new file\)  \+\d+"), "(new file)  +…"),
)


@dataclass(frozen=True)
class Step:
    """One command of the tour: what the README says it prints, and what it prints."""

    command: str
    shown: str
    printed: str


def tour(text: str) -> list[Step]:
    """Run the tour of `text` in a new folder.

    Raises:
        AssertionError: a command of the tour fails.
    """
    steps = []
    with tempfile.TemporaryDirectory() as folder:
        for block in _BLOCK.finditer(text):
            if block["kind"] == "file":
                Path(folder, block["name"]).write_text(block["text"], encoding="utf-8")
                continue
            first, _, shown = block["text"].partition("\n")
            command = first.removeprefix("$ ")
            steps.append(Step(command, shown, _run(command, Path(folder))))
    return steps


def _run(command: str, folder: Path) -> str:
    name, *arguments = shlex.split(command)
    assert name == "asyncify", command
    done = subprocess.run(
        [sys.executable, "-m", "asyncify", *arguments],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "FORCE_COLOR"}
        | {"COLUMNS": "100", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    printed = done.stdout
    for pattern, instead in _VARYING:
        printed = pattern.sub(instead, printed)
    return printed


def updated(text: str) -> str:
    """`text` with the output of every command as it is now."""
    printed = iter([step.printed for step in tour(text)])

    def block(match: re.Match[str]) -> str:
        if match["kind"] == "file":
            return match[0]
        first = match["text"].partition("\n")[0]
        return f"<!-- tour: run -->\n```console\n{first}\n{next(printed)}```\n"

    return _BLOCK.sub(block, text)


if __name__ == "__main__":
    if sys.argv[1:] != ["--update"]:
        sys.exit(__doc__)
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")
