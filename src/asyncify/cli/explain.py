"""``asyncify explain``."""

from __future__ import annotations

import difflib

import click
from click.shell_completion import CompletionItem
from rich.text import Text

from asyncify.cli.console import Output
from asyncify.cli.options import output_options
from asyncify.cli.topics import Topic, topics
from asyncify.errors import ExitCode, UsageError
from asyncify.report.pages import contents, page


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(topic.name, help=topic.title) for topic in topics() if topic.name.startswith(incomplete)]


@click.command("explain")
@click.argument("name", required=False, metavar="[RULE]", shell_complete=_complete)
@output_options
@click.pass_obj
def command(output: Output, name: str | None) -> ExitCode:
    """Show the page of a rule: what it rewrites, what it refuses, what differs.

    RULE may also be the code of a refusal, or of an objection of the check. Without it, lists them all.

    \b
    Examples:
      asyncify explain
      asyncify explain requests
      asyncify explain blocking-call
    """
    known = topics()
    if name is None:
        for kind in dict.fromkeys(topic.kind for topic in known):
            output.show(Text(f"{kind}", style="bold"), contents((t.name, t.title) for t in known if t.kind == kind), "")
        return ExitCode.OK
    found = [topic for topic in known if topic.name == name]
    if not found:
        near = difflib.get_close_matches(name, [topic.name for topic in known], n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; asyncify explain lists what there is"
        raise UsageError(f"no rule or code {name!r}{hint}")
    output.show(*(page(_markdown(topic)) for topic in found))
    return ExitCode.OK


def _markdown(topic: Topic) -> str:
    return topic.markdown if topic.markdown.lstrip().startswith("#") else f"# {topic.name}\n\n{topic.markdown}"
