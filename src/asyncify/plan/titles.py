"""What a group is called, and the identity that it keeps from run to run."""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter

from asyncify.rules.base import Claim, Role
from asyncify.rules.facts import Facts

_PLACE = re.compile(r"<lambda:\d+:\d+")  # lines move


def identity_of(claims: list[Claim], facts: Facts) -> str:
    """Short, and the same as long as the group's sites read the same in the same functions."""
    digest = hashlib.sha256()
    for claim in claims:
        node = facts.node(claim.span, ast.AST)
        text = ast.dump(node) if isinstance(node, ast.expr) else type(node).__name__
        within = _PLACE.sub("<lambda", claim.within)
        digest.update(f"{claim.rule}\0{claim.span.path}\0{within}\0{text}\n".encode())
    return digest.hexdigest()[:8]


_NOUNS = {"requests": "request", "thread_pool": "pool place", "multiprocessing_pool": "pool place",
          "futures_session": "session place", "thread_map": "pool place", "time_sleep": "sleep", "blocking": "blocking call",
          "test_frameworks": "test expression", "generators": "iteration", "queues": "queue place",
          "threads": "thread place", "thread_locks": "lock place",
          "context_classes": "context", "constructors": "construction", "builtin_callbacks": "builtin", "iterator_classes": "iteration",
          "gevent": "greenlet place", "eventlet": "greenlet place", "grequests": "grequests place", "fastapi": "endpoint", "handlers": "handler",
          "quart": "Flask place", "django": "view", "exit_stacks": "stack", "log_formats": "log format",
          "executors": "threaded call", "next_items": "item", "own_loops": "event loop"}  # fmt: skip


def title_of(claims: list[Claim], functions: list[str]) -> str:
    counts = Counter(claim.rule for claim in claims)
    what = ", ".join(
        f"{count} {_NOUNS.get(rule, rule)}{'s' if count > 1 else ''}" for rule, count in sorted(counts.items())
    )
    first = next(claim for claim in claims if claim.role is not Role.PART)
    where = f"{first.span.path}" + (f" and {more} more" if (more := len({c.span.path for c in claims}) - 1) else "")
    return f"{where}: {what}; {len(functions)} function{'s' if len(functions) != 1 else ''} async"
