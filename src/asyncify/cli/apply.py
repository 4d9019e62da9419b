"""``asyncify apply``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from asyncify.cli.console import Output
from asyncify.cli.options import chosen_groups, configuration, output_options, paths_argument, plan_options
from asyncify.errors import ExitCode, UsageError
from asyncify.model import Group
from asyncify.report.apply_text import applied, refusal_lines
from asyncify.report.diff_text import group_report, group_summary, problem_list
from asyncify.report.reasons import reason_tree
from asyncify.report.text import counted, safe
from asyncify.report.views import PreviewView


@click.command("apply")
@paths_argument
@click.option("--yes", "-y", is_flag=True, help="Every group, without asking.")
@click.option("--group", "group_ids", multiple=True, metavar="ID", help="This group, without asking. Repeatable.")
@plan_options
@output_options
@click.pass_obj
def command(
    output: Output, /, paths: tuple[Path, ...], yes: bool, group_ids: tuple[str, ...], **options: Any
) -> ExitCode:
    """Migrate: write the groups you choose, each whole or not at all.

    On a terminal, asks group by group. Every change is checked before anything is written, files are replaced
    atomically, and asyncify undo puts them back. What is refused stays as it is, and is listed with a remedy.

    \b
    Examples:
      asyncify apply
      asyncify apply src --yes
      asyncify apply --group 3f2a --group 9c01
    """
    from asyncify import api

    if not (yes or group_ids or interactive()):
        raise UsageError("not a terminal to ask on: say --yes for every group, or --group ID for some")
    paths, config = configuration(paths, **options)
    with output.progress() as progress:
        preview = api.preview(paths, config, progress)
    plan = preview.scan.plan
    groups = chosen_groups(plan, group_ids)
    preview, held = api.without_objections(preview, [group.id for group in groups])
    ready = [group for group in groups if group.id not in held]
    for group in groups:
        if group.id in held:
            output.show(_title(group), problem_list(held[group.id], most=10), error=True)
    chosen = ready if yes or group_ids else ask(output, preview, ready)
    result = api.apply(preview, [group.id for group in chosen]) if chosen else None
    for line in refusal_lines(plan, held):
        output.line(line)
    if result is not None:
        output.show(applied(result, plan, preview.notes))
    elif ready or held:
        output.line("Nothing written.")
    else:
        output.line("Nothing to do: nothing here can be moved." if plan.refusals or plan.sites else "Nothing to do.")
    if plan.refusals:
        output.line(f"{counted(len(plan.refusals), 'refusal')}; asyncify explain CODE says more about each.")
    for diagnostic in preview.scan.diagnostics:
        output.line(safe(f"asyncify: left out {diagnostic.path}: {diagnostic.message}"), error=True)
    return ExitCode.CHECK if held else ExitCode.OK


def interactive() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask(output: Output, preview: PreviewView, groups: Sequence[Group]) -> Sequence[Group]:
    """The groups the user says yes to; none if he quits. Raises :class:`click.Abort` where the input ends."""
    changes = {change.group: change for change in preview.changes}
    chosen: list[Group] = []
    for number, group in enumerate(groups, 1):
        output.show(Text(), _title(group), group_summary(group), reason_tree(group.reason, "why"))
        while True:
            answer = _answer(number, len(groups))
            if answer == "d":
                problems = preview.problems.get(group.id, ())
                output.show(group_report(group, changes.get(group.id), problems))
                continue
            break
        if answer == "q":
            return []
        if answer == "a":
            return [*chosen, *groups[number - 1 :]]
        if answer == "y":
            chosen.append(group)
    return chosen


def _title(group: Group) -> Text:
    return Text.assemble("Group ", safe(group.id, "bold magenta"), "  ", safe(group.title, "bold"))


def _answer(number: int, total: int) -> str:
    question = f"({number}/{total}) write it? [y]es, [n]o, [a]ll, [d]iff, [q]uit"
    while True:
        said = str(click.prompt(question, prompt_suffix=": ")).strip().lower()
        if said in {"y", "n", "a", "d", "q", "yes", "no", "all", "diff", "quit"}:
            return said[0]
        click.echo("y: write it; n: leave it; a: this and all that follow; d: show the diff; q: quit and write nothing")
