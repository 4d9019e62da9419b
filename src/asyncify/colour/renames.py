"""How code calls the coroutine behind a synchronous face: by another last name, imported where the old one is."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache

from asyncify.index.values import ModuleRef
from asyncify.model import AddImport, Edit, Reason, ReplaceExpr, ReplaceStatement, Span
from asyncify.rules.facts import Facts

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def renamed(
    facts: Facts, path: str, node: ast.expr, names: Sequence[str], new: str, reason: Reason
) -> tuple[Edit, ...] | None:
    """Edits by which the expression `node` names the function `new` instead of the functions `names` beside it.

    None where the expression does not name them itself, or where the new name cannot be brought there.
    """
    old = names[0].rpartition(".")[2]
    span = facts.span(path, node)
    match node:
        case ast.Attribute(attr=attr, value=value) if attr == old:
            edits: list[Edit] = [ReplaceExpr(span, f"{{value}}.{new}", reason, {"value": facts.span(path, value)})]
            for module in sorted(v.name for v in facts.values(path, value) if isinstance(v, ModuleRef)):
                exported = _exported(facts, module, names[0], new, reason)
                if exported is None:
                    return None
                edits += exported
            return tuple(edits)
        case ast.Name(id=name):
            brought = _brought(facts, path, node, name, names[0], new, reason)
            return None if brought is None else (ReplaceExpr(span, new, reason), *brought)
    return None


def _brought(
    facts: Facts, path: str, node: ast.expr, local: str, function: str, new: str, reason: Reason
) -> list[Edit] | None:
    """Edits by which the plain name `new` is known where the plain name `local` is."""
    scopes = [p for p in facts.parents(path, node) if isinstance(p, (*_FUNCTIONS, ast.Module))]
    for scope in scopes:
        bindings = _bindings(facts, path, scope, local)
        if not bindings:
            continue
        if len(bindings) > 1:
            return None
        binding = bindings[0]
        if isinstance(binding, (ast.FunctionDef, ast.AsyncFunctionDef)) and binding.name == local:
            return []
        if not isinstance(binding, ast.ImportFrom):
            return None
        return _imported(facts, path, binding, local, function, new, reason, top=isinstance(scope, ast.Module))
    return None


def _imported(
    facts: Facts,
    path: str,
    statement: ast.ImportFrom,
    local: str,
    function: str,
    new: str,
    reason: Reason,
    *,
    top: bool,
) -> list[Edit] | None:
    """Edits by which an import of the function under the name `local` also imports the one behind it."""
    star = any(alias.name == "*" for alias in statement.names)
    old = function.rpartition(".")[2]
    if not star and not any((a.asname or a.name) == local and a.name == old for a in statement.names):
        return None
    source = _module_of(facts, path, statement)
    exported = _exported(facts, source, function, new, reason) if source is not None else None
    if exported is None:
        return None
    text = "." * statement.level + (statement.module or "")
    span = facts.span(path, statement)
    if top:
        if statement not in facts.file(path).tree.body:
            return None
        again = new if _is_exported(facts.file(path).tree, statement, local) else None
        return [AddImport(span, reason, text, new, again), *exported]
    names = [f"{a.name} as {a.asname}" if a.asname else a.name for a in statement.names]
    if star or len(names) > 1 or span.line != span.end_line:
        return None  # another name of the same import may be brought here, too
    return [ReplaceStatement(span, f"from {text} import {', '.join([*names, new])}", reason), *exported]


def _is_exported(tree: ast.Module, statement: ast.ImportFrom, name: str) -> bool:
    """Whether the module says that the imported name is its own as well (PEP 484): by an alias, or in ``__all__``."""
    if any(alias.asname == name == alias.name for alias in statement.names):
        return True
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
        )
        named = any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)
        if named and any(isinstance(part, ast.Constant) and part.value == name for part in ast.walk(node)):
            return True
    return False


def _module_of(facts: Facts, path: str, statement: ast.ImportFrom) -> str | None:
    """The project's module that the statement imports from."""
    if statement.level == 0:
        wanted = statement.module or ""
    else:
        source = facts.file(path).source
        parts = source.module.split(".")
        up = statement.level - (1 if path.endswith("__init__.py") else 0)
        if up > len(parts):
            return None
        base = parts[: len(parts) - up]
        wanted = ".".join([*base, *([statement.module] if statement.module else [])])
    if _path_of(facts, wanted) is not None:
        return wanted
    found = [f.source.module for f in facts.project.files.values() if f.source.module.endswith(f".{wanted}")]
    return found[0] if len(found) == 1 else None


