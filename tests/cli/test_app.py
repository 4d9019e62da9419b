"""What holds for every command: help, errors, exit codes, colours, and how the program ends when it is cut short."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from asyncify import __version__
from asyncify.cli.app import COMMANDS, EXIT_CODES
from asyncify.errors import ChangedError, CheckError, ExitCode, InputError, WriteError
from asyncify.model import Span


def test_version(run: Any) -> None:
    assert run("--version").stdout == f"asyncify, version {__version__}\n"


def test_help_lists_every_command_and_every_exit_code(run: Any) -> None:
    out = run("--help").stdout
    assert set(EXIT_CODES) == set(ExitCode)
    for code in ExitCode:
        assert f"  {code.value:>3}  " in out
    for name, summary in COMMANDS.items():
        assert name in out
        assert summary.split(";")[0][:30] in out


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_has_help_with_examples(run: Any, name: str) -> None:
    result: Result = run(name, "--help")
    assert result.exit_code == 0
    assert f"asyncify {name}" in result.stdout.split("Options:")[0].split("\n", 2)[2]  # an example, not just the usage
    assert max(len(line) for line in result.stdout.splitlines()) <= 100


def test_no_command_shows_the_help_as_an_error(run: Any) -> None:
    result: Result = run()
    assert result.exit_code == ExitCode.USAGE
    assert "Exit codes:" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("args", [("scam",), ("scan", "--nope"), ("scan", "missing-folder"), ("why",), ("verify",)])
def test_wrong_use_is_one_message_and_exit_2(run: Any, args: tuple[str, ...]) -> None:
    result: Result = run(*args)
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr.splitlines()[-1].startswith("asyncify: error: ")
    assert result.stdout == ""


@pytest.mark.parametrize(
    "error",
    [
        InputError("cannot be read", Span("a.py", 3, 0, 3, 1)),
        CheckError("objects"),
        WriteError("disk full"),
        ChangedError("a.py changed"),
    ],
)
def test_errors_become_messages_and_exit_codes(run: Any, api: Any, error: Any) -> None:
    api.error = error
    result: Result = run("scan")
    assert result.exit_code == error.exit_code
    assert result.stderr == f"asyncify: error: {error}\n"


def test_a_defect_says_how_to_see_where(run: Any, api: Any) -> None:
    api.error = KeyError("[red]\x1b[31m")
    result: Result = run("scan")
    assert result.exit_code == ExitCode.INTERNAL
    assert len(result.stderr.splitlines()) == 1
    assert "internal error: KeyError: '[red]" in result.stderr
    assert "--debug" in result.stderr
    for args in (("--debug", "scan"), ("scan", "--debug")):
        result = run(*args)
        assert result.exit_code == ExitCode.INTERNAL
        assert "Traceback" in result.stderr
        assert "\x1b" not in result.stderr


def test_control_c_is_130(run: Any, api: Any) -> None:
    api.error = KeyboardInterrupt()
    result: Result = run("scan")
    assert result.exit_code == ExitCode.INTERRUPTED
    assert result.stderr.strip() == "asyncify: interrupted"


def test_colours_only_when_asked_for(run: Any, api: Any) -> None:
    assert "\x1b[" not in run("diff").stdout
    assert "\x1b[" in run("diff", "--color", "always").stdout
    assert "\x1b[" in run("--color", "always", "diff").stdout
    assert "\x1b[" not in run("diff", "--color", "never", FORCE_COLOR="1").stdout


def test_no_color_leaves_no_colour_on_a_terminal(run: Any, api: Any) -> None:
    colours = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")
    assert colours.search(run("diff", FORCE_COLOR="1").stdout)
    assert not colours.search(run("diff", FORCE_COLOR="1", NO_COLOR="1").stdout)


def test_plain_output_is_the_same_everywhere(run: Any, api: Any) -> None:
    assert run("scan").stdout == run("scan", TERM="dumb").stdout == run("scan", TERM="xterm-256color").stdout


# --- as a process ----------------------------------------------------------------------------------------------


def _python(*args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, timeout=60, check=False, **options)


def test_python_m() -> None:
    result = _python("-m", "asyncify", "--version")
    assert (result.returncode, result.stdout) == (0, f"asyncify, version {__version__}\n")


def test_help_imports_no_pipeline() -> None:
    code = (
        "import sys; from asyncify.cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in sys.modules if m in ('libcst', 'aiohttp', 'asyncify.api', 'pygments', 'rich')], file=sys.stderr)"
    )
    assert _python("-c", code).stderr.strip() == "[]"


_ENDLESS = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs the tests in the background has it ignored
from asyncify.cli import app, completion
import click
from asyncify.cli.console import Output

@click.command()
@click.pass_obj
def command(output):
    print("ready", file=sys.stderr, flush=True)
    while True:
        output.line("line" * 50)

completion.command = command
app.app(["completion"])
"""


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == "ready\n"
    assert process.wait(30) == 141


def test_control_c_in_a_process_is_one_line() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "ready\n"
    os.kill(process.pid, signal.SIGINT)
    assert process.stderr.read().strip() == "asyncify: interrupted"
    assert process.wait(30) == ExitCode.INTERRUPTED


def test_an_output_that_knows_few_characters_ends_nothing(tmp_path: Path) -> None:
    result = _python("-m", "asyncify", "explain", "straße", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert result.returncode == ExitCode.USAGE
    assert r"stra\xdfe" in result.stderr


def test_completion_knows_the_commands() -> None:
    env = {**os.environ, "_ASYNCIFY_COMPLETE": "bash_complete", "COMP_WORDS": "asyncify s", "COMP_CWORD": "1"}
    out = subprocess.run(
        [str(Path(sys.executable).with_name("asyncify"))],
        capture_output=True,
        text=True,
        env=env,
        timeout=60,
        check=False,
    ).stdout
    assert out.splitlines() == ["plain,scan"]
