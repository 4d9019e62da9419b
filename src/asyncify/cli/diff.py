"""``asyncify diff``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from asyncify.cli.console import Output
from asyncify.cli.options import chosen_groups, configuration, output_options, paths_argument, plan_options
from asyncify.errors import ExitCode, UsageError, WriteError
from asyncify.report.text import safe


@click.command("diff")
@paths_argument
@click.option("--group", "group_ids", multiple=True, metavar="ID", help="Only this group. Repeatable.")
@click.option(
    "--unified",
    "-U",
    "context",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    metavar="N",
    help="Lines of context.",
)
@click.option("--plain", is_flag=True, help="Nothing but a unified diff, for git apply or patch -p1.")
@click.option(
    "--html",
    "html_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report to one self-contained HTML file.",
)
@plan_options
@output_options
@click.pass_obj
def command(
    output: Output,
    /,
    paths: tuple[Path, ...],
    group_ids: tuple[str, ...],
    context: int,
    plain: bool,
    html_file: Path | None,
    **options: Any,
) -> ExitCode:
    """Show what apply would do, group by group: why, where, how, and what is left alone.

    Writes nothing to the project; exits 0 whether or not there is something to do.

    \b
    Examples:
      asyncify diff
      asyncify diff src --group 3f2a
      asyncify diff --html migration.html
      asyncify diff --plain | git apply
    """
    from asyncify import api
    from asyncify.report.diff_text import closing, diff_report

    if plain and html_file:
        raise UsageError("--plain and --html exclude each other")
    paths, config = configuration(paths, **options)
    with output.progress() as progress:
        preview = api.preview(paths, config, progress)
    groups = chosen_groups(preview.scan.plan, group_ids)
    if group_ids:  # alone, not on top of the groups before it
        alone = api.rewrite(preview.scan, [group.id for group in groups])
        preview = replace(preview, changes=alone)
    if plain:
        from asyncify.report.diffs import patch

        output.raw(patch([file for change in preview.changes for file in change.changes], context))
    elif html_file:
        from asyncify.report.diff_html import diff_html

        try:
            html_file.write_text(diff_html(preview, groups, context), encoding="utf-8")
        except OSError as error:
            raise WriteError(f"{html_file}: {error.strerror or error}") from error
        output.line(safe(f"wrote {html_file}"))
    else:
        output.show(diff_report(preview, groups, context))
        output.show(closing(groups) if groups else "Nothing to move.")
    return ExitCode.INPUT if preview.scan.diagnostics else ExitCode.OK
