"""What the index itself knows of Python: builtins, and the parts of the standard library that move values."""

from __future__ import annotations

from asyncify.index.abstract import GENERIC
from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.index.library_objects import library_objects

_ITER = "builtins.iter"


def _container(name: str, methods: dict[str, Signature]) -> dict[str, Signature]:
    return {f"{name}.{method}": signature for method, signature in methods.items()}


def _returns(**entries: str) -> dict[str, Signature]:
    return {name: Signature(value) for name, value in entries.items()}


_LIST = {
    "append": Signature("None", stores=(("slot0", "arg0"),)),
    "appendleft": Signature("None", stores=(("slot0", "arg0"),)),
    "add": Signature("None", stores=(("slot0", "arg0"),)),
    "extend": Signature("None", stores=(("slot0", "arg0[]"),)),
    "extendleft": Signature("None", stores=(("slot0", "arg0[]"),)),
    "update": Signature("None", stores=(("slot0", "arg0[]"),)),
    "sort": Signature("None", (Invoke("arg:key", ("slot0",)),)),
    **_returns(pop="slot0", popleft="slot0", copy="self", union="self | arg0", difference="self", intersection="self",
               index="int", count="int", remove="None", discard="None", clear="None", reverse="None",
               __add__="self | arg0", __mul__="self", __sub__="self", __or__="self | arg0", __and__="self",
               __radd__="self", __ror__="self"),
}  # fmt: skip
_DICT = _returns(
    keys=f"{_ITER}[slot0]", values=f"{_ITER}[slot1]", items=f"{_ITER}[builtins.tuple[slot0, slot1]]", copy="self",
    popitem="builtins.tuple[slot0, slot1]", clear="None", fromkeys="builtins.dict[arg0[], arg1]", __or__="self | arg0",
    __ror__="self", most_common="builtins.list[builtins.tuple[slot0, int]]", move_to_end="None",
)  # fmt: skip
_STR_TO_STR = (
    "capitalize casefold center expandtabs format format_map join ljust lower lstrip replace rjust rstrip strip "
    "swapcase title translate upper zfill removeprefix removesuffix"
)
_STR_TO_BOOL = (
    "startswith endswith isdigit isalpha isalnum isspace isupper islower isidentifier isnumeric isdecimal istitle "
    "isprintable isascii"
)
_STR_METHODS = {
    **{name: Signature("self") for name in _STR_TO_STR.split()},
    **{name: Signature("bool") for name in _STR_TO_BOOL.split()},
    **_returns(find="int", rfind="int", index="int", rindex="int", count="int", encode="bytes", decode="str",
               hex="str"),
    **_returns(split="builtins.list[self]", rsplit="builtins.list[self]", splitlines="builtins.list[self]",
               partition="builtins.tuple[self, self, self]", rpartition="builtins.tuple[self, self, self]"),
}  # fmt: skip
_GENERATOR = {**_returns(send="slot0", __next__="slot0", close="None", throw="slot0", __anext__="slot0", asend="slot0")}

_FUNCTIONS = {
    **_returns(
        list="builtins.list[arg0[]]", tuple="builtins.tuple[arg0[]]", set="builtins.set[arg0[]]",
        frozenset="builtins.frozenset[arg0[]]", reversed=f"{_ITER}[arg0[]]",
        enumerate=f"{_ITER}[builtins.tuple[int, arg0[]]]", len="int", repr="str", str="str", bytes="bytes", int="int",
        float="float", bool="bool", abs="int", ord="int", chr="str", hash="int", id="int", isinstance="bool",
        issubclass="bool", callable="bool", hasattr="bool", any="bool", all="bool", print="None", input="str",
        format="str", hex="str", oct="str", bin="str", sum="int", round="int", range=f"{_ITER}[int]", object="object",
        pow="int", divmod="builtins.tuple[int, int]", open="builtins.file", delattr="None", ascii="str",
        vars="builtins.dict[str]", dir="builtins.list[str]",
        zip=f"{_ITER}[builtins.tuple[arg0[], arg1[], arg2[], arg3[]]]",
    ),
    "map": Signature(f"{_ITER}[result0]", (Invoke("arg0", ("arg1[]", "arg2[]", "arg3[]")),)),
    "filter": Signature(f"{_ITER}[arg1[]]", (Invoke("arg0", ("arg1[]",)),)),
    "sorted": Signature("builtins.list[arg0[]]", (Invoke("arg:key", ("arg0[]",)),)),
    "min": Signature("arg0[] | arg1 | arg2", (Invoke("arg:key", ("arg0[]",)),)),
    "max": Signature("arg0[] | arg1 | arg2", (Invoke("arg:key", ("arg0[]",)),)),
}  # fmt: skip

