"""Views of Flask, tasks of Celery, jobs of APScheduler, handlers of AWS Lambda: functions that a framework calls in a thread and waits for.

## What it rewrites

Such a function keeps its name, its decorators and its synchronous form, and runs the coroutine that its body becomes. Each call has
an event loop of its own (in a main thread they share one), so a view that asks ten servers at once no longer needs ten threads. The
verdict is `review`: what several calls share (a session) keeps no connection from one call to the next.

- Flask (unless it moves to Quart, rule `quart`): `route`, `get`, `post` …, `add_url_rule`, `before_request`, `errorhandler` …, of applications and blueprints, and `MethodView`.
- Celery: `@app.task`, `@shared_task`. APScheduler: `add_job`, `@scheduler.scheduled_job`.
- What services find by a convention, with nothing in the project that registers it: handlers of AWS Lambda (`event, context`), WSGI applications
  (`environ, start_response`), `main.py`'s functions of a `request`, hooks of gunicorn, Sphinx, MkDocs, behave and IPython, modules of Salt, Home Assistant and Robot
  Framework, migrations of Alembic, tasks of doit, functions of OpenFaaS.

## What it leaves in place

- A function that may do more than compute and ask by what asyncify moves (a database, say) stays as it is, and runs what it calls
  to its end: on an event loop, some libraries refuse to work. Views of Django have a rule of their own (`django`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import FunctionInfo, FunctionUse, Kind, Sink
from asyncify.model import Span, Verdict
from asyncify.rules.base import Claim, Finding, Role, Rule, function_node
from asyncify.rules.conventions import conventional
from asyncify.rules.facts import Facts
from asyncify.rules.unseen_waits import UnseenWaits

ID = "handlers"
_REGISTRAR = "asyncify._Registrar"
_SCHEDULER = "apscheduler.schedulers.Scheduler"
# Methods of applications whose result registers the function that it decorates, and those that do so themselves.
_MADE = {
    "flask.Flask": "route get post put patch delete errorhandler",
    "flask.Blueprint": "route get post put patch delete errorhandler app_errorhandler",
    _SCHEDULER: "scheduled_job",
}
_DIRECT = {
    "flask.Flask": "before_request after_request teardown_request",
    "flask.Blueprint": "before_request after_request teardown_request before_app_request after_app_request teardown_app_request",
}
_EITHER = frozenset(["celery.Celery.task", "celery.shared_task"])
_DECORATING = _EITHER | {f"{cls}.{name}" for cls, names in _DIRECT.items() for name in names.split()}
_TAKING = frozenset(["flask.Flask.add_url_rule", "flask.Blueprint.add_url_rule", f"{_SCHEDULER}.add_job"])
_VIEWS = frozenset(["flask.views.View", "flask.views.MethodView"])
_ANSWERING = frozenset(["get", "post", "put", "patch", "delete", "dispatch_request"])
_OBJECTS = frozenset(["builtins.object", "abc.ABC"])


def handlers(facts: Facts) -> Iterator[tuple[FunctionInfo, str]]:
    """The functions that a framework calls so and that may run on an event loop, each with what makes it do so."""
    project = facts.project
    found: dict[str, str] = {}
    for name, text, _ in registrations(facts):
        if facts.web != "quart" or not is_of_flask(text):  # those become coroutines, or stay
            found.setdefault(name, text)
    for name, who in conventional(facts):
        if not name.endswith(".__call__"):
            found.setdefault(name, who)
    unseen = UnseenWaits(facts) if found else None
    for name, text in found.items():
        info = project.functions.get(name)
        if info is None or info.kind is not Kind.FUNCTION or info.is_async or info.is_generator or info.in_test:
            continue
        if unseen is not None and unseen.below(name) is None:
            yield info, text


def registrations(facts: Facts) -> Iterator[tuple[str, str, Span]]:
    """All functions that a framework is told to call, with what tells it, and where (for methods: the method itself)."""
    project = facts.project
    for use in project.uses:
        text = _registered(facts, use)
        if text is not None:
            yield use.function, text, use.span
    for cls in project.classes.values():
        if cls.external_bases & _VIEWS and cls.external_bases <= _VIEWS | _OBJECTS:
            for name in sorted(_ANSWERING & cls.methods.keys()):
                info = project.functions.get(cls.methods[name])
                if info is not None:
                    yield info.name, f"{min(cls.external_bases & _VIEWS)}.{name}", info.span


def is_of_flask(text: str) -> bool:
    """Whether what registers a function is Flask's."""
    return text.lstrip("@").startswith("flask.")


def _registered(facts: Facts, use: FunctionUse) -> str | None:
    if use.sink is Sink.ARGUMENT:
        return use.external if use.external in _TAKING else None
    if use.sink is Sink.DECORATED and use.external in _DECORATING:
        return f"@{use.external}"
    if use.sink is Sink.DECORATED and use.external == f"{_REGISTRAR}.__call__":
        call = facts.project.call_at(use.span)
        return f"@{min(call.externals)}" if call is not None and call.externals else None
    return None


def match(facts: Facts) -> Iterator[Finding]:
    """That each call of such a function has an event loop of its own."""
    for info, text in handlers(facts):
        node = facts.node(info.span, ast.FunctionDef)
        if node is not None:
            condition = (
                "each call of it has an event loop of its own, and connections are not kept from one to the next"
            )
            yield Claim(
                ID, info.span, info.name, Role.PART, Verdict.REVIEW, f"it is called by {text}", {"": ()}, needs_async=False,
                follows=(function_node(info.name),), condition=condition, variant="handler",
            )  # fmt: skip


RULE = Rule(
    id=ID,
    title="Views, tasks and jobs that frameworks call",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={
            **{cls: Signature(cls) for cls in ("flask.Flask", "flask.Blueprint", "celery.Celery", _SCHEDULER)},
            **{f"{cls}.{name}": Signature(_REGISTRAR) for cls, names in _MADE.items() for name in names.split()},
            **{f"{cls}.{name}": Signature("arg0") for cls, names in _DIRECT.items() for name in names.split()},
            **{name: Signature(f"arg0 | {_REGISTRAR}") for name in _EITHER},
            **{name: Signature(None) for name in _TAKING},
            f"{_REGISTRAR}.__call__": Signature("arg0"),
        },
        aliases={
            "flask.app.Flask": "flask.Flask",
            "flask.blueprints.Blueprint": "flask.Blueprint",
            "celery.app.base.Celery": "celery.Celery",
            "celery.app.shared_task": "celery.shared_task",
            "apscheduler.schedulers.background.BackgroundScheduler": _SCHEDULER,
            "apscheduler.schedulers.blocking.BlockingScheduler": _SCHEDULER,
        },
    ),
    starts={},
    match=match,
)
