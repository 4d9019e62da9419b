"""What running a piece of code reads and changes beyond itself: the proof that two requests are independent.

Everything here errs on one side: what is not known to have no effect has one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from asyncify.index.project import CallSite, Kind
from asyncify.index.values import Class, Constant, External, Instance, ModuleRef, Value
from asyncify.model import Reason
from asyncify.rules.facts import Facts

_BUILTINS = frozenset(
    "abs all any bool bytes chr dict divmod enumerate filter float format frozenset getattr hasattr hash hex int isinstance issubclass len "
    "list map max min oct ord pow range repr reversed round set slice sorted str sum tuple type zip".split()
)
_MODULES = (
    "urllib.parse.",
    "math.",
    "re.",
    "html.",
    "base64.",
    "hashlib.",
    "itertools.",
    "operator.",
    "textwrap.",
    "string.",
)
_FUNCTIONS = frozenset(
    [
        "json.loads",
        "json.dumps",
        "os.getenv",
        "os.environ.get",
        "os.path.join",
        "os.path.basename",
        "os.path.splitext",
        "typing.cast",
    ]
)
_ASKING = frozenset(
    f"{where}.{verb}" for where in ("requests", "requests.Session") for verb in ("get", "head", "options")
)
_OF_RESPONSES = frozenset(f"requests.Response.{name}" for name in ("json", "raise_for_status", "close", "__enter__"))
READING = frozenset(
    "get items keys values copy count index find rfind split rsplit splitlines join strip lstrip rstrip lower upper title capitalize "
    "startswith endswith replace format encode decode partition rpartition isdigit isalpha zfill removeprefix removesuffix "
    "json raise_for_status group groups groupdict search match fullmatch findall isoformat total_seconds union intersection "
    "difference issubset".split()
)
MUTATING = frozenset(
    "append appendleft extend insert add update setdefault pop popleft popitem remove discard clear sort reverse write writelines".split()
)
_SESSION_STATE = frozenset(["headers", "params", "cookies", "auth", "proxies", "verify", "cert", "hooks", "adapters"])
_SCALARS = frozenset(f"builtins.{name}" for name in ("str", "bytes", "int", "float", "complex", "bool", "range"))
_PLAIN_DECORATORS = frozenset(["staticmethod", "classmethod", "property"])
_FRESH = (
    ast.Constant,
    ast.JoinedStr,
    ast.List,
    ast.Dict,
    ast.Set,
    ast.Tuple,
    ast.ListComp,
    ast.DictComp,
    ast.SetComp,
    ast.BinOp,
)


@dataclass(slots=True)
class Touched:
    """What code reads, or changes, that others can see: by name, wherever the name stands."""

    names: set[str] = field(default_factory=set)  # of module-level variables and local ones of other scopes
    attributes: set[str] = field(default_factory=set)
    containers: set[Value] = field(default_factory=set)  # whatever name they go by


class Reading:
    """What the functions that one expression runs read; `why_not` says what else they do, if they do."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.read = Touched()
        self.uses_session = False
        self._seen: set[str] = set()

    def expression(self, path: str, node: ast.expr, within: str) -> Reason | None:
        """The first effect of evaluating the expression in the function `within`."""
        span = self.facts.span(path, node)
        for implicit in self.facts.implicit_calls:
            if implicit.within == within and implicit.kind != "callback" and span.contains(implicit.span):
                found = self.function(implicit.target)
                if found is not None:
                    return found
        for part in ast.walk(node):
            found = self._part(path, part, frozenset())
            if found is not None:
                return found
        return None

    def _part(self, path: str, part: ast.AST, fresh: frozenset[str]) -> Reason | None:
        match part:
            case ast.Await() | ast.Yield() | ast.YieldFrom() | ast.NamedExpr():
                return self._reason(path, part, "it does more than ask")
            case ast.Name(ctx=ast.Load()):
                self.read.names.add(part.id)
                self.read.containers.update(_containers(self.facts, path, part))
            case ast.Attribute(ctx=ast.Load()):
                self.read.attributes.add(part.attr)
                self.read.containers.update(_containers(self.facts, path, part))
            case ast.Call():
                return self._call(path, part, fresh)
        return None

    def _reason(self, path: str, node: ast.AST, text: str) -> Reason:
        return Reason(text, self.facts.span(path, node))

    def _call(self, path: str, node: ast.Call, fresh: frozenset[str]) -> Reason | None:
        site = self.facts.project.call_at(self.facts.span(path, node))
        text = self.facts.text(path, node.func)
        if site is None:
            return self._reason(path, node, f"asyncify does not know what {text}() does")
        for target in sorted(site.targets):
            found = self.function(target)
            if found is not None:
                return Reason(f"{target.rpartition('.')[2]}() has an effect", site.span, found)
        for name in sorted(site.externals):
            if name in _ASKING:
                self._asks(name)
            elif not _is_pure(name) and not self._on_own(node, name.rpartition(".")[2], fresh):
                return self._reason(path, node, f"{text}() may have an effect")
        if site.unresolved is not None or not (site.targets or site.externals or self._makes(site)):
            method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if method not in READING and not self._on_own(node, method, fresh):
                return self._reason(path, node, f"asyncify does not know what {text}() does")
        return None

    def _asks(self, name: str) -> None:
        if name.startswith("requests.Session"):
            self.uses_session = True
            self.read.attributes |= _SESSION_STATE

    def _on_own(self, node: ast.Call, method: str, fresh: frozenset[str]) -> bool:
        """Whether a method only changes an object that nobody else knows."""
        root = root_of(node.func)
        return method in MUTATING | READING and isinstance(root, ast.Name) and root.id in fresh

    def _makes(self, site: CallSite) -> bool:
        """Whether it makes an object of a class without an `__init__` of its own."""
        values = self.facts.project.values(site.func)
        return bool(values) and all(isinstance(value, Class) for value in values)

    def function(self, name: str) -> Reason | None:
        """The first effect of running a function of the project."""
        if name in self._seen:
            return None
        self._seen.add(name)
        info = self.facts.project.functions.get(name)
        node = self.facts.node(info.span, ast.FunctionDef) if info is not None else None
        if info is None or node is None or info.kind is not Kind.FUNCTION or info.is_generator:
            return Reason("asyncify does not know what it does", info.span if info is not None else None)
        for decorator in node.decorator_list:
            if not (isinstance(decorator, ast.Name) and decorator.id in _PLAIN_DECORATORS):
                return self._reason(info.path, decorator, "a decorator stands around it")
        for implicit in self.facts.implicit_calls:
            if implicit.within == name and implicit.kind != "callback":
                found = self.function(implicit.target)
                if found is not None:
                    return found
        fresh = _fresh_variables(node, makes=name.endswith(".__init__"))
        around, self.read.names = self.read.names, set()
        for statement in node.body:
            for part in ast.walk(statement):
                found = self._effect(info.path, part, fresh) or self._part(info.path, part, fresh)
                if found is not None:
                    return found
        self.read.names = around | (self.read.names - _locals(node))
        return None

    def _effect(self, path: str, part: ast.AST, fresh: frozenset[str]) -> Reason | None:
        match part:
            case (
                ast.Global()
                | ast.Nonlocal()
                | ast.FunctionDef()
                | ast.AsyncFunctionDef()
                | ast.ClassDef()
                | ast.Lambda()
            ):
                return self._reason(path, part, "it defines or binds something that others may use")
            case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                root = root_of(part)
                if not (isinstance(root, ast.Name) and root.id in fresh):
                    return self._reason(path, part, "it changes something that others may see")
            case ast.AugAssign(target=ast.Name(id=name)) if name not in fresh:
                return self._reason(path, part, "it changes something that others may see")
            case ast.With():
                for item in part.items:
                    site = self.facts.project.call_at(self.facts.span(path, item.context_expr))
                    if site is None or site.targets or not site.externals <= _ASKING:
                        return self._reason(path, item.context_expr, "it enters a context")
            case ast.AsyncWith() | ast.AsyncFor():
                return self._reason(path, part, "it waits for something else")
        return None


