"""What annotations say about values."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from asyncify.check.scopes import Scope
from asyncify.check.tables import words
from asyncify.check.tree import Function, Module, last_name, parameters
from asyncify.check.values import NONE, Cls, Ext, ExtInst, Inst, Items, Promise, Tup, Value, Values

if TYPE_CHECKING:
    from asyncify.check.infer import Evaluator

_ITERABLES = words(
    "list List set Set frozenset FrozenSet Sequence Iterable Iterator Collection deque Deque Generator "
    "MutableSequence AbstractSet KeysView ValuesView"
)
_ASYNC_ITERABLES = frozenset({"AsyncIterator", "AsyncIterable", "AsyncGenerator"})
_MAPPINGS = words("dict Dict Mapping MutableMapping defaultdict DefaultDict OrderedDict")
_AWAITABLES = frozenset({"Awaitable", "Coroutine", "Task", "Future"})
_WRAPPERS = frozenset({"Optional", "Annotated", "Final", "ClassVar", "Required", "NotRequired"})
_CONTEXTS = frozenset({"ContextManager", "AbstractContextManager"})
_ASYNC_CONTEXTS = frozenset({"AsyncContextManager", "AbstractAsyncContextManager"})


def values(evaluator: Evaluator, node: ast.expr | None, module: Module) -> Values:
    """The values an annotation allows, as far as they matter; empty if unknown."""
    if node is None:
        return NONE
    match node:
        case ast.Constant(value=str(text)):
            try:
                parsed = ast.parse(text.strip(), mode="eval").body
            except (SyntaxError, ValueError, RecursionError):
                return NONE
            scope = module.scope_of.get(node, module.root)
            for inner in ast.walk(parsed):
                module.scope_of.setdefault(inner, scope)
            # Kept by the module's map, so that the identity of the nodes stays unique while the tree lives.
            return values(evaluator, parsed, module)
        case ast.BinOp(op=ast.BitOr()):
            return values(evaluator, node.left, module) | values(evaluator, node.right, module)
        case ast.Subscript():
            return _generic(evaluator, node, module)
        case ast.Name(id="Self"):
            around: Scope | None = module.scope_of.get(node)
            while around is not None and not isinstance(around.node, ast.ClassDef):
                around = around.parent
            if around is None or not isinstance(around.node, ast.ClassDef):
                return NONE
            return frozenset({Inst(module.classes[around.node])})
        case ast.Name() | ast.Attribute():
            return _instances(evaluator, node, module)
        case _:
            return NONE


def _instances(evaluator: Evaluator, node: ast.expr, module: Module) -> Values:
    found: set[Value] = set()
    for value in evaluator.of(node, module):
        match value:
            case Cls(info):
                found.add(Inst(info))
            case Ext(name):
                last = name.rpartition(".")[2]
                if last in _ASYNC_ITERABLES:
                    found.add(Items(NONE, NONE, True))
                elif last in _AWAITABLES and name.startswith(("typing.", "collections.", "asyncio.")):
                    found.add(Promise(name, NONE))
                elif name.startswith(("typing.", "typing_extensions.", "collections.abc.")) or last == "object":
                    continue
                elif last[:1].isupper() or name in {"builtins.str", "builtins.int", "builtins.bytes"}:
                    found.add(ExtInst(name))
            case _:
                pass
    return frozenset(found)


def _generic(evaluator: Evaluator, node: ast.Subscript, module: Module) -> Values:
    name = last_name(node.value)
    args = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if any(isinstance(v, Cls) for v in evaluator.of(node.value, module)):
        return _instances(evaluator, node.value, module)
    if name in _WRAPPERS:
        return values(evaluator, args[0], module)
    if name == "Union":
        return frozenset(v for arg in args for v in values(evaluator, arg, module))
    if name in {"type", "Type"}:
        return frozenset(v for v in evaluator.of(args[0], module) if isinstance(v, Cls))
    if name in _MAPPINGS and len(args) == 2:
        return frozenset({Items(values(evaluator, args[0], module), values(evaluator, args[1], module))})
    if name in {"tuple", "Tuple"}:
        if len(args) == 2 and isinstance(args[1], ast.Constant) and args[1].value is ...:
            inner = values(evaluator, args[0], module)
            return frozenset({Items(inner, inner)})
        return frozenset({Tup(tuple(values(evaluator, a, module) for a in args))})
    if name in _ITERABLES or name in _ASYNC_ITERABLES:
        inner = values(evaluator, args[0], module)
        return frozenset({Items(inner, inner, name in _ASYNC_ITERABLES)})
    if name in _CONTEXTS or name in _ASYNC_CONTEXTS:
        return NONE
    if name in _AWAITABLES:
        if name == "Future" and any(
            isinstance(v, Ext) and v.name.startswith("concurrent") for v in evaluator.of(node.value, module)
        ):
            return frozenset({ExtInst("concurrent.futures.Future")})
        return frozenset({Promise(f"typing.{name}", values(evaluator, args[-1], module))})
    return _instances(evaluator, node.value, module)


def generic_result(evaluator: Evaluator, function: Function, call: ast.Call, caller: Module) -> Values:
    """What a function gives whose return annotation names a type variable, from what is passed for it."""
    module = evaluator.tree.module(function.scope.path)
    returns = function.node.returns
    if module is None or returns is None:
        return NONE
    wanted = _variables(evaluator, returns, module)
    if not wanted:
        return NONE
    found: set[Value] = set()
    skip = 1 if function.owner is not None else 0
    names = parameters(function.node)[skip:]
    pairs = list(zip(names, call.args, strict=False))
    pairs += [(p, k.value) for k in call.keywords for p in names if p.arg == k.arg]
    for parameter, argument in pairs:
        note = parameter.annotation
        if note is None or not (_variables(evaluator, note, module) & wanted):
            continue
        passed = evaluator.of(argument, caller)
        found |= passed if isinstance(note, ast.Name) else evaluator.elements(passed)
    inner = frozenset(found)
    if isinstance(returns, ast.Subscript) and last_name(returns.value) in _ITERABLES | _ASYNC_ITERABLES:
        return frozenset({Items(inner, inner, last_name(returns.value) in _ASYNC_ITERABLES)})
    return inner if isinstance(returns, ast.Name) else NONE


def _variables(evaluator: Evaluator, node: ast.expr, module: Module) -> set[str]:
    found = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and any(
            isinstance(v, ExtInst) and v.type.rpartition(".")[2] == "TypeVar" for v in evaluator.of(inner, module)
        ):
            found.add(inner.id)
    return found
