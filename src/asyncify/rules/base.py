"""The shape of a rule, and of what rules say about a project.

A rule looks at facts of the index and makes *claims* about sites, *links* between them, and *blocks*. It never
walks callers, never decides colours, never adds ``async`` to a function: that follows from its claims.

Nodes of the constraint graph are named by :func:`function_node`, :func:`site_node` and :func:`object_node`. An object node
stands for one library object (a session, a pool) and holds when that object becomes asynchronous.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue
from asyncify.model import Edit, Refusal, Span, Verdict

if TYPE_CHECKING:
    from asyncify.rules.facts import Facts


def function_node(name: str) -> str:
    """The node of a project function: it holds when the function becomes (or is) a coroutine function."""
    return f"function:{name}"


def site_node(span: Span) -> str:
    """The node of a site: it holds when the site is rewritten."""
    return f"site:{span.path}:{span.line}:{span.column}:{span.end_line}:{span.end_column}"


def object_node(span: Span) -> str:
    """The node of the library object created at `span`."""
    return f"object:{span.path}:{span.line}:{span.column}:{span.end_line}:{span.end_column}"


def handing_on(name: str) -> str:
    """The node of a project function that gives its callers something asynchronous although it stays what it is.

    What forces the function to stay synchronous (callers that asyncify does not see, say) forbids that, too.
    """
    return f"handing-on:{name}"


class Role(StrEnum):
    """When a claim's edits are made."""

    ROOT = "root"  # I/O worth moving: starts a migration
    FOLLOWER = "follower"  # blocks the loop: must move when its function becomes asynchronous, starts nothing
    PART = "part"  # belongs to an object: moves when the object's node holds


@dataclass(frozen=True, slots=True)
class Claim:
    """One site a rule can rewrite.

    ``edits`` by HTTP profile where they differ (keys "native", "compat"), else under "". ``needs_async``: the
    enclosing function must be asynchronous for the edits to be legal. ``follows``: nodes whose holding makes this
    site move (links from them are added); ``leads``: nodes that must hold when this site moves.
    """

    rule: str
    span: Span
    within: str
    role: Role
    verdict: Verdict
    text: str
    edits: Mapping[str, tuple[Edit, ...]]
    needs_async: bool = True
    follows: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    condition: str | None = None
    optional: bool = False  # made only where its function is asynchronous anyway
    concurrent: bool = False  # it runs jobs concurrently: waiting inside them is worth moving
    sync_edits: tuple[Edit, ...] | None = None  # instead of the edits, where the enclosing function stays synchronous
    stands: bool = False  # where coroutines are run to their end, off an event loop, the site stays as it is
    lingers: bool = False  # its work may outlive the function, so the program must wait for it at its end
    detached: bool = False  # it goes on beside whoever follows, so the loop must not stop when the function returns
    if_possible: bool = False  # what it leads to moves if that is possible, and stays otherwise
    unless: tuple[str, ...] = ()  # not made where one of these nodes holds: another claim on the site is, then
    runner: str = ""  # what must start the event loop of a program that has it, if not asyncio.run
    settles: bool = False  # it awaits a coroutine function and runs anything else in a thread, whatever is called there
    variant: str = ""  # tells claims on one site apart of which only one is made

    @property
    def node(self) -> str:
        return f"{site_node(self.span)}:{self.variant}" if self.variant else site_node(self.span)

    @property
    def only_runs(self) -> bool:
        """Whether nothing is written at the site, which only has to run while the event loop does: any place will do."""
        return self.needs_async and not any(self.edits.values())

    @property
    def encloses(self) -> bool:
        """Whether the site needs a coroutine around it, as `async with` does: it cannot be run to its end by itself."""
        return self.role is Role.PART and self.needs_async and self.sync_edits is None


@dataclass(frozen=True, slots=True)
class Block:
    """`node` must not hold: a refusal with its witness. For a site, the site itself is blocking I/O that stays."""

    node: str
    refusal: Refusal
    rule: str
    within: str | None = None  # for a site: the enclosing function, which then blocks
    blocks_loop: bool = False  # what stays would block an event loop


@dataclass(frozen=True, slots=True)
class Handles:
    """The rule takes care of this use of a function as a value: it does not pin the function to its colour."""

    span: Span


@dataclass(frozen=True, slots=True)
class Jobs:
    """Callables that one place hands to the object of `node`: all that it runs become asynchronous, or none may."""

    node: str
    jobs: tuple[str, ...]  # nodes of functions and sites
    refusal: Refusal  # what to say where only some of them would
    may_stay: bool = False  # the object works as well if all its jobs stay synchronous
    each_alone: bool = False  # those that do not wait may stay, whatever becomes of the others
    in_thread: bool = False  # where none of these moves, but others of the object do, they may run in threads


@dataclass(frozen=True, slots=True)
class OnLoop:
    """The object of `node` runs the function on the event loop: where it is synchronous it must not wait."""

    node: str
    function: str
    refusal: Refusal  # what to say where it waits


@dataclass(frozen=True, slots=True)
class Companion:
    """Edits that are made where `node` holds; nothing in them is a site of its own."""

    node: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A test puts something in the place of the function of `node`, under its name."""

    node: str
    span: Span


@dataclass(frozen=True, slots=True)
class KeepImport:
    """The file at `path` must go on binding `local_name` by an import: something reaches it from outside by that name."""

    path: str
    local_name: str


Finding = Claim | Block | Implication | Handles | Jobs | OnLoop | Companion | Replaced | KeepImport


@dataclass(frozen=True, slots=True)
class RefusalCode:
    """One stable refusal code: what it means and what the user can do."""

    code: str
    title: str
    remedy: str


CALLBACK = RefusalCode(
    "callback",
    "The function is handed to code that calls it without await.",
    "Give that code a synchronous function of its own.",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One library's knowledge. ``doc`` is the module's docstring: its page in the docs and ``asyncify explain``.

    ``starts``: the modules whose use starts a migration (None: those of the catalogue), each with words of which a file
    that starts one spells at least one (none given: the module's last name). A rule that starts none has an empty mapping:
    what it claims moves only along with claims of other rules. ``web``: the rule holds only where the user chose that for web
    applications. ``inert``: classes of its libraries of which objects that a program makes stay as they are.
    """

    id: str
    title: str
    doc: str
    catalogue: Catalogue
    match: Callable[[Facts], Iterable[Finding]]
    refusals: tuple[RefusalCode, ...] = field(default_factory=tuple)
    starts: Mapping[str, tuple[str, ...]] | None = None
    everywhere: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # modules that change the whole program, as `starts`
    web: str = ""
    inert: frozenset[str] = frozenset()
    imports: tuple[str, ...] = ()  # local names' origins to drop where orphaned ("requests", "time")
