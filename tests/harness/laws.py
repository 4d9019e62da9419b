"""The laws, each a function that raises :class:`Broken`. They know nothing of how asyncify works.

The first part judges trees (files by path, as bytes), the second part judges two runs.
"""

from __future__ import annotations

import ast
import difflib
import io
import re
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from .fixture import Fixture
from .run import Run

Tree = Mapping[str, bytes]
LEFT_ON_STDERR = (
    "never awaited",
    "never retrieved",
    "was destroyed but it is pending",
    "Unclosed",
    "unclosed transport",
    "Event loop is closed",
    "no running event loop",
)
BLOCKING = re.compile(
    r"(requests(\.api)?\.(get|post|put|patch|delete|head|options|request)|time\.sleep|urllib\.request\.urlopen"
    r"|concurrent\.futures\.(as_completed|wait|ThreadPoolExecutor)|requests(\.sessions)?\.[sS]ession)"
)


class Broken(AssertionError):
    """A law is broken; the message says which and where."""


# --- trees -----------------------------------------------------------------------------------------------------


def compiles(tree: Tree, paths: set[str]) -> None:
    """Every Python file of `paths` compiles."""
    for path in sorted(paths):
        if path.endswith(".py"):
            try:
                compile(tree[path], path, "exec", dont_inherit=True)
            except (SyntaxError, ValueError) as error:
                raise Broken(f"{path} does not compile: {error}") from None


def comments_survive(before: Tree, after: Tree) -> None:
    """Each changed file has the comments it had."""
    for path in changed_python(before, after):
        old, new = _comments(before[path]), _comments(after[path])
        if old != new:
            raise Broken(f"{path}: comments lost {dict(old - new)}, new {dict(new - old)}")


def layout_survives(before: Tree, after: Tree) -> None:
    """Byte order mark, newline style, encoding and final newline of each changed file stay."""
    for path in changed_python(before, after):
        old, new = before[path], after[path]
        traits: dict[str, Callable[[bytes], object]] = {
            "byte order mark": lambda data: data.startswith(b"\xef\xbb\xbf"),
            "newlines": _newlines,
            "encoding": lambda data: tokenize.detect_encoding(io.BytesIO(data).readline)[0],
            "final newline": lambda data: data.endswith((b"\n", b"\r")),
        }
        for what, trait in traits.items():
            if trait(old) != trait(new):
                raise Broken(f"{path}: {what} changed from {trait(old)!r} to {trait(new)!r}")


def only_planned_lines(before: Tree, after: Tree, planned: Mapping[str, set[int]]) -> None:
    """No line of a file changes or goes that no edit covers. `planned`: line numbers from 1, by path.

    What is left of the old file without the covered lines must be in the new one, in the same order. Blank lines above
    and below a statement that an edit removes may go with it.
    """
    for path in changed_python(before, after):
        lines = before[path].splitlines()
        covered = set(planned.get(path, set()))
        kept = set(after[path].splitlines())
        for number in [number for number in sorted(covered) if lines[number - 1] not in kept]:
            for step in (-1, 1):
                beside = number + step
                while 0 < beside <= len(lines) and not lines[beside - 1].strip():
                    covered.add(beside)
                    beside += step
        rest = iter(after[path].splitlines())
        for number, line in enumerate(lines, start=1):
            if number not in covered and line not in rest:  # `in` moves `rest` on to behind the line
                raise Broken(f"{path}:{number} changed, but no edit covers it: {line!r}")


def nothing_blocks_statically(before: Tree, after: Tree) -> None:
    """No `async def` of a changed or new file calls what is known to block, or makes a session that does.

    What is asked through `given` may be such a session; the run sees whether anything else is done with it.
    """
    asked = any(b"aio_requests.given(" in data for data in after.values())
    for path in sorted(after):
        if path.endswith(".py") and before.get(path) != after[path]:
            for line, name in _blocking_calls(after[path]):
                if asked and name.lower().endswith(".session"):
                    continue
                raise Broken(f"{path}:{line}: {name} is called in an async def")


def changed_python(before: Tree, after: Tree) -> list[str]:
    """Python files that are in both trees and differ."""
    return sorted(path for path in before if path.endswith(".py") and path in after and before[path] != after[path])


def _comments(data: bytes) -> Counter[str]:
    tokens = tokenize.tokenize(io.BytesIO(data).readline)
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


def _newlines(data: bytes) -> frozenset[bytes]:
    return frozenset(re.findall(rb"\r\n|\r|\n", data))


