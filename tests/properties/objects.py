"""Units that are more than a function: classes, decorators, generators, context managers, functions of functions."""

from __future__ import annotations

from collections.abc import Callable

from callers import statements
from model import PRINT, Module, Program, Unit, indent

Maker = Callable[[Program, Module], "Unit | None"]


def hierarchy(program: Program, module: Module) -> Unit | None:
    """A base class and a subclass that overrides one method; both are used as the base class."""
    n = program.number()
    base, sub = f"Base{n}", f"Sub{n}"
    first, second = program.choose(2), program.choose(2)
    if first is None or second is None:
        return None
    unit = Unit(f"use_{n}", module.name)
    program.note_call(unit, first, 2)
    program.note_call(unit, second, 2)
    f, g = program.call(module, first, "x"), program.call(module, second, "x")
    in_base = f if program.random.random() < 0.5 else "x"
    abstract = program.random.random() < 0.3
    if abstract:
        module.need("from abc import ABC, abstractmethod")
    module.blocks.append(
        [
            f"class {base}{'(ABC)' if abstract else ''}:",
            "    def __init__(self, extra):",
            "        self.extra = extra",
            "",
            *(["    @abstractmethod"] if abstract else []),
            "    def value(self, x):",
            f"        return {in_base} + self.extra",
            "",
            "    def run(self, x):",
            "        return self.value(x) * 2",
            "",
            "",
            f"class {sub}({base}):",
            "    def value(self, x):",
            f"        return super().value(x) + {g}",
        ]
    )
    unit.lines = [
        f"def {unit.name}(x):",
        f"    {PRINT}",
        f"    found = [{sub if abstract else base}(1), {sub}(x)]",
        "    return sum([item.run(x) for item in found])",
    ]
    return unit


def across_modules(program: Program, module: Module) -> Unit | None:
    """A class whose base class stands in an earlier module."""
    bases = [u for u in program.units if u.name.startswith("Job") and u.module != module.name]
    callee = program.choose(1)
    if not bases or callee is None:
        return None
    base = program.random.choice(bases)
    if not program.fits(base, 2, callee.requests):
        return None
    unit = Unit(f"Job{program.number()}", module.name, "{ref}(1).work({arg})", "{ref}(3).work")
    program.note_call(unit, callee, 1)
    program.note_call(unit, base, 2)
    unit.lines = [
        f"class {unit.name}({program.reference(module, base)}):",
        "    def step(self, x):",
        f"        return super().step(x) - {program.call(module, callee, 'x')}",
    ]
    return unit


def job_class(program: Program, module: Module) -> Unit | None:
    """A class with methods of every sort."""
    callee = program.choose(2)
    if callee is None:
        return None
    unit = Unit(f"Job{program.number()}", module.name, "{ref}(2).work({arg})", "{ref}(2).work")
    program.note_call(unit, callee, 2)
    call = program.call(module, callee, "x")
    unit.lines = [
        f"class {unit.name}:",
        "    factor = 3",
        "",
        "    def __init__(self, by=1):",
        "        self.by = by",
        "        self.done = []",
        "",
        "    @classmethod",
        "    def make(cls, by):",
        "        return cls(by)",
        "",
        "    @staticmethod",
        "    def help(x):",
        f"        return {call}",
        "",
        "    def step(self, x):",
        "        self.done.append(self.help(x))",
        "        return self.done[-1] * self.by",
        "",
        "    @property",
        "    def total(self):",
        "        return sum(self.done)",
        "",
        "    def work(self, x):",
        f"        {PRINT}",
        "        other = self.make(self.by + 1)",
        "        return self.step(x) + other.step(x) + other.total + self.factor",
    ]
    return unit


def record(program: Program, module: Module) -> Unit | None:
    """A dataclass that is filled by a factory and read by a method."""
    callee = program.choose(2)
    if callee is None:
        return None
    n = program.number()
    unit = Unit(f"load_{n}", module.name)
    program.note_call(unit, callee, 2)
    module.need("from dataclasses import dataclass, field")
    module.blocks.append(
        [
            "@dataclass",
            f"class Record{n}:",
            "    x: int",
            "    value: int = 0",
            "    parts: list = field(default_factory=list)",
            "",
            "    def more(self):",
            f"        self.parts.append({program.call(module, callee, 'self.x + 1')})",
            "        return self",
            "",
            "    def __len__(self):",
            "        return len(self.parts)",
        ]
    )
    unit.lines = [
        f"def {unit.name}(x):",
        f"    {PRINT}",
        f"    record = Record{n}(x, value={program.call(module, callee, 'x')})",
        "    return record.value + record.more().parts[0] + len(record)",
    ]
    return unit


