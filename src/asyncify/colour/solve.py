"""The fixpoint: from the sites that should move, all that must become asynchronous; conflicts settled by refusals.

Monotone and therefore finite: every round either ends, or disables a site, adds a pin, adds an implication or adds a
bridge, none of which is ever taken back.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from asyncify.colour.awaited import is_another
from asyncify.colour.colouring import Colouring
from asyncify.colour.conflicts import given_up_by, jobs_left, kept_jobs, why
from asyncify.colour.faces import Faces
from asyncify.colour.hidden import Hidden
from asyncify.colour.lambdas import awaits_inside, unnamed, unnamed_lambdas
from asyncify.colour.on_loops import ON_A_LOOP, met_on_loops
from asyncify.colour.pins import KEPT, LAMBDA, MAYBE_CALLED, NAME_TAKEN, PROPERTY, TOO_MANY_VALUES, refusal
from asyncify.colour.split import Splitting, called_here, callers_of
from asyncify.colour.structure import (
    LOCKED,
    NO_AWAIT_HERE,
    CallPlan,
    await_place,
    call_implications,
    call_node,
    family_implications,
    hands_result_on,
)
from asyncify.graph import Implication, Implications
from asyncify.index.project import CallSite, ImplicitCall, Kind
from asyncify.model import Reason, Refusal, Span, Verdict
from asyncify.rules.base import (
    Block,
    Claim,
    Finding,
    Handles,
    Jobs,
    OnLoop,
    RefusalCode,
    Role,
    function_node,
    handing_on,
)
from asyncify.rules.facts import Facts
from asyncify.rules.forks import FORKS
from asyncify.rules.signals import SIGNAL

# Rules of pools: who waits for one that stays blocks.
POOLS = frozenset({"thread_pool", "multiprocessing_pool", "futures_session", "thread_map", "gevent", "eventlet"})
# Functions with these pins are not touched at all, or run when no event loop can be started.
NEVER_BRIDGED = frozenset(code.code for code in (KEPT, LOCKED, NAME_TAKEN, SIGNAL, FORKS, ON_A_LOOP))

STAYS_SYNC = RefusalCode(
    "stays-sync",
    "Something else in the same function must stay synchronous.",
    "See the reason; once that is gone, this moves too.",
)


class Solver(Splitting):
    """One run of the fixpoint."""

    def __init__(
        self,
        facts: Facts,
        findings: Sequence[Finding],
        plans: list[CallPlan],
        pins: list[tuple[str, Refusal]],
        faces: Faces,
        kept: Mapping[str, frozenset[int]],
    ) -> None:
        self.facts = facts
        self.findings = findings
        self.claims = [f for f in findings if isinstance(f, Claim)]
        self.blocks = [f for f in findings if isinstance(f, Block)]
        self.jobs = [f for f in findings if isinstance(f, Jobs)]
        self.on_loop = [f for f in findings if isinstance(f, OnLoop)]
        self.handled = frozenset(f.span for f in findings if isinstance(f, Handles))
        self.plans = {call_node(plan.call.span): plan for plan in plans}
        self.faces = faces
        self.pins: dict[str, Refusal] = {}
        self.disabled: dict[str, Refusal] = {}
        self.bridges: dict[Span, CallSite] = {}
        self.reads: dict[Span, ImplicitCall] = {}
        self.readable: dict[ImplicitCall, bool] = {}
        self.illegal: dict[str, Refusal] = {}  # calls and sites where no await may stand
        self._settled = {claim.span: claim for claim in self.claims if claim.settles}
        self._awaiting: dict[str, list[Claim]] = defaultdict(list)
        self._hidden = Hidden(facts)
        self.implications: list[Implication] = [f for f in findings if isinstance(f, Implication)]
        self.implications += call_implications(plans, facts)
        self.implications += family_implications(facts)
        self._claims_by_function: dict[str, list[Claim]] = defaultdict(list)
        self._preferred: set[tuple[str, str]] = set()  # implications that only hold while their conclusion may
        self._given_up: set[str] = set()  # objects that stay although one of those leads to them
        self._on_loop_already: set[tuple[str, str]] = (
            set()
        )  # what coroutine functions of the project call, which blocks
        self._starting: frozenset[str] = frozenset()  # functions that start what goes on beside them
        for node, found in pins:
            if self._already_async(node) and found.code not in NEVER_BRIDGED:
                continue  # whoever calls it has a coroutine already
            self.pins.setdefault(node, found)
            if found.code != PROPERTY.code:  # an attribute can be anything, and its readers are known
                self.pins.setdefault(handing_on(node.removeprefix("function:")), found)
        for claim in self.claims:
            if kept.get(claim.span.path, frozenset()) & set(range(claim.span.line, claim.span.end_line + 1)):
                self.pins[claim.node] = refusal(KEPT, claim.span)
                if claim.role is not Role.PART and claim.needs_async:
                    text = f"{claim.text}, and a comment keeps it"
                    self._pin(function_node(claim.within), refusal(STAYS_SYNC, claim.span, text))
        self._add_claims()
        self._add_blocks()
        for node, follows in unnamed_lambdas(facts, self.claims):
            if isinstance(follows, Implication):
                self.implications.append(follows)
            else:
                self.pins.setdefault(node, follows)
        for node, plan in self.plans.items():
            if plan.refusal is not None:
                self.illegal[node] = plan.refusal
            if plan.call.span in self._settled:
                claim = self._settled[plan.call.span]
                self.implications.append(Implication(node, claim.node, claim.text, claim.span))

    def _add_claims(self) -> None:
        for claim in self.claims:
            self._claims_by_function[claim.within].append(claim)
            if claim.optional:
                continue
            add = self.implications.append
            for node in claim.follows:
                add(Implication(node, claim.node, claim.text, claim.span))
            for node in claim.leads:
                add(Implication(claim.node, node, claim.text, claim.span))
                if claim.if_possible:
                    self._preferred.add((claim.node, node))
            if claim.needs_async:
                short = claim.within.rpartition(".")[2]
                add(Implication(claim.node, function_node(claim.within), f"{short}() must await it", claim.span))
                self._awaiting[claim.node].append(claim)
                self._place(claim)
            if claim.role is Role.FOLLOWER:
                short = claim.within.rpartition(".")[2]
                add(Implication(function_node(claim.within), claim.node, f"{short}() would block", claim.span))

    def _place(self, claim: Claim) -> None:
        """Where no await may stand, the function around must stay synchronous."""
        node = self.facts.node(claim.span, ast.AST)
        if node is None:
            self.pins.setdefault(claim.node, refusal(NO_AWAIT_HERE, claim.span))
            return
        if hands_result_on(self.facts, claim.span.path, node) and not awaits_inside(claim.edits[""]):
            return
        if claim.only_runs:
            return
        info = self.facts.project.functions.get(claim.within)
        why = unnamed(self.facts, info) if info is not None and info.kind is Kind.LAMBDA else None
        if why is not None:
            self.illegal[claim.node] = refusal(LAMBDA, claim.span, why)
            return
        place = await_place(self.facts, claim.span.path, node)
        if place.refusal is not None:
            self.illegal[claim.node] = place.refusal
        for lock in place.locks:
            text = "it is awaited while this lock is held"
            self.implications.append(Implication(claim.node, lock, text, claim.span))

    def _add_blocks(self) -> None:
        for block in self.blocks:
            self.pins.setdefault(block.node, block.refusal)
            if block.blocks_loop and block.within is not None:
                reason = Reason(
                    "it stays here and would block the event loop", block.refusal.span, block.refusal.reason
                )
                found = Refusal(
                    block.refusal.code, block.refusal.span, block.refusal.message, block.refusal.remedy, reason
                )
                self._pin(function_node(block.within), found)

    # --- the fixpoint ------------------------------------------------------------------------------------------

    def solve(self) -> Colouring:
        """Run to the end."""
        while True:
            graph = Implications(i for i in self.implications if not self._is_cut(i))
            roots = self._roots(graph)
            holds = graph.closure(roots)
            if not (
                self._starts_more(holds)
                or self._misplaced(holds)
                or self._conflicts(graph, holds, roots)
                or self._outlived(graph, holds)
                or self._mixed_jobs(holds)
                or self._blocking(graph, holds)
                or self._run_on_loops(holds)
                or self._pointless(graph, holds, roots)
            ):
                break
        faced = {name: face for name, face in self.faces.of.items() if self._has_face(name, holds)}
        joined = [step for node in sorted(self._joining(holds)) for step in self._joins(node, holds)]
        holds |= {step.conclusion: Reason(step.text, step.span, holds[step.premise]) for step in joined[::2]}
        every = [*self.implications, *joined]
        graph = Implications(i for i in every if not self._is_cut(i))
        return Colouring(
            self.facts,
            self.claims,
            self.blocks,
            self.plans,
            graph,
            holds,
            self.pins,
            self.disabled,
            {
                **self._reads_that_count(holds),
                **{s: call for s, call in self.bridges.items() if not self._awaits_some(call, holds)},
            },
            frozenset(self._blocking_functions(holds)),
            frozenset(self._waits_inside(holds)),
            self._starting,
            self.findings,
            faced,
            tuple(every),
        )

    def _is_cut(self, step: Implication) -> bool:
        """Whether the step does not hold (any more)."""
        if step.conclusion in self._given_up and (step.premise, step.conclusion) in self._preferred:
            return True
        if step.conclusion in self.pins and (step.premise, step.conclusion) in self._on_loop_already:
            return True  # it blocks there as before, or goes through a thread
        return self._is_run_to_end(step)

    def _starts_more(self, holds: Mapping[str, Reason]) -> bool:
        """Whether more functions than known start tasks that go on after them: none may be run to its end alone."""
        found = {claim.within for claim in self.claims if claim.detached and claim.node in holds}
        todo = list(found)
        while todo:
            for call in self.facts.project.callers(todo.pop()):
                if call.within not in found:
                    found.add(call.within)
                    todo.append(call.within)
        if found <= self._starting:
            return False
        self._starting |= found
        for node, plan in self.plans.items():
            if plan.entry and plan.call.targets & found:
                text = "the program goes on beside what is started here"
                step = Implication(node, function_node(plan.call.within), text, plan.call.span)
                self.implications.append(step)
        return True

    def _is_run_to_end(self, step: Implication) -> bool:
        """Whether this step ends at a function that stays synchronous and runs the coroutine to its end instead."""
        pin = self.pins.get(step.conclusion)
        if pin is None or not step.conclusion.startswith("function:") or pin.code in NEVER_BRIDGED:
            return False
        plan = self.plans.get(step.premise)
        if plan is not None and plan.faced:  # it calls the synchronous form
            return step.conclusion == function_node(plan.call.within)
        if plan is not None:
            if plan.call.targets & self._starting:
                return False
            return plan.awaited and step.conclusion == function_node(plan.call.within) and not plan.call.externals
        claims = self._awaiting.get(step.premise)
        return bool(claims) and all(
            (claim.role is Role.ROOT or claim.sync_edits is not None) and step.conclusion == function_node(claim.within)
            for claim in claims or ()
        )

    def _waits_inside(self, holds: Mapping[str, Reason]) -> set[str]:
        """Functions that stay synchronous although something they call became asynchronous."""
        out = set()
        for node, plan in self.plans.items():
            stays = node in holds and not plan.lazy and not plan.faced
            if stays and function_node(plan.call.within) in self.pins:
                out.add(plan.call.within)
        for node, claims in self._awaiting.items():
            if node in holds:
                out |= {c.within for c in claims if function_node(c.within) in self.pins}
        return {name for name in out if not self._runs_on_loop(name, holds)}

    def _misplaced(self, holds: Mapping[str, Reason]) -> bool:
        """Where no await may stand: the function around stays synchronous, or else the one that is called."""
        changed = False
        for node, found in self.illegal.items():
            if node not in holds:
                continue
            plan = self.plans.get(node)
            if plan is None:
                within = self._awaiting[node][0].within
                stays = node if self._already_async(function_node(within)) else function_node(within)
                changed |= self._pin(stays, found)
            elif (plan.faced or (plan.awaited and not plan.call.externals)) and not self._already_async(
                function_node(plan.call.within)
            ):
                changed |= self._pin(function_node(plan.call.within), found)
            else:
                for target in sorted(plan.call.targets):
                    changed |= self._pin(function_node(target), found)
        return changed

    def _pointless(self, graph: Implications, holds: Mapping[str, Reason], roots: Mapping[str, Reason]) -> bool:
        """Refuse parts in which no function would be asynchronous: running coroutines one by one gains nothing."""
        changed = False
        waiting = self._waits_inside(holds)
        for component in graph.components(holds):
            if any(node.startswith("function:") and node not in self.pins for node in component):
                continue
            for node in sorted(component & roots.keys()):
                for claim in (c for c in self.claims if c.node == node and c.within in waiting):
                    pin = self.pins[function_node(claim.within)]
                    reason = Reason(roots[node].text, claim.span, pin.reason)
                    changed |= self._disable(node, Refusal(pin.code, claim.span, pin.message, pin.remedy, reason))
        return changed

    def _roots(self, graph: Implications) -> dict[str, Reason]:
        concurrent = {node for claim in self.claims if claim.concurrent for node in claim.follows}
        roots: dict[str, Reason] = {}
        for claim in self.claims:
            if claim.node in self.disabled or claim.node in self.pins:
                continue
            if self.faces.region is not None and claim.within not in self.faces.region:
                continue
            if claim.role is Role.ROOT:
                roots[claim.node] = Reason(claim.text, claim.span)
            elif (
                claim.role is Role.FOLLOWER and concurrent and claim.verdict is not Verdict.BRIDGE
            ):  # a thread as it is
                reached = graph.closure({claim.node: Reason("")})
                if concurrent & reached.keys() and not (reached.keys() & self.pins.keys()):
                    roots[claim.node] = Reason(f"{claim.text}, and it waits in a job of a pool", claim.span)
        return roots

    def _disable(self, node: str, found: Refusal) -> bool:
        """Refuse a site that would move; its function then blocks, and so stays synchronous."""
        if node in self.disabled:
            return False
        self.disabled[node] = found
        for claim in self.claims:
            if claim.node == node and claim.needs_async:
                text = f"{claim.text}, and cannot move"
                reason = Reason(text, claim.span, found.reason)
                pin = Refusal(STAYS_SYNC.code, claim.span, text, found.remedy, reason)
                self._pin(function_node(claim.within), pin)
        return True

    def _conflicts(self, graph: Implications, holds: dict[str, Reason], roots: dict[str, Reason]) -> bool:
        """A pinned node must not hold: functions it follows from stay synchronous too, else the roots are refused."""
        conflicts = [node for node in holds if node in self.pins]
        open_ones = [(p, c) for p, c in self._preferred if c not in self._given_up]
        given_up = given_up_by(graph, holds, conflicts, open_ones)
        if given_up:
            self._given_up |= given_up
            return True
        pushed = False
        pins = {node: self.pins[node] for node in conflicts}
        for job, found in kept_jobs(graph, holds, pins, self.jobs):
            pushed |= self._pin(job, found)
        for node, pin in pins.items():
            if node.startswith(("function:", handing_on(""))) and pin.code not in NEVER_BRIDGED:
                for step in graph.into(node):
                    for source in self._functions_behind(step.premise) if step.premise in holds else ():
                        reason = Reason(step.text, step.span, why(pin))
                        pushed |= self._pin(source, Refusal(pin.code, pin.span, pin.message, pin.remedy, reason))
        if pushed:  # the functions that stay now may have been all that led to the conflicts
            return True
        changed = False
        for name, end, reason in graph.blame({node: why(pin) for node, pin in pins.items()}):
            span = roots[name].span if name in roots else None
            if span is not None:
                pin = pins[end]
                changed |= self._disable(name, Refusal(pin.code, span, pin.message, pin.remedy, reason))
        return changed

    def _functions_behind(self, node: str) -> list[str]:
        """The functions whose colour makes a premise hold: itself, or the targets of a call that cannot be bridged."""
        if node.startswith("function:"):
            return [node]
        plan = self.plans.get(node)
        return [function_node(target) for target in sorted(plan.call.targets)] if plan is not None else []

    def _mixed_jobs(self, holds: dict[str, Reason]) -> bool:
        changed = False
        waiting = self._blocking_functions(holds) if any(item.may_stay for item in self.jobs) else {}
        run_loops = {function_node(name) for name in self._waits_inside(holds)}
        left = jobs_left(
            [i for i in self.jobs if i.node in holds], lambda j: j in holds or self._already_async(j), run_loops
        )
        for item in self.jobs:
            if item.node in holds and item.node not in self.pins:
                missing = left.get(item.node, [])
                waits = [job for job in missing if job.removeprefix("function:") in waiting and job not in self.pins]
                if item.may_stay and waits:
                    where = item.refusal.span
                    text = "it runs among threads that become tasks, and waits as they do"
                    self.implications += [Implication(item.node, job, text, where) for job in waits]
                    changed = True
                elif missing and not item.each_alone:
                    self.pins[item.node] = item.refusal
                    changed = True
        return changed

    def _run_on_loops(self, holds: dict[str, Reason]) -> bool:
        """Below a coroutine function of the project, what would run a loop goes through a thread, or does not move."""
        inside = self._waits_inside(holds)
        asynchronous = {name.removeprefix("function:") for name in holds if name not in self.pins}
        apart = {**self.bridges, **self.reads}
        changed = False
        for name, call in list(met_on_loops(self.facts, inside, asynchronous, apart)) if inside else ():
            caller, last = function_node(call.within), name.rpartition(".")[2]
            if self._in_cell(call.within):
                continue
            if caller not in holds and caller not in self.pins:
                text = f"{last}() runs coroutines to their end below it"
                held = self._held_inside(name, holds)
                self.implications += [Implication(node, caller, text, call.span) for node in held]
                changed |= bool(held)
                continue
            text = (
                f"{call.within.rpartition('.')[2]}() comes to {last}() on its event loop, where no other one can run."
            )
            self.pins[function_node(name)] = refusal(ON_A_LOOP, call.span, text)
            changed = True
        return changed

    def _held_inside(self, function: str, holds: Mapping[str, Reason]) -> list[str]:
        """The calls and sites that hold in a function that stays synchronous."""
        out = [node for node, plan in self.plans.items() if node in holds and plan.call.within == function]
        return sorted(
            [*out, *{c.node for c in self.claims if c.needs_async and c.node in holds and c.within == function}]
        )

    # --- blocking that would land on the loop --------------------------------------------------------------------

    def _blocking_functions(self, holds: dict[str, Reason]) -> dict[str, Span]:
        """Synchronous functions that wait, themselves or through others, with one place where."""
        waiting: dict[str, Span] = {}
        for name in self._waits_inside(holds):
            waiting[name] = self.facts.project.functions[name].span
        for block in self.blocks:
            if block.blocks_loop and block.within is not None:
                waiting.setdefault(block.within, block.refusal.span)
        for claim in self.claims:
            if claim.role is not Role.PART and claim.needs_async and claim.node not in holds:
                waiting.setdefault(claim.within, claim.span)
        for claim in self._kept_pools(holds):
            waiting.setdefault(claim.within, claim.span)
        for name in self.faces.of:
            if self._has_face(name, holds):  # whoever calls it by its name waits
                waiting.setdefault(name, self.facts.project.functions[name].span)
        callers, hidden = callers_of(self.facts), self._hidden.in_one_pass()
        todo = list(waiting)
        while todo:
            function = todo.pop()
            for caller in (*callers.get(function, ()), *hidden(function)):
                if caller.within not in waiting and not self._runs_on_loop(caller.within, holds):
                    waiting[caller.within] = caller.span
                    todo.append(caller.within)
        return {name: span for name, span in waiting.items() if not self._runs_on_loop(name, holds)}

    def _kept_pools(self, holds: Mapping[str, Reason]) -> Iterator[Claim]:
        """Places that wait for a pool of threads which stays one."""
        for claim in self.claims:
            if claim.rule in POOLS and claim.needs_async and claim.node not in holds:
                yield claim

    def _blocking(self, graph: Implications, holds: dict[str, Reason]) -> bool:
        """No synchronous function that waits is called on the loop: it moves too, is bridged, or its caller stays."""
        waiting = self._blocking_functions(holds)
        implicitly = {  # what the language calls waits in them: they cannot become asynchronous
            function_node(implicit.within)
            for implicit in self.facts.implicit_calls
            if called_here(implicit)
            and (implicit.target in waiting or self._has_face(implicit.target, holds))
            and not (self._read_in_thread(implicit) and self._awaits_besides(implicit.within, holds))
        }
        changed = False
        for claim in self._kept_pools(holds):
            if function_node(claim.within) in holds:
                text = "A pool of threads that stays one is waited for here."
                changed |= self._pin(function_node(claim.within), refusal(STAYS_SYNC, claim.span, text))
        hidden = self._hidden.in_one_pass()
        for function in sorted(waiting):
            for call in hidden(function):
                if call.span in self._settled or function_node(call.within) in self.pins:
                    continue
                code = TOO_MANY_VALUES if function in self._hidden.lost else MAYBE_CALLED
                text = f"{function.rpartition('.')[2]}() waits and may be what is called here, where no await would be added."
                changed |= self._pin(function_node(call.within), refusal(code, call.span, text))
        for call in self.facts.project.calls:
            if function_node(call.within) not in holds or self._runs_anything(call, holds):
                continue
            for target in sorted(call.targets & waiting.keys()):
                if is_another(self.facts, call, self.facts.project.functions[target]):
                    continue
                node = function_node(target)
                last = target.rpartition(".")[2]
                closure = graph.closure({node: Reason("")})
                if not (closure.keys() & self.pins.keys() or closure.keys() & implicitly):
                    step = Implication(
                        function_node(call.within), node, f"{last}() would block the event loop", call.span
                    )
                    self.implications.append(step)
                    if self._already_async(step.premise):
                        self._on_loop_already.add((step.premise, node))
                    changed = True
                elif self._in_cell(call.within) and not self._awaits_some(call, holds):
                    continue  # a cell may block: nothing else of the notebook runs meanwhile
                elif call.span not in self.bridges or self._awaits_some(call, holds):
                    changed |= self._bridge(call, last, waiting[target], holds)
        for plan in list(self._unmet_faces(holds)):
            name = sorted(plan.call.targets)[0]
            changed |= self._bridge(plan.call, name.rpartition(".")[2], self.facts.project.functions[name].span, holds)
        for item in self.on_loop:
            if item.node in holds and item.function in waiting:
                changed |= self._pin(item.node, item.refusal)
        for implicit in self.facts.implicit_calls:
            caller = function_node(implicit.within)
            waits = implicit.target in waiting or self._has_face(implicit.target, holds)
            if not (called_here(implicit) and caller in holds and waits and caller not in self.pins):
                continue
            if self._read_in_thread(implicit):
                changed |= implicit.span not in self.reads
                self.reads[implicit.span] = implicit
            else:
                who = implicit.external or f"the language ({implicit.kind})"
                text = f"{implicit.target.rpartition('.')[2]} waits and is called here by {who}"
                changed |= self._pin(caller, refusal(NO_AWAIT_HERE, implicit.span, text))
        return changed
