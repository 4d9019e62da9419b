"""The options of ``asyncify verify`` that say what becomes of requests."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from asyncify.errors import ExitCode, UsageError
from asyncify.verify.rehearse import Answers
from asyncify.verify.services import Load


def load_options(function: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
    """Add the options for services; the function gets them as ``service`` (a command, or nothing) and ``load``."""

    @click.option("--service", metavar="CMD", help="Start this service instead of a program, and put a load on it.")
    @click.option("--load", "urls", multiple=True, metavar="URL", help="A URL of the service to ask. Repeatable.")
    @click.option("--clients", type=click.IntRange(1), default=10, show_default=True, help="How many ask at a time.")
    @click.option("--requests", type=click.IntRange(1), default=1000, show_default=True, help="Requests in each run.")
    @wraps(function)
    def command(
        *args: Any, service: str | None, urls: tuple[str, ...], clients: int, requests: int, **rest: Any
    ) -> ExitCode:
        if bool(service) != bool(urls):
            raise UsageError("--service CMD and --load URL go together")
        if wrong := next((url for url in urls if not re.match(r"https?://[^/]", url)), None):
            raise UsageError(f"{wrong!r} is no URL: say http://127.0.0.1:8000/page")
        try:
            words = tuple(shlex.split(service or ""))
        except ValueError as error:
            raise UsageError(f"--service {service!r}: {error}") from None
        load = Load(urls, clients, requests) if urls else None
        return function(*args, service=words, load=load, **rest)

    return command


def pattern(text: str) -> str:
    """A regular expression. Raises :class:`click.BadParameter`."""
    try:
        re.compile(text)
    except re.error as error:
        raise click.BadParameter(f"{text!r} is no regular expression: {error}") from None
    return text


def port(text: str) -> str:
    """A port, perhaps with the address of this machine: ``9200``, ``127.0.0.1:9200``. Raises :class:`click.BadParameter`."""
    address, _, number = text.rpartition(":")
    if not number.isdecimal() or not 0 < int(number) < 65536 or not re.fullmatch(r"[0-9.]*|localhost", address):
        raise click.BadParameter(f"{text!r} is no port: say 9200 or 127.0.0.1:9200")
    return text


def requests_options(function: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
    """Add the options; the function gets them as ``answers`` (and ``header``)."""

    @click.option(
        "--cassette",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Answer all HTTP requests from this recording; record it first if it is not there.",
    )
    @click.option(
        "--record", is_flag=True, help="Record anew, from the real servers, with a run of the version before."
    )
    @click.option("--offline", is_flag=True, help="Never touch the network.")
    @click.option("--no-redact", is_flag=True, help="Leave secrets in the recording.")
    @click.option(
        "--port",
        "ports",
        multiple=True,
        type=port,
        metavar="[ADDRESS:]PORT",
        help="A port that the program asks, of any host or of this machine, if it is no usual one. Repeatable.",
    )
    @click.option(
        "--ignore",
        "ignored",
        multiple=True,
        type=pattern,
        metavar="PATTERN",
        help="What may differ in output, files and requests: a regular expression. Repeatable.",
    )
    @click.option(
        "--header", multiple=True, metavar="NAME", help="A request header that has to be the same, too. Repeatable."
    )
    @wraps(function)
    def command(
        *args: Any,
        cassette: Path | None,
        record: bool,
        offline: bool,
        no_redact: bool,
        ports: tuple[str, ...],
        ignored: tuple[str, ...],
        **rest: Any,
    ) -> ExitCode:
        answers = Answers(cassette, record, offline, not no_redact, ports, ignored)
        return function(*args, answers=answers, **rest)

    return command
