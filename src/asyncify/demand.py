"""Which parts of a large tree a migration needs: found from what changes, so that the rest is neither parsed nor indexed.

A *part* starts with a file that uses a library whose use starts a migration. It is indexed and coloured, and grows by

- the files that take something that matters from it by a name: a function that becomes asynchronous, a session, an
  object of a class that has one or the other (:class:`asyncify.index.carriers.Carriers`);
- the files whose functions are given such a thing, define the base of such a class, or wait themselves and are called
  by what becomes asynchronous (what waits further away runs in a thread);
- the files that make the locks and queues which what becomes asynchronous enters or waits for;
- a file with a call that may, for all it says itself, be a call of a function that becomes asynchronous;

until nothing more is needed. What patches the whole program belongs to every part that imports connect with it.
Parts that meet become one. What depends on nothing of another part is planned apart from
it, so the cost follows the size of what changes. The text of every file is searched for names; parsed are the parts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from asyncify import waits_elsewhere
from asyncify.colour.colouring import Colouring
from asyncify.colour.entry import has_guard
from asyncify.colour.pins import FOREIGN_OVERRIDE, MAYBE_CALLED
from asyncify.colour.suspects import may_be_suspected
from asyncify.discover.words import Words
from asyncify.graph import reachable
from asyncify.index import spelled
from asyncify.index.build import Parsed, build
from asyncify.index.carriers import Carriers, Libraries
from asyncify.index.catalogue import Catalogue
from asyncify.index.elsewhere import ABSENT, Elsewhere, elsewhere
from asyncify.index.linked import LinkedProject
from asyncify.index.project import Kind, SourceFile
from asyncify.model import Span
from asyncify.reach_below import Below
from asyncify.relevance import Graph, Links, Starts, both_ways, loads_by_name, mentioning
from asyncify.rules.base import Role, object_node
from asyncify.rules.facts import Facts
from asyncify.rules.requests_names import SESSION_FROM_OUTSIDE

_OPEN = frozenset(
    "session-escapes unused-session pool-escapes thread-escapes queue-escapes lock-escapes unknown-job unclear-call".split()
) | {SESSION_FROM_OUTSIDE.code}
"""Refusals that more files may lift."""
_UNDECIDED = frozenset(["mixed-call", "unknown-job", "stays-sync"])
"""Why functions stay that more files may move: what is called somewhere is not known yet, or it is of another file."""
_OBJECTS = frozenset(["queues", "thread_locks", "threads"])
"""Rules whose objects matter as those of starting libraries do, once some of them move."""
HOPES = 20_000
"""Lines of a part above which it no longer grows for what stays but might move if more were known.

