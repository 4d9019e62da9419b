"""Where a value goes next, and which annotations speak of it: questions that several rules ask."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from asyncify.model import DropImport, Edit, MakeAsync, Reason, ReplaceExpr, Span, Verdict
from asyncify.rules.base import Claim, Role, object_node
from asyncify.rules.facts import Facts, Place
from asyncify.rules.support import import_of

_CARRIERS = (
    ast.keyword,
    ast.Starred,
    ast.List,
    ast.Tuple,
    ast.Set,
    ast.Dict,
    ast.IfExp,
    ast.BoolOp,
    ast.NamedExpr,
)


_POSITIONS = 8  # so many elements of a tuple are looked at, one by one


def receiving_call(facts: Facts, path: str, node: ast.expr) -> ast.Call | None:
    """The call that gets the value as an argument, by itself, by keyword, or in a literal container."""
    child: ast.AST = node
    for parent in facts.parents(path, node):
        if isinstance(parent, ast.Call):
            return parent if child is not parent.func else None
        if not isinstance(parent, _CARRIERS):
            return None
        child = parent
    return None


def local_loads(facts: Facts, path: str, target: ast.expr, bound_once: bool = False) -> list[ast.expr] | None:
    """All places that read a local variable, if it is one that only plain assignments in its function bind, else None."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    scope = next(
        (p for p in facts.parents(path, target) if isinstance(p, (*functions, ast.Lambda, ast.ClassDef))), None
    )
    if not isinstance(target, ast.Name) or not isinstance(scope, functions):
        return None
    names = [node for node in ast.walk(scope) if isinstance(node, ast.Name) and node.id == target.id]
    stores = [node for node in names if not isinstance(node.ctx, ast.Load)]
    plain = all(isinstance(facts.parent(path, node), ast.Assign) for node in stores)
    elsewhere = any(facts.enclosing(path, node) != facts.enclosing(path, target) for node in names)
    bound = {node.arg for node in ast.walk(scope) if isinstance(node, ast.arg)}
    bound |= {name for node in ast.walk(scope) if isinstance(node, (ast.Global, ast.Nonlocal)) for name in node.names}
    if not plain or elsewhere or target.id in bound or (bound_once and len(stores) != 1):
        return None
    return [node for node in names if isinstance(node.ctx, ast.Load)]


def is_getattr(facts: Facts, path: str, call: ast.Call) -> bool:
    """Whether the call is one of the builtin ``getattr``."""
    site = facts.project.call_at(facts.span(path, call))
    return site is not None and site.externals == {"builtins.getattr"} and not site.targets


def chosen_among(facts: Facts, path: str, node: ast.expr, seen: set[ast.expr] | None = None) -> list[ast.expr] | None:
    """The expressions that the callable `node` is chosen from, the other way round of `called_in_the_end`.

    None where something else may be among them: a parameter, a global name. What was `seen` adds nothing (``f = f or g``).
    """
    seen = set() if seen is None else seen
    if node in seen:
        return []
    seen.add(node)
    match node:
        case ast.IfExp():
            parts: list[ast.expr] = [node.body, node.orelse]
        case ast.BoolOp(op=ast.Or()):
            parts = node.values
        case ast.Dict() if None not in node.keys:
            parts = node.values
        case ast.Subscript():
            parts = [node.value]
        case ast.Name() if (loads := local_loads(facts, path, node)) is not None:
            parts = []
            for store in _stores_of(facts, path, node):
                statement = facts.parent(path, store)
                if not isinstance(statement, ast.Assign) or statement.targets != [store]:
                    return None
                parts.append(statement.value)
            if not parts and loads:
                return [node]
        case _:
            return [node]
    found = [chosen_among(facts, path, part, seen) for part in parts]
    return None if None in found else [leaf for leaves in found if leaves is not None for leaf in leaves]


def _stores_of(facts: Facts, path: str, name: ast.Name) -> list[ast.Name]:
    scope = next(p for p in facts.parents(path, name) if isinstance(p, (ast.FunctionDef, ast.AsyncFunctionDef)))
    names = (node for node in ast.walk(scope) if isinstance(node, ast.Name) and node.id == name.id)
    return [node for node in names if not isinstance(node.ctx, ast.Load)]