_LIBRARY = {
    "builtins.type.__subclasses__": Signature("builtins.list[slot0]"),
    "functools.wraps": Signature("functools._Decorator"),
    "functools.update_wrapper": Signature("arg0"),
    "functools._Decorator.__call__": Signature("arg0"),
    "functools.lru_cache": Signature("arg0 | functools._Decorator"),
    "functools.cache": Signature("arg0"),
    "functools.total_ordering": Signature("arg0"),
    "functools.reduce": Signature("result0 | arg2", (Invoke("arg0", ("arg1[]", "arg1[]")),)),
    "contextlib._GeneratorContextManager.__enter__": Signature("slot0"),
    "contextlib._GeneratorContextManager.__aenter__": Signature("slot0"),
    "contextlib._GeneratorContextManager.__call__": Signature("arg0"),
    "contextlib.closing": Signature("contextlib.closing[arg0]"),
    "contextlib.closing.__enter__": Signature("slot0"),
    "contextlib.nullcontext": Signature("contextlib.nullcontext[arg0]"),
    "contextlib.nullcontext.__enter__": Signature("slot0"),
    "contextlib.suppress": Signature("contextlib.suppress"),
    "contextlib.ExitStack": Signature("contextlib.ExitStack"),
    "contextlib.ExitStack.callback": Signature("arg0", (Invoke("arg0", ("*args1",)),)),
    "abc.abstractmethod": Signature("arg0"),
    "atexit.register": Signature("arg0", (Invoke("arg0", ("*args1",)),)),
    "dataclasses.dataclass": Signature("arg0 | functools._Decorator"),
    "dataclasses.field": Signature("result:default_factory | arg:default", (Invoke("arg:default_factory"),)),
    "dataclasses.replace": Signature("arg0"),
    **{
        f"json.{name}": Signature(
            None, tuple(Invoke(f"arg:{hook}", ("object",)) for hook in ("object_hook", "object_pairs_hook"))
        )
        for name in ("load", "loads")
    },
    **{f"re.{name}": Signature(None, (Invoke("arg1", ("re.Match",)),)) for name in ("sub", "subn")},
    "typing.cast": Signature("arg1"),
    "typing.overload": Signature("arg0"),
    "typing.final": Signature("arg0"),
    "typing.override": Signature("arg0"),
    "typing.no_type_check": Signature("arg0"),
    "typing.runtime_checkable": Signature("arg0"),
    "copy.copy": Signature("arg0"),
    "copy.deepcopy": Signature("arg0"),
    "itertools.chain": Signature(f"{_ITER}[arg0[] | arg1[] | arg2[] | arg3[]]"),
    "itertools.chain.from_iterable": Signature(f"{_ITER}[arg0[][]]"),
    "itertools.islice": Signature(f"{_ITER}[arg0[]]"),
    "itertools.count": Signature(f"{_ITER}[object]"),
    "itertools.cycle": Signature(f"{_ITER}[arg0[]]"),
    "itertools.repeat": Signature(f"{_ITER}[arg0]"),
    "itertools.zip_longest": Signature(f"{_ITER}[builtins.tuple[arg0[], arg1[], arg2[], arg3[]]]"),
    "itertools.product": Signature(f"{_ITER}[builtins.tuple[arg0[], arg1[], arg2[], arg3[]]]"),
    "itertools.starmap": Signature(f"{_ITER}[result0]", (Invoke("arg0", ("arg1[][]", "arg1[][]")),)),
    "itertools.groupby": Signature(
        f"{_ITER}[builtins.tuple[result1 | result:key, {_ITER}[arg0[]]]]",
        (Invoke("arg1", ("arg0[]",)), Invoke("arg:key", ("arg0[]",))),
    ),
    "collections.defaultdict": Signature("collections.defaultdict[object, result0]", (Invoke("arg0"),)),
    "collections.OrderedDict": Signature("collections.OrderedDict"),
    "collections.Counter": Signature("collections.Counter[arg0[], int]"),
    "collections.deque": Signature("collections.deque[arg0[]]"),
    "weakref.ref": Signature("weakref.ref[arg0]"),
    "weakref.ref.__call__": Signature("slot0"),
}

_ATTRIBUTES = {f"{GENERIC}.registry": "builtins.dict[object, slot0]"}

_ALIASES = {
    **{f"typing.{name}": f"builtins.{name.lower()}" for name in ("List", "Dict", "Tuple", "Set", "FrozenSet")},
    "typing.Deque": "collections.deque",
    "typing.DefaultDict": "collections.defaultdict",
    "typing.OrderedDict": "collections.OrderedDict",
    "typing_extensions": "typing",
    "io.open": "builtins.open",
    "collections.abc.Generator": "builtins.generator",
    "typing.Generator": "builtins.generator",
    "typing.Mapping": "builtins.dict",
    "typing.MutableMapping": "builtins.dict",
    "collections.abc.Mapping": "builtins.dict",
    "collections.abc.MutableMapping": "builtins.dict",
    **{
        f"{module}.{name}": "builtins.iter"
        for module in ("typing", "collections.abc")
        for name in ("Iterable", "Iterator", "Sequence", "Collection", "AsyncIterator", "AsyncIterable")
    },
    **{f"{module}.MutableSequence": "builtins.list" for module in ("typing", "collections.abc")},
    "typing.ContextManager": "contextlib._GeneratorContextManager",
    "contextlib.AbstractContextManager": "contextlib._GeneratorContextManager",
}


def builtins_catalogue() -> Catalogue:
    """Entries that every project needs."""
    signatures = {f"builtins.{name}": signature for name, signature in _FUNCTIONS.items()}
    for name in ("builtins.list", "builtins.set", "builtins.frozenset", "collections.deque", "builtins.tuple", _ITER):
        signatures |= _container(name, _LIST)
    for name in ("builtins.dict", "collections.defaultdict", "collections.OrderedDict", "collections.Counter"):
        signatures |= _container(name, _DICT)
    for name in ("builtins.str", "builtins.bytes"):
        signatures |= _container(name, _STR_METHODS)
    for name in (_ITER, "builtins.generator", "builtins.async_generator"):
        signatures |= _container(name, _GENERATOR)
    return Catalogue(signatures | library_objects() | _LIBRARY, _ATTRIBUTES, _ALIASES)
