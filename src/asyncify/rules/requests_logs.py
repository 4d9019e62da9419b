"""What requests tells of its connections: log lines of urllib3, and what `http.client` prints."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace

from asyncify.index.values import Constant
from asyncify.model import Span, Verdict
from asyncify.rules.base import Block, Claim, Finding, Role, object_node, site_node
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


def printing(facts: Facts) -> tuple[Span, bool] | None:
    """Where the program makes `http.client` print what it sends and receives (``HTTPConnection.debuglevel = 1``), and whether always.

    Not always where a condition decides whose outcome is not in the code: what the user asked for, for instance.
    """
    names = frozenset(["debuglevel"])
    found: tuple[Span, bool] | None = None
    for path in facts.project.files:
        if facts.in_test(path) or not facts.spells(path, names):
            continue
        for node in facts.nodes(path, ast.Assign):
            off = isinstance(node.value, ast.Constant) and not node.value.value
            for target in node.targets if not off else ():
                if not isinstance(target, ast.Attribute) or target.attr != "debuglevel":
                    continue
                if ast.unparse(target.value).endswith(("HTTPConnection", "HTTPSConnection")):
                    always = not _on_condition(facts, path, node)
                    if found is None or always:
                        found = (facts.span(path, target), always)
    return found


def _on_condition(facts: Facts, path: str, statement: ast.Assign) -> bool:
    """Whether an ``if`` around the statement, in its function, asks something that the code does not settle."""
    child: ast.AST = statement
    for parent in facts.ancestors_in_function(path, statement):
        if isinstance(parent, ast.If) and child is not parent.test and not _settled(facts, path, parent.test):
            return True
        child = parent
    return False


def _settled(facts: Facts, path: str, test: ast.expr) -> bool:
    """Whether the outcome follows from constants: of the expression itself, or of all the names in it."""
    if isinstance(test, ast.Constant):
        return True
    names = [n for n in ast.walk(test) if isinstance(n, (ast.Name, ast.Attribute)) and isinstance(n.ctx, ast.Load)]
    named = [n for n in names if not isinstance(facts.parent(path, n), ast.Attribute)]
    values = [facts.values(path, n) for n in named if ast.unparse(n) != "__name__"]
    return all(found and all(isinstance(value, Constant) for value in found) for found in values)


def conditioned(findings: Iterable[Finding], span: Span) -> Iterator[Finding]:
    """The findings, each request of which differs where `http.client` is made to print at `span`."""
    text = (
        f"where {span.path}:{span.line} makes http.client print what is sent and received, nothing is printed any more"
    )
    for finding in findings:
        if isinstance(finding, Claim) and finding.role is Role.ROOT:
            condition = f"{finding.condition}; {text}" if finding.condition else text
            verdict = Verdict.REVIEW if finding.verdict is Verdict.EXACT else finding.verdict
            yield replace(finding, verdict=verdict, condition=condition)
        else:
            yield finding


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
