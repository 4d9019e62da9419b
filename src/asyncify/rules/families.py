"""Classes that inherit from each other, and where their objects go: questions about special methods."""

from __future__ import annotations

import ast

from asyncify.rules.facts import Facts, Place

_BASES = frozenset({"builtins.object", "abc.ABC", "typing.Protocol", "typing.Generic", "typing_extensions.Protocol"})
# Callables of these modules neither enter, nor iterate, nor call what they are given, or rules see to it.
_HARMLESS = (
    "builtins.",
    "collections.",
    "queue.",
    "threading.",
    "concurrent.",
    "copy.",
    "weakref.",
    "logging.",
    "json.",
)


def families(facts: Facts) -> list[frozenset[str]]:
    """The classes of the project, those that inherit from each other together."""
    family: dict[str, set[str]] = {name: {name} for name in facts.project.classes}
    for name, info in facts.project.classes.items():
        for other in info.mro:
            if other in family and family[other] is not family[name]:
                joined = family[other] | family[name]
                for member in joined:
                    family[member] = joined
    unique = {id(members): members for members in family.values()}
    return sorted((frozenset(members) for members in unique.values()), key=sorted)


def has_foreign_base(facts: Facts, family: frozenset[str]) -> bool:
    """Whether code from outside may know the special methods of one of these classes."""
    return any(facts.project.classes[name].external_bases - _BASES for name in family)


def named_places(facts: Facts, names: frozenset[str]) -> list[tuple[str, ast.Attribute]]:
    """Where a program names one of these attributes."""
    return [
        (path, node) for path in facts.project.files for node in facts.nodes(path, ast.Attribute) if node.attr in names
    ]


def goes_outside(facts: Facts, place: Place, harmless: tuple[str, ...] = _HARMLESS) -> bool:
    """Whether the object at that place goes to a call of something that asyncify does not know.

    ``harmless``: how the names of external callables begin that may have it.
    """
    path, node = place
    call = facts.parent(path, node)
    if isinstance(call, (ast.keyword, ast.Starred)):
        call = facts.parent(path, call)
    if not isinstance(call, ast.Call) or call.func is node:
        return False
    site = facts.project.call_at(facts.span(path, call))
    if site is None or site.unresolved:
        return True
    return not all(name.startswith(harmless) for name in site.externals)
