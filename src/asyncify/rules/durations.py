"""Whether a duration that is slept for can be negative, for which :func:`time.sleep` raises and :func:`asyncio.sleep` does not."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.project import CallSite
from asyncify.index.syntax import walk
from asyncify.index.values import Constant, External, Unknown, Value
from asyncify.rules.facts import Facts

_OF_THE_PROGRAM = Unknown("an argument of the program")
_NEVER_NEGATIVE = frozenset({"builtins.abs", "builtins.len", "random.random", "random.getrandbits", "random.randrange"})
_AS_ITS_ARGUMENTS = frozenset(f"builtins.{name}" for name in "float int round min sum".split()) | {
    "random.uniform",
    "random.randint",
    "random.choice",
    "random.expovariate",
    "math.ceil",
    "math.floor",
    "math.sqrt",
}
_GROWING = (ast.Add, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.Module)


def never_negative(facts: Facts, call: CallSite) -> bool:
    """Whether the code shows that the duration of this call of ``time.sleep`` is a number, and not a negative one."""
    node = facts.node(call.span, ast.Call)
    if node is None or len(node.args) != 1 or node.keywords:
        return False
    return _Durations(facts, call.span.path, node).proves(node.args[0])


class _Durations:
    def __init__(self, facts: Facts, path: str, call: ast.Call) -> None:
        self.facts = facts
        self.path = path
        self.call = call
        self.scope = next(parent for parent in facts.parents(path, call) if isinstance(parent, _SCOPES))
        self.assumed: set[str] = set()  # variables that are being looked at: a loop may double one

    def proves(self, value: ast.expr) -> bool:
        match value:
            case ast.Constant(value=number):
                return isinstance(number, (int, float)) and number >= 0
            case ast.BinOp(op=ast.Pow(), left=left):
                return self.proves(left)
            case ast.BinOp(op=op, left=left, right=right):
                return isinstance(op, _GROWING) and self.proves(left) and self.proves(right)
            case ast.BoolOp(values=values):
                return all(self.proves(each) for each in values)
            case ast.IfExp(body=body, orelse=orelse):
                return self.proves(body) and self.proves(orelse)
            case ast.NamedExpr(value=inner):
                return self.proves(inner)
            case ast.Call(func=func, args=args):
                return self._call(func, args)
            case ast.Name(id=name):
                return self._name(value, name)
        return self._known(value)

    def _call(self, func: ast.expr, args: list[ast.expr]) -> bool:
        names = {each.name if isinstance(each, External) else "" for each in self.facts.values(self.path, func)}
        if not names or (not args and names != {"random.random"}):
            return False
        if names <= _NEVER_NEGATIVE:
            return True
        if names == {"builtins.max"}:
            return any(self.proves(each) for each in args)
        return names <= _AS_ITS_ARGUMENTS and all(self.proves(each) for each in args)

    def _name(self, value: ast.Name, name: str) -> bool:
        if name in self.assumed or any(
            _asks_sign(parent, name) for parent in self.facts.ancestors_in_function(self.path, self.call)
        ):
            return True
        self.assumed.add(name)
        assigned = list(_assigned(self.scope, name))
        if any(each is None or not self.proves(each) for each in assigned):
            return False
        return bool(assigned) or self._known(value) or self._is_free_parameter(name)

    def _is_free_parameter(self, name: str) -> bool:
        """Whether the name is a parameter that only callers outside of the project give a value."""
        info = self.facts.project.function_of(self.path, self.scope)
        if info is None or name not in info.parameters or self.facts.project.callers(info.name):
            return False
        return all(each.target != info.name for each in self.facts.implicit_calls)  # a job of a pool, say

    def _known(self, value: ast.expr) -> bool:
        """Whether all that the expression can be is known, or chosen where the program is started."""
        values = self.facts.values(self.path, value)
        return bool(values) and all(each == _OF_THE_PROGRAM or _is_fine(each) for each in values)


def _is_fine(value: Value) -> bool:
    """Whether it is no negative number; None raises TypeError in either function."""
    if not isinstance(value, Constant):
        return False
    return value.value is None or (isinstance(value.value, (int, float)) and value.value >= 0)


def _assigned(scope: ast.AST, name: str) -> Iterator[ast.expr | None]:
    """What the scope assigns to that name, None for what is no plain value; for an update, the other operand."""
    for node in walk(scope):
        match node:
            case ast.Assign(targets=targets, value=value) if any(_is(target, name) for target in targets):
                yield value
            case ast.AnnAssign(target=target, value=value) | ast.NamedExpr(target=target, value=value) if _is(
                target, name
            ):
                yield value
            case ast.For(target=target, iter=ast.Call(func=ast.Name(id="range"), args=args)) if _is(target, name):
                yield from args[:1] if len(args) == 2 else args[1:]  # of one argument, no item is negative
                yield ast.Constant(0)
            case ast.For(
                target=ast.Tuple(elts=[target, *_]),
                iter=ast.Call(func=ast.Name(id="enumerate"), args=[_, *rest], keywords=[]),
            ) if _is(target, name):
                yield from rest or [ast.Constant(0)]
            case ast.AugAssign(target=target, op=op, value=value) if _is(target, name):
                yield value if isinstance(op, _GROWING) else None


def _is(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Name) and target.id == name


def _asks_sign(parent: ast.AST, name: str) -> bool:
    """Whether the statement goes on only where the name is greater than something."""
    return isinstance(parent, (ast.If, ast.While)) and any(
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == name
        and isinstance(test.ops[0], (ast.Gt, ast.GtE))
        for test in ast.walk(parent.test)
    )
