"""Whether a function may wait in ways that asyncify does not see: in a thread of its own that is nobody's business, on an
event loop it stops everybody."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from asyncify.index.project import CallSite, FunctionInfo
from asyncify.index.values import Constant, External, Instance, Object, Value
from asyncify.model import Span
from asyncify.rules.blocking import SHARED, waits
from asyncify.rules.facts import Facts

# Modules that compute. What waits in them (`time.sleep`, say) has a rule.
_COMPUTING = frozenset(
    "abc argparse ast base64 binascii bisect builtins calendar collections colorsys concurrent contextlib contextvars copy csv dataclasses "
    "datetime decimal difflib email enum fractions functools hashlib heapq hmac html http inspect itertools json logging math "
    "mimetypes numbers operator os pprint pydantic pydantic_settings random re requests secrets statistics string struct "
    "textwrap time traceback types typing typing_extensions unicodedata urllib uuid warnings zoneinfo fastapi starlette flask werkzeug markupsafe django".split()
)
# What these have besides, and does not only compute: files, processes, other threads, state that is the thread's own.
_OTHERWISE = re.compile(
    r"builtins\.(open|file|exec|eval|compile|__import__|breakpoint)\b"
    r"|os\.(?!environ|getenv|path\.(join|basename|dirname|splitext|split|normpath|isabs)|sep|urandom|getpid|fspath)"
    r"|http\.(client|server|cookiejar)\b|urllib\.(?!parse|error)|logging\.(handlers|config)\b|concurrent\.(?!futures\.)"
    r"|flask\.(g(?!\.(get|pop|setdefault)$)|stream_with_context)\b|flask\.current_app\.(?!config|logger|name|debug)|flask\.(\w+\.)?files\b"
    r"|requests_|email\.mime|(fastapi|starlette)\.(templating|testclient|staticfiles|concurrency|UploadFile|WebSocket)\b"
    r"|(fastapi|starlette)\.(\w+\.)?Request\.(?!headers|query_params|cookies|path_params|client|url|method|base_url)"
    r"|(fastapi|starlette)\.(\w+\.)?(FastAPI|Starlette|APIRouter)\.state\b"
    r"|django\.(?!(http|urls|conf|utils|views\.decorators|core\.(exceptions|signing|validators)|shortcuts\.redirect)\b)"
    r"|django\.http\.(\w+\.)?(File|Streaming)|django\.http\.HttpRequest\.(read|user|auser|session)|django\.utils\.(autoreload|functional|cache)\b"
)
# Methods of strings, bytes, lists, sets and mappings that clients of databases and caches do not have as well.
_OF_DATA = frozenset(name for kind in (str, bytes, list, dict, set, tuple) for name in dir(kind)) - frozenset(
    "get add find count update insert remove pop popitem keys clear index copy replace split".split()
)
_MODELS = frozenset(["pydantic.BaseModel", "pydantic_settings.BaseSettings", "typing.NamedTuple", "enum.Enum"])


def computes(name: str) -> bool:
    """Whether an external function of that name only computes, or waits in a way that a rule takes care of."""
    if waits(name) and name not in SHARED and name.rpartition(".")[0] not in SHARED:
        return True
    return name.partition(".")[0] in _COMPUTING and not _OTHERWISE.match(name)


class UnseenWaits:
    """Finds where functions may wait unseen."""

    def __init__(self, facts: Facts, is_data: Callable[[str, ast.expr], bool] | None = None) -> None:
        self._facts = facts
        self._known_data = is_data or (lambda path, node: False)
        self._known: dict[str, Span | None] = {}
        self._data: dict[tuple[str, ast.expr], bool] = {}
        self._calls: dict[str, list[CallSite]] = {}
        for call in facts.project.calls:
            self._calls.setdefault(call.within, []).append(call)

    def below(self, function: str) -> Span | None:
        """A place in the function, or in what it runs, that may wait unseen."""
        todo, seen = [function], {function}
        while todo:
            name = todo.pop()
            info = self._facts.project.functions.get(name)
            if info is None or info.is_async:
                continue
            if name not in self._known:
                self._known[name] = self._inside(info)
            found = self._known[name]
            if found is not None:
                return found
            more = self._facts.runs.get(name, set()) - seen
            seen |= more
            todo += sorted(more)
        return None

    def _inside(self, info: FunctionInfo) -> Span | None:
        for call in self._calls.get(info.name, ()):
            if not self._computes(call):
                return call.span
        node = self._facts.node(info.span, ast.FunctionDef)
        for part in ast.walk(node) if node is not None else ():
            if isinstance(part, ast.withitem) and not isinstance(part.context_expr, ast.Call):
                values = self._facts.values(info.path, part.context_expr)
                if not values or not all(_is_entered_at_once(value) for value in values):
                    return self._facts.span(info.path, part.context_expr)
        return None

    def _computes(self, call: CallSite) -> bool:
        if not all(computes(name) for name in call.externals):
            return False
        return call.unresolved is None or self._of_data(call)

    def _of_data(self, call: CallSite) -> bool:
        """Whether a call of something unknown is a method of a string, a number or a container."""
        func = call.node.func
        if not isinstance(func, ast.Attribute):
            return False
        return func.attr in _OF_DATA or self._is_data(call.span.path, func.value)

    def _is_data(self, path: str, node: ast.expr) -> bool:
        """Whether the expression is made of nothing but data."""
        key = (path, node)
        if key not in self._data:
            self._data[key] = True  # what a loop over assignments sees
            self._data[key] = self._known_data(path, node) or self._made_of_data(path, node)
        return self._data[key]

    def _made_of_data(self, path: str, node: ast.expr) -> bool:
        match node:
            case ast.Call():
                call = self._facts.project.call_at(self._facts.span(path, node))
                if call is None or not self._computes(call):
                    return False
                return all(self._returns_data(target) for target in call.targets)
            case ast.Subscript(value=value) | ast.Attribute(value=value) | ast.NamedExpr(value=value):
                return self._is_data(path, value)
            case ast.BoolOp(values=parts):
                return all(self._is_data(path, part) for part in parts)
            case ast.IfExp(body=body, orelse=orelse):
                return self._is_data(path, body) and self._is_data(path, orelse)
            case ast.Constant() | ast.JoinedStr() | ast.Dict() | ast.List() | ast.Tuple() | ast.Set() | ast.Compare():
                return True
            case ast.ListComp() | ast.DictComp() | ast.SetComp() | ast.GeneratorExp() | ast.BinOp() | ast.UnaryOp():
                return True
            case ast.Name(id=name):
                return self._name_is_data(path, node, name)
        return False

    def _returns_data(self, function: str) -> bool:
        info = self._facts.project.functions.get(function)
        node = self._facts.node(info.span, ast.FunctionDef) if info is not None else None
        if info is None or node is None:
            return False
        if function.endswith(".__init__"):
            return True
        returned = [part.value for part in ast.walk(node) if isinstance(part, ast.Return) and part.value is not None]
        return all(self._is_data(info.path, value) for value in returned)

    def _name_is_data(self, path: str, node: ast.expr, name: str) -> bool:
        """Whether all that the name is bound to, in the function around, is data."""
        values = self._facts.values(path, node)
        if values and all(isinstance(v, Constant) or _is_builtin(v) or self._is_model(v) for v in values):
            return True
        scope = next(
            (p for p in self._facts.parents(path, node) if isinstance(p, (ast.FunctionDef, ast.AsyncFunctionDef))), None
        )
        if scope is None:
            return False
        bound = False
        for part in ast.walk(scope):
            sources: list[ast.expr] = []
            match part:
                case ast.Assign(targets=targets, value=value) if any(_binds(t, name) for t in targets):
                    sources = [value]
                case ast.AnnAssign(target=target, value=ast.expr() as value) if _binds(target, name):
                    sources = [value]
                case ast.For(target=target, iter=source) | ast.comprehension(target=target, iter=source):
                    sources = [source] if _binds(target, name) else []
                case ast.NamedExpr(target=target, value=value) if _binds(target, name):
                    sources = [value]
                case ast.With() if any(
                    i.optional_vars is not None and _binds(i.optional_vars, name) for i in part.items
                ):
                    return False
                case ast.Global(names=names) | ast.Nonlocal(names=names) if name in names:
                    return False
            if not all(self._is_data(path, source) for source in sources):
                return False
            bound = bound or bool(sources)
        return bound

    def _is_model(self, value: Value) -> bool:
        """Whether the value is an object of which all attributes are data."""
        cls = self._facts.project.classes.get(value.cls) if isinstance(value, Object) else None
        return cls is not None and bool(cls.external_bases) and cls.external_bases <= _MODELS


def _binds(target: ast.expr, name: str) -> bool:
    """Whether an assignment to the target binds the name."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return any(_binds(element, name) for element in target.elts)
    if isinstance(target, ast.Starred):
        return _binds(target.value, name)
    return isinstance(target, ast.Name) and target.id == name


def _is_builtin(value: Value) -> bool:
    return isinstance(value, Instance) and value.type.startswith("builtins.") and value.type != "builtins.file"


def _is_entered_at_once(value: Value) -> bool:
    """Whether a `with` over the value waits for nobody, or in a way that a rule takes care of."""
    match value:
        case Object():
            return True
        case Instance(type=name) | External(name):
            return name.startswith(("requests.", "concurrent.futures.", "contextlib."))
    return False
