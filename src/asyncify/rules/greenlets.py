"""Programs with greenlets: everything that a library of greenlets gives moves, or nothing of it.

Greenlets, and threads that were made greenlets by monkey patches, run on one event loop of their own library. Half of a
program on that loop and half on asyncio's would stop each other. So there is one node for all of it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from asyncify.graph import Implication
from asyncify.index.project import CallSite
from asyncify.index.values import BoundMethod, Class, External, ExternalMethod, Function, Instance, Partial
from asyncify.model import AddImport, Await, Edit, Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules.base import (
    Block,
    Claim,
    Finding,
    Handles,
    Jobs,
    OnLoop,
    Role,
    function_node,
    site_node,
)
from asyncify.rules.blocking import waits
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import
from asyncify.rules.greenlet_names import ESCAPES, Library, Starter
from asyncify.rules.handed_jobs import run_by_partial
from asyncify.rules.iteration import EAGER, consumption
from asyncify.rules.objects import Family, Kind
from asyncify.rules.requests_names import SESSIONS
from asyncify.rules.support import import_of
from asyncify.rules.thread_pool_futures import results
from asyncify.rules.thread_pool_jobs import on_the_loop
from asyncify.rules.thread_pool_names import UNKNOWN_JOB, PoolKind


def program_node(library: Library) -> str:
    """The node of all greenlets of the project."""
    return f"greenlets:{library.module}"


@dataclass(slots=True)
class Greenlets(Family):
    """The objects of one library of greenlets, its functions, and what they run."""

    library: Library = field(kw_only=True)
    _pool: PoolKind = field(init=False)

    def __post_init__(self) -> None:
        Family.__post_init__(self)
        none: frozenset[str] = frozenset()
        self._pool = PoolKind(self.rule, "", "", none, none, none, none, "", "", (), none)

    @property
    def program(self) -> str:
        """The node that everything hangs on."""
        return program_node(self.library)

    def block(self, span: Span, text: str) -> Block:
        """Nothing of the library moves, for this reason."""
        return Block(self.program, self.refuse(span, text), self.rule)

    # --- what keeps them ---------------------------------------------------------------------------------------

    def made_as_known(self, node: str, instance: Instance) -> str | None:
        """Why the way in which an object is made keeps it, if it does."""
        call = self.facts.project.call_at(instance.site) if instance.site is not None else None
        makers = {instance.type, *(name for name, made in self.library.makers.items() if made == instance.type)}
        return (
            None
            if call is not None and not call.targets and call.externals <= makers
            else "it is made in an unknown way"
        )

    def _escape(self, path: str, place: ast.expr, kind: Kind) -> Refusal | None:
        parent = self.facts.parent(path, place)
        if kind.type in self.library.iterable and self._is_read(path, place):
            return None
        if isinstance(parent, ast.Compare) or (isinstance(parent, ast.BoolOp) and not isinstance(place, ast.Call)):
            return None
        return Family._escape(self, path, place, kind)

    def _is_read(self, path: str, place: ast.expr) -> bool:
        """Whether the items of an object are read here, by a loop or a builtin."""
        parent = self.facts.parent(path, place)
        if isinstance(parent, ast.Call) and place in parent.args:
            call = self.facts.project.call_at(self.facts.span(path, parent))
            return call is not None and bool(call.externals) and call.externals <= EAGER - {"builtins.len"}
        return isinstance(parent, (ast.For, ast.comprehension)) and parent.iter is place

    def _class_as_value(self) -> None:
        """Names of the library are looked at one by one: :meth:`names`."""

    # --- what becomes of them ----------------------------------------------------------------------------------

    def all_findings(self) -> Iterator[Finding]:
        """Everything that follows from the use of the library."""
        self.examine()
        yield from self.names()
        yield from self.waits()
        yield from self.entries()
        yield from self.iterated()
        yield from self.jobs()
        for name, info in self.facts.project.classes.items():
            foreign = [base for base in info.external_bases if base.startswith(f"{self.library.module}.")]
            if foreign:
                yield self.block(info.span, f"{name.rpartition('.')[2]} derives from {foreign[0]}")
        for node, refusal in self.blocked.items():
            yield Block(node, refusal, self.rule)
        for node, (instance, _) in self.found.items():
            assert instance.site is not None
            yield Implication(node, self.program, "it belongs to the program's greenlets", instance.site)
            yield Implication(self.program, node, "it belongs to the program's greenlets", instance.site)

    def names(self) -> Iterator[Finding]:
        """Every place that names something of the library."""
        prefix = f"{self.library.module}."
        known = self.library.names
        every = frozenset(n for n in self.facts.external_names if n.startswith(prefix) or n == self.library.module)
        every = frozenset(n for n in every if n.partition(".__name__")[0] not in self.kinds or n in self.kinds)
        for path, node, names in self.facts.references(every):
            parent = self.facts.parent(path, node)
            if isinstance(parent, ast.Attribute) and parent.value is node and names & known.keys() == set():
                continue  # a module: what is read of it is looked at instead
            span = self.facts.span(path, node)
            name = min(names)
            if name in self.library.patches or (isinstance(parent, ast.Attribute) and self._is_part(path, parent)):
                continue
            if len(names) > 1 or len(self.facts.values(path, node)) > 1 or name not in known:
                yield self.block(span, f"{name} has no counterpart")
            elif self._is_function(name) and not self._is_called(path, node, name):
                yield self.block(span, f"{name} is used as a value")
            else:
                yield self._renamed(path, node, span, known[name])

    def _is_part(self, path: str, attribute: ast.Attribute) -> bool:
        """Whether an attribute of a class is one that the library's table names itself: ``Greenlet.spawn``."""
        return any(isinstance(v, External) and v.name in self.library.names for v in self.facts.values(path, attribute))

    def _is_function(self, name: str) -> bool:
        return name in self.library.functions or name in self.library.starters or name in self.library.sleeps

    def _is_called(self, path: str, node: ast.expr, name: str) -> bool:
        parent = self.facts.parent(path, node)
        if not isinstance(parent, ast.Call):
            return name in self.library.kinds  # a class, in an annotation
        return parent.func is node or (name in self.library.sleeps and self._started_by(path, parent) is not None)

    def _started_by(self, path: str, call_node: ast.Call) -> Starter | None:
        call = self.facts.project.call_at(self.facts.span(path, call_node))
        names = call.externals if call is not None else frozenset()
        return self.library.starters.get(min(names)) if len(names) == 1 else None

    def _renamed(self, path: str, node: ast.expr, span: Span, new: str) -> Claim:
        reason = Reason(f"greenlets of {self.library.module} become tasks", span)
        module = new.rpartition(".")[0].partition(".")[0]
        source = self.facts.file(path).source
        imported = (
            import_of(source, module, span, reason) if module.startswith("aio_") else AddImport(span, reason, module)
        )
        edits: tuple[Edit, ...] = (ReplaceExpr(span, new, reason), imported, *orphaned_import(node, span, reason))
        within = self.facts.enclosing(path, node)
        return Claim(
            self.rule, span, within, Role.PART, Verdict.EXACT, reason.text, {"": edits},
            needs_async=False, follows=(self.program,), variant="name",
            runner="aio_support.run_greenlets" if module == "aio_support" else "",
        )  # fmt: skip

    def waits(self) -> Iterator[Finding]:
        """Calls that let other greenlets run until something has happened."""
        for name in sorted(self.library.functions | self.library.sleeps):
            for call in self.facts.calls_by_external.get(name, ()):
                yield from self._waiting(call, name)
        for kind in self.kinds.values():
            for method in sorted(kind.waits):
                for call in self.facts.calls_by_external.get(f"{kind.type}.{method}", ()):
                    if not self.receivers(call, method):
                        yield self.block(call.span, f"asyncify cannot tell what .{method}() is called on")
                    yield from self._waiting(call, f"{kind.type}.{method}")

    def _waiting(self, call: CallSite, name: str) -> Iterator[Finding]:
        if call.externals != {name} or call.targets:
            yield self.block(call.span, f"this may be {name} or something else")
            return
        sleeps = name in self.library.sleeps
        if sleeps and (call.keywords or len(call.args) > 1):
            yield self.block(call.span, f"{name}() is called with keywords")
            return
        if name.endswith(".wait") and name in self.library.functions and not self._waits_for_objects(call):
            yield self.block(call.span, f"{name}() waits for everything")
            return
        short = name.rpartition(".")[2]
        reason = Reason(f"{short}() lets others run", call.span)
        edits: tuple[Edit, ...] = (Await(call.span, reason),)
        if sleeps and not call.args:
            edits = (ReplaceExpr(call.span, "asyncio.sleep(0)", reason), *edits)
        yield Claim(
            self.rule, call.span, call.within, Role.ROOT if sleeps else Role.PART, Verdict.EXACT, reason.text,
            {"": edits}, follows=(self.program,), leads=(self.program,),
        )  # fmt: skip
        yield self._would_stop(call.within, short, call.span)

    def _waits_for_objects(self, call: CallSite) -> bool:
        given = call.args[0] if call.args else next((s for n, s in call.keywords if n == "objects"), None)
        node = self.facts.node(given, ast.expr) if given is not None else None
        return node is not None and not (isinstance(node, ast.Constant) and node.value is None)

    def entries(self) -> Iterator[Finding]:
        """``with lock:`` is ``async with``; that of a timeout stays as it is."""
        for finding in Family.entries(self):
            node = self.facts.node(finding.span, ast.With) if isinstance(finding, Claim) else None
            types = {
                value.type
                for item in (node.items if node is not None else ())
                for value in self.facts.values(finding.span.path, item.context_expr)  # type: ignore[union-attr]
                if isinstance(value, Instance)
            }
            if not types & self.library.plain_with:
                yield finding
            elif not types <= self.library.plain_with:
                yield self.block(finding.span, "one `with` statement enters a timeout and a lock")  # type: ignore[union-attr]

    def iterated(self) -> Iterator[Finding]:
        """Loops over results, and over queues."""
        nodes = {self.program}
        found = self.facts.instances
        alike = {i.site for i in found if i.type in self.library.iterators and i.site is not None}
        for instance, places in found.items():
            if instance.type in self.library.iterators:
                yield from results(self.facts, self._pool, places, nodes, alike)
            elif instance.type in self.library.iterable:
                for path, place in places:
                    if self._is_read(path, place):
                        yield from self._loop(path, place)

    def _loop(self, path: str, place: ast.expr) -> Iterator[Finding]:
        span = self.facts.span(path, place)
        reason = Reason("the loop waits for the next item", span)
        use = consumption(self.facts, path, place, reason)
        if use.impossible is not None:
            yield self.block(span, use.impossible)
            return
        within = self.facts.enclosing(path, place)
        yield Claim(
            self.rule, span, within, Role.PART, Verdict.EXACT, reason.text, {"": use.edits},
            follows=(self.program,), leads=(self.program,), variant="loop",
        )  # fmt: skip
        yield self._would_stop(within, "the loop", span)

    def _would_stop(self, within: str, what: str, span: Span) -> Implication:
        """A coroutine that waits for greenlets would stop the event loop, so they move with it."""
        return Implication(function_node(within), self.program, f"{what} would stop the event loop", span)

    # --- what they run -----------------------------------------------------------------------------------------

    def jobs(self) -> Iterator[Finding]:
        """What greenlets run, and where they are started."""
        for name, starter in sorted(self.library.starters.items(), key=lambda each: each[0]):
            for call in self.facts.calls_by_external.get(name, ()):
                if call.externals != {name} or call.targets:
                    yield self.block(call.span, f"this may be {name} or something else")
                    continue
                yield from self._job(call, starter)
                if starter.goes_on:
                    yield from self._starts(call)
        for name in sorted(self.library.current):
            for call in self.facts.calls_by_external.get(name, ()):
                yield from on_the_loop(self.facts, self._pool, call, {self.program})

    def _starts(self, call: CallSite) -> Iterator[Finding]:
        text = "it starts a greenlet"
        yield Claim(
            self.rule, call.span, call.within, Role.PART, Verdict.EXACT, text, {"": ()},
            needs_async=False, follows=(self.program,), leads=(self.program,), concurrent=True, detached=True,
            variant="start", runner="aio_support.run_greenlets",
        )  # fmt: skip
        yield from on_the_loop(self.facts, self._pool, call, {self.program})

    def _job(self, call: CallSite, starter: Starter) -> Iterator[Finding]:
        yield Handles(call.span)
        if starter.job is not None:
            given = call.args[starter.job] if len(call.args) > starter.job else None
            if given is None or any(name is None for name, _ in call.keywords):
                yield Block(self.program, self._unknown(call.span), self.rule)
                return
            yield from self._runs(call, given, starter.on_loop)
        for position, keyword in starter.callbacks:
            spans = [span for name, span in call.keywords if name == keyword]
            spans += call.args[position : position + 1] if position is not None else ()
            for span in spans:
                yield from self._runs(call, span, on_loop=False)

    def _unknown(self, span: Span) -> Refusal:
        text = "asyncify cannot tell what the greenlet runs"
        return Refusal(UNKNOWN_JOB.code, span, text, UNKNOWN_JOB.remedy, Reason(text, span))

    def _runs(self, call: CallSite, given: Span, on_loop: bool) -> Iterator[Finding]:
        """One function that a greenlet runs."""
        yield Handles(given)
        facts = self.facts
        nodes: set[str] = set()
        values = facts.project.values(given)
        known = bool(values)
        for value in values:
            match value:
                case Function(name) | BoundMethod(name, _):
                    nodes.add(function_node(name))
                case Partial():
                    inner = run_by_partial(facts, value, given, call.span)
                    nodes |= inner
                    known = known and bool(inner)
                case External(name):
                    if name not in self.library.sleeps and waits(name):
                        nodes.add(site_node(given))
                    known = known and not (waits(name) and not name.startswith("requests."))
                case ExternalMethod():
                    known = known and value.full_name not in self._awaited_methods()
                    if value.instance.type in SESSIONS:
                        nodes.add(site_node(given))
                case Instance(type=name) | Class(name=name):
                    known = known and name in self.kinds
                case _:
                    known = False
        if not known:
            yield Block(self.program, self._unknown(call.span), self.rule)
        refusal = self.refuse(call.span, "what the greenlet runs waits, and cannot be awaited")
        for node in sorted(nodes):
            name = node.removeprefix("function:")
            if on_loop and node != name:
                yield Block(node, self.refuse(call.span, "the event loop calls it and cannot await it"), self.rule)
            else:
                yield Implication(node, self.program, "it runs in a greenlet", call.span)
            if node != name:
                yield OnLoop(self.program, name, refusal)
        if nodes and not on_loop:
            yield Jobs(self.program, tuple(sorted(nodes)), refusal, may_stay=True, each_alone=True)

    def _awaited_methods(self) -> frozenset[str]:
        return frozenset(f"{kind.type}.{method}" for kind in self.kinds.values() for method in kind.waits)


def greenlets_of(facts: Facts, library: Library) -> Greenlets | None:
    """The greenlets of the project, or None where it does not use the library."""
    prefix = f"{library.module}."
    used = any(name == library.module or name.startswith(prefix) for name in facts.external_names)
    used = used or any(
        base.startswith(prefix) for info in facts.project.classes.values() for base in info.external_bases
    )
    if not used:
        return None
    return Greenlets(facts, library.rule, library.kinds, ESCAPES, library.takes, library=library)
