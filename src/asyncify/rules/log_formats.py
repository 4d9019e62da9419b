"""Threads and pools stay what they are where log lines name the thread that wrote them.

## What it refuses

A thread or a pool in a program with a log format that contains `%(threadName)s` or `%(thread)d` (or `{threadName}`): tasks all run in one thread,
and all lines would bear its name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue
from asyncify.model import Reason, Refusal
from asyncify.rules.base import Block, Finding, RefusalCode, Rule, object_node
from asyncify.rules.facts import Facts

THREAD_IN_LOG = RefusalCode(
    "thread-in-log",
    "Log lines name the thread that wrote them; tasks all run in one.",
    "Take the name of the thread out of the log format, or log the name of the job instead.",
)
_NAMES_THREAD = re.compile(r"%\((threadName|thread)\)|\{(threadName|thread)[}!:]")
_THREADS = frozenset(["concurrent.futures.ThreadPoolExecutor", "threading.Thread", "threading.Timer"])


def match(facts: Facts) -> Iterator[Finding]:
    """Blocks for all threads and pools, where some text outside the tests is such a format."""
    pools = [instance.site for instance in facts.instances if instance.type in _THREADS and instance.site is not None]
    pools += [info.span for info in facts.project.classes.values() if info.external_bases & _THREADS]
    if not pools:
        return
    for path, file in facts.project.files.items():
        if "thread" not in file.source.text or facts.in_test(path):
            continue
        for node in facts.nodes(path, ast.Constant):
            if isinstance(node.value, str) and _NAMES_THREAD.search(node.value):
                span = facts.span(path, node)
                reason = Reason(THREAD_IN_LOG.title, span)
                refusal = Refusal(THREAD_IN_LOG.code, span, THREAD_IN_LOG.title, THREAD_IN_LOG.remedy, reason)
                for site in pools:
                    yield Block(object_node(site), refusal, "log_formats")


RULE = Rule(
    id="log_formats",
    title="Log lines that name threads",
    doc=__doc__,
    catalogue=Catalogue(),
    match=match,
    refusals=(THREAD_IN_LOG,),
)
