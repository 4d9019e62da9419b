"""Functions that examples in docstrings call, where the tree runs such examples (:mod:`doctest`): nobody awaits them there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from asyncify.colour.pins import refusal
from asyncify.index.project import Kind
from asyncify.model import Refusal, Span
from asyncify.rules.base import CALLBACK, function_node
from asyncify.rules.facts import Facts

_RUNNERS = ("import doctest", "from doctest import")
_EXAMPLE = re.compile(r"^\s*(?:>>>|\.\.\.) (?!.*\+SKIP)(.*)", re.MULTILINE)
_CALLED = re.compile(r"(\w+)\s*\(")


def doctest_pins(facts: Facts) -> Iterator[tuple[str, Refusal]]:
    """Nodes of functions that examples in their own file call, with the refusal to give."""
    if not any(map(facts.spelled_in_tree, _RUNNERS)):
        return
    called: dict[str, dict[str, Span]] = {}  # by file: the names called, and where first
    for path in facts.project.files:
        if facts.spells(path, frozenset({">>> "})):
            names = called.setdefault(path, {})
            for node in facts.nodes(path, ast.Constant):
                if isinstance(node.value, str) and ">>> " in node.value:
                    for line in _EXAMPLE.findall(node.value):
                        for name in _CALLED.findall(line):
                            names.setdefault(name, facts.span(path, node))
    for name, info in facts.project.functions.items():
        *_, owner, last = ["", *name.split(".")]
        span = called.get(info.path, {}).get(owner if info.cls and last == "__init__" else last)
        if span is not None and info.kind is Kind.FUNCTION and not info.is_async:
            yield function_node(name), refusal(CALLBACK, span, "An example that doctest runs calls it, without await.")
