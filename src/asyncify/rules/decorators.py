"""Decorators of other libraries that work on coroutine functions too.

## What it leaves in place

A function with one of these decorators becomes asynchronous like any other, and the decorator stays: `tenacity.retry`,
`backoff.on_exception`, `backoff.on_predicate` and `stamina.retry` then wait with `asyncio.sleep` between attempts;
`Limiter.as_decorator` of `pyrate_limiter` waits for its permit without stopping the event loop; `beartype.beartype`,
`typeguard.typechecked` and the `deprecated` decorators pass a coroutine on, and so do those of Django (5.0) for views: `csrf_exempt`, `require_GET` and their like.

`functools.singledispatch` and `functools.singledispatchmethod` stay, too: all implementations become asynchronous together with the name that calls
them, or none.

A command of click or typer keeps its function, with all decorators, and starts the event loop there: its body moves into a coroutine
function behind it.

## What it refuses

- Options that only hold for functions (`sleep=` of tenacity), and retries that are changed or looked at through the function
  (`fetch.retry_with(...)`, `fetch.retry.sleep`).
- Retries in a project whose tests replace `time.sleep`: an asynchronous retry does not call it.
- Every other decorator from outside the project: it would get a coroutine where it expects a result.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import FunctionInfo
from asyncify.index.values import BoundMethod, External, Function
from asyncify.model import Reason, Refusal, Span
from asyncify.rules.base import Block, Finding, RefusalCode, Rule, function_node
from asyncify.rules.facts import Facts
from asyncify.rules.time_sleep import replaced_by_tests

_RETRIES = frozenset({"tenacity.retry", "backoff.on_exception", "backoff.on_predicate", "stamina.retry"})
_DIRECT = frozenset(  # applied to the function as they are, or made with arguments first
    {
        "tenacity.retry",
        "beartype.beartype",
        "typeguard.typechecked",
        "deprecated.deprecated",
        "deprecated.classic.deprecated",
        *(
            f"django.views.decorators.{name}"
            for name in (
                "csrf.csrf_exempt csrf.csrf_protect csrf.requires_csrf_token csrf.ensure_csrf_cookie http.require_GET http.require_POST "
                "http.require_safe cache.never_cache clickjacking.xframe_options_exempt clickjacking.xframe_options_deny "
                "clickjacking.xframe_options_sameorigin gzip.gzip_page"
            ).split()
        ),
    }
)
_MADE = frozenset(
    {
        "backoff.on_exception",
        "backoff.on_predicate",
        "stamina.retry",
        "warnings.deprecated",
        "typing_extensions.deprecated",
        "deprecated.sphinx.deprecated",
        "deprecated.sphinx.versionadded",
        "deprecated.sphinx.versionchanged",
        "pyrate_limiter.Limiter.as_decorator",
        "django.views.decorators.http.require_http_methods",
        "django.views.decorators.cache.cache_control",
        "django.views.decorators.vary.vary_on_headers",
    }
)
FOLLOWING = _DIRECT | _MADE
"""Decorators that make a coroutine function of a coroutine function."""
_ATTRIBUTES = frozenset({"retry", "retry_with", "statistics"})

DECORATOR_OPTION = RefusalCode(
    "decorator-option",
    "The decorator is used in a way that only works with functions.",
    "Leave out the option, or pass an asynchronous one, once the function is asynchronous.",
)


def _refuse(span: Span, why: str) -> Refusal:
    return Refusal(DECORATOR_OPTION.code, span, why, DECORATOR_OPTION.remedy, Reason(why, span))


def match(facts: Facts) -> Iterator[Finding]:
    """Functions that such a decorator keeps synchronous all the same."""
    if not _RETRIES & set(facts.external_names):
        return
    decorated: set[str] = set()
    sleep_is_replaced = None
    for info in facts.project.functions.values():
        for span in info.decorators:
            name = _retry(facts, span)
            if name is None:
                continue
            decorated.add(info.name)
            if sleep_is_replaced is None:
                sleep_is_replaced = replaced_by_tests(facts)
            why = (
                "A test replaces time.sleep, which an asynchronous retry does not call." if sleep_is_replaced else None
            )
            why = why or _option(facts, span)
            if why is not None:
                yield _block(info, _refuse(span, why))
    if decorated:
        yield from _looked_at(facts, decorated)


def _block(info: FunctionInfo, refusal: Refusal) -> Block:
    return Block(function_node(info.name), refusal, "decorators")


def _retry(facts: Facts, span: Span) -> str | None:
    """The name of the decorator at `span` if it is one that retries."""
    node = facts.node(span, ast.expr)
    target = node.func if isinstance(node, ast.Call) else node
    values = facts.values(span.path, target) if target is not None else frozenset()
    return next((v.name for v in values if isinstance(v, External) and v.name in _RETRIES), None)


def _option(facts: Facts, span: Span) -> str | None:
    node = facts.node(span, ast.Call)
    for keyword in node.keywords if node is not None else ():
        if keyword.arg is None:
            return "Options of the decorator come from a dictionary."
        if keyword.arg == "sleep":
            return "The decorator is told how to sleep between attempts."
    return None


def _looked_at(facts: Facts, decorated: set[str]) -> Iterator[Block]:
    """The retry of a decorated function is used through the function."""
    for path in facts.project.files:
        for node in facts.nodes(path, ast.Attribute):
            if node.attr in _ATTRIBUTES:
                for value in facts.values(path, node.value):
                    name = value.name if isinstance(value, Function) else getattr(value, "function", "")
                    if isinstance(value, (Function, BoundMethod)) and name in decorated:
                        why = f"The retry of {name.rpartition('.')[2]}() is used through the function."
                        yield _block(facts.project.functions[name], _refuse(facts.span(path, node), why))


RULE = Rule(
    id="decorators",
    title="Decorators that follow coroutine functions",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={
            **dict.fromkeys(_DIRECT, Signature(returns="arg0 | functools._Decorator")),
            **dict.fromkeys(_MADE, Signature(returns="functools._Decorator")),
            "pyrate_limiter.Limiter": Signature(returns="pyrate_limiter.Limiter"),
            "typer.Typer": Signature(returns="typer.Typer"),
            "click.Group": Signature(returns="click.Group"),
        },
        aliases={
            "pyrate_limiter.limiter.Limiter": "pyrate_limiter.Limiter",
            "typer.main.Typer": "typer.Typer",
            "click.core.Group": "click.Group",
            "rich_click.Group": "click.Group",
        },
    ),
    match=match,
    refusals=(DECORATOR_OPTION,),
)
