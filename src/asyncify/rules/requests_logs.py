"""What requests tells of its connections: log lines of urllib3, and what `http.client` prints."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.model import Span
from asyncify.rules.base import Block, Finding, object_node, site_node
from asyncify.rules.facts import Facts
from asyncify.rules.requests_names import FUNCTIONS, METHODS, PRINTED, SESSIONS, refuse

_LEVELS = frozenset(["DEBUG", "NOTSET"])
_SETTING = frozenset(["basicConfig", "setLevel", "dictConfig", "fileConfig", "set_stream_logger"])
_LIBRARIES = ("urllib3", "requests")


def lines_wanted(facts: Facts) -> Span | None:
    """Where the program may let urllib3 log at level DEBUG: the level is named beside a logger that takes in urllib3's."""
    for path in facts.project.files:
        if facts.in_test(path) or not facts.spells(path, _LEVELS) or not facts.spells(path, _SETTING):
            continue
        for call in facts.nodes(path, ast.Call):
            if _takes_in_urllib3(call):
                return facts.span(path, call)
    return None


def _takes_in_urllib3(call: ast.Call) -> bool:
    """Whether this is the call of `logging` that configures all loggers, or gives the root's or urllib3's."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name != "getLogger":
        return name in ("basicConfig", "dictConfig", "fileConfig")
    match call.args:
        case []:
            return True
        case [ast.Constant(value=str(logger))]:
            return logger in ("", "root") or logger.partition(".")[0] in _LIBRARIES
        case [ast.Constant(value=None)]:
            return True
        case [ast.Name(id="__name__") | ast.Constant() | ast.Attribute(attr="__name__" | "__qualname__")]:
            return False
    return True


def printing(facts: Facts) -> Span | None:
    """Where the program makes `http.client` print what it sends and receives: ``HTTPConnection.debuglevel = 1``."""
    names = frozenset(["debuglevel"])
    for path in facts.project.files:
        if facts.in_test(path) or not facts.spells(path, names):
            continue
        for node in facts.nodes(path, ast.Assign):
            off = isinstance(node.value, ast.Constant) and not node.value.value
            for target in node.targets if not off else ():
                if not isinstance(target, ast.Attribute) or target.attr != "debuglevel":
                    continue
                if ast.unparse(target.value).endswith(("HTTPConnection", "HTTPSConnection")):
                    return facts.span(path, target)
    return None


def kept_for(facts: Facts, span: Span) -> Iterator[Finding]:
    """Refusals of all requests, since what is set at `span` is printed by the connections of urllib3 only."""
    for call in facts.calls_of(sorted(FUNCTIONS | METHODS)):
        text = f"{PRINTED.title[:-1]} (http.client prints, from {span.path}:{span.line} on)."
        yield Block(site_node(call.span), refuse(PRINTED, call.span, text), "requests", call.within, blocks_loop=True)
    for path, node, _ in facts.references(FUNCTIONS):
        parent, where = facts.parent(path, node), facts.span(path, node)
        if not (isinstance(parent, ast.Call) and parent.func is node):
            yield Block(site_node(where), refuse(PRINTED, where), "requests")
    for site in {i.site for i in facts.instances if i.type in SESSIONS and i.site is not None}:
        yield Block(object_node(site), refuse(PRINTED, site), "requests")
    for info in facts.project.classes.values():
        if info.external_bases & SESSIONS:
            yield Block(object_node(info.span), refuse(PRINTED, info.span), "requests")