@lru_cache(maxsize=500)  # many programs have the same support modules
def _blocking_calls(text: bytes) -> tuple[tuple[int, str], ...]:
    tree = ast.parse(text)
    origin: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                origin[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                origin[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def name_of(node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return origin.get(node.id, "")
        if isinstance(node, ast.Attribute) and (base := name_of(node.value)):
            return f"{base}.{node.attr}"
        return ""

    def walk(node: ast.AST, on_loop: bool) -> Iterator[tuple[int, str]]:
        if isinstance(node, ast.AsyncFunctionDef):
            on_loop = True
        elif isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            on_loop = False
        elif isinstance(node, ast.Call) and on_loop and BLOCKING.fullmatch(name := name_of(node.func)):
            yield node.lineno, name
        for child in ast.iter_child_nodes(node):
            yield from walk(child, on_loop)

    return tuple(walk(tree, False))


# --- runs ------------------------------------------------------------------------------------------------------


def sound_before(fixture: Fixture, run: Run) -> None:
    """The before-program is worth comparing with: it ends as declared, prints, and does its requests."""
    if run.exit != fixture.exit:
        raise Broken(f"before: exit code {run.exit}, declared {fixture.exit}\n{run.stderr}")
    if not run.stdout:
        raise Broken("before: prints nothing, so its output shows nothing")
    if (count := len(run.requests)) < fixture.requests or (fixture.requests == 0 and count):
        raise Broken(f"before: {count} requests, declared {fixture.requests}")
    if any(request.target.startswith("/?") or request.target == "/" for request in run.requests):
        raise Broken("before: asks for a page that the server does not have")


def same_behaviour(fixture: Fixture, before: Run, after: Run) -> None:
    """Output, exit code, files and requests are the same."""
    if before.exit != after.exit:
        raise Broken(f"exit code {after.exit}, was {before.exit}\n{after.stderr}")
    _same("stdout", *(_lines(run.stdout, fixture.unordered) for run in (before, after)))
    if fixture.stderr != "ignore":
        _same("stderr", *(_stderr(run.stderr, fixture.stderr) for run in (before, after)))
    if before.files != after.files:
        raise Broken(f"files written: {sorted(after.files)}, were {sorted(before.files)} (or their content)")
    in_order = fixture.in_flight_after is None and not fixture.unordered
    same_requests(before, after, ordered=sequential(fixture, before) and in_order)


def sequential(fixture: Fixture, before: Run) -> bool:
    """Whether the program sends its requests one after the other: not where a pool only happened to do so."""
    return fixture.in_flight == 1 if before.threads else before.most_in_flight <= 1


def same_requests(before: Run, after: Run, *, ordered: bool) -> None:
    """The same requests, each as often; in the same order where the program sends one after the other."""
    old, new = Counter(before.requests), Counter(after.requests)
    if old != new:
        lost = "\n".join(f"- {request}" for request in (old - new).elements())
        more = "\n".join(f"+ {request}" for request in (new - old).elements())
        raise Broken(f"requests differ:\n{lost}\n{more}")
    if ordered and before.requests != after.requests:
        raise Broken(f"order of the requests: {list(map(str, after.requests))}")


def same_concurrency(fixture: Fixture, before: Run, after: Run) -> None:
    """Never more in flight than before; exactly as many where the fixture says how many."""
    if fixture.in_flight_after is not None:
        if after.most_in_flight != fixture.in_flight_after:
            raise Broken(f"after: {after.most_in_flight} in flight, expected {fixture.in_flight_after}")
    elif fixture.in_flight is not None:
        for side, run in (("before", before), ("after", after)):
            if run.most_in_flight != fixture.in_flight:
                raise Broken(f"{side}: {run.most_in_flight} in flight, expected {fixture.in_flight}")
    elif sequential(fixture, before) and after.most_in_flight > 1:
        raise Broken(f"{after.most_in_flight} requests in flight in a program that is sequential")


def clean_loop(run: Run, before: Run | None = None) -> None:
    """Nothing blocked the event loop (that did not before), nothing was left un-awaited, unclosed or pending."""
    for needle in LEFT_ON_STDERR:
        if needle in run.stderr:
            raise Broken(f"after: {needle!r} on stderr:\n{run.stderr}")
    if run.blocked and not (before is not None and before.blocked):
        raise Broken("after: blocks the event loop: " + "; ".join(run.blocked))


def _lines(text: str, unordered: bool) -> list[str]:
    lines = text.splitlines()
    return sorted(lines) if unordered else lines


def _stderr(text: str, mode: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    if mode == "last-line":
        return [line for line in lines if not line.startswith((" ", "\t"))][-1:]
    return lines


def show_difference(name: str, old: bytes | None, new: bytes | None) -> str:
    """A unified diff of two versions of a file; None stands for a missing one."""
    before, after = ((data or b"").decode("utf-8", "backslashreplace").splitlines() for data in (old, new))
    note = "missing in the golden" if old is None else "in the golden only" if new is None else "differs"
    diff = list(difflib.unified_diff(before, after, "golden", "now", lineterm=""))
    return f"{name} {note}:\n" + "\n".join(diff[:60])


def _same(what: str, before: list[str], after: list[str]) -> None:
    if before != after:
        diff = "\n".join(difflib.unified_diff(before, after, "before", "after", lineterm=""))
        raise Broken(f"{what} differs:\n{diff}")
