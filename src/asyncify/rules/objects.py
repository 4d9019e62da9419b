"""Objects of the standard library that become asynchronous as a whole, with all their uses: queues, locks, events.

An object is one node. Where a coroutine would wait for it, it moves; where it moves, every place that waits for it is
awaited, and so every function around one is asynchronous. What cannot follow keeps the object, and all that needs it.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from asyncify.index.project import CallSite
from asyncify.index.values import External, ExternalMethod, Instance, Object
from asyncify.model import Await, Edit, MakeAsync, Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules.annotations import in_annotation
from asyncify.rules.base import Block, Claim, Finding, RefusalCode, Role, object_node
from asyncify.rules.facts import Facts, Place
from asyncify.rules.flow import annotation_claims, orphaned_import, receiving_call
from asyncify.rules.iteration import consumption
from asyncify.rules.outside_callers import claims, made
from asyncify.rules.support import import_of

POOL = "concurrent.futures.ThreadPoolExecutor"
THREAD = "threading.Thread"
TIMER = "threading.Timer"
_SUBMITTERS = frozenset(
    [f"{POOL}.submit", f"{POOL}.map", THREAD, TIMER, f"{THREAD}.__init__", f"{TIMER}.__init__", "functools.partial"]
)
_FACTORIES = frozenset(["collections.defaultdict", "dataclasses.field"])
_LOGS = re.compile(r"logging\.(?:Logger(?:Adapter)?\.)?(?:debug|info|warning|error|exception|critical|log)$")
_REPLACERS = frozenset(["patch", "object", "setattr", "multiple", "delattr"])
_NAMED_IN_TESTS = re.compile(r"(?:(?:^|\.)(?:threading|queue)\.|^|\.)(\w+?)(?:\.(?:start|join|run|get|put|wait|set))?$")


@dataclass(frozen=True, slots=True)
class Kind:
    """A class from outside whose objects move: what stands for it, and what of it is known.

    ``waits``: methods that are awaited afterwards. ``plain``: methods and attributes that stay as they are.
    """

    type: str
    becomes: str
    waits: frozenset[str]
    plain: frozenset[str] = frozenset()
    entered: bool = False  # a `with` statement waits for it


@dataclass(slots=True)
class Family:
    """The objects of some kinds in a project, by node, with what keeps each of them as it is."""

    facts: Facts
    rule: str
    kinds: Mapping[str, Kind]
    escapes: RefusalCode
    taken_by: frozenset[str] = frozenset()  # other external calls that may receive such an object
    whom: str = "others"  # its methods wait for
    found: dict[str, tuple[Instance, list[Place]]] = field(default_factory=dict)
    blocked: dict[str, Refusal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for instance, places in self.facts.instances.items():
            if instance.type in self.kinds and instance.site is not None:
                self.found[object_node(instance.site)] = (instance, places)

    def refuse(self, span: Span, message: str) -> Refusal:
        """A refusal of this family's code."""
        return Refusal(self.escapes.code, span, message, self.escapes.remedy, Reason(message, span))

    def keep(self, nodes: Iterable[str], refusal: Refusal) -> None:
        """The objects stay as they are."""
        for node in nodes:
            self.blocked.setdefault(node, refusal)

    def nodes_at(self, path: str, node: ast.AST) -> frozenset[str]:
        """The objects of the family that an expression may be."""
        return frozenset(
            object_node(value.site)
            for value in self.facts.values(path, node)
            if isinstance(value, Instance) and value.site is not None and object_node(value.site) in self.found
        )

    def receivers(self, call: CallSite, method: str) -> frozenset[str]:
        """The objects a method is called on. Where it may be something else as well, they stay as they are."""
        values = [v for v in self.facts.project.values(call.func) if isinstance(v, ExternalMethod)]
        nodes = frozenset(
            object_node(v.instance.site)
            for v in values
            if v.instance.site is not None and object_node(v.instance.site) in self.found
        )
        known = frozenset(f"{kind}.{method}" for kind in self.kinds)
        derived = any(isinstance(v, Object) and not self.is_known_derived(v) for v in self._values_of_receiver(call))
        if call.targets or derived or not call.externals <= known:
            text = f"asyncify cannot tell what .{method}() is called on"
            self.keep(nodes, self.refuse(call.span, text))
        return nodes

    def _values_of_receiver(self, call: CallSite) -> Iterable[object]:
        func = self.facts.node(call.func, ast.Attribute)
        return self.facts.values(call.span.path, func.value) if func is not None else ()

    # --- what keeps them ---------------------------------------------------------------------------------------

    def examine(self) -> None:
        """Find out which objects reach code that is not seen, are made in an unknown way, or are replaced by tests."""
        for node, (instance, places) in self.found.items():
            assert instance.site is not None
            why = self.made_as_known(node, instance)
            if why is not None:
                self.keep([node], self.refuse(instance.site, why))
            kind = self.kinds[instance.type]
            for path, place in places:
                found = self._escape(path, place, kind)
                if found is not None:
                    self.keep([node], found)
                    break
        self._unseen_receivers()
        self._class_as_value()
        self._replaced_by_tests()

    def made_as_known(self, node: str, instance: Instance) -> str | None:
        """Why the way in which an object is made keeps it, if it does."""
        call = self.facts.project.call_at(instance.site) if instance.site is not None else None
        if call is None or call.targets:
            return "it is not made by a plain call"
        if call.externals <= _FACTORIES and self.factory(call, instance.type) is not None:
            return None
        return None if call.externals == {instance.type} else "it is not made by a plain call"

    def factory(self, call: CallSite, type_: str) -> Span | None:
        """Where a call says that objects of the class are to be made: ``defaultdict(threading.Lock)``."""
        for span in (*call.args[:1], *(span for name, span in call.keywords if name == "default_factory")):
            if self.facts.project.values(span) == {External(type_)}:
                return span
        return None

    def attribute_is_known(self, kind: Kind, path: str, node: ast.Attribute, called: bool) -> bool:
        """Whether an attribute that is read of an object stays, or has an edit of its own."""
        return node.attr in kind.plain or (called and node.attr in kind.waits)

    def asked_until(self, path: str, node: ast.expr) -> ast.Call | None:
        """The call ``iter(q.get, sentinel)`` in which the expression is the first argument."""
        parent = self.facts.parent(path, node)
        if not isinstance(parent, ast.Call) or len(parent.args) != 2 or parent.args[0] is not node or parent.keywords:
            return None
        call = self.facts.project.call_at(self.facts.span(path, parent))
        return parent if call is not None and call.externals == {"builtins.iter"} and not call.targets else None

    def is_known_derived(self, value: object) -> bool:
        """Whether an object of a class of the project is one of the family as well."""
        return False

    def _escape(self, path: str, place: ast.expr, kind: Kind) -> Refusal | None:
        facts = self.facts
        parent = facts.parent(path, place)
        span = facts.span(path, place)
        if isinstance(parent, ast.Attribute) and parent.value is place:
            around = facts.parent(path, parent)
            called = isinstance(around, ast.Call) and around.func is parent
            if self.attribute_is_known(kind, path, parent, called) or self.asked_until(path, parent) is not None:
                return None
            what = "is used as a value" if parent.attr in kind.waits else "has no counterpart"
            return self.refuse(facts.span(path, parent), f".{parent.attr} of {_a(kind)} {what}")
        receiver = receiving_call(facts, path, place)
        if receiver is not None:
            call = facts.project.call_at(facts.span(path, receiver))
            allowed = _SUBMITTERS | self.taken_by
            if call is not None and not call.unresolved and all(n in allowed or _looks(n) for n in call.externals):
                return None
            return self.refuse(span, f"it is given to {facts.text(path, receiver.func)}()")
        match parent:
            case ast.withitem() if not kind.entered:
                return self.refuse(span, f"{_a(kind)} is entered by a `with` statement")
            case ast.Yield() | ast.YieldFrom() | ast.Await():
                return self.refuse(span, "it is handed out here")
            case ast.For() | ast.AsyncFor() | ast.comprehension() if parent.iter is place:
                return self.refuse(span, "it is iterated over")
            case ast.Assign():
                for target in parent.targets:
                    if isinstance(target, ast.Attribute) and any(
                        isinstance(v, (Instance, External)) for v in facts.values(path, target.value)
                    ):
                        return self.refuse(span, f"it is stored on {facts.text(path, target.value)}")
        return None

    def _unseen_receivers(self) -> None:
        """``thing.queue.put(x)`` where `thing` is unknown may be a queue of the family that is stored under that name."""
        by_attribute: dict[str, set[str]] = defaultdict(set)
        for node, (_, places) in self.found.items():
            for _, place in places:
                if isinstance(place, ast.Attribute):
                    by_attribute[place.attr].add(node)
        waits = frozenset().union(*(kind.waits for kind in self.kinds.values()))
        for call in self.facts.calls_named(waits) if by_attribute else ():
            func = call.node.func
            if call.unresolved and isinstance(func, ast.Attribute) and isinstance(func.value, ast.Attribute):
                nodes = by_attribute.get(func.value.attr, set())
                self.keep(nodes, self.refuse(call.span, f"this may be a call of .{func.attr}() of such an object"))

    def _class_as_value(self) -> None:
        """The class itself used as a value: whatever is done with it, its objects are what it is done with."""
        for path, node, names in self.facts.references(frozenset(self.kinds)):
            parent = self.facts.parent(path, node)
            if isinstance(parent, ast.Call) and parent.func is node:
                continue
            if in_annotation(self.facts, path, node) or self.facts.in_test(path) or self._in_factory(path, node):
                continue
            if self.is_known_use(path, node):
                continue
            text = f"the class {sorted(names)[0]} is used as a value"
            nodes = [n for n, (instance, _) in self.found.items() if instance.type in names]
            self.keep(nodes, self.refuse(self.facts.span(path, node), text))

    def is_known_use(self, path: str, node: ast.expr) -> bool:
        """Whether a use of the class as a value is one that leaves its objects what they are."""
        return isinstance(self.facts.parent(path, node), ast.ClassDef)

    def _in_factory(self, path: str, node: ast.expr) -> bool:
        parent = self.facts.parent(path, node)
        parent = self.facts.parent(path, parent) if isinstance(parent, ast.keyword) else parent
        call = self.facts.project.call_at(self.facts.span(path, parent)) if isinstance(parent, ast.Call) else None
        span = self.facts.span(path, node)
        return (
            call is not None
            and call.externals <= _FACTORIES
            and call.externals != set()
            and any(self.factory(call, kind) == span for kind in self.kinds)
        )

    def _replaced_by_tests(self) -> None:
        """Classes that a test replaces, by the name of the class or of one of its methods."""
        names = {kind.rpartition(".")[2]: kind for kind in self.kinds}
        for call in self.facts.calls_named(_REPLACERS):
            if not self.facts.in_test(call.span.path):
                continue
            for span in call.args[:2]:
                text = self.facts.node(span, ast.Constant)
                match = _NAMED_IN_TESTS.search(text.value) if text is not None and isinstance(text.value, str) else None
                if match is not None and match[1] in names:
                    nodes = [n for n, (i, _) in self.found.items() if i.type == names[match[1]]]
                    self.keep(nodes, self.refuse(call.span, f"a test replaces {match[1]}"))

    # --- what becomes of them ----------------------------------------------------------------------------------

    def findings(self) -> Iterator[Finding]:
        """The objects that stay, the construction of the others, and annotations that speak of them."""
        for node, refusal in self.blocked.items():
            yield Block(node, refusal, self.rule)
        for node, (instance, _) in self.found.items():
            if node not in self.blocked:
                yield from self.construction(node, instance)
                kind = self.kinds[instance.type]
                wanted = f"{_a(kind, kind.becomes)}, in place of {_a(kind)}"
                yield from claims(self.facts, self.rule, made(self.facts, instance), wanted, kind.becomes)
        for kind in self.kinds.values():
            if any(i.type == kind.type for i, _ in self.found.values()):
                kinds = frozenset({kind.type})
                yield from annotation_claims(self.facts, self.rule, kind.type, kinds, kind.becomes, {})

    def construction(self, node: str, instance: Instance) -> Iterator[Claim]:
        """The claim on the call that makes the object."""
        kind = self.kinds[instance.type]
        assert instance.site is not None
        call = self.facts.project.call_at(instance.site)
        assert call is not None
        reason = Reason(f"{_a(kind)} that coroutines wait for", call.span)
        named = call.func if call.externals == {instance.type} else self.factory(call, instance.type)
        assert named is not None
        func = self.facts.node(named, ast.expr)
        edits: list[Edit] = [
            ReplaceExpr(named, kind.becomes, reason),
            import_of(self.facts.file(call.span.path).source, kind.becomes.partition(".")[0], call.span, reason),
        ]
        if func is not None:
            edits += orphaned_import(func, call.span, reason)
        yield Claim(
            self.rule,
            call.span,
            call.within,
            Role.PART,
            Verdict.EXACT,
            reason.text,
            {"": tuple(edits)},
            needs_async=False,
            follows=(node,),
        )

    def waiting(self, call: CallSite, nodes: frozenset[str], method: str, *, stops: bool) -> Claim:
        """The claim on a call that waits; ``stops``: it stops the loop if the object does not move."""
        reason = Reason(f"{method}() waits for {self.whom}", call.span)
        return Claim(
            self.rule,
            call.span,
            call.within,
            Role.FOLLOWER if stops else Role.PART,
            Verdict.EXACT,
            reason.text,
            {"": (Await(call.span, reason),)},
            follows=tuple(sorted(nodes)),
            leads=tuple(sorted(nodes)),
        )

    def entries(self) -> Iterator[Finding]:
        """Every ``with`` statement that enters an object of the family."""
        seen: set[Span] = set()
        for node, (instance, places) in self.found.items():
            for path, place in places:
                item = self.facts.parent(path, place)
                if not isinstance(item, ast.withitem) or not self.kinds[instance.type].entered:
                    continue
                statement = self.facts.parent(path, item)
                span = self.facts.span(path, statement) if statement is not None else None
                if not isinstance(statement, ast.With) or span is None or span in seen:
                    continue
                nodes: set[str] = set()
                for each in statement.items:
                    own = self.nodes_at(path, each.context_expr)
                    others = [v for v in self.facts.values(path, each.context_expr) if not self._is_own(v)]
                    if not own or others:
                        self.keep({node, *own}, self.refuse(span, "one `with` statement enters something else as well"))
                    nodes |= own
                seen.add(span)
                reason = Reason("entering the block waits for others", span)
                claim = Claim(
                    self.rule,
                    span,
                    self.facts.enclosing(path, statement),
                    Role.PART,
                    Verdict.EXACT,
                    reason.text,
                    {"": (MakeAsync(span, reason),)},
                    follows=tuple(sorted(nodes)),
                    leads=tuple(sorted(nodes)),
                )
                yield claim if nodes else replace(claim, follows=(node,), leads=(node,))

    def asked_again(self) -> Iterator[Claim]:
        """Claims on ``for x in iter(q.get, sentinel)``."""
        for node, (instance, places) in self.found.items():
            for path, place in places:
                attribute = self.facts.parent(path, place)
                if not isinstance(attribute, ast.Attribute) or attribute.attr not in self.kinds[instance.type].waits:
                    continue
                call = self.asked_until(path, attribute)
                if call is None or attribute.value is not place:
                    continue
                span = self.facts.span(path, call)
                reason = Reason(f"{attribute.attr}() waits for others", span)
                use = consumption(self.facts, path, call, reason)
                nodes = tuple(sorted({node, *self.nodes_at(path, place)}))
                if use.impossible is not None or use.moves_on:
                    self.keep(nodes, self.refuse(span, use.impossible or "the iterator is not read where it is made"))
                edits: list[Edit] = [
                    ReplaceExpr(self.facts.span(path, call.func), "aio_support.iter_async", reason),
                    import_of(self.facts.file(path).source, "aio_support", span, reason),
                    *use.edits,
                ]
                within = self.facts.enclosing(path, call)
                yield Claim(
                    self.rule,
                    span,
                    within,
                    Role.FOLLOWER,
                    Verdict.EXACT,
                    reason.text,
                    {"": tuple(edits)},
                    follows=nodes,
                    leads=nodes,
                )

    def _is_own(self, value: object) -> bool:
        """Whether a value is of the family, or only what an annotation promises of one."""
        if not isinstance(value, Instance) or value.type not in self.kinds:
            return False
        return not self.facts.made_by_call(value) or (value.site is not None and object_node(value.site) in self.found)


def waiting_calls(
    family: Family, without_waiting: Callable[[ast.Call, str, frozenset[str]], bool]
) -> Iterator[Claim | CallSite]:
    """Claims on all calls that wait for an object of the family; the call itself where its object is not known.

    ``without_waiting`` says whether a call, by its arguments, does not wait although it could.
    """
    for method in sorted({method for kind in family.kinds.values() for method in kind.waits}):
        seen: set[Span] = set()
        for kind in sorted(family.kinds):
            for call in family.facts.calls_by_external.get(f"{kind}.{method}", ()):
                node = family.facts.node(call.span, ast.Call)
                if call.span in seen or node is None:
                    continue
                seen.add(call.span)
                nodes = family.receivers(call, method)
                stops = not without_waiting(node, method, nodes)
                if nodes:
                    yield family.waiting(call, nodes, method, stops=stops)
                elif stops:
                    yield call


def _a(kind: Kind, name: str = "") -> str:
    name = name or kind.type.rpartition(".")[2]
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def _looks(name: str) -> bool:
    """Whether what is called keeps its arguments in containers that are followed, or only looks at them."""
    return name.startswith("builtins.") or _LOGS.match(name) is not None
