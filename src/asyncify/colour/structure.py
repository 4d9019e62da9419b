"""The constraints that calls put on colours: who must be asynchronous if whom, and where no ``await`` may stand."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from asyncify.colour.awaited import is_another
from asyncify.colour.lambdas import unnamed
from asyncify.colour.pins import IMPORT_TIME, LAMBDA, refusal
from asyncify.colour.suspects import maybe_calls
from asyncify.graph import Implication
from asyncify.index.project import CallSite, Kind
from asyncify.index.values import External, Instance
from asyncify.model import Edit, Reason, Refusal, ReplaceExpr, Span
from asyncify.rules.base import RefusalCode, function_node, object_node
from asyncify.rules.facts import Facts
from asyncify.rules.iteration import generator_edits
from asyncify.rules.support import import_of
from asyncify.rules.thread_locks import LOCKS

MIXED_CALL = RefusalCode(
    "mixed-call",
    "The call may run a function of this project or something from outside.",
    "Give the two cases two call sites.",
)
NO_AWAIT_HERE = RefusalCode(
    "no-await-here",
    "No await may stand in this place.",
    "Compute the value in a statement of its own, before.",
)
INTERRUPT = RefusalCode(
    "interrupt",
    "KeyboardInterrupt is caught here; inside a coroutine Ctrl-C arrives as a cancellation instead.",
    "Catch KeyboardInterrupt around asyncio.run(), outside of every coroutine.",
)
LOCKED = RefusalCode(
    "locked",
    "A lock of threads is held here that asyncify does not see being made; an await would stop the event loop.",
    "Make the lock in this project, release it before the call, or move to asyncio.Lock by hand.",
)
_INTERRUPTS = frozenset(["KeyboardInterrupt", "BaseException"])
# Where one is named, a coroutine that a call gives may be meant to be one.
_ASYNC_LIBRARIES = frozenset({"asyncio", "anyio", "trio", "asgiref", "uvloop"})
STRUCTURE_CODES = (MIXED_CALL, NO_AWAIT_HERE, INTERRUPT, LOCKED)


def call_node(span: Span) -> str:
    """The node of a call of a project function that becomes asynchronous."""
    return f"call:{span.path}:{span.line}:{span.column}:{span.end_line}:{span.end_column}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an ``await`` would stand: allowed as it is, allowed with these edits, or not.

    ``locks``: nodes of the locks that are held there; they have to become locks of tasks.
    """

    edits: tuple[Edit, ...] = ()
    locks: tuple[str, ...] = ()
    refusal: Refusal | None = None


def await_place(facts: Facts, path: str, node: ast.AST) -> Place:
    """Whether ``await`` may stand at `node`, given that its function is asynchronous."""
    edits: list[Edit] = []
    locks: set[str] = set()
    child: ast.AST = node
    for parent in facts.parents(path, node):
        match parent:
            case ast.GeneratorExp() if child is not parent.generators[0]:
                found = _generator_place(facts, path, parent)
                if found.refusal is not None:
                    return found
                edits += found.edits
            case ast.comprehension():
                generator = facts.parent(path, parent)
                first = isinstance(generator, ast.GeneratorExp) and generator.generators[0] is parent
                if isinstance(generator, ast.GeneratorExp) and not (first and child is parent.iter):
                    found = _generator_place(facts, path, generator)
                    if found.refusal is not None:
                        return found
                    edits += found.edits
                if isinstance(generator, ast.GeneratorExp):
                    child = generator.generators[0] if first else parent
                    continue
            case ast.Try() if child in parent.body and (handler := _interrupt_handler(facts, path, parent)) is not None:
                return Place(refusal=refusal(INTERRUPT, facts.span(path, handler)))
            case ast.With() if child in parent.body and (item := _interrupt_manager(facts, path, parent)) is not None:
                return Place(refusal=refusal(INTERRUPT, facts.span(path, item)))
            case ast.With() | ast.AsyncWith() if child in parent.body:
                held = _held_locks(facts, path, parent)
                if held is None:
                    return Place(refusal=refusal(LOCKED, facts.span(path, parent)))
                locks |= held
            case ast.FunctionDef() | ast.AsyncFunctionDef() if child not in parent.body:
                # Defaults, decorators and annotations run where the function is defined.
                text = "An await in a default, decorator or annotation is hard to read."
                return Place(refusal=refusal(NO_AWAIT_HERE, facts.span(path, node), text))
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef() | ast.Module():
                break
        child = parent
    return Place(tuple(e for number, e in enumerate(edits) if e not in edits[:number]), tuple(sorted(locks)))


