"""Adds imports where a careful reader would have put them, and removes those that nothing uses any more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import libcst as cst

from asyncify.errors import InternalError
from asyncify.model import AddImport, DropImport
from asyncify.rewrite.layout import (
    insert_item,
    is_marker,
    remove_items,
    removed,
    without_markers,
    without_markers_in,
)
from asyncify.rewrite.parens import swap
from asyncify.rewrite.placing import module_text, place, section_of
from asyncify.rewrite.usage import used_names


def local_modules_of(paths: Iterable[str]) -> frozenset[str]:
    """The top-level modules that lie at `paths`: first folder or file, below ``src`` or ``lib`` if it starts so."""
    names: set[str] = set()
    for path in paths:
        parts = path.removesuffix(".py").split("/")
        if len(parts) > 1 and parts[0] in ("src", "lib"):
            parts = parts[1:]
        names.add(parts[0])
    return frozenset(names)


# --- Adding ----------------------------------------------------------------------------------------------------


def add_imports(module: cst.Module, edits: Sequence[AddImport], local: Collection[str]) -> cst.Module:
    """`module` with the imports that it does not have yet at its top level.

    Raises InternalError if two edits bind one name to different things.
    """
    bound: dict[str, AddImport] = {}
    for edit in edits:
        name = _bound_name(edit)
        other = bound.setdefault(name, edit)
        if (other.module, other.name) != (edit.module, edit.name) and (edit.name or edit.alias or other.name):
            raise InternalError(f"two imports to add are both called {name}", edit.span)
    unique = {(edit.module, edit.name, edit.alias): edit for edit in edits}
    order = sorted(
        unique.values(),
        key=lambda edit: (section_of(edit.module, local), edit.module, edit.name or "", edit.alias or ""),
    )
    for edit in order:
        if not any(_provides(one, edit) for one in _top_level_imports(module.body)):
            statement = _statement(edit, module)
            after_stars = _after_stars(module, statement) if edit.name is not None else None
            module = after_stars or _merge(module, edit) or place(module, statement, _bound_name(edit), local)
    for name in sorted({edit.module for edit in edits if edit.or_beside}):
        module = _or_beside(module, name)
    return module


def _or_beside(module: cst.Module, package: str) -> cst.Module:
    """`module` with the import from `package` tried first, and else what it names imported from the file's own folder."""
    for position, line in enumerate(module.body):
        one = line.body[0] if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 else None
        if (
            isinstance(one, cst.ImportFrom)
            and module_text(one) == package
            and not isinstance(one.names, cst.ImportStar)
        ):
            assert isinstance(line, cst.SimpleStatementLine)
            names = [str(alias.evaluated_name) for alias in one.names]
            text = f"try:\n    from {package} import {', '.join(names)}\nexcept ImportError:\n"
            text += "".join(f"    import {name}\n" for name in names)
            statement = cst.parse_statement(text, config=module.config_for_parsing)
            assert isinstance(statement, cst.Try)
            body = list(module.body)
            body[position] = statement.with_changes(leading_lines=line.leading_lines)
            return module.with_changes(body=body)
    return module


def _after_stars(module: cst.Module, new: cst.SimpleStatementLine) -> cst.Module | None:
    """`module` with the import behind its last star import, which may bind the same name; None where it has none."""
    stars = [
        number
        for number, line in enumerate(module.body)
        if isinstance(line, cst.SimpleStatementLine)
        and any(isinstance(one, cst.ImportFrom) and isinstance(one.names, cst.ImportStar) for one in line.body)
    ]
    if not stars:
        return None
    behind = stars[-1] + 1
    return module.with_changes(body=[*module.body[:behind], new, *module.body[behind:]])


def _bound_name(edit: AddImport) -> str:
    return edit.alias or edit.name or edit.module.split(".")[0]


