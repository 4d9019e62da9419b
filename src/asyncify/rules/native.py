"""When a group is simple enough for the native profile: `aio_http`, which does without requests.

`aio_http` has the shape of requests and was compared with it case by case, but it knows only part of it. A group is moved to
it where everything the group does with requests is within that part, as far as the index can prove; else to `aio_requests`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from asyncify.index.values import Constant, External, ExternalMethod, Instance, Unknown
from asyncify.model import (
    AddImport,
    Annotate,
    DropImport,
    Edit,
    ReplaceExpr,
    SetArguments,
    Span,
    Verdict,
    WrapStatements,
)
from asyncify.rules import streaming
from asyncify.rules.base import Claim
from asyncify.rules.facts import Facts
from asyncify.rules.flow import receiving_call
from asyncify.rules.requests_given import given_calls
from asyncify.rules.requests_logs import lines_wanted
from asyncify.rules.requests_names import OF_OTHERS, SESSIONS

_POSITIONAL = {"get": 2, "options": 1, "head": 1, "post": 3, "put": 2, "patch": 2, "delete": 1, "request": 2}
_KEYWORDS = frozenset({"params", "data", "json", "headers", "timeout", "allow_redirects"})
_SESSION_ATTRIBUTES = frozenset(
    {"headers", "close", "get", "options", "head", "post", "put", "patch", "delete", "request"}
)
_RESPONSE_ATTRIBUTES = frozenset(
    "status_code ok text content json headers url reason encoding raise_for_status elapsed history close".split()
)
_STREAM_ATTRIBUTES = frozenset({"iter_content", "iter_lines"})  # they become awaited ones where the call streams
_HEADERS_METHODS = frozenset("get items keys values pop popitem setdefault update clear copy".split())
_CAUGHT = frozenset(
    f"builtins.{name}" for name in "BaseException Exception OSError IOError EnvironmentError ValueError".split()
)
_OF_EXCEPTIONS = frozenset({"request", "response"})
# What runs a function with the rest of its arguments, and with the items of its iterables.
_PASSING_ON = frozenset("submit spawn spawn_n".split())
_OWN_KEYWORDS = {"map": ("timeout", "chunksize"), "imap": ("chunksize",), "imap_unordered": ("chunksize",)}
_LOOKING = frozenset("builtins.bool builtins.print builtins.len builtins.repr builtins.id".split())
_TEST_DOUBLES = re.compile(rb"\b(requests|responses|requests_mock|httpretty|vcr|vcrpy|betamax|pook|mocket)\b")
# A path to patch, kept in a constant: "shop.requests.Session.get".
_PATH_IN_TEXT = re.compile(rb"""["'](?:(?:\w+\.)+requests|requests\.\w+)(?:\.\w+)*["']""")
_PATCHED = re.compile(rb"\bpatch\.object\(\s*requests\b")
_PLAIN = ("builtins.str", "builtins.bytes", "builtins.dict", "builtins.list", "builtins.tuple")


def blocker(facts: Facts, claims: Collection[Claim], paths: Collection[str]) -> str | None:
    """Why the group of these claims, in these files, needs requests itself; None if `aio_http` does the same."""
    own = [claim for claim in claims if claim.rule == "requests"]
    if any(claim.rule == "grequests" for claim in claims):
        return "what stands for grequests sends by requests"
    if any(claim.verdict is Verdict.BRIDGE for claim in own):
        return "a session is also used by code that blocks"
    if any(claim.span in given_calls(facts) for claim in own):
        return "a session stays one of requests"
    for path, file in facts.project.files.items():
        data = file.source.data
        if (facts.in_test(path) and _TEST_DOUBLES.search(data)) or _PATCHED.search(data):
            return f"{path} speaks of requests or of a library that stands in for it"
        if _PATH_IN_TEXT.search(data):
            return f"{path} names a part of requests in a string"
    if (level := lines_wanted(facts)) is not None:
        return f"urllib3 may log the requests ({level})"
    if (asked := _asked_of_exceptions(facts)) is not None:
        return asked
    places = {claim.span for claim in own}
    replaced = {edit.span for claim in own for edits in claim.edits.values() for edit in edits}
    found = _other_mention(facts, paths, replaced)
    if found is not None:
        return found
    responses: set[Span] = set()
    jobs: set[Span] = set()
    followed: set[Span | None] = set()
    for claim in own:
        node = facts.node(claim.span, ast.expr)
        if isinstance(node, ast.Call) and not _makes_session(facts, claim):
            why = _call(facts, claim.span.path, node)
            if why is not None:
                return why
            responses.add(claim.span)
        elif node is not None and (verb := _verb(facts, claim.span.path, node)):
            call, why = _job(facts, claim.span.path, node, verb)
            if why is not None:
                return why
            jobs |= {call} if call is not None else set()
        elif node is None and facts.node(claim.span, ast.With) is None:
            return "a part of requests is used that aio_http does not have"
    responses |= jobs
    for instance, uses in facts.instances.items():
        why = None
        if instance.type in OF_OTHERS and instance.site in places:
            return f"the session is one of {instance.type.partition('.')[0]}"
        if instance.type == "requests.Session" and instance.site in places:
            why = next((w for path, node in uses if (w := _session_use(facts, path, node))), None)
        elif instance.type == "requests.Response" and instance.site in responses:
            followed.add(instance.site)
            known = _RESPONSE_ATTRIBUTES | (_STREAM_ATTRIBUTES if _streams(facts, instance.site) else frozenset())
            why = next((w for path, node in uses if (w := _response_use(facts, path, node, known))), None)
            if instance in facts.project.lost:
                why = f"asyncify does not follow the response everywhere ({instance.site})"
        if why is not None:
            return why
    for path, node in _of_history(facts):
        if (why := _response_use(facts, path, node)) is not None:
            return why
    for job in sorted(jobs - followed):
        return f"asyncify does not see what becomes of the responses ({job})"
    return None


def _asked_of_exceptions(facts: Facts) -> str | None:
    """Where the program may ask an exception for more than those of `aio_http` have: its request, parts of its response.

    Exceptions are caught as anything (`except Exception as error`) and handed around, so their attributes are looked for
    by name, wherever the index does not know what the object is.
    """
    for path in facts.project.files:
        if not facts.spells(path, _OF_EXCEPTIONS):
            continue
        for node in facts.nodes(path, ast.Attribute):
            if (
                node.attr in _OF_EXCEPTIONS
                and _exception(facts, path, node.value)
                and not _is_plain_use(facts, path, node)
            ):
                return f"{facts.text(path, node)} may be that of an exception ({facts.span(path, node)})"
        for call in facts.nodes(path, ast.Call):
            name = call.args[1] if len(call.args) > 1 and isinstance(call.func, ast.Name) else None
            if (
                isinstance(name, ast.Constant)
                and name.value in _OF_EXCEPTIONS
                and _exception(facts, path, call.args[0])
            ):
                return f"{facts.text(path, call)} may be that of an exception ({facts.span(path, call)})"
    return None


def _exception(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether this may be an exception that a request raised: nothing is known of it, or a handler caught it as one of Python's."""
    values = facts.values(path, node)
    return not values or any(
        isinstance(value, Unknown) or (isinstance(value, Instance) and value.type in _CAUGHT) for value in values
    )


def _is_plain_use(facts: Facts, path: str, node: ast.Attribute) -> bool:
    """Whether `error.response` is only looked at, or an attribute is read of it that `aio_http` has; or it is a method."""
    parent = facts.parent(path, node)
    if not isinstance(node.ctx, ast.Load) or (isinstance(parent, ast.Call) and parent.func is node):
        return True
    if node.attr == "request":
        return False
    if isinstance(parent, ast.Attribute):
        return parent.attr in _RESPONSE_ATTRIBUTES - {"headers", "history"} or _is_part(facts, path, parent)
    return isinstance(parent, (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.If, ast.IfExp, ast.Subscript))


def _is_part(facts: Facts, path: str, node: ast.Attribute) -> bool:
    """Whether one header, or one response of the history, is read, and not all of them as a whole."""
    around = facts.parent(path, node)
    if isinstance(around, ast.Attribute):
        return around.attr in _HEADERS_METHODS or (node.attr == "history" and around.attr in dir(list))
    return node.attr in ("headers", "history") and isinstance(around, (ast.Subscript, ast.Compare))


def _of_history(facts: Facts) -> Iterable[tuple[str, ast.expr]]:
    """Expressions that are responses which no call gives: those in the history of another."""
    for path in facts.project.files:
        if facts.spells(path, frozenset({"history"})):
            for attribute in facts.nodes(path, ast.Attribute):
                for value in facts.values(path, attribute.value):
                    if (
                        isinstance(value, Instance)
                        and value.type == "requests.Response"
                        and not facts.made_by_call(value)
                    ):
                        yield path, attribute.value


def _makes_session(facts: Facts, claim: Claim) -> bool:
    call = facts.project.call_at(claim.span)
    return call is not None and bool(call.externals & SESSIONS)


def _other_mention(facts: Facts, paths: Collection[str], replaced: Collection[Span]) -> str | None:
    """Something of requests that the edits do not replace: an exception class, an adapter, a subclass."""
    for path, node, names in _mentions(facts):
        if path in paths and facts.span(path, node) not in replaced:
            parent = facts.parent(path, node)
            if not (isinstance(parent, ast.Attribute) and parent.value is node):
                return f"{sorted(names)[0]} is used as well ({facts.span(path, node)})"
    for path in paths:
        if path in facts.project.files:
            for part in facts.nodes(path, ast.ClassDef, ast.Constant):
                if isinstance(part, ast.ClassDef) and any(
                    External("requests.Session") in facts.values(path, base) for base in part.bases
                ):
                    return "a class is derived from requests.Session"
                if isinstance(part, ast.Constant) and part.value in (
                    "requests",
                    "requests.Session",
                    "requests.Response",
                ):
                    return "requests is named in a string"
    return None


def _mentions(facts: Facts) -> Iterable[tuple[str, ast.expr, frozenset[str]]]:
    names = frozenset(name for name in facts.external_names if name == "requests" or name.startswith("requests."))
    return facts.references(names)


def _call(facts: Facts, path: str, node: ast.Call) -> str | None:
    func = node.func
    call = facts.project.call_at(facts.span(path, node))
    verb = min(call.externals).rpartition(".")[2] if call is not None and call.externals else ""
    where = facts.span(path, node)
    if (
        call is None
        or len(call.externals) != 1
        or verb not in _POSITIONAL
        or len(node.args) > _POSITIONAL[verb]
        or any(isinstance(a, ast.Starred) for a in node.args)
    ):
        return f"{facts.text(path, func)}() is called in a way aio_http does not know ({where})"
    named = {keyword.arg for keyword in node.keywords}
    if None in named or not named <= _KEYWORDS | {"url", "method", "stream"}:
        return f"the call has arguments that aio_http does not know ({where})"
    data = next((keyword.value for keyword in node.keywords if keyword.arg == "data"), None)
    if data is None and verb in ("post", "put", "patch") and len(node.args) > 1:
        data = node.args[1]
    if data is not None and not isinstance(data, ast.Dict):
        values = facts.values(path, data)
        if not values or not all(_is_plain(value) for value in values):
            return f"the body of the request may be a file or an iterator ({where})"
    return None


def _verb(facts: Facts, path: str, node: ast.expr) -> str:
    """The verb that is not called here but handed on, as the job of a pool; \"\" for anything else."""
    for value in facts.values(path, node):
        name = value.name.rpartition(".")[2] if isinstance(value, (External, ExternalMethod)) else ""
        if name in _POSITIONAL:
            return name
    return ""


def _job(facts: Facts, path: str, node: ast.expr, verb: str) -> tuple[Span | None, str | None]:
    """The call that runs a verb as a job, or why `aio_http` may not do what it asks for."""
    parent = facts.parent(path, node)
    where = facts.span(path, node)
    unknown = None, f"{facts.text(path, node)} is run in a way aio_http does not know ({where})"
    if not isinstance(parent, ast.Call) or parent.args[:1] != [node]:
        return unknown
    given, keywords = len(parent.args) - 1, [keyword.arg for keyword in parent.keywords]
    filled = facts.project.call_at(facts.span(path, parent))
    if filled is not None and filled.externals == {"functools.partial"}:
        inner, parent = parent, facts.parent(path, parent)
        if not isinstance(parent, ast.Call) or parent.args[:1] != [inner]:
            return unknown
        given += len(parent.args) - 1
        keywords += [keyword.arg for keyword in parent.keywords]
    if any(isinstance(part, ast.Starred) for part in ast.walk(parent)):
        return unknown
    call = facts.project.call_at(facts.span(path, parent))
    method = call.method if call is not None else ""
    if method in _OWN_KEYWORDS:
        keywords = [keyword for keyword in keywords if keyword not in _OWN_KEYWORDS[method]]
    elif method in ("apply", "apply_async") and given == 1 and isinstance(arguments := parent.args[1], ast.Tuple):
        given = len(arguments.elts)
        keywords = [keyword for keyword in keywords if keyword not in ("callback", "error_callback")]
        keywords += ["*" for argument in arguments.elts if isinstance(argument, ast.Starred)]
    elif method not in _PASSING_ON:
        return unknown
    if given > min(_POSITIONAL[verb], 1 + (verb in ("get", "request"))):
        return unknown
    if not {keyword or "" for keyword in keywords} <= _KEYWORDS - {"data"} | {"url", "method"}:
        return None, f"the job has arguments that aio_http does not know ({where})"
    return facts.span(path, parent), None


def _is_plain(value: object) -> bool:
    if isinstance(value, Instance):
        return value.type in _PLAIN
    if isinstance(value, ExternalMethod):
        return False
    return isinstance(value, Constant)


def _session_use(facts: Facts, path: str, node: ast.expr) -> str | None:
    parent = facts.parent(path, node)
    statement = facts.parent(path, parent) if isinstance(parent, ast.withitem) else None
    if isinstance(statement, ast.With) and len(statement.items) > 1:
        return f"one `with` holds the session and something else ({facts.span(path, node)})"
    if isinstance(parent, ast.Attribute) and parent.value is node and parent.attr not in _SESSION_ATTRIBUTES:
        return f".{parent.attr} of the session is used ({facts.span(path, node)})"
    if isinstance(parent, ast.Attribute) and isinstance(parent.ctx, ast.Store) and parent.attr != "headers":
        return f".{parent.attr} of the session is set ({facts.span(path, node)})"
    return None


def _streams(facts: Facts, site: Span | None) -> bool:
    call = facts.project.call_at(site) if site is not None else None
    return call is not None and streaming.asked_for(facts, call)


def _response_use(facts: Facts, path: str, node: ast.expr, known: frozenset[str] = _RESPONSE_ATTRIBUTES) -> str | None:
    parent = facts.parent(path, node)
    where = facts.span(path, node)
    if isinstance(parent, ast.Attribute) and parent.value is node:
        if parent.attr not in known or (isinstance(parent.ctx, ast.Store) and parent.attr != "encoding"):
            return f".{parent.attr} of the response is used ({where})"
        if parent.attr in ("headers", "history") and not _is_part(facts, path, parent):
            return f".{parent.attr} of the response is used as a whole ({where})"
        return None
    receiver = receiving_call(facts, path, node)
    if receiver is not None:
        site = facts.project.call_at(facts.span(path, receiver))
        if site is None or site.externals - _LOOKING or (not site.targets and not site.externals):
            return f"the response is given to {facts.text(path, receiver.func)}() ({where})"
    if isinstance(parent, (ast.Return, ast.Yield)):
        info = facts.project.functions.get(facts.enclosing(path, node))
        if info is None or not facts.project.callers(info.name):
            return f"the response is returned to code that asyncify does not see ({where})"
    return None


def to_native(edits: Iterable[Edit]) -> list[Edit]:
    """The same edits with `aio_http` in the place of `aio_requests`."""
    out: list[Edit] = []
    for edit in edits:
        match edit:
            case ReplaceExpr() | Annotate():
                template = re.sub(r"\baio_requests\.session\b", "aio_requests.Session", edit.template)
                template = template.replace("aio_requests.", "aio_http.")
                edit = replace(edit, template="aio_http" if template == "aio_requests" else template)
            case AddImport(name="aio_requests"):
                edit = replace(edit, name="aio_http")
            case AddImport(module="aio_requests"):
                edit = replace(edit, module="aio_http")
            case SetArguments() | WrapStatements() | DropImport():
                pass
        out.append(edit)
    return out