def _interrupt_handler(facts: Facts, path: str, statement: ast.Try) -> ast.ExceptHandler | None:
    """The handler that names KeyboardInterrupt or everything above it, and does more than let it pass.

    One that only raises it again keeps it from those behind; a cancellation passes those by itself, unless one takes everything.
    """
    for number, handler in enumerate(statement.handlers):
        if handler.type is not None and _names_interrupt(facts, path, handler.type, _INTERRUPTS):
            behind = statement.handlers[number + 1 :]
            passes = len(handler.body) == 1 and isinstance(handler.body[0], ast.Raise) and handler.body[0].exc is None
            if passes and not any(_takes_everything(facts, path, other) for other in behind):
                return None
            return handler
    return None


def _takes_everything(facts: Facts, path: str, handler: ast.ExceptHandler) -> bool:
    return handler.type is None or _names_interrupt(facts, path, handler.type, frozenset({"BaseException"}))


def _interrupt_manager(facts: Facts, path: str, statement: ast.With) -> ast.expr | None:
    """The item of a `with` statement that treats KeyboardInterrupt in a way of its own."""
    for item in statement.items:
        call = item.context_expr
        suppressed = call.args if isinstance(call, ast.Call) and _is_suppress(facts, path, call) else ()
        if any(_names_interrupt(facts, path, argument, _INTERRUPTS) for argument in suppressed):
            return call
    for place in (statement, *(item.context_expr for item in statement.items)):
        for implicit in facts.implicit_calls_at.get(facts.span(path, place), ()):
            info = facts.project.functions.get(implicit.target)
            node = facts.node(info.span, ast.FunctionDef) if info is not None else None
            parts = ast.walk(node) if node is not None and implicit.kind in ("enter", "exit") else ()
            if any(isinstance(part, ast.Name) and part.id == "KeyboardInterrupt" for part in parts):
                return statement.items[0].context_expr
    return None


def _is_suppress(facts: Facts, path: str, call: ast.Call) -> bool:
    return facts.values(path, call.func) == {External("contextlib.suppress")}


def _names_interrupt(facts: Facts, path: str, node: ast.expr, names: frozenset[str]) -> bool:
    """Whether the exception classes that an expression stands for include one of those."""
    if any(isinstance(part, ast.Name) and part.id in names for part in ast.walk(node)):
        return True
    wanted = {External(f"builtins.{name}") for name in names}
    values = facts.values(path, node)
    return any(value in wanted or wanted & facts.project.slot(value, 0) for value in values)


def _generator_place(facts: Facts, path: str, generator: ast.GeneratorExp) -> Place:
    span = facts.span(path, generator)
    edits = generator_edits(facts, path, generator, Reason("it is read here", span))
    if edits is None:
        return Place(refusal=refusal(NO_AWAIT_HERE, span, "A generator expression with await is an asynchronous one."))
    return Place(edits)


def _held_locks(facts: Facts, path: str, statement: ast.With | ast.AsyncWith) -> set[str] | None:
    """The nodes of the locks of threads that the statement takes; None if it is not known where one comes from.

    What an annotation promises counts only where nothing else is known.
    """
    found: set[str] = set()
    for item in statement.items:
        values = facts.values(path, item.context_expr)
        locks = [value for value in values if isinstance(value, Instance) and value.type in LOCKS]
        made = {object_node(lock.site) for lock in locks if lock.site is not None and facts.made_by_call(lock)}
        if locks and not made:
            return None
        found |= made
    return found


