"""The ``raw`` of a streamed response: what reads the bytes of the body as they were sent."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.project import CallSite
from asyncify.model import Await, Edit, Reason, ReplaceExpr, Span
from asyncify.rules.facts import Facts
from asyncify.rules.flow import local_loads
from asyncify.rules.requests_names import imports

RawUse = tuple[Span, Reason, tuple[Edit, ...]]
_LOOKED_AT = frozenset("headers status reason version version_string decode_content enforce_content_length".split())
_READ = ("amt", "decode_content")
_COPY = "shutil.copyfileobj"
_DEPTH = 4  # so many functions, one below the other, are looked into


def raw_uses(facts: Facts, path: str, raw: ast.expr) -> Iterator[RawUse | str]:
    """What becomes of every use of `raw`; a text for a use that cannot be moved."""
    yield from _uses(facts, path, raw, frozenset())


def _uses(facts: Facts, path: str, raw: ast.expr, through: frozenset[str]) -> Iterator[RawUse | str]:
    parent = facts.parent(path, raw)
    if isinstance(parent, ast.Assign) and parent.value is raw and len(parent.targets) == 1:
        places = local_loads(facts, path, parent.targets[0], bound_once=True)
        if places is None:
            yield "its .raw is kept where asyncify does not follow it"
            return
        for place in places:
            yield from _use(facts, path, place, through)
        return
    yield from _use(facts, path, raw, through)


def _use(facts: Facts, path: str, raw: ast.expr, through: frozenset[str]) -> Iterator[RawUse | str]:
    parent = facts.parent(path, raw)
    if isinstance(parent, ast.Attribute) and parent.value is raw:
        call = facts.parent(path, parent)
        if parent.attr in _LOOKED_AT:
            return
        if parent.attr == "read" and isinstance(call, ast.Call) and call.func is parent:
            read = _read(facts, path, raw, call)
            yield read if read is not None else "its .raw is read with arguments that asyncify does not know"
            return
        yield f"asyncify does not know .raw.{parent.attr} of a streamed response"
        return
    call = facts.parent(path, parent) if isinstance(parent, ast.keyword) else parent
    if isinstance(call, ast.Call):
        site = facts.project.call_at(facts.span(path, call))
        first = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "fsrc"), None)
        if site is not None and site.externals == {_COPY} and not site.targets and first is raw:
            yield _copy(facts, path, call)
            return
        taken = _taken(facts, path, raw, call, site, through) if site is not None else None
        if taken is not None:
            yield from taken
            return
        yield f"its .raw is given to {facts.text(path, call.func)}()"
        return
    yield "its .raw is used in a way asyncify does not know"


def _taken(
    facts: Facts, path: str, raw: ast.expr, call: ast.Call, site: CallSite, through: frozenset[str]
) -> list[RawUse | str] | None:
    """What becomes of it in the functions of the project that are called with it; None if others are called.

    There, other files may come by the same parameter: `read_raw` reads any file.
    """
    if site.externals or site.unresolved or not site.targets or len(through) > _DEPTH:
        return None
    found: list[RawUse | str] = []
    for target in sorted(site.targets):
        loads = _parameter_loads(facts, target, raw, call)
        if loads is None or target in through:
            return None
        info = facts.project.functions[target]
        for load in loads:
            found += _uses(facts, info.path, load, through | {target})
    return found


def _parameter_loads(facts: Facts, target: str, raw: ast.expr, call: ast.Call) -> list[ast.expr] | None:
    """All places that read the parameter of `target` by which the call gives it `raw`; None where that is not certain."""
    info = facts.project.functions[target]
    node = facts.node(info.span, ast.FunctionDef)
    if node is None or any(isinstance(a, ast.Starred) for a in call.args) or info.parent is not None:
        return None
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    if info.cls is not None:
        if node.decorator_list or not isinstance(call.func, ast.Attribute):
            return None
        names = names[1:]
    name = next((k.arg for k in call.keywords if k.value is raw), None)
    if raw in call.args:
        name = names[call.args.index(raw)] if call.args.index(raw) < len(names) else None
    if name is None or name not in {*names, *(argument.arg for argument in node.args.kwonlyargs)}:
        return None
    places = [part for part in ast.walk(node) if isinstance(part, ast.Name) and part.id == name]
    inside = all(facts.enclosing(info.path, place) == target for place in places)
    return list(places) if inside and all(isinstance(place.ctx, ast.Load) for place in places) else None


def _copy(facts: Facts, path: str, call: ast.Call) -> RawUse:
    span, func = facts.span(path, call), facts.span(path, call.func)
    reason = Reason(f"{facts.text(path, call.func)}() reads the body while it arrives", span)
    edits = (
        ReplaceExpr(func, "aio_requests.copyfileobj", reason),
        Await(span, reason),
        *imports(facts, span, call.func, reason),
    )
    return span, reason, edits


def _read(facts: Facts, path: str, raw: ast.expr, call: ast.Call) -> RawUse | None:
    """``raw.read(n)`` becomes ``await read_raw(raw, n)``."""
    known = all(keyword.arg in _READ for keyword in call.keywords)
    if not known or len(call.args) > len(_READ) or any(isinstance(a, ast.Starred) for a in call.args):
        return None
    span = facts.span(path, call)
    reason = Reason(f"{facts.text(path, call.func)}() reads the body while it arrives", span)
    holes = {"raw": facts.span(path, raw)}
    parts = ["{raw}"]
    for number, argument in enumerate(call.args):
        holes[f"a{number}"] = facts.span(path, argument)
        parts.append(f"{{a{number}}}")
    for keyword in call.keywords:
        name = f"k_{keyword.arg}"
        holes[name] = facts.span(path, keyword.value)
        parts.append(f"{keyword.arg}={{{name}}}")
    template = f"aio_requests.read_raw({', '.join(parts)})"
    edits = (
        ReplaceExpr(span, template, reason, holes),
        Await(span, reason),
        *imports(facts, span, call.func, reason)[:1],
    )
    return span, reason, edits
