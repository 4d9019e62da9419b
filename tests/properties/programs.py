"""Random programs that do I/O at their leaves: the same seed gives the same program.

Every unit takes an int and gives an int, and calls only units made before it, so that every program ends. What a unit
is (:mod:`leaves`, :mod:`callers`, :mod:`objects`, :mod:`pools`), where a call stands, how modules import each other and
how the program starts (:mod:`entries`) are drawn at random. A unit prints only where no pool can reach it: the order of
its lines is then part of the behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass

from callers import caller
from entries import main_module
from leaves import leaf
from model import PRINT, Module, Program, Unit
from objects import thing
from pools import pool


@dataclass(frozen=True)
class RandomProgram:
    """The files of a program by path, how it is run, and its exit code."""

    files: dict[str, str]
    command: tuple[str, ...]
    exit: int

    def encoded(self) -> dict[str, bytes]:
        """The files as bytes."""
        return {path: text.encode() for path, text in self.files.items()}


def generate(seed: int) -> RandomProgram:
    """The program of that seed."""
    program = Program(seed)
    size = program.random.randint(4, 12)
    for number in range(size):
        _grow(program, program.modules[number * len(program.modules) // size], first=number == 0)
    _let_some_print(program)
    for unit in program.units:
        program.module(unit.module).blocks.append(unit.lines)
    main_module(program, _shown(program))
    for module in program.modules:
        program.files[f"{module.name.replace('.', '/')}.py"] = module.text()
    for package in sorted(program.packages()):
        program.files[f"{package.replace('.', '/')}/__init__.py"] = _package(program, package)
    return RandomProgram(program.files, tuple(program.command), program.exit)


def _grow(program: Program, module: Module, *, first: bool) -> None:
    """Add one unit."""
    choice = program.random.random()
    unit: Unit | None = None
    if first or choice < 0.22:
        unit = leaf(program, module, first)
    elif choice < 0.42:
        unit = pool(program, module)
    elif choice < 0.66:
        unit = thing(program, module)
    if unit is None:
        unit = caller(program, module)
    program.units.append(unit)
    if not unit.lines[0].startswith(("client_", "class ")) and program.random.random() < 0.03:
        module.blocks.append([f"# {unit.name} follows below"])


def _shown(program: Program) -> list[Unit]:
    """The units that main.py calls: those that nobody else does."""
    called = {id(callee) for unit in program.units for callee in unit.calls}
    shown = [unit for unit in program.units if id(unit) not in called]
    more = [unit for unit in program.units if id(unit) in called and program.random.random() < 0.15]
    return shown + more


def _package(program: Program, package: str) -> str:
    """An ``__init__.py`` that re-exports all units of its modules."""
    lines = [f'"""Package {package}."""', ""]
    names = []
    for module in program.modules:
        own, _, last = module.name.rpartition(".")
        units = sorted(unit.name for unit in program.units if unit.module == module.name)
        errors = sorted({unit.raises for unit in program.units if unit.module == module.name and unit.raises})
        if own == package and units:
            lines.append(f"from .{last} import {', '.join(units + errors)}")
            names += units + errors
    if program.random.random() < 0.3:
        lines += ["", f"__all__ = {sorted(names)!r}"]
    return "\n".join(lines) + "\n"


def _let_some_print(program: Program) -> None:
    """Units that no pool reaches may print."""
    in_pools: set[int] = set()

    def reach(unit: Unit) -> None:
        if id(unit) not in in_pools:
            in_pools.add(id(unit))
            for callee in unit.calls:
                reach(callee)

    for unit in program.units:
        if unit.submits:
            for callee in unit.calls:
                reach(callee)
    for unit in program.units:
        prints = id(unit) not in in_pools and program.random.random() < 0.6
        unit.lines = _with_print(unit.lines, f'print("in {unit.name}", x)' if prints else "")
    for module in program.modules:
        module.blocks = [_with_print(block, "") for block in module.blocks]


def _with_print(lines: list[str], text: str) -> list[str]:
    out = []
    for line in lines:
        if line.strip() != PRINT:
            out.append(line)
        elif text:
            out.append(line.replace(PRINT, text))
    return out
