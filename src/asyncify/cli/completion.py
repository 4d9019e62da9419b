"""``asyncify completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from asyncify.cli.options import output_options
from asyncify.errors import InternalError


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@output_options
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    It works through the environment variable _ASYNCIFY_COMPLETE, as click's completion does.

    \b
    Install it:
      bash   asyncify completion bash > ~/.local/share/bash-completion/completions/asyncify
      zsh    asyncify completion zsh > ~/.zfunc/_asyncify      # a folder in $fpath
      fish   asyncify completion fish > ~/.config/fish/completions/asyncify.fish
    """
    completion = get_completion_class(shell)
    if completion is None:
        raise InternalError(f"click knows no completion for {shell}")
    # Not `source_vars` of a bare call: bash's class asks a bash for its version before it prints, and warns.
    click.echo(
        completion.source_template
        % completion(context.find_root().command, {}, "asyncify", "_ASYNCIFY_COMPLETE").source_vars()
    )
