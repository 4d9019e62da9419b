"""grequests becomes requests that asyncio sends.

## What it rewrites

- `grequests.get(url)` and the other verbs become `aio_requests.grequests.get(url)`: requests that are still to be sent, as before.
- `grequests.map(unsent, size=10, exception_handler=f)` becomes `await aio_requests.grequests.map(...)`: all at once, or `size` at a time, the
  responses in the order of the requests, None or what the handler returns for those that failed.
- Loops over `grequests.imap` and `imap_enumerated` become `async for`: responses in the order in which they come.
- With it go the patches that importing grequests makes. What depends on them moves as well, or the program stays as it is.

## What it refuses

- `hooks=`, `stream=` and `gtimeout=`; `send`, and callbacks that wait; a session that is given to a request and cannot move itself.
- An unsent request that reaches code which asyncify does not see.
- Programs that wait in libraries which asyncify does not know (rule `gevent`): the patches made those cooperative.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from asyncify.graph import Implication
from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.index.project import CallSite
from asyncify.model import Reason, Verdict
from asyncify.rules.base import Block, Claim, Finding, Role, Rule, object_node
from asyncify.rules.facts import Facts
from asyncify.rules.greenlet_names import ESCAPES, REMAINS, Library, Starter
from asyncify.rules.greenlet_patches import greenlet_findings
from asyncify.rules.greenlets import program_node
from asyncify.rules.objects import Kind
from asyncify.rules.requests_names import UNSENT
from asyncify.rules.requests_sessions import unsent_sessions
from asyncify.rules.thread_pool_names import refuse

_SENDING = ("grequests.map", "grequests.imap", "grequests.imap_enumerated")
_UNSENT = "grequests.AsyncRequest"
_RESULTS = "grequests.Results"
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Known:
    """The arguments of a function that have a counterpart."""

    positional: int
    refused: frozenset[str]


_CALLS = {
    **dict.fromkeys(sorted(UNSENT), _Known(1, frozenset(["hooks"]))),
    **dict.fromkeys(("grequests.request", _UNSENT), _Known(2, frozenset(["hooks"]))),
    **dict.fromkeys(_SENDING, _Known(1, frozenset(["stream", "gtimeout"]))),
}
_KIND = Kind(
    _UNSENT,
    "aio_requests.grequests.AsyncRequest",
    _NOTHING,
    frozenset(["method", "url", "kwargs", "response", "exception", "traceback"]),
)
LIBRARY = Library(
    rule="grequests",
    module="grequests",
    names={name: f"aio_requests.{name}" for name in (*sorted(UNSENT), *_SENDING)},
    functions=frozenset(["grequests.map"]),
    sleeps=_NOTHING,
    kinds={_UNSENT: _KIND},
    starters={
        **dict.fromkeys(_SENDING, Starter(None, ((None, "exception_handler"),), goes_on=False)),
        **dict.fromkeys(sorted(UNSENT), Starter(None, ((None, "callback"),), goes_on=False, on_loop=True)),
    },
    iterators=frozenset([_RESULTS]),
    iterable=_NOTHING,
    plain_with=_NOTHING,
    current=_NOTHING,
    patches={},
    takes=frozenset(_SENDING),
    makers=dict.fromkeys(sorted(UNSENT), _UNSENT),
    always=True,
)


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about grequests."""
    yield from greenlet_findings(facts, LIBRARY)
    program = program_node(LIBRARY)
    for name, known in _CALLS.items():
        for call in facts.calls_by_external.get(name, ()):
            found = _unknown(facts, call, known)
            if found is not None:
                yield Block(program, refuse(ESCAPES, call.span, f"{name}() is called with {found}"), "grequests")
    for site in sorted(unsent_sessions(facts)):
        text = "its requests are sent by grequests"
        yield Implication(program, object_node(site), text, site)
        yield Implication(object_node(site), program, text, site)
    for call in facts.calls_of(_SENDING):
        reason = Reason("it sends requests", call.span)
        yield Claim(
            "grequests", call.span, call.within, Role.ROOT, Verdict.EXACT, reason.text, {"": ()},
            needs_async=False, follows=(program,), leads=(program,), variant="send",
        )  # fmt: skip


def _unknown(facts: Facts, call: CallSite, known: _Known) -> str | None:
    """What is given to the call that has no counterpart, if anything is."""
    node = facts.node(call.span, ast.Call)
    if node is None or len(node.args) > known.positional or any(isinstance(each, ast.Starred) for each in node.args):
        return "more than a URL by position"
    names = [keyword.arg for keyword in node.keywords]
    if None in names and "gtimeout" in known.refused:
        return "**"
    return next((f"{name}=" for name in names if name in known.refused), None)


_HANDLER = (Invoke("arg:exception_handler", ("arg0[]", "builtins.Exception")),)
_CALLBACK = (Invoke("arg:callback", ("requests.Response",)),)
RULE = Rule(
    id="grequests",
    title="grequests → requests that asyncio sends",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={
            **{name: Signature(_UNSENT, _CALLBACK) for name in sorted(UNSENT)},
            "grequests.map": Signature("builtins.list[requests.Response]", _HANDLER),
            "grequests.imap": Signature(f"{_RESULTS}[requests.Response]", _HANDLER),
            "grequests.imap_enumerated": Signature(
                f"{_RESULTS}[builtins.tuple[builtins.int, requests.Response]]", _HANDLER
            ),
        },
        attributes={f"{_UNSENT}.response": "requests.Response"},
        modules=frozenset({"grequests"}),
    ),
    match=match,
    refusals=(ESCAPES, REMAINS),
    everywhere={"grequests": ()},
    starts={"grequests": ("map", "imap", "imap_enumerated")},
)
