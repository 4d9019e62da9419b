"""Loops whose requests are independent of each other send several at once, where the user asks for that.

A loop stays a loop: its body runs item by item, in order, and what it prints or collects, and where it raises, does not change.
Only the requests are sent ahead of their turn. For that, each must be the same one whenever it is sent (:mod:`asyncify.plan.effects`).
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from asyncify.index.project import Kind
from asyncify.index.values import Constant, Instance
from asyncify.model import Await, Edit, FetchAhead, Group, MakeAsync, Plan, Reason, ReplaceExpr, Site, Span, Verdict
from asyncify.plan.effects import Reading, Writing
from asyncify.rules.facts import Facts
from asyncify.rules.free_names import bound, free
from asyncify.rules.support import import_of

RULE = "parallelize"
Loop = ast.For | ast.ListComp | ast.SetComp | ast.DictComp
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp)
_ALL_LOOPS = (ast.For, ast.AsyncFor, ast.While, *_COMPREHENSIONS, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
# What an expression may be of which the call is a part: all of it is evaluated, whatever comes out.
_EVALUATED = (
    ast.Await, ast.Attribute, ast.Call, ast.keyword, ast.Subscript, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.BinOp, ast.UnaryOp,
    ast.Starred, ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign,
)  # fmt: skip
_KNOWN = frozenset(
    f"builtins.{name}" for name in ("list", "tuple", "dict", "set", "frozenset", "range", "str", "bytes")
)
_VIEWS = frozenset(["range", "enumerate", "zip", "reversed", "sorted", "list", "tuple", "set"])


def with_requests_ahead(plan: Plan, facts: Facts, most: int) -> Plan:
    """The plan in which loops of independent requests have up to `most` of them under way; unchanged below 2."""
    if most < 2:
        return plan
    groups = []
    sites = list(plan.sites)
    for group in plan.groups:
        edits, found = _loops(group, facts, most)
        sites += found
        own = tuple(sorted((*group.sites, *(site for site in found if site.group)), key=lambda s: (s.span, s.rule)))
        groups.append(replace(group, edits=tuple(edits), sites=own))
    return replace(plan, groups=tuple(groups), sites=tuple(sorted(sites, key=lambda s: (s.span, s.rule))))


def _loops(group: Group, facts: Facts, most: int) -> tuple[list[Edit], list[Site]]:
    """The edits of a group with those that send requests ahead, and a site for each loop that awaits a call."""
    edits = list(group.edits)
    sites = []
    awaited: dict[tuple[str, Loop], list[Span]] = {}
    for edit in edits:
        call = facts.node(edit.span, ast.Call) if isinstance(edit, Await) else None
        loop = _loop_around(facts, edit.span.path, call) if call is not None else None
        if loop is not None and not facts.in_test(edit.span.path):
            awaited.setdefault((edit.span.path, loop), []).append(edit.span)
    for (path, loop), spans in awaited.items():
        span = facts.span(path, loop)
        within = facts.enclosing(path, loop)
        inside = [edit for edit in edits if edit.span != span and span.contains(edit.span) and _waits(edit)]
        found = _Question(facts, path, loop, spans[0], within).answer() if len(spans) == len(inside) == 1 else None
        if found is None:
            found = Reason("more than one call waits in it", span)
        if isinstance(found, Reason):
            reason = Reason("its requests are sent one after the other", span, found)
            sites.append(Site(RULE, span, within, Verdict.KEEP, reason))
            continue
        reason = Reason("its requests are independent of each other", span, Reason(found.proof, spans[0]))
        edits.remove(next(e for e in edits if isinstance(e, Await) and e.span == spans[0]))
        edits.append(FetchAhead(span, reason, spans[0], found.answer, most, found.lets))
        edits.append(import_of(facts.file(path).source, "aio_support", span, reason))
        sites.append(Site(RULE, span, within, Verdict.REVIEW, reason, group.id, found.condition(most)))
    return edits, sites


def _waits(edit: Edit) -> bool:
    return isinstance(edit, (Await, MakeAsync)) or (isinstance(edit, ReplaceExpr) and "await " in edit.template)


def _loop_around(facts: Facts, path: str, call: ast.Call) -> Loop | None:
    """The innermost loop of the call's function, where it is one that takes items from something."""
    for parent in facts.ancestors_in_function(path, call):
        if isinstance(parent, _ALL_LOOPS):
            return parent if isinstance(parent, (ast.For, *_COMPREHENSIONS)) else None
    return None


