"""Objects of :mod:`unittest.mock`: every attribute and every result is a mock again, unless a test put something there.

A mock below a mock is told apart by its path (``.get_session().get``), so that what ``m.get_session.return_value = session``
puts there comes out of ``m.get_session()``, and nothing else does. What is put there by the function that makes the mock is
certainly there; elsewhere the mock of the mock stays a possibility.
"""

from __future__ import annotations

import ast
from typing import Any

from asyncify.index.abstract import (
    MOCK,
    MOCK_PART,
    SEQUENCES,
    AFunction,
    AInstance,
    Args,
    AValue,
    Caller,
    Unit,
)
from asyncify.index.calls import Calls
from asyncify.index.catalogue import Catalogue
from asyncify.index.ir import FunctionFacts

_DEPTH = 8
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
