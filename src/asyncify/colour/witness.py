"""Why a function has its colour, both ways: down to what waits or what holds it back, and up to where it is run from."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator

from asyncify.colour.colouring import Colouring
from asyncify.colour.structure import call_node
from asyncify.entry_points import Flow
from asyncify.graph import Implication
from asyncify.index.project import FunctionInfo, Kind
from asyncify.model import Reason, Witness
from asyncify.rules.base import Role, function_node

_STAYS = "it stays: "


def witness(colouring: Colouring, name: str) -> Witness:
    """All that is known about the colour of one function of the project."""
    node = function_node(name)
    info = colouring.facts.project.functions[name]
    pin = colouring.pins.get(node)
    need = colouring.holds.get(node) or _Down(colouring).chain(node)
    return Witness(
        name,
        colouring.colour(name),
        _outcome(colouring, info, need),
        need,
        Reason(f"{pin.code}: {pin.message}", pin.span, _rest(pin.reason, pin.message)) if pin is not None else None,
        pin.remedy if pin is not None else None,
        _up(colouring, info),
    )


def _rest(reason: Reason | None, said: str) -> Reason | None:
    """The chain behind a refusal, without its first link where that only repeats the message."""
    return reason.because if reason is not None and reason.text == said else reason


def _outcome(colouring: Colouring, info: FunctionInfo, need: Reason | None) -> str:
    node = function_node(info.name)
    if info.is_async:
        return "is async already"
    if info.name in colouring.faces:
        return f"stays sync, and {colouring.faces[info.name].async_name} becomes its async form"
    if colouring.runs_to_end(info.name):
        return "stays sync, and runs the coroutines that it calls to their end"
    if node in colouring.holds:
        return "becomes async"
    if node in colouring.pins:
        if need is None:
            return "must stay sync"
        left = any(link.text.startswith(_STAYS) for link in need.chain())
        return "must stay sync, and what waits below it stays" if left else "must stay sync, and waits"
    return "stays as it is" if need is None else "stays as it is, although it waits"


class _Down:
    """Chains from functions that do not become asynchronous to what waits in them, or in what they call."""

    def __init__(self, colouring: Colouring) -> None:
        self._colouring = colouring
        self._into: dict[str, list[Implication]] = defaultdict(list)
        for step in colouring.implications:
            self._into[step.conclusion].append(step)
        for node, plan in colouring.plans.items():
            for name in sorted(plan.call.targets) if plan.faced and not plan.flows else ():
                short = name.rpartition(".")[2]
                self._into[function_node(plan.call.within)].append(
                    Implication(
                        node,
                        function_node(plan.call.within),
                        f"{plan.call.within.rpartition('.')[2]}() waits for it",
                        plan.call.span,
                    )
                )
                text = f"it calls {short}(), which has a synchronous form"
                self._into[node].append(Implication(function_node(name), node, text, plan.call.span))

        for implicit in colouring.facts.implicit_calls:
            if implicit.kind != "callback":
                text = f"it runs {implicit.target.rpartition('.')[2]}() here ({implicit.kind})"
                around = function_node(implicit.within)
                self._into[around].append(Implication(function_node(implicit.target), around, text, implicit.span))

    def chain(self, start: str) -> Reason | None:
        """The shortest chain to a place that waits, the nearest step first; None where nothing does."""
        steps: dict[str, tuple[Implication, str]] = {}
        queue = deque([start])
        seen = {start}
        while queue:
            node = queue.popleft()
            end = self._end(node)
            if end is not None:
                return self._told(node, end, steps)
            for step in self._into.get(node, ()):
                if step.premise not in seen:
                    seen.add(step.premise)
                    steps[step.premise] = (step, node)
                    queue.append(step.premise)
        return None

    def _told(self, node: str, end: Reason, steps: dict[str, tuple[Implication, str]]) -> Reason:
        reason = end
        while node in steps:
            step, node = steps[node]
            reason = Reason(step.text, step.span, reason)
        return reason

    def _end(self, node: str) -> Reason | None:
        """What waits at that node, and why it does not move."""
        colouring = self._colouring
        for claim in colouring.claims:
            if claim.node == node and claim.role is not Role.PART:
                refused = colouring.disabled.get(node) or colouring.pins.get(node)
                why = Reason(f"{_STAYS}{refused.code}", refused.span, refused.reason) if refused is not None else None
                return Reason(claim.text, claim.span, why)
        for block in colouring.blocks:
            if block.blocks_loop and block.within is not None and function_node(block.within) == node:
                return Reason(f"{block.refusal.code}: {block.refusal.message}", block.refusal.span)
        return None


def _up(colouring: Colouring, info: FunctionInfo) -> Reason | None:
    """From the function to where it is run from: the shortest way to the start of a program, a test, or the rim."""
    steps: dict[str, tuple[str, Reason]] = {}
    queue = deque([info.name])
    seen = {info.name}
    last = info.name
    while queue:
        name = queue.popleft()
        end = _top(colouring, name)
        if end is not None and (end.span is not None or name == info.name):
            return _climbed(name, end, steps)
        last = name
        for caller, reason in _callers(colouring, name):
            if caller not in seen:
                seen.add(caller)
                steps[caller] = (name, reason)
                queue.append(caller)
    if last == info.name:
        return Reason("nothing in the project calls it", info.span) if info.kind is Kind.FUNCTION else None
    return _climbed(last, Reason(f"nothing in the project calls {last.rpartition('.')[2]}()"), steps)


def _climbed(name: str, end: Reason, steps: dict[str, tuple[str, Reason]]) -> Reason:
    reason = end
    while name in steps:
        name, step = steps[name]
        reason = Reason(step.text, step.span, reason)
    return reason


def _top(colouring: Colouring, name: str) -> Reason | None:
    """What runs the function although no function of the project awaits it."""
    info = colouring.facts.project.functions[name]
    short = name.rpartition(".")[2]
    face = colouring.faces.get(name)
    if face is not None and face.flow is Flow.NOWHERE:
        return Reason(
            f"{short}() keeps its synchronous form, so that its callers stay as they are", info.span, face.reason
        )
    if info.kind is Kind.MODULE:
        when = "in its cells" if info.is_async else "when the program starts"
        return Reason(f"{info.path} runs it {when}", info.span)
    if info.in_test and info.parent is None and short.startswith("test"):
        return Reason(f"{short}() is run by the test framework", info.span)
    if colouring.runs_to_end(name):
        pin = colouring.pins[function_node(name)]
        return Reason(f"{short}() stays sync and runs coroutines to their end", info.span, pin.reason)
    return None


def _callers(colouring: Colouring, name: str) -> Iterator[tuple[str, Reason]]:
    project = colouring.facts.project
    for call in project.callers(name):
        caller = project.functions.get(call.within)
        if caller is None:
            continue
        short = call.within.rpartition(".")[2]
        plan = colouring.plans.get(call_node(call.span))
        if caller.kind is Kind.MODULE:
            yield call.within, Reason(f"the top level of {caller.path} calls it", call.span)
        elif plan is not None and call_node(call.span) in colouring.holds and not colouring.runs_to_end(call.within):
            yield call.within, Reason(f"{short}() awaits it", call.span)
        else:
            yield call.within, Reason(f"{short}() calls it", call.span)
    for implicit in project.implicit_calls:
        if implicit.target == name and implicit.within in project.functions:
            short = implicit.within.rpartition(".")[2]
            how = (
                f"{implicit.external} calls it" if implicit.external else f"it is run by the language ({implicit.kind})"
            )
            yield implicit.within, Reason(f"{how}, in {short}", implicit.span)
    for use in project.uses:
        if use.function == name and use.within in project.functions:
            yield use.within, Reason(f"{use.within.rpartition('.')[2]} uses it as a value", use.span)
