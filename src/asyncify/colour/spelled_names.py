"""Functions and classes that a string names in full (``"shop.context.prices"`` in settings): a framework finds them, and calls them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.colour.pins import refusal
from asyncify.index.project import Kind
from asyncify.model import Refusal
from asyncify.rules.annotations import in_annotation
from asyncify.rules.base import CALLBACK, function_node
from asyncify.rules.facts import Facts

_NAMES_ONLY = frozenset(["logging.getLogger"])  # a logger of that name


def spelled_name_pins(facts: Facts) -> Iterator[tuple[str, Refusal]]:
    """Nodes of functions that a string outside of the tests names, with the refusal to give; of a class those methods
    that nothing but tests calls."""
    plain: dict[str, list[str]] = {}  # by the last name
    for name, info in facts.project.functions.items():
        if info.kind is Kind.FUNCTION and info.parent is None and not info.is_async:
            plain.setdefault(name.rpartition(".")[2], []).append(name)
    classes: dict[str, list[str]] = {}
    for name in facts.project.classes:
        classes.setdefault(name.rpartition(".")[2], []).append(name)
    for path in facts.project.files:
        if facts.in_test(path):
            continue
        for node in facts.nodes(path, ast.Constant):
            text = node.value if isinstance(node.value, str) and "." in node.value else ""
            for name in plain.get(text.rpartition(".")[2], ()) if text else ():
                if _names(facts, path, text, name) and not _is_name_only(facts, path, node):
                    message = "The function is named in a string here; who calls it is not known."
                    yield function_node(name), refusal(CALLBACK, facts.span(path, node), message)
            for name in classes.get(text.rpartition(".")[2], ()) if text else ():
                if _names(facts, path, text, name) and not _is_type(facts, path, node):
                    message = "The class is named in a string here; who calls its methods is not known."
                    for method in _only_called_from_outside(facts, name):
                        yield function_node(method), refusal(CALLBACK, facts.span(path, node), message)


def _only_called_from_outside(facts: Facts, cls: str) -> Iterator[str]:
    for last, name in facts.project.classes[cls].methods.items():
        info = facts.project.functions.get(name)
        calls = facts.project.callers(name)
        public = info is not None and not info.is_async and not last.startswith("_")
        if public and all(facts.in_test(call.span.path) for call in calls):
            yield name


def _is_type(facts: Facts, path: str, node: ast.Constant) -> bool:
    """Whether the text is an annotation, or an argument of something of `typing`."""
    parent = facts.parent(path, node)
    call = facts.project.call_at(facts.span(path, parent)) if isinstance(parent, ast.Call) else None
    of_typing = call is not None and any(name.startswith("typing") for name in call.externals)
    return of_typing or in_annotation(facts, path, node) or _is_name_only(facts, path, node)


def _names(facts: Facts, path: str, text: str, name: str) -> bool:
    """Whether the text is the function's name, from some folder on; a program is also called ``__main__``."""
    module, _, last = text.rpartition(".")
    if module == "__main__":
        return name == f"{facts.file(path).source.module}.{last}"
    return name == text or name.endswith(f".{text}")


def _is_name_only(facts: Facts, path: str, node: ast.Constant) -> bool:
    parent = facts.parent(path, node)
    call = facts.project.call_at(facts.span(path, parent)) if isinstance(parent, ast.Call) else None
    return call is not None and bool(call.externals) and call.externals <= _NAMES_ONLY
