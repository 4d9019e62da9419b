"""Where a value goes next, and which annotations speak of it: questions that several rules ask."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from asyncify.model import DropImport, Edit, Reason, ReplaceExpr, Span, Verdict
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
        if target is not None and not follows and isinstance(facts.parent(path, node), (ast.Subscript, ast.Tuple)):
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
