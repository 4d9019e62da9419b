"""Programs started in milliseconds: by a fork of a process that has the libraries loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from .run import TIMEOUT, start_process

ZYGOTE = Path(__file__).resolve().parent / "zygote.py"


class Zygote:
    """Starts programs as children of a process that has the libraries loaded; a context manager.

    What is neither a script nor a module (a line of code) is started as a process of its own.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ASYNCIFY"))}
        environment = {
            **kept,
            "PYTHONDEVMODE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONHASHSEED": "0",
            "NO_PROXY": "*",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(ZYGOTE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._pipe(self._process.stdin).close()
        self._process.wait(timeout=10)
        self._pipe(self._process.stdout).close()

    def __call__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> tuple[int, bytes, bytes]:
        """Run the program in a child; see :class:`harness.run.Starter`."""
        code = command[1].startswith("-") and command[1] != "-m"
        if code or not environment["PYTHONDEVMODE"]:  # forks have the mode of this process
            return start_process(command, folder, environment)
        assert self._process is not None
        request = {
            "command": list(command),
            "folder": str(folder),
            "env": {k: v for k, v in environment.items() if os.environ.get(k) != v and not k.startswith("PYTHON")},
            "guard": environment["HARNESS_GUARD"],
            "quiet": "ignore" in environment["PYTHONWARNINGS"],
            "timeout": TIMEOUT,
        }
        self._pipe(self._process.stdin).write(json.dumps(request) + "\n")
        self._pipe(self._process.stdin).flush()
        answer = json.loads(self._pipe(self._process.stdout).readline())
        return answer["exit"], answer["stdout"].encode(), answer["stderr"].encode()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe
