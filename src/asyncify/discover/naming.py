"""Which module a file is: what follows from where it lies and from how it is imported."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

_STANDARD: Final = sys.stdlib_module_names - {"__main__"}


@dataclass(frozen=True, slots=True)
class ModuleName:
    """The dotted ``name`` of a file's module, and where a new module goes that it can import.

    That is folder ``home``, for a name below ``package`` (empty: for a bare name).
    """

    name: str
    package: str
    home: str


def module_names(
    paths: Iterable[str],
    imported: frozenset[str] = frozenset(),
    inits: Iterable[str] = (),
    libraries: frozenset[str] = frozenset(),
) -> dict[str, ModuleName]:
    """A module name for each relative path, every name once.

    A module of a package is named from the topmost folder with an ``__init__.py`` (among `paths` or `inits`);
    a folder without one becomes part of the name where `imported` (dotted names) shows that it is used so,
    starting at the root or below a folder ``src``; anything else is named by its stem. Where two files want
    one name, packages go before modules of namespaces, these before scripts, then the shorter path; others
    are named by their whole path. So is a script ``docs/requests.py``, named like one of `libraries` or of the
    standard library: only its neighbours can mean it.
    """
    ordered = sorted(paths)
    folders = _Folders(ordered, inits, imported)
    wanted = []
    for path in ordered:
        folder, _, name = path.rpartition("/")
        stem = name.removesuffix(".py")
        own = folders.prefix(folder)
        rank = 0 if folder in folders.packages else 1 if own else 2
        dotted = ".".join(own if own and stem == "__init__" else (*own, stem))
        if rank == 2 and folder.rpartition("/")[2] not in ("", "src") and (stem in libraries or stem in _STANDARD):
            dotted = f"{folder}/{stem}".replace("/", ".")
        wanted.append((rank, path.count("/"), path, dotted))
    names: dict[str, ModuleName] = {}
    taken: set[str] = set()
    for _, _, path, dotted in sorted(wanted):
        choice = dotted
        if choice in taken:
            choice = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        number = 1
        while choice in taken:  # a "-" keeps it apart from all names that can be imported
            number += 1
            choice = f"{dotted}-{number}"
        taken.add(choice)
        home = folders.home(path.rpartition("/")[0])
        names[path] = ModuleName(choice, ".".join(folders.prefix(home)), home)
    return names


class _Folders:
    """What the folders of a tree contribute to the names of the modules in them."""

    def __init__(self, paths: Iterable[str], inits: Iterable[str], imported: frozenset[str]) -> None:
        self.packages: set[str] = set()
        self._children: dict[str, set[str]] = {}
        self._imported = imported
        self._prefixes: dict[str, tuple[str, ...]] = {}
        for path in (*paths, *inits):
            folder, _, name = path.rpartition("/")
            if name == "__init__.py" and folder:
                self.packages.add(folder)
            child = name.removesuffix(".py")
            while child not in self._children.setdefault(folder, set()):
                self._children[folder].add(child)
                if not folder:
                    break
                folder, _, child = folder.rpartition("/")

    def prefix(self, folder: str) -> tuple[str, ...]:
        """What comes before the names of the modules in this folder."""
        if folder not in self._prefixes:
            if folder in self.packages or self._inside_package(folder):
                parent, _, name = folder.rpartition("/")
                self._prefixes[folder] = (*self.prefix(parent), name)
            else:
                self._prefixes[folder] = self._namespace(folder)
        return self._prefixes[folder]

    def home(self, folder: str) -> str:
        """The topmost package around the folder, or the folder itself."""
        while True:
            parent = folder.rpartition("/")[0]
            inner = folder in self.packages or self._inside_package(folder)
            if not inner or not (parent in self.packages or self._inside_package(parent)):
                return folder
            folder = parent

    def _inside_package(self, folder: str) -> bool:
        """Whether a folder without ``__init__.py`` is a namespace package inside a regular one."""
        if not folder or folder in self.packages:
            return False
        parent, _, name = folder.rpartition("/")
        return name.isidentifier() and (parent in self.packages or self._inside_package(parent))

    def _namespace(self, folder: str) -> tuple[str, ...]:
        """The folder's name as a namespace package, if something that it holds is imported through it."""
        parts = tuple(folder.split("/")) if folder else ()
        base = max((index + 1 for index, part in enumerate(parts) if part == "src"), default=0)
        for start in range(base, len(parts)):
            if all(part.isidentifier() for part in parts[start:]):
                dotted = ".".join(parts[start:])
                if any(f"{dotted}.{child}" in self._imported for child in ("*", *self._children[folder])):
                    return parts[start:]
        return ()


