"""All rules, found by looking: every module of this package with a ``RULE`` is one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import asyncify.rules
from asyncify.index.catalogue import Catalogue
from asyncify.rules.base import RefusalCode, Rule


@cache
def rules() -> Mapping[str, Rule]:
    """Every rule by its id, which is its module's name."""
    found: dict[str, Rule] = {}
    for info in sorted(pkgutil.iter_modules(asyncify.rules.__path__), key=lambda i: i.name):
        rule = getattr(importlib.import_module(f"asyncify.rules.{info.name}"), "RULE", None)
        if isinstance(rule, Rule):
            found[rule.id] = rule
    return MappingProxyType(found)


def rules_for(web: str) -> tuple[Rule, ...]:
    """The rules that hold under this choice for web applications."""
    return tuple(rule for rule in rules().values() if rule.web in ("", web))


@cache
def catalogue() -> Catalogue:
    """What all rules know of external libraries, as one."""
    return Catalogue().merge(*(rule.catalogue for rule in rules().values()))


@cache
def refusal_codes() -> Mapping[str, RefusalCode]:
    """Every refusal code a rule can give."""
    return MappingProxyType({code.code: code for rule in rules().values() for code in rule.refusals})
