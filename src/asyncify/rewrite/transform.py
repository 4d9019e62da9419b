"""Makes the edits of one file in its LibCST tree, inner ones first.

Only nodes on the way to an edited node are visited; everything else stays the very object that was parsed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import libcst as cst

from asyncify.errors import InternalError
from asyncify.model import ReplaceExpr, ReplaceStatement, SetArguments, Span
from asyncify.rewrite import parens, templates
from asyncify.rewrite.ahead import ahead_in_comprehension, ahead_in_for, answer_of
from asyncify.rewrite.annotating import annotated
from asyncify.rewrite.enclose import Block, Move, moved
from asyncify.rewrite.faces import faced, factory_of
from asyncify.rewrite.fstrings import spelled_as_before
from asyncify.rewrite.jobs import HoleNode, Job, dropped_positions
from asyncify.rewrite.layout import (
    insert_item,
    is_marker,
    laid_out_like,
    leading_lines,
    remove_items,
    with_leading_lines,
    without_markers,
    without_markers_in,
)
from asyncify.rewrite.lines import replaced_line, replaced_suite, with_surroundings
from asyncify.rewrite.locate import Places
from asyncify.rewrite.naming import function_of, in_front, in_place_of, indented, reference_to
from asyncify.rewrite.with_items import split_with


def apply_jobs(
    module: cst.Module, jobs: Mapping[cst.CSTNode, Job], places: Places, moves: Mapping[Block, Move] | None = None
) -> cst.Module:
    """The tree after all jobs and moves. `places` are those of the jobs' nodes, their holes and the moved ends.

    Raises InternalError if a template is wrong for its place.
    """
    problem: cst.CSTValidationError | None = None
    # LibCST objects to a new expression that touches a keyword (`1if x else y`). Parentheses part them: first
    # around those that touch a word, then, should that not be enough, around all.
    for careful in (set[cst.CSTNode](), places.touching, set(jobs)):
        transformer = _Transformer(module, jobs, places.relevant, careful, moves or {})
        try:
            result = module.visit(transformer)
        except cst.CSTValidationError as error:
            problem = error
            continue
        for node, job in jobs.items():
            if node not in transformer.left:  # it is not in this tree: an edit must never be lost silently
                raise InternalError("an edit was not made", job.edits[0].span)
        return result
    first = min(edit.span for job in jobs.values() for edit in job.edits)
    raise InternalError(f"the edits make no valid code: {problem}", first) from problem


class _Transformer(cst.CSTTransformer):
    def __init__(
        self,
        module: cst.Module,
        jobs: Mapping[cst.CSTNode, Job],
        relevant: set[cst.CSTNode],
        careful: set[cst.CSTNode],
        moves: Mapping[Block, Move],
    ) -> None:
        super().__init__()
        self.module = module
        self.jobs = jobs
        self.relevant = relevant
        self.careful = careful
        self.moves = moves
        self.done: dict[cst.CSTNode, Sequence[cst.BaseStatement]] = {}  # by original statement
        self.holes = {node for job in jobs.values() for node in (*job.holes.values(), *job.argument_holes.values())}
        self.edited: dict[cst.CSTNode, cst.CSTNode] = {}  # by original node: what fills the holes
        self.statements: dict[cst.CSTNode, list[cst.BaseStatement]] = {}  # by original small statement
        self.quotes: list[str] = []  # of the f-strings around
        self.fetched: dict[Span, cst.BaseExpression] = {}  # by the span of the loop: the edited call
        self.elifs: set[cst.CSTNode] = set()
        self.left: set[cst.CSTNode] = set()
        # Functions to define in front of the statements around, one list for every statement, outermost first.
        self.functions: list[list[cst.FunctionDef]] = [[]]
        self.first: set[cst.CSTNode] = set()  # statements that open a block
        # New expressions that may still need parentheses, one list for every expression or statement around.
        self.pending: list[list[cst.BaseExpression]] = [[]]

    def on_visit(self, node: cst.CSTNode) -> bool:
        if node not in self.relevant:
            return False
        if _is_host(node):
            self.pending.append([])
        if isinstance(node, _STATEMENTS):
            self.functions.append([])
        if isinstance(node, (cst.Module, cst.IndentedBlock)) and node.body:
            self.first.add(node.body[0])
        if isinstance(node, cst.FormattedString):
            self.quotes.append(node.quote)
        elif isinstance(node, cst.If) and node.orelse is not None:
            self.elifs.add(node.orelse)
        return True

    def on_leave(  # type: ignore[override]
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> cst.CSTNode | cst.FlattenSentinel[cst.CSTNode] | cst.RemovalSentinel:
        if original_node not in self.relevant:
            return updated_node
        self.left.add(original_node)
        node = updated_node
        if isinstance(original_node, cst.FormattedString) and isinstance(node, cst.FormattedString):
            self.quotes.pop()
            node = spelled_as_before(original_node, node, self.module)
        if _is_host(original_node):
            for new in self.pending.pop():
                node = parens.settle(node, new, self.module)
        if isinstance(node, cst.BaseExpression):
            node = self._expression(original_node, node)
        elif isinstance(node, cst.BaseSmallStatement):
            self._small_statement(original_node, node)
        elif isinstance(node, cst.BaseCompoundStatement):
            statements = self._behind_functions(original_node, self._compound_statement(original_node, node))
            self.done[original_node] = _flat(statements)
            return statements
        elif isinstance(node, cst.Param):
            job = self._job(original_node)
            node = annotated(node, job.annotated) if job.annotated is not None else node
        elif isinstance(node, cst.CompFor):
            if self._job(original_node).asynchronous:
                node = node.with_changes(asynchronous=cst.Asynchronous())
        elif isinstance(node, cst.SimpleStatementLine):
            assert isinstance(original_node, cst.SimpleStatementLine)
            lines = self._line(original_node, node)
            self.done[original_node] = lines
            return lines[0] if len(lines) == 1 else cst.FlattenSentinel(lines)
        elif isinstance(node, cst.SimpleStatementSuite):
            assert isinstance(original_node, cst.SimpleStatementSuite)
            node = replaced_suite(original_node, node, self.statements)
            functions = self.functions.pop()
            node = indented(node, functions) if functions else node
        elif isinstance(node, cst.IndentedBlock):
            node = without_markers_in(node)
        elif isinstance(node, cst.Module) and any(is_marker(statement) for statement in node.body):
            body, footer = without_markers(node.body, node.footer, opens_file=not node.header)
            node = node.with_changes(body=body, footer=footer)
        if isinstance(original_node, (cst.Module, cst.IndentedBlock)) and original_node in self.moves:
            assert isinstance(node, (cst.Module, cst.IndentedBlock))
            node = moved(self.moves[original_node], original_node, node, self.done)
        if original_node in self.holes:
            self.edited[original_node] = node
        return node

    def _line(self, original: cst.SimpleStatementLine, node: cst.SimpleStatementLine) -> Sequence[cst.BaseStatement]:
        functions = self.functions.pop()
        first, at_top = original in self.first, len(self.functions) == 1
        if (alone := in_place_of(node, functions, first=first, at_top=at_top)) is not None:
            return [alone]
        lines = replaced_line(original, node, self.statements)
        return in_front(lines, functions, first=first, at_top=at_top) if functions else lines

    def _behind_functions(
        self, original: cst.CSTNode, result: cst.CSTNode | cst.FlattenSentinel[cst.CSTNode] | cst.RemovalSentinel
    ) -> cst.CSTNode | cst.FlattenSentinel[cst.CSTNode] | cst.RemovalSentinel:
        """What becomes of a compound statement, behind the functions that its head needs."""
        functions = self.functions.pop()
        if not functions:
            return result
        if original in self.elifs:  # no statement can stand before it: they go before the first `if`
            self.functions[-1] += functions
            return result
        lines = in_front(_flat(result), functions, first=original in self.first, at_top=len(self.functions) == 1)
        return cst.FlattenSentinel(lines)

    def _job(self, node: cst.CSTNode) -> Job:
        return self.jobs.get(node) or Job()

    def _expression(self, original: cst.CSTNode, node: cst.BaseExpression) -> cst.BaseExpression:
        job = self._job(original)
        if not job.edits:
            return node
        if job.arguments is not None:
            assert isinstance(node, cst.Call)
            node = self._set_arguments(original, node, job.arguments, job.argument_holes)
        if job.named is not None:
            assert isinstance(node, cst.Lambda)
            self.functions[-1].append(function_of(node, job.named, self.module))
            node = reference_to(node, job.named)
        if isinstance(job.replacement, ReplaceExpr):
            self.edited[original] = node
            new = self._new_expression(job.replacement.template, self._fillings(job.holes), job.replacement.span)
            new = laid_out_like(new, parens.bare(node))
            node = parens.wrapped(parens.bare(new), node) if parens.outer(node)[0] else new
        if job.listed is not None:
            assert isinstance(node, cst.GeneratorExp)
            return cst.ListComp(elt=node.elt, for_in=node.for_in)
        if job.fetched is not None:
            self.fetched[job.fetched.span] = node
            node = answer_of(job.fetched)
            node = parens.settle(node, node.expression, self.module)
        if job.ahead is not None:
            assert isinstance(node, (cst.ListComp, cst.SetComp, cst.DictComp))
            node = ahead_in_comprehension(node, job.ahead, self.fetched[job.ahead.span], self._lets(job), self.module)
        if job.awaited is not None:
            node = self._awaited(node)
        if not parens.outer(node)[0]:
            if original in self.careful:
                node = parens.wrapped(node)
            else:
                self.pending[-1].append(node)
        return node

    def _awaited(self, node: cst.BaseExpression) -> cst.BaseExpression:
        inner = parens.bare(node)
        result = parens.settle(cst.Await(expression=inner), inner, self.module)
        return parens.wrapped(result, node)

    def _set_arguments(
        self, original: cst.CSTNode, call: cst.Call, edit: SetArguments, holes: Mapping[str, HoleNode]
    ) -> cst.Call:
        assert isinstance(original, cst.Call)
        fillings = self._fillings(holes)
        drop = set(dropped_positions(original, edit))
        items: list[cst.Arg] = []
        present: set[str] = set()
        new_values: list[cst.BaseExpression] = []
        for position, argument in enumerate(call.args):
            name = argument.keyword.value if argument.keyword is not None else None
            if name is not None and name in edit.keywords:
                present.add(name)
                template = edit.keywords[name]
                if template is None:
                    drop.add(position)
                else:
                    value = self._new_expression(template, fillings, edit.span)
                    new_values.append(value)
                    argument = argument.with_changes(value=value)
            items.append(argument)
        tail = items[-1].whitespace_after_arg if items else cst.SimpleWhitespace("")
        if items:
            items[-1] = items[-1].with_changes(whitespace_after_arg=cst.SimpleWhitespace(""))
        items, tail = remove_items(items, drop, tail)
        added = {name: text for name, text in edit.keywords.items() if text is not None and name not in present}
        dotted = [f'"{name[2:]}": {added.pop(name)}' for name in tuple(added) if name.startswith("**")]
        if dotted:
            added["**"] = f"{{{{{', '.join(dotted)}}}}}"
        for name, text in added.items():
            value = self._new_expression(text, fillings, edit.span)
            new_values.append(value)
            equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
            new = cst.Arg(value, star="**") if name == "**" else cst.Arg(value, keyword=cst.Name(name), equal=equal)
            items, tail = insert_item(items, len(items), new, call.whitespace_before_args, tail)
        if len(items) > 1:
            items = [_own_parentheses(item) for item in items]
        if items:
            items[-1] = items[-1].with_changes(whitespace_after_arg=tail)
        elif _holds_no_comment(call.whitespace_before_args):
            call = call.with_changes(whitespace_before_args=cst.SimpleWhitespace(""))
        call = call.with_changes(args=items)
        for value in new_values:
            call = parens.settle(call, value, self.module)
        return call

    def _small_statement(self, original: cst.CSTNode, node: cst.BaseSmallStatement) -> None:
        job = self._job(original)
        if isinstance(job.replacement, ReplaceStatement):
            self.statements[original] = self._new_statements(job.replacement, job.holes)

    def _compound_statement(
        self, original: cst.CSTNode, node: cst.BaseCompoundStatement
    ) -> cst.CSTNode | cst.FlattenSentinel[cst.CSTNode] | cst.RemovalSentinel:
        job = self._job(original)
        if job.asynchronous is not None:
            assert isinstance(node, (cst.FunctionDef, cst.With, cst.For))
            if job.items and isinstance(node, cst.With) and isinstance(original, cst.With):
                node = split_with(node, [item.item in job.items for item in original.items])
            else:
                node = node.with_changes(asynchronous=cst.Asynchronous())
        if job.ahead is not None:
            assert isinstance(node, cst.For)
            node = ahead_in_for(node, job.ahead, self.fetched[job.ahead.span], self._lets(job), self.module)
        if job.renamed is not None:
            assert isinstance(node, cst.FunctionDef)
            node = node.with_changes(name=node.name.with_changes(value=job.renamed.name))
            if job.renamed.factory:
                return cst.FlattenSentinel([node, factory_of(node, job.renamed, self.module)])
        if job.facade is not None:
            assert isinstance(node, cst.FunctionDef)
            return cst.FlattenSentinel(faced(node, job.facade, self.module))
        if isinstance(job.replacement, ReplaceStatement):
            new = self._new_statements(job.replacement, job.holes)
            keeps_body = any(isinstance(hole, cst.BaseSuite) for hole in job.holes.values())
            lines = with_surroundings(node, new, keeps_body=keeps_body)
            if original in self.elifs:
                return _in_place_of_elif(lines)
            return cst.FlattenSentinel(lines) if len(lines) > 1 else lines[0]
        return node

    def _new_expression(
        self, template: str, fillings: Mapping[str, templates.Filling], span: Span
    ) -> cst.BaseExpression:
        for quote in self.quotes:
            # Before Python 3.12 the quotes of an f-string and backslashes cannot stand in its expressions.
            if quote in template:
                other = "'" if quote[0] == '"' else '"'
                if other in template or any(other in one for one in self.quotes):
                    raise InternalError(f"the quotes of {template!r} cannot stand in this f-string", span)
                template = template.replace(quote[0], other)
            if "\\" in template or "\n" in template:
                raise InternalError(f"{template!r} cannot stand in an f-string", span)
        return templates.expression(template, fillings, self.module, span)

    def _new_statements(self, edit: ReplaceStatement, holes: Mapping[str, HoleNode]) -> list[cst.BaseStatement]:
        return templates.statements(edit.template, self._fillings(holes), self.module, edit.span)

    def _lets(self, job: Job) -> dict[str, cst.CSTNode]:
        return {name: self.edited.get(hole, hole) for name, hole in job.holes.items()}

    def _fillings(self, holes: Mapping[str, HoleNode]) -> dict[str, templates.Filling]:
        fillings: dict[str, templates.Filling] = {}
        for name, hole in holes.items():
            node = self.edited.get(hole, hole)
            assert isinstance(node, (cst.BaseExpression, cst.Arg, cst.StarredElement, cst.BaseSuite))
            fillings[name] = node
        return fillings


def _flat(
    result: cst.CSTNode | cst.FlattenSentinel[cst.CSTNode] | cst.RemovalSentinel,
) -> Sequence[cst.BaseStatement]:
    if isinstance(result, cst.FlattenSentinel):
        return [node for node in result if isinstance(node, cst.BaseStatement)]
    return [result] if isinstance(result, cst.BaseStatement) else []


_STATEMENTS = (cst.SimpleStatementLine, cst.SimpleStatementSuite, cst.BaseCompoundStatement)


def _is_host(node: cst.CSTNode) -> bool:
    """Whether `node` alone can be given to Python's parser to see how it reads an expression in it."""
    if isinstance(node, cst.StarredElement):
        return False
    return isinstance(node, (cst.BaseExpression, cst.BaseSmallStatement, cst.BaseCompoundStatement))


def _in_place_of_elif(lines: Sequence[cst.BaseStatement]) -> cst.If | cst.Else | cst.RemovalSentinel:
    """What continues an `if` whose `elif` was replaced: ``ast`` sees a statement there, Python wants a clause."""
    first = lines[0]
    if len(lines) == 1 and isinstance(first, cst.If):
        return first
    if all(is_marker(line) for line in lines):
        return cst.RemovalSentinel.REMOVE
    above = leading_lines(first)
    body = [with_leading_lines(first, ()), *lines[1:]]
    return cst.Else(body=cst.IndentedBlock(body=body), leading_lines=above)


def _own_parentheses(argument: cst.Arg) -> cst.Arg:
    """A generator expression needs parentheses of its own once it is not the only argument."""
    value = argument.value
    if isinstance(value, cst.GeneratorExp) and not value.lpar:
        return argument.with_changes(value=parens.wrapped(value))
    return argument


def _holds_no_comment(space: cst.BaseParenthesizableWhitespace) -> bool:
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return True
    lines: Sequence[cst.EmptyLine] = space.empty_lines
    return space.first_line.comment is None and not any(line.comment for line in lines)
