"""What a rule may ask: the index, plus the syntax around a place."""

from __future__ import annotations

import ast
import io
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TypeVar

from asyncify.graph import reachable
from asyncify.index.project import CallSite, FileTree, ImplicitCall, Project
from asyncify.index.values import External, ExternalMethod, Function, Instance, Object, Partial, Value
from asyncify.model import Span
from asyncify.rules.texts import Texts

BUILTIN_METHODS = frozenset(
    name for kind in (str, bytes, list, dict, set, io.TextIOWrapper, io.BufferedReader) for name in dir(kind)
)
"""Method names of builtin strings, containers and files: a call of one on something unknown is nearly always theirs."""
_N = TypeVar("_N", bound=ast.AST)
_WITH_VALUE = (
    ast.Name,
    ast.Attribute,
    ast.Call,
    ast.Subscript,
    ast.Await,
    ast.NamedExpr,
    ast.IfExp,
    ast.BoolOp,
)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.Module)


# What patches an attribute of its first argument, and the attributes that only mocks have.
_PATCHING = frozenset(
    ["unittest.mock.patch.object", "pytest_mock.MockerFixture.patch.object", "pytest.MonkeyPatch.setattr"]
)
_OF_MOCKS = frozenset(["return_value", "side_effect", "called", "mock_calls", "method_calls", "reset_mock"])


# What names of threads are read by, and where they may be asked for.
_TO_THREAD_NAMES = frozenset(["current_thread", "threadName", "excepthook"])
_OF_THREADS = frozenset([".name", ".getName"])

# What runs functions several at a time: pools, threads and servers.
_SIDE_BY_SIDE = (
    "concurrent.futures.",
    "threading.",
    "multiprocessing.",
    "gevent.",
    "eventlet.",
    "_thread.",
    "fastapi.",
    "tqdm.contrib.",
    "joblib.",
)
_THREADS = frozenset(["threading.Thread", "threading.Timer"])
# What looks at the exception that is being handled.
_ASKING = ("sys.exc_info", "sys.exception", "traceback.format_exc", "traceback.print_exc")
# What gives a module, or something of one, by a name.
_LOADERS = frozenset(
    "importlib.import_module builtins.__import__ importlib.util.module_from_spec importlib.machinery.SourceFileLoader imp.load_source "
    "importlib.metadata.entry_points importlib_metadata.entry_points pkg_resources.iter_entry_points pkg_resources.load_entry_point "
    "pkgutil.resolve_name pydoc.locate runpy.run_path runpy.run_module".split()
)
_CONTAINERS = frozenset(f"builtins.{name}" for name in ("dict", "list", "tuple", "set", "str", "frozenset"))
Place = tuple[str, ast.expr]
"""An expression and the path of its file."""


