"""How a random program starts: the shapes of main.py."""

from __future__ import annotations

from collections.abc import Callable

from model import Module, Program, Unit, indent

Calls = list[tuple[str, str]]  # the name of a unit, and an expression that calls it
Entry = Callable[[Program, Module, Calls], None]


def _prints(calls: Calls) -> list[str]:
    return [f'print("{name}", {call})' for name, call in calls]


def guarded(program: Program, main: Module, calls: Calls) -> None:
    """``sys.exit(main())`` below the guard."""
    main.need("import sys")
    code = program.random.choice((0, 0, 0, 3))
    program.exit = code
    main.blocks.append(["def main():", *indent(_prints(calls)), f"    return {code}"])
    main.blocks.append(['if __name__ == "__main__":', "    sys.exit(main())"])


def plain(_: Program, main: Module, calls: Calls) -> None:
    """``main()`` below the guard, and a step of its own."""
    main.blocks.append(["def show(name, value):", "    print(name, value, sep=': ')"])
    main.blocks.append(["def main():", *indent([f'show("{name}", {call})' for name, call in calls])])
    main.blocks.append(['if __name__ == "__main__":', "    main()", '    print("end")'])


def script(_: Program, main: Module, calls: Calls) -> None:
    """Everything at module level."""
    main.blocks.append(['print("start")', *_prints(calls)])


def script_with_loop(_: Program, main: Module, calls: Calls) -> None:
    """Module level with statements around the calls."""
    body = ["results = {}"]
    for name, call in calls:
        body += ["try:", f"    results['{name}'] = {call}", "except ValueError as error:", "    print('bad', error)"]
    body += [
        "for name, value in results.items():",
        "    print(name, value)",
        "if not results:",
        "    raise SystemExit(2)",
    ]
    main.blocks.append(body)


def command_line(_: Program, main: Module, calls: Calls) -> None:
    """argparse with a sub-command."""
    main.need("import argparse", "import sys")
    main.blocks.append(
        [
            "def run(args):",
            *indent(_prints(calls)),
            '    print("times", args.times)',
            "    return 0",
        ]
    )
    main.blocks.append(
        [
            "def main(argv=None):",
            '    parser = argparse.ArgumentParser(description="a tool")',
            '    parser.add_argument("--times", type=int, default=2)',
            '    commands = parser.add_subparsers(dest="command")',
            '    one = commands.add_parser("run")',
            "    one.set_defaults(function=run)",
            '    args = parser.parse_args(["run"] if argv is None else argv)',
            "    return args.function(args)" if len(calls) % 3 == 0 else "    return run(args)",
        ]
    )
    main.blocks.append(['if __name__ == "__main__":', "    sys.exit(main())"])


def application(_: Program, main: Module, calls: Calls) -> None:
    """A class with a method run()."""
    body = [f'self.report("{name}", {call})' for name, call in calls]
    main.blocks.append(
        [
            "class App:",
            "    def __init__(self, name):",
            "        self.name = name",
            "        self.lines = []",
            "",
            "    def report(self, name, value):",
            "        self.lines.append((name, value))",
            "        print(self.name, name, value)",
            "",
            "    def run(self):",
            *indent(body, 2),
            "        return len(self.lines)",
        ]
    )
    main.blocks.append(['if __name__ == "__main__":', '    print(App("app").run())'])


def writes_files(program: Program, main: Module, calls: Calls) -> None:
    """Results go to a file."""
    kind = program.random.choice(("json", "csv"))
    main.need(f"import {kind}")
    rows = [f'("{name}", {call}),' for name, call in calls]
    write = (
        ['with open("out.json", "w") as file:', "    json.dump(rows, file, indent=1)"]
        if kind == "json"
        else ['with open("out.csv", "w", newline="") as file:', "    csv.writer(file).writerows(rows)"]
    )
    main.blocks.append(
        ["def main():", "    rows = [", *indent(rows, 2), "    ]", *indent(write), "    print(len(rows))"]
    )
    main.blocks.append(['if __name__ == "__main__":', "    main()"])


