"""``asyncify why``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from asyncify.cli.console import Output
from asyncify.cli.options import configuration, output_options, plan_options
from asyncify.errors import ExitCode, UsageError


@click.command("why")
@click.argument("function")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(exists=True, path_type=Path))
@plan_options
@output_options
@click.pass_obj
def command(output: Output, /, function: str, paths: tuple[Path, ...], **options: Any) -> ExitCode:
    """Show why FUNCTION becomes async, or why it stays sync.

    FUNCTION is a name (fetch), a dotted tail of it (Client.fetch) or the whole of it (app.client.Client.fetch). Two
    chains are shown: because of what it has its colour, and what follows from that for its callers.

    \b
    Examples:
      asyncify why fetch
      asyncify why Client.fetch src
    """
    from asyncify import api
    from asyncify.report.why_text import why_report

    paths, config = configuration(paths, **options)
    result = api.why(paths, config, function)
    if not result.matches:
        hint = f"; did you mean {' or '.join(result.suggestions)}?" if result.suggestions else ""
        raise UsageError(f"no function {function!r} in {', '.join(map(str, paths))}{hint}")
    output.show(why_report(result))
    return ExitCode.OK
