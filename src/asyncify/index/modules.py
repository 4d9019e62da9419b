"""Which module a file is, from the paths of all files: src layouts, packages, namespace packages, scripts."""

from __future__ import annotations

from collections.abc import Iterable


def module_names(paths: Iterable[str]) -> dict[str, str]:
    """The dotted module name of each path (relative, with ``/``).

    A file in a regular package is named from the folder above the topmost package on. Other files are named by
    their path below the import root: ``src`` (or ``lib`` or ``python``) where that folder directly holds them or
    their package, else the root of the tree. Two files never get the same name: the later one (by path) is named
    by its whole path.
    """
    ordered = sorted(paths)
    packages = {path.rpartition("/")[0] for path in ordered if path.endswith("/__init__.py")}
    names: dict[str, str] = {}
    taken: set[str] = set()
    for path in ordered:
        name = _name(path, packages)
        if name in taken:
            name = path.removesuffix(".py").replace("/", ".")
        taken.add(name)
        names[path] = name
    return names


def _name(path: str, packages: set[str]) -> str:
    folder, _, file = path.rpartition("/")
    stem = file.removesuffix(".py")
    top = folder
    if folder in packages:
        while top in packages:
            top = top.rpartition("/")[0]
    else:
        top = _root(folder)
    inner = folder[len(top) :].strip("/")
    parts = inner.split("/") if inner else []
    if stem != "__init__" or not parts:
        parts.append(stem)
    return ".".join(parts)


def _root(folder: str) -> str:
    parts = folder.split("/")
    for position, part in enumerate(parts):
        if part in ("src", "lib", "python"):
            return "/".join(parts[: position + 1])
    return ""
