"""Objects that callers outside the project may choose: ``def __init__(self, pool=None): self.pool = pool or ThreadPoolExecutor(4)``.

What is made here instead becomes an object of an added module, and the calls on it are awaited. Whoever passes one of the original
library from outside would have it awaited, too, which ends in a TypeError after the work was begun. So the object moves on a condition.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from asyncify.index.project import FunctionInfo
from asyncify.index.values import External, Instance
from asyncify.model import Annotate, Edit, Reason, Verdict
from asyncify.rules.base import Claim, Role, object_node
from asyncify.rules.facts import Facts
from asyncify.rules.support import import_of

_CHOICES = (ast.BoolOp, ast.IfExp, ast.NamedExpr)

Stand = tuple[str, str, ast.expr]  # the node of an object, and a place (path and expression) where it is what is taken


def claims(facts: Facts, rule: str, stands: Iterable[Stand], wanted: str, cls: str = "") -> Iterator[Claim]:
    """A claim for each parameter that may bring an object from outside, which goes with those that take its place.

    ``wanted``: what callers have to pass afterwards, in words; ``cls``: its class, which becomes the annotation of a
    parameter that has none ("" for no such class).
    """
    chosen: dict[tuple[str, str], tuple[ast.AST, str, set[str]]] = {}
    for owner, path, node in stands:
        for name, function, place in _choices(facts, path, node):
            chosen.setdefault((path, f"{function}:{name}"), (place, function, set()))[2].add(owner)
    for (path, key), (place, function, owners) in chosen.items():
        name = key.rpartition(":")[2]
        condition = f"callers outside this project that pass {name!r} must pass {wanted}"
        span = facts.span(path, place)
        reason = Reason(f"{function.rpartition('.')[2]}() may be given an object from outside as {name!r}", span)
        edits = {"": tuple(_annotation(facts, path, place, cls, reason))}
        yield Claim(
            rule, span, function, Role.PART, Verdict.REVIEW, reason.text, edits,
            needs_async=False, follows=tuple(sorted(owners)), condition=condition, variant=f"callers:{cls or wanted}",
        )  # fmt: skip


def _annotation(facts: Facts, path: str, place: ast.AST, cls: str, reason: Reason) -> Iterator[Edit]:
    """The edits that say at the parameter what callers have to pass."""
    arguments = facts.parent(path, place)
    if (
        not cls
        or not isinstance(place, ast.arg)
        or place.annotation is not None
        or not isinstance(arguments, ast.arguments)
    ):
        return
    default = next((default for argument, default in _with_defaults(arguments) if argument is place), None)
    optional = isinstance(default, ast.Constant) and default.value is None
    if not optional and not isinstance(default, ast.Call):
        return
    source = facts.file(path).source
    later = any(
        isinstance(node, ast.ImportFrom) and node.module == "__future__" and node.names[0].name == "annotations"
        for node in facts.file(path).tree.body
    )
    note = f"{cls} | None" if optional else cls
    yield Annotate(facts.span(path, place), note, reason, quoted=optional and not later)
    yield import_of(source, cls.partition(".")[0], facts.span(path, place), reason)


def made(facts: Facts, instance: Instance) -> Iterator[Stand]:
    """The places where an object that a call in the project makes may be what is taken."""
    if instance.site is not None and facts.made_by_call(instance):
        for path, node in facts.instances.get(instance, ()):
            yield object_node(instance.site), path, node


def _choices(facts: Facts, path: str, node: ast.expr) -> Iterator[tuple[str, str, ast.AST]]:
    """The parameter, its function, and where it is declared, for the parameter in whose place the object stands."""
    field = _field(facts, path, node)
    if field is not None:
        yield field
        return
    function = facts.enclosing(path, _scope(facts, path, node))
    info = facts.project.functions.get(function)
    if info is None or not _offered(info):
        return
    optional = _optional(facts, info)
    name = next((name for name in _names_beside(facts, path, node) if name in optional), None)
    argument = _argument(facts, function, name) if name is not None else None
    if name is not None and argument is not None:
        yield name, function, argument


def _field(facts: Facts, path: str, node: ast.expr) -> tuple[str, str, ast.AST] | None:
    """The field of a dataclass whose default the object is: callers of the class may pass another."""
    statement = facts.parent(path, node)
    cls = facts.parent(path, statement) if isinstance(statement, ast.AnnAssign) else None
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
        return None
    if not isinstance(cls, ast.ClassDef) or statement.target.id.startswith("_") or not _has_fields(facts, path, cls):
        return None
    if isinstance(node, ast.Call) and any(k.arg == "init" for k in node.keywords):
        return None
    body = facts.enclosing(path, statement)
    info = facts.project.functions.get(body)
    if info is None or not _offered(info):
        return None
    return statement.target.id, body.removesuffix(".<body>"), statement.target


def _has_fields(facts: Facts, path: str, cls: ast.ClassDef) -> bool:
    """Whether the class is made with its annotated names as arguments."""
    decorators = [d.func if isinstance(d, ast.Call) else d for d in cls.decorator_list]
    return any(External("dataclasses.dataclass") in facts.values(path, d) for d in decorators) or any(
        External("typing.NamedTuple") in facts.values(path, base) for base in cls.bases
    )


def _scope(facts: Facts, path: str, node: ast.expr) -> ast.AST:
    """What lies in the body of the function that the expression belongs to: for a default, the function's own body."""
    parent = facts.parent(path, node)
    if isinstance(parent, ast.arguments):
        function = facts.parent(path, parent)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return function.body[0]
    return node


