"""Where a new import goes among the statements of a module."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Sequence
from enum import IntEnum
from itertools import pairwise

import libcst as cst
from libcst.helpers import get_full_name_for_node

from asyncify.rewrite.layout import leading_lines, with_leading_lines


class Section(IntEnum):
    """The groups of imports, in their order."""

    FUTURE = 0
    STANDARD = 1
    THIRD_PARTY = 2
    LOCAL = 3
    RELATIVE = 4


def section_of(module: str, local: Collection[str]) -> Section:
    """The group that an import of `module` belongs to; `local` are the project's top-level modules."""
    if module.startswith("."):
        return Section.RELATIVE
    top = module.split(".")[0]
    if top == "__future__":
        return Section.FUTURE
    if top in sys.stdlib_module_names:
        return Section.STANDARD
    return Section.LOCAL if top in local else Section.THIRD_PARTY


def module_text(statement: cst.ImportFrom) -> str:
    """The module of a ``from`` import, as written: ``..package.module``."""
    name = get_full_name_for_node(statement.module) if statement.module is not None else ""
    return "." * len(statement.relative) + (name or "")


def place(module: cst.Module, new: cst.SimpleStatementLine, name: str, local: Collection[str]) -> cst.Module:
    """`module` with the import `new`, which binds `name`, at its place in the order of the others.

    It goes behind the docstring and the ``__future__`` imports, before all code that mentions `name`, among the
    imports of its group if there are any.
    """
    body: list[cst.BaseStatement] = list(module.body)
    start = _preamble(body)
    section, key, plain = _facts(new, local)
    run = _first_run(body, start)
    candidates = [index for index in run if _facts(body[index], local)[0] == section]
    if not candidates:
        candidates = [index for index in _region(module, start, name) if _facts(body[index], local)[0] == section]
    if section is Section.FUTURE:
        return _insert_first(module, body, start, new)
    if candidates:
        return _insert_among(module, body, candidates, new, key, plain, local)
    if not run:
        return _insert_first(module, body, start, new)
    lower = [index for index in run if _facts(body[index], local)[0] < section]
    grouped = _is_grouped(body, run, local)
    if lower:
        lines = [cst.EmptyLine(indent=False)] if grouped else []
        index = lower[-1] + 1
        body.insert(index, new.with_changes(leading_lines=lines))
        if grouped and index + 1 < len(body) and index in run:
            body[index + 1] = _below_blank(body[index + 1], 1)
        return module.with_changes(body=body)
    return _insert_before(module, body, run[0], new, blank=1 if grouped else 0)


# --- Reading the module ----------------------------------------------------------------------------------------


def _import_of(statement: cst.BaseStatement) -> cst.Import | cst.ImportFrom | None:
    if isinstance(statement, cst.SimpleStatementLine) and statement.body:
        first = statement.body[0]
        if isinstance(first, (cst.Import, cst.ImportFrom)):
            return first
    return None


def _facts(statement: cst.BaseStatement, local: Collection[str]) -> tuple[Section, str, bool]:
    """Group, sort key, and whether it is a plain ``import``."""
    node = _import_of(statement)
    assert node is not None
    if isinstance(node, cst.ImportFrom):
        text = module_text(node)
        return section_of(text, local), text.casefold(), False
    text = node.names[0].evaluated_name
    return section_of(text, local), text.casefold(), True


def _preamble(body: Sequence[cst.BaseStatement]) -> int:
    """The number of statements that stay before all imports: the docstring and the ``__future__`` imports."""
    count = 0
    for index, statement in enumerate(body):
        if not isinstance(statement, cst.SimpleStatementLine):
            break
        node = _import_of(statement)
        if isinstance(node, cst.ImportFrom) and module_text(node) == "__future__":
            count = index + 1
        elif _is_docstring(statement) and index == 0:
            count = 1
        else:
            break
    return count


def _is_docstring(line: cst.SimpleStatementLine) -> bool:
    first = line.body[0] if line.body else None
    return isinstance(first, cst.Expr) and isinstance(first.value, (cst.SimpleString, cst.ConcatenatedString))


def _first_run(body: Sequence[cst.BaseStatement], start: int) -> list[int]:
    """The first imports without code between them; none if code that does something stands before them."""
    run: list[int] = []
    for index in range(start, len(body)):
        statement = body[index]
        if _import_of(statement) is not None:
            run.append(index)
        elif _only_imports(statement):
            continue
        elif run or not _is_harmless(statement):
            break
    return run


def _region(module: cst.Module, start: int, name: str) -> list[int]:
    """The imports before the first definition, loop, or mention of `name`."""
    mention = re.compile(rf"\b{re.escape(name)}\b")
    region: list[int] = []
    for index in range(start, len(module.body)):
        statement = module.body[index]
        if _import_of(statement) is not None:
            region.append(index)
        elif not isinstance(statement, (cst.SimpleStatementLine, cst.If, cst.Try)) or mention.search(
            module.code_for_node(statement)
        ):
            break
    return region


def _only_imports(statement: cst.BaseStatement) -> bool:
    """Whether this is an `if` or `try` around imports, which stands among imports without parting them."""
    if not isinstance(statement, (cst.If, cst.Try)) or not isinstance(statement.body, cst.IndentedBlock):
        return False
    return all(_import_of(one) is not None for one in statement.body.body)