def decorated(program: Program, module: Module) -> Unit | None:
    """A function behind a decorator of the project."""
    n = program.number()
    unit = Unit(f"deco_{n}", module.name)
    body = statements(program, module, unit, "v0")
    if not body:
        return None
    form = program.random.randrange(4 if program.random.random() < program.hazard else 3)
    module.need("import functools")
    match form:
        case 0:
            module.blocks.append(
                [
                    f"def plus_{n}(function):",
                    "    @functools.wraps(function)",
                    "    def wrapper(*args, **kwargs):",
                    "        return function(*args, **kwargs) + 1",
                    "",
                    "    return wrapper",
                ]
            )
            above = f"@plus_{n}"
        case 1:
            module.blocks.append(
                [
                    f"def twice_{n}(add=0):",
                    "    def around(function):",
                    "        def wrapper(x):",
                    "            try:",
                    "                return function(x) + add",
                    "            finally:",
                    "                add_up.append(x)",
                    "",
                    "        add_up = []",
                    "        return wrapper",
                    "",
                    "    return around",
                ]
            )
            above = f"@twice_{n}(add=2)"
        case 2:
            module.need("import time")
            module.blocks.append(
                [
                    f"def again_{n}(times, errors=(OSError,)):",
                    "    def decorate(function):",
                    "        @functools.wraps(function)",
                    "        def wrapper(*args, **kwargs):",
                    "            for attempt in range(times):",
                    "                try:",
                    "                    return function(*args, **kwargs)",
                    "                except errors:",
                    "                    if attempt + 1 == times:",
                    "                        raise",
                    "                    time.sleep(0.001)",
                    "            return None",
                    "",
                    "        return wrapper",
                    "",
                    "    return decorate",
                ]
            )
            above = f"@again_{n}(2)"
        case _:
            above = "@functools.lru_cache(maxsize=None)"
            unit.stateful = True
    unit.lines = [
        above,
        f"def {unit.name}(x):",
        f"    {PRINT}",
        "    total = 0",
        *indent(body),
        "    return total",
    ]
    return unit


def generator(program: Program, module: Module) -> Unit | None:
    """A generator that does I/O between its items, and a function that reads it."""
    n = program.number()
    unit = Unit(f"read_{n}", module.name)
    callee = program.choose(3)
    if callee is None:
        return None
    program.note_call(unit, callee, 3)
    body = [
        f"def items_{n}(x):",
        "    for number in range(3):",
        f"        yield {program.call(module, callee, 'number')} + x",
    ]
    if program.random.random() < 0.25:
        body += ["", "", f"def more_{n}(x):", "    yield 1", f"    yield from items_{n}(x)"]
        source = f"more_{n}(x)"
    else:
        source = f"items_{n}(x)"
    module.blocks.append(body)
    reads = [
        ["total = 0", f"for item in {source}:", "    total += item", "return total"],
        [f"return sum({source})"],
        [f"return sum([item * 2 for item in {source} if item])"],
        [f"return len(list({source}))"],
        ["total = 0", f"for index, item in enumerate({source}):", "    total += index * item", "return total"],
        [f"return sum(item for item in {source})"],
    ]
    if program.random.random() < program.hazard:
        reads = [
            [f"return next({source}, 0)"],
            [
                "total = 0",
                f"for item in {source}:",
                "    total += item",
                "    if total > 2:",
                "        break",
                "return total",
            ],
            [f"stream = {source}", "first = next(stream)", "return first + sum(stream)"],
            [f"return any(item > 3 for item in {source})"],
        ]
    unit.lines = [f"def {unit.name}(x):", f"    {PRINT}", *indent(program.random.choice(reads))]
    return unit


