"""A process that has the libraries loaded and forks a child for every program: a run costs milliseconds.

Reads one line of JSON for each run (folder, command, environment, file for the guard, quiet), writes one with the exit code
and the output. The child is a program as any other: it runs ``main.py`` as ``__main__`` and ends as the interpreter does.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import json
import logging
import os
import runpy
import signal
import sys
import tempfile
import time
import types
import warnings
from pathlib import Path
from typing import IO, Any

_LIBRARIES = """
aiohttp aiohttp.client aiohttp.resolver requests idna charset_normalizer certifi asyncio concurrent.futures threading
argparse csv json logging dataclasses functools contextlib tracemalloc pytest pytest_asyncio unittest unittest.mock
"""


def _preload() -> None:
    """The libraries that programs import, before and after the migration."""
    for name in _LIBRARIES.split():
        __import__(name)
    # How long a callback took says how busy the machine is, and what programs log is compared.
    logging.getLogger("asyncio").addFilter(lambda record: not str(record.msg).startswith("Executing "))


def _guard(log: str) -> None:
    """What notes blocking calls in the harness, for this process."""
    path = Path(__file__).resolve().parent / "guard" / "sitecustomize.py"
    spec = importlib.util.spec_from_file_location("harness_guard", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module._install(log)


def _forget(folder: Path) -> None:
    """Modules of the program come before those that are loaded here: whatever it has under their names is its own."""
    own = {path.name.removesuffix(".py") for path in folder.iterdir()}
    for name in [name for name in sys.modules if name.partition(".")[0] in own - {"__main__"}]:
        del sys.modules[name]


def _become(request: dict[str, Any], output: IO[bytes], errors: IO[bytes]) -> None:
    """In the child: be that program, to its end."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output.fileno(), 1)
    os.dup2(errors.fileno(), 2)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    os.chdir(request["folder"])
    os.environ.update(request["env"])
    warnings.resetwarnings()
    warnings.simplefilter("default")
    if request["quiet"]:
        warnings.simplefilter("ignore", ResourceWarning)
    _guard(request["guard"])
    command = request["command"]
    sys.path[0] = request["folder"] if command[1] == "-m" else str(Path(command[1]).resolve().parent)
    _forget(Path(sys.path[0]))
    if command[1] == "-m":
        sys.argv = command[2:]
        runpy.run_module(command[2], run_name="__main__", alter_sys=True)
        return
    sys.argv = command[1:]
    path = Path(command[1])
    module = types.ModuleType("__main__")
    module.__file__ = str(path.resolve())
    sys.modules["__main__"] = module
    exec(compile(path.read_bytes(), module.__file__, "exec", dont_inherit=True), module.__dict__)


def _wait(pid: int, timeout: float) -> int:
    """The exit code of the child; -1 where it took longer than `timeout` seconds."""
    deadline = time.monotonic() + timeout
    pause = 0.001
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return -1
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def main() -> None:
    """Serve until the input ends."""
    _preload()
    gc.freeze()  # a collection in a child would copy every page that it shares with this process
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            pid = os.fork()
            if pid == 0:
                answers.close()
                _become(request, output, errors)
                return
            code = _wait(pid, request["timeout"])
            output.seek(0)
            errors.seek(0)
            out, err = output.read().decode("utf-8", "replace"), errors.read().decode("utf-8", "replace")
        answers.write(json.dumps({"exit": code, "stdout": out, "stderr": err}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
