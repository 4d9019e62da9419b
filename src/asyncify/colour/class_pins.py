"""Classes whose decorator may put wrappers around their methods, which would not await them.

A wrapper that calls a method and returns what it gets hands out a coroutine that has not run: what the wrapper does
afterwards comes too early, and a test so wrapped is never awaited. So the methods stay synchronous.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.colour.old_decorators import too_old
from asyncify.colour.pins import DECORATED, TRANSPARENT_PREFIXES, refusal
from asyncify.index.project import ClassInfo
from asyncify.index.values import Class, External, ExternalMethod, Function, Instance, Value
from asyncify.model import Refusal, Span
from asyncify.rules.base import function_node
from asyncify.rules.facts import Facts

# What gets at the methods of a class it is given.
_REACHES_METHODS = frozenset({"setattr", "vars", "dir", "getmembers", "__dict__", "__getattribute__", "type"})
# Decorators of test classes that leave their methods what they are, or follow coroutine functions.
_HARMLESS = (
    *TRANSPARENT_PREFIXES,
    *("dataclasses.", "attr.", "attrs.", "enum.", "typing.", "typing_extensions.", "functools.total_ordering", "abc."),
    *("parameterized.parameterized_class", "django.test.override_settings", "django.test.tag", "django.test.utils."),
)


def class_pins(facts: Facts) -> Iterator[tuple[str, Refusal]]:
    """Nodes of the methods of classes so decorated, with the refusal to give if one would have to change."""
    for info in facts.project.classes.values():
        node = facts.node(info.span, ast.ClassDef)
        for decorator in node.decorator_list if node is not None else ():
            found = _wraps(facts, info, decorator)
            if found is not None:
                for method in info.methods.values():
                    yield function_node(method), found


def _wraps(facts: Facts, info: ClassInfo, decorator: ast.expr) -> Refusal | None:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    span: Span = facts.span(info.path, decorator)
    text = facts.text(info.path, target)
    values: frozenset[Value] = facts.values(info.path, target)
    last = info.name.rpartition(".")[2]
    for value in sorted(values, key=str):
        if isinstance(value, (Function, Class)):
            if _reaches_methods(facts, value.name):
                return refusal(DECORATED, span, f"The decorator {text} may wrap the methods of {last}.")
        elif facts.in_test(info.path) and (why := too_old(facts, info.path, decorator)):
            return refusal(DECORATED, span, why)
        elif facts.in_test(info.path) and not _name(value).startswith(_HARMLESS):
            what = f"The decorator {text} comes from outside and may wrap the tests of {last}."
            return refusal(DECORATED, span, what)
    if facts.in_test(info.path) and not values:
        return refusal(DECORATED, span, f"asyncify does not know the decorator {text}.")
    return None


def _name(value: Value) -> str:
    match value:
        case External(name):
            return name
        case Instance(kind):
            return kind
        case ExternalMethod():
            return value.full_name
    return "?"


def _reaches_methods(facts: Facts, name: str) -> bool:
    project = facts.project
    span = project.functions[name].span if name in project.functions else project.classes[name].span
    node = facts.node(span, ast.stmt)
    for part in ast.walk(node) if node is not None else ():
        if isinstance(part, (ast.Name, ast.Attribute)):
            called = part.id if isinstance(part, ast.Name) else part.attr
            if called in _REACHES_METHODS:
                return True
    return False
