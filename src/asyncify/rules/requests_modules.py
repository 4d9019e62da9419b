"""The module `requests` where a session may be as well: ``def fetch(url, session=requests)``, ``(session or requests).get(url)``."""

from __future__ import annotations

import ast

from asyncify.index.project import CallSite
from asyncify.index.values import External
from asyncify.rules.facts import Facts, Place
from asyncify.rules.flow import chosen_among
from asyncify.rules.handed_jobs import around, runs_jobs
from asyncify.rules.requests_names import FUNCTIONS, METHODS, VERBS
from asyncify.rules.requests_values import in_sight, is_default

_MODULE = External("requests")
_OF_SESSIONS = frozenset(
    "cert close headers max_redirects mount params proxies stream trust_env verify".split()
)  # no module has them
_VARIABLES = (ast.Name, ast.Attribute, ast.Subscript, ast.BoolOp, ast.IfExp, ast.NamedExpr)


def modules_handed(facts: Facts, call: CallSite) -> list[Place] | Place | None:
    """Where the module is named that the verb of this call may be one of; None where it is no value here.

    The module is then handed on like a session: through parameters, variables and attributes, all of which are followed. One
    place instead of a list is a use of it that is more than a call of a verb, so that no other module can take its place.
    """
    func = facts.node(call.func, ast.Attribute)
    path = call.span.path
    if func is None or func.attr not in VERBS or _is_named(facts, path, func.value):
        return None
    if _MODULE not in facts.values(path, func.value):
        return None
    leaves = chosen_among(facts, path, func.value) or []
    modules = [leaf for leaf in leaves if _is_named(facts, path, leaf)]
    if modules and not any(_MODULE in facts.values(path, leaf) for leaf in leaves if leaf not in modules):
        return [(path, module) for module in modules]
    named: list[Place] = []
    for where, node in facts.places_of(_MODULE.name):
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            continue  # what is put there is followed from where it comes
        parent = facts.parent(where, node)
        read = parent if isinstance(parent, ast.Attribute) else None
        if _is_named(facts, where, node):
            if read is not None or _is_patched(facts, where, node):
                continue
            if not (is_default(facts, where, node) or (in_sight(facts, where, node) and _is_kept(facts, where, node))):
                return where, node
            named.append((where, node))
        elif not isinstance(node, _VARIABLES) and not _is_given(facts, where, node):
            return where, node
        elif read is not None and read.attr in _OF_SESSIONS:
            continue
        elif not (_is_verb_called(facts, where, read) if read is not None else in_sight(facts, where, node)):
            return where, read or node
    return named or None


def _is_named(facts: Facts, path: str, node: ast.AST) -> bool:
    """Whether the expression names the module by an import of its file."""
    if not isinstance(node, ast.Name) or facts.values(path, node) != {_MODULE}:
        return False
    functions = (
        p for p in facts.parents(path, node) if isinstance(p, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    )
    if any(
        argument.arg == node.id for f in functions for argument in ast.walk(f.args) if isinstance(argument, ast.arg)
    ):
        return False
    return any((alias.asname or alias.name) == node.id for alias in facts.nodes(path, ast.alias))


def _is_verb_called(facts: Facts, path: str, attribute: ast.Attribute) -> bool:
    """Whether the attribute is a verb that is called, and nothing else may be called there."""
    around = facts.parent(path, attribute)
    if attribute.attr not in VERBS or not isinstance(around, ast.Call) or around.func is not attribute:
        return False
    call = facts.project.call_at(facts.span(path, around))
    return call is not None and call.externals <= FUNCTIONS | METHODS and not call.targets and not call.unresolved


def _is_given(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether a function of the project gives the module."""
    call = facts.project.call_at(facts.span(path, node)) if isinstance(node, ast.Call) else None
    return call is not None and bool(call.targets) and not call.externals


def _is_kept(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether no builtin looks at the module itself (``hasattr(requests, name)``)."""
    call = around(facts, path, node)
    site = facts.project.call_at(facts.span(path, call)) if call is not None else None
    return call is None or runs_jobs(facts, path, call) or (site is not None and bool(site.targets))


def _is_patched(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether a test puts a double into the module here: `aio_requests` asks requests for it."""
    return facts.in_test(path) and isinstance(facts.parent(path, node), ast.Call)
