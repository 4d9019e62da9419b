"""``asyncify`` itself: the group of commands, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from asyncify import __version__
from asyncify.cli.console import Output
from asyncify.cli.options import output_options
from asyncify.errors import AsyncifyError, ExitCode

COMMANDS = {
    "scan": "What is here, what can move, and why or why not.",
    "why": "The chain of calls that makes a function async, or keeps it sync.",
    "diff": "What apply would do, group by group; writes nothing.",
    "apply": "Migrate: asks group by group, or --yes for all.",
    "undo": "Put back what the last apply changed.",
    "verify": "Run before and after, and compare behaviour and cost.",
    "explain": "The page of a rule, a refusal code or a check code.",
    "demo": "All of it on a bundled program and a local server.",
    "completion": "Print the shell completion script.",
}
"""The commands with their summaries, in the order in which one meets them; each is a module of its name."""

EXIT_CODES = {
    ExitCode.OK: "done (for apply: everything planned was written, whatever was refused)",
    ExitCode.FINDINGS: "scan --fail-on found something, or verify found a difference or missed a gate",
    ExitCode.USAGE: "wrong option or configuration, no such path or group",
    ExitCode.INPUT: "a file could not be read or parsed; the rest was done",
    ExitCode.CHECK: "the check of the result objected; nothing it objects to was written",
    ExitCode.WRITE: "writing failed; everything was put back",
    ExitCode.CHANGED: "files changed since they were read; nothing was written",
    ExitCode.INTERNAL: "a defect of asyncify",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
}

_BROKEN_PIPE = 141  # 128 + SIGPIPE, as a shell says it of a program that was killed by it

_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code.value:>3}  {text}" for code, text in EXIT_CODES.items())


class _ReaderGoneError(Exception):
    """Nobody reads standard output any more (``asyncify diff | head``)."""


class _Commands(click.Group):
    """Imports a command's module when it is needed: ``--help`` and completion stay fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"asyncify.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:  # click would make exit code 1 of it, which means something else here
            raise _ReaderGoneError from error

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run and exit. Commands return their exit code; every error becomes one message on standard error."""
        output = Output(debug=bool(os.environ.get("ASYNCIFY_DEBUG")))
        _lenient_streams()
        try:
            code = super().main(
                args, prog_name, complete_var, False, windows_expand_args=windows_expand_args, obj=output, **extra
            )
            sys.stdout.flush()
        except (_ReaderGoneError, BrokenPipeError):
            _forget_stdout()
            sys.exit(_BROKEN_PIPE)
        except (click.Abort, KeyboardInterrupt):
            _fail(output, "interrupted", ExitCode.INTERRUPTED)
        except click.ClickException as error:
            if isinstance(error, click.UsageError) and error.ctx is not None:
                _usage(error)
            _fail(output, error.format_message(), ExitCode.USAGE)
        except AsyncifyError as error:
            _fail(output, str(error), error.exit_code)
        except Exception as error:
            name = type(error).__name__
            hint = "" if output.debug else " (--debug shows where; please report it)"
            _fail(output, f"internal error: {name}: {error}{hint}", ExitCode.INTERNAL)
        sys.exit(code or ExitCode.OK)


def _usage(error: click.UsageError) -> None:
    context = error.ctx
    if context is None:
        return
    if type(error).__name__ == "NoArgsIsHelpError":
        click.echo(context.get_help(), err=True)
        sys.exit(ExitCode.USAGE)
    click.echo(context.get_usage(), err=True)
    click.echo(f"Try '{context.command_path} --help' for help.", err=True)


def _fail(output: Output, message: str, code: ExitCode) -> NoReturn:
    from asyncify.report.text import clean, safe

    if output.debug:
        output.line(clean(traceback.format_exc()), error=True)
    output.line(
        safe(f"asyncify: error: {message}" if code != ExitCode.INTERRUPTED else "asyncify: interrupted"), error=True
    )
    sys.exit(code)


def _lenient_streams() -> None:
    """No character of a file name or a message may end the program because the terminal cannot show it."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _forget_stdout() -> None:
    """Nobody reads standard output any more; keep the interpreter from complaining when it flushes it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(
    cls=_Commands,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="asyncify")
@output_options
def app() -> None:
    """Moves Python code from thread pools and requests to asyncio and aiohttp, checks the result, and measures both.

    \b
    Start with:
      asyncify demo              see it work, without network
      asyncify scan              what is in this project
      asyncify diff              what would change, and why
      asyncify apply             change it (asyncify undo puts it back)
      asyncify verify -- CMD     run before and after, and compare

    Nothing but apply and undo writes to the project; scan, why and diff never import or run the code they read.
    Settings are read from [tool.asyncify] in pyproject.toml.
    """


def main() -> NoReturn:
    """The console command."""
    app()
    raise AssertionError("app() exits")
