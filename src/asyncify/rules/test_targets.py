"""What a test replaces that is not the project's own: requests and time, under the names modules have for them.

``aio_requests`` looks up ``requests.get``, ``requests.Session`` and the like when it is called, so a test that replaces them in
requests needs no change. A test that replaces a module's own name (``patch("pkg.client.requests")``) goes on to replace
what ``aio_requests`` calls requests: ``patch("pkg.client.aio_requests.requests")``. Part of the rule test_frameworks.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from asyncify.graph import Implication
from asyncify.index.project import Kind
from asyncify.index.values import Constant, External, Instance
from asyncify.model import Edit, Reason, ReplaceExpr, Span
from asyncify.rules.annotations import in_annotation
from asyncify.rules.base import Block, Companion, Finding, KeepImport, object_node, site_node
from asyncify.rules.facts import Facts
from asyncify.rules.requests_names import named_in_requests
from asyncify.rules.test_mocks import VERBS, refuse_double

ID = "test_frameworks"
# What `requests.codes` has, as far as the names are those of HTTP.
_CODES = {status.name.lower(): status.value for status in HTTPStatus} | {"okay": 200, "all_ok": 200}
_FUNCTIONS = frozenset(f"requests.{verb}" for verb in VERBS - {"send"})


@dataclass(frozen=True, slots=True)
class Replacement:
    """One place in a test that replaces something for a while, or for good.

    ``target`` says what: a string, or the expression whose attribute ``name`` (None: that of the target itself) is replaced.
    """

    path: str
    span: Span  # of the place
    new: ast.expr | None  # what is put there; None: what patch makes by itself
    call: ast.Call | None
    within: str
    target: ast.expr
    name: ast.expr | None = None


@dataclass(frozen=True, slots=True)
class Shadow:
    """A test replaces what the file `path` knows as `local`: the external `name`, requests or a part of it."""

    path: str
    local: str
    name: str
    place: Replacement


def text_of(facts: Facts, path: str, node: ast.expr) -> str | None:
    """The string that the expression is, where it is put together from literals and constants; else None."""
    match node:
        case ast.Constant(value=value):
            return value if isinstance(value, str) else None
        case ast.Name(id="__name__"):
            return facts.file(path).source.module
        case ast.Name() | ast.Attribute():
            values = facts.values(path, node)
            found = next(iter(values)) if len(values) == 1 else None
            return found.value if isinstance(found, Constant) and isinstance(found.value, str) else None
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            parts = [text_of(facts, path, left), text_of(facts, path, right)]
        case ast.JoinedStr(values=pieces):
            parts = [
                text_of(facts, path, piece.value)
                if isinstance(piece, ast.FormattedValue) and piece.conversion == -1 and piece.format_spec is None
                else text_of(facts, path, piece)
                for piece in pieces
            ]
        case _:
            return None
    return None if None in parts else "".join(part for part in parts if part is not None)


def texts_of(facts: Facts, path: str, node: ast.expr) -> list[str]:
    """All strings that the expression may be: more than one where a constant of several values names the target."""
    text = text_of(facts, path, node)
    if text is not None:
        return [text]
    values = facts.values(path, node)
    return sorted(value.value for value in values if isinstance(value, Constant) and isinstance(value.value, str))


# --- requests --------------------------------------------------------------------------------------------------------


def shadows(facts: Facts, found: list[Shadow]) -> Iterator[Finding]:
    """All findings about tests that replace a module's own name for requests."""
    several = _of_several_modules(facts, found)
    nodes: dict[tuple[str, str], list[tuple[str, Span, str]]] = {}
    for shadow in found:
        places = _reads(facts, shadow)
        edits = () if shadow in several else _retargeted(facts, shadow)
        if not edits:
            yield KeepImport(shadow.path, shadow.local)
            text = f"a test replaces what {shadow.path} knows as {shadow.name}"
            for node, _, within in places:
                yield Block(node, refuse_double(shadow.place.span, text), ID, within or None, blocks_loop=bool(within))
            continue
        nodes[shadow.path, shadow.name] = places
        for node, _, _ in places[:1]:
            yield Companion(node, edits)
    for (path, name), places in nodes.items():
        text = f"a test replaces {name} for all of {path}"
        for (one, here, _), (other, there, _) in itertools.pairwise(places):
            yield Implication(one, other, text, there)
            yield Implication(other, one, text, here)


def _reads(facts: Facts, shadow: Shadow) -> list[tuple[str, Span, str]]:
    """What in the file looks the name up and may move: its node, its place, the function of a call that blocks."""
    out: list[tuple[str, Span, str]] = []
    whole = shadow.name == "requests"
    for call in facts.project.calls:
        if call.span.path == shadow.path:
            names = call.externals & _FUNCTIONS
            if names and (whole or shadow.name in names):
                out.append((site_node(call.span), call.span, call.within))
            elif "requests.Session" in call.externals and (
                whole or shadow.name in ("requests.Session", "requests.session")
            ):
                out.append((object_node(call.span), call.span, ""))
    for path, node, names in facts.references(_FUNCTIONS):
        parent = facts.parent(path, node)
        if (
            path == shadow.path
            and isinstance(parent, ast.Call)
            and node in parent.args
            and (whole or shadow.name in names)
        ):
            out.append((site_node(facts.span(path, node)), facts.span(path, node), ""))
    return out