def logs(_: Program, main: Module, calls: Calls) -> None:
    """Results go to a logger."""
    main.need("import logging", "import sys")
    main.blocks.append(['log = logging.getLogger("program")'])
    body = [f'log.info("%s gives %s", "{name}", {call})' for name, call in calls]
    main.blocks.append(["def main():", *indent(body)])
    main.blocks.append(
        [
            'if __name__ == "__main__":',
            '    logging.basicConfig(stream=sys.stdout, level="INFO", format="%(name)s %(levelname)s %(message)s")',
            '    logging.getLogger("urllib3").setLevel("WARNING")',
            "    main()",
        ]
    )


def uncaught(program: Program, main: Module, calls: Calls) -> None:
    """Ends with an exception, after a finally."""
    program.exit = 1
    body = [*_prints(calls), 'raise LookupError("at the end")']
    main.blocks.append(["def main():", "    try:", *indent(body, 2), "    finally:", '        print("cleaned up")'])
    main.blocks.append(['if __name__ == "__main__":', "    main()"])


def interrupt(_: Program, main: Module, calls: Calls) -> None:
    """Catches Ctrl-C around main()."""
    main.need("import sys")
    main.blocks.append(["def main():", *indent(_prints(calls)), '    return "done"'])
    main.blocks.append(
        [
            'if __name__ == "__main__":',
            "    try:",
            "        print(main())",
            "    except KeyboardInterrupt:",
            '        sys.exit("interrupted")',
        ]
    )


def asynchronous(program: Program, main: Module, calls: Calls) -> None:
    """asyncio is there already: some calls block its loop, some run in threads."""
    main.need("import asyncio")
    body = []
    for number, (name, call) in enumerate(calls):
        if number % 2 and program.random.random() < 0.5:
            main.blocks.append([f"def in_thread_{number}():", f"    return {call}"])
            body.append(f'print("{name}", await asyncio.to_thread(in_thread_{number}))')
        else:
            body.append(f'print("{name}", {call})')
    main.blocks.append(["async def main():", *indent(body), "    await asyncio.sleep(0)"])
    main.blocks.append(['if __name__ == "__main__":', "    asyncio.run(main())"])


def with_tests(_: Program, main: Module, calls: Calls) -> None:
    """Tests of unittest in the program's file."""
    main.need("import unittest")
    lines = ["class Tests(unittest.TestCase):", "    def setUp(self):", "        self.results = []"]
    for number, (name, call) in enumerate(calls):
        lines += ["", f"    def test_{number:02}(self):", f"        value = {call}", f'        print("{name}", value)']
        lines += ["        self.results.append(value)", "        self.assertEqual(len(self.results), 1)"]
    main.blocks.append(lines)
    main.blocks.append(['if __name__ == "__main__":', "    unittest.main()"])


ENTRIES: tuple[Entry, ...] = (
    guarded, guarded, guarded, plain, script, script_with_loop, command_line, application, writes_files, logs, uncaught, interrupt,
    asynchronous, with_tests,
)  # fmt: skip


def main_module(program: Program, units: list[Unit]) -> None:
    """Add main.py, which shows what the units give; sometimes as ``__main__`` of a package."""
    main = Module("main")
    calls = []
    for unit in units:
        argument = str(program.random.randint(0, 6))
        call = program.call(main, unit, argument)
        if unit.raises:
            safe = f"safe_{unit.name}"
            error = program.reference(main, unit, unit.raises)
            main.blocks.append(
                [
                    f"def {safe}(x):",
                    "    try:",
                    f"        return {program.call(main, unit, 'x')}",
                    f"    except {error} as error:",
                    "        return error.args",
                ]
            )
            call = f"{safe}({argument})"
        calls.append((unit.name, call))
    entry = program.random.choice(ENTRIES)
    entry(program, main, calls)
    if program.random.random() < 0.12 and entry is not with_tests:
        program.command = ["python", "-m", "app"]
        program.files["app/__init__.py"] = ""
        program.files["app/__main__.py"] = main.text()
    else:
        program.files["main.py"] = main.text()
