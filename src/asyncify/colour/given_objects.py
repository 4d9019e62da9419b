"""Objects that code outside is given: it calls their methods by the names of a protocol, without await.

``json.dump(data, Sink())`` calls ``write``, ``handler.addFilter(Allow())`` calls ``filter``, ``api.add_route("/", Resource())`` calls
``on_get``. No call of them is in sight, and nobody would await what they give.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from asyncify.colour.pins import refusal
from asyncify.index.given_objects import GivenObject
from asyncify.index.project import FunctionInfo, Kind
from asyncify.index.values import External, Instance
from asyncify.model import Refusal, Span
from asyncify.rules.base import CALLBACK, function_node
from asyncify.rules.conventions import conventional
from asyncify.rules.facts import Facts

_FILE = frozenset(
    "read read1 readinto readinto1 readline readlines peek write writelines flush seek tell truncate close "
    "fileno isatty readable writable seekable detach getvalue".split()
)
_STANDARD = _FILE | frozenset(
    # logging
    "filter emit handle format formatException put_nowait enqueue prepare dequeue "
    # finders and loaders of modules
    "find_spec find_module find_distributions load_module create_module exec_module get_data get_code get_source "
    # aggregates of sqlite3
    "step finalize inverse value "
    # mappings
    "keys "
    # what parses XML and HTML tells others
    "startDocument endDocument startElement endElement startElementNS endElementNS characters start end data comment "
    "processingInstruction ignorableWhitespace error fatalError warning "
    # persistent objects
    "persistent_id persistent_load reducer_override".split()
)
"""What the standard library calls of objects of any class."""
_HOOKS = re.compile(
    r"(on|do|handle|visit|process|before|after)_\w+|handle|process|execute|run|call|dispatch|notify|update|invoke"
)
_REMOTE = re.compile(r"register_(instance|object|service)")
"""Whose callers choose the method by its name, from elsewhere."""
_MAPPINGS = frozenset({"builtins.dict", "builtins.dict.update"})
_INERT = (
    "copy.", "pickle.dumps", "pickle.loads", "weakref.", "dataclasses.", "functools.", "itertools.", "collections.", "operator.",
    "typing.", "types.", "inspect.", "warnings.", "pprint.", "queue.", "threading.", "multiprocessing.", "concurrent.", "asyncio.",
    "contextvars.", "heapq.", "bisect.", "random.", "unittest.", "doctest.", "json.dumps", "json.loads", "argparse.", "abc.", "enum.",
    "contextlib.suppress", "contextlib.nullcontext", "contextlib.ExitStack", "contextlib.AsyncExitStack",
    "logging.Logger.", "logging.LoggerAdapter.", "logging.debug", "logging.info", "logging.warning", "logging.error",
    "logging.exception", "logging.critical", "logging.log", "atexit.", "gc.", "reprlib.", "textwrap.", "time.", "uuid.", "hashlib.",
    "pathlib.", "os.", "posixpath.", "sys.getsizeof", "sys.getrefcount", "sys.exit",
)  # fmt: skip
"""They look at what they are given, copy it, keep it, or hand it to functions that the index follows."""
_CLIENTS = frozenset({"requests", "httpx", "urllib3", "aiohttp"})
_BODIES = frozenset({"data", "files", "content", "body"})
_OF_TESTS = frozenset("pytest unittest mock responses requests_mock httpretty vcr hypothesis nose assertpy".split())


def convention_pins(facts: Facts) -> Iterator[tuple[str, Refusal]]:
    """Functions that are found and called from outside, by their names or parameters."""
    for name, who in conventional(facts):
        span = facts.project.functions[name].span
        yield function_node(name), refusal(CALLBACK, span, f"{who} calls it, without await.")


def given_object_pins(facts: Facts, handled: frozenset[Span]) -> Iterator[tuple[str, Refusal]]:
    """The methods that stay for that, by node; what is given to the calls `handled` runs right."""
    for given in facts.project.given_objects(_matters):
        if given.call in handled:
            continue
        call = facts.project.call_at(given.call)
        whom = f"{facts.text(given.call.path, call.node.func)}()" if call is not None else "a call"
        remote = call is not None and _REMOTE.fullmatch(call.method)
        protocols = _Protocols(all=True) if remote else _protocols(facts, given)
        if protocols is not None:
            yield from _pinned(facts, given.cls, protocols, given.call, whom)
    for cls, places in facts.objects.items():
        for path, node in places if _methods(facts, cls) else ():
            parent = facts.parent(path, node)
            for target in parent.targets if isinstance(parent, ast.Assign) and parent.value is node else ():
                if isinstance(target, ast.Attribute) and _is_foreign(facts, path, target.value):
                    yield from _pinned(
                        facts, cls, _Protocols(_STANDARD), facts.span(path, node), facts.text(path, target)
                    )


@dataclass(frozen=True, slots=True)
class _Protocols:
    """What may be called of an object: methods of these names; those under names of hooks that nothing in sight calls; all."""

    names: frozenset[str] = frozenset()
    hooks: bool = False
    all: bool = False


def _matters(externals: frozenset[str]) -> bool:
    return not externals or any(_of_external(name, None) is not None for name in externals)


def _protocols(facts: Facts, given: GivenObject) -> _Protocols | None:
    """What those who get the object may call; None for nothing."""
    if facts.in_test(given.call.path):
        return None
    if not given.externals:
        return _Protocols(_STANDARD, hooks=True)
    found = [
        p for name in sorted(given.externals) if (p := _of_external(name, given.argument, given.itself)) is not None
    ]
    if not found:
        return None
    names = frozenset().union(*(each.names for each in found))
    return _Protocols(names, any(each.hooks for each in found))


def _of_external(name: str, argument: int | str | None, itself: bool = False) -> _Protocols | None:
    top = name.partition(".")[0]
    if top == "builtins":
        if name == "builtins.print" and not isinstance(argument, int):
            return _Protocols(_FILE)
        return _Protocols(frozenset({"keys"})) if name in _MAPPINGS else None
    if name.startswith(_INERT) or top in _OF_TESTS or ":" in top:
        return None
    if top in _CLIENTS:
        return _Protocols(_FILE) if argument is None or argument in _BODIES or argument in (1, 2) else None
    return _Protocols(_STANDARD, hooks=top not in sys.stdlib_module_names and not itself)


def _pinned(facts: Facts, cls: str, protocols: _Protocols, span: Span, whom: str) -> Iterator[tuple[str, Refusal]]:
    for last, info in _methods(facts, cls).items():
        hook = protocols.hooks and _HOOKS.fullmatch(last) is not None and not facts.project.callers(info.name)
        if last in protocols.names or hook or (protocols.all and not last.startswith("_")):
            text = f"{whom} is given such an object, and may call {last}() of it without await."
            yield function_node(info.name), refusal(CALLBACK, span, text)


def _methods(facts: Facts, cls: str) -> dict[str, FunctionInfo]:
    """The methods of the class and of its bases that are no coroutine functions and not for Python itself, by name."""
    found: dict[str, FunctionInfo] = {}
    info = facts.project.classes.get(cls)
    for base in info.mro if info is not None else ():
        for last, name in facts.project.classes[base].methods.items() if base in facts.project.classes else ():
            method = facts.project.functions.get(name)
            if (
                method is not None
                and method.kind is Kind.FUNCTION
                and not method.is_async
                and not last.startswith("__")
            ):
                found.setdefault(last, method)
    return found


def _is_foreign(facts: Facts, path: str, owner: ast.expr) -> bool:
    return any(isinstance(value, (External, Instance)) for value in facts.values(path, owner))