def _offered(info: FunctionInfo) -> bool:
    """Whether code outside may call the function: it belongs to a package, and no part of its name is private.

    The functions of a program's own files have all their callers in sight.
    """
    inside = info.name[len(info.module) + 1 :].split(".")
    package = "." in info.module and not info.module.endswith(".__main__")
    private = any(part.startswith("_") and not part.startswith("__") for part in (*info.module.split("."), *inside))
    return (package or info.path.endswith("__init__.py")) and info.parent is None and not private and not info.in_test


def _optional(facts: Facts, info: FunctionInfo) -> set[str]:
    """The parameters that have a default."""
    node = facts.node(info.span, ast.FunctionDef) or facts.node(info.span, ast.AsyncFunctionDef)
    return {argument.arg for argument, _ in _with_defaults(node.args)} if node is not None else set()


def _with_defaults(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    yield from zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True)
    yield from ((a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None)


def _argument(facts: Facts, function: str, name: str) -> ast.arg | None:
    info = facts.project.functions[function]
    node = facts.node(info.span, ast.FunctionDef) or facts.node(info.span, ast.AsyncFunctionDef)
    arguments = (a for a in ast.walk(node.args) if isinstance(a, ast.arg)) if node is not None else ()
    return next((argument for argument in arguments if argument.arg == name), None)


def _names_beside(facts: Facts, path: str, node: ast.expr) -> Iterator[str]:
    """Names that may be there instead of the expression: of a choice with it, assigned where it is, or its own."""
    parent = facts.parent(path, node)
    if isinstance(parent, ast.arguments):
        yield from (argument.arg for argument, default in _with_defaults(parent) if default is node)
        return
    top: ast.AST = node
    while isinstance(parent, _CHOICES):
        top, parent = parent, facts.parent(path, parent)
    if isinstance(parent, (ast.Assign, ast.AnnAssign)):
        targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
        yield from (target.id for target in targets if isinstance(target, ast.Name))
        for target in targets:
            if isinstance(target, ast.Attribute):
                yield from _stored_otherwise(facts, path, target)
        if parent.value is not None:
            yield from _leaves(parent.value)
    if isinstance(top, ast.expr):
        yield from _leaves(top)


def _stored_otherwise(facts: Facts, path: str, target: ast.Attribute) -> Iterator[str]:
    """Names that the same function puts into the same attribute at another place: ``if session: self.http = session``."""
    function = facts.enclosing(path, target)
    for where, store in facts.attribute_stores.get(target.attr, ()):
        statement = facts.parent(where, store)
        if store is target or where != path or facts.enclosing(path, store) != function:
            continue
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
            yield from _leaves(statement.value)


def _leaves(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Name():
            yield node.id
        case ast.BoolOp():
            for value in node.values:
                yield from _leaves(value)
        case ast.IfExp():
            yield from _leaves(node.body)
            yield from _leaves(node.orelse)
        case ast.NamedExpr():
            yield from _leaves(node.value)