def module_names_on_disk(root: Path, files: Mapping[str, bytes], libraries: frozenset[str]) -> dict[str, ModuleName]:
    """:func:`module_names`, aware of the packages around the root and of every ``__init__.py`` on disk."""
    above: list[str] = []  # names of the packages that the root is in, outermost first
    folder = root
    on_path = (root / "__init__.py").is_file() and _starts_names(root.name, files, libraries)
    while not on_path and (folder / "__init__.py").is_file() and folder.parent != folder:
        above.insert(0, folder.name)
        folder = folder.parent
    lead = "".join(f"{name}/" for name in above)
    inits = {"/".join((*above[: depth + 1], "__init__.py")) for depth in range(len(above))}
    folders = {""}
    for path in files:
        below = path.rpartition("/")[0]
        while below not in folders:
            folders.add(below)
            if (root / below / "__init__.py").is_file():
                inits.add(f"{lead}{below}/__init__.py")
            below = below.rpartition("/")[0]
    packages = {init.rpartition("/")[0] for init in inits}
    spaces = {path.rpartition("/")[2] for path in folders if path and lead + path not in packages}
    imported = _imported(files.values(), {name for name in spaces if name.isidentifier()})
    names = module_names((lead + path for path in files), imported, inits, libraries)
    out = {}
    for path in files:
        name = names[lead + path]
        if name.home.startswith(lead):
            out[path] = replace(name, home=name.home.removeprefix(lead))
        else:  # the topmost package lies outside of what was given: stay inside
            out[path] = replace(name, package=".".join(above), home="")
    return out


def _starts_names(name: str, files: Mapping[str, bytes], libraries: frozenset[str]) -> bool:
    """Whether the root, called `name`, is where imports start in spite of its ``__init__.py``.

    So it is if its files import what lies in it by bare names, and nothing imports it as a package: neither by its name nor by
    dots that lead up to it.
    """
    inner = {path.partition("/")[0].removesuffix(".py") for path in files if path.count("/") == 0}
    inner |= {path.partition("/")[0] for path in files if path.endswith("/__init__.py")}
    inner -= {"__init__", *libraries, *_STANDARD}
    if not _imported(files.values(), {word for word in inner if word.isidentifier()}):
        return False
    if name.isidentifier() and name not in inner and _imported(files.values(), {name}):
        return False
    climb = re.compile(rb"^[ \t]*from[ \t]+(\.+)", re.MULTILINE)
    return not any(len(dots) > path.count("/") for path, data in files.items() for dots in climb.findall(data))


def _imported(contents: Iterable[bytes], heads: Iterable[str]) -> frozenset[str]:
    """The dotted names that are imported somewhere and begin with one of `heads`, with all that lead to them.

    ``from a.b import c`` gives ``a``, ``a.b`` and ``a.b.c``; with a star ``a.b.*``.
    """
    words = sorted(head.encode() for head in heads)
    if not words:
        return frozenset()
    found: set[str] = set()
    names = b"|".join(map(re.escape, words))
    # Each pattern begins with a literal, by which the regular expression engine is many times faster.
    plain = re.compile(rb"import[ \t]+((?:%s)\b[\w.]*)" % names)
    listing = re.compile(rb"from[ \t]+((?:%s)\b[\w.]*)[ \t]+import[ \t]+(?:\(([^)]*)\)|([^\r\n;#]*))" % names)
    item = re.compile(rb"(?:^|,)\s*(\w+|\*)")
    for data in contents:
        for match in plain.finditer(data):
            found.update(_leading(match[1]))
        for match in listing.finditer(data):
            found.update(_leading(match[1]))
            for name in item.findall(match[2] or match[3]):
                found.add((match[1] + b"." + name).decode(errors="replace"))
    return frozenset(found)


def _leading(dotted: bytes) -> list[str]:
    """``a``, ``a.b``, ``a.b.c`` of ``a.b.c``."""
    parts = dotted.decode(errors="replace").split(".")
    return [".".join(parts[: size + 1]) for size in range(len(parts))]