class Facts:
    """The project as rules see it; ``web`` is what the user wants of its web applications, ``tree`` all files there are.

    ``old_libraries``: those that its requirements hold at versions whose decorators do not await coroutine functions.
    """

    def __init__(
        self,
        project: Project,
        web: str = "keep",
        tree: Texts | None = None,
        old_libraries: frozenset[str] = frozenset(),
    ) -> None:
        self.project = project
        self.web = web
        self.old_libraries = old_libraries
        self.tree = tree or Texts(())
        self._spelled: dict[tuple[str, frozenset[str]], bool] = {}

    # --- syntax ------------------------------------------------------------------------------------------------

    def parent(self, path: str, node: ast.AST) -> ast.AST | None:
        """The syntactic parent of a node of that file."""
        return self.project.parent(path, node)

    def parents(self, path: str, node: ast.AST) -> Iterator[ast.AST]:
        """All syntactic ancestors, nearest first."""
        current = self.parent(path, node)
        while current is not None:
            yield current
            current = self.parent(path, current)

    def node(self, span: Span, kind: type[_N]) -> _N | None:
        """The node of that kind with exactly this span."""
        return self.project.node(span, kind)

    def nodes(self, path: str, *kinds: type[_N]) -> Iterator[_N]:
        """All nodes of the file of exactly these classes, outer ones first."""
        return self.project.nodes(path, *kinds)

    def span(self, path: str, node: ast.AST) -> Span:
        """The span of a node."""
        return self.project.span(path, node)

    def statement(self, path: str, node: ast.AST) -> ast.stmt:
        """The statement that contains the node."""
        current: ast.AST | None = node
        while current is not None and not isinstance(current, ast.stmt):
            current = self.parent(path, current)
        assert isinstance(current, ast.stmt)
        return current

    def ancestors_in_function(self, path: str, node: ast.AST) -> Iterator[ast.AST]:
        """Ancestors up to, and without, the enclosing function, lambda, class or module."""
        for parent in self.parents(path, node):
            if isinstance(parent, _SCOPES):
                return
            yield parent

    def text(self, path: str, node: ast.AST) -> str:
        """The source text of a node."""
        return self.source(self.span(path, node)) or ast.unparse(node)

    def source(self, span: Span) -> str:
        """The source text of a span."""
        lines = self.project.files[span.path].lines[span.line - 1 : span.end_line]
        if not lines:
            return ""
        lines[-1] = lines[-1][: span.end_column]
        lines[0] = lines[0][span.column :]
        return "\n".join(lines)

    def spells(self, path: str, names: frozenset[str]) -> bool:
        """Whether one of the names stands anywhere in the text of the file."""
        found = self._spelled.get((path, names))
        if found is None:
            text = self.project.files[path].source.text
            found = self._spelled[path, names] = any(name in text for name in names)
        return found

    # --- values ------------------------------------------------------------------------------------------------

    def values(self, path: str, node: ast.AST) -> frozenset[Value]:
        """What the expression can be."""
        return self.project.values_of(path, node)

    @cached_property
    def implicit_calls(self) -> tuple[ImplicitCall, ...]:
        """The index's implicit calls, without ``__getattr__`` for names that strings and containers have themselves.

        Where the index says that a receiver may also be an object with ``__getattr__``, such a name is nearly always
        read from the string or container that it may be as well. Nor where a method is called that other possible
        receivers define: what ``__getattr__`` hands out is data, and calling it would fail.
        """
        out = []
        for call in self.project.implicit_calls:
            if call.kind == "getattr":
                node = self.node(call.span, ast.Attribute)
                if node is not None and (node.attr in BUILTIN_METHODS or self._is_method_call(call.span.path, node)):
                    continue
            if call.kind == "iter" and call.target.endswith(".__getitem__") and self._iterates_itself(call.target):
                continue
            out.append(call)
        return tuple(out)

    @cached_property
    def implicit_calls_at(self) -> Mapping[Span, list[ImplicitCall]]:
        """The same by their places."""
        out: defaultdict[Span, list[ImplicitCall]] = defaultdict(list)
        for call in self.implicit_calls:
            out[call.span].append(call)
        return out

    def _iterates_itself(self, method: str) -> bool:
        """Whether the class of the method inherits ``__iter__`` from outside, as a subclass of dict does."""
        info = self.project.functions.get(method)
        cls = self.project.classes.get(info.cls or "") if info is not None else None
        return cls is not None and bool(cls.external_bases & _CONTAINERS)

    @cached_property
    def attribute_stores(self) -> dict[str, list[tuple[str, ast.Attribute]]]:
        """By name, the attributes that the project sets or deletes, each with the path of its file."""
        out: dict[str, list[tuple[str, ast.Attribute]]] = {}
        for path in self.project.files:
            for node in self.nodes(path, ast.Attribute):
                if not isinstance(node.ctx, ast.Load):
                    out.setdefault(node.attr, []).append((path, node))
        return out

    def in_test(self, path: str) -> bool:
        """Whether the file belongs to the tests."""
        info = self.project.functions.get(self.project.files[path].source.module)
        return info is not None and info.in_test

    @cached_property
    def imports_dynamically(self) -> bool:
        """Whether the program fetches modules by computed names, so that any attribute call may be of a module."""
        if self.project.imported_by_name:
            return True
        return bool(_LOADERS & self.calls_by_external.keys()) or "sys.modules" in self.external_names

    @cached_property
    def asked_for_names(self) -> frozenset[str]:
        """Functions whose own name some code of the project reads (``job.__name__``)."""
        names = frozenset(["__name__", "__qualname__", "__code__"])
        found: set[Value] = set()
        for path in self.project.files:
            if self.spells(path, names):
                for node in self.nodes(path, ast.Attribute):
                    found |= self.values(path, node.value) if node.attr in names else set()
        for call in self.calls_by_external.get("builtins.getattr", ()):
            found |= self.project.values(call.args[0]) if call.args else set()
        found.update(self._naming_threads())
        return frozenset(value.name for value in found if isinstance(value, Function))

    def _naming_threads(self) -> Iterator[Value]:
        """Functions that threads are named after, ``Thread-1 (job)``, where the program may look at names of threads."""
        if not any(self._looks_at_thread_names(path) for path in self.project.files):
            return
        for call in self.calls_by_external.get("threading.Thread", ()):
            given = dict(call.keywords)
            if "name" not in given and len(call.args) < 3:
                target = given.get("target", call.args[1] if len(call.args) > 1 else None)
                yield from self.project.values(target) if target is not None else ()

    def _looks_at_thread_names(self, path: str) -> bool:
        if self.spells(path, _TO_THREAD_NAMES):
            return True
        names = frozenset(["name", "getName"]) if self.spells(path, _OF_THREADS) else frozenset()
        return any(
            node.attr in names
            and any(isinstance(v, Instance) and v.type == "threading.Thread" for v in self.values(path, node.value))
            for node in (self.nodes(path, ast.Attribute) if names else ())
        )

    def _is_method_call(self, path: str, node: ast.Attribute) -> bool:
        parent = self.parent(path, node)
        if not isinstance(parent, ast.Call) or parent.func is not node:
            return False
        call = self.project.call_at(self.span(path, parent))
        return call is not None and bool(call.targets)

    @cached_property
    def runs(self) -> dict[str, set[str]]:
        """For every function those that it may run, by a call, through the language, or by handing them on."""
        out: dict[str, set[str]] = {}
        for call in self.project.calls:
            out.setdefault(call.within, set()).update(call.targets)
        for implicit in self.implicit_calls:
            out.setdefault(implicit.within, set()).add(implicit.target)
        for use in self.project.uses:
            out.setdefault(use.within, set()).add(use.function)
        return out

    def reached(self, functions: Iterable[str]) -> set[str]:
        """All that run when these functions do, themselves included."""
        return reachable(functions, self.runs)

    @cached_property
    def side_by_side(self) -> frozenset[str]:
        """All that runs as part of a job of a pool, in a thread or for a server: several of them at a time."""
        found = {
            implicit.target
            for implicit in self.implicit_calls
            if implicit.kind == "callback" and (implicit.external or "").startswith(_SIDE_BY_SIDE)
        }
        for use in self.project.uses:
            call = self.project.call_at(use.call) if use.call is not None else None
            names = {use.external or "", *(call.externals if call is not None else ())}
            if any(name.startswith(_SIDE_BY_SIDE) for name in names):
                found.add(use.function)
        threads = (info for info in self.project.classes.values() if info.external_bases & _THREADS)
        return frozenset(self.reached(found | {f"{info.name}.run" for info in threads}))

    @cached_property
    def asks_for_handled(self) -> frozenset[str]:
        """Functions that look, themselves or through others, at an exception which one of their callers handles."""
        found: set[str] = set()
        for call in (*self.calls_of(_ASKING), *self.calls_named(("exception",))):
            known = call.externals and not any(
                name.startswith(("sys.", "traceback.", "logging.")) for name in call.externals
            )
            if call.method == "exception" and not call.args:
                continue  # of a future
            if not known and not call.targets and not self._handles(call.span.path, call.node):
                found.add(call.within)
        for path in self.project.files:
            for node in self.nodes(path, ast.Raise):
                if node.exc is None and not self._handles(path, node):
                    found.add(self.enclosing(path, node))
        todo = list(found)
        while todo:
            for call in self.project.callers(todo.pop()):
                if call.within not in found and not self._handles(call.span.path, call.node):
                    found.add(call.within)
                    todo.append(call.within)
        return frozenset(found)

    def _handles(self, path: str, node: ast.AST) -> bool:
        """Whether the node stands in a handler of its own function."""
        return any(isinstance(parent, ast.ExceptHandler) for parent in self.ancestors_in_function(path, node))

    @cached_property
    def calls_by_external(self) -> dict[str, list[CallSite]]:
        """Call sites by the canonical name of each external callee."""
        out: dict[str, list[CallSite]] = {}
        for call in self.project.calls:
            for name in call.externals:
                out.setdefault(name, []).append(call)
        return out

    def calls_of(self, names: Iterable[str]) -> list[CallSite]:
        """Call sites that may call one of these external things, in the order of the text."""
        found = {call.span: call for name in names for call in self.calls_by_external.get(name, ())}
        return [found[span] for span in sorted(found)]

    def calls_named(self, names: Iterable[str]) -> list[CallSite]:
        """Call sites whose callee is spelled with one of these names (the last one, behind dots), in the order of the text."""
        found = (call for name in names for call in self._calls_by_method.get(name, ()))
        return sorted(found, key=lambda call: call.span)

    @cached_property
    def _calls_by_method(self) -> dict[str, list[CallSite]]:
        out: dict[str, list[CallSite]] = {}
        for call in self.project.calls:
            out.setdefault(call.method, []).append(call)
        return out

    @cached_property
    def _tables(
        self,
    ) -> tuple[
        dict[Instance, list[Place]],
        dict[str, list[Place]],
        dict[str, list[Place]],
        dict[Place, frozenset[Span]],
        dict[ExternalMethod, list[Place]],
        dict[Partial, list[Place]],
    ]:
        """Expressions by the external instance, the external thing, the class of the project's object that they may be;
        the generators that they may be; and by the method of an external instance, or the ``functools.partial``, where
        they are not called at once."""
        instances: dict[Instance, list[Place]] = {}
        methods: dict[ExternalMethod, list[Place]] = {}
        partials: dict[Partial, list[Place]] = {}
        externals: dict[str, list[Place]] = {}
        objects: dict[str, list[Place]] = {}
        generators: dict[Place, frozenset[Span]] = {}
        for path in self.project.files:
            for node, values in self.project.held(path, *_WITH_VALUE):
                for value in values:
                    if isinstance(value, External):
                        externals.setdefault(value.name, []).append((path, node))
                    elif isinstance(value, Instance):
                        if value.type == "builtins.generator" and value.site is not None:
                            generators[path, node] = generators.get((path, node), frozenset()) | {value.site}
                        elif self.made_by_call(value) and not self._mocked(path, node):
                            instances.setdefault(value, []).append((path, node))
                    elif isinstance(value, (ExternalMethod, Partial)):
                        parent = self.parent(path, node)
                        if isinstance(parent, ast.Call) and parent.func is node:
                            continue
                        if isinstance(value, Partial):
                            partials.setdefault(value, []).append((path, node))
                        else:
                            methods.setdefault(value, []).append((path, node))
                    elif isinstance(value, Object):
                        objects.setdefault(value.cls, []).append((path, node))
        return instances, externals, objects, generators, methods, partials

    @property
    def partials(self) -> Mapping[Partial, list[Place]]:
        """For every ``functools.partial``, the expressions that may be it and are not just called, with the call itself."""
        return self._tables[5]

    @property
    def methods(self) -> Mapping[ExternalMethod, list[Place]]:
        """For every method of an external instance, the expressions that may be it and are not just called."""
        return self._tables[4]

    @property
    def generators(self) -> Mapping[Place, frozenset[Span]]:
        """Expressions that may be generators, with the functions (or generator expressions) that make them."""
        return self._tables[3]

    @property
    def objects(self) -> dict[str, list[Place]]:
        """For every class of the project, all expressions that may be an object of exactly that class."""
        return self._tables[2]

    def _mocked(self, path: str, node: ast.AST) -> bool:
        """Whether a test means a mock here (``session.get.return_value``), or names what a mock is to replace."""
        parent = self.parent(path, node)
        if isinstance(parent, ast.Call) and parent.args and parent.args[0] is node:
            call = self.project.call_at(self.span(path, parent))
            return call is not None and bool(call.externals & _PATCHING)
        if not isinstance(parent, ast.Attribute):
            return False
        above = self.parent(path, parent)
        if isinstance(parent.ctx, ast.Store):
            return isinstance(above, ast.Assign) and any(
                isinstance(v, Instance) and v.type.startswith("unittest.mock.") for v in self.values(path, above.value)
            )
        return isinstance(above, ast.Attribute) and (
            above.attr in _OF_MOCKS or above.attr.startswith("assert_") or above.attr.startswith("call_")
        )

    @property
    def instances(self) -> dict[Instance, list[Place]]:
        """For every external instance that a known call creates, all expressions that may be it."""
        return self._tables[0]

    @property
    def external_names(self) -> Collection[str]:
        """The canonical names of all external things that some expression may be."""
        return self._tables[1].keys()

    def references(self, names: frozenset[str]) -> Iterator[tuple[str, ast.expr, frozenset[str]]]:
        """Expressions (names and attributes, read) that may be one of these external things."""
        found: dict[tuple[str, ast.expr], set[str]] = {}
        for name in sorted(names):
            for place in self._tables[1].get(name, ()):
                found.setdefault(place, set()).add(name)
        for (path, node), which in found.items():
            if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
                yield path, node, frozenset(which)

    def places_of(self, name: str) -> Iterator[Place]:
        """All expressions that may be this external thing."""
        yield from self._tables[1].get(name, ())

    def made_by_call(self, instance: Instance) -> bool:
        """Whether the instance is created by a call that is known (and not only promised by an annotation)."""
        return instance.site is not None and self.project.call_at(instance.site) is not None

    def receivers(self, call: CallSite) -> frozenset[Instance]:
        """The external instances a method call may be made on; those of annotations only where no other is known."""
        found = frozenset(v.instance for v in self.project.values(call.func) if isinstance(v, ExternalMethod))
        return frozenset(instance for instance in found if self.made_by_call(instance)) or found

    def enclosing(self, path: str, node: ast.AST) -> str:
        """The name of the function, lambda or module (class bodies count as themselves) that runs the node."""
        for parent in self.parents(path, node):
            if isinstance(parent, _SCOPES):
                info = self.project.function_of(path, parent)
                if info is not None:
                    return info.name
        return self.project.files[path].source.module

    def file(self, path: str) -> FileTree:
        """The indexed file."""
        return self.project.files[path]
