"""Edits that several findings ask for, each made once."""

from __future__ import annotations

from collections.abc import Iterable

from asyncify.model import AddImport, Edit, MakeAsync, ReplaceExpr, SetArguments


def distinct(edits: Iterable[Edit]) -> list[Edit]:
    """The edits without repetitions, whatever the reason given for each."""
    seen: dict[object, Edit] = {}
    for edit in edits:
        match edit:
            case ReplaceExpr():
                key: object = (type(edit), edit.span, edit.template)
            case SetArguments():
                key = (type(edit), edit.span, tuple(edit.keywords.items()), edit.drop)
            case MakeAsync():
                key = (type(edit), edit.span, edit.items)
            case AddImport():
                key = (type(edit), edit.span.path, edit.module, edit.name, edit.alias)
            case _:
                local = getattr(edit, "local_name", None)
                key = (type(edit), edit.span.path, local) if local else (type(edit), edit.span)
        seen.setdefault(key, edit)
    return list(seen.values())
