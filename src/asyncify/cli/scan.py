"""``asyncify scan``."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import click

from asyncify.cli.console import Output
from asyncify.cli.options import configuration, output_options, paths_argument, plan_options
from asyncify.errors import ExitCode
from asyncify.model import Plan, Verdict


@click.command("scan")
@paths_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people, or for programs (schema asyncify.scan/1).",
)
@plan_options
@click.option(
    "--fail-on",
    type=click.Choice(["refuse", "review", "any"]),
    help="Exit 1 if anything is refused, needs review (or is refused), or is there to move at all.",
)
@output_options
@click.pass_obj
def command(output: Output, /, paths: tuple[Path, ...], form: str, fail_on: str | None, **options: Any) -> ExitCode:
    """Say what is here, what can move to asyncio, and why or why not.

    Reads the files below each PATH (the current folder by default). Writes nothing; never imports
    or runs what it reads.

    \b
    Examples:
      asyncify scan
      asyncify scan src --exclude 'src/vendored/'
      asyncify scan --format json | jq '.refusals[].code'
      asyncify scan --fail-on any        # in CI: no blocking I/O creeps back in
    """
    from asyncify import api

    paths, config = configuration(paths, **options)
    with output.progress() as progress:
        result = api.scan(paths, config, progress)
    gc.freeze()  # what is left of the index goes with the process, and is not searched for cycles before
    if form == "json":
        from asyncify.report.scan_json import scan_json

        sys.stdout.write(scan_json(result))
    else:
        from asyncify.report.scan_text import scan_report

        output.show(scan_report(result))
    if fail_on and found(result.plan, fail_on):
        return ExitCode.FINDINGS
    return ExitCode.INPUT if result.diagnostics else ExitCode.OK


def found(plan: Plan, level: str) -> bool:
    """Whether the plan holds something of that level (``refuse``, ``review`` or ``any``)."""
    verdicts = {site.verdict for site in plan.sites}
    levels = {
        "refuse": {Verdict.REFUSE},
        "review": {Verdict.REFUSE, Verdict.REVIEW},
        "any": set(Verdict) - {Verdict.KEEP},
    }
    return bool(plan.refusals or verdicts & levels[level])
