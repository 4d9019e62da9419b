"""What forces a function to stay synchronous, whatever it calls."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import get_args

from asyncify.colour.old_decorators import too_old
from asyncify.colour.suspects import PYTHON_CALLS, maybe_calls
from asyncify.index.project import FunctionInfo, FunctionUse, ImplicitCall, Kind, Sink
from asyncify.index.standard import NOT_IMPORTED
from asyncify.index.syntax import walk
from asyncify.index.values import External, Instance, Object, Value
from asyncify.model import Reason, Refusal, Span
from asyncify.rules.base import CALLBACK, RefusalCode, function_node, object_node, site_node
from asyncify.rules.blocking import RUNNERS
from asyncify.rules.caches import CACHES
from asyncify.rules.decorators import FOLLOWING
from asyncify.rules.facts import Facts
from asyncify.rules.requests_names import SESSIONS
from asyncify.support import Module

SPECIAL_METHOD = RefusalCode(
    "special-method",
    "Python calls this method itself, without await.",
    "Move the I/O into a method with an ordinary name and call that.",
)
PROPERTY = RefusalCode(
    "property",
    "Reading an attribute cannot be awaited by its readers.",
    "Turn the property into a method.",
)
DECORATED = RefusalCode(
    "foreign-decorator",
    "A decorator from outside the project receives this function.",
    "Remove the decorator, or apply it to a synchronous function of its own.",
)
FOREIGN_OVERRIDE = RefusalCode(
    "foreign-override",
    "The method overrides one of a class outside the project, whose code calls it without await.",
    "Move the I/O out of the overriding method.",
)
IMPORT_TIME = RefusalCode(
    "import-time",
    "The code runs when the module is imported.",
    "Move it into a function that is called from an entry point.",
)
LAMBDA = RefusalCode(
    "lambda",
    "A lambda cannot contain await, and this one cannot become a function in front of its statement.",
    "Make it a function with a name.",
)
KEPT = RefusalCode(
    "kept",
    "A comment `# asyncify: keep` covers it.",
    "Remove the comment.",
)
MAYBE_CALLED = RefusalCode(
    "maybe-called",
    "A call that asyncify cannot resolve may be a call of this method.",
    "Annotate the receiver of that call.",
)
STARTS_LOOP = RefusalCode(
    "starts-loop",
    "The function starts an event loop itself.",
    "Await the coroutine instead, in an asynchronous function.",
)
STOP_ITERATION = RefusalCode(
    "stop-iteration",
    "StopIteration may leave the function; from a coroutine it arrives as RuntimeError.",
    "Give next() a default, or catch StopIteration here.",
)
NAME_TAKEN = RefusalCode(
    "name-taken",
    "A parameter or variable has the name of a module that is needed here.",
    "Give the variable another name.",
)
NEEDED_NAMES = frozenset({"asyncio", *get_args(Module)})
"""Modules that migrated code refers to by these names."""
TOO_MANY_VALUES = RefusalCode(
    "too-many-values",
    "So many different values meet in one variable that asyncify stops following them.",
    "Call it by its name, or divide the table that holds it.",
)
PIN_CODES = (
    SPECIAL_METHOD, PROPERTY, DECORATED, CALLBACK, FOREIGN_OVERRIDE, IMPORT_TIME, LAMBDA, KEPT, MAYBE_CALLED, STARTS_LOOP, STOP_ITERATION,
    NAME_TAKEN, TOO_MANY_VALUES,
)  # fmt: skip

# Special methods that may be coroutine functions, because they are called explicitly.
_ASYNC_SPECIAL = frozenset({"__aenter__", "__aexit__", "__anext__"})
_OF_MODULES = frozenset({"__getattr__", "__dir__"})  # PEP 562
# Decorators from outside that leave the function what it is.
TRANSPARENT = frozenset(
    [
        "builtins.staticmethod",
        "builtins.classmethod",
        "abc.abstractmethod",
        "typing.overload",
        "typing.final",
        "typing.override",
        "typing_extensions.override",
        "typing_extensions.final",
        "functools.wraps",
        "functools.singledispatch",
        "functools.singledispatchmethod",
        "typing.no_type_check",
        "contextlib.contextmanager",
    ]
)
TRANSPARENT_PREFIXES = (
    "pytest.mark.",
    "pytest.fixture",
    "pytest.yield_fixture",
    "pytest_asyncio.",
    "unittest.skip",
    "unittest.expectedFailure",
    "unittest.mock.patch",
    "mock.patch",
    "responses.activate",
    "freezegun.freeze_time",
)
_PROPERTIES = frozenset({"builtins.property", "functools.cached_property", "builtins.property.setter"})
# Objects whose uses stay as they are (rules see to the exceptions themselves).
_SAME_BEFORE_AND_AFTER = frozenset({"requests.Response"})
# External callables that look at a function they are given without calling it.
LOOKS_AT_FUNCTIONS = frozenset(
    "functools.wraps functools.update_wrapper builtins.print builtins.isinstance builtins.callable builtins.id builtins.repr "
    "builtins.str builtins.type builtins.hasattr inspect.signature inspect.getfullargspec inspect.getdoc inspect.getsource "
    "inspect.isfunction "
    "inspect.iscoroutinefunction asyncio.iscoroutinefunction typing.get_type_hints typing.cast builtins.bool".split()
)
# Bases that never call a method they do not define under its name.
_INERT_BASES = frozenset(
    [
        "builtins.object",
        "abc.ABC",
        "typing.Protocol",
        "typing.Generic",
        "typing.NamedTuple",
        *SESSIONS,
        "typing.TypedDict",
        "typing_extensions.Protocol",
        "typing_extensions.TypedDict",
    ]
)
# Classes of the standard library that put a method's name together.
_DISPATCHED = {
    "ast.NodeVisitor": ("visit_",),
    "cmd.Cmd": ("do_", "help_", "complete_"),
    "http.server.BaseHTTPRequestHandler": ("do_",),
    "xmlrpc.server.SimpleXMLRPCDispatcher": ("_", "system_"),
}
# Names under which frameworks call methods of classes that derive from theirs, even where the project calls them as well.
_HOOK = re.compile(
    r"(on|do|visit|handle|validate|clean|before|after|perform|process|resolve|pre|post)_\w+"
    r"|run|call|get|post|put|patch|delete|head|options|dispatch|handle|execute|process|perform|forward|emit|parse|invoke"
    r"|setup|teardown|start|stop|load|save|create|update|list|retrieve|destroy|authenticate|render|consume|poke"
    r"|get_queryset|get_context_data|get_object|form_valid|has_permission|to_representation|start_requests|model_post_init"
)


def refusal(code: RefusalCode, span: Span, message: str = "", because: Reason | None = None) -> Refusal:
    """A refusal of that code, with its witness."""
    text = message or code.title
    return Refusal(code.code, span, text, code.remedy, Reason(text, span, because))


def pins(
    facts: Facts, handled: frozenset[Span], kept: dict[str, frozenset[int]], settled: frozenset[Span] = frozenset()
) -> Iterator[tuple[str, Refusal]]:
    """Nodes of functions that must stay synchronous, with the refusal to give if one would have to change.

    At the calls of unknown things `settled` a coroutine is awaited if there is one.
    """
    project = facts.project
    for info in project.functions.values():
        if info.is_async:
            continue
        reason = _own_pin(facts, info, kept, handled) or _maybe_called(facts, info, settled)
        if reason is not None:
            yield function_node(info.name), reason
    yield from _runner_pins(facts, handled)
    yield from _lost_pins(facts)
    for implicit in facts.implicit_calls:
        target = project.functions.get(implicit.target)
        if implicit.kind == "property" and target is not None and target.is_generator:
            continue  # reading it waits for nothing
        if implicit.span not in handled and target is not None:
            found = _implicit_pin(implicit)
            if found is not None:
                yield function_node(implicit.target), found
    for use in project.uses:
        if use.span not in handled:
            found = _use_pin(use, facts)
            if found is not None:
                yield function_node(use.function), found


_STARTERS = (*RUNNERS, "asyncio.get_event_loop", "asyncio.new_event_loop")


def _runner_pins(facts: Facts, handled: frozenset[Span]) -> Iterator[tuple[str, Refusal]]:
    """Functions that start an event loop themselves, or that let StopIteration out: no coroutine may do either."""
    for name in sorted(_STARTERS):
        for call in facts.calls_by_external.get(name, ()):
            info = facts.project.functions.get(call.within)
            if info is not None and info.kind in (Kind.FUNCTION, Kind.LAMBDA) and not info.is_async:
                yield function_node(info.name), refusal(STARTS_LOOP, call.span)
    for path in facts.project.files:
        seen = set()
        for part in facts.nodes(path, ast.Call, ast.Raise):
            if not may_stop_iteration(part) or _stop_iteration_caught(facts, path, part) or _endless(facts, path, part):
                continue
            if facts.span(path, part) in handled:
                continue
            for parent in facts.parents(path, part):
                info = facts.project.function_of(path, parent) if isinstance(parent, ast.FunctionDef) else None
                if info is not None and not info.is_generator and info.kind is Kind.FUNCTION and info.name not in seen:
                    seen.add(info.name)
                    yield function_node(info.name), refusal(STOP_ITERATION, facts.span(path, part))


def _lost_pins(facts: Facts) -> Iterator[tuple[str, Refusal]]:
    """Objects of libraries that the index stopped following: some of their uses would not be rewritten."""
    for value in sorted(facts.project.lost, key=str):
        site = value.site if isinstance(value, Instance) and value.type not in _SAME_BEFORE_AND_AFTER else None
        if isinstance(value, Object) and value.cls in facts.project.classes:
            site = facts.project.classes[value.cls].span
        if site is not None:
            found = refusal(TOO_MANY_VALUES, site)
            yield object_node(site), found
            yield site_node(site), found


def may_stop_iteration(node: ast.AST) -> bool:
    """Whether the node, by itself, may raise StopIteration."""
    match node:
        case ast.Call(func=ast.Name(id="next"), args=[_], keywords=[]) | ast.Call(func=ast.Attribute(attr="__next__")):
            return True
        case ast.Raise(exc=ast.Name(id="StopIteration") | ast.Call(func=ast.Name(id="StopIteration"))):
            return True
    return False


def _endless(facts: Facts, path: str, node: ast.AST) -> bool:
    """Whether the node takes the next item of what never ends: ``next(itertools.count())``."""
    values = facts.values(path, node.args[0]) if isinstance(node, ast.Call) and node.args else frozenset()
    for value in values:
        made = facts.node(value.site, ast.Call) if isinstance(value, Instance) and value.site is not None else None
        call = facts.project.call_at(value.site) if made is not None and isinstance(value, Instance) else None  # type: ignore[arg-type]
        if made is None or call is None or call.targets or not call.externals:
            return False
        items = made.args[0] if made.args else None
        full = isinstance(items, (ast.List, ast.Tuple, ast.Set)) and any(
            not isinstance(e, ast.Starred) for e in items.elts
        )
        if not call.externals <= ({"itertools.count", "itertools.cycle"} if full else {"itertools.count"}):
            return False
    return bool(values)


def _stop_iteration_caught(facts: Facts, path: str, node: ast.AST) -> bool:
    child = node
    for parent in facts.parents(path, node):
        if isinstance(parent, ast.Try) and child in parent.body:
            for handler in parent.handlers:
                names = {n.id for n in ast.walk(handler.type) if isinstance(n, ast.Name)} if handler.type else {"*"}
                if names & {"StopIteration", "Exception", "BaseException", "*"}:
                    return True
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return False
        child = parent
    return False


def _own_pin(
    facts: Facts, info: FunctionInfo, kept: dict[str, frozenset[int]], handled: frozenset[Span]
) -> Refusal | None:
    last = info.name.rpartition(".")[2]
    if info.span.line in kept.get(info.path, ()) and info.kind is not Kind.MODULE:
        return refusal(KEPT, info.span)
    if info.kind is Kind.CLASS_BODY:
        return refusal(IMPORT_TIME, info.span, "The body of a class runs when the module is imported.")
    if info.kind is not Kind.FUNCTION:
        return None
    special = info.cls and last not in _ASYNC_SPECIAL and _may_be_special(facts, info, last)
    if (special or (info.parent is None and last in _OF_MODULES)) and info.span not in handled:
        return refusal(SPECIAL_METHOD, info.span, f"Python calls {last} itself, without await.")
    for span in info.decorators:
        found = _decorator_pin(facts, info, span)
        if found is not None:
            return found
    node = facts.node(info.span, ast.FunctionDef)
    spelled = node is not None and facts.spells(info.path, NEEDED_NAMES)
    taken = _binds(node) & NEEDED_NAMES if spelled and node is not None else frozenset()
    if taken:
        text = f"The name {min(taken)} means something else in this function."
        return refusal(NAME_TAKEN, info.span, text)
    if info.cls and info.cls in facts.project.classes and info.span not in handled:
        return _base_pin(facts, info, last)
    return None


def _may_be_special(facts: Facts, info: FunctionInfo, name: str) -> bool:
    """Whether Python, or a library that made up the name, may call the method; not if only this project knows the name."""
    if not name.startswith("__") or not name.endswith("__"):
        return False
    return name in PYTHON_CALLS or not facts.project.callers(info.name)


def _binds(node: ast.FunctionDef) -> frozenset[str]:
    """The names of parameters, and of variables in the function and in the functions inside."""
    return frozenset(
        part.arg if isinstance(part, ast.arg) else part.id
        for part in walk(node)
        if isinstance(part, ast.arg) or (isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store))
    )


def _maybe_called(facts: Facts, info: FunctionInfo, settled: frozenset[Span]) -> Refusal | None:
    name = info.name.rpartition(".")[2]
    for call in maybe_calls(facts, info):
        if call.span in settled:
            continue
        text = f"The call {call.span} may be a call of {name}(); asyncify cannot tell what it is made on."
        return refusal(MAYBE_CALLED, call.span, text)
    return None


def _decorator_pin(facts: Facts, info: FunctionInfo, span: Span) -> Refusal | None:
    node = facts.node(span, ast.expr)
    target = node.func if isinstance(node, ast.Call) else node
    if target is None:
        return None
    text = facts.text(info.path, target)
    values: frozenset[Value] = facts.values(info.path, target)
    names = {value.name for value in values if isinstance(value, External)}
    if names == {"builtins.property"} and info.is_generator:
        return None  # reading it waits for nothing, and gives a generator like any call
    if names & _PROPERTIES or text.endswith((".setter", ".getter", ".deleter")):
        return refusal(PROPERTY, info.span)
    for name in names:
        if name not in TRANSPARENT | FOLLOWING | CACHES and not name.startswith(TRANSPARENT_PREFIXES):
            return refusal(DECORATED, span, f"The decorator {text} comes from outside the project.")
    if not values:
        return refusal(DECORATED, span, f"asyncify does not know the decorator {text}.")
    if node is not None and (why := too_old(facts, info.path, node)):
        return refusal(DECORATED, span, why)
    return None


@cache
def _in_the_standard_library(base: str) -> tuple[object, ...]:
    """The object of that dotted name, or () where the name is from elsewhere, not there, or not to be imported."""
    module, _, name = base.rpartition(".")
    top = module.partition(".")[0]
    if top not in sys.stdlib_module_names or top in NOT_IMPORTED:
        return ()
    while module:
        try:
            found = getattr(importlib.import_module(module), name, None)
            return () if found is None else (found,)
        except ImportError:
            module, _, name = module.rpartition(".")
    return ()


def _defines(base: str, method: str) -> bool | None:
    """Whether a class of the standard library defines the method; None for classes from elsewhere."""
    return next((hasattr(cls, method) for cls in _in_the_standard_library(base)), None)


def _dispatches(base: str, method: str) -> bool | None:
    """Whether a class of the standard library calls methods whose names begin like this; None for classes from elsewhere."""
    for found in _in_the_standard_library(base):
        names = (f"{cls.__module__}.{cls.__qualname__}" for cls in getattr(found, "__mro__", ()))
        return any(method.startswith(_DISPATCHED.get(name, ("\0",))) for name in names)
    return None


def _base_pin(facts: Facts, info: FunctionInfo, method: str) -> Refusal | None:
    assert info.cls is not None
    for base in sorted(facts.project.classes[info.cls].external_bases - _INERT_BASES):
        if method.startswith("__"):
            return refusal(FOREIGN_OVERRIDE, info.span, f"{base} calls {method} without await.")
        defines = _defines(base, method) or _dispatches(base, method)  # None: nobody knows
        if base.endswith("TestCase"):
            # Tests, setUp and tearDown are the business of the rule test_frameworks.
            if method not in ("setUp", "tearDown", "runTest") and _defines("unittest.TestCase", method):
                return refusal(FOREIGN_OVERRIDE, info.span, f"unittest calls {method}() without await.")
            continue
        if defines or (defines is None and (_HOOK.fullmatch(method) or not facts.project.callers(info.name))):
            what = f"{base}.{method}" if defines else f"a method of {base}" if base != "?" else "a method of its base"
            return refusal(
                FOREIGN_OVERRIDE, info.span, f"{method}() may override {what}, which is called without await."
            )
    return None


def _implicit_pin(implicit: ImplicitCall) -> Refusal | None:
    match implicit.kind:
        case "property":
            return refusal(PROPERTY, implicit.span)
        case "callback":
            who = implicit.external or "code outside the project"
            return refusal(CALLBACK, implicit.span, f"The function is handed to {who}, which calls it without await.")
        case "decorator":
            return refusal(IMPORT_TIME, implicit.span, "It runs as a decorator, when the module is imported.")
        case kind:
            return refusal(SPECIAL_METHOD, implicit.span, f"It is called by the language here ({kind}), without await.")


def _decorator_name(facts: Facts, span: Span) -> str:
    """The external name of what makes a decorator (``patch`` in ``@patch("name")``), or ``""``."""
    node = facts.node(span, ast.Call)
    values = facts.values(span.path, node.func) if node is not None else frozenset()
    names = [value.name for value in values if isinstance(value, External)]
    return names[0] if len(names) == len(values) == 1 else ""


def _use_pin(use: FunctionUse, facts: Facts) -> Refusal | None:
    match use.sink:
        case Sink.COMPARED:
            return None
        case Sink.LOST:
            return refusal(TOO_MANY_VALUES, use.span)
        case Sink.DECORATED:
            name = use.external or _decorator_name(facts, use.span)
            if name in TRANSPARENT | FOLLOWING | CACHES or name.startswith(TRANSPARENT_PREFIXES) or name in _PROPERTIES:
                return None
            if not name or name.startswith("asyncify."):  # a name of asyncify's own catalogue tells its readers nothing
                node = facts.node(use.span, ast.expr)
                name = ast.unparse(node) if node is not None else "here"
            return refusal(DECORATED, use.span, f"The decorator {name} comes from outside the project.")
        case Sink.ARGUMENT if use.external in LOOKS_AT_FUNCTIONS:
            return None
        case Sink.ARGUMENT:
            who = use.external or "code that asyncify does not resolve"
            return refusal(CALLBACK, use.span, f"The function is handed to {who}, which calls it without await.")
        case _:
            return refusal(
                CALLBACK, use.span, f"The function is {use.sink} as a value here; who calls it is not known."
            )