def _of_several_modules(facts: Facts, found: list[Shadow]) -> set[Shadow]:
    """Those where one test gives several modules names of their own for the same thing: afterwards it is one for all."""
    decorated = {span: info.name for info in facts.project.functions.values() for span in info.decorators}
    by_test: dict[tuple[str, str], list[Shadow]] = {}
    for shadow in found:
        info = facts.project.functions.get(shadow.place.within)
        test = decorated.get(shadow.place.span, "")
        if (
            not test
            and info is not None
            and info.kind is Kind.FUNCTION
            and info.name.rpartition(".")[2].startswith("test")
        ):
            test = info.name
        by_test.setdefault((shadow.place.path, test), []).append(shadow)
    out: set[Shadow] = set()
    for (path, test), own in by_test.items():
        together = [*own, *(by_test.get((path, ""), ()) if test else ())]
        if len({shadow.path for shadow in together}) > 1:
            out.update(together)
    return out


def _retargeted(facts: Facts, shadow: Shadow) -> tuple[Edit, ...]:
    """The edits after which the test replaces what ``aio_requests`` looks up; () where that would not be the same."""
    place = shadow.place
    if _looked_at_otherwise(facts, shadow):
        return ()
    reason = Reason("it looks requests up there", place.span)
    tail = "requests"
    if shadow.name != "requests":
        tail += "." + named_in_requests(facts, shadow.path, ast.Name(shadow.local))
    text = facts.text(place.path, place.target)
    span = facts.span(place.path, place.target)
    if place.name is None and text_of(facts, place.path, place.target) is not None:
        quote = text[-1:]
        if quote not in "'\"" or text.endswith(quote * 3) or not text[:-1].endswith(f".{shadow.local}"):
            return ()
        new = f"{text[: -len(shadow.local) - 1]}aio_requests.{tail}{quote}"
        return (ReplaceExpr(span, new.replace("{", "{{").replace("}", "}}"), reason),)
    if place.name is None:  # ``module.requests = double``
        match place.target:
            case ast.Attribute(value=owner):
                holes = {"module": facts.span(place.path, owner)}
                return (ReplaceExpr(span, f"{{module}}.aio_requests.{tail}", reason, holes),)
        return ()
    if not isinstance(place.name, ast.Constant) or facts.parent(place.path, place.name) is None:
        return ()  # computed, or a keyword of patch.multiple
    owner_of, _, last = f"aio_requests.{tail}".rpartition(".")
    edits: list[Edit] = [ReplaceExpr(span, f"{{module}}.{owner_of}", reason, {"module": span})]
    if last != shadow.local:
        quote = facts.text(place.path, place.name)[-1:]
        edits.append(ReplaceExpr(facts.span(place.path, place.name), f"{quote}{last}{quote}", reason))
    return tuple(edits)


def _looked_at_otherwise(facts: Facts, shadow: Shadow) -> bool:
    """Whether the file would still look at the double, or would have: it uses more of requests than verbs and sessions."""
    if shadow.name != "requests":
        return shadow.name not in _FUNCTIONS | {"requests.Session", "requests.session"}
    others = set()
    for node in facts.nodes(shadow.path, ast.Attribute):
        match node:
            case ast.Attribute(value=ast.Name(id=shadow.local), attr=attribute) if attribute not in VERBS:
                if attribute not in ("Session", "session") and not in_annotation(facts, shadow.path, node):
                    others.add(attribute)
    if not others:
        return False
    values = facts.values(shadow.place.path, shadow.place.new) if shadow.place.new is not None else ()
    if shadow.place.new is not None and not any(
        isinstance(value, Instance) and value.type.startswith("unittest.mock.") for value in values
    ):
        return True
    return not _set_to_the_real_thing(facts, shadow.place.path, others)


def _set_to_the_real_thing(facts: Facts, path: str, names: set[str]) -> bool:
    """Whether the tests of the file only ever give the double the real exceptions, codes … of requests, or none."""
    for node in facts.nodes(path, ast.Attribute):
        if node.attr not in names:
            continue
        if any(isinstance(value, External) for value in facts.values(path, node)):
            continue  # requests' own, not the double's
        statement = facts.parent(path, node)
        real = (
            isinstance(statement, ast.Assign)
            and node in statement.targets
            and External(f"requests.{node.attr}") in facts.values(path, statement.value)
        )
        if not real and not _is_code(facts, path, node):
            return False
    return True


def _is_code(facts: Facts, path: str, codes: ast.Attribute) -> bool:
    """Whether the double is given the number that requests has under this name: ``double.codes.ok = 200``."""
    name = facts.parent(path, codes)
    statement = facts.parent(path, name) if name is not None else None
    match name, statement:
        case ast.Attribute(attr=attribute), ast.Assign(targets=targets, value=ast.Constant(value=number)):
            return codes.attr == "codes" and name in targets and _CODES.get(attribute.lower()) == number
    return False


# --- time --------------------------------------------------------------------------------------------------------


def sleep_shadow(facts: Facts, path: str, place: Replacement) -> Iterator[Finding]:
    """The module's own name for time or time.sleep is replaced: what is called afterwards would not notice."""
    for call in facts.calls_by_external.get("time.sleep", ()):
        if call.span.path == path:
            refusal = refuse_double(place.span, f"a test replaces the time.sleep of {path}")
            yield Block(site_node(call.span), refusal, ID, call.within, blocks_loop=True)
