"""Responses that are read by awaiting (of urllib, http.client, httpx): every place that touches one."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from asyncify.index.values import Constant, Instance, Object, Unknown, Value
from asyncify.model import AddImport, Await, Edit, Reason, ReplaceExpr, Span, Verdict
from asyncify.rules.base import Claim, Role
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import, receiving_call
from asyncify.rules.iteration import EAGER, consumption
from asyncify.rules.requests_values import stored_out_of_sight
from asyncify.rules.support import import_of

RESPONSE = "http.client.HTTPResponse"
_HARMLESS = frozenset("builtins.bool builtins.id builtins.repr builtins.print contextlib.closing".split())


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of a class of responses.

    ``waits``: methods that are awaited, with their names afterwards. ``iterates``: those that give an iterator. ``plain``: what stays
    as it is; None for everything else.
    """

    type: str
    waits: Mapping[str, str]
    iterates: Mapping[str, str]
    plain: frozenset[str] | None
    file: bool = False  # it can be read wherever a file can


FILE_LIKE = Shape(
    RESPONSE,
    waits={name: name for name in ("read", "read1", "readline", "readlines", "readinto")},
    iterates={},
    plain=frozenset(
        "status code reason msg headers url version info geturl getcode getheader getheaders close closed isclosed "
        "length will_close".split()
    ),
    file=True,
)
_LOAD = "json.load"
_COPY = "shutil.copyfileobj"
# What reads the file that it is given to the end before it returns.
_READS_ALL = frozenset(
    [
        "xml.etree.ElementTree.parse",
        "xml.dom.minidom.parse",
        "lxml.etree.parse",
        "lxml.html.parse",
        "bs4.BeautifulSoup",
        "tomllib.load",
        "plistlib.load",
        "pickle.load",
        "PIL.Image.open",
    ]
)


def uses(facts: Facts, shape: Shape, made: Span, nodes: Mapping[Span, str], rule: str) -> Iterator[Claim | str]:
    """Claims on every use of the responses made at `made` that needs one; a text for a use that cannot be moved.

    ``nodes`` says which node makes the responses of a place asynchronous.
    """
    response = Instance(shape.type, made)
    if response in facts.project.lost:
        yield "asyncify does not see where the response goes"
    for path, node in facts.instances.get(response, []):
        found = _use(facts, shape, path, node)
        if isinstance(found, str):
            yield found
        elif found is not None:
            yield _claim(facts, shape, made, nodes, rule, path, node, *found)


_Found = tuple[Span, Reason, tuple[Edit, ...]]


def _use(facts: Facts, shape: Shape, path: str, node: ast.expr) -> _Found | str | None:
    parent = facts.parent(path, node)
    if stored_out_of_sight(facts, path, node):
        return "the response is stored where asyncify does not see who reads it"
    receiver = receiving_call(facts, path, node)
    if receiver is not None:
        return _given(facts, shape, path, node, receiver)
    match parent:
        case ast.Attribute() if parent.value is node:
            return _attribute(facts, shape, path, parent)
        case ast.For() | ast.comprehension() if parent.iter is node and shape.file:
            span = facts.span(path, node)
            reason = Reason("the loop reads the body while it arrives", span)
            use = consumption(facts, path, node, reason)
            if use.impossible is not None or use.moves_on:
                return use.impossible or "the lines of the body are not read in place"
            return span, reason, use.edits
        case ast.Return():
            info = facts.project.functions.get(facts.enclosing(path, node))
            if info is None or not facts.project.callers(info.name):
                return "the response is returned to code that asyncify does not see"
        case ast.For() | ast.comprehension() if parent.iter is node:
            return "the response is used in a way that asyncify does not know"
        case ast.Yield() | ast.YieldFrom() | ast.Await() | ast.BinOp() | ast.Subscript() | ast.AugAssign():
            return "the response is used in a way that asyncify does not know"
        case ast.Compare() if not all(isinstance(op, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)) for op in parent.ops):
            return "the response is used in a way that asyncify does not know"
        case ast.Assign() if any(isinstance(target, (ast.Tuple, ast.List)) for target in parent.targets):
            return "the lines of the body are unpacked"
    return None


def _attribute(facts: Facts, shape: Shape, path: str, attribute: ast.Attribute) -> _Found | str | None:
    call = facts.parent(path, attribute)
    called = isinstance(call, ast.Call) and call.func is attribute
    reason = Reason(f"{facts.text(path, attribute)} reads the body while it arrives", facts.span(path, attribute))
    name = facts.span(path, attribute)
    renamed: tuple[Edit, ...] = ()
    new = shape.waits.get(attribute.attr, shape.iterates.get(attribute.attr, attribute.attr))
    if new != attribute.attr:
        renamed = (ReplaceExpr(name, f"{{response}}.{new}", reason, {"response": facts.span(path, attribute.value)}),)
    if isinstance(call, ast.Call) and called and attribute.attr in shape.waits:
        span = facts.span(path, call)
        return span, reason, (*renamed, Await(span, reason))
    if isinstance(call, ast.Call) and called and attribute.attr in shape.iterates:
        use = consumption(facts, path, call, reason)
        if use.impossible is not None or use.moves_on:
            return use.impossible or "the pieces of the body are not read in place"
        return name, reason, (*renamed, *use.edits)
    if (shape.plain is None or attribute.attr in shape.plain) and not isinstance(attribute.ctx, ast.Store):
        return None
    return f"asyncify does not know this use of the response's {attribute.attr!r}"


