"""Doubles: what tests put in the place of functions that become asynchronous. Part of the rule test_frameworks.

``patch`` puts an AsyncMock in the place of a coroutine function by itself. What a test brings along is made
awaitable where that is certain, else the function stays as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from asyncify.graph import Implication
from asyncify.index.project import Kind
from asyncify.index.values import Class, Constant, External, Function, Instance, ModuleRef, Object
from asyncify.model import Edit, Reason, ReplaceExpr, ReplaceStatement, SetArguments, Span
from asyncify.rules.base import (
    Block,
    Companion,
    Finding,
    Handles,
    KeepImport,
    function_node,
    object_node,
    site_node,
)
from asyncify.rules.facts import Facts
from asyncify.rules.test_mocks import (
    MOCK_CLASSES,
    PATCH_OBJECTS,
    PATCHES,
    VERBS,
    Reach,
    awaited_attribute,
    mock_names,
    refuse_double,
)

ID = "test_frameworks"
SETATTR = "pytest.MonkeyPatch.setattr"
_FUNCTIONS = frozenset(f"requests.{verb}" for verb in VERBS - {"send"})
_ANSWERS = frozenset(["return_value", "side_effect"])


@dataclass(frozen=True, slots=True)
class _Replacement:
    """One place in a test that replaces something for a while, or for good."""

    path: str
    span: Span  # of the place
    new: ast.expr | None  # what is put there; None: what patch makes by itself
    call: ast.Call | None
    within: str


def doubles(facts: Facts) -> Iterator[Finding]:
    """All findings about doubles."""
    reach = Reach(facts)
    for call in facts.project.calls:
        node = facts.node(call.span, ast.Call)
        if node is None:
            continue
        names = call.externals
        if names & PATCHES and node.args:
            new = _argument(node, 1, "new")
            yield from _by_text(facts, node.args[0], _Replacement(call.span.path, call.span, new, node, call.within))
        elif names & PATCH_OBJECTS and len(node.args) > 1:
            new = _argument(node, 2, "new")
            yield from _by_object(facts, node.args, _Replacement(call.span.path, call.span, new, node, call.within))
        elif SETATTR in names and len(node.args) > 1:
            place = _Replacement(call.span.path, call.span, node.args[-1], None, call.within)
            if len(node.args) == 2:
                yield from _by_text(facts, node.args[0], place)
            else:
                yield from _by_object(facts, node.args, place)
        elif "builtins.setattr" in names and len(node.args) == 3:
            place = _Replacement(call.span.path, call.span, _bare(node.args[2]), None, call.within)
            yield from _stored(facts, node.args[0], _name_of(node.args[1]), place)
        yield from awaited_attribute(facts, call, reach)
    for path in facts.project.files:
        for statement in facts.nodes(path, ast.Assign):
            match statement.targets[0]:
                case ast.Attribute(value=owner, attr=name):
                    yield from _stored(facts, owner, name, _assigned(facts, path, statement))
                case ast.Subscript(value=ast.Attribute(value=owner, attr="__dict__"), slice=key):
                    yield from _stored(facts, owner, _name_of(key), _assigned(facts, path, statement))


def _assigned(facts: Facts, path: str, statement: ast.Assign) -> _Replacement:
    within = facts.enclosing(path, statement)
    return _Replacement(path, facts.span(path, statement), _bare(statement.value), None, within)


def _argument(node: ast.Call, position: int, name: str) -> ast.expr | None:
    if len(node.args) > position:
        return node.args[position]
    return next((keyword.value for keyword in node.keywords if keyword.arg == name), None)


# --- what is replaced --------------------------------------------------------------------------------------------


def _by_text(facts: Facts, target: ast.expr, place: _Replacement) -> Iterator[Finding]:
    for value in _texts(facts, target, place):
        yield from _by_path(facts, value, place)


def _texts(facts: Facts, target: ast.expr, place: _Replacement) -> list[str]:
    """The path given to patch, written in place or kept in a constant."""
    if isinstance(target, ast.Constant):
        return [target.value] if isinstance(target.value, str) else []
    values = facts.values(place.path, target)
    return sorted(value.value for value in values if isinstance(value, Constant) and isinstance(value.value, str))


def _by_path(facts: Facts, text: str, place: _Replacement) -> Iterator[Finding]:
    parts = text.split(".")
    modules = facts.project.files
    by_name = {file.source.module: path for path, file in modules.items()}
    for end in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:end])
        if module in by_name:
            yield from _in_module(facts, module, by_name[module], parts[end:], place)
            return
    yield from _external(facts, text, place)


def _in_module(facts: Facts, module: str, path: str, rest: list[str], place: _Replacement) -> Iterator[Finding]:
    """``rest`` is looked up in a module of the project."""
    yield KeepImport(path, rest[0])
    values = _exported(facts, module, path, rest[0])
    for value in values:
        match value:
            case Function(name) if len(rest) == 1:
                yield from _function(facts, name, place)
            case Class(name) if len(rest) > 1 or _reached(facts, module, path, rest[0]):
                yield from _in_class(facts, name, rest[1:], place)
            case External(name):
                if len(rest) == 1:
                    yield from _shadowed(facts, path, name, place)
                else:
                    yield from _external(facts, ".".join([name, *rest[1:]]), place)


def _exported(facts: Facts, module: str, path: str, name: str) -> list[object]:
    """What the name stands for in the module, as far as one can tell from its definition or import."""
    full = f"{module}.{name}"
    if full in facts.project.functions:
        return [Function(full)]
    if full in facts.project.classes:
        return [Class(full)]
    for node in facts.nodes(path, ast.Name):
        if node.id == name and isinstance(node.ctx, ast.Load):
            return list(facts.values(path, node))
    return []


def _reached(facts: Facts, module: str, path: str, name: str) -> bool:
    """Whether code outside the tests looks the name up in that module when it runs."""
    for where, file in facts.project.files.items():
        info = facts.project.functions.get(file.source.module)
        if info is not None and info.in_test:
            continue
        if where == path and any(n.id == name and isinstance(n.ctx, ast.Load) for n in facts.nodes(where, ast.Name)):
            return True
        for node in facts.nodes(where, ast.Attribute):
            if (
                node.attr == name
                and isinstance(node.ctx, ast.Load)
                and ModuleRef(module) in facts.values(where, node.value)
            ):
                return True
    return False


def _in_class(facts: Facts, cls: str, rest: list[str], place: _Replacement) -> Iterator[Finding]:
    if len(rest) == 1:
        name = _method(facts, cls, rest[0])
        if name is not None:
            yield from _function(facts, name, place)
    elif not rest and not _specified(place):
        for own in facts.project.classes[cls].mro if cls in facts.project.classes else ():
            for name in facts.project.classes[own].methods.values() if own in facts.project.classes else ():
                text = f"a mock takes the place of {cls.rpartition('.')[2]} here, whose methods cannot be awaited"
                yield Block(function_node(name), refuse_double(place.span, text), ID)


def _specified(place: _Replacement) -> bool:
    """Whether the mock is built after the class, so that coroutine functions of it become AsyncMocks."""
    return place.call is not None and any(k.arg in ("autospec", "spec", "spec_set") for k in place.call.keywords)


def _method(facts: Facts, cls: str, name: str) -> str | None:
    info = facts.project.classes.get(cls)
    for own in info.mro if info is not None else ():
        if own in facts.project.classes and name in facts.project.classes[own].methods:
            return facts.project.classes[own].methods[name]
    return None


def _by_object(facts: Facts, args: list[ast.expr], place: _Replacement) -> Iterator[Finding]:
    if not (isinstance(args[1], ast.Constant) and isinstance(args[1].value, str)):
        return
    name = args[1].value
    for value in facts.values(place.path, args[0]):
        yield from _attribute(facts, value, name, place)


def _attribute(facts: Facts, value: object, name: str, place: _Replacement) -> Iterator[Finding]:
    match value:
        case ModuleRef(module):
            paths = [path for path, file in facts.project.files.items() if file.source.module == module]
            for path in paths:
                yield from _in_module(facts, module, path, [name], place)
        case Class(cls) | Object(cls):
            yield from _in_class(facts, cls, [name], place)
        case External(external):
            yield from _external(facts, f"{external}.{name}", place)
        case Instance("requests.Session", Span() as site) if name in VERBS:
            yield from _replaced(facts, object_node(site), name, place)


def _bare(value: ast.expr) -> ast.expr:
    """The function in ``function.__get__(obj)`` or ``MethodType(function, obj)``; else the expression itself."""
    match value:
        case ast.Call(func=ast.Attribute(value=function, attr="__get__")):
            return function
        case ast.Call(func=ast.Name(id="MethodType") | ast.Attribute(attr="MethodType"), args=[function, _]):
            return function
    return value


def _name_of(key: ast.expr) -> str:
    """The attribute that a test sets by ``"name"`` or ``function.__name__``; "" where that is computed."""
    match key:
        case ast.Constant(value=str(name)) | ast.Attribute(value=ast.Name(id=name), attr="__name__"):
            return name
    return ""


def _stored(facts: Facts, owner: ast.expr, name: str, place: _Replacement) -> Iterator[Finding]:
    """``obj.method = double`` in a test, and the longer ways to write it."""
    info = facts.project.functions.get(place.within)
    if info is None or not info.in_test or not name:
        return
    for value in facts.values(place.path, owner):
        match value:
            case ModuleRef() | Class() | Object() | Instance("requests.Session"):
                yield from _attribute(facts, value, name, place)


def _external(facts: Facts, name: str, place: _Replacement) -> Iterator[Finding]:
    """Something outside the project is replaced, under its own name."""
    if name in ("requests.Session", "requests.session", "requests.sessions.Session"):
        yield from _sessions(facts, None, place)


def _shadowed(facts: Facts, path: str, name: str, place: _Replacement) -> Iterator[Finding]:
    """The module's own name for something external is replaced: the rewritten code would not look there."""
    top = name.partition(".")[0]
    if name == "time.sleep" or name == "time":
        yield from _sleep(facts, path, place)
    elif top == "requests":
        text = f"a test replaces what {path} knows as {name}"
        for call in facts.project.calls:
            names = call.externals & _FUNCTIONS
            if call.span.path == path and names and (name == "requests" or name in names):
                yield Block(site_node(call.span), refuse_double(place.span, text), ID, call.within, blocks_loop=True)
        if name in ("requests", "requests.Session", "requests.session"):
            yield from _sessions(facts, path, place)


