"""Makes edits in source files with LibCST; everything outside the edits stays byte for byte as it was.

:func:`rewrite_file` changes one file, :func:`apply_edits` many. Nothing is read from or written to disk here.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence

from asyncify.errors import InternalError
from asyncify.model import AddFile, AddImport, DropImport, Edit, FileChange, Span, WrapStatements
from asyncify.rewrite.alignment import aligned
from asyncify.rewrite.enclose import moves
from asyncify.rewrite.fstrings import misplaced_spans
from asyncify.rewrite.imports import add_imports, drop_imports, local_modules_of
from asyncify.rewrite.jobs import assign, node_edits, spans_of
from asyncify.rewrite.locate import find_nodes, read
from asyncify.rewrite.transform import apply_jobs

__all__ = ["apply_edits", "findable", "rewrite_file"]


def rewrite_file(path: str, data: bytes, edits: Sequence[Edit], *, local_modules: Collection[str] = ()) -> bytes:
    """The bytes of the file `path` after `edits`; the same object if there are none.

    `local_modules` are top-level modules of the project: their imports are sorted as local ones. Edits are
    independent of each other's order; equal ones are made once. Raises InternalError, with the span, if an edit
    finds no node of its kind with exactly its span, if two edits clash, or if the result would be no valid Python;
    InputError if the file cannot be parsed, or not losslessly.
    """
    for edit in edits:
        if edit.span.path != path:
            raise InternalError(f"an edit of another file came to {path}", edit.span)
        if isinstance(edit, AddFile):
            raise InternalError("a file to add exists already", edit.span)
    if not edits:
        return data
    source, module = read(path, data)
    nodes = node_edits(edits)
    wraps = [edit for edit in edits if isinstance(edit, WrapStatements)]
    spans = spans_of(nodes) | {span for edit in wraps for span in (edit.first, edit.last)}
    for span in sorted(spans & misplaced_spans(path, source.text) if spans else ()):
        raise InternalError("this Python does not know where the parts of this f-string are", span)
    places = find_nodes(module, source, spans)
    if nodes or wraps:
        module = apply_jobs(module, assign(nodes, places), places, moves(module, wraps, places))
    added = [edit for edit in edits if isinstance(edit, AddImport)]
    dropped = [edit for edit in edits if isinstance(edit, DropImport)]
    local = {*local_modules, *local_modules_of([path])}
    module = add_imports(module, added, local)
    module = drop_imports(module, dropped)
    # An empty file has no last line that could lack its newline, and a file that became empty has none to keep.
    if not source.text:
        module = module.with_changes(has_trailing_newline=not source.tail)
    text = module.code if module.header or module.body or module.footer else ""
    if text == source.text:
        return data
    try:
        ast.parse(text)
    except (SyntaxError, ValueError) as error:
        first = min(edit.span for edit in edits)
        line = getattr(error, "lineno", None)
        raise InternalError(f"the edited file would be no valid Python, line {line}: {error}", first) from error
    return source.encode(aligned(source.text, text), edits[0].span)


def apply_edits(sources: Mapping[str, bytes], edits: Sequence[Edit]) -> tuple[FileChange, ...]:
    """The changes of all files that `edits` change or add, sorted by path; unchanged files are left out.

    `sources` are the files as read, by path. Raises what :func:`rewrite_file` raises, and InternalError if an edit
    names a file that is not there, or a file to add is there already with another content.
    """
    by_path: dict[str, list[Edit]] = {}
    files: dict[str, bytes] = {}
    for edit in edits:
        if isinstance(edit, AddFile):
            content = edit.text.encode()
            if files.setdefault(edit.span.path, content) != content or sources.get(edit.span.path, content) != content:
                raise InternalError("a file to add exists already with another content", edit.span)
        else:
            by_path.setdefault(edit.span.path, []).append(edit)
    local = local_modules_of([*sources, *files])
    changes = [FileChange(path, None, content) for path, content in files.items() if path not in sources]
    for path, own in by_path.items():
        if path not in sources or path in files:
            raise InternalError("an edit of a file that is not there", own[0].span)
        before = sources[path]
        after = rewrite_file(path, before, own, local_modules=local)
        if after != before:
            changes.append(FileChange(path, before, after))
    return tuple(sorted(changes, key=lambda change: change.path))


def findable(path: str, data: bytes, span: Span) -> bool:
    """Whether an expression, statement or comprehension clause lies exactly at `span`, safely.

    False for what the running Python cannot place: the inside of many f-strings before Python 3.12.
    """
    source, module = read(path, data)
    if span in misplaced_spans(path, source.text):
        return False
    return span in find_nodes(module, source, [span]).found
