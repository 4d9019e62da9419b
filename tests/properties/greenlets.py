"""Random programs of gevent's greenlets: the same seed gives the same program.

Two to six greenlets share queues, events, locks, pools and results, and each does some steps with them in an order left to
chance. Greenlets only change where they wait, so a program has one order of things: each step is written down, and the
whole log is printed. What waits for time does so once, twice, four times ... 40 ms: no two such waits, and no sums of them,
end at the same moment.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from textwrap import dedent, indent

from programs import RandomProgram

HEAD = """
from gevent import monkey

monkey.patch_all()

import os
import time

import gevent
import requests
from gevent.event import AsyncResult, Event
from gevent.lock import BoundedSemaphore, RLock, Semaphore
from gevent.pool import Group, Pool
from gevent.queue import Empty, Full, JoinableQueue, LifoQueue, PriorityQueue, Queue

BASE_URL = os.environ["BASE_URL"]
log = []


def fetch(seconds):
    return int(requests.get(f"{BASE_URL}/delay/{int(seconds * 1000)}/{int(seconds * 100)}").text)


def small(n):
    log.append(("begins", n))
    gevent.sleep(0)
    log.append(("goes on", n))
    return n * 2


def failing(n):
    log.append(("fails", n))
    if n % 3 == 1:
        raise LookupError(n)
    return n


def noted(greenlet):
    log.append(("linked", greenlet.value))


def quick(greenlet):
    log.append(("rawlinked", greenlet.value))
