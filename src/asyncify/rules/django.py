"""Views of Django that only ask and answer become coroutines; those that use its ORM stay, and run what they call to its end.

## What it rewrites

- View functions that `path()` and `re_path()` are given, also under `csrf_exempt`, `require_GET` and their like, and the methods of classes
  derived from `View` (all of one class, or none) become `async def` where they wait. Django awaits such a view; under WSGI it gives each call an event
  loop of its own. The verdict is `review`: what several calls share (a session) then keeps no connection from one call to the next, and
  Django 5.0 or later is needed.
- Tests keep the synchronous client: it runs such views as well.

## What it leaves in place

On an event loop Django's ORM refuses to work. So a view stays synchronous, and runs the coroutines that it calls to their end, where it, or what it
calls, uses models, `request.user`, `request.session`, templates, files, locks, uploads, a pool that outlives the call, or anything else that may
do more than compute; under other decorators and with other base classes; and in projects with `ATOMIC_REQUESTS`, which knows no
asynchronous views. What runs while a test client waits stays synchronous, too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.index.project import CallSite, ClassInfo, FunctionInfo, ImplicitCall, Kind
from asyncify.index.values import ExternalMethod, Function, Instance
from asyncify.model import Reason, Refusal, Span, Verdict
from asyncify.rules.base import CALLBACK, Block, Claim, Finding, Handles, Role, Rule, function_node
from asyncify.rules.facts import Facts
from asyncify.rules.fastapi import WAITS_UNSEEN
from asyncify.rules.unseen_waits import UnseenWaits

ID = "django"
_REQUEST = "django.http.HttpRequest"
_QUERY = "django.http.QueryDict"
_CLIENT = "django.test.Client"
_PATHS = frozenset(["django.urls.path", "django.urls.re_path"])
_VIEW = "django.views.View"
_VERBS = frozenset("get post put patch delete head options trace".split())
_ERRORS = frozenset(f"handler{status}" for status in (400, 403, 404, 500))
_OWN_WAY = frozenset(["dispatch", "setup", "as_view", "http_method_not_allowed", "__init__"])
# What may be read of a request without a database or a file.
_PLAIN = frozenset(
    "GET POST headers META COOKIES body method path path_info scheme encoding content_type content_params resolver_match "
    "get_host get_port get_full_path build_absolute_uri is_secure accepts".split()
)
# Attributes that reach the database when they are read, whatever they are read of.
_LAZY = frozenset(["user", "session", "objects", "_default_manager", "_base_manager", "FILES"])
_POOLS = ("concurrent.futures.", "multiprocessing.")
_CONDITION = (
    "it needs Django 5.0 or later; under WSGI each call of it has an event loop of its own, and connections are not kept from one "
    "to the next"
)


def match(facts: Facts) -> Iterator[Finding]:
    """Which views become coroutine functions, and what stays beside them."""
    if not any(name.startswith("django.") for name in facts.external_names):
        return
    yield from _clients(facts)
    yield from _found_by_django(facts)
    views = Views(facts)
    for routed in facts.implicit_calls:
        if routed.kind == "callback" and routed.external in _PATHS:
            yield from views.function(routed)
    for cls in facts.project.classes.values():
        if cls.external_bases and cls.external_bases <= {_VIEW, "builtins.object"} and _VIEW in cls.external_bases:
            yield from views.methods(cls)


def _found_by_django(facts: Facts) -> Iterator[Block]:
    """Functions that Django finds by a name in a module, and methods of classes that settings name: it awaits none of them."""
    given: list[tuple[str, str, ast.expr]] = []
    for path in facts.project.files:
        for node in facts.nodes(path, ast.Assign):
            given += [(path, target.id, node.value) for target in node.targets if isinstance(target, ast.Name)]
        given += [(path, node.arg, node.value) for node in facts.nodes(path, ast.keyword) if node.arg is not None]
    for path, name, value in given:
        span = facts.span(path, value)
        if name in _ERRORS:
            for found in facts.values(path, value):
                if isinstance(found, Function):
                    yield _called(found.name, span)
        elif name == "MIDDLEWARE":
            texts = {part.value for part in ast.walk(value) if isinstance(part, ast.Constant)}
            for cls in sorted(facts.project.classes.keys() & texts):
                for method in sorted(facts.project.classes[cls].methods.values()):
                    yield _called(method, span)


def _called(name: str, span: Span) -> Block:
    text = f"Django calls {name.rpartition('.')[2]}() without await"
    refusal = Refusal(CALLBACK.code, span, text, CALLBACK.remedy, Reason(text, span))
    return Block(function_node(name), refusal, ID)


def _clients(facts: Facts) -> Iterator[Block]:
    """What calls a test client stays synchronous: it starts an event loop for each view that is a coroutine function."""
    typed = {f"{_CLIENT}.{verb}" for verb in _VERBS}
    seen = set()
    for call in facts.calls_named(_VERBS):
        info = facts.project.functions.get(call.within)
        known = bool(call.externals & typed) or (
            call.unresolved is not None and info is not None and info.in_test and _is_client(call)
        )
        if known and info is not None and not info.is_async and info.name not in seen:
            seen.add(info.name)
            text = "Django's test client starts an event loop here"
            reason = Reason(text, call.span)
            remedy = "Use django.test.AsyncClient, and await it."
            yield Block(function_node(info.name), Refusal(WAITS_UNSEEN.code, call.span, text, remedy, reason), ID)


def _is_client(call: CallSite) -> bool:
    func = call.node.func
    receiver = func.value if isinstance(func, ast.Attribute) else None
    name = (
        receiver.id if isinstance(receiver, ast.Name) else receiver.attr if isinstance(receiver, ast.Attribute) else ""
    )
    return "client" in name.lower()


class Views:
    """The views of a project, and what each of them touches."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.unseen = UnseenWaits(facts, self._is_plain_part)
        self.querysets = frozenset(_from_models(facts))
        self.all_stay = self._all_stay()
        self._seen: set[str] = set()

    def _all_stay(self) -> Span | None:
        """A place because of which no view may be asynchronous."""
        found = self.facts.calls_of(["django.urls.register_converter"])
        if found:
            return found[0].span
        if self.facts.tree.spell("ATOMIC_REQUESTS"):
            return Span(next(iter(self.facts.project.files)), 1, 0, 1, 0)
        return None

    def function(self, routed: ImplicitCall) -> Iterator[Finding]:
        """A function that is given to ``path()``."""
        info = self.facts.project.functions.get(routed.target)
        call = self.facts.project.call_at(routed.span)
        if call is None or call.targets or call.unresolved is not None or not call.externals <= _PATHS:
            return
        if info is None or info.is_async or info.is_generator or info.kind is not Kind.FUNCTION:
            return
        yield Handles(routed.span)
        if info.name in self._seen:
            return
        self._seen.add(info.name)
        found = self.touches(info)
        yield self._review(info) if found is None else self._stays(info, found)

    def methods(self, cls: ClassInfo) -> Iterator[Finding]:
        """The methods of a class that answer requests: all are of one kind."""
        facts = self.facts
        node = facts.node(cls.span, ast.ClassDef)
        if node is None or node.decorator_list or not cls.methods.keys().isdisjoint(_OWN_WAY):
            return
        names = [cls.methods[name] for name in sorted(_VERBS & cls.methods.keys())]
        infos = [info for name in names if (info := facts.project.functions.get(name)) is not None]
        plain = all(
            i.kind is Kind.FUNCTION and not i.is_async and not i.is_generator and not i.decorators for i in infos
        )
        related = any(facts.project.overrides(name) for name in names) or self._is_derived(cls)
        if not plain or related or len(infos) != len(names):
            return
        for info in infos:
            yield Handles(info.span)
        touched = [(info, found) for info in infos if (found := self.touches(info)) is not None]
        for info, found in touched:
            yield self._stays(info, found)
        if touched:
            return
        for info, other in zip(infos, infos[1:] + infos[:1], strict=True):
            yield self._review(info)
            if info is not other:
                text = "the methods of a view are all of one kind"
                yield Implication(function_node(info.name), function_node(other.name), text, other.span)

    def _is_derived(self, cls: ClassInfo) -> bool:
        """Whether the class has bases or derived classes in the project."""
        every = self.facts.project.classes.values()
        return len(cls.mro) > 1 or any(cls.name in other.mro for other in every if other is not cls)

    def _review(self, info: FunctionInfo) -> Claim:
        return Claim(
            ID, info.span, info.name, Role.PART, Verdict.REVIEW, f"Django awaits {info.name.rpartition('.')[2]}()", {"": ()},
            needs_async=False, follows=(function_node(info.name),), condition=_CONDITION, variant="view",
        )  # fmt: skip

    def _stays(self, info: FunctionInfo, found: Span) -> Block:
        text = f"{info.name.rpartition('.')[2]}() is a view, and what it does at {found} may wait or use a database."
        return Block(
            function_node(info.name),
            Refusal(WAITS_UNSEEN.code, found, text, WAITS_UNSEEN.remedy, Reason(text, found)),
            ID,
        )

    # --- what a view does --------------------------------------------------------------------------------------

    def touches(self, info: FunctionInfo) -> Span | None:
        """A place in the view, or in what it runs, because of which it must not run on an event loop."""
        if self.all_stay is not None:
            return self.all_stay
        found = self.unseen.below(info.name)
        if found is not None:
            return found
        reached = self.facts.reached([info.name])
        for name in sorted(reached):
            other = self.facts.project.functions.get(name)
            node = self.facts.node(other.span, ast.FunctionDef) if other is not None and not other.is_async else None
            if other is None or node is None:
                continue
            for part in ast.walk(node):
                if self._is_lazy(other.path, part) or self._outlives(other.path, part, reached):
                    return self.facts.span(other.path, part)
        return None

    def _is_lazy(self, path: str, node: ast.AST) -> bool:
        """Whether the expression may reach a database when it is read or iterated over."""
        match node:
            case ast.Attribute(attr=name) if name in _LAZY:
                return True
            case ast.Attribute(value=receiver, attr=name) if self._is_request(path, receiver):
                return name not in _PLAIN
            case ast.Attribute(attr=name) | ast.Name(id=name, ctx=ast.Load()):
                return name in self.querysets
        return False

    def _is_request(self, path: str, node: ast.expr) -> bool:
        named = (isinstance(node, ast.Name) and node.id == "request") or (
            isinstance(node, ast.Attribute) and node.attr == "request"
        )
        values = self.facts.values(path, node)
        return named or any(isinstance(value, Instance) and value.type == _REQUEST for value in values)

    def _is_plain_part(self, path: str, node: ast.expr) -> bool:
        """Whether the expression is a part of a request that holds nothing but data."""
        return isinstance(node, ast.Attribute) and node.attr in _PLAIN and self._is_request(path, node.value)

    def _outlives(self, path: str, node: ast.AST, reached: set[str]) -> bool:
        """Whether a pool is used here that is not one of a `with` statement of the call: the next one has another event loop."""
        if not isinstance(node, ast.Call):
            return False
        call = self.facts.project.call_at(self.facts.span(path, node))
        names = sorted(call.externals) if call is not None else ()
        if any(name.startswith(_POOLS) and name.rpartition(".")[2][:1].isupper() for name in names):
            return not isinstance(self.facts.parent(path, node), ast.withitem)
        for value in self.facts.project.values(call.func) if call is not None else ():
            if isinstance(value, ExternalMethod) and value.instance.type.startswith(_POOLS):
                made = self.facts.project.call_at(value.instance.site) if value.instance.site is not None else None
                if made is None or made.within not in reached:
                    return True
        return False


