"""The part of the fixpoint about functions that keep a synchronous form, and calls of what blocks."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from asyncify.colour.faces import NO_SECOND_FORM, Faces
from asyncify.colour.lambdas import unnamed
from asyncify.colour.pins import refusal
from asyncify.colour.structure import NO_AWAIT_HERE, CallPlan, await_place
from asyncify.graph import Implication, Implications
from asyncify.index.project import CallSite, ImplicitCall, Kind
from asyncify.model import Reason, Refusal, Span
from asyncify.rules.base import Claim, function_node
from asyncify.rules.facts import Facts
from asyncify.rules.once import once
from asyncify.rules.thread_bound import is_bound


class Splitting:
    """Where the colours meet."""

    facts: Facts
    faces: Faces
    claims: list[Claim]
    _settled: dict[Span, Claim]  # those on calls that run right whatever they call
    plans: dict[str, CallPlan]
    pins: dict[str, Refusal]
    bridges: dict[Span, CallSite]
    reads: dict[Span, ImplicitCall]  # of properties that wait, in functions that become asynchronous: each in a thread
    readable: dict[ImplicitCall, bool]

    def _runs_on_loop(self, function: str, holds: Mapping[str, Reason]) -> bool:
        info = self.facts.project.functions.get(function)
        return function_node(function) in holds or (info is not None and info.is_async)

    def _outlived(self, graph: Implications, holds: Mapping[str, Reason]) -> bool:
        """Functions of which one form would end the loop while a pool or a task still works: they have only one."""
        changed = False
        lasting = {claim.node for claim in self.claims if (claim.lingers or claim.detached) and claim.node in holds}
        for component in graph.components(holds) if lasting and self.faces.of else ():
            if not component & lasting:
                continue
            for name, face in self.faces.of.items():
                if self._has_face(name, holds) and function_node(name) in component and not face.program:
                    text = "What is started below it goes on after it has returned."
                    span = self.facts.project.functions[name].span
                    self.pins[function_node(name)] = refusal(NO_SECOND_FORM, span, text, face.reason)
                    changed = True
        return changed

    def _awaits_some(self, call: CallSite, holds: Mapping[str, Reason]) -> bool:
        """Whether some target of the call became asynchronous, so that it cannot run in a thread."""
        return any(function_node(t) in holds and not self._has_face(t, holds) for t in call.targets)

    def _runs_anything(self, call: CallSite, holds: Mapping[str, Reason]) -> bool:
        """Whether the call is made so that whatever it runs does not block the event loop."""
        return call.span in self._settled and self._settled[call.span].node in holds

    def _pin(self, node: str, found: Refusal) -> bool:
        """Let the node stay synchronous; False where that is nothing new, or where it is a coroutine function already."""
        if node in self.pins or self._already_async(node):
            return False
        self.pins[node] = found
        return True

    def _already_async(self, node: str) -> bool:
        info = self.facts.project.functions.get(node.removeprefix("function:"))
        return info is not None and info.is_async

    def _in_cell(self, function: str) -> bool:
        """Whether it is the top level of a notebook."""
        info = self.facts.project.functions.get(function)
        return info is not None and info.is_async and info.kind is Kind.MODULE

    def _has_face(self, name: str, holds: Mapping[str, Reason]) -> bool:
        node = function_node(name)
        return name in self.faces.of and node in holds and node not in self.pins

    def _joining(self, holds: Mapping[str, Reason]) -> Iterator[str]:
        """Calls of the coroutine behind a face: in asynchronous functions, although colour need not flow there."""
        for node, plan in self.plans.items():
            on_loop = plan.faced and not plan.flows and self._runs_on_loop(plan.call.within, holds)
            if on_loop and self._calls_coroutine(plan, holds):
                yield node

    def _calls_coroutine(self, plan: CallPlan, holds: Mapping[str, Reason]) -> bool:
        return plan.refusal is None and all(self._has_face(name, holds) for name in plan.call.targets)

    def _joins(self, node: str, holds: Mapping[str, Reason]) -> Iterator[Implication]:
        """Two steps by which such a call is in one group with both functions."""
        plan = self.plans[node]
        name = sorted(plan.call.targets)[0]
        short = plan.call.within.rpartition(".")[2]
        yield Implication(function_node(name), node, f"it calls {name.rpartition('.')[2]}()", plan.call.span)
        yield Implication(node, function_node(plan.call.within), f"{short}() must await it", plan.call.span)

    def _unmet_faces(self, holds: Mapping[str, Reason]) -> Iterator[CallPlan]:
        """Calls of the synchronous form in functions that become asynchronous: they would block the event loop."""
        for plan in self.plans.values():
            caller = function_node(plan.call.within)
            if plan.faced and caller in holds and caller not in self.pins and plan.call.span not in self.bridges:
                faced = any(self._has_face(name, holds) for name in plan.call.targets)
                if faced and not self._calls_coroutine(plan, holds):
                    yield plan

    def _bridge(self, call: CallSite, name: str, waits: Span, holds: Mapping[str, Reason]) -> bool:
        """Move the call to a thread, or let its function stay synchronous; False where nothing changes.

        A coroutine function of the project that blocks where no thread can help blocked there before.
        """
        node = self.facts.node(call.span, ast.Call)
        place = await_place(self.facts, call.span.path, node) if node is not None else None
        generator = any(self.facts.project.functions[t].is_generator for t in call.targets)
        caller = self.facts.project.functions[call.within]
        if (
            place is None
            or place.refusal is not None
            or place.edits
            or place.locks
            or generator
            or not (
                caller.kind is Kind.FUNCTION or (caller.kind is Kind.LAMBDA and unnamed(self.facts, caller) is None)
            )
            or call.externals
            or self._awaits_some(call, holds)
            or is_bound(self.facts, call.targets)
        ):
            text = f"{name}() waits (at {waits}) and cannot be awaited or moved to a thread here"
            found = refusal(NO_AWAIT_HERE, call.span, text)
            changed = self._pin(function_node(call.within), found)
            if (
                self._awaits_some(call, holds) and caller.is_async
            ):  # one await for what gives a coroutine and what blocks
                for target in call.targets:
                    changed |= self._pin(function_node(target), found)
            return self.bridges.pop(call.span, None) is not None or changed
        self.bridges[call.span] = call
        return True

    def _read_in_thread(self, implicit: ImplicitCall) -> bool:
        """Whether what the language runs here is a property that can be read in a thread, awaited where it is read."""
        found = self.readable.get(implicit)
        if found is None:
            found = self.readable[implicit] = implicit.kind == "property" and self._may_be_read_apart(implicit)
        return found

    def _reads_that_count(self, holds: Mapping[str, Reason]) -> dict[Span, ImplicitCall]:
        """Those in functions that are asynchronous in the end."""
        nodes = {span: function_node(implicit.within) for span, implicit in self.reads.items()}
        return {s: self.reads[s] for s, node in nodes.items() if node in holds and node not in self.pins}

    def _awaits_besides(self, function: str, holds: Mapping[str, Reason]) -> bool:
        """Whether a function that reads such properties has more to await: else it goes through a thread as a whole."""
        if self.facts.project.functions[function].is_generator or function_node(function) in holds:
            return True
        called = any(
            node in holds and not plan.lazy for node, plan in self.plans.items() if plan.call.within == function
        )
        return called or any(c.needs_async and c.node in holds for c in self.claims if c.within == function)

    def _may_be_read_apart(self, implicit: ImplicitCall) -> bool:
        facts, path = self.facts, implicit.span.path
        node = facts.node(implicit.span, ast.Attribute)
        caller = facts.project.functions.get(implicit.within)
        target = facts.project.functions.get(implicit.target)
        if node is None or not isinstance(node.ctx, ast.Load) or caller is None or target is None:
            return False
        if node.attr.startswith("__"):
            return False  # in a class, its name is another one than `getattr` would be given
        if caller.kind is not Kind.FUNCTION or target.is_generator or is_bound(facts, [target.name]):
            return False
        if any(isinstance(parent, ast.JoinedStr) for parent in facts.ancestors_in_function(path, node)):
            return False  # no quotes in quotes before Python 3.12
        place = await_place(facts, path, node)
        return place.refusal is None and not place.locks


@once
def callers_of(facts: Facts) -> Mapping[str, list[CallSite | ImplicitCall]]:
    """By function the calls of it that are known, also those that the language makes where they stand."""
    out: dict[str, list[CallSite | ImplicitCall]] = {}
    for call in facts.project.calls:
        for target in call.targets:
            out.setdefault(target, []).append(call)
    for implicit in facts.implicit_calls:
        if called_here(implicit):
            out.setdefault(implicit.target, []).append(implicit)
    return out


def called_here(implicit: ImplicitCall) -> bool:
    """Whether it runs in the function that it stands in. Other callbacks may be called from anywhere."""
    at_once = ("builtins.", "functools.reduce", "itertools.", "re.", "json.", "heapq.", "bisect.")
    return implicit.kind != "callback" or (implicit.external or "").startswith(at_once)
