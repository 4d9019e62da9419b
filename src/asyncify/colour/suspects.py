"""Which calls of something unknown count as possible calls of a function, by its name."""

from __future__ import annotations

import ast
import builtins

from asyncify.colour.awaited import is_another
from asyncify.index.project import CallSite, FunctionInfo, Kind
from asyncify.rules.facts import BUILTIN_METHODS, Facts

# What Python and well-known libraries call: the operations of builtin types, and those that these have not.
PYTHON_CALLS = frozenset(
    [name for kind in vars(builtins).values() if isinstance(kind, type) for name in dir(kind) if name.startswith("__")]
    + "__del__ __enter__ __exit__ __get__ __set__ __delete__ __set_name__ __getattr__ __call__ __index__ __fspath__ "
    "__copy__ __deepcopy__ __replace__ __getnewargs__ __getinitargs__ __prepare__ __class_getitem__ __length_hint__ "
    "__mro_entries__ __instancecheck__ __subclasscheck__ __subclasses__ __missing__ __complex__ __bytes__ __matmul__ "
    "__rmatmul__ __imatmul__ __aiter__ __anext__ __aenter__ __aexit__ __await__ __buffer__ __release_buffer__ "
    "__setstate__ __iadd__ __isub__ __imul__ __itruediv__ __ifloordiv__ __imod__ __ipow__ __ilshift__ __irshift__ "
    "__iand__ __ixor__ __ior__ __post_init__ __attrs_post_init__ __attrs_pre_init__ __html__ __html_format__ __rich__ "
    "__rich_console__ __rich_measure__ __rich_repr__ __json__ __array__ __array_interface__ __array_ufunc__ "
    "__array_function__ __arrow_array__ __dataframe__ __get_validators__ __modify_schema__ __get_pydantic_core_schema__ "
    "__get_pydantic_json_schema__ __declare_last__ __declare_first__ __clause_element__ __table_args__ __tablename__ "
    "__mapper_args__ __unicode__ __nonzero__ __cmp__ __serialize__ __pretty__ __repr_args__ __bind__".split()
)


def may_be_suspected(info: FunctionInfo, imports_dynamically: bool) -> bool:
    """Whether a call of something unknown under the function's name counts as a possible call of it."""
    name = info.name.rpartition(".")[2]
    if name in PYTHON_CALLS or (name.startswith("__") and not name.endswith("__")) or name in BUILTIN_METHODS:
        return False
    return info.cls is not None or (info.parent is None and imports_dynamically)


def suspected(facts: Facts, info: FunctionInfo) -> bool:
    """Whether a call of something unknown under the function's name counts as a possible call of it.

    Under a name that builtin containers, strings and files have, nearly every such call is one of theirs: only methods of
    objects count there that code outside gets hold of and may give back.
    """
    if info.name.rpartition(".")[2] in BUILTIN_METHODS:
        return info.cls is not None and info.kind is Kind.FUNCTION and info.cls in facts.project.given_away
    return may_be_suspected(info, facts.imports_dynamically)


def maybe_calls(facts: Facts, info: FunctionInfo) -> list[CallSite]:
    """Calls of something unknown under this method's name, with arguments that it takes, which may be calls of it."""
    # (where it is known to be one of the targets, it is awaited as such)
    calls = [call for call in facts.project.maybe_callers(info.name) if info.name not in call.targets]
    if not calls or not suspected(facts, info):
        return []
    node = facts.node(info.span, ast.FunctionDef)
    calls = [call for call in calls if not is_another(facts, call, info)]
    if node is None or info.name.rpartition(".")[2] not in BUILTIN_METHODS:
        return calls
    return [call for call in calls if _takes(node.args, call)]


def _names_class(receiver: ast.expr) -> bool:
    """Whether the expression is written as classes are."""
    name = receiver.attr if isinstance(receiver, ast.Attribute) else getattr(receiver, "id", "")
    return name[:1].isupper() or name in ("cls", "kind", "type", "type_") or "class" in name.lower()


def _takes(parameters: ast.arguments, call: CallSite) -> bool:
    """Whether a method with these parameters takes the arguments of the call; the first is the object where a class is meant."""
    names = [parameter.arg for parameter in (*parameters.posonlyargs, *parameters.args)]
    named = {name for name, _ in call.keywords}
    if call.has_star or None in named:
        return True
    func = call.node.func
    bound = isinstance(func, ast.Attribute) and not _names_class(func.value)
    if len(call.args) + bound > len(names) and parameters.vararg is None:
        return False
    if parameters.kwarg is None and not named <= {*names, *(parameter.arg for parameter in parameters.kwonlyargs)}:
        return False
    return len(call.args) + len(named) >= len(names) - len(parameters.defaults) - 1
