"""Random programs of threads, queues, locks, events and pools around I/O: the same seed gives the same program.

Each program has one to three *scenes* (:data:`SCENES`): functions that start workers, let them share something, wait for
them and return what came out. Who does what, and when, is left to chance in such programs; what comes out is not, and that is
what they print: sorted, counted, or in order where one worker does everything.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from textwrap import dedent, indent

from programs import RandomProgram

QUEUES = ("queue.Queue()", "queue.Queue(maxsize=2)", "queue.LifoQueue()", "queue.SimpleQueue()", "queue.Queue(1)")
HELPERS = """
def fetch(n):
    return int(requests.get(f"{BASE_URL}/delay/{n * 7 % 19}/{n}").text)
"""


@dataclass
class Scene:
    """One scene while it is written."""

    random: random.Random
    name: str
    helpers: list[str] = field(default_factory=list)  # functions and classes beside it

    def pick(self, *choices: str) -> str:
        """One of them."""
        return self.random.choice(choices)

    def chance(self, probability: float = 0.5) -> bool:
        """Whether it happens."""
        return self.random.random() < probability

    def number(self, low: int, high: int) -> int:
        """A number from `low` to `high`."""
        return self.random.randint(low, high)

    def text(self, body: str) -> str:
        """The scene as a function, its helpers before it."""
        function = f"def {self.name}():\n{indent(dedent(body).strip(), '    ')}\n"
        return "\n\n".join([*(dedent(helper).strip() + "\n" for helper in self.helpers), function])


def _kept(scene: Scene) -> tuple[str, str, str]:
    """How workers keep a result `value`: what to set up, the statement, and the expression of all results, sorted."""
    return scene.random.choice(
        [
            ("found = []", "found.append(value)", "sorted(found)"),
            ("found = []\nlock = threading.Lock()", "with lock:\n    found.append(value)", "sorted(found)"),
            ("found = {}", "found[len(found), value] = value", "sorted(found.values())"),
            (
                "results = queue.Queue()",
                "results.put(value)",
                "sorted(results.get_nowait() for _ in range(results.qsize()))",
            ),
            (
                "found = []\nlock = threading.RLock()",
                "with lock:\n    with lock:\n        found.append(value)",
                "sorted(found)",
            ),
        ]
    )


def _started(scene: Scene, function: str, count: int, arguments: str = "") -> str:
    """Lines that start `count` threads as `workers` and a statement (`@join`) that joins them."""
    given = f", args=({arguments},)" if arguments else ""
    daemon = ", daemon=True" if scene.chance(0.3) else ""
    made = f"threading.Thread(target={function}{given}{daemon})"
    if scene.chance(0.4):
        return f"workers = []\nfor _ in range({count}):\n    worker = {made}\n    worker.start()\n    workers.append(worker)"
    return f"workers = [{made} for _ in range({count})]\nfor worker in workers:\n    worker.start()"


JOIN = "for worker in workers:\n    worker.join({})"


def _lines(*parts: str) -> str:
    return "\n".join(parts)


def sentinels(scene: Scene) -> str:
    """Consumers that end at a sentinel; producers may be threads too."""
    count, items = scene.number(1, 4), scene.number(0, 9)
    setup, keep, result = _kept(scene)
    worker = scene.pick(
        "while True:\n    n = tasks.get()\n    if n is None:\n        break\n    value = fetch(n)\n@keep",
        "for n in iter(tasks.get, None):\n    value = fetch(n)\n@keep",
        "while (n := tasks.get()) is not None:\n    value = fetch(n)\n@keep",
    ).replace("@keep", indent(keep, "    "))
    bound = scene.pick(*QUEUES)
    if bound == "queue.LifoQueue()":  # the sentinels would come first
        bound = "queue.Queue(3)"
    feed = f"for n in range({items}):\n    tasks.put(n)"
    if scene.chance(0.4):
        feed = _lines(
            "def produce(start):",
            f"    for n in range(start, {items}, 2):",
            "        tasks.put(n)",
            "producers = [threading.Thread(target=produce, args=(start,)) for start in (0, 1)]",
            "for producer in producers:",
            "    producer.start()",
            "for producer in producers:",
            "    producer.join()",
        )
    return _lines(
        f"tasks = {bound}",
        setup,
        "def work():",
        indent(worker, "    "),
        _started(scene, "work", count),
        feed,
        f"for _ in range({count}):",
        "    tasks.put(None)",
        JOIN.format(scene.pick("", "timeout=20")),
        f"return {result}, [worker.is_alive() for worker in workers]",
    )


def joined_queue(scene: Scene) -> str:
    """Daemons that work for ever; the queue is joined."""
    count, items = scene.number(1, 4), scene.number(1, 9)
    setup, keep, result = _kept(scene)
    kind = scene.pick("queue.Queue()", "queue.Queue(maxsize=3)", "queue.PriorityQueue()", "queue.LifoQueue()")
    retry = "if n < 3:\n    tasks.put(n + 20)" if kind != "queue.Queue(maxsize=3)" and scene.chance(0.4) else "pass"
    return _lines(
        f"tasks = {kind}",
        setup,
        "def work():",
        "    while True:",
        "        n = tasks.get()",
        "        try:",
        "            if n == 4:",
        f'                raise {scene.pick("ValueError", "KeyError")}("four")',
        "            value = fetch(n)",
        indent(retry, " " * 12),
        indent(keep, " " * 12),
        "        except (ValueError, KeyError) as error:",
        "            value = -len(str(error.args[0]))",
        indent(keep, " " * 12),
        "        finally:",
        "            tasks.task_done()",
        f"for _ in range({count}):",
        "    threading.Thread(target=work, daemon=True).start()",
        f"for n in range({items}):",
        "    tasks.put(n)",
        "tasks.join()",
        f"return {result}, tasks.{scene.pick('empty', 'qsize')}()",
    )


def drained(scene: Scene) -> str:
    """Workers that end when nothing is left."""
    count, items = scene.number(1, 4), scene.number(0, 9)
    setup, keep, result = _kept(scene)
    getting = scene.pick(
        "tasks.get_nowait()", "tasks.get(timeout=0.2)", "tasks.get(block=False)", "tasks.get(True, 0.2)"
    )
    return _lines(
        f"tasks = {scene.pick('queue.Queue()', 'queue.LifoQueue()', 'queue.PriorityQueue()')}",
        setup,
        f"for n in range({items}):",
        "    tasks.put(n)",
        "def work():",
        "    while True:",
        "        try:",
        f"            n = {getting}",
        "        except queue.Empty:",
        f"            {scene.pick('return', 'break')}",
        "        value = fetch(n) * 2",
        indent(keep, " " * 8),
        _started(scene, "work", count),
        JOIN.format(""),
        f"return {result}, tasks.qsize()",
    )


def classes(scene: Scene) -> str:
    """A class that derives from Thread, with a result."""
    items, upper = scene.number(1, 6), scene.name.title().replace("_", "")
    base = scene.pick("super().__init__(name=f'{prefix}-{n}')", "threading.Thread.__init__(self, name=f'{prefix}-{n}')")
    scene.helpers.append(
        f"""
        class {upper}(threading.Thread):
            def __init__(self, n, prefix="fetcher"):
                {base}
                self.n = n
                self.result = None
                self.error = None

            def run(self):
                try:
                    if self.n == 2:
                        raise LookupError(self.n)
                    self.result = fetch(self.n), threading.current_thread().name
                except LookupError as error:
                    self.error = repr(error)
        """
    )
    wait = scene.pick("thread.join()", "thread.join(20)", "while thread.is_alive():\n        thread.join(0.05)")
    return _lines(
        f"threads = [{upper}(n) for n in range({items})]",
        "for thread in threads:",
        f"    {scene.pick('thread.daemon = True', 'assert not thread.is_alive()')}",
        "    thread.start()",
        "for thread in threads:",
        f"    {wait}",
        "return [(thread.name, thread.result, thread.error) for thread in threads]",
    )


def counted(scene: Scene) -> str:
    """A number that many change, behind a lock that is held over the request, or not."""
    lock = scene.pick("threading.Lock()", "threading.RLock()", "threading.Semaphore(1)", "threading.BoundedSemaphore()")
    add = scene.pick(
        "with lock:\n    state['n'] += fetch(n)",
        "value = fetch(n)\nwith lock:\n    state['n'] += value",
        "lock.acquire()\ntry:\n    before = state['n']\n    state['n'] = before + fetch(n)\nfinally:\n    lock.release()",
        "with lock:\n    before = state['n']\n    value = fetch(n)\n    state['n'] = before + value",
    )
    runs = scene.pick(
        "with ThreadPoolExecutor(3) as pool:\n    list(pool.map(add, range({})))",
        "with ThreadPoolExecutor(2) as pool:\n    jobs = [pool.submit(add, n) for n in range({})]\n"
        "for job in jobs:\n    job.result()",
        "threads = [threading.Thread(target=add, args=(n,)) for n in range({})]\nfor thread in threads:\n    thread.start()\n"
        "for thread in threads:\n    thread.join()",
    ).format(scene.number(2, 6))
    return _lines(f"lock = {lock}", "state = {'n': 0}", "def add(n):", indent(add, "    "), runs, "return state['n']")


def gated(scene: Scene) -> str:
    """Workers that wait for an event, a condition or each other before they go on."""
    count = scene.number(1, 4)
    kind = scene.pick("event", "condition", "barrier", "timer")
    setup, keep, result = _kept(scene)
    made = {
        "event": "gate = threading.Event()",
        "condition": "gate = threading.Condition()\nopened = []",
        "barrier": f"gate = threading.Barrier({count})",
        "timer": "gate = threading.Event()",
    }[kind]
    wait = {
        "event": scene.pick("gate.wait()", "assert gate.wait(timeout=20)", "while not gate.wait(0.05):\n    pass"),
        "condition": scene.pick(
            "with gate:\n    while not opened:\n        gate.wait()",
            "with gate:\n    gate.wait_for(lambda: opened)",
            "with gate:\n    gate.wait_for(lambda: opened, timeout=20)",
        ),
        "barrier": scene.pick("gate.wait()", "gate.wait(timeout=20)"),
        "timer": "gate.wait()",
    }[kind]
    opening = {
        "event": "fetch(3)\ngate.set()",
        "condition": "with gate:\n    opened.append(fetch(2))\n    gate.notify_all()",
        "barrier": "pass",
        "timer": "timer = threading.Timer(0.05, gate.set)\ntimer.start()",
    }[kind]
    return _lines(
        setup,
        made,
        "def work(n):",
        f"    value = fetch(n){' * 10' if scene.chance() else ''}",
        indent(wait, "    "),
        "    value += fetch(1)",
        indent(keep, "    "),
        f"workers = [threading.Thread(target=work, args=(n,)) for n in range({count})]",
        "for worker in workers:",
        "    worker.start()",
        opening,
        JOIN.format(""),
        f"return {result}",
    )


def stopped(scene: Scene) -> str:
    """A worker that goes on until it is told to stop; only its first rounds ask for something."""
    loop = scene.pick(
        "while not stop.is_set():\n    look()\n    stop.wait(0.01)",
        "while not stop.wait(0.01):\n    look()",
        "while True:\n    if stop.is_set():\n        break\n    look()\n    time.sleep(0.005)",
    )
    enough = scene.pick(
        "while len(seen) < 3:\n    time.sleep(0.01)",
        "while True:\n    time.sleep(0.01)\n    if len(seen) >= 3:\n        break",
    )
    return _lines(
        "stop = threading.Event()",
        "seen = []",
        "def look():",
        "    if len(seen) < 3:",
        "        seen.append(fetch(5 + len(seen)))",
        "def poll():",
        indent(loop, "    "),
        f"worker = threading.Thread(target=poll{scene.pick('', ', daemon=True')})",
        "worker.start()",
        enough,
        "stop.set()",
        "worker.join()",
        "return seen, worker.is_alive()",
    )


def pooled(scene: Scene) -> str:
    """A pool, with jobs that fail."""
    workers, items = scene.number(1, 4), scene.number(0, 8)
    ways = [
        f"jobs = {{pool.submit(job, n): n for n in range({items})}}\nfor future in as_completed(jobs):\n"
        "    try:\n        found[jobs[future]] = future.result()\n    except ValueError as error:\n"
        "        found[jobs[future]] = str(error)",
        f"jobs = [pool.submit(job, n) for n in range({items})]\ndone, left = wait(jobs{scene.pick('', ', timeout=20')})\n"
        "for n, future in enumerate(jobs):\n    found[n] = repr(future.exception()) if future.exception() else future.result()\n"
        "found['left'] = len(left), len(done)",
        f"results = pool.map(job, range({items}))\ntry:\n    for n, value in enumerate(results):\n        found[n] = value\n"
        "except ValueError as error:\n    found['error'] = str(error)",
        f"pending = {{pool.submit(job, n) for n in range({items})}}\nwhile pending:\n"
        "    done, pending = wait(pending, return_when=FIRST_COMPLETED)\n    for future in done:\n"
        "        key = repr(future.exception() or future.result())\n        found[key] = found.get(key, 0) + 1",
        f"def note(future):\n    found[repr(future.exception() or future.result())] = future.done()\nfor n in range({items}):\n"
        "    pool.submit(job, n).add_done_callback(note)",
        "def grow(n):\n    found[n] = job(n)\n    if n < 3:\n        todo.append(pool.submit(grow, n + 4))\n"
        "todo = []\nfor n in (1, 2, 3):\n    todo.append(pool.submit(grow, n))\nwhile todo:\n    todo.pop().result()",
    ]
    way = scene.random.choice(ways)
    fails = "if n == 5:\n    raise ValueError('five')\n" if "grow" not in way else ""
    ordered = workers == 1 and "as_completed" not in way and "wait(" not in way
    opened = scene.chance(0.6)
    body = (
        _lines(f"with ThreadPoolExecutor(max_workers={workers}) as pool:", indent(way, "    "))
        if opened
        else _lines(f"pool = ThreadPoolExecutor({workers})", way, f"pool.shutdown({scene.pick('', 'wait=True')})")
    )
    return _lines(
        "found = {}",
        "def job(n):",
        indent(f"{fails}return fetch(n) * 3", "    "),
        body,
        f"return {'list' if ordered else 'sorted'}((str(key), str(value)) for key, value in found.items())",
    )


def own_values(scene: Scene) -> str:
    """Workers with values of their own."""
    runs = scene.pick(
        "with ThreadPoolExecutor(2, thread_name_prefix='own') as pool:\n    found = list(pool.map(work, range({})))",
        "threads = [threading.Thread(target=lambda n=n: found.append(work(n))) for n in range({})]\n"
        "for thread in threads:\n    thread.start()\nfor thread in threads:\n    thread.join()",
    ).format(scene.number(1, 5))
    return _lines(
        "own = threading.local()",
        "own.first = 'main'",
        "found = []",
        "def work(n):",
        "    if not hasattr(own, 'session'):",
        "        own.session = requests.Session()",
        "        own.first = n",
        "    own.n = n",
        '    text = own.session.get(f"{BASE_URL}/delay/{n * 5}/{n}").text',
        "    return own.n, int(text) == n, own.first <= n",
        runs,
        "return sorted(found), own.first, hasattr(own, 'session')",
    )


SCENES: tuple[Callable[[Scene], str], ...] = (
    sentinels, joined_queue, drained, classes, counted, gated, stopped, pooled, pooled, own_values,
)  # fmt: skip


def generate(seed: int) -> RandomProgram:
    """The program of that seed."""
    source = random.Random(seed)
    parts, names = [], []
    for number in range(source.randint(1, 3)):
        write = source.choice(SCENES)
        scene = Scene(source, f"{write.__name__}_{number}")
        parts.append(scene.text(write(scene)))
        names.append(scene.name)
    if source.random() < 0.2:  # scenes side by side
        names_of = ", ".join(names)
        main = f"with ThreadPoolExecutor(3) as scenes:\n    for result in scenes.map(lambda scene: scene(), [{names_of}]):\n        print(result)"
    else:
        main = "\n".join(f"print({name}())" for name in names)
    main = f"print(fetch(1))\n{main}"
    start = source.choice(("guarded", "called", "flat"))
    if start == "flat":
        end = main + "\n"
    else:
        end = f"def main():\n{indent(main, '    ')}\n\n\n"
        end += "main()\n" if start == "called" else 'if __name__ == "__main__":\n    main()\n'
    body = "\n\n".join([HELPERS.strip() + "\n", *parts]) + "\n\n" + end
    head = ["import os", "import queue", "import threading", "import time"]
    head.append("from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait")
    head += ["", "import requests", "", 'BASE_URL = os.environ["BASE_URL"]', "", "", ""]
    return RandomProgram({"main.py": "\n".join(head) + body}, ("python", "main.py"), 0)
