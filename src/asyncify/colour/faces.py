"""Functions that keep a synchronous form: which can, under what name the coroutine goes, and who calls which of both."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from asyncify.colour.pins import DECORATED, FOREIGN_OVERRIDE, MAYBE_CALLED, refusal
from asyncify.colour.renames import bound_once, renamed
from asyncify.colour.structure import MIXED_CALL, CallPlan
from asyncify.entry_points import Boundary, Flow
from asyncify.graph import Implication
from asyncify.index.project import CallSite, FunctionInfo, Kind
from asyncify.index.values import BoundMethod, Class, External, Function, Object, Partial, Value
from asyncify.model import Edit, Reason, Refusal, ReplaceExpr, Span
from asyncify.rules.base import (
    CALLBACK,
    Block,
    Claim,
    Companion,
    Finding,
    Handles,
    RefusalCode,
    Replaced,
    function_node,
)
from asyncify.rules.builtin_callbacks import CALLED_BACK
from asyncify.rules.facts import Facts
from asyncify.rules.test_mocks import TEST_DOUBLE

NO_SECOND_FORM = RefusalCode(
    "no-second-form",
    "The function is to keep its synchronous form, and no asynchronous one can stand beside it.",
    "See the reason; until then it stays synchronous and runs the coroutines that it calls to their end.",
)
FACE_CODES: Final = (NO_SECOND_FORM,)

# What such a pin says of callers does not matter where the name they call stays synchronous.
_MET_BY_A_FACE: Final = frozenset(code.code for code in (CALLBACK, MAYBE_CALLED, DECORATED, FOREIGN_OVERRIDE))
_ON_BOTH: Final = frozenset(["builtins.staticmethod", "builtins.classmethod", "abc.abstractmethod"])
_INERT: Final = frozenset(
    f"{module}.{name}" for module in ("typing", "typing_extensions") for name in ("final", "override", "no_type_check")
)
_ASYNC_NAMES: Final = re.compile(r"\b(?:\w+_(?:async|coroutine)|async_\w+)\b")
_STARTING: Final = ("asyncio.run", "aio_support.run", "aio_support.run_sync")
_INVOKING: Final = frozenset({"invoke", "forward"})
_READING: Final = frozenset("items keys values get copy index count join startswith endswith".split())


@dataclass(frozen=True, slots=True)
class Face:
    """How one function is split: see :class:`asyncify.model.Facade`."""

    reason: Reason
    flow: Flow
    program: bool
    async_name: str
    owner: str
    bound: bool
    decorators: tuple[str, ...]
    wrapped: bool  # calls of its name run more than itself, so all of them go on to call that name


@dataclass(frozen=True, slots=True)
class Faces:
    """The functions that keep a synchronous form, by name; pins of those that cannot be split, and what they imply."""

    of: Mapping[str, Face]
    pins: tuple[tuple[str, Refusal], ...] = ()
    companions: tuple[Companion, ...] = ()
    region: frozenset[str] | None = None  # the functions that may become asynchronous; None for all

    def met(self, node: str, pin: Refusal) -> bool:
        """Whether a pin does not matter because the function keeps its synchronous form."""
        return node.removeprefix("function:") in self.of and pin.code in _MET_BY_A_FACE

    def flows(self, function: str, caller: FunctionInfo) -> bool:
        """Whether the caller of a function with a face uses the coroutine, and so becomes asynchronous."""
        face = self.of[function]
        if face.wrapped or face.flow is Flow.NOWHERE:
            return False
        if self.region is not None and caller.name not in self.region:
            return False
        return not caller.in_test

    def settled(self, findings: Iterable[Finding], facts: Facts) -> Iterator[Finding]:
        """The findings without what would follow for tests: they go on to call the synchronous form."""
        nodes = {function_node(name) for name in self.of}
        findings = list(findings)
        kept = _called_back(findings, nodes)
        for finding in findings:
            match finding:
                case Handles(span=span) if span in kept:
                    continue
                case Claim(variant=variant, span=span) if variant == CALLED_BACK and span in kept:
                    continue
                case Implication(premise=premise, span=span) if premise in nodes and facts.in_test(span.path):
                    continue
                case Implication(span=span) if (own := self._inside(facts, finding)) is not None:
                    outer = finding.conclusion.rpartition(".")[2]
                    text = finding.text.replace(f"{outer}()", f"{own.rpartition('.')[2]}()")
                    yield replace(finding, conclusion=function_node(own), text=text)
                    continue
                case Block(node=node, refusal=found) if node in nodes and found.code == TEST_DOUBLE.code:
                    continue
                case Companion(node=node, edits=edits) if node in nodes and (
                    self._decorates(facts, node, edits) or all(facts.in_test(edit.span.path) for edit in edits)
                ):
                    continue
                case Claim(follows=follows, span=span) if set(follows) & nodes and facts.in_test(span.path):
                    left = tuple(node for node in follows if node not in nodes)
                    if left:
                        yield replace(finding, follows=left, leads=tuple(n for n in finding.leads if n not in nodes))
                    continue
            yield finding
        yield from self.companions

    def _decorates(self, facts: Facts, node: str, edits: Iterable[Edit]) -> bool:
        """Whether the edits change a decorator of the function, which stays on its synchronous form."""
        decorators = facts.project.functions[node.removeprefix("function:")].decorators
        return any(outer.contains(edit.span) for outer in decorators for edit in edits)

    def _inside(self, facts: Facts, step: Implication) -> str | None:
        """The function with a face that a rule's step passes over: from a call of it to the function around the call."""
        call = facts.project.call_at(step.span)
        if call is None or step.conclusion != function_node(call.within) or step.premise.startswith("function:"):
            return None
        return next((name for name in sorted(call.targets) if name in self.of), None)

    def planned(self, plan: CallPlan, facts: Facts) -> CallPlan:
        """The plan of a call, some of whose targets have a face."""
        call = plan.call
        names = sorted(call.targets)
        faced = [name for name in names if name in self.of]
        if not faced:
            return plan
        caller = facts.project.functions.get(call.within)
        if plan.open:
            return replace(plan, faced=True) if len(faced) == len(names) else plan
        if len(faced) < len(names):
            text = "Some of the functions that may run here keep a synchronous form and some do not."
            return replace(plan, refusal=refusal(MIXED_CALL, call.span, text))
        if caller is None or caller.kind not in (Kind.FUNCTION, Kind.LAMBDA):
            return replace(plan, faced=True, refusal=refusal(NO_SECOND_FORM, call.span))
        edits = self._call_edits(facts, call, names)
        if edits is None:
            return replace(plan, faced=True, refusal=plan.refusal or refusal(NO_SECOND_FORM, call.span))
        flows = any(self.flows(name, caller) for name in names)
        return replace(plan, faced=True, flows=flows, edits=(*plan.edits, *edits))

    def _call_edits(self, facts: Facts, call: CallSite, names: Sequence[str]) -> tuple[Edit, ...] | None:
        new = {self.of[name].async_name for name in names}
        func = facts.node(call.func, ast.expr)
        if func is None or len(new) > 1 or call.externals or call.unresolved or any(self.of[n].wrapped for n in names):
            return None
        name = names[0].rpartition(".")[2]
        reason = Reason(f"it calls the coroutine behind {name}()", call.span)
        return renamed(facts, call.span.path, func, names, new.pop(), reason)


