"""How many calls of a real library the index resolves, of those that it has to.

    python benchmarks/resolved_calls.py FOLDER [SAMPLE]

A call counts if its target is in the project or in a catalogued library. Of an unresolved call nobody knows that; it
counts if its name is one that some function, method or class of the project or of a catalogued library has, so that the
share is rather too low. A call counts as resolved if all that it may run is known, and as *in part* if something is known
and something not. With SAMPLE, so many of the others are printed with the reason, chosen evenly.

docs/benchmarks.md holds the numbers of docker 7.2.0 (the sdist of PyPI, folder ``docker``) and explains a sample.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path

from asyncify.config import Config
from asyncify.discover import discover
from asyncify.index.build import build
from asyncify.index.linked import LinkedProject
from asyncify.index.project import CallSite, Kind
from asyncify.rules.registry import catalogue

GOAL = 0.8


def main() -> int:
    """Print the shares; 1 below the goal."""
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    root = Path(sys.argv[1])
    known = catalogue()
    project = build(discover([root], Config(root=root), libraries=known.modules).sources, known)
    names = _names(project)
    counts: Counter[str] = Counter()
    rest: list[CallSite] = []
    for call in project.calls:
        kind = _kind(project, call, known.modules - {"builtins"}, names)
        counts[kind] += 1
        if kind in ("in part", "unresolved"):
            rest.append(call)
    wanted = counts["resolved"] + counts["in part"] + counts["unresolved"]
    share = counts["resolved"] / wanted
    print(f"{len(project.files)} files, {len(project.calls)} calls, {wanted} of the project or a catalogued library")
    print(
        f"resolved {counts['resolved']} ({share:.1%}), in part {counts['in part']}, unresolved {counts['unresolved']}"
    )
    sample = min(int(sys.argv[2]), len(rest)) if len(sys.argv) > 2 else 0
    for number in range(sample):
        _show(project, rest[number * len(rest) // sample])
    return int(share < GOAL)


def _kind(project: LinkedProject, call: CallSite, libraries: frozenset[str], names: frozenset[str]) -> str:
    ours = bool(call.targets) or any(name.partition(".")[0] in libraries for name in call.externals)
    ours = ours or any(name in project.classes for name in _classes(project, call))
    if call.unresolved is None:
        return "resolved" if ours else "elsewhere"
    if ours:
        return "in part"
    return "unresolved" if _name(project, call) in names else "elsewhere"


def _classes(project: LinkedProject, call: CallSite) -> list[str]:
    """The classes of the project that the call may make an object of."""
    return [getattr(value, "name", "") for value in project.values(call.func)]


def _name(project: LinkedProject, call: CallSite) -> str:
    node = project.node(call.span, ast.Call)
    func = node.func if node is not None else None
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else "?"


def _names(project: LinkedProject) -> frozenset[str]:
    """Names that a call of the project or of a catalogued library can have; "?" for calls without a name."""
    own = {info.name.rpartition(".")[2] for info in project.functions.values() if info.kind is Kind.FUNCTION}
    own |= {name.rpartition(".")[2] for name in project.classes}
    libraries = catalogue()
    own |= {
        name.rpartition(".")[2]
        for name in libraries.signatures
        if name.partition(".")[0] in libraries.modules - {"builtins"}
    }
    return frozenset(own | {"?"})


def _show(project: LinkedProject, call: CallSite) -> None:
    node = project.node(call.span, ast.Call)
    text = ast.unparse(node.func) if node is not None else "?"
    targets = ", ".join(sorted(call.targets | call.externals)) or "nothing"
    print(f"{call.span}  {text}(): {call.unresolved}; known: {targets}")


if __name__ == "__main__":
    sys.exit(main())
