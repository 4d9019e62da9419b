"""Whether there always is room in a queue: followed from where something is put to all places that may have made it."""

from __future__ import annotations

import ast

from asyncify.check.scopes import FunctionNode
from asyncify.check.tree import Function, Module, Tree, last_name

_DEPTH = 6
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.Module)


def has_room(tree: Tree, queue: ast.expr, module: Module, depth: int = 0) -> bool:
    """Whether all queues that the expression may stand for were made without a limit; False where that is not plain."""
    if depth > _DEPTH:
        return False
    match queue:
        case ast.Call():
            return last_name(queue.func).endswith("Queue") and _no_limit(queue)
        case ast.Attribute(attr=name):
            _read_all(tree, name)
            stores = tree.stores.get(name, [])
            values = [(_stored(node), home) for _, node, home in stores]
            return bool(values) and all(v is not None and has_room(tree, v, home, depth + 1) for v, home in values)
        case ast.Name(id=name):
            return _name(tree, name, queue, module, depth)
    return False


def _no_limit(made: ast.Call) -> bool:
    limits = [*made.args, *(keyword.value for keyword in made.keywords)]
    return not limits or (len(limits) == 1 and isinstance(limits[0], ast.Constant) and limits[0].value == 0)


def _stored(node: ast.AST) -> ast.expr | None:
    return node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None


def _name(tree: Tree, name: str, node: ast.AST, module: Module, depth: int) -> bool:
    around = module.parents.get(node)
    while around is not None:
        if isinstance(around, _SCOPES):
            values = _bound_in(around, name)
            if values:
                return all(value is not None and has_room(tree, value, module, depth + 1) for value in values)
            if isinstance(around, FunctionNode) and name in _names(around):
                return _passed(tree, module.functions[around], name, depth)
        around = module.parents.get(around)
    return False


def _bound_in(scope: ast.AST, name: str) -> list[ast.expr | None]:
    """What a function or module binds the name to, in itself or in a scope nested in it; None for what is no expression.

    Nothing where it is a parameter of the function and never bound anew.
    """
    values: list[ast.expr | None] = []
    for node in ast.walk(scope):
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            pairs = [pair for target in targets for pair in _paired(target, node.value)]
            values += [value for target, value in pairs if isinstance(target, ast.Name) and target.id == name]
    stores = sum(isinstance(n, ast.Name) and n.id == name and not isinstance(n.ctx, ast.Load) for n in ast.walk(scope))
    own = (
        {id(arg) for arg in ast.walk(scope.args) if isinstance(arg, ast.arg)} if isinstance(scope, FunctionNode) else {}
    )
    args = [n for n in ast.walk(scope) if isinstance(n, ast.arg) and n.arg == name]
    if not values and not stores and isinstance(scope, FunctionNode) and all(id(arg) in own for arg in args):
        return []
    # (beside an assignment, a parameter of the same name in a scope nested here is another variable)
    others = stores > len(values) or any(id(arg) in own for arg in args)
    return [*values, None] if others else values


def _paired(target: ast.expr, value: ast.expr | None) -> list[tuple[ast.expr, ast.expr | None]]:
    """The targets of an assignment with their values; ``a, b = x, y`` has two."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def _names(node: FunctionNode) -> list[str]:
    return [arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]


def _passed(tree: Tree, function: Function, name: str, depth: int) -> bool:
    """Whether every call that is seen passes a queue without a limit, and there is one."""
    made = function.owner is not None and function.name == "__init__"
    called_as = function.owner.name if made and function.owner is not None else function.name
    _read_all(tree, called_as)
    names = _names(function.node)
    if function.owner is not None:
        names = names[1:]
    calls = tree.calls.get(called_as, [])
    found = [(_argument(call, called_as, names, name), module) for call, module in calls]
    return bool(found) and all(value is not None and has_room(tree, value, m, depth + 1) for value, m in found)


def _argument(call: ast.Call, called_as: str, names: list[str], name: str) -> ast.expr | None:
    """What the call passes for the parameter: directly, as ``target=`` with ``args=``, or behind the function itself."""
    if last_name(call.func) == called_as:
        positional, keywords = call.args, call.keywords
    elif any(keyword.arg == "target" for keyword in call.keywords):
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        args = given.get("args")
        positional = args.elts if isinstance(args, (ast.Tuple, ast.List)) else []
        keywords = []
        if "kwargs" in given:
            return None
    else:
        positional, keywords = call.args[1:], call.keywords
    for keyword in keywords:
        if keyword.arg == name:
            return keyword.value
    index = names.index(name)
    if index >= len(positional) or any(isinstance(arg, ast.Starred) for arg in positional[: index + 1]):
        return None
    return positional[index]


def _read_all(tree: Tree, name: str) -> None:
    """Read every file that spells the name, so that no use of it is overlooked."""
    word = name.encode()
    for path, data in tree.files.items():
        if word in data:
            tree.module(path)
