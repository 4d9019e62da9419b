"""Responses whose body is read while it arrives (``stream=True``): every place that touches one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from asyncify.index.project import CallSite, FunctionInfo
from asyncify.index.values import Constant, Instance, Object, Partial, Value
from asyncify.model import Await, Edit, Reason, ReplaceExpr, Span, Verdict
from asyncify.rules.base import Claim, Role, site_node
from asyncify.rules.facts import Facts
from asyncify.rules.flow import receiving_call
from asyncify.rules.handed_jobs import around, partial_places
from asyncify.rules.iteration import consumption
from asyncify.rules.requests_names import ASSERTIONS, FUNCTIONS, METHODS, SESSION_VERBS, SESSIONS
from asyncify.rules.streaming_errors import body_of_error
from asyncify.rules.streaming_raw import raw_uses
from asyncify.rules.support import import_of

RESPONSE = "requests.Response"
_READ_AT_ONCE = frozenset(
    "status_code headers ok url reason history cookies elapsed encoding request is_redirect is_permanent_redirect links "
    "raise_for_status close next".split()
)
_NEED_ALL = frozenset({"text", "json", "apparent_encoding"})
_OTHERS = frozenset({"apparent_encoding", "connection", "content", "iter_content", "iter_lines", "json", "raw", "text"})
_PIECES = {"iter_content": "aiter_content", "iter_lines": "aiter_lines"}
BY_JOB = "The body is streamed, and a job asks for it."
_HARMLESS = (
    frozenset(
        "builtins.isinstance builtins.bool builtins.id builtins.repr builtins.print builtins.type contextlib.closing".split()
    )
    | ASSERTIONS
)


def asked_for(facts: Facts, call: CallSite) -> bool:
    """Whether the call may ask for a streamed body, as far as the project's own code decides it."""
    node = facts.node(call.span, ast.Call)
    filled = (value.site for value in facts.project.values(call.func) if isinstance(value, Partial))
    calls = [(call.span.path, node), *((site.path, facts.node(site, ast.Call)) for site in filled)]
    return any(made is not None and _among(facts, path, call.within, made, set()) for path, made in calls)


def asked_for_by_job(facts: Facts, path: str, function: ast.expr) -> bool:
    """Whether the function, which is run as a job, may be asked for a streamed body there."""
    for where, place in [(path, function), *(partial_places(facts, path, function))]:
        call = around(facts, where, place)
        outer = facts.parent(where, call) if call is not None else None
        calls = [call, outer if isinstance(outer, ast.Call) and outer.func is call else None]  # delayed(get)(url)
        for each in filter(None, calls):
            if _among(facts, where, facts.enclosing(where, each), each, set()):
                return True
            parts = (node for argument in (*each.args, *each.keywords) for node in ast.walk(argument))
            if any(isinstance(part, ast.Constant) and part.value == "stream" for part in parts):
                return True
    return False


def _among(facts: Facts, path: str, within: str, node: ast.Call, seen: set[str]) -> bool:
    """Whether ``stream=`` with a value that may be true is among the keywords, or in what ``**`` unpacks."""
    for keyword in node.keywords:
        if keyword.arg == "stream" and _may_be_true(facts, path, keyword.value):
            return True
        if keyword.arg is None and _passed_on(facts, within, seen):
            return True
    return False


