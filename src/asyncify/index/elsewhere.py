"""Files of the tree that are not indexed, by name: what is imported from them is known to be the project's own.

What comes from such a file is an external thing whose name starts with :data:`ABSENT`, so that it is never taken for
a library of the same name, and so that whoever chose the files can see which of the others are needed after all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

ABSENT: Final = "tree:"
"""Start of the names of external things that come from a file of the tree which is not indexed."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The names of a whole tree of which a part is indexed. Empty where everything is."""

    modules: Mapping[str, str] = field(default_factory=dict)  # module -> path, "" for namespaces
    folders: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # folder of scripts -> import name -> module
    by_name: bool = False  # whether some file of the tree fetches modules by computed names
    waiting: set[str] = field(default_factory=set)  # absent functions that are known to wait, by their names here


def elsewhere(modules: Mapping[str, str], by_name: bool) -> Elsewhere:
    """The names of a tree, given the module of each path."""
    out = {modules[path]: path for path in reversed(list(modules))}  # the first of two files with one name
    for module in list(out):
        parent = module.rpartition(".")[0]
        while parent and parent not in out:
            out[parent] = ""
            parent = parent.rpartition(".")[0]
    return Elsewhere(out, script_folders(modules), by_name)


def script_folders(modules: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What scripts can import from their own folder: by folder, import name and module; from the module of each path."""
    packages = {path.rpartition("/")[0] for path in modules if path.endswith("/__init__.py")}
    out: dict[str, dict[str, str]] = {}
    for path, module in modules.items():
        folder, _, name = path.rpartition("/")
        if folder not in packages:
            out.setdefault(folder, {})[name.removesuffix(".py")] = module
        if name == "__init__.py":
            above, _, last = folder.rpartition("/")
            if above not in packages:
                out.setdefault(above, {})[last] = module
    return out
