"""Log lines that name the thread that wrote them name the worker, or the task, afterwards.

## What it rewrites

- A log format with `%(threadName)s` or `%(thread)d` (or `{threadName}`) becomes `aio_support.naming_workers("...")` where a thread or a pool becomes
  tasks: the format stays what it is, and log records get the names that the threads had.

## What it refuses

Threads and pools stay what they are where the name is found in another way: `record.threadName` in code, a part of an f-string, a log record factory
of the program's own, loguru, jobs of a `multiprocessing.pool.ThreadPool`, programs that call `asyncio.to_thread` themselves.

Functions that log stay synchronous where a handler of the project waits (its `emit` makes a request): each line would stop the event loop.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue
from asyncify.model import Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules.annotations import in_annotation
from asyncify.rules.base import (
    CALLBACK,
    Block,
    Claim,
    Finding,
    OnLoop,
    RefusalCode,
    Role,
    Rule,
    function_node,
    object_node,
)
from asyncify.rules.facts import Facts
from asyncify.rules.support import import_of
from asyncify.rules.thread_identity import THREAD_POOL

ID = "log_formats"
THREAD_IN_LOG = RefusalCode(
    "thread-in-log",
    "Log lines name the thread that wrote them; tasks all run in one.",
    "Name the thread by %(threadName)s in a log format that is written as one string, or log the name of the job instead.",
)
_NAMES_THREAD = re.compile(r"%\((threadName|thread)\)|\{(threadName|thread)[}!:]|\{(record\.)?thread\.(name|id)")
_LOGGING = re.compile(r"logging\.(Logger(Adapter)?\.)?(debug|info|warning|warn|error|exception|critical|log)")
_OF_LOGURU = re.compile(r"\{(record\.)?thread\.")
_THREADS = frozenset(["concurrent.futures.ThreadPoolExecutor", "threading.Thread", "threading.Timer"])
_OWN_WAYS = ("logging.setLogRecordFactory", "asyncio.to_thread")


def match(facts: Facts) -> Iterator[Finding]:
    """What becomes of all formats that name threads, outside the tests, and of the threads and pools there are."""
    yield from _waiting_handlers(facts)
    made = {instance.site: instance.type for instance in facts.instances if instance.site is not None}
    pools = [object_node(site) for site, kind in made.items() if kind in _THREADS]
    pools += [object_node(info.span) for info in facts.project.classes.values() if info.external_bases & _THREADS]
    others = [object_node(site) for site, kind in made.items() if kind == THREAD_POOL]
    if not pools and not others:
        return
    in_place = [place for path in facts.project.files if not facts.in_test(path) for place in _named(facts, path)]
    for path, node in in_place:
        kept = _kept(facts, path, node)
        for pool in sorted([*pools, *others] if kept else others):
            yield Block(pool, _refuse(facts.span(path, node)), ID)
        if not kept and isinstance(node, ast.Constant):
            yield _naming(facts, path, node, tuple(sorted(pools)))


def _waiting_handlers(facts: Facts) -> Iterator[OnLoop]:
    """Every function that logs runs the handlers of the project, where it stands."""
    emits = [
        name
        for cls in facts.project.classes.values()
        if any(base.startswith("logging.") and base.endswith("Handler") for base in cls.external_bases)
        for last, name in sorted(cls.methods.items())
        if last in ("emit", "handle", "filter")
    ]
    for external in sorted(facts.calls_by_external) if emits else ():
        for call in facts.calls_by_external[external] if _LOGGING.fullmatch(external) else ():
            text = "a handler of the project that waits writes this line: it would stop the event loop"
            refusal = Refusal(CALLBACK.code, call.span, text, CALLBACK.remedy, Reason(text, call.span))
            yield from (OnLoop(function_node(call.within), emit, refusal) for emit in emits)


def _named(facts: Facts, path: str) -> Iterator[tuple[str, ast.expr]]:
    """The strings of a file that name threads, and reads of the attribute of log records."""
    if "thread" not in facts.file(path).source.text:
        return
    for node in facts.nodes(path, ast.Constant):
        if isinstance(node.value, str) and _NAMES_THREAD.search(node.value):
            yield path, node
    for attribute in facts.nodes(path, ast.Attribute):
        if attribute.attr == "threadName" and isinstance(attribute.ctx, ast.Load):
            yield path, attribute


def _kept(facts: Facts, path: str, node: ast.expr) -> bool:
    """Whether the name cannot be had by :func:`_naming` here."""
    if not isinstance(node, ast.Constant) or _OF_LOGURU.search(str(node.value)) or in_annotation(facts, path, node):
        return True
    if isinstance(facts.parent(path, node), (ast.JoinedStr, ast.FormattedValue, ast.Expr, ast.MatchValue)):
        return True
    loguru = any(name.partition(".")[0] == "loguru" for name in facts.external_names)
    return loguru or any(name in facts.calls_by_external for name in _OWN_WAYS)


def _naming(facts: Facts, path: str, node: ast.Constant, pools: tuple[str, ...]) -> Claim:
    span = facts.span(path, node)
    reason = Reason("log lines name workers as they named threads", span)
    edits = (
        ReplaceExpr(span, "aio_support.naming_workers({text})", reason, {"text": span}),
        import_of(facts.file(path).source, "aio_support", span, reason),
    )
    within = facts.enclosing(path, node)
    return Claim(ID, span, within, Role.PART, Verdict.EXACT, reason.text, {"": edits}, needs_async=False, follows=pools)


def _refuse(span: Span) -> Refusal:
    return Refusal(
        THREAD_IN_LOG.code, span, THREAD_IN_LOG.title, THREAD_IN_LOG.remedy, Reason(THREAD_IN_LOG.title, span)
    )


RULE = Rule(
    id=ID,
    title="Log lines that name threads",
    doc=__doc__,
    catalogue=Catalogue(),
    match=match,
    refusals=(THREAD_IN_LOG,),
    starts={},
)
