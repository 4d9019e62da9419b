"""Units that run others in thread pools, in the shapes that programs write."""

from __future__ import annotations

from collections.abc import Callable

from model import Module, Program, Unit, indent

Shape = Callable[[Program, Module, str], "list[str]"]


def _sum_map(_: Program, __: Module, f: str) -> list[str]:
    return [f"return sum(pool.map({f}, range(x, x + 4)))"]


def _jobs_list(_: Program, __: Module, f: str) -> list[str]:
    return [
        f"jobs = [pool.submit({f}, i) for i in range(4)]",
        "return sum([job.result() for job in jobs]) + x",
    ]


def _jobs_loop(_: Program, __: Module, f: str) -> list[str]:
    return [
        "jobs = []",
        "for i in range(4):",
        f"    jobs.append(pool.submit({f}, i))",
        "total = x",
        "for number, job in enumerate(jobs):",
        "    total += job.result(timeout=60) * number",
        "return total",
    ]


def _as_completed_dict(_: Program, module: Module, f: str) -> list[str]:
    module.need("from concurrent.futures import as_completed")
    return [
        f"jobs = {{pool.submit({f}, i): i for i in range(4)}}",
        "found = {}",
        "for job in as_completed(jobs):",
        "    found[jobs[job]] = job.result()",
        "return sum(i * value for i, value in sorted(found.items())) + x",
    ]


def _as_completed_list(_: Program, module: Module, f: str) -> list[str]:
    module.need("import concurrent.futures as cf")
    return [
        f"jobs = [pool.submit({f}, i) for i in range(4)]",
        "results = [job.result() for job in cf.as_completed(jobs, timeout=60)]",
        "return sum(results) + len(jobs)",
    ]


def _partial(_: Program, module: Module, f: str) -> list[str]:
    module.need("from functools import partial")
    return [f"values = list(pool.map(partial({f}), [x, 1, 2, 3]))", "return values[0] - values[-1]"]


def _failing(_: Program, __: Module, f: str) -> list[str]:
    return [
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


def _exceptions(_: Program, module: Module, f: str) -> list[str]:
    module.need("from concurrent.futures import wait")
    return [
        "def check(i):",
        f"    value = {f}(i)",
        "    if i % 2:",
        "        raise LookupError(i)",
        "    return value",
        "",
        "jobs = [pool.submit(check, i) for i in range(4)]",
        "done, left = wait(jobs)",
        "errors = [job.exception() for job in jobs]",
        "return len(done) - len(left) + sum(error.args[0] for error in errors if error is not None)",
    ]


def _zip(_: Program, __: Module, f: str) -> list[str]:
    return [
        "found = {}",
        f"for key, value in zip(range(3), pool.map({f}, range(3))):",
        "    found[key] = value",
        "return found[0] + found[2] * 3",
    ]


def _two_iterables(_: Program, __: Module, f: str) -> list[str]:
    return [
        "def both(a, b):",
        f"    return {f}(a) - b",
        "",
        "return sum(list(pool.map(both, [x, 1, 2], (3, 4, 5, 6))))",
    ]


def _collecting(_: Program, __: Module, f: str) -> list[str]:
    return [
        "found = []",
        "",
        "def collect(i):",
        f"    found.append({f}(i))",
        "",
        "for i in range(3):",
        "    pool.submit(collect, i)",
        "pool.shutdown(wait=True)",
        "return sum(found) + len(found)",
    ]


def _locked(_: Program, module: Module, f: str) -> list[str]:
    module.need("import threading")
    return [
        "lock = threading.Lock()",
        "counts = {'n': 0}",
        "",
        "def count(i):",
        f"    value = {f}(i)",
        "    with lock:",
        "        counts['n'] += value",
        "    return 1",
        "",
        "done = sum(pool.map(count, range(3)))",
        "return done + counts['n']",
    ]


def _callbacks(_: Program, __: Module, f: str) -> list[str]:
    return [
        "seen = []",
        "",
        "def note(future):",
        "    seen.append(future.result())",
        "",
        "for i in range(3):",
        f"    pool.submit({f}, i).add_done_callback(note)",
        "pool.shutdown()",
        "return sum(seen)",
    ]


def _nested(program: Program, _: Module, f: str) -> list[str]:
    return [
        f"with ThreadPoolExecutor({program.random.randint(1, 3)}) as second:",
        f"    first_jobs = [pool.submit({f}, i) for i in range(2)]",
        f"    second_jobs = [second.submit({f}, i + x) for i in range(2)]",
        "    return sum(job.result() for job in first_jobs + second_jobs)",
    ]


def _chunks(_: Program, __: Module, f: str) -> list[str]:
    return [
        "total = 0",
        "for start in range(0, 4, 2):",
        f"    futures = [pool.submit({f}, i) for i in range(start, start + 2)]",
        "    while futures:",
        "        total += futures.pop(0).result() + total % 3",
        "return total",
    ]


def _helper(program: Program, module: Module, f: str) -> list[str]:
    n = program.number()
    module.blocks.append(
        [
            f"def run_all_{n}(executor, function, values):",
            "    futures = [executor.submit(function, value) for value in values]",
            "    return [future.result() for future in futures]",
        ]
    )
    return [f"return sum(run_all_{n}(pool, {f}, [x, 1, 2]))"]


SHAPES: tuple[Shape, ...] = (
    _sum_map, _jobs_list, _jobs_loop, _as_completed_dict, _as_completed_list, _partial, _failing, _exceptions, _zip, _two_iterables,
    _collecting, _locked, _callbacks, _nested, _chunks, _helper,
)  # fmt: skip


def pool(program: Program, module: Module) -> Unit | None:
    """A function that runs another unit in a thread pool."""
    callee = program.choose(4, job=True)
    if callee is None:
        return None
    unit = Unit(f"pool_{program.number()}", module.name, pools=True, submits=True)
    program.note_call(unit, callee, 4)
    unit.pools = True
    shape = program.random.choice(SHAPES)
    body = shape(program, module, program.as_value(module, callee))
    workers = program.random.choice(("max_workers=2", "3", "max_workers=1", "4"))
    module.need("from concurrent.futures import ThreadPoolExecutor")
    form = program.random.randrange(5)
    if form == 0 and "pool.shutdown" not in "".join(body):
        n = program.number()
        unit = Unit(f"Runner{n}", module.name, "{ref}().run({arg})", "{ref}().run", unit.requests, unit.calls, True)
        unit.stateful, unit.waits, unit.submits = callee.stateful, callee.waits, True
        body = [line.replace("pool.submit", "self.pool.submit").replace("pool.map", "self.pool.map") for line in body]
        body = [line.replace("(pool, ", "(self.pool, ") for line in body]
        unit.lines = [
            f"class {unit.name}:",
            "    def __init__(self):",
            f"        self.pool = ThreadPoolExecutor({workers})",
            "",
            "    def run(self, x):",
            *indent(body, 2),
        ]
        return unit
    opened = [f"with ThreadPoolExecutor({workers}) as pool:"]
    if form == 1:
        opened = [f"pool = ThreadPoolExecutor({workers})", "with pool:"]
    unit.lines = [f"def {unit.name}(x):", *indent(opened), *indent(body, 2)]
    return unit
