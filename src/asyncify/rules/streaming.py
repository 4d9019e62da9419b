"""Responses whose body is read while it arrives (``stream=True``): every place that touches one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.project import CallSite
from asyncify.index.values import Instance
from asyncify.model import Await, Edit, Reason, ReplaceExpr, Span, Verdict
from asyncify.rules.base import Claim, Role, site_node
from asyncify.rules.facts import Facts
from asyncify.rules.flow import receiving_call
from asyncify.rules.iteration import consumption

RESPONSE = "requests.Response"
_READ_AT_ONCE = frozenset(
    "status_code headers ok url reason history cookies elapsed encoding request is_redirect is_permanent_redirect links "
    "raise_for_status close".split()
)
_PIECES = {"iter_content": "aiter_content", "iter_lines": "aiter_lines"}
_HARMLESS = frozenset(
    "builtins.isinstance builtins.bool builtins.id builtins.repr builtins.print builtins.type".split()
)


def asked_for(facts: Facts, call: CallSite) -> bool | None:
    """Whether the call asks for a streamed body; None if that is not certain."""
    node = facts.node(call.span, ast.Call)
    if node is None:
        return None
    for keyword in node.keywords:
        if keyword.arg == "stream":
            return bool(keyword.value.value) if isinstance(keyword.value, ast.Constant) else None
    return False


def uses(facts: Facts, call: CallSite) -> Iterator[Claim | str]:
    """Claims on every use of the response that needs one; a text for a use that cannot be moved."""
    response = Instance(RESPONSE, call.span)
    places = facts.instances.get(response, [])
    if not places:
        yield "asyncify does not see where the streamed response goes"
    for path, node in places:
        yield from _use(facts, call, path, node)


def _use(facts: Facts, call: CallSite, path: str, node: ast.expr) -> Iterator[Claim | str]:
    parent = facts.parent(path, node)
    receiver = receiving_call(facts, path, node)
    match parent:
        case ast.Attribute() if parent.value is node:
            yield from _attribute(facts, call, path, node, parent)
        case ast.Return():
            info = facts.project.functions.get(facts.enclosing(path, node))
            if info is None or not facts.project.callers(info.name):
                yield "the streamed response is returned to code that asyncify does not see"
        case ast.Yield() | ast.YieldFrom() | ast.For() | ast.comprehension():
            yield "the streamed response is handed out or iterated over"
        case _ if receiver is not None:
            site = facts.project.call_at(facts.span(path, receiver))
            if site is None or site.externals - _HARMLESS or (site.unresolved and not site.targets):
                yield f"the streamed response is given to {facts.text(path, receiver.func)}()"


def _attribute(
    facts: Facts, call: CallSite, path: str, node: ast.expr, attribute: ast.Attribute
) -> Iterator[Claim | str]:
    span = facts.span(path, attribute)
    around = facts.parent(path, attribute)
    reason = Reason(f"{facts.text(path, attribute)} reads the body while it arrives", span)
    if attribute.attr in _READ_AT_ONCE or isinstance(attribute.ctx, ast.Store):
        return
    if attribute.attr == "content":
        edits: tuple[Edit, ...] = (
            ReplaceExpr(span, "{response}.aread()", reason, {"response": facts.span(path, node)}),
            Await(span, reason),
        )
        yield _claim(facts, call, path, attribute, span, reason, edits)
    elif attribute.attr in ("text", "json"):
        whole = facts.span(path, node)
        edits = (ReplaceExpr(whole, "{response}.loaded()", reason, {"response": whole}), Await(whole, reason))
        yield _claim(facts, call, path, attribute, span, reason, edits)
    elif attribute.attr in _PIECES and isinstance(around, ast.Call) and around.func is attribute:
        use = consumption(facts, path, around, reason)
        if use.impossible is not None or use.moves_on:
            yield use.impossible or "the pieces of the body are not read in place"
            return
        rename = ReplaceExpr(
            span, f"{{response}}.{_PIECES[attribute.attr]}", reason, {"response": facts.span(path, node)}
        )
        yield _claim(facts, call, path, attribute, span, reason, (rename, *use.edits))
    else:
        yield f"asyncify does not know .{attribute.attr} of a streamed response"


def _claim(
    facts: Facts,
    call: CallSite,
    path: str,
    node: ast.expr,
    span: Span,
    reason: Reason,
    edits: tuple[Edit, ...],
) -> Claim:
    return Claim(
        "requests",
        span,
        facts.enclosing(path, node),
        Role.PART,
        Verdict.EXACT,
        reason.text,
        {"": edits},
        follows=(site_node(call.span),),
    )