@dataclass(frozen=True, slots=True)
class CallPlan:
    """How a call of a project function changes when that function becomes asynchronous."""

    call: CallSite
    awaited: bool  # an await goes before it (not for generators; for the body of a lambda only if that gets a name)
    edits: tuple[Edit, ...] = ()
    entry: bool = False  # at module level, where an event loop is started
    refusal: Refusal | None = None
    faced: bool = False  # all targets keep a synchronous form: the call need not change
    flows: bool = False  # but the caller uses the asynchronous one and so becomes asynchronous
    lazy: bool = False  # it makes a generator and waits for nothing; whoever iterates it does
    locks: tuple[str, ...] = ()  # nodes of locks that are held where the await would stand
    open: bool = False  # it may run something else as well: what it gives is awaited if it is a coroutine
    unknown: bool = False  # and so may it be that it runs none of the targets


def plan_call(
    facts: Facts, call: CallSite, scripts: frozenset[str], *, unknown: bool = False, settling: bool = True
) -> CallPlan:
    """What becomes of this call, all its targets being asynchronous; with `unknown` they are only what it may run.

    Without `settling`, calls that may run something else as well are refused.
    """
    path = call.span.path
    project = facts.project
    node = facts.node(call.span, ast.Call)
    caller = project.functions.get(call.within)
    if node is None or caller is None:
        return CallPlan(call, True, refusal=refusal(NO_AWAIT_HERE, call.span))
    is_open = bool(call.externals) or unknown
    plain = settling and caller.kind is Kind.FUNCTION and not caller.is_async
    if is_open and not (plain and not facts.spells(path, _ASYNC_LIBRARIES)):
        return CallPlan(call, True, refusal=refusal(MIXED_CALL, call.span), open=True)
    targets = [project.functions[name] for name in call.targets if name in project.functions]
    if targets and all(is_another(facts, call, target) for target in targets):
        return CallPlan(call, True, refusal=refusal(MIXED_CALL, call.span, "What is awaited here is something else."))
    generators = [target.is_generator for target in targets]
    if is_open and (any(generators) or any(target.is_async for target in targets)):
        return CallPlan(call, True, refusal=refusal(MIXED_CALL, call.span), open=True)
    if any(generators):
        return CallPlan(call, False, refusal=None if all(generators) else refusal(MIXED_CALL, call.span), lazy=True)
    if caller.kind is Kind.LAMBDA:
        if hands_result_on(facts, path, node):
            return CallPlan(call, False)
        why = unnamed(facts, caller)
        if why is not None:
            return CallPlan(call, True, refusal=refusal(LAMBDA, call.span, why))
    if caller.kind is Kind.CLASS_BODY:
        return CallPlan(call, True, refusal=refusal(IMPORT_TIME, call.span))
    place = await_place(facts, path, node)
    if caller.kind is Kind.MODULE and not caller.is_async:
        if place.edits or (path not in scripts and not in_main_guard(facts, path, node)):
            return CallPlan(call, True, refusal=refusal(IMPORT_TIME, call.span))
        return CallPlan(call, True, entry=True, refusal=place.refusal, locks=place.locks)
    edits = (*place.edits, *_settled(facts, call)) if is_open else place.edits
    return CallPlan(call, True, edits, refusal=place.refusal, locks=place.locks, open=is_open, unknown=unknown)


def _settled(facts: Facts, call: CallSite) -> tuple[Edit, ...]:
    reason = Reason("it may run a coroutine function or something else", call.span)
    settled = ReplaceExpr(call.span, "aio_support.settled({call})", reason, {"call": call.span})
    return settled, import_of(facts.file(call.span.path).source, "aio_support", call.span, reason)