def find_faces(
    facts: Facts,
    boundaries: Mapping[str, Boundary],
    findings: Sequence[Finding],
    region: frozenset[str] | None = None,
) -> Faces:
    """The faces of all functions that are to keep a synchronous form, and of the methods that override them."""
    eligible = _may_wait(facts, findings) - _of_libraries(facts, findings)
    wanted = _families(facts, {name: b for name, b in boundaries.items() if name in eligible})
    files = facts.project.files.values() if wanted else ()
    taken = {name for file in files for name in _ASYNC_NAMES.findall(file.source.text)}
    replaced = {f.node for f in findings if isinstance(f, Replaced)}
    faces: dict[str, Face] = {}
    refused: dict[str, Refusal] = {}
    for name, boundary in wanted.items():
        info = facts.project.functions[name]
        found = _face(facts, info, boundary, function_node(name) in replaced, taken)
        if isinstance(found, Face):
            faces[name] = found
        else:
            refused[name] = found
    for name in list(faces):  # a family has one form
        for other in sorted(facts.project.overrides(name)):
            if other in refused and name in faces:
                del faces[name]
                refused[name] = _refused(refused[other].message, facts.project.functions[name].span, refused[other])
    pins = [(function_node(name), found) for name, found in refused.items()]
    pins += list(_wrappers(facts, faces))
    pins += list(_invoking(facts, faces, boundaries))
    jobs, lost = _jobs(facts, faces, findings)
    for name, found in lost.items():
        faces.pop(name, None)
        pins.append((function_node(name), found))
    return Faces(faces, tuple(pins), tuple(jobs), region)


