"""Functions that call other units, in every position of a statement where a call may stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from model import PRINT, Module, Program, Unit, indent


@dataclass
class Place:
    """Where a form is written: the function, and how to write a call of the callee there."""

    program: Program
    module: Module
    unit: Unit
    callee: Unit
    v: str  # a prefix for names that nothing else uses

    def c(self, argument: str) -> str:
        """An expression that calls the callee."""
        return self.program.call(self.module, self.callee, argument)

    @property
    def f(self) -> str:
        """The callee as a callable."""
        return self.program.as_value(self.module, self.callee)


Form = tuple[int, Callable[[Place], list[str]]]  # how often it calls, and the statements


def _inner(p: Place) -> list[str]:
    return [
        f"def inner_{p.v}(y):",
        f"    return {p.c('y')} + x  # closes over x",
        "",
        f"total += inner_{p.v}(1) + inner_{p.v}(2)",
    ]


def _nonlocal(p: Place) -> list[str]:
    return [
        f"{p.v} = 0",
        "",
        f"def add_{p.v}(y=1, *rest, by=2):",
        f"    nonlocal {p.v}",
        f"    {p.v} += {p.c('y')} * by",
        f"    return {p.v}",
        "",
        f"add_{p.v}(by=3)",
        f"total += add_{p.v}(2)",
    ]


def _recursion(p: Place) -> list[str]:
    return [
        f"def down_{p.v}(n):",
        "    if n <= 0:",
        "        return 0",
        f"    return {p.c('n')} + down_{p.v}(n - 1)",
        "",
        f"total += down_{p.v}(2)",
    ]


def _formatted(p: Place) -> list[str]:
    return [f'{p.v} = f"{{{p.c("x")}:03d}}"', f"total += len({p.v})"]


def _while(p: Place) -> list[str]:
    return [
        f"{p.v} = 0",
        f"while {p.v} < 3:",
        f"    {p.v} += 1",
        f"    if {p.v} == 2:",
        "        continue",
        f"    total += {p.c(p.v)}",
        "    if total > 10_000:",
        "        break",
        "else:",
        "    total += 1",
    ]


def _try_else(p: Place) -> list[str]:
    return [
        "try:",
        f"    {p.v} = {p.c('x')}",
        "except (ValueError, KeyError):",
        "    total = -1",
        "    raise",
        "else:",
        f"    total += {p.v}",
        "finally:",
        "    total += 1",
    ]


def _reraise(p: Place) -> list[str]:
    return [
        "try:",
        f"    raise KeyError({p.c('x')})",
        "except KeyError as error:",
        "    total += error.args[0]",
    ]


def _handler_calls(p: Place) -> list[str]:
    return [
        "try:",
        "    int('x' * (x % 2) or '1')",
        "except ValueError:",
        f"    total += {p.c('x')}",
        "finally:",
        f"    total -= {p.c('1')}",
    ]


def _match(p: Place) -> list[str]:
    return [
        f"match {p.c('x')} % 3:",
        "    case 0:",
        "        total += 5",
        f"    case {p.v} if {p.v} > 1:",
        f"        total += {p.v}",
        "    case _:",
        "        total -= 1",
    ]


def _partial(p: Place) -> list[str]:
    p.module.need("from functools import partial")
    return [f"{p.v} = partial({p.f}, x)", f"total += {p.v}()"]


def _method_of_local(p: Place) -> list[str]:
    return [f"{p.v} = {p.f}", f"total += {p.v}(x) - {p.v}(1)"]


def _table(p: Place) -> list[str]:
    return [f"{p.v} = {{0: {p.f}, 1: {p.f}}}", f"total += {p.v}[x % 2](x)"]


def _loop_of_functions(p: Place) -> list[str]:
    return [f"for {p.v} in [{p.f}, {p.f}]:", f"    total += {p.v}(x)"]


def _delete(p: Place) -> list[str]:
    return [
        f"{p.v} = {{'a': {p.c('x')}}}",
        f"{p.v}['b'], *_ = [{p.c('1')}, 2, 3]",
        f"total += {p.v}.pop('a') + {p.v}['b']",
        f"del {p.v}",
    ]


def _sorted_by(p: Place) -> list[str]:
    return [f"total += sorted([1, 2, 3], key={p.f})[0]"]


def _map_builtin(p: Place) -> list[str]:
    return [f"total += sum(map({p.f}, (x, 2)))"]


def _lambda(p: Place) -> list[str]:
    return [f"{p.v} = lambda y: {p.c('y')}", f"total += {p.v}(x)"]


def _lambda_sum(p: Place) -> list[str]:
    return [f"{p.v} = lambda y: {p.c('y')} + 1", f"total += {p.v}(x)"]


def _reduce(p: Place) -> list[str]:
    p.module.need("import functools")
    return [f"total += functools.reduce(lambda a, b: a + {p.c('b')}, [x, 1], 0)"]


def _generator_expression(p: Place) -> list[str]:
    return [f"total += sum({p.c('i')} for i in range(3) if i != 1)"]


def _any(p: Place) -> list[str]:
    return [f"total += any({p.c('i')} > 2 for i in range(3))"]


def _exception_group(p: Place) -> list[str]:
    return [
        "try:",
        f"    assert {p.c('x')} == -77, 'never'",
        "except AssertionError as error:",
        "    total += len(str(error))",
    ]


def _thread(p: Place) -> list[str]:
    p.module.need("import threading")
    return [
        f"{p.v} = []",
        f"thread_{p.v} = threading.Thread(target=lambda: {p.v}.append({p.c('x')}))",
        f"thread_{p.v}.start()",
        f"thread_{p.v}.join()",
        f"total += {p.v}[0]",
    ]


SIMPLE: tuple[Form, ...] = (
    (1, lambda p: [f"total += {p.c('x')}"]),
    (2, lambda p: [f"{p.v} = {p.c('x + 1')} if x % 2 else -{p.c('x')}", f"total += {p.v}"]),
    (3, lambda p: [f"for {p.v} in range(3):", f"    total += {p.c(p.v)}"]),
    (2, lambda p: [f"{p.v} = [{p.c('i')} for i in (x, x + 1)]", f"total += sum({p.v})"]),
    (1, _formatted),
    (2, lambda p: [f"if {p.c('x')} > 2 or {p.c('0')} < 1:", "    total += 1"]),
    (1, lambda p: ["try:", f"    total += {p.c('x')}", "finally:", "    total += 1"]),
    (2, _inner),
    (2, _nonlocal),
    (2, _recursion),
    (2, lambda p: [f"{p.v} = {{k: {p.c('k')} for k in (0, 1)}}", f"total += max({p.v}.values())"]),
    (2, _while),
    (1, _try_else),
    (1, _reraise),
    (2, _handler_calls),
    (1, _match),
    (1, lambda p: [f"if ({p.v} := {p.c('x')}) and not {p.v} == 1:", f"    total -= {p.v}"]),
    (2, lambda p: [f"total += max({p.c('x')}, *[{p.c('1')}], key=abs)"]),
    (1, lambda p: [f"total += -{p.c('x')} ** 2 % 7"]),
    (2, lambda p: [f"total += [0, {p.c('x')}, 5][{p.c('2')} % 2]"]),
    (1, lambda p: [f"total += 1 < {p.c('x')} <= 9"]),
    (1, lambda p: [f"print_me = ('n', {p.c('x')})", "total += print_me[1]"]),
    (2, _delete),
    (2, _generator_expression),
    (1, _exception_group),
)
BY_VALUE: tuple[Form, ...] = ((1, _partial), (2, _method_of_local), (1, _table), (2, _loop_of_functions))
HAZARDS: tuple[Form, ...] = ((1, _lambda), (1, _lambda_sum), (2, _reduce), (3, _any), (1, _thread))
HAZARDS_BY_VALUE: tuple[Form, ...] = ((3, _sorted_by), (2, _map_builtin))


def _guarded(program: Program, module: Module, callee: Unit, v: str) -> list[str]:
    """A call of a unit that may raise."""
    error = program.reference(module, callee, callee.raises)
    call = program.call(module, callee, "x")
    match program.random.randrange(4):
        case 0:
            return ["try:", f"    total += {call}", f"except {error} as error:", "    total += error.code * 100"]
        case 1:
            module.need("import contextlib")
            return [f"with contextlib.suppress({error}):", f"    total += {call}", "    total += 1"]
        case 2:
            return [
                f"for {v} in range(3):",
                "    try:",
                f"        total += {program.call(module, callee, v)}",
                f"    except {error}:",
                "        continue",
                "    finally:",
                "        total += 1",
            ]
        case _:
            return [
                "try:",
                "    try:",
                f"        total += {call}",
                f"    except {error} as error:",
                "        raise RuntimeError('wrapped') from error",
                "except RuntimeError as error:",
                "    total += error.__cause__.code",
            ]


def statements(program: Program, module: Module, unit: Unit, v: str, *, job: bool = False) -> list[str]:
    """Statements that add to `total` what calls of some unit give; empty where none fits."""
    callee = program.choose(3, unit.requests, plain=False, job=job)
    if callee is None:
        return []
    if callee.raises:
        program.note_call(unit, callee, 3)
        return _guarded(program, module, callee, v)
    forms: list[Form] = list(SIMPLE)
    hazard = program.random.random() < program.hazard
    if hazard:
        forms = list(HAZARDS)
    if callee.value is not None:
        forms += HAZARDS_BY_VALUE if hazard else BY_VALUE
    times, make = program.random.choice(forms)
    program.note_call(unit, callee, times)
    if make is _thread:
        unit.pools = True
    return make(Place(program, module, unit, callee, v))


def caller(program: Program, module: Module) -> Unit:
    """A function that calls one to three others."""
    unit = Unit(f"call_{program.number()}", module.name)
    body = ["total = 0"]
    for index in range(program.random.randint(1, 3)):
        body += statements(program, module, unit, f"v{index}")
    header = f"def {unit.name}(x):"
    if program.random.random() < 0.15:
        header = f"def {unit.name}(x: int) -> int:"
    unit.lines = [header, f"    {PRINT}", *indent(body), "    return total"]
    if program.random.random() < 0.1:
        unit.lines.insert(1, f'    """What {unit.name} does."""')
    return unit