That such functions stay is right with what is known. In a tree where classes hold each other through
registries, looking for the last caller of one would end with everything.
"""
_SHARED = frozenset(["threading", "queue"])
"""Where those objects are from."""
_IMPORTING = re.compile(
    r"^(?!\s*#).*\b(?:import|from)\b(?:[^#]*[\s,(])?$|(?:import_module|__import__|importorskip)\s*\(\s*[rbu]?[\"']$",
    re.DOTALL,
)


class Analysis(Protocol):
    """What is known of a part once it is indexed and coloured."""

    @property
    def colouring(self) -> Colouring:
        """Its colours."""

    @property
    def project(self) -> LinkedProject:
        """Its index."""

    @property
    def facts(self) -> Facts:
        """The same, as rules ask for it."""


class Ground:
    """A whole tree as text: what mentions what, and what imports what. Every question is answered once."""

    def __init__(self, sources: Sequence[SourceFile], catalogue: Catalogue, waiting: Callable[[str], bool]) -> None:
        self.sources = {source.path: source for source in sources}
        modules = {source.path: source.module for source in sources}
        self.elsewhere: Elsewhere = elsewhere(modules, any(map(loads_by_name, sources)))
        self.parsed: Parsed = {}
        self._catalogue = catalogue
        self._links = Links(sources)
        self._both_ways: Graph = {}
        self._calling: dict[str, list[str]] = {}
        self._handed_on: dict[str, frozenset[str]] = {}
        self._tails: dict[str, frozenset[str]] = {}
        self._mentioned: dict[tuple[str, str], bool] = {}
        self._words = Words(sources)
        self._open: dict[str, frozenset[str]] = {}
        self.below = Below(self.sources, self._locate, waiting)

    def lines(self, paths: Iterable[str]) -> int:
        """Lines of these files together."""
        return sum(self.sources[path].data.count(b"\n") for path in paths)

    def split(self, name: str) -> tuple[str, str]:
        """The file that an absent thing's name means (``tree:shop.client.fetch``), and its name in there.

        The path is ``""`` if there is no such file.
        """
        parts = name.removeprefix(ABSENT).split(".")
        for size in range(len(parts), 0, -1):
            path = self.elsewhere.modules.get(".".join(parts[:size]))
            if path is not None:
                return path, ".".join(parts[size:])
        return "", ""

    def path(self, name: str) -> str:
        """The file that an absent thing's name means."""
        return self.split(name)[0]

    def spelling(self, words: Iterable[str]) -> Collection[str]:
        """The files that spell one of the words."""
        return self._words.any_of(words)

    def _locate(self, path: str, name: str) -> tuple[str, str]:
        """The file that a dotted name imported in a file means, and the rest of the name."""
        head, dot, tail = name.partition(".")
        siblings = self.elsewhere.folders.get(path.rpartition("/")[0], {})
        parts = f"{siblings.get(head, head)}{dot}{tail}".split(".")
        for size in range(len(parts), 0, -1):
            found = self.elsewhere.modules.get(".".join(parts[:size]))
            if found:
                return found, ".".join(parts[size:])
        return "", ""

    def users(self, path: str, names: Collection[str]) -> Iterator[str]:
        """The files that may use one of these global names of a file."""
        folder, _, file = path.rpartition("/")
        module = self.sources[path].module
        stem = module.rpartition(".")[2]
        mentions = self._words.spelling
        importing = mentions(stem)
        reaching: dict[str, bool] = {}
        if file == "__init__.py":  # `from .. import name` does not spell the package
            importing |= {user for user in mentions("from") if user.startswith(f"{folder}/")}
        for name in names:
            if file == "conftest.py":  # pytest gives its fixtures to the tests below, by name
                yield from (user for user in mentions(name) if user.startswith(f"{folder}/" if folder else ""))
            tail = f"{stem}.{name}"
            for user in (mentions(name) & importing) - {path}:
                if user not in reaching:
                    reaching[user] = self._reaches(user, path, module)
                if reaching[user] and (tail in self._tails_of(user) or self._reads(user, stem, name)):
                    yield user
        for user in importing - {path}:
            if f"{stem}.*" in self._tails_of(user) and path in self._links.of(user):
                yield user

    def importer(self, path: str) -> str:
        """The first other file that imports this one, or ``""``."""
        stem = path.rpartition("/")[2].removesuffix(".py")
        users = self._words.spelling(stem) - {path}
        return min((user for user in users if path in self._links.of(user)), default="")

    def _reads(self, path: str, module: str, name: str) -> bool:
        """Whether a file may read the name as an attribute of the module."""
        found, aliases = spelled.attribute(self.sources[path].text, module, name)
        if found is not spelled.Spelled.OF_SOMETHING:
            return found is spelled.Spelled.READ
        if not spelled.stands_alone(self.sources[path].text, aliases):
            return False
        known = self._handed_on.get(path)
        if known is None:
            known = self._handed_on[path] = spelled.handed_on(self.sources[path].text)
        return not known.isdisjoint(aliases)

    def _tails_of(self, path: str) -> frozenset[str]:
        """The last two parts of the dotted names that the file imports or spells in a string."""
        found = self._tails.get(path)
        if found is None:
            names = (name.rsplit(".", 2) for name in self._links.names(path))
            found = self._tails[path] = frozenset(".".join(parts[-2:]) for parts in names)
        return found

    def _reaches(self, user: str, path: str, module: str) -> bool:
        """Whether a file imports the module, a package around it, or a file that does and names it, too."""
        links = self._links.of(user)
        if path in links or any(module.startswith(f"{name}.") for name in self._links.names(user)):
            return True
        stem = module.rpartition(".")[2]
        return any(self._mentions(other, stem) and path in self._links.of(other) for other in links)

    def _mentions(self, path: str, text: str) -> bool:
        """Whether the text of the file contains this one."""
        found = self._mentioned.get((path, text))
        if found is None:
            found = self._mentioned[path, text] = text in self.sources[path].text
        return found

    def suspect(self, method: str, classes: Iterable[str], known: Collection[str]) -> str | None:
        """The first other file, part of the tree by its imports or for fetching modules by name, with a call of the method on something unknown.

        What is known of the tree but not indexed counts if it has the name of one of the classes, too.
        """
        asked = {method, *(f"{name.rpartition('.')[2].partition('#')[0]}.{method}" for name in classes)}
        if method not in self._calling:
            call = re.compile(rf"{re.escape(method)}(?<=\.{re.escape(method)})\s*\(")
            spelling = self._words.spelling(method)
            self._calling[method] = sorted(path for path in spelling if call.search(self.sources[path].text))
        for path in self._calling[method]:
            joined = self._links.of(path) or loads_by_name(self.sources[path])
            if path not in known and joined and not asked.isdisjoint(self._open_calls(path)):
                return path
        return None

    def _open_calls(self, path: str) -> frozenset[str]:
        """The methods that a file calls on what is unknown, and ``Class.method`` of what other files of the tree define."""
        found = self._open.get(path)
        if found is None:
            project = build([self.sources[path]], self._catalogue, self.elsewhere, self.parsed)
            called = (name for name in project.called_outside if name.startswith(ABSENT))
            ends = (".".join(name.rsplit(".", 2)[1:]) for name in called)
            found = self._open[path] = project.unresolved_methods.union(ends)
            project.forget()
        return found

    def seeds(self, starts: Starts) -> list[str]:
        """The files that import one of these modules, be it by a call that is given its name, and spell what starts."""
        mentions = mentioning(self._words, starts)
        return [
            path
            for path, source in self.sources.items()
            if path in mentions and any(self._starts(source, module, words) for module, words in starts.items())
        ]

    def _starts(self, source: SourceFile, module: str, words: Collection[str]) -> bool:
        top, _, rest = module.partition(".")
        if top not in source.text or not any(word in source.text for word in words) or not _imports(source.text, top):
            return False
        if not rest or re.search(rf"\.\s*{re.escape(rest)}(?!\w)", source.text):
            return True
        return any(f"{name}.".startswith(f"{module}.") for name in self._links.names(source.path))

    def imported(self, path: str, modules: Iterable[str]) -> Span:
        """Where a file first imports one of these modules; its beginning if it does not."""
        text = self.sources[path].text
        tops = sorted({module.partition(".")[0] for module in modules})
        found = [(at, top) for top in tops if (at := _imported_at(text, top)) >= 0]
        position, top = min(found, default=(0, ""))
        line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position) - 1
        return Span(path, line, column, line, column + len(top))

    def connected(self, path: str) -> set[str]:
        """All files that imports connect with this one, in whatever direction."""
        if not self._both_ways:
            self._both_ways = both_ways({one: self._links.of(one) for one in self.sources})
        return reachable([path], self._both_ways)

    def linked(self, seeds: Iterable[str]) -> list[set[str]]:
        """Seeds in sets of those that import each other."""
        out: list[set[str]] = []
        for seed in sorted(seeds):
            joined = {seed}
            links = self._links.of(seed)
            rest = []
            for other in out:
                if other & links or any(seed in self._links.of(path) for path in other):
                    joined |= other
                else:
                    rest.append(other)
            out = [*rest, joined]
        return out