def _is_harmless(statement: cst.BaseStatement) -> bool:
    """An assignment to ``__dunder__`` names or a bare string: imports may well follow it."""
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    for small in statement.body:
        match small:
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))]) if name.startswith("__"):
                continue
            case cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString()):
                continue
        return False
    return True


def _is_grouped(body: Sequence[cst.BaseStatement], run: Sequence[int], local: Collection[str]) -> bool:
    """Whether blank lines part the groups of imports here; so it shall be where there is only one group yet."""
    for one, other in pairwise(run):
        different = _facts(body[one], local)[0] != _facts(body[other], local)[0]
        if different and other == one + 1 and not leading_lines(body[other]):
            return False
    return True


# --- Changing it -----------------------------------------------------------------------------------------------


def _insert_among(
    module: cst.Module,
    body: list[cst.BaseStatement],
    candidates: Sequence[int],
    new: cst.SimpleStatementLine,
    key: str,
    plain: bool,
    local: Collection[str],
) -> cst.Module:
    facts = {index: _facts(body[index], local) for index in candidates}
    kinds = [facts[index][2] for index in candidates]
    pool = list(candidates)
    if kinds == sorted(kinds, reverse=True):  # plain imports first, as isort and ruff have it
        pool = [index for index in candidates if facts[index][2] == plain]
        if not pool:
            if plain:
                return _insert_before(module, body, candidates[0], new, blank=0)
            body.insert(candidates[-1] + 1, new)
            return module.with_changes(body=body)
    keys = [facts[index][1] for index in pool]
    if keys == sorted(keys):
        for index in pool:
            if facts[index][1] > key:
                return _insert_before(module, body, index, new, blank=0)
    body.insert(pool[-1] + 1, new)
    return module.with_changes(body=body)


def _insert_first(
    module: cst.Module, body: list[cst.BaseStatement], start: int, new: cst.SimpleStatementLine
) -> cst.Module:
    """Make `new` the first statement behind the preamble, parted by blank lines from what is around it."""
    following = body[start] if start < len(body) else None
    blank = 2 if isinstance(following, (cst.FunctionDef, cst.ClassDef)) else 1
    if start > 0:
        if following is not None:
            body[start] = _below_blank(following, blank)
        body.insert(start, new.with_changes(leading_lines=[cst.EmptyLine(indent=False)]))
        return module.with_changes(body=body)
    header, attached = _split_header(module, following)
    if following is not None:
        body[0] = _below_blank(with_leading_lines(following, [*attached, *leading_lines(following)]), blank)
    if header and header[-1].comment:
        new = new.with_changes(leading_lines=[cst.EmptyLine(indent=False)])
    body.insert(0, new)
    return module.with_changes(header=header, body=body)


def _insert_before(
    module: cst.Module, body: list[cst.BaseStatement], index: int, new: cst.SimpleStatementLine, *, blank: int
) -> cst.Module:
    """Put `new` before the import at `index`; a comment that speaks of that import stays with it."""
    old = body[index]
    lines = leading_lines(old)
    first_in_file = index == 0
    if first_in_file:
        lines = list(module.header)
    cut = _last_blank(lines) + 1
    node = _import_of(old)
    assert node is not None
    spoken = " ".join(line.comment.value for line in lines[cut:] if line.comment)
    if not any(word in spoken.casefold() for word in _names(node)):
        cut = len(lines)
    above, attached = lines[:cut], lines[cut:]
    below = [cst.EmptyLine(indent=False)] * blank + list(attached)
    body[index] = with_leading_lines(old, below)
    if first_in_file:
        body.insert(0, new)
        return module.with_changes(header=above, body=body)
    body.insert(index, new.with_changes(leading_lines=above))
    return module.with_changes(body=body)


def _names(node: cst.Import | cst.ImportFrom) -> list[str]:
    if isinstance(node, cst.ImportFrom):
        text = module_text(node).strip(".")
        names = [] if isinstance(node.names, cst.ImportStar) else [one.evaluated_name for one in node.names]
        return [word.casefold() for word in (text, *names) if word]
    return [alias.evaluated_name.casefold() for alias in node.names]


def _split_header(
    module: cst.Module, following: cst.BaseStatement | None
) -> tuple[list[cst.EmptyLine], list[cst.EmptyLine]]:
    """The lines above the first statement: those of the file, and those that speak of the statement."""
    header = list(module.header)
    if following is None:
        return header, []
    cut = _last_blank(header) + 1
    if cut == 0:
        first = header[0].comment.value if header and header[0].comment else ""
        definition = isinstance(following, (cst.FunctionDef, cst.ClassDef))
        if first.startswith("#!") or "coding" in first or not definition:
            cut = len(header)
    return header[:cut], header[cut:]


def _last_blank(lines: Sequence[cst.EmptyLine]) -> int:
    return max((position for position, line in enumerate(lines) if line.comment is None), default=-1)


def _below_blank(statement: cst.BaseStatement, count: int) -> cst.BaseStatement:
    """`statement` with at least `count` blank lines above it and its comments."""
    lines = leading_lines(statement)
    present = 0
    while present < len(lines) and lines[present].comment is None:
        present += 1
    missing = max(0, count - present)
    return with_leading_lines(statement, [cst.EmptyLine(indent=False)] * missing + lines)
