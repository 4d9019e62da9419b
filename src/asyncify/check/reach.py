"""Which files a change can reach beside those it changes: those that mention what is no longer what it was."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

from asyncify.check.structure import definitions
from asyncify.check.tables import COMMON_METHODS
from asyncify.check.tree import Module, Tree, last_name

_STAR = re.compile(rb"import[ \t]*\(?[ \t]*\*")


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change did to names, as far as other files can notice.

    ``became_async``: functions that are async now and were not. ``words``: names by which other files reach what is no
    longer what it was. ``guarded``: names of methods that are too common to mean anything alone, only together with one
    of ``guards``, their classes. ``globals``: names of modules' globals, each with where it is defined.
    """

    became_async: frozenset[str]
    words: frozenset[str]
    guarded: frozenset[str]
    guards: frozenset[str]
    globals: frozenset[Global]


@dataclass(frozen=True, slots=True)
class Global:
    """A name of a module. Other files get at it through the module's name, or, in a package, by a relative import."""

    name: str
    module: str  # the last part of the module's name
    folder: str  # of the package whose ``__init__.py`` it is, "" for other files


def changes(old: Tree, new: Tree, paths: list[str]) -> Changed:
    """What the change of the files `paths` did to names; a name that a module lost counts as well."""
    became_async: set[str] = set()
    words: set[str] = set()
    guarded: set[str] = set()
    guards: set[str] = set()
    found: set[Global] = set()

    for path in paths:
        module, former = new.module(path), old.module(path)
        if module is None:
            continue
        if former is not None:
            for word in former.root.bindings.keys() - module.root.bindings.keys():
                found.add(_global(word, path))
        previous = definitions(former) if former is not None else {}
        for name, node in definitions(module).items():
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            before = previous.get(name)
            if _nature(node) == _nature(before):
                continue
            owner, _, last = name.rpartition(".")
            if isinstance(node, ast.AsyncFunctionDef):
                became_async.add(last)
            if former is None:
                continue  # a new file: nothing that did not change can use it
            owner = owner.rpartition(".")[2]
            if not owner:
                found.add(_global(last, path))
            elif last.startswith("__"):
                words.add(owner)
            elif last in COMMON_METHODS:
                guarded.add(last)
                guards.add(owner)
            else:
                words.add(last)
    return Changed(frozenset(became_async), frozenset(words), frozenset(guarded), frozenset(guards), frozenset(found))


def _global(name: str, path: str) -> Global:
    folder = path.rpartition("/")[0] if path.endswith("/__init__.py") else ""
    return Global(name, _stem(path), folder)


def _stem(path: str) -> str:
    """The last part of the module's name."""
    return path.removesuffix("/__init__.py").removesuffix(".py").rpartition("/")[2]


def _nature(node: ast.AST | None) -> tuple[bool, tuple[str, ...]] | None:
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    return isinstance(node, ast.AsyncFunctionDef), tuple(ast.unparse(d) for d in node.decorator_list)


def reached(changed: Changed, tree: Tree) -> list[str]:
    """The files that mention what changed, or another name under which some file hands it on."""
    words = set(changed.words)
    near: list[str] = []
    if changed.guarded:
        near, renamed = _closure(changed.guards, changed.guarded, tree)
        words |= renamed
    found = dict.fromkeys(_closure(frozenset(words), frozenset(), tree)[0])
    if near:
        pattern = _pattern(changed.guarded)
        found.update(dict.fromkeys(p for p in near if pattern.search(tree.files[p])))
    found.update(dict.fromkeys(_users(changed.globals, tree)))
    return list(found)


def _users(names: frozenset[Global], tree: Tree) -> list[str]:
    """The files that mention a global together with its module, or with another one that hands it on."""
    known = set(names)
    fresh = set(names)
    found: dict[str, None] = {}
    while fresh:
        wanted = {name: _pattern([name.name]) for name in fresh}
        modules = {name.module: _pattern([name.module]) for name in fresh}
        more: set[Global] = set()
        for path, data in tree.files.items():
            if not path.endswith((".py", ".ipynb")):
                continue
            near = {module for module, pattern in modules.items() if module.encode() in data and pattern.search(data)}
            for name, pattern in wanted.items():
                inside = bool(name.folder) and path.startswith(f"{name.folder}/")
                if name.module not in near and not inside:
                    continue
                mentioned = name.name.encode() in data and pattern.search(data)
                if not mentioned and not _STAR.search(data):
                    continue
                if mentioned:
                    found[path] = None
                module = tree.module(path)
                if module is not None:
                    members = frozenset([name.name])
                    more |= {_global(other, path) for other in _aliases(module, {name.name}, members)}
                    if _imports(module, name):
                        more.add(_global(name.name, path))
        fresh = more - known
        known |= fresh
    return list(found)


