"""Functions that are fetched by a name, or all together: ``getattr(obj, name)``, ``methodcaller(name)``, ``globals()[name]``, ``vars(cls).items()``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from asyncify.colour.pins import refusal
from asyncify.index.prefix import literal_prefix, literal_suffix
from asyncify.index.project import CallSite, Kind
from asyncify.index.testing import rows
from asyncify.index.values import Class, Constant, ModuleRef, Object, Unknown, Value
from asyncify.model import Refusal, Span
from asyncify.rules.base import CALLBACK, function_node
from asyncify.rules.facts import Facts
from asyncify.rules.flow import calls_in_the_end, chosen_among, local_loads
from asyncify.rules.once import once

_MEMBERS = frozenset({"inspect.getmembers", "inspect.getmembers_static"})
_DICT = frozenset({"__dict__"})
_NAME_TABLES = frozenset({"builtins.globals", "builtins.vars", "builtins.locals"})
_GETTERS = frozenset({"operator.methodcaller", "operator.attrgetter"})
_CALLING = frozenset(
    "map filter starmap reduce partial submit apply apply_async imap imap_unordered to_thread iter Timer".split()
)
_RUN_FILES = frozenset({"runpy.run_path", "runpy.run_module"})
_BY_COMPUTED = "The function may be fetched here by a name that is computed."
_OF_ANYTHING = "The function may be fetched here by its name; asyncify cannot tell of what."


@dataclass(frozen=True, slots=True)
class Fetch:
    """A place where functions may be fetched: which, and what the pins of those say that stay for it."""

    span: Span
    functions: tuple[str, ...]
    text: str
    calls: tuple[CallSite, ...] = ()
    """The calls of what is fetched, where nothing else happens to it."""


def settles(facts: Facts, function: str) -> bool:
    """Whether what a call of the function gives may be awaited if that is a coroutine, whatever it is called as."""
    info = facts.project.functions[function]
    last = function.rpartition(".")[2]
    return info.kind is Kind.FUNCTION and not info.is_generator and not info.is_async and not last.startswith("__")


def _nobody_asks_for(facts: Facts, function: str) -> bool:
    """Whether it is a generator under a private name, which whoever chooses the name does not know."""
    last = function.rpartition(".")[2]
    return facts.project.functions[function].is_generator and last.startswith("_") and not last.startswith("__")


def computed_name_pins(facts: Facts, settled: frozenset[Span] = frozenset()) -> Iterator[tuple[str, Refusal]]:
    """Functions that may be fetched by a computed name: ``getattr(obj, name)``, ``globals()[name]``.

    Where what they give is awaited if that is a coroutine, at the calls `settled`, they may become coroutine functions.
    """
    for fetch in fetches(facts):
        free = bool(fetch.calls) and all(call.span in settled for call in fetch.calls)
        for name in fetch.functions:
            if not (free and (settles(facts, name) or _nobody_asks_for(facts, name))):
                yield function_node(name), refusal(CALLBACK, fetch.span, fetch.text)
    for call in facts.calls_of(_NAME_TABLES):
        if not call.node.args:
            for name in _in_table(facts, call):
                text = "The function may be fetched here from the table of names."
                yield function_node(name), refusal(CALLBACK, call.span, text)
    yield from _listed(facts)


def _in_table(facts: Facts, call: CallSite) -> Iterator[str]:
    """The functions in the table of names that is made here: those of the file, or of the function that asks for its own.

    Where something out of that table is called, it may be whatever the function's variables hold.
    """
    within = facts.project.functions.get(call.within)
    own = (
        "builtins.globals" not in call.externals and within is not None and within.kind in (Kind.FUNCTION, Kind.LAMBDA)
    )
    # In a part of a large tree other files may have the table, and what is called out of it; and what moved there as well
    # has callers everywhere.
    others = not own or facts.project.is_part or _calls_out_of(facts, call.span.path, call.node)
    for info in facts.project.functions.values():
        here = info.path == call.span.path and info.kind is Kind.FUNCTION
        if here and ((others and info.parent is None) or (own and info.parent == call.within)):
            yield info.name


def _calls_out_of(facts: Facts, path: str, table: ast.expr) -> bool:
    """Whether something out of the table is called: ``table[name]()``, ``table.get(name)()``, also under a local name."""
    parent = facts.parent(path, table)
    match parent:
        case ast.Subscript(value=value) if value is table:
            return bool(calls_in_the_end(facts, path, parent, looked_at=True))
        case ast.Attribute(value=value) if value is table:
            around = facts.parent(path, parent)
            return isinstance(around, ast.Call) and bool(calls_in_the_end(facts, path, around, looked_at=True))
        case ast.Assign(targets=[ast.Name() as target]):
            loads = local_loads(facts, path, target)
            return loads is None or any(load is not parent.value and _calls_out_of(facts, path, load) for load in loads)
    return False


@once
def fetches(facts: Facts) -> tuple[Fetch, ...]:
    """The places where functions may be fetched by a computed name, of what is known and of what is not."""
    return tuple(_fetches(facts))


def _fetches(facts: Facts) -> Iterator[Fetch]:
    for call in facts.calls_of(("builtins.getattr",)):
        node = call.node
        if len(node.args) < 2 or isinstance(node.args[1], ast.Constant):
            continue
        if _names_are_known(facts, call, node.args[1]) or _names_slot(facts, call, node.args[1]):
            continue
        forms = _spelled(facts, call.span.path, node.args[1])
        found = {
            name: None
            for value in facts.values(call.span.path, node.args[0])
            for name in members_of(facts, value)
            if _fits(name, forms)
        }
        if found:
            yield Fetch(call.span, tuple(found), _BY_COMPUTED, _called(facts, call))
    yield from _of_anything(facts)


def _fits(name: str, forms: list[tuple[str, str]]) -> bool:
    last = name.rpartition(".")[2]
    return any(last.startswith(start) and last.endswith(end) for start, end in forms)


def _called(facts: Facts, fetch: CallSite) -> tuple[CallSite, ...]:
    """The calls of what is fetched, if nothing else happens to it."""
    path = fetch.span.path
    nodes = calls_in_the_end(facts, path, fetch.node, looked_at=True) or []
    calls = [facts.project.call_at(facts.span(path, node)) for node in nodes]
    known = [call for call in calls if call is not None]
    return tuple(known) if len(known) == len(calls) else ()


def _handed_to_caller(facts: Facts, path: str, node: ast.AST) -> bool:
    """Whether the node goes to what calls what it is given: ``map(getattr(obj, name), items)``."""
    parent = facts.parent(path, node)
    around = facts.parent(path, parent) if isinstance(parent, ast.keyword) else parent
    if not isinstance(around, ast.Call) or around.func is node:
        return False
    if isinstance(parent, ast.keyword):
        return parent.arg in ("target", "key", "func", "function")
    return around.args[0] is node and ast.unparse(around.func).rpartition(".")[2] in _CALLING


def _of_anything(facts: Facts) -> Iterator[Fetch]:
    """Functions that are fetched by a name from what is not known: ``getattr(lost, "load")``, ``methodcaller("load")``."""
    places: list[tuple[Span, list[tuple[str, str]], tuple[CallSite, ...]]] = []
    for call in facts.calls_of(_GETTERS):
        names = call.node.args[:1] if "operator.methodcaller" in call.externals else call.node.args
        places += [(call.span, _forms(facts, call.span.path, name), ()) for name in names]
    for call in facts.calls_of(("builtins.getattr",)):
        path, node = call.span.path, call.node
        values = facts.values(path, node.args[0]) if len(node.args) >= 2 else frozenset()
        if len(node.args) >= 2 and (not values or any(isinstance(value, Unknown) for value in values)):
            forms = _forms(facts, path, node.args[1])
            calls = _called(facts, call)
            if ("", "") not in forms or calls or _handed_to_caller(facts, path, node):
                places.append((call.span, forms, calls))
    for path in sorted({call.span.path for call in facts.calls_of(_RUN_FILES)}):
        for constant in facts.nodes(path, ast.Constant):  # what they give is a dictionary
            if isinstance(constant.value, str):
                places.append((facts.span(path, constant), [(constant.value, constant.value)], ()))
    found: list[list[str]] = [[] for _ in places]
    for name, info in facts.project.functions.items() if places else ():
        last = name.rpartition(".")[2].partition("#")[0]
        attribute = info.cls is not None or (info.parent is None and facts.imports_dynamically)
        if info.kind is not Kind.FUNCTION or info.is_async or not attribute or last.startswith("__"):
            continue
        for (_, forms, _), functions in zip(places, found, strict=True):
            if _fits(last, forms):
                functions.append(name)
    for (span, _, calls), functions in zip(places, found, strict=True):
        if functions:
            yield Fetch(span, tuple(functions), _OF_ANYTHING, calls)


def _forms(facts: Facts, path: str, name: ast.expr) -> list[tuple[str, str]]:
    """What a name that is asked for starts with and ends with, for each that it may be; the last name of a dotted one."""
    values = facts.values(path, name)
    texts = [v.value for v in values if isinstance(v, Constant) and isinstance(v.value, str)]
    if texts and len(texts) == len(values):
        return [(last, last) for last in sorted({text.rpartition(".")[2] for text in texts})]
    return _spelled(facts, path, name)


def _listed(facts: Facts) -> Iterator[tuple[str, Refusal]]:
    """Functions that come out of a list of members: ``inspect.getmembers(obj)``, ``vars(cls)``, ``module.__dict__``."""
    places: list[tuple[Span, ast.expr, bool]] = []  # where, of what, and whether with what an object has from its class
    for call in facts.calls_of((*_MEMBERS, "builtins.vars")):
        if call.node.args and not _only_copied(facts, call):
            places.append((call.span, call.node.args[0], bool(call.externals & _MEMBERS)))
    for path in sorted(facts.project.files):
        for node in facts.nodes(path, ast.Attribute) if facts.spells(path, _DICT) else ():
            if node.attr == "__dict__" and not isinstance(facts.parent(path, node), ast.Compare):
                places.append((facts.span(path, node), node.value, False))
    for span, of, inherited in places:
        for value in facts.values(span.path, of):
            if isinstance(value, Object) and not inherited:
                continue  # methods are not among what an object has itself
            for name in members_of(facts, value):
                text = "The function may be fetched here with all other members."
                yield function_node(name), refusal(CALLBACK, span, text)


def _only_copied(facts: Facts, members: CallSite) -> bool:
    """Whether a loop sets each of the members under its own name on something else, and does nothing more with them."""
    path = members.span.path
    loop = facts.parent(path, members.node)
    match loop:
        case ast.For(iter=listed, target=ast.Tuple(elts=[ast.Name(id=name), ast.Name(id=value)])):
            used = [n for n in ast.walk(loop) if isinstance(n, ast.Name) and n.id == value and n is not loop.target]
            inside = [n for n in used if isinstance(n.ctx, ast.Load) and n not in set(ast.walk(listed))]
            return all(_sets(facts.parent(path, node), name, node) for node in inside)
    return False


def _sets(call: ast.AST | None, name: str, value: ast.Name) -> bool:
    """Whether the call is ``setattr(…, name, value)``."""
    match call:
        case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Name(id=second), third], keywords=[]):
            return second == name and third is value
    return False


def _names_are_known(facts: Facts, call: CallSite, name: ast.expr) -> bool:
    """Whether the index has followed every name that may be asked for: it starts with certain text, or is one of
    certain texts and no caller from outside chooses it."""
    if literal_prefix(name):
        return not any(isinstance(value, Unknown) for value in facts.project.values(call.span))
    if _given_by_rows(facts, call, name):
        return True
    values = facts.values(call.span.path, name)
    if not values or not all(isinstance(v, Constant) and isinstance(v.value, str) for v in values):
        return False
    info = facts.project.functions.get(call.within)
    public = info is not None and (
        any(use.function == info.name for use in facts.project.uses)
        if info.parent is not None
        else not info.name.rpartition(".")[2].startswith("_")
    )
    return not (isinstance(name, ast.Name) and info is not None and name.id in info.parameters and public)


def _names_slot(facts: Facts, call: CallSite, name: ast.expr) -> bool:
    """Whether the name is an item of ``__slots__``: an attribute of objects, which no method can be beside."""
    path = call.span.path
    for parent in facts.parents(path, call.node):
        match parent:
            case ast.For() | ast.comprehension():
                loops: list[ast.For | ast.comprehension] = [parent]
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                loops = [*parent.generators]
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef():
                return False
            case _:
                continue
        for loop in loops:
            if isinstance(name, ast.Name) and isinstance(loop.target, ast.Name) and loop.target.id == name.id:
                return all(_are_slots(source) for source in chosen_among(facts, path, loop.iter) or [loop.iter])
    return False


def _are_slots(items: ast.expr) -> bool:
    """Whether all items are names from ``__slots__`` of some classes."""
    match items:
        case ast.Attribute(attr="__slots__"):
            return True
        case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value="__slots__"), *default]):
            return all(isinstance(part, (ast.List, ast.Tuple)) and not part.elts for part in default)
        case ast.Call(func=ast.Name(id="list" | "tuple" | "set" | "sorted" | "reversed"), args=[inner]):
            return _are_slots(inner)
        case ast.Call(
            func=ast.Attribute(attr="from_iterable"), args=[ast.GeneratorExp(elt=each) | ast.ListComp(elt=each)]
        ):
            return _are_slots(each)
        case (
            ast.GeneratorExp(elt=ast.Name(id=each), generators=loops)
            | ast.ListComp(elt=ast.Name(id=each), generators=loops)
        ):
            found = [loop for loop in loops if isinstance(loop.target, ast.Name) and loop.target.id == each]
            return bool(found) and _are_slots(found[-1].iter)
    return False


def _given_by_rows(facts: Facts, call: CallSite, name: ast.expr) -> bool:
    """Whether the name is a parameter that a test gets from rows of literal texts: pytest calls it, and nobody else."""
    info = facts.project.functions.get(call.within)
    node = facts.node(info.span, ast.FunctionDef) if info is not None and info.in_test else None
    if info is None or node is None or not isinstance(name, ast.Name) or not node.name.startswith("test"):
        return False
    cells = rows(node.decorator_list, info.parameters[1 if info.cls else 0 :]).get(name.id, [])
    return bool(cells) and all(isinstance(cell, ast.Constant) and isinstance(cell.value, str) for cell in cells)


def members_of(facts: Facts, value: Value) -> Iterator[str]:
    """The methods of a class or object and of the classes related to it, or the functions of a module."""
    project = facts.project
    match value:
        case Object(name) | Class(name) if name in project.classes:
            related = {name, *project.classes[name].mro}
            related |= {c.name for c in project.classes.values() if name in c.mro}
            for cls in related:
                if cls in project.classes:
                    yield from project.classes[cls].methods.values()
        case ModuleRef(name):
            for info in project.functions.values():
                if info.module == name and info.parent is None and info.cls is None and info.kind is Kind.FUNCTION:
                    yield info.name


def _spelled(facts: Facts, path: str, name: ast.expr) -> list[tuple[str, str]]:
    """What the name certainly starts with and ends with, for each way in which it is put together."""
    parts = chosen_among(facts, path, name) or [name]
    return [(literal_prefix(part), literal_suffix(part)) for part in parts]
