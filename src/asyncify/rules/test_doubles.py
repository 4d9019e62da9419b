"""Doubles: what tests put in the place of functions that become asynchronous. Part of the rule test_frameworks.

``patch`` puts an AsyncMock in the place of a coroutine function by itself. What a test brings along is made
awaitable where that is certain, else the function stays as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.graph import Implication
from asyncify.index.project import FunctionInfo, Kind
from asyncify.index.values import Class, External, Function, Instance, ModuleRef, Object, Unknown
from asyncify.model import Edit, Reason, ReplaceExpr, ReplaceStatement, SetArguments, Span
from asyncify.rules.base import (
    Block,
    Companion,
    Finding,
    Handles,
    KeepImport,
    Replaced,
    function_node,
    object_node,
    site_node,
)
from asyncify.rules.facts import Facts
from asyncify.rules.free_names import bound, free
from asyncify.rules.requests_names import METHODS, SESSIONS
from asyncify.rules.requests_sessions import handed_out_by_test
from asyncify.rules.requests_values import stored_out_of_sight
from asyncify.rules.support import import_of
from asyncify.rules.test_mocks import (
    ANSWERS,
    PATCH_MULTIPLES,
    PATCH_OBJECTS,
    PATCHES,
    PATCHES_FROM,
    VERBS,
    Reach,
    answers_set,
    awaited_attribute,
    awaited_mock,
    awaited_part,
    called_directly,
    given_answers,
    mock_names,
    refuse_double,
)
from asyncify.rules.test_targets import Replacement, Shadow, shadows, sleep_shadow, text_of, texts_of

ID = "test_frameworks"
SETATTR = "pytest.MonkeyPatch.setattr"
_OF_PATCH = frozenset("spec create spec_set autospec new_callable unsafe".split())
_REPLACING = PATCHES | PATCH_OBJECTS | PATCH_MULTIPLES | {SETATTR, "builtins.setattr"}


def doubles(facts: Facts) -> Iterator[Finding]:
    """All findings about doubles."""
    reach = Reach(facts)
    for call in facts.project.calls:
        yield from awaited_attribute(facts, call, reach)
    yield from _sessions_out_of_sight(facts, reach)
    found: list[Shadow] = []
    for place in _replacements(facts):
        yield from _replacement(facts, place, found)
        yield from _in_place_of_session(facts, place)
    yield from shadows(facts, found)


def _sessions_out_of_sight(facts: Facts, reach: Reach) -> Iterator[Finding]:
    """A session that a test hands out where it is not seen who gets it: whatever the test may run stays as it is."""
    for instance, places in facts.instances.items():
        site = instance.site
        if instance.type not in SESSIONS or site is None or not facts.in_test(site.path):
            continue
        if handed_out_by_test(facts, site) or any(stored_out_of_sight(facts, path, node) for path, node in places):
            node = facts.node(site, ast.Call)
            user = facts.enclosing(site.path, node) if node is not None else ""
            text = "a test hands out a session of its own where asyncify does not see who gets it"
            for name in sorted(METHODS):
                for call in facts.calls_by_external.get(name, ()):
                    if reach.may_run(user, call.within):
                        yield Block(site_node(call.span), refuse_double(site, text), ID, call.within, blocks_loop=True)


def _replacements(facts: Facts) -> Iterator[Replacement]:
    """Every place that replaces something."""
    for call in facts.calls_of(_REPLACING):
        node, names, path = call.node, call.externals, call.span.path
        if names & PATCHES and node.args:
            yield Replacement(path, call.span, _argument(node, 1, "new"), node, call.within, node.args[0])
        elif names & PATCH_OBJECTS and len(node.args) > 1:
            new = _argument(node, 2, "new")
            yield Replacement(path, call.span, new, node, call.within, node.args[0], node.args[1])
        elif names & PATCH_MULTIPLES and node.args:
            for keyword in node.keywords:
                if keyword.arg is not None and keyword.arg not in _OF_PATCH:
                    by_patch = External(f"{PATCHES_FROM}.DEFAULT") in facts.values(path, keyword.value)
                    name = ast.Constant(keyword.arg)
                    new = None if by_patch else keyword.value
                    yield Replacement(path, call.span, new, None, call.within, node.args[0], name)
        elif SETATTR in names and len(node.args) > 1:
            third = node.args[1] if len(node.args) > 2 else None
            yield Replacement(path, call.span, node.args[-1], None, call.within, node.args[0], third)
        elif "builtins.setattr" in names and len(node.args) == 3:
            yield Replacement(path, call.span, _bare(node.args[2]), None, call.within, node.args[0], node.args[1])
    for path in facts.project.files:
        for statement in facts.nodes(path, ast.Assign) if facts.in_test(path) else ():
            match statement.targets[0]:
                case ast.Attribute() as target:
                    yield _assigned(facts, path, statement, target)
                case ast.Subscript(value=ast.Attribute(value=named, attr="__dict__"), slice=key):
                    yield _assigned(facts, path, statement, named, key)


def _assigned(
    facts: Facts, path: str, statement: ast.Assign, target: ast.expr, key: ast.expr | None = None
) -> Replacement:
    within = facts.enclosing(path, statement)
    return Replacement(path, facts.span(path, statement), _bare(statement.value), None, within, target, key)


def _replacement(facts: Facts, place: Replacement, found: list[Shadow]) -> Iterator[Finding]:
    """What follows from one replacement; those of names for requests are added to `found`."""
    statement = facts.node(place.span, ast.Assign)
    if place.name is None and statement is not None and isinstance(place.target, ast.Attribute):
        owner, name = place.target.value, place.target.attr
    elif place.name is not None:
        owner, name = place.target, _name_of(facts, place.path, place.name)
    else:
        for text in texts_of(facts, place.path, place.target):
            yield from _by_text(facts, text, place, found)
        return
    call = facts.project.call_at(place.span)
    stored = statement is not None or (call is not None and "builtins.setattr" in call.externals)
    if not name or (stored and not facts.in_test(place.path)):
        return
    if call is not None and call.externals & PATCH_MULTIPLES:
        module = text_of(facts, place.path, owner)
        if module is not None:
            yield from _by_text(facts, f"{module}.{name}", place, found)
            return
    for value in facts.values(place.path, owner):
        if not stored or isinstance(value, (ModuleRef, Class, Object)) or getattr(value, "type", "") in SESSIONS:
            yield from _attribute(facts, value, name, place, found)


def _in_place_of_session(facts: Facts, place: Replacement) -> Iterator[Finding]:
    """Something of another library that a test stores where an object has its session: its verbs are awaited from then on."""
    statement = facts.node(place.span, ast.Assign)
    if statement is None or len(statement.targets) > 1 or not isinstance(statement.targets[0], ast.Attribute):
        return
    target, new = statement.targets[0], statement.value
    known = any(not isinstance(value, Unknown) for value in facts.values(place.path, new))
    if known or not isinstance(new, (ast.Call, ast.Name)) or not facts.in_test(place.path):
        return
    classes = {value.cls for value in facts.values(place.path, target.value) if isinstance(value, Object)}
    reason = Reason("what a test puts in the place of a session is asked as before, and awaited", place.span)
    span = facts.span(place.path, new)
    edits = (
        ReplaceExpr(span, "aio_requests.given({double})", reason, {"double": span}),
        import_of(facts.file(place.path).source, "aio_requests", place.span, reason),
    )
    for site in sorted(_sessions_of(facts, classes, target.attr), key=str):
        yield Companion(object_node(site), edits)


def _sessions_of(facts: Facts, classes: set[str], name: str) -> set[Span]:
    """Where the sessions are made that objects of these classes have under that name."""
    known = facts.project.classes
    found: set[Span] = set()
    for cls in {base for each in classes if each in known for base in known[each].mro if base in known}:
        for node in facts.nodes(known[cls].path, ast.Attribute):
            if node.attr == name and isinstance(node.ctx, ast.Load):
                for value in facts.values(known[cls].path, node):
                    if isinstance(value, Instance) and value.type in SESSIONS and value.site is not None:
                        found.add(value.site)
    return found


def _argument(node: ast.Call, position: int, name: str) -> ast.expr | None:
    if len(node.args) > position:
        return node.args[position]
    return next((keyword.value for keyword in node.keywords if keyword.arg == name), None)


# --- what is replaced --------------------------------------------------------------------------------------------


def _by_text(facts: Facts, target: str, place: Replacement, found: list[Shadow]) -> Iterator[Finding]:
    parts = target.split(".")
    if parts[0] == "__main__":  # a program that tests itself
        parts[:1] = facts.file(place.path).source.module.split(".")
    by_name = {file.source.module: path for path, file in facts.project.files.items()}
    for end in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:end])
        if module in by_name:
            yield from _in_module(facts, module, by_name[module], parts[end:], place, found)
            return


def _in_module(
    facts: Facts, module: str, path: str, rest: list[str], place: Replacement, found: list[Shadow]
) -> Iterator[Finding]:
    """``rest`` is looked up in a module of the project."""
    values = _exported(facts, module, path, rest[0])
    shadowed = [v.name for v in values if isinstance(v, External) and v.name.partition(".")[0] == "requests"]
    if len(rest) == 1 and shadowed:
        found += [Shadow(path, rest[0], name, place) for name in shadowed]
    else:
        yield KeepImport(path, rest[0])
    for value in values:
        match value:
            case Function(name) if len(rest) == 1:
                yield from _function(facts, name, place)
            case Class(name) if len(rest) > 1 or _reached(facts, module, path, rest[0]):
                yield from _in_class(facts, name, rest[1:], place)
            case External("time.sleep" | "time") if len(rest) == 1:
                yield from sleep_shadow(facts, path, place)


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


def _in_class(facts: Facts, cls: str, rest: list[str], place: Replacement) -> Iterator[Finding]:
    if len(rest) == 1:
        name = _method(facts, cls, rest[0])
        if name is not None:
            yield from _function(facts, name, place)
    elif not rest and not _specified(place):
        for own in facts.project.classes[cls].mro if cls in facts.project.classes else ():
            for name in facts.project.classes[own].methods.values() if own in facts.project.classes else ():
                yield Replaced(function_node(name), place.span)
                edits = _part_of_class(facts, cls, name, place)
                if edits:
                    yield Companion(function_node(name), edits)
                else:
                    text = f"a mock takes the place of {cls.rpartition('.')[2]} here, whose methods cannot be awaited"
                    yield Block(function_node(name), refuse_double(place.span, text), ID)


def _part_of_class(facts: Facts, cls: str, method: str, place: Replacement) -> tuple[Edit, ...] | None:
    """The edits after which the method of the mock that takes the place of a class can be awaited; None where unknown."""
    last = method.rpartition(".")[2]
    known = [c for own in facts.project.classes[cls].mro if (c := facts.project.classes.get(own)) is not None]
    if place.call is None or last.startswith("__") or any("__enter__" in c.methods for c in known):
        return None
    decorators = {value for span in facts.project.functions[method].decorators for value in facts.project.values(span)}
    of_class = decorators & {External("builtins.classmethod"), External("builtins.staticmethod")}
    return awaited_part(facts, place.span, f"{'' if of_class else '()'}.{last}", f"{last}() is awaited")


def _specified(place: Replacement) -> bool:
    """Whether the mock is built after the class, so that coroutine functions of it become AsyncMocks."""
    return place.call is not None and any(k.arg in ("autospec", "spec", "spec_set") for k in place.call.keywords)


def _method(facts: Facts, cls: str, name: str) -> str | None:
    info = facts.project.classes.get(cls)
    for own in info.mro if info is not None else ():
        if own in facts.project.classes and name in facts.project.classes[own].methods:
            return facts.project.classes[own].methods[name]
    return None


def _attribute(facts: Facts, value: object, name: str, place: Replacement, found: list[Shadow]) -> Iterator[Finding]:
    match value:
        case ModuleRef(module):
            paths = [path for path, file in facts.project.files.items() if file.source.module == module]
            for path in paths:
                yield from _in_module(facts, module, path, [name], place, found)
        case Class(cls) | Object(cls):
            yield from _in_class(facts, cls, [name], place)
        case Instance(kind, Span() as site) if kind in SESSIONS and name in VERBS:
            yield from _replaced(facts, object_node(site), name, place)


def _bare(value: ast.expr) -> ast.expr:
    """The function in ``function.__get__(obj)`` or ``MethodType(function, obj)``; else the expression itself."""
    match value:
        case ast.Call(func=ast.Attribute(value=function, attr="__get__")):
            return function
        case ast.Call(func=ast.Name(id="MethodType") | ast.Attribute(attr="MethodType"), args=[function, _]):
            return function
    return value


def _name_of(facts: Facts, path: str, key: ast.expr) -> str:
    """The attribute that a test sets by ``"name"`` or ``function.__name__``; "" where that is computed."""
    match key:
        case ast.Attribute(value=ast.Name(id=name), attr="__name__"):
            return name
    return text_of(facts, path, key) or ""


# --- what takes its place ----------------------------------------------------------------------------------------


def _function(facts: Facts, name: str, place: Replacement) -> Iterator[Finding]:
    """A test replaces the project function `name`."""
    info = facts.project.functions.get(name)
    if info is not None:
        yield Replaced(function_node(name), place.span)
        yield from _handed_out(facts, info, place)
    if info is not None and not info.is_async and not info.is_generator:
        yield from _replaced(facts, function_node(name), name.rpartition(".")[2], place)


def _handed_out(facts: Facts, info: FunctionInfo, place: Replacement) -> Iterator[Finding]:
    """What the test lets a replaced function give must be awaitable where that function gives functions that are awaited."""
    node = facts.node(info.span, ast.FunctionDef)
    results = [part.value for part in ast.walk(node) if isinstance(part, ast.Return) and part.value] if node else []
    given = {value for result in results for value in facts.values(info.path, result)}
    functions = sorted({value.name for value in given if isinstance(value, Function)})
    if not functions or place.new is not None:
        return
    answers = given_answers(facts, place.path, place.call) if place.call is not None else []
    values = {value for answer in answers for value in facts.values(place.path, answer)}
    mocks = [v for v in values if isinstance(v, Instance) and v.type == "unittest.mock.Mock" and not v.path]
    for function in functions:
        if mocks and len(mocks) == len(values):
            for mock in sorted(mocks, key=lambda mock: str(mock.site)):
                yield from _async_mock(facts, function_node(function), mock, place)
        else:
            text = f"a test replaces what gives {function.rpartition('.')[2]}(), and asyncify does not see by what"
            yield Block(function_node(function), refuse_double(place.span, text), ID)


def _replaced(facts: Facts, node: str, short: str, place: Replacement) -> Iterator[Finding]:
    """A test replaces what is awaited where `node` holds."""
    if place.new is None and place.call is None:
        yield Block(node, refuse_double(place.span, f"patch.multiple decides what sort of mock replaces {short}()"), ID)
        return
    if place.new is None:
        keywords = {keyword.arg for keyword in place.call.keywords} if place.call is not None else set()
        if keywords & {"new_callable", "spec", "spec_set"}:
            yield Block(node, refuse_double(place.span, f"the test decides what sort of mock replaces {short}()"), ID)
        elif place.call is not None and not keywords & {*ANSWERS, "autospec", "wraps", None}:
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
    if mocks and len(mocks) == len(values) and not any(called_directly(facts, mock) for mock in mocks):
        for mock in mocks:
            yield from _async_mock(facts, node, mock, place)
        return
    yield Block(
        node, refuse_double(place.span, f"asyncify does not know how to await what replaces {short}() here"), ID
    )


def _async_mock(facts: Facts, node: str, mock: Instance, place: Replacement) -> Iterator[Finding]:
    """The mock made at a known call becomes an AsyncMock, whose results are what they were."""
    edits = awaited_mock(facts, mock.site, "what it replaces is awaited") if mock.site is not None else None
    if edits is None:
        text = "what is put there may be something else than a plain mock"
        yield Block(node, refuse_double(mock.site or place.span, text), ID)
    elif edits:
        yield Companion(node, edits)


def _answer(facts: Facts, node: str, place: Replacement, call: ast.Call) -> Iterator[Finding]:
    """The AsyncMock of patch gives what MagicMock gave, where the test does not say what: a MagicMock."""
    if answers_set(facts, place.path, call):
        return
    reason = Reason("what the mock returns stays what it was", place.span)
    prefix, imports = mock_names(facts, place.path, call.func, ("MagicMock",), reason)
    yield Companion(node, (SetArguments(place.span, reason, {"return_value": f"{prefix}MagicMock()"}), *imports))


def _named_lambda(facts: Facts, place: Replacement, double: ast.Lambda, short: str) -> tuple[Edit, ...]:
    """A lambda that replaces a function becomes an async def with a name, above the statement; () where it cannot."""
    parent = facts.parent(place.path, double)
    statement = facts.statement(place.path, double)
    wanted = f"fake_{short.strip('_')}"
    name = free(frozenset(bound(facts.file(place.path).tree)), wanted, f"{wanted}_async")
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