def _sessions(facts: Facts, path: str | None, place: _Replacement) -> Iterator[Finding]:
    for call in facts.calls_by_external.get("requests.Session", ()):
        if path is None or call.span.path == path:
            text = "a test replaces the class of the session, which is another one afterwards"
            yield Block(object_node(call.span), refuse_double(place.span, text), ID)


def _sleep(facts: Facts, path: str, place: _Replacement) -> Iterator[Finding]:
    """The module's own name for time or time.sleep is replaced: what is called afterwards would not notice."""
    for call in facts.calls_by_external.get("time.sleep", ()):
        if call.span.path == path:
            refusal = refuse_double(place.span, f"a test replaces the time.sleep of {path}")
            yield Block(site_node(call.span), refusal, ID, call.within, blocks_loop=True)


# --- what takes its place ----------------------------------------------------------------------------------------


def _function(facts: Facts, name: str, place: _Replacement) -> Iterator[Finding]:
    """A test replaces the project function `name`."""
    info = facts.project.functions.get(name)
    if info is not None and not info.is_async and not info.is_generator:
        yield from _replaced(facts, function_node(name), name.rpartition(".")[2], place)


def _replaced(facts: Facts, node: str, short: str, place: _Replacement) -> Iterator[Finding]:
    """A test replaces what is awaited where `node` holds."""
    if place.new is None:
        keywords = {keyword.arg for keyword in place.call.keywords} if place.call is not None else set()
        if keywords & {"new_callable", "spec", "spec_set"}:
            yield Block(node, refuse_double(place.span, f"the test decides what sort of mock replaces {short}()"), ID)
        elif place.call is not None and not keywords & {*_ANSWERS, "autospec", "wraps", None}:
            yield from _answer(facts, node, place, place.call)
        return
    if isinstance(place.new, ast.Lambda):
        edits = _named_lambda(facts, place, place.new, short)
        if edits:
            yield Companion(node, edits)
            return
    values = facts.values(place.path, place.new)
    if values and all(isinstance(v, Function) for v in values) and not isinstance(place.new, ast.Lambda):
        functions = [facts.project.functions[v.name] for v in values if isinstance(v, Function)]
        if all(f.kind is Kind.FUNCTION and f.in_test for f in functions):
            yield Handles(facts.span(place.path, place.new))
            for function in functions:
                if not function.is_async:
                    text = f"it takes the place of {short}() in a test"
                    yield Implication(node, function_node(function.name), text, place.span)
            return
    mocks = [v for v in values if isinstance(v, Instance) and v.type == "unittest.mock.Mock" and v.site is not None]
    if mocks and len(mocks) == len(values) and not any(_called_directly(facts, mock) for mock in mocks):
        for mock in mocks:
            yield from _async_mock(facts, node, mock, place)
        return
    yield Block(
        node, refuse_double(place.span, f"asyncify does not know how to await what replaces {short}() here"), ID
    )