@dataclass(frozen=True, slots=True)
class _Independent:
    """A loop whose requests can be sent ahead."""

    answer: str
    lets: tuple[tuple[str, Span], ...]
    proof: str
    session: bool

    def condition(self, most: int) -> str:
        """When the loop differs, in one sentence."""
        text = (
            f"up to {most} requests are under way at once: later ones have been sent when an earlier one fails, "
            "and they reach the server in any order"
        )
        return text + (", without the cookies that answers just before set on the session" if self.session else "")


class _Question:
    """Whether the requests of one loop are independent."""

    def __init__(self, facts: Facts, path: str, loop: Loop, call: Span, within: str) -> None:
        self.facts, self.path, self.loop, self.within = facts, path, loop, within
        node = facts.node(call, ast.Call)
        assert node is not None
        self.call = node
        clause = loop if isinstance(loop, ast.For) else loop.generators[0]
        self.target, self.iterable = clause.target, clause.iter
        self.targets = {node.id for node in ast.walk(clause.target) if isinstance(node, ast.Name)}
        self.reading = Reading(facts)
        self.lets: dict[str, ast.expr] = {}

    def answer(self) -> _Independent | Reason:
        """The proof, or why there is none."""
        for check in (self._shape, self._place, self._variables, self._iterable, self._effects, self._flows):
            found = check()
            if found is not None:
                return found
        lets = tuple((name, self.facts.span(self.path, value)) for name, value in self.lets.items())
        proof = "it changes nothing, and reads nothing that the loop changes"
        return _Independent(
            free(frozenset(bound(self.facts.file(self.path).tree)), "answer"), lets, proof, self.reading.uses_session
        )

    def _reason(self, text: str, node: ast.AST | None = None) -> Reason:
        return Reason(text, self.facts.span(self.path, node if node is not None else self.loop))

    # --- where the call stands ----------------------------------------------------------------------------------

    def _shape(self) -> Reason | None:
        """No loop that ends early, or hands something out, and only plain variables for its items."""
        info = self.facts.project.functions.get(self.within)
        if info is None or info.kind not in (Kind.FUNCTION, Kind.MODULE) or info.is_generator:
            return self._reason("its results are handed out one by one")
        if not all(isinstance(n, (ast.Name, ast.Tuple, ast.List, ast.expr_context)) for n in ast.walk(self.target)):
            return self._reason("its items are stored somewhere", self.target)
        if isinstance(self.loop, _COMPREHENSIONS):
            return self._reason("it is several loops in one") if len(self.loop.generators) > 1 else None
        if isinstance(self.loop, ast.For):
            for node in _own_statements(self.loop.body, (ast.For, ast.While)):
                if isinstance(node, ast.Break):
                    return self._reason("it may end before all items are asked for", node)
            for node in _own_statements(self.loop.body, ()):
                if isinstance(node, ast.Return):
                    return self._reason("it may end before all items are asked for", node)
        return None

    def _place(self) -> Reason | None:
        """The request is sent for every item, before anything is decided."""
        child: ast.AST = self.call
        for parent in self.facts.parents(self.path, self.call):
            if parent is self.loop:
                break
            in_try = isinstance(parent, ast.Try) and child in parent.body
            if not isinstance(parent, _EVALUATED) and not in_try:
                return self._reason("it is not sent for every item", self.call)
            if in_try and not self._is_total():
                return self._reason("its arguments may raise what is caught here", self.call)
            child = parent
        if isinstance(self.loop, ast.For):
            if child not in self.loop.body:
                return self._reason("it is not sent for every item", self.call)
            before = self.loop.body[: self.loop.body.index(child)]
            for node in _own_statements(before, (ast.For, ast.While)):
                if isinstance(node, (ast.Continue, ast.Raise, ast.Try, ast.With)):
                    return self._reason("it is not sent for every item", node)
        elif child is self.loop.generators[0] or (isinstance(self.loop, ast.DictComp) and child is self.loop.key):
            return self._reason("it decides what the loop is about", self.call)
        return None

    def _is_total(self) -> bool:
        """Whether evaluating the arguments raises nothing."""
        parts = [*self.call.args, *(keyword.value for keyword in self.call.keywords)]
        plain = (ast.Name, ast.Constant, ast.JoinedStr, ast.FormattedValue, ast.Attribute, ast.expr_context, ast.Dict)
        return all(isinstance(node, plain) for part in parts for node in ast.walk(part))

    # --- what it is made of -------------------------------------------------------------------------------------

    def _variables(self) -> Reason | None:
        """Variables that the loop sets before the call are set to something that only depends on its item."""
        bound: dict[str, int] = {}
        for node in self._body():
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                bound[node.id] = bound.get(node.id, 0) + 1
        if again := sorted(self.targets & bound.keys()):
            return self._reason(f"{again[0]} is set in the loop")
        todo: list[ast.expr] = [self.call]
        while todo:
            for node in ast.walk(todo.pop()):
                if isinstance(node, ast.Name) and node.id in bound and node.id not in self.lets:
                    value = self._set_before(node.id) if bound[node.id] == 1 else None
                    if value is None:
                        return self._reason(f"{node.id} is set in the loop, perhaps from what was answered", node)
                    self.lets = {node.id: value, **self.lets}
                    todo.append(value)
        return None

    def _set_before(self, name: str) -> ast.expr | None:
        for statement in self.loop.body if isinstance(self.loop, ast.For) else ():
            if self._holds(statement):
                return None
            match statement:
                case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                    return value
        return None

    def _holds(self, node: ast.AST) -> bool:
        return any(part is self.call for part in ast.walk(node))

    def _body(self) -> Iterator[ast.AST]:
        """All nodes of the loop but its header."""
        if isinstance(self.loop, ast.For):
            parts: list[ast.AST] = [*self.loop.body, *self.loop.orelse]
        elif isinstance(self.loop, ast.DictComp):
            parts = [self.loop.key, self.loop.value]
        else:
            parts = [self.loop.elt]
        return itertools.chain.from_iterable(ast.walk(part) for part in parts)

    def _iterable(self) -> Reason | None:
        """What is iterated over is there as a whole before the loop begins."""
        if not self._is_known(self.iterable):
            return self._reason(
                "asyncify does not know that what it iterates over is a list or the like", self.iterable
            )
        return None

    def _is_known(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _VIEWS:
            site = self.facts.project.call_at(self.facts.span(self.path, node))
            plain = site is not None and not site.targets and not site.has_star
            whole = node.func.id in ("range", "sorted", "list", "tuple", "set")
            return plain and (whole or all(self._is_known(argument) for argument in node.args))
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("items", "keys", "values")
        ):
            return self._is_known(node.func.value)
        values = self.facts.values(self.path, node)
        return bool(values) and all(
            (isinstance(value, Instance) and value.type in _KNOWN)
            or (isinstance(value, Constant) and isinstance(value.value, str))
            for value in values
        )

    # --- what it does, and what the rest of the loop does -------------------------------------------------------

    def _effects(self) -> Reason | None:
        """The call, its arguments and what else is evaluated ahead have no effect."""
        conditions = self.loop.generators[0].ifs if isinstance(self.loop, _COMPREHENSIONS) else []
        for part in (self.call, self.iterable, *self.lets.values(), *conditions):
            found = self.reading.expression(self.path, part, self.within)
            if found is not None:
                return found
        return None

    def _flows(self) -> Reason | None:
        """The rest of the loop changes nothing of what the call reads."""
        apart = {part for value in (self.call, *self.lets.values()) for part in ast.walk(value)}
        writing = Writing(self.facts)
        writing.code(self.path, [node for node in self._body() if node not in apart], self.within)
        if writing.unknown is not None:
            return writing.unknown
        written, read = writing.written, self.reading.read
        own = self._keys_apart(apart)
        names = (read.names & written.names) - set(self.lets) - own
        if names:
            return self._reason(f"the loop changes {min(names)}, which its requests depend on")
        attributes = read.attributes & written.attributes
        if attributes:
            return self._reason(f"the loop changes .{min(attributes)}, which its requests depend on")
        if not own and read.containers & written.containers:
            return self._reason("the loop changes an object that its requests depend on")
        return None

    def _keys_apart(self, apart: set[ast.AST]) -> set[str]:
        """Variables of items of which the call reads other keys than the loop writes: ``user["posts"] = get(user["id"])``."""
        out = set()
        for name in self.targets:
            read: set[object] = set()
            written: set[object] = set()
            for node in [*apart, *self._body()]:
                if not (isinstance(node, ast.Name) and node.id == name):
                    continue
                parent = self.facts.parent(self.path, node)
                key = parent.slice if isinstance(parent, ast.Subscript) and parent.value is node else None
                if isinstance(key, ast.Constant) and isinstance(parent, ast.Subscript):
                    (read if isinstance(parent.ctx, ast.Load) else written).add(key.value)
                else:
                    read.add(node)  # more than a key of it is used
                    written.add(node)
            if not read & written:
                out.add(name)
        return out


def _own_statements(block: list[ast.stmt], without: tuple[type[ast.AST], ...]) -> Iterator[ast.AST]:
    """All nodes of the statements but those in nested functions and, behind their first line, in those `without`."""
    todo: list[ast.AST] = list(block)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, (*_FUNCTIONS, *without)):
            todo += ast.iter_child_nodes(node)