def managed(program: Program, module: Module) -> Unit | None:
    """A context manager of the project around calls, or with calls in itself."""
    n = program.number()
    unit = Unit(f"within_{n}", module.name)
    callee, inside = program.choose(1), program.choose(2)
    if callee is None or inside is None or not program.fits(inside, 2, callee.requests):
        return None
    program.note_call(unit, inside, 2)
    waits = program.random.random() < program.hazard + 0.15
    if waits:
        program.note_call(unit, callee, 1)
    start = program.call(module, callee, "x") if waits else "x"
    if program.random.random() < 0.5:
        module.need("from contextlib import contextmanager")
        module.blocks.append(
            [
                "@contextmanager",
                f"def scope_{n}(x):",
                f"    state = [{start}]",
                "    try:",
                "        yield state",
                "    finally:",
                "        state.append(-1)",
            ]
        )
    else:
        module.blocks.append(
            [
                f"class scope_{n}:",
                "    def __init__(self, x):",
                "        self.x = x",
                "        self.state = []",
                "",
                "    def __enter__(self):",
                f"        {'x = self.x' if waits else 'pass'}",
                f"        self.state.append({start if waits else 'self.x'})",
                "        return self.state",
                "",
                "    def __exit__(self, kind, error, trace):",
                "        self.state.append(-1)",
                "        return kind is ZeroDivisionError",
            ]
        )
    unit.lines = [
        f"def {unit.name}(x):",
        f"    {PRINT}",
        "    total = 0",
        f"    with scope_{n}(x) as state:",
        f"        total += {program.call(module, inside, 'x')} + state[0]",
        f"        state.append({program.call(module, inside, '2')})",
        "    return total + len(state) + state[-1]",
    ]
    return unit


def callback(program: Program, module: Module) -> Unit | None:
    """A function that gets another one and calls it."""
    n = program.number()
    unit = Unit(f"hand_{n}", module.name)
    choices = [u for u in program.units if u.value is not None and not u.raises and program.fits(u, 3)]
    if not choices:
        return None
    first = program.random.choice(choices)
    program.note_call(unit, first, 3)
    f = program.as_value(module, first)
    module.blocks.append(
        [
            f"def apply_{n}(function, *values, default=0):",
            "    total = default",
            "    for value in values:",
            "        total += function(value)",
            "    return total",
        ]
    )
    uses = [f"return apply_{n}({f}, x, 2)", f"return apply_{n}(function={f}, default=4) + apply_{n}({f}, x)"]
    if program.random.random() < program.hazard:
        uses = [f"return apply_{n}({f}, x) + apply_{n}(abs, -4)", f"return apply_{n}(lambda y: {f}(y), x, 1)"]
    unit.lines = [f"def {unit.name}(x):", f"    {PRINT}", f"    {program.random.choice(uses)}"]
    return unit


def special(program: Program, module: Module) -> Unit | None:
    """A class whose I/O stands in methods that Python calls."""
    callee = program.choose(2)
    if callee is None:
        return None
    n = program.number()
    cls = f"Lazy{n}"
    unit = Unit(f"lazy_{n}", module.name)
    program.note_call(unit, callee, 2)
    call = program.call(module, callee, "self.x")
    method, use = program.random.choice(
        [
            (["@property", "def value(self):"], "lazy.value + lazy.value"),
            (["def __getitem__(self, key):"], "lazy[x] + lazy[1]"),
            (["def __call__(self):"], "lazy() + lazy()"),
            (["def __len__(self):"], "len([lazy.x]) + len(lazy) * 2"),
            (["@functools.cached_property", "def value(self):"], "lazy.value + lazy.value"),
        ]
    )
    module.need("import functools")
    returned = f"abs({call})" if "__len__" in method[0] else call
    module.blocks.append(
        [
            f"class {cls}:",
            "    def __init__(self, x):",
            "        self.x = x",
            "",
            *indent(method),
            f"        return {returned}",
        ]
    )
    unit.lines = [f"def {unit.name}(x):", f"    {PRINT}", f"    lazy = {cls}(x)", f"    return {use}"]
    return unit


OBJECTS: tuple[Maker, ...] = (
    hierarchy, hierarchy, across_modules, job_class, job_class, record, decorated, decorated, generator, generator, managed, callback,
    callback,
)  # fmt: skip
HAZARDS: tuple[Maker, ...] = (special,)


def thing(program: Program, module: Module) -> Unit | None:
    """One of them."""
    makers = HAZARDS if program.random.random() < program.hazard / 2 else OBJECTS
    return program.random.choice(makers)(program, module)