def _called_directly(facts: Facts, mock: Instance) -> bool:
    """Whether a test calls the mock itself, so that it must stay what it is."""
    for path, expression in facts.instances.get(mock, ()):
        parent = facts.parent(path, expression)
        if isinstance(parent, ast.Call) and parent.func is expression and isinstance(expression, ast.Name):
            return True
    return False


def _async_mock(facts: Facts, node: str, mock: Instance, place: _Replacement) -> Iterator[Finding]:
    """The mock made at a known call becomes an AsyncMock, whose results are what they were."""
    assert mock.site is not None
    call = facts.project.call_at(mock.site)
    made = facts.node(mock.site, ast.Call)
    if call is None or made is None or not call.externals <= MOCK_CLASSES | {"unittest.mock.AsyncMock"}:
        yield Block(node, refuse_double(place.span, "what is put there may be something else than a mock"), ID)
        return
    if call.externals == {"unittest.mock.AsyncMock"}:
        return
    keywords = {keyword.arg for keyword in made.keywords}
    if made.args or keywords & {"spec", "spec_set", "wraps", None}:
        yield Block(node, refuse_double(mock.site, "this mock is made after something else"), ID)
        return
    reason = Reason("what it replaces is awaited", mock.site)
    prefix, imports = mock_names(facts, mock.site.path, made.func, ("AsyncMock",), reason)
    edits: list[Edit] = [ReplaceExpr(call.func, f"{prefix}AsyncMock", reason), *imports]
    if not keywords & _ANSWERS and not _answers_set(facts, mock.site.path, made):
        prefix, more = mock_names(facts, mock.site.path, made.func, ("MagicMock",), reason)
        edits += [SetArguments(mock.site, reason, {"return_value": f"{prefix}MagicMock()"}), *more]
    yield Companion(node, tuple(edits))


