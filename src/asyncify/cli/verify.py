"""``asyncify verify``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

import click

from asyncify.cli.console import Output, TerminalProgress
from asyncify.cli.options import output_options
from asyncify.cli.verify_files import report_options, write_comparison, write_verification
from asyncify.cli.verify_options import load_options, requests_options
from asyncify.errors import ExitCode, UsageError
from asyncify.verify.behaviour import HEADERS, Pattern
from asyncify.verify.compare import Progress, Variant, verify
from asyncify.verify.compare import compare as compare_variants
from asyncify.verify.rehearse import Answers, rehearsed
from asyncify.verify.services import Load
from asyncify.verify.sources import Revision, Snapshot, Source
from asyncify.write import before_snapshot, find_root


class _Command(click.Command):
    """Keeps what stands behind ``--`` apart: it is the program to run, options and all."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            args, ctx.meta["program"] = args[:at], tuple(args[at + 1 :])
        return super().parse_args(ctx, args)


def share(text: str) -> float:
    """A share of the whole: ``20%`` or ``0.2``. Raises :class:`click.BadParameter`."""
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise click.BadParameter(f"{text!r} is no share: say 20% or 0.2")
    return value


@click.command("verify", cls=_Command, options_metavar="[OPTIONS]")
@click.argument(
    "path", default=".", metavar="[PATH] -- CMD...", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--before",
    metavar="DIR|git:REV",
    help="The version to compare with: a folder or a git revision. Default: as it was before the last apply.",
)
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True, help="Measured runs of each version.")
@click.option("--warmup", type=click.IntRange(0), default=1, show_default=True, help="Runs of each thrown away first.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="Longest time of one run.",
)
@click.option(
    "--compare",
    multiple=True,
    metavar="NAME=CMD",
    help="Lay commands side by side instead, each in a copy of PATH. Repeat it for each variant.",
)
@report_options
@click.option(
    "--require-memory-saving", type=share, metavar="SHARE", help="Fail unless peak memory falls by this much (20%)."
)
@click.option(
    "--require-cpu-saving", type=share, metavar="SHARE", help="Fail unless CPU time falls by this much (30%)."
)
@click.option(
    "--max-slowdown",
    type=click.FloatRange(0, min_open=True),
    metavar="FACTOR",
    help="Fail if it takes longer than this (1.1).",
)
@requests_options
@load_options
@output_options
@click.pass_context
def command(
    context: click.Context,
    /,
    path: Path,
    before: str | None,
    runs: int,
    warmup: int,
    timeout: float,
    compare: tuple[str, ...],
    require_memory_saving: float | None,
    require_cpu_saving: float | None,
    max_slowdown: float | None,
    answers: Answers,
    service: tuple[str, ...],
    load: Load | None,
    header: tuple[str, ...],
    **reports: Path | None,
) -> ExitCode:
    """Run CMD in the version before and in the version now, in turn, and compare.

    Both run as whole processes in scratch copies of PATH (the current folder by default). Compared are exit code,
    output and files written, with a recording also all requests; measured are peak memory, CPU and time of the whole process
    tree. Exits 1 if the behaviour differs or a demand is not met.

    \b
    Examples:
      asyncify verify -- python -m app sync --days 100
      asyncify verify --cassette tape.yaml -- python -m app sync --days 100
      asyncify verify --before git:main --require-cpu-saving 30% -- python job.py
      asyncify verify ./project --before ../project-sync -- pytest -q
      asyncify verify --html report.html --png memory.png -- python job.py
      asyncify verify --service "python -m shop.web" --load http://127.0.0.1:8000/items --clients 50
      asyncify verify --compare "threads=python job.py" --compare "asyncio=python job_async.py"
    """
    output = context.ensure_object(Output)
    program = context.meta.get("program", ())
    path = path.absolute()
    if compare:
        gates = (require_memory_saving, require_cpu_saving, max_slowdown)
        if program or before or service or answers.wanted or any(gate is not None for gate in gates):
            raise UsageError(
                "--compare takes its commands itself, and no version before: "
                "leave out -- CMD, --service, --before, recordings and demands"
            )
        variants = named_commands(compare, path)
        with output.progress() as progress:
            comparison = compare_variants(
                variants, runs=runs, warmup=warmup, timeout=timeout, progress=_teller(progress)
            )
        from asyncify.report.verify_text import comparison_report

        output.show(comparison_report(comparison))
        write_comparison(comparison, **reports)
        return ExitCode.OK
    if service and program:
        raise UsageError("either --service CMD or -- CMD, not both")
    program = service or program
    if not program:
        raise UsageError("what shall run? asyncify verify -- CMD (for example: asyncify verify -- pytest)")
    source = version(before, path)
    with output.progress() as progress, ExitStack() as stack:
        server, notes = None, tuple[str, ...]()
        if answers.wanted:
            if answers.recording:
                progress.stage("recording", 1)
            server, notes = stack.enter_context(rehearsed(answers, Variant(source, tuple(program)), timeout))
        result = verify(
            source,
            path,
            program,
            runs=runs,
            warmup=warmup,
            timeout=timeout,
            server=server,
            load=load,
            headers=(*HEADERS, *(name.lower() for name in header)),
            patterns=[Pattern(pattern, "…") for pattern in answers.ignored],
            notes=notes,
            require_memory_saving=require_memory_saving,
            require_cpu_saving=require_cpu_saving,
            max_slowdown=max_slowdown,
            progress=_teller(progress),
        )
    from asyncify.report.verify_text import verify_report

    output.show(verify_report(result))
    write_verification(result, source, path, **reports)
    return ExitCode.OK if result.ok else ExitCode.FINDINGS


def _teller(progress: TerminalProgress) -> Progress:
    """Runs as steps of a progress bar."""

    def tell(name: str, done: int, total: int) -> None:
        if done == 0:
            progress.stage("running", total)
        else:
            progress.advance(1)

    return tell


def named_commands(texts: Sequence[str], path: Path) -> dict[str, Variant]:
    """What ``--compare`` means: commands by name, split as a shell does. Raises :class:`UsageError`."""
    variants: dict[str, Variant] = {}
    for text in texts:
        name, equals, line = text.partition("=")
        try:
            command = tuple(shlex.split(line))
        except ValueError as error:
            raise UsageError(f"--compare {text!r}: {error}") from None
        if not (name.strip() and equals and command):
            raise UsageError(f"--compare {text!r}: say NAME=CMD, for example 'threads=python job.py'")
        if name in variants:
            raise UsageError(f"--compare: two variants are called {name!r}")
        variants[name] = Variant(path, command)
    return variants


def version(text: str | None, path: Path) -> Source:
    """What ``--before`` means: a folder, a revision of `path`, or `path` before the last apply (None).

    Raises :class:`UsageError` where there is no such thing.
    """
    if text is None:
        root = find_root(path)
        if root is None:
            raise UsageError(f"nothing was applied in {path}: say --before DIR or --before git:REV")
        return Snapshot(path, _below(before_snapshot(root), root, path))
    if text.startswith("git:"):
        return Revision(path, text.removeprefix("git:"))
    if not Path(text).is_dir():
        raise UsageError(f"no such folder: {text} (for a git revision say git:{text})")
    return Path(text).absolute()


def _below(files: dict[str, bytes | None], root: Path, folder: Path) -> dict[str, bytes | None]:
    """Those files of the tree at `root` that lie below `folder`, relative to it."""
    prefix = PurePosixPath(folder.relative_to(root).as_posix())
    return {
        PurePosixPath(name).relative_to(prefix).as_posix(): data
        for name, data in files.items()
        if PurePosixPath(name).is_relative_to(prefix)
    }
