"""Functions that code in strings calls: examples in docstrings, where the tree runs such examples (:mod:`doctest`), and programs
that a file runs by ``python -c`` or `exec`. Nobody awaits them there."""

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
_WORD = re.compile(r"\w+")
_KEYWORD = re.compile(r"[(,]\s*(\w+)\s*=(?!=)")
_RUNNING = frozenset({'"-c"', "'-c'", "exec(", "makepyfile"})
_IMPORT = re.compile(r"(?:^|;)\s*(?:import|from)\s+(\w+)", re.MULTILINE)


def doctest_pins(facts: Facts) -> Iterator[tuple[str, Refusal]]:
    """Nodes of functions that examples in their own file call, with the refusal to give."""
    if not any(map(facts.tree.spell, _RUNNERS)):
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


def script_pins(facts: Facts) -> Iterator[tuple[str, Refusal]]:
    """Nodes of functions that programs in strings name, or whose class they name and Python calls, with the refusal to give.

    What such a program hands over by name goes on by that name: functions with such a parameter stay as well.
    """
    project = facts.project
    own = {file.source.module.partition(".")[0] for file in project.files.values()}
    named: dict[str, Span] = {}
    handed: dict[str, Span] = {}
    for path in project.files:
        for node in facts.nodes(path, ast.Constant) if facts.spells(path, _RUNNING) else ():
            if isinstance(node.value, str) and own & set(_IMPORT.findall(node.value)):
                for word in _WORD.findall(node.value):
                    named.setdefault(word, facts.span(path, node))
                for word in _KEYWORD.findall(node.value):
                    handed.setdefault(word, facts.span(path, node))
    for name, info in project.functions.items() if named else ():
        *_, owner, last = ["", *name.split(".")]
        span = named.get(owner if info.cls and last.startswith("__") else last)
        span = span or next((handed[name] for name in info.parameters if name in handed), None)
        if span is not None and info.kind is Kind.FUNCTION and not info.is_async and not info.in_test:
            yield function_node(name), refusal(CALLBACK, span, "A program in a string calls it or hands it something.")
