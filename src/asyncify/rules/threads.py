"""A `threading.Thread` whose function waits for I/O becomes a task.

## What it rewrites

- `threading.Thread(target=f, args=(x,))` becomes `TaskThread(target=f, args=(x,))`, from the module `aio_support` that is added
  to your project; `Timer` becomes `TaskTimer`; a class that derives from `Thread` derives from `TaskThread`, and its `run()`
  is a coroutine function. It may run what it was given (`self._target(*self._args)`, `super().run()`, a timer's `self.function`).
- `Process` of `multiprocessing.dummy` is a thread, and becomes a task the same way.
- `start()` and `join()` are awaited, and so is a timer's `finished.wait()`. `is_alive()`, `name` and `daemon` stay as they are.

What a thread raises is reported on stderr by `threading.excepthook`, and nobody else gets it. The program ends when all
threads have that are no daemons; a daemon then stops where it is.

A thread moves only if its function waits for something that can be awaited, and the queues, locks and events that it
waits for move with it. A thread that computes stays a thread.

## What it refuses

- A thread that reaches code asyncify does not see, or whose function it cannot identify.
- A thread that nobody starts here, or that is started where no `await` may stand (in `__init__`, say).
- A thread beside a call that may not return for long (`app.run()`, `serve_forever()`, a loop over `sys.stdin`).
- Programs that watch a variable in a loop that does not wait.

## What differs

A thread no longer runs in parallel with the computing of others; what it does between two waits is done alone.
"""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.index.project import CallSite, ClassInfo
from asyncify.index.values import (
    BoundMethod,
    Class,
    Constant,
    External,
    ExternalMethod,
    Function,
    Instance,
    Object,
    Partial,
)
from asyncify.model import Await, Edit, Reason, Refusal, ReplaceExpr, ReplaceStatement, Span, Verdict
from asyncify.rules.base import (
    Block,
    Claim,
    Finding,
    Handles,
    Jobs,
    RefusalCode,
    Role,
    Rule,
    function_node,
    object_node,
    site_node,
)
from asyncify.rules.beside import BLOCKS_BESIDE, blocks_beside
from asyncify.rules.blocking import one_shot
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import
from asyncify.rules.handed_jobs import run_by_partial, sites_given
from asyncify.rules.objects import THREAD, TIMER, Family, Kind, waiting_calls
from asyncify.rules.spinning import BUSY_WAIT, spinning
from asyncify.rules.support import import_of
from asyncify.rules.thread_pool_names import UNKNOWN_JOB

_WAITS = frozenset(["start", "join", "run"])
_OLD_NAMES = {"setDaemon": "{t}.daemon = {value}", "setName": "{t}.name = {value}"}
_OLD_READS = {"getName": "{t}.name", "isDaemon": "{t}.daemon"}
_PLAIN = frozenset(["is_alive", "name", "daemon", *_OLD_NAMES, *_OLD_READS])
KINDS = {
    THREAD: Kind(THREAD, "aio_support.TaskThread", _WAITS, _PLAIN),
    TIMER: Kind(TIMER, "aio_support.TaskTimer", _WAITS, _PLAIN | {"cancel"}),
}
_OWN = {THREAD: frozenset(dir(threading.Thread())), TIMER: frozenset(dir(threading.Timer(0, print)))}
_GIVEN = {THREAD: frozenset(["_target", "_args", "_kwargs"])}
_GIVEN[TIMER] = _GIVEN[THREAD] | {"function", "args", "kwargs", "interval", "finished"}
_OF_FINISHED = frozenset(["wait", "is_set", "set"])
FINISHED = "threading.TimerFinished"  # the event that a timer has
_BASES_BESIDE = frozenset(["abc.ABC", "typing.Generic", "builtins.object"])
_UNBOUND = frozenset(["__init__", *_WAITS])

