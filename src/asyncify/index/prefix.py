"""Names that are put together from text and values: what is certain about them."""

from __future__ import annotations

import ast


def literal_prefix(node: ast.expr) -> str:
    """What a computed name certainly starts with, "" where nothing is certain."""
    match node:
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Add()):
            return text
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return text
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            return text.partition("%")[0]
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return text.partition("{")[0]
    return ""


def literal_suffix(node: ast.expr) -> str:
    """What a computed name certainly ends with, "" where nothing is certain."""
    match node:
        case ast.BinOp(right=ast.Constant(value=str(text)), op=ast.Add()):
            return text
        case ast.JoinedStr(values=[*_, ast.Constant(value=str(text))]):
            return text
    return ""