def _answer(facts: Facts, node: str, place: _Replacement, call: ast.Call) -> Iterator[Finding]:
    """The AsyncMock of patch gives what MagicMock gave, where the test does not say what: a MagicMock."""
    if _answers_set(facts, place.path, call):
        return
    reason = Reason("what the mock returns stays what it was", place.span)
    prefix, imports = mock_names(facts, place.path, call.func, ("MagicMock",), reason)
    yield Companion(node, (SetArguments(place.span, reason, {"return_value": f"{prefix}MagicMock()"}), *imports))


def _answers_set(facts: Facts, path: str, call: ast.Call) -> bool:
    """Whether the test sets ``return_value`` or ``side_effect`` of the mock that the call makes."""
    name, scope = _bound_to(facts, path, call)
    if name is None or scope is None:
        return False
    for statement in ast.walk(scope):
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Attribute) and target.attr in _ANSWERS and ast.unparse(target.value) == name:
                    return True
    return False


def _bound_to(facts: Facts, path: str, call: ast.Call) -> tuple[str | None, ast.AST | None]:
    """The text by which a test speaks of the mock, and the function (or module) in which it does."""
    parent = facts.parent(path, call)
    scope = next(
        (p for p in facts.parents(path, call) if isinstance(p, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module))),
        None,
    )
    if isinstance(parent, ast.Assign):
        return ast.unparse(parent.targets[0]), scope
    if isinstance(parent, ast.withitem):
        return (ast.unparse(parent.optional_vars) if parent.optional_vars is not None else None), scope
    if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)) and call in parent.decorator_list:
        patches = [d for d in parent.decorator_list if isinstance(d, ast.Call) and _gives_mock(facts, path, d)]
        arguments = [a.arg for a in parent.args.args if a.arg not in ("self", "cls")]
        position = len(patches) - 1 - patches.index(call) if call in patches else -1
        if 0 <= position < len(arguments):
            return arguments[position], parent
    return None, None


