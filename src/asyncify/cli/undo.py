"""``asyncify undo``."""

from __future__ import annotations

from pathlib import Path

import click

from asyncify.cli.console import Output
from asyncify.cli.options import output_options
from asyncify.config import load
from asyncify.errors import ExitCode
from asyncify.report.apply_text import restored
from asyncify.write import find_root, undo


@click.command("undo")
@click.argument("path", default=".", type=click.Path(exists=True, path_type=Path))
@click.option("--force", is_flag=True, help="Also over files that were edited since; those edits are lost.")
@output_options
@click.pass_obj
def command(output: Output, path: Path, force: bool) -> ExitCode:
    """Put back what the last apply changed, byte for byte.

    Also finishes what a killed apply left behind. Stops, and changes nothing, if a file was edited since (exit 6).

    \b
    Examples:
      asyncify undo
      asyncify undo path/to/project --force
    """
    result = undo(find_root(path) or load(path).root, force=force)
    output.show(restored(result))
    return ExitCode.OK
