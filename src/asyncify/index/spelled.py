"""Whether a file may read a global name of another one, as far as its text says: asked of files that are not indexed."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection
from enum import Enum

from asyncify.index.syntax import children

_LAST = re.compile(r"\w+$")
_QUOTED = re.compile(r"[\"']([\w.]*)$")
_BY_STRING = re.compile(r"(?:getattr|setattr|delattr|object|patch)\s*\([^()]*$")
_NEAR = 200  # characters before a name within which a call that spells it begins


class Spelled(Enum):
    """What a text says of an attribute of a module."""

    READ = "read"  # of the module, under whatever name that was imported, or named in a string
    OF_SOMETHING = "of something"  # perhaps of the module, if that got another name by being a value
    NOT = "not"


def attribute(text: str, module: str, name: str) -> tuple[Spelled, Collection[str]]:
    """Whether a text reads an attribute of the module; and the names under which it imports the module."""
    owner, own = re.escape(module), re.escape(name)
    aliases: set[str] = set()
    for match in re.finditer(rf"{own}(?<!\w{own})(?!\w)", text):
        head = text[max(match.start() - _NEAR, 0) : match.start()]
        before = head.rstrip()
        if before.endswith("."):
            if not aliases:
                aliases = {module, *re.findall(rf"{owner}(?<!\w{owner})\s+as\s+(\w+)", text)}
            last = _LAST.search(before[:-1].rstrip())
            if last is not None and last[0] in aliases:
                return Spelled.READ, aliases
        quoted = _QUOTED.search(head)
        if quoted is None or not _BY_STRING.search(head[: quoted.start()]):
            continue
        if name != module or quoted[1].rpartition(".")[0].rpartition(".")[2] in (
            "",
            module,
        ):  # `http.http`, not `a.http`
            return Spelled.READ, aliases
    return Spelled.OF_SOMETHING if aliases else Spelled.NOT, aliases


def stands_alone(text: str, names: Collection[str]) -> bool:
    """Whether one of the names stands somewhere without an attribute of its own, other than where it is imported."""
    for name in names:
        own = re.escape(name)
        for match in re.finditer(rf"{own}(?<!\w{own})(?![\w\"']|\s*\.)", text):
            head = text[text.rfind("\n", 0, match.start()) + 1 : match.start()].lstrip()
            if not head.startswith(("import ", "from ", "#")):
                return True
    return False


def handed_on(text: str) -> frozenset[str]:
    """The last names of what is read as a whole, neither called nor asked for an attribute: it may get another name.

    Of a text that is not valid Python there is none: it is never indexed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            todo: list[ast.AST] = [ast.parse(text)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    found: set[str] = set()
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name):
            found.add(node.id)
            continue
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
            inner = _owner(node)
        elif isinstance(node, ast.Call):
            todo += [*node.args, *node.keywords]
            inner = _owner(node.func) if isinstance(node.func, ast.Attribute) else node.func
        else:
            todo += children(node)
            continue
        if not isinstance(inner, ast.Name):
            todo.append(inner)
    return frozenset(found)


def _owner(node: ast.expr) -> ast.expr:
    """What a chain of attributes begins with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node
