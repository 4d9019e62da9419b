"""Turns the edits of one file into jobs on LibCST nodes, and refuses edits that clash.

One node can have several jobs; their order is fixed: arguments set, then replaced, then made asynchronous or
awaited. An edit inside a replaced part must lie in a hole that the template uses, or it would be lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import libcst as cst

from asyncify.errors import InternalError
from asyncify.model import (
    Annotate,
    Await,
    Edit,
    Facade,
    FetchAhead,
    ListInstead,
    MakeAsync,
    NameLambda,
    Rename,
    ReplaceExpr,
    ReplaceStatement,
    SetArguments,
    Span,
)
from asyncify.rewrite.locate import Found, Places
from asyncify.rewrite.templates import hole_names

NodeEdit: TypeAlias = (
    Await
    | MakeAsync
    | Facade
    | Rename
    | NameLambda
    | Annotate
    | ListInstead
    | FetchAhead
    | ReplaceExpr
    | ReplaceStatement
    | SetArguments
)
HoleNode: TypeAlias = cst.BaseExpression | cst.Arg | cst.StarredElement | cst.BaseSuite


@dataclass(slots=True)
class Job:
    """All that happens to one node, and the nodes that fill the holes of its templates."""

    arguments: SetArguments | None = None
    replacement: ReplaceExpr | ReplaceStatement | None = None
    asynchronous: MakeAsync | None = None
    items: tuple[cst.BaseExpression, ...] = ()  # of a `with`, by their context expressions; empty for all
    awaited: Await | None = None
    facade: Facade | None = None
    renamed: Rename | None = None
    named: NameLambda | None = None
    annotated: Annotate | None = None
    listed: ListInstead | None = None
    ahead: FetchAhead | None = None  # of the loop
    fetched: FetchAhead | None = None  # of the call in it
    argument_holes: dict[str, HoleNode] = field(default_factory=dict)
    holes: dict[str, HoleNode] = field(default_factory=dict)

    @property
    def edits(self) -> list[NodeEdit]:
        """The edits, in the order in which they are made."""
        parts = (
            self.arguments,
            self.replacement,
            self.asynchronous,
            self.awaited,
            self.renamed,
            self.named,
            self.annotated,
            self.facade,
            self.listed,
            self.ahead,
            self.fetched,
        )
        return [edit for edit in parts if edit is not None]


def spans_of(edits: Iterable[NodeEdit]) -> set[Span]:
    """All spans that the edits name: their own and those of their holes."""
    spans: set[Span] = set()
    for edit in edits:
        spans.add(edit.span)
        if isinstance(edit, (ReplaceExpr, ReplaceStatement, SetArguments)):
            spans.update(edit.holes.values())
        elif isinstance(edit, MakeAsync):
            spans.update(edit.items)
        elif isinstance(edit, FetchAhead):
            spans.update([edit.call, *(span for _, span in edit.lets)])
    return spans


def node_edits(edits: Sequence[Edit]) -> list[NodeEdit]:
    """The edits that change a node, in a fixed order, equal ones (but for their reasons) once."""
    seen: list[NodeEdit] = []
    keys: set[str] = set()
    for edit in edits:
        if isinstance(edit, NodeEdit):
            key = _key(edit)
            if key not in keys:
                keys.add(key)
                seen.append(edit)
    return sorted(seen, key=lambda edit: (edit.span, _key(edit)))


def assign(edits: Sequence[NodeEdit], places: Places) -> dict[cst.CSTNode, Job]:
    """The jobs of the nodes that the edits mean.

    Raises InternalError, with the span, if there is no node of the edit's kind at its span, if two edits of one
    node exclude each other, or if an edit would be lost because it lies in a part that another one discards.
    """
    jobs: dict[cst.CSTNode, Job] = {}
    for edit in edits:
        found = places.found.get(edit.span) or Found()
        node = _node(edit, found)
        if node is None:
            raise InternalError(f"no node for {_describe(edit)} at columns {_columns(edit.span)}", edit.span)
        job = jobs.setdefault(node, Job())
        match edit:
            case SetArguments():
                job.arguments = _merged(job.arguments, edit)
                job.argument_holes = _holes(job.arguments, places, "\n".join(_values(job.arguments)))
            case ReplaceExpr() | ReplaceStatement():
                if job.replacement is not None:
                    raise _clash(edit, job.replacement)
                job.replacement = edit
                job.holes = _holes(edit, places, edit.template)
            case MakeAsync():
                job.items = _items(job, edit, node, places)
                job.asynchronous = edit
            case Await():
                job.awaited = edit
            case Facade():
                job.facade = edit
            case Rename():
                job.renamed = edit
            case NameLambda():
                job.named = edit
            case Annotate():
                job.annotated = edit
            case ListInstead():
                job.listed = edit
            case FetchAhead():
                job.ahead = edit
                call = (places.found.get(edit.call) or Found()).expression
                if call is None:
                    raise InternalError("no call to fetch ahead", edit.span)
                jobs.setdefault(call, Job()).fetched = edit
                job.holes |= {name: _value(span, places) for name, span in edit.lets}
    for node, job in jobs.items():
        _check_losses(node, job, jobs)
    return jobs


def _node(edit: NodeEdit, found: Found) -> cst.CSTNode | None:
    match edit:
        case Await() | ReplaceExpr():
            return found.expression
        case ReplaceStatement():
            return found.statement
        case FetchAhead():
            loops = (cst.ListComp, cst.SetComp, cst.DictComp)
            if isinstance(found.expression, loops):
                return found.expression
            return found.statement if isinstance(found.statement, cst.For) else None
        case ListInstead():
            return found.expression if isinstance(found.expression, cst.GeneratorExp) else None
        case Facade() | Rename():
            return found.statement if isinstance(found.statement, cst.FunctionDef) else None
        case Annotate():
            plain = found.parameter is not None and found.parameter.annotation is None
            return found.parameter if plain else None
        case NameLambda():
            return found.expression if isinstance(found.expression, cst.Lambda) else None
        case SetArguments():
            return found.expression if isinstance(found.expression, cst.Call) else None
        case MakeAsync():
            if isinstance(found.statement, (cst.FunctionDef, cst.With, cst.For)):
                node: cst.FunctionDef | cst.With | cst.For | cst.CompFor | None = found.statement
            else:
                node = found.clause
            if node is not None and node.asynchronous is not None:
                raise InternalError("this is asynchronous already", edit.span)
            return node


def _items(job: Job, edit: MakeAsync, node: cst.CSTNode, places: Places) -> tuple[cst.BaseExpression, ...]:
    """The items of a ``with`` that become asynchronous by this edit and those before; empty for all of them."""
    if not isinstance(node, cst.With) or not edit.items or (job.asynchronous is not None and not job.items):
        return ()
    own = {item.item for item in node.items}
    found = [(places.found.get(span) or Found()).expression for span in edit.items]
    items = [expression for expression in found if expression is not None and expression in own]
    if len(items) != len(edit.items):
        raise InternalError("this `with` statement has no such item", edit.span)
    return (*job.items, *items)


def _holes(edit: ReplaceExpr | ReplaceStatement | SetArguments, places: Places, text: str) -> dict[str, HoleNode]:
    holes: dict[str, HoleNode] = {}
    for name in sorted(hole_names(text, edit.span)):
        span = edit.holes.get(name)
        if span is None:
            raise InternalError(f"the template has a hole {{{name}}} that the edit does not fill", edit.span)
        if not edit.span.contains(span):
            raise InternalError(f"the hole {{{name}}} lies outside the edit", edit.span)
        found = places.found.get(span) or Found()
        node: HoleNode | None = found.expression or found.argument
        alone = re.search(rf"^[ \t]*\{{{name}\}}[ \t]*$", text, re.M)
        if isinstance(edit, ReplaceStatement) and found.body is not None and (alone or node is None):
            node = found.body
        if node is None:
            raise InternalError(f"nothing for the hole {{{name}}} at columns {_columns(span)}", span)
        holes[name] = node
    return holes


def _value(span: Span, places: Places) -> cst.BaseExpression:
    found = places.found.get(span)
    if found is None or found.expression is None:
        raise InternalError("no expression here", span)
    return found.expression


def _merged(first: SetArguments | None, second: SetArguments) -> SetArguments:
    if first is None:
        return second
    for own, other in ((first.keywords, second.keywords), (first.holes, second.holes)):
        if any(own[name] != other[name] for name in own.keys() & other.keys()):
            raise _clash(second, first)
    return replace(
        first,
        keywords={**first.keywords, **second.keywords},
        holes={**first.holes, **second.holes},
        drop=tuple(sorted({*first.drop, *second.drop})),
    )


def _values(edit: SetArguments) -> list[str]:
    return [value for value in edit.keywords.values() if value is not None]


def _check_losses(node: cst.CSTNode, job: Job, jobs: Mapping[cst.CSTNode, Job]) -> None:
    """Every edited part of what a job discards must come back through a hole."""
    if job.replacement is not None:
        kept = set(job.holes.values())
        if node not in kept and (job.arguments or job.asynchronous):
            raise _clash(job.replacement, job.arguments or job.asynchronous or job.replacement)
        _refuse_losses([node], kept | {node} if node in kept else kept, node, job.replacement, jobs)
    if job.arguments is not None and isinstance(node, cst.Call):
        discarded: list[cst.CSTNode] = [
            argument
            for position, argument in enumerate(node.args)
            if position in dropped_positions(node, job.arguments)
            or (argument.keyword is not None and argument.keyword.value in job.arguments.keywords)
        ]
        _refuse_losses(discarded, set(job.argument_holes.values()), node, job.arguments, jobs)


def _refuse_losses(
    roots: Sequence[cst.CSTNode],
    kept: set[HoleNode] | set[cst.CSTNode],
    owner: cst.CSTNode,
    edit: NodeEdit,
    jobs: Mapping[cst.CSTNode, Job],
) -> None:
    todo: list[cst.CSTNode] = list(roots)
    while todo:
        node = todo.pop()
        if node in kept:
            continue
        if node is not owner and node in jobs:
            raise _clash(jobs[node].edits[0], edit)
        todo.extend(node.children)


def dropped_positions(call: cst.Call, edit: SetArguments) -> frozenset[int]:
    """Which of ``call.args`` the edit's `drop` means: it counts positional arguments only.

    Raises InternalError if there is no such argument, or a starred one makes its position unknown.
    """
    positional = [position for position, one in enumerate(call.args) if one.keyword is None and one.star != "**"]
    for index in edit.drop:
        if not 0 <= index < len(positional) or any(call.args[one].star for one in positional[: index + 1]):
            raise InternalError(f"the call has no positional argument {index} to drop", edit.span)
    return frozenset(positional[index] for index in edit.drop)


def _key(edit: NodeEdit) -> str:
    """Equal for edits that do the same."""
    match edit:
        case ReplaceExpr() | ReplaceStatement():
            return repr((type(edit).__name__, edit.span, edit.template, sorted(edit.holes.items())))
        case SetArguments():
            keywords = sorted(edit.keywords.items(), key=lambda item: item[0])
            return repr(("SetArguments", edit.span, keywords, sorted(edit.drop), sorted(edit.holes.items())))
        case MakeAsync():
            return repr(("MakeAsync", edit.span, edit.items))
        case _:
            return repr((type(edit).__name__, edit.span))


def _describe(edit: Edit) -> str:
    return type(edit).__name__


def _columns(span: Span) -> str:
    return f"{span.line}:{span.column} to {span.end_line}:{span.end_column}"


def _clash(first: NodeEdit, second: NodeEdit) -> InternalError:
    return InternalError(f"{_describe(first)} clashes with {_describe(second)} at {second.span}", first.span)
