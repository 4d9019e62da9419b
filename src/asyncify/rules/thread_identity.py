"""What tells one thread from another: values of its own, its name, its number.

## What it rewrites

- `threading.local()` becomes `TaskLocal()`, from the module `aio_support` that is added to your project, where a thread or a pool becomes
  tasks; a class that derives from `local` derives from `TaskLocal`. Each worker of a pool and each task that was a thread has its own values.
- `threading.current_thread()` and `threading.get_ident()` become `aio_support.current_thread()` and `aio_support.get_ident()`. What they give
  has the names that the threads had: `Thread-1 (fetch)`, `ThreadPoolExecutor-0_0`.

Both work in threads that stay as well.

## What it refuses

- A `local` that reaches code asyncify does not see, and more of a thread than `name`, `ident`, `daemon` and `is_alive()`.
- Programs that count or list their threads (`active_count`, `enumerate`), or ask for the system's number of one (`get_native_id`).
- Both, in programs that call `asyncio.to_thread` themselves, and names of threads in those of a `multiprocessing.pool.ThreadPool`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import ClassInfo
from asyncify.index.values import Instance
from asyncify.model import Edit, Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules.base import Block, Claim, Finding, RefusalCode, Role, Rule, function_node, object_node
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import
from asyncify.rules.objects import POOL, THREAD, TIMER, Family, Kind
from asyncify.rules.support import import_of

LOCAL = "threading.local"
THREAD_POOL = "multiprocessing.pool.ThreadPool"
THREAD_MAP = "tqdm.contrib.concurrent.thread_map"
_MADE = frozenset([POOL, THREAD_POOL, THREAD, TIMER])
_CURRENT = "threading.current_thread"
_THIS = "threading.CurrentThread"  # what it returns
_ASKED = (_CURRENT, "threading.get_ident")
_COUNTED = tuple(f"threading.{name}" for name in ("get_native_id", "active_count", "enumerate"))
_KNOWN = frozenset(["name", "ident", "daemon", "is_alive"])
_OLD_NAMES = {"getName": "{thread}.name", "isDaemon": "{thread}.daemon"}
_BASES_BESIDE = frozenset(["abc.ABC", "typing.Generic", "builtins.object"])

THREAD_LOCAL = RefusalCode(
    "thread-local",
    "Each thread has its own value here; tasks would share one.",
    "Keep the object inside this project's functions, pass the value as an argument, or keep it in a contextvars.ContextVar.",
)
THREAD_IDENTITY = RefusalCode(
    "thread-identity",
    "The program asks which thread it runs in; tasks all run in one.",
    "Ask for no more than name, ident, daemon and is_alive(), or pass a name or number to the job instead.",
)


def match(facts: Facts) -> Iterator[Finding]:
    """Locals, and questions for the current thread, in programs with threads or pools."""
    workers = sorted(_workers(facts))
    if not workers:
        return
    yield from _counted(facts, workers)
    copied = facts.calls_by_external.get("asyncio.to_thread", ())
    yield from _locals(facts, workers, copied[0].span if copied else None)
    yield from _asked(facts, workers, copied[0].span if copied else None)


def _workers(facts: Facts) -> Iterator[str]:
    """The nodes of all that runs functions of the program in threads."""
    for instance in facts.instances:
        if instance.type in _MADE and instance.site is not None:
            yield object_node(instance.site)
    for info in facts.project.classes.values():
        if info.external_bases & {THREAD, TIMER}:
            yield object_node(info.span)
    for call in facts.calls_by_external.get(THREAD_MAP, ()):
        yield object_node(call.span)


def _refuse(code: RefusalCode, span: Span, message: str = "") -> Refusal:
    text = message or code.title
    return Refusal(code.code, span, text, code.remedy, Reason(text, span))


# --- values of its own -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Locals(Family):
    """Objects of `threading.local`, and those of classes that derive from it, a node for each class."""

    classes: dict[str, ClassInfo] = field(default_factory=dict)  # by node

    def __post_init__(self) -> None:
        Family.__post_init__(self)
        for name, info in self.facts.project.classes.items():
            if LOCAL in info.external_bases:
                node = object_node(info.span)
                self.classes[node] = info
                self.found[node] = (Instance(LOCAL, info.span), self.facts.objects.get(name, []))

    def made_as_known(self, node: str, instance: Instance) -> str | None:
        """Why the way in which a local is made keeps it, if it does."""
        info = self.classes.get(node)
        if info is None:
            return Family.made_as_known(self, node, instance)
        others = info.external_bases - _BASES_BESIDE - {LOCAL}
        return f"{info.name.rpartition('.')[2]} derives from {min(others)} as well" if others else None

    def attribute_is_known(self, kind: Kind, path: str, node: ast.Attribute, called: bool) -> bool:
        """All attributes are the program's own."""
        return True

    def construction(self, node: str, instance: Instance) -> Iterator[Claim]:
        """The call that makes a local; classes have edits where they name their base."""
        if node not in self.classes:
            yield from Family.construction(self, node, instance)

    def bases(self) -> Iterator[Claim]:
        """Claims on the places where a class names `threading.local` as its base."""
        for path, node, _ in self.facts.references(frozenset({LOCAL})):
            owner = self.facts.parent(path, node)
            if not isinstance(owner, ast.ClassDef):
                continue
            span = self.facts.span(path, node)
            text = "workers have values of their own"
            claim = _part(self.facts, span, self.facts.enclosing(path, node), text, "aio_support.TaskLocal")
            yield replace(claim, follows=(object_node(self.facts.span(path, owner)),))


