"""grequests stays, and with it the program that uses it.

## What it refuses

Importing grequests patches sockets for gevent in the whole program, and its `map` and `imap` run gevent's own loop. An event loop of asyncio
beside that one would stop. So requests of such a program stay as they are, with this reason.

Call `requests.get` in a pool instead (`ThreadPoolExecutor.map`, `gevent.pool.Pool.map`): both move.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify.index.catalogue import Catalogue
from asyncify.rules.base import Finding, Rule
from asyncify.rules.facts import Facts
from asyncify.rules.greenlet_names import ESCAPES, Library
from asyncify.rules.greenlet_patches import greenlet_findings

_NOTHING: frozenset[str] = frozenset()
LIBRARY = Library(
    rule="grequests",
    module="grequests",
    names={},
    functions=_NOTHING,
    sleeps=_NOTHING,
    kinds={},
    starters={},
    iterators=_NOTHING,
    iterable=_NOTHING,
    plain_with=_NOTHING,
    current=_NOTHING,
    patches={},
    takes=_NOTHING,
    always=True,
)


def match(facts: Facts) -> Iterator[Finding]:
    """Whatever is used of grequests keeps the program's requests."""
    yield from greenlet_findings(facts, LIBRARY)


RULE = Rule(
    id="grequests",
    title="grequests stays",
    doc=__doc__,
    catalogue=Catalogue(modules=frozenset({"grequests"})),
    match=match,
    refusals=(ESCAPES,),
    everywhere={"grequests": ()},
    starts={},
)
