"""The words of the check: what a problem is, and the registry of its codes."""

from __future__ import annotations

from dataclasses import dataclass

from asyncify.model import Span

CODES: dict[str, str] = {
    "does-not-compile": "The changed file is not valid Python.",
    "unawaited-coroutine": "A coroutine is created and neither awaited nor scheduled.",
    "coroutine-returned": "A function hands an un-awaited coroutine to its caller, who expects the value.",
    "async-iteration": "An asynchronous iterable is used by a plain `for` or by a consumer of plain iterables.",
    "async-context": "An asynchronous context manager is entered by a plain `with`.",
    "async-callback": "An async function is handed to something that calls it and ignores the coroutine.",
    "async-decorated": "A decorator that knows plain functions only is put on an `async def`.",
    "async-dunder": "A special method that Python calls synchronously is an `async def`.",
    "async-override": "An override and the method it overrides differ in being async.",
    "await-sync": "Something that is not awaitable is awaited.",
    "half-made": "An object is made without the coroutine that gives it its attributes.",
    "awaited-twice": "The same coroutine object is awaited more than once.",
    "async-for-sync": "`async for` runs over something that is only iterable synchronously.",
    "async-with-sync": "`async with` enters something that is only a synchronous context manager.",
    "sync-as-coroutine": "A plain function is handed or declared where a coroutine function is expected.",
    "blocking-call": "A blocking call runs on the event loop's thread.",
    "blocking-chain": "An async function calls a plain function that blocks.",
    "nested-run": "An event loop is started from code that already runs on one.",
    "lock-over-await": "A threading lock is held across an await.",
    "module-taken": "A module of the project has the name of one that asyncify adds.",
    "test-lost": "A file has fewer tests than before.",
    "assert-lost": "A file has fewer assertions than before.",
    "hollow-test": "An async test is collected by a runner that never awaits it.",
    "async-setup": "A fixture method is async in a test case that calls it synchronously.",
    "unmarked-async-test": "An async test or fixture has neither a marker nor a configured plugin to run it.",
    "name-lost": "A module or class no longer defines a function or class it defined before.",
    "unbound-name": "A name is used that nothing binds any more.",
    "broken-import": "A name is taken from a module of the tree that does not have it any more.",
    "name-added": "A module or class defines a function or class it did not define before.",
    "needless-async": "A function became async but awaits nothing.",
    "unused-import": "An import is no longer used, or a new one never is.",
    "await-in-augmented": "Shared state is read before an await and written after it, in one augmented assignment.",
}
"""Every code, with its meaning in one sentence."""

NOTES: frozenset[str] = frozenset({"name-added", "needless-async", "unused-import", "await-in-augmented"})
"""Codes that do not keep a change from being written."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One objection: a stable `code` of :data:`CODES`, the place, and what is wrong there."""

    code: str
    span: Span
    message: str

    @property
    def fatal(self) -> bool:
        """Whether the change must not be written."""
        return self.code not in NOTES


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of one tree, with what identifies it in another version of that tree.

    ``key`` holds no positions: a finding is new if the version before has fewer findings of the same key.
    """

    problem: Problem
    key: tuple[str, ...]