def _imports(text: str, library: str) -> bool:
    return _imported_at(text, library) >= 0


def _imported_at(text: str, library: str) -> int:
    """Where the text first imports something of the library; -1 if it does not."""
    position = text.find(library)
    while position >= 0:
        end = position + len(library)
        start = text.rfind("\n", 0, position) + 1
        while text[max(start - 3, 0) : start - 1].rstrip("\r").endswith("\\"):  # the line before goes on here
            start = text.rfind("\n", 0, start - 1) + 1
        head = text[start:position]
        if not text[end : end + 1].isidentifier() and _IMPORTING.search(head):
            return position
        position = text.find(library, end)
    return -1


def needed(ground: Ground, analysis: Analysis, libraries: Libraries, part: Collection[str]) -> set[str]:
    """Paths of the files that the `part` still lacks, and that are to be indexed next.

    What may keep a function as it is comes first, callers only if nothing does. Those for what might move if more were
    known (:func:`_undecided`) not where the part would grow too large for hopes.
    """
    more = _needed(ground, analysis, libraries, part, hopeful=True)
    if (
        more and ground.lines(more.union(part)) > HOPES
    ):  # the plan of what moves as it is stands without what might move
        more = _needed(ground, analysis, libraries, part, hopeful=False)
    return more


def _needed(
    ground: Ground, analysis: Analysis, libraries: Libraries, part: Collection[str], *, hopeful: bool
) -> set[str]:
    for paths in _batches(ground, analysis, libraries, hopeful):
        found = set(paths).difference(part, [""])  # the part also has what cannot be parsed, and is not in the index
        if found:
            return found
    return set()