THREAD_ESCAPES = RefusalCode(
    "thread-escapes",
    "The thread reaches code that asyncify does not see.",
    "Start and join the thread in this project's functions, and use start, join, is_alive, name and daemon of it.",
)
COMPUTES = RefusalCode(
    "thread-computes",
    "A thread that waits for nothing stays a thread.",
    "Give what must stay in a thread a thread (and a queue) of its own.",
)


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about threads and timers."""
    family = Threads(
        facts, "threads", KINDS, THREAD_ESCAPES, frozenset(f"{kind}.{method}" for kind in KINDS for method in _WAITS)
    )
    if not family.found:
        return
    family.examine()
    spinning(family, frozenset(["is_alive"]), frozenset(["finished"]))
    family.examine_starts()
    blocks_beside(family)
    finished = list(family.finished())
    claims = list(waiting_calls(family, lambda node, method, nodes: method != "join"))
    jobs = {node: list(family.jobs(node)) for node in family.found}
    for claim in claims:
        if isinstance(claim, CallSite):
            yield one_shot(facts, claim, KINDS.keys())
            continue
        call = facts.project.call_at(claim.span)
        assert call is not None
        if claim.role is Role.FOLLOWER:
            bridge = one_shot(facts, call, KINDS.keys())
            yield replace(claim, role=Role.PART, variant="task")
            yield replace(bridge, unless=claim.leads) if isinstance(bridge, Claim) else bridge
        else:
            method = (
                facts.text(call.span.path, call_func).rpartition(".")[2] if (call_func := _func(facts, call)) else ""
            )
            yield replace(claim, detached=method == "start")
    for node in family.found:
        yield from jobs[node] if node not in family.blocked else _kept(jobs[node], family.blocked[node])
    yield from finished
    yield from family.class_edits()
    yield from _old_names(family)
    yield from family.findings()


def _kept(findings: list[Finding], refusal: Refusal) -> Iterator[Finding]:
    """What a thread that stays runs stays synchronous, for the reason that keeps the thread."""
    for finding in findings:
        if isinstance(finding, Handles):
            yield finding
        elif isinstance(finding, Jobs):
            for job in finding.jobs:
                yield Block(job, refusal, "threads")


def _func(facts: Facts, call: CallSite) -> ast.expr | None:
    return facts.node(call.func, ast.expr)


@dataclass(slots=True)
class Threads(Family):
    """Threads: those that calls make, and those of classes of the project, a node for each class."""

    classes: dict[str, ClassInfo] = field(default_factory=dict)  # by node

    def __post_init__(self) -> None:
        Family.__post_init__(self)
        for name, info in self.facts.project.classes.items():
            for base in (THREAD, TIMER):
                if base in info.external_bases:
                    node = object_node(info.span)
                    self.classes[node] = info
                    self.found[node] = (Instance(base, info.span), self.facts.objects.get(name, []))

    def nodes_at(self, path: str, node: ast.AST) -> frozenset[str]:
        """As of any family, and the classes of objects of the project."""
        found = {
            object_node(info.span)
            for value in self.facts.values(path, node)
            if isinstance(value, Object) and (info := self.facts.project.classes.get(value.cls)) is not None
        }
        return Family.nodes_at(self, path, node) | (found & self.found.keys())

    def is_known_derived(self, value: object) -> bool:
        """Whether an object of the project's is a thread."""
        info = self.facts.project.classes.get(value.cls) if isinstance(value, Object) else None
        return info is not None and object_node(info.span) in self.classes

    def is_known_use(self, path: str, node: ast.expr) -> bool:
        """Bases of classes, and methods called as ``threading.Thread.__init__(self)``, have edits of their own."""
        parent = self.facts.parent(path, node)
        if isinstance(parent, ast.Attribute) and parent.attr in _UNBOUND:
            return self._class_around(path, node) is not None
        return isinstance(parent, ast.ClassDef)

    def receivers(self, call: CallSite, method: str) -> frozenset[str]:
        """As of any family; ``threading.Thread.join(self)`` in a class is a call on its objects."""
        nodes = Family.receivers(self, call, method)
        func = self.facts.node(call.func, ast.Attribute)
        if nodes or func is None or call.externals != {f"{k}.{method}" for k in KINDS} & call.externals:
            return nodes
        values = self.facts.values(call.span.path, func.value)
        around = self._class_around(call.span.path, func)
        unbound = bool(values) and all(isinstance(v, External) and v.name in KINDS for v in values)
        return frozenset([around]) if unbound and around is not None else nodes

    # --- what keeps them ---------------------------------------------------------------------------------------

    def made_as_known(self, node: str, instance: Instance) -> str | None:
        """Why the way in which a thread is made keeps it, if it does."""
        info = self.classes.get(node)
        if info is None:
            return Family.made_as_known(self, node, instance)
        others = info.external_bases - _BASES_BESIDE - {THREAD, TIMER}
        if others:
            return f"{info.name.rpartition('.')[2]} derives from {sorted(others)[0]} as well"
        if self._related(info) != {info.name} and any(self._given_to(info)):
            return "what it runs is given where it is made, and classes derive from each other"
        return None

    def attribute_is_known(self, kind: Kind, path: str, node: ast.Attribute, called: bool) -> bool:
        """Whether an attribute of a thread stays, or has an edit; others of the class around are the project's own."""
        owners = [v for v in self.facts.values(path, node.value) if isinstance(v, Object)]
        if owners and node.attr not in kind.plain | kind.waits:
            classes = self.facts.project.classes
            own = all(
                any(node.attr in classes[c].methods for c in classes[v.cls].mro if c in classes)
                for v in owners
                if v.cls in classes
            )
            return own or node.attr not in _OWN[kind.type] or node.attr in _GIVEN[kind.type]
        if kind.type == TIMER and node.attr == "finished":
            asked = self.facts.parent(path, node)
            called = isinstance(asked, ast.Attribute) and isinstance(self.facts.parent(path, asked), ast.Call)
            return called and isinstance(asked, ast.Attribute) and asked.attr in _OF_FINISHED
        return Family.attribute_is_known(self, kind, path, node, called)

    def examine_starts(self) -> None:
        """Threads that nobody starts here."""
        facts = self.facts
        started: set[str] = set()
        for kind in KINDS:
            for call in facts.calls_by_external.get(f"{kind}.start", ()):
                for value in facts.project.values(call.func):
                    if isinstance(value, ExternalMethod) and value.instance.site is not None:
                        started.add(object_node(value.instance.site))
        for node, info in self.classes.items():  # a subclass is started as its base, or through it
            if any(object_node(facts.project.classes[c].span) in started for c in self._related(info)):
                started.add(node)
        for node, (instance, _) in self.found.items():
            assert instance.site is not None
            if node not in started:
                self.keep([node], self.refuse(instance.site, "asyncify does not see where it is started"))

    def _related(self, info: ClassInfo) -> set[str]:
        classes = self.facts.project.classes
        return {c for c in info.mro if c in classes} | {c.name for c in classes.values() if info.name in c.mro}

    # --- what they run -----------------------------------------------------------------------------------------

    def jobs(self, node: str) -> Iterator[Finding]:
        """What the thread runs: it moves if that becomes asynchronous, and only then."""
        instance = self.found[node][0]
        assert instance.site is not None
        if node in self.classes:
            yield from self._class_jobs(node, self.classes[node])
            return
        call = self.facts.project.call_at(instance.site)
        if call is not None:
            yield from self._given_job(node, call, 1)

    def _given_job(self, node: str, call: CallSite, position: int) -> Iterator[Finding]:
        """The job that a call hands over."""
        given = next((span for name, span in call.keywords if name in ("target", "function")), None)
        if given is None and len(call.args) > position:
            given = call.args[position]
        jobs: set[str] = set()
        known = given is not None and not any(name is None for name, _ in call.keywords)
        for value in self.facts.project.values(given) if given is not None else ():
            match value:
                case Function(name) | BoundMethod(name, _):
                    jobs.add(function_node(name))
                case Partial():
                    assert given is not None
                    inner = run_by_partial(self.facts, value, given, call.span)
                    jobs |= inner
                    known = known and bool(inner)
                case External() | ExternalMethod():
                    assert given is not None
                    jobs.add(site_node(given))
                case Constant(None) if node in self.classes:
                    continue  # it runs nothing
                case _:
                    known = False
        if not known or (not jobs and node not in self.classes):
            reason = Reason("asyncify cannot tell what the thread runs", call.span)
            unknown = Refusal(UNKNOWN_JOB.code, call.span, reason.text, UNKNOWN_JOB.remedy, reason)
            self.keep([node], unknown)
            for site in sites_given(self.facts, given, call.span) if given is not None else ():
                yield Block(site, unknown, "threads")
            return
        assert given is not None
        yield Handles(given)
        yield Handles(call.span)
        yield from self._runs(node, jobs, call.span)

    def _class_jobs(self, node: str, info: ClassInfo) -> Iterator[Finding]:
        project = self.facts.project
        for name in sorted(self._related(info) - {info.name}):
            other = object_node(project.classes[name].span)
            if other in self.found:
                text = f"{name.rpartition('.')[2]} is related to it"
                yield Implication(node, other, text, info.span)
        for method in sorted(info.methods.keys() & {"run", "start", "join"}):
            function = project.functions.get(info.methods[method])
            if function is not None:
                yield Handles(function.span)
                if node in self.blocked and method != "run":
                    yield Jobs(node, (function_node(info.methods[method]),), self.blocked[node])
        if "run" in info.methods:
            yield from self._runs(node, {function_node(info.methods["run"])}, info.span)
        for call, position in () if self._runs_only_itself(info) else self._given_to(info):
            yield from self._given_job(node, call, position)
        for kind in KINDS:
            for call in self.facts.calls_by_external.get(f"{kind}.__init__", ()):
                if call.within == info.methods.get("__init__"):
                    yield Handles(call.span)

    def _runs_only_itself(self, info: ClassInfo) -> bool:
        """Whether nothing that such a thread is given ever runs: its ``run()`` takes the place of that which would."""
        if "run" not in info.methods or TIMER in info.external_bases or self._related(info) != {info.name}:
            return False
        handed_on = any(f"{kind}.run" in self.facts.calls_by_external for kind in KINDS)
        return not handed_on and not self.facts.spells(info.span.path, frozenset(["_target"]))

    def _given_to(self, info: ClassInfo) -> Iterator[tuple[CallSite, int]]:
        """The calls that say what threads of the class run, with the position of that argument."""
        facts = self.facts
        init = info.methods.get("__init__")
        for kind in KINDS:
            for call in facts.calls_by_external.get(kind, ()) if init is None else ():
                classes = {v.name for v in facts.project.values(call.func) if isinstance(v, Class)}
                if info.name in classes and _gives(call, 1):
                    yield call, 1
            for call in facts.calls_by_external.get(f"{kind}.__init__", ()):
                if init is None or call.within != init:
                    continue
                func = facts.node(call.func, ast.Attribute)
                position = 1 if func is not None and isinstance(func.value, ast.Call) else 2
                if self._passes_all_on(init, call, position):
                    yield from ((made, 1) for made in facts.project.callers(init) if _gives(made, 1))
                elif _gives(call, position):
                    yield call, position

    def _passes_all_on(self, init: str, call: CallSite, position: int) -> bool:
        """Whether ``super().__init__(*args, **kwargs)`` gets all that the class is made with."""
        info = self.facts.project.functions[init]
        node = self.facts.node(info.span, ast.FunctionDef)
        made = self.facts.node(call.span, ast.Call)
        if node is None or made is None or len(node.args.posonlyargs) + len(node.args.args) != 1:
            return False
        names = {argument.arg for argument in (node.args.vararg, node.args.kwarg) if argument is not None}
        given = made.args[position - 1 :]  # without the object
        passed = [part.value if isinstance(part, ast.Starred) else None for part in given]
        passed += [part.value if part.arg is None else None for part in made.keywords]
        return len(passed) == len(names) and all(isinstance(part, ast.Name) and part.id in names for part in passed)

    def _runs(self, node: str, jobs: set[str], span: Span) -> Iterator[Finding]:
        text = COMPUTES.title
        refusal = Refusal(COMPUTES.code, span, text, COMPUTES.remedy, Reason(text, span))
        for job in sorted(jobs):
            yield Implication(job, node, "it runs as a thread", span)
        yield Jobs(node, tuple(sorted(jobs)), refusal, may_stay=True)

    # --- what becomes of classes -------------------------------------------------------------------------------

    def construction(self, node: str, instance: Instance) -> Iterator[Claim]:
        """The call that makes a thread; classes have edits where they name their base."""
        if node not in self.classes:
            yield from Family.construction(self, node, instance)

    def class_edits(self) -> Iterator[Claim]:
        """The base of every class that derives from Thread, and ``threading.Thread.method(self)`` in it."""
        for path, node, names in self.facts.references(frozenset(KINDS)):
            parent = self.facts.parent(path, node)
            owner = self._class_around(path, node)
            if owner is None or len(names) != 1:
                continue
            if not isinstance(parent, ast.ClassDef) and not (
                isinstance(parent, ast.Attribute) and parent.attr in _UNBOUND
            ):
                continue
            span = self.facts.span(path, node)
            reason = Reason("the threads of this class become tasks", span)
            edits: list[Edit] = [
                ReplaceExpr(span, KINDS[next(iter(names))].becomes, reason),
                import_of(self.facts.file(path).source, "aio_support", span, reason),
                *orphaned_import(node, span, reason),
            ]
            within = self.facts.enclosing(path, node)
            yield Claim(
                "threads", span, within, Role.PART, Verdict.EXACT, reason.text, {"": tuple(edits)},
                needs_async=False, follows=(owner,),
            )  # fmt: skip

    def finished(self) -> Iterator[Claim]:
        """Claims on ``self.finished.wait()`` in classes of timers, and ``timer.finished.wait()``."""
        for call in self.facts.calls_by_external.get(f"{FINISHED}.wait", ()):
            func = self.facts.node(call.func, ast.Attribute)
            timer = func.value.value if func is not None and isinstance(func.value, ast.Attribute) else None
            owners = self.nodes_at(call.span.path, timer) if timer is not None else frozenset()
            around = self._class_around(call.span.path, func) if func is not None else None
            owners |= frozenset() if around is None else {around}
            if not owners:
                self.keep(self.classes, self.refuse(call.span, "asyncify cannot tell whose event this is"))
                continue
            reason = Reason("wait() waits for the time to come", call.span)
            edits = {"": (Await(call.span, reason),)}
            yield Claim(
                "threads",
                call.span,
                call.within,
                Role.PART,
                Verdict.EXACT,
                reason.text,
                edits,
                follows=tuple(sorted(owners)),
            )

    def _class_around(self, path: str, node: ast.AST) -> str | None:
        for parent in self.facts.parents(path, node):
            if isinstance(parent, ast.ClassDef):
                found = object_node(self.facts.span(path, parent))
                return found if found in self.classes else None
        return None


