"""The check that guards writing (invariant 6): an independent judge of the changed tree.

It knows nothing of how the change came about. It reads the tree before and the tree after, and objects to whatever
is wrong in the second and was not in the first: source that does not compile, coroutines that nobody awaits,
blocking calls on the event loop, tests that vanish or can no longer fail, names that nothing binds.

It shares no code with the index, the rules or the rewriter, on purpose: its analysis is smaller and more cautious, so
that a mistake of theirs is not repeated here.
"""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from asyncify.check import hollow, reach, structure
from asyncify.check.blocking import BlockingCheck
from asyncify.check.callbacks import CallbackCheck
from asyncify.check.codes import CODES, NOTES, Finding, Problem
from asyncify.check.coroutines import CoroutineCheck
from asyncify.check.report import Examination
from asyncify.check.tree import Tree
from asyncify.model import Span

__all__ = ["CODES", "NOTES", "Problem", "check"]


def check(
    before: Mapping[str, bytes],
    after: Mapping[str, bytes],
    config_files: Mapping[str, bytes] | None = None,
    trusted: Collection[str] = (),
) -> tuple[Problem, ...]:
    """What is wrong with the tree `after` that was not wrong with the tree `before`, in order of place.

    Both map the path of every Python file of the tree to its bytes. `config_files` are the configuration files after
    the change (``pyproject.toml``, ``pytest.ini``, ``setup.cfg``, ``tox.ini``), which say whether pytest runs
    async tests. `trusted` are paths of support modules, tested in their own right: they must compile and are read as
    context, but what they do inside is their own affair. Only the changed files, and those that mention something
    whose colour changed, are examined.

    Raises nothing for bad source; a problem whose ``fatal`` is false does not keep the change from being written.
    """
    changed = [p for p in after if p.endswith((".py", ".ipynb")) and before.get(p) != after[p]]
    lost = [p for p in before if p not in after]
    if not changed and not lost:
        return ()
    problems: list[Problem] = []
    broken = [p for p in changed if _compile(p, before.get(p), after[p], problems)]
    old, new = Tree(before), Tree(after)
    changed = [p for p in changed if p not in broken and new.module(p) is not None]
    problems += _kept(old, new, changed, lost)
    names = reach.changes(old, new, changed)
    examined = [p for p in changed if p not in trusted]
    examined += [p for p in reach.reached(names, new) if p not in changed and p not in broken]
    exam = examine(new, examined, names.became_async, config_files or {})
    if exam.findings:
        for path in new.read:
            old.module(path)  # what callers pass is inferred from the modules read: read the same ones
        suspicious = {f.problem.span.path for f in exam.findings}
        reference = examine(old, [p for p in examined if p in suspicious], names.became_async, config_files or {})
        problems += _new_ones(reference.findings, exam.findings)
    return tuple(sorted(problems, key=lambda p: (p.span, p.code)))


def examine(
    tree: Tree, paths: Iterable[str], suspects: frozenset[str] | None, config: Mapping[str, bytes]
) -> Examination:
    """All findings in the files `paths` of one tree. ``suspects`` None: all async method names count."""
    exam = Examination(tree)
    modules = [m for p in paths if (m := tree.module(p)) is not None]
    blocking = BlockingCheck(exam)
    for module in modules:
        CoroutineCheck(exam, module, suspects).run()
        CallbackCheck(exam, module).run()
        blocking.run(module)
        hollow.TestCheck(exam, module, config).run()
        structure.NameCheck(exam, module).run()
    return exam


def _new_ones(before: list[Finding], after: list[Finding]) -> list[Problem]:
    known = Counter(f.key for f in before)
    seen: set[tuple[str, Span]] = set()
    result = []
    for finding in after:
        if known[finding.key] > 0:
            known[finding.key] -= 1
            continue
        place = (finding.problem.code, finding.problem.span)
        if place not in seen:
            seen.add(place)
            result.append(finding.problem)
    return result


# --- compiling -----------------------------------------------------------------------------------------------------


def _compile(path: str, before: bytes | None, after: bytes, problems: list[Problem]) -> bool:
    """Whether the changed file fails to compile; reported unless it already did so before."""
    error = _compile_error(path, after)
    if error is None:
        return False
    if before is None or _compile_error(path, before) is None:
        line, column = error[1], max(error[2] - 1, 0)
        problems.append(Problem("does-not-compile", Span(path, line, column, line, column), error[0]))
    return True


def _compile_error(path: str, data: bytes) -> tuple[str, int, int] | None:
    return _error(data, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if path.endswith(".ipynb") else 0)


@lru_cache(maxsize=128)  # the same support modules come again and again
def _error(data: bytes, flags: int) -> tuple[str, int, int] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(data, "file", "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        return error.msg or "invalid syntax", error.lineno or 1, error.offset or 1
    except (ValueError, RecursionError, MemoryError, LookupError) as error:
        return str(error) or type(error).__name__, 1, 1
    return None


# --- what must stay ------------------------------------------------------------------------------------------------


def _kept(old: Tree, new: Tree, changed: list[str], lost: list[str]) -> list[Problem]:
    """Tests, assertions and definitions of the changed files that are gone."""
    exam, reference = Examination(new), Examination(old)
    for path in changed:
        module, former = new.module(path), old.module(path)
        if module is None or former is None:
            continue
        structure.compare(exam, former, module)
        tests, asserts = hollow.count(module, exam.evaluator)
        tests_before, asserts_before = hollow.count(former, reference.evaluator)
        place = Span(path, 1, 0, 1, 0)
        if tests < tests_before:
            exam.add("test-lost", place, (path,), f"{tests} tests where there were {tests_before}")
        if asserts < asserts_before:
            exam.add("assert-lost", place, (path,), f"{asserts} assertions where there were {asserts_before}")
    for path in lost:
        former = old.module(path)
        if former is not None and (tests_before := hollow.count(former, reference.evaluator)[0]):
            text = f"the file is gone, and {tests_before} tests with it"
            exam.add("test-lost", Span(path, 1, 0, 1, 0), (path,), text)
    return [f.problem for f in exam.findings]