def _path_of(facts: Facts, module: str) -> str | None:
    return next((path for path, file in facts.project.files.items() if file.source.module == module), None)


def _exported(facts: Facts, module: str, function: str, new: str, reason: Reason) -> list[Edit] | None:
    """Edits by which `module` has the name `new` where it has that of the function: [] where it defines it."""
    owner, _, old = function.rpartition(".")
    if owner == module:
        return []
    path = _path_of(facts, module)
    if path is None:
        return None
    tree = facts.file(path).tree
    bindings = _bindings(facts, path, tree, old)
    if len(bindings) != 1 or not isinstance(bindings[0], ast.ImportFrom):
        return None
    return _imported(facts, path, bindings[0], old, function, new, reason, top=True)


def _bindings(facts: Facts, path: str, scope: ast.AST, name: str) -> list[ast.AST]:
    """The statements, parameters and stores that bind the name in that scope itself."""
    table = _table(scope)
    stars = (node for node in table.get("*", ()) if isinstance(node, (ast.Import, ast.ImportFrom)))
    return [*table.get(name, ()), *(star for star in stars if _may_bring(facts, path, star, name))]


@lru_cache(maxsize=64)
def _table(scope: ast.AST) -> dict[str, list[ast.AST]]:
    """What binds each name in the scope itself; imports of all names are under ``*``."""
    out: dict[str, list[ast.AST]] = {}

    def add(name: str | None, node: ast.AST) -> None:
        if name is not None:
            out.setdefault(name, []).append(node)

    body = scope.body if isinstance(getattr(scope, "body", None), list) else []  # type: ignore[attr-defined]
    todo: list[ast.AST] = list(body)
    if isinstance(scope, _FUNCTIONS):
        arguments = scope.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for argument in every:
            if argument is not None:
                add(argument.arg, argument)
        if isinstance(scope, ast.Lambda):
            todo.append(scope.body)
    while todo:
        node = todo.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                if not _is_overload(node):
                    add(node.name, node)
                continue
            case ast.Lambda():
                continue
            case ast.Import() | ast.ImportFrom():
                for name in {alias.asname or alias.name.partition(".")[0] for alias in node.names}:
                    add(name, node)
            case ast.Name(id=found, ctx=ast.Store() | ast.Del()):
                add(found, node)
            case ast.ExceptHandler(name=maybe) | ast.MatchAs(name=maybe) | ast.MatchStar(name=maybe):
                add(maybe, node)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                for name in names:
                    add(name, node)
                    add(name, node)  # bound elsewhere, who knows when
        todo += ast.iter_child_nodes(node)
    return out


def _may_bring(facts: Facts, path: str, statement: ast.Import | ast.ImportFrom, name: str) -> bool:
    """Whether an import by ``*`` may bring that name; one from outside the project may bring any."""
    module = _module_of(facts, path, statement) if isinstance(statement, ast.ImportFrom) else None
    source = _path_of(facts, module) if module is not None else None
    if source is None or source == path:
        return True
    return bool(_bindings(facts, source, facts.file(source).tree, name))


def _is_overload(node: ast.AST) -> bool:
    return any(ast.unparse(d).rpartition(".")[2] == "overload" for d in getattr(node, "decorator_list", ()))


def bound_once(facts: Facts, path: str, span: Span) -> bool:
    """Whether the function at `span` is the only thing that its module, class or function binds to its name."""
    node = facts.node(span, ast.FunctionDef)
    scope = facts.parent(path, node) if node is not None else None
    while scope is not None and not isinstance(scope, (*_FUNCTIONS, ast.ClassDef, ast.Module)):
        scope = facts.parent(path, scope)
    return node is not None and scope is not None and len(_bindings(facts, path, scope, node.name)) == 1