def settled(plan: CallPlan) -> CallPlan:
    """The plan of a call whose rule sees to it that whatever it calls runs right: it needs no edits of its own."""
    return plan if plan.lazy else replace(plan, edits=(), refusal=None if plan.open else plan.refusal)


def suspected_calls(facts: Facts, scripts: frozenset[str]) -> Iterator[CallPlan]:
    """Calls of something unknown under the name of methods that may become coroutine methods: what becomes of those calls.

    In a project of which all files are known.
    """
    if facts.project.is_part:
        return
    suspected: dict[Span, tuple[CallSite, list[str]]] = {}
    for name, info in facts.project.functions.items():
        for call in maybe_calls(facts, info):
            suspected.setdefault(call.span, (call, []))[1].append(name)
    for call, names in suspected.values():
        if not call.targets:  # else it is awaited for those, together or not at all
            yield plan_call(facts, replace(call, targets=frozenset(names)), scripts, unknown=True)


def hands_result_on(facts: Facts, path: str, node: ast.AST) -> bool:
    """Whether the node is the whole body of a lambda, which then returns the coroutine to be awaited by its caller."""
    parent = facts.parent(path, node)
    return isinstance(parent, ast.Lambda) and parent.body is node


def in_main_guard(facts: Facts, path: str, node: ast.AST) -> bool:
    """Whether the node runs only below ``if __name__ == "__main__":``."""
    child = node
    for parent in facts.parents(path, node):
        if isinstance(parent, ast.If) and child in parent.body and is_main_guard(parent):
            return True
        child = parent
    return False


def is_main_guard(statement: ast.If) -> bool:
    """Whether the statement is ``if __name__ == "__main__":`` (either way round)."""
    match statement.test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            sides = (left, right)
            names = any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
            return names and any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)
    return False


def scripts(facts: Facts) -> frozenset[str]:
    """Files that no other file of the project imports, by the last part of their name: they only run as programs."""
    imported: set[str] = set()
    for path in facts.project.files:
        for node in facts.nodes(path, ast.Import):
            imported |= {part for alias in node.names for part in alias.name.split(".")}
        for source in facts.nodes(path, ast.ImportFrom):
            imported |= {alias.name for alias in source.names} | set((source.module or "").split("."))
    out = set()
    for path, file in facts.project.files.items():
        last = file.source.module.rpartition(".")[2]
        info = facts.project.functions.get(file.source.module)
        if last not in imported and not path.endswith("__init__.py") and not (info is not None and info.in_test):
            out.add(path)
    return frozenset(out)


def call_implications(plans: Iterable[CallPlan], facts: Facts) -> Iterator[Implication]:
    """Callee → call → caller, and targets of one call with each other."""
    project = facts.project
    for plan in plans:
        if plan.faced and not plan.flows:
            continue
        call = plan.call
        node = call_node(call.span)
        names = sorted(call.targets)
        for name in names:
            if name in project.functions and project.functions[name].is_async:
                continue
            last = name.rpartition(".")[2]
            yield Implication(function_node(name), node, f"it calls {last}()", call.span)
            if len(names) > 1 and not plan.unknown:
                yield Implication(node, function_node(name), f"the same call may run {last}()", call.span)
        for lock in plan.locks if not plan.lazy else ():
            yield Implication(node, lock, "it is awaited while this lock is held", call.span)
        if not plan.entry and not plan.lazy:
            short = call.within.rpartition(".")[2]
            yield Implication(node, function_node(call.within), f"{short}() must await it", call.span)


def family_implications(facts: Facts) -> Iterator[Implication]:
    """Methods that override each other have one colour."""
    for name, info in facts.project.functions.items():
        if info.cls is None or info.name.rpartition(".")[2] == "__init__":
            continue
        for other in sorted(facts.project.overrides(name)):
            if info.is_async and not facts.project.functions[other].is_async:
                continue  # they had two colours before
            where = facts.project.functions[other].span
            text = f"{other.rpartition('.')[2]}() of a related class has the same colour"
            yield Implication(function_node(name), function_node(other), text, where)
