"""Generators that wait become asynchronous generators, and what iterates them awaits the items.

## What it rewrites

- A loop or comprehension over such a generator becomes `async for`; `list`, `sum`, `sorted`, `dict`, `join`, unpacking and others
  that read to the end get a list of the items.
- `yield from` becomes a loop that yields; `item in items` asks as many items as it did.
- A loop over a generator that has something to clean up closes it as soon as the loop is left (`contextlib.aclosing`).
- `@contextlib.contextmanager` becomes `@contextlib.asynccontextmanager`, and its `with` becomes `async with`.
- A function that stays synchronous iterates by `aio_support.iterate_sync` and enters by `aio_support.enter_sync`.
- A place that may get a list as well iterates by `aio_support.each`.
- Return annotations follow: `Iterator[T]` becomes `AsyncIterator[T]`.

## What it refuses

- Generators that are driven by `send`, `throw` or `close`, whose result (`return value`) is used, or that reach code which
  would iterate them without await.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue
from asyncify.index.project import FunctionInfo, Kind
from asyncify.index.values import Constant, Instance
from asyncify.model import AddImport, Edit, MakeAsync, Reason, Refusal, ReplaceExpr, ReplaceStatement, Span, Verdict
from asyncify.rules.annotations import asynchronous_annotation
from asyncify.rules.base import Block, Claim, Companion, Finding, RefusalCode, Role, Rule, function_node, handing_on
from asyncify.rules.exit_stacks import Entry, entered, entries
from asyncify.rules.facts import Facts
from asyncify.rules.flow import orphaned_import
from asyncify.rules.free_names import unused_name
from asyncify.rules.iteration import Consumption, consumption, whatever_comes
from asyncify.rules.support import import_of
from asyncify.rules.suspension import CleanUp, may_be_dropped, outlives, own_nodes, parts_with

ID = "generators"
CONTEXT = "contextlib._GeneratorContextManager"
GENERATOR = RefusalCode(
    "generator",
    "The generator is used in a way that has no asynchronous form yet.",
    "Loop over the generator where it is called, or collect its items in a list.",
)


def match(facts: Facts) -> Iterator[Finding]:
    """What becomes of every generator of the project and of every place that has one in hand."""
    made_by: dict[Span, FunctionInfo] = {}
    for info in facts.project.functions.values():
        if info.is_generator and not info.is_async and info.kind is Kind.FUNCTION:
            made_by[info.span] = info
            yield from _function(facts, info)
    if not made_by:
        return
    clean_up = CleanUp(facts)
    for (path, node), sites in facts.generators.items():
        functions = [made_by[site] for site in sorted(sites) if site in made_by]
        if functions and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            yield from _Place(facts, clean_up, path, node, functions).findings()
    stacked = entries(facts)
    for instance, places in facts.instances.items():
        if instance.type == CONTEXT and instance.site is not None:
            for path, node in places:
                yield from _context(facts, path, node, stacked.get((path, node)))


def refuse(span: Span, message: str = "") -> Refusal:
    """A refusal of a generator, with its witness."""
    text = message or GENERATOR.title
    return Refusal(GENERATOR.code, span, text, GENERATOR.remedy, Reason(text, span))


# --- the generator itself ----------------------------------------------------------------------------------------


def _function(facts: Facts, info: FunctionInfo) -> Iterator[Finding]:
    node = facts.node(info.span, ast.FunctionDef)
    if node is None:
        return
    own = function_node(info.name)
    for part in own_nodes(node):
        match part:
            case ast.YieldFrom(value=value):
                yield from _delegation(facts, info, node, part, value)
            case ast.Return(value=value) if value is not None:
                yield Block(own, refuse(facts.span(info.path, part), "The generator returns a value."), ID)
            case ast.Yield() if not isinstance(facts.parent(info.path, part), ast.Expr):
                text = "The generator waits for values that are sent to it."
                yield Block(own, refuse(facts.span(info.path, part), text), ID)
    reason = Reason("the generator becomes asynchronous", info.span)
    if node.returns is not None and (edits := asynchronous_annotation(facts, info.path, node.returns, reason)):
        yield Companion(own, edits)
    for decorator in info.decorators:
        expression = facts.node(decorator, ast.expr)
        if expression is not None and facts.text(info.path, expression).rpartition(".")[2] == "contextmanager":
            yield Companion(own, _decorator(facts, info.path, expression))


def _delegation(
    facts: Facts, info: FunctionInfo, node: ast.FunctionDef, part: ast.YieldFrom, value: ast.expr
) -> Iterator[Finding]:
    """``yield from``: no asynchronous generator may say so, whatever it delegates to."""
    statement = facts.parent(info.path, part)
    span = facts.span(info.path, part)
    if not isinstance(statement, ast.Expr):
        yield Block(function_node(info.name), refuse(span, "The result of yield from is used."), ID)
    elif not parts_with(facts, info.path, value):
        name = unused_name(node)
        template = f"for {name} in {{items}}:\n    yield {name}"
        reason = Reason("an asynchronous generator cannot delegate", span)
        holes = {"items": facts.span(info.path, value)}
        edit = ReplaceStatement(facts.span(info.path, statement), template, reason, holes)
        yield Companion(function_node(info.name), (edit,))


def _decorator(facts: Facts, path: str, node: ast.expr) -> tuple[Edit, ...]:
    """``contextlib.contextmanager`` becomes ``contextlib.asynccontextmanager``, as it is imported."""
    span = facts.span(path, node)
    reason = Reason("the context manager waits", span)
    if isinstance(node, ast.Attribute):
        return (ReplaceExpr(span, "{module}.asynccontextmanager", reason, {"module": facts.span(path, node.value)}),)
    added = AddImport(span, reason, "contextlib", "asynccontextmanager")
    return ReplaceExpr(span, "asynccontextmanager", reason), added, *orphaned_import(node, span, reason)


# --- where it is iterated ----------------------------------------------------------------------------------------


class _Place:
    """One expression that may be a generator which becomes asynchronous."""

    def __init__(
        self, facts: Facts, clean_up: CleanUp, path: str, node: ast.expr, functions: Sequence[FunctionInfo]
    ) -> None:
        self.facts = facts
        self.clean_up = clean_up
        self.path = path
        self.node = node
        self.functions = functions
        self.span = facts.span(path, node)
        self.nodes = tuple(sorted(function_node(info.name) for info in functions))
        self.reason = Reason(f"{functions[0].name.rpartition('.')[2]}() becomes an asynchronous generator", self.span)

    def findings(self) -> Iterator[Finding]:
        facts, path, node = self.facts, self.path, self.node
        parent = facts.parent(path, node)
        cleaning = any(self.clean_up.of(info) for info in self.functions)
        match parent:
            case ast.BoolOp():
                return
            case ast.Compare() if parent.left is node or not isinstance(parent.ops[-1], (ast.In, ast.NotIn)):
                return
            case ast.If() | ast.While() | ast.IfExp() if parent.test is node:
                return
            case ast.Return() if facts.enclosing(path, node).endswith(".__iter__"):
                yield self._claim(())  # Python iterates what it returns: the function stays synchronous
                return
            case ast.Return() | ast.Lambda():
                yield from _handed_on(facts, path, node, self.nodes)
                yield from self._annotated()
                return
            case ast.YieldFrom() if isinstance(statement := facts.parent(path, parent), ast.Expr):
                yield self._claim(self._each(self._yielding(statement, cleaning)))
                return
            case ast.For() if parent.iter is node and cleaning:
                if self._mixed:
                    yield from self._block("It may be something else that is iterated here.")
                elif outlives(facts, path, node, parent):
                    text = "The loop may be left before its end, and what has to be cleaned up then is held by a name."
                    yield from self._block(text)
                else:
                    yield self._claim(self._closing(parent))
                return
        use = consumption(facts, path, node, self.reason)
        if use.moves_on:
            return
        if use.impossible is None and cleaning and may_be_dropped(facts, path, parent):
            use = Consumption(impossible="it may be left before its end, with something to clean up")
        if use.impossible is not None:
            yield from self._block(f"The generator has no asynchronous form here: {use.impossible}.")
        else:
            yield self._claim(self._each(use.edits))

    def _block(self, text: str) -> Iterator[Finding]:
        for name in self.nodes:
            yield Block(name, refuse(self.span, text), ID)

    def _claim(self, edits: tuple[Edit, ...]) -> Claim:
        support = import_of(self.facts.file(self.path).source, "aio_support", self.span, self.reason)
        edits = (*edits, *self._parameter())
        here = ReplaceExpr(self.span, "aio_support.iterate_sync({items})", self.reason, {"items": self.span})
        return Claim(
            ID,
            self.span,
            self.facts.enclosing(self.path, self.node),
            Role.PART,
            Verdict.EXACT,
            self.reason.text,
            {"": edits},
            follows=self.nodes,
            leads=() if self._mixed else self.nodes,
            sync_edits=(here, support),
        )

    def _parameter(self) -> tuple[Edit, ...]:
        """The annotation of the parameter that is iterated here: of an asynchronous iterator, or of both."""
        around = self._around()
        if not isinstance(self.node, ast.Name) or not isinstance(around, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return ()
        given = (*around.args.posonlyargs, *around.args.args, *around.args.kwonlyargs)
        found = next((argument.annotation for argument in given if argument.arg == self.node.id), None)
        if found is None:
            return ()
        edits = asynchronous_annotation(self.facts, self.path, found, self.reason)
        if not self._mixed or not edits:
            return edits
        changed = edits[0]
        if isinstance(found, ast.Constant) or not isinstance(changed, ReplaceExpr):
            return ()
        both = ReplaceExpr(
            changed.span, f"{changed.template} | {{sync}}", self.reason, {**changed.holes, "sync": changed.span}
        )
        return both, *(edit for edit in edits[1:] if isinstance(edit, AddImport))

    @property
    def _mixed(self) -> bool:
        """Whether something else than these generators may be iterated here."""
        sites = {info.span for info in self.functions}
        for value in self.facts.values(self.path, self.node):
            ours = isinstance(value, Instance) and (value.site in sites or _is_promise(self.facts, value))
            if not ours and value != Constant(None):
                return True
        info = self.facts.project.functions.get(self.facts.enclosing(self.path, self.node))
        if info is None or not isinstance(self.node, ast.Name) or self.node.id not in info.parameters:
            return False
        return not info.name.rpartition(".")[2].startswith("_") and info.parent is None

    def _each(self, edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
        """The edits, for a place that iterates whatever comes."""
        if not self._mixed:
            return edits
        return whatever_comes(self.facts, self.path, self.span, edits, "each", self.reason)

    def _yielding(self, statement: ast.Expr, cleaning: bool) -> tuple[Edit, ...]:
        name = unused_name(self._around())
        span = self.facts.span(self.path, statement)
        template = f"async for {name} in {{items}}:\n    yield {name}"
        if not cleaning:
            return (ReplaceStatement(span, template, self.reason, {"items": self.span}),)
        held = unused_name(self._around(), "items")
        template = f"async with contextlib.aclosing({{items}}) as {held}:\n    async for {name} in {held}:\n        yield {name}"
        edit = ReplaceStatement(span, template, self.reason, {"items": self.span})
        return edit, AddImport(self.span, self.reason, "contextlib")

    def _closing(self, loop: ast.For) -> tuple[Edit, ...]:
        """The loop closes what it iterates as soon as it is left, as dropping a generator does."""
        name = unused_name(self._around(), "items")
        holes = {
            "items": self.span,
            "target": self.facts.span(self.path, loop.target),
            "body": self._suite(loop.body),
        }
        template = f"async with contextlib.aclosing({{items}}) as {name}:\n    async for {{target}} in {name}:\n        {{body}}"
        if loop.orelse:
            template += "\n    else:\n        {orelse}"
            holes["orelse"] = self._suite(loop.orelse)
        edit = ReplaceStatement(self.facts.span(self.path, loop), template, self.reason, holes)
        return edit, AddImport(self.span, self.reason, "contextlib")

    def _suite(self, statements: list[ast.stmt]) -> Span:
        first, last = self.facts.span(self.path, statements[0]), self.facts.span(self.path, statements[-1])
        return Span(self.path, first.line, first.column, last.end_line, last.end_column)

    def _around(self) -> ast.AST:
        scopes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module)
        return next(p for p in self.facts.parents(self.path, self.node) if isinstance(p, scopes))

    def _annotated(self) -> Iterator[Finding]:
        around = self._around()
        if isinstance(around, ast.FunctionDef) and around.returns is not None and not self._mixed:
            edits = asynchronous_annotation(self.facts, self.path, around.returns, self.reason)
            if edits:
                for name in self.nodes:
                    yield Companion(name, edits)


def _is_promise(facts: Facts, value: Instance) -> bool:
    """Whether the value only says what an annotation promises of an iterator."""
    if value.type not in ("builtins.iter", "builtins.generator") or facts.made_by_call(value):
        return False
    site = value.site
    return site is None or not (facts.node(site, ast.GeneratorExp) or facts.node(site, ast.FunctionDef))


def _handed_on(facts: Facts, path: str, node: ast.expr, nodes: tuple[str, ...]) -> Iterator[Finding]:
    """A function gives the object to its callers: they all must be known."""
    name = facts.enclosing(path, node)
    text = f"{name.rpartition('.')[2]}() hands it on"
    for own in nodes:
        yield Implication(own, handing_on(name), text, facts.span(path, node))


# --- where it is entered -----------------------------------------------------------------------------------------


def _context(facts: Facts, path: str, node: ast.expr, stacked: Entry | None) -> Iterator[Finding]:
    """A place that has the manager made by a function under ``contextlib.contextmanager`` in hand."""
    names = _made_by(facts, path, node)
    parent = facts.parent(path, node)
    if not names or isinstance(getattr(node, "ctx", ast.Load()), ast.Store):
        return
    nodes = tuple(function_node(name) for name in sorted(names))
    span = facts.span(path, node)
    if isinstance(parent, (ast.Return, ast.Lambda)):
        yield from _handed_on(facts, path, node, nodes)
        return
    if isinstance(parent, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
        return
    short = sorted(names)[0].rpartition(".")[2]
    text = f"{short}() becomes an asynchronous context manager"
    if stacked is not None:
        yield from entered(facts, ID, (path, node), stacked, nodes, text)
        return
    statement = facts.parent(path, parent) if isinstance(parent, ast.withitem) else None
    together: set[str] = set()
    if isinstance(statement, ast.With):
        for item in statement.items:
            others = _made_by(facts, path, item.context_expr)
            together |= others
            if not others:
                statement = None
                break
    if not isinstance(statement, ast.With):
        call = facts.project.call_at(facts.span(path, parent)) if isinstance(parent, ast.Call) else None
        if call is not None and call.targets and not call.externals and not call.unresolved:
            return
        for name in nodes:
            yield Block(name, refuse(span, "The context manager is used in a way that has no asynchronous form."), ID)
        return
    reason = Reason(text, span)
    yield Claim(
        ID,
        span,
        facts.enclosing(path, node),
        Role.PART,
        Verdict.EXACT,
        reason.text,
        {"": (MakeAsync(facts.span(path, statement), reason),)},
        follows=nodes,
        leads=tuple(function_node(name) for name in sorted(together)),
        sync_edits=(
            ReplaceExpr(span, "aio_support.enter_sync({manager})", reason, {"manager": span}),
            import_of(facts.file(path).source, "aio_support", span, reason),
        ),
    )


def _made_by(facts: Facts, path: str, node: ast.expr) -> set[str]:
    """The synchronous functions whose managers the expression can be; none if it can be anything else."""
    names: set[str] = set()
    for value in facts.values(path, node):
        if not isinstance(value, Instance) or value.type != CONTEXT or value.site is None:
            return set()
        call = facts.project.call_at(value.site)
        if call is None or not call.targets or call.externals:
            return set()
        names |= call.targets
    if any(name in facts.project.functions and facts.project.functions[name].is_async for name in names):
        return set()
    return names


RULE = Rule(
    id=ID,
    title="Generators and context managers that wait",
    doc=__doc__,
    catalogue=Catalogue(),
    match=match,
    refusals=(GENERATOR,),
)