def _gives(call: CallSite, position: int) -> bool:
    """Whether the call that makes a thread says what it runs."""
    return (
        call.has_star or len(call.args) > position or any(k in (None, "target", "function") for k, _ in call.keywords)
    )


def _old_names(family: Threads) -> Iterator[Finding]:
    """``t.setDaemon(True)`` as a statement becomes ``t.daemon = True``, and ``t.getName()`` ``t.name``."""
    facts = family.facts
    for kind in KINDS:
        for name, template in _OLD_READS.items():
            for call in facts.calls_by_external.get(f"{kind}.{name}", ()):
                func = facts.node(call.func, ast.Attribute)
                nodes = family.receivers(call, name)
                if func is None or not nodes or call.args or call.keywords:
                    continue
                reason = Reason(f"{name}() is an attribute now", call.span)
                read = ReplaceExpr(call.span, template, reason, {"t": facts.span(call.span.path, func.value)})
                claim = _part(call, reason, (read,))
                yield replace(claim, follows=tuple(sorted(nodes)))
        for name, template in _OLD_NAMES.items():
            for call in facts.calls_by_external.get(f"{kind}.{name}", ()):
                node = facts.node(call.span, ast.Call)
                func = facts.node(call.func, ast.Attribute)
                nodes = family.receivers(call, name)
                if node is None or func is None or not nodes:
                    continue
                statement = facts.parent(call.span.path, node)
                if not isinstance(statement, ast.Expr) or len(node.args) != 1 or node.keywords:
                    family.keep(nodes, family.refuse(call.span, f".{name}() is used as a value"))
                    continue
                reason = Reason(f"{name}() is an attribute now", call.span)
                holes = {
                    "t": facts.span(call.span.path, func.value),
                    "value": facts.span(call.span.path, node.args[0]),
                }
                edit = ReplaceStatement(facts.span(call.span.path, statement), template, reason, holes)
                yield replace(_part(call, reason, (edit,)), follows=tuple(sorted(nodes)))


