"""The modules that asyncify adds to a migrated project, and the text of them that a project needs.

The modules beside this one are ordinary, tested Python. They never import asyncify, and their text is what is
emitted: `emit` cuts it down to the helpers in use and to what those need. A module may be kept in several
files here (`_PARTS`), which import each other; once emitted they are one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Literal

from asyncify.support._scope import bound_by, globals_read

Module = Literal["aio_support", "aio_requests", "aio_http", "aio_urllib", "aio_httpx"]

_PARTS: dict[Module, tuple[str, ...]] = {
    "aio_support": (
        "aio_off_loop.py",
        "aio_support_begin.py",
        "aio_support_local.py",
        "aio_support_log.py",
        "aio_support.py",
        "aio_support_run.py",
        "aio_support_off_loop.py",
        "aio_support_iteration.py",
        "aio_support_ahead.py",
        "aio_support_jobs.py",
        "aio_support_parallel.py",
        "aio_support_cache.py",
        "aio_support_sessions.py",
        "aio_support_sync.py",
        "aio_support_callbacks.py",
        "aio_support_locks.py",
        "aio_support_queue.py",
        "aio_support_threads.py",
        "aio_support_executor.py",
        "aio_support_own_loop.py",
        "aio_support_switching.py",
        "aio_support_greenlets.py",
        "aio_support_greenlet_sync.py",
        "aio_support_greenlet_pool.py",
        "aio_support_green_threads.py",
        "aio_support_tests.py",
    ),
    "aio_requests": (
        "aio_off_loop.py",
        "aio_requests_doubles.py",
        "aio_requests.py",
        "aio_requests_given.py",
        "aio_requests_unsent.py",
        "aio_requests_response.py",
        "aio_requests_wire.py",
        "aio_requests_transport.py",
    ),
    "aio_http": (
        "aio_http_response.py",
        "aio_http_environment.py",
        "aio_http_request.py",
        "aio_http_wire.py",
        "aio_http.py",
    ),
    "aio_urllib": ("aio_off_loop.py", "aio_urllib_wire.py", "aio_urllib_client.py", "aio_urllib.py"),
    "aio_httpx": ("aio_httpx.py",),
}
_DOCSTRINGS: dict[Module, str] = {
    "aio_support": '''"""Helpers for asyncio, added by asyncify when this project moved from threads and requests.

Here is only what the project uses, and what that needs. Each helper behaves as the synchronous
thing it stands for, where plain asyncio or aiohttp would not. The file does not need asyncify:
it is yours to read and to change.
"""''',
    "aio_requests": '''"""requests with an await, added by asyncify when this project moved to asyncio.

requests prepares each request, rules redirects and gives the response; aiohttp does the input and
output. What is raised are requests' own exceptions. The file does not need asyncify: it is yours
to read and to change.
"""''',
    "aio_http": '''"""The part of requests that this project uses, on aiohttp, added by asyncify when it moved to asyncio.

The same calls with an await, the same responses, the same exceptions; requests itself is no longer
needed. The file does not need asyncify: it is yours to read and to change.
"""''',
    "aio_httpx": '''"""httpx with an await, added by asyncify when this project moved to asyncio.

It is httpx's own asynchronous client, with the errors of the synchronous one. The file does not need
asyncify: it is yours to read and to change.
"""''',
    "aio_urllib": '''"""urllib.request and http.client with an await, added by asyncify when this project moved to asyncio.

They write the requests and read the responses as ever; asyncio waits for the network in between.
Only Python itself is needed. The file does not need asyncify: it is yours to read and to change.
"""''',
}
_LINE = 88  # imports are wrapped as black and ruff do it by default


@dataclass(frozen=True)
class _Unit:
    """One top-level statement: its text with the comments above it, what it defines and what it needs."""

    text: str
    defines: frozenset[str]
    spaced: bool  # a class or function: two blank lines around it
    statement: ast.stmt = field(compare=False, repr=False)

    @cached_property  # of few units only somebody asks: a module has a hundred, a program needs ten
    def needs(self) -> frozenset[str]:
        """The names that it reads from outside itself."""
        return globals_read(self.statement)


@dataclass(frozen=True)
class _Source:
    units: tuple[_Unit, ...]
    imports: dict[str, tuple[str, str]]  # bound name → ("from" module or "", what stands after "import")


@cache
def helpers(module: Module) -> frozenset[str]:
    """The public names that `emit` accepts for `module`."""
    return frozenset(name for unit in _source(module).units for name in unit.defines if not name.startswith("_"))


@lru_cache(maxsize=500)
def helpers_in(module: Module, text: str) -> frozenset[str]:
    """The helpers of `module` that `text`, an emitted module, already has; none if it does not parse."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return frozenset()
    return frozenset(name for statement in tree.body for name in bound_by(statement)) & helpers(module)


