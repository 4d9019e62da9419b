"""Classes whose `__init__` waits: objects are made by a coroutine function `create` instead.

## What it rewrites

- `__init__` gets an ordinary name and may be awaited; the class method `create`, with the same parameters, makes an object and
  awaits it. `Client(url)` becomes `await Client.create(url)`, `super().__init__(url)` follows.
- A function that stays synchronous runs it to its end.

## What it refuses

Where somebody may make an object in another way, `__init__` stays as it is, and where that would stop an event loop, making an object goes
through a thread: classes with a base outside the project, with `__new__`, a metaclass or a decorator (dataclasses), classes that
are handed on as values or kept in containers, classes that a test replaces or that are named in a string, and defaults
that are objects of their own each time.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from asyncify.graph import reachable
from asyncify.index.catalogue import Catalogue
from asyncify.index.project import FunctionInfo, Kind
from asyncify.index.values import Class
from asyncify.model import Reason, Rename, ReplaceExpr, Verdict
from asyncify.rules.annotations import in_annotation
from asyncify.rules.base import Claim, Companion, Finding, Handles, Role, Rule, function_node
from asyncify.rules.blocking import waits
from asyncify.rules.facts import Facts
from asyncify.rules.families import families, has_foreign_base
from asyncify.rules.once import once

ID = "constructors"
_INIT = "__init__"
_FACTORIES = ("create", "make", "create_async")
_RENAMED = ("_async_init", "_init_async")
_NEVER = frozenset({"__new__", "__call__", "__init_subclass__", "__class_getitem__", "__reduce__", "__getattr__"})
_COMPUTED = frozenset({"type", "__class__", "cls"})  # spelled where a class is computed to make an object
# Callables that look at a class without making an object of it.
_LOOKING = frozenset(
    "builtins.isinstance builtins.issubclass builtins.super builtins.id builtins.repr builtins.str builtins.print "
    "builtins.hasattr typing.cast typing.get_type_hints inspect.signature inspect.getdoc".split()
)


def match(facts: Facts) -> Iterator[Finding]:
    """What becomes of each ``__init__`` that may wait, and of all places that make an object of its class."""
    waiting = _waiting(facts)
    if not waiting:
        return
    strings = _strings(facts)
    for family in families(facts):
        made = _constructors(facts, family)
        if not any(info.name in waiting for info in made) or _stays(facts, family, made):
            continue
        names = {name.rpartition(".")[2] for name in family}
        constructors = {info.name for info in made}
        if names & strings or _computed(facts) & {"", *family} or not _all_seen(facts, family, constructors):
            continue
        taken = _members(facts, family)
        factory = next((name for name in _FACTORIES if name not in taken), None)
        renamed = next((name for name in _RENAMED if name not in taken), None)
        if factory is not None and renamed is not None:
            for info in made:
                yield from _moved(facts, info, factory, renamed)


def _waiting(facts: Facts) -> frozenset[str]:
    """The ``__init__`` methods below which something from outside waits."""
    found = {c.within for name, calls in facts.calls_by_external.items() if waits(name) for c in calls}
    runners: dict[str, set[str]] = defaultdict(set)
    for function, others in facts.runs.items():
        for other in others:
            runners[other].add(function)
    return frozenset(name for name in reachable(found, runners) if name.endswith(f".{_INIT}"))


def _constructors(facts: Facts, family: frozenset[str]) -> list[FunctionInfo]:
    methods = (facts.project.classes[name].methods.get(_INIT) for name in sorted(family))
    found = (facts.project.functions.get(name) for name in methods if name is not None)
    return [info for info in found if info is not None]


def _stays(facts: Facts, family: frozenset[str], made: list[FunctionInfo]) -> bool:
    """Whether Python or somebody from outside has a hand in making the objects."""
    if has_foreign_base(facts, family):
        return True
    for name in family:
        cls = facts.project.classes[name]
        node = facts.node(cls.span, ast.ClassDef)
        if node is None or node.decorator_list or node.keywords or _NEVER & cls.methods.keys():
            return True
    return not all(_is_plain(facts, info) for info in made)


def _is_plain(facts: Facts, info: FunctionInfo) -> bool:
    """Whether the method can have another name, and one beside it with the same parameters."""
    node = facts.node(info.span, ast.FunctionDef)
    if node is None or info.kind is not Kind.FUNCTION or info.is_async or info.is_generator or info.decorators:
        return False
    arguments = node.args
    names = {part.arg for part in ast.walk(arguments) if isinstance(part, ast.arg)}
    defaults = [*arguments.defaults, *(default for default in arguments.kw_defaults if default is not None)]
    return (
        bool(arguments.posonlyargs or arguments.args)
        and not any(name == "cls" or name.startswith("__") for name in names)
        and all(_is_same_each_time(default) for default in defaults)
    )


def _is_same_each_time(default: ast.expr) -> bool:
    match default:
        case ast.Constant() | ast.Name():
            return True
        case ast.Attribute(value=inner) | ast.UnaryOp(operand=inner):
            return _is_same_each_time(inner)
        case ast.Tuple(elts=parts):
            return all(map(_is_same_each_time, parts))
    return False


def _strings(facts: Facts) -> frozenset[str]:
    """The last names in strings that may name a class to somebody: not those of ``__all__`` and of annotations."""
    found = set()
    for path in facts.project.files:
        for node in facts.nodes(path, ast.Constant):
            is_name = isinstance(node.value, str) and node.value.replace(".", "_").isidentifier()
            if is_name and not in_annotation(facts, path, node) and not _in_all(facts, path, node):
                found.add(str(node.value).rpartition(".")[2])
    return frozenset(found)


def _in_all(facts: Facts, path: str, node: ast.AST) -> bool:
    statement = facts.statement(path, node)
    targets = statement.targets if isinstance(statement, ast.Assign) else ()
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)


def _all_seen(facts: Facts, family: frozenset[str], constructors: set[str]) -> bool:
    """Whether each use of the classes is understood: those that make an object are known calls."""
    names = {name.rpartition(".")[2] for name in family}
    while True:
        more = set()
        for path in facts.project.files:
            if not facts.spells(path, frozenset(names)):
                continue
            for node in facts.nodes(path, ast.Name, ast.Attribute, ast.Call):
                values = facts.values(path, node)
                classes = {value.name for value in values if isinstance(value, Class)}
                if not classes & family:
                    continue
                if isinstance(getattr(node, "ctx", None), ast.Store):
                    if isinstance(node, ast.Attribute):
                        return False
                    more.add(node.id if isinstance(node, ast.Name) else "")
                elif not _is_understood(facts, path, node, constructors) or (len(classes) < len(values)):
                    return False
            more |= {
                alias.asname
                for statement in facts.nodes(path, ast.ImportFrom)
                for alias in statement.names
                if alias.asname and alias.name in names
            }
        if more <= names:
            return True
        names |= more


@once
def _computed(facts: Facts) -> frozenset[str]:
    """The classes in whose methods an object is made of a class that is computed (``type(self)()``) and of which nothing is
    known; ``""`` for where that is in no method."""
    found = set()
    for path in facts.project.files:
        for call in facts.nodes(path, ast.Call) if facts.spells(path, _COMPUTED) else ():
            match call.func:
                case ast.Call(func=ast.Name(id="type")) | ast.Attribute(attr="__class__") | ast.Name(id="cls"):
                    site = facts.project.call_at(facts.span(path, call))
                    known = site is not None and bool(site.targets or site.externals) and not site.unresolved
                    if not known:
                        within = facts.project.functions.get(facts.enclosing(path, call))
                        found.add((within.cls if within is not None else None) or "")
    return frozenset(found)


def _is_understood(facts: Facts, path: str, node: ast.AST, constructors: set[str]) -> bool:
    parent = facts.parent(path, node)
    match parent:
        case ast.Call(func=func) if func is node:
            site = facts.project.call_at(facts.span(path, parent))
            known = site is not None and not site.unresolved and not site.externals
            return known and site is not None and site.targets <= constructors
        case ast.Call() if _looks(facts, path, parent):
            return True
        case ast.Tuple():
            above = facts.parent(path, parent)
            return isinstance(above, ast.Call) and _looks(facts, path, above)
        case ast.ClassDef():
            return node in parent.bases
        case ast.Attribute(attr=attr):
            above = facts.parent(path, parent)
            return attr != _INIT or (isinstance(above, ast.Call) and above.func is parent)
        case ast.Assign(targets=targets):
            return all(isinstance(target, ast.Name) for target in targets)
        case ast.Compare() | ast.MatchClass():
            return True
    return in_annotation(facts, path, node)


def _looks(facts: Facts, path: str, call: ast.Call) -> bool:
    site = facts.project.call_at(facts.span(path, call))
    return site is not None and bool(site.externals) and site.externals <= _LOOKING


def _members(facts: Facts, family: frozenset[str]) -> set[str]:
    """Names that mean something on these classes and their objects already."""
    found = set(facts.attribute_stores)
    for name in family:
        cls = facts.project.classes[name]
        node = facts.node(cls.span, ast.ClassDef)
        found |= cls.methods.keys()
        found |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} if node is not None else set()
    return found


def _moved(facts: Facts, info: FunctionInfo, factory: str, renamed: str) -> Iterator[Finding]:
    node = function_node(info.name)
    yield Handles(info.span)
    reason = Reason("making an object waits", info.span)
    made = (info.cls or "").rpartition(".")[2]
    yield Companion(node, (Rename(info.span, reason, renamed, factory, made),))
    for call in facts.project.callers(info.name):
        func = facts.node(call.func, ast.expr)
        reason = Reason("making an object waits", call.span)
        if isinstance(func, ast.Attribute) and func.attr == _INIT:
            holes = {"value": facts.span(call.span.path, func.value)}
            yield Companion(node, (ReplaceExpr(call.func, f"{{value}}.{renamed}", reason, holes),))
        else:
            making = ReplaceExpr(call.func, f"{{cls}}.{factory}", reason, {"cls": call.func})
            yield Claim(
                ID, call.span, call.within, Role.PART, Verdict.EXACT, reason.text, {"": (making,)}, needs_async=False,
                follows=(node,), variant="made",
            )  # fmt: skip


RULE = Rule(
    id=ID,
    title="Classes whose `__init__` waits",
    doc=__doc__,
    catalogue=Catalogue(),
    match=match,
    starts={},
)