def _may_be_true(facts: Facts, path: str, value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return bool(value.value)
    values = facts.values(path, value)
    return not values or not all(isinstance(v, Constant) and not v.value for v in values)


def _passed_on(facts: Facts, function: str, seen: set[str]) -> bool:
    """Whether keywords that are unpacked in the function may say ``stream=True``.

    They come from its callers, or are put together under that name in its file.
    """
    seen.add(function)
    info = facts.project.functions.get(function)
    if info is None:
        return False
    if any(n.value == "stream" for n in facts.nodes(info.path, ast.Constant)):
        return True
    cls = facts.project.classes.get(info.cls or "")
    if cls is not None and cls.external_bases & SESSIONS and _streams_on_a_session(facts):
        return True
    for call in facts.project.callers(function):
        node = facts.node(call.span, ast.Call)
        if node is not None and call.within not in seen and _among(facts, call.span.path, call.within, node, seen):
            return True
    return False


def _streams_on_a_session(facts: Facts) -> bool:
    """Whether any call on any session says ``stream=``: requests' own verbs hand it to the methods that override them."""
    return any(
        keyword == "stream"
        for name in METHODS
        for call in facts.calls_by_external.get(name, ())
        for keyword, _ in call.keywords
    )


def uses(facts: Facts, call: CallSite) -> Iterator[Claim | str]:
    """Claims on every use of the response that needs one; a text for a use that cannot be moved."""
    response = Instance(RESPONSE, call.span)
    places = facts.instances.get(response, [])
    if not places or response in facts.project.lost:
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
            if info is None or not (facts.project.callers(info.name) or _answers_requests(facts, info)):
                yield "the streamed response is returned to code that asyncify does not see"
        case ast.For() | ast.comprehension() if parent.iter is node:
            yield _iterated(facts, call, path, node)
        case ast.Yield() | ast.YieldFrom():
            yield "the streamed response is handed out"
        case _ if receiver is not None:
            site = facts.project.call_at(facts.span(path, receiver))
            if site is None or site.externals - _HARMLESS or (site.unresolved and not site.targets):
                yield f"the streamed response is given to {facts.text(path, receiver.func)}()"


def _answers_requests(facts: Facts, info: FunctionInfo) -> bool:
    """Whether the function overrides a verb of a session: requests' own verbs return what it returns."""
    cls = facts.project.classes.get(info.cls or "")
    return cls is not None and bool(cls.external_bases & SESSIONS) and info.name.rpartition(".")[2] in SESSION_VERBS


def _iterated(facts: Facts, call: CallSite, path: str, node: ast.expr) -> Claim | str:
    """``for piece in response``, which is ``iter_content(128)``."""
    span = facts.span(path, node)
    reason = Reason("the loop reads the body while it arrives", span)
    use = consumption(facts, path, node, reason)
    if use.impossible is not None or use.moves_on:
        return use.impossible or "the pieces of the body are not read in place"
    streamed = "{response}"
    wrapped: tuple[Edit, ...] = ()
    if not any(isinstance(v, Object) or _is_double(v) for v in facts.values(path, node)):
        streamed, wrapped = _with_awaited_methods(facts, call, path, node, reason)
    pieces = ReplaceExpr(span, f"{streamed}.aiter_content(128)", reason, {"response": span})
    edits = (pieces, *use.edits, *wrapped)
    return _claim(facts, call, path, node, span, reason, edits, any_object=bool(wrapped))


def _attribute(
    facts: Facts, call: CallSite, path: str, node: ast.expr, attribute: ast.Attribute
) -> Iterator[Claim | str]:
    span = facts.span(path, attribute)
    around = facts.parent(path, attribute)
    reason = Reason(f"{facts.text(path, attribute)} reads the body while it arrives", span)
    if attribute.attr in _READ_AT_ONCE or isinstance(attribute.ctx, ast.Store) or _of_another(facts, path, attribute):
        if attribute.attr == "raise_for_status" and (response := body_of_error(facts)):
            yield f"{response} may read its body where the exception is caught"
        return
    streamed, wrapped = _with_awaited_methods(facts, call, path, node, reason)
    holes = {"response": facts.span(path, node)}
    if attribute.attr == "content":
        edits: tuple[Edit, ...] = (
            ReplaceExpr(span, f"{streamed}.aread()", reason, holes),
            Await(span, reason),
            *wrapped,
        )
        yield _claim(facts, call, path, node, span, reason, edits, any_object=bool(wrapped))
    elif attribute.attr in _NEED_ALL:
        template = f"(await {streamed}.loaded()).{attribute.attr}"
        edits = (ReplaceExpr(span, template, reason, holes), *wrapped)
        yield _claim(facts, call, path, node, span, reason, edits, any_object=bool(wrapped))
    elif attribute.attr in _PIECES and isinstance(around, ast.Call) and around.func is attribute:
        use = consumption(facts, path, around, reason)
        if use.impossible is not None or use.moves_on:
            yield use.impossible or "the pieces of the body are not read in place"
            return
        rename = ReplaceExpr(span, f"{streamed}.{_PIECES[attribute.attr]}", reason, holes)
        edits = (rename, *use.edits, *wrapped)
        yield _claim(facts, call, path, node, span, reason, edits, any_object=bool(wrapped))
    elif attribute.attr == "raw":
        for use_of_raw in raw_uses(facts, path, attribute):
            if isinstance(use_of_raw, str):
                yield use_of_raw
            else:
                where, why, edits = use_of_raw
                claim = _claim(facts, call, path, node, where, why, edits, any_object=True)
                read = facts.node(where, ast.Call)
                if not isinstance(claim, str) and read is not None:
                    claim = replace(claim, within=facts.enclosing(where.path, read))
                yield claim
    else:
        yield f"asyncify does not know .{attribute.attr} of a streamed response"


def _with_awaited_methods(
    facts: Facts, call: CallSite, path: str, node: ast.expr, reason: Reason
) -> tuple[str, tuple[Edit, ...]]:
    """A template for the response with the methods that are awaited, and the import that it needs.

    Where something else may stand there that reads its body at once (a double of a test, a response made by hand),
    `aio_requests.streamed` gives it such methods.
    """
    values = facts.values(path, node)
    others = [v for v in values if _other(facts, call, path, node, v) is not None or _is_double(v)]
    if not others or any(isinstance(v, Object) and _may_wait(facts, v.cls) for v in others):
        return "{response}", ()
    span = facts.span(path, node)
    needed = import_of(facts.file(path).source, "aio_requests", span, reason)
    return "aio_requests.streamed({response})", (needed,)


def _is_double(value: Value) -> bool:
    return isinstance(value, Instance) and value.type.startswith("unittest.mock.")


def _may_wait(facts: Facts, cls: str) -> bool:
    """Whether reading an object of that class may make requests of its own, and so become asynchronous itself."""
    info = facts.project.classes.get(cls)
    owners = [facts.project.classes[name] for name in info.mro if name in facts.project.classes] if info else []
    runs = facts.reached(method for owner in owners for method in owner.methods.values())
    return any(
        call.within in runs and call.externals & (METHODS | FUNCTIONS)
        for name in METHODS | FUNCTIONS
        for call in facts.calls_by_external.get(name, ())
    )


def _of_another(facts: Facts, path: str, attribute: ast.Attribute) -> bool:
    """Whether no response has such an attribute, so that something else must stand there, as may well be."""
    if attribute.attr in _OTHERS or attribute.attr.startswith("_"):
        return False
    return any(not isinstance(v, Instance) or v.type != RESPONSE for v in facts.values(path, attribute.value))


def _claim(
    facts: Facts,
    call: CallSite,
    path: str,
    node: ast.expr,
    span: Span,
    reason: Reason,
    edits: tuple[Edit, ...],
    any_object: bool = False,
) -> Claim | str:
    """The claim on one use of the response `node`, which moves with every call that the response may come from.

    With `any_object` the edits hold for whatever else may stand there, too.
    """
    others: set[str] = set()
    for value in facts.values(path, node):
        found = _other(facts, call, path, node, value)
        if found is not None and not any_object:
            return found
        if (
            found is None
            and isinstance(value, Instance)
            and value.type == RESPONSE
            and value.site not in (None, call.span)
        ):
            others.add(site_node(value.site))
    return Claim(
        "requests",
        span,
        facts.enclosing(path, node),
        Role.PART,
        Verdict.EXACT,
        reason.text,
        {"": edits},
        follows=(site_node(call.span),),
        leads=tuple(sorted(others)),
    )


def _other(facts: Facts, call: CallSite, path: str, node: ast.expr, value: Value) -> str | None:
    """Why what may stand at `node` has none of the methods that a streamed response of a call has; None if it has."""
    if isinstance(value, Object):
        return f"an object of {value.cls} may be there as well ({facts.span(path, node)})"
    if isinstance(value, Instance) and value.type == RESPONSE and value.site not in (None, call.span):
        made = facts.project.call_at(value.site) if value.site is not None else None
        if made is None or RESPONSE in made.externals:
            return f"a response that was made otherwise may be there as well ({facts.span(path, node)})"
    return None