def _imports(module: Module, name: Global) -> bool:
    """Whether the file has the name from its module, by an import, and so hands it on."""
    return any(
        isinstance(node, ast.ImportFrom)
        and any(alias.name in (name.name, "*") for alias in node.names)
        and (not node.module or node.module.rpartition(".")[2] == name.module)
        for node in module.nodes
    )


def _pattern(words: Iterable[str]) -> re.Pattern[bytes]:
    return re.compile(rb"\b(?:" + b"|".join(re.escape(w.encode()) for w in sorted(words)) + rb")\b")


def _closure(words: frozenset[str], members: frozenset[str], tree: Tree) -> tuple[list[str], set[str]]:
    """The files that mention `words` or what hands them on, and the other names that `members` are imported under.

    A file that imports one of `members` from something known hands it on under the file's own name.
    """
    known = set(words)
    fresh = set(words)
    found: dict[str, None] = {}
    renamed: set[str] = set()
    while fresh:
        pattern = _pattern(fresh)
        mentions = [p for p, data in tree.files.items() if p.endswith((".py", ".ipynb")) and pattern.search(data)]
        found.update(dict.fromkeys(mentions))
        aliases: set[str] = set()
        for path in mentions:
            module = tree.module(path)
            if module is not None:
                aliases |= _aliases(module, known, members)
                renamed |= {
                    n.asname for n in module.nodes if isinstance(n, ast.alias) and n.name in members and n.asname
                }
        fresh = aliases - known
        known |= fresh
    return list(found), renamed


def _aliases(module: Module, words: set[str], members: frozenset[str]) -> set[str]:
    """Other names for `words` in a module: imported or assigned under another name, inherited from, returned."""
    names: set[str] = set()
    for node in module.nodes:
        match node:
            case ast.alias(name=name, asname=str(other)) if name.rpartition(".")[2] in words:
                names.add(other)
            case ast.ImportFrom(names=imported) if any(a.name in members or a.name == "*" for a in imported):
                if not node.module or node.module.rpartition(".")[2] in words:
                    names.add(_stem(module.path))
            case ast.Assign(targets=targets) if _hands_on(node.value, words):
                names |= {last_name(target) for target in targets if _lasting(target, module)}
            case ast.AnnAssign(target=target) if _lasting(target, module) and (
                _hands_on(node.annotation, words) or (node.value is not None and _hands_on(node.value, words))
            ):
                names.add(last_name(target))
            case ast.ClassDef() if any(last_name(base) in words for base in node.bases):
                names.add(node.name)
            case ast.Return(value=ast.expr() as value) if _hands_on(value, words):
                function = module.scope_of[node].function
                if function is not None:
                    names.add(function.qualname.rpartition(".")[2])
            case _:
                pass
    return {name for name in names if name.isidentifier() and len(name) > 1}


def _lasting(target: ast.expr, module: Module) -> bool:
    """Whether other files can see what is assigned: an attribute, or a name of a module or class."""
    return isinstance(target, ast.Attribute) or (
        isinstance(target, ast.Name) and module.scope_of[target].function is None
    )


def _hands_on(node: ast.expr, words: set[str]) -> bool:
    """Whether a value is one of the words, or a container, call or choice of them: not the result of awaiting one."""
    match node:
        case ast.Name() | ast.Attribute():
            return last_name(node) in words
        case ast.Call():
            # An instance of a class, or a function wrapped by another.
            return _hands_on(node.func, words) or any(_hands_on(a, words) for a in node.args)
        case ast.Dict():
            return any(_hands_on(v, words) for v in node.values)
        case ast.List() | ast.Tuple() | ast.Set():
            return any(_hands_on(e, words) for e in node.elts)
        case ast.IfExp():
            return _hands_on(node.body, words) or _hands_on(node.orelse, words)
        case ast.BoolOp():
            return any(_hands_on(v, words) for v in node.values)
        case _:
            return False