def _may_wait(facts: Facts, findings: Iterable[Finding]) -> set[str]:
    """The functions that could become asynchronous: those with something that waits, and whatever may run them."""
    runners: dict[str, set[str]] = defaultdict(set)
    for call in facts.project.calls:
        for target in call.targets:
            runners[target].add(call.within)
    for implicit in facts.project.implicit_calls:
        runners[implicit.target].add(implicit.within)
    todo = {finding.within for finding in findings if isinstance(finding, Claim)}
    for finding in findings:
        if isinstance(finding, Implication):
            todo |= {
                n.removeprefix("function:") for n in (finding.premise, finding.conclusion) if n.startswith("function:")
            }
    out: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in out:
            out.add(name)
            todo |= runners[name]
            if name in facts.project.functions:
                todo |= facts.project.overrides(name)
                parent = facts.project.functions[name].parent
                todo |= {parent} if parent is not None else set()
    return out


def _of_libraries(facts: Facts, findings: Iterable[Finding]) -> set[str]:
    """Methods that have the colour of a library's object, whose own methods call them by their names."""
    out = set()
    for finding in findings:
        if isinstance(finding, Implication) and finding.premise.startswith("object:"):
            name = finding.conclusion.removeprefix("function:")
            if name in facts.project.functions and facts.project.call_at(finding.span) is None:
                out |= {name, *facts.project.overrides(name)}
    return out


def _families(facts: Facts, boundaries: Mapping[str, Boundary]) -> dict[str, Boundary]:
    out = {name: b for name, b in boundaries.items() if not facts.project.functions[name].is_async}
    for name in sorted(out):
        for other in sorted(facts.project.overrides(name)):
            info = facts.project.functions[other]
            if other not in out and not info.is_async:
                text = f"{other.rpartition('.')[2]}() of a related class keeps a synchronous form"
                out[other] = replace(out[name], reason=Reason(text, info.span, out[name].reason))
    return out


def _refused(text: str, span: Span, because: Refusal | None = None) -> Refusal:
    return refusal(NO_SECOND_FORM, span, text, because.reason if because is not None else None)


def _face(facts: Facts, info: FunctionInfo, boundary: Boundary, replaced: bool, taken: set[str]) -> Face | Refusal:
    """The face of one function, or why there can be none."""
    node = facts.node(info.span, ast.FunctionDef)
    name = info.name.rpartition(".")[2]
    if node is None:
        return _refused(f"{name} is no function with a name.", info.span)
    if info.is_generator:
        text = "It is a generator, whose iterators may go where asyncify cannot tell the two forms apart."
        return _refused(text, info.span)
    if name.startswith("__") and name.endswith("__"):
        return _refused(f"Python calls {name} itself.", info.span)
    parameters = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
    if parameters & {"asyncio", "aio_support"}:
        return _refused("A parameter is called like the module that runs coroutines.", info.span)
    stem = name.rstrip("_") or name
    candidates = (f"{stem}_async", f"{stem}_coroutine", f"async_{stem}")
    chosen = next((c for c in candidates if c not in taken and c not in parameters), None)
    if chosen is None:
        return _refused(f"{', '.join(candidates)} are all in use.", info.span)
    both = []
    # Where something else may be found under the name, its callers must go on to look there.
    wrapped = replaced or not bound_once(facts, info.path, info.span) or _stored_over(facts, info, name)
    static = class_method = False
    for span in info.decorators:
        decorator = facts.node(span, ast.expr)
        names = {v.name for v in facts.project.values(span) if isinstance(v, External)}
        if decorator is not None and names and names <= _ON_BOTH:
            both.append(facts.text(info.path, decorator))
            static = static or "builtins.staticmethod" in names
            class_method = class_method or "builtins.classmethod" in names
        elif not (names and names <= _INERT):
            wrapped = True
    default = _own_default(facts, info, node)
    if default is not None and not (wrapped and boundary.program):
        text = "A default value that is made anew, and perhaps changed, would be another one in each form."
        return _refused(text, default)
    first = [*node.args.posonlyargs, *node.args.args]
    owner, bound = "", False
    if info.cls is not None and static:
        owner = info.cls[len(info.module) + 1 :]
        if "<locals>" in owner:
            owner = owner.rpartition("<locals>.")[2]
    elif info.cls is not None:
        if not first:
            return _refused(f"{name}() names no parameter for its object.", info.span)
        owner, bound = first[0].arg, True
    return Face(
        boundary.reason,
        boundary.flow,
        boundary.program,
        chosen,
        owner,
        bound,
        tuple(both),
        wrapped,
    )


