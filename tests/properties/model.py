"""What a random program is made of: units, modules, and the names under which one finds the other."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

MOST_REQUESTS = 24  # of one call of a unit, all that it calls included
PRINT = "@print"  # a line with this (after its indentation) may become a print() of the variable x


@dataclass
class Unit:
    """Something that takes an int and gives an int, and that other modules can import by one name."""

    name: str
    module: str
    template: str = "{ref}({arg})"  # an expression that calls it
    value: str | None = "{ref}"  # an expression for the callable itself; None where there is none
    requests: int = 0  # at most, per call
    calls: list[Unit] = field(default_factory=list)
    pools: bool = False  # opens a pool, itself or below
    stateful: bool = False  # what it gives depends on earlier calls, or it changes something global
    raises: str = ""  # the name of the exception class that a call may raise (importable from the module)
    waits: bool = False  # it does I/O or sleeps, itself or below
    submits: bool = False  # it hands its callees to a pool
    lines: list[str] = field(default_factory=list)


@dataclass
class Module:
    """One file: its imports and its definitions."""

    name: str
    imports: dict[str, None] = field(default_factory=dict)
    blocks: list[list[str]] = field(default_factory=list)

    def need(self, *lines: str) -> None:
        """Import statements that must stand at the top."""
        for line in lines:
            self.imports[line] = None

    def text(self) -> str:
        """The source text."""
        future = sorted(line for line in self.imports if "__future__" in line)
        plain = sorted(line for line in self.imports if line.startswith("import "))
        names = sorted(line for line in self.imports if line.startswith("from ") and line not in future)
        others = [line for line in self.imports if not line.startswith(("import ", "from "))]
        blocks = "".join("\n\n" + "\n".join(block) + "\n" for block in self.blocks if block)
        return "\n".join([f'"""Module {self.name}."""', "", *future, *plain, *names, *others]) + "\n" + blocks


LAYOUTS = (
    ["base"],
    ["base", "top"],
    ["core.low", "core.high"],
    ["base", "core.low", "core.high", "top"],
    ["core.low", "core.deep.inner", "core.high", "top"],
    ["lib.low", "lib.high", "tools.work", "top"],
)


class Program:
    """A program while it grows: units only call units made before them, so every program ends."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.units: list[Unit] = []
        self.modules = [Module(name) for name in self.random.choice(LAYOUTS)]
        self.files: dict[str, str] = {}
        self.command = ["python", "main.py"]
        self.exit = 0
        self._styles: dict[tuple[str, str], int] = {}
        self._number = 0
        # Most programs have only what can move, so that the tool has something to do; the others have hazards.
        self.hazard = self.random.choice((0.0, 0.0, 0.0, 0.08, 0.3))
        self.lean = self.random.random() < 0.3  # a program that the native profile can carry

    def number(self) -> int:
        """A fresh number for names."""
        self._number += 1
        return self._number

    def module(self, name: str) -> Module:
        """The module of that name."""
        return next(module for module in self.modules if module.name == name)

    def packages(self) -> set[str]:
        """The names of all packages."""
        out = set()
        for module in self.modules:
            parts = module.name.split(".")[:-1]
            out |= {".".join(parts[: n + 1]) for n in range(len(parts))}
        return out

    # --- choosing ------------------------------------------------------------------------------------------------

    def fits(self, unit: Unit, times: int, already: int = 0) -> bool:
        """Whether `times` calls of it keep the number of requests small."""
        return already + unit.requests * times <= MOST_REQUESTS

    def choose(self, times: int, already: int = 0, *, job: bool = False, plain: bool = True) -> Unit | None:
        """A unit that can be called so often; ``job``: also in several threads at once; ``plain``: it raises nothing."""
        fitting = [u for u in self.units if self.fits(u, times, already)]
        if plain:
            fitting = [u for u in fitting if not u.raises]
        if job:
            fitting = [u for u in fitting if not u.stateful and not u.pools and u.value is not None]
            if self.hazard == 0.0:
                fitting = [u for u in fitting if u.waits]
        if not fitting:
            return None
        waiting = [u for u in fitting if u.waits]
        return self.random.choice(waiting if waiting and self.random.random() < 0.8 else fitting)

    def note_call(self, unit: Unit, callee: Unit, times: int) -> None:
        """`unit` calls `callee` at most so often."""
        unit.calls.append(callee)
        unit.requests += callee.requests * times
        unit.pools |= callee.pools
        unit.stateful |= callee.stateful
        unit.waits |= callee.waits

    # --- names ---------------------------------------------------------------------------------------------------

    def reference(self, module: Module, unit: Unit, symbol: str = "") -> str:
        """How a name of the unit's module is written in `module`; adds the import. One style for each pair of modules."""
        name = symbol or unit.name
        if unit.module == module.name:
            return name
        style = self._styles.setdefault((module.name, unit.module), self.random.randrange(8))
        package, _, last = unit.module.rpartition(".")
        own, _, _ = module.name.rpartition(".")
        if style == 0:
            module.need(f"import {unit.module}")
            return f"{unit.module}.{name}"
        if style == 1:
            module.need(f"import {unit.module} as m_{last}")
            return f"m_{last}.{name}"
        if style == 2:
            module.need(f"from {unit.module} import {name} as aka_{name}")
            return f"aka_{name}"
        if style == 3 and package and own == package:
            module.need(f"from .{last} import {name}")
            return name
        if style == 4 and package and not module.name.startswith(package):
            module.need(f"from {package} import {name}")  # through its __init__
            return name
        if style == 5 and package and own == package:
            module.need(f"from . import {last}")
            return f"{last}.{name}"
        if style == 6 and package and own.startswith(f"{package}."):
            module.need(f"from ..{last} import {name}")
            return name
        if style == 7 and not package:
            module.need(f"from {unit.module} import *")
            return name
        if style == 5 and package and module.name == "main":
            module.need(f"from {package} import {last}")
            return f"{last}.{name}"
        module.need(f"from {unit.module} import {name}")
        return name

    def call(self, module: Module, unit: Unit, argument: str) -> str:
        """An expression that calls the unit."""
        return unit.template.format(ref=self.reference(module, unit), arg=argument)

    def as_value(self, module: Module, unit: Unit) -> str:
        """An expression for the unit as a callable."""
        assert unit.value is not None
        return unit.value.format(ref=self.reference(module, unit))


def indent(lines: list[str], by: int = 1) -> list[str]:
    """The lines, deeper."""
    return [f"{'    ' * by}{line}" if line else line for line in lines]