def _given(facts: Facts, shape: Shape, path: str, node: ast.expr, call: ast.Call) -> _Found | str | None:
    """The response is an argument of a call."""
    site = facts.project.call_at(facts.span(path, call))
    func = facts.text(path, call.func)
    if site is None or site.unresolved or (site.targets and site.externals):
        return f"the response is given to {func}()"
    if site.targets or site.externals <= _HARMLESS:
        return None
    if len(site.externals) != 1 or call.args[:1] != [node] or not shape.file:
        return f"the response is given to {func}()"
    (name,) = site.externals
    span, argument = facts.span(path, call), facts.span(path, node)
    reason = Reason(f"{func}() reads the body", span)
    if site.externals <= EAGER - {"builtins.len"}:
        return span, reason, consumption(facts, path, node, reason).edits
    if name == _COPY:
        edits: tuple[Edit, ...] = (
            ReplaceExpr(facts.span(path, call.func), "aio_urllib.copyfileobj", reason),
            Await(span, reason),
            import_of(facts.file(path).source, "aio_urllib", span, reason),
            *orphaned_import(call.func, span, reason),
        )
        return span, reason, edits
    if isinstance(node, ast.Call) and (name == _LOAD or name in _READS_ALL):
        return _given_at_once(facts, path, call, name, reason)
    all_of_it = ReplaceExpr(argument, "await {response}.read()", reason, {"response": argument})
    if name == _LOAD and isinstance(call.func, ast.Attribute):
        module = facts.span(path, call.func.value)
        loads = ReplaceExpr(facts.span(path, call.func), "{json}.loads", reason, {"json": module})
        return span, reason, (loads, all_of_it)
    if name == _LOAD and not _binds(facts, path, "loads"):
        loads = ReplaceExpr(facts.span(path, call.func), "loads", reason)
        imported = AddImport(span, reason, "json", "loads")
        return span, reason, (loads, all_of_it, imported, *orphaned_import(call.func, span, reason))
    if name in _READS_ALL and not _binds(facts, path, "io"):
        held = ReplaceExpr(argument, "io.BytesIO(await {response}.read())", reason, {"response": argument})
        return span, reason, (held, AddImport(span, reason, "io"))
    return f"the response is given to {func}()"


def _given_at_once(facts: Facts, path: str, call: ast.Call, name: str, reason: Reason) -> _Found | str:
    """``json.load(urlopen(...))``: what makes the response is awaited where it stands, inside of what reads the body."""
    span = facts.span(path, call)
    needed = "io" if name in _READS_ALL else "loads" if isinstance(call.func, ast.Name) else ""
    if needed and _binds(facts, path, needed):
        return f"the response is given to {facts.text(path, call.func)}()"
    holes = {"response": facts.span(path, call.args[0]), "callee": facts.span(path, call.func)}
    body, callee = "await {response}.read()", "{callee}"
    edits: tuple[Edit, ...] = ()
    if name in _READS_ALL:
        body = f"io.BytesIO({body})"
        edits = (AddImport(span, reason, "io"),)
    elif isinstance(call.func, ast.Attribute):
        holes["callee"] = facts.span(path, call.func.value)
        callee = "{callee}.loads"
    else:
        del holes["callee"]
        callee = "loads"
        edits = (AddImport(span, reason, "json", "loads"), *orphaned_import(call.func, span, reason))
    parts = [body]
    for number, given in enumerate((*call.args[1:], *call.keywords)):
        holes[f"a{number}"] = facts.span(path, given.value if isinstance(given, (ast.Starred, ast.keyword)) else given)
        prefix = "*" if isinstance(given, ast.Starred) else ""
        if isinstance(given, ast.keyword):
            prefix = f"{given.arg}=" if given.arg else "**"
        parts.append(f"{prefix}{{a{number}}}")
    return span, reason, (ReplaceExpr(span, f"{callee}({', '.join(parts)})", reason, holes), *edits)


def _binds(facts: Facts, path: str, name: str) -> bool:
    """Whether something in the file has that name that no import gave it."""
    return any(
        (isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.arg) and node.arg == name)
        for node in facts.nodes(path, ast.Name, ast.arg)
    )


def _claim(
    facts: Facts,
    shape: Shape,
    made: Span,
    nodes: Mapping[Span, str],
    rule: str,
    path: str,
    node: ast.expr,
    span: Span,
    reason: Reason,
    edits: tuple[Edit, ...],
) -> Claim | str:
    """The claim on one use of the response `node`, which moves with every call that the response may come from."""
    others: set[str] = set()
    for value in facts.values(path, node):
        if _is_no_response(shape, value):
            return f"something else than the response may be there as well ({facts.span(path, node)})"
        if isinstance(value, Instance) and value.site not in (None, made) and facts.made_by_call(value):
            if value.site not in nodes:
                return f"a response that was made otherwise may be there as well ({facts.span(path, node)})"
            others.add(nodes[value.site])
    return Claim(
        rule,
        span,
        facts.enclosing(path, node),
        Role.PART,
        Verdict.EXACT,
        reason.text,
        {"": edits},
        follows=(nodes[made],),
        leads=tuple(sorted(others)),
    )


def _is_no_response(shape: Shape, value: Value) -> bool:
    if isinstance(value, Instance):
        return value.type != shape.type
    if isinstance(value, Constant):
        return value.value is not None
    return isinstance(value, Object) or not isinstance(value, Unknown)
