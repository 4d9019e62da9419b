"""Annotations of parameters that have none."""

from __future__ import annotations

import libcst as cst

from asyncify.model import Annotate

_SPACE = cst.SimpleWhitespace(" ")


def annotated(parameter: cst.Param, edit: Annotate) -> cst.Param:
    """The parameter with the annotation; PEP 8 wants spaces around the ``=`` then."""
    text = f'"{edit.template}"' if edit.quoted else edit.template
    note = cst.Annotation(
        cst.parse_expression(text),
        whitespace_before_indicator=cst.SimpleWhitespace(""),
        whitespace_after_indicator=_SPACE,
    )
    changed = parameter.with_changes(annotation=note)
    if isinstance(parameter.equal, cst.AssignEqual):
        changed = changed.with_changes(
            equal=cst.AssignEqual(
                _SPACE if parameter.equal.whitespace_before.empty else parameter.equal.whitespace_before,
                _SPACE if parameter.equal.whitespace_after.empty else parameter.equal.whitespace_after,
            )
        )
    return changed
