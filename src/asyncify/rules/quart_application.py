"""Everything of Flask in a project, as one node: all of it moves to Quart, or nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from asyncify.graph import Implication
from asyncify.index.project import CallSite
from asyncify.index.values import External, Instance
from asyncify.model import Await, Edit, Reason, Refusal, ReplaceExpr, ReplaceStatement, Span, Verdict
from asyncify.rules import quart_names as names
from asyncify.rules.base import Block, Claim, Finding, Role
from asyncify.rules.facts import Place
from asyncify.rules.objects import Family, Kind

ID = "quart"
PROGRAM = "flask:applications"
_OTHERS = re.compile(r"flask_|werkzeug\.(serving|middleware|test|testapp|local|wsgi|debug)\b")
_OF_BODY = re.compile(r"request\s*\.\s*(form|json|values|data|files|get_json|get_data)\b")
_TEXT = "applications of Flask move to Quart"
_CONDITION = (
    "an ASGI server (hypercorn, uvicorn) has to serve it, not one for WSGI; Quart ends requests after 60 seconds and "
    "refuses bodies of more than 16 MiB, where the configuration says nothing else"
)
_UNDECLARED = "a body that is not declared as JSON gives None, where Flask answers 415"
_TEMPLATES = "a template must not read the body of the request (request.form, request.json)"


class Applications(Family):
    """The applications, blueprints, responses and test clients of a project, and every other name of Flask."""

    def block(self, span: Span, text: str) -> Block:
        """Nothing moves, for this reason."""
        return Block(PROGRAM, self.refuse(span, text), self.rule)

    def part(self, path: str, node: ast.AST, edits: tuple[Edit, ...], text: str, variant: str = "") -> Claim:
        """A place that moves with the application, and awaits nothing."""
        span = self.facts.span(path, node)
        return Claim(
            ID, span, self.facts.enclosing(path, node), Role.PART, Verdict.EXACT, text, {"": edits},
            needs_async=False, follows=(PROGRAM,), variant=variant,
        )  # fmt: skip

    def awaited(self, path: str, node: ast.expr, text: str, more: tuple[Edit, ...] = (), condition: str = "") -> Claim:
        """A place that is awaited in Quart."""
        span = self.facts.span(path, node)
        claim = Claim(
            ID, span, self.facts.enclosing(path, node), Role.PART, Verdict.EXACT, text,
            {"": (*more, Await(span, Reason(text, span)))}, follows=(PROGRAM,), leads=(PROGRAM,),
        )  # fmt: skip
        return replace(claim, verdict=Verdict.REVIEW, condition=condition) if condition else claim

    # --- what the family asks ----------------------------------------------------------------------------------

    def made_as_known(self, node: str, instance: Instance) -> str | None:
        """Why the way in which an object is made keeps it, if it does."""
        call = self.facts.project.call_at(instance.site) if instance.site is not None else None
        if call is None or call.targets or len(call.externals) != 1:
            return "it is made in an unknown way"
        known = names.PARAMETERS.get(min(call.externals))
        if known is not None:
            first = 1 if instance.type == names.APPLICATION else len(known)
            other = next((name or "**" for name, _ in call.keywords if name not in known), None)
            if other is not None or len(call.args) > first:
                return f"Quart does not take {other or 'these arguments'} here"
        return None

    def attribute_is_known(self, kind: Kind, path: str, node: ast.Attribute, called: bool) -> bool:
        """Whether an attribute of an object is the same in Quart, or is awaited."""
        return Family.attribute_is_known(self, kind, path, node, called) or node.attr in names.READ_ATTRIBUTES.get(
            kind.type, ()
        )

    def is_known_use(self, path: str, node: ast.expr) -> bool:
        """Classes are looked at by :meth:`references`."""
        return True

    def _escape(self, path: str, place: ast.expr, kind: Kind) -> Refusal | None:
        if isinstance(self.facts.parent(path, place), ast.Yield) and self.facts.in_test(path):
            return None  # a fixture, whose value the index follows
        return Family._escape(self, path, place, kind)

    # --- names -------------------------------------------------------------------------------------------------

    def imports(self) -> Iterator[Finding]:
        """Every import of Flask."""
        for path in self.facts.project.files:
            for statement in self.facts.nodes(path, ast.Import, ast.ImportFrom):
                assert isinstance(statement, (ast.Import, ast.ImportFrom))
                module = (statement.module or "") if isinstance(statement, ast.ImportFrom) else ""
                of_flask = isinstance(statement, ast.ImportFrom) and not statement.level and _is_flask(module)
                plain = isinstance(statement, ast.Import) and any(_is_flask(a.name) for a in statement.names)
                if of_flask:
                    known = names.SAME | names.AWAITED | names.RENAMED.keys() | names.MODULES
                    bad = next((a.name for a in statement.names if f"{module}.{a.name}" not in known), None)
                    if bad is not None:
                        yield self.block(self.facts.span(path, statement), f"{module}.{bad} is not the same in Quart")
                elif not plain:
                    again = next((a.name for a in statement.names if f"flask.{a.name}" in names.RENAMED), None)
                    if again is not None and isinstance(statement, ast.ImportFrom):
                        yield self.block(
                            self.facts.span(path, statement), f"{again} is imported through another module"
                        )
                    continue
                yield self._import(path, statement)

    def _import(self, path: str, statement: ast.Import | ast.ImportFrom) -> Claim:
        span = self.facts.span(path, statement)
        text = re.sub(r"\bflask\b", "quart", self.facts.text(path, statement))
        for old, new in names.RENAMED.items():
            text = re.sub(rf"\b{old.rpartition('.')[2]}\b", new, text)
        template = text.replace("{", "{{").replace("}", "}}")
        return self.part(path, statement, (ReplaceStatement(span, template, Reason(_TEXT, span)),), _TEXT)

    def references(self) -> Iterator[Finding]:
        """Every place that names something of Flask, or of what builds on it."""
        every = sorted(self.facts.external_names)
        for name in every:
            if _OTHERS.match(name):
                for path, node, _ in self.facts.references(frozenset([name])):
                    text = f"{name} builds on Flask, or on a server for WSGI"
                    yield self.block(self.facts.span(path, node), text)
                    break
        for path, node, found in self.facts.references(frozenset(n for n in every if _is_flask(n))):
            parent = self.facts.parent(path, node)
            inner = isinstance(parent, ast.Attribute) and parent.value is node
            if f"{names.REQUEST}.headers" in found and not self._is_looked_up(path, node, may_be_named=True):
                yield self.block(
                    self.facts.span(path, node), "all headers of a request are read, which Quart spells in lower case"
                )
            if all(map(_is_the_same, found)):
                continue
            if len(found) > 1 or len(self.facts.values(path, node)) > 1:
                yield self.block(self.facts.span(path, node), f"this may be {min(found)} or something else")
                continue
            yield from self._reference(path, node, min(found), inner)

    def _reference(self, path: str, node: ast.expr, name: str, inner: bool) -> Iterator[Finding]:
        span = self.facts.span(path, node)
        reason = Reason(_TEXT, span)
        last = name.rpartition(".")[2]
        new = names.RENAMED.get(name)
        if name in names.MODULES:
            if isinstance(node, ast.Name) and node.id == "flask":
                yield self.part(path, node, (ReplaceExpr(span, "quart", reason),), _TEXT, "name")
            if not inner:
                yield self.block(span, f"the module {name} is used as a value")
        elif new is not None:
            if isinstance(node, ast.Attribute):
                edit = ReplaceExpr(span, f"{{value}}.{new}", reason, {"value": self.facts.span(path, node.value)})
                yield self.part(path, node, (edit,), _TEXT, "name")
            elif isinstance(node, ast.Name) and node.id == last:
                yield self.part(path, node, (ReplaceExpr(span, new, reason),), _TEXT, "name")
        elif name in names.AWAITED:
            yield from self._awaited_function(path, node, name)
        elif name.startswith(f"{names.REQUEST}."):
            yield from self._of_request(path, node, name)
        else:
            yield self.block(span, f"{name} is not the same in Quart")

    def _is_looked_up(self, path: str, headers: ast.expr, *, may_be_named: bool = False) -> bool:
        """Whether all that is done with headers here is to look for one by its name, in whatever case."""
        match self.facts.parent(path, headers):
            case ast.Attribute(attr=name):
                return name in names.LOOKING_UP
            case ast.Subscript(value=value):
                return value is headers
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[right]):
                return right is headers
            case ast.Assign(targets=[ast.Name()]):
                return may_be_named
        return isinstance(getattr(headers, "ctx", None), ast.Store)

    def _called(self, path: str, node: ast.expr) -> CallSite | None:
        """The call of which the node is the callee, if that is all it calls."""
        parent = self.facts.parent(path, node)
        if not isinstance(parent, ast.Call) or parent.func is not node:
            return None
        call = self.facts.project.call_at(self.facts.span(path, parent))
        return call if call is not None and not call.targets and len(call.externals) == 1 else None

    def _awaited_function(self, path: str, node: ast.expr, name: str) -> Iterator[Finding]:
        call = self._called(path, node)
        if call is None:
            yield self.block(self.facts.span(path, node), f"{name} is used as a value")
            return
        text = f"{name.rpartition('.')[2]}() is awaited in Quart"
        template = call.node.args[0] if call.node.args else None
        if name.endswith("_string") and not (
            isinstance(template, ast.Constant) and not _OF_BODY.search(str(template.value))
        ):
            yield self.block(call.span, "the text of the template is not known, or it reads the body of the request")
        condition = _TEMPLATES if name == "flask.render_template" else ""
        yield self.awaited(path, call.node, text, condition=condition)

    def _of_request(self, path: str, node: ast.expr, name: str) -> Iterator[Finding]:
        attribute = name.split(".")[2]
        span = self.facts.span(path, node)
        known = attribute in names.REQUEST_ATTRIBUTES | names.REQUEST_METHODS
        if not known or (isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)):
            yield self.block(span, f"{name} is not the same in Quart")
            return
        if not isinstance(node, ast.Attribute) or self.facts.values(path, node.value) != {External(names.REQUEST)}:
            if attribute in names.REQUEST_METHODS and name.count(".") == 2:
                yield self.block(span, f"{name} is used as a value")
            return  # a variable that holds the data
        text = f"request.{attribute} is awaited in Quart"
        if attribute in names.REQUEST_ATTRIBUTES:
            yield self.awaited(path, node, text, condition=_UNDECLARED if attribute == "json" else "")
            return
        call = self._called(path, node)
        if call is None:
            yield self.block(span, f"{name} is used as a value")
            return
        lenient = attribute != "get_json" or any(
            key in ("force", "silent")
            and isinstance(value := self.facts.node(at, ast.Constant), ast.Constant)
            and value.value is True
            for key, at in call.keywords
        )
        yield self.awaited(path, call.node, text, condition="" if lenient else _UNDECLARED)

    # --- objects -----------------------------------------------------------------------------------------------

    def objects(self) -> Iterator[Finding]:
        """The objects, what is awaited of them, and what keeps them."""
        self.examine()
        yield from self._reads()
        yield from self._entered()
        for node, (instance, places) in self.found.items():
            assert instance.site is not None
            text = "it belongs to the application"
            yield Implication(node, PROGRAM, text, instance.site)
            yield Implication(PROGRAM, node, text, instance.site)
            for path, place in places:
                if self.facts.values(path, place) - {instance} and not self._all_own(path, place):
                    self.keep([node], self.refuse(self.facts.span(path, place), "this may be something else as well"))
            if instance.type == names.APPLICATION:
                yield self._application(instance.site)
        for node, refusal in self.blocked.items():
            yield Block(node, refusal, self.rule)

    def _all_own(self, path: str, place: ast.expr) -> bool:
        kinds = {value.type for value in self.facts.values(path, place) if isinstance(value, Instance)}
        own = all(isinstance(value, Instance) for value in self.facts.values(path, place))
        return own and len(kinds) == 1 and kinds <= self.kinds.keys()

    def _application(self, site: Span) -> Claim:
        call = self.facts.project.call_at(site)
        within = call.within if call is not None else ""
        return Claim(
            ID, site, within, Role.PART, Verdict.REVIEW, _TEXT, {"": ()}, needs_async=False, follows=(PROGRAM,),
            condition=_CONDITION, variant="application",
        )  # fmt: skip

    def _reads(self) -> Iterator[Finding]:
        """What is read of responses, and calls of their methods."""
        seen: set[Place] = set()
        for instance, places in self.found.values():
            for path, place in places:
                parent = self.facts.parent(path, place)
                if not isinstance(parent, ast.Attribute) or (path, parent) in seen:
                    continue
                seen.add((path, parent))
                if parent.attr in names.READ_ATTRIBUTES.get(instance.type, ()) and isinstance(parent.ctx, ast.Load):
                    yield self._read(path, parent)
                elif parent.attr == "headers" and instance.type == names.ANSWER:
                    if not self._is_looked_up(path, parent):
                        text = "all headers of an answer are read, which Quart spells in lower case"
                        yield self.block(self.facts.span(path, parent), text)
                elif parent.attr in names.READ_METHODS & self.kinds[instance.type].waits:
                    call = self.facts.parent(path, parent)
                    if isinstance(call, ast.Call) and call.func is parent:
                        yield self.awaited(path, call, f"{parent.attr}() is awaited in Quart")

    def _read(self, path: str, node: ast.Attribute) -> Claim:
        span = self.facts.span(path, node)
        text = f".{node.attr} of a response is awaited in Quart"
        holes = {"response": self.facts.span(path, node.value)}
        edits = (ReplaceExpr(span, "{response}.get_data(as_text=True)", Reason(text, span), holes),)
        return self.awaited(path, node, text, edits if node.attr == "text" else ())

    def _entered(self) -> Iterator[Finding]:
        """``with`` statements of clients and contexts."""
        for finding in self.entries():
            if isinstance(finding, Claim):
                yield replace(
                    finding, text="it is entered by `async with` in Quart", follows=(PROGRAM,), leads=(PROGRAM,)
                )

    def refuse(self, span: Span, message: str) -> Refusal:
        """A refusal of the whole application."""
        text = f"the application stays with Flask: {message}"
        return Refusal(self.escapes.code, span, text, self.escapes.remedy, Reason(text, span))


def _is_the_same(name: str) -> bool:
    """Whether the name means the same in both, so that only its import changes."""
    package, *rest = name.split(".")
    base = f"{package}.{rest[0]}" if rest else ""
    if base in names.OPEN or name in names.SAME:
        return True
    known = {names.REQUEST: names.REQUEST_SAME, names.CURRENT: names.CURRENT_SAME}.get(base)
    if known is not None:
        return len(rest) > 1 and rest[1] in known
    return any(name.startswith(f"{each}.") for each in names.SAME)


def _is_flask(name: str) -> bool:
    return name == "flask" or name.startswith("flask.")