def _locals(facts: Facts, workers: list[str], copied: Span | None) -> Iterator[Finding]:
    kind = Kind(LOCAL, "aio_support.TaskLocal", frozenset())
    family = Locals(facts, "thread_identity", {LOCAL: kind}, THREAD_LOCAL)
    if not family.found:
        return
    family.examine()
    if copied is not None:
        family.keep(family.found, family.refuse(copied, "asyncio.to_thread() makes another thread of the same worker"))
    for node, (instance, places) in family.found.items():
        assert instance.site is not None
        for worker in workers:
            yield Implication(worker, node, "its jobs have values of their own", instance.site)
        for path, place in places:
            within = facts.enclosing(path, place)
            if isinstance(facts.parent(path, place), ast.Attribute) and within in facts.project.functions:
                yield Implication(function_node(within), node, "it uses values of its thread", facts.span(path, place))
    yield from family.bases()
    yield from family.findings()


# --- its name ----------------------------------------------------------------------------------------------------------


def _asked(facts: Facts, workers: list[str], copied: Span | None) -> Iterator[Finding]:
    calls = [(name, call) for name in _ASKED for call in facts.calls_by_external.get(name, ())]
    for name, call in calls:
        func = facts.node(call.func, ast.expr)
        if call.externals != {name} or call.targets or func is None or copied is not None:
            yield from _keep_all(workers, _refuse(THREAD_IDENTITY, copied or call.span))
            continue
        new = f"aio_support.{name.rpartition('.')[2]}"
        claim = _part(facts, call.func, call.within, "workers have names and numbers", new)
        yield replace(claim, follows=tuple(workers))
    for path, node, _ in facts.references(frozenset(_ASKED)):
        around = facts.parent(path, node)
        if not (isinstance(around, ast.Call) and around.func is node):
            yield from _keep_all(workers, _refuse(THREAD_IDENTITY, facts.span(path, node)))
    for instance, places in facts.instances.items():
        if instance.type == _THIS:
            for path, place in places:
                yield from _use(facts, workers, path, place)
    if facts.calls_by_external.get(_CURRENT):
        for instance in facts.instances:
            if instance.type == THREAD_POOL and instance.site is not None:
                refusal = _refuse(THREAD_IDENTITY, facts.calls_by_external[_CURRENT][0].span)
                yield Block(object_node(instance.site), refusal, "thread_identity")


def _use(facts: Facts, workers: list[str], path: str, place: ast.expr) -> Iterator[Finding]:
    """One use of the current thread: some attributes, and comparisons."""
    parent = facts.parent(path, place)
    match parent:
        case ast.Attribute(attr=name) if name in _KNOWN and isinstance(parent.ctx, ast.Load):
            return
        case ast.Attribute(attr=name) if name in _OLD_NAMES:
            call = facts.parent(path, parent)
            if isinstance(call, ast.Call) and call.func is parent and not call.args and not call.keywords:
                span = facts.span(path, call)
                reason = Reason("it is an attribute now", span)
                edit = ReplaceExpr(span, _OLD_NAMES[name], reason, {"thread": facts.span(path, place)})
                claim = _claim(span, facts.enclosing(path, call), reason, (edit,))
                yield replace(claim, follows=tuple(workers))
                return
        case ast.Compare() | ast.Assign() | ast.NamedExpr():
            return
    yield from _keep_all(workers, _refuse(THREAD_IDENTITY, facts.span(path, place)))


def _counted(facts: Facts, workers: list[str]) -> Iterator[Finding]:
    """Functions that count or list threads stay as they are, and so does every thread and pool, but for tests."""
    for name in _COUNTED:
        for call in facts.calls_by_external.get(name, ()):
            refusal = _refuse(THREAD_IDENTITY, call.span)
            yield Block(function_node(call.within), refusal, "thread_identity", call.within)
            if not facts.in_test(call.span.path):
                yield from _keep_all(workers, refusal)


def _keep_all(workers: list[str], refusal: Refusal) -> Iterator[Block]:
    return (Block(worker, refusal, "thread_identity") for worker in workers)


def _part(facts: Facts, span: Span, within: str, text: str, new: str) -> Claim:
    """The claim that a name is replaced by one of the support module."""
    reason = Reason(text, span)
    node = facts.node(span, ast.expr)
    assert node is not None
    imported = import_of(facts.file(span.path).source, "aio_support", span, reason)
    return _claim(
        span, within, reason, (ReplaceExpr(span, new, reason), imported, *orphaned_import(node, span, reason))
    )


def _claim(span: Span, within: str, reason: Reason, edits: tuple[Edit, ...]) -> Claim:
    return Claim("thread_identity", span, within, Role.PART, Verdict.EXACT, reason.text, {"": edits}, needs_async=False)


RULE = Rule(
    id="thread_identity",
    title="threading.local, current_thread → values and names of workers",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={name: Signature() for name in _COUNTED}
        | {
            LOCAL: Signature(returns=LOCAL),
            _CURRENT: Signature(returns=_THIS),
            "threading.get_ident": Signature(returns="builtins.int"),
        },
        attributes={f"{_THIS}.name": "str", f"{_THIS}.daemon": "bool", f"{_THIS}.ident": "int"},
        aliases={"threading.currentThread": _CURRENT, "_threading_local.local": LOCAL},
        blank=frozenset({LOCAL}),
        modules=frozenset({"threading"}),
    ),
    match=match,
    starts={},
    refusals=(THREAD_LOCAL, THREAD_IDENTITY),
)
