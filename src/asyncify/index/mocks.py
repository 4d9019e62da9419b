"""Objects of :mod:`unittest.mock`: every attribute and every result is a mock again, unless a test put something there.

A mock below a mock is told apart by its path (``.get_session().get``), so that what ``m.get_session.return_value = session``
puts there comes out of ``m.get_session()``, and nothing else does. What is put there by the function that makes the mock is
certainly there; elsewhere the mock of the mock stays a possibility.

A function of the project that ``patch`` replaces may give its callers what its mock gives (``return_value``, ``side_effect``), or
what the function gives that is put in its place. Who is called stays what it is.
"""

from __future__ import annotations

import ast
from typing import Any

from asyncify.index.abstract import (
    MOCK,
    MOCK_PART,
    SEQUENCES,
    AClass,
    AConstant,
    ADescriptor,
    AFunction,
    AInstance,
    AModule,
    AObject,
    Args,
    AValue,
    Caller,
    Unit,
)
from asyncify.index.calls import Calls
from asyncify.index.catalogue import Catalogue
from asyncify.index.ir import FunctionFacts

_DEPTH = 8
_PATCHES = {
    f"{home}.patch{kind}": position
    for home in ("unittest.mock", "pytest_mock.MockerFixture")
    for kind, position in (("", 1), (".object", 2))
}
"""What puts a mock somewhere, and the position of what is put there instead."""
MONKEY_PATCH = "pytest.MonkeyPatch.setattr"
# Keywords that say how a mock is made, not what it has.
_OPTIONS = frozenset("spec spec_set wraps name unsafe new new_callable create autospec parent".split())


