"""Lambdas of a finished colouring: which of them get a name, and what name."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from asyncify.colour.colouring import Colouring
from asyncify.colour.lambdas import awaits_inside, binds_by_partial, own_name
from asyncify.index.project import FunctionInfo, Kind
from asyncify.model import AddImport, Edit, NameLambda, Reason, ReplaceExpr, ReplaceStatement, Span
from asyncify.rules.base import Companion, function_node
from asyncify.rules.facts import Facts
from asyncify.rules.free_names import RESERVED, bound, free

_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Lambdas:
    """The lambdas of one colouring."""

    def __init__(self, facts: Facts, colouring: Colouring) -> None:
        self._facts = facts
        self._colouring = colouring

    def hands_on(self, function: str) -> bool:
        """Whether the function is a lambda that keeps its form: it gives what the call gives that is its body."""
        info = self._facts.project.functions.get(function)
        return info is not None and info.kind is Kind.LAMBDA and function not in self._awaiting

    def edits(self, info: FunctionInfo, reason: Reason) -> list[Edit]:
        """What gives a lambda its name, if it gets one."""
        name = self._names.get(info.name)
        node = self._facts.node(info.span, ast.Lambda)
        if name is None or node is None:
            return []
        if not binds_by_partial(self._facts, info.path, node):
            return [NameLambda(info.span, reason, name)]
        return [NameLambda(info.span, reason, name, bound=True), AddImport(info.span, reason, "functools")]

    @cached_property
    def _awaiting(self) -> frozenset[str]:
        """Those that await something, or whose body stands in an await of its own elsewhere."""
        holds, facts = self._colouring.holds, self._facts
        waits: dict[str, set[Span]] = defaultdict(set)
        more: set[str] = {call.within for call in self._colouring.bridges.values()}
        for node, plan in self._colouring.plans.items():
            if node in holds and not plan.lazy:
                waits[plan.call.within].add(plan.call.span)
        for claim in self._colouring.claims:
            if claim.needs_async and claim.node in holds:
                waits[claim.within].add(claim.span)
                if awaits_inside(claim.edits[""]):
                    more.add(claim.within)
        out = set()
        for name, info in facts.project.functions.items():
            node_ = facts.node(info.span, ast.Lambda) if info.kind is Kind.LAMBDA else None
            if node_ is None or function_node(name) not in holds:
                continue
            body = facts.span(info.path, node_.body)
            if waits[name] != {body} or name in more or body in self._taken:
                out.add(name)
        return frozenset(out)

    @cached_property
    def _taken(self) -> frozenset[Span]:
        """The places that edits take into what they put around them: bodies of lambdas that go."""
        holds = self._colouring.holds
        edits: list[Edit] = []
        for claim in self._colouring.claims:
            if claim.node in holds and not self._colouring.runs_to_end(claim.within):
                edits += claim.edits[""]
        for finding in self._colouring.findings:
            if isinstance(finding, Companion) and finding.node in holds:
                edits += finding.edits
        kinds = (ReplaceExpr, ReplaceStatement)
        return frozenset(hole for edit in edits if isinstance(edit, kinds) for hole in edit.holes.values())

    @cached_property
    def _names(self) -> dict[str, str]:
        """The names, each free in its file and given once in a function (or module)."""
        facts = self._facts
        out: dict[str, str] = {}
        taken: dict[str, set[str]] = {}
        given: dict[str, set[str]] = defaultdict(set)
        infos = sorted((facts.project.functions[name] for name in self._awaiting), key=lambda info: info.span)
        for info in infos:
            node = facts.node(info.span, ast.Lambda)
            if node is None or facts.span(info.path, node.body) in self._taken:
                continue
            own = own_name(facts, info.path, node)
            if own is not None:
                out[info.name] = own
                continue
            if info.path not in taken:
                taken[info.path] = {*bound(facts.file(info.path).tree), *RESERVED}
            scope = info.parent or info.module
            name = free(taken[info.path] | given[scope], telling(node.body, private=info.parent is None))
            given[scope].add(name)
            out[info.name] = name
        return out


def telling(body: ast.expr, *, private: bool = False) -> str:
    """A name that says what the body gives, by the first and last thing it does (``get_text``).

    With `private` it starts with an underscore, so that no import by ``*`` takes it along.
    """
    words = [word for word in (_CAPITAL.sub("_", word).lower().strip("_") for word in _words(body)) if word]
    if len(words) > 1 and words[0] != words[-1]:
        name = f"{words[0]}_{words[-1]}"
    else:
        name = f"{words[0]}_job" if words else "job"
    return f"_{name}" if private else name


def _words(node: ast.AST) -> Iterator[str]:
    """The names of what is called or taken, in the order in which they are read."""
    match node:
        case ast.Call(func=ast.Name(id=name)):
            yield name
            yield from _of_first(node.args)
        case ast.Call(func=ast.Attribute(value=value, attr=name)):
            yield from _words(value)
            yield name
            yield from _of_first(node.args)
        case ast.Attribute(value=value, attr=name):
            words = list(_words(value))
            if words:
                yield from [*words, name]
        case ast.Subscript(value=value, slice=ast.Constant(value=str(name))) if name.isidentifier() and name.isascii():
            words = list(_words(value))
            if words:
                yield from [*words, name]
        case ast.Constant() | ast.Name() | ast.JoinedStr():
            return
        case _:
            for child in ast.iter_child_nodes(node):
                words = list(_words(child))
                if words:
                    yield from words
                    return


def _of_first(arguments: list[ast.expr]) -> list[str]:
    return next((words for argument in arguments if (words := list(_words(argument)))), [])
