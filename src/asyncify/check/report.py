"""Collects the findings of one tree."""

from __future__ import annotations

import ast

from asyncify.check.codes import CODES, Finding, Problem
from asyncify.check.infer import Evaluator
from asyncify.check.tree import Module, Tree
from asyncify.model import Span


class Examination:
    """One tree under examination: the tree, its evaluator, and what has been found so far."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.evaluator = Evaluator(tree)
        self.findings: list[Finding] = []

    def report(self, code: str, module: Module, node: ast.AST, subject: str, message: str) -> None:
        """Record a problem at `node`. ``subject`` says what it is about, without positions."""
        scope = module.scope_of.get(node, module.root)
        where = scope.function or scope
        self.add(code, module.span(node), (module.path, where.qualname, subject), message)

    def add(self, code: str, span: Span, key: tuple[str, ...], message: str) -> None:
        """Record a problem with a key of its own."""
        assert code in CODES, code
        self.findings.append(Finding(Problem(code, span, message), (code, *key)))