def _stored_over(facts: Facts, info: FunctionInfo, name: str) -> bool:
    """Whether an attribute of that name is set on an object or class of the method's hierarchy, or its module."""
    related = {info.cls} | {cls for cls, c in facts.project.classes.items() if info.cls in c.mro}
    if info.cls is not None and info.cls in facts.project.classes:
        related |= set(facts.project.classes[info.cls].mro)
    for path, node in facts.attribute_stores.get(name, ()):
        values = facts.values(path, node.value)
        if not values or any(_is_of(value, related, info) for value in values):
            return True
    return False


def _is_of(value: Value, related: set[str | None], info: FunctionInfo) -> bool:
    match value:
        case Object(cls) | Class(cls):
            return cls in related
    return info.cls is None and getattr(value, "name", None) == info.module


def _own_default(facts: Facts, info: FunctionInfo, node: ast.FunctionDef) -> Span | None:
    """A default value that is an object of its own each time it is evaluated, and may be told apart."""
    plain = [*node.args.posonlyargs, *node.args.args]
    pairs = list(zip(plain[len(plain) - len(node.args.defaults) :], node.args.defaults, strict=True))
    pairs += [(a, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is not None]
    for argument, default in pairs:
        if _is_constant(default):
            continue
        fresh = isinstance(default, (ast.List, ast.Dict, ast.Set)) and all(
            _is_constant(child) for child in ast.iter_child_nodes(default) if isinstance(child, ast.expr)
        )
        if not fresh or not _only_read(facts, info.path, node, argument.arg):
            return facts.span(info.path, default)
    return None


def _is_constant(node: ast.expr) -> bool:
    match node:
        case ast.Constant() | ast.Name() | ast.Attribute(value=ast.Name()):
            return True
        case ast.UnaryOp(operand=operand):
            return _is_constant(operand)
        case ast.BinOp(left=left, right=right):
            return _is_constant(left) and _is_constant(right)
        case ast.Tuple(elts=elements):
            return all(_is_constant(element) for element in elements)
        case ast.Attribute(value=value):
            return _is_constant(value)
    return False


def _only_read(facts: Facts, path: str, function: ast.FunctionDef, name: str) -> bool:
    """Whether what the parameter holds by default is neither changed nor kept by the function."""
    for node in (n for statement in function.body for n in ast.walk(statement)):
        if not isinstance(node, ast.Name) or node.id != name:
            continue
        if isinstance(node.ctx, ast.Store):
            continue
        parent = facts.parent(path, node)
        match parent:
            case ast.Compare() | ast.For() | ast.comprehension() | ast.Starred() | ast.FormattedValue():
                continue
            case ast.If() | ast.While() | ast.UnaryOp(op=ast.Not()):
                continue
            case ast.Subscript(value=value, ctx=ast.Load()) if value is node:
                continue
            case ast.Attribute(attr=attr) if attr in _READING:
                continue
            case ast.keyword(arg=None):
                continue
            case ast.keyword() | ast.Call():
                around = parent if isinstance(parent, ast.Call) else facts.parent(path, parent)
                call = facts.project.call_at(facts.span(path, around)) if isinstance(around, ast.Call) else None
                reads = ("requests.", "builtins.len", "builtins.dict", "builtins.list", "builtins.str", "json.dumps")
                if call and call.externals and not call.targets and all(n.startswith(reads) for n in call.externals):
                    continue
        return False
    return True


def _wrappers(facts: Facts, faces: Mapping[str, Face]) -> Iterator[tuple[str, Refusal]]:
    """What a decorator of the project puts around such a function stays synchronous, as the function's name does."""
    for name, face in faces.items():
        if not face.wrapped:
            continue
        makers = {
            value.function if isinstance(value, BoundMethod) else value.name
            for span in facts.project.functions[name].decorators
            for value in _decorator_values(facts, span)
            if isinstance(value, (Function, BoundMethod, Class))
        }
        for call in facts.project.callers(name):
            if any(call.within.startswith(f"{maker}.") for maker in makers):
                text = f"It wraps {name.rpartition('.')[2]}(), which keeps a synchronous form."
                yield function_node(call.within), refusal(DECORATED, call.span, text, face.reason)


def _invoking(
    facts: Facts, faces: Mapping[str, Face], boundaries: Mapping[str, Boundary]
) -> Iterator[tuple[str, Refusal]]:
    """What runs a command through its library's context does so in its own thread, where no event loop may run."""
    running = {call.within for name in _STARTING for call in facts.calls_by_external.get(name, ())}
    for use in facts.project.uses:
        boundary = boundaries.get(use.function)
        starts = use.function in faces or use.function in running
        if boundary is None or not boundary.program or not starts or use.call is None:
            continue
        node = facts.node(use.call, ast.Call)
        if node is not None and isinstance(node.func, ast.Attribute) and node.func.attr in _INVOKING:
            text = f"{use.function.rpartition('.')[2]}() is run here by {node.func.attr}(), and starts a loop itself."
            yield function_node(use.within), refusal(CALLBACK, use.call, text, boundary.reason)


def _decorator_values(facts: Facts, span: Span) -> frozenset[Value]:
    node = facts.node(span, ast.expr)
    target = node.func if isinstance(node, ast.Call) else node
    return facts.values(span.path, target) if target is not None else frozenset()


def _jobs(
    facts: Facts, faces: Mapping[str, Face], findings: Sequence[Finding]
) -> tuple[list[Companion], dict[str, Refusal]]:
    """Where a rule runs such a function as a value (a job of a pool): there the coroutine function goes in."""
    companions: list[Companion] = []
    lost: dict[str, Refusal] = {}
    kept = _called_back(findings, {function_node(name) for name in faces})
    for span in sorted({f.span for f in findings if isinstance(f, Handles)} - kept):
        node = facts.node(span, ast.expr)
        if node is None or facts.in_test(span.path) or isinstance(node, ast.Lambda):
            continue
        found = {name: node for name in _named(facts.project.values(span)) if name in faces}
        if isinstance(node, ast.Call) and node.args:  # functools.partial(function, …)
            inner = _named(facts.values(span.path, node.args[0]))
            if any(isinstance(value, Partial) for value in facts.project.values(span)):
                found |= {name: node.args[0] for name in inner if name in faces}
        for name, expression in found.items():
            edits = None
            if len(found) == 1 and not faces[name].wrapped:
                reason = Reason(f"the coroutine behind {name.rpartition('.')[2]}() is run here", span)
                edits = renamed(facts, span.path, expression, [name], faces[name].async_name, reason)
            if edits is None:
                text = f"{name.rpartition('.')[2]}() is run here in a way that asyncify cannot give another name."
                lost[name] = _refused(text, span)
            else:
                companions.append(Companion(function_node(name), edits))
    return companions, lost


def _called_back(findings: Iterable[Finding], nodes: set[str]) -> set[Span]:
    """The calls of builtins that go on to call the synchronous form, and where they are given the function."""
    out: set[Span] = set()
    for finding in findings:
        if isinstance(finding, Claim) and finding.variant == CALLED_BACK and set(finding.follows) & nodes:
            out |= {finding.span, *(edit.span for edit in finding.sync_edits or () if isinstance(edit, ReplaceExpr))}
    return out


def _named(values: Iterable[Value]) -> list[str]:
    """The functions of the project that the values are."""
    out = [value.name for value in values if isinstance(value, Function)]
    return sorted([*out, *(value.function for value in values if isinstance(value, BoundMethod))])