def called_in_the_end(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether all that happens to the callable `node` is that it is called, perhaps after a choice among several.

    It may be kept in a local variable, or in a dictionary that is looked up where it is written or called.
    """
    return calls_in_the_end(facts, path, node) is not None


def calls_in_the_end(
    facts: Facts, path: str, node: ast.expr, *, looked_at: bool = False, seen: set[ast.expr] | None = None
) -> list[ast.Call] | None:
    """The calls of such a callable; None if more happens to it. With `looked_at`, it may be asked whether it is something.

    What was `seen` adds nothing: ``f = f or g`` reads a variable that is followed already.
    """
    seen = set() if seen is None else seen
    if node in seen:
        return []
    seen.add(node)
    child: ast.AST = node
    for parent in facts.parents(path, node):
        match parent:
            case ast.Call():
                if looked_at and isinstance(parent.func, ast.Name) and parent.func.id == "callable":
                    return []
                return [parent] if parent.func is child else None
            case ast.IfExp() if child is not parent.test:
                pass
            case ast.Dict() if any(child is value for value in parent.values):
                pass
            case ast.Subscript() if child is parent.value:
                pass
            case ast.Assign(targets=[target]) if child is parent.value:
                loads = local_loads(facts, path, target)
                found = [calls_in_the_end(facts, path, load, looked_at=looked_at, seen=seen) for load in loads or ()]
                given = [calls for calls in found if calls is not None]
                return (
                    [call for calls in given for call in calls]
                    if loads is not None and len(given) == len(found)
                    else None
                )
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if child is test and looked_at:
                return []
            case ast.UnaryOp(op=ast.Not()) if looked_at:
                return []
            case ast.Compare(ops=[ast.Is() | ast.IsNot()], comparators=[ast.Constant(value=None)]) if looked_at:
                return []
            case _:
                return None
        child = parent
    return None


def with_item(facts: Facts, path: str, statement: ast.With, item: ast.expr, text: str) -> tuple[Span, MakeAsync]:
    """The edit that makes one item of a ``with`` statement asynchronous, and the span of that site."""
    span = facts.span(path, statement)
    if len(statement.items) == 1:
        return span, MakeAsync(span, Reason(text, span))
    place = facts.span(path, item)
    return place, MakeAsync(span, Reason(text, place), (place,))


def orphaned_import(node: ast.expr, span: Span, reason: Reason) -> tuple[DropImport, ...]:
    """The import of the name at the root of a dotted expression goes if nothing else uses it."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return (DropImport(span, reason, node.id),) if isinstance(node, ast.Name) else ()


def stands_in(facts: Facts, path: str, call: ast.Call) -> bool:
    """Whether the call puts a test double over a method of its argument; those of asynchronous methods can be awaited."""
    func = call.func
    if isinstance(func, ast.Attribute) and isinstance(func.value, (ast.Name, ast.Attribute)):
        root: ast.expr = func.value
        while isinstance(root, ast.Attribute):
            root = root.value
        info = facts.project.functions.get(facts.file(path).source.module)
        in_test = info is not None and info.in_test
        return in_test and isinstance(root, ast.Name) and root.id in ("mocker", "mock", "unittest", "patch")
    return False


def given_by_mock(facts: Facts, path: str, call: ast.Call, node: ast.expr) -> bool:
    """Whether the call makes a mock, of which the value becomes an attribute or the result: the index follows it there."""
    site = facts.project.call_at(facts.span(path, call))
    if site is None or not site.externals or not all(name.startswith("unittest.mock.") for name in site.externals):
        return False
    around = [node, *facts.parents(path, node)]
    return any(
        keyword in around and keyword.arg is not None and keyword.arg not in ("wraps", "new", "new_callable")
        for keyword in call.keywords
    )


def annotation_claims(
    facts: Facts, rule: str, external: str, kinds: frozenset[str], new: str, owners: Mapping[Span, tuple[str, ...]]
) -> Iterator[Claim]:
    """Claims on annotations that say `external` where an object of one of `kinds` arrives.

    ``new`` is what they say afterwards (``module.Name`` of a support module); ``owners`` are the nodes that an object's
    change follows, by the span of its creation (without an entry: the node of the object itself).
    """
    arrivals: dict[tuple[str, str], set[str]] = {}
    returned: dict[str, set[str]] = {}  # by function
    groups: list[tuple[tuple[str, ...], list[Place]]] = []
    for instance, places in facts.instances.items():
        if instance.type in kinds and instance.site is not None:
            groups.append((owners.get(instance.site, (object_node(instance.site),)), places))
    for name, places in facts.objects.items():
        info = facts.project.classes.get(name)
        if info is not None and info.external_bases & kinds:
            groups.append(((object_node(info.span),), places))
    for nodes, places in groups:
        for path, node in places:
            called = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
            if called is not None:
                arrivals.setdefault((path, called), set()).update(nodes)
            if _is_handed_out(facts, path, node):
                returned.setdefault(facts.enclosing(path, node), set()).update(nodes)
    for path, node, _ in facts.references(frozenset({external})):
        target = _annotated(facts, path, node)
        follows = arrivals.get((path, target)) if target is not None else None
        function = _returning(facts, path, node)
        if function is not None:
            target, follows = "the result", returned.get(function)
        if target is not None and not follows and _in_container(facts, path, node):
            follows = {
                n for (where, _), nodes in arrivals.items() if where == path for n in nodes
            }  # a container of them
        if follows:
            span = facts.span(path, node)
            reason = Reason(f"{target} is such an object", span)
            module = new.partition(".")[0]
            edit: list[Edit] = [
                ReplaceExpr(span, new, reason),
                import_of(facts.file(path).source, module, span, reason),
                *orphaned_import(node, span, reason),
            ]
            edits = {"": tuple(edit)}
            yield Claim(
                rule,
                span,
                facts.enclosing(path, node),
                Role.PART,
                Verdict.EXACT,
                reason.text,
                edits,
                needs_async=False,
                follows=tuple(sorted(follows)),
            )


# What stands around a type without being a container of it.
_QUALIFIERS = frozenset(["Annotated", "ClassVar", "Final", "NotRequired", "Optional", "ReadOnly", "Required", "Union"])


def _in_container(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether the annotation says that the type at `node` is that of what lies in something: ``list[Session]``."""
    for parent in facts.parents(path, node):
        if isinstance(parent, ast.Subscript):
            last = parent.value.attr if isinstance(parent.value, ast.Attribute) else ast.unparse(parent.value)
            if last not in _QUALIFIERS:
                return True
        elif not isinstance(parent, (ast.Tuple, ast.BinOp)):
            break
    return False


def _is_handed_out(facts: Facts, path: str, node: ast.expr) -> bool:
    child: ast.AST = node
    for parent in facts.parents(path, node):
        if isinstance(parent, (ast.Return, ast.Yield)):
            return True
        if not isinstance(parent, _CARRIERS) or isinstance(child, ast.stmt):
            return False
        child = parent
    return False


def _returning(facts: Facts, path: str, node: ast.expr) -> str | None:
    """The function whose return annotation holds the node."""
    child: ast.AST = node
    for parent in facts.parents(path, node):
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
            span = facts.span(path, parent)
            found = (info.name for info in facts.project.functions.values() if info.span == span)
            return next(found, None) if child is parent.returns else None
        if isinstance(parent, (ast.stmt, ast.Call, ast.Lambda, ast.arg)):
            return None
        child = parent
    return None


def _annotated(facts: Facts, path: str, node: ast.expr) -> str | None:
    """The name that an annotation containing the node is about."""
    child: ast.AST = node
    for parent in facts.parents(path, node):
        match parent:
            case ast.arg():
                return parent.arg
            case ast.AnnAssign() if child is parent.annotation:
                target = parent.target
                return target.id if isinstance(target, ast.Name) else getattr(target, "attr", None)
            case ast.Call() | ast.stmt() | ast.Lambda():
                return None
        child = parent
    return None