def _batches(ground: Ground, analysis: Analysis, libraries: Libraries, hopeful: bool) -> Iterator[Iterable[str]]:
    project, colouring = analysis.project, analysis.colouring
    running = frozenset(n.removeprefix("function:") for n in colouring.holds if n.startswith("function:"))
    moving = running | (_undecided(project, colouring) if hopeful else frozenset())
    apart = frozenset[Span]()
    if any(claim.rule in _OBJECTS and claim.node in colouring.holds for claim in colouring.claims):
        libraries = replace(libraries, modules=libraries.modules | _SHARED)
        apart = frozenset(_apart(analysis, hopeful))
    carriers = project.carriers(moving, libraries, apart.union(_settled(colouring)))
    below = _running(project, moving, colouring.waiting)
    yield (
        *_importers(ground, analysis.facts, running),
        *_suspects(ground, project, running, carriers),
        *map(ground.path, project.carriers(moving, libraries, apart).wanted()),
        *waits_elsewhere.wanted(analysis.facts, running, below, ground.path, ground.spelling(_SHARED)),
    )
    yield _waiting(ground, project, carriers.called(below))
    yield (
        *(user for path, names in carriers.names.items() for user in ground.users(path, names)),
        *_makers(ground, analysis),
    )


def _importers(ground: Ground, facts: Facts, running: Iterable[str]) -> Iterator[str]:
    """One file each that imports a module whose own code would be awaited: it is no program then."""
    for name in sorted(running):
        info = facts.project.functions.get(name)
        if info is not None and info.kind is Kind.MODULE and not has_guard(facts, info.path):
            yield ground.importer(info.path)


def _suspects(ground: Ground, project: LinkedProject, running: Iterable[str], carriers: Carriers) -> Iterator[str]:
    """Files with a call that may be one of these functions."""
    suspected: defaultdict[str, set[str]] = defaultdict(set)
    for function in sorted(running):
        if _suspected(project, function, ground):
            suspected[function.rpartition(".")[2]].update(carriers.related(function))
    for name, classes in sorted(suspected.items()):
        found = ground.suspect(name, classes, project.files)
        if found is not None:
            yield found


