"""What modules of Python itself give to ``from module import *``, and their constants."""

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


_WITH_CONSTANTS = ("os", "os.path", "sys", "string", "math")


@cache
def _constants() -> dict[str, str]:
    modules = ((name, importlib.import_module(name)) for name in _WITH_CONSTANTS)
    return {
        f"{name}.{attribute}": f"builtins.{value.__class__.__name__}"
        for name, module in modules
        for attribute, value in vars(module).items()
        if value.__class__ in (str, int, float) and not attribute.startswith("_")
    }


def constant_type(name: str) -> str | None:
    """The class of a text or number that a module of Python keeps under this name (``os.sep``), or None."""
    return _constants().get(name)
