"""Which lambdas can become coroutine functions, by getting a name in front of their statement.

A lambda cannot contain `await`, but ``async def name(...): return ...`` is the same function where its body sees the same
variables: in the scope of its statement. So it must not read what a comprehension around it binds, and its defaults must
be worth the same there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from asyncify.colour.pins import LAMBDA, NEEDED_NAMES, may_stop_iteration, refusal
from asyncify.graph import Implication
from asyncify.index.project import FunctionInfo, Kind
from asyncify.model import Edit, MakeAsync, Refusal, ReplaceExpr, Span
from asyncify.rules.base import Claim, function_node
from asyncify.rules.facts import Facts

_AWAITS = re.compile(r"\bawait\b|\basync for\b")
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_PATCHING = ("unittest.mock.", "mock.", "pytest.MonkeyPatch.", "pytest_mock.")


def _obstacle(facts: Facts, path: str, node: ast.Lambda) -> str | None:
    if any(isinstance(part, (ast.Yield, ast.YieldFrom)) for part in ast.walk(node.body)):
        return "It is a generator."
    if any(may_stop_iteration(part) for part in ast.walk(node.body)):
        return "StopIteration may leave it; from a coroutine it arrives as RuntimeError."
    if {arg.arg for arg in _parameters(node)} & NEEDED_NAMES:
        return "A parameter has the name of a module that is needed here."
    if "#" in facts.source(_head(facts.span(path, node), facts.span(path, node.body))):
        return "There is a comment in its head."
    return _misplaced(facts, path, node)


def unnamed(facts: Facts, info: FunctionInfo) -> str | None:
    """Why the lambda keeps its form, as a sentence for its refusal; None if it can get a name."""
    node = facts.node(info.span, ast.Lambda)
    assert node is not None
    if _replaces_in_test(facts, info.path, node):
        return f"{LAMBDA.title} A test puts it in the place of something else."
    why = _obstacle(facts, info.path, node)
    if info.name in facts.asked_for_names:
        why = "Its name is asked for, and would be another one."
    return f"{LAMBDA.title} {why}" if why else None


def unnamed_lambdas(facts: Facts, claims: Iterable[Claim]) -> Iterator[tuple[str, Implication | Refusal]]:
    """What follows for lambdas that keep their form, by their nodes.

    Such a one gives a coroutine only if it hands on what an asynchronous call gives: all it calls becomes asynchronous.
    """
    sites: dict[Span, list[str]] = {}
    for claim in claims:
        if claim.needs_async and not awaits_inside(claim.edits[""]):
            sites.setdefault(claim.span, []).append(claim.node)
    project = facts.project
    for info in project.functions.values():
        node = facts.node(info.span, ast.Lambda) if info.kind is Kind.LAMBDA else None
        why = unnamed(facts, info) if node is not None else None
        if node is None or why is None:
            continue
        own = function_node(info.name)
        span = facts.span(info.path, node.body)
        call = project.call_at(span) if isinstance(node.body, ast.Call) else None
        known = call is not None and call.targets and not call.externals and not call.unresolved
        leads = sites.get(span, [])
        if known and call is not None:
            leads = [function_node(name) for name in sorted(call.targets) if not project.functions[name].is_async]
        if not (known or leads) or not _is_followed(facts, info.path, node):
            yield own, refusal(LAMBDA, info.span, why)
        else:
            text = "the lambda hands on what this gives"
            for target in leads:
                yield own, Implication(own, target, text, span)


def awaits_inside(edits: Iterable[Edit]) -> bool:
    """Whether the edits of a site need an asynchronous function around it even where nobody awaits what it gives."""
    return any(
        isinstance(edit, MakeAsync) or (isinstance(edit, ReplaceExpr) and _AWAITS.search(edit.template))
        for edit in edits
    )


def _is_followed(facts: Facts, path: str, node: ast.Lambda) -> bool:
    """Whether the lambda is an argument or has a name: then all its calls can be seen to await what it gives."""
    return isinstance(facts.parent(path, node), (ast.Call, ast.keyword)) or own_name(facts, path, node) is not None


def binds_by_partial(facts: Facts, path: str, node: ast.Lambda) -> bool:
    """Whether the values of its defaults have to be bound where it stands, as a comprehension around it binds them."""
    return bool(_names(_defaults(node)) & _bound_around(facts, path, node))


def _misplaced(facts: Facts, path: str, node: ast.Lambda) -> str | None:
    statement: ast.stmt | None = None
    child: ast.AST = node
    for parent in facts.parents(path, node):
        match parent:
            case ast.Lambda():
                return "It stands in another lambda."
            case ast.JoinedStr():
                return "It stands in an f-string."
            case ast.ClassDef() if child in parent.body:
                return "It stands in the body of a class."
            case ast.FunctionDef() | ast.AsyncFunctionDef() if child in parent.body:
                break
        if isinstance(parent, ast.stmt) and statement is None:
            statement = parent
        child = parent
    assert statement is not None
    around = _bound_around(facts, path, node)
    own = {arg.arg for arg in _parameters(node)}
    if (_names([node.body]) - own) & around:
        return "It reads the variable of the comprehension around it, whatever that is by then."
    if own_name(facts, path, node) is not None:
        return None
    return _defaults_obstacle(facts, path, node, statement, around)


def _defaults_obstacle(facts: Facts, path: str, node: ast.Lambda, statement: ast.stmt, around: set[str]) -> str | None:
    defaults = _defaults(node)
    if not all(isinstance(default, (ast.Name, ast.Constant)) for default in defaults):
        return "The values of its parameters are computed where it stands."
    names = _names(defaults)
    if names and (isinstance(statement, ast.While) or _may_differ(facts, path, node, statement, names)):
        return "The values of its parameters may change within the statement."
    if names & around and not _called_without_arguments(facts, path, node):
        return "The values of its parameters differ from element to element of the comprehension."
    return None


def _may_differ(facts: Facts, path: str, node: ast.Lambda, statement: ast.stmt, names: set[str]) -> bool:
    """Whether the names may have other values in front of the statement, or none, than where the lambda stands."""
    stores: list[ast.AST] = [part.target for part in ast.walk(statement) if isinstance(part, ast.NamedExpr)]
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        stores += [item.optional_vars for item in statement.items if item.optional_vars is not None]
    if names & _names(stores):
        return True
    line = facts.source(Span(path, statement.lineno, 0, statement.lineno, facts.span(path, statement).column))
    if line.strip():  # other statements stand before it in the line
        return True
    for parent in facts.parents(path, node):
        if isinstance(parent, (ast.BoolOp, ast.IfExp)):
            return True
        if isinstance(parent, ast.stmt):
            break
    return False


def _called_without_arguments(facts: Facts, path: str, node: ast.Lambda) -> bool:
    """Whether it is all that its receiver is given to call, and all its parameters have values."""
    required = len(node.args.posonlyargs) + len(node.args.args) - len(node.args.defaults)
    variable = node.args.vararg or node.args.kwarg or node.args.posonlyargs
    parent = facts.parent(path, node)
    if isinstance(parent, ast.keyword) and parent.arg == "target":
        parent = facts.parent(path, parent)
        return not required and not variable and isinstance(parent, ast.Call) and not parent.args
    return not required and not variable and isinstance(parent, ast.Call) and parent.args == [node]


def own_name(facts: Facts, path: str, node: ast.Lambda) -> str | None:
    """The name that the statement gives the lambda, if that is all it does."""
    match facts.parent(path, node):
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return None


def _replaces_in_test(facts: Facts, path: str, node: ast.Lambda) -> bool:
    """Whether a test puts it in the place of something else, which rules see to."""
    for parent in facts.parents(path, node):
        if isinstance(parent, ast.Call):
            call = facts.project.call_at(facts.span(path, parent))
            if call is not None and any(name.startswith(_PATCHING) for name in call.externals):
                return True
        if isinstance(parent, ast.Assign) and facts.in_test(path):
            return any(isinstance(target, ast.Attribute) for target in parent.targets)
    return False


def _bound_around(facts: Facts, path: str, node: ast.Lambda) -> set[str]:
    """What the comprehensions bind that the lambda is evaluated in."""
    out: set[str] = set()
    child: ast.AST = node
    for parent in facts.parents(path, node):
        if isinstance(parent, ast.stmt):
            break
        if isinstance(parent, _COMPREHENSIONS):
            clauses = parent.generators
            if not (child is clauses[0] and _in_iterable(facts, path, node, clauses[0])):
                targets = (part for clause in clauses for part in ast.walk(clause.target))
                out |= {part.id for part in targets if isinstance(part, ast.Name)}
        child = parent
    return out


def _in_iterable(facts: Facts, path: str, node: ast.AST, clause: ast.comprehension) -> bool:
    return node is clause.iter or any(parent is clause.iter for parent in facts.parents(path, node))


def _parameters(node: ast.Lambda) -> Iterator[ast.arg]:
    args = node.args
    yield from (*args.posonlyargs, *args.args, *args.kwonlyargs)
    yield from (arg for arg in (args.vararg, args.kwarg) if arg is not None)


def _defaults(node: ast.Lambda) -> list[ast.expr]:
    return [*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None)]


def _names(nodes: Sequence[ast.AST]) -> set[str]:
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def _head(whole: Span, body: Span) -> Span:
    return Span(whole.path, whole.line, whole.column, body.line, body.column)
