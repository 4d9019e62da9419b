"""A small plan with everything a report can meet, hostile names included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asyncify.model import (
    Await,
    FileChange,
    Group,
    GroupChange,
    MakeAsync,
    Plan,
    Reason,
    Refusal,
    Site,
    Span,
    Verdict,
    Witness,
)

HOSTILE = "pkg/[red]\x1b[31m<script>alert(1)</script>.py"
ESCAPE = "\x1b]0;owned\x07"


@dataclass(frozen=True)
class Diagnostic:
    path: str
    line: int | None
    message: str


@dataclass(frozen=True)
class Problem:
    code: str
    span: Span
    message: str
    fatal: bool = True


@dataclass(frozen=True)
class Scan:
    plan: Plan
    root: Path = Path("/project")
    files: int = 12
    lines: int = 3456
    seconds: float = 0.25
    diagnostics: Sequence[Diagnostic] = ()
    functions_changed: int = 2


@dataclass(frozen=True)
class Preview:
    scan: Scan
    changes: tuple[GroupChange, ...]
    problems: Mapping[str, Sequence[Problem]] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Written:
    groups: Sequence[str]
    changed: Sequence[str] = ()
    created: Sequence[str] = ()
    removed: Sequence[str] = ()


@dataclass(frozen=True)
class Why:
    matches: Sequence[Witness]
    suggestions: Sequence[str] = ()


def span(path: str, line: int, column: int = 4) -> Span:
    return Span(path, line, column, line, column + 10)


BEFORE = b"""import requests


def fetch(url):
    # keep me
    return requests.get(url).text


def main():
    print(fetch("http://localhost/"))
"""
AFTER = b"""import aio_requests


async def fetch(url):
    # keep me
    return (await aio_requests.get(url)).text


async def main():
    print(await fetch("http://localhost/"))
"""


def plan() -> Plan:
    """One group over two files with exact and review sites, one refusal inside, one outside."""
    io = Reason("requests.get waits for the network", span("app.py", 6, 11))
    because = Reason("main calls fetch", span("app.py", 10, 10), io)
    edits = (
        MakeAsync(span("app.py", 4, 0), io),
        Await(span("app.py", 6, 11), io),
        Await(span(HOSTILE, 3), because),
    )
    sites = (
        Site("requests", span("app.py", 6, 11), "app.fetch", Verdict.EXACT, io, "g1"),
        Site(
            "requests", span(HOSTILE, 3), f"pkg.{ESCAPE}", Verdict.REVIEW, because, "g1", "when the header is not ASCII"
        ),
    )
    inside = Refusal("unclear-sleep", span("app.py", 8), "[bold]what is it?", "Call it by its name.", io)
    outside = Refusal("streaming", span("stream.py", 7), f"stream=True {ESCAPE}", "Read the body at once.", because)
    refused = Site("requests", span("stream.py", 7), "stream.read", Verdict.REFUSE, because)
    alone = Site("time_sleep", span("tick.py", 2), "tick.wait", Verdict.REFUSE, Reason("a callback of foreign code"))
    group = Group("g1", "app.fetch and its callers [/]", because, edits, sites, (inside,))
    return Plan((group,), (*sites, refused, alone), (inside, outside))


def scan() -> Scan:
    return Scan(plan(), diagnostics=(Diagnostic("old.py", 3, "invalid syntax: print 'x'"),))


def preview() -> Preview:
    evil_before = f"x = '<script>{ESCAPE}'  # [red]\r\nfetch(x)\r\n".encode()
    evil_after = f"x = '<script>{ESCAPE}'  # [red]\r\nawait fetch(x)\r\n".encode()
    changes = (
        FileChange("app.py", BEFORE, AFTER),
        FileChange(HOSTILE, evil_before, evil_after),
        FileChange("aio_requests.py", None, b'"""Support."""\n\nimport aiohttp\n'),
    )
    return Preview(scan(), (GroupChange("g1", changes),), notes=("list aiohttp",))