def is_emitted(text: str) -> bool:
    """Whether `text` is a support module that an earlier run added to a project."""
    return text.startswith(tuple(docstring.partition("\n")[0] for docstring in _DOCSTRINGS.values()))


def emit(module: Module, names: Collection[str]) -> str:
    """The text of `module` cut down to the helpers `names`, what they need, and the imports those use.

    The same names give the same text, in whatever order. Raises ValueError for a name that is no helper.
    """
    return _emitted(module, frozenset(names))


@cache  # a tree of many programs has a module in each, mostly for the same few helpers
def _emitted(module: Module, names: frozenset[str]) -> str:
    if unknown := sorted(names - helpers(module)):
        raise ValueError(f"{module} has no helper {', '.join(unknown)}")
    source = _source(module)
    wanted = set(names)
    kept: set[int] = set()
    while grown := [number for number, unit in enumerate(source.units) if number not in kept and unit.defines & wanted]:
        kept.update(grown)
        for number in grown:
            wanted |= source.units[number].needs
    units = [source.units[number] for number in sorted(kept)]
    needed = frozenset().union(*(unit.needs for unit in units))
    return "".join(
        (
            f"{_DOCSTRINGS[module]}\n\nfrom __future__ import annotations\n",
            _imports(source.imports[name] for name in sorted(needed & source.imports.keys())),
            *_spaced(units),
        )
    )


def _spaced(units: Iterable[_Unit]) -> Iterable[str]:
    after_spaced, first = False, True
    for unit in units:
        blank = 2 if unit.spaced or after_spaced else int(first)
        yield "\n" * blank + unit.text
        after_spaced, first = unit.spaced, False


@cache
def _source(module: Module) -> _Source:
    units: list[_Unit] = []
    imports: dict[str, tuple[str, str]] = {}
    for part in _PARTS[module]:
        text = (Path(__file__).parent / part).read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        for statement in ast.parse(text).body[1:]:  # without the docstring
            if isinstance(statement, ast.Import):
                imports |= {(a.asname or a.name).partition(".")[0]: ("", _alias(a)) for a in statement.names}
            elif isinstance(statement, ast.ImportFrom):
                origin = statement.module or ""
                if origin != "__future__" and not origin.startswith(f"{__name__}."):
                    imports |= {a.asname or a.name: (origin, _alias(a)) for a in statement.names}
            elif (unit := _unit(statement, lines)) not in units:  # a type variable that several parts use is one
                units.append(unit)
    return _Source(tuple(units), imports)


def _unit(statement: ast.stmt, lines: list[str]) -> _Unit:
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(decorator.lineno for decorator in decorators)]) - 1
    while lines[first - 1].startswith("#"):
        first -= 1
    return _Unit(
        text="".join(lines[first : statement.end_lineno]),
        defines=bound_by(statement),
        spaced=isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef),
        statement=statement,
    )


def _alias(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _imports(wanted: Iterable[tuple[str, str]]) -> str:
    """Import statements as isort and ruff order them: standard library first, ``import`` before ``from``."""
    plain: dict[bool, list[str]] = {True: [], False: []}
    grouped: dict[bool, dict[str, list[str]]] = {True: {}, False: {}}
    for module, name in wanted:
        standard = (module or name).partition(".")[0].partition(" ")[0] in sys.stdlib_module_names
        if module:
            grouped[standard].setdefault(module, []).append(name)
        else:
            plain[standard].append(name)
    text = ""
    for standard in (True, False):
        statements = [f"import {name}\n" for name in sorted(plain[standard])]
        statements += [_from(module, names) for module, names in sorted(grouped[standard].items())]
        if statements:
            text += "\n" + "".join(statements)
    return text


def _from(module: str, names: list[str]) -> str:
    ordered = sorted(names, key=_by_type)
    line = f"from {module} import {', '.join(ordered)}\n"
    if len(line) <= _LINE + 1:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in ordered) + ")\n"


def _by_type(name: str) -> tuple[int, str]:
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name
