"""Which files of a tree can take part in a migration: the others are neither parsed nor indexed.

Files *belong together* where one imports the other, as the index resolves imports, or names the other's module in a
string (``mock.patch("shop.client.fetch")``), or where pytest gives the fixtures of one (``conftest.py``) to the tests of the other. Values, calls and base classes get from one file of the tree to another
only through such a pair, or through code outside the tree that loads modules by computed names. So a part of the tree
that belongs together

- is left out where no file in it mentions a library;
- is indexed whole where a file in it mentions a library whose use starts a migration, or loads modules by name;
- gives only the files that mention one of the other libraries, and those that import them, else: without a start
  nothing in it moves, and what is kept or refused there is a call of a name that these files import.

The plan is that of the whole tree, save for two things. A call, in a part left out, of something unknown does not count
as a possible call of a method of a part that is in: there is no way for that object to get there. And what a left-out
file holds of claims that only follow others (assertions of a test, say) is not listed as kept.

Mentions are looked for in the text, so that a file that is left out costs a search and no parsing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from asyncify.discover.words import Words
from asyncify.graph import reachable
from asyncify.index.project import SourceFile
from asyncify.rules.base import Rule

Starts = Mapping[str, Collection[str]]
"""Modules whose use starts a migration, each with the words of which a file that starts one spells at least one."""

# Possessive quantifiers, and no "(" within parentheses: the time for any text is proportional to its length.
# Those that begin with a literal are found as fast as a plain search; hence what looks back stands behind it.
_FROM = re.compile(
    r"from(?<!\wfrom)(?:[\s\\]*+(\.[.\s\\]*+)|[\s\\]++)((?:(?!import\b)[\w.]++)?)[\s\\]*+\bimport\b[\s\\]*+"
    r"(?:\(((?:[^()#]|#[^\r\n]*+)*+)\)|((?:\\\r?\n|[^\r\n;#\\(])*+))"
)
_IMPORT = re.compile(r"import(?<!\wimport)(?=[ \t\f\\])")
_IMPORTED = re.compile(r"((?:\\\r?\n|[^\r\n;#\\])*+)")
_DOTTED = re.compile(r"""["']([^\W\d]\w*+(?:\.[^\W\d]\w*+)++)(?=["':.])""")
_COMMENT = re.compile(r"#[^\r\n]*+")
_NAME = re.compile(r"[^\W\d][\w.]*|\*")
_BY_NAME = (
    "import_module",
    "__import__",
    "exec_module",
    "load_module",
    "run_module",
    "run_path",
    "pkgutil",
    "entry_points",
)


def loads_by_name(source: SourceFile) -> bool:
    """Whether the file may load modules by names it computes."""
    return any(word in source.text for word in _BY_NAME)


def starting(rules: Iterable[Rule]) -> Starts:
    """The modules whose use starts a migration, with the words that such a use spells."""
    out: defaultdict[str, set[str]] = defaultdict(set)
    for rule in rules:
        starts = rule.starts if rule.starts is not None else dict.fromkeys(rule.catalogue.modules, ())
        for module, words in starts.items():
            out[module].update(words or (module.rpartition(".")[2],))
    return out


def everywhere(rules: Iterable[Rule]) -> Starts:
    """The modules whose use changes what the whole program around it does (monkey patches), with the words for that."""
    out: defaultdict[str, set[str]] = defaultdict(set)
    for rule in rules:
        for module, words in rule.everywhere.items():
            out[module].update(words or (module.rpartition(".")[2],))
    return out


def mentioning(words: Words, starts: Starts) -> set[str]:
    """Paths of the files that mention one of these modules and what they would start with, wherever that is.

    A superset of those that start: an import has to spell the name, and so has a string with it.
    """
    found: set[str] = set()
    for top, named in by_package(starts).items():
        found |= words.spelling(top) & words.any_of(named)
    return found


def by_package(starts: Starts) -> Starts:
    """The same words by top-level import names."""
    out: defaultdict[str, set[str]] = defaultdict(set)
    for module, words in starts.items():
        out[module.partition(".")[0]].update(words)
    return out


def relevant(sources: Sequence[SourceFile], rules: Iterable[Rule]) -> list[SourceFile]:
    """The files of `sources` that the index needs, in the same order."""
    rules = list(rules)
    modules: set[str] = set()
    calls: set[str] = set()  # what is called, where the module is one that nearly every file imports
    for rule in rules:
        own = rule.catalogue.modules
        modules |= own
        if own:
            calls |= {n.rpartition(".")[2] for n in rule.catalogue.signatures if n.partition(".")[0] not in own}
    words = Words(sources)
    seeds = words.any_of(modules | calls)
    if not seeds:
        return []
    finder = Links(sources)
    links = {source.path: finder.of(source.path) for source in sources}
    starts = mentioning(words, starting(rules))
    wanted: set[str] = set()
    if starts:
        starts |= {source.path for source in sources if loads_by_name(source)}
        wanted = reachable(starts, both_ways(links))
    wanted |= reachable(seeds - wanted, _turned(links))
    return [source for source in sources if source.path in wanted]


Graph = Mapping[str, set[str]]
"""Files by what they name: paths to paths."""


def _turned(links: Graph) -> Graph:
    """Who names each file."""
    out: defaultdict[str, set[str]] = defaultdict(set)
    for path, others in links.items():
        for other in others:
            out[other].add(path)
    return out


def both_ways(links: Graph) -> Graph:
    """What each file names, and who names it."""
    turned = _turned(links)
    return {path: others | turned.get(path, set()) for path, others in links.items()}


class Links:
    """For every file the files of the tree whose modules it names, each looked for when it is first asked for."""

    def __init__(self, sources: Iterable[SourceFile]) -> None:
        self._sources = {source.path: source for source in sources}
        self._by_module: dict[str, list[str]] = defaultdict(list)
        for source in self._sources.values():
            self._by_module[source.module].append(source.path)
        self._names: dict[str, frozenset[str]] = {}
        self._links: dict[str, set[str]] = {}

    def names(self, path: str) -> frozenset[str]:
        """The absolute dotted names that the file imports or spells in a string."""
        found = self._names.get(path)
        if found is None:
            found = self._names[path] = frozenset(_named(self._sources[path]))
        return found

    def of(self, path: str) -> set[str]:
        """Paths of the files that the file names."""
        found = self._links.get(path)
        if found is None:
            found = self._links[path] = set()
            folder = path.rpartition("/")[0]
            lead = f"{folder}/" if folder else ""
            for name in self.names(path):
                parts = name.split(".")
                for size in range(1, len(parts) + 1):
                    found.update(self._by_module.get(".".join(parts[:size]), ()))
                    beside = lead + "/".join(parts[:size])  # a script sees its own folder
                    found.update(p for p in (f"{beside}.py", f"{beside}/__init__.py") if p in self._sources)
            if "test" in self._sources[path].text:  # pytest gives the fixtures of these to the tests below, by name
                found.update(f for f in _conftests(folder) if f in self._sources)
            found.discard(path)
        return found


def _conftests(folder: str) -> Iterator[str]:
    """The files, in this folder and those around it, whose fixtures its tests may have."""
    while folder:
        yield f"{folder}/conftest.py"
        folder = folder.rpartition("/")[0]
    yield "conftest.py"


def _named(source: SourceFile) -> Iterator[str]:
    """The absolute dotted names that a file imports or spells in a string, with members of what they are imported from.

    What a star imports is the member ``*``.
    """
    text = source.text
    for match in _FROM.finditer(text):
        base = match[2]
        level = (match[1] or "").count(".")
        if level:
            parts = source.module.split(".")
            keep = len(parts) - level + source.path.endswith("__init__.py")
            base = ".".join([*parts[: max(keep, 0)], *([base] if base else [])])
        if base:
            yield base
        for item in _COMMENT.sub("", match[3] or match[4] or "").split(","):
            member = _NAME.search(item)
            if member is not None:
                yield f"{base}.{member[0]}" if base else member[0]
    for match in _IMPORT.finditer(text):
        start = match.start()
        while start and text[start - 1] in " \t\f":
            start -= 1
        if start and text[start - 1] not in "\n;:":
            continue
        imported = _IMPORTED.match(text, match.end())
        for item in imported[1].split(",") if imported is not None else ():
            member = _NAME.search(item)
            if member is not None:
                yield member[0]
    for match in _DOTTED.finditer(text):
        yield match[1]
