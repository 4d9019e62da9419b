"""Options and arguments that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from asyncify.cli.console import Output
from asyncify.config import BoundaryKind, Config, Http, Web, load
from asyncify.errors import UsageError
from asyncify.model import Group, Plan

F = TypeVar("F", bound=Callable[..., Any])

paths_argument = click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(exists=True, path_type=Path))


def output_options(command: F) -> F:
    """``--color`` and ``--debug``, accepted before and behind the command's name."""

    def remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value is not None:
            setattr(context.ensure_object(Output), parameter.name, value)

    for option in (
        click.option(
            "--debug",
            is_flag=True,
            default=None,
            expose_value=False,
            callback=remember,
            help="Show the traceback of an error (or set ASYNCIFY_DEBUG).",
        ),
        click.option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            expose_value=False,
            callback=remember,
            help="Colours: on a terminal (auto, the default; NO_COLOR turns them off), always, or never.",
        ),
    ):
        command = option(command)
    return command


def plan_options(command: F) -> F:
    """What shapes a plan; each overrides ``[tool.asyncify]``."""
    for option in (
        click.option(
            "--exclude",
            multiple=True,
            metavar="PATTERN",
            help="Leave out files that match, as in a .gitignore. Repeatable.",
        ),
        click.option(
            "--boundary",
            type=click.Choice(["entry", "fan-out"]),
            help="Change all up to the entry points (the default), or only what the owners of pools run.",
        ),
        click.option(
            "--stop-at",
            multiple=True,
            metavar="FUNCTION",
            help="Keep this function's synchronous form; what calls it stays as it is. Repeatable.",
        ),
        click.option(
            "--sync-api",
            multiple=True,
            metavar="PATTERN",
            help="Keep the synchronous form of these (pkg.client.*) beside an asynchronous one. Repeatable.",
        ),
        click.option(
            "--http",
            type=click.Choice(["auto", "native", "compat"]),
            help="Plain aiohttp, or requests' own responses carried by aiohttp (auto: native where exact).",
        ),
        click.option(
            "--web",
            type=click.Choice(["keep", "quart"]),
            help="Applications of Flask: keep it (the default), or move them to Quart as a whole.",
        ),
        click.option(
            "--parallelize",
            type=click.IntRange(min=0),
            metavar="N",
            help="Send up to N requests of a loop at once where they are independent. Review what it proposes.",
        ),
        click.option("--no-cache", is_flag=True, help="Neither use nor keep results in the user's cache folder."),
    ):
        command = option(command)
    return command


def configuration(
    paths: tuple[Path, ...],
    http: str | None = None,
    stop_at: tuple[str, ...] = (),
    sync_api: tuple[str, ...] = (),
    boundary: str | None = None,
    exclude: tuple[str, ...] = (),
    parallelize: int | None = None,
    no_cache: bool = False,
    web: str | None = None,
) -> tuple[tuple[Path, ...], Config]:
    """The paths to read (the current folder by default) and what holds for them.

    The command line overrides ``[tool.asyncify]``; lists add to it. Raises :class:`UsageError`.
    """
    paths = paths or (Path(),)
    config = load(paths[0])
    others = [load(path) for path in paths[1:]]
    for path, other in zip(paths[1:], others, strict=True):
        if other.file != config.file:
            raise UsageError(f"{paths[0]} and {path} belong to different projects ({config.root}, {other.root})")
    if config.file is None and others:  # no project file anywhere: what they have in common is the project
        config = replace(config, root=_common([config.root, *(other.root for other in others)]))
    return paths, replace(
        config,
        http=cast(Http, http) if http else config.http,
        boundary=cast(BoundaryKind, boundary) if boundary else config.boundary,
        stop_at=(*config.stop_at, *stop_at),
        sync_api=(*config.sync_api, *sync_api),
        extend_exclude=(*config.extend_exclude, *exclude),
        web=cast(Web, web) if web else config.web,
        parallelize=config.parallelize if parallelize is None else parallelize,
        cache=not no_cache,
    )


def _common(folders: list[Path]) -> Path:
    try:
        return Path(os.path.commonpath(folders))
    except ValueError as error:  # several drives
        raise UsageError(f"the paths have no folder in common: {', '.join(map(str, folders))}") from error


def chosen_groups(plan: Plan, wanted: tuple[str, ...]) -> tuple[Group, ...]:
    """The groups with the ids that the user wants, all of them by default. Raises :class:`UsageError`."""
    known = {group.id: group for group in plan.groups}
    for group_id in wanted:
        if group_id not in known:
            raise UsageError(f"no group {group_id!r} (there are: {', '.join(known) or 'none'})")
    return tuple(group for group in plan.groups if not wanted or group.id in wanted)
