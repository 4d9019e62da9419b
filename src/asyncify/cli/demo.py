"""``asyncify demo``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click
from rich.text import Text

from asyncify.cli.console import Output, TerminalProgress
from asyncify.cli.options import output_options
from asyncify.config import Config
from asyncify.errors import ExitCode
from asyncify.report.apply_text import refusal_lines
from asyncify.report.diff_text import diff_report
from asyncify.report.scan_text import scan_report
from asyncify.report.text import counted, safe


@click.command("demo")
@click.option("--days", type=click.IntRange(1), default=100, show_default=True, help="Jobs: each is two requests.")
@click.option("--workers", type=click.IntRange(1), default=10, show_default=True, help="Jobs in flight at a time.")
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True, help="Measured runs of each form.")
@click.option(
    "--latency",
    type=click.FloatRange(0),
    default=0.03,
    show_default=True,
    metavar="SECONDS",
    help="What the server waits before each answer.",
)
@click.option("--uvloop", is_flag=True, help="Measure the migrated form on uvloop's event loop, too.")
@click.option(
    "--keep",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Leave all forms of the program in this new folder.",
)
@output_options
@click.pass_obj
def command(
    output: Output, days: int, workers: int, runs: int, latency: float, uvloop: bool, keep: Path | None
) -> ExitCode:
    """Migrate a bundled thread-pool program, and measure it against threads, gevent and the sequential form.

    Everything happens in a scratch folder and on a server of this machine; no network is used. The figures printed
    are those measured here and now, also where asyncio does not win.

    \b
    Examples:
      asyncify demo
      asyncify demo --workers 100 --days 1000
      asyncify demo --workers 1000 --days 1000 --latency 2 --uvloop
      asyncify demo --keep ./asyncify-demo
    """
    from asyncify.demo import run_demo
    from asyncify.report.verify_text import comparison_report

    with ExitStack() as stack:
        bars: list[TerminalProgress] = []

        def tell(name: str, done: int, total: int) -> None:
            if not bars:  # not before: what migrating prints would run into the bar
                bars.append(stack.enter_context(output.progress()))
                bars[0].stage("measuring", total)
            elif done:
                bars[0].advance()

        result = run_demo(
            lambda folder: migrate(output, folder),
            keep=keep,
            days=days,
            workers=workers,
            runs=runs,
            latency=latency,
            uvloop=uvloop,
            progress=tell,
        )
    output.show(
        _step("4. Sequential, threads, gevent and the migrated program, side by side"),
        Text(f"{counted(days, 'day')}, {workers} at a time, {result.latency * 1000:.0f} ms latency\n", style="dim"),
        comparison_report(result.comparison),
        Text(),
        *(safe(finding) for finding in result.findings),
    )
    for form, why in result.missing.items():
        output.show(safe(f"{form}: not measured, {why}", "yellow"))
    if not result.forms_agree:
        output.show(Text("The hand-written forms did not all do the same; do not compare their costs.", style="red"))
    if result.folder is not None:
        output.line(safe(f"The programs are in {result.folder}"))
    return ExitCode.OK if result.same and result.forms_agree else ExitCode.FINDINGS


def migrate(output: Output, folder: Path) -> None:
    """Scan, diff and apply in `folder`, saying what is done as the commands of these names do."""
    from asyncify import api

    preview = api.preview((folder,), Config(folder))  # not `load`: a project around the folder is none of the demo's
    output.show(_step("1. asyncify scan, of the form that uses a pool of threads"), scan_report(preview.scan))
    output.show(_step("2. asyncify diff"), diff_report(preview, preview.scan.plan.groups))
    output.show(_step("3. asyncify apply"))
    written = api.apply(preview)
    for line in refusal_lines(preview.scan.plan):
        output.line(line)
    output.line(safe(f"Written: {', '.join((*written.changed, *written.created)) or 'nothing'}"))


def _step(text: str) -> Text:
    return Text(f"\n{text}\n", style="bold underline")
