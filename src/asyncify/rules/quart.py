"""Applications of Flask become ones of Quart, if you ask for it (`--web quart`).

Without the option, views of Flask keep their functions and run the coroutines behind them (rule `handlers`). With it, an application of which a
view waits moves as a whole: it then runs on one event loop, under an ASGI server such as hypercorn.

## What it rewrites

- Imports (`from quart import Quart, request`), the name of the class, and annotations.
- Views, handlers of errors, and what is called before and after requests become `async def`, those in `MethodView` and in blueprints too.
- `await request.get_json()`, `await request.form`, `await request.data`; `await render_template(...)`, `await make_response(...)`,
  `await flash(...)`; `app.run(...)` loses what Quart's server does not have.
- Tests: `await client.get(...)`, `await answer.get_data()`, `async with app.test_client()`, `async with app.app_context()`; a form that
  is sent is given as `form=`.
- Requirements: `quart` for `flask`.

The verdict is `review`: how it is served changes, and Quart has limits of its own (60 seconds for a request, 16 MiB for a body).

## What it refuses

The application stays as it is, with all that waits in its views, where one thing in it is not known to be the same in Quart:

- extensions of Flask (`flask_login`, `flask_sqlalchemy` …), commands (`app.cli`), servers and middleware for WSGI (`app.wsgi_app`), signals,
  `send_file`, uploads (`request.files`), `stream_with_context`, subclasses of `Flask`;
- a view that may wait in a way that asyncify does not see (files, databases, locks): on the event loop it would stop everybody;
- arguments of the test client that mean something else in Quart.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import CallSite, FunctionInfo, Kind, Sink
from asyncify.model import Reason, Refusal, Require, SetArguments, Span, Verdict
from asyncify.rules import quart_names as names
from asyncify.rules.base import Block, Claim, Finding, Handles, RefusalCode, Role, Rule, function_node
from asyncify.rules.blocking import waits
from asyncify.rules.facts import Facts
from asyncify.rules.handlers import is_of_flask, registrations
from asyncify.rules.quart_application import ID, PROGRAM, Applications
from asyncify.rules.unseen_waits import UnseenWaits

NOT_QUART = RefusalCode(
    "not-quart",
    "The application uses Flask in a way that is not known to be the same in Quart.",
    "Change that place, or leave out `--web quart`: the views then stay Flask's and run coroutines behind them.",
)
_TESTS_VERBS = frozenset(f"{names.CLIENT}.{verb}" for verb in names.VERBS)


def match(facts: Facts) -> Iterator[Finding]:
    """What becomes of everything of Flask in the project."""
    if not any(name == "flask" or name.startswith("flask.") for name in facts.external_names):
        return
    family = Applications(facts, ID, names.KINDS, NOT_QUART, names.RECEIVERS)
    yield from family.imports()
    yield from family.references()
    yield from family.objects()
    yield from _views(family)
    yield from _requests_of_tests(family)
    yield from _runs(family)
    yield from _others(family)


# --- views ---------------------------------------------------------------------------------------------------------


def _registered(facts: Facts) -> Iterator[tuple[str, str, Span]]:
    yield from (found for found in registrations(facts) if is_of_flask(found[1]))
    for use in facts.project.uses:
        taken = names.DECORATING if use.sink is Sink.DECORATED else names.TAKING if use.sink is Sink.ARGUMENT else ()
        if use.external in taken:
            yield use.function, f"@{use.external}", use.span


def _views(family: Applications) -> Iterator[Finding]:
    """All functions that the application calls become coroutine functions together."""
    facts = family.facts
    unseen = UnseenWaits(facts)
    for name, text, span in _registered(facts):
        yield Handles(span)
        info = facts.project.functions.get(name)
        if info is None or info.in_test or info.kind is not Kind.FUNCTION or info.is_generator:
            where = info.span if info is not None else span
            yield family.block(where, f"what {text} calls is no plain function")
            continue
        found = unseen.below(name)
        if found is not None:
            yield family.block(found, f"{name.rpartition('.')[2]}() is a view, and this may wait unseen")
        yield from _answers(family, info, text)
        yield Implication(function_node(name), PROGRAM, "it is a view of the application", info.span)
        if not info.is_async:
            yield Implication(PROGRAM, function_node(name), "the application awaits its views", info.span)
    for cls in facts.project.classes.values():
        foreign = sorted(base for base in cls.external_bases if base.startswith("flask."))
        node = facts.node(cls.span, ast.ClassDef)
        decorated = any(
            isinstance(part, ast.Name) and part.id == "decorators" and isinstance(part.ctx, ast.Store)
            for part in (ast.walk(node) if node is not None else ())
        )
        if any(not base.startswith("flask.views.") for base in foreign) or (foreign and decorated):
            yield family.block(cls.span, f"{cls.name.rpartition('.')[2]} derives from {foreign[0]} in its own way")


def _answers(family: Applications, info: FunctionInfo, text: str) -> Iterator[Finding]:
    """What a view gives back: Quart takes numbers as status only, and not every response that `after_request` sees is its own."""
    node = family.facts.node(info.span, ast.FunctionDef)
    for part in ast.walk(node) if node is not None else ():
        match part:
            case ast.Return(value=ast.Tuple(elts=[_, ast.Constant(value=str()) | ast.JoinedStr(), *_])):
                yield family.block(family.facts.span(info.path, part), "Quart takes no text as the status of an answer")
            case ast.Name(id=name, ctx=ast.Load()) if "after_" in text and node is not None and node.args.args:
                response = node.args.args[-1].arg
                if name == response and not _only_reads_head(family.facts, info.path, part):
                    yield family.block(family.facts.span(info.path, part), "the answer may be one of werkzeug here")


def _only_reads_head(facts: Facts, path: str, node: ast.Name) -> bool:
    parent = facts.parent(path, node)
    if isinstance(parent, ast.Attribute):
        return parent.attr in names.KINDS[names.RESPONSE].plain
    return isinstance(parent, ast.Return)


# --- tests ---------------------------------------------------------------------------------------------------------


def _requests_of_tests(family: Applications) -> Iterator[Finding]:
    """Requests that the test client sends, and contexts of requests."""
    facts = family.facts
    for call in facts.calls_of(_TESTS_VERBS):
        if call.targets or not call.externals <= _TESTS_VERBS:
            yield family.block(call.span, "this may be a request of the test client or something else")
            continue
        edits = _arguments(family, call, follows=call.method == "get")
        if isinstance(edits, Block):
            yield edits
        else:
            yield family.awaited(call.span.path, call.node, "the test client is awaited in Quart", edits)
    if facts.calls_of(_TESTS_VERBS):
        for path, node, found in facts.references(names.OF_CLIENTS):
            yield family.block(
                facts.span(path, node), f"Quart's test client has another {min(found).rpartition('.')[2]}"
            )
    for call in facts.calls_of([f"{names.APPLICATION}.test_request_context"]):
        edits = _arguments(family, call)
        if isinstance(edits, Block):
            yield edits
        elif edits:
            yield family.part(call.span.path, call.node, edits, "a form is given as such in Quart", "context")
    for call in facts.calls_of([f"{names.APPLICATION}.test_client", f"{names.CLIENT}.session_transaction"]):
        if call.node.args or call.node.keywords:
            yield family.block(call.span, f"{call.method}() is called with arguments")
    for call in facts.calls_named(names.VERBS):
        if facts.in_test(call.span.path) and call.unresolved and _is_unknown_client(facts, call):
            yield family.block(call.span, "asyncify cannot tell whether this is a request of a test client")


def _is_unknown_client(facts: Facts, call: CallSite) -> bool:
    """Whether the call is one of a method of a parameter about which nothing is known (a fixture from elsewhere)."""
    func = call.node.func
    if not isinstance(func, ast.Attribute) or not isinstance(func.value, ast.Name):
        return False
    scope = next(
        (p for p in facts.parents(call.span.path, func) if isinstance(p, (ast.FunctionDef, ast.AsyncFunctionDef))), None
    )
    given = {arg.arg for arg in ast.walk(scope.args) if isinstance(arg, ast.arg)} if scope is not None else set()
    return func.value.id in given and not facts.values(call.span.path, func.value)


def _arguments(family: Applications, call: CallSite, follows: bool = False) -> tuple[SetArguments, ...] | Block:
    """How the arguments of a request change; a block where they mean something else in Quart."""
    facts, node = family.facts, call.node
    path = node.args[0] if len(node.args) == 1 else None
    if path is None or (isinstance(path, ast.Constant) and not _is_plain_path(path.value)):
        return family.block(call.span, "Quart's test client takes one path, without a host, and all else by name")
    for keyword in node.keywords:
        value = keyword.value
        match keyword.arg:
            case "json" | "headers" | "auth" | "method":
                continue
            case "query_string" if isinstance(value, ast.Dict) and _is_text(path, without="?"):
                continue
            case "data" if isinstance(value, ast.Constant) and isinstance(value.value, (str, bytes)):
                continue
            case "data" if isinstance(value, ast.Dict) and all(map(_is_text, value.values)) and len(node.keywords) == 1:
                reason = Reason("a form is given as such in Quart", call.span)
                hole = {"form": facts.span(call.span.path, value)}
                return (SetArguments(call.span, reason, {"data": None, "form": "{form}"}, holes=hole),)
            case "follow_redirects" if follows and len(node.keywords) == 1:
                continue
        return family.block(call.span, f"the argument {keyword.arg or '**'} of the test client is another one in Quart")
    return ()


def _is_plain_path(value: object) -> bool:
    return isinstance(value, str) and value.startswith("/") and value.isascii()


def _is_text(node: ast.expr | None, without: str = "\0") -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and without not in node.value


# --- running it ----------------------------------------------------------------------------------------------------


def _runs(family: Applications) -> Iterator[Finding]:
    """``app.run()`` starts an event loop of its own."""
    facts = family.facts
    for call in facts.calls_of([f"{names.APPLICATION}.run"]):
        info = facts.project.functions.get(call.within)
        given = {keyword.arg: keyword.value for keyword in call.node.keywords}
        other = next((key for key in given if key not in names.RUN_SAME | names.RUN_DROPPED), None)
        debug = given.get("debug", call.node.args[2] if len(call.node.args) > 2 else ast.Constant(False))
        if other is not None or None in given or len(call.node.args) > 3:
            yield family.block(call.span, f"run() of Quart does not take {other or 'these arguments'}")
        elif "use_reloader" not in given and not isinstance(debug, ast.Constant):
            yield family.block(call.span, "whether the server reloads files depends on a value: say so by use_reloader")
        if info is None or call.within in facts.side_by_side or info.kind not in (Kind.FUNCTION, Kind.MODULE):
            yield family.block(call.span, "the server runs in a thread")
        elif info.kind is Kind.MODULE and _waits_beside(facts, call) > 1:
            yield family.block(
                call.span, "the module waits in several places beside the server; let it run in a function"
            )
        elif info.kind is Kind.FUNCTION:
            text = "app.run() starts an event loop of its own"
            yield Block(
                function_node(info.name),
                Refusal(NOT_QUART.code, call.span, text, NOT_QUART.remedy, Reason(text, call.span)),
                ID,
            )
        keywords: dict[str, str | None] = {str(key): None for key in given.keys() & names.RUN_DROPPED}
        if "use_reloader" not in given and isinstance(debug, ast.Constant):
            keywords["use_reloader"] = str(bool(debug.value))
        reason = Reason("Quart's own development server", call.span)
        yield family.part(call.span.path, call.node, (SetArguments(call.span, reason, keywords),), reason.text, "run")


def _waits_beside(facts: Facts, run: CallSite) -> int:
    """How many calls at module level may wait."""
    found = {c.within for name, calls in facts.calls_by_external.items() if waits(name) for c in calls}
    count = 0
    for call in facts.project.calls:
        if call.within == run.within and call.span != run.span:
            count += bool(facts.reached(call.targets) & found) or any(waits(name) for name in call.externals)
    return count


def _others(family: Applications) -> Iterator[Finding]:
    """What asyncify does not follow into, and what a project needs from now on."""
    facts = family.facts
    for path in facts.project.files:
        for node in facts.nodes(path, ast.Constant):
            if isinstance(node.value, str) and node.value.startswith("flask.") and facts.in_test(path):
                yield family.block(facts.span(path, node), "a test names something of Flask in a string")
    for call in facts.calls_of(["builtins.getattr"]):
        values = facts.values(call.span.path, call.node.args[0]) if call.node.args else ()
        if any(str(getattr(value, "name", "")).startswith("flask.") for value in values):
            yield family.block(call.span, "what is read of Flask here is computed")
    for call in facts.calls_of([names.APPLICATION]):
        reason = Reason("the application runs on Quart", call.span)
        yield Claim(
            ID, call.span, call.within, Role.PART, Verdict.EXACT, reason.text,
            {"": (Require(call.span, reason, "quart"),)}, needs_async=False, follows=(PROGRAM,), variant="requirement",
        )  # fmt: skip


RULE = Rule(
    id=ID,
    title="Flask → Quart (`--web quart`)",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={
            names.RESPONSE: Signature(names.RESPONSE),
            "flask.jsonify": Signature(names.RESPONSE),
            "flask.make_response": Signature(names.RESPONSE),
            f"{names.APPLICATION}.test_client": Signature(names.CLIENT),
            f"{names.APPLICATION}.app_context": Signature(names.CONTEXT),
            f"{names.APPLICATION}.test_request_context": Signature(names.REQUEST_CONTEXT),
            f"{names.CLIENT}.__enter__": Signature("self"),
            f"{names.CLIENT}.session_transaction": Signature(names.TRANSACTION),
            **{name: Signature(names.ANSWER) for name in _TESTS_VERBS},
        },
        aliases={"flask.wrappers.Response": names.RESPONSE},
    ),
    match=match,
    refusals=(NOT_QUART,),
    starts={},
    everywhere={"flask": ("Flask", "Blueprint")},
    web="quart",
)
