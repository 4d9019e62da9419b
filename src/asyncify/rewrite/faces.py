"""Functions split in two: a synchronous face with the old name and head, and a coroutine function with the body."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst
import libcst.matchers as m

from asyncify.model import Facade, Rename


def faced(function: cst.FunctionDef, edit: Facade, module: cst.Module) -> list[cst.BaseStatement]:
    """The synchronous face and the coroutine function behind it; `function` has all other edits already."""
    docstring, body = _split(function)
    documented = docstring is not None and bool(body)
    if documented:
        text = cst.parse_statement(f'"""The coroutine behind `{function.name.value}`."""')
        assert isinstance(text, cst.SimpleStatementLine)
        body = [text, *body]
    elif not body:  # the docstring is all there is
        assert docstring is not None
        body = [docstring]
    params = _without_comments(function.params)
    implementation = function.with_changes(
        name=cst.Name(edit.async_name),
        params=params if edit.defaults else _without_defaults(params),
        whitespace_before_params=cst.SimpleWhitespace("")
        if m.findall(function.params, m.Comment())
        else function.whitespace_before_params,
        decorators=[cst.Decorator(cst.parse_expression(text)) for text in edit.decorators],
        lines_after_decorators=(),
        leading_lines=_blank_lines(function, edit),
        body=_block(function.body, body, header=cst.TrailingWhitespace(), footer=True),
    ).deep_clone()
    call = _running(function, edit)
    line = cst.parse_statement(call, config=module.config_for_parsing)
    assert isinstance(line, cst.SimpleStatementLine)
    inside = [line] if docstring is None else [docstring, line]
    header = function.body.header if isinstance(function.body, cst.IndentedBlock) else cst.TrailingWhitespace()
    face = function.with_changes(
        asynchronous=None,
        body=_block(function.body, inside, header=header, footer=False),
    )
    return [face, implementation]


def factory_of(function: cst.FunctionDef, edit: Rename, module: cst.Module) -> cst.FunctionDef:
    """The class method that makes an object and awaits `function`, which was its ``__init__``, on it."""
    first = [*function.params.posonly_params, *function.params.params][0]
    made, arguments = first.name.value, _forwarded(function.params, skip_first=True)
    text = f"""@classmethod
async def {edit.factory}(cls):
    {made} = cls.__new__(cls)
    await {made}.{edit.name}({arguments})
    return {made}
"""
    if function.returns is not None:
        text = text.replace("(cls):", f'(cls) -> "{edit.made}":', 1)
    factory = cst.parse_statement(text, config=module.config_for_parsing)
    assert isinstance(factory, cst.FunctionDef)
    owner = first.with_changes(name=cst.Name("cls"), annotation=None)
    params = _without_comments(function.params)
    kind = "posonly_params" if params.posonly_params else "params"
    rest = list(getattr(params, kind))[1:]
    return factory.with_changes(
        params=params.with_changes(**{kind: [owner, *rest]}).deep_clone(),
        lines_after_decorators=(),
        leading_lines=[cst.EmptyLine(indent=False)],
    )


def _split(function: cst.FunctionDef) -> tuple[cst.SimpleStatementLine | None, list[cst.BaseStatement]]:
    """The docstring of the function, if it stands on a line of its own, and what follows it."""
    body = function.body
    if not isinstance(body, cst.IndentedBlock):
        assert isinstance(body, cst.SimpleStatementSuite)
        return None, [cst.SimpleStatementLine(body.body, trailing_whitespace=body.trailing_whitespace)]
    first = body.body[0]
    if m.matches(first, m.SimpleStatementLine(body=[m.Expr(m.SimpleString() | m.ConcatenatedString())])):
        assert isinstance(first, cst.SimpleStatementLine)
        return first, list(body.body[1:])
    return None, list(body.body)


def _block(
    like: cst.BaseSuite, body: Sequence[cst.BaseStatement], *, header: cst.TrailingWhitespace, footer: bool
) -> cst.IndentedBlock:
    if isinstance(like, cst.IndentedBlock):
        return like.with_changes(body=body, header=header, footer=like.footer if footer else ())
    return cst.IndentedBlock(body, header=header)


def _blank_lines(function: cst.FunctionDef, edit: Facade) -> list[cst.EmptyLine]:
    """As many as part functions here: those above the function, or what PEP 8 says of the place."""
    above = 0
    for line in function.leading_lines:
        if line.comment is not None:
            break
        above += 1
    return [cst.EmptyLine(indent=False)] * (above or (1 if edit.owner or edit.span.column else 2))


def _running(function: cst.FunctionDef, edit: Facade) -> str:
    """The statement of the face."""
    target = f"{edit.owner}.{edit.async_name}" if edit.owner else edit.async_name
    call = f"{edit.runner}({target}({_forwarded(function.params, skip_first=edit.bound)}))"
    return f"return {call}"


def _forwarded(params: cst.Parameters, *, skip_first: bool) -> str:
    plain = [p.name.value for p in (*params.posonly_params, *params.params)][int(skip_first) :]
    out = list(plain)
    if isinstance(params.star_arg, cst.Param):
        out.append(f"*{params.star_arg.name.value}")
    out += [f"{p.name.value}={p.name.value}" for p in params.kwonly_params]
    if params.star_kwarg is not None:
        out.append(f"**{params.star_kwarg.name.value}")
    return ", ".join(out)


def _without_comments(params: cst.Parameters) -> cst.Parameters:
    """The parameters, on one line where comments stand among them: a comment belongs to the face alone."""
    if not m.findall(params, m.Comment()):
        return params
    joined = params.visit(_OnOneLine())
    assert isinstance(joined, cst.Parameters)
    kind, last = next(
        (kind, last)
        for kind, last in (
            ("star_kwarg", joined.star_kwarg),
            ("kwonly_params", joined.kwonly_params),
            ("star_arg", joined.star_arg),
            ("params", joined.params),
            ("posonly_params", joined.posonly_params),
        )
        if last and not isinstance(last, cst.MaybeSentinel)
    )
    if isinstance(last, (cst.Param, cst.ParamStar)):
        if isinstance(last, cst.Param):
            joined = joined.with_changes(**{kind: last.with_changes(comma=cst.MaybeSentinel.DEFAULT)})
    elif kind != "posonly_params":
        ended = last[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        joined = joined.with_changes(**{kind: [*last[:-1], ended]})
    return joined


def _without_defaults(params: cst.Parameters) -> cst.Parameters:
    def bare(some: Sequence[cst.Param]) -> list[cst.Param]:
        return [param.with_changes(default=None, equal=cst.MaybeSentinel.DEFAULT) for param in some]

    return params.with_changes(
        posonly_params=bare(params.posonly_params), params=bare(params.params), kwonly_params=bare(params.kwonly_params)
    )


class _OnOneLine(cst.CSTTransformer):
    """Joins lines; a space stands behind each comma."""

    def leave_ParenthesizedWhitespace(
        self, original_node: cst.ParenthesizedWhitespace, updated_node: cst.ParenthesizedWhitespace
    ) -> cst.SimpleWhitespace:
        return cst.SimpleWhitespace("")

    def leave_Comma(self, original_node: cst.Comma, updated_node: cst.Comma) -> cst.Comma:
        return cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))

    def leave_Param(self, original_node: cst.Param, updated_node: cst.Param) -> cst.Param:
        return updated_node.with_changes(whitespace_after_param=cst.SimpleWhitespace(""))