def _statement(edit: AddImport, module: cst.Module) -> cst.SimpleStatementLine:
    alias = f" as {edit.alias}" if edit.alias else ""
    if edit.name is None:
        text = f"import {edit.module}{alias}"
    else:
        text = f"from {edit.module} import {edit.name}{alias}"
    try:
        statement = cst.parse_statement(text, config=module.config_for_parsing)
    except cst.ParserSyntaxError as error:
        raise InternalError(f"{text!r} is no import", edit.span) from error
    assert isinstance(statement, cst.SimpleStatementLine)
    newline = cst.TrailingWhitespace()
    return statement.with_changes(trailing_whitespace=newline)


def _top_level_imports(body: Sequence[cst.BaseStatement]) -> Iterable[cst.Import | cst.ImportFrom]:
    """Imports that certainly were tried once the module has run; those of an `if` are not among them."""
    for statement in body:
        if isinstance(statement, cst.SimpleStatementLine):
            yield from (one for one in statement.body if isinstance(one, (cst.Import, cst.ImportFrom)))
        elif isinstance(statement, (cst.Try, cst.TryStar)) and isinstance(statement.body, cst.IndentedBlock):
            inner = [one for one in statement.body.body if isinstance(one, cst.SimpleStatementLine)]
            yield from _top_level_imports(inner)


def _provides(statement: cst.Import | cst.ImportFrom, edit: AddImport) -> bool:
    if isinstance(statement, cst.Import):
        if edit.name is not None:
            return False
        for alias in statement.names:
            name = alias.evaluated_name
            if alias.evaluated_alias != edit.alias:
                continue
            if name == edit.module or (edit.alias is None and name.startswith(edit.module + ".")):
                return True
        return False
    if edit.name is None or module_text(statement) != edit.module or isinstance(statement.names, cst.ImportStar):
        return False
    return any(
        alias.evaluated_name == edit.name
        and (alias.evaluated_alias or alias.evaluated_name) == (edit.alias or edit.name)
        for alias in statement.names
    )


def _merge(module: cst.Module, edit: AddImport) -> cst.Module | None:
    """`module` with the name added to an import from the same module at top level; None if there is none."""
    if edit.name is None:
        return None
    for line in module.body:
        if isinstance(line, (cst.FunctionDef, cst.ClassDef)):
            return None
        if not isinstance(line, cst.SimpleStatementLine):
            continue
        for statement in line.body:
            if not isinstance(statement, cst.ImportFrom) or isinstance(statement.names, cst.ImportStar):
                continue
            if module_text(statement) == edit.module:
                return swap(module, statement, _with_name(statement, edit))
    return None


def _with_name(statement: cst.ImportFrom, edit: AddImport) -> cst.ImportFrom:
    assert not isinstance(statement.names, cst.ImportStar) and edit.name is not None
    asname = cst.AsName(cst.Name(edit.alias)) if edit.alias else None
    new = cst.ImportAlias(cst.Name(edit.name), asname=asname)
    names = [alias.evaluated_name for alias in statement.names]
    position = len(names)
    if names == sorted(names, key=str.casefold):
        position = sum(name.casefold() <= edit.name.casefold() for name in names)
    elif names == sorted(names, key=_isort_key):
        position = sum(_isort_key(name) <= _isort_key(edit.name) for name in names)
    opening: cst.BaseParenthesizableWhitespace = cst.SimpleWhitespace(" ")
    tail: cst.BaseParenthesizableWhitespace = cst.SimpleWhitespace("")
    if statement.lpar and statement.rpar:
        opening, tail = statement.lpar.whitespace_after, statement.rpar.whitespace_before
    aliases, tail = insert_item(statement.names, position, new, opening, tail)
    changed = statement.with_changes(names=aliases)
    if changed.rpar:
        changed = changed.with_changes(rpar=changed.rpar.with_changes(whitespace_before=tail))
    return changed


def _isort_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2), name


# --- Dropping --------------------------------------------------------------------------------------------------


