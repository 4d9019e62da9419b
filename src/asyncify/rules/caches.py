"""Functions whose results `functools` remembers: a coroutine can be awaited once, its result may be used again.

## What it rewrites

- `@functools.lru_cache`, with or without arguments, and `@functools.cache` over a function that becomes asynchronous become
  `@aio_support.lru_cache`: the same sizes, `cache_info()`, `cache_clear()` and `cache_parameters()`. Exceptions are not remembered, and
  callers that ask for the same at the same time may each compute it, as between threads.
- The same where the function is handed over in a call (`fetch = lru_cache(maxsize=8)(load)`).

## What it refuses

- Caches of generators, a cache that is made apart from its function (`remember = lru_cache(8)`), and functions that are
  fetched out of the cache (`fetch.__wrapped__`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue
from asyncify.index.values import BoundMethod, External, Function, Instance, Object, Value
from asyncify.model import Edit, Reason, Refusal, ReplaceExpr, Span
from asyncify.rules.base import Block, Companion, Finding, RefusalCode, Rule, function_node
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import
from asyncify.rules.support import import_of

ID = "caches"
CACHES = frozenset({"functools.lru_cache", "functools.cache"})
"""Decorators that remember results, and that this rule replaces over coroutine functions."""
_MADE = "functools._Decorator"

CACHED = RefusalCode(
    "cached",
    "The results of this function are remembered in a way that has no asynchronous form.",
    "Apply lru_cache as a decorator of the function, and use only what it documents.",
)


def _refuse(span: Span, why: str) -> Refusal:
    return Refusal(CACHED.code, span, why, CACHED.remedy, Reason(why, span))


def match(facts: Facts) -> Iterator[Finding]:
    """What becomes of the caches of functions that become asynchronous."""
    cached: set[str] = set()
    for info in facts.project.functions.values():
        for span in info.decorators:
            decorator = facts.node(span, ast.expr)
            name = _cache(facts, info.path, decorator)
            if decorator is not None and name is not None:
                cached.add(info.name)
                yield from _decorated(facts, info.name, info.path, decorator, name)
            elif any(_is_cache(facts, value) for value in facts.project.values(span)):
                text = "The cache is made apart from the function: others may share it."
                yield Block(function_node(info.name), _refuse(span, text), ID)
    calls = {
        site.span: site for name in (*CACHES, f"{_MADE}.__call__") for site in facts.calls_by_external.get(name, ())
    }
    for span in sorted(calls):
        call = calls[span].node
        functions = _functions(facts, span.path, call)
        if functions:
            cached |= functions
            yield from _called(facts, span.path, call, functions)
    if cached:
        yield from _unwrapped(facts, cached)


def _cache(facts: Facts, path: str, decorator: ast.expr | None) -> str | None:
    """The canonical name of the cache that a decorator is, None if it is none."""
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    if target is None:
        return None
    names = {value.name for value in facts.values(path, target) if isinstance(value, External)}
    return names.pop() if len(names) == 1 and names <= CACHES else None


def _decorated(facts: Facts, function: str, path: str, decorator: ast.expr, name: str) -> Iterator[Finding]:
    node = function_node(function)
    if facts.project.functions[function].is_generator:
        text = "The iterator of a generator is remembered, not its items."
        yield Block(node, _refuse(facts.span(path, decorator), text), ID)
        return
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    yield Companion(node, _edits(facts, path, target, name, made=isinstance(decorator, ast.Call)))


def _edits(facts: Facts, path: str, target: ast.expr, name: str, made: bool) -> tuple[Edit, ...]:
    """The name of the cache at `target` replaced; `made` says that its sizes stand in a call of its own."""
    span = facts.span(path, target)
    reason = Reason("a coroutine cannot be awaited twice: its result is remembered", span)
    new = "aio_support.lru_cache"
    if name == "functools.cache":
        new += "(maxsize=None)"
    elif not made:
        new += "()"
    return (
        ReplaceExpr(span, new, reason),
        import_of(facts.file(path).source, "aio_support", span, reason),
        *orphaned_import(target, span, reason),
    )


def _functions(facts: Facts, path: str, call: ast.Call) -> set[str]:
    """The functions of the project that a call puts behind a cache."""
    if not call.args or isinstance(call.args[0], ast.Starred):
        return set()
    made = [value for value in facts.values(path, call.func) if _is_cache(facts, value)]
    return set(_named(facts, path, call.args[0])) if made else set()


def _is_cache(facts: Facts, value: Value) -> bool:
    if isinstance(value, External):
        return value.name in CACHES
    if not isinstance(value, Instance) or value.type != _MADE or value.site is None:
        return False
    maker = facts.project.call_at(value.site)
    return maker is not None and bool(maker.externals & CACHES)


def _named(facts: Facts, path: str, argument: ast.expr) -> Iterator[str]:
    for value in facts.values(path, argument):
        match value:
            case Function(name) | BoundMethod(function=name):
                yield name
            case Object(cls) if cls in facts.project.classes:
                for owner in (cls, *facts.project.classes[cls].mro):
                    methods = facts.project.classes[owner].methods if owner in facts.project.classes else {}
                    if "__call__" in methods:
                        yield methods["__call__"]
                        break


def _called(facts: Facts, path: str, call: ast.Call, functions: set[str]) -> Iterator[Finding]:
    """``lru_cache(function)`` or ``lru_cache(...)(function)``, written out."""
    made = isinstance(call.func, ast.Call)
    maker = call.func.func if isinstance(call.func, ast.Call) else call.func
    name = _cache(facts, path, maker)
    span = facts.span(path, call)
    alone = len(facts.values(path, call.args[0])) == len(functions) == len(call.args) == 1 and not call.keywords
    if name is None or not alone or any(facts.project.functions[f].is_generator for f in functions):
        for function in sorted(functions):
            yield Block(
                function_node(function), _refuse(span, "asyncify cannot tell what else goes into this cache."), ID
            )
        return
    yield Companion(function_node(functions.copy().pop()), _edits(facts, path, maker, name, made))


def _unwrapped(facts: Facts, cached: set[str]) -> Iterator[Finding]:
    """A function is fetched out of its cache: who calls it then is not known."""
    for path, file in facts.project.files.items():
        for node in facts.nodes(path, ast.Attribute) if "__wrapped__" in file.source.text else ():
            if node.attr != "__wrapped__":
                continue
            for function in sorted(cached & set(_named(facts, path, node.value))):
                text = f"{function.rpartition('.')[2]}() is fetched out of its cache here."
                yield Block(function_node(function), _refuse(facts.span(path, node), text), ID)


RULE = Rule(
    id=ID,
    title="Caches of functions that become asynchronous",
    doc=__doc__,
    catalogue=Catalogue(),
    match=match,
    refusals=(CACHED,),
)