def _waiting(ground: Ground, project: LinkedProject, called: Iterable[str]) -> Iterator[str]:
    """Files of the functions that are called and wait; those that wait further away are noted as waiting instead."""
    for name in sorted(set(called)):
        path, rest = ground.split(name)
        where = ground.below.waiting_file(path, rest, project.unresolved_methods) if path and rest else ""
        if where and where != path and ground.below.is_plain(path, rest):
            ground.elsewhere.waiting.add(name)
        elif where:
            yield path


def _makers(ground: Ground, analysis: Analysis) -> Iterator[str]:
    """Who may know where a session comes from."""
    for block in analysis.colouring.blocks:
        if block.refusal.code == SESSION_FROM_OUTSIDE.code and block.within is not None:
            info = analysis.project.functions[block.within]
            inner = info.name.removeprefix(info.module).lstrip(".")
            if inner:
                yield from ground.users(info.path, {inner.partition(".")[0].partition("#")[0]})


def _apart(analysis: Analysis, hopeful: bool) -> Iterator[Span]:
    """Where objects of threads are made, and classes of them, that stay what they are with all that is moving."""
    colouring = analysis.colouring
    made = (i.site for i in analysis.facts.instances if i.type.partition(".")[0] in _SHARED)
    classes = (info.span for info in analysis.project.classes.values())
    for span in (*made, *classes):
        if span is not None and object_node(span) not in colouring.holds:
            pin = colouring.pins.get(object_node(span))
            if pin is None or not hopeful or pin.code not in _OPEN:
                yield span


def _settled(colouring: Colouring) -> Iterator[Span]:
    """Sites that stay as they are, whatever other files say."""
    for claim in colouring.claims:
        found = colouring.disabled.get(claim.node) or colouring.pins.get(claim.node)
        if found is not None and found.code not in _OPEN:
            yield claim.span
    for block in colouring.blocks:
        if block.refusal.code not in _OPEN:
            yield block.refusal.span


def _undecided(project: LinkedProject, colouring: Colouring) -> frozenset[str]:
    """The functions that do what starts a migration, and stay for a reason that more files may lift; and their callers."""
    pinned = ((node.removeprefix("function:"), pin.code) for node, pin in colouring.pins.items())
    stay = {name for name, code in pinned if name in project.functions and _may_be_lifted(project, name, code)}
    claims = (claim for claim in colouring.claims if claim.role is Role.ROOT and claim.node in colouring.disabled)
    todo = [claim.within for claim in claims if claim.within in stay]
    seen = set(todo)
    while todo:
        for call in project.callers(todo.pop()):
            if call.within in stay and call.within not in seen:
                seen.add(call.within)
                todo.append(call.within)
    return frozenset(seen & project.functions.keys())


def _may_be_lifted(project: LinkedProject, function: str, code: str) -> bool:
    """Whether more files may show that there is no such reason for a function to stay."""
    owner = project.functions[function].cls
    if code == FOREIGN_OVERRIDE.code:
        info = project.classes.get(owner or "")
        return info is not None and any(base.startswith(ABSENT) for base in info.external_bases)
    if code == MAYBE_CALLED.code:  # callers hand on objects with the method, but hardly the module of a function
        return owner is not None
    return code in _UNDECIDED


def _suspected(project: LinkedProject, name: str, ground: Ground) -> bool:
    info = project.functions[name]
    return info.kind is Kind.FUNCTION and may_be_suspected(info, ground.elsewhere.by_name)


def _running(project: LinkedProject, moving: frozenset[str], waiting: Collection[str]) -> frozenset[str]:
    """What runs on the event loop: what moves, and all that it calls, but for what is known to wait anyway."""
    calls: dict[str, set[str]] = {}
    for call in project.calls:
        calls.setdefault(call.within, set()).update(call.targets)
    for implicit in project.implicit_calls:
        calls.setdefault(implicit.within, set()).add(implicit.target)
    seen = set(moving)
    todo = list(seen)
    while todo:
        for target in calls.get(todo.pop(), ()):
            if target not in seen and target not in waiting:
                seen.add(target)
                todo.append(target)
    return frozenset(seen)
