"""Objects and classes of the project in the arguments of calls of code outside: by themselves, in containers, or bound by a partial."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from asyncify.index.abstract import AClass, AExternal, AInstance, AObject, APartial, Args, AValue, Caller
from asyncify.index.link import Linker
from asyncify.index.project import EXTERNAL_CALL
from asyncify.model import Span

_PARTIAL = "functools.partial"


@dataclass(frozen=True, slots=True)
class GivenObject:
    """One class of which a call of something outside gets an object, or the class itself."""

    call: Span
    externals: frozenset[str]  # empty where only so much is known that it is something outside
    argument: int | str | None  # its position or name; None behind a star
    cls: str
    itself: bool  # the class, and not an object of it


def given_objects(
    linker: Linker, place: Callable[[Caller], Span], matters: Callable[[frozenset[str]], bool]
) -> Iterator[GivenObject]:
    """Those of all calls of externals that matter; with none, of calls of what something outside gave.

    ``place`` says where a call stands.
    """
    for caller in linker.callers:
        externals, args = frozenset(caller.externals), caller.args
        if externals == {_PARTIAL} and args.positional:
            held = linker.held[args.positional[0]] or ()
            externals = frozenset(value.name for value in held if isinstance(value, AExternal))
            args = Args(args.positional[1:], args.starred, args.rest, args.keywords)
        outside = bool(externals) or (EXTERNAL_CALL in caller.unknown and not caller.targets)
        if outside and caller.decorates is None and matters(externals):
            for argument, cls, itself in _of_call(linker, args):
                yield GivenObject(place(caller), externals, argument, cls, itself)


def _of_call(linker: Linker, args: Args) -> Iterable[tuple[int | str | None, str, bool]]:
    arguments: list[tuple[int | str | None, int]] = [*enumerate(args.positional)]
    arguments += [(None, variable) for variable in (*args.starred, *args.rest)]
    for name, variable in args.keywords:
        if name is not None:
            arguments.append((name, variable))
            continue
        for value in linker.held[variable] or () if variable else ():
            if isinstance(value, AInstance):
                arguments += [(key if isinstance(key, str) else None, each) for key, each in value.keyed.items()]
                arguments.append((None, value.loose))
    found: dict[tuple[int | str | None, str, bool], None] = {}
    for argument, variable in arguments:
        for cls, itself in _classes(linker, variable):
            found[argument, cls, itself] = None
    return found


def _classes(linker: Linker, first: int) -> Iterator[tuple[str, bool]]:
    stack, seen = [first], set[int]()
    while stack:
        variable = stack.pop()
        if not variable or variable in seen:
            continue
        seen.add(variable)
        for value in linker.held[variable] or ():
            yield from _of_value(linker, value, stack)


def _of_value(linker: Linker, value: AValue, stack: list[int]) -> Iterator[tuple[str, bool]]:
    match value:
        case AObject():
            yield value.cls.facts.name, False
            if value.subs:
                yield from ((derived.facts.name, False) for derived in linker.descendants(value.cls))
        case AClass():
            yield value.facts.name, True
        case APartial():
            stack += [*value.args.positional, *(variable for _, variable in value.args.keywords)]
        case AInstance() if linker.is_container(value):
            stack += [value.every, value.loose, *value.keyed.values(), *value.slots.values()]
