"""asyncify as one function: a tree in, the migrated tree and the plan out.

The whole pipeline runs as for a user, on files in a temporary folder, the writing included.
"""

from __future__ import annotations

import ast
import dataclasses
import io
import itertools
import tempfile
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from asyncify import api
from asyncify.config import Config, load
from asyncify.model import (
    AddFile,
    AddImport,
    DropImport,
    Edit,
    Facade,
    MakeAsync,
    Plan,
    Reason,
    Rename,
    Require,
)

from .fixture import read_tree, write_tree
from .laws import Broken


@dataclass(frozen=True)
class Migration:
    """One run of asyncify over one tree."""

    before: Mapping[str, bytes]
    after: Mapping[str, bytes]
    plan: Plan

    @property
    def groups(self) -> int:
        """How many groups are planned."""
        return len(self.plan.groups)

    @property
    def codes(self) -> frozenset[str]:
        """The codes of all refusals."""
        return frozenset(refusal.code for refusal in self.plan.refusals)

    def summary(self) -> str:
        """One line per group, site and refusal: the golden plan.txt."""
        lines = [f"group   {group.title}: {', '.join(group.paths)}" for group in self.plan.groups]
        for site in sorted(self.plan.sites, key=lambda site: (site.span, site.rule)):
            condition = f" ({site.condition})" if site.condition else ""
            lines.append(f"site    {site.span}:{site.span.column} {site.rule} {site.verdict}{condition}")
        for refusal in sorted(self.plan.refusals, key=lambda refusal: (refusal.span, refusal.code)):
            lines.append(f"refusal {refusal.span}:{refusal.span.column} {refusal.code}: {refusal.message}")
        return "".join(f"{line}\n" for line in lines)

    def has_reasons(self) -> None:
        """Every edit, site and refusal says why.

        Raises:
            Broken: naming the first that does not.
        """
        for group in self.plan.groups:
            _explained(f"group {group.title}", group.reason)
            if not group.edits:
                raise Broken(f"group {group.title} has no edits")
            for edit in group.edits:
                _explained(f"{type(edit).__name__} at {edit.span}", edit.reason)
        for site in self.plan.sites:
            _explained(f"{site.rule} at {site.span}", site.reason)
        for refusal in self.plan.refusals:
            if not (refusal.code and refusal.message.strip() and refusal.remedy.strip()):
                raise Broken(f"refusal {refusal.code!r} at {refusal.span}: no message or no remedy")

    def planned_lines(self) -> dict[str, set[int]]:
        """The lines of the files before that some edit covers, by path; numbers from 1."""
        planned: dict[str, set[int]] = {}
        trees = {
            path: ast.parse(_text(data))
            for path, data in self.before.items()
            if any(edit.span.path == path for edit in self._edits())
        }
        for edit in self._edits():
            if edit.span.path in trees:
                planned.setdefault(edit.span.path, set()).update(_lines(edit, trees[edit.span.path]))
        return planned

    def _edits(self) -> Iterator[Edit]:
        for group in self.plan.groups:
            yield from group.edits


def migrate(files: Mapping[str, bytes], *, http: str = "auto", parallelize: int = 0) -> Migration:
    """Run asyncify over the tree `files`.

    Raises:
        Broken: where its own check objects to what it planned.
    """
    with tempfile.TemporaryDirectory(prefix="asyncify-migrate-") as folder:
        root = Path(folder).resolve() / "app"
        write_tree(root, files)
        config = load(root)
        if http != "auto":
            config = _with_http(config, http)
        if parallelize:
            config = dataclasses.replace(config, parallelize=parallelize)
        preview = api.preview([root], config)
        for problems in preview.problems.values():
            for problem in problems:
                if problem.fatal:
                    raise Broken(
                        f"the check objects at {problem.span}: {problem.code}: {problem.message}\n"
                        + "\n".join(_texts(preview))
                    )
        if preview.scan.plan.groups:
            api.apply(preview)
        return Migration(files, read_tree(root), preview.scan.plan)


def _with_http(config: Config, http: str) -> Config:
    assert http in ("native", "compat")
    return dataclasses.replace(config, http=http)  # type: ignore[arg-type]


def _texts(preview: api.Preview) -> Iterator[str]:
    for group in preview.changes:
        for change in group.changes:
            if change.before is not None and change.after is not None:
                yield f"--- {change.path}\n{change.after.decode('utf-8', 'replace')}"


def _explained(what: str, reason: Reason) -> None:
    chain = list(reason.chain())
    if not all(step.text.strip() for step in chain):
        raise Broken(f"{what}: a reason without words")
    if not any(step.span for step in chain):
        raise Broken(f"{what}: no reason names a place")


def _text(data: bytes) -> str:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return data.decode(encoding)


def _lines(edit: Edit, tree: ast.Module) -> Iterable[int]:
    """The lines an edit may change: of a statement that becomes asynchronous, only its header."""
    match edit:
        case AddFile() | Require():
            return ()
        case MakeAsync(items=items) if items:  # a `with` that may be split: its body moves to the right
            return range(edit.span.line, edit.span.end_line + 1)
        case MakeAsync() | Facade() | Rename():
            return range(edit.span.line, _header_end(edit, tree) + 1)
        case AddImport():
            return {*_import_lines(tree, edit.module, None), *_blank_lines_at_imports(tree)}
        case DropImport():
            return {*_import_lines(tree, None, edit.local_name), *_blank_lines_at_imports(tree)}
        case _:
            return range(edit.span.line, edit.span.end_line + 1)


def _header_end(edit: MakeAsync | Facade | Rename, tree: ast.Module) -> int:
    for node in ast.walk(tree):
        place = (getattr(node, "lineno", None), getattr(node, "end_lineno", None))
        if place == (edit.span.line, edit.span.end_line):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body:
                return max(edit.span.line, int(body[0].lineno) - 1)
    return edit.span.end_line  # a clause of a comprehension


def _import_lines(tree: ast.Module, module: str | None, local: str | None) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound = {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            if local in bound or (module and isinstance(node, ast.ImportFrom) and node.module == module):
                yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _blank_lines_at_imports(tree: ast.Module) -> Iterator[int]:
    """The lines between an import and the next statement: an import may come or go there."""
    for node in ast.walk(tree):
        for field in ("body", "orelse", "handlers", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                for statement, following in itertools.pairwise(block):
                    if isinstance(statement, ast.Import | ast.ImportFrom):
                        yield from range((statement.end_lineno or 0) + 1, following.lineno)
