"""A process that has the libraries loaded and forks a child for every program: a run costs milliseconds.

Reads one line of JSON for each run (folder, command, environment, file for the guard, quiet), writes one with the exit code
and the output. The child is a program as any other: it runs ``main.py`` as ``__main__``. At its end it does what the interpreter
does at its own, but for the libraries that were loaded before: to take those apart costs more than all the rest of a run.
"""

from __future__ import annotations

import atexit
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
import threading
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


def _result(request: dict[str, Any], output: IO[bytes], errors: IO[bytes]) -> int:
    """Run the program and say how it ends: the exit code, or the negative number of the signal."""
    try:
        _become(request, output, errors)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())
        return -signal.SIGINT
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _end(code: int, loaded: frozenset[str]) -> None:
    """End this process as ``Py_FinalizeEx`` does, in its order; `loaded` are the modules that were there before the program.

    Everything of the program goes before the process does, so that what it left open says so.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    own = [sys.modules.pop(name) for name in [*sys.modules] if name not in loaded or name == "__main__"]
    gc.collect()
    for module in reversed(own):
        if vars(module) is not globals():
            vars(module).clear()
    del own
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (OSError, ValueError):
            code = 120
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


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
    loaded = frozenset(sys.modules)
    gc.freeze()  # a collection in a child would copy every page that it shares with this process
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            pid = os.fork()
            if pid == 0:
                answers.close()
                _end(_result(request, output, errors), loaded)
            code = _wait(pid, request["timeout"])
            output.seek(0)
            errors.seek(0)
            out, err = output.read().decode("utf-8", "replace"), errors.read().decode("utf-8", "replace")
        answers.write(json.dumps({"exit": code, "stdout": out, "stderr": err}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
