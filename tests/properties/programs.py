"""Random programs that do I/O at their leaves: the same seed gives the same program.

Every function takes an int and returns an int, and calls only functions made before it, so that every program ends. The
forms a call can take (positions in expressions, methods with overrides, closures, partials, pools) are drawn at random.
A function prints only where no pool can reach it: the order of its lines is then part of the behaviour.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

MOST_REQUESTS = 30  # of one function, all that it calls included
CALL_FORMS = 12
POOL_FORMS = 5


@dataclass
class Node:
    """One function or method of the program."""

    name: str
    module: str
    cls: str | None = None  # the class it is a method of
    requests: int = 0  # at most, per call
    calls: list[Node] = field(default_factory=list)
    pools: bool = False  # opens a pool, itself or below
    prints: bool = False
    lines: list[str] = field(default_factory=list)


@dataclass
class Module:
    """One file: its imports, in order of need, and its definitions."""

    name: str
    imports: dict[str, None] = field(default_factory=dict)
    blocks: list[list[str]] = field(default_factory=list)

    def text(self) -> str:
        """The source text."""
        plain = sorted(line for line in self.imports if line.startswith("import "))
        names = sorted(line for line in self.imports if line.startswith("from "))
        blocks = "".join("\n\n" + "\n".join(block) + "\n" for block in self.blocks)
        return "\n".join([f'"""Module {self.name}."""', "", *plain, *names]) + "\n" + blocks


class Generator:
    """Grows one program."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.nodes: list[Node] = []
        self.classes = 0
        self.modules = [Module(name) for name in self.module_names()]
        self.styles: dict[tuple[str, str], int] = {}

    def module_names(self) -> list[str]:
        """Names of modules, lowest first: a module imports only from those before it and from itself."""
        names = ["base", "core.low", "core.high", "top"]
        return names[: self.random.randint(1, len(names))]

    def program(self) -> dict[str, str]:
        """The files."""
        size = self.random.randint(5, 13)
        for number in range(size):
            module = self.modules[number * len(self.modules) // size]
            self.grow(number, module)
        self.let_some_print()
        for node in self.nodes:
            if node.cls is None:
                self.module(node.module).blocks.append(node.lines)
        files = {f"{module.name.replace('.', '/')}.py": module.text() for module in self.modules}
        if any(module.name.startswith("core.") for module in self.modules):
            files["core/__init__.py"] = self.package()
        files["main.py"] = self.main()
        return files

    # --- functions ----------------------------------------------------------------------------------------------

    def grow(self, number: int, module: Module) -> None:
        """Add one function, or one class with an override."""
        choice = self.random.random()
        if number == 0 or choice < 0.25:
            self.leaf(number, module)
        elif choice < 0.40:
            self.hierarchy(number, module)
        elif choice < 0.60 and any(self.fits(node, 4) for node in self.nodes):
            self.pool(number, module)
        else:
            self.caller(number, module)

    def leaf(self, number: int, module: Module) -> None:
        """A function that calls no other: I/O, a pause, or neither."""
        node = Node(f"leaf_{number}", module.name)
        kind = 0 if number == 0 else self.random.randrange(5)
        if kind <= 1:
            node.requests = 1
            module.imports |= {"import os": None, "import requests": None}
            node.lines = [
                f"def {node.name}(x):",
                f'    response = requests.get(os.environ["BASE_URL"] + f"/json/{{x % 5}}?by={node.name}")',
                '    return response.json()["n"] + 1',
            ]
        elif kind == 2:
            node.requests = 1
            module.imports |= {"import os": None, "from requests import get": None}
            node.lines = [
                f"def {node.name}(x, scale=1):",
                f'    return len(get(os.environ["BASE_URL"] + f"/bytes/{{x % 9}}?by={node.name}").content) * scale',
            ]
        elif kind == 3:
            module.imports["import time"] = None
            node.lines = [f"def {node.name}(x):", "    time.sleep(0.001)", "    return x * 2"]
        else:
            node.lines = [f"def {node.name}(x):", f"    return x + {number}"]
        self.nodes.append(node)

    def caller(self, number: int, module: Module) -> None:
        """A function that calls one to three others."""
        node = Node(f"call_{number}", module.name)
        body: list[str] = ["total = 0"]
        for index in range(self.random.randint(1, 3)):
            fitting = [other for other in self.nodes if self.fits(other, 3, node.requests)]
            if not fitting:
                break
            callee = self.random.choice(fitting)
            body += self.call_form(node, module, callee, f"v{index}")
        node.lines = [f"def {node.name}(x):", *indent(body), "    return total"]
        self.nodes.append(node)

    def call_form(self, node: Node, module: Module, callee: Node, v: str) -> list[str]:
        """Statements that add to `total` what one or more calls of `callee` give."""
        f = self.reference(module, callee)
        form = self.random.randrange(CALL_FORMS)
        times = {2: 3, 3: 2, 5: 2, 7: 2, 9: 2}.get(form, 1)
        self.note_call(node, callee, times)
        match form:
            case 0:
                return [f"total += {f}(x)"]
            case 1:
                return [f"{v} = {f}(x + 1) if x % 2 else -{f}(x)", f"total += {v}"]
            case 2:
                return [f"for {v} in range(3):", f"    total += {f}({v})"]
            case 3:
                return [f"{v} = [{f}(i) for i in (x, x + 1)]", f"total += sum({v})"]
            case 4:
                return [f'{v} = f"{{{f}(x):03d}}"', f"total += len({v})"]
            case 5:
                return [f"if {f}(x) > 2 or {f}(0) < 1:", "    total += 1"]
            case 6:
                return ["try:", f"    total += {f}(x)", "finally:", "    total += 1"]
            case 7:
                return [
                    f"def inner_{v}(y):",
                    f"    return {f}(y) + x  # closes over x",
                    "",
                    f"total += inner_{v}(1) + inner_{v}(2)",
                ]
            case 8:
                module.imports["from functools import partial"] = None
                return [f"{v} = partial({f}, x)", f"total += {v}()"]
            case 9:
                return [f"{v} = {{k: {f}(k) for k in (0, 1)}}", f"total += max({v}.values())"]
            case 10:
                return [
                    "try:",
                    f"    raise KeyError({f}(x))",
                    "except KeyError as error:",
                    "    total += error.args[0]",
                ]
            case _:
                return [f"if ({v} := {f}(x)) and not {v} == 1:", f"    total -= {v}"]

    def hierarchy(self, number: int, module: Module) -> None:
        """A base class and a subclass that overrides one method; both are used as the base class."""
        self.classes += 1
        base, sub = f"Base{self.classes}", f"Sub{self.classes}"
        node = Node("run", module.name, cls=sub)
        below = [other for other in self.nodes if self.fits(other, 2)]
        first, second = self.random.choice(below), self.random.choice(below)
        self.note_call(node, first, 1)
        self.note_call(node, second, 1)
        f, g = self.reference(module, first), self.reference(module, second)
        keep = self.random.random() < 0.5
        in_base = f"{f}(x)" if keep else "x"
        module.blocks.append(
            [
                f"class {base}:",
                "    def __init__(self, extra):",
                "        self.extra = extra",
                "",
                "    def value(self, x):",
                f"        return {in_base} + self.extra",
                "",
                "    def run(self, x):",
                "        return self.value(x) * 2",
                "",
                "",
                f"class {sub}({base}):",
                "    def value(self, x):",
                f"        return super().value(x) + {g}(x)",
            ]
        )
        node.name = f"use_{number}"
        node.cls = None
        node.requests = max(node.requests, 1) * 2
        node.lines = [
            f"def {node.name}(x):",
            f"    found = [{base}(1), {sub}(x)]",
            "    return sum([item.run(x) for item in found])",
        ]
        self.nodes.append(node)

    def pool(self, number: int, module: Module) -> None:
        """A function that runs another in a thread pool."""
        node = Node(f"pool_{number}", module.name, pools=True)
        callee = self.random.choice([other for other in self.nodes if self.fits(other, 4) and not other.pools])
        self.note_call(node, callee, 4)
        f = self.reference(module, callee)
        workers = self.random.randint(1, 4)
        form = self.random.randrange(POOL_FORMS)
        names = "ThreadPoolExecutor, as_completed" if form == 2 else "ThreadPoolExecutor"
        module.imports[f"from concurrent.futures import {names}"] = None
        block: list[str]
        match form:
            case 0:
                block = [f"return sum(pool.map({f}, range(x, x + 4)))"]
            case 1:
                block = [
                    f"jobs = [pool.submit({f}, i) for i in range(4)]",
                    "return sum([job.result() for job in jobs]) + x",
                ]
            case 2:
                block = [
                    f"jobs = {{pool.submit({f}, i): i for i in range(4)}}",
                    "found = {}",
                    "for job in as_completed(jobs):",
                    "    found[jobs[job]] = job.result()",
                    "return sum(i * value for i, value in sorted(found.items())) + x",
                ]
            case 3:
                module.imports["from functools import partial"] = None
                block = [f"values = list(pool.map(partial({f}), [x, 1, 2, 3]))", "return values[0] - values[-1]"]
            case _:
                block = [
                    "def job(i):",
                    "    if i == 2:",
                    '        raise ValueError("two")',
                    f"    return {f}(i) + x",
                    "",
                    "total = 0",
                    "for future in [pool.submit(job, i) for i in range(4)]:",
                    "    try:",
                    "        total += future.result()",
                    "    except ValueError as error:",
                    "        total += len(str(error))",
                    "return total",
                ]
        node.lines = [
            f"def {node.name}(x):",
            f"    with ThreadPoolExecutor(max_workers={workers}) as pool:",
            *indent(indent(block)),
        ]
        self.nodes.append(node)

    # --- names --------------------------------------------------------------------------------------------------

    def reference(self, module: Module, node: Node) -> str:
        """How `node` is called in `module`; adds the import. One style per module and name."""
        if node.module == module.name:
            return node.name
        style = self.styles.setdefault((module.name, node.module), self.random.randrange(5))
        package, _, last = node.module.rpartition(".")
        if style == 0:
            module.imports[f"import {node.module}"] = None
            return f"{node.module}.{node.name}"
        if style == 1:
            module.imports[f"import {node.module} as m_{last}"] = None
            return f"m_{last}.{node.name}"
        if style == 2:
            module.imports[f"from {node.module} import {node.name} as aka_{node.name}"] = None
            return f"aka_{node.name}"
        if style == 3 and package and module.name.startswith(f"{package}."):
            module.imports[f"from .{last} import {node.name}"] = None
            return node.name
        if style == 4 and package and not module.name.startswith(f"{package}."):
            module.imports[f"from {package} import {node.name}"] = None  # through its __init__
            return node.name
        module.imports[f"from {node.module} import {node.name}"] = None
        return node.name

    def module(self, name: str) -> Module:
        """The module of that name."""
        return next(module for module in self.modules if module.name == name)

    def package(self) -> str:
        """``core/__init__.py``: re-exports all functions."""
        lines = ['"""Re-exports."""', ""]
        for module in self.modules:
            names = [node.name for node in self.nodes if node.module == module.name]
            if module.name.startswith("core.") and names:
                lines.append(f"from .{module.name.removeprefix('core.')} import {', '.join(sorted(names))}")
        return "\n".join(lines) + "\n"

    def main(self) -> str:
        """The program: prints what every function gives that no other calls."""
        main = Module("main", {"import sys": None})
        called = {id(callee) for node in self.nodes for callee in node.calls}
        body = []
        for node in self.nodes:
            if id(node) not in called or node.requests == 0:
                argument = self.random.randint(0, 6)
                body.append(f'print("{node.name}", {self.reference(main, node)}({argument}))')
        main.blocks.append(["def main():", *indent(body), "    return 0"])
        main.blocks.append(['if __name__ == "__main__":', "    sys.exit(main())"])
        return main.text()

    # --- bookkeeping --------------------------------------------------------------------------------------------

    def fits(self, node: Node, times: int, already: int = 0) -> bool:
        """Whether `times` calls of it keep the number of requests small."""
        return already + node.requests * times <= MOST_REQUESTS

    def note_call(self, node: Node, callee: Node, times: int) -> None:
        """`node` calls `callee` at most so often."""
        node.calls.append(callee)
        node.requests += callee.requests * times
        node.pools |= callee.pools

    def let_some_print(self) -> None:
        """Functions that no pool reaches may print."""
        in_pools: set[int] = set()

        def reach(node: Node) -> None:
            if id(node) not in in_pools:
                in_pools.add(id(node))
                for callee in node.calls:
                    reach(callee)

        for node in self.nodes:
            if node.name.startswith("pool_"):
                for callee in node.calls:
                    reach(callee)
        for node in self.nodes:
            if id(node) not in in_pools and self.random.random() < 0.6:
                node.lines.insert(1, f'    print("in {node.name}", x)')


def indent(lines: list[str]) -> list[str]:
    """The lines, one level deeper."""
    return [f"    {line}" if line else line for line in lines]


def generate(seed: int) -> dict[str, str]:
    """The program of that seed: source text by path. ``main.py`` is the one to run."""
    return Generator(seed).program()
