"""Programs that fork stay synchronous.

## What it refuses

After `os.fork()` both processes go on with the code that follows. With an event loop they would share its descriptors and its connections,
and get each other's answers. So all code that a program runs which calls `os.fork`, `os.forkpty` or `pty.fork` stays as it is.

## What it keeps

`multiprocessing` starts a process at a function of its own, which starts its own event loop.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.model import Reason, Refusal
from asyncify.rules.base import Block, Finding, RefusalCode, Rule, function_node
from asyncify.rules.facts import Facts
from asyncify.rules.signals import program_of

NAMES = ("os.fork", "os.forkpty", "pty.fork")
FORKS = RefusalCode(
    "forks",
    "The program forks; both processes would go on with one event loop and its connections.",
    "Start the other process with multiprocessing or subprocess.",
)


def match(facts: Facts) -> Iterator[Finding]:
    """All functions of programs that fork."""
    for call in facts.calls_of(NAMES):
        reason = Reason("the process is forked here", call.span)
        for function in sorted(program_of(facts, call.within)):
            refusal = Refusal(FORKS.code, call.span, FORKS.title, FORKS.remedy, reason)
            yield Block(function_node(function), refusal, "forks", function)


RULE = Rule(
    id="forks",
    title="Programs that fork",
    doc=__doc__,
    catalogue=Catalogue(signatures={name: Signature() for name in NAMES}),
    match=match,
    refusals=(FORKS,),
    starts={},
)
