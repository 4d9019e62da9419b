"""Annotations and ``match`` patterns: expressions that speak of classes to mean their instances."""

from __future__ import annotations

import ast

from asyncify.index.ir import NO_KEY
from asyncify.index.lower_code import CodeLowering
from asyncify.index.lower_expr import Env

_THEMSELVES = frozenset("bool bytearray bytes dict float frozenset int list set str tuple".split())
"""Types whose class pattern takes the thing itself by its one position."""


class PatternLowering(CodeLowering):
    """Annotations (string ones too) and ``match`` statements."""

    dead: bool
    quoted = False  # within an annotation that is a string

    def annotation(self, node: ast.expr) -> int:
        """A variable with what an expression annotated so can be."""
        if isinstance(node, ast.Constant):
            if not isinstance(node.value, str):
                return 0
            try:
                quoted = ast.parse(node.value.strip(), mode="eval").body
            except (SyntaxError, ValueError):
                return 0
            outer, self.quoted = self.quoted, True
            variable = self.annotation(quoted)
            self.quoted = outer
            return variable
        if isinstance(node, ast.BinOp):
            joined = self.new()
            self.edge(self.annotation(node.left), joined)
            self.edge(self.annotation(node.right), joined)
            return joined
        if isinstance(node, ast.Subscript):
            return self._generic(node)
        if isinstance(node, (ast.Name, ast.Attribute)):
            result = self.new()
            if self.classes and (node.id if isinstance(node, ast.Name) else node.attr) == "Self":
                own = self.new()
                self.facts.selves.append((own, self.classes[-1], "self"))
                self.operate(self._named(node), "instantiate", [], result, node, own)
            else:
                self.operate(self._named(node), "instantiate", [], result, node)
            return result
        return 0

    def _named(self, node: ast.expr) -> int:
        """The class (or alias) that an annotation names, whenever it is defined."""
        if isinstance(node, ast.Name):
            variable = self.read(node.id, flow=False)
        elif isinstance(node, ast.Attribute):
            variable = self.new()
            self.operate(self._named(node.value), "attribute", node.attr, variable, node, self.function)
        else:
            return 0
        self._expressions[node] = variable
        return variable

    def _generic(self, node: ast.Subscript) -> int:
        last = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        base = self._named(node.value)
        if last == "Literal" or not parts:
            return 0
        if last in ("type", "Type"):
            part = parts[0]
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                try:
                    part = ast.parse(part.value, mode="eval").body
                except (SyntaxError, ValueError):
                    return 0
            return self._named(part)
        if last == "Annotated":
            if not self.quoted:  # (what stands in a string has no place in the file)
                self.expressions(parts[1:])
            return self.annotation(parts[0])
        arguments = [] if last == "Callable" else [self.annotation(part) for part in parts]
        result = self.new()
        if last in ("Optional", "Union", "Final", "ClassVar", "Required", "NotRequired", "Awaitable", "Coroutine"):
            for argument in arguments[-1:] if last == "Coroutine" else arguments:
                self.edge(argument, result)
            return result
        self.operate(base, "instantiate", arguments, result, node)
        return result

    # --- match -------------------------------------------------------------------------------------------------

    def _match(self, node: ast.Match) -> None:
        subject = self.expr(node.subject)
        before, outer_dead = self.env, self.dead
        ends: list[Env] = []
        exhaustive = False
        for case in node.cases:
            self.env, self.dead = dict(before), False
            self.pattern(case.pattern, subject)
            if case.guard is not None:
                self.condition(case.guard)
            elif isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None:
                exhaustive = True
            self.block(case.body)
            if not self.dead:
                ends.append(self.env)
        if not exhaustive:
            ends.append(before)
        self.dead = outer_dead or not ends
        self.env = self.merge(ends) if ends else before

    def block(self, body: list[ast.stmt]) -> None:
        """Lower statements. Overridden where statements are lowered."""
        raise NotImplementedError

    def pattern(self, pattern: ast.pattern, subject: int) -> None:
        """Bind what a pattern captures from `subject`."""
        if isinstance(pattern, ast.MatchAs):
            if pattern.pattern is not None:
                self.pattern(pattern.pattern, subject)
            if pattern.name:
                self.define(pattern.name, self._narrowed(pattern.pattern, subject))
        elif isinstance(pattern, ast.MatchOr):
            for option in pattern.patterns:
                self.pattern(option, subject)
        elif isinstance(pattern, ast.MatchValue):
            self.expr(pattern.value)
        elif isinstance(pattern, ast.MatchSequence):
            star = next((i for i, p in enumerate(pattern.patterns) if isinstance(p, ast.MatchStar)), None)
            for position, part in enumerate(pattern.patterns):
                if isinstance(part, ast.MatchStar):
                    if part.name:
                        elements = self.iterate(subject, part)
                        self.define(part.name, self.container("builtins.list", part, [(NO_KEY, 0, elements)]))
                    continue
                captured = self.new()
                key = position if star is None or position < star else position - len(pattern.patterns)
                self.operate(subject, "unpack", key, captured, pattern, self.function)
                self.pattern(part, captured)
        elif isinstance(pattern, ast.MatchMapping):
            for key_node, part in zip(pattern.keys, pattern.patterns, strict=True):
                literal, variable = self.key(key_node)
                captured = self.new()
                self.operate(subject, "subscript", literal, variable, captured, pattern, self.function)
                self.pattern(part, captured)
            if pattern.rest:
                self.define(pattern.rest, subject)
        elif isinstance(pattern, ast.MatchClass):
            self._match_class(pattern, subject)

    def _match_class(self, pattern: ast.MatchClass, subject: int) -> None:
        narrowed = self.new()
        self.edge(subject, narrowed)
        self.operate(self.expr(pattern.cls), "instantiate", [], narrowed, pattern.cls)
        for name, part in zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True):
            captured = self.new()
            self.operate(narrowed, "attribute", name, captured, pattern, self.function)
            self.pattern(part, captured)
        made = self.new()
        self.operate(self._expressions.get(pattern.cls, 0), "instantiate", [], made, pattern.cls)
        for position, part in enumerate(pattern.patterns):
            captured = self.new()
            self.operate(made, "matched", position, captured, pattern, self.function)
            if len(pattern.patterns) == 1 and isinstance(pattern.cls, ast.Name) and pattern.cls.id in _THEMSELVES:
                self.edge(narrowed, captured)
            self.pattern(part, captured)

    def _narrowed(self, pattern: ast.pattern | None, subject: int) -> int:
        if not isinstance(pattern, ast.MatchClass):
            return subject
        narrowed = self.new()
        self.edge(subject, narrowed)
        self.operate(self._expressions.get(pattern.cls, 0), "instantiate", [], narrowed, pattern.cls)
        return narrowed
