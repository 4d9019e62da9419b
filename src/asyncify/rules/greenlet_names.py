"""What a library of greenlets offers, as tables: the rules for gevent and eventlet are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from asyncify.rules.base import RefusalCode
from asyncify.rules.objects import Kind


@dataclass(frozen=True, slots=True)
class Starter:
    """A function or method that runs another one: the position of that argument, the keyword of callbacks beside it."""

    job: int | None = 0
    callbacks: tuple[tuple[int | None, str], ...] = ()  # position and keyword of functions that get the result
    goes_on: bool = True  # what it starts goes on after it has returned
    on_loop: bool = False  # what it runs is called by the event loop and cannot wait


@dataclass(frozen=True, slots=True)
class Library:
    """One library of greenlets.

    ``names``: what stands for each function, class and exception. ``functions`` are those that are awaited, ``starters``
    those that run functions, ``iterators`` the types that are read one by one, ``current`` what needs a coroutine around it.
    """

    rule: str
    module: str
    names: Mapping[str, str]
    functions: frozenset[str]
    sleeps: frozenset[str]
    kinds: Mapping[str, Kind]
    starters: Mapping[str, Starter]
    iterators: frozenset[str]
    iterable: frozenset[str]  # classes of which the objects themselves are read by a loop
    plain_with: frozenset[str]  # classes whose `with` statement waits for nothing
    current: frozenset[str]
    patches: Mapping[str, frozenset[str]]  # by function, what it makes cooperative
    takes: frozenset[str]  # calls that objects of the library may be given to
    makers: Mapping[str, str] = field(default_factory=dict)  # functions that make an object, beside its class
    only_named: bool = False  # a keyword that is true patches that part alone
    always: bool = False  # importing it patches the program


ESCAPES = RefusalCode(
    "greenlet-escapes",
    "A greenlet, or something of its library, is used in a way that has no counterpart.",
    "Use the functions and methods named on this rule's page, and keep their objects inside this project's functions.",
)
UNPATCHED = RefusalCode(
    "greenlets-unpatched",
    "Greenlets run one after the other here: what they wait in does not let others go on.",
    "Call monkey.patch_all() at the top of the program if they are to run at the same time, or call the functions directly.",
)
REMAINS = RefusalCode(
    "patched-calls-remain",
    "The monkey patches cannot be removed: something that depends on them would remain.",
    "Move that call to an asyncio library by hand, or give it a program of its own.",
)
