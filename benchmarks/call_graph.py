"""The index against the PyCG micro-benchmark: which calls of a program it finds, and which it invents.

    python benchmarks/call_graph.py FOLDER [-v]

FOLDER is `micro-benchmark/snippets` of https://github.com/vitsalis/PyCG: small programs, one feature of Python each, with
the edges that a call graph should have (``callgraph.json``). Edges into the programs' own functions count, those into
builtins and libraries do not. With ``-v`` every difference is printed. The exit code is 1 below the precision and recall
that the index is meant to keep.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from asyncify.index.build import build
from asyncify.index.catalogue import Catalogue
from asyncify.index.linked import LinkedProject
from asyncify.index.modules import module_names
from asyncify.index.project import Kind, SourceFile

PRECISION = 0.99
RECALL = 0.95
Edge = tuple[str, str]


def read(folder: Path) -> LinkedProject:
    """One program of the benchmark, indexed."""
    texts = {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in folder.rglob("*.py")}
    names = module_names(texts)
    sources = [SourceFile(path, text.encode(), text, "utf-8", names[path]) for path, text in texts.items()]
    return build(sources, Catalogue())


def found(project: LinkedProject) -> set[Edge]:
    """The edges of the index, in the words of the benchmark."""
    words = _words(project)
    edges = {(words[call.within], words[target]) for call in project.calls for target in call.targets}
    return edges | {(words[call.within], words[call.target]) for call in project.implicit_calls}


def expected(folder: Path, project: LinkedProject) -> set[Edge]:
    """The benchmark's edges that lead to functions of the program itself."""
    graph: dict[str, list[str]] = json.loads((folder / "callgraph.json").read_text(encoding="utf-8"))
    own = set(_words(project).values())
    modules = {info.module.partition(".")[0] for info in project.functions.values()}
    edges = {(caller, callee) for caller, callees in graph.items() for callee in callees}
    return {edge for edge in edges if edge[1] in own or edge[1].partition(".")[0] in modules}


def _words(project: LinkedProject) -> dict[str, str]:
    """The benchmark's names of functions: scopes are joined by dots, lambdas counted within their scope."""
    lambdas: dict[str, str] = {}
    counts: dict[str, int] = {}
    for info in sorted(project.functions.values(), key=lambda info: (info.path, info.span.line, info.span.column)):
        if info.kind is Kind.LAMBDA:
            scope = info.name.rpartition("<lambda:")[0]
            counts[scope] = counts.get(scope, 0) + 1
            lambdas[info.name] = f"{scope}<lambda{counts[scope]}>"
    return {name: _plain(name, lambdas) for name in project.functions}


def _plain(name: str, lambdas: dict[str, str]) -> str:
    for own, theirs in lambdas.items():
        if name == own or name.startswith(own + "."):
            name = theirs + name[len(own) :]
    return re.sub(r"#\d+", "", name.replace(".<locals>", "").replace(".<body>", ""))


def programs(folder: Path) -> Iterator[Path]:
    """The folders of the benchmark's programs."""
    yield from sorted(path.parent for path in folder.glob("*/*/callgraph.json"))


def main() -> int:
    """Print precision and recall."""
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    root = Path(sys.argv[1])
    right = invented = missed = count = 0
    for folder in programs(root):
        project = read(folder)
        have, want = found(project), expected(folder, project)
        count += 1
        right += len(have & want)
        invented += len(have - want)
        missed += len(want - have)
        if have != want and "-v" in sys.argv:
            print(folder.relative_to(root), "missed", sorted(want - have), "invented", sorted(have - want))
    if not right:
        print(f"no programs found below {root}", file=sys.stderr)
        return 2
    precision, recall = right / (right + invented), right / (right + missed)
    print(f"{count} programs, {right + missed} edges: precision {precision:.4f} ({invented} invented), ", end="")
    print(f"recall {recall:.4f} ({missed} missed)")
    return int(precision < PRECISION or recall < RECALL)


if __name__ == "__main__":
    sys.exit(main())