class Mocks(Calls):
    """Attributes and results of mocks."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(catalogue)
        self.mock_homes: dict[ast.AST, FunctionFacts] = {}  # by the expression that makes a mock: the function
        self._mock_stores: dict[tuple[AInstance, str], set[FunctionFacts | None]] = {}
        self._late_mocks: list[tuple[AInstance, str, int]] = []

    def part_of_mock(self, mock: AInstance, step: str) -> AInstance:
        """An attribute (``.name``) or the result (``()``) of a mock."""
        path = mock.path + step
        if path.count(".") + path.count("(") > _DEPTH:
            return mock
        part = self.instance(MOCK_PART, mock.unit, mock.node, path)
        part.path = path
        return part

    def mock_made(self, args: Args, caller: Caller) -> None:
        """A call makes a mock, and may say by keywords what it has."""
        home = self.mock_homes.setdefault(caller.node, caller.within)
        mock = self.instance(MOCK, caller.unit, caller.node)
        for name, variable in args.keywords:
            if name is not None and name not in _OPTIONS:
                self.edge(variable, self.field(mock, name))
                self._mock_stores.setdefault((mock, name), set()).add(home)

        for name in sorted(caller.externals & _PATCHES.keys()):
            self._patched(name, args, mock, caller)

    def _patched(self, patch: str, args: Args, mock: AInstance, caller: Caller) -> None:
        """What `patch` replaces gives what the mock gives, or what takes its place."""
        position = _PATCHES[patch]
        put = args.positional[position] if len(args.positional) > position else dict(args.keywords).get("new", 0)
        called, read = self.new(), put
        if put:
            self.on(put, self._on_put, caller, called)
        else:
            self.edge(self.field(mock, "return_value"), called)
            self.on(self.field(mock, "side_effect"), self._on_side_effect, caller.unit, called)
            read = self.new()
            self.add(read, mock)
        given = (called, called if any(name == "new_callable" for name, _ in args.keywords) else read)
        if position == 1 and args.positional:
            self.on(args.positional[0], self._on_target, None, given)
        elif len(args.positional) > 1:
            self.on(args.positional[1], self._on_patched_name, args.positional[0], given)

    def attribute_replaced(self, args: Args, caller: Caller) -> None:
        """``monkeypatch.setattr(owner, "name", new)``, or with a dotted name."""
        if len(args.positional) not in (2, 3):
            return
        put, called = args.positional[-1], self.new()
        self.on(put, self._on_put, caller, called)
        if len(args.positional) == 2:
            self.on(args.positional[0], self._on_target, None, (called, put))
        else:
            self.on(args.positional[1], self._on_patched_name, args.positional[0], (called, put))

    def _on_put(self, value: AValue, caller: Caller, given: int) -> None:
        self._on_side_effect(value, caller.unit, given)
        if isinstance(value, AInstance) and value.type in (MOCK, MOCK_PART):
            self.edge(self.field(value, "return_value"), given)
            self.on(self.field(value, "side_effect"), self._on_side_effect, caller.unit, given)

    def _on_target(self, value: AValue, _: None, given: tuple[int, int]) -> None:
        """A dotted name: of a global function of a module, or of a method of a class there."""
        parts = str(value.value).split(".") if isinstance(value, AConstant) else []
        for end in range(len(parts) - 1, 0, -1):
            module = self.modules.get(".".join(parts[:end]))
            if module is not None and module.unit is not None:
                for variable in self.export(module.unit, parts[end]):
                    if len(parts) == end + 1:
                        self.on(variable, self._on_replaced, None, given)
                    elif len(parts) == end + 2:
                        self.on(variable, self._on_owner, parts[-1], given)
                return

    def _on_patched_name(self, value: AValue, owner: int, given: tuple[int, int]) -> None:
        if isinstance(value, AConstant) and isinstance(value.value, str):
            self.on(owner, self._on_owner, value.value, given)

    def _on_owner(self, value: AValue, name: str, given: tuple[int, int]) -> None:
        if isinstance(value, AModule) and value.unit is not None:
            for variable in self.export(value.unit, name):
                self.on(variable, self._on_replaced, None, given)
        elif isinstance(value, (AClass, AObject)):
            for _, variable in self.hits(value if isinstance(value, AClass) else value.cls, "exact", name):
                self.on(variable, self._on_replaced, None, given)

    def _on_replaced(self, value: AValue, read: bool | None, given: tuple[int, int]) -> None:
        """`given`: what calling it gives, and what reading it gives, which counts for properties."""
        if isinstance(value, ADescriptor):
            self.on(value.getter, self._on_replaced, value.kind == "property", given)
        elif isinstance(value, AFunction):
            if value.facts.is_generator:
                value.stand_in = value.stand_in or self.new()
            source = given[1] if read else given[0]
            self.edge(source, value.stand_in or value.unit.offset + value.facts.returns)

    def mock_stored(self, mock: AInstance, name: str, within: FunctionFacts) -> None:
        """Something is put into an attribute of a mock."""
        self._mock_stores.setdefault((mock, name), set()).add(within)

    def mock_attribute(self, mock: AInstance, name: str, result: int) -> None:
        """An attribute of a mock is read."""
        self.edge(self.field(mock, name), result)
        self._late_mocks.append((mock, name, result))

    def call_mock(self, mock: AInstance, method: str, caller: Caller, result: int) -> None:
        """A mock is called, or the method of that name which Python calls itself."""
        called = mock if method == "__call__" else self.part_of_mock(mock, f".{method}")
        if not result:
            return
        self.on(self.field(called, "side_effect"), self._on_side_effect, caller.unit, result)
        self.mock_attribute(called, "return_value", result)

    def _on_side_effect(self, value: AValue, unit: Unit, result: int) -> None:
        if isinstance(value, AFunction):
            self.edge(value.unit.offset + value.facts.returns, result)
        elif isinstance(value, AInstance) and value.type in SEQUENCES:
            self.edge(self.every(value), result)

    def settle_mocks(self) -> bool:
        """What mocks give where nothing was put: mocks. Whether there was anything to settle."""
        late, self._late_mocks = self._late_mocks, []
        for mock, name, result in late:
            names = (name, "side_effect") if name == "return_value" else (name,)
            if not any(self._certainly_stored(mock, one) for one in names):
                self.add(result, self.part_of_mock(mock, "()" if name == "return_value" else f".{name}"))
        return bool(late)

    def _certainly_stored(self, mock: AInstance, name: str) -> bool:
        home: Any = self.mock_homes.get(mock.node) if mock.node is not None else None
        return (
            home is not None
            and home in self._mock_stores.get((mock, name), ())
            and bool(self.held[self.field(mock, name)])
        )