def _from_models(facts: Facts) -> Iterator[str]:
    """Names, of modules and classes, that are given something of a manager of models."""
    for path in facts.project.files:
        for statement in facts.nodes(path, ast.Assign, ast.AnnAssign):
            assert isinstance(statement, (ast.Assign, ast.AnnAssign))
            parts = ast.walk(statement.value) if statement.value is not None else ()
            if any(isinstance(part, ast.Attribute) and part.attr in _LAZY for part in parts):
                for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
                    yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))
                    yield from (part.attr for part in ast.walk(target) if isinstance(part, ast.Attribute))


_ASKED = Invoke("arg1 | arg:view", (_REQUEST,))

RULE = Rule(
    id=ID,
    title="Views of Django",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={
            **dict.fromkeys(_PATHS, Signature(None, (_ASKED,))),
            _CLIENT: Signature(_CLIENT),
            **{f"{_REQUEST}.{name}": Signature("builtins.str") for name in ("get_host", "get_port", "get_full_path")},
            f"{_REQUEST}.build_absolute_uri": Signature("builtins.str"),
            **{f"{_QUERY}.{name}": Signature("builtins.str") for name in ("get", "urlencode")},
            f"{_QUERY}.getlist": Signature("builtins.list[builtins.str]"),
        },
        attributes={
            **{f"{_REQUEST}.{name}": _QUERY for name in ("GET", "POST")},
            **{
                f"{_REQUEST}.{name}": "builtins.dict[builtins.str, builtins.str]"
                for name in ("headers", "META", "COOKIES")
            },
            **{
                f"{_REQUEST}.{name}": "builtins.str"
                for name in ("method", "path", "path_info", "scheme", "content_type")
            },
            f"{_REQUEST}.body": "builtins.bytes",
        },
        aliases={
            "django.views.generic.View": _VIEW,
            "django.views.generic.base.View": _VIEW,
            "django.urls.conf.path": "django.urls.path",
            "django.urls.conf.re_path": "django.urls.re_path",
            "django.http.request.HttpRequest": _REQUEST,
            "django.http.request.QueryDict": _QUERY,
            "django.test.client.Client": _CLIENT,
        },
    ),
    match=match,
    starts={},
)
