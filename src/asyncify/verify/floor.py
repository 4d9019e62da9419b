"""The import floor: what a program holds before it has done anything.

The peak of a run has two parts with different causes: what importing its libraries costs once, and what the
requests in flight cost each. To tell them apart, a second program is run that only imports what the first
one imports: all modules named by an ``import`` in the entry script and, transitively, in the modules of its
own folder (those inside functions too, since they are executed sooner or later), without those modules
themselves. Its resident memory after the last import is the floor. What lies above it, divided by the most
requests in flight, is memory per request in flight: an upper bound, since whatever else the program keeps
is in it as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

PROGRAM = """\
import importlib, time
for name in {names!r}:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
time.sleep(0.2)
"""


def floor_command(folder: Path, command: Sequence[str]) -> tuple[str, ...] | None:
    """A command that only imports what `command` imports when run in `folder`.

    None where `command` is not ``python [options] script.py …`` or ``python [options] -m module …`` with a
    script or module of that folder.
    """
    entry = _entry(folder, command)
    if entry is None:
        return None
    path, position = entry
    program = PROGRAM.format(names=sorted(foreign_imports(folder, path)))
    return (*command[:position], "-c", program)


def _entry(folder: Path, command: Sequence[str]) -> tuple[Path, int] | None:
    """The file a command runs, and the position of the word (``-m`` or the script) that says so."""
    if not command or not Path(command[0]).name.startswith("python"):
        return None
    position = 1
    while position < len(command):
        word = command[position]
        if word == "-m" and position + 1 < len(command):
            found = _module_file([folder, folder / "src"], command[position + 1], run=True)
            return (found, position) if found else None
        if word in ("-X", "-W"):
            position += 2
        elif word.startswith("-"):
            if word == "-c":
                return None
            position += 1
        else:
            script = folder / word
            return (script, position) if script.is_file() else None
    return None


def _module_file(roots: Sequence[Path], name: str, *, run: bool = False) -> Path | None:
    """The file of module `name` below one of `roots`; of its ``__main__`` where it is a package to `run`."""
    for root in roots:
        base = root.joinpath(*name.split("."))
        package = base / ("__main__.py" if run else "__init__.py")
        for candidate in (base.with_name(base.name + ".py"), package):
            if candidate.is_file():
                return candidate
    return None


def foreign_imports(folder: Path, entry: Path) -> set[str]:
    """Dotted names of all modules outside `folder` that `entry` imports, itself or through modules inside."""
    roots = [entry.parent, folder, folder / "src"]
    foreign: set[str] = set()
    seen: set[Path] = set()
    waiting = [entry]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for name in _imported(tree):
            if inside := _module_file(roots, name):
                waiting.append(inside)
            elif _module_file(roots, name.partition(".")[0]) is None:
                foreign.add(name)
        waiting += _relative(tree, path)
    return foreign


def _runs(node: ast.AST) -> Iterator[ast.stmt]:
    """All import statements below `node` but those under ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _runs(ast.Module(child.orelse, []))
        else:
            yield from _runs(child)


def _imported(tree: ast.Module) -> Iterator[str]:
    """Absolute module names; ``from a import b`` may mean a module ``a.b``, so both are tried."""
    for node in _runs(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*")


def _relative(tree: ast.Module, path: Path) -> Iterator[Path]:
    """Files meant by relative imports."""
    for node in _runs(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1]
            module = f"{node.module}." if node.module else ""
            for name in (node.module, *(f"{module}{alias.name}" for alias in node.names)):
                found = _module_file([base], name) if name else base / "__init__.py"
                if found and found.is_file():
                    yield found
