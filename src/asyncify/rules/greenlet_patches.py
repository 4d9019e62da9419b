"""Monkey patches that make ordinary waiting cooperative: whether a program has those it needs, and whether they can go.

A patched program waits in requests, in `time.sleep` or in a database driver, and its greenlets take turns. The patches may
go only if each of those places becomes an await; one that remains would stop everything that used to go on beside it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from asyncify.graph import Implication
from asyncify.index.project import CallSite, Kind
from asyncify.model import Edit, Reason, Refusal, ReplaceStatement, Span, Verdict
from asyncify.rules.base import Block, Claim, Finding, RefusalCode, Role, site_node
from asyncify.rules.blocking import POOLED, SESSIONS, STATEFUL, STATEFUL_METHODS
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import
from asyncify.rules.greenlet_names import REMAINS, UNPATCHED, Library
from asyncify.rules.greenlets import Greenlets, greenlets_of
from asyncify.rules.registry import catalogue
from asyncify.rules.requests_names import FUNCTIONS, VERBS
from asyncify.rules.requests_names import SESSIONS as SESSIONS_OF_REQUESTS
from asyncify.rules.urllib_request import OPENER, URLOPEN, URLRETRIEVE

# Which part of the standard library has to be patched so that calls of these modules let greenlets take turns.
_NEEDS = {
    "requests": "socket",
    "urllib3": "socket",
    "urllib": "socket",
    "time": "time",
    "threading": "thread",
    "queue": "thread",
    "concurrent": "thread",
    "multiprocessing": "thread",
    "requests_futures": "thread",
    "subprocess": "subprocess",
}
_THREADS = frozenset(["threading", "queue", "concurrent", "multiprocessing", "requests_futures"])
# Libraries that never wait for the network.
_COMPUTE = frozenset(
    "aiohttp attr attrs bs4 certifi chardet charset_normalizer click colorama coloredlogs cssselect dateutil docopt dotenv feedparser "
    "fire html5lib idna jinja2 jsonschema loguru lxml markdown markupsafe matplotlib networkx numpy orjson packaging pandas parsel "
    "PIL pkg_resources prettytable pydantic pygments pyquery pytz regex rich scipy setuptools simplejson six soupsieve structlog "
    "tabulate termcolor toml tomli tqdm typer typing_extensions tzlocal ujson unidecode w3lib xmltodict yaml yarl".split()
)
# What tells greenlets apart once threads are greenlets.
_OWN = tuple(
    f"threading.{name}"
    for name in "local get_ident get_native_id current_thread main_thread active_count enumerate".split()
)
_OPENING = frozenset([URLOPEN, URLRETRIEVE, f"{OPENER}.open"])
_REQUESTS = FUNCTIONS | _OPENING | {f"{session}.{verb}" for session in SESSIONS_OF_REQUESTS for verb in VERBS}


def greenlet_findings(facts: Facts, library: Library) -> Iterator[Finding]:
    """All that is found about one library of greenlets, its patches included."""
    family = greenlets_of(facts, library)
    if family is not None:
        yield from family.all_findings()
        yield from _patches(family)


def _patches(family: Greenlets) -> Iterator[Finding]:
    """What the monkey patches of the project allow, and what remains that needs them."""
    facts = family.facts
    found = [
        (call, parts)
        for name, parts in sorted(family.library.patches.items())
        for call in facts.calls_by_external.get(name, ())
        if not facts.in_test(call.span.path)
    ]
    patched: set[str] = set()
    for call, parts in found:
        made = _parts(facts, call, parts, family.library.only_named)
        if made is None:
            yield family.block(call.span, "the patch is made under a condition")
            continue
        patched |= made
        yield from _removed(family, call)
    if not family.library.always:
        yield from _needed(family, patched, {call.span.path for call, _ in found})
    if found or family.library.always:
        yield from _remaining(family)
    yield from _identity(family)


def _parts(facts: Facts, call: CallSite, parts: frozenset[str], only_named: bool) -> set[str] | None:
    """What one call patches; None where that depends on something."""
    info = facts.project.functions.get(call.within)
    node = facts.node(call.span, ast.Call)
    statement = facts.parent(call.span.path, node) if node is not None else None
    plain = isinstance(statement, ast.Expr) and isinstance(facts.parent(call.span.path, statement), ast.Module)
    if node is None or info is None or info.kind is not Kind.MODULE or not plain or node.args or call.targets:
        return None
    said: dict[str, bool] = {}
    for keyword in node.keywords:
        if keyword.arg is None or not isinstance(keyword.value, ast.Constant):
            return None
        said[keyword.arg] = bool(keyword.value.value)
    named = {part for part, patched in said.items() if patched}
    return named if only_named and named else set(parts) - (said.keys() - named)


def _removed(family: Greenlets, call: CallSite) -> Iterator[Claim]:
    facts = family.facts
    node = facts.node(call.span, ast.Call)
    assert node is not None
    statement = facts.span(call.span.path, facts.statement(call.span.path, node))
    reason = Reason("nothing waits in what it patches any more", call.span)
    edits: tuple[Edit, ...] = (
        ReplaceStatement(statement, "", reason),
        *orphaned_import(node.func, call.span, reason),
    )
    yield Claim(
        family.rule, call.span, call.within, Role.PART, Verdict.EXACT, reason.text, {"": edits},
        needs_async=False, follows=(family.program,),
    )  # fmt: skip


def _needed(family: Greenlets, patched: set[str], where: set[str]) -> Iterator[Block]:
    """Places that wait, in programs whose patches do not make them cooperative."""
    facts = family.facts
    for call, module in _waiting(facts):
        part = _NEEDS[module]
        if part not in patched or (module in _THREADS and "thread" not in patched):
            text = f"{module} waits here, and is not patched: other greenlets do not go on"
            yield _refuse(family, UNPATCHED, call.span, text)
            return
        starts = sorted(_starting_files(family) - _patched_files(facts, where))
        if starts:
            text = f"greenlets are started in {starts[0]}, which may run without the patches of {sorted(where)[0]}"
            yield _refuse(family, UNPATCHED, call.span, text)
            return


def _waiting(facts: Facts) -> Iterator[tuple[CallSite, str]]:
    for call in facts.project.calls:
        if facts.in_test(call.span.path):
            continue
        for name in sorted(call.externals):
            module = name.partition(".")[0]
            waits = name in _REQUESTS or name == "time.sleep" or name.startswith("requests.Session.")
            if module in _NEEDS and (waits or module not in ("requests", "time", "urllib")):
                yield call, module


def _starting_files(family: Greenlets) -> set[str]:
    calls = (c for name in family.library.starters for c in family.facts.calls_by_external.get(name, ()))
    return {call.span.path for call in calls if not family.facts.in_test(call.span.path)}


def _patched_files(facts: Facts, where: set[str]) -> set[str]:
    """Files that only run in programs with the patches: they make them, import such a file, or are imported by one."""
    modules = {tree.source.module: path for path, tree in facts.project.files.items()}
    imports = {
        path: {p for m in _imported(facts, path) if (p := modules.get(m)) is not None} for path in facts.project.files
    }
    reached = set(where)
    todo = list(where)
    while todo:  # what they import
        for path in imports[todo.pop()] - reached:
            reached.add(path)
            todo.append(path)
    importing = set(where)
    grown = True
    while grown:  # what imports them
        more = {path for path, names in imports.items() if names & importing} - importing
        importing |= more
        grown = bool(more)
    return reached | importing


def _imported(facts: Facts, path: str) -> Iterator[str]:
    package = facts.file(path).source.module.rpartition(".")[0]
    for node in facts.nodes(path, ast.Import):
        yield from (alias.name for alias in node.names)
    for statement in facts.nodes(path, ast.ImportFrom):
        base = statement.module or ""
        if statement.level:
            parts = package.split(".") if package else []
            parts = parts[: len(parts) - statement.level + 1]
            base = ".".join([*parts, *([base] if base else [])])
        yield base
        yield from (f"{base}.{alias.name}" if base else alias.name for alias in statement.names)


def _remaining(family: Greenlets) -> Iterator[Finding]:
    """Requests and the patches go together; what waits otherwise and cannot move keeps both."""
    facts = family.facts
    text = "the program's patches and its requests go together"
    known = catalogue().modules
    for call in facts.project.calls:
        if facts.in_test(call.span.path):
            continue
        for name in sorted(call.externals):
            if name in _REQUESTS:
                yield Implication(site_node(call.span), family.program, text, call.span)
                yield Implication(family.program, site_node(call.span), text, call.span)
            elif name in STATEFUL or name.rpartition(".")[0] in STATEFUL_METHODS or name in SESSIONS | POOLED:
                yield Implication(family.program, site_node(call.span), f"{name} waits as well", call.span)
            elif _is_unknown(name.partition(".")[0], known):
                found = f"asyncify does not know whether {name} waits, and the patches would be gone"
                yield _refuse(family, REMAINS, call.span, found)
                return


def _is_unknown(module: str, known: frozenset[str]) -> bool:
    return (
        module not in sys.stdlib_module_names and module not in known and module not in _COMPUTE and ":" not in module
    )


def _identity(family: Greenlets) -> Iterator[Block]:
    """What asks which greenlet it runs in, or has a value for each."""
    facts = family.facts
    for name in _OWN if _starting_files(family) else ():
        for call in facts.calls_by_external.get(name, ()):
            if not facts.in_test(call.span.path):
                yield family.block(call.span, f"{name} tells greenlets apart")
                return


def _refuse(family: Greenlets, code: RefusalCode, span: Span, text: str) -> Block:
    return Block(family.program, Refusal(code.code, span, text, code.remedy, Reason(text, span)), family.rule)
