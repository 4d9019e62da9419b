"""Which names a file still uses, as far as an import of them is concerned."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Collection, Iterator

_TYPE_COMMENT = re.compile(r"#\s*type:(?!\s*ignore)\s*(.*)")
# Calls whose string arguments are types.
_TYPE_CALLS = frozenset({"cast", "TypeVar", "NewType", "ForwardRef", "NamedTuple", "TypedDict", "TypeAliasType"})


def used_names(code: str, names: Collection[str]) -> frozenset[str]:
    """Those of `names` (local names of imports, perhaps dotted: ``concurrent.futures``) that `code` uses.

    Uses are names in code, in ``__all__``, in annotations written as strings, and in type comments. All names
    count as used if the code cannot be parsed.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return frozenset(names)
    used = set(_paths(tree))
    for text in _type_texts(tree):
        used.update(_text_paths(text))
    if "type:" in code:
        for comment in _comments(code):
            if match := _TYPE_COMMENT.match(comment):
                used.update(_text_paths(match[1]))
    used.update(_exported(tree))
    return frozenset(name for name in names if any(_uses(path, name) for path in used))


def _uses(path: str, name: str) -> bool:
    """``a.b`` is used by ``a.b.c`` and ``a.b``, and by ``a``, which may hand on all of it."""
    return path == name or path.startswith(name + ".") or name.startswith(path + ".")


def _paths(tree: ast.AST) -> Iterator[str]:
    """Names with the attributes read from them (``a.b.c``), as far as they are plain."""
    inner: set[ast.AST] = set()
    for node in ast.walk(tree):  # outer nodes come before inner ones
        if isinstance(node, ast.Attribute) and node not in inner:
            parts = [node.attr]
            value = node.value
            while isinstance(value, ast.Attribute):
                inner.add(value)
                parts.append(value.attr)
                value = value.value
            if isinstance(value, ast.Name):
                inner.add(value)
                yield ".".join([value.id, *reversed(parts)])
        elif isinstance(node, ast.Name) and node not in inner:
            yield node.id
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            yield from node.names


def _type_texts(tree: ast.AST) -> Iterator[str]:
    """Strings that stand for types."""
    for node in ast.walk(tree):
        roots: list[ast.expr | None] = []
        if isinstance(node, (ast.arg, ast.AnnAssign)):
            roots.append(node.annotation)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            roots.append(node.returns)
        elif isinstance(node, ast.Subscript):
            roots.append(node.slice)
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in _TYPE_CALLS:
                roots += [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(node, ast.AnnAssign) and _path_end(node.annotation) == "TypeAlias":
            roots.append(node.value)
        for root in roots:
            for part in ast.walk(root) if root is not None else ():
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def _path_end(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _text_paths(text: str) -> Iterator[str]:
    try:
        yield from _paths(ast.parse(text.strip(), mode="eval"))
    except (SyntaxError, ValueError):
        yield from re.findall(r"[^\W\d]\w*", text)


def _exported(tree: ast.Module) -> Iterator[str]:
    """The strings of all statements that mention ``__all__``."""
    for statement in ast.walk(tree):
        if not isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)):
            continue
        parts = list(ast.walk(statement))
        if any(isinstance(part, ast.Name) and part.id == "__all__" for part in parts):
            for part in parts:
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def _comments(code: str) -> Iterator[str]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(code, newline="").readline):
            if token.type == tokenize.COMMENT:
                yield token.string
    except (tokenize.TokenError, SyntaxError):
        # Better a comment too many than one that is missed.
        yield from re.findall(r"#[^\n]*", code)