def _part(call: CallSite, reason: Reason, edits: tuple[Edit, ...]) -> Claim:
    return Claim(
        "threads", call.span, call.within, Role.PART, Verdict.EXACT, reason.text, {"": edits}, needs_async=False
    )


def _signatures() -> Iterator[tuple[str, Signature]]:
    given = (Invoke("arg:target | arg1", ("*arg:args | arg3", "**arg:kwargs | arg4")),)
    kept = (("slot0", "arg:target | arg1"), ("slot1", "arg:args | arg3"), ("slot2", "arg:kwargs | arg4"))
    later = (Invoke("arg:function | arg1", ("*arg:args | arg2", "**arg:kwargs | arg3")),)
    kept_later = (("slot0", "arg:function | arg1"), ("slot1", "arg:args | arg2"), ("slot2", "arg:kwargs | arg3"))
    yield THREAD, Signature(returns=THREAD, invokes=given)
    yield TIMER, Signature(returns=TIMER, invokes=later)
    yield f"{THREAD}.__init__", Signature(returns="None", invokes=given, stores=kept)
    yield f"{TIMER}.__init__", Signature(returns="None", invokes=later, stores=kept_later)
    yield f"{FINISHED}.wait", Signature(returns="bool")
    yield f"{FINISHED}.is_set", Signature(returns="bool")
    yield f"{FINISHED}.set", Signature(returns="None")
    for kind in KINDS.values():
        for method in (kind.waits | kind.plain) - {"name", "daemon"}:
            returns = {"is_alive": "bool", "isDaemon": "bool", "getName": "str"}.get(method, "None")
            yield f"{kind.type}.{method}", Signature(returns=returns)


RULE = Rule(
    id="threads",
    title="threading.Thread → a task",
    doc=__doc__,
    catalogue=Catalogue(
        signatures=dict(_signatures()),
        attributes={f"{kind}.{name}": type_ for kind in KINDS for name, type_ in (("name", "str"), ("daemon", "bool"))}
        | {f"{THREAD}.{name}": f"slot{n}" for n, name in enumerate(("_target", "_args", "_kwargs"))}
        | {f"{TIMER}.{name}": f"slot{n}" for n, name in enumerate(("function", "args", "kwargs"))}
        | {f"{TIMER}.interval": "float", f"{TIMER}.finished": FINISHED},
        aliases={
            "threading._Timer": TIMER,
            "multiprocessing.dummy.Process": THREAD,
            "multiprocessing.dummy.DummyProcess": THREAD,
        },
        modules=frozenset({"threading"}),
    ),
    starts={},
    match=match,
    refusals=(THREAD_ESCAPES, COMPUTES, BLOCKS_BESIDE, BUSY_WAIT),
)