"""

QUEUES = ("Queue()", "Queue(1)", "Queue(maxsize=2)", "LifoQueue()", "PriorityQueue()", "JoinableQueue()")


class Steps:
    """What the greenlets of one program do, step by step."""

    def __init__(self, source: random.Random, greenlets: int) -> None:
        self.random = source
        self.greenlets = greenlets
        self._moment = 0

    def moment(self) -> str:
        """Seconds that no other wait of the program lasts."""
        self._moment += 1
        return f"{0.02 * 2**self._moment:.2f}"

    def one(self) -> str:
        """The lines of one step."""
        write: Callable[[Steps], str] = self.random.choice(STEPS if self._moment < MOMENTS else UNTIMED)
        return dedent(write(self)).strip()

    def timed(self) -> bool:
        """Whether the step may wait for time."""
        return self._moment < MOMENTS and self.random.random() < 0.5

    def pick(self, *choices: str) -> str:
        """One of them."""
        return self.random.choice(choices)

    def number(self, low: int, high: int) -> int:
        """A number from `low` to `high`."""
        return self.random.randint(low, high)


def _tried(line: str, error: str, otherwise: str) -> str:
    return f"try:\n    {line}\nexcept {error}:\n    log.append((me, {otherwise!r}))"


MOMENTS = 5


def _turn(_: Steps) -> str:
    return "gevent.sleep(0)\nlog.append((me, 'turn'))"


def _sleep(steps: Steps) -> str:
    return f"{steps.pick('gevent', 'time')}.sleep({steps.moment()})\nlog.append((me, 'slept'))"


def _put(steps: Steps) -> str:
    number = steps.number(0, 99)
    line = f"tasks.put({number}, timeout={steps.moment()})" if steps.timed() else f"tasks.put_nowait({number})"
    return _tried(f"{line}\n    log.append((me, 'put', {number}))", "Full", "full")


def _get(steps: Steps) -> str:
    line = steps.pick("tasks.get_nowait()", "tasks.get(block=False)")
    if steps.timed():
        line = steps.pick("tasks.get(timeout={})", "tasks.peek(True, {})").format(steps.moment())
    return _tried(f"log.append((me, 'got', {line}))", "Empty", "empty")


def _event(steps: Steps) -> str:
    if steps.timed():
        return f"log.append((me, 'event', gate.wait({steps.pick('', 'timeout=')}{steps.moment()})))"
    return steps.pick(
        "gate.set()\nlog.append((me, 'set'))",
        "gate.clear()",
        "gate.set()\ngate.clear()",
        "if gate.is_set():\n    gate.wait()",
    )


def _result(steps: Steps) -> str:
    if not steps.timed():
        return "if not answer.ready():\n    answer.set(me)"
    if steps.number(0, 1):
        return f"log.append((me, 'waited', answer.wait({steps.moment()})))"
    return _tried(f"log.append((me, 'answer', answer.get(timeout={steps.moment()})))", "gevent.Timeout", "no answer")


def _locked(steps: Steps) -> str:
    body = f"gevent.sleep({steps.moment()})" if steps.timed() else steps.pick("gevent.sleep(0)", "pass")
    lock = steps.pick("places", "lock")
    again = f"    with {lock}:\n        {body}\n" if lock == "lock" else f"    {body}\n"
    return f"with {lock}:\n    log.append((me, 'in'))\n{again}    log.append((me, 'out'))"


def _acquired(steps: Steps) -> str:
    lock = steps.pick("places", "lock")
    how = f"timeout={steps.moment()}" if steps.timed() else "blocking=False"
    return f"if {lock}.acquire({how}):\n    log.append((me, 'acquired'))\n    gevent.sleep(0)\n    {lock}.release()"


def _fetched(steps: Steps) -> str:
    return f"log.append((me, fetch({steps.moment()})))"


def _limited(steps: Steps) -> str:
    first, second = steps.moment(), steps.moment()
    if steps.number(0, 1):
        return f"with gevent.Timeout({first}, False):\n    gevent.sleep({second})\n    log.append((me, 'too late'))"
    inner = f"with gevent.Timeout({second}):\n        gevent.sleep({first})\n        gate.wait()"
    return _tried(inner, "gevent.Timeout", "limited")


def _spawned(steps: Steps) -> str:
    start = steps.pick("gevent.spawn(small, {})", "pool.spawn(small, {})", "group.spawn(small, {})")
    if steps.timed():
        start = f"gevent.spawn_later({steps.moment()}, small, {{}})"
    start = start.format(steps.number(0, 9))
    linked = f"child = {start}\nchild.{steps.pick('link(noted)', 'link_value(noted)', 'rawlink(quick)')}\n"
    return steps.pick(
        f"started.append({start})",
        f"log.append((me, {start}.get()))",
        f"child = {start}\nchild.join()\nlog.append((me, child.ready(), child.value))",
        f"{linked}started.append(child)",
        f"child = {start}\nchild.kill({steps.pick('', 'block=False')})\nlog.append((me, child.ready(), repr(child.value)))",
    )


def _mapped(steps: Steps) -> str:
    function, count = steps.pick("small", "failing"), steps.number(0, 4)
    way = steps.pick("pool.imap", "pool.imap_unordered", "group.imap", "group.imap_unordered")
    return steps.pick(
        _tried(f"log.append((me, pool.map({function}, range({count}))))", "LookupError", "map failed"),
        _tried(f"log.append((me, group.map({function}, range({count}))))", "LookupError", "map failed"),
        _tried(
            f"for value in {way}({function}, range({count})):\n        log.append((me, 'result', value))",
            "LookupError",
            "a result failed",
        ),
        f"log.append((me, pool.apply(small, ({count},))))",
        f"pool.apply_async(small, ({count},), callback=log.append)",
    )


def _others(steps: Steps) -> str:
    other = steps.number(0, steps.greenlets - 1)
    moment = steps.moment()
    line = steps.pick(
        f"workers[{other}].join({moment})",
        f"gevent.joinall(workers, timeout={moment})",
        f"log.append((me, len(gevent.wait(workers, timeout={moment}, count=1))))",
        f"for _ in gevent.iwait(workers, timeout={moment}):\n    log.append((me, 'one ended'))",
    )
    return f"{line}\nlog.append((me, 'after others'))"


def _done(steps: Steps) -> str:
    return steps.pick(
        "log.append((me, tasks.qsize(), tasks.empty(), tasks.full()))",
        "log.append((me, pool.free_count(), len(pool), len(group)))",
        "log.append((me, [worker.ready() for worker in workers]))",
        "log.append((me, gate.is_set(), answer.ready(), places.locked()))",
    )


UNTIMED = (
    _turn, _put, _put, _get, _get, _event, _event, _result, _locked, _locked, _acquired, _spawned, _spawned, _mapped,
    _mapped, _done,
)  # fmt: skip
STEPS = (*UNTIMED, _sleep, _fetched, _limited, _others)


def generate(seed: int) -> RandomProgram:
    """The program of that seed."""
    source = random.Random(seed)
    count = source.randint(2, 6)
    steps = Steps(source, count)
    functions = []
    for number in range(count):
        body = "\n".join(steps.one() for _ in range(source.randint(1, 6)))
        functions.append(f"def work_{number}():\n    me = {number}\n{indent(body, '    ')}\n    return me\n")
    places = steps.pick("Semaphore(1)", "Semaphore(2)", "BoundedSemaphore(1)")
    shared = (
        f"tasks = {steps.pick(*QUEUES)}\ngate = Event()\nanswer = AsyncResult()\nplaces = {places}\nlock = RLock()\n"
    )
    shared += f"pool = Pool({source.randint(1, 3)})\ngroup = Group()\nstarted = []\nworkers = []\n"
    start = "\n".join(f"workers.append(gevent.spawn(work_{number}))" for number in range(count))
    end = steps.pick("gevent.joinall(workers)", "for worker in workers:\n    worker.join()", "gevent.wait(workers)")
    middle = steps.pick("gevent.sleep(0)", "log.append('main')", "gate.set()", "gevent.killall(workers[1:2])")
    main = f"{start}\n{middle}\n{end}\ngevent.joinall(started)\npool.join()\nlog.append([w.value for w in workers])"
    main = f"def main():\n    print(fetch(0))\n{indent(main, '    ')}\n    for line in log:\n        print(line)\n\n\nmain()\n"
    text = "\n\n".join([HEAD.strip() + "\n", shared, *functions, main])
    return RandomProgram({"main.py": text}, ("python", "main.py"), 0)