def drop_imports(module: cst.Module, edits: Sequence[DropImport]) -> cst.Module:
    """`module` without the imports of those names that nothing in it uses any more.

    A name counts as used also where it stands in ``__all__``, in an annotation that is a string, or in a type
    comment. Imports in the body of a class (they are its attributes) and ``import x as x`` (re-exports) stay.
    """
    names = {edit.local_name for edit in edits}
    if not names:
        return module
    unused = names - used_names(module.code, names)
    return module.visit(_Dropper(unused, opens_file=not module.header)) if unused else module


_AROUND_STATEMENTS = (
    cst.BaseStatement,
    cst.BaseSuite,
    cst.Else,
    cst.ExceptHandler,
    cst.ExceptStarHandler,
    cst.Finally,
    cst.MatchCase,
    cst.Module,
)


class _Dropper(cst.CSTTransformer):
    def __init__(self, names: set[str], *, opens_file: bool) -> None:
        super().__init__()
        self.names = names
        self.opens_file = opens_file
        self.in_class = [False]

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.ClassDef):
            self.in_class.append(True)
        elif isinstance(node, cst.FunctionDef):
            self.in_class.append(False)
        return isinstance(node, _AROUND_STATEMENTS)

    def on_leave(  # type: ignore[override]
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> cst.CSTNode:
        node = updated_node
        if isinstance(node, (cst.ClassDef, cst.FunctionDef)):
            self.in_class.pop()
        elif isinstance(node, cst.SimpleStatementLine) and not self.in_class[-1]:
            body = self._kept(node.body)
            if body is not None:
                return node.with_changes(body=body) if body else removed(node)
        elif isinstance(node, cst.SimpleStatementSuite) and not self.in_class[-1]:
            body = self._kept(node.body)
            if body is not None:
                return node.with_changes(body=body or [cst.Pass()])
        elif isinstance(node, cst.IndentedBlock):
            return without_markers_in(node)
        elif isinstance(node, cst.Module) and any(is_marker(one) for one in node.body):
            lines, footer = without_markers(node.body, node.footer, opens_file=self.opens_file)
            return node.with_changes(body=lines, footer=footer)
        return node

    def _kept(self, body: Sequence[cst.BaseSmallStatement]) -> list[cst.BaseSmallStatement] | None:
        """What stays of one line; None if all of it."""
        kept: list[cst.BaseSmallStatement] = []
        for small in body:
            new = self._without_names(small) if isinstance(small, (cst.Import, cst.ImportFrom)) else small
            if new is not None:
                kept.append(new)
        if len(kept) == len(body) and all(one is other for one, other in zip(kept, body, strict=True)):
            return None
        if kept and len(kept) < len(body):
            kept[-1] = kept[-1].with_changes(semicolon=body[-1].semicolon)
        return kept

    def _without_names(self, statement: cst.Import | cst.ImportFrom) -> cst.Import | cst.ImportFrom | None:
        if isinstance(statement.names, cst.ImportStar):
            return statement
        if isinstance(statement, cst.ImportFrom) and module_text(statement) == "__future__":
            return statement
        drop = {
            position
            for position, alias in enumerate(statement.names)
            if self._drops(alias, isinstance(statement, cst.Import))
        }
        if not drop:
            return statement
        tail: cst.BaseParenthesizableWhitespace = cst.SimpleWhitespace("")
        rpar = statement.rpar if isinstance(statement, cst.ImportFrom) else None
        if rpar is not None:
            tail = rpar.whitespace_before
        kept, tail = remove_items(statement.names, drop, tail)
        if not kept:
            return None
        changed = statement.with_changes(names=kept)
        if rpar is not None:
            changed = changed.with_changes(rpar=rpar.with_changes(whitespace_before=tail))
        return changed

    def _drops(self, alias: cst.ImportAlias, plain: bool) -> bool:
        name = alias.evaluated_name
        if alias.asname is not None:
            return alias.evaluated_alias in self.names and alias.evaluated_alias != name
        return name in self.names or (plain and name.split(".")[0] in self.names)
