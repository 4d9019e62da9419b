"""A `queue.Queue` that coroutines wait for becomes a queue between tasks.

## What it rewrites

- `queue.Queue(n)` becomes `TaskQueue(n)`, from the module `aio_support` that is added to your project; `LifoQueue`,
  `PriorityQueue` and `SimpleQueue` the same.
- `get`, `put` and `join` are awaited. Their arguments, timeouts and exceptions (`queue.Empty`, `queue.Full`) stay.
- `for item in iter(q.get, None)` becomes `async for item in iter_async(q.get, None)`.
- `get_nowait`, `put_nowait`, `task_done`, `qsize`, `empty`, `full` stay as they are and may be called from any thread.
- A queue that a package makes only if its caller passes none (`self.tasks = tasks or Queue()`) moves on the condition that callers outside
  pass its counterpart (verdict `review`).

A queue moves when a function that waits for it becomes asynchronous, and then all functions that wait for it do: the
threads on its other side become tasks with it.

## What it refuses

- A queue that reaches code asyncify does not see, or of which more is used than the above.
- A loop that asks again and again without waiting: nobody else would ever run.

## What differs

Which worker gets which item was a matter of luck, and is another matter of luck.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import CallSite
from asyncify.rules.base import Finding, RefusalCode, Rule
from asyncify.rules.blocking import stays
from asyncify.rules.facts import Facts
from asyncify.rules.objects import Family, Kind, waiting_calls
from asyncify.rules.spinning import spinning

_WAITS = frozenset(["get", "put", "join"])
_PLAIN = frozenset(["get_nowait", "put_nowait", "task_done", "qsize", "empty", "full", "maxsize", "unfinished_tasks"])

KINDS = {
    "queue.Queue": Kind("queue.Queue", "aio_support.TaskQueue", _WAITS, _PLAIN),
    "queue.SimpleQueue": Kind("queue.SimpleQueue", "aio_support.TaskQueue", _WAITS, _PLAIN),
    "queue.LifoQueue": Kind("queue.LifoQueue", "aio_support.TaskLifoQueue", _WAITS, _PLAIN),
    "queue.PriorityQueue": Kind("queue.PriorityQueue", "aio_support.TaskPriorityQueue", _WAITS, _PLAIN),
}

QUEUE_ESCAPES = RefusalCode(
    "queue-escapes",
    "The queue reaches code that asyncify does not see.",
    "Keep the queue inside this project's functions, and use get, put, join, task_done and the like of it.",
)


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about queues."""
    family = Family(
        facts, "queues", KINDS, QUEUE_ESCAPES, frozenset(f"{kind}.{m}" for kind in KINDS for m in ("put", "put_nowait"))
    )
    family.examine()
    spinning(family, frozenset(["get_nowait", "put_nowait", "qsize", "empty", "full"]))
    for finding in waiting_calls(family, lambda node, method, nodes: _passes(family, node, method, nodes)):
        if isinstance(finding, CallSite):
            yield stays(finding, sorted(finding.externals)[0])
        else:
            yield finding
    yield from family.asked_again()
    yield from family.findings()


def _passes(family: Family, node: ast.Call, method: str, nodes: frozenset[str]) -> bool:
    """Whether the call never waits: it is told not to, or there is always room."""
    if method == "put" and nodes and all(_unbounded(family, each) for each in nodes):
        return True
    arguments = {"get": node.args, "put": node.args[1:]}.get(method, [])
    block = next((k.value for k in node.keywords if k.arg == "block"), arguments[0] if arguments else None)
    return isinstance(block, ast.Constant) and not block.value


def _unbounded(family: Family, queue: str) -> bool:
    instance = family.found[queue][0]
    node = family.facts.node(instance.site, ast.Call) if instance.site is not None else None
    if node is None or instance.type == "queue.SimpleQueue":
        return node is not None
    sizes = [*node.args, *(keyword.value for keyword in node.keywords)]
    return all(isinstance(size, ast.Constant) and size.value == 0 for size in sizes)


def _signatures() -> Iterator[tuple[str, Signature]]:
    for kind in KINDS:
        yield kind, Signature(returns=kind)
        for method in ("put", "put_nowait"):
            yield f"{kind}.{method}", Signature(returns="None", stores=(("slot0", "arg0 | arg:item"),))
        for method in ("get", "get_nowait"):
            yield f"{kind}.{method}", Signature(returns="slot0")
        for method in ("join", "task_done", "qsize", "empty", "full"):
            yield f"{kind}.{method}", Signature()


RULE = Rule(
    id="queues",
    title="queue.Queue → a queue between tasks",
    doc=__doc__,
    catalogue=Catalogue(signatures=dict(_signatures()), modules=frozenset({"queue"})),
    starts={},
    match=match,
    refusals=(QUEUE_ESCAPES,),
)