def _gives_mock(facts: Facts, path: str, decorator: ast.Call) -> bool:
    """Whether the decorator hands a mock to the function."""
    site = facts.project.call_at(facts.span(path, decorator))
    names = site.externals if site is not None else frozenset()
    if names & PATCHES:
        return _argument(decorator, 1, "new") is None
    return bool(names & PATCH_OBJECTS) and _argument(decorator, 2, "new") is None


def _named_lambda(facts: Facts, place: _Replacement, double: ast.Lambda, short: str) -> tuple[Edit, ...]:
    """A lambda that replaces a function becomes an async def with a name, above the statement; () where it cannot."""
    parent = facts.parent(place.path, double)
    statement = facts.statement(place.path, double)
    name = f"fake_{short.strip('_')}"
    scope = facts.file(place.path).tree
    taken = {n.id for n in ast.walk(scope) if isinstance(n, ast.Name)}
    taken |= {n.name for n in ast.walk(scope) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
    while name in taken:
        name += "_async"
    span = facts.span(place.path, statement)
    reason = Reason("what it replaces is awaited", facts.span(place.path, double))
    holes = {"body": facts.span(place.path, double.body)}
    if any(isinstance(n, (ast.Call)) and _project_call(facts, place.path, n) for n in ast.walk(double.body)):
        return ()
    parameters = ast.unparse(double.args)
    head = f"async def {name}({parameters}):\n    return {{body}}\n"
    match statement:
        case ast.Expr(value=ast.Call() as call) if call is parent and double in call.args and not call.keywords:
            holes["callee"] = facts.span(place.path, call.func)
            parts = []
            for number, argument in enumerate(call.args):
                holes[f"a{number}"] = facts.span(place.path, argument)
                parts.append(name if argument is double else f"{{a{number}}}")
            del holes[f"a{call.args.index(double)}"]
            return (ReplaceStatement(span, f"{head}{{callee}}({', '.join(parts)})", reason, holes),)
        case ast.Assign(targets=[ast.Attribute() as target], value=value) if value is double:
            holes["target"] = facts.span(place.path, target)
            return (ReplaceStatement(span, f"{head}{{target}} = {name}", reason, holes),)
    return ()


def _project_call(facts: Facts, path: str, node: ast.Call) -> bool:
    site = facts.project.call_at(facts.span(path, node))
    return site is not None and bool(site.targets)