def _containers(facts: Facts, path: str, node: ast.expr) -> Iterator[Value]:
    """The lists, dictionaries and the like that an expression may be."""
    for value in facts.values(path, node):
        if isinstance(value, Instance) and value.site is not None and value.type.startswith("builtins."):
            yield value


def _is_pure(name: str) -> bool:
    if name.startswith("builtins."):
        first, _, method = name.removeprefix("builtins.").partition(".")
        return method in READING if method else first in _BUILTINS or _is_exception(first)
    return name in _FUNCTIONS or name in _OF_RESPONSES or name.startswith(_MODULES)


def _is_exception(name: str) -> bool:
    return name.endswith(("Error", "Exception"))


def root_of(node: ast.expr) -> ast.expr:
    """The leftmost part of attributes, subscripts and calls: ``a`` of ``a.b[c].d``."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node


def _locals(function: ast.AST) -> set[str]:
    """The names that belong to a function that declares none global."""
    names = {
        node.id for node in ast.walk(function) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }
    return names | {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}


def _fresh_variables(
    function: ast.AST, *, makes: bool, is_fresh: Callable[[ast.expr], bool] = lambda value: isinstance(value, _FRESH)
) -> frozenset[str]:
    """Local variables that only ever hold what the function made itself."""
    bound: dict[str, bool] = {}
    plain: set[ast.Name] = set()
    for node in ast.walk(function):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    bound[target.id] = bound.get(target.id, True) and is_fresh(node.value)
                    plain.add(target)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            plain.add(node.target)  # changes what it holds, and binds it to that
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) and node not in plain:
            bound[node.id] = False
    arguments = [argument.arg for argument in ast.walk(function) if isinstance(argument, ast.arg)]
    bound |= dict.fromkeys(arguments, False)
    if makes and arguments:
        bound[arguments[0]] = True  # the object that is being made
    return frozenset(name for name, fresh in bound.items() if fresh)


class Writing:
    """What code may change that others can see. ``unknown`` names the first call of which nothing is known."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.written = Touched()
        self.unknown: Reason | None = None
        self._changed: set[str] = set()  # variables whose objects change
        self._changes_arguments = False
        self._seen: set[str] = set()

    def code(self, path: str, nodes: Iterable[ast.AST], within: str) -> None:
        """Statements or expressions of the function `within`, node by node."""
        for node in nodes:
            self._node(path, node)
            span = self.facts.span(path, node) if isinstance(node, (ast.expr, ast.stmt)) else None
            for implicit in self.facts.implicit_calls:
                if implicit.within == within and implicit.span == span:
                    self._function(implicit.target)

    def _node(self, path: str, node: ast.AST) -> None:
        match node:
            case ast.Name(ctx=ast.Store() | ast.Del(), id=name):
                self.written.names.add(name)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                self.written.names.update(names)
            case ast.Attribute(ctx=ast.Store() | ast.Del(), attr=name):
                self.written.attributes.add(name)
            case ast.Subscript(ctx=ast.Store() | ast.Del()):
                self._changes(path, node.value)
            case ast.Call():
                self._call(path, node)

    def _changes(self, path: str, holder: ast.expr) -> None:
        """The object that this expression is changes."""
        self.written.containers.update(_containers(self.facts, path, holder))
        while isinstance(holder, ast.Subscript):
            holder = holder.value
        if isinstance(holder, ast.Attribute):
            self.written.attributes.add(holder.attr)
        elif isinstance(holder, ast.Name):
            self.written.names.add(holder.id)
            self._changed.add(holder.id)

    def _call(self, path: str, node: ast.Call) -> None:
        site = self.facts.project.call_at(self.facts.span(path, node))
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if isinstance(node.func, ast.Attribute) and method not in READING and (site is None or not site.targets):
            values = self.facts.values(path, node.func.value)
            if not any(isinstance(value, (External, ModuleRef)) for value in values):
                self._changes(path, node.func.value)
        if site is None or (site.unresolved is not None and method not in READING | MUTATING):
            text = f"asyncify does not know what {self.facts.text(path, node.func)}() does"
            self.unknown = self.unknown or Reason(text, self.facts.span(path, node))
            return
        for target in sorted(site.targets):
            self._function(target)
        if self._changes_arguments:
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                if not self._is_scalar(path, argument):
                    self._changes(path, argument)

    def _is_scalar(self, path: str, node: ast.expr) -> bool:
        """Whether the expression can only be something that nobody can change."""
        values = self.facts.values(path, node)
        return bool(values) and all(
            isinstance(value, Constant) or (isinstance(value, Instance) and value.type in _SCALARS) for value in values
        )

    def _function(self, name: str) -> None:
        if name in self._seen:
            return
        self._seen.add(name)
        info = self.facts.project.functions.get(name)
        node = self.facts.node(info.span, ast.AST) if info is not None else None
        if info is None or node is None:
            self.unknown = self.unknown or Reason("asyncify does not know what it does")
            return
        own = Writing(self.facts)
        own._seen = self._seen
        parts = list(_inside(node))
        own.code(info.path, parts, name)
        # Names that a function stores are its own, unless it says otherwise; objects it changes may be anybody's.
        declared = {each for part in parts if isinstance(part, (ast.Global, ast.Nonlocal)) for each in part.names}
        stored = {p.id for p in parts if isinstance(p, ast.Name) and not isinstance(p.ctx, ast.Load)} - declared
        arguments = {part.arg for part in parts if isinstance(part, ast.arg)}
        made = _fresh_variables(node, makes=False, is_fresh=lambda value: self._is_made(info.path, value))
        self.written.names |= own.written.names - stored - arguments
        self.written.attributes |= own.written.attributes
        self.written.containers |= own.written.containers
        self.unknown = self.unknown or own.unknown
        self._changes_arguments |= own._changes_arguments or bool(own._changed & arguments)
        if own._changed & stored - made:
            self.unknown = self.unknown or Reason("it changes an object that others may know", info.span)

    def _is_made(self, path: str, value: ast.expr) -> bool:
        """Whether the value is new: no function of the project handed it out."""
        if isinstance(value, ast.Call):
            site = self.facts.project.call_at(self.facts.span(path, value))
            return site is not None and not site.targets
        return isinstance(value, _FRESH)


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield from ast.walk(child)
