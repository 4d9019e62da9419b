"""Annotations of what becomes asynchronous: ``Iterator[T]`` → ``AsyncIterator[T]``."""

from __future__ import annotations

import ast

from asyncify.model import AddImport, Edit, Reason, ReplaceExpr
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import

_COUNTERPARTS = {"Iterator": "AsyncIterator", "Iterable": "AsyncIterable", "Generator": "AsyncGenerator"}
_MODULES = ("typing", "collections.abc", "typing_extensions")


def in_annotation(facts: Facts, path: str, node: ast.AST) -> bool:
    """Whether the expression is part of an annotation: of a parameter, a variable or what a function returns."""
    child = node
    for parent in facts.parents(path, node):
        match parent:
            case ast.arg():
                return True
            case ast.AnnAssign(annotation=annotation):
                return annotation is child
            case ast.FunctionDef(returns=returns) | ast.AsyncFunctionDef(returns=returns):
                return returns is child
            case ast.stmt() | ast.Call() | ast.Lambda():
                return False
        child = parent
    return False


def asynchronous_annotation(facts: Facts, path: str, node: ast.expr, reason: Reason) -> tuple[Edit, ...]:
    """Edits that turn the annotation of an iterator into that of an asynchronous one; none for any other annotation."""
    span = facts.span(path, node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _in_quotes(facts, path, node, node.value, reason)
    head = node.value if isinstance(node, ast.Subscript) else node
    origin = _origin(facts, path, head)
    if origin is None:
        return ()
    module, name = origin
    new = _COUNTERPARTS[name]
    imports: tuple[Edit, ...] = ()
    if isinstance(head, ast.Name):
        imports = (AddImport(span, reason, module, new), *orphaned_import(head, span, reason))
        text = new
    else:
        assert isinstance(head, ast.Attribute)
        text = f"{facts.text(path, head.value)}.{new}"
    if not isinstance(node, ast.Subscript):
        return (ReplaceExpr(span, text, reason), *imports)
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    kept = parts[:2] if name == "Generator" else parts[:1]  # an asynchronous generator returns nothing
    holes = {f"p{number}": facts.span(path, part) for number, part in enumerate(kept)}
    template = f"{text}[{', '.join(f'{{{hole}}}' for hole in holes)}]"
    return (ReplaceExpr(span, template, reason, holes), *imports)


def _origin(facts: Facts, path: str, head: ast.expr) -> tuple[str, str] | None:
    """The module and the name of an iterator's type."""
    for source in facts.nodes(path, ast.ImportFrom):
        for alias in source.names if source.module in _MODULES and not source.level else ():
            named = isinstance(head, ast.Name) and head.id == (alias.asname or alias.name)
            if named and alias.name in _COUNTERPARTS:
                return source.module or "", alias.name
    if isinstance(head, ast.Attribute) and head.attr in _COUNTERPARTS:
        for statement in facts.nodes(path, ast.Import):
            for alias in statement.names:
                if alias.name in _MODULES and facts.text(path, head.value) == (alias.asname or alias.name):
                    return alias.name, head.attr
    return None


def _in_quotes(facts: Facts, path: str, node: ast.Constant, quoted: str, reason: Reason) -> tuple[Edit, ...]:
    """The same for an annotation that is written as a string."""
    try:
        inner = ast.parse(quoted, mode="eval").body
    except SyntaxError:
        return ()
    head = inner.value if isinstance(inner, ast.Subscript) else inner
    if not isinstance(head, ast.Name) or (origin := _origin(facts, path, head)) is None:
        return ()
    module, name = origin
    parts = inner.slice.elts if isinstance(inner, ast.Subscript) and isinstance(inner.slice, ast.Tuple) else None
    if name == "Generator" and parts is not None:
        rest = f"[{', '.join(ast.unparse(part) for part in parts[:2])}]"
    else:
        rest = f"[{ast.unparse(inner.slice)}]" if isinstance(inner, ast.Subscript) else ""
    span = facts.span(path, node)
    text = repr(_COUNTERPARTS[name] + rest)
    if "'" not in text[1:-1] and facts.text(path, node).startswith('"'):
        text = f'"{text[1:-1]}"'
    return ReplaceExpr(span, text.replace("{", "{{").replace("}", "}}"), reason), AddImport(
        span, reason, module, _COUNTERPARTS[name]
    )
