"""The words of asyncify as data: places, verdicts, colours, reasons, refusals, edits and groups.

Everything here is immutable and knows nothing of parsing, files or terminals. Positions are those of the
:mod:`ast` module, but with columns counted in code points instead of UTF-8 bytes, so that the index (``ast``) and
the rewriter (LibCST) mean the same place by the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A piece of source text.

    ``path`` is relative to the root of the scanned tree, with ``/``. Lines count from 1, columns from 0 in code
    points; the end is exclusive.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"

    def contains(self, other: Span) -> bool:
        """Whether `other` lies within this span (both in the same file)."""
        return (
            self.path == other.path
            and (self.line, self.column) <= (other.line, other.column)
            and (other.end_line, other.end_column) <= (self.end_line, self.end_column)
        )


class Verdict(StrEnum):
    """What becomes of a site."""

    EXACT = "exact"  # same behaviour, provable from the code
    REVIEW = "review"  # differs under a stated condition
    BRIDGE = "bridge"  # kept synchronous, moved off the event loop
    KEEP = "keep"  # not I/O, or not ours
    REFUSE = "refuse"


class Colour(StrEnum):
    """The four-point lattice of function colours: ``FREE`` below both, ``CONFLICT`` above both."""

    FREE = "free"
    MUST_ASYNC = "async"
    MUST_SYNC = "sync"
    CONFLICT = "conflict"

    def least_above(self, other: Colour) -> Colour:
        """The least colour above this one and `other` (the lattice's join)."""
        if self is other or other is Colour.FREE:
            return self
        return other if self is Colour.FREE else Colour.CONFLICT


@dataclass(frozen=True, slots=True)
class Reason:
    """What, where, and the reason it follows from: a linked witness, newest first."""

    text: str
    span: Span | None = None
    because: Reason | None = None

    def chain(self) -> Iterator[Reason]:
        """This reason and all that it follows from, in that order."""
        reason: Reason | None = self
        while reason is not None:
            yield reason
            reason = reason.because


@dataclass(frozen=True, slots=True)
class Witness:
    """Why one function has its colour, and what becomes of it (``outcome``).

    ``need`` is the chain down to what waits, ``pin`` the chain to what forces the function to stay synchronous (with its
    ``remedy``), ``up`` the chain to where the function is run from. Where it has both of the first two, they conflict.
    """

    function: str
    colour: Colour
    outcome: str
    need: Reason | None = None
    pin: Reason | None = None
    remedy: str | None = None
    up: Reason | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something asyncify leaves alone, with a stable `code`, a witness and what the user can do about it."""

    code: str
    span: Span
    message: str
    remedy: str
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """A place that must change, and what becomes of it.

    ``function`` is the qualified name of the enclosing function or module. ``condition`` says in one sentence
    when the behaviour differs (verdict ``review`` only).
    """

    rule: str
    span: Span
    function: str
    verdict: Verdict
    reason: Reason
    group: str | None = None
    condition: str | None = None


# --- Edits -----------------------------------------------------------------------------------------------------
# A closed union. Every edit names the exact node it changes by its span and says why. The rewriter finds the node
# of that kind with exactly that span, or fails loudly; it never takes "the nearest".


@dataclass(frozen=True, slots=True)
class Await:
    """Put ``await`` before the call (or comprehension-free expression) at `span`, with parentheses where needed."""

    span: Span
    reason: Reason


@dataclass(frozen=True, slots=True)
class MakeAsync:
    """Turn the statement at `span` into its asynchronous form.

    A ``def``, a ``with``, a ``for``, or one ``for`` clause of a comprehension (span of the clause as
    :class:`ast.comprehension` has none: from the target's start to the end of its last condition, or of the
    iterable where it has no condition).

    ``items`` are the context expressions of a ``with`` that become asynchronous, empty for all of them. A statement of
    which only some items do is split into nested ones.
    """

    span: Span
    reason: Reason
    items: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplaceExpr:
    """Replace the expression at `span` by `template`.

    ``{name}`` in the template stands for the (itself edited) expression at ``holes[name]``, a span inside `span`.
    Braces that are meant literally are doubled.
    """

    span: Span
    template: str
    reason: Reason
    holes: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FetchAhead:
    """Start what a loop waits for before it is its turn: of the ``for`` statement or comprehension at `span`.

    It iterates ``aio_support.ahead(most, ((target, call) for target in iterable))`` then, which gives a variable
    `answer` beside each item, and awaits that in the place of the call at `call`. ``lets`` are variables that the loop
    sets before the call, with the expressions that the call needs of them.
    """

    span: Span
    reason: Reason
    call: Span
    answer: str
    most: int
    lets: tuple[tuple[str, Span], ...] = ()


@dataclass(frozen=True, slots=True)
class ListInstead:
    """Turn the generator expression at `span` into a list comprehension."""

    span: Span
    reason: Reason


@dataclass(frozen=True, slots=True)
class ReplaceStatement:
    """Replace the statement at `span` by the statements of `template` (same holes as :class:`ReplaceExpr`).

    An empty template removes the statement (``pass`` is left where a block would become empty). Comments above
    and behind the statement survive.
    """

    span: Span
    template: str
    reason: Reason
    holes: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetArguments:
    """Change the arguments of the call at `span`: keywords removed, replaced or added.

    ``keywords`` maps a keyword to its new value (template over ``holes``), or to ``None`` to remove it; a key that starts
    with ``**`` is one that is no identifier, given by a dictionary (``**{"get.return_value": 1}``). ``drop`` lists
    positions of positional arguments to remove. Untouched arguments keep their layout and comments.
    """

    span: Span
    reason: Reason
    keywords: Mapping[str, str | None] = field(default_factory=dict)
    drop: tuple[int, ...] = ()
    holes: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WrapStatements:
    """Move the statements `first` to `last` of one block into ``async def name()``, and run it.

    ``span`` covers them all; a decorated function among the ends is named by its span without decorators.
    ``global_names`` are declared global in the function, so that what the statements bind stays where it was. `call` is
    the statement that runs the function; it follows the function in the same block.
    """

    span: Span
    first: Span
    last: Span
    reason: Reason
    name: str
    call: str
    global_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facade:
    """Split the function at `span`: its name, head and docstring stay, as a synchronous function that runs the rest.

    The body moves into the coroutine function `async_name` right behind it, which has the same parameters. ``owner`` is
    what the synchronous function fetches it from (``self``, ``cls``, the name of the class; "" for a plain function),
    and ``bound`` says that its first parameter is passed on that way. ``runner`` is the callee that runs a
    coroutine (``asyncio.run``). All decorators stay on the
    synchronous function; ``decorators`` are those that the coroutine function gets, too. Without ``defaults`` it has
    none: only the synchronous function calls it.
    """

    span: Span
    reason: Reason
    async_name: str
    runner: str = "asyncio.run"
    owner: str = ""
    bound: bool = False
    decorators: tuple[str, ...] = ()
    defaults: bool = True


@dataclass(frozen=True, slots=True)
class Rename:
    """Give the function defined at `span` the name `name`; what names it elsewhere has edits of its own.

    With a `factory`, an asynchronous class method of that name follows it, with the same parameters: it makes an object
    of class `made` without ``__init__`` and awaits the renamed method of it.
    """

    span: Span
    reason: Reason
    name: str
    factory: str = ""
    made: str = ""


@dataclass(frozen=True, slots=True)
class NameLambda:
    """Define the lambda at `span` as the coroutine function `name`, in front of its statement, and put the name in its place.

    Where the statement only gives the lambda that very name, the function stands instead of it. With `bound`, the values
    of its parameters are bound where the lambda stands: by ``functools.partial``.
    """

    span: Span
    reason: Reason
    name: str
    bound: bool = False


@dataclass(frozen=True, slots=True)
class Annotate:
    """Give the parameter whose name lies at `span`, and which has no annotation, this one: `template`, a type.

    ``quoted``: as text, which Python does not evaluate.
    """

    span: Span
    template: str
    reason: Reason
    quoted: bool = True


@dataclass(frozen=True, slots=True)
class AddImport:
    """Import `module` (or `name` from it, perhaps under another name) in the file of `span`.

    The import is placed among the file's imports, never twice; ``span`` is the first place that needs it. With
    ``or_beside``, `name` is imported by itself where `module` is not found: the file is also run as a program, and then
    only its own folder is searched.
    """

    span: Span
    reason: Reason
    module: str
    name: str | None = None
    alias: str | None = None
    or_beside: bool = False


@dataclass(frozen=True, slots=True)
class DropImport:
    """Remove `local_name` from the file's imports if nothing in the edited file uses that name any more."""

    span: Span
    reason: Reason
    local_name: str


@dataclass(frozen=True, slots=True)
class AddFile:
    """Add a file (the support module, say). ``span.path`` is its path; the other numbers are zero."""

    span: Span
    reason: Reason
    text: str


@dataclass(frozen=True, slots=True)
class Require:
    """What `span` needs to run: a distribution (``"pytest-asyncio"``) in the project's packaging and test configuration.

    Changes no Python file; the configuration files are changed with the group that carries it.
    """

    span: Span
    reason: Reason
    distribution: str


Edit = (
    Await
    | MakeAsync
    | ReplaceExpr
    | ListInstead
    | FetchAhead
    | ReplaceStatement
    | SetArguments
    | WrapStatements
    | Facade
    | Rename
    | NameLambda
    | Annotate
    | AddImport
    | DropImport
    | AddFile
    | Require
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a change asks of a project, beside the sites themselves."""

    functions: int = 0  # of the product that become asynchronous, or get an asynchronous form
    public: int = 0  # of those, public ones that everybody outside has to await from now on
    calls: int = 0  # of functions of the project that are written in another way
    tests: int = 0  # functions of the tests that become asynchronous


@dataclass(frozen=True, slots=True)
class Bound:
    """A pool, or a thread: at most `workers` jobs run in it at a time; None where that number is not in the code."""

    span: Span
    workers: int | None


@dataclass(frozen=True, slots=True)
class Cut:
    """One choice of where a change ends: the option that chooses it (\"\" for the plan as it is), and its cost."""

    option: str
    cost: Cost


@dataclass(frozen=True, slots=True)
class Group:
    """Edits that must all happen or none: the unit of review, writing, undo and verification.

    ``id`` is short and stable under unrelated changes to the tree. ``reason`` is the chain that made it. ``cuts`` are the
    choices of where it could end, the plan as it is first; empty where nobody asked for them. ``bounds`` are the pools and
    threads that move.
    """

    id: str
    title: str
    reason: Reason
    edits: tuple[Edit, ...]
    sites: tuple[Site, ...]
    refusals: tuple[Refusal, ...] = ()
    cost: Cost = Cost()
    cuts: tuple[Cut, ...] = ()
    bounds: tuple[Bound, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The files the group changes or adds, sorted."""
        return tuple(sorted({edit.span.path for edit in self.edits}))


@dataclass(frozen=True, slots=True)
class Plan:
    """All that one run would do and would not do, for one tree."""

    groups: tuple[Group, ...]
    sites: tuple[Site, ...]  # all of them, those outside every group too
    refusals: tuple[Refusal, ...]  # all of them, those of groups too


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file before and after, as bytes. ``before`` is None for a new file, ``after`` for a removed one."""

    path: str
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What writing one group does to the tree: changes of whole files, applied together or not at all."""

    group: str
    changes: tuple[FileChange, ...]
