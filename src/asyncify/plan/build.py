"""The plan: groups of edits that belong together, every site with its verdict, every refusal with its remedy."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cached_property

from asyncify.colour.colouring import Colouring
from asyncify.colour.faces import NO_SECOND_FORM, Face
from asyncify.colour.fan_out import NO_OWNER
from asyncify.colour.split import called_here
from asyncify.colour.structure import await_place, call_node, hands_result_on
from asyncify.commands import RUNNERS
from asyncify.index.project import FunctionInfo, Kind, Sink
from asyncify.model import (
    AddImport,
    Await,
    Cost,
    DropImport,
    Edit,
    Facade,
    Group,
    MakeAsync,
    Plan,
    Reason,
    Refusal,
    ReplaceExpr,
    ReplaceStatement,
    Site,
    Span,
    Verdict,
)
from asyncify.plan.bounds import bounds
from asyncify.plan.bridges import bridge_edits, bridge_site
from asyncify.plan.distinct import distinct
from asyncify.plan.entry import runs_alone, start_loop
from asyncify.plan.interleaving import Interleaving
from asyncify.plan.kept_names import read_elsewhere
from asyncify.plan.lambdas import Lambdas
from asyncify.plan.left_out import NOT_NATIVE, ONLY_TESTS, leave_out, only_tests
from asyncify.plan.session_calls import kept_calls, kept_values
from asyncify.plan.support_files import shared_with_tests
from asyncify.plan.titles import identity_of, title_of
from asyncify.rules import native
from asyncify.rules.base import Claim, Companion, KeepImport, Role, function_node
from asyncify.rules.blocking import loop_runs
from asyncify.rules.facts import Facts
from asyncify.rules.support import import_of


def build(
    facts: Facts,
    colouring: Colouring,
    profile: str,
    programs: Collection[str] = (),
) -> Plan:
    """The plan for one tree; ``programs`` are the files that nothing imports."""
    builder = _Builder(facts, colouring, profile, programs)
    groups = []
    component_of: dict[str, str] = {}
    for component in builder.joined(colouring.graph.components(colouring.holds)):
        group = builder.group(component)
        if group is not None:
            groups.append(group)
            component_of |= dict.fromkeys(component, group.id)
    outside = builder.other_sites(set(component_of))
    sites = sorted([s for g in groups for s in g.sites] + outside, key=lambda s: (s.span, s.rule))
    refusals = dict.fromkeys(colouring.disabled.values())
    refusals.update(
        dict.fromkeys(
            block.refusal
            for block in colouring.blocks
            if (block.node.startswith("site:") and block.node not in builder.claims) or block.rule == "requests"
        )
    )
    for claim in colouring.claims:
        if claim.role is Role.ROOT and claim.node in colouring.pins and claim.node not in colouring.disabled:
            pin = colouring.pins[claim.node]
            refusals[Refusal(pin.code, claim.span, pin.message, pin.remedy, pin.reason)] = None
    refusals.update(dict.fromkeys(_of_boundaries(colouring)))
    order = sorted(refusals, key=lambda r: (r.span, r.code))
    return Plan(
        tuple(sorted(groups, key=lambda g: (g.reason.span or g.edits[0].span, g.id))), tuple(sites), tuple(order)
    )


def _of_boundaries(colouring: Colouring) -> Iterator[Refusal]:
    """Why a boundary that was asked for cannot be: of functions that wait, and of pools."""
    for node, found in colouring.pins.items():
        function = node.removeprefix("function:")
        waits = function in colouring.waiting or colouring.runs_to_end(function)
        if (found.code == NO_SECOND_FORM.code and waits) or found.code == NO_OWNER.code:
            yield found


class _Builder:
    def __init__(
        self,
        facts: Facts,
        colouring: Colouring,
        profile: str,
        programs: Collection[str],
    ) -> None:
        self.facts = facts
        self.colouring = colouring
        self.profile = profile
        self.programs = frozenset(path for path in programs if _runs(facts.file(path).tree))
        self.companions: dict[str, list[Edit]] = defaultdict(list)
        self.kept_imports = set(read_elsewhere(facts))
        for finding in colouring.findings:
            if isinstance(finding, Companion):
                self.companions[finding.node] += finding.edits
            elif isinstance(finding, KeepImport):
                self.kept_imports.add((finding.path, finding.local_name))
        self.interleaving = Interleaving(facts, colouring)
        self.lambdas = Lambdas(facts, colouring)
        self._waiting_modules: dict[str, bool] = {}
        self.claims: dict[str, list[Claim]] = defaultdict(list)
        for claim in colouring.claims:
            self.claims[claim.node].append(claim)

    def joined(self, components: list[set[str]]) -> list[set[str]]:
        """The components, those joined whose awaits at the top level of one program become one coroutine's."""
        programs: dict[str, list[int]] = defaultdict(list)
        wrapped = set()
        for number, component in enumerate(components):
            claims = self._component_claims(component)
            if all(claim.role is Role.PART for claim in claims):
                continue
            for path, (calls, others) in self._starts(component, claims).items():
                programs[path].append(number)
                if not runs_alone(self.facts, calls, others, self._starts_more(path)):
                    wrapped.add(path)
        joint = list(range(len(components)))  # the number of the component that each one became a part of
        for path in sorted(wrapped):
            first, *rest = sorted({joint[number] for number in programs[path]})
            joint = [first if number in rest else number for number in joint]
        out: dict[int, set[str]] = {}
        for number, component in enumerate(components):
            out.setdefault(joint[number], set()).update(component)
        return list(out.values())

    def _component_claims(self, component: set[str]) -> list[Claim]:
        claims = (c for node in sorted(component) for c in self.claims.get(node, ()) if not c.optional)
        return [c for c in claims if not any(node in self.colouring.holds for node in c.unless)]

    def _starts_more(self, path: str) -> bool:
        """Whether the program starts what goes on beside it."""
        return self.facts.file(path).source.module in self.colouring.starting

    def _starts(self, component: set[str], claims: list[Claim]) -> dict[str, tuple[list[Span], list[Span]]]:
        """By program: the calls at its top level that are awaited, and the other places there that await."""
        out: dict[str, tuple[list[Span], list[Span]]] = {}
        for node in sorted(component & self.colouring.plans.keys()):
            call, entry = self.colouring.plans[node].call, self.colouring.plans[node].entry
            if entry and not self._runs_to_end(call.within):
                out.setdefault(call.span.path, ([], []))[0].append(call.span)
        for claim in claims:
            info = self.facts.project.functions.get(claim.within)
            at_top = claim.needs_async and info is not None and info.kind is Kind.MODULE and not info.is_async
            if at_top and not self._runs_to_end(claim.within):
                out.setdefault(claim.span.path, ([], []))[1].append(claim.span)
        return out

    def group(self, component: set[str]) -> Group | None:
        """The group of one connected part of the constraint graph, or None where nothing moves in it."""
        claims = self._component_claims(component)
        claims += [c for c in self.colouring.claims if c.optional and self._option_taken(c, component)]
        if not any(claim.role is not Role.PART for claim in claims):
            return None
        claims.sort(key=lambda c: (c.span, c.rule))
        claims = [c for c in claims if not self._stands(c)]
        edits: list[Edit] = []
        for claim in claims:
            edits += self._claim_edits(claim)
        functions = sorted(n.removeprefix("function:") for n in component if n.startswith("function:"))
        # What a test asks for may make functions of the program asynchronous that do nothing of the kind themselves.
        starts = {c.span.path for c in claims if c.role is Role.ROOT}
        touched = {*(c.span.path for c in claims), *(self.facts.project.functions[n].path for n in functions)}
        if only_tests(self.facts, starts or touched):
            leave_out(self.colouring, claims, ONLY_TESTS, ONLY_TESTS.title)
            return None
        runner = max((c.runner or "aio_support.run" * c.lingers for c in claims), default="") or "asyncio.run"
        for name in functions:
            edits += self._function_edits(name, runner)
        edits += self._calls(component, claims, runner)
        bridges = [c for c in self.colouring.bridges.values() if function_node(c.within) in component]
        for call in bridges:
            edits += bridge_edits(self.facts, call)
        replaced = {edit.span for edit in edits if isinstance(edit, ReplaceStatement)}
        for node in sorted(component & self.companions.keys()):
            edits += [e for e in self.companions[node] if not (isinstance(e, ReplaceStatement) and e.span in replaced)]
        edits = [edit for edit in distinct(edits) if not self._keeps(edit)]
        if any(claim.rule == "requests" for claim in claims):
            why_not = self._native_blocker(component, claims, edits)
            if why_not is None and self.profile != "compat":
                edits = native.to_native(edits)
            elif why_not is not None and self.profile == "native":
                self.refuse(claims, why_not)
                return None
            edits = list(
                shared_with_tests(edits, {edit.span.path: self.facts.file(edit.span.path).source for edit in edits})
            )
        identity = identity_of(claims, self.facts)
        sites = [self._site(claim, identity) for claim in claims]
        sites += [bridge_site(call, identity) for call in bridges]
        first = next(c for c in claims if c.role is not Role.PART)
        reason = self._longest_chain(component) or Reason(first.text, first.span)
        cost = self._cost(component, functions, len(bridges))
        at_once = bounds(self.facts, claims)
        return Group(
            identity, title_of(claims, functions), reason, tuple(edits), tuple(sites), cost=cost, bounds=at_once
        )

    def _stands(self, claim: Claim) -> bool:
        """Whether the claim's place stays as it is although its group moves: no event loop runs there."""
        return claim.stands and self._runs_to_end(claim.within)

    def _cost(self, component: set[str], functions: list[str], bridges: int) -> Cost:
        infos = [self.facts.project.functions[name] for name in functions]
        infos = [info for info in infos if info.kind is Kind.FUNCTION and not info.is_async]
        own = [info for info in infos if not info.in_test]
        public = [
            info for info in own if info.name not in self.colouring.faces and info.parent is None and self._public(info)
        ]
        plans = [self.colouring.plans[node] for node in component & self.colouring.plans.keys()]
        calls = [plan for plan in plans if not plan.faced or self._is_async(plan.call.within)]
        return Cost(len(own), len(public), len(calls) + bridges, len(infos) - len(own))

    def _public(self, info: FunctionInfo) -> bool:
        """Whether code outside the project may call the function: not where nobody imports it, nor by a private name."""
        own = info.name[len(info.module) + 1 :].split(".")
        return info.path not in self.programs and not any(part.startswith("_") for part in own)

    def _longest_chain(self, component: set[str]) -> Reason | None:
        """The chain from the farthest function that becomes asynchronous down to the I/O that makes it so."""
        chains = [self.colouring.holds[node] for node in sorted(component) if node.startswith("function:")]
        return max(chains, key=lambda reason: sum(1 for _ in reason.chain()), default=None)

    def _native_blocker(self, component: set[str], claims: list[Claim], edits: list[Edit]) -> str | None:
        """Why this group needs requests itself."""
        for claim in self.colouring.claims:
            if claim.optional and set(claim.follows) & component and not self._option_taken(claim, component):
                return "a session is used by a plain `with`"
        for edit in edits:
            if not isinstance(edit, ReplaceExpr):
                continue
            if "aio_requests.requests" in edit.template:
                return f"a test puts something else in the place of requests ({edit.span})"
            if "aio_requests.streamed(" in edit.template:
                return f"a streamed body is read from what may be something else than a response ({edit.span})"
            if edit.template.endswith(".blocking"):
                return f"a session is also used by code that blocks ({edit.span})"
        return native.blocker(self.facts, claims, {edit.span.path for edit in edits})

    def refuse(self, claims: list[Claim], why: str) -> None:
        """The native profile was asked for and cannot do what this group does."""
        leave_out(self.colouring, claims, NOT_NATIVE, f"{NOT_NATIVE.title} {why}.", why)

    def _keeps(self, edit: Edit) -> bool:
        return isinstance(edit, DropImport) and (edit.span.path, edit.local_name) in self.kept_imports

    def _option_taken(self, claim: Claim, component: set[str]) -> bool:
        """Whether an optional claim is made: its object is in this group and its function is asynchronous."""
        return self._is_async(claim.within) and bool(set(claim.follows) & component)

    def _claim_edits(self, claim: Claim) -> list[Edit]:
        edits = list(claim.edits[""])
        node = self.facts.node(claim.span, ast.AST)
        if self._runs_to_end(claim.within):
            if claim.sync_edits is not None:
                return list(claim.sync_edits)
            return [self._run_to_end(edit) if isinstance(edit, Await) else edit for edit in edits] + [
                self._support(claim.span, edit.reason) for edit in edits if isinstance(edit, Await)
            ]
        if (
            node is not None
            and hands_result_on(self.facts, claim.span.path, node)
            and self.lambdas.hands_on(claim.within)
        ):
            return [edit for edit in edits if not isinstance(edit, Await)]
        if claim.needs_async and not claim.only_runs and node is not None:
            edits += await_place(self.facts, claim.span.path, node).edits
        return edits

    def _runs_to_end(self, function: str) -> bool:
        """Whether coroutines are run to their end in this function: it stays synchronous, or it is a program's top level
        that waits for other things too and so is better not moved into a coroutine."""
        if self.colouring.runs_to_end(function):
            return True
        info = self.facts.project.functions.get(function)
        if info is None or info.kind is not Kind.MODULE or info.is_async:
            return False
        if function not in self._waiting_modules:
            self._waiting_modules[function] = self._waits_otherwise(function)
        return self._waiting_modules[function]

    @cached_property
    def _loop_runners(self) -> frozenset[str]:
        """The functions and modules that run an event loop themselves."""
        return frozenset(call.within for call in loop_runs(self.facts))

    def _waits_otherwise(self, module: str) -> bool:
        own = [claim for claim in self.colouring.claims if claim.within == module]
        runs_loops = module in self._loop_runners
        parts = [c for c in own if c.node in self.colouring.holds and c.role is Role.PART and c.needs_async]
        if any(claim.encloses or not runs_loops for claim in parts):
            return False  # an `async with` or `async for` needs a coroutine around it
        if module in self.colouring.starting:
            return False  # what goes on beside the program needs a loop that runs all the time
        awaited = [c for c in self.colouring.plans.values() if c.entry and c.call.within == module]
        direct = [claim for claim in own if claim.node in self.colouring.holds and claim.needs_async]
        calls_awaited = [c.call.span for c in awaited if call_node(c.call.span) in self.colouring.holds]
        if runs_alone(self.facts, calls_awaited, [claim.span for claim in direct]):
            return False  # `asyncio.run(main())` in place says it all
        if runs_loops:
            return True
        if any(claim.role is Role.FOLLOWER for claim in own):
            return True
        waits = self.colouring.waiting | self.colouring.faces.keys()
        implicit = (each for each in self.facts.implicit_calls if each.within == module and called_here(each))
        if any(each.target in waits for each in implicit):
            return True
        return any(call.targets & waits for call in self.facts.project.calls if call.within == module)

    def _run_to_end(self, edit: Await) -> Edit:
        """In a function that stays synchronous, the coroutine is run to its end."""
        return ReplaceExpr(edit.span, "aio_support.run_sync({call})", edit.reason, {"call": edit.span})

    def _support(self, span: Span, reason: Reason) -> Edit:
        return import_of(self.facts.file(span.path).source, "aio_support", span, reason)

    def _function_edits(self, name: str, runner: str) -> list[Edit]:
        info = self.facts.project.functions[name]
        reason = self.colouring.holds[function_node(name)]
        if info.kind is Kind.LAMBDA:
            return self.lambdas.edits(info, reason)
        if info.is_async or info.kind is not Kind.FUNCTION:
            return []
        edits: list[Edit] = [MakeAsync(info.span, reason)]
        if name in self.colouring.faces:
            edits += self._face_edits(info, self.colouring.faces[name], runner)
        return edits

    def _face_edits(self, info: FunctionInfo, face: Face, runner: str) -> list[Edit]:
        """The function is split: its name stays synchronous."""
        if not face.program or (runner == "asyncio.run" and self._called_on_loop(info.name)):
            runner = "aio_support.run_sync"
        split = Facade(
            info.span,
            face.reason,
            face.async_name,
            runner,
            face.owner,
            face.bound,
            face.decorators,
            defaults=not (face.program and face.wrapped),
        )
        if runner == "asyncio.run":
            return [split, AddImport(info.span, face.reason, "asyncio")]
        return [split, self._support(info.span, face.reason)]

    def _called_on_loop(self, name: str) -> bool:
        """Whether the synchronous form may be called where an event loop runs already."""
        project = self.facts.project
        for call in project.callers(name):
            on_loop = self._is_async(call.within) or self._awaits_at_top(call.within)
            if on_loop and call_node(call.span) not in self.colouring.holds:
                return True
        return any(
            use.function == name and use.sink is not Sink.DECORATED and use.external not in RUNNERS
            for use in project.uses
        )

    def _is_async(self, function: str) -> bool:
        info = self.facts.project.functions.get(function)
        return function_node(function) in self.colouring.holds or (info is not None and info.is_async)

    def _awaits_at_top(self, module: str) -> bool:
        """Whether statements of a program may move into a coroutine."""
        holds = self.colouring.holds
        if any(
            plan.entry and plan.call.within == module and node in holds for node, plan in self.colouring.plans.items()
        ):
            return True
        return any(
            claim.within == module and claim.needs_async and claim.node in holds for claim in self.colouring.claims
        )

    def _calls(self, component: set[str], claims: list[Claim], runner: str) -> list[Edit]:
        """Awaits of calls of functions that became asynchronous, and the start of the loop."""
        edits: list[Edit] = []
        for node in sorted(component & self.colouring.plans.keys()):
            plan = self.colouring.plans[node]
            if plan.lazy:
                continue
            if plan.faced and not self._is_async(plan.call.within):
                continue  # it stays synchronous, and so does what it calls
            if self._runs_to_end(plan.call.within):
                reason = self.colouring.holds[node]
                edits += [self._run_to_end(Await(plan.call.span, reason)), self._support(plan.call.span, reason)]
            elif not plan.entry:
                edits += plan.edits
                if plan.awaited or not self.lambdas.hands_on(plan.call.within):
                    edits.append(Await(plan.call.span, self.colouring.holds[node]))
        for path, (calls, rest) in sorted(self._starts(component, claims).items()):
            detached = self._starts_more(path)
            if not runs_alone(self.facts, calls, rest, detached):
                edits += [Await(span, self.colouring.holds[call_node(span)]) for span in calls]
            edits += start_loop(self.facts, path, calls, rest, runner, detached)
        return edits

    def _site(self, claim: Claim, group: str) -> Site:
        verdict, condition = claim.verdict, claim.condition
        awaits = claim.needs_async and claim.role is not Role.PART
        if awaits and claim.within in self.interleaving.functions and verdict is Verdict.EXACT:
            # It blocked its loop before; that was perhaps what kept other tasks out.
            verdict, condition = Verdict.REVIEW, condition or self.interleaving.condition(claim.within)
        reason = self.colouring.holds.get(claim.node) or Reason(claim.text, claim.span)
        if claim.role is Role.ROOT and claim.sync_edits is not None and self._runs_to_end(claim.within):
            verdict = Verdict.BRIDGE
        return Site(claim.rule, claim.span, claim.within, verdict, reason, group, condition)

    def _object_refusal(self, claim: Claim) -> Refusal | None:
        """Why the object that a claim belongs to does not move although one of its uses would have to."""
        if claim.role is not Role.PART:
            return None
        for node in claim.follows:
            near = {step.premise for step in self.colouring.graph.into(node)}
            near |= {step.conclusion for step in self.colouring.graph.of(node)}
            for other in sorted(near):
                found = self.colouring.disabled.get(other)
                if found is None and other.startswith("site:"):
                    found = self.colouring.pins.get(other)
                if found is not None:
                    return found
            stays = self._calls_that_stay.get(node)
            if stays is not None and claim.rule == "requests" and claim.verdict is not Verdict.BRIDGE:
                return stays
            pin = self.colouring.pins.get(node)
            if pin is not None and (claim.rule == "requests" or pin.code == NO_OWNER.code):
                return pin
        return None

    @cached_property
    def _calls_that_stay(self) -> dict[str, Refusal]:
        """By node of an object: why a call on it stays that would keep nothing else of it from moving."""
        refused = (*self.colouring.pins.items(), *self.colouring.disabled.items())
        starts = {(r.span.path, r.span.line, r.span.column): r for node, r in refused if node.startswith("site:")}
        found: dict[str, Refusal] = {}
        for claim in self.colouring.claims:
            why = starts.get((claim.span.path, claim.span.line, claim.span.column))
            if why is not None:
                found.update({node: why for node in claim.follows if node not in found})
        return found

    def other_sites(self, inside: set[str]) -> list[Site]:
        """The sites that no group moves: kept, or refused."""
        reason = "no event loop runs where it stands"
        standing = sorted(filter(self._stands, self._component_claims(inside)), key=lambda c: c.span)
        out = [Site(c.rule, c.span, c.within, Verdict.KEEP, Reason(reason, c.span)) for c in standing]
        for claim in self.colouring.claims:
            if claim.node in inside or claim.optional or claim.variant:
                continue
            found = self.colouring.disabled.get(claim.node) or (
                self.colouring.pins.get(claim.node) if claim.role is Role.ROOT else self._object_refusal(claim)
            )
            if found is not None:
                why = found.reason or Reason(found.message, found.span)
                out.append(Site(claim.rule, claim.span, claim.within, Verdict.REFUSE, _coded(found, why)))
            else:
                why = Reason("nothing around it becomes asynchronous", claim.span)
                out.append(Site(claim.rule, claim.span, claim.within, Verdict.KEEP, why))
        for block in self.colouring.blocks:
            if block.node.startswith("site:") and block.node not in self.claims:  # else the claim's site says it
                why = block.refusal.reason or Reason(block.refusal.message, block.refusal.span)
                within = block.within or ""
                out.append(Site(block.rule, block.refusal.span, within, Verdict.REFUSE, _coded(block.refusal, why)))
        values = kept_values(self.facts, {site.span: site for site in out if site.verdict is Verdict.REFUSE})
        for more in (values, kept_calls(self.facts, self.colouring)):
            named = {site.span for site in out}
            out += [site for site in more if site.span not in named]
        return out


def _runs(tree: ast.Module) -> bool:
    """Whether the module does something when it is run, beyond what it defines."""
    return any(
        isinstance(statement, (ast.If, ast.For, ast.While, ast.With))
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call))
        for statement in tree.body
    )


def _coded(refusal: Refusal, reason: Reason) -> Reason:
    return Reason(f"{refusal.code}: {reason.text}", reason.span, reason.because)
