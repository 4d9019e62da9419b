"""What modules of Python itself give to ``from module import *``."""

from __future__ import annotations

import importlib
import sys
from functools import cache

NOT_IMPORTED = frozenset({"antigravity", "distutils", "idlelib", "this", "turtledemo", "__main__"})
"""Modules of which an import does something; that of distutils is replaced by setuptools, where there is one."""


def may_export(module: str, name: str) -> bool:
    """Whether a star import of an external module may bring the name: known for the standard library only."""
    if name.startswith("__"):
        return False
    names = _public_names(module)
    return name in names if names is not None else True


@cache
def _public_names(module: str) -> frozenset[str] | None:
    top = module.partition(".")[0]
    if top not in sys.stdlib_module_names or top in NOT_IMPORTED:
        return None
    try:
        found = importlib.import_module(module)
    except ImportError:
        return None
    names = getattr(found, "__all__", None)
    return frozenset(names if names is not None else (name for name in vars(found) if not name.startswith("_")))
